//! Bodies read to their end, within a limit of their own and the common budget.

use axum::body::HttpBody;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use super::budget::Share;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum ReadError<E> {
    /// It is longer than the limit.
    TooLarge,
    /// The common budget is used up.
    Exhausted,
    /// The peer broke off.
    Broken(E),
}

/// Reads a body. What is read stays taken from the share.
pub(crate) async fn read<B>(mut body: B, limit: usize, share: &mut Share) -> Result<Bytes, ReadError<B::Error>>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(ReadError::TooLarge);
    }
    share.take(announced).map_err(|_| ReadError::Exhausted)?;
    let mut buffer = BytesMut::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(ReadError::Broken)?.into_data() else { continue };
        let length = buffer.len() + chunk.len();
        if length > limit {
            return Err(ReadError::TooLarge);
        }
        share.take(length.saturating_sub(announced.max(buffer.len()))).map_err(|_| ReadError::Exhausted)?;
        buffer.extend_from_slice(&chunk);
    }
    Ok(buffer.freeze())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    use super::*;
    use crate::downstream::Budget;

    fn chunked(chunks: &'static [&'static str]) -> impl HttpBody<Data = Bytes, Error = Infallible> + Unpin {
        StreamBody::new(stream::iter(chunks.iter().map(|chunk| Ok(Frame::data(Bytes::from_static(chunk.as_bytes()))))))
    }

    #[tokio::test]
    async fn bodies_are_read_within_their_limit() {
        let budget = Budget::new(100);
        let mut share = budget.share();
        assert_eq!(read(chunked(&["ab", "", "cd"]), 4, &mut share).await.unwrap(), "abcd");
        assert_eq!(read(Full::new(Bytes::from_static(b"efgh")), 4, &mut share).await.unwrap(), "efgh");
        assert!(budget.share().take(93).is_err() && budget.share().take(92).is_ok(), "eight bytes are taken");
        assert!(matches!(read(chunked(&["abc", "de"]), 4, &mut share).await, Err(ReadError::TooLarge)));
        assert!(matches!(read(Full::new(Bytes::from_static(b"efghi")), 4, &mut share).await, Err(ReadError::TooLarge)));
    }

    #[tokio::test]
    async fn bodies_are_read_within_the_common_budget() {
        let budget = Budget::new(5);
        let mut share = budget.share();
        assert!(matches!(read(chunked(&["abc", "def"]), 100, &mut share).await, Err(ReadError::Exhausted)));
        drop(share);
        let mut share = budget.share();
        assert!(matches!(
            read(Full::new(Bytes::from_static(b"abcdef")), 100, &mut share).await,
            Err(ReadError::Exhausted)
        ));
        assert_eq!(read(Full::new(Bytes::from_static(b"abcde")), 100, &mut share).await.unwrap(), "abcde");
    }
}
