//! A refresh token for new tokens (RFC 6749 §6).

use crate::{
    directory::App,
    sts::{Proof, Refusal, Reply, RequestedClaims, TokenRequest},
};

pub(super) fn respond(request: &TokenRequest<'_>, client: &App, proof: Proof) -> Result<Reply, Refusal> {
    let token = request.form.require("refresh_token")?;
    let mut claims = RequestedClaims::read(request.form)?;
    let lifetime = request.emulator.directory.lifetimes.refresh_token;
    let sign_in = request.emulator.sessions.refresh(token, request.now, lifetime)?;
    if sign_in.client != client.client_id || !request.place.admits(sign_in.tenant) {
        return Err(Refusal::invalid_grant("refresh_token"));
    }
    claims.add_contexts(sign_in.contexts.iter().map(String::as_str));
    let mut tokens = request.signed_in(&sign_in, client, proof)?;
    tokens.requested.keep_offline_access();
    tokens.reply(request, &claims)
}
