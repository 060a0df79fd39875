//! The token endpoint's replies (RFC 6749 §5, with Entra's additions).

use serde::{Deserialize, Serialize};

use crate::Secret;

/// A token reply as Entra sends it. Numbers may come as JSON strings.
///
/// Read with care by the client, written field by field by the emulator: only the names are shared.
#[derive(Debug, Deserialize)]
pub struct TokenReply {
    /// `Bearer`, `pop`, …; RFC 6749 demands it.
    pub token_type: String,
    /// The scopes of the token where they differ from what was asked.
    #[serde(default)]
    pub scope: Option<String>,
    /// Seconds that the token lives.
    #[serde(deserialize_with = "number_or_text")]
    pub expires_in: u64,
    /// Seconds that the token may be used while Entra is down; stored, not used.
    #[serde(default, deserialize_with = "optional_number_or_text")]
    pub ext_expires_in: Option<u64>,
    /// Seconds after which a new token should be asked for.
    #[serde(default, deserialize_with = "optional_number_or_text")]
    pub refresh_in: Option<u64>,
    /// The token.
    pub access_token: Secret,
    /// For later, where `offline_access` was asked.
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    /// Who the user is.
    #[serde(default)]
    pub id_token: Option<Secret>,
    /// base64url JSON with `uid` and `utid`.
    #[serde(default)]
    pub client_info: Option<String>,
}

/// An error reply: RFC 6749 §5.2 and Entra's members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// The OAuth error, such as `invalid_client`.
    pub error: String,
    /// One line that starts with the AADSTS code.
    #[serde(default)]
    pub error_description: String,
    /// The AADSTS codes as numbers.
    #[serde(default)]
    pub error_codes: Vec<u64>,
    /// `YYYY-MM-DD HH:MM:SSZ`.
    #[serde(default)]
    pub timestamp: String,
    /// Entra's id for the request.
    #[serde(default)]
    pub trace_id: String,
    /// The client's id for the request.
    #[serde(default)]
    pub correlation_id: String,
    /// A page about the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_uri: Option<String>,
    /// Finer than `error`, such as `consent_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suberror: Option<String>,
    /// A claims challenge: JSON as text, to be sent back in the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    NumberOrText::deserialize(deserializer)?.read()
}

fn optional_number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::<NumberOrText>::deserialize(deserializer)?.map(NumberOrText::read).transpose()
}

impl NumberOrText {
    fn read<E: serde::de::Error>(self) -> Result<u64, E> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => text.trim().parse().map_err(E::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_may_be_numbers_or_texts() {
        let body =
            r#"{"token_type":"Bearer","expires_in":"3599","refresh_in":1800,"ext_expires_in":null,"access_token":"t"}"#;
        let reply: TokenReply = serde_json::from_str(body).unwrap();
        assert_eq!((reply.expires_in, reply.refresh_in, reply.ext_expires_in), (3599, Some(1800), None));
    }

    #[test]
    fn a_reply_without_token_type_is_refused() {
        assert!(serde_json::from_str::<TokenReply>(r#"{"expires_in":1,"access_token":"t"}"#).is_err());
    }
}
