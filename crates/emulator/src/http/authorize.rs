//! `/{tenant}/oauth2/v2.0/authorize`: the authorization code flow with PKCE, for people and for scripts.
//!
//! `GET` shows a sign-in page. `POST` of `username` and `password` to the same URL answers with the redirect that carries the code.
//! `GET` with `prompt=none` and `login_hint=<user>` answers with the redirect at once, as if the user had a session.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, Uri, header::LOCATION},
    response::{IntoResponse, Response},
};
use sidekey_oauth::Secret;
use url::{Url, form_urlencoded};

use super::{
    Site,
    page::{self, escape},
};
use crate::{
    directory::{App, Tenant, User},
    sts::{Code, Form, Place, Refusal, Requested, RequestedClaims, SignIn, check_account},
};

/// `GET`: the sign-in page, or the redirect if nobody is to be asked.
pub(super) async fn show(State(site): State<Site>, Path(tenant): Path<String>, uri: Uri) -> Response {
    let form = match Form::parse(uri.query().unwrap_or_default().as_bytes()) {
        Ok(form) => form,
        Err(refusal) => return error_page(&refusal),
    };
    let authorization = match Authorization::read(&site, &tenant, &uri, &form) {
        Ok(authorization) => authorization,
        Err(refusal) => return error_page(&refusal),
    };
    let checked = authorization.check();
    if checked.is_ok() && form.get("prompt") != Some("none") {
        return sign_in_page(&authorization, None);
    }
    let user = checked.and_then(|()| form.get("login_hint").ok_or_else(Refusal::no_session));
    authorization.redirect(&user.and_then(|hint| authorization.user(hint)).and_then(|user| authorization.code(user)))
}

/// `POST`: name and password.
pub(super) async fn submit(State(site): State<Site>, Path(tenant): Path<String>, uri: Uri, body: Bytes) -> Response {
    let query = uri.query().unwrap_or_default();
    let forms = Form::parse(query.as_bytes()).and_then(|form| Ok((form, Form::parse(&body)?)));
    let (form, credentials) = match forms {
        Ok(forms) => forms,
        Err(refusal) => return error_page(&refusal),
    };
    let authorization = match Authorization::read(&site, &tenant, &uri, &form) {
        Ok(authorization) => authorization,
        Err(refusal) => return error_page(&refusal),
    };
    if let Err(refusal) = authorization.check() {
        return authorization.redirect(&Err(refusal));
    }
    match authorization.sign_in(&credentials) {
        Ok(user) => authorization.redirect(&authorization.code(user)),
        Err(refusal) => sign_in_page(&authorization, Some(&refusal)),
    }
}

/// A request for a code whose client and redirect URI are good, so that answers may go there.
struct Authorization<'a> {
    site: &'a Site,
    place: Place<'a>,
    client: &'a App,
    redirect_uri: Url,
    form: &'a Form,
    uri: &'a Uri,
}

impl<'a> Authorization<'a> {
    fn read(site: &'a Site, tenant: &str, uri: &'a Uri, form: &'a Form) -> Result<Self, Refusal> {
        let directory = &site.emulator.directory;
        let place = Place::find(directory, tenant)?;
        let client = place.client(directory, form.require("client_id")?)?;
        let text = form.require("redirect_uri")?;
        let redirect_uri = text.parse().ok().filter(|uri| page::is_redirect_uri(client, uri));
        let redirect_uri = redirect_uri.ok_or_else(|| Refusal::redirect_uri(text, &client.client_id))?;
        Ok(Self { site, place, client, redirect_uri, form, uri })
    }

    /// What can be said before a user is known.
    fn check(&self) -> Result<(), Refusal> {
        match self.form.require("response_type")? {
            "code" => {}
            other => return Err(Refusal::unsupported_response_type(other)),
        }
        let mode = self.form.get("response_mode").unwrap_or("query");
        if !["query", "fragment", "form_post"].contains(&mode) {
            return Err(Refusal::malformed(format!("The response_mode '{mode}' is not supported.")));
        }
        let method = self.form.get("code_challenge_method").unwrap_or("plain");
        if self.form.get("code_challenge").is_some() && method != "S256" {
            return Err(Refusal::challenge_method(method));
        }
        self.scope().map(|_| ())
    }

    /// What is asked for; `resource` is the v1 endpoint's way to ask for all of it.
    fn scope(&self) -> Result<String, Refusal> {
        match (self.form.get("scope"), self.form.get("resource")) {
            (scope, Some(resource)) => Ok(format!("{resource}/.default {}", scope.unwrap_or_default())),
            (Some(scope), None) => Ok(scope.to_owned()),
            (None, None) => Err(Refusal::missing_parameter("scope")),
        }
    }

    fn tenant_of(&self, upn: &str) -> Result<&'a Tenant, Refusal> {
        let by_name = || self.site.emulator.directory.tenant_of_upn(upn);
        let tenant = self.place.tenant().or_else(by_name).ok_or_else(Refusal::no_tenant)?;
        if self.place.admits(tenant.id) { Ok(tenant) } else { Err(Refusal::user_not_found(upn, self.place.segment())) }
    }

    fn user(&self, upn: &str) -> Result<(&'a Tenant, &'a User), Refusal> {
        let tenant = self.tenant_of(upn)?;
        // Nobody signs in as an agent's user.
        let user = tenant.user(upn).filter(|user| user.agent.is_none());
        Ok((tenant, user.ok_or_else(|| Refusal::user_not_found(upn, tenant.name()))?))
    }

    fn sign_in(&self, credentials: &Form) -> Result<(&'a Tenant, &'a User), Refusal> {
        let (tenant, user) = self.user(credentials.require("username")?)?;
        let password = Secret::new(credentials.get("password").unwrap_or_default());
        if user.password.as_ref() == Some(&password) { Ok((tenant, user)) } else { Err(Refusal::wrong_password()) }
    }

    /// A code for a user, once account and consent are good.
    fn code(&self, (tenant, user): (&Tenant, &User)) -> Result<Secret, Refusal> {
        let (emulator, scope) = (&self.site.emulator, self.scope()?);
        let requested = Requested::delegated(&emulator.directory, tenant, &scope)?;
        check_account(user, requested.resource)?;
        requested.granted(self.client, user)?;
        let client = self.client.client_id.clone();
        let (at, contexts) = (emulator.clock.now(), RequestedClaims::read(self.form)?.contexts);
        let sign_in = SignIn { client, tenant: tenant.id, oid: user.oid, scope, at, contexts };
        let get = |name: &str| self.form.get(name).map(str::to_owned);
        let redirect_uri = self.form.require("redirect_uri")?.to_owned();
        emulator.sessions.new_code(Code {
            sign_in,
            redirect_uri,
            nonce: get("nonce"),
            challenge: get("code_challenge"),
        })
    }

    /// Sends the browser back with a code or with an error.
    fn redirect(&self, code: &Result<Secret, Refusal>) -> Response {
        let mut answer = form_urlencoded::Serializer::new(String::new());
        match code {
            Ok(code) => answer.append_pair("code", code.expose()),
            Err(refusal) => answer
                .append_pair("error", authorization_error(refusal))
                .append_pair("error_description", &format!("AADSTS{}: {}", refusal.code, refusal.text)),
        };
        if let Some(state) = self.form.get("state") {
            answer.append_pair("state", state);
        }
        let answer = answer.finish();
        let mut target = self.redirect_uri.clone();
        match self.form.get("response_mode") {
            Some("form_post") => return form_post(&target, &answer),
            Some("fragment") => target.set_fragment(Some(&answer)),
            _ => {
                let query = target.query().map_or_else(|| answer.clone(), |query| format!("{query}&{answer}"));
                target.set_query(Some(&query));
            }
        }
        (StatusCode::FOUND, [(LOCATION, target.as_str())]).into_response()
    }
}

/// Errors of this endpoint have names of their own (OpenID Connect Core §3.1.2.6).
fn authorization_error(refusal: &Refusal) -> &'static str {
    match refusal.error {
        "invalid_grant" => refusal.suberror.unwrap_or("access_denied"),
        other => other,
    }
}

fn form_post(target: &Url, answer: &str) -> Response {
    let fields: Vec<_> = form_urlencoded::parse(answer.as_bytes())
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(&name), escape(&value)))
        .collect();
    let fields = fields.concat();
    let action = escape(target.as_str());
    page::show(
        "Signed in",
        &format!("<form method=\"post\" action=\"{action}\">{fields}<button autofocus>Continue</button></form>"),
    )
}

fn sign_in_page(authorization: &Authorization<'_>, refusal: Option<&Refusal>) -> Response {
    let directory = &authorization.site.emulator.directory;
    let tenants = directory.tenants.iter().filter(|tenant| authorization.place.admits(tenant.id));
    let options: Vec<_> = tenants
        .flat_map(|tenant| &tenant.users)
        .map(|user| format!("<option value=\"{}\">", escape(&user.upn)))
        .collect();
    let options = options.concat();
    let error =
        refusal.map(|refusal| format!("<p class=\"error\">AADSTS{}: {}</p>", refusal.code, escape(&refusal.text)));
    let body = format!(
        "<p>{name} asks for <code>{scope}</code>.</p>{error}\
         <form method=\"post\" action=\"?{action}\"><label>User<br>\
         <input name=\"username\" list=\"users\" value=\"{hint}\" autocomplete=\"username\" required></label>\
         <datalist id=\"users\">{options}</datalist><label>Password<br>\
         <input name=\"password\" type=\"password\" autocomplete=\"current-password\"></label><button>Sign in</button></form>",
        name = escape(&authorization.client.name),
        scope = escape(&authorization.scope().unwrap_or_default()),
        error = error.unwrap_or_default(),
        action = escape(authorization.uri.query().unwrap_or_default()),
        hint = escape(authorization.form.get("login_hint").unwrap_or_default()),
    );
    let status = refusal.map_or(StatusCode::OK, |refusal| refusal.status);
    (status, page::show("Sign in", &body)).into_response()
}

fn error_page(refusal: &Refusal) -> Response {
    let body = format!("<p class=\"error\">AADSTS{}: {}</p>", refusal.code, escape(&refusal.text));
    (refusal.status, page::show("Sign-in is not possible", &body)).into_response()
}
