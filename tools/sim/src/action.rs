//! Interventions of a scenario.

use crate::disk::Health;
use ztor_base::Duration;

/// An intervention.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    /// The process dies; with `power_cut` its machine too, and nobody is told.
    Crash {
        node: usize,
        power_cut: bool,
    },
    /// The machine is there again, and the process starts.
    Restart {
        node: usize,
    },
    /// The process says goodbye and ends.
    Leave {
        node: usize,
    },
    Disk {
        node: usize,
        health: Health,
    },
    /// The user has seen to the disk and takes the torrent up again.
    Resume {
        node: usize,
    },
    /// Puts a host where only those of the same group are reached.
    Group {
        host: usize,
        group: u32,
    },
    /// The machine has slept, and its process learns of it.
    Woke {
        node: usize,
        slept: Duration,
    },
    /// Every path is open again.
    Heal,
    /// All streams of a node are reset by something in between.
    Reset {
        node: usize,
    },
    Tracker {
        tracker: usize,
        down_for: Duration,
    },
    /// Notes down what everybody has moved by now.
    Note,
    /// Nothing in this world is broken any more: from here the time for liveness counts.
    Healed,
}
