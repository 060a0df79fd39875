//! The fuzz targets of this crate: each takes any bytes and panics where something is wrong.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]

use crate::listen::{Address, parse_url};

/// Where to listen (`Kestrel:Endpoints:*:Url`, `ASPNETCORE_URLS`): a path is never taken for a host, a reason names the text.
pub fn endpoint(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match parse_url(text) {
        Ok((Address::Unix(path), _)) => assert!(text.to_ascii_lowercase().contains("unix:") && path.is_absolute()),
        Ok((Address::Ip(address), _)) => {
            assert!(text.contains(&address.port().to_string()) || [80, 443].contains(&address.port()));
        }
        Ok(_) => {}
        Err(error) => assert!(error.to_string().contains(text.trim())),
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_whatever_they_hold() {
        replay::run("endpoint", endpoint);
    }
}
