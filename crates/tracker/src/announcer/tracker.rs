//! One tracker of a torrent: how it is with it, and what it is owed.

use ztor_base::Instant;

use super::{Due, TrackerId};
use crate::{AnnounceEvent, TrackerIssue, place, redact};

/// The shortest interval that a tracker is followed to, in seconds, and the same on this machine and in the local
/// network.
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
    /// The last failure was of the host or of the network: see [`Announcer::retry_unreachable`].
    pub(super) is_unreachable: bool,
    /// Whether `started` has been answered and `stopped` not yet sent.
    pub(super) started: bool,
    /// Whether it has still to be told of the completed download.
    pub(super) owes_completed: bool,
    /// After a success: the next regular announce. After a failure: the end of the rest.
    pub(super) next: Instant,
    /// After a success: before this no announce is welcome.
    pub(super) earliest: Instant,
    pub(super) tracker_id: Option<Vec<u8>>,
    /// The host that its URL names, in one spelling.
    pub(super) host: Option<String>,
    pub(super) least_interval_s: u32,
}

/// A tracker as it is shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerStatus {
    /// Which.
    pub id: TrackerId,
    /// Its URL in full. It may hold a passkey: not for logs or screens.
    pub url: String,
    /// Its URL without what may be secret, see [`redact`].
    pub shown_url: String,
    /// Its tier, from 0.
    pub tier: usize,
    /// How it is with it.
    pub state: TrackerState,
    /// Last error, or the warning of the last reply.
    pub issue: Option<TrackerIssue>,
    /// When it will be asked again, at the earliest if it is a failed or an untried one.
    pub next_announce: Option<Instant>,
    /// Failures in a row.
    pub fails: u32,
    /// How many peers its last reply had.
    pub peers: Option<usize>,
    /// How many seeders there are, by its last reply.
    pub seeders: Option<u32>,
    /// How many leechers there are, by its last reply.
    pub leechers: Option<u32>,
    /// How many downloads were completed, by its last reply.
    pub downloads: Option<u32>,
}

/// How it is with a tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrackerState {
    /// Not asked yet, or not again since a stop.
    Untried,
    /// An announce waits for its turn at the tracker's host, which is asked for other torrents.
    Queued,
    /// An announce is under way.
    Announcing,
    /// Its last answer was good.
    Working,
    /// It failed, and will be tried again.
    Failing,
    /// It has said never to ask it again (BEP 31).
    GaveUp,
    /// Its kind is not spoken here.
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

    /// Time at which the announce under way was sent.
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
