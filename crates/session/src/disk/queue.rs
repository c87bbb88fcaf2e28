//! The queue of a worker that writes.

use super::membership::Membership;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use ztor_engine::TorrentId;
use ztor_storage::WriteJob;

/// Number of bytes that a worker gathers before it writes: hashing several pieces together costs half of hashing them
/// in turn, and it sleeps and wakes less often. All workers of a disk together stay well below what the engine lets
/// wait for it.
const GATHER_BYTES: usize = 1024 * 1024;
/// Longest time that a worker gathers.
const GATHER_FOR: Duration = Duration::from_millis(2);

/// A job of a worker that writes.
pub(super) enum Job {
    Write(WriteJob),
    /// Abandons the pieces in progress of a torrent. The membership is that of a torrent that leaves.
    Forget {
        torrent: TorrentId,
        leaving: Option<Arc<Membership>>,
    },
    Stop,
    /// Waits for the channel, as in a system call that does not return.
    #[cfg(test)]
    Stall(crossbeam_channel::Receiver<()>),
}

/// Jobs of one worker, in order.
#[derive(Default)]
pub(super) struct Jobs {
    pub(super) list: Vec<Job>,
    bytes_to_write: usize,
    /// True if there is a job other than a write, which does not wait.
    is_urgent: bool,
}

impl Jobs {
    pub(super) fn push(&mut self, job: Job) {
        match &job {
            Job::Write(write) => self.bytes_to_write += write.data.len(),
            _ => self.is_urgent = true,
        }
        self.list.push(job);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Resets the counts of a list that is being processed.
    pub(super) fn clear_counts(&mut self) {
        (self.bytes_to_write, self.is_urgent) = (0, false);
    }

    fn append(&mut self, other: &mut Self) {
        self.list.append(&mut other.list);
        self.bytes_to_write += std::mem::take(&mut other.bytes_to_write);
        self.is_urgent |= std::mem::take(&mut other.is_urgent);
    }

    fn are_enough(&self) -> bool {
        self.is_urgent || self.bytes_to_write >= GATHER_BYTES
    }
}

/// The queue of one worker. Bounded by what the engine lets wait for a disk.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Jobs>,
    ready: Condvar,
}

impl Queue {
    /// Adds `jobs`, and leaves it empty.
    pub(super) fn add(&self, jobs: &mut Jobs) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (was_empty, were_enough) = (waiting.list.is_empty(), waiting.are_enough());
        waiting.append(jobs);
        let is_news = was_empty || (!were_enough && waiting.are_enough());
        drop(waiting);
        if is_news {
            self.ready.notify_one();
        }
    }

    /// Moves the waiting jobs to `jobs`, which is empty. Waits until there are some, for at most `limit` if there is
    /// one, and then a little longer for more.
    pub(super) fn take(&self, jobs: &mut Jobs, limit: Option<Duration>) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = match limit {
            None => self.ready.wait_while(waiting, |jobs| jobs.list.is_empty()),
            Some(limit) => {
                let waited = self.ready.wait_timeout_while(waiting, limit, |jobs| jobs.list.is_empty());
                Ok(waited.unwrap_or_else(PoisonError::into_inner).0)
            }
        };
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        if waiting.list.is_empty() {
            return;
        }
        let gathered = self.ready.wait_timeout_while(waiting, GATHER_FOR, |jobs| !jobs.are_enough());
        let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *waiting, jobs);
    }
}
