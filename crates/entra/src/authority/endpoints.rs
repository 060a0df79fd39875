//! Where a token is really asked for: the host that the cloud prefers, or what another provider's metadata says. Found out
//! once; no host is ever asked about another.

use std::time::Duration;

use reqwest::Client;
use sidekey_host::UnixTime;
use sidekey_oauth::{Cloud, InstanceDiscovery, OpenIdConfiguration, TenantId};
use tokio::sync::OnceCell;
use url::Url;

use super::{Authority, AuthorityKind, is_permitted};
use crate::{AcquireError, http};

/// The endpoints of one authority.
#[derive(Debug)]
pub(crate) struct Endpoints {
    authority: Authority,
    /// Where the OpenID metadata is, for authorities of another make.
    metadata_url: String,
    client: Client,
    known: OnceCell<Known>,
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    /// Scheme, host and port to ask.
    Origin(String),
    /// The one token endpoint.
    TokenEndpoint(String),
}

impl Endpoints {
    pub(crate) fn new(authority: Authority, metadata_url: Option<&Url>, client: Client) -> Self {
        let metadata_url = metadata_url.map_or_else(|| authority.metadata_url(), Url::to_string);
        Self { authority, metadata_url, client, known: OnceCell::new() }
    }

    /// The token endpoint for a tenant.
    pub(crate) async fn token_endpoint(
        &self,
        tenant: Option<&TenantId>,
        now: UnixTime,
    ) -> Result<String, AcquireError> {
        let origin = match self.known(now).await? {
            Known::TokenEndpoint(url) => return Ok(url),
            Known::Origin(origin) => origin,
        };
        let endpoint = self.authority.token_endpoint(&origin, tenant);
        endpoint.ok_or_else(|| AcquireError::Configuration(format!("`{}` has no token endpoint", self.authority)))
    }

    async fn known(&self, now: UnixTime) -> Result<Known, AcquireError> {
        let found = match (self.authority.kind(), self.authority.cloud()) {
            (AuthorityKind::Generic { .. }, _) => {
                return self.known.get_or_try_init(|| self.read_metadata(now)).await.cloned();
            }
            (AuthorityKind::Aad { .. }, Some(cloud)) => Some(self.preferred(cloud.preferred_network)),
            // One that does not answer now is asked again the next time.
            (AuthorityKind::Aad { .. }, None) => self.known.get_or_try_init(|| self.discover(now)).await.ok().cloned(),
            _ => None,
        };
        Ok(found.unwrap_or_else(|| self.own()))
    }

    /// Asks an unknown host about itself. Any answer but instance metadata that names it means: it has no other names.
    async fn discover(&self, now: UnixTime) -> Result<Known, http::NoAnswer> {
        let answer = tokio::time::timeout(DISCOVERY_TIMEOUT, http::get(&self.client, &self.discovery_url(), now)).await;
        let answer = answer.unwrap_or_else(|_| Err(http::NoAnswer::new("no answer in time")))?;
        let document = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200);
        Ok(document
            .and_then(|document| self.network_host(&document))
            .map_or_else(|| self.own(), |host| self.preferred(&host)))
    }

    fn discovery_url(&self) -> String {
        let origin = self.authority.origin();
        let mut url = format!("{origin}/common/discovery/instance?api-version=1.1&authorization_endpoint=");
        let authorize = format!("{}/oauth2/v2.0/authorize", self.authority);
        url.extend(url::form_urlencoded::byte_serialize(authorize.as_bytes()));
        url
    }

    /// The host that the row with our own host prefers, if it is in that row itself.
    fn network_host(&self, document: &InstanceDiscovery) -> Option<String> {
        let named = |alias: &String| alias.eq_ignore_ascii_case(self.authority.host());
        let row = document.metadata.iter().find(|row| row.aliases.iter().any(named))?;
        let preferred = &row.preferred_network;
        row.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(preferred)).then(|| preferred.to_ascii_lowercase())
    }

    /// A preferred host. Names in such tables carry no port, so an authority at a port of its own stays where it is; and a host
    /// that is not one of Microsoft's cannot send us to one.
    fn preferred(&self, host: &str) -> Known {
        let at_default_port = self.authority.origin() == format!("https://{}", self.authority.host());
        let same_make = Cloud::of_host(host).is_some() == self.authority.cloud().is_some();
        let url = Url::parse(&format!("https://{host}/")).ok().filter(|url| url.host_str() == Some(host));
        match url {
            Some(url) if at_default_port && same_make => Known::Origin(url.origin().ascii_serialization()),
            _ => self.own(),
        }
    }

    fn own(&self) -> Known {
        Known::Origin(self.authority.origin().to_owned())
    }

    async fn read_metadata(&self, now: UnixTime) -> Result<Known, AcquireError> {
        let unavailable = |message: String| AcquireError::Unavailable {
            message: format!("the OpenID metadata at `{}` {message}", self.metadata_url),
            throttled: false,
            retry_after: None,
            reply: None,
        };
        let answer = http::get(&self.client, &self.metadata_url, now).await;
        let answer = answer.map_err(|cause| unavailable(format!("cannot be read: {cause}")))?;
        if answer.status != 200 {
            return Err(unavailable(format!("cannot be read: status {}", answer.status)));
        }
        let document: OpenIdConfiguration = serde_json::from_slice(&answer.body)
            .map_err(|cause| unavailable(format!("is not what it should be: {cause}")))?;
        self.accept(&document).map_err(|cause| unavailable(format!("is not what it should be: {cause}")))
    }

    /// The issuer must be on the host that was asked, and the endpoint must be one that may be asked.
    fn accept(&self, document: &OpenIdConfiguration) -> Result<Known, String> {
        let issuer = Url::parse(&document.issuer).map_err(|cause| format!("its `issuer` is no URL: {cause}"))?;
        if issuer.host_str() != Some(self.authority.host()) {
            return Err(format!("its `issuer` `{issuer}` is on another host"));
        }
        let endpoint = Url::parse(&document.token_endpoint).ok().filter(is_permitted);
        let endpoint = endpoint.ok_or("its `token_endpoint` is no `https` URL")?;
        Ok(Known::TokenEndpoint(endpoint.to_string()))
    }
}

const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use sidekey_oauth::InstanceMetadata;

    use super::*;

    fn endpoints(authority: &str) -> Endpoints {
        sidekey_host::tls::install_crypto_provider();
        let (authority, _) = Authority::of_url(authority).unwrap();
        Endpoints::new(authority, None, Client::new())
    }

    fn origin(text: &str) -> Known {
        Known::Origin(text.to_owned())
    }

    #[tokio::test]
    async fn known_clouds_are_asked_at_their_preferred_host_without_looking() {
        let tenant: TenantId = "contoso.com".parse().unwrap();
        for (authority, endpoint) in [
            ("https://sts.windows.net/common", "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"),
            (
                "https://login.chinacloudapi.cn/common",
                "https://login.partner.microsoftonline.cn/contoso.com/oauth2/v2.0/token",
            ),
            (
                "https://login.microsoftonline.com:8443/common",
                "https://login.microsoftonline.com:8443/contoso.com/oauth2/v2.0/token",
            ),
            ("https://fs.contoso.com/adfs", "https://fs.contoso.com/adfs/oauth2/token"),
        ] {
            let found = endpoints(authority).token_endpoint(Some(&tenant), UnixTime(0)).await.unwrap();
            assert_eq!(found, endpoint);
        }
    }

    #[test]
    fn an_unknown_host_may_prefer_another_of_its_own_names_only() {
        let row = |preferred: &str, aliases: &[&str]| InstanceDiscovery {
            tenant_discovery_endpoint: String::new(),
            api_version: "1.1".to_owned(),
            metadata: vec![InstanceMetadata {
                preferred_network: preferred.to_owned(),
                preferred_cache: preferred.to_owned(),
                aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            }],
        };
        let ours = "https://login.contoso.example/common";
        let own = origin("https://login.contoso.example");
        let cases = [
            (
                ours,
                row("sts.contoso.example", &["LOGIN.contoso.example", "sts.contoso.example"]),
                origin("https://sts.contoso.example"),
            ),
            (ours, row("sts.contoso.example", &["login.contoso.example"]), own.clone()),
            (ours, row("sts.contoso.example", &["sts.contoso.example"]), own.clone()),
            (
                ours,
                row("login.microsoftonline.com", &["login.contoso.example", "login.microsoftonline.com"]),
                own.clone(),
            ),
            (ours, row("a/b", &["login.contoso.example", "a/b"]), own),
            ("https://localhost:5443/common", row("other", &["localhost", "other"]), origin("https://localhost:5443")),
            ("http://localhost/common", row("other", &["localhost", "other"]), origin("http://localhost")),
        ];
        for (authority, document, expected) in cases {
            let endpoints = endpoints(authority);
            let found =
                endpoints.network_host(&document).map_or_else(|| endpoints.own(), |host| endpoints.preferred(&host));
            assert_eq!(found, expected, "{authority} {document:?}");
        }
    }

    #[test]
    fn the_discovery_url_asks_the_host_itself() {
        assert_eq!(
            endpoints("https://login.contoso.example/contoso.com").discovery_url(),
            "https://login.contoso.example/common/discovery/instance?api-version=1.1&authorization_endpoint=\
             https%3A%2F%2Flogin.contoso.example%2Fcontoso.com%2Foauth2%2Fv2.0%2Fauthorize"
        );
    }

    #[test]
    fn metadata_of_another_host_or_with_an_unsafe_endpoint_is_refused() {
        let endpoints = endpoints("https://idp.example.com/realms/a");
        let document = |issuer: &str, token_endpoint: &str| OpenIdConfiguration {
            issuer: issuer.to_owned(),
            token_endpoint: token_endpoint.to_owned(),
            jwks_uri: String::new(),
            cloud_instance_name: None,
        };
        let good = endpoints.accept(&document("https://idp.example.com/realms/a", "https://token.example.com/t"));
        assert_eq!(good, Ok(Known::TokenEndpoint("https://token.example.com/t".to_owned())));
        assert!(endpoints.accept(&document("https://evil.example.com/", "https://idp.example.com/t")).is_err());
        assert!(endpoints.accept(&document("https://idp.example.com/", "http://idp.example.com/t")).is_err());
    }
}
