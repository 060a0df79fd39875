//! One file for each grant. A new one is a file here and a line in [`find`].

mod authorization_code;
mod client_credentials;
mod on_behalf_of;
mod password;
mod refresh_token;
mod user_fic;

use sidekey_oauth::grant;

use super::{Proof, Refusal, Reply, TokenRequest};
use crate::directory::App;

/// What a grant does once the client is known: its own checks, then the reply.
pub(super) type Grant = fn(&TokenRequest<'_>, &App, Proof) -> Result<Reply, Refusal>;

/// The grant of a name.
pub(super) fn find(name: &str) -> Option<Grant> {
    Some(match name {
        grant::CLIENT_CREDENTIALS => client_credentials::respond,
        grant::JWT_BEARER => on_behalf_of::respond,
        grant::REFRESH_TOKEN => refresh_token::respond,
        grant::USER_FIC => user_fic::respond,
        grant::PASSWORD => password::respond,
        grant::AUTHORIZATION_CODE => authorization_code::respond,
        _ => return None,
    })
}
