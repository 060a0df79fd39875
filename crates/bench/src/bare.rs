//! The yardstick: an axum server with one route and one body, and the process that runs it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use axum::{Router, http::header, routing::any};

/// A bare server in a process of its own.
pub(crate) struct Bare {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Bare {
    /// Starts one that answers on any path with so many bytes.
    pub(crate) fn start(body_bytes: usize) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare", &body_bytes.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped());
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
    ensure!(arguments.len() == 1, "`bare` takes the number of body bytes");
    let bytes: usize = arguments[0].parse().context("the number of body bytes")?;
    let body: &'static str = "x".repeat(bytes).leak();
    let answer = move || async move { ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body) };
    let app = Router::new().route("/{*path}", any(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Without it a reply could wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await?;
    Ok(())
}
