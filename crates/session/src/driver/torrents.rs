//! The table of torrents, and the retries of those that a disk fault has stopped.

use super::context::Context;
use super::entry::{Entry, Stopped};
use super::suspects::Served;
use crate::disk::{Disks, Membership};
use crate::message::NewTorrent;
use crate::shares::FileLink;
use crate::snapshot::SessionEvent;
use slotmap::SecondaryMap;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use ztor_base::Instant;
use ztor_engine::{
    Command, CommonPieces, DiskEvent, DiskFault, DiskFaultKind, KeepBlocks, SendBlock, TorrentId, WriteBlock,
};

/// Files of all torrents.
pub(super) struct Torrents {
    table: SecondaryMap<TorrentId, Entry>,
    /// Torrents by the addresses of their stores.
    by_store: HashMap<usize, TorrentId>,
    /// Time of the next retry of any torrent.
    retry_at: Instant,
    /// Files in common with torrents that are not in the table yet.
    unlinked: Vec<(TorrentId, FileLink)>,
}

impl Torrents {
    pub(super) fn new() -> Self {
        Self {
            table: SecondaryMap::new(),
            by_store: HashMap::new(),
            retry_at: Instant::FAR_FUTURE,
            unlinked: Vec::new(),
        }
    }

    /// Adds a torrent, and checks its files.
    pub(super) fn insert(&mut self, id: TorrentId, new: NewTorrent, member: Arc<Membership>, disks: &Disks) {
        self.by_store.insert(Arc::as_ptr(&new.store).addr(), id);
        self.table.insert(id, Entry::new(id, new, member));
        self.check(id, disks);
    }

    /// Links the files of a torrent to those of others, as far as they are in the table. Returns the pieces that two
    /// torrents have in common now.
    pub(super) fn link(&mut self, id: TorrentId, links: Vec<FileLink>) -> Vec<CommonPieces> {
        self.unlinked.extend(links.into_iter().map(|link| (id, link)));
        if self.unlinked.is_empty() {
            return Vec::new();
        }
        let mut linked = Vec::new();
        for (id, link) in std::mem::take(&mut self.unlinked) {
            match (self.by_store.get(&link.other.as_ptr().addr()).copied(), self.table.contains_key(id)) {
                (_, false) => {}
                // It was refused or removed.
                (None, true) if link.other.strong_count() == 0 => {}
                (None, true) => self.unlinked.push((id, link)),
                (Some(other), true) => {
                    let route = self.table[other].route_of(other, link.theirs);
                    if let Some(entry) = self.table.get_mut(id) {
                        entry.set_route(link.mine..link.mine.saturating_add(link.count), route);
                    }
                    let (one, two) = ((other, link.theirs), (id, link.mine));
                    linked.push(CommonPieces { one, two, count: link.count });
                }
            }
        }
        linked
    }

    /// Looks for a piece on disk that another torrent has verified.
    pub(super) fn look(&self, id: TorrentId, piece: u32, disks: &Disks) {
        if let Some(entry) = self.table.get(id) {
            disks.look(id, piece, entry.member());
        }
    }

    /// Keeps right blocks of a piece that hashed wrong.
    pub(super) fn keep(&self, keep: KeepBlocks, disks: &Disks) {
        if let Some(entry) = self.table.get(keep.torrent) {
            disks.keep(keep, entry.member());
        }
    }

    /// Hashes the blocks of a verified piece.
    pub(super) fn hash_leaves(&self, id: TorrentId, piece: u32, disks: &Disks) {
        if let Some(entry) = self.table.get(id) {
            disks.hash_leaves(id, piece, entry.member());
        }
    }

    /// Loads the info dictionary and the hashes of a torrent into memory. Returns false if there is nobody to load them.
    pub(super) fn load_bulk(&self, id: TorrentId, disks: &Disks) -> bool {
        self.table.get(id).is_some_and(|entry| disks.load_bulk(id, entry.member()))
    }

    /// Removes a torrent, and stops its check.
    pub(super) fn remove(&mut self, id: TorrentId, disks: &mut Disks) {
        self.unlinked.retain(|(of, _)| *of != id);
        if let Some(entry) = self.table.remove(id) {
            self.by_store.remove(&Arc::as_ptr(entry.store()).addr());
            entry.into_members().for_each(|member| disks.leave(id, member));
        }
    }

    /// Abandons the pieces in progress of a torrent.
    pub(super) fn forget(&mut self, id: TorrentId, disks: &mut Disks) {
        if let Some(entry) = self.table.get_mut(id) {
            disks.forget(id, entry.member());
            entry.on_piece_end(None).into_iter().for_each(|member| disks.leave(id, member));
        }
    }

    pub(super) fn get_mut(&mut self, id: TorrentId) -> Option<&mut Entry> {
        self.table.get_mut(id)
    }

    /// Returns the torrents that wrote in this session, and have files that they did not create.
    pub(super) fn that_expect_files(&self) -> impl Iterator<Item = TorrentId> {
        self.table.iter().filter(|(_, entry)| entry.store().expects_files()).map(|(id, _)| id)
    }

    pub(super) fn get(&self, id: TorrentId) -> Option<&Entry> {
        self.table.get(id)
    }

    /// Checks a torrent's files.
    pub(super) fn check(&mut self, id: TorrentId, disks: &Disks) {
        if let Some(entry) = self.table.get_mut(id) {
            disks.check(entry.check_job(), entry.member());
        }
    }

    /// Stops all checks and moves.
    pub(super) fn stop_jobs(&self) {
        self.table.values().for_each(Entry::stop_jobs);
    }

    /// Lets a torrent leave the threads of its earlier device when they have completed its last piece.
    pub(super) fn on_disk_event(&mut self, id: TorrentId, event: &DiskEvent, disks: &mut Disks) {
        if let DiskEvent::PieceOk { piece, .. } | DiskEvent::PieceBad { piece, .. } = event
            && let Some(entry) = self.table.get_mut(id)
        {
            entry.on_piece_end(Some(*piece)).into_iter().for_each(|member| disks.leave(id, member));
        }
    }

    /// Writes a block.
    pub(super) fn write(&self, write: WriteBlock, disks: &mut Disks) {
        match self.table.get(write.torrent) {
            Some(entry) => {
                let writer = entry.writer_of(write.piece);
                let route = entry.route_of(write.torrent, write.piece);
                disks.write(write, writer, route);
            }
            None => tracing::debug!("dropping a block of a removed torrent"),
        }
    }

    /// Locates a block, which also detects a changed file.
    pub(super) fn locate(&self, send: SendBlock, disks: &Disks) {
        if let Some(entry) = self.table.get(send.torrent) {
            disks.locate(send, entry.member());
        }
    }

    /// Reads the bytes of a block back into memory.
    pub(super) fn warm(&self, send: SendBlock, disks: &Disks) {
        if let Some(entry) = self.table.get(send.torrent) {
            disks.warm(send, entry.member());
        }
    }

    /// Counts a connection that its peer has closed against the pieces that the peer was served.
    pub(super) fn on_hang_up(&mut self, now: Instant, served: &Served, disks: &Disks) {
        if let Some((torrent, pieces)) = served.pieces()
            && let Some(entry) = self.table.get_mut(torrent)
        {
            for piece in entry.on_hang_up(now, pieces) {
                disks.rehash(torrent, piece, entry.member());
            }
        }
    }

    /// Handles a verified piece that does not match its hash any more.
    pub(super) fn on_rotten(&mut self, cx: &mut Context, torrent: TorrentId, piece: u32) {
        if let Some(entry) = self.table.get_mut(torrent) {
            entry.on_rotten(cx, piece);
        }
    }

    /// Records that a torrent runs, and reports its check.
    pub(super) fn on_started(&mut self, cx: &mut Context, torrent: TorrentId) {
        if let Some(entry) = self.table.get_mut(torrent) {
            let (hashed_bytes, believed_bytes) = entry.on_started(cx.now());
            cx.emit(SessionEvent::Checked { torrent, hashed_bytes, believed_bytes });
        }
    }

    /// Records that a fault has stopped a torrent, and plans its retry. Returns false if a check follows at once, so
    /// that the stop is not reported.
    pub(super) fn on_stopped(&mut self, cx: &mut Context, torrent: TorrentId, fault: &DiskFault) -> bool {
        let Some(entry) = self.table.get_mut(torrent) else { return true };
        match entry.on_stopped(cx.now(), fault.kind) {
            Stopped::LooksAgain => {
                cx.emit(SessionEvent::ChangedByOthers { torrent, fault: fault.clone() });
                return false;
            }
            Stopped::Rests { retry_after: Some(after) } => {
                self.retry_at = self.retry_at.min(cx.now() + after);
                cx.emit(SessionEvent::WillRetry { torrent, after });
            }
            Stopped::Rests { retry_after: None } => {}
        }
        true
    }

    /// Returns the download folder of a torrent that has stopped because it is gone, and its mount point; `None` for other
    /// faults.
    pub(super) fn gone_folder(
        &self,
        torrent: TorrentId,
        kind: DiskFaultKind,
    ) -> Option<(PathBuf, Option<PathBuf>)> {
        let entry = self.table.get(torrent).filter(|_| kind == DiskFaultKind::Gone)?;
        Some((entry.store().dir(), entry.mount()))
    }

    /// Resumes the torrents in these folders that wait for a retry, as the folders are back.
    pub(super) fn retry_in(&mut self, cx: &mut Context, dirs: &HashSet<PathBuf>) {
        let waits = |entry: &Entry| entry.retry_at().is_some() && dirs.contains(&entry.store().dir());
        for (id, entry) in self.table.iter_mut().filter(|(_, entry)| waits(entry)) {
            entry.resumed_by_time();
            cx.command(Command::Retry(id));
        }
    }

    /// Records that the user resumes a torrent.
    pub(super) fn resumed_by_user(&mut self, id: TorrentId) {
        if let Some(entry) = self.table.get_mut(id) {
            entry.resumed_by_user();
        }
    }

    /// Records that the user requests a check of all data.
    pub(super) fn recheck_by_user(&mut self, id: TorrentId) {
        if let Some(entry) = self.table.get_mut(id) {
            entry.recheck_by_user();
        }
    }

    /// Returns the time of the next retry.
    pub(super) fn retry_at(&self) -> Instant {
        self.retry_at
    }

    /// Resumes the torrents whose retry is due.
    pub(super) fn retry_due(&mut self, cx: &mut Context) {
        let now = cx.now();
        if now < self.retry_at {
            return;
        }
        let is_due = |entry: &Entry| entry.retry_at().is_some_and(|at| at <= now);
        for (id, entry) in self.table.iter_mut().filter(|(_, entry)| is_due(entry)) {
            entry.resumed_by_time();
            cx.command(Command::Retry(id));
        }
        let next = self.table.values().filter_map(Entry::retry_at).min();
        self.retry_at = next.unwrap_or(Instant::FAR_FUTURE);
    }
}
