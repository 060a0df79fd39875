//! `GoogleMetadata`: the identity token of the service account that a machine, pod or function of Google Cloud runs as
//! (<https://cloud.google.com/compute/docs/instances/verifying-instance-identity>).

use std::sync::Arc;

use reqwest::header::{HeaderName, HeaderValue};
use sidekey_oauth::Secret;

use super::{
    Ask, Provider, Settings,
    question::{Place, Question, permitted},
};
use crate::{
    Environment,
    credential::{CredentialError, Surroundings},
    flight::Work,
};

#[derive(Debug)]
struct GoogleMetadata {
    account: String,
}

#[expect(clippy::unnecessary_wraps, reason = "one of the sources' readers")]
pub(super) fn read(settings: &Settings<'_, '_>) -> Option<Arc<dyn Provider>> {
    let account = settings.own.text("GoogleServiceAccount").map_or("default", str::trim).to_owned();
    Some(Arc::new(GoogleMetadata { account }))
}

impl Provider for GoogleMetadata {
    fn check(&self, environment: &Environment) -> Result<(), CredentialError> {
        self.question(environment, "").map(drop)
    }

    fn fetch(self: Arc<Self>, world: Surroundings, ask: Ask) -> Work<Result<Secret, CredentialError>> {
        Box::pin(async move { self.question(&world.environment, &ask.audience)?.ask(&world, ask.deadline).await })
    }
}

impl GoogleMetadata {
    fn question(&self, environment: &Environment, audience: &str) -> Result<Question, CredentialError> {
        let host = environment.get(HOST).map_or("metadata.google.internal", str::trim);
        let refuse = |problem: &str| {
            let hint = "let it be the host and port of the metadata server, or remove it";
            CredentialError::new("SourceType", format!("`{NAME}`: the variable `{HOST}` {problem}"), hint)
        };
        let mut url = permitted(&format!("http://{host}")).map_err(refuse)?;
        if url.path() != "/" || url.query().is_some() {
            return Err(refuse("is more than a host"));
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(["computeMetadata", "v1", "instance", "service-accounts", &self.account, "identity"]);
        }
        url.query_pairs_mut().append_pair("audience", audience).append_pair("format", "full");
        let flavor = (HeaderName::from_static("metadata-flavor"), HeaderValue::from_static("Google"));
        Ok(Question::get(NAME, url, Place::Text, HINT).with([flavor]))
    }
}

pub(super) const NAME: &str = "GoogleMetadata";
const HOST: &str = "GCE_METADATA_HOST";
const HINT: &str = "check that this workload runs as a service account, and `GoogleServiceAccount`";
