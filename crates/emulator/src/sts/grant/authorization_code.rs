//! An authorization code for tokens (RFC 6749 §4.1.3), with PKCE (RFC 7636).

use aws_lc_rs::digest;
use sidekey_jose::base64url;
use sidekey_oauth::Secret;

use crate::{
    directory::App,
    sts::{Proof, Refusal, Reply, RequestedClaims, TokenRequest, sessions::Code},
};

pub(super) fn respond(request: &TokenRequest<'_>, client: &App, proof: Proof) -> Result<Reply, Refusal> {
    let form = request.form;
    let (code, redirect_uri) = (form.require("code")?, form.require("redirect_uri")?);
    let mut claims = RequestedClaims::read(form)?;
    let lifetime = request.emulator.directory.lifetimes.authorization_code;
    let code = request.emulator.sessions.redeem_code(code, request.now, lifetime)?;
    if code.sign_in.client != client.client_id || !request.place.admits(code.sign_in.tenant) {
        return Err(Refusal::invalid_grant("code"));
    }
    if code.redirect_uri != redirect_uri {
        return Err(Refusal::redirect_uri_changed(redirect_uri, &code.redirect_uri));
    }
    check_verifier(&code, form.get("code_verifier"))?;
    claims.add_contexts(code.sign_in.contexts.iter().map(String::as_str));
    let mut tokens = request.signed_in(&code.sign_in, client, proof)?;
    tokens.nonce = code.nonce;
    tokens.reply(request, &claims)
}

/// The verifier's hash is the challenge, and there is none without the other.
fn check_verifier(code: &Code, verifier: Option<&str>) -> Result<(), Refusal> {
    let matches = match (&code.challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            let hash = base64url::encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
            Secret::new(hash) == Secret::new(challenge.trim_end_matches('='))
        }
        _ => false,
    };
    if matches { Ok(()) } else { Err(Refusal::code_verifier()) }
}
