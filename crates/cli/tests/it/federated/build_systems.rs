//! Build systems: GitHub Actions, Azure Pipelines, GitLab.

use serde_json::json;

use super::{EXCHANGE, Platform, World, silent};
use crate::provider::{Answer, Asked, Signer};

pub(super) const GITHUB: Platform = Platform {
    subject: "repo:contoso@1234/orders@5678:ref:refs/heads/main",
    audience: EXCHANGE,
    answer: github,
    settings: |world| {
        vec![
            ("SourceType", "GitHubActions".to_owned()),
            ("$ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/github/idtoken?run=7", world.provider.signer.issuer)),
            ("$ACTIONS_ID_TOKEN_REQUEST_TOKEN", GITHUB_JOB.to_owned()),
        ]
    },
    asked: &[
        "GET /github/idtoken?run=7&audience=api%3A%2F%2FAzureADTokenExchange authorization=bearer github-job-secret",
    ],
};

fn github(signer: &Signer, asked: &Asked) -> Option<Answer> {
    let query = asked.line.strip_prefix("GET /github/idtoken?run=7&audience=")?;
    if asked.header("authorization") != format!("bearer {GITHUB_JOB}") {
        return Some((401, String::new()));
    }
    let audience = query.replace("%3A", ":").replace("%2F", "/");
    Some((200, json!({ "value": signer.token(GITHUB.subject, &audience), "count": 1 }).to_string()))
}

const GITHUB_JOB: &str = "github-job-secret";

pub(super) const AZURE_PIPELINES: Platform = Platform {
    subject: "sc://contoso/orders/azure",
    audience: EXCHANGE,
    answer: azure_pipelines,
    settings: |world| {
        vec![
            ("SourceType", "AzurePipelines".to_owned()),
            ("ServiceConnectionId", "77776666-aaaa-bbbb-cccc-555544443333".to_owned()),
            ("$SYSTEM_OIDCREQUESTURI", format!("{}/contoso/_apis/oidctoken", world.provider.signer.issuer)),
            ("$SYSTEM_ACCESSTOKEN", PIPELINES_JOB.to_owned()),
        ]
    },
    asked: &["POST /contoso/_apis/oidctoken?api-version=7.1&serviceConnectionId=77776666-aaaa-bbbb-cccc-555544443333 \
              authorization=Bearer pipelines-job-secret x-tfs-fedauthredirect=Suppress"],
};

fn azure_pipelines(signer: &Signer, asked: &Asked) -> Option<Answer> {
    asked.line.strip_prefix("POST /contoso/_apis/oidctoken?")?;
    let good = asked.header("authorization") == format!("Bearer {PIPELINES_JOB}")
        && asked.header("content-type") == "application/json"
        && asked.header("content-length") == "0";
    if !good {
        return Some((401, String::new()));
    }
    Some((200, json!({ "oidcToken": signer.token(AZURE_PIPELINES.subject, EXCHANGE) }).to_string()))
}

const PIPELINES_JOB: &str = "pipelines-job-secret";

pub(super) const GITLAB: Platform = Platform {
    subject: "project_path:contoso/orders:ref_type:branch:ref:main",
    audience: EXCHANGE,
    answer: silent,
    settings: |world| vec![("SourceType", "GitLab".to_owned()), ("$GITLAB_OIDC_TOKEN", gitlab_token(world))],
    asked: &[],
};

pub(super) const GITLAB_FILE: Platform = Platform {
    settings: |world| {
        let path = world.token_file("gitlab", &gitlab_token(world));
        vec![("SourceType", "GitLab".to_owned()), ("SignedAssertionFileDiskPath", path)]
    },
    ..GITLAB
};

fn gitlab_token(world: &World) -> String {
    world.provider.signer.token(GITLAB.subject, EXCHANGE)
}
