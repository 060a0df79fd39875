//! What a vault answers (REST API version 7.4, <https://learn.microsoft.com/rest/api/keyvault/>), as far as it is needed.

use serde::Deserialize;
use sidekey_host::UnixTime;
use sidekey_oauth::Secret;

/// A version of a certificate, in a list too.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct CertificateItem {
    /// `https://{vault}/certificates/{name}/{version}`.
    pub(super) id: String,
    #[serde(default)]
    pub(super) attributes: Attributes,
}

/// The certificate itself.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct CertificateBundle {
    #[serde(flatten)]
    pub(super) item: CertificateItem,
    /// `https://{vault}/keys/{name}/{version}`.
    #[serde(default)]
    pub(super) kid: Option<String>,
    /// The certificate as base64 of its DER.
    #[serde(default)]
    pub(super) cer: String,
    /// Left out where a version was asked for by its id.
    #[serde(default)]
    pub(super) policy: Option<Policy>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Attributes {
    #[serde(default)]
    pub(super) enabled: Option<bool>,
    /// Unix seconds, as all of these.
    #[serde(default)]
    pub(super) nbf: Option<u64>,
    #[serde(default)]
    pub(super) exp: Option<u64>,
    #[serde(default)]
    pub(super) created: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Policy {
    #[serde(default)]
    pub(super) key_props: Option<KeyProperties>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct KeyProperties {
    #[serde(default)]
    pub(super) exportable: Option<bool>,
}

/// A page of versions.
#[derive(Debug, Deserialize)]
pub(super) struct CertificateList {
    #[serde(default)]
    pub(super) value: Vec<CertificateItem>,
    #[serde(rename = "nextLink", default)]
    pub(super) next_link: Option<String>,
}

/// The secret behind a certificate: base64 of a PFX, or PEM text.
#[derive(Debug, Deserialize)]
pub(super) struct SecretBundle {
    pub(super) value: Secret,
    #[serde(rename = "contentType", default)]
    pub(super) content_type: Option<String>,
}

/// A signature as base64url.
#[derive(Debug, Deserialize)]
pub(super) struct Signature {
    pub(super) value: String,
}

impl CertificateItem {
    /// The version's id: the last segment.
    pub(super) fn version(&self) -> Option<&str> {
        last_segment(&self.id)
    }
}

impl CertificateBundle {
    /// The version of the certificate's key.
    pub(super) fn key_version(&self) -> Option<&str> {
        self.kid.as_deref().and_then(last_segment)
    }

    /// Whether the policy says that the private key stays in the vault. `None` where it does not say.
    pub(super) fn exportable(&self) -> Option<bool> {
        self.policy.as_ref()?.key_props.as_ref()?.exportable
    }
}

impl Attributes {
    /// Why a version cannot be used now, as the end of a sentence.
    pub(super) fn problem(&self, now: UnixTime) -> Option<String> {
        match self {
            Self { enabled: Some(false), .. } => Some("is disabled".to_owned()),
            Self { nbf: Some(nbf), .. } if *nbf > now.0 => Some(format!("is not valid before {}", date(*nbf))),
            Self { exp: Some(exp), .. } if *exp <= now.0 => Some(format!("ended on {}", date(*exp))),
            _ => None,
        }
    }
}

/// It becomes a part of a path: letters and digits alone.
fn last_segment(url: &str) -> Option<&str> {
    let (_, last) = url.rsplit_once('/')?;
    let good = (1..=64).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_alphanumeric());
    good.then_some(last)
}

fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read_as_the_vault_writes_it() {
        let bundle: CertificateBundle = serde_json::from_str(
            r#"{"id":"https://v.vault.azure.net/certificates/web/0123456789abcdef0123456789abcdef",
                "kid":"https://v.vault.azure.net/keys/web/0123456789abcdef0123456789abcdef","x5t":"x","cer":"MII",
                "attributes":{"enabled":true,"nbf":1,"exp":2,"created":1,"recoveryLevel":"Recoverable"},
                "policy":{"key_props":{"exportable":false,"kty":"RSA"}},"pending":{}}"#,
        )
        .unwrap();
        assert_eq!(bundle.item.version(), Some("0123456789abcdef0123456789abcdef"));
        assert_eq!(bundle.key_version(), bundle.item.version());
        assert_eq!(bundle.exportable(), Some(false));
        let bare: CertificateBundle = serde_json::from_str(r#"{"id":"x"}"#).unwrap();
        assert_eq!((bare.item.version(), bare.key_version(), bare.exportable()), (None, None, None));
    }

    #[test]
    fn what_is_no_version_does_not_get_into_a_path() {
        for id in
            ["https://v/certificates/web/", "https://v/certificates/web/a?b", "https://v/c/..", "https://v/c/a%2Fb"]
        {
            assert_eq!(last_segment(id), None, "{id}");
        }
    }

    #[test]
    fn a_version_is_usable_while_it_is_enabled_and_in_its_time() {
        let attributes = |enabled, nbf, exp| Attributes { enabled, nbf, exp, created: None };
        let now = UnixTime(100);
        for (attributes, problem) in [
            (Attributes::default(), None),
            (attributes(Some(true), Some(100), Some(101)), None),
            (attributes(Some(false), None, None), Some("is disabled")),
            (attributes(None, Some(101), None), Some("is not valid before 1970-01-01T00:01:41Z")),
            (attributes(None, None, Some(100)), Some("ended on 1970-01-01T00:01:40Z")),
            (attributes(None, Some(u64::MAX), None), Some("is not valid before 18446744073709551615")),
        ] {
            assert_eq!(attributes.problem(now).as_deref(), problem);
        }
    }
}
