//! A certificate with its private key, from a file or from the configuration itself.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use sidekey_host::UnixTime;
use sidekey_oauth::Secret;
use uuid::Uuid;

use super::{
    CredentialError, Made, Proof, Purpose,
    bundle::Bundle,
    client_assertion,
    file::{self, Watched},
    secret,
};
use crate::config::{CertificateLocation, SecretText};

/// The certificate's sources, what was read from them, and assertions that still serve.
#[derive(Debug)]
pub(super) struct Certificate {
    location: CertificateLocation,
    key_path: Option<PathBuf>,
    password: Option<SecretText>,
    files: Vec<PathBuf>,
    watched: Watched<Bundle>,
    /// By audience: signing costs a good part of a millisecond, and one assertion may serve more than once.
    signed: Mutex<HashMap<String, Signed>>,
}

#[derive(Debug)]
struct Signed {
    assertion: Secret,
    until: UnixTime,
    bundle: Arc<Bundle>,
}

impl Certificate {
    pub(super) fn new(location: CertificateLocation, key_path: Option<PathBuf>, password: Option<SecretText>) -> Self {
        let own = match &location {
            CertificateLocation::Path(path) => Some(path.clone()),
            CertificateLocation::Base64(_) => None,
        };
        let password_path = password.as_ref().and_then(secret::path);
        let files: Vec<_> = own.into_iter().chain(key_path.clone()).chain(password_path).collect();
        let watched = Watched::new(files.clone());
        Self { location, key_path, password, files, watched, signed: Mutex::default() }
    }

    /// The files that it is made of.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Whether the certificate and its key can be read.
    pub(super) fn check(&self) -> Result<(), CredentialError> {
        self.watched.get(|| self.load()).map(drop)
    }

    /// A signed assertion: a new one, or one that still serves.
    pub(super) fn assertion(&self, purpose: &Purpose) -> Result<Made, CredentialError> {
        let bundle = self.watched.get(|| self.load())?;
        self.check_validity(&bundle, purpose.now)?;
        if let Some(kept) = self.kept(purpose, &bundle) {
            return Ok(Made { proof: Proof::Assertion(kept), reused: true });
        }
        let assertion = client_assertion::sign(&bundle, purpose, Uuid::new_v4()).map_err(|error| {
            self.error(format!("the certificate's key cannot sign: {error}"), "use a certificate with an RSA key")
        })?;
        self.keep(purpose, assertion.clone(), bundle);
        Ok(Made::new(Proof::Assertion(assertion)))
    }

    fn kept(&self, purpose: &Purpose, bundle: &Arc<Bundle>) -> Option<Secret> {
        let signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = signed.get(&purpose.audience).filter(|kept| kept.serves(bundle, purpose.now))?;
        Some(kept.assertion.clone())
    }

    fn keep(&self, purpose: &Purpose, assertion: Secret, bundle: Arc<Bundle>) {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if signed.len() >= MAX_KEPT {
            signed.clear();
        }
        let until = purpose.now + client_assertion::HALF_LIFE;
        signed.insert(purpose.audience.clone(), Signed { assertion, until, bundle });
    }

    /// The `SourceType` that this came from.
    pub(super) fn source_type(&self) -> &'static str {
        match self.location {
            CertificateLocation::Path(_) => "Path",
            CertificateLocation::Base64(_) => "Base64Encoded",
        }
    }

    /// Drops the assertions that were kept.
    pub(super) fn forget(&self) {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Reads it anew, whatever was read before.
    pub(super) fn load(&self) -> Result<Bundle, CredentialError> {
        let password = self.password.as_ref().map(|text| secret::read_text(text, "CertificatePasswordPath"));
        let password = password.transpose()?;
        let content = match &self.location {
            CertificateLocation::Path(path) => file::read(path, self.field())?,
            CertificateLocation::Base64(text) => Bundle::decode_base64(text).ok_or_else(|| {
                self.error("the value is not base64".to_owned(), "write a PFX with its private key as base64")
            })?,
        };
        let key = self.key_path.as_ref().map(|path| file::read(path, "CertificateKeyPath")).transpose()?;
        Bundle::read(&content, key.as_ref().map(|key| key.as_slice()), password.as_ref()).map_err(|error| {
            let place = match &self.location {
                CertificateLocation::Path(path) => format!("the file `{}`", path.display()),
                CertificateLocation::Base64(_) => "the value".to_owned(),
            };
            self.error(format!("{place} {}", error.problem), error.hint)
        })
    }

    fn check_validity(&self, bundle: &Bundle, now: UnixTime) -> Result<(), CredentialError> {
        if bundle.valid_to < now {
            let problem = format!("the certificate `{}` ended on {}", bundle.subject, bundle.valid_to_text);
            return Err(
                self.error(problem, "put a renewed certificate in its place and register it with the application")
            );
        }
        Ok(())
    }

    /// An error that blames the field it was configured by.
    pub(super) fn error(&self, problem: String, hint: impl Into<String>) -> CredentialError {
        CredentialError::new(self.field(), problem, hint)
    }

    fn field(&self) -> &'static str {
        match self.location {
            CertificateLocation::Path(_) => "CertificateDiskPath",
            CertificateLocation::Base64(_) => "Base64EncodedValue",
        }
    }
}

impl Signed {
    fn serves(&self, bundle: &Arc<Bundle>, now: UnixTime) -> bool {
        now < self.until && Arc::ptr_eq(&self.bundle, bundle)
    }
}

/// Audiences are token endpoints, one per tenant.
const MAX_KEPT: usize = 256;
