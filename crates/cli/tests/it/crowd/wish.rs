//! What a caller asks for, and whether a token is exactly that.

use std::net::SocketAddr;

use serde_json::{Value, json};
use sidekey_jose::{SigningKey, base64url};

use super::directory::{
    AGENTS, MIDDLE, ORDERS, TENANTS, USERS, account_id, account_name, agent_id, tenant_id, user_id,
};
use crate::client::request;

/// One request and what must come of it.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    target: String,
    /// The user's token that comes along.
    bearer: Option<String>,
    scheme: &'static str,
    /// Claims by name; `null` stands for one that must be absent.
    claims: Vec<(&'static str, Value)>,
}

/// An API whose tokens are bound to a key of the configuration (`PopClaim`).
#[derive(Clone, Debug)]
pub(super) struct BoundApi {
    name: String,
    jwk: Value,
}

/// One of the callers: which tenants, agents and users it asks for, and its own key.
pub(super) struct Caller<'a> {
    number: usize,
    users: &'a [Vec<String>],
    bound: &'a [BoundApi],
    key: Value,
    thumbprint: String,
}

impl Wish {
    /// Asks, and says what is wrong with the answer.
    pub(super) fn fulfil(&self, sidecar: SocketAddr) -> Result<(), String> {
        let bearer = self.bearer.as_ref().map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
        let reply = request(sidecar, "GET", &self.target, &headers, b"");
        let complain = |what: &str| Err(format!("{}: {what}", self.target));
        if reply.status != 200 {
            return complain(&reply.text());
        }
        let header = reply.json()["authorizationHeader"].as_str().unwrap_or_default().to_owned();
        let Some((scheme, token)) = header.split_once(' ') else { return complain("no header") };
        let claims = decode(token);
        if scheme != self.scheme {
            return complain(&format!("{scheme} instead of {}", self.scheme));
        }
        match self.claims.iter().find(|(name, value)| claims[*name] != *value) {
            Some((name, value)) => complain(&format!("{name} is not {value} in {claims}")),
            None => Ok(()),
        }
    }

    /// An application's or agent's own token for orders.
    fn own(client: &str, tenant: usize) -> Self {
        let claims = vec![
            ("tid", json!(tenant_id(tenant))),
            ("azp", json!(client)),
            ("aud", json!(ORDERS)),
            ("roles", json!(["Orders.All"])),
            ("scp", Value::Null),
            ("cnf", Value::Null),
        ];
        let agent = if client == MIDDLE { String::new() } else { format!("&AgentIdentity={client}") };
        let tenant = format!("optionsOverride.AcquireTokenOptions.Tenant={}", tenant_id(tenant));
        Self::new(format!("/AuthorizationHeaderUnauthenticated/orders?{tenant}{agent}"), claims)
    }

    /// A token of a user for orders, which an agent or the application itself asks for.
    fn users(target: String, (tenant, client, user): (usize, &str, &str)) -> Self {
        let claims = vec![
            ("tid", json!(tenant_id(tenant))),
            ("azp", json!(client)),
            ("oid", json!(user)),
            ("aud", json!(ORDERS)),
            ("scp", json!("Orders.Read")),
            ("roles", Value::Null),
            ("cnf", Value::Null),
        ];
        Self::new(target, claims)
    }

    fn new(target: String, claims: Vec<(&'static str, Value)>) -> Self {
        Self { target, bearer: None, scheme: "Bearer", claims }
    }

    /// The same for bills, which take tokens of the first version.
    fn for_bills(self) -> Self {
        let target = self.target.replacen("/read?", "/bills?", 1).replacen("/orders?", "/all-bills?", 1);
        let is_users = self.claims.iter().any(|(name, _)| *name == "oid");
        let claims = self.claims.into_iter().map(|(name, value)| match name {
            "azp" => ("appid", value),
            "aud" => (name, json!("api://bills")),
            "scp" if is_users => (name, json!("Bills.Read")),
            "roles" => (name, Value::Null),
            _ => (name, value),
        });
        Self { target, claims: claims.collect(), ..self }
    }

    /// The same bound to a key that the caller names.
    fn bound_to(self, key: &Value, thumbprint: &str) -> Self {
        let key = base64url::encode(key.to_string());
        let target = format!("{}&optionsOverride.AcquireTokenOptions.PopPublicKey={key}", self.target);
        Self { target, scheme: "PoP", ..self.confirmed(&json!({ "kid": thumbprint })) }
    }

    /// The same bound to an API's key.
    fn bound_as(self, api: &BoundApi) -> Self {
        let target = self.target.replacen("/orders?", &format!("/{}?", api.name), 1);
        Self { target, ..self.confirmed(&json!({ "jwk": api.jwk })) }
    }

    fn confirmed(self, confirmation: &Value) -> Self {
        let claims = self.claims.into_iter().map(|(name, value)| match name {
            "cnf" => (name, confirmation.clone()),
            _ => (name, value),
        });
        Self { claims: claims.collect(), ..self }
    }

    /// The same in answer to a claims challenge.
    fn challenged(mut self, context: &str) -> Self {
        let claims = json!({ "access_token": { "acrs": { "essential": true, "value": context } } }).to_string();
        let claims = claims.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
        let target = format!("{}&optionsOverride.AcquireTokenOptions.Claims={claims}", self.target);
        self.claims.push(("acrs", json!([context])));
        Self { target, ..self }
    }
}

impl BoundApi {
    pub(super) fn new(number: usize) -> Self {
        let (jwk, _) = new_key();
        Self { name: format!("bound{number}"), jwk }
    }

    /// Its configuration.
    pub(super) fn settings(&self) -> [(String, String); 3] {
        let key = |name: &str| format!("DownstreamApis__{}__{name}", self.name);
        [
            (key("Scopes__0"), "api://orders/.default".to_owned()),
            (key("RequestAppToken"), "true".to_owned()),
            (key("AcquireTokenOptions__PopClaim"), self.jwk.to_string()),
        ]
    }
}

impl<'a> Caller<'a> {
    pub(super) fn new(number: usize, users: &'a [Vec<String>], bound: &'a [BoundApi]) -> Self {
        let (key, thumbprint) = new_key();
        Self { number, users, bound, key, thumbprint }
    }

    /// Answers to claims challenges, which are never from the cache. Callers differ in the claim, some in nothing else.
    pub(super) fn challenged(&self) -> Vec<Wish> {
        let tenant = self.number % TENANTS;
        let context = format!("c{}", self.number % 5);
        vec![
            Wish::own(MIDDLE, tenant).challenged(&context),
            self.delegated(tenant, 0, 0).challenged(&context),
            Wish::own(&agent_id(tenant, 1), tenant).bound_to(&self.key, &self.thumbprint).challenged(&context),
        ]
    }

    /// Everything else that it wants, each caller in another order.
    pub(super) fn wishes(&self) -> Vec<Wish> {
        let mut wishes = self.own_tokens();
        wishes.extend(self.users_tokens());
        wishes.extend(self.accounts());
        wishes.extend(self.session());
        // The session has to begin before it can go on; everything else has no order.
        let last = wishes.len() - SESSION_WISHES;
        if let Some(free) = wishes.get_mut(..last) {
            free.rotate_left(self.number * 7 % last);
        }
        wishes
    }

    /// The same once more, and what the answered challenges left in the cache.
    pub(super) fn again(&self) -> Vec<Wish> {
        let tenant = self.number % TENANTS;
        let answered = [Wish::own(MIDDLE, tenant), self.delegated(tenant, 0, 0)];
        self.wishes().into_iter().chain(answered).collect()
    }

    /// Of the application in all tenants and of some agents: for anyone, for the caller's key and for the APIs' keys.
    fn own_tokens(&self) -> Vec<Wish> {
        let apps = (0..TENANTS).map(|tenant| Wish::own(MIDDLE, tenant));
        let agents = (0..TENANTS).map(|tenant| Wish::own(&agent_id(tenant, self.number % AGENTS), tenant));
        let bound = |wish: Wish| {
            let api = self.bound.iter().cycle().nth(self.number).map(|api| wish.clone().bound_as(api));
            [wish.clone().bound_to(&self.key, &self.thumbprint), wish.clone().for_bills(), wish].into_iter().chain(api)
        };
        apps.chain(agents).flat_map(bound).collect()
    }

    /// Every agent for every user, shared out: eight callers ask for the same.
    fn users_tokens(&self) -> Vec<Wish> {
        let all = (0..TENANTS * AGENTS * USERS).filter(|index| index % 8 == self.number % 8);
        let wishes = all.flat_map(|index| {
            let (tenant, agent, user) = (index % TENANTS, index / TENANTS % AGENTS, index / TENANTS / AGENTS);
            let orders = self.delegated(tenant, agent, user);
            [orders.clone().for_bills(), orders, self.without_agent(tenant, user)]
        });
        wishes.collect()
    }

    fn delegated(&self, tenant: usize, agent: usize, user: usize) -> Wish {
        let agent = agent_id(tenant, agent);
        let target = format!("/AuthorizationHeader/read?AgentIdentity={agent}");
        let user_id = user_id(tenant, user);
        let wish = Wish::users(target, (tenant, &agent, &user_id));
        Wish { bearer: Some(self.users[tenant][user].clone()), ..wish }
    }

    fn without_agent(&self, tenant: usize, user: usize) -> Wish {
        let user_id = user_id(tenant, user);
        let who = (tenant, MIDDLE, user_id.as_str());
        let wish = Wish::users("/AuthorizationHeader/read?x".to_owned(), who);
        Wish { bearer: Some(self.users[tenant][user].clone()), ..wish }
    }

    /// Agents' accounts, by name and by id.
    fn accounts(&self) -> Vec<Wish> {
        let agent = self.number / 2 % AGENTS;
        let account = |tenant| {
            let (client, oid) = (agent_id(tenant, agent), account_id(tenant, agent));
            let by = if self.number.is_multiple_of(2) {
                format!("AgentUsername={}", account_name(tenant, agent).replace('@', "%40"))
            } else {
                format!("AgentUserId={oid}")
            };
            let tenant_override = format!("optionsOverride.AcquireTokenOptions.Tenant={}", tenant_id(tenant));
            let target =
                format!("/AuthorizationHeaderUnauthenticated/read?AgentIdentity={client}&{by}&{tenant_override}");
            Wish::users(target, (tenant, &client, &oid))
        };
        (0..TENANTS).map(account).collect()
    }

    /// A session of its own: begun with the user's token, gone on with without.
    fn session(&self) -> [Wish; SESSION_WISHES] {
        let (tenant, user) = (self.number % TENANTS, self.number % USERS);
        let begin = self.without_agent(tenant, user);
        let key = format!("&optionsOverride.AcquireTokenOptions.LongRunningWebApiSessionKey=caller{}", self.number);
        let begin = Wish { target: begin.target.clone() + &key, ..begin };
        let target = begin.target.replacen("/AuthorizationHeader/", "/AuthorizationHeaderUnauthenticated/", 1);
        let go_on = Wish { target, bearer: None, ..begin.clone() };
        [begin, go_on]
    }
}

/// A public key and its thumbprint.
fn new_key() -> (Value, String) {
    let jwk = SigningKey::generate_p256().unwrap().public_jwk();
    let public = json!({ "kty": jwk.kty, "crv": jwk.crv, "x": jwk.x, "y": jwk.y });
    (public, jwk.thumbprint().unwrap())
}

fn decode(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap_or_default();
    base64url::decode(part).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

const SESSION_WISHES: usize = 2;
