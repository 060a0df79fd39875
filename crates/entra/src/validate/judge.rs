//! The judgement: pure rules over the claims, the rules and the time, in the order of Microsoft's own handler, so that a
//! token with several faults is refused for the same one.
//!
//! Signature, lifetime, audience, issuer, the key's issuer; then what is configured beyond: tenants, clients, the kind of
//! token. The signature is checked before this is called, or was for a remembered token.

use sidekey_host::UnixTime;
use sidekey_jose::Header;

use super::{
    Rejection, audience,
    claims::Claims,
    issuer::{self, IssuerPattern},
    rejection::Echo,
    rules::Rules,
};

/// Who vouches for a signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signer<'a> {
    /// The issuer in the metadata that the key was found by.
    pub(crate) metadata: &'a IssuerPattern,
    /// The issuer that the key itself is pinned to.
    pub(crate) key: Option<&'a IssuerPattern>,
    /// The issuer in the authority's main metadata, where the key is from its other document.
    pub(crate) main: Option<&'a IssuerPattern>,
}

/// Judges a token whose signature is good.
pub(crate) fn judge(rules: &Rules, signer: Signer<'_>, claims: &Claims, now: UnixTime) -> Result<(), Rejection> {
    judge_unsigned(rules, Some(signer.metadata), claims, now)?;
    issuer::check_pinning(signer, claims)?;
    check_allowed(rules, claims)?;
    check_kind(rules, claims)
}

/// What can be said before the key is known. A token that fails here is refused for that, which says more than "unknown
/// key", and costs no look at the authority.
pub(crate) fn judge_unsigned(
    rules: &Rules,
    metadata: Option<&IssuerPattern>,
    claims: &Claims,
    now: UnixTime,
) -> Result<(), Rejection> {
    check_lifetime(rules, claims, now)?;
    audience::check(&rules.audiences, claims)?;
    metadata.map_or(Ok(()), |metadata| issuer::check(rules, metadata, claims))
}

/// The header's `typ`: an access token by RFC 9068 or as Entra has it, or nothing.
pub(crate) fn check_type(header: &Header) -> Result<(), Rejection> {
    match header.typ.as_deref() {
        None => Ok(()),
        Some(typ) if TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ)) => Ok(()),
        Some(typ) => Err(Rejection::Kind(format!("its `typ` is `{}`, expected `JWT` or `at+jwt`", Echo(typ)))),
    }
}

fn check_lifetime(rules: &Rules, claims: &Claims, now: UnixTime) -> Result<(), Rejection> {
    let expires = claims.expires.ok_or(Rejection::NoExpiration)?;
    if let Some(not_before) = claims.not_before {
        if not_before > expires {
            return Err(Rejection::Lifetime { not_before, expires });
        }
        if not_before > now + rules.clock_skew {
            return Err(Rejection::NotYetValid(not_before));
        }
    }
    if now > expires + rules.clock_skew { Err(Rejection::Expired(expires)) } else { Ok(()) }
}

fn check_allowed(rules: &Rules, claims: &Claims) -> Result<(), Rejection> {
    if !allows(&rules.tenants, claims.tenant.as_deref()) {
        return Err(Rejection::Tenant { tenant: claims.tenant.clone(), issuer: claims.issuer.clone() });
    }
    if !allows(&rules.clients, claims.client.as_deref()) {
        return Err(Rejection::Client(claims.client.clone()));
    }
    Ok(())
}

/// An empty list allows everything; a list allows nothing that is absent. Ids are GUIDs, whose case means nothing.
fn allows(list: &[String], found: Option<&str>) -> bool {
    list.is_empty() || found.is_some_and(|found| list.iter().any(|own| own.eq_ignore_ascii_case(found)))
}

fn check_kind(rules: &Rules, claims: &Claims) -> Result<(), Rejection> {
    if claims.has_nonce && claims.client.is_none() {
        return Err(Rejection::Kind(
            "this is an ID token (it has a `nonce` and neither `azp` nor `appid`); send an access token for this API"
                .to_owned(),
        ));
    }
    if rules.needs_access_claim && !claims.names_access {
        return Err(Rejection::NoScopeOrRole);
    }
    Ok(())
}

const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::validate::{
        fixtures::{CALLER, CLIENT, NOW, OTHER_TENANT, TENANT, app_claims, parsed, rules, user_claims, with},
        rules::Audiences,
    };

    const ORIGIN: &str = "https://login.microsoftonline.com";

    /// The verdict under the issuer of a single-tenant authority.
    fn verdict(rules: &Rules, claims: &Value) -> Result<(), Rejection> {
        verdict_of(rules, &format!("{ORIGIN}/{TENANT}/v2.0"), None, claims)
    }

    fn verdict_of(rules: &Rules, metadata: &str, key: Option<&str>, claims: &Value) -> Result<(), Rejection> {
        let (metadata, key) = (IssuerPattern::new(metadata), key.map(IssuerPattern::new));
        judge(rules, Signer { metadata: &metadata, key: key.as_ref(), main: None }, &parsed(claims), NOW)
    }

    fn user(changes: &Value) -> Value {
        with(user_claims(ORIGIN), changes)
    }

    #[test]
    fn the_lifetime_is_judged_with_a_skew_of_five_minutes() {
        let now = NOW.0;
        let cases = [
            (json!({}), Ok(())),
            (json!({"exp": null}), Err(Rejection::NoExpiration)),
            (json!({"exp": now - 300}), Ok(())),
            (json!({"nbf": now + 300}), Ok(())),
            (json!({"nbf": null}), Ok(())),
            (json!({"exp": now - 301}), Err(Rejection::Expired(UnixTime(now - 301)))),
            (json!({"exp": 0, "nbf": null}), Err(Rejection::Expired(UnixTime(0)))),
            (json!({"nbf": now + 301}), Err(Rejection::NotYetValid(UnixTime(now + 301)))),
            (
                json!({"nbf": now + 2, "exp": now + 1}),
                Err(Rejection::Lifetime { not_before: UnixTime(now + 2), expires: UnixTime(now + 1) }),
            ),
            (json!({"exp": 1_700_003_600.75}), Ok(())),
        ];
        for (changes, expected) in cases {
            let changes = if changes.get("exp").is_some() && changes.get("nbf").is_none() {
                with(changes, &json!({"nbf": 0}))
            } else {
                changes
            };
            assert_eq!(verdict(&rules(), &user(&changes)), expected, "{changes}");
        }
        let strict = Rules { clock_skew: std::time::Duration::ZERO, ..rules() };
        assert_eq!(verdict(&strict, &user(&json!({"exp": now}))), Ok(()));
        assert!(matches!(verdict(&strict, &user(&json!({"exp": now - 1}))), Err(Rejection::Expired(_))));
    }

    #[test]
    fn the_audience_follows_the_version_unless_one_is_configured() {
        let listed = Audiences::Listed(vec!["https://orders".to_owned(), "api://orders/".to_owned()]);
        let by_version = rules().audiences;
        let api = format!("api://{CLIENT}");
        let cases = [
            (&by_version, json!({"aud": CLIENT}), true),
            (&by_version, json!({"aud": format!("{CLIENT}/")}), true),
            (&by_version, json!({"aud": ["x", CLIENT]}), true),
            (&by_version, json!({"aud": api}), false),
            (&by_version, json!({"aud": CLIENT.to_uppercase()}), false),
            (&by_version, json!({"aud": api, "ver": "1.0"}), true),
            (&by_version, json!({"aud": CLIENT, "ver": "1.0"}), false),
            (&by_version, json!({"aud": CLIENT, "ver": null}), false),
            (&by_version, json!({"aud": CLIENT, "ver": "3.0"}), false),
            (&by_version, json!({"aud": null}), false),
            (&by_version, json!({"aud": []}), false),
            (&by_version, json!({"aud": ""}), false),
            (&listed, json!({"aud": "https://orders", "ver": null}), true),
            (&listed, json!({"aud": "https://orders/"}), true),
            (&listed, json!({"aud": "api://orders"}), true),
            (&listed, json!({"aud": "api://orders//"}), false),
            (&listed, json!({"aud": "https://Orders"}), false),
            (&listed, json!({"aud": CLIENT}), false),
        ];
        for (audiences, changes, good) in cases {
            let rules = Rules { audiences: audiences.clone(), ..rules() };
            let found = verdict(&rules, &user(&changes));
            assert_eq!(found.is_ok(), good, "{changes}: {found:?}");
            assert!(good || matches!(found, Err(Rejection::Audience { .. })), "{changes}: {found:?}");
        }
    }

    #[test]
    fn a_refused_audience_says_what_was_expected_and_why() {
        let found = verdict(&rules(), &user(&json!({"aud": ["a", "b"]}))).unwrap_err();
        assert_eq!(found.description().as_deref(), Some("The audience 'a, b' is invalid"));
        let expected =
            format!("expected: `{CLIENT}`, the client id, because `ver` is 2.0 and `AzureAd:Audience` is not set");
        assert!(found.to_string().ends_with(&expected), "{found}");
        let found = verdict(&rules(), &user(&json!({"ver": null}))).unwrap_err();
        assert!(found.to_string().contains("but the token has neither"), "{found}");
        let found = verdict(&rules(), &user(&json!({"aud": null}))).unwrap_err();
        assert_eq!(found.description().as_deref(), Some("The audience '(null)' is invalid"));
    }

    #[test]
    fn the_issuer_is_the_metadata_s_for_the_tenant_of_the_token() {
        let single = format!("{ORIGIN}/{TENANT}/v2.0");
        let template = format!("{ORIGIN}/{{tenantid}}/v2.0");
        let v1 = "https://sts.windows.net/{tenantid}/";
        let ciam = "https://{tenantid}.ciamlogin.com/{tenantid}/v2.0";
        let of_other = json!({"iss": format!("{ORIGIN}/{OTHER_TENANT}/v2.0"), "tid": OTHER_TENANT});
        let cases = [
            (&*single, json!({}), true),
            (&*single, json!({"tid": null, "tenantId": TENANT}), true),
            (&*single, json!({"tid": null}), true),
            (&*single, of_other.clone(), false),
            (&*single, json!({"iss": null}), false),
            (&*single, json!({"iss": ""}), false),
            (&*single, json!({"iss": format!("{single}/")}), false),
            (&*single, json!({"iss": single.to_uppercase()}), false),
            (&*single, json!({"iss": format!("https://login.windows.net/{TENANT}/v2.0")}), false),
            (&*single, json!({"iss": format!("https://sts.windows.net/{TENANT}/")}), false),
            (&*single, json!({"tid": OTHER_TENANT}), false),
            (&*template, json!({}), true),
            (&*template, of_other, true),
            (&*template, json!({"tid": OTHER_TENANT}), false),
            (&*template, json!({"iss": format!("{ORIGIN}/x/v2.0"), "tid": "x"}), true),
            (&*template, json!({"iss": format!("{ORIGIN}/{{tenantid}}/v2.0")}), false),
            (&*template, json!({"iss": format!("{ORIGIN}//v2.0"), "tid": ""}), false),
            (&*template, json!({"iss": format!("{ORIGIN}/{TENANT}/v2.0/evil")}), false),
            (v1, json!({"iss": format!("https://sts.windows.net/{TENANT}/")}), true),
            (v1, json!({"iss": format!("https://sts.windows.net/{TENANT}/"), "tid": null}), true),
            (ciam, json!({"iss": format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0")}), true),
            (ciam, json!({"iss": format!("https://{OTHER_TENANT}.ciamlogin.com/{TENANT}/v2.0")}), false),
        ];
        for (metadata, changes, good) in cases {
            let found = verdict_of(&rules(), metadata, None, &user(&changes));
            assert_eq!(found.is_ok(), good, "{metadata} {changes}: {found:?}");
            assert!(good || matches!(found, Err(Rejection::Issuer { .. })), "{metadata} {changes}: {found:?}");
        }
    }

    #[test]
    fn configured_issuers_count_besides_the_metadata_s() {
        let issuers = ["https://issuer.example.com/", "https://sts.windows.net/{tenantid}/"].map(IssuerPattern::new);
        let rules = Rules { issuers: issuers.into(), ..rules() };
        for (issuer, good) in [
            ("https://issuer.example.com/", true),
            ("https://issuer.example.com", false),
            (&*format!("https://sts.windows.net/{TENANT}/"), true),
            (&*format!("https://sts.windows.net/{OTHER_TENANT}/"), false),
            (&*format!("{ORIGIN}/{TENANT}/v2.0"), true),
        ] {
            let found = verdict(&rules, &user(&json!({"iss": issuer})));
            assert_eq!(found.is_ok(), good, "{issuer}: {found:?}");
        }
        let found = verdict(&rules, &user(&json!({"iss": "https://evil/"}))).unwrap_err();
        assert_eq!(found.description().as_deref(), Some("The issuer 'https://evil/' is invalid"));
        assert_eq!(
            found.to_string(),
            format!(
                "the issuer `https://evil/` is not accepted, expected: `{ORIGIN}/{TENANT}/v2.0`, \
                 `https://issuer.example.com/`, `https://sts.windows.net/{{tenantid}}/`"
            )
        );
    }

    #[test]
    fn a_key_signs_only_for_the_issuer_it_is_published_for() {
        let v2 = format!("{ORIGIN}/{{tenantid}}/v2.0");
        let v1 = "https://sts.windows.net/{tenantid}/";
        let fixed = format!("{ORIGIN}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0");
        let v1_token = json!({"iss": format!("https://sts.windows.net/{TENANT}/")});
        let no_tenant = json!({"iss": "https://issuer.example.com/", "tid": null});
        let mine = "https://issuer.example.com/";
        let cases = [
            (&*v2, None, json!({}), true),
            (&*v2, Some(&*v2), json!({}), true),
            (&*v2, Some(&*fixed), json!({}), false),
            (v1, Some(v1), v1_token.clone(), true),
            (&*v2, Some("https://other/{tenantid}/v2.0"), json!({}), false),
            (v1, Some(&*v2), v1_token, false),
            (mine, None, no_tenant.clone(), true),
            (mine, Some(mine), no_tenant, false),
            (mine, Some(mine), json!({"iss": mine}), false),
        ];
        for (metadata, key, changes, good) in cases {
            let found = verdict_of(&rules(), metadata, key, &user(&changes));
            assert_eq!(found.is_ok(), good, "{metadata} {key:?} {changes}: {found:?}");
            assert!(good || matches!(found, Err(Rejection::Issuer { .. })), "{changes}: {found:?}");
        }
        // Entra's keys may name the v2 issuer wherever they are published, and sign v1 tokens all the same.
        let [v1_metadata, v2_metadata] = [v1, &*v2].map(IssuerPattern::new);
        let signer = Signer { metadata: &v1_metadata, key: Some(&v2_metadata), main: Some(&v2_metadata) };
        assert_eq!(judge(&rules(), signer, &parsed(&with(app_claims(), &json!({}))), NOW), Ok(()));
        let issuers = vec![IssuerPattern::new(v1)];
        let v1_allowed = Rules { issuers, ..rules() };
        let v1_token = user(&json!({"iss": format!("https://sts.windows.net/{TENANT}/")}));
        assert_eq!(verdict_of(&v1_allowed, &v2, Some(&v2), &v1_token), Ok(()));
    }

    #[test]
    fn tenants_and_clients_can_be_narrowed_down() {
        let template = format!("{ORIGIN}/{{tenantid}}/v2.0");
        let narrow = Rules {
            tenants: vec![TENANT.to_uppercase()],
            clients: vec!["other".to_owned(), CALLER.to_owned()],
            ..rules()
        };
        let of_other = json!({"iss": format!("{ORIGIN}/{OTHER_TENANT}/v2.0"), "tid": OTHER_TENANT});
        let judged = |changes: &Value| verdict_of(&narrow, &template, None, &user(changes));
        assert_eq!(judged(&json!({})), Ok(()));
        let found = judged(&of_other).unwrap_err();
        assert!(matches!(found, Rejection::Tenant { .. }), "{found:?}");
        assert!(found.description().unwrap().starts_with("The issuer 'https://"), "{found:?}");
        assert_eq!(judged(&json!({"azp": "evil"})), Err(Rejection::Client(Some("evil".to_owned()))));
        assert_eq!(judged(&json!({"azp": null})), Err(Rejection::Client(None)));
        assert_eq!(judged(&json!({"azp": null, "appid": CALLER})), Ok(()));
    }

    #[test]
    fn tokens_without_scopes_and_roles_pass_unless_refused_by_configuration() {
        let bare = user(&json!({"scp": null}));
        assert_eq!(verdict(&rules(), &bare), Ok(()));
        let strict = Rules { needs_access_claim: true, ..rules() };
        assert_eq!(verdict(&strict, &bare), Err(Rejection::NoScopeOrRole));
        for name in [
            "scp",
            "roles",
            "http://schemas.microsoft.com/identity/claims/scope",
            "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
        ] {
            assert_eq!(verdict(&strict, &with(bare.clone(), &json!({name: "x"}))), Ok(()), "{name}");
        }
    }

    #[test]
    fn an_id_token_is_no_access_token() {
        let id_token = user(&json!({"scp": null, "azp": null, "nonce": "n"}));
        let found = verdict(&rules(), &id_token).unwrap_err();
        assert!(found.to_string().contains("this is an ID token"), "{found}");
        assert_eq!(found.description(), None);
        assert_eq!(verdict(&rules(), &with(id_token, &json!({"azp": CALLER}))), Ok(()));
    }

    #[test]
    fn of_several_faults_the_first_in_order_is_told() {
        let faults = [
            (json!({"exp": 1, "nbf": null}), "expired"),
            (json!({"aud": "x"}), "audience"),
            (json!({"iss": "https://evil/"}), "issuer"),
            (json!({"azp": "evil"}), "client application"),
            (json!({"nonce": "n", "azp": null}), "client application"),
        ];
        let rules = Rules { clients: vec![CALLER.to_owned()], ..rules() };
        for first in 0..faults.len() {
            let claims = faults[first..].iter().rev().fold(user(&json!({})), |claims, (fault, _)| with(claims, fault));
            let found = verdict(&rules, &claims).unwrap_err().to_string();
            assert!(found.contains(faults[first].1), "{first}: {found}");
        }
    }

    #[test]
    fn a_v1_token_of_an_app_passes() {
        assert_eq!(verdict_of(&rules(), "https://sts.windows.net/{tenantid}/", None, &app_claims()), Ok(()));
    }

    #[test]
    fn types_of_other_tokens_are_refused() {
        let header = |typ: Option<&str>| Header {
            alg: "RS256".to_owned(),
            kid: None,
            typ: typ.map(str::to_owned),
            x5t: None,
            x5t_s256: None,
            x5c: Vec::new(),
            has_nonce: false,
        };
        for good in [None, Some("JWT"), Some("jwt"), Some("at+jwt"), Some("AT+JWT"), Some("application/at+jwt")] {
            assert_eq!(check_type(&header(good)), Ok(()), "{good:?}");
        }
        for bad in ["pop", "dpop+jwt", "logout+jwt", "JOSE", ""] {
            assert!(matches!(check_type(&header(Some(bad))), Err(Rejection::Kind(_))), "{bad}");
        }
    }
}
