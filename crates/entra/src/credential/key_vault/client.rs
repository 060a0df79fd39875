//! Requests to one vault: with the token that it wants, again where that may help, and never elsewhere.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::{Method, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sidekey_host::Clock;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use super::{
    access::{VaultAccess, VaultAsk, VaultToken},
    challenge::{self, Challenge},
    error::{self, Action, VaultError},
};
use crate::http::{self, Answer, NoAnswer};

/// A client of one vault.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    vault: Url,
    access: Arc<dyn VaultAccess>,
    known: Mutex<Known>,
    /// The first pause before another try.
    pub(super) pause: Duration,
}

/// What the vault wants, and what it took last.
#[derive(Clone, Debug, Default)]
struct Known {
    challenge: Option<Challenge>,
    token: Option<VaultToken>,
}

/// The errand that requests belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    pub(super) correlation_id: Uuid,
    /// When it has to be over, pauses included.
    pub(super) deadline: Instant,
}

/// One request: what for, and what is sent.
struct Request<'a> {
    method: Method,
    url: Url,
    body: Option<&'a Value>,
    action: Action,
    errand: Errand,
}

impl Client {
    pub(super) fn new(http: reqwest::Client, clock: Arc<dyn Clock>, vault: Url, access: Arc<dyn VaultAccess>) -> Self {
        Self { http, clock, vault, access, known: Mutex::default(), pause: PAUSE }
    }

    /// Reads a document at a path of the vault, given as its segments.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        action: Action,
        errand: Errand,
    ) -> Result<T, VaultError> {
        self.get_url(self.url(path), action, errand).await
    }

    /// Follows a link of the vault to its next page. `None` if it leads elsewhere.
    pub(super) async fn get_link<T: DeserializeOwned>(
        &self,
        link: &str,
        action: Action,
        errand: Errand,
    ) -> Option<Result<T, VaultError>> {
        let url = Url::parse(link).ok().filter(|url| url.origin() == self.vault.origin())?;
        Some(self.get_url(url, action, errand).await)
    }

    /// Sends a JSON document to a path of the vault.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &Value,
        action: Action,
        errand: Errand,
    ) -> Result<T, VaultError> {
        let request = Request { method: Method::POST, url: self.url(path), body: Some(body), action, errand };
        self.document(&request).await
    }

    /// The vault, for messages.
    pub(super) fn name(&self) -> &str {
        self.vault.as_str().trim_end_matches('/')
    }

    async fn get_url<T: DeserializeOwned>(&self, url: Url, action: Action, errand: Errand) -> Result<T, VaultError> {
        self.document(&Request { method: Method::GET, url, body: None, action, errand }).await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.vault.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
        }
        url.query_pairs_mut().append_pair("api-version", API_VERSION);
        url
    }

    async fn document<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T, VaultError> {
        let answer = self.answer(request).await?;
        serde_json::from_slice(&answer.body).map_err(|_| {
            let problem = format!("`{}{}` is not what a vault answers", self.name(), request.url.path());
            error::of_vault(problem, "check that this is the URL of a Key Vault")
        })
    }

    /// The answer to a request with a token. A demand that is not known yet, or has changed, is met once each.
    async fn answer(&self, request: &Request<'_>) -> Result<Answer, VaultError> {
        let known = self.lock().clone();
        let mut token = match &known.challenge {
            Some(challenge) => Some(self.token(challenge, request.errand).await?),
            None => None,
        };
        let (mut met, mut demands) = (known.challenge, 0);
        loop {
            let (headers, answer) = self.persist(request, token.as_ref()).await?;
            if (200..300).contains(&answer.status) {
                return Ok(answer);
            }
            let refusal = || error::of_answer(&answer, request.action, self.name(), request.url.path());
            if answer.status != 401 || demands == MAX_DEMANDS {
                return Err(refusal());
            }
            let challenge = self.challenge(&headers, met.as_ref())?;
            self.lock().token = None;
            // One that was just met with a new token is not met by another of the same kind.
            if demands > 0 && met.as_ref() == Some(&challenge) {
                return Err(refusal());
            }
            token = Some(self.token(&challenge, request.errand).await?);
            met = Some(challenge);
            demands += 1;
        }
    }

    fn challenge(&self, headers: &header::HeaderMap, known: Option<&Challenge>) -> Result<Challenge, VaultError> {
        let values = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        challenge::read(values, &self.vault, known).map_err(|problem| {
            let problem = format!("`{}` wants a token in a way that is not followed: {problem}", self.name());
            error::of_vault(problem, "check that this is the URL of a Key Vault")
        })
    }

    /// The token for a demand: the last one, or a new one.
    async fn token(&self, challenge: &Challenge, errand: Errand) -> Result<VaultToken, VaultError> {
        let now = self.clock.now();
        let kept = self.lock().token.clone();
        if let Some(token) = kept.filter(|token| token.expires_on > now + MARGIN) {
            return Ok(token);
        }
        let ask = VaultAsk {
            resource: challenge.resource.clone(),
            tenant: challenge.tenant.clone(),
            claims: challenge.claims.clone(),
            correlation_id: errand.correlation_id,
            now,
            deadline: errand.deadline,
        };
        let token = self.access.token(ask).await?;
        // Claims are met once and not asked for again.
        let challenge = Challenge { claims: None, ..challenge.clone() };
        *self.lock() = Known { challenge: Some(challenge), token: Some(token.clone()) };
        Ok(token)
    }

    /// Sends a request, again after a pause while the vault is busy or does not answer and there is time.
    async fn persist(
        &self,
        request: &Request<'_>,
        token: Option<&VaultToken>,
    ) -> Result<(header::HeaderMap, Answer), VaultError> {
        let (mut pause, mut tries) = (self.pause, 1);
        loop {
            let sent = self.send(request, token).await;
            let (busy, said) = match &sent {
                Ok((_, answer)) => (matches!(answer.status, 408 | 429 | 500..), answer.retry_after),
                Err(_) => (true, None),
            };
            let wait = said.unwrap_or_else(|| pause.mul_f64(rand::random_range(0.75..1.25)));
            if !busy || tries == TRIES || Instant::now() + wait >= request.errand.deadline {
                return sent.map_err(|cause| error::silent(self.name(), &cause));
            }
            tokio::time::sleep(wait).await;
            pause *= 2;
            tries += 1;
        }
    }

    async fn send(
        &self,
        request: &Request<'_>,
        token: Option<&VaultToken>,
    ) -> Result<(header::HeaderMap, Answer), NoAnswer> {
        let left = request.errand.deadline.saturating_duration_since(Instant::now());
        let mut builder = self
            .http
            .request(request.method.clone(), request.url.clone())
            .timeout(left.min(TRY))
            .header(header::ACCEPT, "application/json")
            .header("x-ms-client-request-id", request.errand.correlation_id.to_string());
        // Without a token nothing is told to whoever answers there.
        builder = match (token, request.body) {
            (Some(token), Some(body)) => builder.bearer_auth(token.token.expose()).json(body),
            (Some(token), None) => builder.bearer_auth(token.token.expose()),
            (None, _) => builder.header(header::CONTENT_LENGTH, 0),
        };
        http::send_with_headers(builder, self.clock.now()).await
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const API_VERSION: &str = "7.4";
/// Without a token, with a token, and with a token that has the claims.
const MAX_DEMANDS: u32 = 2;
const TRIES: u32 = 4;
const TRY: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(800);
/// A token is not sent that may end on its way.
const MARGIN: Duration = Duration::from_mins(2);
