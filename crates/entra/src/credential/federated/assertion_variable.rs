//! `GitLab`, `AssertionVariable` and `AwsEksFile`: a token that the platform puts into a variable (or into a file that one
//! names), as GitLab's `id_tokens` (<https://docs.gitlab.com/ci/secrets/id_token_authentication/>), HCP Terraform's
//! `TFC_WORKLOAD_IDENTITY_TOKEN` and EKS's `AWS_WEB_IDENTITY_TOKEN_FILE`.

use std::{path::PathBuf, sync::Arc};

use sidekey_oauth::Secret;

use super::{Ask, Provider, Settings, blocking};
use crate::{
    Environment,
    config::SecretText,
    credential::{CredentialError, Surroundings, secret},
    flight::Work,
};

#[derive(Debug)]
struct AssertionVariable {
    source: &'static str,
    token: Token,
}

#[derive(Debug)]
enum Token {
    File(PathBuf),
    /// The variable's name and value.
    Variable(String, Option<Secret>),
}

/// The variable has a usual name.
pub(super) fn read_gitlab(settings: &Settings<'_, '_>) -> Option<Arc<dyn Provider>> {
    read_as(GITLAB, settings, Some("GITLAB_OIDC_TOKEN"))
}

pub(super) fn read(settings: &Settings<'_, '_>) -> Option<Arc<dyn Provider>> {
    read_as(NAME, settings, None)
}

/// The file that EKS projects for a role of the service account.
pub(super) fn read_aws_eks(settings: &Settings<'_, '_>) -> Option<Arc<dyn Provider>> {
    let own = settings.own.text("SignedAssertionFileDiskPath");
    let Some(path) = own.or_else(|| settings.root.text(WEB_IDENTITY_FILE)) else {
        let hint = format!("write the path of the projected token here or in {WEB_IDENTITY_FILE}");
        settings.own.fault("SignedAssertionFileDiskPath", "is not set", hint);
        return None;
    };
    Some(Arc::new(AssertionVariable { source: AWS_EKS_FILE, token: Token::File(path.into()) }))
}

fn read_as(source: &'static str, settings: &Settings<'_, '_>, usual: Option<&str>) -> Option<Arc<dyn Provider>> {
    let section = settings.own;
    let file = section.text("SignedAssertionFileDiskPath");
    let name = section.text("AssertionVariable").map(str::trim);
    let token = match (file, name.or(usual)) {
        (Some(_), _) if name.is_some() => {
            section.fault(
                "AssertionVariable",
                "is set as well as `SignedAssertionFileDiskPath`",
                "remove one of the two",
            );
            return None;
        }
        (Some(path), _) => Token::File(path.into()),
        // Environment variables are keys, in which `:` is written as `__`.
        (None, Some(name)) => {
            Token::Variable(name.to_owned(), settings.root.secret(&name.replace("__", ":")).map(Secret::new))
        }
        (None, None) => {
            section.fault("AssertionVariable", "is not set", "write the name of the variable that holds the token");
            return None;
        }
    };
    Some(Arc::new(AssertionVariable { source, token }))
}

impl Provider for AssertionVariable {
    fn check(&self, _environment: &Environment) -> Result<(), CredentialError> {
        self.token().map(drop)
    }

    fn fetch(self: Arc<Self>, _world: Surroundings, _ask: Ask) -> Work<Result<Secret, CredentialError>> {
        let source = self.source;
        Box::pin(blocking(source, move || self.token()))
    }
}

impl AssertionVariable {
    fn token(&self) -> Result<Secret, CredentialError> {
        match &self.token {
            Token::File(path) => {
                let text = secret::read_text(&SecretText::File(path.clone()), "SignedAssertionFileDiskPath")?;
                Ok(Secret::new(text.expose().trim()))
            }
            Token::Variable(_, Some(token)) => Ok(Secret::new(token.expose().trim())),
            Token::Variable(name, None) => {
                let problem = format!("`{}` needs the variable `{name}`, which is not set", self.source);
                let hint = "let the job define it (GitLab: `id_tokens`), or write another name in `AssertionVariable`";
                Err(CredentialError::new("AssertionVariable", problem, hint))
            }
        }
    }
}

pub(super) const NAME: &str = "AssertionVariable";
pub(super) const GITLAB: &str = "GitLab";
pub(super) const AWS_EKS_FILE: &str = "AwsEksFile";
const WEB_IDENTITY_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
