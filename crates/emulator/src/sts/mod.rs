//! The token endpoint's rules, in Entra's order: parameters, tenant, grant type, client, client authentication, the grant's own checks,
//! scope and resource, consent and roles, and only then a token. The first failure is the answer.

mod agent;
mod assertion;
mod bearer;
mod catalogue;
mod certificate_assertion;
mod client;
mod conditional_access;
mod confirmation;
mod entra_issued;
mod federated_assertion;
mod fmi;
mod fmi_node;
mod form;
mod grant;
mod issue;
mod issuers;
mod managed_identity;
mod own_token;
mod place;
mod replay;
mod reply;
mod requested_claims;
mod resource;
mod revocations;
mod scope;
mod sessions;
mod user_flow;
mod user_info;

use std::sync::Arc;

use sidekey_host::UnixTime;
use sidekey_oauth::Cloud;
use url::Url;

pub(crate) use bearer::{BearerError, bearer};
pub(crate) use catalogue::{Refusal, SCRIPTED, one_line};
pub(crate) use client::Proof;
pub(crate) use fmi::TOKEN_EXCHANGE;
pub(crate) use form::Form;
pub(crate) use issuers::ExternalIssuers;
pub(crate) use managed_identity::{HostToken, HostTokens, Wish, host_token, shell_token};
pub(crate) use place::Place;
pub(crate) use replay::UsedAssertions;
pub(crate) use reply::{Reply, UserTokens, check_account};
pub(crate) use requested_claims::RequestedClaims;
pub(crate) use resource::{Verdict, judge};
pub(crate) use revocations::Revocations;
pub(crate) use scope::Requested;
pub(crate) use sessions::{Code, Sessions, SignIn};
pub(crate) use user_flow::issuer as user_flow_issuer;
pub(crate) use user_info::user_info;

use crate::{Emulator, directory::App, keys::KeyRing};

/// A token request and all that it is judged by.
#[derive(Debug)]
pub(crate) struct TokenRequest<'e> {
    pub(crate) emulator: &'e Emulator,
    pub(crate) ring: Arc<KeyRing>,
    /// The canonical origin: v2 issuers start with it.
    pub(crate) origin: &'e str,
    /// Scheme, host and port that the client asked.
    pub(crate) asked: &'e str,
    /// The tenant segment as it was sent.
    pub(crate) segment: &'e str,
    pub(crate) place: Place<'e>,
    /// Whether it is the v1 endpoint.
    pub(crate) v1: bool,
    pub(crate) grant: &'e str,
    pub(crate) form: &'e Form,
    /// The `cnf` claim that binds the token to a key; `None` for a bearer token.
    pub(crate) confirmation: Option<serde_json::Value>,
    pub(crate) now: UnixTime,
}

/// What the token endpoint gets from HTTP.
#[derive(Debug)]
pub(crate) struct TokenCall<'e> {
    pub(crate) origin: &'e str,
    pub(crate) asked: &'e str,
    pub(crate) segment: &'e str,
    pub(crate) v1: bool,
    pub(crate) form: &'e Form,
    pub(crate) authorization: Option<&'e str>,
}

/// Judges a token request and answers it.
pub(crate) async fn respond(emulator: &Emulator, call: TokenCall<'_>) -> Result<Reply, Refusal> {
    let TokenCall { origin, asked, segment, v1, form, authorization } = call;
    let name = form.require("grant_type")?;
    let (client_id, credential) = client::presented(form, authorization)?;
    let place = Place::find(&emulator.directory, segment)?;
    let grant = grant::find(name).ok_or_else(|| Refusal::unsupported_grant(name))?;
    if place.user_flow().is_some() {
        user_flow::check_grant(name)?;
    }
    let is_registered = !fmi_node::is_meant(&client_id);
    let app = is_registered.then(|| place.client(&emulator.directory, &client_id)).transpose()?;
    if !app.map_or(fmi_node::may_use(name), |app| app.kind.may_use(name)) {
        return Err(Refusal::unsupported_grant(name));
    }
    let confirmation = confirmation::read(form)?;
    let ring = emulator.keys.ring().await.map_err(Refusal::internal)?;
    let now = emulator.clock.now();
    let request =
        TokenRequest { emulator, ring, origin, asked, segment, place, v1, grant: name, form, confirmation, now };
    let (app, proof) = match app {
        Some(app) => (app, client::authenticate(&request, app, &credential).await?),
        None => (fmi_node::authenticate(&request, &credential)?, Proof::Signature),
    };
    grant(&request, app, proof)
}

impl TokenRequest<'_> {
    /// The audiences that a client's own assertion may have: this token endpoint by any of its names, or the tenant's issuer.
    fn assertion_audiences(&self) -> Vec<String> {
        let hosts = [self.origin.to_owned(), self.asked.to_owned()].into_iter();
        let hosts =
            hosts.chain(Cloud::all().iter().flat_map(|cloud| cloud.aliases).map(|host| format!("https://{host}")));
        let mut segments = vec![self.segment.to_owned(), self.place.segment()];
        // The case of a user flow's name is lost on the way here.
        if let (Some(flow), Some((tenant, _))) = (self.place.user_flow(), self.segment.split_once('/')) {
            segments.push(format!("{tenant}/{flow}"));
            segments.extend(segments.clone().iter().map(|segment| format!("tfp/{segment}")));
        }
        let paths = ["oauth2/v2.0/token", "oauth2/token", "v2.0"];
        let of_host = |host: String| {
            let of_segment = |segment: &String| paths.map(|path| format!("{host}/{segment}/{path}"));
            segments.iter().flat_map(of_segment).collect::<Vec<_>>()
        };
        hosts.flat_map(of_host).collect()
    }

    /// Whether an issuer is this emulator.
    fn is_own_issuer(&self, issuer: &str) -> bool {
        let Ok(url) = issuer.parse::<Url>() else { return false };
        let same = |base: &&str| base.parse::<Url>().is_ok_and(|base| base.origin() == url.origin());
        [self.origin, self.asked].iter().any(same)
    }

    /// The tokens for a sign-in that took place before.
    fn signed_in<'a>(&'a self, sign_in: &SignIn, client: &'a App, proof: Proof) -> Result<UserTokens<'a>, Refusal> {
        let directory = &self.emulator.directory;
        let tenant =
            directory.tenants.iter().find(|tenant| tenant.id == sign_in.tenant).ok_or_else(Refusal::no_tenant)?;
        let user = tenant.user_by_oid(sign_in.oid);
        let user = user.ok_or_else(|| Refusal::user_not_found(sign_in.oid, tenant.name()))?;
        let requested = Requested::for_user(directory, tenant, self.form, self.v1, Some(&sign_in.scope))?;
        Ok(UserTokens { tenant, client, proof, user, requested, nonce: None })
    }
}
