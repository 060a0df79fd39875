//! The agent, held against the `spiffe` crate.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use sidekey_host::{ManualClock, UnixTime};
use sidekey_workload_api::{Agent, Asked, TrustDomain, Workload};
use spiffe::{
    WorkloadApiClient, WorkloadApiError,
    transport::{Endpoint, GrpcStatusCode, TransportError},
};
use tempfile::TempDir;

const NOW: UnixTime = UnixTime(1_800_000_000);
const ORDERS: &str = "spiffe://example.org/orders";
const BILLING: &str = "spiffe://example.org/billing";

async fn stage(workload: Workload) -> (TempDir, Agent, Arc<TrustDomain>, WorkloadApiClient) {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("agent.sock");
    let domain = Arc::new(TrustDomain::new().unwrap());
    let agent = Agent::start(&socket, Arc::clone(&domain), workload, Arc::new(ManualClock::at(NOW))).await.unwrap();
    let endpoint = Endpoint::parse(&format!("unix://{}", socket.display())).unwrap();
    let client = WorkloadApiClient::connect(endpoint).await.unwrap();
    (folder, agent, domain, client)
}

#[tokio::test]
async fn the_default_identity_or_the_one_that_is_asked_for_comes_as_a_signed_svid() {
    let (_folder, agent, domain, client) = stage(Workload::with(&[ORDERS, BILLING])).await;
    let billing = spiffe::SpiffeId::new(BILLING).unwrap();
    for (id, expected) in [(None, ORDERS), (Some(&billing), BILLING)] {
        let token = client.fetch_jwt_token(["one", "two"], id).await.unwrap();
        let claims = domain.validate(&token, "two", NOW).unwrap();
        assert_eq!((&claims["sub"], &claims["iss"]), (&expected.into(), &agent.issuer().into()));
    }
    let audience = vec!["one".to_owned(), "two".to_owned()];
    let asked = |spiffe_id: &str| Asked { audience: audience.clone(), spiffe_id: spiffe_id.to_owned() };
    assert_eq!(agent.asked(), [asked(""), asked(BILLING)]);
}

#[tokio::test]
async fn who_is_not_entitled_is_told_so() {
    let (_folder, agent, _, client) = stage(Workload::with(&[ORDERS])).await;
    let billing = spiffe::SpiffeId::new(BILLING).unwrap();
    assert!(is_refusal(&client.fetch_jwt_token(["one"], Some(&billing)).await));
    agent.give(Workload::default());
    assert!(is_refusal(&client.fetch_jwt_token(["one"], None).await));
    assert!(is_refusal(&client.fetch_jwt_bundles().await));
}

fn is_refusal<T>(outcome: &Result<T, WorkloadApiError>) -> bool {
    matches!(outcome, Err(WorkloadApiError::NoIdentityIssued | WorkloadApiError::PermissionDenied(_)))
}

#[tokio::test]
async fn an_svid_is_judged_for_its_audience() {
    let (_folder, _agent, _, client) = stage(Workload::with(&[ORDERS])).await;
    let token = client.fetch_jwt_token(["one"], None).await.unwrap();
    assert!(client.validate_jwt_token("one", &token).await.is_ok());
    for (audience, svid) in [("two", token.as_str()), ("one", "no token")] {
        let outcome = client.validate_jwt_token(audience, svid).await;
        let Err(WorkloadApiError::Transport(TransportError::Status(status))) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(status.code(), GrpcStatusCode::InvalidArgument);
    }
}

#[tokio::test]
async fn the_bundle_is_that_of_the_trust_domain() {
    let (_folder, _agent, _, client) = stage(Workload::with(&[ORDERS])).await;
    let bundles = client.fetch_jwt_bundles().await.unwrap();
    let domain = spiffe::TrustDomain::new(TrustDomain::NAME).unwrap();
    assert_eq!(bundles.get(&domain).unwrap().jwt_authorities().count(), 1);
}
