//! Piece data that waits for the disk, and the pause of reading while there is too much of it.

use crate::config::{DISK_HIGH_WATER, DISK_LOW_WATER};
use ztor_base::Instant;

/// Piece data that was handed over to be written. Above [`DISK_HIGH_WATER`] sockets are not read, until it is below
/// [`DISK_LOW_WATER`].
#[derive(Debug)]
pub(crate) struct Backlog {
    bytes: u64,
    is_full: bool,
    reading_since: Instant,
}

impl Backlog {
    pub(crate) fn new(now: Instant) -> Self {
        Self { bytes: 0, is_full: false, reading_since: now }
    }

    /// Bytes handed over and not yet written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns true if sockets are left unread.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Time since which sockets are read again.
    pub(crate) fn reading_since(&self) -> Instant {
        self.reading_since
    }

    /// Counts bytes that were handed over.
    pub(crate) fn add(&mut self, bytes: u32) {
        self.bytes += u64::from(bytes);
        self.is_full |= self.bytes >= DISK_HIGH_WATER;
    }

    /// Counts bytes that were written.
    pub(crate) fn written(&mut self, now: Instant, bytes: u32) {
        self.bytes = self.bytes.saturating_sub(u64::from(bytes));
        if self.is_full && self.bytes <= DISK_LOW_WATER {
            self.is_full = false;
            self.reading_since = now;
        }
    }
}
