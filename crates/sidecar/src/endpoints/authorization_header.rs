//! `GET /AuthorizationHeader/{apiName}` and `GET /AuthorizationHeaderUnauthenticated/{apiName}`: the finished header value.

use axum::response::Response;
use futures_util::future::BoxFuture;
use http::{Method, request::Parts};
use serde::Serialize;
use sidekey_entra::UserAssertion;
use utoipa::ToSchema;

use super::downstream_api::{call_options, url};
use crate::{
    Sidecar, caller,
    config::Gate,
    error::Failure,
    pop::{self, Authorization, Unsigned},
    reply,
    resolve::{Resolved, resolve},
    routes::Target,
};

/// Gets a token for an API.
pub(crate) async fn authorization_header(
    sidecar: &Sidecar,
    target: Target<'_>,
    parts: &Parts,
) -> Result<Response, Failure> {
    let caller = caller::judge(&sidecar.entra, &parts.headers, target.protected, sidecar.config.mode).await?;
    match begin(sidecar, target, parts, caller.as_deref())? {
        Begun::Done(response) => Ok(response),
        Begun::Waiting(response) => response.await,
    }
}

/// How far an answer comes without waiting. What has to wait is on the heap, so that what is asked for most, a cached token,
/// makes a small future.
enum Begun<'s> {
    Done(Response),
    Waiting(BoxFuture<'s, Result<Response, Failure>>),
}

fn begin<'s>(
    sidecar: &'s Sidecar,
    target: Target<'s>,
    parts: &'s Parts,
    caller: Option<&UserAssertion>,
) -> Result<Begun<'s>, Failure> {
    let gate = if target.protected { Gate::Header } else { Gate::HeaderUnauthenticated };
    let resolved = resolve(&sidecar.config, gate, target.api, parts.uri.query(), caller)?;
    if resolved.key.is_some() {
        return Ok(Begun::Waiting(Box::pin(signed(sidecar, target.api, resolved))));
    }
    Ok(match sidecar.entra.try_cached(&resolved.request) {
        Some((token, _)) => Begun::Done(reply::json(body(token.authorization.expose()))),
        None => Begun::Waiting(Box::pin(plain(sidecar, resolved))),
    })
}

async fn plain(sidecar: &Sidecar, resolved: Resolved<'_>) -> Result<Response, Failure> {
    let (token, _) = sidecar.entra.acquire(&resolved.request).await?;
    Ok(reply::json(body(token.authorization.expose())))
}

/// A header that is good for one request alone, the one that the profile and the overrides describe.
async fn signed(sidecar: &Sidecar, name: &str, mut resolved: Resolved<'_>) -> Result<Response, Failure> {
    let options = call_options(&resolved.api, resolved.overrides.as_ref())?;
    let unsigned = Unsigned {
        method: options.method.clone().unwrap_or(Method::GET),
        url: url(sidecar, name, &resolved.api, &options)?,
        headers: None,
        body: None,
    };
    let signer = pop::bind(resolved.key.as_ref(), &mut resolved.request).await?;
    let (token, _) = sidecar.entra.acquire(&resolved.request).await?;
    let header = Authorization::new(&sidecar.entra, signer.as_ref(), token)?.header(|| unsigned).await?;
    let text = header.to_str().map_err(|_| Failure::Internal("the header is not ASCII".to_owned()))?;
    Ok(reply::json(body(text)))
}

/// The body of a 200.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorizationHeaderResult<'t> {
    /// Such as `Bearer eyJ…`.
    authorization_header: &'t str,
}

fn body(authorization_header: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(authorization_header.len() + FRAME_BYTES);
    json.extend_from_slice(FRAME.as_bytes());
    reply::push_json_string(&mut json, authorization_header);
    json.push(b'}');
    json
}

/// What stands before the value: [`AuthorizationHeaderResult`], written by hand because this is asked for most.
const FRAME: &str = r#"{"authorizationHeader":"#;
const FRAME_BYTES: usize = FRAME.len() + r#"""}"#.len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_the_result_as_serde_writes_it() {
        for value in ["Bearer eyJ.eyJ.-_", "PoP a\"b\\c"] {
            let expected = serde_json::to_vec(&AuthorizationHeaderResult { authorization_header: value }).unwrap();
            assert_eq!(body(value), expected);
            assert!(expected.len() >= value.len() + FRAME_BYTES);
        }
    }
}
