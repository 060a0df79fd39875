//! The yardstick: an axum server with one route and one body, and the process that runs it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::any,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// A bare server in a process of its own.
pub(crate) struct Bare {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Bare {
    /// Starts one that answers on any path with so many bytes.
    pub(crate) fn start(body_bytes: usize) -> Result<Self> {
        Self::start_with(&[body_bytes.to_string()])
    }

    /// The same, which checks each token's signature, and nothing else of it, before it answers: the quickest server that
    /// verifies. The key is an `RSAPublicKey`.
    pub(crate) fn start_verifying(body_bytes: usize, key: &[u8]) -> Result<Self> {
        Self::start_with(&[body_bytes.to_string(), URL_SAFE_NO_PAD.encode(key)])
    }

    fn start_with(arguments: &[String]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the bare server")?;
        let mut line = String::new();
        let output = child.stdout.take().context("the bare server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("the bare server said `{line}`"))?;
        Ok(Self { child, address })
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until the process is ended; prints its address first.
pub(crate) async fn serve(arguments: &[String]) -> Result<()> {
    let (bytes, key) = match arguments {
        [bytes] => (bytes, None),
        [bytes, key] => (bytes, Some(ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, URL_SAFE_NO_PAD.decode(key)?)?)),
        _ => bail!("`bare` takes the number of body bytes, and a key if it shall verify"),
    };
    let bytes: usize = bytes.parse().context("the number of body bytes")?;
    let body: &'static str = "x".repeat(bytes).leak();
    let answer = ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body);
    let app = match key {
        None => Router::new().route("/{*path}", any(move || async move { answer })),
        Some(key) => {
            let verified = move |headers: HeaderMap| {
                let reply = if is_signed(&headers, &key) {
                    answer.into_response()
                } else {
                    StatusCode::UNAUTHORIZED.into_response()
                };
                async move { reply }
            };
            Router::new().route("/{*path}", any(verified))
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Without it a reply could wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await?;
    Ok(())
}

fn is_signed(headers: &HeaderMap, key: &ParsedPublicKey) -> bool {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    token.and_then(|token| token.rsplit_once('.')).is_some_and(|(signed, signature)| {
        let signature = URL_SAFE_NO_PAD.decode(signature);
        signature.is_ok_and(|signature| key.verify_sig(signed.as_bytes(), &signature).is_ok())
    })
}
