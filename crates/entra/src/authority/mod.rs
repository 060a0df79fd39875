//! Authorities: whose tokens we ask for, and where its endpoints are.
//!
//! Endpoints of Microsoft's own kinds are derived, never fetched; only an identity provider of another make is asked for its
//! OpenID metadata. Plain `http` is for loopback alone.

mod endpoints;
mod health;

pub(crate) use endpoints::Endpoints;
pub(crate) use health::Health;

use std::fmt;

use sidekey_oauth::{Cloud, TenantId};
use url::{Host, Url};

/// One authority: an origin, a kind, and what the kind needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    /// Scheme, host and port, without a slash at the end.
    origin: Box<str>,
    /// The host alone, in lower case.
    host: Box<str>,
    kind: AuthorityKind,
}

/// What sort of authority it is, which decides the paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AuthorityKind {
    /// Microsoft Entra ID in any cloud, or something that speaks like it.
    Aad {
        /// The configured tenant.
        tenant: TenantId,
    },
    /// Microsoft Entra External ID.
    Ciam {
        /// The configured tenant; requests cannot choose another.
        tenant: TenantId,
    },
    /// Azure AD B2C: a tenant's domain and a user flow.
    B2c {
        /// The domain.
        tenant: TenantId,
        /// The user flow (policy).
        policy: Box<str>,
    },
    /// Active Directory Federation Services.
    Adfs,
    /// Any OpenID provider; its metadata says where its endpoints are.
    Generic {
        /// The path below the origin, with its slash in front and none at the end.
        path: Box<str>,
    },
}

impl Authority {
    /// From an instance such as `https://login.microsoftonline.com/` and a tenant.
    pub fn of_instance(instance: &str, tenant: TenantId) -> Result<Self, AuthorityError> {
        let url = parse_instance(instance)?;
        let ciam = is_ciam(&url);
        Ok(Self::new(&url, if ciam { AuthorityKind::Ciam { tenant } } else { AuthorityKind::Aad { tenant } }))
    }

    /// A B2C authority from its instance, the tenant's domain and the user flow.
    pub fn b2c(instance: &str, domain: TenantId, policy: &str) -> Result<Self, AuthorityError> {
        let url = parse_instance(instance)?;
        if policy.is_empty() || !policy.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
            return Err(error(
                format!("`{policy}` is not the name of a user flow"),
                "write a name such as `B2C_1_susi`",
            ));
        }
        Ok(Self::new(&url, AuthorityKind::B2c { tenant: domain, policy: policy.into() }))
    }

    /// From a whole authority URL. Its kind is read from host and path; a query is given back as parameters for token requests.
    pub fn of_url(text: &str) -> Result<(Self, Vec<(String, String)>), AuthorityError> {
        let url = parse_url(text)?;
        let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Ok((Self::new(&url, kind_of_url(&url)?), query))
    }

    /// Anyone's authority in the public cloud, Microsoft's own default.
    pub fn common() -> Self {
        let kind = AuthorityKind::Aad { tenant: TenantId::Common };
        Self { origin: "https://login.microsoftonline.com".into(), host: "login.microsoftonline.com".into(), kind }
    }

    fn new(url: &Url, kind: AuthorityKind) -> Self {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        Self { origin: url.origin().ascii_serialization().into(), host: host.into(), kind }
    }

    /// Scheme, host and port, such as `https://login.microsoftonline.com`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The host in lower case, without a port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The kind.
    pub fn kind(&self) -> &AuthorityKind {
        &self.kind
    }

    /// The configured tenant, where the kind has tenants.
    pub fn tenant(&self) -> Option<&TenantId> {
        match &self.kind {
            AuthorityKind::Aad { tenant } | AuthorityKind::Ciam { tenant } | AuthorityKind::B2c { tenant, .. } => {
                Some(tenant)
            }
            AuthorityKind::Adfs | AuthorityKind::Generic { .. } => None,
        }
    }

    /// Whether a request may name another tenant than the configured one.
    pub fn allows_other_tenants(&self) -> bool {
        matches!(self.kind, AuthorityKind::Aad { .. })
    }

    /// Whether client assertions are signed with PS256 and name the certificate by SHA-256; the others know only RS256 and SHA-1.
    pub fn takes_ps256(&self) -> bool {
        !matches!(self.kind, AuthorityKind::Adfs | AuthorityKind::Generic { .. })
    }

    /// The cloud that the host belongs to, if it is one of Microsoft's.
    pub fn cloud(&self) -> Option<&'static Cloud> {
        Cloud::of_host(&self.host)
    }

    /// The token endpoint at an origin (the authority's own, or the one that its cloud prefers) for a tenant. `None` where
    /// only the OpenID metadata tells.
    pub fn token_endpoint(&self, origin: &str, tenant: Option<&TenantId>) -> Option<String> {
        match &self.kind {
            AuthorityKind::Aad { tenant: own } => Some(format!("{origin}/{}/oauth2/v2.0/token", tenant.unwrap_or(own))),
            AuthorityKind::Ciam { tenant } => Some(format!("{origin}/{tenant}/oauth2/v2.0/token")),
            AuthorityKind::B2c { tenant, policy } => Some(format!("{origin}/tfp/{tenant}/{policy}/oauth2/v2.0/token")),
            AuthorityKind::Adfs => Some(format!("{origin}/adfs/oauth2/token")),
            AuthorityKind::Generic { .. } => None,
        }
    }

    /// Where the OpenID metadata is: the v2.0 document, or the only one.
    pub fn metadata_url(&self) -> String {
        let origin = &self.origin;
        match &self.kind {
            AuthorityKind::Aad { tenant } | AuthorityKind::Ciam { tenant } => {
                format!("{origin}/{tenant}/v2.0{WELL_KNOWN}")
            }
            AuthorityKind::B2c { tenant, policy } => format!("{origin}/{tenant}/{policy}/v2.0{WELL_KNOWN}"),
            AuthorityKind::Adfs => format!("{origin}/adfs{WELL_KNOWN}"),
            AuthorityKind::Generic { path } => format!("{origin}{path}{WELL_KNOWN}"),
        }
    }

    /// Where the v1.0 metadata document is, for the kinds that have one.
    pub fn metadata_url_v1(&self) -> Option<String> {
        match &self.kind {
            AuthorityKind::Aad { tenant } | AuthorityKind::Ciam { tenant } => {
                Some(format!("{}/{tenant}{WELL_KNOWN}", self.origin))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = &self.origin;
        match &self.kind {
            AuthorityKind::Aad { tenant } | AuthorityKind::Ciam { tenant } => write!(f, "{origin}/{tenant}"),
            AuthorityKind::B2c { tenant, policy } => write!(f, "{origin}/tfp/{tenant}/{policy}"),
            AuthorityKind::Adfs => write!(f, "{origin}/adfs"),
            AuthorityKind::Generic { path } => write!(f, "{origin}{path}"),
        }
    }
}

/// Why a text is no authority, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct AuthorityError {
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub hint: String,
}

/// Whether a URL may be asked: `https` anywhere, `http` on loopback alone.
pub fn is_permitted(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn parse_url(text: &str) -> Result<Url, AuthorityError> {
    let example = "write a URL such as `https://login.microsoftonline.com/`";
    let url = Url::parse(text.trim()).map_err(|cause| error(format!("`{text}` is not a URL: {cause}"), example))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(error("the URL holds user information or a fragment".to_owned(), example));
    }
    if !is_permitted(&url) {
        let hint = "write it with `https`; plain `http` is accepted for loopback addresses only";
        return Err(error(format!("`{text}` would send credentials unprotected"), hint));
    }
    Ok(url)
}

/// An instance is an origin; only B2C's `/tfp/` may follow.
fn parse_instance(text: &str) -> Result<Url, AuthorityError> {
    let url = parse_url(text)?;
    if !matches!(url.path().trim_matches('/'), "" | "tfp") || url.query().is_some() {
        let hint = format!("write `{}/` here and the tenant in `AzureAd:TenantId`", url.origin().ascii_serialization());
        return Err(error(format!("`{text}` holds more than scheme and host"), hint));
    }
    Ok(url)
}

fn kind_of_url(url: &Url) -> Result<AuthorityKind, AuthorityError> {
    let path = url.path().trim_end_matches('/');
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.last().is_some_and(|last| last.eq_ignore_ascii_case("v2.0")) {
        segments.pop();
    }
    let first = segments.first().map(|segment| segment.to_ascii_lowercase()).unwrap_or_default();
    match (first.as_str(), segments.as_slice()) {
        ("dstsv2", _) => Err(error("dSTS authorities are not supported".to_owned(), "use Microsoft Entra ID")),
        ("adfs", _) => Ok(AuthorityKind::Adfs),
        ("tfp", [_, domain, policy]) => b2c_kind(domain, policy),
        (_, [domain, policy]) if has_suffix(url, ".b2clogin.com") => b2c_kind(domain, policy),
        (_, []) if is_ciam(url) => ciam_root(url),
        (_, [tenant, ..]) if is_ciam(url) => Ok(AuthorityKind::Ciam { tenant: parse_tenant(tenant)? }),
        (_, [tenant, ..]) if is_known(url) => Ok(AuthorityKind::Aad { tenant: parse_tenant(tenant)? }),
        (_, [tenant]) if tenant.parse::<TenantId>().is_ok() => Ok(AuthorityKind::Aad { tenant: parse_tenant(tenant)? }),
        ("tfp", _) => Err(error("a B2C authority needs a domain and a user flow".to_owned(), B2C_EXAMPLE)),
        _ if is_known(url) => Err(error("the authority names no tenant".to_owned(), AAD_EXAMPLE)),
        _ => Ok(AuthorityKind::Generic { path: path.into() }),
    }
}

fn b2c_kind(domain: &str, policy: &str) -> Result<AuthorityKind, AuthorityError> {
    Ok(AuthorityKind::B2c { tenant: parse_tenant(domain)?, policy: policy.into() })
}

/// `https://contoso.ciamlogin.com/` stands for the tenant `contoso.onmicrosoft.com`.
fn ciam_root(url: &Url) -> Result<AuthorityKind, AuthorityError> {
    let name = url.host_str().and_then(|host| host.split('.').next()).unwrap_or_default();
    Ok(AuthorityKind::Ciam { tenant: parse_tenant(&format!("{name}.onmicrosoft.com"))? })
}

fn parse_tenant(text: &str) -> Result<TenantId, AuthorityError> {
    text.parse().map_err(|cause| error(format!("the authority's tenant: {cause}"), AAD_EXAMPLE))
}

fn is_ciam(url: &Url) -> bool {
    has_suffix(url, ".ciamlogin.com")
}

fn is_known(url: &Url) -> bool {
    url.host_str().is_some_and(|host| Cloud::of_host(host).is_some())
}

fn has_suffix(url: &Url, suffix: &str) -> bool {
    url.host_str().is_some_and(|host| host.ends_with(suffix))
}

fn error(problem: String, hint: impl Into<String>) -> AuthorityError {
    AuthorityError { problem, hint: hint.into() }
}

const WELL_KNOWN: &str = "/.well-known/openid-configuration";
const AAD_EXAMPLE: &str = "write `https://login.microsoftonline.com/` and the tenant's GUID or domain behind it";
const B2C_EXAMPLE: &str = "write `https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_susi`";

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

    fn tenant() -> TenantId {
        TENANT.parse().unwrap()
    }

    #[test]
    fn an_instance_and_a_tenant_give_every_endpoint() {
        for instance in [
            "https://LOGIN.microsoftonline.us",
            "https://login.microsoftonline.us/",
            " https://login.microsoftonline.us:443/tfp/",
        ] {
            let authority = Authority::of_instance(instance, tenant()).unwrap();
            assert_eq!(authority.origin(), "https://login.microsoftonline.us", "{instance}");
            assert_eq!(
                authority.token_endpoint(authority.origin(), None).unwrap(),
                format!("https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token")
            );
            assert_eq!(
                authority.metadata_url(),
                format!("https://login.microsoftonline.us/{TENANT}/v2.0/.well-known/openid-configuration")
            );
            assert_eq!(
                authority.metadata_url_v1().unwrap(),
                format!("https://login.microsoftonline.us/{TENANT}/.well-known/openid-configuration")
            );
        }
        let other = "contoso.com".parse().unwrap();
        let authority = Authority::of_instance("http://localhost:5080", tenant()).unwrap();
        assert_eq!(
            authority.token_endpoint(authority.origin(), Some(&other)).unwrap(),
            "http://localhost:5080/contoso.com/oauth2/v2.0/token"
        );
    }

    #[test]
    fn the_kind_is_read_from_host_and_path() {
        let cases = [
            (
                format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
                format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
            ),
            (
                "https://login.contoso.com/contoso.com/".to_owned(),
                "https://login.contoso.com/contoso.com/oauth2/v2.0/token".to_owned(),
            ),
            (
                "https://contoso.ciamlogin.com".to_owned(),
                "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/oauth2/v2.0/token".to_owned(),
            ),
            (
                format!("https://contoso.ciamlogin.com/{TENANT}/v2.0"),
                format!("https://contoso.ciamlogin.com/{TENANT}/oauth2/v2.0/token"),
            ),
            (
                "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_susi/v2.0".to_owned(),
                "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_susi/oauth2/v2.0/token".to_owned(),
            ),
            (
                "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_susi".to_owned(),
                "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_susi/oauth2/v2.0/token".to_owned(),
            ),
            ("https://fs.contoso.com/adfs/".to_owned(), "https://fs.contoso.com/adfs/oauth2/token".to_owned()),
        ];
        for (url, endpoint) in cases {
            let (authority, query) = Authority::of_url(&url).unwrap();
            assert_eq!(authority.token_endpoint(authority.origin(), None), Some(endpoint), "{url}");
            assert!(query.is_empty());
        }
        for (url, metadata) in [
            ("https://idp.example.com/realms/a/", "https://idp.example.com/realms/a/.well-known/openid-configuration"),
            ("https://idp.example.com", "https://idp.example.com/.well-known/openid-configuration"),
        ] {
            let (authority, _) = Authority::of_url(url).unwrap();
            assert_eq!(authority.token_endpoint(authority.origin(), None), None, "{url}");
            assert_eq!(authority.metadata_url(), metadata);
            assert!(!authority.takes_ps256());
        }
    }

    #[test]
    fn a_query_becomes_parameters() {
        let (_, query) = Authority::of_url("https://login.microsoftonline.com/common?dc=ESTS%20X&slice=1").unwrap();
        assert_eq!(query, [("dc".to_owned(), "ESTS X".to_owned()), ("slice".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn what_is_no_authority_is_refused_with_a_hint() {
        for bad in [
            "login.microsoftonline.com",
            "http://login.microsoftonline.com/",
            "http://localhost.example.com/",
            "ftp://localhost/",
            "https://user:secret@login.microsoftonline.com/",
            "https://login.microsoftonline.com/common/v2.0",
            "https://login.microsoftonline.com/?a=b",
            "",
        ] {
            let error = Authority::of_instance(bad, tenant()).unwrap_err();
            assert!(!error.hint.is_empty(), "{bad}");
            assert!(!error.problem.contains("secret"), "{error}");
        }
        for bad in [
            "https://login.microsoftonline.com/",
            "https://login.microsoftonline.com/not a tenant/",
            "https://host/dstsv2/common",
            "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com",
        ] {
            assert!(Authority::of_url(bad).is_err(), "{bad}");
        }
        assert!(Authority::b2c("https://c.b2clogin.com", tenant(), "../x").is_err());
    }
}
