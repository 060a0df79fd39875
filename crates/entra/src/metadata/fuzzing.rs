//! Fuzz target: what authorities publish.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]

use sidekey_host::UnixTime;
use sidekey_jose::JwkSet;
use uuid::Uuid;

use super::{
    fetch::{Provider, Published},
    keys::KeySet,
    source::{Source, Tenancy},
};
use crate::validate::IssuerPattern;

/// Metadata and key sets: an address that is followed is `https` (or loopback), an issuer is the tenant's own, and a key
/// set without a key that can check anything is none.
pub fn metadata(input: &[u8]) {
    let tenancy = Tenancy::Of(Uuid::from_u128(0xaaaa_bbbb_0000_cccc_1111_dddd_2222_eeee));
    let address = "https://login.example/.well-known/openid-configuration".to_owned();
    let source = Source { address, tenancy, require_https: true };
    if let Ok(provider) = Provider::read(input) {
        if let Ok(issuer) = source.check_issuer(&provider.issuer) {
            assert!(!issuer.is_template() && provider.issuer.contains("aaaabbbb-0000-cccc-1111-dddd2222eeee"));
        }
        if let Ok(keys) = source.check_keys_address(&provider.jwks_uri) {
            assert!(keys.scheme() == "https" || keys.scheme() == "http" && keys.username().is_empty());
        }
    }
    let Ok(keys) = JwkSet::parse(input) else { return };
    let cloud = Some("microsoftonline.com".to_owned());
    let published = Published { issuer: IssuerPattern::new("https://login.example/"), cloud, keys };
    if let Ok(set) = KeySet::build(published, None, UnixTime(1)) {
        assert!(set.len() > 0);
    }
}
