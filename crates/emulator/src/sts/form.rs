//! The parameters of a token request.

use sidekey_oauth::Secret;
use url::form_urlencoded;

use super::Refusal;

/// Form parameters, each at most once. Values may be secret; names are not.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, Secret)>);

impl Form {
    /// Reads a form body. Parameters that nobody knows are kept and ignored; one that is there twice is refused (RFC 6749 §3.2).
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            if form.0.len() >= MAX_PARAMETERS {
                return Err(Refusal::malformed(format!("There are more than {MAX_PARAMETERS} parameters.")));
            }
            if form.0.iter().any(|(own, _)| *own == name) {
                return Err(Refusal::duplicate_parameter(name));
            }
            form.0.push((name.into_owned(), Secret::new(value)));
        }
        Ok(form)
    }

    /// A parameter's value; an empty one counts as absent (RFC 6749 §3.2).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(own, _)| own == name)?;
        Some(value.expose()).filter(|value| !value.is_empty())
    }

    /// The value of a parameter that has to be there.
    pub(crate) fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing_parameter(name))
    }
}

/// Far above what any client sends.
const MAX_PARAMETERS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_parameters_is_refused() {
        let body = |count: usize| (0..count).map(|i| format!("p{i}=1&")).collect::<Vec<_>>().concat();
        assert!(Form::parse(body(100).as_bytes()).is_ok());
        assert_eq!(Form::parse(body(101).as_bytes()).err().map(|refusal| refusal.code), Some(9_002_313));
    }

    #[test]
    fn values_are_decoded_and_empty_ones_are_absent() {
        let form = Form::parse(b"grant%5Ftype=a+b%26&scope=&x").unwrap();
        assert_eq!(form.get("grant_type"), Some("a b&"));
        assert_eq!(form.require("scope"), Err(Refusal::missing_parameter("scope")));
    }

    #[test]
    fn a_parameter_given_twice_is_refused_even_if_encoded_differently() {
        assert_eq!(Form::parse(b"a=1&%61=1").err().map(|refusal| refusal.code), Some(9_000_411));
    }
}
