//! The two threads of a disk that check, and what waits for them.
//!
//! The first looks at stamps, torrent by torrent: after a restart that is all that most of them need. What has to be read
//! waits for the second, which hashes one torrent at a time, the smallest first.

use super::check::{CheckJob, Found, Glance, check, glance};
use super::fault::{EXHAUSTED_PAUSE, fault};
use super::membership::Membership;
use crate::inbox::Inbox;
use crate::message::NetEvent;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;
use ztor_engine::{DiskEvent, TorrentId};
use ztor_storage::StorageError;

/// A check, and the torrent that it is for.
pub(super) struct Check {
    pub(super) job: Box<CheckJob>,
    #[expect(dead_code, reason = "a torrent has not left its disk before its checks are gone")]
    pub(super) member: Arc<Membership>,
}

/// One thing to do for a thread that checks.
pub(super) enum CheckTask {
    Check(Check),
    /// Wait for the channel: a system call that does not return.
    #[cfg(test)]
    Stall(Receiver<()>),
}

/// Checks that have to read, of one disk. Bounded by the number of its torrents.
#[derive(Default)]
pub(super) struct ToHash {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// The torrent that is being hashed.
    current: Option<TorrentId>,
    /// Nothing is added any more.
    is_closed: bool,
}

struct Waiting {
    bytes: u64,
    /// A check that found no open file or memory left is tried again then.
    not_before: Option<Instant>,
    task: CheckTask,
}

impl Waiting {
    /// The torrent of the check, unless the check was stopped.
    fn torrent(&self) -> Option<TorrentId> {
        match &self.task {
            CheckTask::Check(Check { job, .. }) => (!job.stop.load(Ordering::Relaxed)).then_some(job.torrent),
            #[cfg(test)]
            CheckTask::Stall(_) => Some(TorrentId::default()),
        }
    }
}

impl ToHash {
    /// Adds a check that has to read `bytes` bytes.
    pub(super) fn add(&self, bytes: u64, task: CheckTask) {
        self.push(Waiting { bytes, not_before: None, task });
    }

    fn add_later(&self, bytes: u64, task: CheckTask) {
        self.push(Waiting { bytes, not_before: Some(Instant::now() + EXHAUSTED_PAUSE), task });
    }

    fn push(&self, waiting: Waiting) {
        self.drop_stopped();
        self.lock().waiting.push(waiting);
        self.ready.notify_one();
    }

    /// Drops the checks that were stopped.
    pub(super) fn drop_stopped(&self) {
        let stopped: Vec<Waiting> =
            self.lock().waiting.extract_if(.., |waiting| waiting.torrent().is_none()).collect();
        drop(stopped);
    }

    /// Returns true if a check of the torrent waits or is under way, though it may have been stopped: another one has to
    /// wait for its end.
    pub(super) fn has(&self, torrent: TorrentId) -> bool {
        let state = self.lock();
        state.current == Some(torrent)
            || state.waiting.iter().any(|waiting| waiting.torrent() == Some(torrent))
    }

    /// Lets the thread end after what waits.
    fn close(&self) {
        self.lock().is_closed = true;
        self.ready.notify_one();
    }

    /// Takes the smallest check that is due; waits until there is one. `None` at the end.
    fn take(&self) -> Option<(u64, CheckTask)> {
        let mut state = self.lock();
        state.current = None;
        loop {
            let now = Instant::now();
            let is_due = |waiting: &Waiting| state.is_closed || waiting.not_before.is_none_or(|at| at <= now);
            let due = state.waiting.iter().enumerate().filter(|(_, waiting)| is_due(waiting));
            if let Some((index, _)) = due.min_by_key(|(_, waiting)| waiting.bytes) {
                let waiting = state.waiting.remove(index);
                state.current = waiting.torrent();
                return Some((waiting.bytes, waiting.task));
            }
            if state.is_closed {
                return None;
            }
            let next = state.waiting.iter().filter_map(|waiting| waiting.not_before).min();
            state = match next.map(|at| at.saturating_duration_since(now)) {
                None => self.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(pause) => {
                    self.ready.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at stamps until the channel closes.
pub(super) fn look(tasks: &Receiver<CheckTask>, to_hash: &ToHash, inbox: &Inbox<NetEvent>) {
    look_with(tasks, to_hash, inbox, |job| glance(job, inbox));
    to_hash.close();
}

/// A job that found no open file or memory left is tried again after a pause, behind those that came in between.
pub(super) fn look_with(
    tasks: &Receiver<CheckTask>,
    to_hash: &ToHash,
    inbox: &Inbox<NetEvent>,
    glance: impl Fn(&CheckJob) -> Result<Glance, StorageError>,
) {
    let mut later = VecDeque::new();
    loop {
        let task = if later.is_empty() {
            tasks.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            tasks.recv_timeout(EXHAUSTED_PAUSE)
        };
        let check = match task {
            Ok(CheckTask::Check(check)) => check,
            #[cfg(test)]
            Ok(CheckTask::Stall(until)) => {
                let _ = until.recv();
                continue;
            }
            Err(RecvTimeoutError::Timeout) => match later.pop_front() {
                Some(check) => check,
                None => continue,
            },
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if to_hash.has(check.job.torrent) {
            // It may have to read all, which is known after the end of the other.
            let most = check.job.store.meta().layout.total_len();
            to_hash.add(most, CheckTask::Check(check));
            continue;
        }
        match glance(&check.job) {
            Ok(Glance::Found(found)) => answer(&check.job, Ok(found), inbox),
            Ok(Glance::Reads(bytes)) => to_hash.add(bytes, CheckTask::Check(check)),
            Err(error) if error.is_exhausted() => {
                tracing::warn!(%error, "cannot check for now; trying again");
                later.push_back(check);
            }
            Err(error) => answer(&check.job, Err(error), inbox),
        }
    }
}

/// Hashes until the queue closes.
pub(super) fn hash(to_hash: &ToHash, inbox: &Inbox<NetEvent>) {
    while let Some((bytes, task)) = to_hash.take() {
        match task {
            CheckTask::Check(checking) => match check(&checking.job, inbox) {
                Err(error) if error.is_exhausted() => {
                    tracing::warn!(%error, "cannot check for now; trying again");
                    to_hash.add_later(bytes, CheckTask::Check(checking));
                }
                result => answer(&checking.job, result, inbox),
            },
            #[cfg(test)]
            CheckTask::Stall(until) => {
                let _ = until.recv();
            }
        }
    }
}

/// Reports the result of a check. One that was stopped meanwhile must not be taken for the next.
fn answer(job: &CheckJob, result: Result<Found, StorageError>, inbox: &Inbox<NetEvent>) {
    let torrent = job.torrent;
    if job.stop.load(Ordering::Relaxed) {
        return;
    }
    match result {
        Ok(Found { present: have, unfinished: pieces }) => {
            // Together, so that no block of them is asked for in between.
            let checked = NetEvent::disk(torrent, DiskEvent::Checked { have });
            inbox.append(&mut vec![checked, NetEvent::disk(torrent, DiskEvent::Unfinished { pieces })]);
        }
        Err(StorageError::Stopped) => {}
        Err(error) => inbox.push(NetEvent::disk(torrent, DiskEvent::Failed { fault: fault(&error) })),
    }
}

#[cfg(test)]
#[path = "check_lanes_tests.rs"]
mod tests;
