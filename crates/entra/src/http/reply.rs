//! What a token endpoint's answer means, sorted by what comes next.

use std::{sync::Arc, time::Duration};

use serde_json::error::Category;
use sidekey_oauth::{ErrorReply, TokenReply};
use uuid::Uuid;

use super::{Answer, NoAnswer};
use crate::{AcquireError, EntraRefusal, TokenScheme};

/// An answer that brings no token.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) error: AcquireError,
    /// Worth one more try at once.
    pub(crate) retry: bool,
    /// Speaks of the authority's health, not of this request.
    pub(crate) unhealthy: bool,
    /// Nothing was asked, because the authority is known to be down.
    pub(crate) unasked: bool,
}

/// Reads an answer. `endpoint` is the URL without its query, for messages.
pub(crate) fn judge(
    answer: Result<Answer, NoAnswer>,
    endpoint: &str,
    scheme: TokenScheme,
    correlation_id: Uuid,
) -> Result<TokenReply, Failure> {
    let answer = answer.map_err(|cause| down(format!("`{endpoint}` did not answer: {cause}"), None))?;
    if (200..300).contains(&answer.status) {
        return token(&answer, endpoint, scheme);
    }
    let refusal = refusal(&answer, correlation_id);
    match (answer.status, refusal) {
        (429, refusal) => Err(throttled(&answer, endpoint, refusal)),
        (408 | 500.., refusal) => {
            let said = refusal.as_ref().map(|refusal| format!(": {refusal}")).unwrap_or_default();
            let failure = down(format!("`{endpoint}` answered {}{said}", answer.status), answer.retry_after);
            Err(failure.with_reply(refusal))
        }
        (_, Some(refusal)) if is_transient(&refusal.reply) => {
            Err(down(refusal.to_string(), answer.retry_after).with_reply(Some(refusal)))
        }
        (_, Some(refusal)) if refusal.reply.error_codes.contains(&LOOP) => {
            let answer = Answer { retry_after: answer.retry_after.or(Some(LOOP_PAUSE)), ..answer };
            Err(throttled(&answer, endpoint, Some(refusal)))
        }
        (_, Some(refusal)) => Err(certain(AcquireError::Refused(refusal))),
        (status, None) => Err(strange(status, endpoint)),
    }
}

fn token(answer: &Answer, endpoint: &str, scheme: TokenScheme) -> Result<TokenReply, Failure> {
    let unusable =
        |what: String| certain(unavailable(format!("`{endpoint}` answered without a usable token: {what}"), None));
    let reply: TokenReply = serde_json::from_slice(&answer.body).map_err(|error| unusable(describe(&error)))?;
    let expected = match scheme {
        TokenScheme::Bearer => "Bearer",
        TokenScheme::Pop => "pop",
    };
    if !reply.token_type.eq_ignore_ascii_case(expected) {
        let found: String = reply.token_type.chars().take(40).flat_map(char::escape_debug).collect();
        return Err(unusable(format!("its `token_type` is `{found}`, not `{expected}`")));
    }
    let token = reply.access_token.expose();
    // It becomes part of a header.
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unusable("its `access_token` is empty or holds other than visible ASCII".to_owned()));
    }
    Ok(reply)
}

/// An OAuth error, if that is what the body holds.
fn refusal(answer: &Answer, correlation_id: Uuid) -> Option<Arc<EntraRefusal>> {
    let mut reply: ErrorReply = serde_json::from_slice(&answer.body).ok()?;
    if reply.error.is_empty() {
        return None;
    }
    if reply.correlation_id.is_empty() {
        reply.correlation_id = correlation_id.to_string();
    }
    if reply.error_description.is_empty() {
        reply.error_description.clone_from(&reply.error);
    }
    Some(Arc::new(EntraRefusal { status: answer.status, reply }))
}

/// Says that it may work later, with a status that does not.
fn is_transient(reply: &ErrorReply) -> bool {
    matches!(reply.error.as_str(), "temporarily_unavailable" | "request_timeout" | "server_error")
}

fn throttled(answer: &Answer, endpoint: &str, refusal: Option<Arc<EntraRefusal>>) -> Failure {
    let said = refusal.as_ref().map(|refusal| format!(": {refusal}")).unwrap_or_default();
    let message = format!("`{endpoint}` asks for fewer requests{said}");
    certain(AcquireError::Unavailable { message, throttled: true, retry_after: answer.retry_after, reply: refusal })
}

/// The authority does not answer as it should: come again.
fn down(message: String, retry_after: Option<Duration>) -> Failure {
    // Where it says when to come again, once at once is too soon.
    Failure { error: unavailable(message, retry_after), retry: retry_after.is_none(), unhealthy: true, unasked: false }
}

fn strange(status: u16, endpoint: &str) -> Failure {
    match status {
        300..400 => certain(unavailable(format!("`{endpoint}` redirects ({status}), which is not followed"), None)),
        404 => certain(AcquireError::Configuration(format!(
            "there is no token endpoint at `{endpoint}` (404): check `AzureAd:Instance` and `AzureAd:TenantId`"
        ))),
        _ => certain(unavailable(
            format!("`{endpoint}` answered {status} without an OAuth error; is a proxy in between?"),
            None,
        )),
    }
}

fn unavailable(message: String, retry_after: Option<Duration>) -> AcquireError {
    AcquireError::Unavailable { message, throttled: false, retry_after, reply: None }
}

fn certain(error: AcquireError) -> Failure {
    Failure { error, retry: false, unhealthy: false, unasked: false }
}

impl Failure {
    fn with_reply(mut self, refusal: Option<Arc<EntraRefusal>>) -> Self {
        if let AcquireError::Unavailable { reply, .. } = &mut self.error {
            *reply = refusal;
        }
        self
    }
}

/// Never shows the body: a token may be in it.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match error.classify() {
        Category::Data if text.starts_with("missing field") => text,
        Category::Data => "a member has the wrong type".to_owned(),
        Category::Eof | Category::Syntax | Category::Io => "it is not JSON".to_owned(),
    }
}

/// AADSTS50196: the client asks the same again and again.
const LOOP: u64 = 50196;
const LOOP_PAUSE: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, retry_after: Option<u64>, body: &str) -> Result<TokenReply, Failure> {
        let retry_after = retry_after.map(Duration::from_secs);
        let answer = Answer { status, retry_after, body: body.as_bytes().to_vec().into() };
        judge(Ok(answer), "https://e/token", TokenScheme::Bearer, Uuid::nil())
    }

    #[test]
    fn a_token_is_a_token_in_any_case_of_its_type() {
        let reply = read(200, None, r#"{"token_type":"bearer","expires_in":"3599","access_token":"eyJ.x.y"}"#).unwrap();
        assert_eq!((reply.expires_in, reply.access_token.expose()), (3599, "eyJ.x.y"));
    }

    #[test]
    fn what_is_no_usable_token_says_why_and_shows_nothing() {
        for (body, why) in [
            (r#"{"expires_in":1,"access_token":"s3cret"}"#, "missing field `token_type`"),
            (r#"{"token_type":"Bearer","expires_in":1}"#, "missing field `access_token`"),
            (r#"{"token_type":"Bearer","access_token":"s3cret"}"#, "missing field `expires_in`"),
            (r#"{"token_type":"mtls_pop","expires_in":1,"access_token":"s3cret"}"#, "`token_type` is `mtls_pop`"),
            (r#"{"token_type":"Bearer","expires_in":"s3cret","access_token":"s3cret"}"#, "wrong type"),
            (r#"{"token_type":"Bearer","expires_in":1,"access_token":["s3cret"]}"#, "wrong type"),
            (r#"{"token_type":"Bearer","expires_in":1,"access_token":"s3cret\r\nX: y"}"#, "visible ASCII"),
            (r#"{"token_type":"Bearer","expires_in":1,"access_token":""}"#, "is empty"),
            ("<html>s3cret</html>", "not JSON"),
            ("", "not JSON"),
        ] {
            let failure = read(200, None, body).unwrap_err();
            let text = failure.error.to_string();
            assert!(text.contains(why) && !text.contains("s3cret"), "{body}: {text}");
            assert!(matches!(failure.error, AcquireError::Unavailable { .. }) && !failure.retry && !failure.unhealthy);
        }
    }

    #[test]
    fn errors_are_sorted_by_what_comes_next() {
        let oauth =
            |error: &str| format!(r#"{{"error":"{error}","error_description":"AADSTS1: no","error_codes":[1]}}"#);
        let json = oauth("invalid_client");
        let cases: &[(u16, Option<u64>, &str, &str)] = &[
            (401, None, &json, "refused"),
            (400, None, &json, "refused"),
            (400, None, &oauth("temporarily_unavailable"), "down retry"),
            (429, Some(7), "slow down", "throttled 7"),
            (429, None, &json, "throttled"),
            (500, None, "", "down retry"),
            (503, Some(9), &json, "down 9"),
            (504, None, "<html>", "down retry"),
            (408, None, "", "down retry"),
            (302, None, "", "unavailable"),
            (404, None, "nothing here", "configuration"),
            (404, None, &json, "refused"),
            (403, None, "<html>proxy</html>", "unavailable"),
            (400, None, r#"{"error":""}"#, "unavailable"),
            (400, None, r#"{"error":"invalid_grant","error_codes":[50196]}"#, "throttled 60"),
        ];
        for (status, retry_after, body, expected) in cases {
            let failure = read(*status, *retry_after, body).unwrap_err();
            assert_eq!(summary(&failure), *expected, "{status} {body}");
        }
    }

    fn summary(failure: &Failure) -> String {
        let (word, wait) = match &failure.error {
            AcquireError::Refused(_) => ("refused", None),
            AcquireError::Configuration(_) => ("configuration", None),
            AcquireError::Unavailable { throttled: true, retry_after, .. } => ("throttled", *retry_after),
            AcquireError::Unavailable { retry_after, .. } if failure.unhealthy => ("down", *retry_after),
            AcquireError::Unavailable { retry_after, .. } => ("unavailable", *retry_after),
            other => panic!("{other}"),
        };
        let retry = if failure.retry { " retry" } else { "" };
        let wait = wait.map(|wait| format!(" {}", wait.as_secs())).unwrap_or_default();
        format!("{word}{wait}{retry}")
    }

    #[test]
    fn entra_keeps_its_own_words() {
        let body = r#"{"error":"invalid_grant","error_description":"AADSTS65001: consent","error_codes":[65001],
            "suberror":"consent_required","claims":"{}","trace_id":"t","correlation_id":"c"}"#;
        let AcquireError::Refused(refusal) = read(400, None, body).unwrap_err().error else { panic!() };
        assert_eq!((refusal.status, refusal.to_string().as_str()), (400, "AADSTS65001: consent"));
        assert_eq!(refusal.reply.suberror.as_deref(), Some("consent_required"));
        let AcquireError::Refused(refusal) = read(400, None, r#"{"error":"x"}"#).unwrap_err().error else { panic!() };
        assert_eq!(refusal.reply.correlation_id, Uuid::nil().to_string());
        assert_eq!(refusal.to_string(), "x");
    }

    #[test]
    fn no_answer_is_worth_one_more_try() {
        let failure = judge(Err(NoAnswer::new("cannot connect")), "https://e/t", TokenScheme::Bearer, Uuid::nil());
        assert_eq!(summary(&failure.unwrap_err()), "down retry");
    }
}
