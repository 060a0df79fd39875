//! Client assertions that another issuer signed (workload identity federation).
//!
//! See <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>.

use sidekey_jose::Algorithm;
use sidekey_oauth::Cloud;
use url::Url;
use uuid::Uuid;

use super::{
    Refusal, TokenRequest,
    assertion::{Assertion, Claims},
    entra_issued,
    fmi::TOKEN_EXCHANGE,
};
use crate::directory::{App, CloudName, FederatedCredential};

/// Checks an assertion so that the most specific code appears: issuer, audience, subject, propagation, keys, signature, time.
pub(crate) async fn check(request: &TokenRequest<'_>, app: &App, assertion: &Assertion<'_>) -> Result<(), Refusal> {
    let algorithm = assertion.header().algorithm().map_err(Refusal::malformed_jwt)?;
    if algorithm != Algorithm::RS256 {
        let why = format!("The algorithm '{algorithm}' is not supported for federated credentials: use RS256.");
        return Err(Refusal::malformed_jwt(why));
    }
    let claims = assertion.claims();
    let (issuer, subject) = (claims.require("iss")?, claims.require("sub")?);
    let trusted = by_issuer(app, issuer, request.origin)?;
    let own = request.is_own_issuer(issuer);
    let other_cloud = !own && is_other_cloud(issuer, request.emulator.directory.cloud);
    if own || (is_microsofts(issuer) && !other_cloud) {
        let found = entra_issued::check(request, app, &trusted, assertion)?;
        return check_propagation(request, &[found], claims);
    }
    if other_cloud && claims.text("scp").is_some() {
        return Err(Refusal::user_token_assertion());
    }
    let found = by_audience_and_subject(app, &trusted, claims, subject, other_cloud)?;
    check_propagation(request, &found, claims)?;
    check_signature(request, assertion, issuer).await?;
    claims.check_time(request.now, Refusal::assertion_time)
}

/// The credentials that trust an issuer.
fn by_issuer<'a>(app: &'a App, issuer: &str, origin: &str) -> Result<Vec<&'a FederatedCredential>, Refusal> {
    if app.federated_credentials.is_empty() {
        return Err(Refusal::no_federated_credentials(&app.client_id, &app.name));
    }
    let trusted: Vec<_> = app.federated_credentials.iter().filter(|own| own.trusts(issuer, origin)).collect();
    if trusted.is_empty() { Err(Refusal::federated_issuer(issuer)) } else { Ok(trusted) }
}

/// Those of them that fit the token, just as exactly.
fn by_audience_and_subject<'a>(
    app: &App,
    trusted: &[&'a FederatedCredential],
    claims: &Claims,
    subject: &str,
    other_cloud: bool,
) -> Result<Vec<&'a FederatedCredential>, Refusal> {
    let flexible = app.federated_credentials.iter().any(|own| own.subject.exact().is_none());
    let audiences = claims.audiences();
    // Another cloud's token holds the id of the resource that the credential names.
    let names_exchange = |own: &FederatedCredential| {
        other_cloud
            && audiences == [TOKEN_EXCHANGE]
            && Cloud::all().iter().any(|cloud| cloud.token_exchange_audience == Some(own.audience.as_str()))
    };
    let fits = |own: &&&FederatedCredential| audiences.contains(&own.audience.as_str()) || names_exchange(own);
    let by_audience: Vec<_> = trusted.iter().filter(fits).collect();
    if by_audience.is_empty() {
        let audiences = audiences.join(" ");
        return Err(if flexible {
            Refusal::flexible_audience(audiences)
        } else {
            Refusal::federated_audience(audiences)
        });
    }
    let found: Vec<_> =
        by_audience.into_iter().filter(|own| own.subject.fits(|claim| claims.text(claim))).copied().collect();
    match (found.is_empty(), flexible) {
        (false, _) => Ok(found),
        (true, true) => Err(Refusal::flexible_subject(subject)),
        (true, false) => Err(Refusal::federated_subject(subject)),
    }
}

/// A new credential is not known everywhere at once.
fn check_propagation(
    request: &TokenRequest<'_>,
    found: &[&FederatedCredential],
    claims: &Claims,
) -> Result<(), Refusal> {
    let age = request.now.since(request.emulator.started);
    if found.iter().any(|own| own.propagation <= age) {
        return Ok(());
    }
    let text = |claim| claims.text(claim).unwrap_or_default();
    Err(Refusal::federated_not_yet(text("iss"), text("sub"), claims.audiences().join(" ")))
}

async fn check_signature(request: &TokenRequest<'_>, assertion: &Assertion<'_>, issuer: &str) -> Result<(), Refusal> {
    let kid = assertion.header().kid.as_deref();
    let keys = request.emulator.issuers.keys(issuer, kid, request.now).await.map_err(Refusal::issuer_unreachable)?;
    let mut candidates = keys.candidates(kid).peekable();
    if candidates.peek().is_none() {
        return Err(Refusal::federated_signature("The key was not found."));
    }
    if candidates.any(|key| assertion.verify(key, &[Algorithm::RS256]).is_ok()) {
        return Ok(());
    }
    Err(Refusal::federated_signature("The provided signature value did not match the expected signature value."))
}

/// Whether an issuer is at one of Microsoft's hosts.
fn is_microsofts(issuer: &str) -> bool {
    cloud_of(issuer).is_some()
}

/// Whether an issuer that is not this emulator is Entra in another cloud: by its host, or, at a host that is none of Microsoft's, by the
/// form of its name. The latter is another emulator: it has other keys and other tenants, as another cloud has.
fn is_other_cloud(issuer: &str, own: CloudName) -> bool {
    cloud_of(issuer).map_or_else(|| has_form_of_entras(issuer), |cloud| own.cloud() != Some(cloud))
}

fn cloud_of(issuer: &str) -> Option<&'static Cloud> {
    issuer.parse::<Url>().ok().and_then(|url| Cloud::of_host(url.host_str()?))
}

/// `{origin}/{tenant id}/v2.0`.
fn has_form_of_entras(issuer: &str) -> bool {
    let Ok(url) = issuer.parse::<Url>() else { return false };
    let segments: Vec<_> = url.path_segments().into_iter().flatten().collect();
    matches!(segments.as_slice(), [tenant, "v2.0"] if Uuid::try_parse(tenant).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{Directory, read};

    fn directory() -> Directory {
        let yaml = "tenants:\n  - {id: aaaabbbb-0000-cccc-1111-dddd2222eeee, displayName: C}\napps:\n  \
            - clientId: a\n    name: a\n    multiTenant: true\n    federatedCredentials:\n      \
            - {name: gov, issuer: https://login.microsoftonline.us/t/v2.0, subject: s, audience: api://AzureADTokenExchangeUSGov}\n";
        read(yaml, std::path::Path::new(".")).unwrap()
    }

    fn judge(claims: &str, other_cloud: bool) -> Option<u64> {
        let directory = directory();
        let app = &directory.apps[0];
        let claims = Claims::from_json(claims);
        let trusted =
            by_issuer(app, claims.text("iss").unwrap(), "https://localhost:5443").map_err(|refusal| refusal.code);
        let found =
            trusted.map(|trusted| by_audience_and_subject(app, &trusted, &claims, "s", other_cloud).map(|_| ()));
        found.map_or_else(Some, |found| found.err().map(|refusal| refusal.code))
    }

    #[test]
    fn another_clouds_token_holds_the_resources_id() {
        let token = r#"{"iss":"https://login.microsoftonline.us/t/v2.0","sub":"s","aud":"fb60f99c-7a34-4190-8149-302f77469936"}"#;
        assert_eq!(judge(token, true), None);
        assert_eq!(judge(token, false), Some(700_212));
        assert_eq!(judge(&token.replace("fb60", "fb61"), true), Some(700_212));
        assert_eq!(judge(&token.replace("\"s\"", "\"t\""), true), Some(700_213));
    }

    #[test]
    fn another_cloud_is_known_by_its_host_and_another_emulator_by_its_form() {
        let cases = [
            ("https://login.microsoftonline.us/t/v2.0", true, false),
            ("https://login.microsoftonline.com/t/v2.0", false, true),
            ("https://localhost:5444/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0", true, true),
            ("https://localhost:5444/contoso/v2.0", false, false),
            ("https://x.example/aaaabbbb-0000-cccc-1111-dddd2222eeee", false, false),
            ("https://x.example", false, false),
        ];
        for (issuer, from_public, from_government) in cases {
            assert_eq!(is_other_cloud(issuer, CloudName::Public), from_public, "{issuer}");
            assert_eq!(is_other_cloud(issuer, CloudName::UsGovernment), from_government, "{issuer}");
        }
    }
}
