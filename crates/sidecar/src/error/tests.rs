use std::fmt::Write;

use http_body_util::BodyExt;
use sidekey_host::UnixTime;
use sidekey_oauth::ErrorReply;

use super::*;

/// A reply as text: status, headers, blank line, body. The reference is the same each time.
fn render(failure: &Failure, mode: Compatibility) -> String {
    let response = answer(failure, mode, Uuid::from_u128(0xabcd)).into_response();
    let mut text = format!("{}\n", response.status());
    for (name, value) in response.headers() {
        writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    let body = futures_util::FutureExt::now_or_never(response.into_body().collect()).unwrap().unwrap().to_bytes();
    format!("{text}\n{}", std::str::from_utf8(&body).unwrap())
}

fn refusal(claims: Option<&str>) -> Arc<EntraRefusal> {
    let reply = ErrorReply {
        error: "invalid_grant".into(),
        error_description: "AADSTS50076: Due to a configuration change … Trace ID: 1 Correlation ID: 2".into(),
        error_codes: vec![50_076],
        timestamp: "2026-01-02 03:04:05Z".into(),
        trace_id: "11111111-0000-0000-0000-000000000000".into(),
        correlation_id: "22222222-0000-0000-0000-000000000000".into(),
        error_uri: None,
        suberror: claims.map(|_| "basic_action".into()),
        claims: claims.map(str::to_owned),
    };
    Arc::new(EntraRefusal { status: 400, reply })
}

fn unavailable(throttled: bool, retry_after: Option<Duration>, answered: bool) -> Failure {
    Failure::Acquire(AcquireError::Unavailable {
        message: "Entra (login.microsoftonline.com) cannot answer now".into(),
        throttled,
        retry_after,
        reply: answered.then(|| refusal(None)),
    })
}

/// One failure of each row, with a name.
fn rows() -> Vec<(&'static str, Failure)> {
    let api = || "Orders".to_owned();
    vec![
        ("no credentials", Failure::NoCredentials),
        ("malformed token", Failure::Rejected(Rejection::Malformed("two parts".into()))),
        ("expired token", Failure::Rejected(Rejection::Expired(UnixTime(1_700_000_000)))),
        (
            "foreign audience",
            Failure::Rejected(Rejection::Audience { audience: Some("a\"\r\nb".into()), expected: "c".into() }),
        ),
        ("replayed request", Failure::PopRejected(PopRejection::Replayed)),
        ("signed request without its url", Failure::PopRejected(PopRejection::Header("original-uri"))),
        (
            "expired token in a signed request",
            Failure::PopRejected(PopRejection::Token(Rejection::Expired(UnixTime(1_700_000_000)))),
        ),
        ("no room for signed requests", Failure::PopRejected(PopRejection::NoRoom)),
        ("missing scope", Failure::Forbidden("IDW10203: The 'scope' or 'scp' claim …".into())),
        ("unknown api", Failure::UnknownApi("Ord\"ers".into())),
        ("no scopes", Failure::NoScopes(api())),
        ("agent rule", AgentRule::TwoUsers.into()),
        ("agent gated", Failure::AgentGated("Sidecar:AllowOverrides:GetAuthorizationHeader")),
        ("no user", NoFlow::NoUser.into()),
        ("no session", Failure::Acquire(AcquireError::NoSession)),
        ("refused", Failure::Acquire(AcquireError::Refused(refusal(None)))),
        ("refused with a challenge", Failure::Acquire(AcquireError::Refused(refusal(Some(r#"{"access_token":{}}"#))))),
        ("invalid request", Failure::Acquire(AcquireError::Invalid("the scope must end in `/.default`".into()))),
        ("entra answers 503", unavailable(false, Some(Duration::from_millis(2500)), true)),
        ("entra answers 429", unavailable(true, Some(Duration::from_mins(1)), true)),
        ("entra unreachable", unavailable(false, None, false)),
        ("configuration", Failure::Acquire(AcquireError::Configuration("/secret/path.pfx: no such file".into()))),
        ("downstream unreachable", Failure::Downstream(api(), CallFault::Unreachable("10.0.0.1: refused".into()))),
        ("downstream hangs", Failure::Downstream(api(), CallFault::Timeout(Duration::from_secs(100)))),
        ("downstream too large", Failure::Downstream(api(), CallFault::TooLarge(33_554_432))),
        ("overloaded", Failure::Overloaded),
        ("body too large", Failure::BodyTooLarge),
        ("body too slow", Failure::BodyTimeout),
        ("internal", Failure::Internal("`DownstreamApis:Orders:BaseUrl` is not set".into())),
    ]
}

#[test]
fn every_failure_has_its_reply_in_both_modes() {
    for mode in [Compatibility::Strict, Compatibility::Upstream] {
        let all: Vec<_> =
            rows().iter().map(|(name, failure)| format!("## {name}\n{}", render(failure, mode))).collect();
        insta::assert_snapshot!(format!("{mode:?}"), all.join("\n\n"));
    }
}

#[test]
fn what_is_for_the_log_alone_is_in_no_reply() {
    for (name, failure) in rows() {
        for mode in [Compatibility::Strict, Compatibility::Upstream] {
            let reply = render(&failure, mode);
            for internal in ["/secret", "10.0.0.1", "BaseUrl' is not"] {
                assert!(!reply.contains(internal), "{name} in {mode:?}: {reply}");
            }
        }
    }
}

#[test]
fn times_to_come_again_are_whole_seconds_and_never_none() {
    let table = [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (2500, 3)];
    for (milliseconds, seconds) in table {
        assert_eq!(whole_seconds(Duration::from_millis(milliseconds)), seconds);
    }
}
