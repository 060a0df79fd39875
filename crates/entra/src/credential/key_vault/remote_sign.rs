//! Client assertions signed in the vault: it gets a digest and gives a signature
//! (<https://learn.microsoft.com/rest/api/keyvault/keys/sign/sign>).

use aws_lc_rs::digest;
use serde_json::json;
use sidekey_jose::{VerifyingKey, base64url};
use sidekey_oauth::Secret;
use uuid::Uuid;

use super::{
    super::{Purpose, client_assertion},
    client::{Client, Errand},
    document::Signature,
    error::{self, Action, VaultError},
};

/// Has an assertion signed by a version of a key. The chain is that of its certificate.
pub(super) async fn sign(
    client: &Client,
    key: (&str, &str),
    chain: &[Vec<u8>],
    purpose: &Purpose,
) -> Result<Secret, VaultError> {
    let (input, algorithm) = client_assertion::signing_input(chain, purpose, Uuid::new_v4());
    let digest = digest::digest(&digest::SHA256, input.as_bytes());
    let body = json!({ "alg": algorithm.as_str(), "value": base64url::encode(digest) });
    let errand = Errand { correlation_id: purpose.correlation_id, deadline: purpose.deadline };
    let (name, version) = key;
    let signed: Signature = client.post(&["keys", name, version, "sign"], &body, Action::Sign, errand).await?;
    let signature = base64url::decode(signed.value.trim_end_matches('=')).unwrap_or_default();
    // Entra would only say that the signature is bad, not whose fault it is.
    let verifying = chain.first().and_then(|own| VerifyingKey::from_certificate(own).ok());
    let good = verifying.is_some_and(|key| key.verify(algorithm, input.as_bytes(), &signature).is_ok());
    if !good {
        let problem = format!("`{}` signed with a key that is not the certificate's", client.name());
        return Err(error::of_certificate(problem, "check that certificate and key have the same version"));
    }
    Ok(Secret::new(format!("{input}.{}", base64url::encode(signature))))
}
