//! States of torrents for front ends.

use super::Policy;
use crate::effect::{State, StopReason};
use crate::key::TorrentKey;
use crate::saved::Mode;
use crate::torrent::{Class, Torrent};

impl Policy {
    /// Returns the state of a torrent; `None` if it is unknown.
    pub fn state_of(&self, key: TorrentKey) -> Option<State> {
        Some(self.state(key, self.torrents.get(&key)?))
    }

    /// Returns the states of all torrents, ordered by key.
    pub fn states(&self) -> impl Iterator<Item = (TorrentKey, State)> {
        self.torrents.iter().map(|(key, torrent)| (*key, self.state(*key, torrent)))
    }

    /// Returns the position of a torrent in the download queue, from 0; `None` if it is not in the queue.
    pub fn position(&self, key: TorrentKey) -> Option<usize> {
        self.order.position(key)
    }

    /// Returns a number that grows with each change of the download queue.
    pub fn queue_changes(&self) -> u64 {
        self.order.changes()
    }

    /// Returns true if the schedule pauses all torrents, as of the last [`settle`](Self::settle).
    pub fn is_held(&self) -> bool {
        self.is_held
    }

    fn state(&self, key: TorrentKey, torrent: &Torrent) -> State {
        if torrent.facts.is_none() {
            return State::Loading;
        }
        match torrent.class(self.is_held) {
            Class::Check if torrent.is_check_on => State::Checking,
            Class::Check if torrent.mode == Mode::Paused => State::Paused,
            Class::Check => State::QueuedForCheck,
            Class::Idle(StopReason::Fault) => State::Fault,
            Class::Idle(StopReason::Paused) => State::Paused,
            Class::Idle(StopReason::Schedule) => State::HeldBySchedule,
            Class::Idle(StopReason::Goal(goal)) => State::GoalReached { goal },
            Class::Idle(StopReason::Queue | StopReason::Check) | Class::Forced | Class::Slot(_) => {
                match &torrent.run {
                    Some(run) => {
                        State::Running { is_forced: torrent.mode == Mode::Forced, is_slow: run.is_slow }
                    }
                    None => State::Queued { position: self.order.position(key) },
                }
            }
        }
    }
}
