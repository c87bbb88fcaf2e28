//! Moves of a torrent's files: by the user, and to the download folder when it is finished.

use super::Driver;
use super::entry::Entry;
use crate::disk::{Occasion, PlaceChange, Relocated};
use crate::move_error::MoveError;
use crate::reply::{Answer, AskError, answer};
use crate::snapshot::SessionEvent;
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use ztor_engine::{DiskFault, DiskFaultKind, MoveProgress, TorrentId, TorrentState};
use ztor_storage::Place;

/// Moves of one torrent. They are carried out one after the other, and not during a check.
#[derive(Debug, Default)]
pub(super) struct Moves {
    waiting: VecDeque<Request>,
    current: Option<Current>,
    /// Folder of the files once they are complete; `None` if they are in it.
    home: Option<PathBuf>,
}

/// A requested move.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) target: Target,
    pub(super) after: After,
}

/// Change of the place of files.
#[derive(Debug)]
pub(crate) enum Target {
    /// Moves all files to another download folder.
    Folder(PathBuf),
    /// Moves all files, which are not complete, to another folder. The download folder stays the same.
    Away(PathBuf),
    /// Moves all files to a folder, or a new numbered folder in it if something is in the way.
    Trash(PathBuf),
    /// Moves all files to the download folder, as they are complete.
    Home,
    RenameFile {
        file: usize,
        path: PathBuf,
    },
    RenameFolder {
        from: PathBuf,
        to: PathBuf,
    },
}

/// Continuation of a move.
#[derive(Debug)]
pub(super) enum After {
    Answer(Answer<(), MoveError>),
    /// Removes the torrent: the files are in the trash folder.
    Remove(Answer<(), MoveError>),
    /// Reports the torrent as finished, if its end waits for that.
    Finish,
}

#[derive(Debug)]
struct Current {
    request: Request,
    stop: Arc<AtomicBool>,
}

impl Moves {
    /// Creates the moves of a torrent whose files are to be in `home` once they are complete; `None` if they are.
    pub(super) fn new(home: Option<PathBuf>) -> Self {
        Self { home, ..Self::default() }
    }

    /// Returns the folder to which the files go when they are complete; `None` if they are there.
    pub(super) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// Forgets that folder if it is where the files are.
    fn settle(&mut self, here: &Path) {
        self.home.take_if(|home| home == here);
    }

    /// Returns true if the files are to be moved when they are complete.
    pub(super) fn waits_for_end(&self) -> bool {
        self.home.is_some()
    }

    /// Stops the move under way, and forgets those that wait.
    pub(super) fn end(self) {
        let current = self.current.map(|current| {
            current.stop.store(true, Ordering::Relaxed);
            current.request
        });
        for request in current.into_iter().chain(self.waiting) {
            request.after.fail(AskError::NoTorrent.into());
        }
    }

    /// Stops the move under way.
    pub(super) fn stop(&self) {
        if let Some(current) = &self.current {
            current.stop.store(true, Ordering::Relaxed);
        }
    }

    fn change_of(&mut self, target: &Target, here: &Path) -> PlaceChange {
        match target {
            // Incomplete files stay in their own folder.
            Target::Folder(dir) if self.home.is_some() => {
                self.home = Some(dir.clone());
                PlaceChange::Home(dir.clone())
            }
            Target::Folder(dir) => PlaceChange::Folder(dir.clone()),
            Target::Away(dir) => {
                self.home.get_or_insert_with(|| here.to_owned());
                PlaceChange::Away(dir.clone())
            }
            Target::Trash(dir) => PlaceChange::Trash(dir.clone()),
            Target::Home => PlaceChange::Folder(self.home.clone().unwrap_or_else(|| here.to_owned())),
            Target::RenameFile { file, path } => PlaceChange::File { file: *file, path: path.clone() },
            Target::RenameFolder { from, to } => PlaceChange::Names { from: from.clone(), to: to.clone() },
        }
    }
}

impl After {
    fn fail(self, error: MoveError) {
        match self {
            Self::Answer(to) | Self::Remove(to) => answer(to, Err(error)),
            Self::Finish => {}
        }
    }
}

impl Driver {
    /// Queues a move.
    pub(super) fn request_move(&mut self, torrent: TorrentId, request: Request) {
        let is_here = self.cx.engine().contains(torrent);
        match self.torrents.get_mut(torrent) {
            Some(entry) => entry.moves_mut().waiting.push_back(request),
            None if is_here => return request.after.fail(MoveError::NotChecked),
            None => return request.after.fail(AskError::NoTorrent.into()),
        }
        self.advance_moves(torrent);
    }

    /// Begins the next move, if none is under way.
    pub(super) fn advance_moves(&mut self, torrent: TorrentId) {
        let is_checking = matches!(self.cx.engine().state(torrent), Some(TorrentState::Checking { .. }));
        let is_running = self.ending.is_running();
        let Some(entry) = self.torrents.get_mut(torrent) else { return };
        if is_checking || !is_running || entry.moves_mut().current.is_some() {
            return;
        }
        let was_checked = entry.was_checked();
        while let Some(request) = entry.moves_mut().waiting.pop_front() {
            if !was_checked {
                request.after.fail(MoveError::NotChecked);
                continue;
            }
            return self.begin_move(torrent, request);
        }
    }

    fn begin_move(&mut self, torrent: TorrentId, request: Request) {
        let Some(entry) = self.torrents.get_mut(torrent) else { return };
        let stop = Arc::<AtomicBool>::default();
        let here = entry.store().dir();
        let change = entry.moves_mut().change_of(&request.target, &here);
        let job = entry.move_job(change, Arc::clone(&stop));
        entry.moves_mut().current = Some(Current { request, stop });
        self.disks.relocate(job, entry.member());
        self.show_progress(torrent, Some(MoveProgress { done_bytes: 0, total_bytes: 0 }));
    }

    pub(super) fn show_progress(&mut self, torrent: TorrentId, progress: Option<MoveProgress>) {
        self.cx.engine_mut().set_move_progress(torrent, progress);
        self.cx.publish_soon();
    }

    /// Handles the end of a move.
    pub(super) fn on_relocated(&mut self, torrent: TorrentId, result: Result<Relocated, MoveError>) {
        self.show_progress(torrent, None);
        let Some(entry) = self.torrents.get_mut(torrent) else { return };
        let Some(Current { request, .. }) = entry.moves_mut().current.take() else { return };
        let error = match result {
            Ok(moved) => {
                let device = moved.device;
                self.times.remove(moved.old_times);
                if moved.were_copied {
                    self.cx.unshare_pieces(torrent);
                }
                entry.set_moved(moved);
                let here = entry.store().dir();
                entry.moves_mut().settle(&here);
                let dir = entry.download_dir();
                self.change_disk(torrent, device);
                self.cx.emit(SessionEvent::FilesMoved { torrent, dir });
                None
            }
            Err(MoveError::Torn) => {
                let message = MoveError::Torn.to_string();
                let fault = DiskFault { kind: DiskFaultKind::InTheWay, message };
                entry.stop_in_doubt(&mut self.cx, fault.clone());
                self.cx.emit(SessionEvent::NotMoved { torrent, fault });
                Some(MoveError::Torn)
            }
            Err(error) => {
                let here = entry.store().dir();
                entry.moves_mut().settle(&here);
                let fault = match &error {
                    // The request is wrong: only its caller learns of it.
                    MoveError::Name(_) => None,
                    MoveError::Disk(fault) => Some(fault.clone()),
                    error => Some(DiskFault { kind: DiskFaultKind::InTheWay, message: error.to_string() }),
                };
                fault.into_iter().for_each(|fault| self.cx.emit(SessionEvent::NotMoved { torrent, fault }));
                Some(error)
            }
        };
        self.cx.publish();
        match (request.after, error) {
            (After::Answer(to), None) => answer(to, Ok(())),
            (After::Remove(to), None) => {
                self.times.remove(self.torrents.get(torrent).and_then(Entry::times_key));
                if let Some(entry) = self.torrents.get(torrent) {
                    entry.forget_at_the_end();
                }
                self.remove(torrent);
                answer(to, Ok(()));
            }
            (After::Finish, _) => self.finish_in_place(torrent),
            (after, Some(error)) => after.fail(error),
        }
        self.saver.save(&mut self.cx, &mut self.torrents, &self.disks, torrent, Occasion::Full);
        self.advance_moves(torrent);
    }

    /// Moves complete files to the download folder, if they are elsewhere and all are durable.
    pub(super) fn move_home_if_finished(&mut self, torrent: TorrentId) {
        let Some(entry) = self.torrents.get_mut(torrent) else { return };
        let is_asked = entry.moves_mut().current.as_ref().is_some_and(|current| current.is_home())
            || entry.moves_mut().waiting.iter().any(Request::is_home);
        if entry.moves_mut().waits_for_end() && !is_asked && entry.is_whole(&self.cx) {
            self.request_move(torrent, Request { target: Target::Home, after: After::Finish });
        }
    }

    /// Reports what waits for complete files to be in the download folder. If they could not be moved, they stay where
    /// they are until the next start.
    fn finish_in_place(&mut self, torrent: TorrentId) {
        if let Some(entry) = self.torrents.get_mut(torrent) {
            entry.moves_mut().home = None;
            entry.report_moved_home(&mut self.cx, &mut self.waiters);
        }
    }

    /// Assigns a torrent to the threads of another device. Pieces in progress are completed by the old ones.
    fn change_disk(&mut self, torrent: TorrentId, device: u64) {
        let Some(entry) = self.torrents.get_mut(torrent) else { return };
        let old = Arc::clone(entry.member());
        let disk = self.disks.disk_of(device);
        if disk == old.disk() {
            return;
        }
        let in_progress = self.cx.engine().piece_map(torrent).map(|map| map.partial).unwrap_or_default();
        let mut in_progress: BTreeSet<u32> = in_progress.into_iter().map(|piece| piece.piece).collect();
        // A disk has one membership of a torrent: when that ends, its threads forget all pieces of the torrent.
        let new = match entry.take_back(|member| member.disk() == disk) {
            Some((member, pieces)) => {
                in_progress.retain(|piece| !pieces.contains(piece));
                member
            }
            None => self.disks.join(Arc::clone(entry.store()), device),
        };
        self.cx.engine_mut().set_disk(torrent, new.disk());
        let left = entry.change_member(new, in_progress);
        left.into_iter().for_each(|member| self.disks.leave(torrent, member));
    }
}

impl Current {
    fn is_home(&self) -> bool {
        self.request.is_home()
    }
}

impl Request {
    fn is_home(&self) -> bool {
        matches!(self.target, Target::Home)
    }
}

/// Pieces in progress on the threads of devices that the torrent has left. Each piece stays where it was begun, also
/// when the torrent moves again: only those threads know its written blocks. `M` is the membership of a device.
#[derive(Debug)]
pub(super) struct Draining<M>(Vec<(M, BTreeSet<u32>)>);

impl<M> Default for Draining<M> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<M> Draining<M> {
    /// Returns to a device whose threads still complete pieces. Returns its membership and these pieces.
    pub(super) fn take_back(&mut self, is_it: impl Fn(&M) -> bool) -> Option<(M, BTreeSet<u32>)> {
        let at = self.0.iter().position(|(member, _)| is_it(member))?;
        Some(self.0.remove(at))
    }

    /// Leaves a device, where the pieces `in_progress` were begun unless other threads write them. Returns its membership
    /// if there are none.
    pub(super) fn leave(&mut self, member: M, mut in_progress: BTreeSet<u32>) -> Option<M> {
        in_progress.retain(|piece| self.writer_of(*piece).is_none());
        if in_progress.is_empty() {
            return Some(member);
        }
        self.0.push((member, in_progress));
        None
    }

    /// Returns the membership whose threads write a piece; `None` if that is the current one.
    pub(super) fn writer_of(&self, piece: u32) -> Option<&M> {
        self.0.iter().find(|(_, pieces)| pieces.contains(&piece)).map(|(member, _)| member)
    }

    /// Records that a piece is complete, or that all in progress are abandoned if `piece` is `None`. Returns the
    /// memberships that are not used any more.
    pub(super) fn on_piece_end(&mut self, piece: Option<u32>) -> Vec<M> {
        for (_, pieces) in &mut self.0 {
            pieces.retain(|other| piece.is_some_and(|piece| piece != *other));
        }
        self.0.extract_if(.., |(_, pieces)| pieces.is_empty()).map(|(member, _)| member).collect()
    }

    /// Returns all memberships.
    pub(super) fn into_members(self) -> impl Iterator<Item = M> {
        self.0.into_iter().map(|(member, _)| member)
    }
}

/// Returns the moves of a new torrent.
pub(super) fn moves_of(place: &Place, home: &Path) -> Moves {
    Moves::new((place.dir != home).then(|| home.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draining_of_a_torrent_that_moves_twice_keeps_each_piece_where_it_was_begun() {
        let mut draining = Draining::default();
        assert_eq!(draining.leave('a', [1, 2].into()), None);
        assert_eq!(draining.leave('b', [1, 2, 3].into()), None);
        assert_eq!(draining.leave('c', [1, 3].into()), Some('c'));
        assert_eq!(
            [1, 2, 3, 4].map(|piece| draining.writer_of(piece)),
            [Some(&'a'), Some(&'a'), Some(&'b'), None]
        );
        assert_eq!(draining.take_back(|member| *member == 'c'), None);
        assert!(draining.on_piece_end(Some(1)).is_empty());
        assert_eq!(draining.on_piece_end(Some(2)), ['a']);
        assert_eq!(draining.on_piece_end(None), ['b']);
    }

    #[test]
    fn draining_of_a_torrent_that_moves_back_gives_back_the_membership_and_its_pieces() {
        let mut draining = Draining::default();
        assert_eq!(draining.leave('a', [1, 2].into()), None);
        assert_eq!(draining.take_back(|member| *member == 'a'), Some(('a', [1, 2].into())));
        assert_eq!(draining.leave('b', [3].into()), None);
        assert_eq!([1, 2, 3].map(|piece| draining.writer_of(piece)), [None, None, Some(&'b')]);
    }
}
