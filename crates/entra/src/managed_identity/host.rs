//! What hosts differ in, as data, and how one is asked.

use std::time::Duration;

use reqwest::{
    Client, RequestBuilder,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use sidekey_host::{UnixTime, client::identity_http_allowed};
use url::Url;

use super::{
    Ask, ManagedIdentityError, ManagedIdentityId, Token,
    arc::Challenge,
    error::setting,
    retry::{Outcome, Retries},
    service_fabric,
};
use crate::{Environment, http};

/// How a host is asked.
#[derive(Debug)]
pub(super) struct Host {
    /// As people call it.
    pub(super) name: &'static str,
    pub(super) endpoint: Url,
    pub(super) api_version: Option<&'static str>,
    pub(super) selectors: Selectors,
    /// The identity where none is asked for, if not the system-assigned one.
    pub(super) default_identity: Option<ManagedIdentityId>,
    pub(super) headers: HeaderMap,
    pub(super) retries: Retries,
    pub(super) way: Way,
}

/// The parameters that name a user-assigned identity; `None` where the host knows no such name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Selectors {
    pub(super) client: Option<&'static str>,
    pub(super) object: Option<&'static str>,
    pub(super) resource: Option<&'static str>,
}

/// How the question travels.
#[derive(Debug)]
pub(super) enum Way {
    /// `GET` with a query.
    Query,
    /// `POST` with a form.
    Form,
    /// `GET`, and again with the content of a file that the answer names.
    Challenge(Challenge),
    /// `GET` over TLS to a certificate that is known by its thumbprint.
    Pinned(Pinned),
}

/// A client that connects to one certificate alone.
#[derive(Debug)]
pub(super) struct Pinned {
    pub(super) client: Client,
    /// SHA-1.
    pub(super) thumbprint: [u8; 20],
}

/// A question, ready to be asked as often as needed.
#[derive(Debug)]
pub(super) struct Query {
    parameters: Vec<(&'static str, String)>,
    correlation_id: String,
}

impl Host {
    /// The parameters of a question. An identity that the host cannot choose is refused.
    pub(super) fn query(
        &self,
        ask: &Ask<'_>,
        rejected: Option<&str>,
        capabilities: &[String],
    ) -> Result<Query, ManagedIdentityError> {
        let mut parameters: Vec<_> =
            self.api_version.map(|version| ("api-version", version.to_owned())).into_iter().collect();
        parameters.push(("resource", ask.resource.to_owned()));
        parameters.extend(self.selector(ask.identity)?);
        if matches!(self.way, Way::Pinned(_)) {
            parameters.extend(service_fabric::parameters(rejected, capabilities));
        }
        Ok(Query { parameters, correlation_id: ask.correlation_id.to_string() })
    }

    /// Asks once.
    pub(super) async fn attempt(&self, http: &Client, query: &Query, time: Duration, now: UnixTime) -> Outcome {
        let client = if let Way::Pinned(pinned) = &self.way { &pinned.client } else { http };
        let request = self.request(client, query, time);
        match &self.way {
            Way::Challenge(challenge) => challenge.answer(self, request, now).await,
            Way::Form => {
                let fields = query.parameters.iter().map(|(name, value)| (*name, value.as_str()));
                Outcome::of(http::post_form(request, fields, now).await)
            }
            Way::Query => Outcome::of(http::send(request, now).await),
            Way::Pinned(pinned) => service_fabric::outcome(http::send(request, now).await, pinned),
        }
    }

    /// Hosts that may not know user-assigned identities say whose token they gave.
    pub(super) fn check_echo(&self, identity: &ManagedIdentityId, token: &Token) -> Result<(), ManagedIdentityError> {
        match &self.way {
            Way::Challenge(_) => super::arc::check_echo(self, identity, token),
            _ => Ok(()),
        }
    }

    fn request(&self, client: &Client, query: &Query, time: Duration) -> RequestBuilder {
        let mut url = self.endpoint.clone();
        let request = if matches!(self.way, Way::Form) {
            client.post(url)
        } else {
            url.query_pairs_mut().extend_pairs(&query.parameters);
            client.get(url)
        };
        request
            .timeout(time)
            .headers(self.headers.clone())
            .header("x-ms-client-request-id", &query.correlation_id)
            .header("x-client-SKU", "sidekey")
            .header("x-client-Ver", env!("CARGO_PKG_VERSION"))
    }

    fn selector(&self, identity: &ManagedIdentityId) -> Result<Option<(&'static str, String)>, ManagedIdentityError> {
        let default = self.default_identity.as_ref().filter(|_| *identity == ManagedIdentityId::System);
        let (name, id) = match default.unwrap_or(identity) {
            ManagedIdentityId::System => return Ok(None),
            ManagedIdentityId::ClientId(id) => (self.selectors.client, id),
            ManagedIdentityId::ObjectId(id) => (self.selectors.object, id),
            ManagedIdentityId::ResourceId(id) => (self.selectors.resource, id),
        };
        let name = name.ok_or_else(|| {
            let hint = match self.selectors.client {
                Some(_) => "name the identity by its client id",
                None => "leave the identity's id out, the host itself decides which one it is",
            };
            setting(self.name, &format!("cannot give a token of {identity}"), hint)
        })?;
        Ok(Some((name, id.clone())))
    }
}

/// The endpoint that a variable names: `https`, or `http` where nobody can listen.
pub(super) fn endpoint(
    environment: &Environment,
    host: &'static str,
    variable: &'static str,
) -> Result<Url, ManagedIdentityError> {
    let text = environment.get(variable).unwrap_or_default();
    let refuse = |problem: &str| {
        let hint = format!("let `{variable}` name the endpoint that the host provides, on this machine or over https");
        setting(host, &format!("the variable `{variable}` {problem}"), hint)
    };
    let url = Url::parse(text).map_err(|_| refuse("holds no URL"))?;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && identity_http_allowed(&url));
    if safe { Ok(url) } else { Err(refuse("names an endpoint elsewhere without https")) }
}

/// Headers of fixed names. A value that cannot be one is refused without being shown.
pub(super) fn headers<const N: usize>(
    host: &'static str,
    pairs: [(&'static str, &str); N],
) -> Result<HeaderMap, ManagedIdentityError> {
    let header = |(name, value): (&'static str, &str)| {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            let hint = "let the host set it anew, or start this process again";
            setting(host, &format!("the value for the header `{name}` holds other than visible ASCII"), hint)
        })?;
        value.set_sensitive(name != METADATA.0);
        Ok((HeaderName::from_static(name), value))
    };
    pairs.into_iter().map(header).collect()
}

/// Says that the question is meant: a browser or a proxy that is led astray does not send it.
pub(super) const METADATA: (&str, &str) = ("metadata", "true");

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
    use uuid::Uuid;

    use super::{
        super::{ArcFiles, app_service, arc, azure_ml, cloud_shell, imds},
        *,
    };

    fn hosts() -> [(&'static str, Host); 6] {
        let thumbprint = "00".repeat(20);
        let environment = Environment::from_pairs([
            ("IDENTITY_ENDPOINT", "https://localhost/token"),
            ("IDENTITY_HEADER", "s"),
            ("IDENTITY_SERVER_THUMBPRINT", thumbprint.as_str()),
            ("IMDS_ENDPOINT", "http://localhost"),
            ("MSI_ENDPOINT", "http://localhost/msi"),
            ("MSI_SECRET", "s"),
        ]);
        let files = ArcFiles { agent: "none".into(), challenges: "none".into() };
        [
            ("imds", imds::host(&environment).unwrap()),
            ("App Service", app_service::host(&environment).unwrap()),
            ("Azure Arc", arc::host(&environment, &files).unwrap()),
            ("Service Fabric", service_fabric::host(&environment).unwrap()),
            ("Azure ML", azure_ml::host(&environment).unwrap()),
            ("Cloud Shell", cloud_shell::host(&environment).unwrap()),
        ]
    }

    #[test]
    fn each_host_takes_the_names_that_it_knows_and_no_others() {
        let identities = [
            ManagedIdentityId::System,
            ManagedIdentityId::ClientId("c".to_owned()),
            ManagedIdentityId::ObjectId("o".to_owned()),
            ManagedIdentityId::ResourceId("/r".to_owned()),
        ];
        let by_client = "name the identity by its client id";
        let none = "leave the identity's id out, the host itself decides which one it is";
        let expected: [(&str, [Result<&str, &str>; 4]); 6] = [
            ("imds", [Ok(""), Ok("client_id=c"), Ok("object_id=o"), Ok("msi_res_id=/r")]),
            ("App Service", [Ok(""), Ok("client_id=c"), Ok("object_id=o"), Ok("mi_res_id=/r")]),
            ("Azure Arc", [Ok(""), Ok("client_id=c"), Ok("object_id=o"), Ok("msi_res_id=/r")]),
            ("Service Fabric", [Ok(""), Err(none), Err(none), Err(none)]),
            ("Azure ML", [Ok(""), Ok("clientid=c"), Err(by_client), Err(by_client)]),
            ("Cloud Shell", [Ok(""), Err(none), Err(none), Err(none)]),
        ];
        for ((name, host), (expected_name, row)) in hosts().into_iter().zip(expected) {
            assert_eq!(name, expected_name);
            for (identity, expected) in identities.iter().zip(row) {
                let correlation_id = Uuid::nil();
                let ask = Ask { resource: "r", identity, challenged: false, correlation_id, deadline: Instant::now() };
                let selector = host.query(&ask, None, &[]).map(|query| {
                    let own = query.parameters.iter().filter(|(name, _)| !["api-version", "resource"].contains(name));
                    own.map(|(name, value)| [name, "=", value].concat()).collect::<String>()
                });
                match (selector, expected) {
                    (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{name} {identity}"),
                    (Err(ManagedIdentityError::Setting { problem, hint }), Err(expected)) => {
                        assert_eq!(hint, expected, "{name}");
                        let words = format!("{}: cannot give a token of {identity}", host.name);
                        assert_eq!(problem, words, "{name}");
                    }
                    (found, _) => panic!("{name} {identity}: {found:?}"),
                }
            }
        }
    }
}
