//! Authorities from text: what is accepted, and what else to write.

use sidekey_oauth::{Cloud, TenantId};
use url::{Host, Url};

use super::AuthorityKind;

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

pub(super) fn url(text: &str) -> Result<Url, AuthorityError> {
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

/// The name of a B2C user flow.
pub(super) fn user_flow(name: &str) -> Result<Box<str>, AuthorityError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(error(format!("`{name}` is not the name of a user flow"), "write a name such as `B2C_1_susi`"));
    }
    Ok(name.into())
}

/// An instance is an origin; only B2C's `/tfp/` may follow.
pub(super) fn instance(text: &str) -> Result<Url, AuthorityError> {
    let url = url(text)?;
    if !matches!(url.path().trim_matches('/'), "" | "tfp") || url.query().is_some() {
        let hint = format!("write `{}/` here and the tenant in `AzureAd:TenantId`", url.origin().ascii_serialization());
        return Err(error(format!("`{text}` holds more than scheme and host"), hint));
    }
    Ok(url)
}

pub(super) fn kind(url: &Url) -> Result<AuthorityKind, AuthorityError> {
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
    Ok(AuthorityKind::B2c { tenant: parse_tenant(domain)?, policy: user_flow(policy)? })
}

/// `https://contoso.ciamlogin.com/` stands for the tenant `contoso.onmicrosoft.com`.
fn ciam_root(url: &Url) -> Result<AuthorityKind, AuthorityError> {
    let name = url.host_str().and_then(|host| host.split('.').next()).unwrap_or_default();
    Ok(AuthorityKind::Ciam { tenant: parse_tenant(&format!("{name}.onmicrosoft.com"))? })
}

fn parse_tenant(text: &str) -> Result<TenantId, AuthorityError> {
    text.parse().map_err(|cause| error(format!("the authority's tenant: {cause}"), AAD_EXAMPLE))
}

pub(super) fn is_ciam(url: &Url) -> bool {
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

const AAD_EXAMPLE: &str = "write `https://login.microsoftonline.com/` and the tenant's GUID or domain behind it";
const B2C_EXAMPLE: &str = "write `https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_susi`";
