//! `Sidecar:PopValidation`: what a signed HTTP request must have signed.

use std::time::Duration;

use sidekey_config::Section;
use sidekey_jose::{
    Algorithm,
    shr::{BoundClaim, ShrRules},
};

use super::PopConfig;

/// Reads the section; algorithms and clock skew are those of every token.
pub(super) fn read(section: &Section<'_>, algorithms: &[Algorithm], clock_skew: Duration) -> PopConfig {
    let lifetime = section.duration("SignedHttpRequestLifetime", LIFETIME, LIFETIME_BOUNDS);
    let replay_cache_entries = section.integer("ReplayCacheEntries", REPLAY_CACHE_ENTRIES, 0..=100_000_000);
    if replay_cache_entries == 0 {
        section.warn("ReplayCacheEntries", "signed requests can be sent again until they expire, because this is 0");
    }
    PopConfig {
        rules: ShrRules {
            required: required(section),
            when_present: when_present(section),
            accept_unsigned_query: section.bool("AcceptUnsignedQueryParameters", true),
            accept_unsigned_headers: true,
            lifetime: lifetime.as_secs(),
            clock_skew: clock_skew.as_secs(),
            algorithms: algorithms.to_vec(),
        },
        replay_cache_entries: usize::try_from(replay_cache_entries).unwrap_or(usize::MAX),
    }
}

fn required(section: &Section<'_>) -> Vec<BoundClaim> {
    let mut required = Vec::new();
    for (name, claim, default) in SWITCHES {
        if section.bool(name, default) {
            required.push(claim);
        } else if default {
            section.warn(name, format!("is off: a signed request is good for any other `{claim}` too"));
        }
    }
    required
}

/// The configured claims come on top of the usual ones, as lists with a default do in .NET.
fn when_present(section: &Section<'_>) -> Vec<BoundClaim> {
    let mut claims = vec![BoundClaim::Method, BoundClaim::Path];
    for name in section.list("ClaimsToValidateWhenPresent") {
        match name.parse() {
            Ok(BoundClaim::Headers | BoundClaim::Body) => {
                let problem = format!("`{name}` cannot be checked: headers and body of the request are not sent along");
                section.fault("ClaimsToValidateWhenPresent", problem, CLAIMS_HINT);
            }
            Ok(claim) => claims.push(claim),
            Err(_) => {
                section.fault("ClaimsToValidateWhenPresent", format!("`{name}` is not such a claim"), CLAIMS_HINT);
            }
        }
    }
    if section.bool("ValidatePresentClaims", false) { claims } else { Vec::new() }
}

const SWITCHES: [(&str, BoundClaim, bool); 4] = [
    ("ValidateM", BoundClaim::Method, true),
    ("ValidateU", BoundClaim::Host, true),
    ("ValidateP", BoundClaim::Path, true),
    ("ValidateQ", BoundClaim::Query, false),
];
const CLAIMS_HINT: &str = "write names out of `m`, `u`, `p` and `q`";
const LIFETIME: Duration = Duration::from_mins(5);
const LIFETIME_BOUNDS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);
const REPLAY_CACHE_ENTRIES: u64 = 100_000;
