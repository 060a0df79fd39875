//! `AcquireTokenOptions`: `PopPublicKey`, `PopClaim` and `PopPrivateKeyPath`, the keys that tokens are bound to.

use std::sync::Arc;

use sidekey_config::Section;
use sidekey_entra::{Confirmation, PopKey};

use crate::options::TokenOptions;

/// The caller's key.
pub(super) fn public_key(acquire: &Section<'_>) -> Option<Arc<Confirmation>> {
    let (key, claim) = (acquire.text("PopPublicKey"), acquire.text("PopClaim"));
    let (name, confirmation) = match (key, claim) {
        (key, Some(claim)) => ("PopClaim", Confirmation::of_claim(key, claim)),
        (Some(key), None) => ("PopPublicKey", Confirmation::of_public_key(key)),
        (None, None) => return None,
    };
    confirmation.map(Arc::new).map_err(|bad| acquire.fault(name, bad.problem.clone(), bad.hint)).ok()
}

/// Our own key. Its file is read to see whether it is good, and looked at again for each request.
pub(super) fn private_key(acquire: &Section<'_>) -> Option<Arc<PopKey>> {
    let key = PopKey::new(acquire.text("PopPrivateKeyPath")?);
    for other in ["PopPublicKey", "PopClaim"] {
        if acquire.text(other).is_some() {
            acquire.fault(other, "is set as well as `PopPrivateKeyPath`", "keep the key of the one who signs");
        }
    }
    if let Err(error) = key.current() {
        acquire.fault("PopPrivateKeyPath", error.problem, error.hint);
    }
    Some(Arc::new(key))
}

/// What a signature needs besides its key.
pub(super) fn check(section: &Section<'_>, token: &TokenOptions) {
    if token.pop_private_key.is_none() {
        return;
    }
    if section.text("BaseUrl").is_none() {
        let hint = "write the API's URL: its host is signed";
        section.fault("BaseUrl", "is not set, although `PopPrivateKeyPath` is", hint);
    }
    if !token.app_token {
        let message = "binds app tokens only: calls without `RequestAppToken` are refused";
        section.warn("AcquireTokenOptions:PopPrivateKeyPath", message);
    }
}
