//! One HTTP request whose answer is, or holds, an assertion.

use bytes::Bytes;
use reqwest::{
    Method, RequestBuilder,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use sidekey_host::client::identity_http_allowed;
use sidekey_oauth::Secret;
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    credential::{CredentialError, Surroundings},
    http::{self, Answer},
};

/// The request.
#[derive(Debug)]
pub(super) struct Question {
    /// The `SourceType`, for messages.
    pub(super) source: &'static str,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// Of a `POST`.
    pub(super) body: Zeroizing<Vec<u8>>,
    /// Where in the answer the assertion is.
    pub(super) place: Place,
    /// What to do where the answer is a refusal.
    pub(super) hint: &'static str,
}

/// Where an assertion is in what a source gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is all there is.
    Text,
    /// In a member of a JSON document (RFC 6901).
    Pointer(String),
    /// In an element of an XML document that has one of that name.
    Element(&'static str),
}

impl Question {
    /// A `GET` without headers.
    pub(super) fn get(source: &'static str, url: Url, place: Place, hint: &'static str) -> Self {
        let (headers, body) = (HeaderMap::new(), Zeroizing::default());
        Self { source, method: Method::GET, url, headers, body, place, hint }
    }

    /// Adds headers.
    pub(super) fn with(mut self, headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Asks.
    pub(super) async fn ask(self, world: &Surroundings, deadline: Instant) -> Result<Secret, CredentialError> {
        let answer = self.send(world, deadline).await?;
        let found = self.place.find(&answer.body);
        found.map_err(|problem| {
            self.error(problem, "check that it is the right endpoint, and where in its answer the token is")
        })
    }

    /// Asks and gives the whole answer, if it is a good one.
    pub(super) async fn send(&self, world: &Surroundings, deadline: Instant) -> Result<Answer, CredentialError> {
        let request = self.request(world).timeout(deadline.saturating_duration_since(Instant::now()));
        let answer = http::send(request, world.clock.now()).await.map_err(|cause| {
            let reason = "check that it can be reached from here";
            self.error(&format!("did not answer: {cause}"), reason).passing()
        })?;
        let said = self.place.code(&answer.body).map(|code| format!(" ({code})")).unwrap_or_default();
        match answer.status {
            200..300 => Ok(answer),
            status @ 300..400 => Err(self.error(&format!("answered {status}, which is not followed"), self.hint)),
            status @ (429 | 500..) => Err(self.error(&format!("answered {status}{said}"), self.hint).passing()),
            status => Err(self.error(&format!("answered {status}{said}"), self.hint)),
        }
    }

    fn request(&self, world: &Surroundings) -> RequestBuilder {
        let request = world
            .http
            .request(self.method.clone(), self.url.clone())
            .header(header::ACCEPT, if let Place::Pointer(_) = self.place { "application/json" } else { "*/*" })
            .headers(self.headers.clone());
        match (&self.method, self.body.is_empty()) {
            (&Method::GET, _) => request,
            (_, true) => request.header(header::CONTENT_LENGTH, 0),
            (_, false) => request.body(Bytes::from_owner(self.body.clone())),
        }
    }

    fn error(&self, problem: &str, hint: &str) -> CredentialError {
        let place = shown(&self.url);
        CredentialError::new("SourceType", format!("`{}`: `{place}` {problem}", self.source), hint)
    }
}

impl Place {
    /// `pointer` as it was configured; text if there is none.
    pub(super) fn new(pointer: Option<&str>) -> Self {
        pointer.map_or(Self::Text, |pointer| Self::Pointer(pointer.trim().to_owned()))
    }

    /// The assertion in what a source gave; else what is wrong.
    pub(super) fn find(&self, content: &[u8]) -> Result<Secret, &'static str> {
        if content.len() > MAX_BYTES {
            return Err("gave more than 64 KiB");
        }
        if content.iter().all(u8::is_ascii_whitespace) {
            return Err("gave nothing");
        }
        match self {
            Self::Text => std::str::from_utf8(content)
                .map(|text| Secret::new(text.trim()))
                .map_err(|_| "gave something that is no text"),
            Self::Pointer(pointer) => member(content, pointer),
            Self::Element(name) => {
                element(content, name).map(Secret::new).ok_or("gave XML without the token in its place")
            }
        }
    }

    /// The code of a refusal, where its form is known and it looks like one.
    fn code(&self, content: &[u8]) -> Option<String> {
        let Self::Element(_) = self else { return None };
        let code = element(content, "Code")?;
        (code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.'))
            .then(|| code.to_owned())
    }
}

/// The text of the only kind of element that is looked for: without attributes, children or entities.
pub(super) fn element<'a>(content: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(content).ok()?;
    let (_, behind) = text.split_once(&format!("<{name}>"))?;
    let (text, _) = behind.split_once(&format!("</{name}>"))?;
    (!text.contains(['<', '&'])).then(|| text.trim())
}

fn member(content: &[u8], pointer: &str) -> Result<Secret, &'static str> {
    let mut document: Value = serde_json::from_slice(content).map_err(|_| "gave something that is no JSON")?;
    // Taken out rather than copied, so that it is wiped.
    match document.pointer_mut(pointer).map(Value::take) {
        Some(Value::String(text)) => Ok(Secret::new(text)),
        _ => Err("gave JSON without the token in its place"),
    }
}

/// A header's value that is not to be seen. One that no header can have is refused without being shown; `origin` says where
/// it is from.
pub(super) fn secret_header(source: &str, value: &str, origin: &str) -> Result<HeaderValue, CredentialError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        let problem = format!("`{source}` cannot send the value of {origin} as a header");
        CredentialError::new("SourceType", problem, "remove line breaks and all that is not visible ASCII from it")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A URL that may be asked for an assertion: `https`, or `http` where nobody can listen; without a user's name.
pub(super) fn permitted(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no URL")?;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && identity_http_allowed(&url));
    if !safe {
        return Err("is neither https nor on this machine");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user's name, which belongs into a header");
    }
    Ok(url)
}

/// Without the query, which may be secret.
pub(super) fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

const MAX_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assertion_is_found_in_its_place() {
        let pointer = Place::new(Some(" /data/0/token "));
        let text = |place: &Place, content: &[u8]| place.find(content).map(|found| found.expose().to_owned());
        assert_eq!(text(&Place::Text, b" a.b.c\n").as_deref(), Ok("a.b.c"));
        assert_eq!(text(&pointer, br#"{"data":[{"token":"a.b.c"}]}"#).as_deref(), Ok("a.b.c"));
        for (place, content, problem) in [
            (&Place::Text, &b" \n"[..], "nothing"),
            (&Place::Text, b"\xff", "no text"),
            (&pointer, b"a.b.c", "no JSON"),
            (&pointer, br#"{"data":[]}"#, "in its place"),
            (&pointer, br#"{"data":[{"token":7}]}"#, "in its place"),
        ] {
            assert!(text(place, content).unwrap_err().contains(problem), "{content:?}");
        }
        let xml = Place::Element("Token");
        assert_eq!(text(&xml, b"<R><A>x</A><Token> a.b.c </Token></R>").as_deref(), Ok("a.b.c"));
        for content in [&b"<Token>a<b/></Token>"[..], b"<Token>&lt;</Token>", b"<Token>a", b"<Token/>"] {
            assert!(text(&xml, content).unwrap_err().contains("XML without"), "{content:?}");
        }
        assert_eq!(xml.code(b"<E><Code>AccessDenied</Code></E>").as_deref(), Some("AccessDenied"));
        assert_eq!(xml.code(b"<E><Code>not a code</Code></E>"), None);
        assert!(text(&Place::Text, &vec![b'a'; MAX_BYTES + 1]).unwrap_err().contains("64 KiB"));
    }

    #[test]
    fn tokens_are_fetched_over_https_or_without_a_network() {
        for (url, good) in [
            ("https://vault.example.com/v1/token?x=y", true),
            ("http://localhost:8200/token", true),
            ("http://169.254.169.254/x", true),
            ("http://vault.example.com/", false),
            ("ftp://localhost/", false),
            ("https://user:pass@example.com/", false),
            ("/v1/token", false),
        ] {
            assert_eq!(permitted(url).is_ok(), good, "{url}");
        }
        assert_eq!(shown(&Url::parse("https://example.com:8443/a?secret=1#x").unwrap()), "https://example.com:8443/a");
    }
}
