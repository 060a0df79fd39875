//! Proxies by the usual variables, as curl reads them, but never for this machine or its link.

use reqwest::{NoProxy, Proxy};

use super::ClientError;

/// The proxies that the variables ask for.
///
/// Lower-case names count besides upper-case ones. `HTTP_PROXY` is ignored where `REQUEST_METHOD` is set: a CGI host makes
/// that variable from a request's header.
pub(super) fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Proxy>, ClientError> {
    let first = |names: &[&'static str]| {
        let value =
            |name: &&'static str| variable(name).filter(|value| !value.trim().is_empty()).map(|value| (*name, value));
        names.iter().find_map(value)
    };
    let http_names: &[_] =
        if variable("REQUEST_METHOD").is_some() { &["http_proxy"] } else { &["HTTP_PROXY", "http_proxy"] };
    let all = first(&["ALL_PROXY", "all_proxy"]);
    let http = first(http_names).or_else(|| all.clone());
    let https = first(&["HTTPS_PROXY", "https_proxy"]).or(all);
    let listed = first(&["NO_PROXY", "no_proxy"]).map(|(_, list)| list).unwrap_or_default();
    let exceptions = NoProxy::from_string(&format!("{listed},{NEVER}"));
    let with_exceptions = |proxy: Proxy| proxy.no_proxy(exceptions.clone());
    let mut proxies = Vec::new();
    if let Some((name, url)) = http {
        proxies.push(Proxy::http(url.trim()).map(with_exceptions).map_err(|_| ClientError::Proxy { variable: name })?);
    }
    if let Some((name, url)) = https {
        proxies.push(Proxy::https(url.trim()).map(with_exceptions).map_err(|_| ClientError::Proxy { variable: name })?);
    }
    Ok(proxies)
}

/// Loopback, link-local and the clouds' metadata services: what is meant for this machine never leaves it.
const NEVER: &str = "localhost,127.0.0.0/8,::1,::ffff:127.0.0.0/104,169.254.0.0/16,fe80::/10,\
    fd00:ec2::/112,fd20:ce::254,metadata.azure.internal,metadata.google.internal,metadata.goog";

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    fn read(pairs: Pairs<'_>) -> Result<usize, &'static str> {
        let value = |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned());
        from_variables(&value).map(|proxies| proxies.len()).map_err(|error| match error {
            ClientError::Proxy { variable } => variable,
            _ => "another error",
        })
    }

    #[test]
    fn variables_name_proxies() {
        let url = "http://proxy:3128";
        let table: &[(Pairs<'_>, Result<usize, &str>)] = &[
            (&[], Ok(0)),
            (&[("HTTPS_PROXY", url)], Ok(1)),
            (&[("https_proxy", "proxy:3128"), ("http_proxy", url)], Ok(2)),
            (&[("ALL_PROXY", "http://user:secret@proxy")], Ok(2)),
            (&[("HTTPS_PROXY", "")], Ok(0)),
            (&[("HTTP_PROXY", url), ("REQUEST_METHOD", "GET")], Ok(0)),
            (&[("HTTPS_PROXY", "http://:nonsense:")], Err("HTTPS_PROXY")),
        ];
        for (pairs, expected) in table {
            assert_eq!(&read(pairs), expected, "{pairs:?}");
        }
    }
}
