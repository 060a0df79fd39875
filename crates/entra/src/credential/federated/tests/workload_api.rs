//! A SPIFFE Workload API: gRPC over a unix socket, with the messages of the public protocol
//! (<https://github.com/spiffe/spiffe/blob/main/standards/workloadapi.proto>).

use std::{future::Future, path::Path, pin::Pin};

use axum::{body::Body, extract::Request, http::Response};
use serde::Deserialize;
use tokio::net::UnixListener;
use tonic::{Code, Status, server::UnaryService};

/// What the API is asked for, and what it answers.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkloadApi {
    /// The audience and the SPIFFE ID that have to be asked for.
    #[serde(default)]
    audience: String,
    #[serde(default)]
    spiffe_id: String,
    /// The tokens, the default one first.
    #[serde(default)]
    svids: Vec<String>,
    /// A token of so many bytes in place of them.
    #[serde(default)]
    bytes: Option<usize>,
    /// A gRPC status in place of tokens.
    #[serde(default)]
    status: Option<i32>,
    #[serde(default)]
    hangs: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct JwtSvidRequest {
    #[prost(string, repeated, tag = "1")]
    audience: Vec<String>,
    #[prost(string, tag = "2")]
    spiffe_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct JwtSvidResponse {
    #[prost(message, repeated, tag = "1")]
    svids: Vec<JwtSvid>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct JwtSvid {
    #[prost(string, tag = "1")]
    spiffe_id: String,
    #[prost(string, tag = "2")]
    svid: String,
    #[prost(string, tag = "3")]
    hint: String,
}

impl WorkloadApi {
    /// Serves on a socket from now on.
    pub(super) fn serve(self, socket: &Path) {
        let listener = UnixListener::bind(socket).unwrap();
        let router = axum::Router::new().fallback(move |request: Request| {
            let own = self.clone();
            async move { own.answer(request).await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    async fn answer(self, request: Request) -> Response<Body> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let call = Call { named: request.uri().path() == METHOD, marked: is_marked(&request), api: self };
        let codec = tonic_prost::ProstCodec::<JwtSvidResponse, JwtSvidRequest>::default();
        tonic::server::Grpc::new(codec).unary(call, request).await.map(Body::new)
    }

    fn tokens(self, asked: &JwtSvidRequest) -> Result<JwtSvidResponse, Status> {
        if let Some(status) = self.status {
            return Err(Status::new(Code::from_i32(status), "hush"));
        }
        if asked.audience != [self.audience.as_str()] || asked.spiffe_id != self.spiffe_id {
            return Err(Status::invalid_argument("hush"));
        }
        let svid = |svid| JwtSvid { spiffe_id: "spiffe://example.org/orders".to_owned(), svid, hint: String::new() };
        let large = self.bytes.map(|bytes| "a".repeat(bytes));
        Ok(JwtSvidResponse { svids: large.into_iter().chain(self.svids).map(svid).collect() })
    }
}

/// The only call that there is.
struct Call {
    named: bool,
    marked: bool,
    api: WorkloadApi,
}

impl UnaryService<JwtSvidRequest> for Call {
    type Response = JwtSvidResponse;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<JwtSvidResponse>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<JwtSvidRequest>) -> Self::Future {
        let answer = match (self.named, self.marked) {
            (false, _) => Err(Status::unimplemented("hush")),
            // What the standard demands of a server, so that no other protocol's request can pass for one.
            (_, false) => Err(Status::invalid_argument("hush")),
            _ => self.api.clone().tokens(request.get_ref()).map(tonic::Response::new),
        };
        Box::pin(std::future::ready(answer))
    }
}

fn is_marked(request: &Request) -> bool {
    request.headers().get("workload.spiffe.io").is_some_and(|value| value == "true")
}

const METHOD: &str = "/SpiffeWorkloadAPI/FetchJWTSVID";
