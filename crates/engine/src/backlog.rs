//! Backlog of piece data for the disks, and the pause in reading while it is too large.

use crate::config::{DISK_HIGH_WATER, DISK_LOW_WATER};
use crate::ids::DiskId;
use ztor_base::Instant;

/// Piece data that was passed on to be written, by disk. From [`DISK_HIGH_WATER`] on, the peers of a disk's torrents
/// are not read, until the backlog falls to [`DISK_LOW_WATER`].
///
/// The total backlog is at most [`DiskId::COUNT`] times that mark, plus the data that one turn reads.
#[derive(Debug)]
pub(crate) struct Backlog {
    disks: [Waiting; DiskId::COUNT],
    resumptions: u64,
}

/// Piece data that waits for one disk.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    bytes: u64,
    is_full: bool,
    reading_since: Instant,
}

impl Backlog {
    pub(crate) fn new(now: Instant) -> Self {
        let waiting = Waiting { bytes: 0, is_full: false, reading_since: now };
        Self { disks: [waiting; DiskId::COUNT], resumptions: 0 }
    }

    /// Returns the bytes passed on and not yet written, over all disks.
    pub(crate) fn bytes(&self) -> u64 {
        self.disks.iter().map(|waiting| waiting.bytes).sum()
    }

    /// Returns the bytes passed on and not yet written by one disk.
    pub(crate) fn bytes_of(&self, disk: DiskId) -> u64 {
        self.of(disk).bytes
    }

    /// Returns the bytes passed on and not yet written by the disk that has most of them.
    pub(crate) fn most_bytes(&self) -> u64 {
        self.disks.iter().map(|waiting| waiting.bytes).max().unwrap_or_default()
    }

    /// Returns true while the peers of a disk's torrents are not read.
    pub(crate) fn is_full(&self, disk: DiskId) -> bool {
        self.of(disk).is_full
    }

    /// Returns the time since which the peers of a disk's torrents are read.
    pub(crate) fn reading_since(&self, disk: DiskId) -> Instant {
        self.of(disk).reading_since
    }

    /// Returns the number of times that reading was resumed, over all disks.
    pub(crate) fn resumptions(&self) -> u64 {
        self.resumptions
    }

    /// Counts bytes that were passed on to be written.
    pub(crate) fn add(&mut self, disk: DiskId, bytes: u32) {
        let waiting = &mut self.disks[disk.index()];
        waiting.bytes += u64::from(bytes);
        waiting.is_full |= waiting.bytes >= DISK_HIGH_WATER;
    }

    /// Counts bytes that were written.
    pub(crate) fn written(&mut self, now: Instant, disk: DiskId, bytes: u32) {
        let waiting = &mut self.disks[disk.index()];
        waiting.bytes = waiting.bytes.saturating_sub(u64::from(bytes));
        if waiting.is_full && waiting.bytes <= DISK_LOW_WATER {
            waiting.is_full = false;
            waiting.reading_since = now;
            self.resumptions += 1;
        }
    }

    fn of(&self, disk: DiskId) -> &Waiting {
        // A `DiskId` is always below `DiskId::COUNT`.
        &self.disks[disk.index()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use ztor_base::Duration;

    #[test]
    fn backlog_of_one_disk_pauses_that_disk_until_half_is_written() {
        let start = Instant::ZERO;
        let [slow, sound] = [3, 7].map(|number| DiskId::new(number).unwrap());
        let mut backlog = Backlog::new(start);
        let mark = DISK_HIGH_WATER as u32;
        backlog.add(sound, mark - 1);
        backlog.add(slow, mark);
        assert!(backlog.is_full(slow) && !backlog.is_full(sound));
        let now = start + Duration::from_secs(1);
        backlog.written(now, slow, mark / 2 - 1);
        assert!(backlog.is_full(slow));
        assert_eq!((backlog.resumptions(), backlog.reading_since(slow)), (0, start));
        backlog.written(now, slow, 1);
        assert!(!backlog.is_full(slow));
        assert_eq!((backlog.resumptions(), backlog.reading_since(slow)), (1, now));
        assert_eq!(backlog.reading_since(sound), start);
        assert_eq!(backlog.bytes(), u64::from(mark - 1 + mark / 2));
        assert_eq!(
            (backlog.bytes_of(sound), backlog.most_bytes()),
            (u64::from(mark - 1), u64::from(mark - 1))
        );
    }
}
