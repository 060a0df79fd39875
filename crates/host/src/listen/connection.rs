//! One connection: TLS, the choice of HTTP version, the exchange, and its end.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{body::Body, response::Response};
use futures_util::{FutureExt as _, future::CatchUnwind};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::watch,
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::{
    Answer, App, Limits, Peer, Protocols,
    activity::{Activity, Verdict},
    stream::{NotedStream, ReadAhead, Transport},
};

/// How far the end of serving has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Connections are accepted.
    Serving,
    /// What is in flight may finish.
    Draining,
    /// Whatever is left is dropped.
    Ended,
}

/// TLS for new connections, if the endpoint has it.
pub(super) type Tls = Option<Arc<arc_swap::ArcSwap<rustls::ServerConfig>>>;

/// What all connections of an endpoint share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) app: Arc<dyn App>,
    pub(super) tls: Tls,
    pub(super) protocols: Protocols,
    pub(super) limits: Limits,
    pub(super) stage: watch::Receiver<Stage>,
}

impl Shared {
    /// Serves one connection to its end.
    pub(super) async fn serve(mut self, stream: impl Transport, peer: Peer) {
        let started = Instant::now();
        let mut stage = self.stage.clone();
        let opening = timeout_at(started + self.limits.header_timeout, self.clone().open(stream));
        let opened = tokio::select! {
            biased;
            () = reached(&mut stage, Stage::Draining) => return,
            opened = opening => opened,
        };
        match opened.ok().flatten() {
            None => {}
            Some(Opened::Plain(stream, ahead, version)) => self.exchange(stream, ahead, version, peer, started).await,
            Some(Opened::Tls(stream, ahead, version)) => self.exchange(*stream, ahead, version, peer, started).await,
        }
    }

    /// Answers one connection more than there may be.
    pub(super) async fn refuse(self, stream: impl Transport) {
        let answered = async {
            match (&self.tls, stream) {
                (None, stream) => turn_away(stream).await,
                (Some(tls), stream) => {
                    let acceptor = tokio_rustls::TlsAcceptor::from(tls.load_full());
                    let stream = acceptor.accept(stream).await?;
                    if is_http2_agreed(&stream) { Ok(()) } else { turn_away(stream).await }
                }
            }
        };
        let _ = timeout(REFUSAL_TIME, answered).await;
    }

    /// Shakes hands and finds out the HTTP version; `None` where the peer left or spoke nonsense.
    async fn open<S: Transport>(self, mut stream: S) -> Option<Opened<S>> {
        let Some(tls) = &self.tls else {
            let ahead = match self.protocols {
                Protocols::Http1 => return Some(Opened::Plain(stream, ReadAhead::default(), Version::Http1)),
                Protocols::Http2 | Protocols::Http1AndHttp2 => ReadAhead::from(&mut stream).await.ok().flatten()?,
            };
            let is_http2 = ahead.is_http2() || self.protocols == Protocols::Http2;
            return Some(Opened::Plain(stream, ahead, if is_http2 { Version::Http2 } else { Version::Http1 }));
        };
        let mut stream = match tokio_rustls::TlsAcceptor::from(tls.load_full()).accept(stream).await {
            Ok(stream) => Box::new(stream),
            Err(error) => {
                tracing::debug!(%error, "TLS handshake failed");
                return None;
            }
        };
        let is_http2 = is_http2_agreed(&stream) || self.protocols == Protocols::Http2;
        if !is_http2 {
            return Some(Opened::Tls(stream, ReadAhead::default(), Version::Http1));
        }
        let ahead = ReadAhead::from(&mut stream).await.ok().flatten()?;
        Some(Opened::Tls(stream, ahead, Version::Http2))
    }

    async fn exchange(
        &mut self,
        stream: impl Transport,
        ahead: ReadAhead,
        version: Version,
        peer: Peer,
        started: Instant,
    ) {
        let activity = Arc::new(match version {
            Version::Http1 => Activity::of_http1(started),
            Version::Http2 => Activity::of_http2(started),
        });
        let io = TokioIo::new(NotedStream::new(stream, ahead, Arc::clone(&activity)));
        let service = ConnectionService { app: Arc::clone(&self.app), peer, activity: Arc::clone(&activity) };
        match version {
            Version::Http1 => self.drive(http1(&self.limits).serve_connection(io, service), &activity).await,
            Version::Http2 => self.drive(http2(&self.limits).serve_connection(io, service), &activity).await,
        }
    }

    /// Runs a connection until it ends, is too slow, idles too long, or serving ends.
    async fn drive<C: GracefulConnection<Error = hyper::Error>>(&self, connection: C, activity: &Activity) {
        let mut stage = self.stage.clone();
        let mut connection = pin!(connection);
        let header_timeout = self.limits.header_timeout;
        let mut look = pin!(sleep_until(Instant::now() + header_timeout));
        let mut next_stage = Stage::Draining;
        let mut is_closing = false;
        loop {
            tokio::select! {
                biased;
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::trace!(%error, "connection ended");
                    }
                    return;
                }
                () = reached(&mut stage, next_stage) => {
                    if next_stage == Stage::Ended {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                    next_stage = Stage::Ended;
                }
                () = look.as_mut() => match activity.judge(Instant::now(), header_timeout) {
                    Verdict::LookAgain(at) => look.as_mut().reset(at),
                    // HTTP/2 is told to go and may finish what it has; the second time it is dropped.
                    Verdict::Idle if !is_closing => {
                        is_closing = true;
                        connection.as_mut().graceful_shutdown();
                        look.as_mut().reset(Instant::now() + header_timeout);
                    }
                    Verdict::Idle | Verdict::HeadTooSlow => return,
                },
            }
        }
    }
}

/// Waits until serving has come that far.
pub(super) async fn reached(stage: &mut watch::Receiver<Stage>, wanted: Stage) {
    // An error means that the sender is gone, and with it everything to serve for.
    let _ = stage.wait_for(|stage| *stage >= wanted).await;
}

enum Opened<S> {
    Plain(S, ReadAhead, Version),
    Tls(Box<tokio_rustls::server::TlsStream<S>>, ReadAhead, Version),
}

#[derive(Clone, Copy)]
enum Version {
    Http1,
    Http2,
}

/// The application as one connection sees it: every request comes with its peer, and a panic is one failed request.
struct ConnectionService {
    app: Arc<dyn App>,
    peer: Peer,
    activity: Arc<Activity>,
}

impl hyper::service::Service<Request<Incoming>> for ConnectionService {
    type Response = Response;
    type Error = Infallible;
    type Future = Handling;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.activity.called();
        let is_last = has_odd_encoding(request.headers());
        let answer = AssertUnwindSafe(Arc::clone(&self.app).answer(request.map(Body::new), self.peer)).catch_unwind();
        Handling { answer, activity: Arc::clone(&self.activity), is_last }
    }
}

pin_project_lite::pin_project! {
    /// The application at work on one request.
    struct Handling {
        #[pin]
        answer: CatchUnwind<AssertUnwindSafe<Answer>>,
        activity: Arc<Activity>,
        // Whether nothing behind this request is looked at.
        is_last: bool,
    }
}

impl Future for Handling {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(cx));
        this.activity.answered();
        let mut response = answer.unwrap_or_else(|_| {
            tracing::error!("a request handler panicked; the request was answered with 500");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        });
        if *this.is_last {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response))
    }
}

/// Whether a body is encoded in another way than `chunked` alone. Whoever stands before us may see the body's end elsewhere than
/// we do, and what comes behind it is then another's. For a length beside an encoding hyper ends the connection itself.
fn has_odd_encoding(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let is_plain = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"chunked");
    encodings.next().is_some_and(|first| !is_plain(first) || encodings.next().is_some())
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .max_header_size(limits.max_header_bytes)
        .max_buf_size(limits.max_header_bytes.saturating_add(1).max(MIN_BUFFER));
    builder
}

fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX));
    builder
}

fn is_http2_agreed<S>(stream: &tokio_rustls::server::TlsStream<S>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2")
}

/// Writes the fixed answer, then reads what the peer still sends: closing before that would take the answer back.
async fn turn_away(mut stream: impl Transport) -> std::io::Result<()> {
    stream.write_all(TOO_MANY).await?;
    stream.shutdown().await?;
    let mut sink = [0; 1024];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}

/// The answer to a connection too many.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Connection: close\r\n\
    Content-Length: 0\r\n\
    Retry-After: 1\r\n\r\n";

/// How long a refused connection is kept so that its answer arrives.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// Requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 256;

/// Requests that an HTTP/2 peer may take back before they are looked at (rapid reset, CVE-2023-44487), and those that it may
/// make us take back by its errors ("made you reset", CVE-2025-8671), before the connection is ended.
const MAX_PENDING_RESETS: usize = 20;
const MAX_ERROR_RESETS: usize = 1024;

/// The smallest buffer for a connection, whatever the bound for heads.
const MIN_BUFFER: usize = 65_536;
