//! Saves of torrents: their schedule, and their results.

use super::context::Context;
use super::requests::Waiters;
use super::torrents::Torrents;
use crate::clock::RARELY;
use crate::disk::{Disks, Occasion};
use crate::message::{SaveError, Saved};
use crate::snapshot::SessionEvent;
use std::collections::BTreeSet;
use ztor_base::{Duration, Instant};
use ztor_engine::{DiskId, TorrentId, Unsaved};

/// Longest time before new pieces are made durable.
const PIECES_EVERY: Duration = Duration::from_secs(5);
/// Longest time before the counts of a torrent without new pieces are saved, which a crash of a seed may lose.
const COUNTS_EVERY: Duration = Duration::from_secs(300);

/// Times of the next saves.
#[derive(Debug)]
struct SaveTimes {
    pieces_at: Instant,
    counts_at: Instant,
}

/// The kind of save that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    /// Torrents with new pieces.
    Pieces,
    /// Torrents with new pieces, and those with newly counted bytes only.
    PiecesAndCounts,
}

impl SaveTimes {
    fn new(now: Instant) -> Self {
        Self { pieces_at: now + RARELY, counts_at: now + RARELY }
    }

    /// Returns the latest time at which to call [`due`](Self::due).
    fn next(&self) -> Instant {
        self.pieces_at.min(self.counts_at)
    }

    /// Returns the save that is due now. The next one is planned by [`has_news`](Self::has_news).
    fn due(&mut self, now: Instant) -> Due {
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

    /// Plans a save, as there is something to save.
    fn has_news(&mut self, now: Instant, pieces: bool, counts: bool) {
        if pieces {
            self.pieces_at = self.pieces_at.min(now + PIECES_EVERY);
        }
        if counts {
            self.counts_at = self.counts_at.min(now + COUNTS_EVERY);
        }
    }
}

/// The saves of all torrents.
#[derive(Debug)]
pub(super) struct Saver {
    times: SaveTimes,
    /// Number of saves without a result.
    under_way: usize,
}

impl Saver {
    pub(super) fn new(now: Instant) -> Self {
        Self { times: SaveTimes::new(now), under_way: 0 }
    }

    /// Returns the time of the next save.
    pub(super) fn next(&self) -> Instant {
        self.times.next()
    }

    /// Returns true if no save is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    /// Saves the torrents that are due.
    pub(super) fn save_due(&mut self, cx: &mut Context, torrents: &mut Torrents, disks: &Disks) {
        match self.times.due(cx.now()) {
            Due::Nothing => {}
            Due::Pieces => self.save_unsaved(cx, torrents, disks, Unsaved::Pieces),
            Due::PiecesAndCounts => self.save_unsaved(cx, torrents, disks, Unsaved::PiecesAndCounts),
        }
        self.times.has_news(cx.now(), cx.engine().has_unsaved(), cx.engine().has_uncounted());
    }

    /// Saves the torrents in `scope`. With counts, also saves those whose pieces have not changed.
    fn save_unsaved(&mut self, cx: &mut Context, torrents: &mut Torrents, disks: &Disks, scope: Unsaved) {
        let occasion = match scope {
            Unsaved::Pieces => Occasion::Pieces,
            Unsaved::PiecesAndCounts => Occasion::Full,
        };
        for id in cx.engine().unsaved(scope) {
            self.save(cx, torrents, disks, id, occasion);
        }
    }

    /// Saves the torrents of a disk with something unsaved, counts included, for the last time.
    pub(super) fn save_all_of(
        &mut self,
        cx: &mut Context,
        torrents: &mut Torrents,
        disks: &Disks,
        disk: DiskId,
    ) {
        let mut ids: BTreeSet<TorrentId> =
            cx.engine().unsaved(Unsaved::PiecesAndCounts).into_iter().collect();
        // Files that they have not created do not belong to them any more.
        ids.extend(torrents.that_expect_files());
        ids.retain(|id| torrents.get(*id).is_some_and(|entry| entry.member().disk() == disk));
        for id in ids {
            self.save(cx, torrents, disks, id, Occasion::Last);
        }
    }

    /// Queues a save of a torrent's resume data, unless one of it is under way.
    pub(super) fn save(
        &mut self,
        cx: &mut Context,
        torrents: &mut Torrents,
        disks: &Disks,
        id: TorrentId,
        occasion: Occasion,
    ) {
        if let Some(entry) = torrents.get_mut(id)
            && let Some(job) = entry.save_job(cx, occasion)
        {
            self.under_way += 1;
            disks.save(job, entry.member());
        }
    }

    /// Queues the last save of a torrent that is being removed, even if one is under way.
    pub(super) fn save_last(
        &mut self,
        cx: &mut Context,
        torrents: &mut Torrents,
        disks: &Disks,
        id: TorrentId,
    ) {
        if let Some(entry) = torrents.get_mut(id) {
            entry.end_save();
            // The save under way replaces the content of the file.
            entry.set_not_saved();
        }
        self.save(cx, torrents, disks, id, Occasion::Last);
    }

    /// Handles the result of a save. `is_last` is true if no later save follows.
    pub(super) fn on_saved(
        &mut self,
        cx: &mut Context,
        torrents: &mut Torrents,
        disks: &Disks,
        waiters: &mut Waiters,
        saved: Saved,
        is_last: bool,
    ) {
        let Saved { torrent, resume, error } = saved;
        self.under_way = self.under_way.saturating_sub(1);
        let Some(entry) = torrents.get_mut(torrent) else { return };
        entry.end_save();
        if error.is_some() {
            entry.set_not_saved();
        }
        match error {
            None => {
                entry.report_finished(cx, waiters, &resume);
                entry.set_saved(resume);
            }
            Some(SaveError::ResumeData(fault)) => {
                // The data itself is safe; the next start has to check it.
                cx.engine_mut().not_saved(torrent);
                cx.emit(SessionEvent::NotSaved { torrent, fault });
                entry.report_finished(cx, waiters, &resume);
            }
            Some(SaveError::Exhausted) => {
                cx.engine_mut().not_saved(torrent);
                // At the end there is no later save; the caller's deadline ends the retries.
                if is_last {
                    entry.save_again();
                }
            }
            Some(SaveError::Data(fault)) => {
                entry.stop_in_doubt(cx, fault);
            }
            Some(SaveError::Changed(fault)) => entry.on_changed(cx, fault, resume.have.clone()),
        }
        if entry.wants_save() {
            let occasion = if is_last { Occasion::Last } else { Occasion::Full };
            self.save(cx, torrents, disks, torrent, occasion);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn due_with_news_is_in_seconds_for_pieces_and_in_minutes_for_counts() {
        let start = Instant::ZERO + MINUTE;
        let mut times = SaveTimes::new(start);
        times.has_news(start, false, true);
        assert_eq!(times.due(start + 4 * MINUTE), Due::Nothing);
        // More bytes do not delay it.
        times.has_news(start + 4 * MINUTE, true, true);
        assert_eq!(times.due(start + 4 * MINUTE + PIECES_EVERY), Due::Pieces);
        assert_eq!(times.next(), start + COUNTS_EVERY);
        assert_eq!(times.due(start + COUNTS_EVERY), Due::PiecesAndCounts);
        assert!(times.next() > start + COUNTS_EVERY + MINUTE, "nothing to save, nothing to wake up for");
    }
}
