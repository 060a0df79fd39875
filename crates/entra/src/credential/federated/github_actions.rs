//! `GitHubActions`: the token service of a workflow's job
//! (<https://docs.github.com/actions/reference/security/oidc>).

use std::sync::Arc;

use reqwest::header::AUTHORIZATION;
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
struct GitHubActions;

#[expect(clippy::unnecessary_wraps, reason = "one of the sources' readers")]
pub(super) fn read(_settings: &Settings<'_, '_>) -> Option<Arc<dyn Provider>> {
    Some(Arc::new(GitHubActions))
}

impl Provider for GitHubActions {
    fn check(&self, environment: &Environment) -> Result<(), CredentialError> {
        question(environment, "").map(drop)
    }

    fn fetch(self: Arc<Self>, world: Surroundings, ask: Ask) -> Work<Result<Secret, CredentialError>> {
        Box::pin(async move { question(&world.environment, &ask.audience)?.ask(&world, ask.deadline).await })
    }
}

fn question(environment: &Environment, audience: &str) -> Result<Question, CredentialError> {
    let url = variable(environment, NAME, URL, HINT)?;
    let token = variable(environment, NAME, TOKEN, HINT)?;
    let mut url = permitted(url).map_err(|problem| {
        CredentialError::new("SourceType", format!("`{NAME}`: the variable `{URL}` {problem}"), HINT)
    })?;
    // The URL has a query of its own.
    url.query_pairs_mut().append_pair("audience", audience);
    let authorization = secret_header(NAME, &format!("bearer {token}"), &format!("`{TOKEN}`"))?;
    Ok(Question::get(NAME, url, Place::Pointer("/value".to_owned()), HINT).with([(AUTHORIZATION, authorization)]))
}

pub(super) const NAME: &str = "GitHubActions";
const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
const HINT: &str = "give the workflow's job `permissions: id-token: write`, and pass the variable on to this process";
