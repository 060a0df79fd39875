//! Credentials that cannot be loaded: at start the operator is told key and file; later the log is told, and the caller only
//! that it is not its fault. Nobody is told a secret.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::{
    client::get,
    process::{Process, Settings},
    stage::{Emulator, ORDERS_WEB, TENANT},
};

const PASSWORD: &str = "Secret.Of-The~File";
const ASSERTION: [(&str, &str); 1] = [("AzureAd__ClientCredentials__0__SourceType", "SignedAssertionFilePath")];
const ASSERTION_PATH: &str = "AzureAd__ClientCredentials__0__SignedAssertionFileDiskPath";

/// A sidecar's settings with one API, an authority and these credentials.
fn settings<'a>(authority: &'a str, credentials: Settings<'a>) -> Vec<(&'a str, &'a str)> {
    let base = [
        ("AzureAd__Instance", authority),
        ("AzureAd__TenantId", TENANT),
        ("AzureAd__ClientId", ORDERS_WEB),
        ("DownstreamApis__orders__Scopes__0", "api://11112222-bbbb-3333-cccc-4444dddd5555/.default"),
        ("DownstreamApis__orders__RequestAppToken", "true"),
    ];
    base.iter().chain(credentials).copied().collect()
}

/// What `serve` prints about a credential that is no good: its key and its file, but no secret.
#[track_caller]
fn refused(key: &str, path: &Path, credentials: Settings<'_>) -> String {
    let settings = settings("https://login.microsoftonline.com/", credentials);
    let (code, output) = Process::start(&["serve"], &settings, TempDir::new().unwrap()).end();
    assert_eq!(code, Some(64), "{output}");
    assert!(output.contains(key), "`{key}` is missing in:\n{output}");
    assert!(output.contains(path.to_str().unwrap()), "`{}` is missing in:\n{output}", path.display());
    assert!(!output.contains(PASSWORD), "{output}");
    output
}

#[track_caller]
fn certificate_refused(path: &Path) -> String {
    let credentials = [
        ("AzureAd__ClientCredentials__0__SourceType", "Path"),
        ("AzureAd__ClientCredentials__0__CertificateDiskPath", path.to_str().unwrap()),
        ("AzureAd__ClientCredentials__0__CertificatePassword", PASSWORD),
    ];
    refused("AzureAd:ClientCredentials:0", path, &credentials)
}

#[track_caller]
fn assertion_refused(path: &Path) -> String {
    let credentials = [ASSERTION[0], (ASSERTION_PATH, path.to_str().unwrap())];
    refused("AzureAd:ClientCredentials:0:SignedAssertionFileDiskPath", path, &credentials)
}

#[test]
fn a_certificate_that_is_missing() {
    let folder = TempDir::new().unwrap();
    certificate_refused(&folder.path().join("missing.pfx"));
}

#[test]
fn a_certificate_that_is_a_folder() {
    certificate_refused(TempDir::new().unwrap().path());
}

#[test]
fn a_certificate_of_garbage() {
    let folder = TempDir::new().unwrap();
    let huge = vec![0x30; 10_000_000];
    let cases: [(&str, &[u8]); 4] = [
        ("empty.pfx", b""),
        ("short.pfx", &[0x30, 0x82, 0xff, 0xff, 0x02]),
        ("cut.pem", b"-----BEGIN"),
        ("huge.pfx", &huge),
    ];
    for (name, content) in cases {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        certificate_refused(&path);
    }
}

#[test]
fn a_certificate_with_another_password() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.pfx");
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["orders".to_owned()]).unwrap().self_signed(&key).unwrap();
    let key = p12_keystore::PrivateKey::from_der(&key.serialize_der()).unwrap();
    let certificate = p12_keystore::Certificate::from_der(certificate.der()).unwrap();
    let mut store = p12_keystore::KeyStore::new();
    let chain = p12_keystore::PrivateKeyChain::new("1", key, [certificate]);
    store.add_entry("orders", p12_keystore::KeyStoreEntry::PrivateKeyChain(chain));
    fs::write(&path, store.writer("another password").write().unwrap()).unwrap();
    let output = certificate_refused(&path);
    assert!(output.to_lowercase().contains("password"), "nothing of a password in:\n{output}");
}

#[test]
fn a_certificate_without_its_key() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("public.pem");
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["orders".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(&path, made.pem()).unwrap();
    let output = certificate_refused(&path);
    assert!(output.contains("key"), "nothing of the key in:\n{output}");
}

#[test]
fn an_assertion_file_that_is_a_folder() {
    assertion_refused(TempDir::new().unwrap().path());
}

#[test]
fn an_assertion_file_that_is_empty_or_blank() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("empty");
    for content in ["", "\n", "  \r\n"] {
        fs::write(&path, content).unwrap();
        assertion_refused(&path);
    }
}

#[test]
fn an_assertion_file_that_holds_no_token() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("no-token");
    fs::write(&path, "this is not a token but may-be-a-secret").unwrap();
    let output = assertion_refused(&path);
    assert!(!output.contains("may-be-a-secret"), "{output}");
}

#[test]
fn an_assertion_file_that_never_ends() {
    assertion_refused(Path::new("/dev/zero"));
}

/// An assertion file that goes bad while the sidecar runs; `break_it` gets its path.
fn goes_bad(break_it: impl FnOnce(&Path)) {
    let emulator = Emulator::start();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("assertion");
    fs::write(&path, "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJvcmRlcnMifQ.c2lnbmF0dXJl").unwrap();
    let credentials = [ASSERTION[0], (ASSERTION_PATH, path.to_str().unwrap())];
    let (serve, address) = Process::serve(&settings(&emulator.origin, &credentials));
    break_it(&path);
    let reply = get(address, "/AuthorizationHeaderUnauthenticated/orders");
    let detail = reply.problem(500);
    assert!(
        !reply.text().contains(folder.path().to_str().unwrap()),
        "a path is none of the caller's business: {detail}"
    );
    assert_eq!(get(address, "/healthz").status, 200);
    let log = serve.stop();
    assert!(log.contains(path.to_str().unwrap()), "the log does not name the file:\n{log}");
    assert!(!log.contains("may-be-a-secret"), "{log}");
}

#[test]
fn an_assertion_file_that_vanishes() {
    goes_bad(|path| fs::remove_file(path).unwrap());
}

#[test]
fn an_assertion_file_that_is_emptied() {
    goes_bad(|path| fs::write(path, "").unwrap());
}

#[test]
fn an_assertion_file_that_becomes_a_folder() {
    goes_bad(|path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    });
}

#[test]
fn an_assertion_file_that_is_overwritten_with_something_else() {
    goes_bad(|path| fs::write(path, "this is not a token but may-be-a-secret").unwrap());
}

#[test]
fn a_projected_token_that_is_not_mounted_yet_does_not_keep_the_sidecar_down() {
    let emulator = Emulator::start();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("assertion");
    let credentials = [ASSERTION[0], (ASSERTION_PATH, path.to_str().unwrap())];
    let (serve, address) = Process::serve(&settings(&emulator.origin, &credentials));
    get(address, "/AuthorizationHeaderUnauthenticated/orders").problem(500);
    let log = serve.stop();
    assert!(log.contains(path.to_str().unwrap()), "{log}");
}
