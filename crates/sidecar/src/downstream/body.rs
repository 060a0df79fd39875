//! Bodies read to their end, within a limit of their own and the common budget.

use std::time::Duration;

use axum::body::HttpBody;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::budget::Share;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum ReadError<E> {
    /// It is longer than the limit.
    TooLarge,
    /// The common budget is used up.
    Exhausted,
    /// It comes more slowly than its pace.
    TooSlow,
    /// The peer broke off.
    Broken(E),
}

/// How fast a body has to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As it likes: something else bounds the time.
    Any,
    /// As Kestrel demands it of its callers: after a moment of grace, 240 bytes per second on average. One that trickles
    /// would hold a connection and a share of the budget for little.
    Steady,
}

/// Reads a body. What is read stays taken from the share; what is only announced takes nothing.
pub(crate) async fn read<B>(
    mut body: B,
    limit: usize,
    pace: Pace,
    share: &mut Share,
) -> Result<Bytes, ReadError<B::Error>>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(ReadError::TooLarge);
    }
    let started = Instant::now();
    let mut buffer = BytesMut::with_capacity(announced.min(FIRST_BYTES));
    loop {
        let frame = match pace.patience(buffer.len()) {
            Some(patience) => timeout_at(started + patience, body.frame()).await.map_err(|_| ReadError::TooSlow)?,
            None => body.frame().await,
        };
        let Some(frame) = frame else { return Ok(buffer.freeze()) };
        let Ok(chunk) = frame.map_err(ReadError::Broken)?.into_data() else { continue };
        if buffer.len() + chunk.len() > limit {
            return Err(ReadError::TooLarge);
        }
        share.take(chunk.len()).map_err(|_| ReadError::Exhausted)?;
        buffer.extend_from_slice(&chunk);
    }
}

impl Pace {
    /// The time from the beginning within which the next bytes have to come, when so many are there.
    fn patience(self, received: usize) -> Option<Duration> {
        let earned = Duration::from_secs(u64::try_from(received / BYTES_PER_SECOND).unwrap_or(u64::MAX));
        (self == Self::Steady).then(|| GRACE.saturating_add(earned))
    }
}

/// Room that is made before the first byte.
const FIRST_BYTES: usize = 64 * 1024;
const BYTES_PER_SECOND: usize = 240;
const GRACE: Duration = Duration::from_secs(5);

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
        assert_eq!(read(chunked(&["ab", "", "cd"]), 4, Pace::Steady, &mut share).await.unwrap(), "abcd");
        assert_eq!(read(Full::new(Bytes::from_static(b"efgh")), 4, Pace::Steady, &mut share).await.unwrap(), "efgh");
        assert!(budget.share().take(93).is_err() && budget.share().take(92).is_ok(), "eight bytes are taken");
        assert!(matches!(read(chunked(&["abc", "de"]), 4, Pace::Steady, &mut share).await, Err(ReadError::TooLarge)));
        assert!(matches!(
            read(Full::new(Bytes::from_static(b"efghi")), 4, Pace::Steady, &mut share).await,
            Err(ReadError::TooLarge)
        ));
    }

    #[tokio::test]
    async fn bodies_are_read_within_the_common_budget() {
        let budget = Budget::new(5);
        let mut share = budget.share();
        assert!(matches!(
            read(chunked(&["abc", "def"]), 100, Pace::Steady, &mut share).await,
            Err(ReadError::Exhausted)
        ));
        drop(share);
        let mut share = budget.share();
        assert!(matches!(
            read(Full::new(Bytes::from_static(b"abcdef")), 100, Pace::Steady, &mut share).await,
            Err(ReadError::Exhausted)
        ));
        assert_eq!(
            read(Full::new(Bytes::from_static(b"abcde")), 100, Pace::Steady, &mut share).await.unwrap(),
            "abcde"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up_and_a_slow_but_steady_one_is_not() {
        let trickling = |bytes: usize, every: Duration| {
            let chunks = stream::unfold(0, move |count| async move {
                tokio::time::sleep(every).await;
                let chunk = Bytes::from(vec![b'x'; bytes]);
                (count < 100).then(|| (Ok::<_, Infallible>(Frame::data(chunk)), count + 1))
            });
            StreamBody::new(Box::pin(chunks))
        };
        let budget = Budget::new(1_000_000);
        let second = Duration::from_secs(1);
        let slow = read(trickling(1, second), 1_000, Pace::Steady, &mut budget.share()).await;
        assert!(matches!(slow, Err(ReadError::TooSlow)));
        let silent = read(trickling(1_000, 6 * second), 1_000_000, Pace::Steady, &mut budget.share()).await;
        assert!(matches!(silent, Err(ReadError::TooSlow)));
        let steady = read(trickling(240, second), 1_000_000, Pace::Steady, &mut budget.share()).await;
        assert_eq!(steady.unwrap().len(), 24_000);
        let any = read(trickling(1, second), 1_000, Pace::Any, &mut budget.share()).await;
        assert_eq!(any.unwrap().len(), 100);
    }

    /// A body that says how long it is, and then nothing.
    struct Announced(u64);

    impl HttpBody for Announced {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::Poll::Pending
        }

        fn size_hint(&self) -> hyper::body::SizeHint {
            hyper::body::SizeHint::with_exact(self.0)
        }
    }

    #[tokio::test]
    async fn what_is_only_announced_takes_nothing_from_others() {
        let budget = Budget::new(10);
        let mut share = budget.share();
        let mut reading = Box::pin(read(Announced(10), 100, Pace::Steady, &mut share));
        assert!(futures_util::FutureExt::now_or_never(&mut reading).is_none());
        assert!(budget.share().take(10).is_ok());
        let long = read(Announced(101), 100, Pace::Steady, &mut budget.share()).await;
        assert!(matches!(long, Err(ReadError::TooLarge)), "what is too long is refused at once");
    }
}
