//! `AzurePipelines`: a service connection with workload identity federation
//! (<https://learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity>).

use std::sync::Arc;

use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use sidekey_oauth::Secret;

use super::{
    Ask, Provider, Settings,
    question::{Place, Question, permitted, secret_header},
    variable,
};
use crate::{
    Environment,
    credential::{CredentialError, Surroundings},
    flight::Work,
};

#[derive(Debug)]
struct AzurePipelines {
    /// As configured; else a variable tells.
    service_connection: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "one of the sources' readers")]
pub(super) fn read(settings: &Settings<'_, '_>) -> Option<Arc<dyn Provider>> {
    let service_connection = settings.own.text("ServiceConnectionId").map(|id| id.trim().to_owned());
    Some(Arc::new(AzurePipelines { service_connection }))
}

impl Provider for AzurePipelines {
    fn check(&self, environment: &Environment) -> Result<(), CredentialError> {
        self.question(environment).map(drop)
    }

    fn fetch(self: Arc<Self>, world: Surroundings, ask: Ask) -> Work<Result<Secret, CredentialError>> {
        Box::pin(async move { self.question(&world.environment)?.ask(&world, ask.deadline).await })
    }
}

impl AzurePipelines {
    fn question(&self, environment: &Environment) -> Result<Question, CredentialError> {
        let url = variable(environment, NAME, URL, "run this process in a job of Azure Pipelines")?;
        let token =
            variable(environment, NAME, TOKEN, "map it in the step: `env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`")?;
        let connection = self.service_connection.as_deref().or_else(|| environment.get(CONNECTION).map(str::trim));
        let connection = connection.ok_or_else(|| {
            let hint = format!("write the id of the service connection here, or in the variable `{CONNECTION}`");
            CredentialError::new("ServiceConnectionId", format!("`{NAME}`: no service connection is named"), hint)
        })?;
        let mut url = permitted(url).map_err(|problem| {
            CredentialError::new("SourceType", format!("`{NAME}`: the variable `{URL}` {problem}"), HINT)
        })?;
        url.query_pairs_mut().append_pair("api-version", "7.1").append_pair("serviceConnectionId", connection);
        let authorization = secret_header(NAME, &format!("Bearer {token}"), &format!("`{TOKEN}`"))?;
        let question = Question::get(NAME, url, Place::Pointer("/oidcToken".to_owned()), HINT).with([
            (AUTHORIZATION, authorization),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            // An answer in place of a sign-in page.
            (HeaderName::from_static("x-tfs-fedauthredirect"), HeaderValue::from_static("Suppress")),
        ]);
        Ok(Question { method: Method::POST, ..question })
    }
}

pub(super) const NAME: &str = "AzurePipelines";
const URL: &str = "SYSTEM_OIDCREQUESTURI";
const TOKEN: &str = "SYSTEM_ACCESSTOKEN";
/// Set by the tasks that sign in to Azure.
const CONNECTION: &str = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID";
const HINT: &str =
    "check that the service connection uses workload identity federation and that this pipeline may use it";
