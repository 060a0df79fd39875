//! Pages for people: a plain frame, and text that cannot become markup.

use axum::{
    http::{
        StatusCode, Uri,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_FRAME_OPTIONS},
    },
    response::{IntoResponse, Response},
};
use url::Url;

use crate::directory::{App, Directory};

/// A page with a heading and a body that is markup already.
pub(super) fn show(title: &str, body: &str) -> Response {
    let title = escape(title);
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><main><h1>{title}</h1>{body}</main></html>\n"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        (X_FRAME_OPTIONS, "DENY"),
    ];
    (headers, page).into_response()
}

/// Text as it may stand in markup and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The answer to a path that nothing is at.
pub(super) async fn not_found(uri: Uri) -> Response {
    let detail = format!(
        "There is nothing at '{}'. Start at '/', or at '/{{tenant}}/v2.0/.well-known/openid-configuration'.",
        uri.path()
    );
    let body = serde_json::json!({ "title": "Not Found", "status": 404, "detail": detail }).to_string();
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "application/problem+json")], body).into_response()
}

/// Whether a redirect URI is one of the application's. On loopback any port will do (RFC 8252 §7.3).
pub(super) fn is_redirect_uri(app: &App, uri: &Url) -> bool {
    app.redirect_uris.iter().any(|own| own == uri || (is_loopback(own) && without_port(own) == without_port(uri)))
}

/// The same for any application of the directory.
pub(super) fn is_redirect_uri_of_any(directory: &Directory, uri: &Url) -> bool {
    directory.apps.iter().any(|app| is_redirect_uri(app, uri))
}

fn is_loopback(uri: &Url) -> bool {
    uri.scheme() == "http" && matches!(uri.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn without_port(uri: &Url) -> Url {
    let mut uri = uri.clone();
    let _ = uri.set_port(None);
    uri
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1b1b1f;background:#f6f6f9}\
main{max-width:60rem;margin:3rem auto;padding:0 1.5rem}h1{font-size:1.6rem}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .8rem .35rem 0;border-bottom:1px solid #d9d9e3;vertical-align:top}\
code,pre{font:13px/1.5 ui-monospace,monospace}pre{background:#fff;border:1px solid #d9d9e3;border-radius:6px;padding:.8rem;overflow:auto}\
label{display:block;margin:.8rem 0}input{font:inherit;padding:.4rem .6rem;width:22rem;max-width:100%}\
button{font:inherit;padding:.4rem 1.2rem}.error{color:#a4262c}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup() {
        assert_eq!(escape("<a href='x'>\"&\""), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;");
    }

    #[test]
    fn loopback_redirect_uris_match_on_any_port_and_others_exactly() {
        let yaml = "tenants: [{id: aaaabbbb-0000-cccc-1111-dddd2222eeee, displayName: C}]\napps:\n  - {clientId: a, name: a, multiTenant: true, redirectUris: ['http://localhost', 'https://app.example/cb']}\n";
        let directory = crate::directory::read(yaml, std::path::Path::new(".")).unwrap();
        let cases = [
            ("http://localhost:4242", true),
            ("http://localhost:4242/", true),
            ("http://localhost:4242/other", false),
            ("http://localhost.evil.example", false),
            ("https://app.example/cb", true),
            ("https://app.example:444/cb", false),
            ("https://app.example/cb?x=1", false),
            ("http://127.0.0.1:4242", false),
        ];
        for (uri, expected) in cases {
            assert_eq!(is_redirect_uri_of_any(&directory, &uri.parse().unwrap()), expected, "{uri}");
        }
    }
}
