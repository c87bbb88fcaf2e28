//! The engine with the time of the turn and the outlets of its effects: the context that the parts of the loop share.

use super::publishing::Publishing;
use crate::snapshot::{Publisher, SessionEvent};
use ztor_base::{Instant, PeerId};
use ztor_engine::{
    Command, CommonPieces, DiskEvent, DiskFault, Engine, Event, Outbox, ResumeData, Statistics, TorrentEvent,
    TorrentId,
};

/// The engine and its context.
pub(super) struct Context {
    /// Time of the current turn.
    now: Instant,
    engine: Engine,
    out: Outbox,
    publishing: Publishing,
}

impl Context {
    pub(super) fn new(now: Instant, engine: Engine, publisher: Publisher) -> Self {
        Self { now, engine, out: Outbox::default(), publishing: Publishing::new(now, publisher) }
    }

    /// Starts a turn.
    pub(super) fn turn(&mut self, now: Instant) {
        self.now = now;
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Passes an event to the engine.
    pub(super) fn handle(&mut self, event: Event<'_>) {
        self.engine.handle(self.now, event, &mut self.out);
    }

    /// Passes a command to the engine.
    pub(super) fn command(&mut self, command: Command) {
        self.handle(Event::Command(command));
    }

    /// Reports a disk fault of a torrent to the engine. Returns false if the torrent had stopped already.
    pub(super) fn disk_failed(&mut self, torrent: TorrentId, fault: DiskFault) -> bool {
        let before = self.out.events.len();
        self.handle(Event::Disk { torrent, event: DiskEvent::Failed { fault } });
        let is_stop = |event: &TorrentEvent| matches!(event, TorrentEvent::Stopped { .. });
        self.out.events.iter().skip(before).any(is_stop)
    }

    /// Returns the state of a torrent for a restart.
    pub(super) fn resume_data(&mut self, torrent: TorrentId) -> Option<ResumeData> {
        self.engine.resume_data(self.now, torrent)
    }

    /// Returns the statistics of a torrent up to now, with the bytes received and sent.
    pub(super) fn statistics(&mut self, torrent: TorrentId) -> Option<(Statistics, (u64, u64))> {
        self.engine.statistics(self.now, torrent)
    }

    /// Does the same if a piece was verified since the last call.
    pub(super) fn resume_data_if_changed(&mut self, torrent: TorrentId) -> Option<ResumeData> {
        self.engine.resume_data_if_changed(self.now, torrent)
    }

    pub(super) fn unshare_pieces(&mut self, torrent: TorrentId) {
        self.engine.unshare_pieces(self.now, torrent, &mut self.out);
    }

    pub(super) fn set_identity(&mut self, peer_id: PeerId, is_anonymous: bool) {
        self.engine.set_identity(self.now, peer_id, is_anonymous, &mut self.out);
    }

    /// Records that pieces of two torrents are the same file on disk.
    pub(super) fn share_pieces(&mut self, common: &[CommonPieces]) {
        self.engine.share_pieces(self.now, common, &mut self.out);
    }

    /// Lets the engine decide, at the end of a turn.
    pub(super) fn settle(&mut self) {
        self.engine.settle(self.now, &mut self.out);
    }

    /// Takes the effects of the turn. [`return_out`](Self::return_out) gives back their memory.
    pub(super) fn take_out(&mut self) -> Outbox {
        std::mem::take(&mut self.out)
    }

    /// Takes back an emptied outbox in place of the current one, which must be empty.
    pub(super) fn return_out(&mut self, mut out: Outbox) {
        debug_assert!(self.out.is_empty(), "an effect of the engine would be lost");
        out.clear();
        self.out = out;
    }

    /// Queues an event for front ends, to be published soon.
    pub(super) fn emit(&mut self, event: SessionEvent) {
        self.publishing.emit(event);
    }

    /// Publishes an event at once.
    pub(super) fn emit_now(&mut self, event: SessionEvent) {
        self.publishing.queue(event);
        self.publish();
    }

    /// Publishes the status changes and the queued events at once.
    pub(super) fn publish(&mut self) {
        self.publishing.publish(self.now, &mut self.engine);
    }

    /// Makes a publication due now.
    pub(super) fn publish_soon(&mut self) {
        self.publishing.due_at(self.now);
    }

    /// Publishes if it is due, and plans the next publication.
    pub(super) fn publish_if_due(&mut self) {
        if self.now >= self.publishing.next() {
            self.publish();
        }
        if self.engine.has_status_changes() {
            self.publishing.note_changes();
        }
    }

    /// Returns the time of the next publication.
    pub(super) fn publish_at(&self) -> Instant {
        self.publishing.next()
    }
}
