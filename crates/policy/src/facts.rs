//! Facts about a torrent, as the caller reports them.

use ztor_base::Duration;

/// Activity that a torrent is ready for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// The metadata of a magnet link is missing. The queue treats it as a download.
    Metadata,
    /// The data on disk needs a check, or a check is under way.
    Checking,
    /// Wanted data is missing.
    Downloading,
    /// All wanted data is on disk.
    Seeding,
    /// A fault, such as a full disk, prevents the torrent from running.
    Fault,
}

/// Size of a swarm, without ourselves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Swarm {
    /// Number of peers that have all data.
    pub seeds: u32,
    /// Number of peers that lack data.
    pub leechers: u32,
}

/// Facts about a torrent. Totals and durations cover all sessions.
///
/// Between two reports, the seeding time and the idle time of a running torrent are assumed to grow with the clock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Facts {
    /// Activity that the torrent is ready for.
    pub phase: Phase,
    /// Payload download rate, in bytes per second.
    pub down_per_s: u64,
    /// Payload upload rate, in bytes per second.
    pub up_per_s: u64,
    /// Size of all wanted data, in bytes.
    pub wanted: u64,
    /// Payload sent, in bytes.
    pub uploaded: u64,
    /// Payload received, in bytes.
    pub downloaded: u64,
    /// Time for which the torrent ran with all wanted data.
    pub seeding_time: Duration,
    /// Time for which the torrent ran since it last sent payload, or since it was complete if that is later.
    pub idle_time: Duration,
    /// Size of the swarm; `None` if unknown.
    pub swarm: Option<Swarm>,
}

impl Facts {
    /// Facts of a torrent in `phase` that has not transferred anything.
    pub const fn new(phase: Phase) -> Self {
        Self {
            phase,
            down_per_s: 0,
            up_per_s: 0,
            wanted: 0,
            uploaded: 0,
            downloaded: 0,
            seeding_time: Duration::ZERO,
            idle_time: Duration::ZERO,
            swarm: None,
        }
    }
}
