use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How [`in_parallel`] ended, unless with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    Stopped,
}

/// Does `work` for all of `0..count` on `threads` threads, the calling one among them.
///
/// A thread takes `stretch` neighbours at a time, and so reads them in order. The first error ends all, and so
/// does `stop`. Each thread has a scratch of its own.
pub(crate) fn in_parallel<S, E: Send>(
    count: usize,
    stretch: usize,
    threads: usize,
    stop: &AtomicBool,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<(), E> + Sync,
) -> Result<End, E> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let stopped = AtomicBool::new(false);
    let failure = Mutex::new(None);
    let run = || {
        let mut scratch = scratch();
        loop {
            let start = next.fetch_add(stretch, Ordering::Relaxed);
            if start >= count {
                return;
            }
            for index in start..count.min(start.saturating_add(stretch)) {
                if stop.load(Ordering::Relaxed) {
                    stopped.store(true, Ordering::Relaxed);
                    return;
                }
                if failed.load(Ordering::Relaxed) {
                    return;
                }
                if let Err(error) = work(&mut scratch, index) {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    failed.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for number in 1..threads.min(count) {
            let thread = std::thread::Builder::new().name(format!("ztor-hash-{number}"));
            if let Err(error) = thread.spawn_scoped(scope, run) {
                tracing::warn!(%error, "hashing with fewer threads");
                break;
            }
        }
        run();
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None if stopped.into_inner() => Ok(End::Stopped),
        None => Ok(End::Complete),
    }
}
