//! A host's answer: the same members everywhere, in differing forms.

use jiff::fmt::strtime;
use serde::Deserialize;
use serde_json::Value;
use sidekey_host::UnixTime;
use sidekey_oauth::{Secret, TokenReply};

use crate::http::Answer;

/// A managed identity's token.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) text: Secret,
    pub(crate) expires_on: UnixTime,
    /// Seconds that it lives from now on.
    pub(crate) expires_in: u64,
    /// Seconds after which a new one is worth asking for.
    pub(crate) refresh_in: u64,
    /// Whose it is, where the host says so.
    pub(super) client_id: Option<String>,
    pub(super) object_id: Option<String>,
    pub(super) resource_id: Option<String>,
}

#[derive(Deserialize)]
struct Reply {
    access_token: Secret,
    token_type: Option<String>,
    expires_on: Option<Value>,
    expires_in: Option<Value>,
    refresh_in: Option<Value>,
    client_id: Option<String>,
    object_id: Option<String>,
    #[serde(alias = "mi_res_id")]
    msi_res_id: Option<String>,
}

/// Reads a good answer; what is wrong with it is the end of a sentence, and shows nothing of it.
pub(super) fn read(answer: &Answer, now: UnixTime) -> Result<Token, String> {
    let reply: Reply = serde_json::from_slice(&answer.body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => "it has no `access_token`, or a member of the wrong type".to_owned(),
        _ => "it is not JSON".to_owned(),
    })?;
    let token = reply.access_token.expose();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its `access_token` is empty or holds other than visible ASCII".to_owned());
    }
    if reply.token_type.as_ref().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("its `token_type` is not `Bearer`".to_owned());
    }
    let expires_on = reply.expires_on(now).ok_or("neither `expires_on` nor `expires_in` says when the token ends")?;
    if expires_on <= now {
        return Err("its token has ended already; check the machine's clock".to_owned());
    }
    let life = expires_on.0 - now.0;
    let refresh_in = reply.refresh_in.as_ref().and_then(number).unwrap_or_else(|| refresh_in(life));
    Ok(Token {
        text: reply.access_token,
        expires_on,
        expires_in: life,
        refresh_in,
        client_id: reply.client_id,
        object_id: reply.object_id,
        resource_id: reply.msi_res_id,
    })
}

impl Token {
    /// The same as Entra's own replies are.
    pub(crate) fn into_reply(self) -> TokenReply {
        TokenReply {
            token_type: "Bearer".to_owned(),
            scope: None,
            expires_in: self.expires_in,
            ext_expires_in: None,
            refresh_in: Some(self.refresh_in),
            access_token: self.text,
            refresh_token: None,
            id_token: None,
            client_info: None,
        }
    }
}

impl Reply {
    /// The end as a point in time wins: hosts keep tokens, and some count `expires_in` from the token's beginning.
    fn expires_on(&self, now: UnixTime) -> Option<UnixTime> {
        let latest = now.0.saturating_add(TEN_YEARS);
        let stated = self.expires_on.as_ref().and_then(moment).filter(|time| *time <= latest);
        let counted = || self.expires_in.as_ref().and_then(number).map(|seconds| now.0.saturating_add(seconds));
        stated.or_else(counted).filter(|time| *time <= latest).map(UnixTime)
    }
}

/// Hosts keep long-lived tokens for half of their life; before that they would give the same one again.
fn refresh_in(expires_in: u64) -> u64 {
    if expires_in >= 7200 { expires_in / 2 } else { expires_in }
}

/// Seconds since the epoch, or one of the texts that older hosts write.
fn moment(value: &Value) -> Option<u64> {
    number(value).or_else(|| {
        let text = value.as_str()?.trim();
        let parsed = DATES.iter().find_map(|format| strtime::parse(format, text).ok()?.to_timestamp().ok());
        let parsed = parsed.or_else(|| text.parse::<jiff::Timestamp>().ok());
        u64::try_from(parsed?.as_second()).ok()
    })
}

/// A whole number of seconds, as a number or as text, with a fraction or without.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| whole(&number.to_string())),
        Value::String(text) => whole(text.trim()),
        _ => None,
    }
}

fn whole(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    fraction.bytes().all(|byte| byte.is_ascii_digit()).then(|| whole.parse().ok()).flatten()
}

/// App Service of 2017 on Windows and on Linux.
const DATES: &[&str] = &["%m/%d/%Y %I:%M:%S %p %:z", "%m/%d/%Y %H:%M:%S %:z"];
const TEN_YEARS: u64 = 10 * 366 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_560_000_000);

    fn token(members: &str) -> Result<Token, String> {
        let body = format!(r#"{{"access_token":"t0ken"{members}}}"#);
        read(&Answer { status: 200, retry_after: None, body: body.into_bytes().into() }, NOW)
    }

    #[test]
    fn the_end_is_understood_in_every_form() {
        for (members, expected) in [
            (r#","expires_on":"1560086399""#, 86_399),
            (r#","expires_on":1560086399"#, 86_399),
            (r#","expires_on":"1560086399.7""#, 86_399),
            (r#","expires_on":1560086399.5"#, 86_399),
            (r#","expires_in":"3600""#, 3600),
            (r#","expires_in":3600"#, 3600),
            // The token was kept for a while.
            (r#","expires_in":"86399","expires_on":"1560003600""#, 3600),
            (r#","expires_on":"06/20/2019 02:57:58 +00:00""#, 1_560_999_478 - 1_560_000_000),
            (r#","expires_on":"1/16/2020 5:24:12 AM +00:00""#, 1_579_152_252 - 1_560_000_000),
            (r#","expires_on":"1/16/2020 5:24:12 PM +00:00""#, 1_579_195_452 - 1_560_000_000),
            (r#","expires_on":"2019-06-20T02:57:58.0000000+00:00""#, 1_560_999_478 - 1_560_000_000),
            // More than ten years ahead is a mistake, such as milliseconds.
            (r#","expires_on":"1560086399000","expires_in":"60""#, 60),
        ] {
            let found = token(members).map(|token| (token.expires_in, token.expires_on.0 - NOW.0));
            assert_eq!(found, Ok((expected, expected)), "{members}");
        }
    }

    #[test]
    fn a_long_life_is_refreshed_at_half_of_it() {
        for (members, expected) in [
            (r#","expires_in":7200"#, 3600),
            (r#","expires_in":7199"#, 7199),
            (r#","expires_in":86399,"refresh_in":"100""#, 100),
        ] {
            assert_eq!(token(members).unwrap().refresh_in, expected, "{members}");
        }
    }

    #[test]
    fn what_is_no_token_says_why_and_shows_nothing() {
        for (body, why) in [
            ("<html>s3cret", "not JSON"),
            (r#"{"token":"s3cret"}"#, "no `access_token`"),
            (r#"{"access_token":"","expires_in":1}"#, "is empty"),
            (r#"{"access_token":"s3 cret","expires_in":1}"#, "visible ASCII"),
            (r#"{"access_token":"s3cret"}"#, "says when the token ends"),
            (r#"{"access_token":"s3cret","expires_on":"soon"}"#, "says when the token ends"),
            (r#"{"access_token":"s3cret","expires_on":"1559999999"}"#, "ended already"),
            (r#"{"access_token":"s3cret","expires_in":0}"#, "ended already"),
            (r#"{"access_token":"s3cret","expires_in":9,"token_type":"mtls_pop"}"#, "not `Bearer`"),
        ] {
            let answer = Answer { status: 200, retry_after: None, body: body.as_bytes().to_vec().into() };
            let problem = read(&answer, NOW).unwrap_err();
            assert!(problem.contains(why) && !problem.contains("s3"), "{body}: {problem}");
        }
    }
}
