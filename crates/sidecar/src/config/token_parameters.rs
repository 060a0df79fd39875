//! `AcquireTokenOptions:ExtraQueryParameters`, `:ExtraParameters` and `:ExtraHeadersParameters`: what goes with the token request.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use sidekey_config::Section;
use sidekey_entra::CompositeAssertion;
use sidekey_oauth::Secret;

use super::api::owned;
use crate::downstream::{HeaderFault, extra_header};

/// The parameters, sorted by where they go.
#[derive(Debug, Default)]
pub(super) struct TokenParameters {
    /// Into the URL.
    pub(super) query: Vec<(String, String)>,
    /// Into the request for the client's own credential.
    pub(super) credential_fmi_path: Option<String>,
    /// Into the form, in place of the user's token.
    pub(super) composite: Option<Arc<CompositeAssertion>>,
}

impl TokenParameters {
    /// Names that Microsoft's libraries keep for themselves are not for the wire.
    pub(super) fn read(acquire: &Section<'_>) -> Self {
        let mut parameters = Self::default();
        let mut query = Vec::new();
        for (name, value) in ["ExtraQueryParameters", "ExtraParameters"].iter().flat_map(|map| acquire.map(map)) {
            if name.starts_with(INTERNAL_PREFIX) {
                acquire.warn(&format!("ExtraParameters:{name}"), "has no effect here");
            } else if name.eq_ignore_ascii_case(CREDENTIAL_FMI_PATH) {
                parameters.credential_fmi_path = Some(value.to_owned()).filter(|path| !path.is_empty());
            } else {
                query.push((name, value));
            }
        }
        parameters.composite = composite(&query).map(Arc::new);
        query.retain(|(name, _)| parameters.composite.is_none() || !COMPOSITE.contains(name));
        parameters.query = owned(query);
        parameters
    }
}

/// The two parts of an assertion, if both are there.
fn composite(query: &[(&str, &str)]) -> Option<CompositeAssertion> {
    let [assertion, sub_assertion] = COMPOSITE.map(|part| {
        let found = query.iter().find(|(name, value)| *name == part && !value.is_empty());
        found.map(|(_, value)| Secret::new(*value))
    });
    Some(CompositeAssertion::new(assertion?, sub_assertion?))
}

/// Headers of the token request, besides those that it has anyway.
pub(super) fn headers(acquire: &Section<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for (name, value) in acquire.map("ExtraHeadersParameters") {
        let key = format!("ExtraHeadersParameters:{name}");
        match extra_header(name, value) {
            Ok((name, _)) if OWN_TOKEN_HEADERS.contains(&name.as_str()) => {
                acquire.warn(&key, "the header is not sent: it is set for each request");
            }
            Ok(header) => headers.push(header),
            Err(fault @ (HeaderFault::Reserved | HeaderFault::Content)) => {
                acquire.warn(&key, format!("the header is not sent: it {fault}"));
            }
            Err(fault) => acquire.fault(&key, fault.to_string(), "write a header's name and value in printable ASCII"),
        }
    }
    headers
}

/// Begins names of `ExtraParameters` that steer Microsoft's libraries.
const INTERNAL_PREFIX: &str = "IDWEB_";
/// Names the path of the client assertion where another application makes it.
const CREDENTIAL_FMI_PATH: &str = "fmiPathForClientAssertion";
/// Both together are secrets, and go into the form.
const COMPOSITE: [&str; 2] = ["assertion", "sub_assertion"];
/// Headers that every token request has already.
const OWN_TOKEN_HEADERS: [&str; 3] = ["accept", "client-request-id", "return-client-request-id"];
