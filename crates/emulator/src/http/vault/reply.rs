//! Outcomes as responses, with the headers that vaults send.

use axum::{
    body::Body,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use uuid::Uuid;

use super::super::json;
use crate::vault::{Reply, VaultError};

/// What goes with every outcome.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    /// The client's own id of the request, sent back.
    pub(super) client_request_id: Option<&'a str>,
    /// For 401.
    pub(super) challenge: String,
    /// Seconds, of a scripted fault.
    pub(super) retry_after: Option<u32>,
}

impl Envelope<'_> {
    /// The response.
    pub(super) fn wrap(&self, outcome: Result<Reply, VaultError>) -> Response {
        let (status, body) = match outcome {
            Ok(reply) => (StatusCode::from_u16(reply.status).unwrap_or_default(), reply.body),
            Err(error) => (error.status, Some(error.body())),
        };
        let mut response = match body {
            Some(body) => (status, json(&body)).into_response(),
            None => (status, Body::empty()).into_response(),
        };
        for (name, value) in self.headers(status) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    fn headers(&self, status: StatusCode) -> Vec<(HeaderName, String)> {
        let own = HeaderName::from_static;
        let challenge = (status == StatusCode::UNAUTHORIZED).then(|| self.challenge.clone());
        let optional = [
            (own("x-ms-client-request-id"), self.client_request_id.map(str::to_owned)),
            (WWW_AUTHENTICATE, challenge),
            (RETRY_AFTER, self.retry_after.map(|seconds| seconds.to_string())),
        ];
        let always = [
            (CACHE_CONTROL, "no-cache".to_owned()),
            (own("x-ms-keyvault-region"), "local".to_owned()),
            (own("x-ms-request-id"), Uuid::new_v4().to_string()),
        ];
        let given = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        always.into_iter().chain(given).collect()
    }
}
