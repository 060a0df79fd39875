//! Sixty-four callers at once, for agents, users and tenants of all kinds: nobody gets a token that is not exactly what was asked
//! for, and what was got once is not asked for again.

mod directory;
mod wish;

use std::{
    net::SocketAddr,
    sync::{Arc, Barrier},
    thread,
};

use self::wish::{BoundApi, Caller, Wish};
use crate::{client::request, process::Process, stage::Emulator};

/// An emulator with [`directory`]'s tenants and a sidecar that serves all of them.
struct Stage {
    emulator: Emulator,
    _serve: Process,
    sidecar: SocketAddr,
    bound: Vec<BoundApi>,
}

impl Stage {
    fn new() -> Self {
        let emulator = Emulator::of(&directory::document().to_string());
        let bound: Vec<_> = (0..BOUND_APIS).map(BoundApi::new).collect();
        let base = [
            ("AzureAd__TenantId", "organizations"),
            ("AzureAd__ClientCredentials__0__SourceType", "ClientSecret"),
            ("AzureAd__ClientCredentials__0__ClientSecret", directory::SECRET),
            ("DownstreamApis__read__Scopes__0", "api://orders/Orders.Read"),
            ("DownstreamApis__bills__Scopes__0", "api://bills/Bills.Read"),
            ("DownstreamApis__orders__Scopes__0", "api://orders/.default"),
            ("DownstreamApis__orders__RequestAppToken", "true"),
            ("DownstreamApis__all-bills__Scopes__0", "api://bills/.default"),
            ("DownstreamApis__all-bills__RequestAppToken", "true"),
            ("Sidecar__AllowOverrides__GetAuthorizationHeaderUnauthenticated", "true"),
        ];
        let more: Vec<_> = bound.iter().flat_map(BoundApi::settings).collect();
        let more = more.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let settings: Vec<_> = base.into_iter().chain(more).collect();
        let (serve, sidecar) = emulator.serve(directory::MIDDLE, &settings);
        Self { emulator, _serve: serve, sidecar, bound }
    }

    /// Scripts what happens to the emulator's next token requests.
    fn fault(&self, fault: &serde_json::Value) {
        let body = fault.to_string();
        let json = [("Content-Type", "application/json")];
        let reply = request(self.emulator.address, "POST", "/sidekey/faults", &json, body.as_bytes());
        assert!(matches!(reply.status, 200..=299), "{}", reply.text());
    }

    /// Sends each caller's wishes, all callers beginning at the same time; gives what went wrong.
    fn all_at_once(&self, lists: Vec<Vec<Wish>>) -> Vec<String> {
        let start = Arc::new(Barrier::new(lists.len()));
        let threads: Vec<_> = lists
            .into_iter()
            .map(|list| {
                let (sidecar, start) = (self.sidecar, Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    list.iter().filter_map(|wish| wish.fulfil(sidecar).err()).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

#[test]
fn sixty_four_callers_get_what_they_asked_for_and_nothing_else() {
    let stage = Stage::new();
    let users = directory::user_tokens(stage.emulator.address);
    let callers: Vec<_> = (0..CALLERS).map(|number| Caller::new(number, &users, &stage.bound)).collect();

    // The first replies are slow, so that everybody asks before anybody is answered.
    stage.fault(&serde_json::json!({ "path": "/oauth2/v2.0/token", "delayMilliseconds": 400, "times": CALLERS }));
    let wrong = stage.all_at_once(callers.iter().map(Caller::challenged).collect());
    assert!(wrong.is_empty(), "{} wrong, such as {:#?}", wrong.len(), wrong.first());
    let wrong = stage.all_at_once(callers.iter().map(Caller::wishes).collect());
    assert!(wrong.is_empty(), "{} wrong, such as {:#?}", wrong.len(), wrong.first());

    // From now on no token is made any more: what is answered is from the cache.
    stage.fault(&serde_json::json!({ "path": "/oauth2/v2.0/token", "status": 503, "times": 1_000_000 }));
    let wrong = stage.all_at_once(callers.iter().map(Caller::again).collect());
    assert!(wrong.is_empty(), "{} not from the cache or wrong, such as {:#?}", wrong.len(), wrong.first());
    let uncached = callers.first().map(Caller::challenged).unwrap();
    assert!(uncached.iter().all(|wish| wish.fulfil(stage.sidecar).is_err()), "the emulator still made tokens");
}

const CALLERS: usize = 64;
/// How many APIs have a key of their own (`PopClaim`).
const BOUND_APIS: usize = 4;
