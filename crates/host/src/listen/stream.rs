//! The stream under a connection: bytes that were read ahead come first, and every transfer is noted.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::activity::Activity;

/// What a stream must be able to do.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for T {}

/// The bytes of the HTTP/2 preface that came, or those that showed that it is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadAhead {
    bytes: [u8; PREFACE.len()],
    filled: usize,
    taken: usize,
}

impl ReadAhead {
    /// Reads until it is clear whether the peer speaks HTTP/2. `None` if it left before it said anything.
    pub(super) async fn from(stream: &mut impl Transport) -> io::Result<Option<Self>> {
        let mut ahead = Self::default();
        while let Some(room) = ahead.bytes.get_mut(ahead.filled..).filter(|room| !room.is_empty()) {
            let count = stream.read(room).await?;
            if count == 0 {
                break;
            }
            ahead.filled += count;
            if !PREFACE.starts_with(ahead.rest()) {
                break;
            }
        }
        Ok((ahead.filled > 0).then_some(ahead))
    }

    /// Whether the peer opened with HTTP/2's preface.
    pub(super) fn is_http2(&self) -> bool {
        self.bytes == *PREFACE
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..self.filled).unwrap_or_default()
    }
}

/// A stream with its read-ahead and its record.
#[derive(Debug)]
pub(super) struct NotedStream<S> {
    stream: S,
    ahead: ReadAhead,
    activity: Arc<Activity>,
}

impl<S> NotedStream<S> {
    pub(super) fn new(stream: S, ahead: ReadAhead, activity: Arc<Activity>) -> Self {
        Self { stream, ahead, activity }
    }
}

impl<S: Transport> AsyncRead for NotedStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let ahead = this.ahead.rest();
        if !ahead.is_empty() {
            let count = ahead.len().min(buf.remaining());
            buf.put_slice(ahead.get(..count).unwrap_or_default());
            this.ahead.taken += count;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            this.activity.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Transport> AsyncWrite for NotedStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?;
        this.activity.wrote();
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, bufs))?;
        this.activity.wrote();
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// What an HTTP/2 client sends first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
