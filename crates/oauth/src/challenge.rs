//! `WWW-Authenticate` challenges (RFC 9110 §11.6.1), from which a claims challenge is read.
//!
//! Servers are read leniently: parameters may be separated by blanks alone, and values that should be quoted may not be.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

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
        let bearer = self.scheme.eq_ignore_ascii_case("Bearer");
        let asked = self.parameter("error").is_some_and(|error| error.eq_ignore_ascii_case("insufficient_claims"));
        let claims = self.parameter("claims").map(str::trim).filter(|claims| !claims.is_empty())?;
        (bearer && asked).then(|| decode_base64(claims).unwrap_or_else(|| claims.to_owned()))
    }
}

/// Splits a header value into its challenges. Commas inside quoted strings are text; what cannot be understood is left out.
pub fn parse_www_authenticate(value: &str) -> Vec<AuthChallenge> {
    let mut reader = Reader { rest: value };
    let mut challenges: Vec<AuthChallenge> = Vec::new();
    let mut scheme_may_come = true;
    loop {
        scheme_may_come |= reader.skip_separators();
        if reader.rest.is_empty() {
            return challenges;
        }
        match (reader.item(), challenges.last_mut()) {
            (Item::Parameter(name, value), Some(challenge)) => {
                challenge.parameters.push((name.to_ascii_lowercase(), value));
                scheme_may_come = false;
            }
            // A word behind a scheme without a comma is that scheme's token68, such as NTLM's.
            (Item::Word(scheme), _) if scheme_may_come => {
                challenges.push(AuthChallenge { scheme: scheme.to_owned(), parameters: Vec::new() });
                scheme_may_come = false;
            }
            _ => {}
        }
    }
}

/// What stands between two separators.
enum Item<'a> {
    Parameter(&'a str, String),
    Word(&'a str),
    Nonsense,
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Skips blanks and commas; says whether there was a comma.
    fn skip_separators(&mut self) -> bool {
        let rest = self.rest.trim_start_matches([' ', '\t', ',']);
        let comma = self.rest[..self.rest.len() - rest.len()].contains(',');
        self.rest = rest;
        comma
    }

    fn item(&mut self) -> Item<'a> {
        let word = self.take_while(is_token_char);
        let behind = self.rest.trim_start_matches([' ', '\t']);
        if let (Some(value), false) = (behind.strip_prefix('='), word.is_empty()) {
            self.rest = value.trim_start_matches([' ', '\t']);
            return self.value().map_or(Item::Nonsense, |value| Item::Parameter(word, value));
        }
        if !word.is_empty() && (self.rest.is_empty() || self.rest.starts_with([' ', '\t', ','])) {
            return Item::Word(word);
        }
        self.take_while(|c| !is_separator(c));
        Item::Nonsense
    }

    /// A quoted or a bare value. `None` for the padding of a token68, an empty one and a quote that is never closed.
    fn value(&mut self) -> Option<String> {
        if let Some(quoted) = self.rest.strip_prefix('"') {
            return self.quoted(quoted);
        }
        let bare = self.take_while(|c| !is_separator(c));
        (!bare.trim_matches('=').is_empty()).then(|| bare.to_owned())
    }

    fn quoted(&mut self, text: &'a str) -> Option<String> {
        let mut value = String::new();
        let mut characters = text.char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = text.get(index + 1..).unwrap_or_default();
                    return Some(value);
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                other => value.push(other),
            }
        }
        self.rest = "";
        None
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

/// RFC 9110 §5.6.2.
fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '\t' | ',')
}

/// Text from base64 of either alphabet, padded or not.
fn decode_base64(text: &str) -> Option<String> {
    let alphabet = if text.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let bytes = GeneralPurpose::new(&alphabet, lenient).decode(text).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn challenge(scheme: &str, parameters: &[(&str, &str)]) -> AuthChallenge {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        AuthChallenge { scheme: scheme.to_owned(), parameters: parameters.iter().map(owned).collect() }
    }

    #[test]
    fn headers_are_split_into_their_challenges() {
        let cases: &[(&str, Vec<AuthChallenge>)] = &[
            ("Bearer", vec![challenge("Bearer", &[])]),
            (
                r#"Bearer realm="", error="invalid_token""#,
                vec![challenge("Bearer", &[("realm", ""), ("error", "invalid_token")])],
            ),
            // Commas in quotes are text, escapes are undone, blanks around `=` are bad but allowed.
            (
                r#"Bearer Error_Description = "a, b \"c\"" , x=y"#,
                vec![challenge("Bearer", &[("error_description", r#"a, b "c""#), ("x", "y")])],
            ),
            // Several challenges in one header.
            (
                r#"Negotiate, Basic realm="a", PoP nonce="n""#,
                vec![
                    challenge("Negotiate", &[]),
                    challenge("Basic", &[("realm", "a")]),
                    challenge("PoP", &[("nonce", "n")]),
                ],
            ),
            // token68 is not kept, and is not taken for a scheme.
            ("NTLM TlRMTVNT, Bearer x=y", vec![challenge("NTLM", &[]), challenge("Bearer", &[("x", "y")])]),
            ("Basic ab/c+d==, Bearer x=y", vec![challenge("Basic", &[]), challenge("Bearer", &[("x", "y")])]),
            ("Negotiate abcd==", vec![challenge("Negotiate", &[])]),
            // Separated by blanks alone, and a bare base64 value with its padding.
            (
                r#"Bearer error="insufficient_claims" claims=e30="#,
                vec![challenge("Bearer", &[("error", "insufficient_claims"), ("claims", "e30=")])],
            ),
            // What is not understood is left out.
            (r#"Bearer a="b", c="never closed"#, vec![challenge("Bearer", &[("a", "b")])]),
            (r#"x="y""#, vec![]),
            ("", vec![]),
            (" , ,", vec![]),
        ];
        for (header, expected) in cases {
            assert_eq!(&parse_www_authenticate(header), expected, "{header}");
        }
    }

    #[test]
    fn claims_are_decoded_whatever_their_base64() {
        // {"a":"?>"} needs both `+/` and its other alphabet; the lengths make padding differ.
        for claims in ["eyJhIjoiPz4ifQ==", "eyJhIjoiPz4ifQ", r#"{\"a\":\"?>\"}"#] {
            let header = format!(r#"Bearer claims="{claims}", error="Insufficient_Claims""#);
            let claims = parse_www_authenticate(&header).first().and_then(AuthChallenge::insufficient_claims);
            assert_eq!(claims.as_deref(), Some(r#"{"a":"?>"}"#), "{header}");
        }
        let url_safe = challenge("bearer", &[("error", "insufficient_claims"), ("claims", "eyJhIjoi8J-YgCJ9")]);
        assert_eq!(url_safe.insufficient_claims().as_deref(), Some("{\"a\":\"😀\"}"));
    }

    #[test]
    fn other_challenges_hold_no_claims() {
        let none = [
            challenge("Basic", &[("error", "insufficient_claims"), ("claims", "e30=")]),
            challenge("Bearer", &[("error", "invalid_token"), ("claims", "e30=")]),
            challenge("Bearer", &[("error", "insufficient_claims")]),
            challenge("Bearer", &[("error", "insufficient_claims"), ("claims", " ")]),
        ];
        for other in none {
            assert_eq!(other.insufficient_claims(), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_survived(header in "\\PC*") {
            for challenge in parse_www_authenticate(&header) {
                let _ = challenge.insufficient_claims();
            }
        }

        #[test]
        fn quoted_values_come_back(value in "[ -~]*") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let parsed = parse_www_authenticate(&format!("Bearer v=\"{quoted}\", Basic"));
            prop_assert_eq!(parsed, vec![challenge("Bearer", &[("v", &value)]), challenge("Basic", &[])]);
        }
    }
}
