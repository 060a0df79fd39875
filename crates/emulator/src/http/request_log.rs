//! A log of recent requests, for tests that ask what a client really sent. Nothing in it can be replayed.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest;
use serde::Serialize;

use crate::text::hex;

/// One request and what came of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    /// Unix seconds.
    pub(crate) time: u64,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Parameters of query and form. Values that are not known to be harmless are shown as a hash.
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) status: u16,
    /// The AADSTS code of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u64>,
    pub(crate) correlation_id: String,
    /// Whether a scripted fault met the request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) fault: bool,
}

/// The last requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<VecDeque<Entry>>);

impl RequestLog {
    /// Adds one; the oldest goes when there are too many.
    pub(crate) fn push(&self, entry: Entry) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_ENTRIES {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// All that are kept.
    pub(crate) fn list(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Parameters as the log shows them.
pub(crate) fn show_parameters<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    let show = |(name, value): (&str, &str)| {
        let value = if HARMLESS.contains(&name) { shorten(value) } else { hashed(value) };
        (shorten(name), value)
    };
    pairs.take(MAX_PARAMETERS).map(show).collect()
}

fn shorten(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// `sha256:` and the first eight hex digits.
fn hashed(value: &str) -> String {
    let digest = digest::digest(&digest::SHA256, value.as_bytes());
    format!("sha256:{}", hex(digest.as_ref().get(..4).unwrap_or_default()))
}

const HARMLESS: &[&str] = &[
    "api-version",
    "authorization_endpoint",
    "claims",
    "client-request-id",
    "client_assertion_type",
    "client_id",
    "client_info",
    "clientid",
    "code_challenge_method",
    "fmi_path",
    "grant_type",
    "format",
    "login_hint",
    "mi_res_id",
    "msi_res_id",
    "object_id",
    "principal_id",
    "prompt",
    "redirect_uri",
    "requested_token_use",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "token_type",
    "user_id",
    "username",
    "x-client-current-telemetry",
    "x-client-last-telemetry",
    "x-client-os",
    "x-client-sku",
    "x-client-ver",
];
const MAX_ENTRIES: usize = 256;
const MAX_PARAMETERS: usize = 64;
const MAX_TEXT: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_unknown_values_are_shown_as_hashes() {
        let pairs = [("grant_type", "password"), ("password", "hunter2"), ("made_up", "hunter2")];
        let shown = show_parameters(pairs.into_iter());
        assert_eq!(shown["grant_type"], "password");
        assert_eq!(shown["password"], "sha256:f52fbd32");
        assert_eq!(shown["made_up"], "sha256:f52fbd32");
    }
}
