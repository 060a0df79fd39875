//! What a vault wants a token for: the `WWW-Authenticate` header of its 401
//! (<https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>).
//!
//! A token goes only to whom it is for. So the resource that a vault names must be the vault's own domain; anything else is
//! refused before a token is asked for.

use sidekey_oauth::{AuthChallenge, TenantId, parse_www_authenticate};
use url::{Host, Url};

use crate::authority::is_permitted;

/// A vault's demand, found to be one that may be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// The token's audience, without a slash at its end.
    pub(super) resource: String,
    /// The vault's directory.
    pub(super) tenant: Option<TenantId>,
    /// A claims challenge (JSON text), where the vault wants more than the last token had.
    pub(super) claims: Option<String>,
}

/// Reads the headers of a 401. `known` is the vault's last demand: a claims challenge need not repeat it.
pub(super) fn read<'a>(
    headers: impl Iterator<Item = &'a str>,
    vault: &Url,
    known: Option<&Challenge>,
) -> Result<Challenge, String> {
    let bearer = headers.flat_map(parse_www_authenticate).find(|one| one.scheme.eq_ignore_ascii_case("Bearer"));
    let bearer = bearer.ok_or("it names no `Bearer` challenge")?;
    let resource = match (resource(&bearer), known) {
        (Some(resource), _) => resource,
        (None, Some(known)) => known.resource.clone(),
        (None, None) => return Err("its challenge names neither `resource` nor `scope`".to_owned()),
    };
    if !is_of(&resource, vault) {
        let shown: String = resource.chars().take(200).flat_map(char::escape_debug).collect();
        return Err(format!("it wants a token for `{shown}`, which is not its own domain"));
    }
    let tenant = tenant(&bearer).or_else(|| known?.tenant.clone());
    Ok(Challenge { resource, tenant, claims: bearer.insufficient_claims() })
}

/// `resource`, or `scope` without `/.default`.
fn resource(challenge: &AuthChallenge) -> Option<String> {
    let text = challenge.parameter("resource").or_else(|| challenge.parameter("scope"))?.trim();
    let text = text.strip_suffix("/.default").unwrap_or(text);
    Some(text.trim_end_matches('/').to_owned()).filter(|text| !text.is_empty())
}

/// The first segment of the authorization's path. Its host does not count: a vault cannot choose whom we give our secrets.
fn tenant(challenge: &AuthChallenge) -> Option<TenantId> {
    let text = challenge.parameter("authorization").or_else(|| challenge.parameter("authorization_uri"))?;
    let url = Url::parse(text.trim()).ok()?;
    let tenant: TenantId = url.path_segments()?.next()?.parse().ok()?;
    Some(tenant).filter(|tenant| !tenant.is_meta())
}

/// Whether a resource is the vault's host or a domain that it is below. Its port, if it names one, must be the vault's.
fn is_of(resource: &str, vault: &Url) -> bool {
    let Ok(resource) = Url::parse(resource) else { return false };
    let bare = resource.path() == "/" && resource.query().is_none() && resource.fragment().is_none();
    let nobody = resource.username().is_empty() && resource.password().is_none();
    let port = resource.port().is_none_or(|port| vault.port_or_known_default() == Some(port));
    bare && nobody && port && is_permitted(&resource) && is_at_or_below(vault, &resource)
}

fn is_at_or_below(vault: &Url, resource: &Url) -> bool {
    match (vault.host(), resource.host()) {
        (Some(Host::Domain(vault)), Some(Host::Domain(domain))) => {
            // A whole top-level domain is nobody's own.
            let owned = domain.contains('.') || domain == "localhost";
            vault == domain || (owned && vault.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
        }
        (vault, resource) => vault.is_some() && vault == resource,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(vault: &str, header: &str) -> Result<Challenge, String> {
        read(std::iter::once(header), &vault.parse().unwrap(), None)
    }

    const VAULT: &str = "https://contoso.vault.azure.net/";
    const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

    #[test]
    fn resource_and_tenant_are_read_in_every_spelling() {
        let authorization = format!("authorization=\"https://login.microsoftonline.com/{TENANT}\"");
        for header in [
            format!("Bearer {authorization}, resource=\"https://vault.azure.net\""),
            format!("bearer {authorization} resource=https://vault.azure.net/"),
            format!("Bearer {authorization}, scope=\"https://vault.azure.net/.default\""),
            format!("Basic realm=\"x\", Bearer {authorization}, resource=\"https://vault.azure.net\""),
            format!(
                "Bearer authorization_uri=\"https://login.windows.net/{TENANT}\", resource=\"https://vault.azure.net\""
            ),
        ] {
            let challenge = read_one(VAULT, &header).unwrap();
            assert_eq!(challenge.resource, "https://vault.azure.net", "{header}");
            assert_eq!(challenge.tenant.map(|tenant| tenant.to_string()).as_deref(), Some(TENANT), "{header}");
            assert_eq!(challenge.claims, None);
        }
    }

    #[test]
    fn only_the_vaults_own_domain_gets_a_token() {
        let table = [
            (VAULT, "https://vault.azure.net", true),
            (VAULT, "https://VAULT.azure.net/", true),
            (VAULT, "https://vault.azure.net:443", true),
            (VAULT, "https://contoso.vault.azure.net", true),
            (VAULT, "https://vault.azure.net:8443", false),
            (VAULT, "http://vault.azure.net", false),
            (VAULT, "https://graph.microsoft.com", false),
            (VAULT, "https://management.azure.com", false),
            (VAULT, "https://other.vault.azure.net", false),
            (VAULT, "https://x.contoso.vault.azure.net", false),
            (VAULT, "https://ault.azure.net", false),
            (VAULT, "https://net", false),
            (VAULT, "https://vault.azure.net/x", false),
            (VAULT, "https://vault.azure.net?x", false),
            (VAULT, "https://u@vault.azure.net", false),
            (VAULT, "https://vault.azure.net@graph.microsoft.com", false),
            (VAULT, "api://vault", false),
            (VAULT, "00000003-0000-0000-c000-000000000000", false),
            ("https://contoso.vault.azure.net.example.com", "https://vault.azure.net", false),
            ("https://evilvault.azure.net", "https://vault.azure.net", false),
            ("https://contoso.vault.localhost:8443", "https://vault.localhost:8443", true),
            ("https://contoso.vault.localhost:8443", "https://vault.localhost", true),
            ("http://contoso.localhost:8443", "http://localhost:8443", true),
            ("http://127.0.0.1:8200", "http://127.0.0.1:8200", true),
            ("http://127.0.0.1:8200", "http://127.0.0.1:8201", false),
            ("http://127.0.0.1:8200", "https://vault.azure.net", false),
            ("https://127.0.0.1", "https://0.0.1", false),
        ];
        for (vault, resource, allowed) in table {
            let found = read_one(vault, &format!("Bearer resource=\"{resource}\""));
            assert_eq!(found.is_ok(), allowed, "{vault} {resource}: {found:?}");
        }
    }

    #[test]
    fn a_claims_challenge_goes_on_from_the_last_demand() {
        let vault = VAULT.parse().unwrap();
        let known = read_one(VAULT, "Bearer resource=\"https://vault.azure.net\"").unwrap();
        let header = "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"eyJhIjoxfQ==\"";
        let more = read(std::iter::once(header), &vault, Some(&known)).unwrap();
        assert_eq!((more.resource, more.claims.as_deref()), (known.resource, Some("{\"a\":1}")));
        assert!(read_one(VAULT, header).unwrap_err().contains("neither"));
        assert!(read_one(VAULT, "Negotiate").unwrap_err().contains("no `Bearer`"));
        assert!(read(std::iter::empty(), &vault, None).is_err());
    }

    #[test]
    fn meta_tenants_and_nonsense_are_no_tenant() {
        for authorization in ["https://login.microsoftonline.com/common", "https://login.microsoftonline.com/", "x", ""]
        {
            let header = format!("Bearer authorization=\"{authorization}\", resource=\"https://vault.azure.net\"");
            assert_eq!(read_one(VAULT, &header).unwrap().tenant, None, "{authorization}");
        }
    }
}
