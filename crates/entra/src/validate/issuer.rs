//! Who made a token: the issuer rule, and the issuers that signing keys are pinned to.
//!
//! Host names are never treated as aliases of each other here: an issuer is a text that Entra's metadata says.

use std::fmt;

use super::{
    Rejection,
    claims::Claims,
    judge::Signer,
    rejection::Echo,
    rules::{Rules, joined},
};

/// An issuer, or a template of issuers in which `{tenantid}` stands for the tenant.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct IssuerPattern {
    text: Box<str>,
    /// What stands around each `{tenantid}` of the text.
    parts: Box<[Box<str>]>,
}

impl IssuerPattern {
    /// Any text.
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), parts: text.split(PLACEHOLDER).map(Box::from).collect() }
    }

    /// The text with its placeholders.
    #[cfg(test)]
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether tokens of many tenants match.
    pub(crate) fn is_template(&self) -> bool {
        self.parts.len() > 1
    }

    /// Whether this is the issuer of that tenant; a template matches no issuer without one.
    pub(crate) fn matches(&self, issuer: &str, tenant: Option<&str>) -> bool {
        if !self.is_template() {
            return *self.text == *issuer;
        }
        let Some(tenant) = tenant else { return false };
        let mut parts = self.parts.iter();
        let mut rest = parts.next().and_then(|first| issuer.strip_prefix(&**first));
        for part in parts {
            rest = rest.and_then(|rest| rest.strip_prefix(tenant)?.strip_prefix(&**part));
        }
        rest == Some("")
    }

    /// The issuer of some tenant, to see what form it has.
    pub(crate) fn example(&self) -> String {
        self.of_tenant("00000000-0000-0000-0000-000000000000")
    }

    fn of_tenant(&self, tenant: &str) -> String {
        self.text.replace(PLACEHOLDER, tenant)
    }
}

impl fmt::Display for IssuerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for IssuerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerPattern({})", self.text)
    }
}

/// Whether one of the configured issuers is the token's.
pub(crate) fn is_configured(rules: &Rules, claims: &Claims) -> bool {
    let tenant = claims.tenant.as_deref();
    claims.issuer.as_deref().is_some_and(|issuer| rules.issuers.iter().any(|own| own.matches(issuer, tenant)))
}

/// The token's issuer must be the metadata's or a configured one, and of the tenant that the token names.
pub(super) fn check(rules: &Rules, metadata: &IssuerPattern, claims: &Claims) -> Result<(), Rejection> {
    let Some(issuer) = claims.issuer.as_deref() else {
        return Err(refused(claims, expected(rules, metadata)));
    };
    if let Some(other) = &claims.other_tenant_in_issuer {
        let tenant = Echo(claims.tenant.as_deref().unwrap_or_default());
        return Err(refused(claims, format!("one of the tenant `{tenant}`, which `tid` names, not of `{other}`")));
    }
    if metadata.matches(issuer, claims.tenant.as_deref()) || is_configured(rules, claims) {
        return Ok(());
    }
    Err(refused(claims, expected(rules, metadata)))
}

/// A key that is published for one issuer signs for no other.
pub(super) fn check_pinning(signer: Signer<'_>, claims: &Claims) -> Result<(), Rejection> {
    let Some(key) = signer.key else { return Ok(()) };
    let (Some(issuer), Some(tenant)) = (claims.issuer.as_deref(), claims.tenant.as_deref()) else {
        return Err(refused(claims, format!("`{key}`, which the signing key is for, and a `tid`")));
    };
    let authority_s_own = || {
        let key = key.of_tenant(tenant);
        [Some(signer.metadata), signer.main].into_iter().flatten().any(|own| own.of_tenant(tenant) == key)
    };
    // A template that matches has the tenant in it.
    if key.is_template() && key.matches(issuer, Some(tenant)) {
        return Ok(());
    }
    if issuer.contains(tenant) && (key.matches(issuer, Some(tenant)) || authority_s_own()) {
        return Ok(());
    }
    Err(refused(claims, format!("`{key}` for the tenant `{}`, because the signing key is for no other", Echo(tenant))))
}

#[cold]
fn refused(claims: &Claims, expected: String) -> Rejection {
    Rejection::Issuer { issuer: claims.issuer.clone(), expected }
}

fn expected(rules: &Rules, metadata: &IssuerPattern) -> String {
    joined(std::iter::once(metadata).chain(&rules.issuers).map(|issuer| format!("`{issuer}`")))
}

const PLACEHOLDER: &str = "{tenantid}";
