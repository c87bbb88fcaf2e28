//! Interventions of a scenario.

use crate::disk::Health;
use crate::verb::Verb;
use ztor_base::Duration;

/// An intervention.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    /// Ends the process without notice; with `power_cut` also its machine, so that peers see no reset.
    Crash {
        node: usize,
        power_cut: bool,
    },
    /// Switches the machine on, and starts the process.
    Restart {
        node: usize,
    },
    /// Shuts the process down in an orderly way.
    Leave {
        node: usize,
    },
    Disk {
        node: usize,
        health: Health,
    },
    /// Resumes the torrent, as the user does once the disk is repaired.
    Resume {
        node: usize,
    },
    /// Moves a host to a group. Hosts reach only those of the same group.
    Group {
        host: usize,
        group: u32,
    },
    /// Reports to the process that its machine has slept.
    Woke {
        node: usize,
        slept: Duration,
    },
    /// Opens all paths again.
    Heal,
    /// Resets all streams of a node, as a middlebox does.
    Reset {
        node: usize,
    },
    Tracker {
        tracker: usize,
        down_for: Duration,
    },
    /// Gives a user's command to a client.
    Verb {
        node: usize,
        verb: Verb,
    },
    /// Delays all jobs of a lane of a disk.
    Hang {
        node: usize,
        lane: usize,
        time: Duration,
    },
    /// Damages the first pieces on a disk. The client does not notice.
    Damage {
        node: usize,
        pieces: u32,
    },
    /// Restores all bytes on a disk.
    Repair {
        node: usize,
    },
    /// Records the bytes that each client has transferred so far.
    Note,
    /// Ends all faults of this world, and starts the time for liveness.
    Healed,
}
