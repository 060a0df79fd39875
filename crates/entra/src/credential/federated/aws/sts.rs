//! The token service of a region.

use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderValue},
};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::{NAME, signature::FORM};
use crate::{
    Environment,
    credential::{
        CredentialError,
        federated::question::{Place, Question, permitted},
    },
};

/// One endpoint.
#[derive(Debug)]
pub(super) struct Sts {
    url: Url,
    pub(super) region: String,
}

impl Sts {
    /// The region's endpoint, or the one that a variable names.
    pub(super) fn new(region: &str, environment: &Environment) -> Result<Self, CredentialError> {
        let refuse =
            |problem: String, hint: &str| CredentialError::new("AwsRegion", format!("`{NAME}`: {problem}"), hint);
        let name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || region.len() > 63 || !region.bytes().all(name) {
            return Err(refuse("the region is no name of one".to_owned(), "write one such as `eu-central-1`"));
        }
        let own = environment.get(ENDPOINT).map(|url| url.trim().to_owned());
        let url = own.unwrap_or_else(|| format!("https://sts.{region}.{}", domain(region)));
        let url = permitted(&url).map_err(|problem| {
            refuse(
                format!("the variable `{ENDPOINT}` {problem}"),
                "write the https URL of the endpoint, or remove the variable",
            )
        })?;
        Ok(Self { url, region: region.to_owned() })
    }

    /// An unsigned request whose answer has an element.
    pub(super) fn question(&self, form: Zeroizing<Vec<u8>>, element: &'static str, hint: &'static str) -> Question {
        let question = Question::get(NAME, self.url.clone(), Place::Element(element), hint);
        let question = question.with([(CONTENT_TYPE, HeaderValue::from_static(FORM))]);
        Question { method: Method::POST, body: form, ..question }
    }

    /// Host and port as in the `Host` header.
    pub(super) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

/// A form in a buffer that is wiped.
pub(super) fn form(fields: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    // Growing would leave copies behind.
    let mut text = String::with_capacity(FORM_BYTES);
    form_urlencoded::Serializer::new(&mut text).extend_pairs(fields);
    Zeroizing::new(text.into_bytes())
}

/// Partitions have domains of their own.
fn domain(region: &str) -> &'static str {
    let of = |(prefix, domain): &(&str, &'static str)| region.starts_with(prefix).then_some(*domain);
    DOMAINS.iter().find_map(of).unwrap_or("amazonaws.com")
}

const DOMAINS: &[(&str, &str)] = &[("cn-", "amazonaws.com.cn"), ("eusc-", "amazonaws.eu")];
/// A projected token fits.
const FORM_BYTES: usize = 16 * 1024;
pub(super) const VERSION: &str = "2011-06-15";
const ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_region_has_its_endpoint() {
        for (region, host) in [
            ("eu-central-1", "sts.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(Sts::new(region, &Environment::default()).unwrap().host(), host);
        }
        for region in ["", "x.example.com/", "EU", "a@b"] {
            assert!(Sts::new(region, &Environment::default()).is_err(), "{region}");
        }
    }
}
