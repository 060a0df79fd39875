//! The engine's front: a request in, a token out.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::digest;
use sidekey_host::{Clock, UnixTime};
use sidekey_oauth::{Secret, TenantId, TokenReply};
use tracing::Instrument as _;

use crate::{
    AccessToken, AcquireError, CacheOutcome, CompositeAssertion, Config, Confirmation, TokenRequest, TokenScheme,
    Validator,
    authority::Health,
    cache::{
        Entry, TokenCache,
        key::{Identity, Key, KeyRef, KnownHash, Parts, ScopeSet},
        policy::{Lifetime, Verdict},
    },
    config::CredentialConfig,
    cooldown::Cooldowns,
    flight::{Flights, Work},
    flow::{self, Plan, session},
    http::reply::Failure,
    managed_identity::ManagedIdentities,
    metadata::Metadata,
    token_client::{Ask, TokenClient},
};

type Fetched = Result<Arc<AccessToken>, AcquireError>;
type Acquired = Result<(Arc<AccessToken>, CacheOutcome), AcquireError>;

/// The token engine. One per configuration; shared, never cloned inside.
#[derive(Debug)]
pub struct Entra {
    config: Arc<Config>,
    /// What is the same in all of this engine's cache keys.
    realm: Box<str>,
    client: TokenClient,
    http: reqwest::Client,
    pub(crate) clock: Arc<dyn Clock>,
    validator: Validator,
    pub(crate) cache: Arc<TokenCache>,
    flights: Arc<Flights<Key, Fetched, KnownHash>>,
    cooldowns: Cooldowns,
    health: Health,
    /// Numbers the fetches, so that a slow one does not replace what a later one brought.
    sequence: Arc<AtomicU64>,
}

/// What distinguishes a grant from others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrantParts<'a> {
    pub(crate) tenant: Option<&'a TenantId>,
    pub(crate) agent: Option<&'a str>,
    pub(crate) identity: Identity<'a>,
    pub(crate) session_key: Option<&'a str>,
}

impl Entra {
    /// Builds the engine. Does no I/O: credentials and metadata are loaded on first need. The client must not follow redirects.
    pub fn new(config: Config, client: reqwest::Client, clock: Arc<dyn Clock>) -> Arc<Self> {
        let cache = Arc::new(TokenCache::new(config.cache));
        let validator = Validator::new(&config, Metadata::new(&config, &client, &clock), &client, Arc::clone(&clock));
        Arc::new(Self::build(config, client, clock, validator, cache, Arc::default()))
    }

    /// The engine of a changed configuration, with the tokens of this one, the published keys, and the signed requests that came
    /// before. Tokens of another client or authority are not found any more; bounds of memory stay. Every inbound token is
    /// judged anew.
    pub fn reconfigured(&self, config: Config) -> Arc<Self> {
        let (cache, sequence) = (Arc::clone(&self.cache), Arc::clone(&self.sequence));
        let metadata = self.validator.metadata().reconfigured(&config, &self.http, &self.clock);
        let validator = self.validator.reconfigured(&config, metadata, &self.http);
        Arc::new(Self::build(config, self.http.clone(), Arc::clone(&self.clock), validator, cache, sequence))
    }

    fn build(
        config: Config,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
        validator: Validator,
        cache: Arc<TokenCache>,
        sequence: Arc<AtomicU64>,
    ) -> Self {
        let config = Arc::new(config);
        Self {
            realm: realm(&config),
            client: TokenClient::new(Arc::clone(&config), http.clone(), Arc::clone(&clock)),
            config,
            http,
            clock,
            validator,
            cache,
            flights: Flights::new(),
            cooldowns: Cooldowns::default(),
            health: Health::default(),
            sequence,
        }
    }

    /// Gives a token: from the cache if there is a good one, else by one acquisition per key, which a caller that leaves does
    /// not cancel.
    pub async fn acquire(self: &Arc<Self>, request: &TokenRequest) -> Acquired {
        let session = session::find(self, request)?;
        let plan = flow::plan(request, session.as_ref(), &self.config)?;
        let key = self.key(request, &plan, None);
        if let Some(hit) = self.from_cache(request, &key) {
            return Ok(hit);
        }
        let owned = key.to_key();
        let fetched = match self.cooldowns.active(&owned, self.clock.now()) {
            Some(error) => Err(error),
            None => self.fetched(request, &plan, &owned).await,
        };
        match fetched {
            Ok(token) => Ok((token, CacheOutcome::Authority)),
            Err(error) => self.despite(error, request, &owned),
        }
    }

    /// A token from the cache, if there is one that may be handed out; never waits.
    pub fn try_cached(self: &Arc<Self>, request: &TokenRequest) -> Option<(Arc<AccessToken>, CacheOutcome)> {
        let session = session::find(self, request).ok()?;
        let plan = flow::plan(request, session.as_ref(), &self.config).ok()?;
        self.from_cache(request, &self.key(request, &plan, None))
    }

    /// The judge of inbound tokens.
    pub fn validator(&self) -> &Validator {
        &self.validator
    }

    /// The engine's time.
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// The configuration that the engine was built from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn key<'a>(&'a self, request: &'a TokenRequest, plan: &Plan<'a>, claims: Option<&'a str>) -> KeyRef<'a> {
        self.cache.key(Parts {
            realm: &self.realm,
            tenant: plan.tenant,
            agent: plan.agent,
            identity: plan.identity,
            scopes: plan.scopes,
            claims,
            fmi_path: request.fmi_path.as_deref(),
            credential_fmi_path: request.credential_fmi_path.as_deref(),
            composite: request.composite.as_deref().map(CompositeAssertion::hash),
            session_key: request.session_key.as_deref(),
            confirmation: request.confirmation.as_deref().map(Confirmation::id),
            extra_parameters: &request.extra_parameters,
            extra_headers: &request.extra_headers,
        })
    }

    /// The key of what brings new tokens.
    pub(crate) fn grant_key<'a>(&'a self, parts: &GrantParts<'a>) -> KeyRef<'a> {
        self.cache.key(Parts {
            realm: &self.realm,
            tenant: parts.tenant,
            agent: parts.agent,
            identity: parts.identity,
            scopes: ScopeSet::Empty,
            claims: None,
            fmi_path: None,
            credential_fmi_path: None,
            composite: None,
            session_key: parts.session_key,
            confirmation: None,
            extra_parameters: &[],
            extra_headers: &[],
        })
    }

    /// A token that a flow needs on its way to another: cached and shared like any. In a box, because its own flow may need
    /// one too.
    pub(crate) fn leg(self: &Arc<Self>, request: TokenRequest) -> Pin<Box<dyn Future<Output = Acquired> + Send>> {
        let engine = Arc::clone(self);
        Box::pin(async move { engine.acquire(&request).await })
    }

    /// The machine's own identities.
    pub(crate) fn managed_identities(&self) -> &ManagedIdentities {
        &self.client.managed_identities
    }

    /// Sends one request to the token endpoint, unless the authority is known to be down.
    pub(crate) async fn ask(&self, ask: &Ask<'_>) -> Result<TokenReply, Failure> {
        self.health.admit(self.clock.now()).map_err(|wait| {
            let message =
                format!("`{}` did not answer several times; it is not asked for a moment", self.config.authority);
            Failure { unasked: true, ..unavailable(message, Some(wait)).into() }
        })?;
        let answer = self.client.fetch(ask).await;
        match &answer {
            Err(failure) if failure.unhealthy => self.health.failed(self.clock.now()),
            Ok(_) | Err(Failure { error: AcquireError::Refused(_) | AcquireError::Unavailable { .. }, .. }) => {
                self.health.answered(self.clock.now());
            }
            Err(_) => {}
        }
        answer
    }

    fn from_cache(
        self: &Arc<Self>,
        request: &TokenRequest,
        key: &KeyRef<'_>,
    ) -> Option<(Arc<AccessToken>, CacheOutcome)> {
        if bypasses_cache(request) {
            return None;
        }
        let entry = self.cache.get(key)?;
        let now = self.clock.now();
        let verdict = entry.lifetime.judge(now, self.health.is_good(now));
        let outcome = match verdict {
            Verdict::Fresh | Verdict::RefreshSoon => CacheOutcome::Memory,
            Verdict::WhileDown => CacheOutcome::Stale,
            Verdict::Fallback | Verdict::Expired => return None,
        };
        if verdict != Verdict::Fresh {
            self.refresh(request, key, &entry);
        }
        Some((Arc::clone(&entry.token), outcome))
    }

    /// Begins a background refresh, unless one was begun a moment ago. Outside of a runtime there is no background.
    fn refresh(self: &Arc<Self>, request: &TokenRequest, key: &KeyRef<'_>, entry: &Entry) {
        let now = self.clock.now();
        let begins = || entry.begin_refresh(now, self.health.is_strained(now), rand::random_range(0.0..=1.0));
        if tokio::runtime::Handle::try_current().is_err() || !begins() {
            return;
        }
        let key = key.to_key();
        if self.cooldowns.active(&key, now).is_none() {
            drop(self.flights.join(&key, || logged(self.work(request, &key))));
        }
    }

    /// Waits for the fetch of a key. One that answers claims has a flight of its own; one that is forced must begin later.
    async fn fetched(self: &Arc<Self>, request: &TokenRequest, plan: &Plan<'_>, key: &Key) -> Fetched {
        let seat = match claims(request) {
            Some(claims) => {
                let flight = self.key(request, plan, Some(claims)).to_key();
                self.flights.join(&flight, || self.work(request, key))
            }
            None if request.force_refresh => self.flights.join_next(key, || self.work(request, key)),
            None => self.flights.join(key, || self.work(request, key)),
        };
        let patience = self.config.acquire_timeout + GRACE;
        match tokio::time::timeout(patience, seat.result()).await {
            Ok(Some(fetched)) => fetched,
            Ok(None) => Err(unavailable("the acquisition ended with an internal error".to_owned(), None)),
            Err(_) => Err(unavailable("the acquisition took too long".to_owned(), None)),
        }
    }

    fn work(self: &Arc<Self>, request: &TokenRequest, key: &Key) -> Work<Fetched> {
        let (engine, request, key) = (Arc::clone(self), request.clone(), key.clone());
        Box::pin(async move { engine.fetch(&request, key).await }.in_current_span())
    }

    async fn fetch(self: &Arc<Self>, request: &TokenRequest, key: Key) -> Fetched {
        let asked_at = self.clock.now();
        if let Some(token) = self.already_fetched(request, &key, asked_at) {
            return Ok(token);
        }
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let started = tokio::time::Instant::now();
        match self.in_time(flow::run(self, request)).await {
            Ok(reply) => {
                self.cooldowns.forget(&key);
                let entry = entry(&reply, presented_as(request), asked_at, sequence);
                log(request, &entry, started.elapsed());
                Ok(self.store(key, entry))
            }
            Err(failure) => {
                // Whether the authority is down is known without the key's help.
                if !failure.unasked {
                    self.cooldowns.remember(&key, &failure.error, self.clock.now());
                }
                Err(failure.error)
            }
        }
    }

    /// A flow within the configured time, however many requests it takes.
    async fn in_time<T>(&self, run: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let budget = self.config.acquire_timeout;
        tokio::time::timeout(budget, run).await.unwrap_or_else(|_| {
            self.health.failed(self.clock.now());
            let message = format!("`{}` gave no token within {} s", self.config.authority, budget.as_secs());
            Err(unavailable(message, None).into())
        })
    }

    /// Another flight may have brought a token between a caller's look-up and this one's beginning.
    fn already_fetched(&self, request: &TokenRequest, key: &Key, now: UnixTime) -> Option<Arc<AccessToken>> {
        let entry = self.cache.get_owned(key).filter(|_| !bypasses_cache(request))?;
        (entry.lifetime.judge(now, true) == Verdict::Fresh).then(|| Arc::clone(&entry.token))
    }

    /// Keeps a token, unless a fetch that began later has brought one already.
    fn store(&self, key: Key, entry: Entry) -> Arc<AccessToken> {
        let token = Arc::clone(&entry.token);
        if self.cache.get_owned(&key).is_none_or(|known| known.sequence < entry.sequence) {
            self.cache.insert(key, entry);
        }
        token
    }

    /// While Entra does not answer, or our own proof cannot be made, a token that is still valid is better than none, unless the
    /// caller wants another one.
    fn despite(&self, error: AcquireError, request: &TokenRequest, key: &Key) -> Acquired {
        use AcquireError::{Configuration, IdentityRefused, Unavailable};
        let may_pass = matches!(error, Unavailable { .. } | Configuration(_) | IdentityRefused(_));
        let usable = may_pass && !bypasses_cache(request);
        let entry = self.cache.get_owned(key).filter(|_| usable);
        match entry {
            Some(entry) if entry.lifetime.judge(self.clock.now(), false) != Verdict::Expired => {
                tracing::warn!(%error, "no new token can be got; one from the cache is used");
                Ok((Arc::clone(&entry.token), CacheOutcome::Stale))
            }
            _ => Err(error),
        }
    }
}

/// The credential section is the only one there is; more come with more clients per process. A node of a federated identity
/// shares its client id with all others: it is told by the application that vouches for it.
fn realm(config: &Config) -> Box<str> {
    let mut realm = format!("{} {} AzureAd", config.authority, config.client_id);
    if config.client_id.as_str().eq_ignore_ascii_case(FEDERATED_NODE) {
        realm.extend(
            config
                .credentials
                .iter()
                .filter_map(CredentialConfig::vouching_application)
                .map(|app| format!(" {} {}", app.config.authority, app.config.client_id)),
        );
    }
    realm.into()
}

/// Nobody waits for a background refresh, so nobody else would say that it failed.
fn logged(work: Work<Fetched>) -> Work<Fetched> {
    Box::pin(async move {
        let fetched = work.await;
        if let Err(error) = &fetched {
            tracing::warn!(%error, "a token could not be renewed; the one in the cache stays in use");
        }
        fetched
    })
}

/// A challenge has to be answered by Entra, and so has a caller who insists.
pub(crate) fn bypasses_cache(request: &TokenRequest) -> bool {
    request.force_refresh || claims(request).is_some()
}

fn claims(request: &TokenRequest) -> Option<&str> {
    request.claims.as_deref().filter(|claims| !claims.trim().is_empty())
}

fn presented_as(request: &TokenRequest) -> TokenScheme {
    request.confirmation.as_ref().map_or(TokenScheme::Bearer, |confirmation| confirmation.scheme())
}

fn entry(reply: &TokenReply, scheme: TokenScheme, asked_at: UnixTime, sequence: u64) -> Entry {
    let lifetime = Lifetime::new(asked_at, reply.expires_in, reply.refresh_in, rand::random_range(-1.0..=1.0));
    let token = AccessToken {
        authorization: Secret::new(format!("{scheme} {}", reply.access_token.expose())),
        scheme,
        expires_on: lifetime.expires_on,
    };
    Entry::new(Arc::new(token), lifetime, sequence)
}

fn log(request: &TokenRequest, entry: &Entry, took: Duration) {
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let (token, expires_on) = (short_hash(&entry.token), entry.lifetime.expires_on.0);
    tracing::info!(scopes = %request.scopes, token, expires_on, duration_ms, "token acquired");
}

/// How logs name a token: the first 8 hexadecimal characters of its SHA-256.
fn short_hash(token: &AccessToken) -> String {
    let hash = digest::digest(&digest::SHA256, token.token().as_bytes());
    let start = hash.as_ref().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    format!("{start:08x}")
}

fn unavailable(message: String, retry_after: Option<Duration>) -> AcquireError {
    AcquireError::Unavailable { message, throttled: false, retry_after, reply: None }
}

/// Callers wait a little longer than a fetch may take, so that they hear its own words.
const GRACE: Duration = Duration::from_millis(500);

/// The client id of whoever has a credential of `api://AzureFMITokenExchange`.
const FEDERATED_NODE: &str = "urn:microsoft:identity:fmi";

#[cfg(test)]
mod tests;
