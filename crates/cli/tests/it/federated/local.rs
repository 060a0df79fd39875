//! Sources on the machine and of one's own: files, variables, commands, any endpoint.

use serde_json::json;

use super::{EXCHANGE, Platform, World, silent};
use crate::provider::{Answer, Asked, Signer};

/// As Kubernetes projects it.
pub(super) const FILE: Platform = Platform {
    subject: "system:serviceaccount:shop:web",
    audience: EXCHANGE,
    answer: silent,
    settings: |world| {
        let path = world.token_file("projected", &format!("{}\n", token(world, FILE.subject)));
        vec![("SourceType", "SignedAssertionFilePath".to_owned()), ("SignedAssertionFileDiskPath", path)]
    },
    asked: &[],
};

pub(super) const FILE_BY_VARIABLE: Platform = Platform {
    settings: |world| {
        let path = world.token_file("projected", &token(world, FILE.subject));
        vec![("SourceType", "SignedAssertionFilePath".to_owned()), ("$AZURE_FEDERATED_TOKEN_FILE", path)]
    },
    ..FILE
};

pub(super) const VARIABLE: Platform = Platform {
    subject: "organization:contoso:project:orders:workspace:web:run_phase:apply",
    audience: EXCHANGE,
    answer: silent,
    settings: |world| {
        vec![
            ("SourceType", "AssertionVariable".to_owned()),
            ("AssertionVariable", "TFC_WORKLOAD_IDENTITY_TOKEN".to_owned()),
            ("$TFC_WORKLOAD_IDENTITY_TOKEN", token(world, VARIABLE.subject)),
        ]
    },
    asked: &[],
};

pub(super) const COMMAND: Platform = Platform {
    subject: "command",
    audience: EXCHANGE,
    answer: silent,
    settings: |world| {
        let path = world.token_file("command", &json!({ "a": { "token": token(world, COMMAND.subject) } }).to_string());
        vec![
            ("SourceType", "AssertionCommand".to_owned()),
            ("AssertionCommand__0", "/bin/cat".to_owned()),
            ("AssertionCommand__1", path),
            ("AssertionJsonPointer", "/a/token".to_owned()),
        ]
    },
    asked: &[],
};

pub(super) const URL: Platform = Platform {
    subject: "vault-entity",
    audience: EXCHANGE,
    answer: url,
    settings: |world| {
        let path = "/v1/identity/oidc/token/orders?aud={audience}&client={clientId}&tenant={tenantId}";
        vec![
            ("SourceType", "AssertionUrl".to_owned()),
            ("AssertionUrl", format!("{}{path}", world.provider.signer.issuer)),
            ("AssertionHeaders__X-Vault-Namespace", "shop".to_owned()),
            ("AssertionHeaderPaths__X-Vault-Token", world.token_file("vault", "vault-secret\n")),
            ("AssertionJsonPointer", "/data/token".to_owned()),
        ]
    },
    asked: &["GET /v1/identity/oidc/token/orders?aud=api%3A%2F%2FAzureADTokenExchange\
              &client=00001111-aaaa-2222-bbbb-3333cccc4444&tenant=aaaabbbb-0000-cccc-1111-dddd2222eeee \
              x-vault-token=vault-secret x-vault-namespace=shop"],
};

fn url(signer: &Signer, asked: &Asked) -> Option<Answer> {
    asked.line.strip_prefix("GET /v1/identity/oidc/token/orders?")?;
    if asked.header("x-vault-token") != "vault-secret" {
        return Some((403, String::new()));
    }
    Some((200, json!({ "data": { "token": signer.token(URL.subject, EXCHANGE) } }).to_string()))
}

fn token(world: &World, subject: &str) -> String {
    world.provider.signer.token(subject, EXCHANGE)
}
