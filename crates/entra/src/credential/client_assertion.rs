//! Client assertions signed with a certificate's key (RFC 7523 §2.2, in the form that Entra asks for:
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use sidekey_jose::{Algorithm, JoseError, sign_compact, thumbprint_sha1, thumbprint_sha256};
use sidekey_oauth::Secret;
use uuid::Uuid;

use super::{Purpose, bundle::Bundle};

/// Signs a new assertion that lives for [`LIFETIME_SECONDS`].
pub(super) fn sign(bundle: &Bundle, purpose: &Purpose, id: Uuid) -> Result<Secret, JoseError> {
    let (header, algorithm) = header(bundle, purpose);
    let client = purpose.client_id.as_str();
    let now = purpose.now.0;
    let claims = json!({
        "aud": purpose.audience,
        "iss": client,
        "sub": client,
        "nbf": now,
        "iat": now,
        "exp": now.saturating_add(LIFETIME_SECONDS),
        "jti": id,
    });
    sign_compact(&header, claims.to_string().as_bytes(), &bundle.key, algorithm).map(Secret::new)
}

/// Entra knows PS256 and the SHA-256 thumbprint; AD FS and others only what came before.
fn header(bundle: &Bundle, purpose: &Purpose) -> (Map<String, Value>, Algorithm) {
    let mut header = Map::new();
    header.insert("typ".to_owned(), "JWT".into());
    let leaf = bundle.leaf();
    let algorithm = if purpose.takes_ps256 {
        header.insert("x5t#S256".to_owned(), thumbprint_sha256(leaf).into());
        Algorithm::PS256
    } else {
        header.insert("x5t".to_owned(), thumbprint_sha1(leaf).into());
        Algorithm::RS256
    };
    if purpose.send_x5c {
        // Plain base64 here, not base64url: RFC 7515 §4.1.6.
        header.insert("x5c".to_owned(), bundle.chain.iter().map(|der| STANDARD.encode(der)).collect());
    }
    (header, algorithm)
}

/// Entra takes five to ten minutes.
pub(super) const LIFETIME_SECONDS: u64 = 600;
