//! `/DownstreamApi/{apiName}` and `/DownstreamApiUnauthenticated/{apiName}`: calls the API and hands back what it said.

use std::{borrow::Cow, sync::Arc};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use sidekey_entra::{PopSigner, TokenRequest};
use tokio::time::timeout;
use url::Url;
use utoipa::ToSchema;

use crate::{
    Sidecar, caller,
    config::{Api, Compatibility, Gate},
    downstream::{Call, Outcome, Pace, Payload, ReadError, Reply, Share, is_media_type, read},
    error::Failure,
    events,
    options::CallOptions,
    pop::{self, Authorization},
    query::{Overrides, merge_call},
    reply,
    resolve::resolve,
    routes::Target,
};

/// Calls a downstream API.
pub(crate) async fn downstream_api(
    sidecar: &Sidecar,
    target: Target<'_>,
    parts: &Parts,
    body: Body,
) -> Result<Response, Failure> {
    let config = &sidecar.config;
    let caller = caller::judge(&sidecar.entra, &parts.headers, target.protected, config.mode).await?;
    let gate = if target.protected { Gate::Call } else { Gate::CallUnauthenticated };
    let mut resolved = resolve(config, gate, target.api, parts.uri.query(), caller.as_deref())?;
    let options = call_options(&resolved.api, resolved.overrides.as_ref())?;
    let url = url(sidecar, target.api, &resolved.api, &options)?;
    let mut share = sidecar.budget.share();
    let bytes = request_body(sidecar, body, &mut share).await?;
    let signer = pop::bind(resolved.key.as_ref(), &mut resolved.request).await?;
    let method = method(&options, &parts.method, !bytes.is_empty(), config.mode);
    let call = Call {
        client: &sidecar.client,
        api: &resolved.api.name,
        method,
        url,
        accept: options.accept.as_ref(),
        headers: &options.headers,
        payload: content_type(&parts.headers).map(|content_type| Payload { content_type, bytes }),
        follow_redirects: config.follow_redirects,
        time: config.bounds.downstream_timeout,
        max_bytes: config.bounds.downstream_response,
    };
    let reply = with_token(sidecar, &call, &resolved.request, signer.as_ref(), &mut share).await?;
    result(&reply, config.mode, share)
}

/// The profile's call options with the overrides applied.
pub(super) fn call_options<'a>(api: &'a Api, overrides: Option<&Overrides>) -> Result<Cow<'a, CallOptions>, Failure> {
    let Some(overrides) = overrides else { return Ok(Cow::Borrowed(&api.call)) };
    let merge = merge_call(&api.call, overrides)?;
    for (name, why) in &merge.skipped {
        events::header_skipped(name, why);
    }
    Ok(Cow::Owned(merge.options))
}

/// Where the call goes. Nothing is asked of Entra for an API that cannot be called.
pub(super) fn url(sidecar: &Sidecar, name: &str, api: &Api, options: &CallOptions) -> Result<Url, Failure> {
    let Some(base) = &api.base else {
        let is_known = sidecar.config.apis.get(name).is_some();
        return Err(if is_known || sidecar.config.mode == Compatibility::Upstream {
            Failure::Internal(format!("`DownstreamApis:{name}:BaseUrl` is not set"))
        } else {
            Failure::UnknownApi(name.to_owned())
        });
    };
    match &api.url {
        Some(url) if *options == api.call => Ok(url.clone()),
        _ => base
            .join(&options.relative_path, &options.query)
            .map_err(|why| Failure::BadRequest(format!("`optionsOverride.RelativePath` {why}"))),
    }
}

/// The caller's body. It is read to its end also where it is dropped, because whether there is one decides the verb.
async fn request_body(sidecar: &Sidecar, body: Body, share: &mut Share) -> Result<Bytes, Failure> {
    let bounds = &sidecar.config.bounds;
    let reading = timeout(bounds.downstream_timeout, read(body, bounds.request_body, Pace::Steady, share));
    reading.await.map_err(|_| Failure::BodyTimeout)?.map_err(|error| match error {
        ReadError::TooLarge => Failure::BodyTooLarge,
        ReadError::Exhausted => Failure::Overloaded,
        ReadError::TooSlow => Failure::BodyTimeout,
        ReadError::Broken(cause) => Failure::BadRequest(format!("The request's body broke off: {cause}")),
    })
}

/// The verb: what profile or override say, else the caller's own, where `POST` stands for both of the common ones.
fn method(options: &CallOptions, inbound: &Method, has_body: bool, mode: Compatibility) -> Method {
    match &options.method {
        Some(method) => method.clone(),
        None if *inbound != Method::POST => inbound.clone(),
        None if mode == Compatibility::Strict && has_body => Method::POST,
        None => Method::GET,
    }
}

/// The caller's media type; without one that can be read the body is not forwarded.
fn content_type(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(header::CONTENT_TYPE)?;
    is_media_type(value.to_str().ok()?).then(|| value.clone())
}

/// Calls with a token, and once more with a new one where the API asks for claims; what then comes is the result.
async fn with_token(
    sidecar: &Sidecar,
    call: &Call<'_>,
    request: &TokenRequest,
    signer: Option<&Arc<PopSigner>>,
    share: &mut Share,
) -> Result<Reply, Failure> {
    let (token, _) = sidecar.entra.acquire(request).await?;
    let claims = match call.send(&Authorization::new(&sidecar.entra, signer, token)?, true, share).await? {
        Outcome::Reply(reply) => return Ok(reply),
        Outcome::Challenge(claims) => claims,
    };
    let request = TokenRequest { claims: Some(claims), force_refresh: true, ..request.clone() };
    let (token, _) = sidecar.entra.acquire(&request).await?;
    match call.send(&Authorization::new(&sidecar.entra, signer, token)?, false, share).await? {
        Outcome::Reply(reply) => Ok(reply),
        Outcome::Challenge(_) => Err(Failure::Internal("a final reply was taken for a challenge".to_owned())),
    }
}

/// The body of a 200.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used: the reply is written straight into the body")]
pub(crate) struct DownstreamApiResult {
    /// The API's status.
    status_code: u16,
    /// Its headers; each with all its values.
    headers: std::collections::BTreeMap<String, Vec<String>>,
    /// Its body as text; `null` where there is none.
    content: Option<String>,
    /// `base64` where the body is not text; absent otherwise.
    #[schema(nullable = false)]
    content_encoding: Option<String>,
}

/// The JSON, which keeps its share of the budget until it was sent.
fn result(reply: &Reply, mode: Compatibility, mut share: Share) -> Result<Response, Failure> {
    let json = reply.to_json(mode, &mut share).map_err(|_| Failure::Overloaded)?;
    Ok(reply::json(Bytes::from_owner(Held { json, _share: share })))
}

struct Held {
    json: Vec<u8>,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Compatibility::{Strict, Upstream};

    #[test]
    fn the_verb_is_the_profiles_or_the_callers() {
        let verb = |configured: Option<Method>, inbound: Method, has_body, mode| {
            method(&CallOptions { method: configured, ..CallOptions::default() }, &inbound, has_body, mode)
        };
        assert_eq!(verb(Some(Method::PATCH), Method::DELETE, true, Strict), Method::PATCH);
        for own in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(verb(None, own.clone(), false, Strict), own);
            assert_eq!(verb(None, own.clone(), true, Upstream), own);
        }
        assert_eq!(verb(None, Method::POST, true, Strict), Method::POST);
        assert_eq!(verb(None, Method::POST, false, Strict), Method::GET);
        assert_eq!(verb(None, Method::POST, true, Upstream), Method::GET);
    }
}
