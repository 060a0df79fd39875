//! The client's own rules.

use axum::{Router, response::Redirect, routing::get};
use sidekey_host::{
    Shutdown,
    client::{self, ClientOptions},
    listen::{Address, Limits, Listener, Protocols, serve},
};

use crate::world::{PATIENCE, plain, secure, start_at};

#[tokio::test]
async fn redirects_are_not_followed_and_cookies_not_kept() {
    let listener = Listener::bind(&plain(Address::Localhost(0), Protocols::Http1)).await.unwrap();
    let url = listener.url();
    let cookies =
        |headers: http::HeaderMap| async move { ([("set-cookie", "a=b")], format!("{:?}", headers.get("cookie"))) };
    let app = Router::new().route("/", get(|| async { Redirect::temporary("/cookie") })).route("/cookie", get(cookies));
    tokio::spawn(serve(vec![listener], std::sync::Arc::new(app), Limits::default(), Shutdown::new(), PATIENCE));
    let client = client::build(&ClientOptions::default()).unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 307);
    for _ in 0..2 {
        let answer = client.get(format!("{url}/cookie")).send().await.unwrap().text().await.unwrap();
        assert_eq!(answer, "None");
    }
}

#[tokio::test]
async fn a_certificate_that_no_root_vouches_for_is_refused() {
    let (endpoint, _) = secure(Protocols::default());
    let world = start_at(&endpoint, Limits::default(), PATIENCE).await;
    let (_, other) = secure(Protocols::default());
    let options = ClientOptions { additional_ca_pem: vec![other], ..ClientOptions::default() };
    let error = client::build(&options).unwrap().get(&world.url).send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert!(format!("{error:?}").contains("InvalidCertificate"), "{error:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (endpoint, pem) = secure(Protocols::default());
    let world = start_at(&endpoint, Limits::default(), PATIENCE).await;
    let options = ClientOptions { additional_ca_pem: vec![pem], ..ClientOptions::default() };
    let client = client::build(&options).unwrap();
    assert!(client.get(&world.url).send().await.is_ok());
    let error = client.get(world.url.replace("localhost", "127.0.0.1")).send().await.unwrap_err();
    assert!(format!("{error:?}").contains("NotValidForName"), "{error:?}");
}

#[tokio::test]
async fn an_additional_ca_may_lie_in_a_file() {
    let (endpoint, pem) = secure(Protocols::default());
    let world = start_at(&endpoint, Limits::default(), PATIENCE).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let options = ClientOptions { additional_ca_files: vec![file.path().to_owned()], ..ClientOptions::default() };
    assert!(client::build(&options).unwrap().get(&world.url).send().await.is_ok());
}
