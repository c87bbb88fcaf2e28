//! A worker that writes and hashes.

use super::fault::{EXHAUSTED_PAUSE, fault};
use super::queue::{Job, Jobs, Queue};
use crate::inbox::Inbox;
use crate::message::NetEvent;
use std::time::Instant;
use ztor_engine::{BlockDigest, DiskEvent, DiskId, TorrentId};
use ztor_storage::{PieceWriter, WriteDone, WriteJob};

/// Maximum number of blocks written in one go, so that an answer does not wait for a whole backlog.
const MAX_BATCH: usize = 256;

/// Writer of blocks: a [`PieceWriter`], except in tests.
pub(super) trait Write {
    fn write(&mut self, batch: &mut Vec<WriteJob>, done: &mut Vec<WriteDone>);
    fn forget_torrent(&mut self, torrent: u64);
}

impl Write for PieceWriter {
    fn write(&mut self, batch: &mut Vec<WriteJob>, done: &mut Vec<WriteDone>) {
        PieceWriter::write(self, batch, done);
    }

    fn forget_torrent(&mut self, torrent: u64) {
        PieceWriter::forget_torrent(self, torrent);
    }
}

/// State of a worker.
pub(super) struct Worker<W> {
    writer: W,
    batch: Vec<WriteJob>,
    done: Vec<WriteDone>,
    answers: Vec<NetEvent>,
    /// Jobs that failed for lack of open files or memory, and the time of their retry. They count as waiting for the
    /// disk, so there are no more than the engine lets wait.
    later: Vec<WriteJob>,
    again_at: Instant,
}

impl<W: Write> Worker<W> {
    pub(super) fn new(writer: W) -> Self {
        let (batch, done, answers) = (Vec::new(), Vec::new(), Vec::new());
        Self { writer, batch, done, answers, later: Vec::new(), again_at: Instant::now() }
    }

    pub(super) fn run(&mut self, queue: &Queue, inbox: &Inbox<NetEvent>) {
        let mut jobs = Jobs::default();
        loop {
            let pause = self.again_at.saturating_duration_since(Instant::now());
            queue.take(&mut jobs, (!self.later.is_empty()).then_some(pause));
            let mut stop = false;
            jobs.clear_counts();
            for job in jobs.list.drain(..) {
                match job {
                    Job::Write(write) => {
                        self.batch.push(write);
                        if self.batch.len() >= MAX_BATCH {
                            self.write_batch();
                            inbox.append(&mut self.answers);
                        }
                    }
                    Job::Forget { torrent, leaving } => {
                        self.write_batch();
                        self.forget(torrent);
                        // All answers precede the report that the torrent has left.
                        inbox.append(&mut self.answers);
                        drop(leaving);
                    }
                    Job::Stop => stop = true,
                    #[cfg(test)]
                    Job::Stall(until) => {
                        let _ = until.recv();
                    }
                }
            }
            if stop || self.again_at <= Instant::now() {
                self.batch.append(&mut self.later);
            }
            self.write_batch();
            if stop {
                self.give_up();
            }
            inbox.append(&mut self.answers);
            if stop {
                return;
            }
        }
    }

    fn forget(&mut self, torrent: TorrentId) {
        self.writer.forget_torrent(torrent.as_u64());
        for job in self.later.extract_if(.., |job| job.torrent == torrent.as_u64()) {
            self.answers.push(written(&job));
        }
    }

    /// Answers all jobs that wait for a retry.
    fn give_up(&mut self) {
        for job in self.later.drain(..) {
            self.answers.push(written(&job));
        }
    }

    fn write_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        self.writer.write(&mut self.batch, &mut self.done);
        for result in self.done.drain(..) {
            let (torrent, event) = match result {
                WriteDone::Written { torrent, len, tag, .. } => {
                    (torrent, DiskEvent::Written { disk: counted(tag), bytes: len })
                }
                WriteDone::PieceOk { torrent, piece, blocks } => {
                    (torrent, DiskEvent::PieceOk { piece, digests: digests(blocks.unwrap_or_default()) })
                }
                WriteDone::PieceBad { torrent, piece, blocks } => {
                    (torrent, DiskEvent::PieceBad { piece, digests: digests(blocks) })
                }
                WriteDone::Failed { job, error } if error.is_exhausted() => {
                    if self.later.is_empty() {
                        tracing::warn!(%error, "cannot write for now; retrying");
                    }
                    self.again_at = Instant::now() + EXHAUSTED_PAUSE;
                    self.later.push(job);
                    continue;
                }
                WriteDone::Unjudged { torrent, error, .. } => {
                    (torrent, DiskEvent::Failed { fault: fault(&error) })
                }
                WriteDone::Failed { job, error } => {
                    self.answers.push(written(&job));
                    (job.torrent, DiskEvent::Failed { fault: fault(&error) })
                }
            };
            self.answers.push(NetEvent::disk(TorrentId::from_u64(torrent), event));
        }
    }
}

/// Creates the answer to a write that does not wait for the disk any more, whatever its outcome.
fn written(job: &WriteJob) -> NetEvent {
    let disk = counted(job.tag);
    let bytes = job.data.len() as u32;
    NetEvent::disk(TorrentId::from_u64(job.torrent), DiskEvent::Written { disk, bytes })
}

/// Returns the disk that the engine counts a block for, from the tag of its job.
fn counted(tag: u64) -> DiskId {
    usize::try_from(tag).ok().and_then(DiskId::new).unwrap_or_default()
}

fn digests(blocks: Vec<ztor_storage::BlockDigest>) -> Vec<BlockDigest> {
    blocks.into_iter().map(|b| BlockDigest { begin: b.begin, digest: b.digest }).collect()
}
