//! The AWS access keys to sign with, in the order of AWS's own libraries: variables, the role of a projected token (EKS), a container's
//! endpoint (ECS, EKS Pod Identity), the machine's metadata service (EC2).
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>

use std::path::PathBuf;

use reqwest::{
    Method,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use serde_json::Value;
use sidekey_oauth::Secret;
use tokio::time::Instant;

use super::{
    NAME,
    sts::{Sts, VERSION, form},
};
use crate::{
    Environment,
    config::SecretText,
    credential::{
        CredentialError, Surroundings,
        federated::{
            blocking,
            question::{Place, Question, element, permitted, secret_header},
        },
        secret::read_text,
    },
};

/// Access keys, as a rule of a session.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) session_token: Option<Secret>,
}

/// Where the keys come from.
#[derive(Debug)]
pub(super) enum Origin {
    Variables(Keys),
    Role { token: PathBuf, role: String, session: String },
    Container { url: String, token: Option<SecretText> },
    Machine { url: String },
}

impl Origin {
    /// The first that the variables speak of.
    pub(super) fn of(environment: &Environment) -> Result<Self, CredentialError> {
        let get = |name| environment.get(name).map(str::trim);
        let secret = |name| get(name).map(Secret::new);
        match (get("AWS_ACCESS_KEY_ID"), secret("AWS_SECRET_ACCESS_KEY")) {
            (None, None) => {}
            (Some(id), Some(secret_key)) => {
                let session_token = secret("AWS_SESSION_TOKEN");
                return Ok(Self::Variables(Keys { id: id.to_owned(), secret: secret_key, session_token }));
            }
            _ => {
                let problem = "one of `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` is set without the other";
                return Err(error(problem, "set both or neither"));
            }
        }
        if let (Some(token), Some(role)) = (get("AWS_WEB_IDENTITY_TOKEN_FILE"), get("AWS_ROLE_ARN")) {
            let session = get("AWS_ROLE_SESSION_NAME").unwrap_or("sidekey").to_owned();
            return Ok(Self::Role { token: token.into(), role: role.to_owned(), session });
        }
        let relative = get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{CONTAINER}{path}"));
        if let Some(url) = relative.or_else(|| get("AWS_CONTAINER_CREDENTIALS_FULL_URI").map(str::to_owned)) {
            let file = get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(|path| SecretText::File(path.into()));
            let token = file.or_else(|| secret("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(SecretText::Inline));
            return Ok(Self::Container { url, token });
        }
        if get("AWS_EC2_METADATA_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            let hint = "run this process with a role of ECS, EKS or EC2, or set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`";
            return Err(error(
                "no AWS credentials: no variable speaks of any, and `AWS_EC2_METADATA_DISABLED` is set",
                hint,
            ));
        }
        let url = get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or(MACHINE).trim_end_matches('/').to_owned();
        Ok(Self::Machine { url })
    }

    /// The keys, from whoever has them.
    pub(super) async fn keys(
        self,
        sts: &Sts,
        world: &Surroundings,
        deadline: Instant,
    ) -> Result<Keys, CredentialError> {
        match self {
            Self::Variables(keys) => Ok(keys),
            Self::Role { token, role, session } => assume(sts, token, &role, &session, world, deadline).await,
            Self::Container { url, token } => container(&url, token, world, deadline).await,
            Self::Machine { url } => machine(&url, world, deadline).await,
        }
    }
}

/// Trades the projected token for the role's keys. STS takes this request unsigned.
async fn assume(
    sts: &Sts,
    token: PathBuf,
    role: &str,
    session: &str,
    world: &Surroundings,
    deadline: Instant,
) -> Result<Keys, CredentialError> {
    let token = secret_text(SecretText::File(token)).await?;
    let form = form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", VERSION),
        ("RoleArn", role),
        ("RoleSessionName", session),
        ("WebIdentityToken", token.expose().trim()),
    ]);
    let question = sts.question(form, "AccessKeyId", "check that the role trusts this service account");
    let answer = question.send(world, deadline).await?;
    let part = |name: &str| element(&answer.body, name).filter(|text| !text.is_empty()).map(str::to_owned);
    keys(part, "SessionToken").ok_or_else(|| incomplete("AWS STS"))
}

async fn secret_text(text: SecretText) -> Result<Secret, CredentialError> {
    let read = blocking(NAME, move || read_text(&text, "SourceType")).await;
    read.map_err(|error| CredentialError { problem: format!("`{NAME}`: {}", error.problem), ..error })
}

async fn container(
    url: &str,
    token: Option<SecretText>,
    world: &Surroundings,
    deadline: Instant,
) -> Result<Keys, CredentialError> {
    let url = permitted(url).map_err(|problem| {
        error(
            &format!("the container's endpoint for credentials {problem}"),
            "check the variables `AWS_CONTAINER_CREDENTIALS_*`",
        )
    })?;
    let mut question = Question::get(NAME, url, Place::Pointer(String::new()), "check the task's or the pod's role");
    if let Some(token) = token {
        let token = secret_text(token).await?;
        question = question
            .with([(AUTHORIZATION, secret_header(NAME, token.expose(), "the container's authorization token")?)]);
    }
    document(&question.send(world, deadline).await?.body).ok_or_else(|| incomplete("the container's endpoint"))
}

async fn machine(url: &str, world: &Surroundings, deadline: Instant) -> Result<Keys, CredentialError> {
    let session = session(url, world, deadline).await?;
    let ask = async |path: &str| {
        let question = Question::get(
            NAME,
            metadata_url(url, path)?,
            Place::Text,
            "give the machine an instance profile with a role",
        );
        question
            .with([(HeaderName::from_static("x-aws-ec2-metadata-token"), session.clone())])
            .send(world, deadline)
            .await
    };
    let roles = ask(ROLES).await?;
    let role = std::str::from_utf8(&roles.body).ok().and_then(|text| text.lines().next()).unwrap_or_default().trim();
    if role.is_empty() || role.contains(['/', '?', '#']) {
        return Err(error(
            "the machine's metadata service names no role",
            "give the machine an instance profile with a role",
        ));
    }
    let answer = ask(&format!("{ROLES}{role}")).await?;
    document(&answer.body).ok_or_else(|| incomplete("the machine's metadata service"))
}

/// The region of the machine.
pub(super) async fn machine_region(
    url: &str,
    world: &Surroundings,
    deadline: Instant,
) -> Result<String, CredentialError> {
    let session = session(url, world, deadline).await?;
    let question =
        Question::get(NAME, metadata_url(url, "/latest/meta-data/placement/region")?, Place::Text, "write `AwsRegion`");
    let question = question.with([(HeaderName::from_static("x-aws-ec2-metadata-token"), session)]);
    Ok(question.ask(world, deadline).await?.expose().to_owned())
}

/// The metadata service wants to be asked twice, so that a led-astray proxy gets nothing.
async fn session(url: &str, world: &Surroundings, deadline: Instant) -> Result<HeaderValue, CredentialError> {
    let question = Question::get(
        NAME,
        metadata_url(url, "/latest/api/token")?,
        Place::Text,
        "allow version 2 of the metadata service, with enough hops for containers",
    );
    let lifetime = (HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds"), HeaderValue::from_static("60"));
    let token = Question { method: Method::PUT, ..question.with([lifetime]) }.ask(world, deadline).await?;
    secret_header(NAME, token.expose(), "the metadata service's session")
}

fn metadata_url(url: &str, path: &str) -> Result<url::Url, CredentialError> {
    permitted(&format!("{url}{path}")).map_err(|problem| {
        error(
            &format!("the variable `AWS_EC2_METADATA_SERVICE_ENDPOINT` {problem}"),
            "write its URL, or remove the variable",
        )
    })
}

/// Keys in the JSON form of both endpoints.
fn document(content: &[u8]) -> Option<Keys> {
    let mut document: Value = serde_json::from_slice(content).ok()?;
    let mut part = |name: &str| match document.get_mut(name).map(Value::take) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    keys(&mut part, "Token")
}

fn keys(mut part: impl FnMut(&str) -> Option<String>, session_token: &str) -> Option<Keys> {
    let (id, secret) = (part("AccessKeyId")?, part("SecretAccessKey").map(Secret::new)?);
    Some(Keys { id, secret, session_token: part(session_token).map(Secret::new) })
}

fn incomplete(who: &str) -> CredentialError {
    error(
        &format!("{who} gave no complete access keys"),
        "check that it is what the variables `AWS_*` are meant to name",
    )
}

fn error(problem: &str, hint: &str) -> CredentialError {
    CredentialError::new("SourceType", format!("`{NAME}`: {problem}"), hint)
}

const CONTAINER: &str = "http://169.254.170.2";
const MACHINE: &str = "http://169.254.169.254";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
