//! Encrypted tokens that are made to cost more than they weigh.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Map, Value, json};
use sidekey_jose::jwe::{ContentEncryption, EncryptionKey, KeyManagement, encrypt_compact};
use tempfile::TempDir;

use crate::{
    Plan,
    authority::Authority,
    connection::{Connection, request},
    process::Serve,
    report::Report,
};

/// One kind of bomb.
struct Bomb {
    name: &'static str,
    token: String,
}

/// A sidecar that opens encrypted tokens, and a folder with its certificate.
struct Target {
    serve: Serve,
    key: EncryptionKey,
    _folder: TempDir,
}

/// Every bomb several times; what counts is the slowest refusal of all and the growth of memory at its peak.
pub(crate) async fn measure(plan: &Plan, authority: &Authority, report: &mut Report) -> Result<()> {
    authority.reset(Duration::ZERO);
    let target = Target::start(plan, authority).await?;
    let mut connection = Connection::open(target.serve.address).await?;
    connection.expect_ok(&request("GET", "/Validate", Some(&authority.user_token(0)?))).await?;
    let before = target.serve.memory()?;
    let (mut slowest, mut slowest_name) = (Duration::ZERO, "");
    for bomb in bombs(&target.key)? {
        let request = request("GET", "/Validate", Some(&bomb.token));
        for _ in 0..plan.rounds {
            let start = Instant::now();
            let reply = connection.exchange(&request).await?;
            ensure!(reply.status == 401, "{} was answered {}", bomb.name, reply.status);
            if start.elapsed() > slowest {
                (slowest, slowest_name) = (start.elapsed(), bomb.name);
            }
        }
    }
    let after = target.serve.memory()?;
    let taken = slowest.as_secs_f64() * 1e3;
    let result = format!("{taken:.1} ms (the slowest: {slowest_name})");
    report.judged("encrypted tokens of 250 KB made to cost, refused", "< 50 ms", &result, taken < 50.0);
    let growth = after.peak.saturating_sub(before.resident);
    let result = format!("{growth} KiB at the peak");
    report.judged("encrypted tokens of 250 KB made to cost, growth", "< 10 MiB", &result, growth < 10 * 1024);
    Ok(())
}

impl Target {
    async fn start(plan: &Plan, authority: &Authority) -> Result<Self> {
        let folder = TempDir::new()?;
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let certificate = CertificateParams::new(vec!["bench".to_owned()])?.self_signed(&pair)?;
        let file = folder.path().join("decryption.pem");
        fs::write(&file, certificate.pem() + &pair.serialize_pem())?;
        let file = file.to_str().context("the scratch folder's name is not UTF-8")?;
        let own = [
            ("AzureAd__TokenDecryptionCertificates__0__SourceType", "Path"),
            ("AzureAd__TokenDecryptionCertificates__0__CertificateDiskPath", file),
            // By default such a head is refused before anybody reads it.
            ("Sidecar__Limits__MaxHeaderBytes", "400000"),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings: Vec<_> = authority.settings().into_iter().chain(own).collect();
        let serve = Serve::start(&plan.sidekey, &settings).await?;
        Ok(Self { serve, key: EncryptionKey::from_certificate(certificate.der())?, _folder: folder })
    }
}

fn bombs(key: &EncryptionKey) -> Result<Vec<Bomb>> {
    let seal = |name, members: Value, content: &[u8]| -> Result<Bomb> {
        let header: Map<String, Value> = serde_json::from_value(members)?;
        let token = encrypt_compact(&header, content, key, KeyManagement::RsaOaep, ContentEncryption::A256Gcm)?;
        Ok(Bomb { name, token })
    };
    let content = vec![b'['; CONTENT_BYTES];
    let mut damaged = seal("large and damaged", json!({"cty": "JWT"}), &content)?;
    damaged.token.replace_range(damaged.token.len() - 4.., "AAAA");
    Ok(vec![
        damaged,
        seal("compressed zeros", json!({"cty": "JWT", "zip": "DEF"}), &deflated_zeros(CONTENT_BYTES))?,
        seal("brackets within", json!({"cty": "JWT"}), &content)?,
        seal("dots within", json!({"cty": "JWT"}), &vec![b'.'; CONTENT_BYTES])?,
        seal("a payload of brackets within", json!({"cty": "JWT"}), &nested_payload())?,
    ])
}

/// A signed token's form, whose payload opens brackets only.
fn nested_payload() -> Vec<u8> {
    // `W1tb` is `[[[` in base64url, `eyJhbGciOiJSUzI1NiJ9` is `{"alg":"RS256"}`.
    format!("eyJhbGciOiJSUzI1NiJ9.{}.AAAA", "W1tb".repeat(CONTENT_BYTES / 4 - 8)).into_bytes()
}

/// A DEFLATE stream (RFC 1951) of that length that unpacks to zeros, 258 of them for every 13 bits: one block with fixed codes, a
/// literal zero, then the longest match at distance one over and over.
fn deflated_zeros(bytes: usize) -> Vec<u8> {
    let (mut out, mut filled) = (vec![0_u8; bytes], 0);
    let mut push = |bits: &str| {
        for bit in bits.bytes() {
            if let Some(byte) = out.get_mut(filled / 8) {
                *byte |= (bit - b'0') << (filled % 8);
            }
            filled += 1;
        }
        filled
    };
    push("110");
    push("00110000");
    while push("1100010100000") + 20 < bytes * 8 {}
    push("0000000");
    out
}

/// What becomes about 250,000 characters of base64url.
const CONTENT_BYTES: usize = 187_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bombs_are_as_large_as_a_token_may_be() {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let certificate = CertificateParams::new(vec!["bench".to_owned()]).unwrap().self_signed(&pair).unwrap();
        for bomb in bombs(&EncryptionKey::from_certificate(certificate.der()).unwrap()).unwrap() {
            assert!((245_000..=sidekey_jose::MAX_TOKEN_BYTES).contains(&bomb.token.len()), "{}", bomb.name);
        }
    }
}
