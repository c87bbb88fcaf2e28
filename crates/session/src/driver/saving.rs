//! Times of saves, and the end of the session, which waits for them.

use super::{Driver, RARELY};
use crate::disk::SaveJob;
use crate::message::SaveError;
use crate::snapshot::SessionEvent;
use std::sync::Arc;
use ztor_base::{Duration, Instant};
use ztor_engine::{Command, DiskEvent, DiskFault, Event, TorrentEvent, TorrentId, Unsaved};
use ztor_storage::resume::Resume;

/// Longest time before new pieces are made durable.
const PIECES_EVERY: Duration = Duration::from_secs(5);
/// Longest time before the counts of a torrent without new pieces are saved: a crash of a seed loses no more.
const COUNTS_EVERY: Duration = Duration::from_secs(300);

/// A torrent whose files others change more often than that stops, and is not looked at again by itself.
const CHANGES_EVERY: Duration = Duration::from_secs(600);

/// Times of the next saves.
#[derive(Debug)]
pub(super) struct SaveTimes {
    pieces_at: Instant,
    counts_at: Instant,
}

/// The kind of save that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Torrents with new pieces.
    Pieces,
    /// Torrents with new pieces, and those where only bytes were counted.
    PiecesAndCounts,
}

impl SaveTimes {
    pub(super) fn new(now: Instant) -> Self {
        Self { pieces_at: now + RARELY, counts_at: now + RARELY }
    }

    /// Latest time at which to call [`due`](Self::due).
    pub(super) fn next(&self) -> Instant {
        self.pieces_at.min(self.counts_at)
    }

    /// Returns the save for this moment. It is due again when [`has_news`](Self::has_news) has said so.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        if now < self.next() {
            return Due::Nothing;
        }
        self.pieces_at = now + RARELY;
        if now < self.counts_at {
            return Due::Pieces;
        }
        self.counts_at = now + RARELY;
        Due::PiecesAndCounts
    }

    /// There is something to save.
    pub(super) fn has_news(&mut self, now: Instant, pieces: bool, counts: bool) {
        if pieces {
            self.pieces_at = self.pieces_at.min(now + PIECES_EVERY);
        }
        if counts {
            self.counts_at = self.counts_at.min(now + COUNTS_EVERY);
        }
    }
}

/// How far the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    No,
    /// Peers are gone, goodbyes under way, the disk still has something to write.
    Draining,
    /// All that will ever be known is being saved.
    Saving,
}

impl Driver {
    pub(super) fn save_what_is_due(&mut self, now: Instant) {
        let due = self.saves.due(now);
        if due != Due::Nothing {
            let counts = due == Due::PiecesAndCounts;
            let scope = if counts { Unsaved::PiecesAndCounts } else { Unsaved::Pieces };
            for id in self.engine.unsaved(scope) {
                self.save(id, counts);
            }
        }
        self.saves.has_news(now, self.engine.has_unsaved(), self.engine.has_uncounted());
    }

    /// Moves the end on. True when nothing is left to wait for.
    pub(super) fn has_ended(&mut self, now: Instant) -> bool {
        if self.ending == Ending::Draining && self.engine.disk_backlog() == 0 {
            self.ending = Ending::Saving;
            for id in self.engine.unsaved(Unsaved::PiecesAndCounts) {
                self.save(id, true);
            }
        }
        let is_time = self.goodbyes_until.is_some_and(|at| at <= now);
        if is_time {
            self.goodbyes_until = None;
            self.ending_without_goodbyes = true;
        }
        self.ending == Ending::Saving
            && self.saves_under_way == 0
            && (self.ending_without_goodbyes || !self.engine.has_goodbyes())
    }

    /// Queues what is known of a torrent to be made durable; one save of a torrent at a time.
    pub(super) fn save(&mut self, id: TorrentId, always: bool) {
        let Some(entry) = self.torrents.get_mut(id).filter(|entry| !entry.in_doubt) else { return };
        if entry.is_saving {
            entry.save_again |= always;
            return;
        }
        let data = if always || entry.finish_pending {
            self.engine.resume_data(id)
        } else {
            self.engine.resume_data_if_changed(id)
        };
        let Some(data) = data else { return };
        let resume = Resume {
            info_hashes: entry.store.meta().info_hashes,
            dir: entry.store.dir().to_owned(),
            have: data.have.to_wire(),
            stamps: Vec::new(),
            wanted: entry.wanted.clone(),
            own: Vec::new(),
            unfinished: Vec::new(),
            uploaded: data.uploaded,
            downloaded: data.downloaded,
            peers: data.peers,
        };
        entry.is_saving = true;
        entry.save_again = false;
        self.saves_under_way += 1;
        let (store, looks) = (Arc::clone(&entry.store), Arc::clone(&entry.looks));
        self.disk.save(SaveJob { torrent: id, store, path: entry.resume_path.clone(), resume, looks });
    }

    /// Queues the last save of a torrent that is being removed, behind one that may be under way.
    pub(super) fn save_last(&mut self, id: TorrentId) {
        if let Some(entry) = self.torrents.get_mut(id) {
            entry.is_saving = false;
        }
        self.save(id, true);
    }

    pub(super) fn on_saved(
        &mut self,
        now: Instant,
        torrent: TorrentId,
        resume: Resume,
        error: Option<SaveError>,
    ) {
        self.saves_under_way = self.saves_under_way.saturating_sub(1);
        let Some(entry) = self.torrents.get_mut(torrent) else { return };
        entry.is_saving = false;
        match error {
            None => {
                self.tell_finished(torrent, &resume);
                if let Some(entry) = self.torrents.get_mut(torrent) {
                    entry.saved = Some(resume);
                }
            }
            Some(SaveError::ResumeData(fault)) => {
                // The data itself is safe; the next start will have to look at it.
                self.engine.not_saved(torrent);
                self.tell(SessionEvent::NotSaved { torrent, fault });
                self.tell_finished(torrent, &resume);
            }
            Some(SaveError::Exhausted) => {
                self.engine.not_saved(torrent);
                // At the end there is no later save; the caller's deadline ends it.
                entry.save_again |= self.ending == Ending::Saving;
            }
            Some(SaveError::Data(fault)) => {
                self.stop_in_doubt(now, torrent, fault);
            }
            Some(SaveError::Changed(fault)) => {
                // Once in a while it may be a harmless program that changes no more than the time.
                let earlier = entry.changed_at.replace(now);
                let looks_again = earlier.is_none_or(|at| now.since(at) >= CHANGES_EVERY);
                let had = looks_again.then(|| resume.have.clone());
                if self.stop_in_doubt(now, torrent, fault)
                    && let Some(entry) = self.torrents.get_mut(torrent)
                    && had.is_some()
                {
                    (entry.had_before_change, entry.looks_again) = (had, true);
                    let again = Event::Command(Command::Resume(torrent));
                    self.engine.handle(now, again, &mut self.out);
                }
            }
        }
        if self.torrents.get(torrent).is_some_and(|entry| entry.save_again) {
            self.save(torrent, true);
        }
    }

    /// The torrent stops, and taking it up again begins with a look at the disk. The last save stays valid: by its
    /// stamps the files are hashed then. False if another fault had stopped it already.
    pub(super) fn stop_in_doubt(&mut self, now: Instant, torrent: TorrentId, fault: DiskFault) -> bool {
        if let Some(entry) = self.torrents.get_mut(torrent) {
            entry.in_doubt = true;
        }
        let before = self.out.events.len();
        let event = DiskEvent::Failed { fault };
        self.engine.handle(now, Event::Disk { torrent, event }, &mut self.out);
        let is_stop = |event: &TorrentEvent| matches!(event, TorrentEvent::Stopped { .. });
        self.out.events.iter().skip(before).any(is_stop)
    }

    /// Reports a torrent finished if what was just made durable is all of it.
    fn tell_finished(&mut self, torrent: TorrentId, saved: &Resume) {
        let Some(entry) = self.torrents.get_mut(torrent) else { return };
        if !entry.finish_pending || !self.engine.is_finished_with(torrent, &saved.have) {
            return;
        }
        entry.finish_pending = false;
        self.tell(SessionEvent::Torrent(TorrentEvent::Finished(torrent)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn pieces_are_due_in_seconds_and_counts_in_minutes() {
        let start = Instant::ZERO + MINUTE;
        let mut times = SaveTimes::new(start);
        times.has_news(start, false, true);
        assert_eq!(times.due(start + 4 * MINUTE), Due::Nothing);
        // More bytes do not put it off.
        times.has_news(start + 4 * MINUTE, true, true);
        assert_eq!(times.due(start + 4 * MINUTE + PIECES_EVERY), Due::Pieces);
        assert_eq!(times.next(), start + COUNTS_EVERY);
        assert_eq!(times.due(start + COUNTS_EVERY), Due::PiecesAndCounts);
        assert!(times.next() > start + COUNTS_EVERY + MINUTE, "nothing to save, nothing to wake up for");
    }
}
