use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// End of [`in_parallel`] without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    Stopped,
}

/// Distribution of the numbers by [`in_parallel`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    /// Count of adjacent numbers that a thread takes at a time, to read them in order.
    pub stretch: usize,
    /// Maximum count of numbers that a thread processes at once.
    pub group: usize,
}

/// Runs `work` for all of `0..count` on `threads` threads, including the calling one.
///
/// The first error ends all threads, and so does `stop`. Each thread has its own scratch.
pub(crate) fn in_parallel<S, E: Send>(
    count: usize,
    shares: Shares,
    threads: usize,
    stop: &AtomicBool,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, Range<usize>) -> Result<(), E> + Sync,
) -> Result<End, E> {
    let Shares { stretch, group } = shares;
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
            let end = count.min(start.saturating_add(stretch));
            for first in (start..end).step_by(group) {
                if stop.load(Ordering::Relaxed) {
                    stopped.store(true, Ordering::Relaxed);
                    return;
                }
                if failed.load(Ordering::Relaxed) {
                    return;
                }
                if let Err(error) = work(&mut scratch, first..end.min(first + group)) {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    failed.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for number in 1..threads.min(count.div_ceil(stretch)) {
            let thread = std::thread::Builder::new().name(format!("ztor-hash-{number}"));
            if let Err(error) = thread.spawn_scoped(scope, run) {
                tracing::warn!(%error, "cannot start a hash thread");
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

impl Shares {
    /// Returns the shares of `count` pieces of `piece_length` bytes for `threads` threads, in groups of up to `lanes`.
    ///
    /// Stretches are long enough for a disk to read in order, and short enough to occupy all threads.
    pub(crate) fn of_pieces(count: usize, piece_length: u32, threads: usize, lanes: usize) -> Self {
        const STRETCH_LEN: u32 = 16 << 20;

        let even = count.div_ceil(threads.max(1)).max(1);
        let group = lanes.clamp(1, even);
        let stretch = (STRETCH_LEN / piece_length.max(1)) as usize;
        Self { stretch: stretch.clamp(group, even).next_multiple_of(group), group }
    }
}
