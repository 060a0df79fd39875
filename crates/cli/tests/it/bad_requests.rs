//! Requests that no client should send: each gets its answer, the next good one gets its own, and memory stays bounded.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use crate::{
    client::{Reply, read, request, send},
    process::Settings,
    stage::{ORDERS_WEB, Stage},
};

/// A sidecar with an API whose server is not there, and a user's token.
struct Target {
    stage: Stage,
    sidecar: SocketAddr,
    user: String,
}

impl Target {
    fn new(more: Settings<'_>) -> Self {
        let api = [
            ("DownstreamApis__orders__BaseUrl", "http://127.0.0.1:9/base/"),
            ("DownstreamApis__orders__Scopes__0", "api://11112222-bbbb-3333-cccc-4444dddd5555/Orders.Read"),
        ];
        let stage = Stage::new(ORDERS_WEB, &[&api, more].concat());
        Self { sidecar: stage.sidecar, user: stage.emulator.token("user=alice"), stage }
    }

    fn as_user(&self, method: &str, target: &str, body: &[u8]) -> Reply {
        as_user(self.sidecar, &self.user, method, target, body)
    }

    /// It still answers, its memory is bounded, and it ends as it should.
    fn assert_unharmed(self, mebibytes: u64) {
        let reply = self.as_user("GET", "/AuthorizationHeader/orders", b"");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let peak = self.stage.serve.peak_mebibytes();
        assert!(peak <= mebibytes, "{peak} MiB were resident, at most {mebibytes} are right");
        self.stage.serve.stop();
    }
}

fn as_user(sidecar: SocketAddr, user: &str, method: &str, target: &str, body: &[u8]) -> Reply {
    let bearer = format!("Bearer {user}");
    request(sidecar, method, target, &[("Authorization", &bearer), ("Content-Type", "text/plain")], body)
}

/// What a debug build may have resident besides what a test gives it to hold.
const BASE_MEBIBYTES: u64 = 96;

#[test]
fn an_unknown_api_is_told_where_to_configure_it() {
    let target = Target::new(&[]);
    for path in ["/AuthorizationHeader/nowhere", "/DownstreamApi/nowhere?optionsOverride.RelativePath=a"] {
        let method = if path.starts_with("/Auth") { "GET" } else { "POST" };
        let detail = target.as_user(method, path, b"").problem(404);
        assert!(detail.contains("DownstreamApis:nowhere"), "{detail}");
    }
    target.assert_unharmed(BASE_MEBIBYTES);
}

#[test]
fn malformed_agent_parameters_are_refused_and_not_echoed_into_the_log() {
    let target = Target::new(&[]);
    let cases = [
        ("AgentUsername=a%40b", "AgentUsername or AgentUserId require AgentIdentity"),
        ("AgentIdentity=x&AgentUsername=a&AgentUserId=b", "AgentUsername and AgentUserId are mutually exclusive"),
        ("AgentIdentity=x&AgentUserId=%00%ff", "AgentUserId must be a valid GUID"),
    ];
    for (query, wanted) in cases {
        assert_eq!(target.as_user("GET", &format!("/AuthorizationHeader/orders?{query}"), b"").problem(400), wanted);
    }
    let long = "a".repeat(50_000);
    target.as_user("GET", &format!("/AuthorizationHeader/orders?AgentIdentity=x&AgentUserId={long}"), b"").problem(400);
    assert!(!target.stage.serve.stop().contains(&long));
}

#[test]
fn a_head_of_a_megabyte_is_431() {
    let target = Target::new(&[]);
    let value = "a".repeat(1_000_000);
    let one_header = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {value}\r\n\r\n");
    let many_headers =
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-A: aaaaaaaaaaaaaaaa\r\n".repeat(50_000));
    let long_target = format!("GET /{value} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for head in [one_header, many_headers, long_target] {
        let reply = send(target.sidecar, head.as_bytes());
        assert!(matches!(reply, Some(Reply { status: 431 | 414, .. }) | None), "{reply:?}");
    }
    target.assert_unharmed(BASE_MEBIBYTES);
}

#[test]
fn a_token_of_a_megabyte_is_refused() {
    let target = Target::new(&[("Sidecar__Limits__MaxHeaderBytes", "2000000")]);
    let token = format!("Bearer eyJhbGciOiJSUzI1NiJ9.{}.c2ln", "a".repeat(1_000_000));
    let reply = request(target.sidecar, "GET", "/Validate", &[("Authorization", &token)], b"");
    assert_eq!(reply.status, 401, "{reply:?}");
    assert!(reply.header("x-sidekey-reason").contains("longer than 256000 bytes"), "{reply:?}");
    target.assert_unharmed(BASE_MEBIBYTES);
}

#[test]
fn tokens_that_are_none_are_challenged() {
    let target = Target::new(&[]);
    let deep = format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", "W1tbW1tbW1tb".repeat(1_000));
    for token in ["x", "a.b", "a.b.c", "...", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", &deep] {
        let reply = request(target.sidecar, "GET", "/Validate", &[("Authorization", &format!("Bearer {token}"))], b"");
        assert_eq!((reply.status, reply.text().as_str()), (401, ""), "{token}");
        assert!(reply.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""), "{reply:?}");
    }
    for scheme in ["Basic abc", "Bearer", "Bearer  ", "PoP"] {
        let reply = request(target.sidecar, "GET", "/Validate", &[("Authorization", scheme)], b"");
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer"), "{scheme}");
    }
    let reply = request(target.sidecar, "GET", "/Validate", &[("Authorization", "PoP x")], b"");
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, "PoP error=\"invalid_token\""));
}

#[test]
fn a_body_beyond_the_limit_is_413() {
    let target = Target::new(&[]);
    let reply = target.as_user("POST", "/DownstreamApi/orders", &vec![b'a'; 31_000_000]);
    assert_eq!(reply.status, 413, "{reply:?}");
    target.assert_unharmed(BASE_MEBIBYTES + 64);
}

#[test]
fn a_body_that_says_it_is_small_and_is_not_is_413() {
    let target = Target::new(&[("Sidecar__Limits__MaxRequestBodyBytes", "1000")]);
    let mut bytes = format!(
        "POST /DownstreamApi/orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
        target.user
    )
    .into_bytes();
    for _ in 0..100 {
        bytes.extend_from_slice(b"10\r\naaaaaaaaaaaaaaaa\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let reply = send(target.sidecar, &bytes);
    assert!(matches!(reply, Some(Reply { status: 413, .. })), "{reply:?}");
}

#[test]
fn many_large_bodies_at_once_do_not_fill_the_memory() {
    let target = Target::new(&[("Sidecar__Limits__MaxBufferedBytes", "67108864")]);
    let (sidecar, user, body) = (target.sidecar, &target.user, &vec![b'a'; 20_000_000]);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let send = move || as_user(sidecar, user, "POST", "/DownstreamApi/orders", body).status;
        let callers: Vec<_> = (0..20).map(|_| scope.spawn(send)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    // The API is not there, so what was let in ends as 502.
    assert!(statuses.iter().all(|status| matches!(status, 502 | 503)), "{statuses:?}");
    target.assert_unharmed(BASE_MEBIBYTES + 2 * 64);
}

#[test]
fn what_is_no_http_is_refused() {
    let target = Target::new(&[]);
    let cases: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello, is this TLS?\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"\0\0\0\0\0\0\r\n\r\n",
    ];
    for bytes in cases {
        let reply = send(target.sidecar, bytes);
        let refused = reply.as_ref().is_none_or(|reply| (400..=505).contains(&reply.status));
        assert!(refused, "{}: {reply:?}", String::from_utf8_lossy(bytes));
    }
    target.assert_unharmed(BASE_MEBIBYTES);
}

#[test]
fn a_head_that_never_ends_is_cut_off() {
    let target = Target::new(&[("Sidecar__Limits__HeaderTimeout", "00:00:01")]);
    let mut stream = TcpStream::connect(target.sidecar).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the server closes before we lose patience");
    target.assert_unharmed(BASE_MEBIBYTES);
}

#[test]
fn connections_beyond_the_limit_are_503_and_those_within_go_on() {
    let target = Target::new(&[("Sidecar__Limits__MaxConnections", "8")]);
    let mut held: Vec<_> = (0..8).map(|_| TcpStream::connect(target.sidecar).unwrap()).collect();
    for stream in &mut held {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    }
    let reply = send(target.sidecar, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(matches!(reply, Some(Reply { status: 503, .. })), "{reply:?}");
    let mut first = held.swap_remove(0);
    first.write_all(b"Connection: close\r\n\r\n").unwrap();
    assert_eq!(read(&mut first).unwrap().status, 200);
}

#[test]
fn another_host_or_origin_is_turned_away() {
    let target = Target::new(&[]);
    let evil_host = b"GET /Validate HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let reply = send(target.sidecar, evil_host).unwrap();
    assert_eq!(reply.status, 400, "{reply:?}");
    let reply = request(
        target.sidecar,
        "GET",
        "/AuthorizationHeaderUnauthenticated/orders",
        &[("Origin", "https://evil.example")],
        b"",
    );
    assert_eq!(reply.status, 403, "{reply:?}");
}

#[test]
fn a_relative_path_that_escapes_never_reaches_the_api() {
    let target = Target::new(&[]);
    for path in ["../x", "%2e%2e/x", "a/..%2f..%2fx", "..%5cx", "//evil.example/", "http://evil.example/", "%00"] {
        let query = format!("/DownstreamApi/orders?optionsOverride.RelativePath={}", path.replace('%', "%25"));
        target.as_user("POST", &query, b"").problem(400);
    }
}
