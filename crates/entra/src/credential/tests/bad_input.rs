//! Every source against everything that can be wrong with what it reads: the error names the source or its setting, comes in
//! time, and the next credential of the list is used. A new source needs its row here.

use std::{collections::BTreeSet, fs, path::Path};

use sidekey_config::Configuration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UnixListener},
};

use super::*;
use crate::config::source_types;

/// Settings below the credential, or with `$` in front at the root. `{…}` are things of the [`World`].
type Settings = &'static [(&'static str, &'static str)];
/// What a source is given, and words of which the error has one; `None` where there is no such thing for it.
type Cell = Option<(Settings, &'static [&'static str])>;

/// What is wrong, in the order of a row's cells.
const COLUMNS: [&str; 6] = ["missing", "a directory", "hangs", "too large", "never ends", "says nothing"];

#[expect(clippy::too_many_lines, reason = "a table")]
fn row(source: &str) -> Option<[Cell; 6]> {
    const VAULT: &[&str] = &["KeyVault", "SignedAssertionFromVault", "{hang}", "{endless}", "{nothing}"];
    const IMDS: &[&str] = &["instance metadata service", "SignedAssertionFromManagedIdentity"];
    const OTHER: &[&str] = &["`Other`", "CustomSignedAssertion"];
    const FILE: &[&str] = &["SignedAssertionFileDiskPath"];
    let file = |missing: Cell| {
        [
            missing,
            Some((&[("SignedAssertionFileDiskPath", "{directory}")][..], FILE)),
            None,
            Some((&[("SignedAssertionFileDiskPath", "{huge}")], FILE)),
            Some((&[("SignedAssertionFileDiskPath", "/dev/zero")], FILE)),
            Some((&[("SignedAssertionFileDiskPath", "{empty}")], FILE)),
        ]
    };
    let vault = [
        Some((&[("KeyVaultCertificateName", "web")][..], &["KeyVaultUrl"][..])),
        None,
        Some((&[("KeyVaultUrl", "{hang}"), ("KeyVaultCertificateName", "web")], VAULT)),
        Some((&[("KeyVaultUrl", "{endless}"), ("KeyVaultCertificateName", "web")], VAULT)),
        None,
        Some((&[("KeyVaultUrl", "{nothing}"), ("KeyVaultCertificateName", "web")], VAULT)),
    ];
    Some(match source {
        "KeyVault" | "SignedAssertionFromVault" => vault,
        "Base64Encoded" => [
            Some((&[], &["Base64EncodedValue"])),
            Some((
                &[("Base64EncodedValue", "AAAA"), ("CertificatePasswordPath", "{directory}")],
                &["CertificatePasswordPath"],
            )),
            None,
            Some((
                &[("Base64EncodedValue", "AAAA"), ("CertificatePasswordPath", "{huge}")],
                &["CertificatePasswordPath"],
            )),
            Some((
                &[("Base64EncodedValue", "AAAA"), ("CertificatePasswordPath", "/dev/zero")],
                &["CertificatePasswordPath"],
            )),
            Some((
                &[("Base64EncodedValue", "AAAA"), ("CertificatePasswordPath", "{empty}")],
                &["CertificatePasswordPath"],
            )),
        ],
        "Path" => [
            Some((&[], &["CertificateDiskPath"])),
            Some((&[("CertificateDiskPath", "{directory}")], &["CertificateDiskPath"])),
            None,
            Some((&[("CertificateDiskPath", "{huge}")], &["CertificateDiskPath"])),
            Some((&[("CertificateDiskPath", "/dev/zero")], &["CertificateDiskPath"])),
            Some((&[("CertificateDiskPath", "{empty}")], &["CertificateDiskPath"])),
        ],
        "ClientSecret" => [
            Some((&[], &["ClientSecret"])),
            Some((&[("ClientSecretPath", "{directory}")], &["ClientSecretPath"])),
            None,
            Some((&[("ClientSecretPath", "{huge}")], &["ClientSecretPath"])),
            Some((&[("ClientSecretPath", "/dev/zero")], &["ClientSecretPath"])),
            Some((&[("ClientSecretPath", "{empty}")], &["ClientSecretPath"])),
        ],
        "SignedAssertionFromManagedIdentity" => [
            Some((
                &[
                    ("$IDENTITY_ENDPOINT", "https://localhost/token"),
                    ("$IDENTITY_HEADER", "x"),
                    ("$IDENTITY_SERVER_THUMBPRINT", "-"),
                ],
                &["IDENTITY_SERVER_THUMBPRINT"],
            )),
            None,
            Some((&[("$AZURE_POD_IDENTITY_AUTHORITY_HOST", "{hang}")], IMDS)),
            Some((&[("$AZURE_POD_IDENTITY_AUTHORITY_HOST", "{endless}")], IMDS)),
            None,
            Some((&[("$AZURE_POD_IDENTITY_AUTHORITY_HOST", "{nothing}")], IMDS)),
        ],
        "SignedAssertionFilePath" | "AwsEksFile" => file(Some((&[], FILE))),
        "AssertionVariable" | "GitLab" => file(Some((&[("AssertionVariable", "NOWHERE")], &["NOWHERE"]))),
        "CustomSignedAssertion" => [
            Some((&[("CustomSignedAssertionProviderName", "OidcIdpSignedAssertion")], &["ConfigurationSection"])),
            None,
            Some((&[PROVIDER, SECTION, OTHER_ID, OTHER_TENANT, OTHER_SECRET, ("$Other:Instance", "{hang}")], OTHER)),
            Some((&[PROVIDER, SECTION, OTHER_ID, OTHER_TENANT, OTHER_SECRET, ("$Other:Instance", "{endless}")], OTHER)),
            None,
            Some((&[PROVIDER, SECTION, OTHER_ID, OTHER_TENANT, OTHER_SECRET, ("$Other:Instance", "{nothing}")], OTHER)),
        ],
        "AssertionCommand" => [
            Some((&[], &["AssertionCommand"])),
            Some((&[("AssertionCommand:0", "{directory}")], &["AssertionCommand"])),
            None,
            Some((&[("AssertionCommand:0", "/usr/bin/yes")], &["`/usr/bin/yes` gave more than 64 KiB"])),
            Some((
                &[("AssertionCommand:0", "/bin/sleep"), ("AssertionCommand:1", "1000000")],
                &["`/bin/sleep` was stopped: it did not end in time"],
            )),
            Some((&[("AssertionCommand:0", "/bin/true")], &["`/bin/true` gave nothing"])),
        ],
        "AssertionUrl" => [
            Some((&[], &["AssertionUrl"])),
            Some((
                &[("AssertionUrl", "{nothing}"), ("AssertionHeaderPaths:x-key", "{directory}")],
                &["AssertionHeaderPaths"],
            )),
            Some((&[("AssertionUrl", "{hang}")], &["AssertionUrl"])),
            Some((&[("AssertionUrl", "{endless}")], &["AssertionUrl"])),
            Some((
                &[("AssertionUrl", "{nothing}"), ("AssertionHeaderPaths:x-key", "/dev/zero")],
                &["AssertionHeaderPaths"],
            )),
            Some((&[("AssertionUrl", "{nothing}")], &["AssertionUrl"])),
        ],
        "AwsWebIdentity" => [
            Some((&[("$AWS_ACCESS_KEY_ID", "a"), ("$AWS_SECRET_ACCESS_KEY", "b")], &["AwsRegion"])),
            Some((&[REGION, STS, ROLE, ("$AWS_WEB_IDENTITY_TOKEN_FILE", "{directory}")], AWS)),
            Some((&[REGION, STS, ("$AWS_EC2_METADATA_SERVICE_ENDPOINT", "{hang}")], AWS)),
            Some((&[REGION, STS, ROLE, ("$AWS_WEB_IDENTITY_TOKEN_FILE", "{huge}")], AWS)),
            Some((&[REGION, STS, ROLE, ("$AWS_WEB_IDENTITY_TOKEN_FILE", "/dev/zero")], AWS)),
            Some((&[REGION, STS, ("$AWS_EC2_METADATA_SERVICE_ENDPOINT", "{nothing}")], AWS)),
        ],
        "AzurePipelines" => [
            Some((&[("ServiceConnectionId", "c")], &["SYSTEM_OIDCREQUESTURI"])),
            None,
            Some((&[CONNECTION, ACCESS, ("$SYSTEM_OIDCREQUESTURI", "{hang}")], &["AzurePipelines"])),
            Some((&[CONNECTION, ACCESS, ("$SYSTEM_OIDCREQUESTURI", "{endless}")], &["AzurePipelines"])),
            None,
            Some((&[CONNECTION, ACCESS, ("$SYSTEM_OIDCREQUESTURI", "{nothing}")], &["AzurePipelines"])),
        ],
        "GitHubActions" => [
            Some((&[("$ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t")], &["ACTIONS_ID_TOKEN_REQUEST_URL"])),
            None,
            Some((&[REQUEST_TOKEN, ("$ACTIONS_ID_TOKEN_REQUEST_URL", "{hang}")], &["GitHubActions"])),
            Some((&[REQUEST_TOKEN, ("$ACTIONS_ID_TOKEN_REQUEST_URL", "{endless}")], &["GitHubActions"])),
            None,
            Some((&[REQUEST_TOKEN, ("$ACTIONS_ID_TOKEN_REQUEST_URL", "{nothing}")], &["GitHubActions"])),
        ],
        "GoogleMetadata" => [
            Some((&[("$GCE_METADATA_HOST", "/")], &["GCE_METADATA_HOST"])),
            None,
            Some((&[("$GCE_METADATA_HOST", "{hang-host}")], &["GoogleMetadata"])),
            Some((&[("$GCE_METADATA_HOST", "{endless-host}")], &["GoogleMetadata"])),
            None,
            Some((&[("$GCE_METADATA_HOST", "{nothing-host}")], &["GoogleMetadata"])),
        ],
        "SpiffeWorkloadApi" => [
            Some((&[], &["SPIFFE_ENDPOINT_SOCKET"])),
            Some((&[("SpiffeEndpointSocket", "unix://{directory}")], &["SpiffeWorkloadApi"])),
            Some((&[("SpiffeEndpointSocket", "unix://{socket}")], &["SpiffeWorkloadApi"])),
            None,
            None,
            Some((&[("SpiffeEndpointSocket", "tcp://{nothing-host}")], &["SpiffeWorkloadApi"])),
        ],
        _ => return None,
    })
}

const PROVIDER: (&str, &str) = ("CustomSignedAssertionProviderName", "OidcIdpSignedAssertion");
const SECTION: (&str, &str) = ("CustomSignedAssertionProviderData:ConfigurationSection", "Other");
const OTHER_ID: (&str, &str) = ("$Other:ClientId", "other");
const OTHER_TENANT: (&str, &str) = ("$Other:TenantId", "contoso.com");
const OTHER_SECRET: (&str, &str) = ("$Other:ClientSecret", "other");
const REGION: (&str, &str) = ("AwsRegion", "eu-central-1");
const STS: (&str, &str) = ("$AWS_ENDPOINT_URL_STS", "{nothing}");
const ROLE: (&str, &str) = ("$AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
const AWS: &[&str] = &["AwsWebIdentity", "AWS_WEB_IDENTITY_TOKEN_FILE"];
const CONNECTION: (&str, &str) = ("ServiceConnectionId", "c");
const ACCESS: (&str, &str) = ("$SYSTEM_ACCESSTOKEN", "t");
const REQUEST_TOKEN: (&str, &str) = ("$ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t");

/// Things that are no good.
struct World {
    folder: tempfile::TempDir,
    names: Vec<(&'static str, String)>,
    _silent: (TcpListener, UnixListener),
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("directory")).unwrap();
        fs::write(path("empty"), "").unwrap();
        // A gibibyte that takes no room.
        fs::File::create(path("huge")).unwrap().set_len(1 << 30).unwrap();
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = UnixListener::bind(path("socket")).unwrap();
        let hosts = [
            ("hang", silent.local_addr().unwrap().to_string()),
            ("endless", serve(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n", true).await),
            ("nothing", serve(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", false).await),
        ];
        let files = ["directory", "empty", "huge", "socket"].map(|name| (name, shown(&path(name))));
        let names = hosts.map(|(name, host)| (name, host)).into_iter().chain(files).collect();
        Self { folder, names, _silent: (silent, socket) }
    }

    fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| {
            let url = if value.starts_with('/') { value.clone() } else { format!("http://{value}") };
            text.replace(&format!("{{{name}}}"), &url).replace(&format!("{{{name}-host}}"), value)
        })
    }

    /// The configuration with one credential, and with another that is good behind it.
    fn read(&self, source: &str, settings: Settings, with_another: bool) -> Result<Config, String> {
        let mut pairs = vec![
            ("AzureAd:TenantId".to_owned(), "contoso.com".to_owned()),
            ("AzureAd:ClientId".to_owned(), CLIENT.to_owned()),
            ("AzureAd:ClientCredentials:0:SourceType".to_owned(), source.to_owned()),
        ];
        pairs.extend(settings.iter().map(|(name, value)| {
            let key = name.strip_prefix('$').map_or_else(|| format!("{KEY}:{name}"), str::to_owned);
            (key, self.fill(value))
        }));
        if with_another {
            let another = [("SourceType", "ClientSecret"), ("ClientSecret", "another")];
            pairs
                .extend(another.map(|(name, value)| (format!("AzureAd:ClientCredentials:1:{name}"), value.to_owned())));
        }
        let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let read = Configuration::from_pairs(pairs).bind(Config::read);
        read.map(|(config, _)| config).map_err(|faults| faults.to_string())
    }
}

/// What comes of a configuration's credentials.
async fn choose(config: &Config) -> Result<usize, String> {
    sidekey_host::tls::install_crypto_provider();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(sidekey_host::ManualClock::at(NOW));
    let credentials = Credentials::new(&config.credentials, &Surroundings::of(config, &http, &clock));
    let purpose = purpose();
    let chosen = credentials.choose(&purpose).await;
    assert!(Instant::now() <= purpose.deadline, "it took too long");
    chosen.map(|chosen| chosen.index).map_err(|none| none.to_string())
}

/// Answers every connection in the same way, if it is to be for ever.
async fn serve(head: &'static [u8], endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                // Whatever it is, the answer is the same.
                let _ = stream.read(&mut request).await;
                let mut written = stream.write_all(head).await;
                while endless && written.is_ok() {
                    written = stream.write_all(&[b'x'; 4096]).await;
                }
            });
        }
    });
    address
}

fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

const KEY: &str = "AzureAd:ClientCredentials:0";

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_source_is_said_in_time_and_the_next_one_serves() {
    let world = World::new().await;
    assert!(world.folder.path().is_dir());
    for source in source_types() {
        let row = row(source).unwrap_or_else(|| panic!("`{source}` has no row in this table"));
        for (what, cell) in COLUMNS.iter().zip(row) {
            let Some((settings, words)) = cell else { continue };
            // A paused clock runs ahead of programs that end by themselves.
            let runs_a_program = source == "AssertionCommand" && *what != "never ends";
            if runs_a_program {
                tokio::time::resume();
            }
            let alone = match world.read(source, settings, false) {
                Ok(config) => choose(&config).await.expect_err(source),
                Err(faults) => faults,
            };
            assert!(alone.contains(KEY), "{source} {what}: `{KEY}` is missing in {alone}");
            let named = words.iter().any(|word| alone.contains(&world.fill(word)));
            assert!(named, "{source} {what}: none of {words:?} in {alone}");
            match world.read(source, settings, true) {
                Ok(config) => assert_eq!(choose(&config).await, Ok(1), "{source} {what}"),
                // A setting that is not there is refused at start, whatever else is there.
                Err(faults) => assert!(*what == "missing" && faults.contains(KEY), "{source} {what}: {faults}"),
            }
            if runs_a_program {
                tokio::time::pause();
            }
        }
    }
}

#[test]
fn every_column_is_about_several_sources() {
    let sources: BTreeSet<_> = source_types().collect();
    assert!(sources.len() >= 18, "{sources:?}");
    for (index, what) in COLUMNS.iter().enumerate() {
        let count = sources.iter().filter(|source| row(source).is_some_and(|row| row[index].is_some())).count();
        assert!(count >= 4, "{what}: {count}");
    }
}
