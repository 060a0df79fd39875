//! An application as a user of `azure_identity` writes it: asks for one token and prints what it got.
//!
//! The job comes on standard input; all else is in the environment, which the library reads by itself.

use std::{fs, io, sync::Arc};

use azure_core::{
    credentials::{Secret, SecretBytes, TokenCredential},
    http::ClientMethodOptions,
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientCertificateCredential, ClientCertificateCredentialOptions,
    ClientSecretCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential,
};
use serde_json::{Value, json};

#[tokio::main]
async fn main() {
    let job: Value = serde_json::from_reader(io::stdin()).expect("a job");
    let reply = match token(&job).await {
        Ok((token, expires)) => json!({ "token": token, "expires": expires }),
        Err(error) => json!({ "message": error.to_string() }),
    };
    println!("{reply}");
}

async fn token(job: &Value) -> azure_core::Result<(String, i64)> {
    let token = credential(job)?.get_token(&[text(job, "scope")], None).await?;
    Ok((token.token.secret().to_owned(), token.expires_on.unix_timestamp()))
}

fn credential(job: &Value) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let (tenant, client) = (text(job, "tenant"), text(job, "client").to_owned());
    let given = text(job, "given").to_owned();
    Ok(match text(job, "credential") {
        "secret" => ClientSecretCredential::new(tenant, client, Secret::new(given), None)?,
        "assertion" => ClientAssertionCredential::new(tenant.to_owned(), client, Assertion(given), None)?,
        "certificate" => {
            let password = Some(Secret::new(text(job, "password").to_owned()));
            let options = ClientCertificateCredentialOptions { password, ..Default::default() };
            let pfx = SecretBytes::new(fs::read(given).expect("the PFX file"));
            ClientCertificateCredential::new(tenant.to_owned(), client, pfx, Some(options))?
        }
        "workload" => WorkloadIdentityCredential::new(None)?,
        "managed" => {
            let options = ManagedIdentityCredentialOptions { user_assigned_id: identity(job), ..Default::default() };
            ManagedIdentityCredential::new(Some(options))?
        }
        other => panic!("there is no credential `{other}`"),
    })
}

fn identity(job: &Value) -> Option<UserAssignedId> {
    let of = |name| job.get(name).and_then(Value::as_str).map(str::to_owned);
    of("client_id")
        .map(UserAssignedId::ClientId)
        .or_else(|| of("object_id").map(UserAssignedId::ObjectId))
        .or_else(|| of("resource_id").map(UserAssignedId::ResourceId))
}

fn text<'a>(job: &'a Value, name: &str) -> &'a str {
    job[name].as_str().unwrap_or_default()
}

/// An assertion that someone else signed.
#[derive(Debug)]
struct Assertion(String);

#[async_trait::async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.clone())
    }
}
