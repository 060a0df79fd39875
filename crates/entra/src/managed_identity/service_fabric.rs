//! Service Fabric's managed identity token service: TLS to a certificate that is known by its thumbprint alone
//! (<https://learn.microsoft.com/azure/service-fabric/how-to-managed-identity-service-fabric-app-code>).

use sidekey_host::client::{self, ClientOptions};

use super::{
    ManagedIdentityError,
    error::setting,
    hex,
    host::{self, Host, Pinned, Selectors, Way},
    retry::{self, Outcome},
};
use crate::{
    Environment,
    http::{Answer, NoAnswer},
};

pub(super) fn host(environment: &Environment) -> Result<Host, ManagedIdentityError> {
    let endpoint = host::endpoint(environment, NAME, "IDENTITY_ENDPOINT")?;
    if endpoint.scheme() != "https" {
        let hint = "let `IDENTITY_ENDPOINT` be what the cluster sets";
        return Err(setting(NAME, "the variable `IDENTITY_ENDPOINT` names an endpoint without https", hint));
    }
    let secret = environment.get("IDENTITY_HEADER").unwrap_or_default();
    let thumbprint = thumbprint(environment)?;
    let client = client::build_pinned(&ClientOptions::default(), thumbprint)
        .map_err(|error| setting(NAME, &error.to_string(), "please report this"))?;
    Ok(Host {
        name: NAME,
        endpoint,
        api_version: Some("2019-07-01-preview"),
        selectors: Selectors::default(),
        default_identity: None,
        headers: host::headers(NAME, [("secret", secret)])?,
        retries: retry::SERVICE_FABRIC,
        way: Way::Pinned(Pinned { client, thumbprint }),
    })
}

/// Another certificate than the one that the variable names does not become that one by waiting.
pub(super) fn outcome(answer: Result<Answer, NoAnswer>, expected: &Pinned) -> Outcome {
    match answer {
        Err(NoAnswer { other_certificate: Some(found), .. }) => {
            let (found, expected) = (hex(&found).to_uppercase(), hex(&expected.thumbprint).to_uppercase());
            let problem = format!(
                "the server's certificate has the thumbprint `{found}`, the variable `IDENTITY_SERVER_THUMBPRINT` says \
                 `{expected}`"
            );
            let hint = "let the variable be what the cluster sets; start this process anew where the cluster has a new certificate";
            Outcome::Failed(setting(NAME, &problem, hint))
        }
        answer => Outcome::of(answer),
    }
}

/// A token that was rejected is not given again if its hash is sent; what the client can do is told too.
pub(super) fn parameters(
    rejected: Option<&str>,
    capabilities: &[String],
) -> impl Iterator<Item = (&'static str, String)> {
    let rejected = rejected.map(|hash| ("token_sha256_to_refresh", hash.to_owned()));
    let capabilities = (!capabilities.is_empty()).then(|| ("xms_cc", capabilities.join(",")));
    rejected.into_iter().chain(capabilities)
}

fn thumbprint(environment: &Environment) -> Result<[u8; 20], ManagedIdentityError> {
    let text = environment.get("IDENTITY_SERVER_THUMBPRINT").unwrap_or_default();
    bytes(text).ok_or_else(|| {
        let found: String = text.chars().take(60).flat_map(char::escape_debug).collect();
        let hint = "let it be the SHA-1 thumbprint of the endpoint's certificate, 40 hexadecimal digits";
        setting(NAME, &format!("the variable `IDENTITY_SERVER_THUMBPRINT` is `{found}`, which is no thumbprint"), hint)
    })
}

fn bytes(text: &str) -> Option<[u8; 20]> {
    let digits: Option<Vec<u32>> = text.trim().chars().map(|digit| digit.to_digit(16)).collect();
    let bytes = digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()?;
    bytes.try_into().ok()
}

const NAME: &str = "the Service Fabric identity endpoint";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_forty_hexadecimal_digits() {
        assert_eq!(bytes(&"0aFf".repeat(10)), Some([0x0a, 0xff].repeat(10).try_into().unwrap()));
        for bad in ["", "0a", &"0aff".repeat(10)[1..], &"0aff".repeat(11), &"0agg".repeat(10), "é"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_endpoint_is_asked_over_tls_alone() {
        let thumbprint = "00".repeat(20);
        for (endpoint, good) in [("https://10.0.0.4:2377/token", true), ("http://localhost:2377/token", false)] {
            let environment = Environment::from_pairs([
                ("IDENTITY_ENDPOINT", endpoint),
                ("IDENTITY_HEADER", "s"),
                ("IDENTITY_SERVER_THUMBPRINT", &thumbprint),
            ]);
            assert_eq!(host(&environment).is_ok(), good, "{endpoint}");
        }
    }
}
