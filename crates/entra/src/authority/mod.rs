//! Authorities: whose tokens we ask for, and where its endpoints are.
//!
//! Endpoints of Microsoft's own kinds are derived, never fetched; only an identity provider of another make is asked for its
//! OpenID metadata. Plain `http` is for loopback alone.

mod endpoints;
mod health;
mod parse;
mod region;

use std::fmt;

use sidekey_oauth::{Cloud, TenantId};
use url::Url;

pub(crate) use endpoints::Endpoints;
pub(crate) use health::Health;
pub use parse::{AuthorityError, is_permitted};
pub(crate) use region::Regions;
pub use region::{NoRegion, Region};

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
        let url = parse::instance(instance)?;
        let ciam = parse::is_ciam(&url);
        Ok(Self::new(&url, if ciam { AuthorityKind::Ciam { tenant } } else { AuthorityKind::Aad { tenant } }))
    }

    /// A B2C authority from its instance, the tenant's domain and the user flow.
    pub fn b2c(instance: &str, domain: TenantId, policy: &str) -> Result<Self, AuthorityError> {
        let (url, policy) = (parse::instance(instance)?, parse::user_flow(policy)?);
        Ok(Self::new(&url, AuthorityKind::B2c { tenant: domain, policy }))
    }

    /// From a whole authority URL. Its kind is read from host and path; a query is given back as parameters for token requests.
    pub fn of_url(text: &str) -> Result<(Self, Vec<(String, String)>), AuthorityError> {
        let url = parse::url(text)?;
        let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Ok((Self::new(&url, parse::kind(&url)?), query))
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

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

#[cfg(test)]
mod tests;
