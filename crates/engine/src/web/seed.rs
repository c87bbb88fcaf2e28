//! The state of one web seed.

use super::fetch::Fetch;
use super::types::{WebFault, WebOrigin, WebSeedKind, WebSeedState, WebSeedStatus, WebSource};
use crate::bitfield::Bitfield;
use crate::ids::TorrentId;
use crate::quota::PeerLimits;
use crate::rate::Meter;
use std::collections::BTreeSet;
use ztor_base::{Duration, Instant};
use ztor_metainfo::Layout;

/// Bounds of the length of a run, in bytes. Within them it is ten seconds at the measured rate.
const MIN_RUN: u64 = 1 << 20;
const MAX_RUN: u64 = 64 << 20;
const FIRST_RUN: u64 = 4 << 20;
/// The same for a server that sends whole files only.
const WHOLE_FILE_RUN: u64 = 8 << 30;
const RUN_S: u64 = 10;
/// Pause after the first fault, which doubles with each further one, and its maximum.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);
/// First pause if the server says when to come back, or has sent something.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause that a server can ask for.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// Time after which files that a server did not have are asked for again.
const LOOK_FOR_FILES_EVERY: Duration = Duration::from_secs(3600);
/// Number of files in a row that a server may lack before it gets a pause.
const MAX_FILE_FAULTS: u32 = 8;
/// Pause after a look that found nothing to fetch.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// A web seed.
pub(crate) struct WebSeed {
    torrent: TorrentId,
    source: WebSource,
    shown_url: String,
    limits: PeerLimits,
    meter: Meter,
    total_bytes: u64,
    activity: Activity,
    /// Number of faults since the last request that succeeded.
    fails: u32,
    /// Number of files in a row that it did not have.
    file_faults: u32,
    fault: Option<WebFault>,
    /// Files that it does not have, and the pieces with bytes of them.
    missing_files: BTreeSet<usize>,
    lacks: Option<Bitfield>,
    /// Time at which it is asked for these files again.
    forgives_at: Instant,
    has_no_ranges: bool,
    /// Time of the end of the last request.
    ended_at: Instant,
    /// Mean rate of the last request, in bytes per second; `None` before its end.
    last_rate: Option<u64>,
}

/// A request that has failed.
pub(crate) struct Failed {
    pub(crate) fault: WebFault,
    /// File that was asked for; `None` if the fault concerns no file.
    pub(crate) file: Option<usize>,
    /// Pause that the server asks for.
    pub(crate) retry_after: Option<Duration>,
    /// True if bytes had arrived before.
    pub(crate) has_sent: bool,
}

enum Activity {
    /// Free, and not to be looked at before this time.
    Idle(Instant),
    Fetching(Fetch),
    /// Waits after a fault.
    Waiting(Instant),
    Discarded,
}

impl WebSeed {
    pub(super) fn new(torrent: TorrentId, source: WebSource) -> Self {
        Self {
            torrent,
            shown_url: ztor_tracker::redact_web_seed(&source.url),
            source,
            limits: PeerLimits::new(false),
            meter: Meter::default(),
            total_bytes: 0,
            activity: Activity::Idle(Instant::ZERO),
            fails: 0,
            file_faults: 0,
            fault: None,
            missing_files: BTreeSet::new(),
            lacks: None,
            forgives_at: Instant::FAR_FUTURE,
            has_no_ranges: false,
            ended_at: Instant::ZERO,
            last_rate: None,
        }
    }

    pub(crate) fn torrent(&self) -> TorrentId {
        self.torrent
    }

    pub(crate) fn source(&self) -> &WebSource {
        &self.source
    }

    pub(crate) fn shown_url(&self) -> &str {
        &self.shown_url
    }

    /// Returns the request under way.
    pub(crate) fn fetch(&self) -> Option<&Fetch> {
        if let Activity::Fetching(fetch) = &self.activity { Some(fetch) } else { None }
    }

    pub(crate) fn fetch_mut(&mut self) -> Option<&mut Fetch> {
        if let Activity::Fetching(fetch) = &mut self.activity { Some(fetch) } else { None }
    }

    /// Returns the request under way, and the limits of the web seed.
    pub(crate) fn fetch_and_limits(&mut self) -> Option<(&mut Fetch, &mut PeerLimits)> {
        if let Activity::Fetching(fetch) = &mut self.activity {
            Some((fetch, &mut self.limits))
        } else {
            None
        }
    }

    pub(crate) fn limits_mut(&mut self) -> &mut PeerLimits {
        &mut self.limits
    }

    /// Returns true if it is not discarded.
    pub(crate) fn is_of_use(&self) -> bool {
        !matches!(self.activity, Activity::Discarded)
    }

    /// Returns the pieces that it lacks; `None` if it has all.
    pub(crate) fn lacks(&self) -> Option<&Bitfield> {
        self.lacks.as_ref()
    }

    pub(crate) fn has_no_ranges(&self) -> bool {
        self.has_no_ranges
    }

    /// Returns true if a run is to be picked for it now.
    pub(crate) fn is_free(&mut self, now: Instant) -> bool {
        if now >= self.forgives_at {
            self.forgives_at = Instant::FAR_FUTURE;
            self.missing_files.clear();
            self.lacks = None;
        }
        match self.activity {
            Activity::Idle(at) | Activity::Waiting(at) => at <= now,
            Activity::Fetching(_) | Activity::Discarded => false,
        }
    }

    /// Returns the time at which it is to be looked at again; `None` while a request is under way and when discarded.
    pub(crate) fn free_at(&self) -> Option<Instant> {
        match self.activity {
            Activity::Idle(at) | Activity::Waiting(at) => Some(at),
            Activity::Fetching(_) | Activity::Discarded => None,
        }
    }

    /// Returns the length of the next run in bytes.
    pub(crate) fn run_bytes(&self) -> u64 {
        if self.has_no_ranges {
            return WHOLE_FILE_RUN;
        }
        self.last_rate.map_or(FIRST_RUN, |rate| rate.saturating_mul(RUN_S).clamp(MIN_RUN, MAX_RUN))
    }

    /// Returns how many bytes of a request without ranges count as requested, ahead of the next byte. Such a request may be as
    /// long as the file, and peers must not wait for its end.
    pub(crate) fn ahead_bytes(&self, now: Instant) -> u64 {
        self.meter.per_s(now).saturating_mul(RUN_S).clamp(MIN_RUN, MAX_RUN)
    }

    /// Returns true if requests end with a piece.
    pub(crate) fn is_by_piece(&self) -> bool {
        self.source.kind == WebSeedKind::Pieces
    }

    /// Notes that there was nothing to fetch.
    pub(crate) fn found_nothing(&mut self, now: Instant) {
        self.activity = Activity::Idle(now + IDLE_PAUSE);
    }

    /// Looks again at once, as blocks were released.
    pub(crate) fn wake(&mut self, now: Instant) {
        if let Activity::Idle(at) = &mut self.activity {
            *at = now.min(*at);
        }
    }

    pub(crate) fn begin(&mut self, fetch: Fetch) {
        self.activity = Activity::Fetching(fetch);
    }

    /// Counts received bytes.
    pub(crate) fn came(&mut self, now: Instant, bytes: u64) {
        self.meter.add(now, bytes);
        self.total_bytes += bytes;
    }

    pub(crate) fn per_s(&self, now: Instant) -> u64 {
        self.meter.per_s(now)
    }

    /// Returns the order in which free web seeds are asked: those of the user first, then those whose last request is longest
    /// ago.
    pub(crate) fn rank(&self) -> (bool, Instant) {
        (self.source.origin != WebOrigin::User, self.ended_at)
    }

    /// Ends the request and returns it.
    pub(crate) fn take_fetch(&mut self, now: Instant) -> Option<Fetch> {
        match std::mem::replace(&mut self.activity, Activity::Idle(now)) {
            Activity::Fetching(fetch) => {
                self.ended_at = now;
                Some(fetch)
            }
            other => {
                self.activity = other;
                None
            }
        }
    }

    /// Notes that a request has succeeded.
    pub(crate) fn succeeded(&mut self, rate: u64) {
        self.fails = 0;
        self.fault = None;
        self.last_rate = Some(rate);
    }

    /// Notes a fault of the file, or of the server. `jitter` is from 0 to 1. Returns true if it is another fault than the
    /// last one.
    pub(crate) fn failed(&mut self, now: Instant, failed: Failed, layout: &Layout, jitter: f32) -> bool {
        let Failed { fault, file, retry_after, has_sent } = failed;
        let is_news = self.fault.as_ref() != Some(&fault);
        // A part that is too far from the start of its file may come from others.
        let is_too_far = fault == WebFault::NoRanges && self.has_no_ranges;
        let is_of_file = is_too_far
            || matches!(fault, WebFault::NotThere | WebFault::Denied | WebFault::WrongLength { .. });
        let first_whole = fault == WebFault::NoRanges && !self.has_no_ranges;
        self.has_no_ranges |= fault == WebFault::NoRanges;
        let file = file.filter(|_| is_of_file);
        if let Some(file) = file {
            self.miss(now, file, layout);
        }
        self.fault = Some(fault);
        self.file_faults = if file.is_some() && !has_sent { self.file_faults.saturating_add(1) } else { 0 };
        // A server that answers so again and again may want to be left alone.
        let goes_on = retry_after.is_none() && self.file_faults <= MAX_FILE_FAULTS && self.has_files(layout);
        if first_whole || (file.is_some() && goes_on) {
            self.activity = Activity::Idle(now);
            return is_news;
        }
        self.fails = if has_sent { 1 } else { self.fails.saturating_add(1) };
        // The server knows best, but not that it should be asked again and again. One that sends something works.
        let first = if has_sent || retry_after.is_some() { SHORTEST_PAUSE } else { FIRST_PAUSE };
        let pause = (first * (1 << (self.fails - 1).min(10))).min(LONGEST_PAUSE);
        let pause = pause + Duration::from_micros((pause.as_micros() as f32 * jitter / 4.0) as u64);
        let asked = retry_after.unwrap_or(Duration::ZERO).min(LONGEST_ASKED_PAUSE);
        self.activity = Activity::Waiting(now + pause.max(asked));
        is_news
    }

    /// Notes that it sent bad data. It is not used again.
    pub(crate) fn discard(&mut self, piece: u32) {
        self.fault = Some(WebFault::BadData { piece });
        self.activity = Activity::Discarded;
    }

    pub(crate) fn status(&self, now: Instant) -> WebSeedStatus {
        let (state, retry_at) = match self.activity {
            Activity::Idle(_) => (WebSeedState::Idle, None),
            Activity::Fetching(_) => (WebSeedState::Fetching, None),
            Activity::Waiting(at) => (WebSeedState::Waiting, Some(at)),
            Activity::Discarded => (WebSeedState::Discarded, None),
        };
        WebSeedStatus {
            source: self.source.clone(),
            shown_url: self.shown_url.clone(),
            state,
            fault: self.fault.clone(),
            retries_in: retry_at.map(|at| at.since(now)),
            down_per_s: self.meter.per_s(now),
            downloaded_bytes: self.total_bytes,
            missing_files: self.missing_files.len(),
        }
    }

    fn miss(&mut self, now: Instant, file: usize, layout: &Layout) {
        self.missing_files.insert(file);
        let pieces = layout.pieces_of(file);
        self.lacks.get_or_insert_with(|| Bitfield::new(layout.piece_count())).extend(pieces);
        self.forgives_at = self.forgives_at.min(now + LOOK_FOR_FILES_EVERY);
    }

    /// Returns true if it has a piece.
    fn has_files(&self, layout: &Layout) -> bool {
        self.lacks.as_ref().is_none_or(|lacks| lacks.count() < layout.piece_count())
    }
}
