//! Help for tests and fuzz targets.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Returns the result of a future that never waits.
///
/// # Panics
/// The future waits.
#[allow(clippy::panic, reason = "a bug of the test")]
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the future waits"),
    }
}
