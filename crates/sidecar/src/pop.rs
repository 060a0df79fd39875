//! Signed HTTP requests: a key of ours (`PopPrivateKeyPath`) binds the token, and signs each request that it is presented with.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method};
use sidekey_entra::{AccessToken, Entra, PopKey, PopSigner, ShrError, ShrRequest, TokenRequest, TokenScheme};
use tokio::task::spawn_blocking;
use url::Url;

use crate::error::Failure;

/// How a token is presented to an API.
#[derive(Debug)]
pub(crate) enum Authorization {
    /// The same for every request.
    Ready(HeaderValue),
    /// Made for each.
    Signed {
        /// Knows the time.
        entra: Arc<Entra>,
        /// The key.
        signer: Arc<PopSigner>,
        /// The token, bound to the key.
        token: Arc<AccessToken>,
    },
}

/// What is known of a request that is to be signed.
#[derive(Debug)]
pub(crate) struct Unsigned {
    /// The verb.
    pub(crate) method: Method,
    /// Where it goes.
    pub(crate) url: Url,
    /// Its headers, where they are known.
    pub(crate) headers: Option<Vec<(String, String)>>,
    /// Its body, where it is known.
    pub(crate) body: Option<Bytes>,
}

/// Reads the API's key, if it has one, and has the token of a request bound to it.
pub(crate) async fn bind(
    key: Option<&Arc<PopKey>>,
    request: &mut Cow<'_, TokenRequest>,
) -> Result<Option<Arc<PopSigner>>, Failure> {
    let Some(key) = key.cloned() else { return Ok(None) };
    // It looks at a file.
    let signer = spawn_blocking(move || key.current()).await.map_err(|cause| Failure::Internal(cause.to_string()))?;
    let signer = signer.map_err(|cause| Failure::Internal(cause.to_string()))?;
    request.to_mut().confirmation = Some(Arc::clone(signer.confirmation()));
    Ok(Some(signer))
}

impl Authorization {
    /// With the key that the token is bound to, or as it is.
    pub(crate) fn new(
        entra: &Arc<Entra>,
        signer: Option<&Arc<PopSigner>>,
        token: Arc<AccessToken>,
    ) -> Result<Self, Failure> {
        match signer {
            Some(signer) => Ok(Self::Signed { entra: Arc::clone(entra), signer: Arc::clone(signer), token }),
            None => sensitive(token.authorization.expose()).map(Self::Ready),
        }
    }

    /// The header's value for one request.
    pub(crate) async fn header(&self, request: impl FnOnce() -> Unsigned) -> Result<HeaderValue, Failure> {
        let (entra, signer, token) = match self {
            Self::Ready(value) => return Ok(value.clone()),
            Self::Signed { entra, signer, token } => (entra, Arc::clone(signer), Arc::clone(token)),
        };
        debug_assert_eq!(token.scheme, TokenScheme::Pop, "the token was bound");
        let (request, now) = (request(), entra.now());
        // A signature takes a good part of a millisecond.
        let work = spawn_blocking(move || {
            let headers: Option<Vec<_>> = request
                .headers
                .as_ref()
                .map(|headers| headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect());
            let known = ShrRequest {
                method: request.method.as_str(),
                url: request.url.as_str(),
                headers: headers.as_deref(),
                body: request.body.as_deref(),
            };
            signer.authorization(&token, known, now)
        });
        let made = work.await.map_err(|cause| Failure::Internal(cause.to_string()))?;
        let value = made.map_err(|error| match error {
            ShrError::Request(_) => Failure::BadRequest(format!("The call cannot be signed: {error}")),
            other => Failure::Internal(format!("the call cannot be signed: {other}")),
        })?;
        sensitive(value.expose())
    }
}

fn sensitive(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Failure::Internal("the token cannot be sent in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
