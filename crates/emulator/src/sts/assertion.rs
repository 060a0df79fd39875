//! A JWT that someone presents: taken apart, its claims at hand, nothing believed yet.

use serde_json::{Map, Value};
use sidekey_host::UnixTime;
use sidekey_jose::{Header, JoseError, NumericDate, UnverifiedJws, VerifiedJws, VerifyingKey, parse_object};

use super::Refusal;
use crate::time::iso;

/// A presented JWT.
#[derive(Debug)]
pub(crate) struct Assertion<'a> {
    jws: UnverifiedJws<'a>,
    claims: Claims,
}

impl<'a> Assertion<'a> {
    /// Takes it apart. Some clients send a file's content with its last newline: blanks around the token are dropped.
    pub(crate) fn parse(token: &'a str) -> Result<Self, Refusal> {
        let jws = UnverifiedJws::parse(token.trim()).map_err(Refusal::malformed_jwt)?;
        let claims = Claims(parse_object(jws.unverified_payload()).map_err(Refusal::malformed_jwt)?);
        Ok(Self { jws, claims })
    }

    /// The header.
    pub(crate) fn header(&self) -> &Header {
        self.jws.header()
    }

    /// The claims, **unverified**.
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Checks the signature.
    pub(crate) fn verify(
        &self,
        key: &VerifyingKey,
        allowed: &[sidekey_jose::Algorithm],
    ) -> Result<VerifiedJws, JoseError> {
        self.jws.clone().verify(key, allowed)
    }
}

/// A JWT's claims.
#[derive(Debug)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    /// A claim that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A claim that is a text and has to be there.
    pub(crate) fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)
            .ok_or_else(|| Refusal::malformed_jwt(format!("The claim '{name}' is missing or is not a string.")))
    }

    /// All of them.
    pub(crate) fn all(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A claim that is a list of texts; one alone counts as a list.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        match self.0.get(name) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Claims as they are, for tests.
    #[cfg(test)]
    pub(super) fn from_json(text: &str) -> Self {
        Self(parse_object(text.as_bytes()).unwrap())
    }

    /// The audiences: one text or a list.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        self.list("aud")
    }

    /// When the token stops being good, skew included.
    pub(crate) fn ends(&self) -> Option<UnixTime> {
        self.time("exp").ok().flatten().map(|until| UnixTime(until.0.saturating_add(SKEW)))
    }

    /// Checks `nbf` and `exp` with five minutes of skew; `refuse` takes the present and both bounds as texts. `exp` has to be there.
    pub(crate) fn check_time(
        &self,
        now: UnixTime,
        refuse: impl FnOnce(String, String, String) -> Refusal,
    ) -> Result<(), Refusal> {
        let until = self.time("exp")?.ok_or_else(|| Refusal::malformed_jwt("The claim 'exp' is missing."))?;
        let from = self.time("nbf")?.or(self.time("iat")?).unwrap_or_default();
        if from.0 <= now.0.saturating_add(SKEW) && now.0 <= until.0.saturating_add(SKEW) && from <= until {
            return Ok(());
        }
        Err(refuse(iso(now), iso(from), iso(until)))
    }

    /// A claim that is a time: a number, with a fraction or not, or a text holding one.
    fn time(&self, name: &str) -> Result<Option<UnixTime>, Refusal> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let time = NumericDate::from_value(value).map(|time| UnixTime(time.0));
        time.map(Some).ok_or_else(|| Refusal::malformed_jwt(format!("The claim '{name}' is not a time.")))
    }
}

/// How far clocks may be apart, in seconds.
const SKEW: u64 = 300;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(claims: Value) -> Option<u64> {
        let Value::Object(claims) = claims else { return None };
        Claims(claims).check_time(UnixTime(10_000), Refusal::assertion_time).err().map(|refusal| refusal.code)
    }

    #[test]
    fn times_are_numbers_fractions_or_texts_with_five_minutes_of_skew() {
        for good in
            [json!({"exp": 9_700}), json!({"exp": 10_500.75, "nbf": 10_300.2}), json!({"exp": "10500", "nbf": "9000"})]
        {
            assert_eq!(check(good.clone()), None, "{good}");
        }
        for bad in [json!({"exp": 9_699}), json!({"exp": 11_000, "nbf": 10_301}), json!({"exp": 9_900, "nbf": 10_100})]
        {
            assert_eq!(check(bad.clone()), Some(700_024), "{bad}");
        }
        for malformed in [json!({}), json!({"exp": "soon"}), json!({"exp": 1, "nbf": null})] {
            assert_eq!(check(malformed.clone()), Some(50_027), "{malformed}");
        }
    }
}
