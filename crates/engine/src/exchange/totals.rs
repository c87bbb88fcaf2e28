//! Counts of a torrent's piece data.

use crate::rate::Meter;
use ztor_base::{Duration, Instant};

/// Piece data of a torrent, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    down_meter: Meter,
    up_meter: Meter,
    earlier_downloaded: u64,
    earlier_uploaded: u64,
    session_downloaded: u64,
    session_uploaded: u64,
    wasted: u64,
    /// Time of the last transfer of piece data in either direction; `None` if there was none.
    moved_at: Option<Instant>,
}

impl Totals {
    /// Sets the counts of earlier sessions, in bytes.
    pub(super) fn set_earlier(&mut self, downloaded: u64, uploaded: u64) {
        (self.earlier_downloaded, self.earlier_uploaded) = (downloaded, uploaded);
    }

    /// Counts received bytes.
    pub(super) fn downloaded_now(&mut self, now: Instant, bytes: u32) {
        self.moved_at = Some(now);
        self.down_meter.add(now, u64::from(bytes));
        self.session_downloaded += u64::from(bytes);
    }

    /// Counts sent bytes.
    pub(super) fn uploaded_now(&mut self, now: Instant, bytes: u64) {
        self.moved_at = Some(now);
        self.session_uploaded += bytes;
        self.up_meter.add(now, bytes);
    }

    /// Counts bytes that were received twice or hashed wrong.
    pub(super) fn wasted(&mut self, bytes: u32) {
        self.wasted += u64::from(bytes);
    }

    pub(crate) fn down_per_s(&self, now: Instant) -> u64 {
        self.down_meter.per_s(now)
    }

    pub(crate) fn up_per_s(&self, now: Instant) -> u64 {
        self.up_meter.per_s(now)
    }

    /// Returns the time since piece data was transferred, or since `active_since` if that is later.
    pub(crate) fn idle_for(&self, now: Instant, active_since: Option<Instant>) -> Duration {
        let since = self.moved_at.max(active_since).unwrap_or(now);
        now.since(since)
    }

    /// Returns the downloaded bytes of all sessions.
    pub(crate) fn downloaded(&self) -> u64 {
        self.earlier_downloaded.saturating_add(self.session_downloaded)
    }

    /// Returns the uploaded bytes of all sessions.
    pub(crate) fn uploaded(&self) -> u64 {
        self.earlier_uploaded.saturating_add(self.session_uploaded)
    }

    pub(crate) fn session_downloaded(&self) -> u64 {
        self.session_downloaded
    }

    pub(crate) fn session_uploaded(&self) -> u64 {
        self.session_uploaded
    }

    /// Returns the bytes that were received twice or hashed wrong in this session.
    pub(crate) fn wasted_bytes(&self) -> u64 {
        self.wasted
    }
}
