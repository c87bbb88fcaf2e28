//! The two threads of a disk that check, and their queue.
//!
//! The first compares stamps, torrent by torrent, which is all that most torrents need after a restart. Those that have
//! to be read wait for the second, which hashes one torrent at a time, the smallest first.

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

/// A check, with the membership of its torrent.
pub(super) struct Check {
    pub(super) job: Box<CheckJob>,
    #[expect(dead_code, reason = "a torrent has not left its disk before its checks are gone")]
    pub(super) member: Arc<Membership>,
}

/// A job of a thread that checks.
pub(super) enum CheckTask {
    Check(Check),
    /// Waits for the channel, as in a system call that does not return.
    #[cfg(test)]
    Stall(Receiver<()>),
}

/// Checks of one disk that have to read. Bounded by the number of its torrents.
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
    /// Set once nothing is added any more.
    is_closed: bool,
}

struct Waiting {
    bytes: u64,
    /// Time of the retry of a check that failed for lack of open files or memory; `None` otherwise.
    not_before: Option<Instant>,
    task: CheckTask,
}

impl Waiting {
    /// Returns the torrent of the check; `None` if the check was stopped.
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

    /// Drops stopped checks.
    pub(super) fn drop_stopped(&self) {
        let stopped: Vec<Waiting> =
            self.lock().waiting.extract_if(.., |waiting| waiting.torrent().is_none()).collect();
        drop(stopped);
    }

    /// Returns true if a check of the torrent waits, or is under way even if it was stopped. Another one has to wait
    /// for its end.
    pub(super) fn has(&self, torrent: TorrentId) -> bool {
        let state = self.lock();
        state.current == Some(torrent)
            || state.waiting.iter().any(|waiting| waiting.torrent() == Some(torrent))
    }

    /// Ends the thread once no check waits.
    fn close(&self) {
        self.lock().is_closed = true;
        self.ready.notify_one();
    }

    /// Takes the smallest check that is due, and waits until there is one. Returns `None` at the end.
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

/// Compares stamps until the channel closes.
pub(super) fn look(tasks: &Receiver<CheckTask>, to_hash: &ToHash, inbox: &Inbox<NetEvent>) {
    look_with(tasks, to_hash, inbox, |job| glance(job, inbox));
    to_hash.close();
}

/// Runs `glance` on checks until the channel closes. One that fails for lack of open files or memory is retried after a
/// pause, behind those that arrive in between.
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
            // It may have to read everything, which is known only after the end of the first.
            let most = check.job.store.meta().layout.total_len();
            to_hash.add(most, CheckTask::Check(check));
            continue;
        }
        match glance(&check.job) {
            Ok(Glance::Found(found)) => answer(&check.job, Ok(found), inbox),
            Ok(Glance::Reads(bytes)) => to_hash.add(bytes, CheckTask::Check(check)),
            Err(error) if error.is_exhausted() => {
                tracing::warn!(%error, "cannot check for now; retrying");
                later.push_back(check);
            }
            Err(error) => answer(&check.job, Err(error), inbox),
        }
    }
}

/// Runs checks that have to read files, one at a time, until the queue is closed and empty.
pub(super) fn hash(to_hash: &ToHash, inbox: &Inbox<NetEvent>) {
    while let Some((bytes, task)) = to_hash.take() {
        match task {
            CheckTask::Check(checking) => match check(&checking.job, inbox) {
                Err(error) if error.is_exhausted() => {
                    tracing::warn!(%error, "cannot check for now; retrying");
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

/// Reports the result of a check, unless it was stopped: it must not be mistaken for that of the next.
fn answer(job: &CheckJob, result: Result<Found, StorageError>, inbox: &Inbox<NetEvent>) {
    let torrent = job.torrent;
    if job.stop.load(Ordering::Relaxed) {
        return;
    }
    match result {
        Ok(Found { present: have, unfinished: pieces }) => {
            // Together, so that no block of them is requested in between.
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
