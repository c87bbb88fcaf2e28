//! The schedule of a torrent's announces to its trackers (BEP 12).

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use ztor_base::{Duration, Instant};

use crate::{AnnounceEvent, AnnounceReply, Retry, TrackerError, TrackerIssue, place};

mod tracker;

use tracker::{Outstanding, Tracker};
pub use tracker::{TrackerState, TrackerStatus};

/// Time without an answer after which the next tracker is asked as well. So a dead first tracker costs a new torrent
/// seconds, not the minutes that its protocol takes to give up.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Maximum number of trackers of a torrent. Further ones are left out.
pub const MAX_TRACKERS: usize = 500;

/// Maximum number of them at one host, over all its ports. A torrent must not make its swarm flood a host. An honest
/// tracker has one URL for each of UDP, HTTP and HTTPS.
pub const MAX_PER_HOST: usize = 4;

/// Maximum interval, in seconds. Otherwise, after a typing error, a torrent would never announce again.
const MOST_INTERVAL_S: u32 = 86_400;

/// Maximum wait after failures, unless the tracker asks for more.
const MAX_BACKOFF: Duration = Duration::from_secs(3600);

/// The id of a tracker of one [`Announcer`]. It is never used for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerId(usize);

impl TrackerId {
    /// Returns its index: from 0, in the order in which the trackers were added.
    pub fn index(self) -> usize {
        self.0
    }
}

/// An announce that is sent now. It must be answered with [`Announcer::on_reply`], [`Announcer::on_error`] or
/// [`Announcer::on_unreachable`], except for those of [`Announcer::stop`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The tracker.
    pub tracker: TrackerId,
    /// Its URL.
    pub url: String,
    /// The event to announce.
    pub event: AnnounceEvent,
    /// The id in its last reply; `None` if there was none.
    pub tracker_id: Option<Vec<u8>>,
}

/// The trackers of one torrent, in tiers.
///
/// Tiers are tried in order, and the trackers of a tier in an order shuffled once. A tracker that works moves to the
/// front of its tier, and gets further announces at its own interval. When one fails, the next in its tier is asked at
/// once, then the next tier. The failed one rests, longer after each failure. While more peers are wanted, the tiers
/// after a working one are asked as well, as they may know others. If that does not help, [all](Self::set_all) can be
/// asked. At most one announce is under way to a tracker.
///
/// An announce that is due [waits](Self::poll_announce) for its tracker's host, which many torrents share. It is made
/// when it is [sent](Self::begin), so that its numbers are current, and its time counts from then.
///
/// ```
/// use fastrand::Rng;
/// use ztor_base::{Duration, Instant};
/// use ztor_tracker::AnnounceReply;
/// use ztor_tracker::announcer::Announcer;
///
/// let tiers = vec![vec!["http://a.example/announce".to_owned()], vec!["udp://b.example:6969".to_owned()]];
/// let (now, mut announcer) = (Instant::ZERO, Announcer::new(tiers, &mut Rng::with_seed(42)));
/// let mut asked = Vec::new();
/// while let Some(id) = announcer.poll_announce(now, false) {
///     if let Some(due) = announcer.begin(now, id) {
///         asked.push(due.url);
///         // The tracker answers at once.
///         announcer.on_reply(now, id, &AnnounceReply { interval_s: 1800, ..AnnounceReply::default() });
///     }
/// }
/// assert_eq!(asked, ["http://a.example/announce"], "the second tier is not needed");
/// assert!(announcer.poll_timeout() >= Some(now + Duration::from_secs(1800)));
/// ```
#[derive(Debug)]
pub struct Announcer {
    trackers: Vec<Tracker>,
    /// Indices of `trackers`, in the order in which they are tried.
    tiers: Vec<Vec<usize>>,
    stopped: bool,
    completed: bool,
    /// True if something happened since [`poll_announce`](Self::poll_announce) last returned `None`.
    changed: bool,
    /// Arguments of the last [`poll_announce`](Self::poll_announce).
    asked: (Instant, bool),
    /// True if every tracker is announced to, and not one of a tier.
    all: bool,
    /// Number of trackers that [`take_unusable`](Self::take_unusable) has checked.
    looked_at: usize,
    /// Extra wait after an interval, in thousandths of it. So torrents that were started together announce at different
    /// times after a while.
    spread_permille: u32,
}

/// Maximum extra wait after an interval, in thousandths of it.
const MAX_SPREAD_PERMILLE: u32 = 50;

impl Announcer {
    /// Creates an announcer for these tiers of URLs, and shuffles each tier. Blank URLs and repetitions are left out,
    /// and all beyond [`MAX_TRACKERS`] and [`MAX_PER_HOST`].
    pub fn new(tiers: Vec<Vec<String>>, rng: &mut Rng) -> Self {
        let mut announcer = Self {
            trackers: Vec::new(),
            tiers: Vec::new(),
            stopped: false,
            completed: false,
            changed: true,
            asked: (Instant::ZERO, true),
            all: false,
            looked_at: 0,
            spread_permille: rng.u32(..=MAX_SPREAD_PERMILLE),
        };
        let mut seen = BTreeSet::new();
        for mut urls in tiers {
            urls.retain(|url| !url.trim().is_empty() && seen.insert(url.trim().to_owned()));
            rng.shuffle(&mut urls);
            let tier = announcer.tiers.len();
            for url in urls {
                announcer.push(&url, tier);
            }
        }
        // Most torrents have a tracker or two, and there are thousands of torrents.
        announcer.trackers.shrink_to_fit();
        announcer.tiers.shrink_to_fit();
        announcer.tiers.iter_mut().for_each(Vec::shrink_to_fit);
        announcer
    }

    /// Adds a tracker at the end of `tier`, or in a new last tier if there is none of that number. Returns `None` if it
    /// is blank, known already, or one too many.
    pub fn add(&mut self, url: &str, tier: usize) -> Option<TrackerId> {
        let url = url.trim();
        if url.is_empty() || self.trackers.iter().any(|tracker| tracker.status.url == url) {
            return None;
        }
        self.push(url, tier.min(self.tiers.len()))
    }

    /// Replaces the trackers. One whose URL stays keeps its state, but for an announce under way, which is due again and whose
    /// answer must not be passed on: all ids change. Returns a `stopped` for each that is gone and knows the torrent.
    pub fn replace(&mut self, tiers: Vec<Vec<String>>, rng: &mut Rng) -> Vec<Due> {
        let new = Self {
            stopped: self.stopped,
            completed: self.completed,
            all: self.all,
            spread_permille: self.spread_permille,
            asked: self.asked,
            ..Self::new(tiers, rng)
        };
        let old = std::mem::replace(self, new);
        let mut farewells = Vec::new();
        for before in old.trackers {
            match self.trackers.iter_mut().find(|tracker| tracker.status.url == before.status.url) {
                Some(tracker) => tracker.take_over(before),
                None if before.started || before.is_sent() => {
                    farewells.push(before.due(AnnounceEvent::Stopped));
                }
                None => {}
            }
        }
        farewells
    }

    /// Returns the tracker of the next announce that is due at `now`, and queues the announce until
    /// [`begin`](Self::begin). Call it until it returns `None`.
    ///
    /// This combines `handle_timeout` and `poll_transmit`, as announces depend on the time and on `wants_peers` alone.
    ///
    /// `wants_peers` is true if the torrent is short of peers. It advances announces as far as the trackers' minimum
    /// intervals allow, and asks tiers that would otherwise rest.
    pub fn poll_announce(&mut self, now: Instant, wants_peers: bool) -> Option<TrackerId> {
        self.asked = (now, wants_peers);
        let due = if self.stopped { None } else { self.next_due(now, wants_peers) };
        self.changed = due.is_some();
        let tracker = self.trackers.get_mut(due?)?;
        tracker.outstanding = Some(Outstanding::Queued);
        tracker.status.state = TrackerState::Queued;
        tracker.status.next_announce = None;
        Some(tracker.status.id)
    }

    /// Makes a queued announce, which is sent at `now`. Returns `None` if it was dropped.
    pub fn begin(&mut self, now: Instant, id: TrackerId) -> Option<Due> {
        let tracker = self.trackers.get_mut(id.0)?;
        if tracker.outstanding != Some(Outstanding::Queued) {
            return None;
        }
        let event = tracker.next_event();
        tracker.outstanding = Some(Outstanding::Sent(now, event));
        tracker.status.state = TrackerState::Announcing;
        self.changed = true;
        Some(tracker.due(event))
    }

    /// Returns true if a tracker has never answered since the start or the last stop.
    pub fn is_new_to(&self, id: TrackerId) -> bool {
        self.trackers.get(id.0).is_some_and(|tracker| !tracker.started && tracker.status.fails == 0)
    }

    /// Returns the status of one tracker.
    pub fn status_of(&self, id: TrackerId) -> Option<&TrackerStatus> {
        self.trackers.get(id.0).map(|tracker| &tracker.status)
    }

    /// Returns the trackers that cannot be used, each once: those with an invalid address, and one of an unsupported
    /// kind if no tracker is usable. Their messages give the reasons.
    pub fn take_unusable(&mut self) -> Vec<&TrackerStatus> {
        let new = std::mem::replace(&mut self.looked_at, self.trackers.len());
        let is_unusable = |tracker: &&Tracker| tracker.status.state == TrackerState::NotSupported;
        let mut named_kind = self.has_usable();
        let mut unusable: Vec<&TrackerStatus> =
            self.trackers[new..].iter().filter(is_unusable).map(|tracker| &tracker.status).collect();
        unusable.retain(|status| {
            let is_other_kind = place::is_other_kind(&status.url);
            !is_other_kind || !std::mem::replace(&mut named_kind, true)
        });
        unusable
    }

    /// Returns true if there is a tracker that can be used.
    pub fn has_usable(&self) -> bool {
        self.trackers.iter().any(|tracker| tracker.status.state != TrackerState::NotSupported)
    }

    /// Chooses whether every tracker is announced to, instead of one that works in every tier.
    pub fn set_all(&mut self, all: bool) {
        self.changed |= self.all != all;
        self.all = all;
    }

    /// Handles the answer of a tracker.
    pub fn on_reply(&mut self, now: Instant, id: TrackerId, reply: &AnnounceReply) {
        let Some(tracker) = self.trackers.get_mut(id.0) else { return };
        let Some(Outstanding::Sent(_, event)) = tracker.outstanding else { return };
        tracker.outstanding = None;
        tracker.is_unreachable = false;
        tracker.started = true;
        if event == AnnounceEvent::Completed {
            tracker.owes_completed = false;
        }
        let least = tracker.least_interval_s;
        let seconds = |s: u32| Duration::from_secs(s.clamp(least, MOST_INTERVAL_S).into());
        let interval = seconds(reply.interval_s);
        let min_interval = reply.min_interval_s.map_or(interval, seconds);
        let wait = interval.max(min_interval);
        tracker.next = now + wait + wait * self.spread_permille / 1000;
        tracker.earliest = now + min_interval;
        if let Some(tracker_id) = &reply.tracker_id {
            tracker.tracker_id = Some(tracker_id.clone());
        }
        let status = &mut tracker.status;
        status.state = TrackerState::Working;
        status.issue = reply.warning.as_ref().map(|warning| TrackerIssue::warning(warning, &status.url));
        status.next_announce = Some(tracker.next);
        status.allowed_at = Some(tracker.earliest);
        status.fails = 0;
        status.peers = Some(reply.peers.len());
        status.seeders = reply.seeders;
        status.leechers = reply.leechers;
        status.downloads = reply.downloads;
        if let Some(tier) = self.tiers.get_mut(status.tier)
            && let Some(at) = tier.iter().position(|&index| index == id.0)
        {
            tier[..=at].rotate_right(1);
        }
        self.changed = true;
    }

    /// Handles a tracker whose host does not answer or cannot be reached. It is asked again at `retry_at`, and the next
    /// tracker at once. The caller chooses the time, as it knows the host from other torrents.
    pub fn on_unreachable(&mut self, id: TrackerId, error: &TrackerError, retry_at: Instant) {
        let Some(tracker) = self.trackers.get_mut(id.0) else { return };
        let Some(outstanding) = tracker.outstanding.take() else { return };
        tracker.next = retry_at;
        tracker.is_unreachable = true;
        let status = &mut tracker.status;
        status.issue = Some(TrackerIssue::error(error, &status.url));
        if outstanding != Outstanding::Queued {
            status.fails = status.fails.saturating_add(1);
        }
        status.state = TrackerState::Failing;
        status.next_announce = Some(retry_at);
        self.changed = true;
    }

    /// Makes trackers due that could not be reached, as the network is back.
    pub fn retry_unreachable(&mut self, now: Instant) {
        let failing = self.trackers.iter_mut().filter(|t| t.is_unreachable && t.outstanding.is_none());
        for tracker in failing {
            tracker.next = now;
            tracker.status.next_announce = Some(now);
            tracker.status.fails = 0;
            self.changed = true;
        }
    }

    /// Makes every tracker due whose minimum interval, or whose rest after a refusal, allows it. A tracker that could not
    /// be reached is due regardless of its rest.
    pub fn announce_early(&mut self, now: Instant) {
        for tracker in self.trackers.iter_mut().filter(|t| t.outstanding.is_none()) {
            let earliest = match tracker.status.state {
                TrackerState::Working => tracker.earliest,
                TrackerState::Failing if tracker.is_unreachable => now,
                _ => tracker.next,
            };
            tracker.next = tracker.next.min(earliest.max(now));
            if tracker.status.state.may_be_asked() {
                tracker.status.next_announce = Some(tracker.next);
            }
        }
        self.changed = true;
    }

    /// Makes all trackers due that know of us, regardless of their interval, as our address has changed.
    pub fn reannounce(&mut self, now: Instant) {
        for tracker in self.trackers.iter_mut().filter(|t| t.outstanding.is_none()) {
            let knows_us = tracker.started || tracker.is_unreachable;
            if knows_us && tracker.status.state.may_be_asked() {
                (tracker.next, tracker.earliest) = (now, now);
                tracker.status.next_announce = Some(now);
                tracker.status.allowed_at = Some(now);
            }
        }
        self.changed = true;
    }

    /// Handles the failure or the refusal of a tracker.
    pub fn on_error(&mut self, now: Instant, id: TrackerId, error: &TrackerError) {
        let Some(tracker) = self.trackers.get_mut(id.0) else { return };
        if tracker.outstanding.take().is_none() {
            return;
        }
        tracker.is_unreachable = false;
        let status = &mut tracker.status;
        status.issue = Some(TrackerIssue::error(error, &status.url));
        status.fails = status.fails.saturating_add(1);
        tracker.next = now + backoff(status.fails);
        status.state = match (error, error.retry()) {
            (TrackerError::Unsupported { .. }, _) => TrackerState::NotSupported,
            (_, Retry::Never) => TrackerState::GaveUp,
            (_, Retry::After(seconds)) => {
                tracker.next =
                    tracker.next.max(now + Duration::from_secs(seconds.min(MOST_INTERVAL_S).into()));
                TrackerState::Failing
            }
            (_, Retry::Unsaid) => TrackerState::Failing,
        };
        status.next_announce = status.state.may_be_asked().then_some(tracker.next);
        self.changed = true;
    }

    /// Notes that the download was completed in this session. Every tracker that knows the torrent gets one
    /// `completed`; later ones get the `started` of a seed. A second call changes nothing.
    pub fn completed(&mut self) {
        if std::mem::replace(&mut self.completed, true) {
            return;
        }
        for tracker in &mut self.trackers {
            tracker.owes_completed = tracker.started || tracker.is_sent();
        }
        self.changed = true;
    }

    /// Ends the announces. Returns a `stopped` for every tracker that knows the torrent or has a first announce under
    /// way. Afterwards nothing is due, and answers are ignored. The caller should drop announces under way.
    pub fn stop(&mut self) -> Vec<Due> {
        self.stopped = true;
        let mut farewells = Vec::new();
        for tracker in &mut self.trackers {
            if tracker.started || tracker.is_sent() {
                farewells.push(tracker.due(AnnounceEvent::Stopped));
            }
            tracker.started = false;
            tracker.owes_completed = false;
            tracker.outstanding = None;
            if tracker.status.state == TrackerState::Working {
                // Its interval bounds regular announces; a new `started` may come at any time.
                tracker.next = Instant::ZERO;
            }
            tracker.status.next_announce = None;
            if tracker.status.state.may_be_asked() {
                tracker.status.state = TrackerState::Untried;
            }
        }
        farewells
    }

    /// Starts again after [`Announcer::stop`]. Trackers that were failing still rest for their time.
    pub fn restart(&mut self) {
        self.stopped = false;
        self.changed = true;
    }

    /// Starts over as a client that no tracker knows: every tracker gets `started`, and none its own
    /// [`tracker_id`](Due::tracker_id) back. The caller should drop announces under way.
    pub fn forget_us(&mut self) {
        let was_stopped = self.stopped;
        // Nobody is told that the client of before is gone.
        drop(self.stop());
        for tracker in &mut self.trackers {
            tracker.tracker_id = None;
        }
        self.stopped = was_stopped;
        self.changed = true;
    }

    /// Returns the latest time for the next [`Announcer::poll_announce`] with the same `wants_peers`. With another
    /// value, call it at once.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        let (asked, wants_peers) = self.asked;
        if self.changed {
            return Some(asked);
        }
        let times = self.trackers.iter().flat_map(|tracker| {
            let patience = tracker.sent_at().map(|since| since + PATIENCE);
            let rests = tracker.outstanding.is_none() && tracker.status.state.may_be_asked();
            let early = wants_peers && tracker.status.state == TrackerState::Working;
            [patience, rests.then_some(tracker.next), (rests && early).then_some(tracker.earliest)]
        });
        times.flatten().filter(|&time| time > asked).min()
    }

    /// Returns the announce URLs in their tiers, in the current order. They may contain a passkey and must not be
    /// logged or shown.
    pub fn tiers(&self) -> Vec<Vec<String>> {
        let mut tiers: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for status in self.status() {
            tiers.entry(status.tier).or_default().push(status.url.clone());
        }
        tiers.into_values().collect()
    }

    /// Returns the trackers, in the order in which they are tried.
    pub fn status(&self) -> impl Iterator<Item = &TrackerStatus> {
        self.tiers.iter().flatten().filter_map(|&index| Some(&self.trackers.get(index)?.status))
    }

    fn push(&mut self, url: &str, tier: usize) -> Option<TrackerId> {
        let host = place::host(url);
        let is_there = |tracker: &&Tracker| host.is_some() && tracker.host == host;
        if self.trackers.len() >= MAX_TRACKERS
            || self.trackers.iter().filter(is_there).count() >= MAX_PER_HOST
        {
            return None;
        }
        let id = TrackerId(self.trackers.len());
        self.trackers.push(Tracker::new(id, url.trim(), tier, host));
        if tier >= self.tiers.len() {
            self.tiers.push(Vec::new());
        }
        self.tiers.get_mut(tier)?.push(id.0);
        self.changed = true;
        Some(id)
    }

    fn next_due(&self, now: Instant, wants_peers: bool) -> Option<usize> {
        let owes = |t: &Tracker| {
            t.owes_completed && t.outstanding.is_none() && t.status.state == TrackerState::Working
        };
        if let Some(index) = self.trackers.iter().position(owes) {
            return Some(index);
        }
        let mut searching = true;
        for tier in &self.tiers {
            match self.look_at(tier, now, wants_peers, searching) {
                Look::Due(index) => return Some(index),
                Look::Works => searching &= wants_peers || self.all,
                Look::Waits => searching &= self.all,
                Look::Fails => {}
            }
        }
        None
    }

    fn look_at(&self, tier: &[usize], now: Instant, wants_peers: bool, searching: bool) -> Look {
        let mut works = false;
        for &index in tier {
            let Some(tracker) = self.trackers.get(index) else { continue };
            match (tracker.outstanding, tracker.status.state) {
                (Some(_), _) if self.all => {}
                (Some(Outstanding::Queued), _) => return Look::Waits,
                (Some(Outstanding::Sent(since, _)), _) if now < since + PATIENCE => return Look::Waits,
                (Some(Outstanding::Sent(..)), _) => {}
                (None, TrackerState::Working) => {
                    let is_due = now >= tracker.next || (wants_peers && now >= tracker.earliest);
                    match is_due {
                        true => return Look::Due(index),
                        false if self.all => works = true,
                        false => return Look::Works,
                    }
                }
                (
                    None,
                    TrackerState::Untried
                    | TrackerState::Failing
                    | TrackerState::Queued
                    | TrackerState::Announcing,
                ) => {
                    if searching && now >= tracker.next {
                        return Look::Due(index);
                    }
                }
                (None, TrackerState::GaveUp | TrackerState::NotSupported) => {}
            }
        }
        if works { Look::Works } else { Look::Fails }
    }
}

/// The result of a look at a tier.
enum Look {
    /// This tracker of it must be asked now.
    Due(usize),
    /// One of its trackers works, and is not due.
    Works,
    /// One of its trackers was asked just now, or waits for its turn.
    Waits,
    /// None of its trackers works or may be tried now.
    Fails,
}

/// Returns the rest of a tracker, or of a host of trackers, after this number of failures in a row: 5 s plus 12.5 s
/// times their square, at most an hour.
pub fn backoff(fails: u32) -> Duration {
    let fails = u64::from(fails.min(100));
    Duration::from_millis(5000 + fails * fails * 12_500).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests;
