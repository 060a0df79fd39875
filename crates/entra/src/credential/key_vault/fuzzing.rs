//! Fuzz target: answers of vaults.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]

use sidekey_host::UnixTime;
use url::Url;

use super::{
    challenge,
    document::{CertificateBundle, CertificateList, SecretBundle, Signature},
};

/// Documents and challenges: what becomes part of a path is letters and digits, and a token is asked for the vault's own
/// domain alone.
pub fn vault(input: &[u8]) {
    let is_plain = |part: Option<&str>| part.is_none_or(|part| part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if let Ok(bundle) = serde_json::from_slice::<CertificateBundle>(input) {
        assert!(is_plain(bundle.item.version()) && is_plain(bundle.key_version()));
        let _ = (bundle.exportable(), bundle.item.attributes.problem(UnixTime(1_700_000_000)));
    }
    if let Ok(list) = serde_json::from_slice::<CertificateList>(input) {
        assert!(list.value.iter().all(|item| is_plain(item.version())));
    }
    let _ = serde_json::from_slice::<SecretBundle>(input);
    let _ = serde_json::from_slice::<Signature>(input);
    let (Ok(text), Ok(vault)) = (std::str::from_utf8(input), Url::parse("https://shop.vault.azure.net/")) else {
        return;
    };
    if let Ok(found) = challenge::read([text].into_iter(), &vault, None) {
        let host = Url::parse(&found.resource).ok().and_then(|url| url.host_str().map(str::to_owned));
        assert!(host.is_some_and(|host| "shop.vault.azure.net".ends_with(&host)), "{}", found.resource);
    }
}
