//! `/common/discovery/instance`: which hosts are authorities, and where their metadata is.

use axum::{extract::State, http::Uri, response::Response};
use serde_json::{Value, json};
use sidekey_oauth::Cloud;
use url::Url;

use super::{Site, json, site::Asked};
use crate::sts::Refusal;

/// Answers for Microsoft's hosts and for ourselves. The metadata that it points to is always here, at the host that was asked.
pub(super) async fn show(State(site): State<Site>, asked: Asked, uri: Uri) -> Result<Response, Refusal> {
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let endpoint = query.into_iter().find(|(name, _)| name == "authorization_endpoint").map(|(_, value)| value);
    let endpoint = endpoint.ok_or_else(|| Refusal::missing_parameter("authorization_endpoint"))?;
    let endpoint: Url = endpoint.parse().map_err(|_| Refusal::unknown_instance())?;
    let host = endpoint.host_str().unwrap_or_default();
    if Cloud::of_host(host).is_none() && !own_hosts(&site, &asked).iter().any(|own| own.eq_ignore_ascii_case(host)) {
        return Err(Refusal::unknown_instance());
    }
    let tenant = endpoint.path_segments().and_then(|mut path| path.next()).unwrap_or("common");
    let version = if endpoint.path().to_ascii_lowercase().contains("/v2.0/") { "/v2.0" } else { "" };
    Ok(json(&json!({
        "tenant_discovery_endpoint": format!("{}/{tenant}{version}/.well-known/openid-configuration", asked.0),
        "api-version": "1.1",
        "metadata": metadata(&asked),
    })))
}

/// Some clients lose the port on the way, so that hosts are compared without it.
fn own_hosts(site: &Site, asked: &Asked) -> Vec<String> {
    let of_url = |url: &str| url.parse::<Url>().ok().and_then(|url| url.host_str().map(str::to_owned));
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
    hosts.extend([of_url(&site.origin), of_url(&asked.0)].into_iter().flatten());
    hosts
}

/// A row for each cloud, and one for ourselves, with and without the port.
fn metadata(asked: &Asked) -> Vec<Value> {
    let row = |network: &str, cache: &str, aliases: &[&str]| json!({ "preferred_network": network, "preferred_cache": cache, "aliases": aliases });
    let mut rows: Vec<_> =
        Cloud::all().iter().map(|cloud| row(cloud.preferred_network, cloud.preferred_cache, cloud.aliases)).collect();
    let own = asked.0.split_once("://").map_or(asked.0.as_str(), |(_, authority)| authority);
    if Cloud::of_host(own).is_none() {
        let url = asked.0.parse::<Url>().ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or(own);
        let both = [own, host];
        rows.push(row(own, own, if host == own { &both[..1] } else { &both }));
    }
    rows
}
