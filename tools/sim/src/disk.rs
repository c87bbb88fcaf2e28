//! A virtual disk with unsynced data and faults.
//!
//! It runs jobs in order, each for some time, and saves resume data in parallel. A power cut loses unsynced data in
//! part: each sector is lost or kept at random.
//!
//! It has two lanes, each with its own order, like two devices. The files are on one of them. A piece in progress stays
//! on the lane of its first block when the files move.

use crate::content::{Content, digests};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use ztor_base::{Duration, Instant};
use ztor_engine::{Bitfield, DiskEvent, DiskFault, DiskFaultKind, PeerKey, ResumeData, WriteBlock};
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::Block;

/// Bytes that a power cut loses or keeps as a whole.
const SECTOR: usize = 4096;
/// Number of lanes.
pub(crate) const LANES: usize = 2;

/// State of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Fine,
    /// Writes fail.
    Full,
    /// Reads and writes fail, as if unplugged.
    Gone,
    /// Some reads fail.
    BadReads,
}

/// A disk job.
#[derive(Debug)]
pub(crate) enum Job {
    Write(WriteBlock),
    Read {
        peer: PeerKey,
        block: Block,
    },
    Check {
        trust: bool,
    },
    Forget,
    /// Keeps right blocks of a piece that hashed wrong.
    Keep {
        piece: u32,
        blocks: Bitfield,
    },
    /// Hashes the blocks of a piece for a peer.
    Leaves {
        piece: u32,
    },
    /// Deletes the files.
    Delete,
    /// Syncs written data, before the resume data records it. `changes` is the number of changes by others before the
    /// last check.
    Sync {
        resume: ResumeData,
        finished: bool,
        changes: u32,
    },
    Commit {
        resume: ResumeData,
        finished: bool,
        changes: u32,
    },
}

/// Result of a job.
pub(crate) enum Done {
    /// Event for the engine.
    Tell(DiskEvent),
    /// Block to send.
    Block {
        peer: PeerKey,
        block: Block,
        data: Vec<u8>,
    },
    /// Failure to read a block to send.
    NoBlock {
        peer: PeerKey,
        message: String,
    },
    Synced {
        resume: ResumeData,
        finished: bool,
        changes: u32,
    },
    Saved {
        resume: ResumeData,
        finished: bool,
    },
    NotSaved,
}

/// Resume data of an earlier process.
#[derive(Debug, Clone)]
pub(crate) struct Resume {
    pub(crate) have: Bitfield,
    pub(crate) downloaded: u64,
    pub(crate) uploaded: u64,
    /// Number of changes of the files by others before it.
    changes: u32,
}

/// Lanes that a job waits for.
enum Lane {
    /// That of the saves.
    Saves,
    One(usize),
    All,
}

struct Undo {
    at: usize,
    old: Vec<u8>,
}

pub(crate) struct Disk {
    content: Arc<Content>,
    bytes: Vec<u8>,
    unsynced: Vec<Undo>,
    /// Written blocks of pieces in progress, by their first bytes.
    written: BTreeMap<u32, BTreeSet<u32>>,
    was_bad: BTreeSet<u32>,
    /// Lane of the files.
    lane: usize,
    /// Lanes of pieces in progress.
    writers: BTreeMap<u32, usize>,
    /// Number of changes of the files by others, deletions included.
    changes: u32,
    /// Number of these before the last check.
    checked_changes: u32,
    /// True while a deletion is planned.
    deletes: bool,
    pub(crate) health: Health,
    pub(crate) latency: Duration,
    /// Bytes per second.
    pub(crate) speed: u64,
    free_at: [Instant; LANES],
    save_free_at: Instant,
    pub(crate) resume: Option<Resume>,
}

impl Disk {
    /// Returns a disk with all of the content, or with none of it.
    pub(crate) fn new(content: Arc<Content>, is_full: bool) -> Self {
        let bytes = if is_full { content.image().to_vec() } else { vec![0; content.image().len()] };
        Self {
            content,
            bytes,
            unsynced: Vec::new(),
            written: BTreeMap::new(),
            was_bad: BTreeSet::new(),
            lane: 0,
            writers: BTreeMap::new(),
            changes: 0,
            checked_changes: 0,
            deletes: false,
            health: Health::Fine,
            latency: Duration::from_micros(200),
            speed: 200_000_000,
            free_at: [Instant::ZERO; LANES],
            save_free_at: Instant::ZERO,
            resume: None,
        }
    }

    /// Queues a job, and returns the time at which it is done.
    pub(crate) fn plan(&mut self, now: Instant, job: &Job) -> Instant {
        let current = self.lane;
        let (lane, bytes) = match job {
            Job::Sync { .. } | Job::Commit { .. } => (Lane::Saves, 256 * 1024),
            Job::Write(write) => {
                let lane = *self.writers.entry(write.piece).or_insert(current);
                (Lane::One(lane), write.data.len())
            }
            Job::Read { block, .. } => (Lane::One(current), block.len as usize),
            Job::Check { .. } => (Lane::All, self.bytes.len()),
            Job::Keep { .. } => (Lane::One(current), 0),
            Job::Leaves { piece } => {
                (Lane::One(current), self.content.meta.layout.piece_len(*piece) as usize)
            }
            Job::Forget | Job::Delete => (Lane::All, 0),
        };
        self.deletes |= matches!(job, Job::Delete);
        let work = self.latency + Duration::from_micros(bytes as u64 * 1_000_000 / self.speed.max(1));
        match lane {
            Lane::Saves => after(now, std::slice::from_mut(&mut self.save_free_at), work),
            Lane::One(lane) => after(now, &mut self.free_at[lane..=lane], work),
            Lane::All => after(now, &mut self.free_at, work),
        }
    }

    /// Moves the files to a lane. Pieces in progress stay on theirs.
    pub(crate) fn move_to(&mut self, lane: usize) {
        self.lane = lane;
    }

    /// Delays all jobs of a lane.
    pub(crate) fn hang(&mut self, now: Instant, lane: usize, time: Duration) {
        self.free_at[lane] = self.free_at[lane].max(now + time);
    }

    /// Overwrites or clears these pieces, as another program does.
    pub(crate) fn damage(&mut self, rng: &mut Rng, pieces: &[u32]) {
        for piece in pieces {
            let bytes = &mut self.bytes[self.content.span(*piece)];
            if rng.bool() { bytes.fill(0) } else { rng.fill(bytes) }
        }
        self.changes += 1;
    }

    /// Restores the true bytes of all pieces, as another program does.
    pub(crate) fn repair(&mut self) {
        self.bytes.copy_from_slice(self.content.image());
        self.changes += 1;
    }

    /// Returns the number of changes of the files by others before the last check.
    pub(crate) fn checked_changes(&self) -> u32 {
        self.checked_changes
    }

    /// Returns true if resume data exists and no other program has changed the files since.
    pub(crate) fn is_trusted(&self) -> bool {
        self.resume.as_ref().is_some_and(|resume| resume.changes == self.changes)
    }

    fn delete(&mut self) {
        self.bytes.fill(0);
        self.unsynced.clear();
        self.deletes = false;
        self.changes += 1;
    }

    /// Runs a job that is due.
    pub(crate) fn run(&mut self, rng: &mut Rng, job: Job, out: &mut Vec<Done>) {
        match job {
            Job::Write(write) => self.write(&write, out),
            Job::Read { peer, block } => out.push(self.read(rng, peer, block)),
            Job::Check { trust } => out.push(Done::Tell(self.check(trust))),
            Job::Keep { piece, blocks } => {
                // A check may have cleared everything meanwhile, as on a real disk.
                let begins = blocks.iter().map(|block| block * BLOCK_LEN).collect();
                self.written.insert(piece, begins);
                out.push(Done::Tell(DiskEvent::Kept { piece, is_kept: true }));
            }
            Job::Leaves { piece } => {
                let leaves = digests(&self.content, piece, &self.bytes[self.content.span(piece)]);
                let leaves = leaves.into_iter().map(|block| block.digest).collect();
                out.push(Done::Tell(DiskEvent::Leaves { piece, leaves }));
            }
            Job::Forget => {
                self.written.clear();
                self.writers.clear();
                self.was_bad.clear();
            }
            Job::Delete => self.delete(),
            // Others have changed the files, and only a check finds out what is left.
            Job::Sync { changes, .. } | Job::Commit { changes, .. } if changes != self.changes => {
                out.push(Done::NotSaved);
            }
            Job::Sync { resume, finished, changes } => match self.health {
                Health::Gone => out.push(Done::NotSaved),
                _ => {
                    self.unsynced.clear();
                    out.push(Done::Synced { resume, finished, changes });
                }
            },
            Job::Commit { resume, finished, changes } => {
                self.resume = Some(Resume {
                    have: resume.have.clone(),
                    downloaded: resume.downloaded,
                    uploaded: resume.uploaded,
                    changes,
                });
                out.push(Done::Saved { resume, finished });
            }
        }
    }

    /// Ends the process. With `power_cut` it restores the old content of a random part of the unsynced sectors.
    pub(crate) fn crash(&mut self, rng: &mut Rng, power_cut: bool) {
        self.written.clear();
        self.writers.clear();
        self.was_bad.clear();
        (self.free_at, self.save_free_at) = ([Instant::ZERO; LANES], Instant::ZERO);
        if self.deletes {
            // The next process completes the deletion.
            self.delete();
        }
        if !power_cut {
            return;
        }
        for undo in std::mem::take(&mut self.unsynced).into_iter().rev() {
            for (n, old) in undo.old.chunks(SECTOR).enumerate() {
                if rng.bool() {
                    self.bytes[undo.at + n * SECTOR..][..old.len()].copy_from_slice(old);
                }
            }
        }
    }

    /// Returns true if all bytes of the piece are right.
    pub(crate) fn is_true(&self, piece: u32) -> bool {
        let span = self.content.span(piece);
        self.bytes[span.clone()] == self.content.image()[span]
    }

    fn write(&mut self, write: &WriteBlock, out: &mut Vec<Done>) {
        let len = write.data.len();
        out.push(Done::Tell(DiskEvent::Written { disk: write.disk, bytes: len as u32 }));
        if matches!(self.health, Health::Full | Health::Gone) {
            return out.push(Done::Tell(DiskEvent::Failed { fault: self.fault() }));
        }
        let at = self.content.start(write.piece) + write.begin as usize;
        let place = &mut self.bytes[at..at + len];
        self.unsynced.push(Undo { at, old: place.to_vec() });
        place.copy_from_slice(&write.data);
        let blocks = self.written.entry(write.piece).or_default();
        blocks.insert(write.begin);
        if blocks.len() as u32 == self.content.meta.layout.block_count(write.piece) {
            out.push(Done::Tell(self.judge(write.piece)));
        }
    }

    fn judge(&mut self, piece: u32) -> DiskEvent {
        self.written.remove(&piece);
        self.writers.remove(&piece);
        let bytes = &self.bytes[self.content.span(piece)];
        if self.content.verifies(piece, bytes) && self.content.is_inconsistent {
            let message = "the torrent contradicts itself".to_owned();
            DiskEvent::Failed { fault: DiskFault { kind: DiskFaultKind::Inconsistent, message } }
        } else if self.content.verifies(piece, bytes) {
            let digests =
                if self.was_bad.remove(&piece) { digests(&self.content, piece, bytes) } else { Vec::new() };
            DiskEvent::PieceOk { piece, digests }
        } else {
            self.was_bad.insert(piece);
            DiskEvent::PieceBad { piece, digests: digests(&self.content, piece, bytes) }
        }
    }

    fn read(&self, rng: &mut Rng, peer: PeerKey, block: Block) -> Done {
        if self.health == Health::Gone || (self.health == Health::BadReads && rng.u8(0..8) == 0) {
            return Done::NoBlock { peer, message: self.fault().message };
        }
        let at = self.content.start(block.piece) + block.begin as usize;
        Done::Block { peer, block, data: self.bytes[at..at + block.len as usize].to_vec() }
    }

    /// Checks the pieces on disk. With `trust` it believes the resume data, as if the files were unchanged.
    fn check(&mut self, trust: bool) -> DiskEvent {
        if self.health == Health::Gone {
            return DiskEvent::Failed { fault: self.fault() };
        }
        self.checked_changes = self.changes;
        let pieces = self.content.pieces();
        let mut have = Bitfield::new(pieces);
        match &self.resume {
            Some(resume) if trust => have.clone_from(&resume.have),
            _ => have.extend(
                (0..pieces).filter(|p| self.content.verifies(*p, &self.bytes[self.content.span(*p)])),
            ),
        }
        DiskEvent::Checked { have }
    }

    fn fault(&self) -> DiskFault {
        let (kind, message) = match self.health {
            Health::Full => (DiskFaultKind::Full, "no space left on the virtual disk"),
            _ => (DiskFaultKind::Io, "the virtual disk does not answer"),
        };
        DiskFault { kind, message: message.to_owned() }
    }
}

/// Occupies lanes for some time, and returns its end.
fn after(now: Instant, free_at: &mut [Instant], time: Duration) -> Instant {
    let at = free_at.iter().copied().fold(now, Instant::max) + time;
    free_at.fill(at);
    at
}
