//! Client assertions signed with a certificate's key (RFC 7523 §2.2, in the form that Entra asks for:
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use sidekey_jose::{Algorithm, JoseError, base64url, sign_compact, thumbprint_sha1, thumbprint_sha256};
use sidekey_oauth::Secret;
use uuid::Uuid;

use super::{Purpose, bundle::Bundle};

/// Signs a new assertion that lives for [`LIFETIME_SECONDS`].
pub(super) fn sign(bundle: &Bundle, purpose: &Purpose, id: Uuid) -> Result<Secret, JoseError> {
    let (header, algorithm) = header(&bundle.chain, purpose);
    sign_compact(&header, claims(purpose, id).as_bytes(), &bundle.key, algorithm).map(Secret::new)
}

/// The same without its signature, for a key that is elsewhere: what is to be signed, and how.
pub(super) fn signing_input(chain: &[Vec<u8>], purpose: &Purpose, id: Uuid) -> (String, Algorithm) {
    let (mut header, algorithm) = header(chain, purpose);
    header.insert("alg".to_owned(), algorithm.as_str().into());
    let parts = [Value::Object(header).to_string(), claims(purpose, id)];
    (parts.map(base64url::encode).join("."), algorithm)
}

fn claims(purpose: &Purpose, id: Uuid) -> String {
    let client = purpose.client_id.as_str();
    let now = purpose.now.0;
    json!({
        "aud": purpose.audience,
        "iss": client,
        "sub": client,
        "nbf": now,
        "iat": now,
        "exp": now.saturating_add(LIFETIME_SECONDS),
        "jti": id,
    })
    .to_string()
}

/// Entra knows PS256 and the SHA-256 thumbprint; AD FS and others only what came before.
fn header(chain: &[Vec<u8>], purpose: &Purpose) -> (Map<String, Value>, Algorithm) {
    let mut header = Map::new();
    header.insert("typ".to_owned(), "JWT".into());
    let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
    let algorithm = if purpose.takes_ps256 {
        header.insert("x5t#S256".to_owned(), thumbprint_sha256(leaf).into());
        Algorithm::PS256
    } else {
        header.insert("x5t".to_owned(), thumbprint_sha1(leaf).into());
        Algorithm::RS256
    };
    if purpose.send_x5c {
        // Plain base64 here, not base64url: RFC 7515 §4.1.6.
        header.insert("x5c".to_owned(), chain.iter().map(|der| STANDARD.encode(der)).collect());
    }
    (header, algorithm)
}

/// Entra takes five to ten minutes.
pub(super) const LIFETIME_SECONDS: u64 = 600;
/// For so long one assertion is used.
pub(super) const HALF_LIFE: Duration = Duration::from_secs(LIFETIME_SECONDS / 2);
