//! The refresh token grant (RFC 6749 §6), for those who may go on without the user: sessions and agents' user accounts.

use sidekey_oauth::{Secret, grant};

use super::{Form, Plan, user_scope};

pub(super) fn form(refresh_token: &Secret, plan: &Plan<'_>) -> Form {
    let mut form = Form::default();
    form.push("scope", user_scope(plan));
    form.push("grant_type", grant::REFRESH_TOKEN);
    form.push_secret("refresh_token", refresh_token.clone());
    form.push("client_info", "1");
    form
}
