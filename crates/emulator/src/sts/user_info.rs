//! Who a token of Microsoft Graph belongs to.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Refusal,
    assertion::{Assertion, Claims},
    issue::pairwise_subject,
    own_token,
    scope::GRAPH,
};
use crate::{Emulator, directory::Directory};

/// The claims about the user, or why the token is no good.
pub(crate) async fn user_info(emulator: &Emulator, origin: &str, token: &str) -> Result<Map<String, Value>, String> {
    let text = |refusal: Refusal| refusal.text;
    let assertion = Assertion::parse(token).map_err(text)?;
    let ring = emulator.keys.ring().await.map_err(|error| error.0)?;
    own_token::check_signature(&ring, &assertion)?;
    let claims = assertion.claims();
    claims.check_time(emulator.clock.now(), Refusal::obo_time).map_err(text)?;
    let tenant = own_token::tenant(&emulator.directory, origin, claims).ok_or("The token is of another issuer.")?;
    check_purpose(&emulator.directory, claims)?;
    let oid = claims.text("oid").and_then(|oid| Uuid::try_parse(oid).ok());
    let user = oid.and_then(|oid| tenant.user_by_oid(oid)).ok_or("The user does not exist.")?;
    let client = claims.text("appid").or(claims.text("azp")).unwrap_or_default();
    let info = [
        ("sub", json!(pairwise_subject(client, user))),
        ("name", json!(user.display_name)),
        ("email", json!(user.upn)),
    ];
    Ok(info.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

/// The token has to be for Microsoft Graph, with the scope `openid`.
fn check_purpose(directory: &Directory, claims: &Claims) -> Result<(), &'static str> {
    let is_graph = |audience: &&str| directory.resource(audience).is_some_and(|app| app.client_id.as_str() == GRAPH);
    if !claims.audiences().iter().any(is_graph) {
        return Err("The audience is not Microsoft Graph.");
    }
    let granted = claims.text("scp").unwrap_or_default().split(' ').any(|scope| scope == "openid");
    if granted { Ok(()) } else { Err("The scope 'openid' was not granted.") }
}
