//! The claims that decide (RFC 7519 §4.1 and Entra's own), read once and typed strictly.
//!
//! Microsoft's libraries guess across types (a number as text, an object as its JSON); an access token has no need of that,
//! and a guess is where two readers of one token begin to differ. What has the wrong type is malformed.

use serde_json::Value;
use sidekey_host::UnixTime;
use sidekey_jose::{NumericDate, parse_members};
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
    /// Whether there is a `cnf`: the token is worth nothing without a proof of the key in it.
    pub(crate) is_bound: bool,
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
    let values = parse_members(payload, slot).map_err(|error| Rejection::Malformed(error.to_string()))?;
    let [iss, aud, exp, nbf, ver, tid, misspelt_tid, tenant_id, azp, appid, nonce, cnf, holder @ ..] = named(values);
    if tid.is_there() && misspelt_tid.is_there() {
        // Readers that ignore case would each pick another one.
        return Err(Rejection::Malformed("`tid` is there more than once, in different spellings".to_owned()));
    }
    let (names_access, holder) = Holder::read(holder)?;
    let (issuer, claimed) = (iss.text()?, first(tid.text()?, tenant_id.text()?));
    let in_issuer = issuer.as_deref().and_then(tenant_in_issuer);
    let claims = Claims {
        audiences: aud.texts(Some)?,
        version: ver.text()?,
        other_tenant_in_issuer: other_tenant(claimed.as_deref(), in_issuer),
        tenant: claimed.or_else(|| in_issuer.map(str::to_owned)),
        expires: exp.time()?,
        not_before: nbf.time()?,
        client: first(azp.text()?, appid.text()?),
        names_access,
        has_nonce: nonce.is_there(),
        is_bound: cnf.is_there(),
        issuer,
    };
    Ok((claims, holder))
}

impl Holder {
    /// Also tells whether there is a scope or role claim at all.
    fn read(members: [Member; 7]) -> Result<(bool, Self), Rejection> {
        let names_access = members.iter().take(4).any(Member::is_there);
        let [scp, scope, roles, role, sub, oid, idtyp] = members;
        let mut holder = Self { subject: sub.text()?, object_id: oid.text()?, ..Self::default() };
        for member in [scp, scope] {
            holder.scopes.extend(member.texts(|text| words(&text))?);
        }
        for member in [roles, role] {
            holder.roles.extend(member.texts(Some)?);
        }
        holder.is_app = is_app(idtyp.text()?.as_deref(), &holder);
        Ok((names_access, holder))
    }
}

/// One claim with its name, as it came.
struct Member {
    name: &'static str,
    value: Option<Value>,
}

impl Member {
    fn is_there(&self) -> bool {
        self.value.is_some()
    }

    /// A text; an empty one says nothing.
    fn text(self) -> Result<Option<String>, Rejection> {
        match self.value {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(other) => Err(wrong_type(self.name, "a string", &other)),
        }
    }

    /// A text or an array of texts, each taken apart.
    fn texts<I: IntoIterator<Item = String>>(self, split: impl Fn(String) -> I) -> Result<Vec<String>, Rejection> {
        let items = match self.value {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(single) => vec![single],
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            let Value::String(text) = item else {
                return Err(wrong_type(self.name, "a string or an array of strings", &item));
            };
            texts.extend(split(text).into_iter().filter(|text| !text.is_empty()));
        }
        Ok(texts)
    }

    /// A number; text that holds one is good enough for assertions that clients make, not for an access token.
    fn time(self) -> Result<Option<UnixTime>, Rejection> {
        match self.value {
            None => Ok(None),
            Some(value @ Value::Number(_)) => NumericDate::from_value(&value)
                .map(|date| Some(UnixTime(date.0)))
                .ok_or_else(|| Rejection::Malformed(format!("`{}` is out of range: {value}", self.name))),
            Some(other) => Err(wrong_type(self.name, "a number", &other)),
        }
    }
}

fn named(values: [Option<Value>; CLAIMS.len()]) -> [Member; CLAIMS.len()] {
    let mut names = CLAIMS.into_iter();
    values.map(|value| Member { name: names.next().unwrap_or_default(), value })
}

/// Where a claim's value is kept.
fn slot(name: &str) -> Option<usize> {
    let exact = CLAIMS.iter().position(|claim| *claim == name);
    exact.or_else(|| name.eq_ignore_ascii_case("tid").then_some(MISSPELT_TID))
}

fn first(one: Option<String>, other: Option<String>) -> Option<String> {
    one.or(other)
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

fn other_tenant(claimed: Option<&str>, in_issuer: Option<&str>) -> Option<String> {
    in_issuer.filter(|other| claimed.is_some_and(|claimed| !claimed.eq_ignore_ascii_case(other))).map(str::to_owned)
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
    let mut segments = issuer.split('/');
    let is_url = segments.next()?.ends_with(':') && segments.next()?.is_empty();
    let segment = segments.nth(1).filter(|_| is_url)?;
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

/// The claims that are read, each in its slot.
const CLAIMS: [&str; 19] = [
    "iss",
    "aud",
    "exp",
    "nbf",
    "ver",
    "tid",
    "TID", // stands for every other spelling
    "tenantId",
    "azp",
    "appid",
    "nonce",
    "cnf",
    // What the holder may do, and who it is.
    "scp",
    "http://schemas.microsoft.com/identity/claims/scope",
    "roles",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    "sub",
    "oid",
    "idtyp",
];
const MISSPELT_TID: usize = 6;
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
