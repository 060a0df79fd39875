//! Who asks: client authentication by secret, certificate or federated assertion.

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use sidekey_host::UnixTime;
use sidekey_oauth::{Secret, grant};

use super::{Form, Refusal, TokenRequest, agent, assertion::Assertion, certificate_assertion, federated_assertion};
use crate::directory::App;

/// How a client proved who it is; `azpacr` and `appidacr` tell it to resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Not at all: a public client.
    None,
    /// By a secret.
    Secret,
    /// By a signature: certificate or federated assertion.
    Signature,
}

impl Proof {
    /// The value of `azpacr` and `appidacr`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Secret => "1",
            Self::Signature => "2",
        }
    }
}

/// The credential in a request.
#[derive(Debug)]
pub(crate) enum Credential {
    /// There is none.
    Absent,
    /// `client_secret`, in the form or by HTTP Basic.
    Secret(Secret),
    /// `client_assertion`.
    Assertion(Secret),
}

/// The client id and the credential that a request presents.
pub(crate) fn presented(form: &Form, authorization: Option<&str>) -> Result<(String, Credential), Refusal> {
    let basic = authorization
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let basic = basic.map(|(_, text)| decode_basic(text.trim())).transpose()?;
    let client_id = match (form.get("client_id"), &basic) {
        (Some(own), Some((other, _))) if !own.eq_ignore_ascii_case(other) => {
            return Err(Refusal::malformed("The client ids in the body and in the Authorization header differ."));
        }
        (Some(own), _) => own.to_owned(),
        (None, Some((other, _))) => other.clone(),
        (None, None) => return Err(Refusal::missing_parameter("client_id")),
    };
    let secret = form.get("client_secret").map(Secret::new);
    let credential = match (secret, basic.map(|(_, secret)| secret), form.get("client_assertion")) {
        (None, None, None) => Credential::Absent,
        (Some(secret), None, None) | (None, Some(secret), None) => Credential::Secret(secret),
        (None, None, Some(assertion)) => {
            if form.require("client_assertion_type")? != grant::CLIENT_ASSERTION_TYPE {
                return Err(Refusal::malformed("The parameter 'client_assertion_type' must be the JWT bearer type."));
            }
            Credential::Assertion(Secret::new(assertion))
        }
        _ => return Err(Refusal::client_authentication_failed("More than one client credential was presented.")),
    };
    Ok((client_id, credential))
}

/// Checks the credential that was presented for an application.
pub(crate) async fn authenticate(
    request: &TokenRequest<'_>,
    app: &App,
    credential: &Credential,
) -> Result<Proof, Refusal> {
    if app.public_client && !app.has_credentials() && !matches!(credential, Credential::Absent) {
        return Err(Refusal::public_client(&app.client_id));
    }
    match credential {
        Credential::Absent if request.grant == grant::CLIENT_CREDENTIALS => Err(Refusal::no_app_credential()),
        Credential::Absent if app.public_client => Ok(Proof::None),
        Credential::Absent => Err(Refusal::no_credential()),
        Credential::Secret(secret) => check_secret(app, secret, request.now).map(|()| Proof::Secret),
        Credential::Assertion(token) => {
            check_assertion(request, app, &Assertion::parse(token.expose())?).await.map(|()| Proof::Signature)
        }
    }
}

/// By whom an assertion has to be: an agent's blueprint, another issuer, or the client itself.
async fn check_assertion(request: &TokenRequest<'_>, app: &App, assertion: &Assertion<'_>) -> Result<(), Refusal> {
    if let Some(agent) = app.kind.agent() {
        return agent::check_blueprint_token(request, app, agent, assertion);
    }
    if assertion.claims().require("iss")?.contains("://") {
        federated_assertion::check(request, app, assertion).await?;
    } else {
        let vaulted = request.emulator.vaults.registered_on(&app.client_id);
        certificate_assertion::check(app, &vaulted, assertion, &request.assertion_audiences(), request.now)?;
    }
    if request.emulator.directory.refuse_replayed_assertions {
        request.emulator.used_assertions.note(assertion.claims(), request.now)?;
    }
    Ok(())
}

/// Compares with every secret of the application, so that time tells nothing.
fn check_secret(app: &App, secret: &Secret, now: UnixTime) -> Result<(), Refusal> {
    let (mut valid, mut expired) = (false, false);
    for own in &app.secrets {
        let equal = own.value == *secret;
        let over = own.expires.is_some_and(|expires| expires <= now);
        valid |= equal && !over;
        expired |= equal && over;
    }
    match (valid, expired) {
        (true, _) => Ok(()),
        (false, true) => Err(Refusal::expired_secret(&app.client_id)),
        (false, false) => Err(Refusal::wrong_secret(&app.client_id)),
    }
}

/// Client id and secret of an HTTP Basic header, each percent-encoded before they were joined (RFC 6749 §2.3.1).
fn decode_basic(text: &str) -> Result<(String, Secret), Refusal> {
    let malformed = || Refusal::malformed("The Authorization header is not HTTP Basic with client id and secret.");
    let joined =
        STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()).map(zeroize::Zeroizing::new);
    let joined = joined.ok_or_else(malformed)?;
    let (id, secret) = joined.split_once(':').ok_or_else(malformed)?;
    let decode =
        |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().map(std::borrow::Cow::into_owned);
    Ok((decode(id).map_err(|_| malformed())?, Secret::new(decode(secret).map_err(|_| malformed())?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, authorization: Option<&str>) -> Result<(String, Credential), u64> {
        presented(&Form::parse(body.as_bytes()).unwrap(), authorization).map_err(|refusal| refusal.code)
    }

    #[test]
    fn http_basic_carries_encoded_id_and_secret() {
        let header = format!("basic {}", STANDARD.encode("id:a%3Ab+c"));
        let (id, credential) = read("", Some(&header)).unwrap();
        assert_eq!(id, "id");
        assert!(matches!(credential, Credential::Secret(secret) if secret.expose() == "a:b c"));
    }

    #[test]
    fn one_client_shows_one_credential() {
        let basic = format!("Basic {}", STANDARD.encode("id:s"));
        let jwt = "client_assertion=x&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let cases = [
            ("client_id=other", Some(basic.as_str()), 9_002_313),
            ("client_id=id&client_secret=s", Some(basic.as_str()), 50_012),
            (&format!("client_id=id&client_secret=s&{jwt}"), None, 50_012),
            ("client_id=id&client_assertion=x", None, 900_144),
            ("client_id=id&client_assertion=x&client_assertion_type=saml", None, 9_002_313),
            ("client_secret=s", None, 900_144),
            ("", Some("Basic !!!"), 9_002_313),
        ];
        for (body, authorization, code) in cases {
            assert_eq!(read(body, authorization).err(), Some(code), "{body}");
        }
        assert!(matches!(read("client_id=id", Some("Bearer x")), Ok((_, Credential::Absent))));
    }
}
