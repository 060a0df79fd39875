//! Overrides on top of an API's profile: what a caller supplied changes, everything else stays.

use std::sync::Arc;

use http::HeaderValue;
use sidekey_entra::{BadPopKey, Confirmation, ManagedIdentityId};
use sidekey_oauth::{IdError, Scope, ScopeError, Scopes};

use super::{Overrides, overrides::AcquireOverrides};
use crate::{
    downstream::{HeaderFault, extra_header},
    options::{BadVerb, CallOptions, TokenOptions, verb},
};

/// An override that cannot be applied without harm; the caller gets a 400. `Display` is the problem's detail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadOverride {
    /// No tenant.
    #[error("`optionsOverride.AcquireTokenOptions.Tenant` {0}")]
    Tenant(IdError),
    /// No scope.
    #[error("`optionsOverride.Scopes`: {0}")]
    Scopes(ScopeError),
    /// No verb, or one that is refused.
    #[error("`optionsOverride.HttpMethod` {0}")]
    HttpMethod(BadVerb),
    /// No header value.
    #[error("`optionsOverride.AcceptHeader` is not a valid header value")]
    Accept,
    /// No key.
    #[error("`optionsOverride.AcquireTokenOptions.PopPublicKey` {0}")]
    PopPublicKey(BadPopKey),
    /// More than one name of a managed identity.
    #[error(
        "`optionsOverride.AcquireTokenOptions.ManagedIdentity` names the identity twice: send one of its client id, object id \
         and resource id"
    )]
    ManagedIdentity,
    /// CR, LF or NUL in a header. The name is not repeated: it may be what holds them.
    #[error("an `optionsOverride.ExtraHeaderParameters` entry has a line break or a NUL character")]
    HeaderLineBreak,
}

/// The call options with overrides applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallMerge {
    /// What the call is made with.
    pub(crate) options: CallOptions,
    /// Headers that were asked for and are not sent.
    pub(crate) skipped: Vec<(String, HeaderFault)>,
}

/// Applies the overrides that concern the token.
pub(crate) fn merge_token(base: &TokenOptions, overrides: &Overrides) -> Result<TokenOptions, BadOverride> {
    let acquire = &overrides.acquire;
    let own = base.clone();
    Ok(TokenOptions {
        scopes: if overrides.scopes.is_empty() { own.scopes } else { scopes(&overrides.scopes)? },
        // A configured `true` cannot be undone: a caller must not turn an app's call into a user's.
        app_token: own.app_token || overrides.request_app_token == Some(true),
        managed_identity: managed_identity(acquire)?.or(own.managed_identity),
        tenant: match &acquire.tenant {
            Some(tenant) => Some(tenant.parse().map_err(BadOverride::Tenant)?),
            None => own.tenant,
        },
        claims: acquire.claims.clone().or(own.claims),
        force_refresh: acquire.force_refresh.unwrap_or(own.force_refresh),
        correlation_id: acquire.correlation_id.or(own.correlation_id),
        fmi_path: acquire.fmi_path.clone().or(own.fmi_path),
        credential_fmi_path: own.credential_fmi_path,
        composite: own.composite,
        session_key: acquire.session_key.clone().or(own.session_key),
        pop_public_key: match &acquire.pop_public_key {
            Some(key) => Some(Arc::new(confirmation(key, own.pop_claim.as_deref())?)),
            None => own.pop_public_key,
        },
        pop_claim: own.pop_claim,
        // A caller who names a key signs with it.
        pop_private_key: own.pop_private_key.filter(|_| acquire.pop_public_key.is_none()),
        extra_parameters: own.extra_parameters,
        extra_headers: own.extra_headers,
    })
}

/// The identity that the caller names, if one is.
fn managed_identity(acquire: &AcquireOverrides) -> Result<Option<ManagedIdentityId>, BadOverride> {
    let [client_id, object_id, resource_id] =
        [&acquire.managed_client, &acquire.managed_object, &acquire.managed_resource].map(Option::as_deref);
    let identity = ManagedIdentityId::of_one(client_id, object_id, resource_id).ok_or(BadOverride::ManagedIdentity)?;
    let is_named = [client_id, object_id, resource_id].iter().any(Option::is_some);
    Ok(is_named.then_some(identity))
}

/// Applies the overrides that concern the call.
pub(crate) fn merge_call(base: &CallOptions, overrides: &Overrides) -> Result<CallMerge, BadOverride> {
    let mut options = base.clone();
    if let Some(path) = &overrides.relative_path {
        options.relative_path.clone_from(path);
    }
    if let Some(method) = &overrides.http_method {
        options.method = Some(verb(method).map_err(BadOverride::HttpMethod)?);
    }
    if let Some(accept) = &overrides.accept {
        options.accept = Some(HeaderValue::from_str(accept).map_err(|_| BadOverride::Accept)?);
    }
    for (name, value) in overrides.query.iter() {
        match options.query.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => value.clone_into(own),
            None => options.query.push((name.to_owned(), value.to_owned())),
        }
    }
    let mut skipped = Vec::new();
    for (name, value) in overrides.headers.iter() {
        match extra_header(name, value) {
            Ok((name, value)) => options.set_header(name, value),
            Err(HeaderFault::LineBreak) => return Err(BadOverride::HeaderLineBreak),
            Err(fault) => skipped.push((name.to_owned(), fault)),
        }
    }
    Ok(CallMerge { options, skipped })
}

fn confirmation(key: &str, claim: Option<&str>) -> Result<Confirmation, BadOverride> {
    let confirmation = match claim {
        Some(claim) => Confirmation::of_claim(Some(key), claim),
        None => Confirmation::of_public_key(key),
    };
    confirmation.map_err(BadOverride::PopPublicKey)
}

/// A scope has no blanks: an element with blanks is the scopes that it would be on the wire.
fn scopes(elements: &[String]) -> Result<Scopes, BadOverride> {
    let words = elements.iter().flat_map(|element| element.split_ascii_whitespace());
    words.map(str::parse::<Scope>).collect::<Result<_, _>>().map_err(BadOverride::Scopes)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, Method};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::query::Query;

    fn overrides(query: &str) -> Overrides {
        let prefixed: Vec<_> = query.split('&').map(|pair| format!("optionsOverride.{pair}")).collect();
        Query::parse(Some(&prefixed.join("&"))).overrides
    }

    fn key(kid: &str) -> Option<Arc<Confirmation>> {
        Confirmation::of_public_key(&format!(r#"{{"kid":"{kid}"}}"#)).map(Arc::new).ok()
    }

    /// Options of which none has its default.
    fn full_token() -> TokenOptions {
        let some = |text: &str| Some(text.to_owned());
        TokenOptions {
            scopes: Scopes::parse("api://x/.default y").unwrap(),
            app_token: true,
            managed_identity: Some(ManagedIdentityId::ClientId("m".into())),
            tenant: "contoso.com".parse().ok(),
            claims: some("{}"),
            force_refresh: true,
            correlation_id: Some(Uuid::from_u128(7)),
            fmi_path: some("f"),
            credential_fmi_path: some("c"),
            composite: None,
            session_key: some("s"),
            pop_public_key: key("p"),
            pop_claim: None,
            pop_private_key: Some(Arc::new(sidekey_entra::PopKey::new("/key.pem"))),
            extra_parameters: vec![("a".into(), "b".into())],
            extra_headers: vec![(HeaderName::from_static("a"), HeaderValue::from_static("b"))],
        }
    }

    fn full_call() -> CallOptions {
        CallOptions {
            relative_path: "a/b?c".into(),
            method: Some(Method::POST),
            accept: Some(HeaderValue::from_static("text/csv")),
            headers: vec![(HeaderName::from_static("x-a"), HeaderValue::from_static("1"))],
            query: vec![("q".into(), "1".into())],
        }
    }

    #[test]
    fn one_override_changes_one_token_option() {
        let full = full_token;
        let some = |text: &str| Some(text.to_owned());
        let table: Vec<(&str, TokenOptions)> = vec![
            ("Scopes=a&Scopes=b%20a", TokenOptions { scopes: Scopes::parse("a b").unwrap(), ..full() }),
            ("RequestAppToken=false", full()),
            ("AcquireTokenOptions.Tenant=Fabrikam.com", TokenOptions { tenant: "fabrikam.com".parse().ok(), ..full() }),
            ("AcquireTokenOptions.Claims=x", TokenOptions { claims: some("x"), ..full() }),
            ("AcquireTokenOptions.ForceRefresh=false", TokenOptions { force_refresh: false, ..full() }),
            ("AcquireTokenOptions.CorrelationId=00000000-0000-0000-0000-000000000000", full()),
            (
                "AcquireTokenOptions.CorrelationId=00000000-0000-0000-0000-000000000008",
                TokenOptions { correlation_id: Some(Uuid::from_u128(8)), ..full() },
            ),
            ("AcquireTokenOptions.FmiPath=x", TokenOptions { fmi_path: some("x"), ..full() }),
            ("AcquireTokenOptions.LongRunningWebApiSessionKey=x", TokenOptions { session_key: some("x"), ..full() }),
            (
                "AcquireTokenOptions.PopPublicKey=%7B%22kid%22:%22x%22%7D",
                TokenOptions { pop_public_key: key("x"), pop_private_key: None, ..full() },
            ),
            (
                "AcquireTokenOptions.ManagedIdentity.UserAssignedClientId=x",
                TokenOptions { managed_identity: Some(ManagedIdentityId::ClientId("x".into())), ..full() },
            ),
            (
                "AcquireTokenOptions.ManagedIdentity.UserAssignedObjectId=x",
                TokenOptions { managed_identity: Some(ManagedIdentityId::ObjectId("x".into())), ..full() },
            ),
            (
                "AcquireTokenOptions.ManagedIdentity.UserAssignedResourceId=/x",
                TokenOptions { managed_identity: Some(ManagedIdentityId::ResourceId("/x".into())), ..full() },
            ),
            ("AcquireTokenOptions.UserFlow=x&ProtocolScheme=y&BaseUrl=https://evil.example", full()),
        ];
        for (query, expected) in table {
            assert_eq!(merge_token(&full(), &overrides(query)), Ok(expected), "{query}");
        }
        let app = merge_token(&TokenOptions::default(), &overrides("RequestAppToken=true"));
        assert_eq!(app, Ok(TokenOptions { app_token: true, ..TokenOptions::default() }));
    }

    #[test]
    fn with_a_claim_the_public_key_is_its_name() {
        let jwk = r#"{"kty":"RSA","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}"#;
        let claimed = |name| Some(Arc::new(Confirmation::of_claim(Some(name), jwk).unwrap()));
        let base =
            TokenOptions { pop_public_key: claimed("one"), pop_claim: Some(jwk.to_owned()), ..TokenOptions::default() };
        let merged = merge_token(&base, &overrides("AcquireTokenOptions.PopPublicKey=two")).unwrap();
        assert_eq!(merged, TokenOptions { pop_public_key: claimed("two"), ..base });
    }

    #[test]
    fn one_override_changes_one_call_option() {
        let full = full_call;
        let table: Vec<(&str, CallOptions)> = vec![
            ("Scopes=s", full()),
            ("RelativePath=x", CallOptions { relative_path: "x".into(), ..full() }),
            ("RelativePath=&HttpMethod=%20&AcceptHeader=", full()),
            ("HttpMethod=delete", CallOptions { method: Some(Method::DELETE), ..full() }),
            ("AcceptHeader=a/b", CallOptions { accept: Some(HeaderValue::from_static("a/b")), ..full() }),
            (
                "ExtraHeaderParameters.X-A=2",
                CallOptions {
                    headers: vec![(HeaderName::from_static("x-a"), HeaderValue::from_static("2"))],
                    ..full()
                },
            ),
            ("ExtraQueryParameters.q=2", CallOptions { query: vec![("q".into(), "2".into())], ..full() }),
            (
                "ExtraQueryParameters.Q=2",
                CallOptions { query: vec![("q".into(), "1".into()), ("Q".into(), "2".into())], ..full() },
            ),
        ];
        for (query, expected) in table {
            let merged = merge_call(&full(), &overrides(query)).map(|merge| (merge.options, merge.skipped));
            assert_eq!(merged, Ok((expected, Vec::new())), "{query}");
        }
    }

    #[test]
    fn reserved_headers_are_skipped_and_line_breaks_refused() {
        let merge = merge_call(&full_call(), &overrides("CustomHeader.Host=evil&CustomHeader.X%20Y=z")).unwrap();
        let skipped = [("Host".to_owned(), HeaderFault::Reserved), ("X Y".to_owned(), HeaderFault::NotAHeader)];
        assert_eq!((merge.options, merge.skipped.as_slice()), (full_call(), skipped.as_slice()));
        for query in ["CustomHeader.X=a%0D%0AHost:b", "CustomHeader.X%0A=a", "CustomHeader.Host=a%00"] {
            assert_eq!(merge_call(&full_call(), &overrides(query)), Err(BadOverride::HeaderLineBreak), "{query}");
        }
    }

    #[test]
    fn overrides_that_could_do_harm_are_refused() {
        let token = |query| merge_token(&full_token(), &overrides(query)).unwrap_err().to_string();
        let call = |query| merge_call(&full_call(), &overrides(query)).unwrap_err().to_string();
        insta::assert_snapshot!(token("AcquireTokenOptions.Tenant=../x"), @"`optionsOverride.AcquireTokenOptions.Tenant` `../x` is neither a GUID, a domain name, nor `common`, `organizations` or `consumers`");
        insta::assert_snapshot!(token("Scopes=a%22"), @r#"`optionsOverride.Scopes`: `a"` is not a scope: printable ASCII without blanks, quotes and backslashes, at most 1,024 characters"#);
        let error = token("AcquireTokenOptions.PopPublicKey=s3cret");
        assert!(error.contains("PopPublicKey` is neither a key nor base64") && !error.contains("s3cret"), "{error}");
        let twice = "AcquireTokenOptions.ManagedIdentity.UserAssignedObjectId=o&AcquireTokenOptions.ManagedIdentity.UserAssignedClientId=c";
        insta::assert_snapshot!(token(twice), @"`optionsOverride.AcquireTokenOptions.ManagedIdentity` names the identity twice: send one of its client id, object id and resource id");
        insta::assert_snapshot!(call("HttpMethod=trace"), @"`optionsOverride.HttpMethod` must be neither `TRACE` nor `CONNECT`");
        insta::assert_snapshot!(call("AcceptHeader=a%0Ab"), @"`optionsOverride.AcceptHeader` is not a valid header value");
    }

    /// Names that exist, names that do not, and values of all kinds.
    fn any_override() -> impl Strategy<Value = String> {
        let names = prop::sample::select(vec![
            "Scopes",
            "RequestAppToken",
            "RelativePath",
            "HttpMethod",
            "AcceptHeader",
            "ContentType",
            "BaseUrl",
            "Nonsense",
            "AcquireTokenOptions.Tenant",
            "AcquireTokenOptions.ForceRefresh",
            "AcquireTokenOptions.Claims",
            "AcquireTokenOptions.CorrelationId",
            "AcquireTokenOptions.Nonsense",
            "ExtraHeaderParameters.X-B",
            "ExtraHeaderParameters.Host",
            "ExtraQueryParameters.z",
        ]);
        (names, "(true|false||[a-z]{1,8}|.{0,6})").prop_map(|(name, value)| {
            let value = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC).to_string();
            format!("{name}={value}")
        })
    }

    proptest! {
        #[test]
        fn only_what_is_supplied_changes(pairs in prop::collection::vec(any_override(), 0..4)) {
            let query = pairs.join("&");
            let overrides = overrides(&query);
            let says = |name: &str| pairs.iter().any(|pair| pair.starts_with(name));
            if let Ok(merged) = merge_token(&full_token(), &overrides) {
                let full = full_token();
                prop_assert!(says("Scopes=") || merged.scopes == full.scopes);
                prop_assert!(says("AcquireTokenOptions.Tenant") || merged.tenant == full.tenant);
                prop_assert!(says("AcquireTokenOptions.Claims") || merged.claims == full.claims);
                prop_assert!(says("AcquireTokenOptions.ForceRefresh") || merged.force_refresh == full.force_refresh);
                prop_assert!(says("AcquireTokenOptions.CorrelationId") || merged.correlation_id == full.correlation_id);
                let rest = TokenOptions {
                    scopes: full.scopes.clone(), tenant: full.tenant.clone(), claims: full.claims.clone(),
                    force_refresh: full.force_refresh, correlation_id: full.correlation_id, ..merged
                };
                prop_assert_eq!(rest, full);
            }
            if let Ok(CallMerge { options: merged, .. }) = merge_call(&full_call(), &overrides) {
                let full = full_call();
                prop_assert!(says("RelativePath") || merged.relative_path == full.relative_path);
                prop_assert!(says("HttpMethod") || merged.method == full.method);
                prop_assert!(says("AcceptHeader") || merged.accept == full.accept);
                prop_assert!(says("ExtraHeaderParameters.X-B") || merged.headers == full.headers);
                prop_assert!(says("ExtraQueryParameters") || merged.query == full.query);
            }
        }
    }
}
