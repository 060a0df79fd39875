//! Log events, numbered and named as those of the original. Tokens never come near here; what callers sent is shown
//! escaped. Event 2 (a validated token whose payload is not JSON) cannot happen: the payload is parsed to be validated.

use std::fmt::Display;

use sidekey_entra::{PopRejection, Rejection};
use uuid::Uuid;

use crate::{config::Gate, door::TurnedAway, query::AgentParameters};

/// Event 1: no token was got, or the downstream call failed. The reference stands in the reply too, where that is a 500.
pub(crate) fn request_failed(api: &str, cause: &dyn Display, reference: Uuid) {
    tracing::error!(
        category = PROGRAM,
        event_id = 1,
        event_name = "AuthorizationHeaderAsyncError_CreateAuthorizationHeaderAsync",
        api = ?api,
        %reference,
        "An error occurred while getting a token for, or calling, the API {api:?}: {cause}",
    );
}

/// Event 3: overrides on a route where they are off.
pub(crate) fn overrides_ignored(gate: Gate) {
    tracing::warn!(
        category = PROGRAM,
        event_id = 3,
        event_name = "OverridesIgnored",
        route = gate.route(),
        "Overrides were sent to {} and ignored. Set {} to true to allow them",
        gate.route(),
        gate.key(),
    );
}

/// Event 4: someone tried to send the token elsewhere.
pub(crate) fn base_url_ignored() {
    tracing::warn!(
        category = OPTIONS,
        event_id = 4,
        event_name = "BaseUrlOverrideIgnored",
        "optionsOverride.BaseUrl was sent and ignored: the base URL comes from the configuration alone",
    );
}

/// Event 5: agent parameters on a route where overrides are off.
pub(crate) fn agent_ignored(gate: Gate, parameters: &AgentParameters) {
    tracing::warn!(
        category = PROGRAM,
        event_id = 5,
        event_name = "AgentIdentityOverridesIgnored",
        route = gate.route(),
        agent = ?parameters.identity,
        "Agent parameters were sent to {} and not applied. Set {} to true to allow them",
        gate.route(),
        gate.key(),
    );
}

/// A header that was asked for and is not sent.
pub(crate) fn header_skipped(name: &str, why: &dyn Display) {
    tracing::warn!(category = PROGRAM, "The extra header {name:?} is not sent: it {why}");
}

/// A token that was refused; the reason is for the operator, the caller gets less.
pub(crate) fn token_rejected(why: &Rejection) {
    tracing::info!(category = BEARER, "The caller's token was refused: {why}");
}

/// A signed HTTP request that was refused. One that had no room says which key to raise.
pub(crate) fn pop_rejected(why: &PopRejection) {
    if *why == PopRejection::NoRoom {
        tracing::warn!(category = BEARER, "A signed request was refused: {why}");
    } else {
        tracing::info!(category = BEARER, "A signed request was refused: {why}");
    }
}

/// A claim that is too long for a header.
pub(crate) fn claim_left_out(claim: &str, length: usize, limit: usize) {
    tracing::warn!(category = PROGRAM, "The claim {claim:?} is not told to the proxy: {length} bytes, {limit} at most");
}

/// A request that was turned away at the door. Those who come too often do not fill the log as well.
pub(crate) fn turned_away(why: TurnedAway) {
    if let TurnedAway::TooOften(_) = why {
        tracing::debug!(category = DOOR, "A request was turned away: {why}");
    } else {
        tracing::info!(category = DOOR, "A request was turned away: {why}");
    }
}

const PROGRAM: &str = "Microsoft.Identity.Web.Sidecar.Program";
const OPTIONS: &str = "Microsoft.Identity.Web.Sidecar.Models.BindableDownstreamApiOptions";
const BEARER: &str = "Microsoft.AspNetCore.Authentication.JwtBearer.JwtBearerHandler";
const DOOR: &str = "Sidekey.Door";
