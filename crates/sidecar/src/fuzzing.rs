//! The fuzz targets of this crate: each takes any bytes and panics where something is wrong.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]

use http::{HeaderMap, Uri};
use sidekey_config::Configuration;

use crate::{
    config::{Compatibility, Config},
    door::Hosts,
    downstream::{Base, extra_header},
    options::{CallOptions, TokenOptions},
    query::{Query, merge_call, merge_token},
    routes::{self, Route},
};

/// The query of the token routes: what an override makes of a profile can be sent, and undoes no app token.
pub fn query(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let query = Query::parse(Some(text));
    for mode in [Compatibility::Strict, Compatibility::Upstream] {
        let _ = query.agent.resolve(true, mode);
        let _ = query.agent.resolve(false, mode);
    }
    let base = TokenOptions { app_token: true, ..TokenOptions::default() };
    if let Ok(merged) = merge_token(&base, &query.overrides) {
        assert!(merged.app_token && merged.pop_private_key.is_none());
        assert!(merged.scopes.iter().all(|scope| !scope.as_str().contains(char::is_whitespace)));
    }
    let Ok(merged) = merge_call(&CallOptions::default(), &query.overrides) else { return };
    for (name, value) in &merged.options.headers {
        let value = value.to_str().unwrap_or_default();
        assert!(extra_header(name.as_str(), value).is_ok(), "{name}");
    }
}

/// `RelativePath`: the URL lies below the base, or there is none.
pub fn relative_path(input: &[u8]) {
    let (Ok(relative), Ok(base)) =
        (std::str::from_utf8(input), "https://api.contoso.example/v1/orders".parse::<Base>())
    else {
        return;
    };
    let extra = [("q".to_owned(), relative.to_owned())];
    let Ok(url) = base.join(relative, &extra) else { return };
    let origin = (url.scheme(), url.host_str(), url.port(), url.username(), url.password());
    assert_eq!(origin, ("https", Some("api.contoso.example"), None, "", None), "{relative}");
    assert!(url.path().starts_with("/v1/orders/"), "{url}");
    assert!(url.query_pairs().any(|(name, value)| name == "q" && value == relative), "{url}");
}

/// The path and the host of a request: no other path passes for a probe, and a foreign host is never ours.
pub fn request(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let decoded = routes::decode(text);
    let route = decoded.as_deref().and_then(Route::of);
    assert!(!routes::is_probe(text) || matches!(route, Some(Route::Alive | Route::Ready)), "{text}");
    let Ok(host) = text.parse() else { return };
    let headers = HeaderMap::from_iter([(http::header::HOST, host)]);
    if Hosts::local([]).allow(&Uri::from_static("/"), &headers) {
        let name = text.to_ascii_lowercase();
        assert!(
            ["localhost", "127.0.0.1", "["].iter().any(|own| name.starts_with(own))
                || text.is_empty()
                || text.starts_with(':'),
            "{text}"
        );
    }
    let _ = Hosts::parse(text);
}

/// Settings of every section, one `key=value` a line. Files are not opened: lines that name some are left out.
pub fn settings(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let names_a_file =
        |text: &str| ["path", "file", "/", "\\"].iter().any(|part| text.to_ascii_lowercase().contains(part));
    let pairs = pairs.filter(|(key, value)| !names_a_file(key) && (value.contains("://") || !names_a_file(value)));
    let configuration = Configuration::from_pairs(pairs);
    let bound = configuration.bind(|root| {
        root.own();
        (sidekey_entra::Config::read(root), Config::read(root, "Production"))
    });
    if let Err(faults) = bound {
        assert!(!faults.to_string().is_empty());
    }
    let _ = configuration.entries();
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_whatever_they_hold() {
        replay::run("query", query);
    }

    #[test]
    fn relative_paths_stay_below_the_base_whatever_they_hold() {
        replay::run("relative_path", relative_path);
    }

    #[test]
    fn requests_are_matched_whatever_they_hold() {
        replay::run("request", request);
    }

    #[test]
    fn settings_are_read_whatever_they_hold() {
        replay::run("settings", settings);
    }
}
