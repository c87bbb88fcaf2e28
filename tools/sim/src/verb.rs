//! Commands that a user gives to a client.

use crate::content::Content;
use fastrand::Rng;
use ztor_engine::Priority;

/// Number of parts that a torrent of one file is divided into for priorities.
const PARTS: u32 = 4;

/// Limits in bytes per second; `None` means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rates {
    pub(crate) down: Option<u64>,
    pub(crate) up: Option<u64>,
}

/// A command of the user.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verb {
    Pause,
    Resume,
    /// Checks all data. Just before, another program overwrites or clears this number of the present pieces.
    Recheck {
        damaged: usize,
    },
    Reannounce,
    Trackers(TrackerChoice),
    Priorities(Wanted),
    Sequential(bool),
    EndsFirst(bool),
    SuperSeeding(bool),
    /// Sets the limits over all torrents.
    Limits(Rates),
    TorrentLimits(Rates),
    GroupLimits {
        group: u32,
        parent: Option<u32>,
        rates: Rates,
    },
    RemoveGroup(u32),
    /// Puts the torrent into a group.
    Join(Option<u32>),
    /// Limits the open connections with another client.
    PeerLimits {
        peer: usize,
        rates: Rates,
    },
    /// Adds the addresses of all clients.
    AddPeers,
    LiftBans,
    Remove {
        deletes: bool,
    },
    /// Adds the torrent again.
    Add,
    Retry,
    /// Moves the files to another disk.
    Move {
        lane: usize,
    },
}

/// Trackers of a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrackerChoice {
    /// Those of the torrent file.
    Own,
    /// The tracker with this number.
    Other(usize),
}

/// Choice of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    /// Files at random, with random priorities.
    Random(u64),
    /// Skips the first of four files; the others have low, normal and high priority, in this order.
    Ranked,
}

impl Wanted {
    /// Returns the priority of each piece: the highest of its files.
    pub(crate) fn priorities(self, content: &Content) -> Box<[Priority]> {
        let mut rng = Rng::with_seed(if let Self::Random(seed) = self { seed } else { 0 });
        let ranked = [Priority::Skip, Priority::Low, Priority::Normal, Priority::High];
        let parts: Vec<Priority> = (0..part_count(content))
            .map(|part| match self {
                Self::All => Priority::Normal,
                Self::Random(_) if rng.bool() => Priority::Skip,
                Self::Random(_) => ranked[rng.usize(1..4)],
                Self::Ranked => ranked[part % ranked.len()],
            })
            .collect();
        let of = |piece| parts_of(content, piece).filter_map(|part| parts.get(part)).max().copied();
        (0..content.pieces()).map(|piece| of(piece).unwrap_or_default()).collect()
    }
}

fn part_count(content: &Content) -> usize {
    let files = content.meta.layout.files().len();
    if files == 1 { PARTS as usize } else { files }
}

/// Returns the files that have bytes in a piece, or the part of the only file.
fn parts_of(content: &Content, piece: u32) -> impl Iterator<Item = usize> {
    let is_single = content.meta.layout.files().len() == 1;
    let part = (u64::from(piece) * u64::from(PARTS) / u64::from(content.pieces().max(1))) as usize;
    let ranges = content.meta.layout.ranges(piece, 0, u32::MAX).filter(|range| !range.pad);
    ranges.map(move |range| if is_single { part } else { range.file })
}
