//! Saves of one torrent, and the report of its end once it is durable.

use super::Entry;
use crate::disk::{Occasion, SaveJob};
use crate::driver::context::Context;
use crate::driver::requests::Waiters;
use crate::snapshot::SessionEvent;
use std::sync::Arc;
use ztor_engine::TorrentEvent;
use ztor_storage::resume::Resume;

/// State of a torrent's saves.
#[derive(Debug, Default)]
pub(super) struct SaveState {
    pub(super) is_under_way: bool,
    /// True if another save follows the one under way.
    pub(super) again: bool,
    /// True if the torrent is finished, which is reported once the data is durable.
    pub(super) finish_pending: bool,
    /// True if a check found everything wanted, and callers are to be answered once that is durable.
    pub(super) start_pending: bool,
    /// Report that waits for the files to be in the download folder; `None` if none does.
    pub(super) waits_for_home: Option<FinishReport>,
    /// True if written data may be lost. The system reports that once, so a later sync that succeeds proves nothing:
    /// the last save stays valid until the disk has been checked again.
    pub(super) in_doubt: bool,
}

/// Report of a finished torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FinishReport {
    /// To callers that wait for the end.
    Callers,
    /// To these, and as an event.
    All,
}

impl Entry {
    /// Creates a save of the engine's state. Returns `None` while one is under way or written data may be lost, and on
    /// new pieces if the engine has none.
    pub(in crate::driver) fn save_job(&mut self, cx: &mut Context, occasion: Occasion) -> Option<SaveJob> {
        let always = occasion != Occasion::Pieces;
        if self.save.in_doubt {
            return None;
        }
        if self.save.is_under_way {
            self.save.again |= always;
            return None;
        }
        let data = if always || self.save.finish_pending {
            cx.resume_data(self.id)?
        } else {
            cx.resume_data_if_changed(self.id)?
        };
        let resume = Resume {
            have: data.have.to_wire(),
            wanted: self.wanted(),
            uploaded: data.uploaded,
            downloaded: data.downloaded,
            peers: data.peers,
            statistics: self.dates.to_record(&data.statistics),
            ..Resume::new(self.store().meta().info_hashes, self.store().dir())
        };
        self.save.is_under_way = true;
        self.save.again = false;
        let (store, looks) = (Arc::clone(self.store()), Arc::clone(&self.looks));
        let (ledger, recorded) = (self.ledger.clone(), self.recorded.clone());
        Some(SaveJob { torrent: self.id, store, ledger, resume, recorded, occasion, looks })
    }

    /// Records that no save is under way, or that the one under way does not delay another.
    pub(in crate::driver) fn end_save(&mut self) {
        self.save.is_under_way = false;
    }

    /// Requests another save after the one under way.
    pub(in crate::driver) fn save_again(&mut self) {
        self.save.again = true;
    }

    /// Returns true if another save was requested while one was under way.
    pub(in crate::driver) fn wants_save(&self) -> bool {
        self.save.again
    }

    /// Records resume data that is durable.
    pub(in crate::driver) fn set_saved(&mut self, resume: Arc<Resume>) {
        self.recorded = Some(Arc::clone(&resume));
        self.saved = Some(resume);
    }

    /// Records that a save has failed: the resume file may hold the new data or the old.
    pub(in crate::driver) fn set_not_saved(&mut self) {
        self.recorded = None;
    }

    /// Records that the torrent is finished. [`report_finished`](Self::report_finished) reports it.
    pub(in crate::driver) fn set_finish_pending(&mut self) {
        self.dates.finish();
        self.save.finish_pending = true;
    }

    /// Returns true if everything wanted is durable on disk.
    pub(in crate::driver) fn is_finished(&self, cx: &Context) -> bool {
        self.is_whole(cx) && !self.moves.waits_for_end()
    }

    /// Returns true if everything wanted is durable on disk, wherever its folder is.
    pub(in crate::driver) fn is_whole(&self, cx: &Context) -> bool {
        !self.save.finish_pending && !self.save.start_pending && cx.engine().is_finished(self.id)
    }

    /// Records that a check found everything wanted. It counts once that is durable.
    pub(in crate::driver) fn set_start_pending(&mut self) {
        if !self.dates.is_finished() {
            self.dates.finish();
        }
        self.save.start_pending = true;
    }

    /// Reports the torrent as finished if the data made durable just now is all of it.
    pub(in crate::driver) fn report_finished(
        &mut self,
        cx: &mut Context,
        waiters: &mut Waiters,
        saved: &Resume,
    ) {
        let is_all = cx.engine().is_finished_with(self.id, &saved.have);
        let mut report = (self.save.start_pending && is_all).then_some(FinishReport::Callers);
        self.save.start_pending = false;
        if self.save.finish_pending && is_all {
            self.save.finish_pending = false;
            report = Some(FinishReport::All);
        }
        if self.moves.waits_for_end() {
            self.save.waits_for_home = self.save.waits_for_home.max(report);
        } else {
            self.report(cx, waiters, report);
        }
    }

    /// Makes the reports that have waited for the files to be in the download folder.
    pub(in crate::driver) fn report_moved_home(&mut self, cx: &mut Context, waiters: &mut Waiters) {
        let report = self.save.waits_for_home.take();
        self.report(cx, waiters, report);
    }

    fn report(&self, cx: &mut Context, waiters: &mut Waiters, report: Option<FinishReport>) {
        if report == Some(FinishReport::Callers) {
            waiters.on_finished(cx, self.id);
        }
        if report == Some(FinishReport::All) {
            let event = TorrentEvent::Finished { torrent: self.id };
            waiters.on_event(cx, &event);
            cx.emit(SessionEvent::Torrent(event));
        }
    }
}
