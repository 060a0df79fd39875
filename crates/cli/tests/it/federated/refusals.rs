//! Assertions that the authority refuses, and third parties that give none.

use serde_json::{Value, json};

use super::{EXCHANGE, FILE_SUBJECT, PLATFORMS, World, ask, assert_proven};
use crate::provider::{Provider, now};

#[test]
fn the_authoritys_refusal_reaches_the_caller() {
    let world = World::new();
    let signer = &world.provider.signer;
    let claims = |changes: Value| {
        let mut claims = json!({
            "iss": signer.issuer, "sub": FILE_SUBJECT, "aud": EXCHANGE, "iat": now() - 7200, "exp": now() + 600,
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    };
    let stranger = Provider::start(|_, _| (404, String::new()));
    let cases = [
        (
            "another subject",
            signer.sign(&claims(json!({ "sub": "system:serviceaccount:shop:other" }))),
            "AADSTS700213: ",
        ),
        ("its case", signer.sign(&claims(json!({ "sub": "system:serviceaccount:shop:Web" }))), "AADSTS700213: "),
        ("another audience", signer.sign(&claims(json!({ "aud": "api://other" }))), "AADSTS700212: "),
        ("several audiences", signer.sign(&claims(json!({ "aud": ["api://other", "api://third"] }))), "AADSTS700212: "),
        ("an unknown issuer", signer.sign(&claims(json!({ "iss": stranger.signer.issuer }))), "AADSTS700211: "),
        ("its slash", signer.sign(&claims(json!({ "iss": format!("{}/", signer.issuer) }))), "AADSTS700211: "),
        ("its end", signer.sign(&claims(json!({ "exp": now() - 3600 }))), "AADSTS700024: "),
        ("its beginning", signer.sign(&claims(json!({ "nbf": now() + 3600, "exp": now() + 7200 }))), "AADSTS700024: "),
        ("a key on a curve", signer.sign_es256(&claims(json!({}))), "AADSTS50027: "),
        ("another's key", stranger.signer.sign(&claims(json!({}))), "AADSTS700027: "),
    ];
    let path = world.token_file("changing", &signer.sign(&claims(json!({}))));
    let settings = [("SourceType", "SignedAssertionFilePath".to_owned()), ("SignedAssertionFileDiskPath", path)];
    let (serve, sidecar) = world.serve(&settings);
    for (what, assertion, expected) in cases {
        world.token_file("changing", &assertion);
        let before = world.emulator.requests().len();
        let detail = ask(sidecar).problem(401);
        assert!(detail.starts_with(expected), "{what}: {detail}");
        let requests = world.emulator.requests().split_off(before);
        let requests = requests.iter().filter(|request| request["path"].as_str().unwrap().ends_with("/token"));
        assert_eq!(requests.count(), 1, "{what}: there is no newer assertion to try");
    }
    world.token_file("changing", &signer.sign(&claims(json!({}))));
    assert_proven(&ask(sidecar));
    serve.stop();
}

#[test]
fn a_third_party_that_gives_no_token_is_named_in_the_log_and_asked_again() {
    let world = World::new();
    for platform in PLATFORMS.iter().filter(|platform| !platform.asked.is_empty()) {
        let settings = (platform.settings)(&world);
        let (serve, sidecar) = world.serve(&settings);
        let source = &settings[0].1;
        for status in [401, 403, 410, 503] {
            world.deny(status);
            let reply = ask(sidecar);
            if status == 503 {
                reply.problem(503);
                assert!(!reply.header("retry-after").is_empty(), "{source}");
            } else {
                let detail = reply.problem(500);
                assert!(!detail.contains(source), "the cause is none of the caller's business: {detail}");
            }
        }
        let requests = world.emulator.requests();
        world.deny(0);
        assert_proven(&ask(sidecar));
        assert_eq!(world.emulator.requests().len(), requests.len() + 1, "{source}: nothing was exchanged before");
        let log = serve.stop();
        for status in [401, 403, 410, 503] {
            let line = log.lines().find(|line| line.contains(&format!(" answered {status}")));
            let line = line.unwrap_or_else(|| panic!("{source}: {status} is not in the log:\n{log}"));
            assert!(line.contains(source) && line.contains("AzureAd:ClientCredentials:0"), "{line}");
        }
    }
}
