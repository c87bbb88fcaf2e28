//! Points at which tests end the process, as a crash would.

#[cfg(any(test, feature = "testing"))]
use std::sync::atomic::{AtomicI64, Ordering};

/// Changes of the disk until the crash; negative for none.
#[cfg(any(test, feature = "testing"))]
static LEFT: AtomicI64 = AtomicI64::new(-1);

#[cfg(test)]
thread_local! {
    /// Does the same for one thread, and panics.
    pub(crate) static LEFT_HERE: std::cell::Cell<i64> = const { std::cell::Cell::new(-1) };
}

/// Ends the process at the change of the disk after the next `changes`, with `SIGKILL`. Such changes are new, renamed and
/// removed files and folders, and replaced resume files.
#[cfg(feature = "testing")]
pub fn crash_after(changes: u32) {
    LEFT.store(i64::from(changes), Ordering::SeqCst);
}

/// Marks a change of the disk, before it is made.
pub(crate) fn point() {
    #[cfg(test)]
    LEFT_HERE.with(|left| {
        if left.get() == 0 {
            std::panic::resume_unwind(Box::new("crash"));
        }
        left.set(left.get() - 1);
    });
    #[cfg(any(test, feature = "testing"))]
    if LEFT.load(Ordering::SeqCst) >= 0 && LEFT.fetch_sub(1, Ordering::SeqCst) == 0 {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
