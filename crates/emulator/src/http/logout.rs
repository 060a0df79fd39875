//! `/{tenant}/oauth2/v2.0/logout`. There is no browser session here, so there is nothing to end: a page says so, or the client's own
//! page is shown, if it is one of a registered application's redirect URIs.

use axum::{
    extract::State,
    http::Uri,
    response::{IntoResponse, Redirect, Response},
};

use super::{Site, page};

/// Goes back to the application.
pub(super) async fn show(State(site): State<Site>, uri: Uri) -> Response {
    let query: Vec<_> = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let find = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let target = find("post_logout_redirect_uri").and_then(|uri| uri.parse::<url::Url>().ok());
    let Some(mut target) = target.filter(|target| page::is_redirect_uri_of_any(&site.emulator.directory, target))
    else {
        return page::show("Signed out", "<p>There is no browser session here. You can close this page.</p>");
    };
    if let Some(state) = find("state") {
        target.query_pairs_mut().append_pair("state", state);
    }
    Redirect::to(target.as_str()).into_response()
}
