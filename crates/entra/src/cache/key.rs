//! What makes two tokens different. Two requests share a token only if every part here is equal.
//!
//! A look-up borrows its key from the request and allocates nothing; an owned key is made when a token is fetched. Hashes are
//! computed once, with a seed of the process's own, because callers choose the parts.

use std::{
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::Arc,
};

use quick_cache::Equivalent;
use reqwest::header::{HeaderName, HeaderValue};
use sidekey_oauth::{Scope, Scopes, TenantId};

use crate::{AgentUser, ManagedIdentityId};

/// The parts of a key, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    /// Authority, client and credential section.
    pub(crate) realm: &'a str,
    /// The tenant that is asked; `None` where the authority has none.
    pub(crate) tenant: Option<&'a TenantId>,
    /// The agent identity that is the client, where the application is not.
    pub(crate) agent: Option<&'a str>,
    pub(crate) identity: Identity<'a>,
    pub(crate) scopes: ScopeSet<'a>,
    pub(crate) claims: Option<&'a str>,
    pub(crate) fmi_path: Option<&'a str>,
    /// The path that the client's own credential is asked for with: it is part of who the client is.
    pub(crate) credential_fmi_path: Option<&'a str>,
    pub(crate) session_key: Option<&'a str>,
    /// SHA-256 of what is presented in place of the user's token.
    pub(crate) composite: Option<[u8; 32]>,
    /// The key that the token is bound to; it decides the token's scheme too.
    pub(crate) confirmation: Option<&'a str>,
    pub(crate) extra_parameters: &'a [(String, String)],
    pub(crate) extra_headers: &'a [(HeaderName, HeaderValue)],
}

/// Whose token it is. A new kind of identity is a line here and one in [`OwnedIdentity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Identity<'a> {
    /// The client's own.
    App,
    /// The user's whose token has this SHA-256.
    User([u8; 32]),
    /// An agent's user account's.
    AgentUser(&'a AgentUser),
    /// The user's who is bound to the session; a SHA-256 names the user.
    SessionUser([u8; 32]),
    /// Nobody's: what a session itself is filed under.
    Session,
    /// The machine's own.
    Machine(&'a ManagedIdentityId),
}

/// An [`Identity`] that borrows nothing.
#[derive(Debug)]
enum OwnedIdentity {
    App,
    User([u8; 32]),
    AgentUser(AgentUser),
    SessionUser([u8; 32]),
    Session,
    Machine(ManagedIdentityId),
}

/// Scopes as a set: order does not matter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ScopeSet<'a> {
    /// The one scope of an app token.
    One(&'a Scope),
    /// A user token's scopes, of which OpenID Connect's own do not count: they are always asked for.
    Of(&'a Scopes),
    /// None: what is kept is no access token but what brings one.
    Empty,
}

/// A borrowed key with its hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRef<'a> {
    hash: u64,
    parts: Parts<'a>,
}

/// An owned key with its hash. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    hash: u64,
    parts: Arc<OwnedParts>,
}

#[derive(Debug)]
struct OwnedParts {
    realm: Box<str>,
    tenant: Option<TenantId>,
    agent: Option<Box<str>>,
    identity: OwnedIdentity,
    /// Without OpenID Connect's own.
    scopes: Scopes,
    claims: Option<Box<str>>,
    fmi_path: Option<Box<str>>,
    credential_fmi_path: Option<Box<str>>,
    composite: Option<[u8; 32]>,
    session_key: Option<Box<str>>,
    confirmation: Option<Box<str>>,
    extra_parameters: Box<[(String, String)]>,
    extra_headers: Box<[(HeaderName, HeaderValue)]>,
}

impl<'a> KeyRef<'a> {
    pub(crate) fn new(parts: Parts<'a>, seed: &RandomState) -> Self {
        Self { hash: parts.hash(seed), parts }
    }

    pub(crate) fn to_key(self) -> Key {
        let boxed = |text: Option<&str>| text.map(Box::from);
        let parts = self.parts;
        let parts = OwnedParts {
            realm: parts.realm.into(),
            tenant: parts.tenant.cloned(),
            agent: boxed(parts.agent),
            identity: parts.identity.to_owned(),
            scopes: parts.scopes.iter().cloned().collect(),
            claims: boxed(parts.claims),
            fmi_path: boxed(parts.fmi_path),
            credential_fmi_path: boxed(parts.credential_fmi_path),
            composite: parts.composite,
            session_key: boxed(parts.session_key),
            confirmation: boxed(parts.confirmation),
            extra_parameters: parts.extra_parameters.into(),
            extra_headers: parts.extra_headers.into(),
        };
        Key { hash: self.hash, parts: Arc::new(parts) }
    }
}

impl Key {
    /// Bytes on the heap, about.
    pub(crate) fn size(&self) -> usize {
        let parts = &self.parts;
        let paths = [&parts.fmi_path, &parts.credential_fmi_path];
        let texts = [&parts.agent, &parts.claims, &parts.session_key, &parts.confirmation].into_iter().chain(paths);
        let texts: usize = texts.flatten().map(|text| text.len()).sum();
        let scopes: usize = parts.scopes.iter().map(|scope| scope.as_str().len() + size_of::<Scope>()).sum();
        let extra: usize = parts.extra_parameters.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
        let headers: usize =
            parts.extra_headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        size_of::<OwnedParts>() + parts.realm.len() + parts.identity.size() + texts + scopes + extra + headers
    }

    fn parts(&self) -> Parts<'_> {
        let own = &*self.parts;
        Parts {
            realm: &own.realm,
            tenant: own.tenant.as_ref(),
            agent: own.agent.as_deref(),
            identity: own.identity.borrow(),
            scopes: ScopeSet::Of(&own.scopes),
            claims: own.claims.as_deref(),
            fmi_path: own.fmi_path.as_deref(),
            credential_fmi_path: own.credential_fmi_path.as_deref(),
            composite: own.composite,
            session_key: own.session_key.as_deref(),
            confirmation: own.confirmation.as_deref(),
            extra_parameters: &own.extra_parameters,
            extra_headers: &own.extra_headers,
        }
    }
}

impl Parts<'_> {
    fn hash(&self, seed: &RandomState) -> u64 {
        let mut hasher = seed.build_hasher();
        (self.realm, self.tenant, self.agent, self.identity).hash(&mut hasher);
        (self.claims, self.fmi_path, self.session_key, self.confirmation).hash(&mut hasher);
        (self.extra_parameters, self.extra_headers).hash(&mut hasher);
        (self.credential_fmi_path, self.composite).hash(&mut hasher);
        // A sum does not depend on the order.
        self.scopes.iter().fold(0_u64, |sum, scope| sum.wrapping_add(seed.hash_one(scope))).hash(&mut hasher);
        hasher.finish()
    }
}

impl PartialEq for Parts<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.realm == other.realm
            && self.tenant == other.tenant
            && self.agent == other.agent
            && self.identity == other.identity
            && self.scopes == other.scopes
            && self.claims == other.claims
            && self.fmi_path == other.fmi_path
            && self.credential_fmi_path == other.credential_fmi_path
            && self.composite == other.composite
            && self.session_key == other.session_key
            && self.confirmation == other.confirmation
            && self.extra_parameters == other.extra_parameters
            && self.extra_headers == other.extra_headers
    }
}

impl Identity<'_> {
    fn to_owned(self) -> OwnedIdentity {
        match self {
            Self::App => OwnedIdentity::App,
            Self::User(hash) => OwnedIdentity::User(hash),
            Self::AgentUser(user) => OwnedIdentity::AgentUser(user.clone()),
            Self::SessionUser(hash) => OwnedIdentity::SessionUser(hash),
            Self::Session => OwnedIdentity::Session,
            Self::Machine(identity) => OwnedIdentity::Machine(identity.clone()),
        }
    }
}

impl OwnedIdentity {
    fn borrow(&self) -> Identity<'_> {
        match self {
            Self::App => Identity::App,
            Self::User(hash) => Identity::User(*hash),
            Self::AgentUser(user) => Identity::AgentUser(user),
            Self::SessionUser(hash) => Identity::SessionUser(*hash),
            Self::Session => Identity::Session,
            Self::Machine(identity) => Identity::Machine(identity),
        }
    }

    /// Bytes on the heap.
    fn size(&self) -> usize {
        match self {
            Self::AgentUser(AgentUser::Name(name)) => name.len(),
            Self::Machine(identity) => identity.id().map_or(0, str::len),
            _ => 0,
        }
    }
}

impl<'a> ScopeSet<'a> {
    /// Each scope that counts, in the order given.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a Scope> {
        let (one, many) = match self {
            Self::One(scope) => (Some(scope), None),
            Self::Of(scopes) => (None, Some(scopes)),
            Self::Empty => (None, None),
        };
        one.into_iter().chain(many.into_iter().flatten().filter(|scope| !scope.is_reserved()))
    }
}

impl PartialEq for ScopeSet<'_> {
    fn eq(&self, other: &Self) -> bool {
        // The usual case, and the only one that many scopes can take quickly.
        if self.iter().eq(other.iter()) {
            return true;
        }
        let sorted = |set: &Self| {
            let mut scopes: Vec<_> = set.iter().collect();
            scopes.sort_unstable();
            scopes
        };
        self.iter().count() == other.iter().count() && sorted(self) == sorted(other)
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.hash == key.hash && self.parts == key.parts()
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (Arc::ptr_eq(&self.parts, &other.parts) || self.parts() == other.parts())
    }
}

impl Eq for Key {}

/// For maps whose keys bring their hash along.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KnownHash(u64);

impl Hasher for KnownHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Keys write one u64; should anything else come, it still has to count.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl BuildHasher for KnownHash {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[test]
    fn every_part_makes_another_key() {
        let seed = RandomState::new();
        let (one, two) = ("a".parse::<TenantId>().err(), "contoso.com".parse::<TenantId>().unwrap());
        assert!(one.is_some());
        let (a, b) = (scopes("a"), scopes("b"));
        let parameters = [("p".to_owned(), "v".to_owned())];
        let headers = [(HeaderName::from_static("h"), HeaderValue::from_static("v"))];
        let id = uuid::Uuid::from_u128(1);
        let users = [AgentUser::Name("u".into()), AgentUser::Name(id.to_string()), AgentUser::ObjectId(id)];
        let machines = [
            ManagedIdentityId::System,
            ManagedIdentityId::ClientId("m".to_owned()),
            ManagedIdentityId::ObjectId("m".to_owned()),
        ];
        let base = Parts {
            realm: "r",
            tenant: None,
            agent: None,
            identity: Identity::App,
            scopes: ScopeSet::Of(&a),
            claims: None,
            fmi_path: None,
            credential_fmi_path: None,
            composite: None,
            session_key: None,
            confirmation: None,
            extra_parameters: &[],
            extra_headers: &[],
        };
        let all = [
            base,
            Parts { realm: "s", ..base },
            Parts { tenant: Some(&two), ..base },
            Parts { identity: Identity::User([0; 32]), ..base },
            Parts { identity: Identity::User([1; 32]), ..base },
            Parts { identity: Identity::SessionUser([0; 32]), ..base },
            Parts { identity: Identity::Session, ..base },
            Parts { identity: Identity::Machine(&machines[0]), ..base },
            Parts { identity: Identity::Machine(&machines[1]), ..base },
            Parts { identity: Identity::Machine(&machines[2]), ..base },
            Parts { identity: Identity::AgentUser(&users[0]), ..base },
            Parts { identity: Identity::AgentUser(&users[1]), ..base },
            Parts { identity: Identity::AgentUser(&users[2]), ..base },
            Parts { agent: Some("a"), ..base },
            Parts { agent: Some("b"), ..base },
            Parts { agent: Some("a"), identity: Identity::User([0; 32]), ..base },
            Parts { scopes: ScopeSet::Empty, ..base },
            Parts { scopes: ScopeSet::Of(&b), ..base },
            Parts { claims: Some("x"), ..base },
            Parts { fmi_path: Some("x"), ..base },
            Parts { credential_fmi_path: Some("x"), ..base },
            Parts { composite: Some([0; 32]), ..base },
            Parts { composite: Some([1; 32]), ..base },
            Parts { session_key: Some("x"), ..base },
            Parts { confirmation: Some("x"), ..base },
            Parts { extra_parameters: &parameters, ..base },
            Parts { extra_headers: &headers, ..base },
        ];
        for (i, left) in all.iter().enumerate() {
            for (j, right) in all.iter().enumerate() {
                let (left, right) = (KeyRef::new(*left, &seed), KeyRef::new(*right, &seed));
                assert_eq!(left.equivalent(&right.to_key()), i == j, "{i} {j}");
                assert_eq!(left.to_key() == right.to_key(), i == j);
                assert_eq!(left.hash == right.hash, i == j);
                assert!(left.to_key().parts() == left.parts);
            }
        }
    }

    #[test]
    fn scopes_are_a_set_without_those_always_asked_for() {
        let seed = RandomState::new();
        let (plain, turned, more) = (scopes("a b"), scopes("b openid a offline_access"), scopes("a b c"));
        let key = |scopes| {
            let parts = Parts {
                realm: "r",
                tenant: None,
                agent: None,
                identity: Identity::App,
                scopes: ScopeSet::Of(scopes),
                claims: None,
                fmi_path: None,
                credential_fmi_path: None,
                composite: None,
                session_key: None,
                confirmation: None,
                extra_parameters: &[],
                extra_headers: &[],
            };
            KeyRef::new(parts, &seed)
        };
        assert!(key(&plain).equivalent(&key(&turned).to_key()));
        assert_eq!(key(&plain).hash, key(&turned).hash);
        assert!(!key(&plain).equivalent(&key(&more).to_key()));
        let first = plain.first().unwrap();
        let one = Parts { scopes: ScopeSet::One(first), ..key(&plain).parts };
        assert!(KeyRef::new(one, &seed).equivalent(&key(&scopes("a")).to_key()));
    }
}
