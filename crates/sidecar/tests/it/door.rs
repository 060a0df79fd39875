//! Who comes in, which paths there are, and what a probe hears.

use http::Method;

use crate::setup::Setup;

#[tokio::test]
async fn probes_answer_everyone_whatever_they_send() {
    let setup = Setup::new(&[]).await;
    let cross = [("host", "evil.example"), ("origin", "https://evil.example")];
    for path in ["/healthz", "/HealthZ", "/health", "/livez", "/readyz"] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let reply = setup.send(method, path, &cross, "").await;
            assert_eq!(
                (reply.status, reply.text(), reply.header("content-type")),
                (200, "Healthy", Some("text/plain"))
            );
        }
    }
    insta::assert_snapshot!(setup.get("/healthz").await.whole());
}

#[tokio::test]
async fn readiness_ends_with_the_shutdown() {
    let setup = Setup::new(&[]).await;
    setup.shutdown.trigger();
    let ready = setup.get("/readyz").await;
    assert_eq!((ready.status, ready.text()), (503, "Unhealthy"));
    assert_eq!(setup.get("/healthz").await.status, 200, "the process lives until it ends");
}

#[tokio::test]
async fn names_and_origins_that_are_not_ours_are_turned_away() {
    let setup = Setup::new(&[]).await;
    for path in ["/Validate", "/nowhere", "/healthz/"] {
        let reply = setup.send(Method::GET, path, &[("host", "evil.example")], "").await;
        assert_eq!((reply.status, reply.header("content-type")), (400, Some("text/html")), "{path}");
        let reply = setup.send(Method::GET, path, &[("origin", "https://evil.example")], "").await;
        assert_eq!((reply.status, reply.body.len(), reply.header("www-authenticate")), (403, 0, None), "{path}");
    }
    let own = setup.url.clone();
    assert_eq!(setup.send(Method::GET, "/Validate", &[("origin", &own)], "").await.status, 401);
}

#[tokio::test]
async fn upstream_asks_for_neither_name_nor_origin() {
    let setup = Setup::new(&[("Sidecar:Compatibility", "Upstream")]).await;
    let headers = [("host", "evil.example"), ("origin", "https://evil.example")];
    assert_eq!(setup.send(Method::GET, "/Validate", &headers, "").await.status, 401);
    let listed = Setup::new(&[("Sidecar:Compatibility", "Upstream"), ("AllowedHosts", "a.example")]).await;
    assert_eq!(listed.send(Method::GET, "/Validate", &headers, "").await.status, 400);
    assert_eq!(listed.send(Method::GET, "/Validate", &[("host", "A.example:99")], "").await.status, 401);
}

#[tokio::test]
async fn listed_origins_may_read_replies() {
    let setup = Setup::new(&[("Sidecar:AllowedOrigins:0", "https://portal.contoso.com")]).await;
    let origin = ("origin", "https://portal.contoso.com");
    let reply = setup.send(Method::GET, "/AuthorizationHeaderUnauthenticated/App", &[origin], "").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some("https://portal.contoso.com")));
    assert_eq!(reply.header("vary"), Some("Origin"));
    let ask = [origin, ("access-control-request-method", "PUT")];
    let preflight = setup.send(Method::OPTIONS, "/DownstreamApi/App", &ask, "").await;
    assert_eq!(
        (preflight.status, preflight.header("access-control-allow-origin")),
        (204, Some("https://portal.contoso.com"))
    );
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_have_empty_replies() {
    let setup = Setup::new(&[]).await;
    for path in ["/", "/AuthorizationHeader", "/AuthorizationHeader/", "/DownstreamApi/a/b", "/openapi/v1.json"] {
        let reply = setup.get(path).await;
        assert_eq!((reply.status, reply.body.len(), reply.header("cache-control")), (404, 0, None), "{path}");
    }
    let table = [
        (Method::POST, "/Validate", "GET"),
        (Method::HEAD, "/validate/", "GET"),
        (Method::POST, "/AuthorizationHeader/App", "GET"),
        (Method::OPTIONS, "/DownstreamApi/App", "GET, POST, PUT, PATCH, DELETE"),
    ];
    for (method, path, allow) in table {
        let reply = setup.send(method, path, &[], "").await;
        assert_eq!((reply.status, reply.body.len(), reply.header("allow")), (405, 0, Some(allow)), "{path}");
    }
}

#[tokio::test]
async fn the_document_is_served_in_development() {
    let setup = Setup::in_environment("Development", &[]).await;
    let reply = setup.get("/OpenAPI/v1.json").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json;charset=utf-8")));
    assert_eq!(reply.header("cache-control"), Some("no-cache, no-store, must-revalidate"));
    assert_eq!(reply.text(), sidekey_sidecar::Sidecar::openapi());
}

#[tokio::test]
async fn users_of_the_unix_socket_are_judged_by_their_id() {
    let request = "GET /Validate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let own = Setup::new(&[]).await;
    assert_eq!(own.by_unix_socket(request).await, "HTTP/1.1 401 Unauthorized");
    let other = Setup::new(&[("Sidecar:AllowedUids:0", "4000000000")]).await;
    assert_eq!(other.by_unix_socket(request).await, "HTTP/1.1 403 Forbidden");
    assert_eq!(other.by_unix_socket(&request.replace("Validate", "healthz")).await, "HTTP/1.1 200 OK");
    assert_eq!(other.get("/Validate").await.status, 401, "TCP from this host is another door");
}

#[tokio::test]
async fn every_host_that_a_request_names_is_judged() {
    let setup = Setup::new(&[]).await;
    let table = [
        ("GET /Validate HTTP/1.0\r\n\r\n", "401"),
        ("GET http://localhost/Validate HTTP/1.0\r\nHost: localhost\r\n\r\n", "401"),
        ("GET http://evil.example/Validate HTTP/1.0\r\nHost: localhost\r\n\r\n", "400"),
        ("GET /Validate HTTP/1.0\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", "400"),
        ("GET /Validate HTTP/1.0\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n\r\n", "400"),
    ];
    for (request, expected) in table {
        let line = setup.by_unix_socket(request).await;
        assert_eq!(line.split(' ').nth(1), Some(expected), "{request}: {line}");
    }
}

#[tokio::test]
async fn callers_show_the_key_that_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "0123456789abcdef\n").unwrap();
    let portal = ("origin", "https://portal.contoso.com");
    let setup =
        Setup::new(&[("Sidecar:CallerKeyPath", path.to_str().unwrap()), ("Sidecar:AllowedOrigins:0", portal.1)]).await;
    let (good, bad) = (("x-sidekey-caller-key", "0123456789abcdef"), ("x-sidekey-caller-key", "0123456789abcdeF"));
    let api = "/AuthorizationHeaderUnauthenticated/App";
    for path in [api, "/Validate", "/nowhere"] {
        for headers in [&[][..], &[bad], &[good, good]] {
            let reply = setup.send(Method::GET, path, headers, "").await;
            assert_eq!((reply.status, reply.body.len(), reply.header("www-authenticate")), (403, 0, None), "{path}");
        }
    }
    assert!(setup.authority.requests().is_empty());
    assert_eq!(setup.send(Method::GET, api, &[good], "").await.status, 200);
    assert_eq!(setup.send(Method::GET, "/healthz", &[], "").await.status, 200, "probes need none");
    let ask = [portal, ("access-control-request-method", "POST")];
    assert_eq!(setup.send(Method::OPTIONS, api, &ask, "").await.status, 204, "a browser asks without it");
    assert_eq!(setup.send(Method::GET, api, &[portal], "").await.status, 403);
}

#[tokio::test]
async fn a_caller_who_asks_too_often_is_told_when_to_come_again() {
    let setup = Setup::new(&[("Sidecar:RateLimit:RequestsPerSecond", "1"), ("Sidecar:RateLimit:Burst", "2")]).await;
    for host in ["localhost", "evil.example"] {
        let reply = setup.send(Method::GET, "/Validate", &[("host", host)], "").await;
        assert_ne!(reply.status, 429, "within the burst, and refused ones count too");
    }
    let mut reply = setup.get("/Validate").await;
    for _ in 0..1_000 {
        // On a busy machine more than a second may have gone by.
        if reply.status == 429 {
            break;
        }
        reply = setup.get("/Validate").await;
    }
    insta::assert_snapshot!("too often", reply.whole());
    for _ in 0..5 {
        assert_eq!(setup.get("/healthz").await.status, 200, "probes are not counted");
    }
    let request = "GET /Validate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(setup.by_unix_socket(request).await, "HTTP/1.1 401 Unauthorized", "another caller");
}

#[tokio::test]
async fn who_shows_no_key_does_not_use_up_the_rate_of_who_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "0123456789abcdef").unwrap();
    let path = ("Sidecar:CallerKeyPath", path.to_str().unwrap());
    let setup = Setup::new(&[path, ("Sidecar:RateLimit:RequestsPerSecond", "1")]).await;
    let wrong = ("x-sidekey-caller-key", "0123456789abcdeF");
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 1_000 {
        statuses.push(setup.send(Method::GET, "/Validate", &[wrong], "").await.status);
    }
    assert_eq!(statuses.pop(), Some(429), "guessing is counted too");
    assert!(statuses.iter().all(|status| *status == 403), "{statuses:?}");
    let right = ("x-sidekey-caller-key", "0123456789abcdef");
    assert_eq!(setup.send(Method::GET, "/Validate", &[right], "").await.status, 401);
}

#[tokio::test]
async fn nothing_but_a_probe_comes_in_by_its_path() {
    let setup = Setup::new(&[("Sidecar:AllowedUids:0", "4000000000")]).await;
    for path in [
        "/healthz/../Validate",
        "/healthz/..%2fValidate",
        "/healthz%2f..%2fValidate",
        "/healthz;/Validate",
        "/healthz/",
        "/healthz/x",
        "/%68ealthz",
        "/healthz%00",
        "//healthz",
        "/./healthz",
        "/readyz/%2e%2e/AuthorizationHeaderUnauthenticated/App",
        "/livez\\..\\Validate",
        "http://localhost/Validate?/healthz",
        "/Validate#/healthz",
        "/AuthorizationHeaderUnauthenticated/healthz",
        "*",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let line = setup.by_unix_socket(&request).await;
        assert!(line == "HTTP/1.1 403 Forbidden" || line == "HTTP/1.1 400 Bad Request", "{path}: {line}");
    }
    for path in ["/healthz?x=/Validate", "http://evil.example/healthz"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert_eq!(setup.by_unix_socket(&request).await, "HTTP/1.1 200 OK", "{path}");
    }
}
