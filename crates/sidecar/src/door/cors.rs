//! What a web page of a listed origin needs to read a reply (the Fetch standard's CORS protocol).

use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};

use crate::reply;

/// The reply to a preflight request; `None` if this is none.
pub(crate) fn preflight(method: &Method, headers: &http::HeaderMap) -> Option<Response> {
    if *method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = reply::empty(StatusCode::NO_CONTENT);
    let own = response.headers_mut();
    own.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"));
    own.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
    Some(response)
}

/// Lets a listed origin read a reply.
pub(crate) fn allow_origin(mut response: Response, origin: HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    response
}

const EXPOSED: &str = "WWW-Authenticate, Retry-After, X-Sidekey-Reason";
