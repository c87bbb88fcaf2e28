//! Replies of the network thread, for callers that block and for those that await.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::oneshot;

/// Reason that a request has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AskError {
    /// The session does not have the torrent: it was removed.
    #[error("the torrent is not in the session")]
    NoTorrent,
    /// No answer arrived within the time limit. The request may still be carried out.
    #[error("the session did not answer in time; the request may still be carried out")]
    TimedOut,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
}

/// Reply to a request. The request was sent already: dropping the reply does not cancel it.
///
/// [`wait`](Self::wait) blocks the thread. A reply can also be awaited, in any async runtime and without a time limit.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let session = ztor_session::Session::start(ztor_session::Config::default())?;
/// let bans = session.bans().wait()?;
/// # async fn f(session: ztor_session::Session) -> Result<(), ztor_session::AskError> {
/// let bans = session.bans().await?;
/// # Ok(()) }
/// # Ok(()) }
/// ```
#[must_use = "wait for it or await it; the request is carried out either way"]
pub struct Reply<T, E = AskError> {
    future: Pin<Box<dyn Future<Output = Result<T, E>> + Send>>,
    /// Limit of [`wait`](Self::wait).
    limit: Duration,
}

/// Time limit for answers that the network thread gives at once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Sender of the answer to a [`Reply`].
pub(crate) type Answer<T, E = AskError> = oneshot::Sender<Result<T, E>>;

pub(crate) fn reply<T: Send + 'static, E: From<AskError> + Send + 'static>() -> (Answer<T, E>, Reply<T, E>) {
    let (answer, receiver) = oneshot::channel::<Result<T, E>>();
    // The network thread drops what it cannot answer.
    let future = async { receiver.await.unwrap_or_else(|_| Err(AskError::Ended.into())) };
    (answer, Reply { future: Box::pin(future), limit: ANSWER_TIMEOUT })
}

/// Sends an answer.
pub(crate) fn answer<T, E>(to: Answer<T, E>, result: Result<T, E>) {
    // Fails if the caller has dropped its reply.
    let _ = to.send(result);
}

impl<T, E: From<AskError>> Reply<T, E> {
    /// Removes the time limit of [`wait`](Self::wait).
    pub(crate) fn without_limit(self) -> Self {
        Self { limit: Duration::MAX, ..self }
    }

    /// Blocks until the answer arrives, for at most 30 seconds unless the request says otherwise.
    ///
    /// # Errors
    /// [`AskError::TimedOut`], [`AskError::Ended`], or another error of the request.
    pub fn wait(self) -> Result<T, E> {
        let limit = self.limit;
        self.wait_for(limit)
    }

    /// Blocks until the answer arrives, for at most `limit`.
    ///
    /// # Errors
    /// The same as for [`wait`](Self::wait).
    pub fn wait_for(self, limit: Duration) -> Result<T, E> {
        block_on(self, limit).unwrap_or_else(|| Err(AskError::TimedOut.into()))
    }
}

impl<T: 'static, E: 'static> Reply<T, E> {
    /// Converts a successful answer.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U + Send + 'static) -> Reply<U, E> {
        let future = self.future;
        Reply { future: Box::pin(async { future.await.map(make) }), limit: self.limit }
    }

    /// Converts a successful answer, which may fail.
    pub(crate) fn and_then<U>(self, make: impl FnOnce(T) -> Result<U, E> + Send + 'static) -> Reply<U, E> {
        let future = self.future;
        Reply { future: Box::pin(async { future.await.and_then(make) }), limit: self.limit }
    }
}

impl<T, E> Future for Reply<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl<T, E> fmt::Debug for Reply<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// Runs a future on this thread. Returns `None` if it is not ready within `limit`.
pub(crate) fn block_on<F: Future>(future: F, limit: Duration) -> Option<F::Output> {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let began = Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        let left = limit.checked_sub(began.elapsed()).filter(|left| !left.is_zero())?;
        std::thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_without_an_answer_tells_a_late_session_from_an_ended_one() {
        let (late, waiting) = reply::<(), AskError>();
        assert_eq!(waiting.wait_for(Duration::from_millis(1)), Err(AskError::TimedOut));
        answer(late, Ok(()));
        let (ended, waiting) = reply::<(), AskError>();
        drop(ended);
        assert_eq!(waiting.wait(), Err(AskError::Ended));
    }

    #[test]
    fn wait_returns_an_answer_of_another_thread() {
        let (to, reply) = reply::<u32, AskError>();
        let thread = std::thread::spawn(move || answer(to, Ok(7)));
        assert_eq!(reply.wait(), Ok(7));
        assert!(thread.join().is_ok());
    }
}
