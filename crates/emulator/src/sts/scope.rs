//! What a token is asked for: a resource and, for users, scopes of it.
//!
//! See <https://learn.microsoft.com/entra/identity-platform/scopes-oidc>.

use sidekey_oauth::{Scope, Scopes};

use super::{Form, Refusal};
use crate::directory::{App, Directory, Tenant, User};

/// A resource and what is wanted of it.
#[derive(Debug)]
pub(crate) struct Requested<'d> {
    pub(crate) resource: &'d App,
    /// The resource's identifier as it was asked for: the audience of v1 tokens.
    pub(crate) identifier: String,
    /// Scopes of the resource, without its identifier.
    names: Vec<String>,
    /// `.default` as it was spelled.
    default: Option<String>,
    /// Scopes were given without a resource: Microsoft Graph's.
    bare: bool,
    /// OpenID Connect's own scopes.
    openid: Vec<String>,
}

impl<'d> Requested<'d> {
    /// What an application asks for itself: one `{resource}/.default`, or `resource` at the v1 endpoint.
    pub(crate) fn by_app(directory: &'d Directory, tenant: &Tenant, form: &Form, v1: bool) -> Result<Self, Refusal> {
        if v1 {
            return Self::whole(directory, tenant, form.require("resource")?);
        }
        let text = form.require("scope")?;
        let scopes = parse(text)?;
        let resources: Option<Vec<_>> = scopes.iter().map(Scope::default_resource).collect();
        match resources.as_deref() {
            Some([resource]) => Self::whole(directory, tenant, resource),
            Some([_, _, ..]) => Err(Refusal::several_resources(text)),
            _ => Err(Refusal::scope_not_default(text)),
        }
    }

    /// What a client asks for a user. `fallback` is what was asked when the user signed in.
    pub(crate) fn for_user(
        directory: &'d Directory,
        tenant: &Tenant,
        form: &Form,
        v1: bool,
        fallback: Option<&str>,
    ) -> Result<Self, Refusal> {
        let text = form.get("scope").or(fallback);
        if let (true, Some(resource)) = (v1, form.get("resource")) {
            let openid = parse(text.unwrap_or_default())?;
            let mut requested = Self::whole(directory, tenant, resource)?;
            requested.openid = openid.iter().filter(|scope| is_openid(scope)).map(ToString::to_string).collect();
            return Ok(requested);
        }
        let name = if v1 { "resource" } else { "scope" };
        Self::delegated(directory, tenant, text.ok_or_else(|| Refusal::missing_parameter(name))?)
    }

    /// A blank-separated list of delegated scopes, all of one resource.
    pub(crate) fn delegated(directory: &'d Directory, tenant: &Tenant, text: &str) -> Result<Self, Refusal> {
        let scopes = parse(text)?;
        let openid = scopes.iter().filter(|scope| is_openid(scope)).map(ToString::to_string).collect();
        let asked: Vec<_> = scopes.iter().filter(|scope| !is_openid(scope)).map(split).collect();
        let identifier = asked.first().map_or(GRAPH, |(resource, _)| resource.unwrap_or(GRAPH));
        let resource = find(directory, tenant, identifier)?;
        for (other, _) in &asked {
            if find(directory, tenant, other.unwrap_or(GRAPH))?.client_id != resource.client_id {
                return Err(Refusal::several_resources(text));
            }
        }
        let is_default = |name: &&str| name.eq_ignore_ascii_case(".default");
        let names = asked.iter().map(|(_, name)| *name);
        let default = names.clone().find(is_default).map(str::to_owned);
        let names: Vec<_> = names.filter(|name| !is_default(name)).map(str::to_owned).collect();
        if default.is_some() && !names.is_empty() {
            return Err(Refusal::invalid_scope(
                text,
                ".default scope can't be combined with resource-specific scopes.",
            ));
        }
        let bare = asked.iter().all(|(resource, _)| resource.is_none());
        Ok(Self { resource, identifier: identifier.to_owned(), names, default, bare, openid })
    }

    /// All that is granted on a resource.
    pub(crate) fn whole(directory: &'d Directory, tenant: &Tenant, identifier: &str) -> Result<Self, Refusal> {
        let resource = find(directory, tenant, identifier)?;
        let (identifier, default) = (identifier.to_owned(), Some(".default".to_owned()));
        Ok(Self { resource, identifier, names: Vec::new(), default, bare: false, openid: Vec::new() })
    }

    /// Whether one of OpenID Connect's scopes was asked for.
    pub(crate) fn has(&self, openid_scope: &str) -> bool {
        self.openid.iter().any(|scope| scope == openid_scope)
    }

    /// A refresh token is answered with a new one, whether `offline_access` is asked again or not.
    pub(crate) fn keep_offline_access(&mut self) {
        if !self.has("offline_access") {
            self.openid.push("offline_access".to_owned());
        }
    }

    /// The scopes that the client has for this user: all that was consented to, once what was asked is among it.
    pub(crate) fn granted(&self, client: &App, user: &User) -> Result<Vec<String>, Refusal> {
        for name in &self.names {
            if !self.resource.scopes.contains(name) {
                let why = format!("the resource '{}' has no such scope.", self.resource.name);
                return Err(Refusal::invalid_scope(name, why));
            }
        }
        let consented: Vec<&str> = if client.client_id == self.resource.client_id {
            self.resource.scopes.iter().map(String::as_str).collect()
        } else {
            client.consented_scopes(&self.resource.client_id, &user.upn)
        };
        let lacking = self.names.iter().any(|name| !consented.contains(&name.as_str()));
        if lacking || (self.default.is_some() && consented.is_empty()) {
            return Err(Refusal::no_consent(&client.client_id, &client.name));
        }
        let mut granted: Vec<String> = consented.into_iter().map(str::to_owned).collect();
        if self.resource.client_id.as_str() == GRAPH {
            granted.extend(self.openid.iter().filter(|scope| *scope != "offline_access").cloned());
        }
        Ok(granted)
    }

    /// What was asked, as a list of scopes that asks the same again.
    pub(crate) fn as_asked(&self) -> String {
        let own = |name: &String| if self.bare { name.clone() } else { format!("{}/{name}", self.identifier) };
        let resource = self.names.iter().chain(&self.default).map(own);
        self.openid.iter().cloned().chain(resource).collect::<Vec<_>>().join(" ")
    }

    /// The reply's `scope`: what was granted in the spelling of what was asked, so that a client finds its scopes again.
    pub(crate) fn reply_scope(&self, granted: &[String]) -> String {
        let own = |name: &String| if self.bare { name.clone() } else { format!("{}/{name}", self.identifier) };
        let resource = granted.iter().filter(|name| !self.openid.contains(name)).chain(&self.default).map(own);
        let openid = self.openid.iter().filter(|scope| *scope != "offline_access").cloned();
        openid.chain(resource).collect::<Vec<_>>().join(" ")
    }
}

fn parse(text: &str) -> Result<Scopes, Refusal> {
    Scopes::parse(text).map_err(|_| Refusal::invalid_scope(text, "the scope format is invalid."))
}

/// The resource before the last slash, and the name behind it. Without a slash it is a scope of Microsoft Graph.
fn split(scope: &Scope) -> (Option<&str>, &str) {
    scope.as_str().rsplit_once('/').map_or((None, scope.as_str()), |(resource, name)| (Some(resource), name))
}

fn is_openid(scope: &Scope) -> bool {
    matches!(scope.as_str(), "openid" | "profile" | "email" | "offline_access")
}

fn find<'d>(directory: &'d Directory, tenant: &Tenant, identifier: &str) -> Result<&'d App, Refusal> {
    let found = directory.resource(identifier).filter(|app| app.is_in(tenant.id) && !app.disabled);
    found.ok_or_else(|| Refusal::resource_not_found(identifier, tenant.name()))
}

/// Microsoft Graph's application id: the resource of scopes that name none.
pub(crate) const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        crate::directory::read(crate::Emulator::DEFAULT_DIRECTORY, std::path::Path::new(".")).unwrap()
    }

    const API: &str = "api://11112222-bbbb-3333-cccc-4444dddd5555";

    fn delegated(scope: &str) -> Result<(String, String), u64> {
        let directory = directory();
        let tenant = &directory.tenants[0];
        let client = directory.apps.iter().find(|app| app.name == "orders-web").unwrap();
        let grant = || {
            let requested = Requested::delegated(&directory, tenant, scope)?;
            let granted = requested.granted(client, &tenant.users[0])?;
            Ok((granted.join(" "), requested.reply_scope(&granted)))
        };
        grant().map_err(|refusal: Refusal| refusal.code)
    }

    #[test]
    fn what_was_consented_is_granted_in_the_spelling_of_the_request() {
        let cases = [
            (format!("{API}/Orders.Read offline_access openid"), "Orders.Read", format!("openid {API}/Orders.Read")),
            (format!("{API}/.default"), "Orders.Read", format!("{API}/Orders.Read {API}/.default")),
            ("User.Read".to_owned(), "User.Read", "User.Read".to_owned()),
            ("openid profile".to_owned(), "User.Read openid profile", "openid profile User.Read".to_owned()),
        ];
        for (asked, scp, reply) in cases {
            assert_eq!(delegated(&asked), Ok((scp.to_owned(), reply)), "{asked}");
        }
    }

    #[test]
    fn each_way_to_ask_wrongly_has_its_code() {
        let cases = [
            (format!("{API}/Orders.Write"), 65_001),
            (format!("{API}/Orders.Fly"), 70_011),
            ("https://vault.azure.net/.default".to_owned(), 65_001),
            ("https://nowhere.example/x".to_owned(), 500_011),
            (format!("{API}/Orders.Read User.Read"), 700_022),
            (format!("{API}/.default {API}/Orders.Read"), 70_011),
            ("a\"b".to_owned(), 70_011),
        ];
        for (asked, code) in cases {
            assert_eq!(delegated(&asked), Err(code), "{asked}");
        }
    }

    #[test]
    fn an_application_asks_for_one_default_scope() {
        let directory = directory();
        let by_app = |scope: &str| {
            let form = Form::parse(format!("scope={scope}").as_bytes()).unwrap();
            Requested::by_app(&directory, &directory.tenants[0], &form, false)
                .map(|requested| requested.identifier)
                .map_err(|refusal| refusal.code)
        };
        assert_eq!(by_app("https://vault.azure.net//.default"), Ok("https://vault.azure.net/".to_owned()));
        assert_eq!(by_app("https://vault.azure.net/.Default"), Ok("https://vault.azure.net".to_owned()));
        assert_eq!(by_app("https://vault.azure.net"), Err(1_002_012));
        assert_eq!(by_app("https://vault.azure.net/.default+https://graph.microsoft.com/.default"), Err(700_022));
        assert_eq!(by_app("https://nowhere.example/.default"), Err(500_011));
    }
}
