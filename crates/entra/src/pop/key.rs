//! A private key of ours in a PEM file: tokens are bound to it, and requests are signed with it
//! (signed HTTP requests, draft-ietf-oauth-signed-http-request-03).

use std::{path::PathBuf, sync::Arc};

use sidekey_host::UnixTime;
use sidekey_jose::{
    Algorithm, SigningKey,
    shr::{BoundClaim, NewShr, ShrError, ShrRequest},
};
use sidekey_oauth::Secret;
use uuid::Uuid;

use super::Confirmation;
use crate::{
    AccessToken,
    credential::{
        CredentialError,
        file::{self, Watched},
    },
};

/// A key file. Read again when it changes; if the new key is not usable, the old one stays.
#[derive(Debug)]
pub struct PopKey {
    path: PathBuf,
    watched: Watched<PopSigner>,
}

/// A key that signs requests, and the confirmation that binds tokens to it.
#[derive(Debug)]
pub struct PopSigner {
    key: SigningKey,
    algorithm: Algorithm,
    confirmation: Arc<Confirmation>,
}

/// Why a key file cannot be used. Names the file, never its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {hint}")]
pub struct PopKeyError {
    /// What is wrong with which file.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

impl PopKey {
    /// Reads nothing yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { watched: Watched::new([path.clone()]), path }
    }

    /// The present key. Looks at the file, and reads it if it changed.
    pub fn current(&self) -> Result<Arc<PopSigner>, PopKeyError> {
        let signer = self.watched.get(|| self.load());
        signer.map_err(|CredentialError { problem, hint, .. }| PopKeyError { problem, hint })
    }

    fn load(&self) -> Result<PopSigner, CredentialError> {
        let refuse = |cause: String| {
            let problem = format!("the file `{}` holds no private key to sign with: {cause}", self.path.display());
            CredentialError::new(FIELD, problem, "write an RSA (from 2048 bits) or EC private key into it, as PEM")
        };
        let content = file::read(&self.path, FIELD)?;
        let text = std::str::from_utf8(&content).map_err(|_| refuse("it is not text".to_owned()))?;
        let key = SigningKey::from_pem(text).map_err(|cause| refuse(cause.to_string()))?;
        let confirmation = Confirmation::of_key(&key).map_err(|cause| refuse(cause.problem))?;
        Ok(PopSigner { algorithm: algorithm(&key), key, confirmation: Arc::new(confirmation) })
    }
}

/// Two keys are equal if they are in the same file.
impl PartialEq for PopKey {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for PopKey {}

impl PopSigner {
    /// What binds a token to this key.
    pub fn confirmation(&self) -> &Arc<Confirmation> {
        &self.confirmation
    }

    /// The header value that presents a token for one request: `PoP` and a signature over method, host, path and query, and
    /// over headers and body where they are known. The token must be bound to this key.
    pub fn authorization(
        &self,
        token: &AccessToken,
        request: ShrRequest<'_>,
        now: UnixTime,
    ) -> Result<Secret, ShrError> {
        let known = |claim: &BoundClaim| match claim {
            BoundClaim::Headers => request.headers.is_some(),
            BoundClaim::Body => request.body.is_some(),
            _ => true,
        };
        let cover: Vec<_> = BoundClaim::ALL.into_iter().filter(known).collect();
        let nonce = Uuid::new_v4().simple().to_string();
        let signed = NewShr { access_token: token.token(), request, cover: &cover, nonce: &nonce, now: now.0 };
        signed.sign(&self.key, self.algorithm).map(|signed| Secret::new(format!("PoP {signed}")))
    }
}

/// The one that goes with the key, as Microsoft's libraries have it.
fn algorithm(key: &SigningKey) -> Algorithm {
    match key.public_jwk().crv.as_deref() {
        None => Algorithm::PS256,
        Some("P-384") => Algorithm::ES384,
        Some("P-521") => Algorithm::ES512,
        Some(_) => Algorithm::ES256,
    }
}

const FIELD: &str = "PopPrivateKeyPath";

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use sidekey_jose::shr::{ShrRules, UnverifiedShr};

    use super::*;
    use crate::TokenScheme;

    fn data(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
    }

    fn token() -> AccessToken {
        AccessToken { authorization: Secret::new("PoP eyJ.x.y"), scheme: TokenScheme::Pop, expires_on: UnixTime(9) }
    }

    #[test]
    fn a_request_is_signed_so_that_the_resource_can_check_it() {
        for file in ["key.pem", "ec.pem"] {
            let signer = PopKey::new(data(file)).current().unwrap();
            let headers = [("Content-Type", "text/plain")];
            let request = ShrRequest {
                method: "POST",
                url: "https://api.contoso.com/orders?a=b",
                headers: Some(&headers),
                body: Some(b"body"),
            };
            let header = signer.authorization(&token(), request, UnixTime(1000)).unwrap();
            let shr = UnverifiedShr::parse(header.expose().strip_prefix("PoP ").unwrap()).unwrap();
            assert_eq!(shr.access_token(), "eyJ.x.y");
            let confirmed = sidekey_jose::base64url::decode(signer.confirmation().req_cnf()).unwrap();
            let cnf = serde_json::from_slice(&confirmed).unwrap();
            let rules = ShrRules { required: BoundClaim::ALL.to_vec(), ..ShrRules::default() };
            let verified = shr.verify(&cnf, &request, &rules, 1000 + 10);
            assert!(verified.is_ok(), "{file}: {verified:?}");
        }
    }

    #[test]
    fn a_changed_key_file_is_read_again_and_a_bad_one_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pop.pem");
        fs::copy(data("key.pem"), &path).unwrap();
        let key = PopKey::new(&path);
        let first = key.current().unwrap();
        assert!(Arc::ptr_eq(&first, &key.current().unwrap()));
        fs::write(&path, "no key").unwrap();
        assert_eq!(key.current().unwrap().confirmation(), first.confirmation());
        fs::copy(data("other-key.pem"), &path).unwrap();
        assert_ne!(key.current().unwrap().confirmation(), first.confirmation());
    }

    #[test]
    fn a_file_without_a_key_is_named() {
        for (name, why) in [
            ("none.pem", "does not exist"),
            ("", "is a directory"),
            ("certificate.pem", "there is no `PRIVATE KEY`"),
            ("key-encrypted.pem", "is encrypted"),
            ("modern.pfx", "is not text"),
        ] {
            let error = PopKey::new(data(name)).current().unwrap_err();
            assert!(error.problem.contains(why) && error.problem.contains("tests/data"), "{error}");
        }
    }
}
