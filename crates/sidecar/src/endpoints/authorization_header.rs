//! `GET /AuthorizationHeader/{apiName}` and `GET /AuthorizationHeaderUnauthenticated/{apiName}`: the finished header value.

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;
use sidekey_entra::AccessToken;
use utoipa::ToSchema;

use crate::{Sidecar, caller, config::Gate, error::Failure, reply, resolve::resolve, routes::Target};

/// Gets a token for an API.
pub(crate) async fn authorization_header(
    sidecar: &Sidecar,
    target: Target<'_>,
    parts: &Parts,
) -> Result<Response, Failure> {
    let (config, entra) = (&sidecar.config, &sidecar.entra);
    let caller = caller::judge(entra, &parts.headers, target.protected, config.mode).await?;
    let gate = if target.protected { Gate::Header } else { Gate::HeaderUnauthenticated };
    let assertion = caller.as_ref().map(|token| &token.assertion);
    let request = resolve(config, gate, target.api, parts.uri.query(), assertion)?.request;
    let (token, _) = match entra.try_cached(&request) {
        Some(cached) => cached,
        // On the heap, so that what is asked for most, a cached token, makes a small future.
        None => Box::pin(entra.acquire(&request)).await?,
    };
    Ok(reply::json(body(&token)))
}

/// The body of a 200.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorizationHeaderResult<'t> {
    /// Such as `Bearer eyJ…`.
    authorization_header: &'t str,
}

fn body(token: &AccessToken) -> Vec<u8> {
    let authorization_header = token.authorization.expose();
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
    use sidekey_entra::TokenScheme;
    use sidekey_host::UnixTime;
    use sidekey_oauth::Secret;

    use super::*;

    #[test]
    fn the_body_is_the_result_as_serde_writes_it() {
        for value in ["Bearer eyJ.eyJ.-_", "PoP a\"b\\c"] {
            let authorization = Secret::new(value);
            let token = AccessToken { authorization, scheme: TokenScheme::Bearer, expires_on: UnixTime(1) };
            let expected = serde_json::to_vec(&AuthorizationHeaderResult { authorization_header: value }).unwrap();
            assert_eq!(body(&token), expected);
            assert!(expected.len() >= value.len() + FRAME_BYTES);
        }
    }
}
