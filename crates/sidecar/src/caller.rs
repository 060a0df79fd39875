//! Who calls: the bearer token of a request, and its judgement.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, header::AUTHORIZATION};
use sidekey_entra::{Entra, UserAssertion};

use crate::{config::Compatibility, error::Failure, events};

/// The bearer token of a request. Several `Authorization` headers count as one, joined by `,`; another scheme, or a scheme
/// without a token, counts as none.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    credentials(headers, "Bearer ")
}

/// The signed request of a proof of possession, by the same rules.
pub(crate) fn pop_token(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    credentials(headers, "PoP ")
}

fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<Cow<'h, str>> {
    let mut values = headers.get_all(AUTHORIZATION).iter().map(|value| text(value.as_bytes()));
    let first = values.next()?;
    let all: Vec<_> = values.collect();
    match first {
        Cow::Borrowed(only) if all.is_empty() => token(only, scheme).map(Cow::Borrowed),
        first => token(&[vec![first], all].concat().join(","), scheme).map(|token| Cow::Owned(token.to_owned())),
    }
}

/// The plain check first: it looks at many bytes at a time, the lossy one at each.
fn text(value: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed)
}

fn token<'v>(value: &'v str, scheme: &str) -> Option<&'v str> {
    let (own, rest) = value.split_at_checked(scheme.len())?;
    let token = rest.trim();
    (own.eq_ignore_ascii_case(scheme) && !token.is_empty()).then_some(token)
}

/// Judges the caller of a route that gives tokens, and says for whom it asks; `None` is a caller without a token, which only an anonymous route lets
/// pass.
pub(crate) async fn judge(
    entra: &Entra,
    headers: &HeaderMap,
    protected: bool,
    mode: Compatibility,
) -> Result<Option<Arc<UserAssertion>>, Failure> {
    let Some(token) = bearer_token(headers) else {
        return if protected { Err(Failure::NoCredentials) } else { Ok(None) };
    };
    match (entra.validator().validate(&token).await, mode) {
        (Ok(verified), Compatibility::Strict) => {
            entra.validator().authorize(&verified).map_err(Failure::Forbidden)?;
            Ok(Some(verified.assertion(&token)))
        }
        (Ok(verified), Compatibility::Upstream) => Ok(Some(verified.assertion(&token))),
        (Err(why), Compatibility::Upstream) if !protected => {
            events::token_rejected(&why);
            Ok(None)
        }
        (Err(why), _) => Err(Failure::Rejected(why)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn token(values: &[&'static [u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        bearer_token(&headers).map(Cow::into_owned)
    }

    #[test]
    fn tokens_are_taken_from_the_bearer_scheme_alone() {
        let some = |text: &str| Some(text.to_owned());
        let table: [(&[&'static [u8]], Option<String>); 11] = [
            (&[], None),
            (&[b""], None),
            (&[b"Bearer"], None),
            (&[b"Bearer  "], None),
            (&[b"Basic YTpi"], None),
            (&[b"PoP x"], None),
            (&[b"BearerX y"], None),
            (&[b"bEARER  a.b.c "], some("a.b.c")),
            (&[b"Bearer a", b"Bearer b"], some("a,Bearer b")),
            (&[b"Basic a", b"Bearer b"], None),
            (&[b"Bearer \xff"], some("\u{fffd}")),
        ];
        for (values, expected) in table {
            assert_eq!(token(values), expected, "{values:?}");
        }
        let pop = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("pOp  x "))]);
        assert_eq!((pop_token(&pop).as_deref(), bearer_token(&pop)), (Some("x"), None));
        let bearer = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer x"))]);
        assert_eq!(pop_token(&bearer), None);
    }
}
