//! Fuzz target: answers of token endpoints.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]

use sidekey_host::UnixTime;
use uuid::Uuid;

use super::{Answer, reply::judge, retry_after};
use crate::{AcquireError, TokenScheme};

/// The first line is the status and `Retry-After`, the rest the body. A token is fit for a header, and only a good status
/// brings one; a refusal says something.
pub fn token_endpoint(input: &[u8]) {
    let (answer, retry) = answer(input);
    assert!(retry.is_none_or(|pause| (1..=3600).contains(&pause.as_secs())));
    let status = answer.status;
    for scheme in [TokenScheme::Bearer, TokenScheme::Pop] {
        let answer = Answer { status, retry_after: retry, body: answer.body.clone() };
        match judge(Ok(answer), "https://login.example/token", scheme, Uuid::nil()) {
            Ok(reply) => {
                let token = reply.access_token.expose();
                assert!((200..300).contains(&status) && !token.is_empty());
                assert!(token.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            Err(failure) => {
                assert!(!failure.error.to_string().is_empty());
                if let AcquireError::Refused(refusal) = failure.error {
                    assert!(!(200..300).contains(&status) && !refusal.reply.error.is_empty());
                }
            }
        }
    }
}

/// An answer as the fuzzer writes it.
pub(crate) fn answer(input: &[u8]) -> (Answer, Option<std::time::Duration>) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (line, body) = input.split_at(end);
    let line = String::from_utf8_lossy(line);
    let (status, retry) = line.split_once(' ').unwrap_or((&line, ""));
    let retry = retry_after::parse(retry, UnixTime(1_700_000_000));
    let body = body.get(1..).unwrap_or_default().to_vec();
    (Answer { status: status.parse().unwrap_or(200), retry_after: retry, body: body.into() }, retry)
}
