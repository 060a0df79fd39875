//! The calls of the Workload API. Whoever may open the socket may ask: there is nothing to show but the protocol's header.

use std::sync::Arc;

use axum::{body::Body, extract::Request, http::Response};
use futures_util::{StreamExt, stream};
use prost_types::{ListValue, Struct, Value as Any, value::Kind};
use serde_json::{Map, Value};
use tonic::Status;
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::{
    Asked, Fault, TrustDomain,
    agent::Shared,
    message::{
        JwtBundlesRequest, JwtBundlesResponse, JwtSvidRequest, JwtSvidResponse, ValidateJwtSvidRequest,
        ValidateJwtSvidResponse,
    },
};

/// Answers one call.
pub(crate) async fn answer(shared: Arc<Shared>, request: Request) -> Response<Body> {
    if !has_security_header(&request) {
        return Status::invalid_argument("security header missing from request").into_http();
    }
    if matches!(shared.workload().fault, Some(Fault::Hangs)) {
        std::future::pending::<()>().await;
    }
    match request.uri().path() {
        "/SpiffeWorkloadAPI/FetchJWTSVID" => fetch_jwt_svid(shared, request).await,
        "/SpiffeWorkloadAPI/FetchJWTBundles" => fetch_jwt_bundles(shared, request).await,
        "/SpiffeWorkloadAPI/ValidateJWTSVID" => validate_jwt_svid(shared, request).await,
        _ => Status::unimplemented("this server has the JWT-SVID profile alone").into_http(),
    }
}

async fn fetch_jwt_svid(shared: Arc<Shared>, request: Request) -> Response<Body> {
    let call = service_fn(move |request: tonic::Request<JwtSvidRequest>| {
        let request = request.into_inner();
        shared.note(Asked { audience: request.audience.clone(), spiffe_id: request.spiffe_id.clone() });
        let answer = shared.workload().svids(&request, &shared.domain, &shared.issuer, shared.clock.now());
        async move { answer.map(tonic::Response::new) }
    });
    let codec = ProstCodec::<JwtSvidResponse, JwtSvidRequest>::default();
    tonic::server::Grpc::new(codec).unary(call, request).await.map(Body::new)
}

/// The keys at once, and then nothing more for as long as the caller listens: they do not change.
async fn fetch_jwt_bundles(shared: Arc<Shared>, request: Request) -> Response<Body> {
    let call = service_fn(move |_: tonic::Request<JwtBundlesRequest>| {
        let answer = shared.workload().may_ask().and_then(|()| bundles(&shared.domain));
        let stream = |first| tonic::Response::new(stream::iter([Ok(first)]).chain(stream::pending()));
        async move { answer.map(stream) }
    });
    let codec = ProstCodec::<JwtBundlesResponse, JwtBundlesRequest>::default();
    tonic::server::Grpc::new(codec).server_streaming(call, request).await.map(Body::new)
}

async fn validate_jwt_svid(shared: Arc<Shared>, request: Request) -> Response<Body> {
    let call = service_fn(move |request: tonic::Request<ValidateJwtSvidRequest>| {
        let ValidateJwtSvidRequest { audience, svid } = request.into_inner();
        let claims = shared.domain.validate(&svid, &audience, shared.clock.now());
        async move { claims.map(verdict).map(tonic::Response::new).map_err(Status::invalid_argument) }
    });
    let codec = ProstCodec::<ValidateJwtSvidResponse, ValidateJwtSvidRequest>::default();
    tonic::server::Grpc::new(codec).unary(call, request).await.map(Body::new)
}

fn bundles(domain: &TrustDomain) -> Result<JwtBundlesResponse, Status> {
    let keys = serde_json::to_vec(&domain.bundle()).map_err(|error| Status::internal(error.to_string()))?;
    Ok(JwtBundlesResponse { bundles: [(format!("spiffe://{}", TrustDomain::NAME), keys)].into() })
}

fn verdict(claims: Map<String, Value>) -> ValidateJwtSvidResponse {
    let spiffe_id = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
    ValidateJwtSvidResponse { spiffe_id, claims: Some(structure(claims)) }
}

fn structure(object: Map<String, Value>) -> Struct {
    Struct { fields: object.into_iter().map(|(name, value)| (name, any(value))).collect() }
}

/// JSON as protobuf carries it: its numbers are all floating.
fn any(value: Value) -> Any {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(values) => Kind::ListValue(ListValue { values: values.into_iter().map(any).collect() }),
        Value::Object(object) => Kind::StructValue(structure(object)),
    };
    Any { kind: Some(kind) }
}

/// What the standard demands of a server, so that no other protocol's request can pass for one.
fn has_security_header(request: &Request) -> bool {
    request.headers().get("workload.spiffe.io").is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use sidekey_host::{ManualClock, UnixTime};

    use super::*;
    use crate::Workload;

    async fn status(path: &str, header: Option<&str>) -> String {
        let clock = Arc::new(ManualClock::at(UnixTime(1_800_000_000)));
        let domain = Arc::new(TrustDomain::new().unwrap());
        let workload = Workload::with(&["spiffe://example.org/orders"]);
        let shared = Arc::new(Shared::new(domain, "http://127.0.0.1".to_owned(), workload, clock));
        let mut request = axum::http::Request::post(path);
        if let Some(value) = header {
            request = request.header("workload.spiffe.io", value);
        }
        let response = answer(shared, request.body(Body::empty()).unwrap()).await;
        response.headers()["grpc-status"].to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_call_needs_the_protocols_header_and_a_name_that_is_known() {
        let (invalid, unimplemented) = ("3", "12");
        for header in [None, Some("false"), Some("")] {
            assert_eq!(status("/SpiffeWorkloadAPI/FetchJWTSVID", header).await, invalid, "{header:?}");
        }
        for path in ["/SpiffeWorkloadAPI/FetchX509SVID", "/SpiffeWorkloadAPI/FetchX509Bundles", "/", "/other"] {
            assert_eq!(status(path, Some("true")).await, unimplemented, "{path}");
        }
    }
}
