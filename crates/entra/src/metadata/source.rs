//! Where a document comes from, and what it must say to be believed.

use sidekey_oauth::TenantId;
use url::Url;
use uuid::Uuid;

use crate::{authority::is_permitted, validate::IssuerPattern};

/// An OpenID metadata document's address and what is expected in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The address of `openid-configuration`.
    pub(crate) address: String,
    /// Whose tokens the authority vouches for.
    pub(crate) tenancy: Tenancy,
    /// Whether plain http is refused outside loopback (`AzureAd:RequireHttpsMetadata`).
    pub(crate) require_https: bool,
}

/// Whose tokens an authority vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenancy {
    /// `common`, `organizations`: any directory's, so that the issuer may be a template.
    Any,
    /// One directory's, known by a name only the authority can translate.
    Named,
    /// This directory's.
    Of(Uuid),
}

impl From<&TenantId> for Tenancy {
    fn from(tenant: &TenantId) -> Self {
        match tenant.guid() {
            Some(id) => Self::Of(id),
            None if tenant.is_meta() => Self::Any,
            None => Self::Named,
        }
    }
}

impl Tenancy {
    /// The same where the document was chosen by hand, so that nothing but it says what the tenant is called.
    pub(crate) fn by_any_name(self) -> Self {
        if self == Self::Any { self } else { Self::Named }
    }
}

impl Source {
    /// The issuer of the document. `Err` says why it cannot be the authority's.
    pub(crate) fn check_issuer(&self, issuer: &str) -> Result<IssuerPattern, String> {
        let pattern = IssuerPattern::new(issuer);
        self.check_url("issuer", &pattern.example()).and_then(|url| match (url.query(), url.fragment()) {
            (None, None) => Ok(()),
            _ => Err("the `issuer` has a query or a fragment".to_owned()),
        })?;
        if self.tenancy != Tenancy::Any && pattern.is_template() {
            return Err("the `issuer` stands for any tenant, but the authority is one tenant's".to_owned());
        }
        match self.tenancy {
            Tenancy::Of(id) if !issuer.contains(&id.to_string()) => {
                Err(format!("the `issuer` is not of the tenant `{id}`"))
            }
            _ => Ok(pattern),
        }
    }

    /// The address of the keys. `Err` says why it is not followed.
    pub(crate) fn check_keys_address(&self, address: &str) -> Result<Url, String> {
        self.check_url("jwks_uri", address)
    }

    /// The document's own address. `Err` says why it is not fetched.
    pub(crate) fn check_address(&self) -> Result<Url, String> {
        self.check_url("address", &self.address)
    }

    fn check_url(&self, what: &str, text: &str) -> Result<Url, String> {
        if text.len() > MAX_URL_BYTES {
            return Err(format!("the `{what}` is longer than {MAX_URL_BYTES} bytes"));
        }
        let url = Url::parse(text).map_err(|error| format!("the `{what}` is not a URL: {error}"))?;
        if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
            return Err(format!("the `{what}` has no host, or has a user name"));
        }
        self.check_scheme(what, &url).map(|()| url)
    }

    fn check_scheme(&self, what: &str, url: &Url) -> Result<(), String> {
        if is_permitted(url) || url.scheme() == "http" && !self.require_https {
            return Ok(());
        }
        Err(format!("the `{what}` must start with `https://` (`http://` only on loopback)"))
    }
}

const MAX_URL_BYTES: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

    fn source(tenant: &str, require_https: bool) -> Source {
        Source {
            address: "https://login.example.com/x/.well-known/openid-configuration".to_owned(),
            tenancy: Tenancy::from(&tenant.parse::<TenantId>().unwrap()),
            require_https,
        }
    }

    #[test]
    fn an_issuer_fits_the_authority_it_is_published_by() {
        let other = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
        let template = "https://login.example.com/{tenantid}/v2.0";
        let literal = format!("https://login.example.com/{TENANT}/v2.0");
        let foreign = format!("https://login.example.com/{other}/v2.0");
        let long = format!("https://login.example.com/{}", "x".repeat(3_000));
        let cases = [
            ("common", template, None),
            ("common", &*literal, None),
            ("organizations", template, None),
            (TENANT, &*literal, None),
            (TENANT, "https://localhost:5443/AAAABBBB/v2.0", Some("is not of the tenant")),
            (TENANT, template, Some("stands for any tenant")),
            (TENANT, &*foreign, Some("is not of the tenant")),
            ("contoso.com", &*literal, None),
            ("contoso.com", template, Some("stands for any tenant")),
            ("consumers", "https://login.example.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", None),
            ("common", "", Some("is not a URL")),
            ("common", "urn:issuer", Some("no host")),
            ("common", "http://login.example.com/", Some("must start with `https://`")),
            ("common", "http://localhost:5080/{tenantid}/v2.0", None),
            ("common", "https://a@login.example.com/", Some("user name")),
            ("common", "https://login.example.com/?x=1", Some("a query")),
            ("common", "https://login.example.com/#x", Some("a fragment")),
            ("common", &*long, Some("longer than")),
        ];
        for (tenant, issuer, fault) in cases {
            let found = source(tenant, true).check_issuer(issuer);
            match (found, fault) {
                (Ok(pattern), None) => assert_eq!(pattern.as_str(), issuer),
                (Err(text), Some(part)) => assert!(text.contains(part), "{tenant} {issuer}: {text}"),
                (found, _) => panic!("{tenant} {issuer}: {found:?}"),
            }
        }
    }

    #[test]
    fn plain_http_needs_loopback_or_a_setting() {
        let strict = source("common", true);
        for loopback in ["http://localhost/k", "http://127.0.0.1:8/k", "http://[::1]/k"] {
            assert!(strict.check_keys_address(loopback).is_ok(), "{loopback}");
        }
        for outside in ["http://10.0.0.1/k", "http://localhost.example.com/k", "file:///etc/passwd", "ftp://localhost/"]
        {
            assert!(strict.check_keys_address(outside).is_err(), "{outside}");
        }
        assert!(source("common", false).check_keys_address("http://10.0.0.1/k").is_ok());
        assert!(source("common", false).check_keys_address("ftp://10.0.0.1/k").is_err());
    }
}
