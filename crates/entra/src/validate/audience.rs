//! For whom a token is (RFC 7519 §4.1.3).

use super::{
    Rejection,
    claims::Claims,
    rules::{Audiences, joined},
};

/// One of the token's audiences must be one of ours.
pub(super) fn check(audiences: &Audiences, claims: &Claims) -> Result<(), Rejection> {
    let accepted = match (audiences, claims.version.as_deref()) {
        (Audiences::Listed(listed), _) => any_is(claims, |found| listed.iter().any(|own| same(own, found))),
        (Audiences::ByVersion { v2, .. }, Some("2.0")) => any_is(claims, |found| same(v2, found)),
        (Audiences::ByVersion { v1, .. }, Some("1.0")) => any_is(claims, |found| same(v1, found)),
        (Audiences::ByVersion { .. }, _) => false,
    };
    if accepted { Ok(()) } else { Err(refused(audiences, claims)) }
}

fn any_is(claims: &Claims, accepted: impl Fn(&str) -> bool) -> bool {
    claims.audiences.iter().any(|found| accepted(found))
}

/// Compared byte by byte; a slash at the end makes no difference.
fn same(own: &str, found: &str) -> bool {
    trimmed(own) == trimmed(found)
}

fn trimmed(audience: &str) -> &str {
    audience.strip_suffix('/').unwrap_or(audience)
}

#[cold]
fn refused(audiences: &Audiences, claims: &Claims) -> Rejection {
    let audience = (!claims.audiences.is_empty()).then(|| claims.audiences.join(", "));
    Rejection::Audience { audience, expected: expected(audiences, claims.version.as_deref()) }
}

fn expected(audiences: &Audiences, version: Option<&str>) -> String {
    match (audiences, version) {
        (Audiences::Listed(listed), _) => joined(listed.iter().map(|audience| format!("`{audience}`"))),
        (Audiences::ByVersion { v2, .. }, Some("2.0")) => {
            format!("`{v2}`, the client id, because `ver` is 2.0 and `AzureAd:Audience` is not set")
        }
        (Audiences::ByVersion { v1, .. }, Some("1.0")) => {
            format!("`{v1}`, because `ver` is 1.0 and `AzureAd:Audience` is not set")
        }
        (Audiences::ByVersion { v2, v1 }, _) => format!(
            "`{v2}` with a `ver` of 2.0 or `{v1}` with one of 1.0, but the token has neither; `AzureAd:Audience` sets \
             another audience"
        ),
    }
}
