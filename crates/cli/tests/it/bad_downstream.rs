//! Downstream APIs that misbehave: the caller learns which way, the sidecar neither hangs nor swells.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::{Reply, get, request},
    stage::{ORDERS_WEB, Stage},
};

/// Starts a server that treats each connection this way after the first bytes of the request; gives its address.
fn server(treat: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let treat = std::sync::Arc::new(treat);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let treat = treat.clone();
            thread::spawn(move || {
                let mut stream = stream;
                // Whatever was asked, the answer is the same.
                let _ = stream.read(&mut [0; 16 * 1024]);
                treat(stream);
            });
        }
    });
    format!("http://{address}/")
}

/// Calls an API at this address through a sidecar that waits one second; gives the reply and the most memory, in MiB, that
/// the sidecar had resident.
fn call(base: &str) -> (Reply, u64) {
    let settings = [
        ("DownstreamApis__orders__BaseUrl", base),
        ("DownstreamApis__orders__Scopes__0", "api://11112222-bbbb-3333-cccc-4444dddd5555/.default"),
        ("DownstreamApis__orders__RequestAppToken", "true"),
        ("Sidecar__Limits__DownstreamTimeout", "00:00:01"),
    ];
    let Stage { emulator: _emulator, serve, sidecar } = Stage::new(ORDERS_WEB, &settings);
    let start = Instant::now();
    let reply = request(sidecar, "POST", "/DownstreamApiUnauthenticated/orders", &[], b"");
    assert!(start.elapsed() < Duration::from_secs(15), "the call took {:?}", start.elapsed());
    assert_eq!(get(sidecar, "/healthz").status, 200);
    let peak = serve.peak_mebibytes();
    serve.stop();
    (reply, peak)
}

#[test]
fn one_that_is_not_there_is_502() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (reply, _) = call(&format!("http://{free}/"));
    reply.problem(502);
}

#[test]
fn one_that_hangs_before_its_answer_is_504() {
    let (reply, _) = call(&server(|stream| hold(&stream)));
    reply.problem(504);
}

#[test]
fn one_that_hangs_within_its_answer_is_504() {
    let (reply, _) = call(&server(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").unwrap();
        hold(&stream);
    }));
    reply.problem(504);
}

#[test]
fn one_that_hangs_up_is_502() {
    let (reply, _) = call(&server(drop));
    reply.problem(502);
}

#[test]
fn one_that_hangs_up_within_its_answer_is_502() {
    let (reply, _) = call(&server(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").unwrap();
    }));
    reply.problem(502);
}

#[test]
fn one_that_speaks_no_http_is_502() {
    let (reply, _) = call(&server(|mut stream| stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap()));
    reply.problem(502);
}

#[test]
fn one_that_sends_a_hundred_megabytes_is_502_and_not_in_memory() {
    let (reply, peak) = call(&server(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n").unwrap();
        flood(&mut stream);
    }));
    reply.problem(502);
    assert!(peak < 160, "{peak} MiB");
}

#[test]
fn one_that_sends_a_hundred_megabytes_without_saying_so_is_502_and_not_in_memory() {
    let (reply, peak) = call(&server(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").unwrap();
        flood(&mut stream);
    }));
    reply.problem(502);
    assert!(peak < 160, "{peak} MiB");
}

#[test]
fn one_that_sends_headers_without_end_is_502() {
    let (reply, peak) = call(&server(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").unwrap();
        let line = format!("X-Filler: {}\r\n", "x".repeat(8_000));
        while stream.write_all(line.as_bytes()).is_ok() {}
    }));
    reply.problem(502);
    assert!(peak < 128, "{peak} MiB");
}

#[test]
fn a_redirect_is_an_answer_and_not_followed() {
    let elsewhere = server(|_| panic!("the redirect was followed"));
    let (reply, _) = call(&server(move |mut stream| {
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).unwrap();
    }));
    assert_eq!((reply.status, reply.json()["statusCode"].as_u64()), (200, Some(302)), "{}", reply.text());
}

#[test]
fn a_body_that_is_no_text_comes_as_base64() {
    let (reply, _) = call(&server(|mut stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\n\x89\xff\xfe\x00")
            .unwrap();
    }));
    let result = reply.json();
    assert_eq!(
        (result["content"].as_str(), result["contentEncoding"].as_str()),
        (Some("if/+AA=="), Some("base64")),
        "{result}"
    );
}

#[test]
fn an_error_of_its_own_is_an_answer() {
    let (reply, _) = call(&server(|mut stream| {
        stream
            .write_all(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy")
            .unwrap();
    }));
    let result = reply.json();
    assert_eq!(
        (reply.status, result["statusCode"].as_u64(), result["content"].as_str()),
        (200, Some(503), Some("busy"))
    );
    assert_eq!(result["headers"]["Retry-After"][0], "7", "{result}");
}

/// Keeps a connection open until the other side closes it.
fn hold(stream: &TcpStream) {
    let mut stream = stream;
    while stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {}
}

/// Sends a hundred MiB, or as much as the other side takes.
fn flood(stream: &mut TcpStream) {
    let block = vec![b'x'; 1024 * 1024];
    for _ in 0..100 {
        if stream.write_all(&block).is_err() {
            return;
        }
    }
}
