//! `GET /sidekey/token?user=alice`: a test user's access token as plain text, for scripts and curl lines.
//!
//! A short way to what the password grant gives, by the same rules: `user` is a user's name, the part before the `@` being enough;
//! `client` an application's name or id, at first a public one; `scope` what it asks for, at first all that it was consented to;
//! `claims` the claims of a challenge, JSON; `flow` a user flow of the tenant (Azure AD B2C).

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use sidekey_oauth::grant;
use url::form_urlencoded::Serializer;

use super::{Site, admin::problem, site::Asked};
use crate::{
    directory::{App, Directory, Tenant, User},
    sts::{self, Form, Refusal, TokenCall},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    user: String,
    client: Option<String>,
    scope: Option<String>,
    claims: Option<String>,
    flow: Option<String>,
}

/// The token, or what to write instead.
pub(super) async fn show(
    State(site): State<Site>,
    asked: Asked,
    wish: Result<Query<Wish>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Ok(Query(wish)) = wish else {
        return problem(
            StatusCode::BAD_REQUEST,
            "write `?user=alice`, and `&client=…&scope=…` where the defaults do not fit",
        );
    };
    let (tenant, form) = match form(&site.emulator.directory, &wish) {
        Ok(found) => found,
        Err(lacking) => return problem(StatusCode::NOT_FOUND, lacking),
    };
    let form = match Form::parse(form.as_bytes()) {
        Ok(form) => form,
        Err(refusal) => return refused(&refusal),
    };
    let flow = wish.flow.as_deref().map(|flow| format!("/{flow}")).unwrap_or_default();
    let segment = format!("{}{flow}", tenant.id);
    let call = TokenCall {
        origin: &site.origin,
        asked: &asked.0,
        segment: &segment,
        v1: false,
        form: &form,
        authorization: None,
    };
    match sts::respond(&site.emulator, call).await {
        Ok(reply) => {
            reply.get("access_token").and_then(|token| token.as_str()).unwrap_or_default().to_owned().into_response()
        }
        Err(refusal) => refused(&refusal),
    }
}

/// The token endpoint's refusal for people: this is no request of an OAuth client, so it has no OAuth reply.
fn refused(refusal: &Refusal) -> Response {
    problem(refusal.status, &format!("AADSTS{}: {}", refusal.code, refusal.text))
}

/// The password grant that the wish stands for.
fn form<'d>(directory: &'d Directory, wish: &Wish) -> Result<(&'d Tenant, String), &'static str> {
    let (tenant, user) = find_user(directory, &wish.user).ok_or("there is no such user; `/` lists them")?;
    let password = user.password.as_ref().ok_or("this user has no password in the directory")?;
    let client = find_client(directory, wish.client.as_deref())
        .ok_or("there is no such public client; `/` lists the applications")?;
    let scope = wish.scope.clone().or_else(|| whole_consent(directory, client));
    let scope = scope.ok_or("the client was consented to nothing; say what it is to ask for with `&scope=`")?;
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", grant::PASSWORD).append_pair("client_id", client.client_id.as_str());
    form.append_pair("username", &user.upn).append_pair("password", password.expose()).append_pair("scope", &scope);
    form.append_pair("claims", wish.claims.as_deref().unwrap_or_default());
    Ok((tenant, form.finish()))
}

fn find_user<'d>(directory: &'d Directory, name: &str) -> Option<(&'d Tenant, &'d User)> {
    let is_meant = |user: &&User| user.upn.split('@').next().is_some_and(|own| own.eq_ignore_ascii_case(name));
    directory.tenants.iter().find_map(|tenant| {
        let user = tenant.user(name).or_else(|| tenant.users.iter().find(is_meant))?;
        Some((tenant, user))
    })
}

fn find_client<'d>(directory: &'d Directory, name: Option<&str>) -> Option<&'d App> {
    let mut public = directory.apps.iter().filter(|app| app.public_client);
    match name {
        None => public.find(|app| !app.consents.is_empty()),
        Some(name) => public.find(|app| app.name == name || app.client_id.as_str().eq_ignore_ascii_case(name)),
    }
}

/// All that the client was consented to on the first resource.
fn whole_consent(directory: &Directory, client: &App) -> Option<String> {
    let resource = directory.app(&client.consents.first()?.resource)?;
    Some(format!("{}/.default", resource.identifier_uris.first()?))
}
