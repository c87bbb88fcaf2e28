//! One torrent's files, as the loop knows them: its store, its saves, and its checks.

use super::context::Context;
use super::moves::{Draining, Moves, moves_of};
use super::retry::Retry;
use super::suspects::Suspects;
use crate::claims::{Claim, Claims};
use crate::disk::{CheckJob, Deletion, Looks, Membership, MoveJob, PlaceChange, Relocated, record_intent};
use crate::handle::{PriorityError, RemoveError};
use crate::ledger::Ledger;
use crate::message::NewTorrent;
use crate::presence::Seat;
use crate::reply::{Answer, AskError, answer};
use crate::statistics::Dates;
use crate::times::TimesKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use ztor_base::{Duration, Instant};
use ztor_engine::{Command, DiskFault, DiskFaultKind, Priority, TorrentId};
use ztor_storage::resume::Resume;
use ztor_storage::{DeletedFiles, TorrentStore};

mod saving;

use saving::SaveState;

/// A torrent whose files others change more often than this stops, and is not checked again without the user.
const CHANGES_EVERY: Duration = Duration::from_secs(600);

/// Files of a torrent.
pub(super) struct Entry {
    id: TorrentId,
    member: Arc<Membership>,
    ledger: Option<Arc<Ledger>>,
    claims: Arc<Claims>,
    claim: Arc<Claim>,
    seat: Arc<Seat>,
    moves: Moves,
    /// Pieces in progress on the threads of devices that the torrent has left.
    draining: Draining<Arc<Membership>>,
    /// Pieces in common with other torrents, and the first piece of the same file in the first of these torrents.
    /// The key is the first piece; the number is that of the pieces.
    routes: BTreeMap<u32, (u32, (TorrentId, u32))>,
    /// Priority of each file; empty for normal ones.
    priorities: Vec<Priority>,
    /// Changes of priorities that wait for the disk, in the order of their jobs.
    pending_priorities: VecDeque<PendingPriorities>,
    /// True to create folders and empty files.
    prepare: bool,
    /// Last resume data that is known to be durable; `None` if there is none.
    saved: Option<Arc<Resume>>,
    /// Durable content of the resume file; `None` if unknown.
    recorded: Option<Arc<Resume>>,
    looks: Looks,
    /// Set to stop a check that is under way.
    stop: Arc<AtomicBool>,
    next_check: NextCheck,
    save: SaveState,
    retry: Retry,
    suspects: Suspects,
    dates: Dates,
    /// Time at which a file was last found changed by another program; `None` if never.
    changed_at: Option<Instant>,
    /// True if the next stop is for a check that follows at once.
    looks_again: bool,
}

/// A change of priorities that waits for the disk.
pub(super) struct PendingPriorities {
    /// Priority of each file.
    pub(super) files: Vec<Priority>,
    pub(super) answer: Answer<(), PriorityError>,
}

/// Options of the next check.
#[derive(Debug, Default)]
struct NextCheck {
    /// True to hash everything.
    recheck: bool,
    /// True if the loop requests the check, not the user.
    is_retry: bool,
    /// Pieces that were present before another program changed a file, in wire form. The check finds out whether their
    /// content is still there.
    had_before_change: Option<Vec<u8>>,
}

impl Entry {
    pub(super) fn new(id: TorrentId, new: NewTorrent, member: Arc<Membership>) -> Self {
        let NewTorrent { resume, ledger, home, claims, claim, seat, priorities, prepare, recheck, .. } = new;
        member.keep_present(Arc::clone(&seat));
        let dates = Dates::of(resume.as_deref());
        let moves = moves_of(&member.store().place(), &home);
        let looks = Looks::default();
        if let Some(ledger) = ledger.clone() {
            let looks = Arc::clone(&looks);
            member.store().before_writing(move |store| record_intent(store, &ledger, &looks));
        }
        Self {
            id,
            member,
            ledger,
            claims,
            claim,
            seat,
            moves,
            draining: Draining::default(),
            routes: BTreeMap::new(),
            priorities,
            pending_priorities: VecDeque::new(),
            prepare,
            recorded: resume.clone(),
            saved: resume,
            looks,
            stop: Arc::default(),
            next_check: NextCheck { recheck, ..NextCheck::default() },
            save: SaveState::default(),
            retry: Retry::default(),
            suspects: Suspects::default(),
            dates,
            changed_at: None,
            looks_again: false,
        }
    }

    pub(super) fn store(&self) -> &Arc<TorrentStore> {
        self.member.store()
    }

    /// Returns the membership of the torrent.
    pub(super) fn member(&self) -> &Arc<Membership> {
        &self.member
    }

    /// Records that the torrent is removed, so that it may be added again once its jobs are over.
    pub(super) fn leave(&self) {
        self.seat.leave();
    }

    /// Ends the entry, and a check that is under way. Returns the membership.
    pub(super) fn into_members(self) -> impl Iterator<Item = Arc<Membership>> {
        self.stop_check();
        self.moves.end();
        for pending in self.pending_priorities {
            answer(pending.answer, Err(AskError::NoTorrent.into()));
        }
        std::iter::once(self.member).chain(self.draining.into_members())
    }

    /// Ends a check and a move that are under way.
    pub(super) fn stop_jobs(&self) {
        self.stop_check();
        self.moves.stop();
    }

    /// Ends a check that is under way.
    fn stop_check(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Creates the next check. Resume data is trusted where the files are as they were when it was saved.
    pub(super) fn check_job(&mut self) -> CheckJob {
        let is_retry = std::mem::take(&mut self.next_check.is_retry);
        // An earlier check that is still under way must not be mistaken for this one.
        self.stop_check();
        self.stop = Arc::default();
        CheckJob {
            torrent: self.id,
            store: Arc::clone(self.store()),
            resume: self.saved.clone(),
            distrust: self.next_check.recheck,
            had_before_change: self.next_check.had_before_change.clone(),
            is_retry,
            ledger: self.ledger.clone(),
            wanted: self.wanted(),
            looks: Arc::clone(&self.looks),
            prepare: self.prepare,
            stop: Arc::clone(&self.stop),
        }
    }

    /// Stops the torrent. Its resume starts with a check; the last save stays valid, and by its stamps the files are
    /// hashed then. Returns false if another fault had stopped it already.
    pub(super) fn stop_in_doubt(&mut self, cx: &mut Context, fault: DiskFault) -> bool {
        self.save.in_doubt = true;
        cx.disk_failed(self.id, fault)
    }

    /// Handles a file that another program has changed, when the pieces `had` were present, in wire form.
    pub(super) fn on_changed(&mut self, cx: &mut Context, fault: DiskFault, had: Vec<u8>) {
        // Occasionally, a harmless program changes no more than the time.
        let earlier = self.changed_at.replace(cx.now());
        let looks_again = earlier.is_none_or(|at| cx.now().since(at) >= CHANGES_EVERY);
        if self.stop_in_doubt(cx, fault) && looks_again {
            self.look_again(cx, had);
        }
    }

    /// Handles a verified piece that does not match its hash any more: nothing of the torrent is trusted before it is
    /// hashed.
    pub(super) fn on_rotten(&mut self, cx: &mut Context, piece: u32) {
        let layout = &self.store().meta().layout;
        let file = layout.ranges(piece, 0, layout.piece_len(piece)).find(|range| !range.pad);
        let path = self.store().path_of(file.map_or(0, |range| range.file));
        let message = format!(
            "cannot use the file {}: a verified piece has gone bad though the file looks unchanged; its disk may be failing",
            path.display()
        );
        self.next_check.recheck = true;
        let Some(data) = cx.resume_data(self.id) else { return };
        let had = data.have.to_wire();
        if self.stop_in_doubt(cx, DiskFault { kind: DiskFaultKind::Changed, message }) {
            self.look_again(cx, had);
        }
    }

    fn look_again(&mut self, cx: &mut Context, had: Vec<u8>) {
        self.next_check.had_before_change = Some(had);
        self.looks_again = true;
        cx.command(Command::Retry(self.id));
    }

    /// Records that the torrent runs. Returns the bytes that the check has hashed, and those that it has trusted.
    pub(super) fn on_started(&mut self, now: Instant) -> (u64, u64) {
        self.save.in_doubt = false;
        self.next_check.recheck = false;
        self.next_check.had_before_change = None;
        self.retry.started(now);
        let look = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        look.as_ref().map_or((0, 0), |look| (look.hashed_bytes, look.believed_bytes))
    }

    /// Records that a fault has stopped the torrent.
    pub(super) fn on_stopped(&mut self, now: Instant, kind: DiskFaultKind) -> Stopped {
        if std::mem::take(&mut self.looks_again) {
            return Stopped::LooksAgain;
        }
        // After a check that could not be finished, the next one must still spare the user's changes. After one that
        // has found them, the user decides.
        if matches!(kind, DiskFaultKind::Changed | DiskFaultKind::InTheWay) {
            self.next_check.had_before_change = None;
        }
        Stopped::Rests { retry_after: self.retry.stopped(now, kind) }
    }

    /// Returns the time of the next retry; `None` if none is planned.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry.at()
    }

    /// Records that the user resumes the torrent.
    pub(super) fn resumed_by_user(&mut self) {
        self.retry.resumed();
    }

    /// Returns the priority of each file; empty for normal ones. Changes that wait for the disk do not count yet.
    pub(super) fn priorities(&self) -> &[Priority] {
        &self.priorities
    }

    /// Returns the wanted files, one entry per file; empty for all.
    fn wanted(&self) -> Vec<bool> {
        self.priorities.iter().map(|priority| priority.is_wanted()).collect()
    }

    /// Applies the priorities if the same files stay wanted, so that the disk has nothing to do. Returns false otherwise.
    pub(super) fn set_same_wanted(&mut self, files: &[Priority]) -> bool {
        let of_file = |file: usize| self.priorities.get(file).copied().unwrap_or_default();
        let is_same = self.pending_priorities.is_empty()
            && files.iter().enumerate().all(|(n, priority)| priority.is_wanted() == of_file(n).is_wanted());
        if is_same {
            self.priorities = files.to_vec();
        }
        is_same
    }

    /// Deletes the files and the resume data once the torrent is removed and no job of it is left.
    pub(super) fn delete_at_the_end(&self, answer: Answer<DeletedFiles, RemoveError>) {
        self.member.delete_at_the_end(Deletion { ledger: self.ledger.clone(), answer: Some(answer) });
    }

    /// Removes the resume data once the torrent is removed and no job of it is left. The files stay.
    pub(super) fn forget_at_the_end(&self) {
        self.member.delete_at_the_end(Deletion { ledger: self.ledger.clone(), answer: None });
    }

    /// Returns the mount point that the files were below at the last check; `None` if unknown, or for the root file system.
    pub(super) fn mount(&self) -> Option<PathBuf> {
        self.ledger.as_ref().and_then(|ledger| ledger.mount())
    }

    /// Returns the times of the calendar.
    pub(super) fn dates(&self) -> Dates {
        self.dates
    }

    /// Returns the key in the file of times; `None` without a record.
    pub(super) fn times_key(&self) -> Option<TimesKey> {
        self.ledger.as_ref().map(|ledger| ledger.record().times_key())
    }

    pub(super) fn moves_mut(&mut self) -> &mut Moves {
        &mut self.moves
    }

    /// Returns the folder in which the files are, or to which they go once they are complete.
    pub(super) fn download_dir(&self) -> PathBuf {
        self.moves.home().map_or_else(|| self.store().dir(), Path::to_owned)
    }

    /// Returns true if the files were checked in this session.
    pub(super) fn was_checked(&self) -> bool {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Creates a move of the files.
    pub(super) fn move_job(&self, change: PlaceChange, stop: Arc<AtomicBool>) -> MoveJob {
        let (ledger, looks) = (self.ledger.clone(), Arc::clone(&self.looks));
        let (claims, claim) = (Arc::clone(&self.claims), Arc::clone(&self.claim));
        MoveJob { torrent: self.id, change, ledger, looks, claims, claim, stop }
    }

    /// Records that the files have moved.
    pub(super) fn set_moved(&mut self, moved: Relocated) {
        self.claim = moved.claim;
        self.recorded = None;
        if let Some(resume) = moved.resume {
            self.saved = Some(resume);
        }
    }

    /// Takes the membership of a device that still completes pieces, with these pieces.
    pub(super) fn take_back(
        &mut self,
        is_it: impl Fn(&Arc<Membership>) -> bool,
    ) -> Option<(Arc<Membership>, BTreeSet<u32>)> {
        self.draining.take_back(is_it)
    }

    /// Assigns the torrent to another device. Returns a membership that is not used any more. The pieces `in_progress`
    /// are completed where they were begun.
    pub(super) fn change_member(
        &mut self,
        member: Arc<Membership>,
        in_progress: BTreeSet<u32>,
    ) -> Option<Arc<Membership>> {
        member.keep_present(Arc::clone(&self.seat));
        let old = std::mem::replace(&mut self.member, member);
        self.draining.leave(old, in_progress)
    }

    /// Returns the membership whose threads write a piece.
    pub(super) fn writer_of(&self, piece: u32) -> &Arc<Membership> {
        self.draining.writer_of(piece).unwrap_or(&self.member)
    }

    /// Makes the thread that writes the pieces of another torrent's file write these, so that writes to one place on disk
    /// are in order.
    pub(super) fn set_route(&mut self, pieces: Range<u32>, first: (TorrentId, u32)) {
        self.routes.insert(pieces.start, (pieces.end - pieces.start, first));
    }

    /// Returns the torrent and piece that choose the thread for writes to a piece.
    pub(super) fn route_of(&self, id: TorrentId, piece: u32) -> (TorrentId, u32) {
        let before = self.routes.range(..=piece).next_back();
        let route = before.map(|(start, (count, route))| (piece - start, count, route));
        match route.filter(|(offset, count, _)| offset < count) {
            Some((offset, _, (torrent, first))) => (*torrent, first + offset),
            None => (id, piece),
        }
    }

    /// Records that a piece is complete, or that all in progress are abandoned if `piece` is `None`. Returns the
    /// memberships that are not used any more.
    pub(super) fn on_piece_end(&mut self, piece: Option<u32>) -> Vec<Arc<Membership>> {
        self.draining.on_piece_end(piece)
    }

    /// Queues a change of priorities until the disk has moved the bytes.
    pub(super) fn queue_priorities(&mut self, pending: PendingPriorities) {
        self.pending_priorities.push_back(pending);
    }

    /// Takes the oldest queued change, and applies it if the disk has carried it out.
    pub(super) fn take_priorities(&mut self, is_done: bool) -> Option<PendingPriorities> {
        let pending = self.pending_priorities.pop_front()?;
        if is_done {
            self.priorities.clone_from(&pending.files);
        }
        Some(pending)
    }

    /// Records that the user requests a check of all data.
    pub(super) fn recheck_by_user(&mut self) {
        self.retry.resumed();
        self.next_check.recheck = true;
        self.next_check.had_before_change = None;
    }

    /// Records that the torrent is resumed because its retry is due.
    pub(super) fn resumed_by_time(&mut self) {
        self.retry.resumed();
        self.next_check.is_retry = true;
    }

    /// Records that a peer has closed its connection after it was served these pieces. Returns the pieces to hash
    /// again.
    pub(super) fn on_hang_up(&mut self, now: Instant, served: &[u32]) -> Vec<u32> {
        self.suspects.hung_up(now, served)
    }
}

/// Consequence of a stop.
pub(super) enum Stopped {
    /// A check follows at once.
    LooksAgain,
    /// The torrent rests, until the user resumes it if `retry_after` is `None`.
    Rests { retry_after: Option<Duration> },
}
