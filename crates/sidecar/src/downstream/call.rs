//! One exchange with a downstream API: the request with its redirects, and the reply read to its end.

use std::time::Duration;

use ::url::Url;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sidekey_oauth::parse_www_authenticate;
use tokio::time::timeout;

use super::{
    body::{Pace, ReadError, read},
    budget::Share,
    redirect::{Hop, MAX_HOPS},
    result::Reply,
};
use crate::{
    error::{CallFault, Failure},
    pop::{Authorization, Unsigned},
};

/// What is sent, and the bounds of the exchange. The same call can be made twice.
#[derive(Debug)]
pub(crate) struct Call<'c> {
    /// The client: no redirects, no cookies, no decompression of its own.
    pub(crate) client: &'c reqwest::Client,
    /// The API's name, for errors.
    pub(crate) api: &'c str,
    /// The verb.
    pub(crate) method: Method,
    /// Where to.
    pub(crate) url: Url,
    /// `Accept`, if any.
    pub(crate) accept: Option<&'c HeaderValue>,
    /// Headers of the profile and the caller.
    pub(crate) headers: &'c [(HeaderName, HeaderValue)],
    /// The body, if any.
    pub(crate) payload: Option<Payload>,
    /// Whether redirects are followed.
    pub(crate) follow_redirects: bool,
    /// Time for the whole exchange.
    pub(crate) time: Duration,
    /// Bytes of the reply's body.
    pub(crate) max_bytes: usize,
}

/// A body with its media type, byte for byte as the caller sent it.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    /// `Content-Type` as sent.
    pub(crate) content_type: HeaderValue,
    /// The bytes.
    pub(crate) bytes: Bytes,
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A reply.
    Reply(Reply),
    /// The API asks for a token with these claims.
    Challenge(String),
}

impl Call<'_> {
    /// Makes the exchange. With `answer_challenge`, a claims challenge is told apart from other replies.
    pub(crate) async fn send(
        &self,
        authorization: &Authorization,
        answer_challenge: bool,
        share: &mut Share,
    ) -> Result<Outcome, Failure> {
        let exchange = self.exchange(authorization, answer_challenge, share);
        timeout(self.time, exchange).await.unwrap_or_else(|_| Err(self.fault(CallFault::Timeout(self.time))))
    }

    async fn exchange(
        &self,
        authorization: &Authorization,
        answer_challenge: bool,
        share: &mut Share,
    ) -> Result<Outcome, Failure> {
        let mut hop = self.first_hop();
        for _ in 0..MAX_HOPS {
            let response = self.request(&hop, authorization).await?;
            let next = self.follow_redirects.then(|| next_hop(&hop, &response)).flatten();
            let Some(next) = next else {
                return self.finish(response, answer_challenge && hop.trusted, share).await;
            };
            hop = next;
        }
        let response = self.request(&hop, authorization).await?;
        self.finish(response, false, share).await
    }

    fn first_hop(&self) -> Hop {
        Hop { method: self.method.clone(), url: self.url.clone(), trusted: true, with_body: self.payload.is_some() }
    }

    async fn request(&self, hop: &Hop, authorization: &Authorization) -> Result<reqwest::Response, Failure> {
        let mut request = reqwest::Request::new(hop.method.clone(), hop.url.clone());
        // The limit is ours, below; the client's own might be shorter.
        *request.timeout_mut() = Some(self.time);
        let headers = request.headers_mut();
        if hop.trusted {
            headers.extend(self.headers.iter().cloned());
            if let Authorization::Ready(value) = authorization {
                headers.insert(header::AUTHORIZATION, value.clone());
            }
        }
        if let Some(accept) = self.accept {
            headers.insert(header::ACCEPT, accept.clone());
        }
        match self.payload.as_ref().filter(|_| hop.with_body) {
            Some(payload) => {
                headers.insert(header::CONTENT_TYPE, payload.content_type.clone());
                *request.body_mut() = Some(payload.bytes.clone().into());
            }
            // Servers ask for a length (411) with verbs that usually have a body.
            None if matches!(hop.method, Method::POST | Method::PUT | Method::PATCH) => {
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            None => {}
        }
        // Last, because it covers the others.
        if let (true, Authorization::Signed { .. }) = (hop.trusted, authorization) {
            let value = authorization.header(|| self.unsigned(&request, hop)).await?;
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        self.client.execute(request).await.map_err(|error| self.unreachable(error))
    }

    /// The request as it is signed. Its length is the connection's business.
    fn unsigned(&self, request: &reqwest::Request, hop: &Hop) -> Unsigned {
        let headers = request.headers().iter().filter(|(name, _)| *name != header::CONTENT_LENGTH);
        let body = self.payload.as_ref().filter(|_| hop.with_body).map(|payload| payload.bytes.clone());
        Unsigned {
            method: hop.method.clone(),
            url: hop.url.clone(),
            headers: Some(
                headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect(),
            ),
            body: Some(body.unwrap_or_default()),
        }
    }

    async fn finish(
        &self,
        response: reqwest::Response,
        answer_challenge: bool,
        share: &mut Share,
    ) -> Result<Outcome, Failure> {
        let (parts, body) = http::Response::from(response).into_parts();
        if answer_challenge
            && parts.status == StatusCode::UNAUTHORIZED
            && let Some(claims) = claims_challenge(&parts.headers)
        {
            return Ok(Outcome::Challenge(claims));
        }
        let body = read(body, self.max_bytes, Pace::Any, share).await.map_err(|error| match error {
            ReadError::TooLarge => self.fault(CallFault::TooLarge(self.max_bytes)),
            ReadError::Exhausted => Failure::Overloaded,
            ReadError::TooSlow => self.fault(CallFault::Timeout(self.time)),
            ReadError::Broken(error) => self.unreachable(error),
        })?;
        Ok(Outcome::Reply(Reply { status: parts.status, headers: parts.headers, body }))
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        if error.is_timeout() && !error.is_connect() {
            return self.fault(CallFault::Timeout(self.time));
        }
        self.fault(CallFault::Unreachable(causes(&error.without_url())))
    }

    fn fault(&self, fault: CallFault) -> Failure {
        Failure::Downstream(self.api.to_owned(), fault)
    }
}

fn next_hop(hop: &Hop, response: &reqwest::Response) -> Option<Hop> {
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    hop.next(response.status(), location)
}

/// The claims of an `insufficient_claims` challenge, in whichever of the headers it is.
fn claims_challenge(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(parse_www_authenticate).find_map(|challenge| challenge.insufficient_claims())
}

/// An error with all that caused it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
