//! Claims, rules and signed tokens that the tests of this folder begin with.

use std::{sync::LazyLock, time::Duration};

use serde_json::{Map, Value, json};
use sidekey_host::UnixTime;
use sidekey_jose::{Algorithm, Jwk, SigningKey, shr::ShrRules, sign_compact};

use super::{
    claims::{Claims, read},
    rules::{Audiences, Rules},
};
use crate::{
    Config,
    authority::Authority,
    config::{CacheConfig, PopConfig, ValidationConfig},
};

pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
pub(crate) const OTHER_TENANT: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
pub(crate) const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
pub(crate) const CALLER: &str = "22223333-cccc-4444-dddd-5555eeee6666";
pub(crate) const NOW: UnixTime = UnixTime(1_700_000_000);

/// A user's v2 token from an authority at an origin.
pub(crate) fn user_claims(origin: &str) -> Value {
    json!({
        "aud": CLIENT, "iss": format!("{origin}/{TENANT}/v2.0"), "ver": "2.0", "tid": TENANT,
        "iat": NOW.0 - 60, "nbf": NOW.0 - 60, "exp": NOW.0 + 3_600,
        "azp": CALLER, "azpacr": "0", "scp": "access_as_user other", "sub": "pairwise", "oid": "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
    })
}

/// An app's v1 token.
pub(crate) fn app_claims() -> Value {
    json!({
        "aud": format!("api://{CLIENT}"), "iss": format!("https://sts.windows.net/{TENANT}/"), "ver": "1.0", "tid": TENANT,
        "iat": NOW.0 - 60, "nbf": NOW.0 - 60, "exp": NOW.0 + 3_600,
        "appid": CALLER, "roles": ["Orders.Process"], "sub": "app-object", "oid": "app-object",
    })
}

/// The claims with some members set; those that are set to `null` are removed.
pub(crate) fn with(mut claims: Value, changes: &Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    claims
}

pub(crate) fn parsed(claims: &Value) -> Claims {
    read(claims.to_string().as_bytes()).unwrap().0
}

pub(crate) fn rules() -> Rules {
    Rules {
        audiences: Audiences::ByVersion { v2: CLIENT.to_owned(), v1: format!("api://{CLIENT}") },
        issuers: Vec::new(),
        tenants: Vec::new(),
        clients: Vec::new(),
        algorithms: vec![Algorithm::RS256, Algorithm::PS256, Algorithm::ES256],
        clock_skew: Duration::from_mins(5),
        needs_access_claim: false,
        scopes: Vec::new(),
        roles: Vec::new(),
    }
}

/// A configuration for a tenant of an authority.
pub(crate) fn config(origin: &str, tenant: &str) -> Config {
    Config {
        authority: Authority::of_instance(origin, tenant.parse().unwrap()).unwrap(),
        client_id: CLIENT.parse().unwrap(),
        credentials: Vec::new(),
        send_x5c: false,
        home_tenant: None,
        client_capabilities: Vec::new(),
        extra_query_parameters: Vec::new(),
        acquire_timeout: Duration::from_secs(30),
        validation: ValidationConfig {
            audiences: Vec::new(),
            valid_issuers: Vec::new(),
            clock_skew: Duration::from_mins(5),
            scopes: Vec::new(),
            roles: Vec::new(),
            algorithms: rules().algorithms,
            allowed_client_apps: Vec::new(),
            allowed_tenants: Vec::new(),
            allow_acl: true,
            metadata_address: None,
            require_https_metadata: true,
            decryption: Vec::new(),
            pop: PopConfig { rules: ShrRules::default(), replay_cache_entries: 100 },
            verified_token_cache: Some(100),
        },
        cache: CacheConfig::default(),
        region: None,
        environment: crate::Environment::default(),
    }
}

/// A key with an id, made for a test.
pub(crate) struct TestKey {
    pub(crate) kid: &'static str,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: SigningKey,
}

impl TestKey {
    pub(crate) fn new(kid: &'static str) -> Self {
        Self { kid, algorithm: Algorithm::ES256, key: SigningKey::generate_p256().unwrap() }
    }

    pub(crate) fn jwk(&self) -> Jwk {
        Jwk { kid: Some(self.kid.to_owned()), use_: Some("sig".to_owned()), ..self.key.public_jwk() }
    }

    /// A token with this key's id in its header.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({"typ": "JWT", "kid": self.kid}), claims)
    }

    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let header: &Map<String, Value> = header.as_object().unwrap();
        sign_compact(header, claims.to_string().as_bytes(), &self.key, self.algorithm).unwrap()
    }
}

/// Making an RSA key takes time: one is enough.
pub(crate) static RSA: LazyLock<TestKey> =
    LazyLock::new(|| TestKey { kid: "rsa", algorithm: Algorithm::RS256, key: SigningKey::generate_rsa().unwrap() });
