//! Replies that go wrong on purpose, so that clients can be tried against a bad day.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::sts::{Refusal, SCRIPTED};

/// One fault: which requests it meets, how often, and what it does to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Fault {
    /// Only requests whose path contains this; case does not matter.
    pub(crate) path: Option<String>,
    /// Only token requests with this grant type.
    pub(crate) grant: Option<String>,
    /// Only token requests of this client.
    pub(crate) client: Option<String>,
    /// For so many requests; one if absent.
    pub(crate) times: Option<u32>,
    /// Answers with this status, 400 to 599.
    pub(crate) status: Option<u16>,
    /// Answers with this AADSTS code, one of those that depend on the world outside.
    pub(crate) code: Option<u64>,
    /// A claims challenge to go with the code, JSON as text.
    pub(crate) claims: Option<String>,
    /// A `Retry-After` header, seconds.
    pub(crate) retry_after: Option<u32>,
    /// Waits first.
    pub(crate) delay_milliseconds: Option<u64>,
    /// Breaks off in the middle of the body.
    pub(crate) truncate_body: bool,
    /// Replaces `token_type` in a good reply.
    pub(crate) token_type: Option<String>,
    /// Leaves `expires_in` out of a good reply.
    pub(crate) omit_expires_in: bool,
}

impl Fault {
    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            return Err("`status` must be 400 to 599".to_owned());
        }
        if let Some(code) = self.code.filter(|code| !SCRIPTED.contains(code)) {
            return Err(format!("`code` {code} cannot be scripted: write one of {SCRIPTED:?}"));
        }
        if self.delay_milliseconds.is_some_and(|delay| delay > MAX_DELAY) {
            return Err(format!("`delayMilliseconds` must be at most {MAX_DELAY}"));
        }
        if self.claims.is_some() && self.code.is_none() {
            return Err("`claims` goes with a `code`".to_owned());
        }
        let does_something = self.status.or(self.code.map(|_| 0)).is_some()
            || self.delay_milliseconds.is_some()
            || self.truncate_body
            || self.token_type.is_some()
            || self.omit_expires_in;
        if does_something {
            Ok(())
        } else {
            Err("does nothing: write `status`, `code`, `delayMilliseconds`, `truncateBody`, `tokenType` or `omitExpiresIn`".to_owned())
        }
    }

    /// How long to wait first.
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_milliseconds.unwrap_or_default())
    }

    /// The refusal to answer with instead of a reply.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let status = self.status.and_then(|status| StatusCode::from_u16(status).ok());
        let by_code = self.code.and_then(Refusal::scripted);
        let by_status = || {
            status.map(|status| match status {
                StatusCode::TOO_MANY_REQUESTS => Refusal::throttled(),
                status if status.is_server_error() => Refusal::transient(),
                _ => Refusal::malformed("This is a scripted fault."),
            })
        };
        let refusal = by_code.or_else(by_status)?;
        Some(Refusal { status: status.unwrap_or(refusal.status), claims: self.claims.clone(), ..refusal })
    }

    fn meets(&self, path: &str, grant: Option<&str>, client: Option<&str>) -> bool {
        let same = |own: &Option<String>, sent: Option<&str>| {
            own.as_deref().is_none_or(|own| sent.is_some_and(|sent| sent.eq_ignore_ascii_case(own)))
        };
        let on_path = |own: &String| path.to_ascii_lowercase().contains(&own.to_ascii_lowercase());
        self.path.as_ref().is_none_or(on_path) && same(&self.grant, grant) && same(&self.client, client)
    }
}

/// The faults that are still to come, in order.
#[derive(Debug)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Those of the directory file.
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self(Mutex::new(faults))
    }

    /// The first fault that meets a request; it counts as used.
    pub(crate) fn take(&self, path: &str, grant: Option<&str>, client: Option<&str>) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = faults.iter().position(|fault| fault.meets(path, grant, client))?;
        let left = faults.get(at)?.times.unwrap_or(1).saturating_sub(1);
        if left == 0 {
            return Some(faults.remove(at));
        }
        let fault = faults.get_mut(at)?;
        fault.times = Some(left);
        Some(fault.clone())
    }

    /// Adds one; there is a limit, so that a script that never ends does not fill the memory.
    pub(crate) fn add(&self, fault: Fault) -> Result<(), String> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() >= MAX_FAULTS {
            return Err(format!("there are {MAX_FAULTS} faults already: delete them first"));
        }
        faults.push(fault);
        Ok(())
    }

    /// All that are left.
    pub(crate) fn list(&self) -> Vec<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

const MAX_DELAY: u64 = 600_000;
const MAX_FAULTS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_the_requests_it_names_and_as_often_as_it_says() {
        let fault = Fault {
            path: Some("/OAuth2/v2.0/token".into()),
            grant: Some("password".into()),
            times: Some(2),
            status: Some(503),
            ..Fault::default()
        };
        let faults = Faults::new(vec![fault]);
        let token = "/x/oauth2/v2.0/token";
        assert_eq!(faults.take("/x/discovery/keys", Some("password"), None), None);
        assert_eq!(faults.take(token, None, None), None);
        assert!(faults.take(token, Some("password"), None).is_some());
        assert!(faults.take(token, Some("password"), None).is_some());
        assert_eq!(faults.take(token, Some("password"), None), None);
    }

    #[test]
    fn faults_that_make_no_sense_are_refused() {
        let none = Fault::default();
        let cases = [
            none.clone(),
            Fault { status: Some(200), ..none.clone() },
            Fault { code: Some(7_000_215), ..none.clone() },
            Fault { claims: Some("{}".into()), status: Some(400), ..none.clone() },
            Fault { delay_milliseconds: Some(u64::MAX), ..none },
        ];
        for fault in cases {
            assert!(fault.check().is_err(), "{fault:?}");
        }
    }
}
