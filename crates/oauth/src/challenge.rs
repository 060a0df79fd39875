//! `WWW-Authenticate` challenges (RFC 9110 §11.6.1), from which a claims challenge is read.

/// One challenge of a `WWW-Authenticate` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthChallenge {
    /// The scheme as sent, such as `Bearer`.
    pub scheme: String,
    /// The parameters in order, names in lower case, values unquoted.
    pub parameters: Vec<(String, String)>,
}

impl AuthChallenge {
    /// A parameter's value; the name is compared without case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The claims of a `Bearer error="insufficient_claims"` challenge as JSON text: base64 or base64url, padded or not, is
    /// decoded, anything else is taken as it stands. `None` if this is no such challenge.
    pub fn insufficient_claims(&self) -> Option<String> {
        todo!()
    }
}

/// Splits a header value into its challenges. Commas inside quoted strings are text; what cannot be understood is left out.
pub fn parse_www_authenticate(_value: &str) -> Vec<AuthChallenge> {
    todo!()
}
