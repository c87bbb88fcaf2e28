//! Statistics of a torrent over all sessions.

use crate::times::Times;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ztor_engine::ReportedBytes;
use ztor_storage::resume::{self, Resume, TrackerBytes};

/// Statistics of a torrent over all sessions. They are kept with the resume data; a crash loses at most the last minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TorrentStatistics {
    /// Time at which the torrent was first added.
    pub added: SystemTime,
    /// Time at which the last wanted piece became durable for the last time; `None` before that.
    pub finished: Option<SystemTime>,
    /// Time for which the torrent was active: neither paused nor stopped, and not checking.
    pub active: Duration,
    /// The part of that without a missing wanted piece.
    pub seeding: Duration,
    /// Bytes of piece data received from peers.
    pub downloaded_bytes: u64,
    /// Bytes of piece data sent to peers.
    pub uploaded_bytes: u64,
    /// Bytes that announces have reported to each tracker, by its URL without passkeys.
    pub trackers: BTreeMap<String, ReportedBytes>,
}

/// Times of the calendar of a torrent, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dates {
    added: u64,
    /// 0 before the end.
    finished: u64,
}

impl Dates {
    /// Returns the recorded dates; a torrent without a record is added now.
    pub(crate) fn of(resume: Option<&Resume>) -> Self {
        let recorded = resume.map(|resume| &resume.statistics);
        let added = recorded.map_or(0, |recorded| recorded.added_unix_s);
        let added = if added == 0 { now_unix_s() } else { added };
        Self { added, finished: recorded.map_or(0, |recorded| recorded.finished_unix_s) }
    }

    /// Records that the torrent has just been finished.
    pub(crate) fn finish(&mut self) {
        self.finished = now_unix_s();
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished > 0
    }

    /// Returns the statistics for a record.
    pub(crate) fn to_record(self, counted: &ztor_engine::Statistics) -> resume::Statistics {
        let of = |(url, bytes): (&String, &ReportedBytes)| {
            let ReportedBytes { downloaded, uploaded } = *bytes;
            (url.clone(), TrackerBytes { downloaded, uploaded })
        };
        resume::Statistics {
            added_unix_s: self.added,
            finished_unix_s: self.finished,
            active_s: counted.active.as_secs(),
            seeding_s: counted.seeding.as_secs(),
            trackers: counted.trackers.iter().map(of).collect(),
        }
    }

    /// Returns the statistics for a front end.
    pub(crate) fn to_status(
        self,
        counted: ztor_engine::Statistics,
        (downloaded_bytes, uploaded_bytes): (u64, u64),
    ) -> TorrentStatistics {
        let time = |seconds: u64| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH);
        TorrentStatistics {
            added: time(self.added),
            finished: self.is_finished().then(|| time(self.finished)),
            active: counted.active,
            seeding: counted.seeding,
            downloaded_bytes,
            uploaded_bytes,
            trackers: counted.trackers,
        }
    }
}

/// Returns the statistics of earlier sessions. The record or the file of times may be older than the other.
pub(crate) fn earlier(resume: Option<&Resume>, times: &Times) -> ztor_engine::Statistics {
    let recorded = resume.map(|resume| resume.statistics.clone()).unwrap_or_default();
    let of = |(url, bytes): (String, TrackerBytes)| {
        (url, ReportedBytes { downloaded: bytes.downloaded, uploaded: bytes.uploaded })
    };
    ztor_engine::Statistics {
        active: Duration::from_secs(recorded.active_s).max(times.active),
        seeding: Duration::from_secs(recorded.seeding_s).max(times.seeding),
        trackers: recorded.trackers.into_iter().map(of).collect(),
    }
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}
