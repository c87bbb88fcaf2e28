//! Requests of handles to single torrents, and callers that wait for an event.

use super::Driver;
use super::context::Context;
use super::entry::{Entry, PendingPriorities};
use super::moves::{After, Request, Target};
use crate::disk::Occasion;
use crate::file_status::{FileStatus, file_status};
use crate::handle::{MetadataError, PriorityError};
use crate::message::TorrentRequest;
use crate::opener::piece_priorities;
use crate::reply::{Answer, AskError, answer};
use slotmap::SecondaryMap;
use std::sync::Arc;
use ztor_engine::{Bitfield, Command, DiskFault, Priority, TorrentEvent, TorrentId, TorrentState};
use ztor_metainfo::Metainfo;
use ztor_storage::{DeletedFiles, Place};

/// Callers that wait for an event of a torrent. One that has dropped its reply is removed when the next one arrives.
#[derive(Default)]
pub(super) struct Waiters(SecondaryMap<TorrentId, WaitersOfOne>);

#[derive(Default)]
struct WaitersOfOne {
    metadata: Vec<Answer<Arc<Metainfo>, MetadataError>>,
    finished: Vec<Answer<()>>,
}

impl Waiters {
    fn of(&mut self, torrent: TorrentId) -> &mut WaitersOfOne {
        if !self.0.contains_key(torrent) {
            self.0.insert(torrent, WaitersOfOne::default());
        }
        let waiters = &mut self.0[torrent];
        waiters.metadata.retain(|answer| !answer.is_closed());
        waiters.finished.retain(|answer| !answer.is_closed());
        waiters
    }

    /// Answers the callers that wait for an event. The published status shows its effect by then.
    pub(super) fn on_event(&mut self, cx: &mut Context, event: &TorrentEvent) {
        if !self.0.contains_key(event.torrent()) {
            return;
        }
        cx.publish();
        let result = match event {
            TorrentEvent::Metadata { torrent, meta } => (*torrent, Ok(Arc::clone(meta))),
            TorrentEvent::Unusable { torrent, message } => {
                (*torrent, Err(MetadataError::Unusable(message.clone())))
            }
            TorrentEvent::Finished { torrent } => return self.on_finished(cx, *torrent),
            TorrentEvent::Removed { torrent } => {
                let Some(of) = self.0.remove(*torrent) else { return };
                of.finished.into_iter().for_each(|waiter| answer(waiter, Err(AskError::NoTorrent)));
                of.metadata.into_iter().for_each(|waiter| answer(waiter, Err(AskError::NoTorrent.into())));
                return;
            }
            _ => return,
        };
        let (torrent, result) = result;
        let waiters = self.0.get_mut(torrent).map(|of| std::mem::take(&mut of.metadata));
        waiters.into_iter().flatten().for_each(|waiter| answer(waiter, result.clone()));
    }
}

impl Waiters {
    /// Answers the callers that wait for everything wanted to be safe on disk.
    pub(super) fn on_finished(&mut self, cx: &mut Context, torrent: TorrentId) {
        let Some(of) = self.0.get_mut(torrent).filter(|of| !of.finished.is_empty()) else { return };
        cx.publish();
        std::mem::take(&mut of.finished).into_iter().for_each(|waiter| answer(waiter, Ok(())));
    }
}

impl Driver {
    pub(super) fn on_request(&mut self, torrent: TorrentId, request: TorrentRequest) {
        let is_here = self.cx.engine().contains(torrent);
        let found = |found: bool| if found { Ok(()) } else { Err(AskError::NoTorrent) };
        match request {
            TorrentRequest::Metadata(to) => self.on_metadata_request(torrent, is_here, to),
            TorrentRequest::Finished(to) if !is_here => answer(to, Err(AskError::NoTorrent)),
            TorrentRequest::Finished(to) => {
                if self.torrents.get(torrent).is_some_and(|entry| entry.is_finished(&self.cx)) {
                    return answer(to, Ok(()));
                }
                self.waiters.of(torrent).finished.push(to);
            }
            TorrentRequest::Peers(to) if is_here => {
                answer(to, Ok(self.cx.engine().peer_status(self.cx.now(), torrent)));
            }
            TorrentRequest::Peers(to) => answer(to, Err(AskError::NoTorrent)),
            TorrentRequest::WebSeeds(to) => {
                let seeds = self.cx.engine().web_seeds(self.cx.now(), torrent);
                answer(to, found(is_here).map(|()| seeds));
            }
            TorrentRequest::Pieces(to) => {
                answer(to, self.cx.engine().piece_map(torrent).ok_or(AskError::NoTorrent));
            }
            TorrentRequest::Statistics(to) => {
                let dates = self.torrents.get(torrent).map(Entry::dates);
                let counted = self.cx.statistics(torrent);
                let all = dates.zip(counted).map(|(dates, (counted, bytes))| dates.to_status(counted, bytes));
                answer(to, if is_here { Ok(all) } else { Err(AskError::NoTorrent) });
            }
            TorrentRequest::Files(to) => answer(to, self.file_status(torrent)),
            TorrentRequest::AddPeers { addrs, answer: to } => {
                self.cx.command(Command::AddPeers { torrent, addrs });
                answer(to, found(is_here));
            }
            TorrentRequest::SetLimits { limits, answer: to } => {
                self.cx.command(Command::SetTorrentLimits { torrent, down: limits.down, up: limits.up });
                answer(to, found(is_here));
            }
            TorrentRequest::SetGroup { group, answer: to } => {
                self.cx.command(Command::SetTorrentGroup { torrent, group });
                answer(to, found(is_here));
            }
            TorrentRequest::SetPeerLimits { addr, limits, answer: to } => {
                let (down, up) = (limits.down, limits.up);
                self.cx.command(Command::SetPeerLimits { torrent, addr, down, up });
                answer(to, found(is_here));
            }
            TorrentRequest::Pause(to) => {
                self.cx.command(Command::Pause(torrent));
                self.saver.save(&mut self.cx, &mut self.torrents, &self.disks, torrent, Occasion::Full);
                answer(to, found(is_here));
            }
            TorrentRequest::Resume(to) => {
                self.cx.command(Command::Resume(torrent));
                let names = self.named_peers.remove(&torrent).unwrap_or_default();
                names.into_iter().for_each(|name| self.control.resolve_peer(torrent, name));
                answer(to, found(is_here));
            }
            TorrentRequest::Recheck(to) => {
                self.torrents.recheck_by_user(torrent);
                self.cx.command(Command::Recheck(torrent));
                answer(to, found(is_here));
            }
            TorrentRequest::Reannounce(to) => {
                self.cx.command(Command::Reannounce(torrent));
                answer(to, found(is_here));
            }
            TorrentRequest::SetTrackers { tiers, answer: to } => {
                self.cx.command(Command::SetTrackers { torrent, tiers });
                answer(to, found(is_here));
            }
            TorrentRequest::SetWebSeeds { seeds, answer: to } => {
                self.cx.command(Command::SetWebSeeds { torrent, seeds });
                answer(to, found(is_here));
            }
            TorrentRequest::SetSequential { sequential, answer: to } => {
                self.cx.command(Command::SetSequential { torrent, sequential });
                answer(to, found(is_here));
            }
            TorrentRequest::SetEndsFirst { ends_first, answer: to } => {
                self.cx.command(Command::SetEndsFirst { torrent, ends_first });
                answer(to, found(is_here));
            }
            TorrentRequest::SetSuperSeeding { super_seeding, answer: to } => {
                self.cx.command(Command::SetSuperSeeding { torrent, super_seeding });
                answer(to, found(is_here));
            }
            TorrentRequest::SetFilePriorities { priorities, answer: to } => {
                self.set_file_priorities(torrent, is_here, priorities, to);
            }
            TorrentRequest::Retry(to) => {
                self.torrents.resumed_by_user(torrent);
                self.cx.command(Command::Retry(torrent));
                answer(to, found(is_here));
            }
            TorrentRequest::Move { target, answer: to } => {
                self.request_move(torrent, Request { target, after: After::Answer(to) });
            }
            TorrentRequest::MoveToTrash { dir, answer: to } => {
                let (target, after) = (Target::Trash(dir), After::Remove(to));
                self.request_move(torrent, Request { target, after });
            }
            TorrentRequest::Place(to) => {
                let entry = self.torrents.get(torrent);
                let place = entry.map(|entry| Place { dir: entry.download_dir(), ..entry.store().place() });
                answer(to, if is_here { Ok(place) } else { Err(AskError::NoTorrent) });
            }
            TorrentRequest::OpenFile { file, answer: to } => match self.torrents.get(torrent) {
                Some(entry) => self.disks.open_file(file, entry.member(), to),
                None if is_here => answer(to, Ok(None)),
                None => answer(to, Err(AskError::NoTorrent.into())),
            },
            TorrentRequest::Remove(to) if !is_here => answer(to, Err(AskError::NoTorrent)),
            TorrentRequest::Remove(to) => {
                match self.torrents.get(torrent) {
                    Some(entry) => entry.member().answer_at_the_end(to),
                    // A magnet link that is not started has no files.
                    None => answer(to, Ok(())),
                }
                self.remove(torrent);
            }
            TorrentRequest::RemoveWithData(to) if !is_here => answer(to, Err(AskError::NoTorrent.into())),
            TorrentRequest::RemoveWithData(to) => {
                self.times.remove(self.torrents.get(torrent).and_then(Entry::times_key));
                match self.torrents.get(torrent) {
                    Some(entry) => entry.delete_at_the_end(to),
                    // A magnet link that is not started has no files.
                    None => answer(to, Ok(DeletedFiles::default())),
                }
                self.remove(torrent);
            }
        }
    }

    /// Returns the status of a torrent's files; empty while its metadata is unknown.
    fn file_status(&self, torrent: TorrentId) -> Result<Vec<FileStatus>, AskError> {
        let engine = self.cx.engine();
        if !engine.contains(torrent) {
            return Err(AskError::NoTorrent);
        }
        let entry = self.torrents.get(torrent);
        let of = |meta: &Arc<Metainfo>| {
            let priorities = entry.map_or(&[][..], Entry::priorities);
            let path_of = |file| entry.map_or_else(|| meta.relative_path(file), |e| e.store().relative(file));
            match engine.have(torrent) {
                Some(have) => file_status(&meta.layout, have, priorities, path_of),
                None => {
                    let none = Bitfield::new(meta.layout.piece_count());
                    file_status(&meta.layout, &none, priorities, path_of)
                }
            }
        };
        Ok(engine.metainfo(torrent).map_or_else(Vec::new, of))
    }

    pub(super) fn remove(&mut self, torrent: TorrentId) {
        self.saver.save_last(&mut self.cx, &mut self.torrents, &self.disks, torrent);
        // Before the answer: the torrent may be added again at once.
        if let Some(entry) = self.torrents.get(torrent) {
            entry.leave();
        }
        self.cx.command(Command::Remove(torrent));
    }

    fn set_file_priorities(
        &mut self,
        torrent: TorrentId,
        is_here: bool,
        files: Vec<Priority>,
        to: Answer<(), PriorityError>,
    ) {
        let Some(entry) = self.torrents.get_mut(torrent) else {
            let missing = if is_here { PriorityError::NotStarted } else { AskError::NoTorrent.into() };
            return answer(to, Err(missing));
        };
        let (expected, found) = (entry.store().meta().layout.files().len(), files.len());
        if found != expected {
            return answer(to, Err(PriorityError::WrongFileCount { expected, found }));
        }
        if entry.set_same_wanted(&files) {
            let priorities = piece_priorities(&entry.store().meta().layout, files);
            self.cx.command(Command::SetPriorities { torrent, priorities });
            return answer(to, Ok(()));
        }
        let wanted = files.iter().map(|priority| priority.is_wanted()).collect();
        entry.queue_priorities(PendingPriorities { files, answer: to });
        self.disks.set_wanted(torrent, wanted, entry.member());
    }

    /// Handles the end of a change of the wanted files on disk.
    pub(super) fn on_wanted_set(&mut self, torrent: TorrentId, result: Result<(), DiskFault>) {
        let Some(entry) = self.torrents.get_mut(torrent) else { return };
        let Some(pending) = entry.take_priorities(result.is_ok()) else { return };
        if let Err(fault) = result {
            return answer(pending.answer, Err(PriorityError::Disk(fault)));
        }
        let priorities = piece_priorities(&entry.store().meta().layout, pending.files);
        self.cx.command(Command::SetPriorities { torrent, priorities });
        self.saver.save(&mut self.cx, &mut self.torrents, &self.disks, torrent, Occasion::Full);
        answer(pending.answer, Ok(()));
    }

    fn on_metadata_request(
        &mut self,
        torrent: TorrentId,
        is_here: bool,
        to: Answer<Arc<Metainfo>, MetadataError>,
    ) {
        if !is_here {
            return answer(to, Err(AskError::NoTorrent.into()));
        }
        if let Some(meta) = self.cx.engine().metainfo(torrent) {
            return answer(to, Ok(Arc::clone(meta)));
        }
        match self.cx.engine().state(torrent) {
            Some(TorrentState::Unusable(message)) => answer(to, Err(MetadataError::Unusable(message))),
            _ => self.waiters.of(torrent).metadata.push(to),
        }
    }
}
