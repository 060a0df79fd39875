//! Published keys, parsed once.

use std::sync::Arc;

use sidekey_host::UnixTime;
use sidekey_jose::{Algorithm, Header, Jwk, VerifyingKey};

use super::fetch::Published;
use crate::validate::{Echo, IssuerPattern};

/// The good keys of one document, and its issuer. Replaced whole.
#[derive(Debug)]
pub(crate) struct KeySet {
    /// The issuer or its template.
    pub(crate) issuer: IssuerPattern,
    keys: Vec<Arc<PublishedKey>>,
    /// When the document was fetched.
    pub(super) fetched_at: UnixTime,
}

/// One published key. It keeps its identity (its `Arc`) from document to document while nothing about it changes, so that
/// a remembered token can tell whether its key is still there.
#[derive(Debug)]
pub(crate) struct PublishedKey {
    /// The key.
    pub(crate) key: VerifyingKey,
    /// The issuer that the key is for, where the document says so.
    pub(crate) issuer: Option<IssuerPattern>,
    jwk: Jwk,
}

impl KeySet {
    /// Takes over a document; keys that `previous` has already are not parsed again. `Err` if no key is of use.
    pub(super) fn build(published: Published, previous: Option<&Self>, now: UnixTime) -> Result<Self, String> {
        let count = published.keys.keys.len();
        let of_this_cloud = published.keys.keys.into_iter().filter(|jwk| is_of_cloud(jwk, published.cloud.as_deref()));
        let keys: Vec<_> = of_this_cloud.filter_map(|jwk| PublishedKey::take_over(jwk, previous)).collect();
        if keys.is_empty() {
            return Err(format!("none of its {count} keys can check signatures"));
        }
        Ok(Self { issuer: published.issuer, keys, fetched_at: now })
    }

    /// How many keys are of use.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nothing was added or withdrawn.
    pub(super) fn has_the_same_keys(&self, other: &Self) -> bool {
        self.len() == other.len() && self.keys.iter().all(|key| other.contains(key))
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = &Arc<PublishedKey>> {
        self.keys.iter()
    }

    /// Whether the very key is still published.
    pub(crate) fn contains(&self, key: &Arc<PublishedKey>) -> bool {
        self.keys.iter().any(|own| Arc::ptr_eq(own, key))
    }

    /// The keys that may have signed: the one of the header's `kid`, else of its certificate thumbprint, else all that fit
    /// the algorithm, but not too many, since each costs a try.
    pub(crate) fn candidates(&self, header: &Header, algorithm: Algorithm) -> Vec<Arc<PublishedKey>> {
        let named = |key: &&Arc<PublishedKey>| key.is_named_by(header);
        let fits = |key: &&Arc<PublishedKey>| key.key.permits(algorithm);
        self.keys.iter().filter(named).filter(fits).take(MAX_TRIES).cloned().collect()
    }

    /// Why there are no candidates.
    pub(crate) fn describe_missing(&self, header: &Header, algorithm: Algorithm) -> String {
        let count = self.len();
        let Some(kid) = &header.kid else {
            return format!("the token names no key, and none of the {count} published ones fits `{algorithm}`");
        };
        if self.keys.iter().any(|key| key.is_named_by(header)) {
            return format!("the published key `{}` is not for `{algorithm}`", Echo(kid));
        }
        format!("`{}` is not among the {count} keys that `{}` publishes", Echo(kid), self.issuer)
    }
}

impl PublishedKey {
    fn take_over(jwk: Jwk, previous: Option<&KeySet>) -> Option<Arc<Self>> {
        // The certificate chain says nothing that is used here, and is the bulk of a document.
        let jwk = Jwk { x5c: None, ..jwk };
        let known = previous.and_then(|set| set.keys.iter().find(|own| own.jwk == jwk));
        if let Some(known) = known {
            return Some(Arc::clone(known));
        }
        match VerifyingKey::from_jwk(&jwk) {
            Ok(key) => {
                let issuer = jwk.issuer.as_deref().map(IssuerPattern::new);
                Some(Arc::new(Self { key, issuer, jwk }))
            }
            Err(error) => {
                let kid = Echo(jwk.kid.as_deref().unwrap_or_default()).to_string();
                tracing::debug!(kid, %error, "a published key is left out");
                None
            }
        }
    }

    fn is_named_by(&self, header: &Header) -> bool {
        let named =
            [(&header.kid, &self.jwk.kid), (&header.x5t, &self.jwk.x5t), (&header.x5t_s256, &self.jwk.x5t_s256)];
        named.iter().find(|(wanted, _)| wanted.is_some()).is_none_or(|(wanted, own)| wanted == own)
    }
}

/// A key that is of another cloud than the document it stands in signs for nobody here.
fn is_of_cloud(jwk: &Jwk, cloud: Option<&str>) -> bool {
    let (Some(own), Some(cloud)) = (jwk.cloud_instance_name.as_deref(), cloud) else { return true };
    let is_same = own.eq_ignore_ascii_case(cloud);
    if !is_same {
        let kid = Echo(jwk.kid.as_deref().unwrap_or_default()).to_string();
        tracing::debug!(kid, own = %Echo(own), cloud = %Echo(cloud), "a published key of another cloud is left out");
    }
    is_same
}

/// Signatures that are computed for one token without a key id.
const MAX_TRIES: usize = 8;
