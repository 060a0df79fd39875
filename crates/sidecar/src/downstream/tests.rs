//! Exchanges over real connections, with an API that is scripted per path.

use std::{fmt::Write, time::Duration};

use ::url::Url;
use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use sidekey_host::client::{ClientOptions, build};
use tokio::net::TcpListener;

use super::*;
use crate::{
    error::{CallFault, Failure},
    pop::Authorization,
};

fn bearer() -> Authorization {
    Authorization::Ready(HeaderValue::from_static("Bearer t"))
}

/// Tells what it was sent, or does what the path says.
async fn api(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let redirect =
        |status: u16| (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, query.clone())]).into_response();
    match path.as_str() {
        "/302" => redirect(302),
        "/303" => redirect(303),
        "/307" => redirect(307),
        "/loop" => (StatusCode::FOUND, [(header::LOCATION, "/loop")]).into_response(),
        "/hang" => std::future::pending().await,
        "/drip" => {
            Body::new(http_body_util::StreamBody::new(futures_util::stream::pending::<Result<_, std::io::Error>>()))
                .into_response()
        }
        "/big" => vec![b'x'; 2000].into_response(),
        "/challenge" => {
            let challenge = r#"Basic x, Bearer error="insufficient_claims", claims="eyJhIjoxfQ==""#;
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
        }
        "/denied" => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")], "no")
            .into_response(),
        _ => {
            let mut told = format!("{} {}\n", parts.method, parts.uri);
            for name in ["authorization", "accept", "x-extra", "content-type", "content-length", "cookie"] {
                if let Some(value) = parts.headers.get(name) {
                    writeln!(told, "{name}: {}", value.to_str().unwrap()).unwrap();
                }
            }
            let body = body.collect().await.unwrap().to_bytes();
            ([(header::SET_COOKIE, "a=b")], [told.into_bytes(), body.to_vec()].concat()).into_response()
        }
    }
}

async fn start() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(api)).await });
    url
}

struct Exchange {
    client: reqwest::Client,
    headers: Vec<(HeaderName, HeaderValue)>,
    accept: HeaderValue,
}

impl Exchange {
    fn new() -> Self {
        Self {
            client: build(&ClientOptions::default()).unwrap(),
            headers: vec![(HeaderName::from_static("x-extra"), HeaderValue::from_static("1"))],
            accept: HeaderValue::from_static("text/csv"),
        }
    }

    fn call(&self, method: Method, url: Url) -> Call<'_> {
        Call {
            client: &self.client,
            api: "Orders",
            method,
            url,
            accept: Some(&self.accept),
            headers: &self.headers,
            payload: Some(Payload {
                content_type: HeaderValue::from_static("application/octet-stream"),
                bytes: Bytes::from_static(b"\xff\x00\xef\xbb\xbf"),
            }),
            follow_redirects: true,
            time: Duration::from_secs(20),
            max_bytes: 1000,
        }
    }
}

async fn send(call: &Call<'_>) -> Result<Outcome, Failure> {
    call.send(&bearer(), true, &mut Budget::new(10_000).share()).await
}

async fn reply(call: &Call<'_>) -> (u16, String) {
    match send(call).await.unwrap() {
        Outcome::Reply(reply) => (reply.status.as_u16(), String::from_utf8_lossy(&reply.body).into_owned()),
        Outcome::Challenge(claims) => panic!("{claims}"),
    }
}

fn fault(result: Result<Outcome, Failure>) -> CallFault {
    match result {
        Err(Failure::Downstream(api, fault)) if api == "Orders" => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bodies_and_headers_arrive_as_they_were_given() {
    let (url, exchange) = (start().await, Exchange::new());
    let call = exchange.call(Method::PUT, url.join("/echo?a=b").unwrap());
    let expected = "PUT /echo?a=b\nauthorization: Bearer t\naccept: text/csv\nx-extra: 1\n\
                    content-type: application/octet-stream\ncontent-length: 5\n";
    let (status, told) = reply(&call).await;
    assert_eq!((status, told.as_str()), (200, format!("{expected}\u{fffd}\0\u{feff}").as_str()));
    assert!(!reply(&call).await.1.contains("cookie"), "no cookie jar");
    let bare = Call { payload: None, accept: None, headers: &[], ..exchange.call(Method::GET, url) };
    assert_eq!(reply(&bare).await.1, "GET /\nauthorization: Bearer t\naccept: */*\n");
}

#[tokio::test]
async fn redirects_are_the_result_unless_they_are_followed() {
    let (url, exchange) = (start().await, Exchange::new());
    let call = exchange.call(Method::POST, url.join("/302?/echo").unwrap());
    assert_eq!(
        reply(&Call { follow_redirects: false, ..exchange.call(Method::POST, url.join("/302?/echo").unwrap()) })
            .await
            .0,
        302
    );
    assert_eq!(reply(&call).await.1, "GET /echo\nauthorization: Bearer t\naccept: text/csv\nx-extra: 1\n");
    let kept = reply(&exchange.call(Method::POST, url.join("/307?/echo").unwrap())).await.1;
    assert!(kept.starts_with("POST /echo\nauthorization: Bearer t\n") && kept.contains("content-length: 5"), "{kept}");
    assert_eq!(
        reply(&exchange.call(Method::GET, url.join("/loop").unwrap())).await.0,
        302,
        "in the end it is the result"
    );
}

#[tokio::test]
async fn no_token_goes_to_another_origin() {
    let (url, other, exchange) = (start().await, start().await, Exchange::new());
    for there in [format!("{other}echo"), format!("{other}302?{url}echo")] {
        for status in ["302", "303", "307"] {
            let call = exchange.call(Method::PUT, url.join(&format!("/{status}?{there}")).unwrap());
            let told = reply(&call).await.1;
            assert!(told.contains(" /echo") && !told.contains("Bearer") && !told.contains("x-extra"), "{told}");
        }
    }
    let challenge = exchange.call(Method::GET, url.join(&format!("/302?{other}challenge")).unwrap());
    assert_eq!(reply(&challenge).await.0, 401, "another origin's challenge is not answered");
}

#[tokio::test]
async fn claims_challenges_are_told_apart_from_other_refusals() {
    let (url, exchange) = (start().await, Exchange::new());
    let call = exchange.call(Method::GET, url.join("/challenge").unwrap());
    assert!(matches!(send(&call).await.unwrap(), Outcome::Challenge(claims) if claims == r#"{"a":1}"#));
    let mut share = Budget::new(100).share();
    let second = call.send(&bearer(), false, &mut share).await.unwrap();
    assert!(matches!(second, Outcome::Reply(reply) if reply.status == 401), "the second reply is the result");
    assert_eq!(reply(&exchange.call(Method::GET, url.join("/denied").unwrap())).await, (401, "no".to_owned()));
}

#[tokio::test]
async fn calls_that_come_to_nothing_say_why() {
    let (url, exchange) = (start().await, Exchange::new());
    let call = |path: &str| exchange.call(Method::GET, url.join(path).unwrap());
    let short = Duration::from_millis(50);
    for path in ["/hang", "/drip"] {
        assert_eq!(fault(send(&Call { time: short, ..call(path) }).await), CallFault::Timeout(short), "{path}");
    }
    assert_eq!(fault(send(&call("/big")).await), CallFault::TooLarge(1000));
    let poor = call("/echo").send(&bearer(), true, &mut Budget::new(10).share()).await;
    assert!(matches!(poor, Err(Failure::Overloaded)));

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody: Url = format!("http://{free}/secret-path").parse().unwrap();
    let CallFault::Unreachable(why) = fault(send(&exchange.call(Method::GET, nobody)).await) else { panic!() };
    assert!(why.contains("refused") && !why.contains("secret-path"), "{why}");

    let broken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = broken.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = broken.accept().await {
            drop(socket);
        }
    });
    let url: Url = format!("http://{address}/").parse().unwrap();
    assert!(matches!(fault(send(&exchange.call(Method::GET, url)).await), CallFault::Unreachable(_)));
}
