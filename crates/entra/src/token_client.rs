//! One token request from beginning to end: endpoint, credential, form, and at most one more try of each kind.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, header::HeaderValue};
use sidekey_host::Clock;
use sidekey_oauth::{Secret, TenantId, TokenReply, grant, merge_claims};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use crate::{
    AcquireError, AgentUser, Config, Flow, TokenRequest, TokenScheme,
    authority::{Endpoints, Regions},
    credential::{Chosen, Credentials, Proof, Purpose, Surroundings, Via},
    flow::Form,
    http::{
        self,
        reply::{self, Failure},
    },
    managed_identity::ManagedIdentities,
};

/// Asks the authority of one configuration for tokens. Caches nothing but credentials and endpoints.
#[derive(Debug)]
pub(crate) struct TokenClient {
    config: Arc<Config>,
    client: Client,
    clock: Arc<dyn Clock>,
    endpoints: Endpoints,
    regions: Regions,
    credentials: Credentials,
    /// The machine's identities, which are asked beside Entra.
    pub(crate) managed_identities: Arc<ManagedIdentities>,
    /// The mean pause before the second try.
    pub(crate) retry_pause: Duration,
}

/// One request to the token endpoint.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// What it is made for: claims, parameters and correlation id are taken from here.
    pub(crate) request: &'a TokenRequest,
    /// The tenant to ask; `None` where the authority has none.
    pub(crate) tenant: Option<&'a TenantId>,
    pub(crate) client: AskAs<'a>,
    /// The grant's own fields.
    pub(crate) form: Form,
}

/// As which client, and how that is proved.
#[derive(Debug)]
pub(crate) enum AskAs<'a> {
    /// The configured application, by its credentials.
    Application,
    /// An agent identity, by a token of its blueprint.
    Agent { id: &'a str, assertion: Secret },
}

/// What stays the same over the tries of one request.
struct Prepared<'a> {
    ask: &'a Ask<'a>,
    /// Without its query, for messages and assertions.
    endpoint: String,
    url: Url,
    claims: Option<String>,
    correlation_id: Uuid,
    /// When it has to be over.
    deadline: Instant,
}

impl TokenClient {
    pub(crate) fn new(config: Arc<Config>, client: Client, clock: Arc<dyn Clock>) -> Self {
        let surroundings = Surroundings::of(&config, &client, &clock);
        let metadata_address = config.validation.metadata_address.as_ref();
        Self {
            endpoints: Endpoints::new(config.authority.clone(), metadata_address, client.clone()),
            regions: Regions::new(config.region.clone(), config.environment.clone()),
            credentials: Credentials::new(&config.credentials, &surroundings),
            managed_identities: surroundings.managed_identities,
            config,
            client,
            clock,
            retry_pause: RETRY_PAUSE,
        }
    }

    /// Sends a request, twice or with another credential where that may help.
    pub(crate) async fn fetch(&self, ask: &Ask<'_>) -> Result<TokenReply, Failure> {
        let prepared = self.prepare(ask).await?;
        let mut proof = self.prove(&prepared).await?;
        let (mut tried_again, mut switched) = (false, false);
        loop {
            let failure = match self.send(&prepared, &proof).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            let correlation_id = prepared.correlation_id;
            if failure.retry && !tried_again {
                tracing::warn!(%correlation_id, error = %failure.error, "no token, trying once more");
                tried_again = true;
                tokio::time::sleep(self.retry_pause.mul_f64(rand::random_range(0.5..1.5))).await;
                continue;
            }
            match proof {
                Proven::Chosen(refused) if blames_the_credential(&failure) && !switched => {
                    tracing::warn!(%correlation_id, error = %failure.error, "the client credential was refused");
                    switched = true;
                    let other = self.credentials.choose_after(&refused, &self.purpose(&prepared)).await;
                    proof = other.map(Proven::Chosen).ok_or(failure)?;
                }
                _ => return Err(failure),
            }
        }
    }

    async fn prepare<'a>(&'a self, ask: &'a Ask<'a>) -> Result<Prepared<'a>, AcquireError> {
        let deadline = Instant::now() + self.config.acquire_timeout;
        let request = ask.request;
        let claims = merge_claims(&self.config.client_capabilities, request.claims.as_deref());
        let claims = claims.map_err(|error| AcquireError::Configuration(error.to_string()))?;
        let mut endpoint = self.endpoints.token_endpoint(ask.tenant, self.clock.now()).await?;
        if ask.form.is_client_credentials() {
            endpoint = self.regions.endpoint(endpoint, &self.client, &*self.clock).await;
        }
        let url = self.with_parameters(&endpoint, request)?;
        let correlation_id = request.correlation_id.unwrap_or_else(Uuid::new_v4);
        Ok(Prepared { ask, endpoint, url, claims, correlation_id, deadline })
    }

    /// The configuration's parameters, and the request's, which win.
    fn with_parameters(&self, endpoint: &str, request: &TokenRequest) -> Result<Url, AcquireError> {
        let mut url = Url::parse(endpoint)
            .map_err(|cause| AcquireError::Configuration(format!("`{endpoint}` is no URL: {cause}")))?;
        let own = &request.extra_parameters;
        let general = &self.config.extra_query_parameters;
        let general = general.iter().filter(|(name, _)| !own.iter().any(|(other, _)| other == name));
        let mut parameters = general.chain(own).peekable();
        if parameters.peek().is_some() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        Ok(url)
    }

    /// The proof to begin with.
    async fn prove(&self, prepared: &Prepared<'_>) -> Result<Proven, AcquireError> {
        match &prepared.ask.client {
            AskAs::Agent { assertion, .. } => Ok(Proven::Given(Proof::Assertion(assertion.clone()))),
            AskAs::Application => {
                let chosen = self.credentials.choose(&self.purpose(prepared)).await;
                chosen.map(Proven::Chosen).map_err(AcquireError::from)
            }
        }
    }

    fn purpose(&self, prepared: &Prepared<'_>) -> Purpose {
        Purpose {
            client_id: self.config.client_id.clone(),
            audience: prepared.endpoint.clone(),
            host: self.config.authority.host().to_owned(),
            tenant: prepared.ask.tenant.cloned(),
            takes_ps256: self.config.authority.takes_ps256(),
            send_x5c: self.config.send_x5c,
            fmi_path: prepared
                .ask
                .request
                .credential_fmi_path
                .as_ref()
                .or(prepared.ask.request.fmi_path.as_ref())
                .cloned(),
            claims: prepared.ask.request.claims.clone(),
            correlation_id: prepared.correlation_id,
            now: self.clock.now(),
            deadline: prepared.deadline,
        }
    }

    async fn send(&self, prepared: &Prepared<'_>, proof: &Proven) -> Result<TokenReply, Failure> {
        let form = self.form(prepared, proof.proof());
        let post = match proof.via() {
            None => self.client.post(prepared.url.clone()),
            Some(via) => via.post(&prepared.url),
        };
        let mut request = post
            // Half of the time is left for the second try.
            .timeout(self.config.acquire_timeout / 2)
            .header("client-request-id", prepared.correlation_id.to_string())
            .header("return-client-request-id", "true")
            .header("x-client-SKU", "sidekey")
            .header("x-client-Ver", env!("CARGO_PKG_VERSION"))
            .header("x-ms-lib-capability", "retry-after, h429");
        if let Some(hint) = routing_hint(prepared.ask) {
            request = request.header("x-anchormailbox", hint);
        }
        request = request.headers(prepared.ask.request.extra_headers.iter().cloned().collect());
        let answer = http::post_form(request, form.fields(), self.clock.now()).await;
        let asked = proof.via().map_or(prepared.endpoint.as_str(), Via::place);
        let bound = prepared.ask.request.confirmation.is_some();
        let expected = if bound { TokenScheme::Pop } else { TokenScheme::Bearer };
        reply::judge(answer, asked, expected, prepared.correlation_id)
    }

    fn form(&self, prepared: &Prepared<'_>, proof: &Proof) -> Form {
        let mut form = prepared.ask.form.clone();
        form.push(
            "client_id",
            match prepared.ask.client {
                AskAs::Application => self.config.client_id.as_str(),
                AskAs::Agent { id, .. } => id,
            },
        );
        match proof {
            Proof::Secret(secret) => form.push_secret("client_secret", secret.clone()),
            Proof::Assertion(assertion) => {
                form.push("client_assertion_type", grant::CLIENT_ASSERTION_TYPE);
                form.push_secret("client_assertion", assertion.clone());
            }
        }
        form.push("claims", prepared.claims.as_deref().unwrap_or_default());
        form
    }
}

impl From<AcquireError> for Failure {
    /// Something that another try does not change.
    fn from(error: AcquireError) -> Self {
        Self { error, retry: false, unhealthy: false, unasked: false }
    }
}

/// The proof of a request and where it is from.
enum Proven {
    /// Ours to choose: another one may be tried.
    Chosen(Chosen),
    /// Given with the request.
    Given(Proof),
}

impl Proven {
    fn proof(&self) -> &Proof {
        match self {
            Self::Chosen(chosen) => &chosen.proof,
            Self::Given(proof) => proof,
        }
    }

    fn via(&self) -> Option<&Via> {
        if let Self::Chosen(chosen) = self { chosen.via.as_ref() } else { None }
    }
}

/// Entra routes a user's requests by it: `oid:{user}@{tenant}` or `upn:{name}`.
fn routing_hint(ask: &Ask<'_>) -> Option<HeaderValue> {
    let hint = match &ask.request.flow {
        Flow::OnBehalfOf(assertion) | Flow::Agent { assertion: Some(assertion), .. } => {
            let (user, tenant) = (assertion.user.as_ref()?, assertion.tenant.as_ref()?);
            format!("oid:{user}@{tenant}")
        }
        Flow::AgentUser { user: AgentUser::ObjectId(id), .. } => format!("oid:{id}@{}", ask.tenant?),
        Flow::AgentUser { user: AgentUser::Name(name), .. } => format!("upn:{name}"),
        Flow::App | Flow::Agent { .. } | Flow::Session { .. } | Flow::ManagedIdentity(_) => return None,
    };
    HeaderValue::from_str(&hint).ok()
}

/// Whether Entra refused the credential in a way that another one, or a new assertion, may cure.
fn blames_the_credential(failure: &Failure) -> bool {
    let AcquireError::Refused(refusal) = &failure.error else { return false };
    let reply = &refusal.reply;
    reply.error == "invalid_client"
        && CREDENTIAL_CODES.iter().any(|code| {
            reply.error_codes.contains(code) || reply.error_description.starts_with(&format!("AADSTS{code}:"))
        })
}

/// Certificate or assertion unknown, out of its time, revoked, or not trusted.
const CREDENTIAL_CODES: [u64; 6] = [700_027, 700_024, 7_000_214, 1_000_502, 7_000_274, 7_000_277];
const RETRY_PAUSE: Duration = Duration::from_secs(1);
