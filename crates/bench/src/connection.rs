//! One keep-alive HTTP/1.1 connection: just enough to keep a server busy without being busy itself.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A connection and the last reply's bytes.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    reply: Reply,
}

/// Where the parts of a reply lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// Bytes up to the body.
    pub(crate) head: usize,
    /// Bytes of the body.
    pub(crate) body: usize,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024], reply: Reply::default() })
    }

    /// Sends one request and reads its whole reply.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Reply> {
        self.stream.write_all(request).await?;
        let (mut filled, mut reply) = (0, None);
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            ensure!(read > 0, "the server closed the connection");
            filled += read;
            if reply.is_none() {
                reply = parse_head(&self.buffer[..filled])?;
            }
            if let Some(reply) = reply.filter(|reply| filled >= reply.head + reply.body) {
                self.reply = reply;
                return Ok(reply);
            }
        }
    }

    /// As [`Connection::exchange`], and anything but 200 is an error that shows the body.
    pub(crate) async fn expect_ok(&mut self, request: &[u8]) -> Result<Reply> {
        let reply = self.exchange(request).await?;
        if reply.status != 200 {
            let target = String::from_utf8_lossy(request);
            let target = target.lines().next().unwrap_or_default();
            bail!("`{target}` was answered {}: {}", reply.status, String::from_utf8_lossy(self.body()));
        }
        Ok(reply)
    }

    /// The last reply's body.
    pub(crate) fn body(&self) -> &[u8] {
        self.buffer.get(self.reply.head..self.reply.head + self.reply.body).unwrap_or_default()
    }
}

/// A request without a body.
pub(crate) fn request(method: &str, target: &str, authorization: Option<&str>) -> Vec<u8> {
    let authorization = authorization.map(|value| format!("Authorization: Bearer {value}\r\n")).unwrap_or_default();
    let length = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
    format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{authorization}{length}\r\n").into_bytes()
}

/// Reads status and length once the head is whole.
fn parse_head(bytes: &[u8]) -> Result<Option<Reply>> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head]).context("the reply's head is not UTF-8")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let status = status.with_context(|| format!("not an HTTP/1.1 reply: `{text}`"))?;
    let body = length.with_context(|| format!("the reply says no length: `{text}`"))?;
    Ok(Some(Reply { status, head: head + 4, body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        assert_eq!(parse_head(b"HTTP/1.1 200 OK\r\nContent-Le").unwrap(), None);
        let whole = b"HTTP/1.1 404 Not Found\r\nDate: x\r\ncontent-length: 12\r\n\r\nbody";
        assert_eq!(parse_head(whole).unwrap(), Some(Reply { status: 404, head: whole.len() - 4, body: 12 }));
    }

    #[test]
    fn a_reply_without_a_length_is_an_error() {
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(parse_head(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
    }
}
