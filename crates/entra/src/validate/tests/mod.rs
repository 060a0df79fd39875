//! Whole tokens against a scripted authority.

mod access;
mod encrypted;
mod key_rotation;
mod log;
mod memory;
mod pop;

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};
use sidekey_host::{Clock, ManualClock, UnixTime};
use sidekey_jose::{Algorithm, base64url};

use super::{
    Rejection, Validator, VerifiedToken,
    fixtures::{CALLER, CLIENT, NOW, OTHER_TENANT, RSA, TENANT, TestKey, app_claims, config, user_claims, with},
};
use crate::{
    Config,
    metadata::{
        Metadata,
        scripted::{Answer, Scripted, client},
    },
};

/// An authority with one key, a clock, and a validator for one tenant.
struct Setting {
    authority: Arc<Scripted>,
    key: TestKey,
    clock: Arc<ManualClock>,
    metadata: Arc<Metadata>,
    validator: Validator,
}

impl Setting {
    async fn new() -> Self {
        Self::with(TENANT, |_| ()).await
    }

    async fn with(tenant: &str, change: impl FnOnce(&mut Config)) -> Self {
        let key = TestKey::new("a");
        let authority = Scripted::start(vec![key.jwk()]).await;
        let clock = Arc::new(ManualClock::at(NOW));
        let mut config = config(&authority.origin, tenant);
        change(&mut config);
        let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let metadata = Metadata::new(&config, &client(), &shared);
        let validator = Validator::new(&config, Arc::clone(&metadata), &client(), shared);
        Self { authority, key, clock, metadata, validator }
    }

    fn claims(&self, changes: &Value) -> Value {
        with(user_claims(&self.authority.origin), changes)
    }

    fn token(&self) -> String {
        self.key.sign(&self.claims(&json!({})))
    }

    async fn validate(&self, token: &str) -> Result<Arc<VerifiedToken>, Rejection> {
        self.validator.validate(token).await
    }

    async fn refusal(&self, token: &str) -> Rejection {
        match self.validate(token).await {
            Err(rejection) => rejection,
            Ok(_) => panic!("accepted: {token}"),
        }
    }

    /// Another validator over the same keys and memory, with other rules.
    fn other_rules(&self, change: impl FnOnce(&mut Config)) -> Validator {
        let mut config = config(&self.authority.origin, TENANT);
        change(&mut config);
        let other = Validator::new(&config, Arc::clone(&self.metadata), &client(), Arc::clone(&self.clock) as _);
        Validator { remembered: self.validator.remembered.clone(), ..other }
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| base64url::encode(value.to_string());
    format!("{}.{}.", encode(header), encode(claims))
}

#[tokio::test]
async fn a_good_token_is_taken_apart() {
    let setting = Setting::new().await;
    let claims = setting.claims(&json!({}));
    let token = setting.key.sign(&claims);
    let found = setting.validate(&token).await.unwrap();
    assert_eq!(found.claims_json, claims.to_string());
    assert_eq!(found.expires_on, UnixTime(NOW.0 + 3_600));
    assert_eq!(found.scopes, ["access_as_user", "other"]);
    assert!(found.roles.is_empty() && !found.is_app);
    assert_eq!((found.subject.as_deref(), found.client.as_deref()), (Some("pairwise"), Some(CALLER)));
    assert_eq!(found.assertion(&token).token.secret().expose(), token);
    assert_eq!(found.assertion(&token).tenant.as_ref().map(ToString::to_string).as_deref(), Some(TENANT));
    assert_eq!(found.assertion(&token).user.as_deref(), Some("aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    assert_eq!(found.assertion(&token).token.hash(), digest.as_ref());
}

#[tokio::test]
async fn claims_keep_their_order_and_spelling() {
    let setting = Setting::new().await;
    let origin = &setting.authority.origin;
    let payload = format!(
        "{{ \"z\" : 1.50, \"aud\":\"{CLIENT}\",\n\"iss\":\"{origin}/{TENANT}/v2.0\", \"ver\":\"2.0\",\t\"exp\":{}, \
         \"a\":[1, {{\"b\" : \"x  y\\u00e9\"}}], \"big\":123456789012345678901234567890 }}",
        NOW.0 + 60
    );
    let header = json!({"kid": "a"}).as_object().cloned().unwrap();
    let token = sidekey_jose::sign_compact(&header, payload.as_bytes(), &setting.key.key, Algorithm::ES256).unwrap();
    let expected = format!(
        "{{\"z\":1.50,\"aud\":\"{CLIENT}\",\"iss\":\"{origin}/{TENANT}/v2.0\",\"ver\":\"2.0\",\"exp\":{},\
         \"a\":[1,{{\"b\":\"x  y\\u00e9\"}}],\"big\":123456789012345678901234567890}}",
        NOW.0 + 60
    );
    assert_eq!(setting.validate(&token).await.unwrap().claims_json, expected);
}

#[tokio::test]
async fn tokens_of_both_versions_and_of_any_tenant_pass_under_common() {
    let setting = Setting::with("common", |_| ()).await;
    for tenant in [TENANT, OTHER_TENANT] {
        let v2 = json!({"tid": tenant, "iss": format!("{}/{tenant}/v2.0", setting.authority.origin)});
        assert!(setting.validate(&setting.key.sign(&setting.claims(&v2))).await.is_ok(), "{tenant}");
        let v1 = json!({"tid": tenant, "iss": format!("https://sts.windows.net/{tenant}/")});
        let found = setting.validate(&setting.key.sign(&with(app_claims(), &v1))).await.unwrap();
        assert!(found.is_app, "{tenant}");
    }
    let narrow = Setting::with("organizations", |config| {
        config.validation.allowed_tenants = vec![TENANT.parse().unwrap()];
        config.validation.metadata_address = Some(
            format!("{}/common/v2.0/.well-known/openid-configuration", config.authority.origin()).parse().unwrap(),
        );
    })
    .await;
    assert!(narrow.validate(&narrow.token()).await.is_ok());
    let other = json!({"tid": OTHER_TENANT, "iss": format!("{}/{OTHER_TENANT}/v2.0", narrow.authority.origin)});
    let found = narrow.refusal(&narrow.key.sign(&narrow.claims(&other))).await;
    assert!(matches!(found, Rejection::Tenant { .. }), "{found:?}");
}

#[tokio::test]
async fn a_domain_names_its_tenant_by_the_metadata() {
    let setting = Setting::with("contoso.onmicrosoft.com", |_| ()).await;
    assert!(setting.validate(&setting.token()).await.is_ok());
    let other = json!({"tid": OTHER_TENANT, "iss": format!("{}/{OTHER_TENANT}/v2.0", setting.authority.origin)});
    let found = setting.refusal(&setting.key.sign(&setting.claims(&other))).await;
    assert!(matches!(found, Rejection::Issuer { .. }), "{found:?}");
}

#[tokio::test]
async fn rsa_tokens_pass_by_the_algorithms_that_are_configured() {
    let setting = Setting::new().await;
    setting.authority.publish(vec![RSA.jwk()]);
    let claims = setting.claims(&json!({}));
    assert!(setting.validate(&RSA.sign(&claims)).await.is_ok());
    let header = json!({"kid": "rsa"}).as_object().cloned().unwrap();
    let sign =
        |algorithm| sidekey_jose::sign_compact(&header, claims.to_string().as_bytes(), &RSA.key, algorithm).unwrap();
    assert!(setting.validate(&sign(Algorithm::PS256)).await.is_ok());
    let found = setting.refusal(&sign(Algorithm::RS512)).await;
    assert_eq!(found, Rejection::Algorithm { found: "RS512".into(), allowed: "RS256, PS256, ES256".into() });
}

#[tokio::test]
async fn a_key_s_own_algorithm_restricts_it() {
    let setting = Setting::new().await;
    setting.authority.publish(vec![sidekey_jose::Jwk { alg: Some("PS256".to_owned()), ..RSA.jwk() }]);
    let found = setting.refusal(&RSA.sign(&setting.claims(&json!({})))).await;
    assert_eq!(found, Rejection::UnknownKey("the published key `rsa` is not for `RS256`".to_owned()));
    let found = setting.refusal(&TestKey::new("rsa").sign(&setting.claims(&json!({})))).await;
    assert_eq!(found, Rejection::UnknownKey("the published key `rsa` is not for `ES256`".to_owned()));
}

#[tokio::test]
async fn a_key_of_another_cloud_signs_for_nobody() {
    let setting = Setting::new().await;
    let origin = &setting.authority.origin;
    let document = json!({
        "issuer": format!("{origin}/{TENANT}/v2.0"), "jwks_uri": format!("{origin}/keys"),
        "cloud_instance_name": "microsoftonline.com",
    });
    setting.authority.answer_document(Answer::Text(document.to_string()));
    let of = |kid, cloud: Option<&str>| {
        let key = TestKey::new(kid);
        let jwk = sidekey_jose::Jwk { cloud_instance_name: cloud.map(str::to_owned), ..key.jwk() };
        (key, jwk)
    };
    let (own, unnamed, other) =
        (of("own", Some("MicrosoftOnline.com")), of("unnamed", None), of("other", Some("microsoftonline.us")));
    setting.authority.publish(vec![own.1, unnamed.1, other.1]);
    for (key, good) in [(own.0, true), (unnamed.0, true), (other.0, false)] {
        let found = setting.validate(&key.sign(&setting.claims(&json!({})))).await;
        assert_eq!(found.is_ok(), good, "{}: {found:?}", key.kid);
        assert!(good || matches!(found, Err(Rejection::UnknownKey(_))), "{found:?}");
    }
}

#[tokio::test]
async fn forged_and_unsigned_tokens_are_refused() {
    let setting = Setting::new().await;
    let claims = setting.claims(&json!({}));
    let token = setting.token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let evil = base64url::encode(setting.claims(&json!({"scp": "admin"})).to_string());
    let hmac = |alg: &str| unsigned(&json!({"alg": alg, "kid": "a"}), &claims) + "AAAA";
    let algorithm = |found: &str| Rejection::Algorithm { found: found.into(), allowed: "RS256, PS256, ES256".into() };
    let cases = [
        (TestKey::new("a").sign(&claims), Rejection::Signature),
        (format!("{header}.{evil}.{signature}"), Rejection::Signature),
        (format!("{signed}."), Rejection::Signature),
        (hmac("HS256"), algorithm("HS256")),
        (hmac("EdDSA"), algorithm("EdDSA")),
        (unsigned(&json!({"alg": "none"}), &claims), algorithm("none")),
        (unsigned(&json!({"alg": "NONE", "kid": "a"}), &claims), algorithm("NONE")),
        (format!("{token}.a.b"), Rejection::Encrypted),
    ];
    for (token, expected) in cases {
        assert_eq!(setting.refusal(&token).await, expected, "{token}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_malformed() {
    let setting = Setting::new().await;
    let claims = setting.claims(&json!({})).to_string();
    let twice = base64url::encode(claims.replacen('{', "{\"tid\":\"x\",", 1));
    let token = setting.token();
    let header = token.split('.').next().unwrap();
    let cases = [
        String::new(),
        "opaque".to_owned(),
        "a.b".to_owned(),
        "a.b.c.d".to_owned(),
        "..".to_owned(),
        format!("{token}="),
        format!(" {token}"),
        token.replace('.', ".\0"),
        format!("{header}.{twice}.AAAA"),
        format!("{header}.{}.AAAA", base64url::encode("[]")),
        format!("{header}.{}.AAAA", base64url::encode(b"\xff\xff")),
        format!("{header}.{}.AAAA", base64url::encode("[".repeat(50_000))),
        "x".repeat(256_001),
        "é.é.é".to_owned(),
    ];
    for token in cases {
        let found = setting.refusal(&token).await;
        assert!(matches!(found, Rejection::Malformed(_)), "{found:?}");
        assert_eq!(found.description(), None);
    }
    assert_eq!(setting.authority.fetches(), 0, "none of them is worth a look at the authority");
}

#[tokio::test]
async fn a_token_in_its_audience_s_own_format_is_explained() {
    let setting = Setting::new().await;
    let graph = setting.claims(&json!({"aud": ["https://graph.microsoft.com", CLIENT]}));
    let token = TestKey::new("a").sign_with(&json!({"typ": "JWT", "kid": "a", "nonce": "n"}), &graph);
    let found = setting.refusal(&token).await;
    assert_eq!(found, Rejection::ForeignFormat(Some("https://graph.microsoft.com".to_owned())));
    assert!(found.to_string().contains("`https://graph.microsoft.com` has its audience's own format"), "{found}");
}

#[tokio::test]
async fn other_types_are_refused_though_well_signed() {
    let setting = Setting::new().await;
    let token = setting.key.sign_with(&json!({"kid": "a", "typ": "logout+jwt"}), &setting.claims(&json!({})));
    let found = setting.refusal(&token).await;
    assert_eq!(found.to_string(), "not an access token: its `typ` is `logout+jwt`, expected `JWT` or `at+jwt`");
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_only_where_nothing_else_is_wrong() {
    let setting = Setting::new().await;
    let stranger = TestKey::new("stranger");
    let sign = |changes: Value| stranger.sign(&setting.claims(&changes));
    for _ in 0..3 {
        let found = setting.refusal(&sign(json!({"exp": 1, "nbf": 0}))).await;
        assert_eq!(found, Rejection::Expired(UnixTime(1)));
        assert!(matches!(setting.refusal(&sign(json!({"aud": "x"}))).await, Rejection::Audience { .. }));
        assert!(matches!(setting.refusal(&sign(json!({"tid": "x"}))).await, Rejection::Issuer { .. }));
    }
    assert_eq!(setting.authority.fetches(), 1);
    for count in 0..10 {
        let found = setting.refusal(&sign(json!({"count": count}))).await;
        let expected =
            format!("`stranger` is not among the 1 keys that `{}/{TENANT}/v2.0` publishes", setting.authority.origin);
        assert_eq!(found, Rejection::UnknownKey(expected));
    }
    assert_eq!(setting.authority.fetches(), 2);
}

#[tokio::test]
async fn a_new_key_is_found_by_its_first_token() {
    let setting = Setting::new().await;
    assert!(setting.validate(&setting.token()).await.is_ok());
    let new = TestKey::new("b");
    setting.authority.publish(vec![setting.key.jwk(), new.jwk()]);
    assert!(setting.validate(&new.sign(&setting.claims(&json!({})))).await.is_ok());
    assert_eq!(setting.authority.fetches(), 2);
}

#[tokio::test]
async fn unreachable_metadata_is_an_unknown_key_with_its_cause() {
    let setting = Setting::new().await;
    setting.authority.answer_document(Answer::Status(503));
    let found = setting.refusal(&setting.token()).await;
    assert_eq!(found.description().as_deref(), Some("The signature key was not found"));
    let expected = format!(
        "the signing key was not found: {}/{TENANT}/v2.0/.well-known/openid-configuration: status 503, expected 200",
        setting.authority.origin
    );
    assert_eq!(found.to_string(), expected);
    let expired = setting.key.sign(&setting.claims(&json!({"exp": 1, "nbf": 0})));
    assert_eq!(setting.refusal(&expired).await, Rejection::Expired(UnixTime(1)));
}

#[tokio::test]
async fn a_token_without_a_key_id_tries_the_keys_that_fit() {
    let setting = Setting::new().await;
    let many: Vec<_> = (0..7).map(|_| TestKey::new("other").jwk()).collect();
    let by_thumbprint = sidekey_jose::Jwk { x5t: Some("thumb".to_owned()), ..setting.key.jwk() };
    setting.authority.publish([vec![RSA.jwk()], many.clone(), vec![by_thumbprint]].concat());
    let claims = setting.claims(&json!({}));
    assert!(setting.validate(&setting.key.sign_with(&json!({}), &claims)).await.is_ok());
    assert!(setting.validate(&setting.key.sign_with(&json!({"x5t": "thumb="}), &claims)).await.is_ok());
    assert_eq!(setting.refusal(&TestKey::new("").sign_with(&json!({}), &claims)).await, Rejection::Signature);
    let found = setting.refusal(&setting.key.sign_with(&json!({"x5t": "other"}), &claims)).await;
    assert!(matches!(found, Rejection::UnknownKey(_)), "{found:?}");
    setting.clock.advance(Duration::from_secs(30));
    setting.authority.publish([many.clone(), many, vec![setting.key.jwk()]].concat());
    let stranger = TestKey::new("stranger").sign(&claims);
    assert!(matches!(setting.refusal(&stranger).await, Rejection::UnknownKey(_)));
    let later = setting.key.sign_with(&json!({}), &setting.claims(&json!({"n": 1})));
    assert_eq!(setting.refusal(&later).await, Rejection::Signature, "the fifteenth key is not tried");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_other_text_is_the_same_token(position in 0_usize..400, byte in 0x20_u8..0x7f) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let setting = Setting::new().await;
            let token = setting.token();
            let mut bytes = token.clone().into_bytes();
            let position = position % bytes.len();
            prop_assume!(bytes[position] != byte);
            bytes[position] = byte;
            prop_assert!(setting.validate(&String::from_utf8(bytes).unwrap()).await.is_err());
            prop_assert!(setting.validate(&token).await.is_ok());
            Ok(())
        })?;
    }

    #[test]
    fn any_payload_is_read_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = super::claims::read(&payload);
    }
}
