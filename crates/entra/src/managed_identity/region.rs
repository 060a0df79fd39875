//! The region that a machine is in, as the instance metadata service says
//! (<https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>).

use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use sidekey_host::UnixTime;
use tokio::time::Instant;

use super::{
    host::METADATA,
    imds,
    retry::{self, Outcome},
};
use crate::{
    Environment,
    http::{self, Answer},
};

#[derive(Deserialize)]
struct Compute {
    location: String,
}

/// What the service says where it does not know a version.
#[derive(Deserialize)]
struct Versions {
    #[serde(rename = "newest-versions")]
    newest: Vec<String>,
}

/// The location, as it was written; or why there is none, as a sentence. Pauses are multiples of `second`.
pub(crate) async fn ask(
    client: &Client,
    environment: &Environment,
    now: UnixTime,
    second: Duration,
) -> Result<String, String> {
    let service = Service { client, environment, now, second };
    let mut answer = service.compute(Some(VERSION)).await?;
    if answer.status == 400 {
        let refused = service.compute(None).await?;
        let versions: Option<Versions> = serde_json::from_slice(&refused.body).ok();
        if let Some(newest) = versions.as_ref().and_then(|versions| versions.newest.first()) {
            answer = service.compute(Some(newest)).await?;
        }
    }
    if answer.status != 200 {
        return Err(format!("the instance metadata service answered {}", answer.status));
    }
    let compute: Compute = serde_json::from_slice(&answer.body)
        .map_err(|_| "the instance metadata service answered without a `location`".to_owned())?;
    Ok(compute.location)
}

struct Service<'a> {
    client: &'a Client,
    environment: &'a Environment,
    now: UnixTime,
    second: Duration,
}

impl Service<'_> {
    async fn compute(&self, version: Option<&str>) -> Result<Answer, String> {
        let mut url =
            imds::endpoint(self.environment, "/metadata/instance/compute").map_err(|error| error.to_string())?;
        if let Some(version) = version {
            url.query_pairs_mut().append_pair("api-version", version);
        }
        let attempt = || async {
            let request = self.client.get(url.clone()).timeout(ATTEMPT).header(METADATA.0, METADATA.1);
            Outcome::of(http::send(request, self.now).await)
        };
        match retry::until(Instant::now() + PATIENCE, self.second, &retry::COMPUTE, attempt).await {
            Outcome::Answered(answer) => Ok(answer),
            Outcome::NoAnswer(cause) => Err(format!("the instance metadata service did not answer: {cause}")),
            Outcome::Failed(error) => Err(error.to_string()),
        }
    }
}

const VERSION: &str = "2021-02-01";
const ATTEMPT: Duration = Duration::from_secs(2);
/// A token request waits for this, once.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::{
        Router,
        extract::{Request, State},
        http::StatusCode,
    };

    use super::*;

    type Script = Arc<Mutex<(Vec<(u16, &'static str)>, Vec<String>)>>;

    async fn answer(State(script): State<Script>, request: Request) -> (StatusCode, &'static str) {
        let mut script = script.lock().unwrap();
        assert_eq!(request.headers().get("metadata").unwrap(), "true");
        script.1.push(request.uri().to_string());
        let (status, body) = script.0.remove(0);
        (StatusCode::from_u16(status).unwrap(), body)
    }

    /// What comes of the answers in turn, and what was asked.
    async fn asked(answers: &[(u16, &'static str)]) -> (Result<String, String>, Vec<String>) {
        sidekey_host::tls::install_crypto_provider();
        let script: Script = Arc::new(Mutex::new((answers.to_vec(), Vec::new())));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let environment = Environment::from_pairs([("AZURE_POD_IDENTITY_AUTHORITY_HOST", url.as_str())]);
        let client = Client::builder().no_proxy().build().unwrap();
        let found = ask(&client, &environment, UnixTime(1), Duration::ZERO).await;
        let uris = script.lock().unwrap().1.clone();
        (found, uris)
    }

    #[tokio::test]
    async fn the_service_names_the_location() {
        let (found, uris) = asked(&[(200, r#"{"location":"westeurope","name":"vm"}"#)]).await;
        assert_eq!(found.as_deref(), Ok("westeurope"));
        assert_eq!(uris, ["/metadata/instance/compute?api-version=2021-02-01"]);
    }

    #[tokio::test]
    async fn the_newest_version_is_used_where_ours_is_not_known() {
        let versions = r#"{"error":"Bad request","newest-versions":["2030-01-01","2029-01-01"]}"#;
        let (found, uris) = asked(&[(400, "{}"), (400, versions), (200, r#"{"location":"x"}"#)]).await;
        assert_eq!(found.as_deref(), Ok("x"));
        let path = "/metadata/instance/compute";
        let expected =
            [format!("{path}?api-version={VERSION}"), path.to_owned(), format!("{path}?api-version=2030-01-01")];
        assert_eq!(uris, expected);
    }

    #[tokio::test]
    async fn only_what_may_pass_is_asked_again() {
        for (answers, count) in [
            (&[(404, "")][..], 1),
            (&[(408, "")], 1),
            (&[(403, "")], 1),
            (&[(500, ""), (429, ""), (410, ""), (200, "{}")], 4),
            (&[(503, ""), (503, ""), (503, ""), (503, "")], 4),
            (&[(400, "{}"), (400, "none")], 2),
        ] {
            let (found, uris) = asked(answers).await;
            assert!(found.is_err() && uris.len() == count, "{answers:?}: {found:?} {uris:?}");
        }
    }
}
