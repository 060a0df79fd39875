//! The claims that decide (RFC 7519 §4.1 and Entra's own), read once and typed strictly.
//!
//! Microsoft's libraries guess across types (a number as text, an object as its JSON); an access token has no need of that,
//! and a guess is where two readers of one token begin to differ. What has the wrong type is malformed.

use serde_json::{Map, Value};
use sidekey_host::UnixTime;
use sidekey_jose::{NumericDate, parse_object};
use uuid::Uuid;

use super::{Rejection, rejection::Echo};

/// What a judgement looks at. Kept with a remembered token, so that judging again reads and parses nothing.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// `iss`.
    pub(crate) issuer: Option<String>,
    /// `aud`, one or several.
    pub(crate) audiences: Vec<String>,
    /// `ver`.
    pub(crate) version: Option<String>,
    /// `tid`, else `tenantId`, else the directory's GUID in the issuer.
    pub(crate) tenant: Option<String>,
    /// The GUID in the issuer, where it is another than the tenant claim's.
    pub(crate) other_tenant_in_issuer: Option<String>,
    /// `exp`.
    pub(crate) expires: Option<UnixTime>,
    /// `nbf`.
    pub(crate) not_before: Option<UnixTime>,
    /// `azp`, else `appid`.
    pub(crate) client: Option<String>,
    /// Whether there is a scope or role claim at all, whatever is in it.
    pub(crate) names_access: bool,
    /// Whether there is a `nonce`, which only ID tokens have.
    pub(crate) has_nonce: bool,
}

/// Who the token is for, and what it allows.
#[derive(Debug, Default)]
pub(crate) struct Holder {
    /// `sub`.
    pub(crate) subject: Option<String>,
    /// `oid`.
    pub(crate) object_id: Option<String>,
    /// `scp`, taken apart.
    pub(crate) scopes: Vec<String>,
    /// `roles`.
    pub(crate) roles: Vec<String>,
    /// Whether this is an app's own token.
    pub(crate) is_app: bool,
}

/// Reads a token's payload.
pub(crate) fn read(payload: &[u8]) -> Result<(Claims, Holder), Rejection> {
    let object = parse_object(payload).map_err(|error| Rejection::Malformed(error.to_string()))?;
    let mut members = Members(object);
    members.refuse_second_tenant()?;
    Ok((members.claims()?, members.holder()?))
}

/// The payload's members, of which each is taken out as it is read.
struct Members(Map<String, Value>);

impl Members {
    fn claims(&mut self) -> Result<Claims, Rejection> {
        let issuer = self.text("iss")?;
        let claimed = self.first_text(["tid", "tenantId"])?;
        let in_issuer = issuer.as_deref().and_then(tenant_in_issuer);
        let other_tenant_in_issuer = match (&claimed, in_issuer) {
            (Some(claimed), Some(other)) if !claimed.eq_ignore_ascii_case(other) => Some(other.to_owned()),
            _ => None,
        };
        Ok(Claims {
            audiences: self.texts("aud", Some)?,
            version: self.text("ver")?,
            tenant: claimed.or_else(|| in_issuer.map(str::to_owned)),
            other_tenant_in_issuer,
            expires: self.time("exp")?,
            not_before: self.time("nbf")?,
            client: self.first_text(["azp", "appid"])?,
            names_access: ACCESS_CLAIMS.iter().any(|name| self.0.contains_key(*name)),
            has_nonce: self.0.contains_key("nonce"),
            issuer,
        })
    }

    fn holder(&mut self) -> Result<Holder, Rejection> {
        let mut holder = Holder { subject: self.text("sub")?, object_id: self.text("oid")?, ..Holder::default() };
        for name in SCOPE_CLAIMS {
            holder.scopes.extend(self.texts(name, |text| text.split_ascii_whitespace())?);
        }
        for name in ROLE_CLAIMS {
            holder.roles.extend(self.texts(name, Some)?);
        }
        let kind = self.text("idtyp")?;
        holder.is_app = is_app(kind.as_deref(), &holder);
        Ok(holder)
    }

    /// Readers that ignore case would each pick another one.
    fn refuse_second_tenant(&self) -> Result<(), Rejection> {
        match self.0.keys().filter(|name| name.eq_ignore_ascii_case("tid")).count() {
            0 | 1 => Ok(()),
            _ => Err(Rejection::Malformed("`tid` is there more than once, in different spellings".to_owned())),
        }
    }

    /// A text; an empty one says nothing.
    fn text(&mut self, name: &str) -> Result<Option<String>, Rejection> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(other) => Err(wrong_type(name, "a string", &other)),
        }
    }

    fn first_text(&mut self, names: [&str; 2]) -> Result<Option<String>, Rejection> {
        let (first, second) = (self.text(names[0])?, self.text(names[1])?);
        Ok(first.or(second))
    }

    /// A text or an array of texts, each taken apart.
    fn texts<'a, I: IntoIterator<Item = &'a str>>(
        &'a mut self,
        name: &str,
        split: impl Fn(&'a str) -> I,
    ) -> Result<Vec<String>, Rejection> {
        let Some(value) = self.0.get(name) else { return Ok(Vec::new()) };
        let items = match value {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            let text = item.as_str().ok_or_else(|| wrong_type(name, "a string or an array of strings", item))?;
            texts.extend(split(text).into_iter().filter(|text| !text.is_empty()).map(str::to_owned));
        }
        Ok(texts)
    }

    /// A number; text that holds one is good enough for assertions that clients make, not for an access token.
    fn time(&mut self, name: &str) -> Result<Option<UnixTime>, Rejection> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(value @ Value::Number(_)) => NumericDate::from_value(&value)
                .map(|date| Some(UnixTime(date.0)))
                .ok_or_else(|| Rejection::Malformed(format!("`{name}` is out of range: {value}"))),
            Some(other) => Err(wrong_type(name, "a number", &other)),
        }
    }
}

/// An app's own token: by `idtyp`; where that optional claim is absent, a token with scopes is a user's, and one whose
/// subject is the acting object itself is an app's.
fn is_app(kind: Option<&str>, holder: &Holder) -> bool {
    match kind {
        Some(kind) => kind == "app",
        None => holder.scopes.is_empty() && holder.subject.is_some() && holder.subject == holder.object_id,
    }
}

/// The GUID that is the first segment of an issuer's path, as in `https://sts.windows.net/{guid}/`.
fn tenant_in_issuer(issuer: &str) -> Option<&str> {
    let (_, rest) = issuer.split_once("://")?;
    let segment = rest.split('/').nth(1)?;
    (segment.len() == GUID_LENGTH && Uuid::try_parse(segment).is_ok()).then_some(segment)
}

fn wrong_type(name: &str, expected: &str, found: &Value) -> Rejection {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Rejection::Malformed(format!("`{}` is {found}, not {expected}", Echo(name)))
}

const SCOPE_CLAIMS: [&str; 2] = ["scp", "http://schemas.microsoft.com/identity/claims/scope"];
const ROLE_CLAIMS: [&str; 2] = ["roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"];
const ACCESS_CLAIMS: [&str; 4] = [SCOPE_CLAIMS[0], SCOPE_CLAIMS[1], ROLE_CLAIMS[0], ROLE_CLAIMS[1]];
/// A GUID with hyphens and nothing around it.
const GUID_LENGTH: usize = 36;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validate::fixtures::{TENANT, app_claims, user_claims, with};

    fn fault(payload: &str) -> String {
        match read(payload.as_bytes()) {
            Err(Rejection::Malformed(fault)) => fault,
            other => panic!("{payload}: {other:?}"),
        }
    }

    fn holder(claims: &Value) -> Holder {
        read(claims.to_string().as_bytes()).unwrap().1
    }

    #[test]
    fn claims_of_the_wrong_type_are_malformed() {
        let cases = [
            (r#"{"aud":7}"#, "`aud` is a number"),
            (r#"{"aud":["a",7]}"#, "`aud` is a number"),
            (r#"{"aud":{"a":1}}"#, "`aud` is an object"),
            (r#"{"aud":[["a"]]}"#, "`aud` is an array"),
            (r#"{"aud":null}"#, "`aud` is null"),
            (r#"{"iss":{}}"#, "`iss` is an object"),
            (r#"{"iss":["https://i/"]}"#, "`iss` is an array"),
            (r#"{"exp":"1700000000"}"#, "`exp` is a string"),
            (r#"{"exp":true}"#, "`exp` is a boolean"),
            (r#"{"exp":-1}"#, "`exp` is out of range"),
            (r#"{"exp":1e300}"#, "`exp` is out of range"),
            (r#"{"nbf":null}"#, "`nbf` is null"),
            (r#"{"scp":7}"#, "`scp` is a number"),
            (r#"{"roles":{}}"#, "`roles` is an object"),
            (r#"{"roles":[null]}"#, "`roles` is null"),
            (r#"{"ver":2.0}"#, "`ver` is a number"),
            (r#"{"tid":[]}"#, "`tid` is an array"),
            (r#"{"tid":"a","TID":"b"}"#, "`tid` is there more than once"),
            (r#"{"azp":1}"#, "`azp` is a number"),
            (r#"{"sub":1}"#, "`sub` is a number"),
            (r#"{"oid":1}"#, "`oid` is a number"),
            (r#"{"idtyp":1}"#, "`idtyp` is a number"),
            (r#"{"a":1,"a":2}"#, "occurs twice"),
            (r#"{"x":{"a":1,"a":2}}"#, "occurs twice"),
            ("[]", "not an object"),
            ("\"text\"", "not an object"),
            ("", "not an acceptable JSON object"),
            ("{\"a\":1} x", "not an acceptable JSON object"),
        ];
        for (payload, expected) in cases {
            let found = fault(payload);
            assert!(found.contains(expected), "{payload}: {found}");
        }
        assert!(matches!(read(b"\xff{}"), Err(Rejection::Malformed(_))));
    }

    #[test]
    fn the_tenant_is_taken_from_the_first_place_that_names_it() {
        let tenant = |claims: Value| read(claims.to_string().as_bytes()).unwrap().0.tenant;
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(tenant(json!({"tid": "a", "tenantId": "b"})), some("a"));
        assert_eq!(tenant(json!({"tenantId": "b"})), some("b"));
        assert_eq!(tenant(json!({"iss": format!("https://sts.windows.net/{TENANT}/")})), some(TENANT));
        assert_eq!(tenant(json!({"iss": format!("https://n.b2clogin.com/{TENANT}/v2.0/")})), some(TENANT));
        for none in ["https://idp.example.com/realm/v2.0", "https://idp.example.com", "urn:x", TENANT] {
            assert_eq!(tenant(json!({"iss": none})), None, "{none}");
        }
    }

    #[test]
    fn scopes_and_roles_are_taken_apart() {
        let found = holder(&with(user_claims("https://o"), &json!({"scp": " a  b ", "roles": "r"})));
        assert_eq!((found.scopes, found.roles), (vec!["a".to_owned(), "b".to_owned()], vec!["r".to_owned()]));
        let found = holder(&json!({"http://schemas.microsoft.com/identity/claims/scope": "x y", "scp": ["a", "b c"]}));
        assert_eq!(found.scopes, ["a", "b", "c", "x", "y"]);
        let found = holder(&json!({"http://schemas.microsoft.com/ws/2008/06/identity/claims/role": ["r s"]}));
        assert_eq!(found.roles, ["r s"]);
    }

    #[test]
    fn apps_are_told_from_users() {
        let cases = [
            (app_claims(), true),
            (with(app_claims(), &json!({"oid": "other"})), false),
            (with(app_claims(), &json!({"oid": null, "sub": null})), false),
            (with(app_claims(), &json!({"scp": "s"})), false),
            (with(app_claims(), &json!({"scp": "s", "idtyp": "app"})), true),
            (with(app_claims(), &json!({"idtyp": "user"})), false),
            (user_claims("https://o"), false),
            (with(user_claims("https://o"), &json!({"scp": null})), false),
            (with(user_claims("https://o"), &json!({"scp": "/", "idtyp": "app"})), true),
        ];
        for (claims, expected) in cases {
            assert_eq!(holder(&claims).is_app, expected, "{claims}");
        }
    }
}
