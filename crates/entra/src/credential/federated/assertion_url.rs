//! `AssertionUrl`: any endpoint that answers with a token, such as Vault's or a company's own.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName};
use sidekey_config::Section;
use sidekey_oauth::Secret;
use url::{Url, form_urlencoded::byte_serialize};

use super::{
    Ask, Provider, Settings, blocking,
    question::{Place, Question, permitted, secret_header},
    template,
};
use crate::{
    Environment,
    config::SecretText,
    credential::{CredentialError, Surroundings, secret},
    flight::Work,
};

#[derive(Debug)]
struct AssertionUrl {
    /// With placeholders.
    url: String,
    headers: Vec<(HeaderName, SecretText)>,
    place: Place,
}

pub(super) fn read(settings: &Settings<'_, '_>) -> Option<Arc<dyn Provider>> {
    let section = settings.own;
    let url = section.text("AssertionUrl").map(str::trim).unwrap_or_default();
    let headers = headers(section);
    let place = Place::new(section.text("AssertionJsonPointer"));
    if let Err(problem) = check_template(url) {
        section.fault("AssertionUrl", problem, "write the https URL that gives the token");
        return None;
    }
    Some(Arc::new(AssertionUrl { url: url.to_owned(), headers: headers?, place }))
}

impl Provider for AssertionUrl {
    fn check(&self, _environment: &Environment) -> Result<(), CredentialError> {
        self.header_values().map(drop)
    }

    fn fetch(self: Arc<Self>, world: Surroundings, ask: Ask) -> Work<Result<Secret, CredentialError>> {
        Box::pin(async move {
            let url = fill(&self.url, |text| template::fill(text, &ask, encode))
                .map_err(|problem| CredentialError::new("AssertionUrl", format!("the URL {problem}"), HINT))?;
            let mut question = Question::get(NAME, url, self.place.clone(), HINT);
            question.headers = blocking(NAME, move || self.header_values()).await?;
            question.ask(&world, ask.deadline).await
        })
    }
}

impl AssertionUrl {
    /// Reads files.
    fn header_values(&self) -> Result<HeaderMap, CredentialError> {
        let value = |(name, value): &(HeaderName, SecretText)| {
            let value = secret::read_text(value, "AssertionHeaderPaths")?;
            let value = secret_header(NAME, value.expose(), &format!("`AssertionHeaders:{name}`"))?;
            Ok((name.clone(), value))
        };
        self.headers.iter().map(value).collect()
    }
}

/// Header values from the configuration and from files, each name once. `None` after a fault.
fn headers(section: &Section<'_>) -> Option<Vec<(HeaderName, SecretText)>> {
    let (inline, files) = (section.section("AssertionHeaders"), section.section("AssertionHeaderPaths"));
    let texts = inline.children().into_iter().filter_map(|name| {
        let value = inline.secret(name)?;
        Some((&inline, name, SecretText::Inline(Secret::new(value))))
    });
    let paths = files.children().into_iter().filter_map(|name| {
        let path = files.text(name)?;
        Some((&files, name, SecretText::File(path.into())))
    });
    let mut headers: Vec<(HeaderName, SecretText)> = Vec::new();
    for (place, name, value) in texts.chain(paths) {
        let Ok(header) = name.parse::<HeaderName>() else {
            place.fault(name, "is no name of a header", "write one such as `Authorization`");
            return None;
        };
        if headers.iter().any(|(known, _)| *known == header) {
            place.fault(name, "is set twice", "keep it in one of `AssertionHeaders` and `AssertionHeaderPaths`");
            return None;
        }
        headers.push((header, value));
    }
    Some(headers)
}

/// Placeholders stand behind the host: nobody who is served chooses who is asked.
fn check_template(template: &str) -> Result<(), &'static str> {
    if template.is_empty() {
        return Err("is not set");
    }
    if template.split('/').take(3).any(|part| part.contains('{')) {
        return Err("has a placeholder before its path");
    }
    fill(template, |text| text.replace(['{', '}'], "")).map(drop)
}

fn fill(template: &str, fill: impl FnOnce(&str) -> String) -> Result<Url, &'static str> {
    permitted(&fill(template))
}

fn encode(value: &str) -> String {
    byte_serialize(value.as_bytes()).collect()
}

pub(super) const NAME: &str = "AssertionUrl";
const HINT: &str = "check `AssertionUrl` and its headers";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_fixed() {
        for (template, good) in [
            ("https://vault.example.com/v1/identity/oidc/token/{fmiPath}?aud={audience}", true),
            ("https://vault.example.com", true),
            ("https://{tenantId}.example.com/", false),
            ("https://{tenantId}", false),
            ("{audience}", false),
            ("http://vault.example.com/", false),
            ("", false),
        ] {
            assert_eq!(check_template(template).is_ok(), good, "{template}");
        }
    }
}
