//! One tracker of a torrent: its state, and the announces that it needs.

use ztor_base::Instant;

use super::{Due, TrackerId};
use crate::{AnnounceEvent, TrackerIssue, place, redact};

/// Minimum interval in seconds, even if a tracker asks for less, and the same for trackers on this machine and in the
/// local network.
const LEAST_INTERVAL_S: u32 = 60;
const LEAST_LOCAL_INTERVAL_S: u32 = 5;

/// An announce that has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outstanding {
    /// The announce waits for its turn at the host.
    Queued,
    /// The announce was sent at this time, with this event.
    Sent(Instant, AnnounceEvent),
}

#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) status: TrackerStatus,
    pub(super) outstanding: Option<Outstanding>,
    /// True if the last failure was of the host or of the network: see [`Announcer::retry_unreachable`].
    pub(super) is_unreachable: bool,
    /// True if `started` was answered and `stopped` not yet sent.
    pub(super) started: bool,
    /// True if it still needs a `completed`.
    pub(super) owes_completed: bool,
    /// Time of the next regular announce after a success, or end of the rest after a failure.
    pub(super) next: Instant,
    /// Earliest time of any announce after a success.
    pub(super) earliest: Instant,
    pub(super) tracker_id: Option<Vec<u8>>,
    /// The host in its URL, in one spelling; `None` without a host.
    pub(super) host: Option<String>,
    pub(super) least_interval_s: u32,
}

/// The status of a tracker, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerStatus {
    /// Id of the tracker.
    pub id: TrackerId,
    /// Its URL in full. It may contain a passkey and must not be logged or shown.
    pub url: String,
    /// Its URL without possible secrets, see [`redact`].
    pub shown_url: String,
    /// Its tier, from 0.
    pub tier: usize,
    /// Its state.
    pub state: TrackerState,
    /// The last error, or the warning in the last reply.
    pub issue: Option<TrackerIssue>,
    /// Time of the next announce, or the earliest one if the last has failed; `None` if it is not known.
    pub next_announce: Option<Instant>,
    /// Time from which the tracker allows an announce, by the minimum interval of its last reply; `None` before the first.
    pub allowed_at: Option<Instant>,
    /// Number of failures in a row.
    pub fails: u32,
    /// Number of peers in its last reply.
    pub peers: Option<usize>,
    /// Number of seeders, by its last reply.
    pub seeders: Option<u32>,
    /// Number of leechers, by its last reply.
    pub leechers: Option<u32>,
    /// Number of completed downloads, by its last reply.
    pub downloads: Option<u32>,
}

/// The state of a tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrackerState {
    /// Not asked yet, or not again since a stop.
    Untried,
    /// An announce waits for its turn at the tracker's host, which other torrents use as well.
    Queued,
    /// An announce is under way.
    Announcing,
    /// Its last answer was good.
    Working,
    /// Its last announce has failed, and it is tried again later.
    Failing,
    /// No further announces, as it has forbidden them (BEP 31).
    GaveUp,
    /// Unusable: its kind is not supported, or its address is invalid.
    NotSupported,
}

impl Tracker {
    pub(super) fn new(id: TrackerId, url: &str, tier: usize, host: Option<String>) -> Self {
        let issue = place::unusable(url).map(TrackerIssue::Error);
        let supported = issue.is_none();
        let status = TrackerStatus {
            id,
            url: url.to_owned(),
            shown_url: redact(url),
            tier,
            state: if supported { TrackerState::Untried } else { TrackerState::NotSupported },
            issue,
            next_announce: None,
            allowed_at: None,
            fails: 0,
            peers: None,
            seeders: None,
            leechers: None,
            downloads: None,
        };
        Self {
            status,
            outstanding: None,
            is_unreachable: false,
            started: false,
            owes_completed: false,
            next: Instant::ZERO,
            earliest: Instant::ZERO,
            tracker_id: None,
            host,
            least_interval_s: if place::names_local(url) { LEAST_LOCAL_INTERVAL_S } else { LEAST_INTERVAL_S },
        }
    }

    /// Takes over the state of a tracker with the same URL. An announce under way is due again.
    pub(super) fn take_over(&mut self, before: Self) {
        let TrackerStatus { id, tier, .. } = self.status;
        let was_outstanding = before.outstanding.is_some();
        *self = Self { status: TrackerStatus { id, tier, ..before.status }, outstanding: None, ..before };
        if was_outstanding {
            (self.next, self.earliest) = (Instant::ZERO, Instant::ZERO);
            self.status.state = if self.started { TrackerState::Working } else { TrackerState::Untried };
        }
    }

    /// Returns the time at which the announce under way was sent.
    pub(super) fn sent_at(&self) -> Option<Instant> {
        match self.outstanding {
            Some(Outstanding::Sent(at, _)) => Some(at),
            Some(Outstanding::Queued) | None => None,
        }
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent_at().is_some()
    }

    pub(super) fn next_event(&self) -> AnnounceEvent {
        match (self.started, self.owes_completed) {
            (false, _) => AnnounceEvent::Started,
            (true, true) => AnnounceEvent::Completed,
            (true, false) => AnnounceEvent::None,
        }
    }

    pub(super) fn due(&self, event: AnnounceEvent) -> Due {
        let status = &self.status;
        Due { tracker: status.id, url: status.url.clone(), event, tracker_id: self.tracker_id.clone() }
    }
}

impl TrackerState {
    pub(super) fn may_be_asked(self) -> bool {
        !matches!(self, Self::GaveUp | Self::NotSupported)
    }
}
