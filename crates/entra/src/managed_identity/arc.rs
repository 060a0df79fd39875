//! Servers outside of Azure with the Azure Arc agent: the caller has to show that it may read the agent's files
//! (<https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>).

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use reqwest::{
    RequestBuilder,
    header::{self, HeaderMap, HeaderValue},
};
use sidekey_host::UnixTime;
use url::Url;
use zeroize::Zeroizing;

use super::{
    ArcFiles, ManagedIdentityError, ManagedIdentityId, Token,
    error::setting,
    host::{self, Host, METADATA, Selectors, Way},
    retry::{self, Outcome},
};
use crate::{Environment, http};

/// The folder that challenges must be in.
#[derive(Debug)]
pub(super) struct Challenge {
    folder: PathBuf,
}

pub(super) fn host(environment: &Environment, files: &ArcFiles) -> Result<Host, ManagedIdentityError> {
    let endpoint = if environment.has("IDENTITY_ENDPOINT") {
        host::endpoint(environment, NAME, "IDENTITY_ENDPOINT")?
    } else {
        Url::parse(DEFAULT_ENDPOINT).map_err(|error| setting(NAME, &error.to_string(), "please report this"))?
    };
    Ok(Host {
        name: NAME,
        endpoint,
        api_version: Some("2020-06-01"),
        selectors: Selectors { client: Some("client_id"), object: Some("object_id"), resource: Some("msi_res_id") },
        default_identity: None,
        headers: host::headers(NAME, [METADATA])?,
        retries: retry::OTHERS,
        way: Way::Challenge(Challenge { folder: files.challenges.clone() }),
    })
}

/// Where the agent keeps its files.
pub(super) fn files() -> ArcFiles {
    if cfg!(windows) {
        ArcFiles {
            agent: r"C:\Program Files\AzureConnectedMachineAgent\himds.exe".into(),
            challenges: r"C:\ProgramData\AzureConnectedMachineAgent\Tokens".into(),
        }
    } else {
        ArcFiles { agent: "/opt/azcmagent/bin/himds".into(), challenges: "/var/opt/azcmagent/tokens".into() }
    }
}

/// A token of another identity than the one that was asked for is refused: older agents ignore the parameter.
pub(super) fn check_echo(host: &Host, asked: &ManagedIdentityId, token: &Token) -> Result<(), ManagedIdentityError> {
    let (id, echo) = match asked {
        ManagedIdentityId::System => return Ok(()),
        ManagedIdentityId::ClientId(id) => (id, &token.client_id),
        ManagedIdentityId::ObjectId(id) => (id, &token.object_id),
        ManagedIdentityId::ResourceId(id) => (id, &token.resource_id),
    };
    if echo.as_ref().is_some_and(|echo| echo.eq_ignore_ascii_case(id)) {
        return Ok(());
    }
    let hint = "update the Azure Connected Machine agent, or use the system-assigned identity";
    Err(setting(host.name, &format!("does not say that its token is that of {asked}"), hint))
}

impl Challenge {
    /// Asks, and asks again with the file that the answer names.
    pub(super) async fn answer(&self, host: &Host, request: RequestBuilder, now: UnixTime) -> Outcome {
        let Some(first) = request.try_clone() else { return Outcome::NoAnswer("the request has a body".to_owned()) };
        let (headers, answer) = match http::send_with_headers(first, now).await {
            Ok(answered) => answered,
            Err(cause) => return Outcome::NoAnswer(cause.to_string()),
        };
        match answer.status {
            401 => match self.authorization(host, &headers).await {
                Ok(value) => Outcome::of(http::send(request.header(header::AUTHORIZATION, value), now).await),
                Err(error) => Outcome::Failed(error),
            },
            200 => Outcome::Failed(refuse(host, "gave a token without a challenge")),
            _ => Outcome::Answered(answer),
        }
    }

    async fn authorization(&self, host: &Host, headers: &HeaderMap) -> Result<HeaderValue, ManagedIdentityError> {
        let challenge = headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let path = challenge.and_then(realm).ok_or_else(|| refuse(host, "refused without naming a challenge file"))?;
        let path = self.checked(Path::new(path)).map_err(|problem| refuse(host, &problem))?;
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        let content = read.unwrap_or_else(|_| Err("could not be read: internal error".to_owned()));
        let content = content.map_err(|problem| {
            let hint = "let this process's user read the agent's files: on Linux add it to the group `himds`";
            setting(host.name, &format!("its challenge file {problem}"), hint)
        })?;
        basic(&content).ok_or_else(|| refuse(host, "named a challenge file whose content is no key"))
    }

    /// Only a key file in the agent's own folder is read: whoever else answers must not choose what is sent.
    fn checked(&self, path: &Path) -> Result<PathBuf, String> {
        let right = path.parent() == Some(&self.folder) && path.extension().is_some_and(|extension| extension == "key");
        if right {
            return Ok(path.to_owned());
        }
        Err(format!("named a challenge file that is no `.key` file in `{}`", self.folder.display()))
    }
}

/// The path in `Basic realm=…`.
fn realm(challenge: &str) -> Option<&str> {
    let (scheme, path) = challenge.split_once('=')?;
    let mut words = scheme.split_ascii_whitespace();
    let basic = words.next()?.eq_ignore_ascii_case("basic") && words.next()?.eq_ignore_ascii_case("realm");
    let path = path.trim().trim_matches('"');
    (basic && words.next().is_none() && !path.is_empty() && !path.contains('=')).then_some(path)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let named = |problem: String| format!("`{}` {problem}", path.display());
    let unreadable = |error: std::io::Error| named(format!("cannot be read: {error}"));
    // Not followed: a link could lead anywhere.
    if !fs::symlink_metadata(path).map_err(unreadable)?.is_file() {
        return Err(named("is not a regular file".to_owned()));
    }
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() > MAX_BYTES { Err(named("is larger than 4096 bytes".to_owned())) } else { Ok(content) }
}

/// The agent wants the content as it is, not in base64 as RFC 7617 has it.
fn basic(content: &[u8]) -> Option<HeaderValue> {
    let key = content.trim_ascii();
    if key.is_empty() {
        return None;
    }
    let text = Zeroizing::new([b"Basic ", key].concat());
    let mut value = HeaderValue::from_bytes(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn refuse(host: &Host, problem: &str) -> ManagedIdentityError {
    setting(
        host.name,
        problem,
        "check that `IDENTITY_ENDPOINT` is the Azure Connected Machine agent and that it is up to date",
    )
}

const NAME: &str = "the Azure Arc agent";
const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:40342/metadata/identity/oauth2/token";
const MAX_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_is_a_path_after_one_equals_sign() {
        for (challenge, expected) in [
            ("Basic realm=/var/opt/azcmagent/tokens/a.key", Some("/var/opt/azcmagent/tokens/a.key")),
            ("basic REALM=\"/a.key\"", Some("/a.key")),
            ("Basic realm=", None),
            ("Basic realm", None),
            ("Bearer realm=/a.key", None),
            ("Basic x realm=/a.key", None),
            ("Basic realm=/a=b.key", None),
        ] {
            assert_eq!(realm(challenge), expected, "{challenge}");
        }
    }

    #[test]
    fn only_key_files_in_the_folder_itself_are_read() {
        let challenge = Challenge { folder: "/var/opt/azcmagent/tokens".into() };
        for (path, good) in [
            ("/var/opt/azcmagent/tokens/a.key", true),
            ("/var/opt/azcmagent/tokens/a.pem", false),
            ("/var/opt/azcmagent/tokens/.key", false),
            ("/var/opt/azcmagent/tokens/../a.key", false),
            ("/var/opt/azcmagent/tokens/../tokens/a.key", false),
            ("/var/opt/azcmagent/tokens/below/a.key", false),
            ("/etc/a.key", false),
            ("a.key", false),
            ("/etc/shadow", false),
        ] {
            assert_eq!(challenge.checked(Path::new(path)).is_ok(), good, "{path}");
        }
    }

    #[test]
    fn a_challenge_file_is_small_and_regular() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("good.key"), vec![b'k'; MAX_BYTES]).unwrap();
        fs::write(path("large.key"), vec![b'k'; MAX_BYTES + 1]).unwrap();
        fs::create_dir(path("folder.key")).unwrap();
        assert_eq!(read(&path("good.key")).map(|content| content.len()), Ok(MAX_BYTES));
        for (name, problem) in
            [("large.key", "larger than 4096"), ("folder.key", "not a regular file"), ("none.key", "cannot be read")]
        {
            assert!(read(&path(name)).unwrap_err().contains(problem), "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(path("good.key"), path("link.key")).unwrap();
            assert!(read(&path("link.key")).unwrap_err().contains("not a regular file"));
        }
    }
}
