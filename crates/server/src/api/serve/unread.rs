//! Bodies that are answered before they are read, as after a refusal.
//!
//! A client may send the next request on the same connection only after the whole body. What was not read is discarded, so that
//! the connection goes on and the client gets its answer; if it is too much, the answer says that the connection ends.

use axum::body::{Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use hyper::body::{Frame, Incoming, SizeHint};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Maximum number of bytes that are discarded.
const MAX_DISCARDED: u64 = 16 << 20;
/// Time for that.
const PATIENCE: Duration = Duration::from_secs(10);

/// The place to which a body returns that is dropped before its end.
#[derive(Debug)]
pub(super) struct Unread<B = Incoming> {
    left: Arc<Mutex<Option<B>>>,
    /// True if the client sends its body only after it was asked to.
    waits: bool,
}

/// A body that is not forgotten before its end.
#[derive(Debug)]
pub(super) struct Kept<B: HttpBody = Incoming> {
    /// `None` after the end.
    body: Option<B>,
    left: Arc<Mutex<Option<B>>>,
}

impl<B: HttpBody<Data = Bytes>> Unread<B> {
    /// Returns the body of a request for its handler, and what it leaves of it.
    pub(super) fn of(body: B, headers: &HeaderMap) -> (Self, Kept<B>) {
        let left = Arc::new(Mutex::new(None));
        let unread = Self { left: Arc::clone(&left), waits: headers.contains_key(header::EXPECT) };
        (unread, Kept { body: (!body.is_end_stream()).then_some(body), left })
    }

    /// Discards what the handler has left. Returns false if the connection cannot go on.
    pub(super) async fn discard(self) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(body) = left else { return true };
        if self.waits || body.size_hint().lower() > MAX_DISCARDED {
            return false;
        }
        tokio::time::timeout(PATIENCE, read_to_end(body)).await.unwrap_or(false)
    }
}

/// Reads a body to its end. Returns false if it is too long or broken.
async fn read_to_end<B: HttpBody<Data = Bytes>>(body: B) -> bool {
    let (mut body, mut discarded) = (pin!(body), 0);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(frame) = frame else { return false };
        discarded += frame.data_ref().map_or(0, Bytes::len) as u64;
        if discarded > MAX_DISCARDED {
            return false;
        }
    }
    true
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Kept<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl<B: HttpBody> Drop for Kept<B> {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use axum::body::Body;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    /// A body of chunks of a mebibyte.
    fn long(chunks: u64) -> Body {
        let chunk = Bytes::from(vec![0; 1 << 20]);
        Body::from_stream(futures_util::stream::iter(
            (0..chunks).map(move |_| Ok::<_, std::io::Error>(chunk.clone())),
        ))
    }

    #[test]
    fn body_that_is_not_read_is_discarded_within_bounds() {
        let expects =
            HeaderMap::from_iter([(header::EXPECT, header::HeaderValue::from_static("100-continue"))]);
        for (body, headers, goes_on) in [
            (Body::empty(), HeaderMap::new(), true),
            (Body::from("unread"), HeaderMap::new(), true),
            (long(MAX_DISCARDED >> 20), HeaderMap::new(), true),
            (long((MAX_DISCARDED >> 20) + 1), HeaderMap::new(), false),
            (Body::from(vec![0; MAX_DISCARDED as usize + 1]), HeaderMap::new(), false),
            (Body::from("not asked for"), expects, false),
        ] {
            let (unread, kept) = Unread::of(body, &headers);
            drop(kept);
            assert_eq!(block_on(unread.discard()), goes_on);
        }
    }

    #[test]
    fn body_that_is_read_leaves_nothing() {
        let expects =
            HeaderMap::from_iter([(header::EXPECT, header::HeaderValue::from_static("100-continue"))]);
        let (unread, mut kept) = Unread::of(long(2), &expects);
        block_on(async {
            for _ in 0..2 {
                let frame = poll_fn(|cx| Pin::new(&mut kept).poll_frame(cx)).await;
                assert_eq!(frame.unwrap().unwrap().into_data().unwrap().len(), 1 << 20);
            }
            assert!(poll_fn(|cx| Pin::new(&mut kept).poll_frame(cx)).await.is_none());
            drop(kept);
            assert!(unread.discard().await);
        });
    }
}
