//! Requests to authorities: bounded in time and size, bodies wiped, redirects never followed, errors told apart.
//!
//! The client must have been built without redirects (`sidekey_host::client` does).

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod reply;
mod retry_after;

use std::{error::Error as _, time::Duration};

use bytes::Bytes;
use reqwest::{
    Client, RequestBuilder,
    header::{self, HeaderMap},
};
use sidekey_host::UnixTime;
use url::form_urlencoded;
use zeroize::Zeroizing;

/// What came back, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Why nothing came back. The text names the cause, never what was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub(crate) struct NoAnswer {
    cause: String,
    /// The SHA-1 thumbprint of a certificate that is not the pinned one.
    pub(crate) other_certificate: Option<[u8; 20]>,
}

impl NoAnswer {
    pub(crate) fn new(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), other_certificate: None }
    }
}

/// Asks for a document.
pub(crate) async fn get(client: &Client, url: &str, now: UnixTime) -> Result<Answer, NoAnswer> {
    send(client.get(url).header(header::ACCEPT, JSON), now).await
}

/// Sends a form.
pub(crate) async fn post_form<'a>(
    request: RequestBuilder,
    fields: impl Iterator<Item = (&'a str, &'a str)>,
    now: UnixTime,
) -> Result<Answer, NoAnswer> {
    let request = request
        .header(header::ACCEPT, JSON)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(encode(fields));
    send(request, now).await
}

/// The form in a buffer that is wiped when the request is over.
fn encode<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Bytes {
    // Growing would leave copies behind.
    let mut text = String::with_capacity(FORM_BYTES);
    form_urlencoded::Serializer::new(&mut text).extend_pairs(fields);
    Bytes::from_owner(Zeroizing::new(text.into_bytes()))
}

/// Sends a request that is ready.
pub(crate) async fn send(request: RequestBuilder, now: UnixTime) -> Result<Answer, NoAnswer> {
    send_with_headers(request, now).await.map(|(_, answer)| answer)
}

/// The same, for those who need a header of the answer.
pub(crate) async fn send_with_headers(request: RequestBuilder, now: UnixTime) -> Result<(HeaderMap, Answer), NoAnswer> {
    let mut response = request.send().await.map_err(|error| describe(&error))?;
    let status = response.status().as_u16();
    let header = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(|value| retry_after::parse(value, now));
    let mut body = Zeroizing::new(Vec::with_capacity(BODY_BYTES));
    while let Some(chunk) = response.chunk().await.map_err(|error| describe(&error))? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(NoAnswer::new("the answer is larger than 1 MiB"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((std::mem::take(response.headers_mut()), Answer { status, retry_after, body }))
}

/// What went wrong in a few words, from the outermost cause to the innermost.
fn describe(error: &reqwest::Error) -> NoAnswer {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the exchange failed"
    };
    let mut text = what.to_owned();
    let mut cause = error.source();
    let mut last = String::new();
    while let Some(error) = cause {
        last = error.to_string();
        cause = error.source();
    }
    // Only the innermost cause: those around it repeat each other, and some of them the URL.
    if !last.is_empty() {
        text.push_str(": ");
        text.push_str(&last);
    }
    if last.contains("UnknownIssuer") {
        text.push_str("; trust its CA with `Sidecar:AdditionalCaFile`");
    }
    NoAnswer { cause: text, other_certificate: sidekey_host::client::unpinned_certificate(error) }
}

const JSON: &str = "application/json";
/// A token request with a certificate chain and a user's token fits.
const FORM_BYTES: usize = 16 * 1024;
const BODY_BYTES: usize = 8 * 1024;
const MAX_BODY_BYTES: usize = 1 << 20;
