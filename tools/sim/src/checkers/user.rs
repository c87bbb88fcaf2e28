//! Checkers of the user's commands: a torrent that is paused or removed rests, and only wanted pieces are requested.

use ztor_engine::inspect::TorrentView;
use ztor_engine::{Engine, Priority, TorrentId, TorrentState};

/// What the user has commanded so far.
#[derive(Debug, Clone)]
pub(crate) struct Will {
    /// Reason that the torrent must rest; `None` if it may run.
    rests: Option<&'static str>,
    priorities: Box<[Priority]>,
    /// True if connections with single peers may have limits of their own.
    pub(crate) limits_peers: bool,
    /// True if the engine has reported the torrent finished since a wanted piece was missing.
    pub(crate) is_told_finished: bool,
}

impl Will {
    pub(crate) fn new(pieces: u32) -> Self {
        let priorities = vec![Priority::Normal; pieces as usize].into();
        Self { rests: None, priorities, limits_peers: false, is_told_finished: false }
    }

    /// Sets the reason that the torrent must rest; `None` if it may run.
    pub(crate) fn set_rest(&mut self, reason: Option<&'static str>) {
        self.rests = reason;
    }

    pub(crate) fn set_priorities(&mut self, priorities: Box<[Priority]>) {
        self.priorities = priorities;
    }

    /// Returns the priority of a piece.
    pub(crate) fn priority(&self, piece: u32) -> Priority {
        self.priorities.get(piece as usize).copied().unwrap_or_default()
    }

    /// Returns true if a piece is wanted.
    pub(crate) fn wants(&self, piece: u32) -> bool {
        self.priority(piece).is_wanted()
    }

    /// Returns an error if the torrent must rest.
    pub(crate) fn admits(&self, deed: &str) -> Result<(), String> {
        match self.rests {
            Some(reason) => Err(format!("{deed} although the torrent is {reason}")),
            None => Ok(()),
        }
    }

    /// Checks an announce.
    pub(crate) fn announces(&self, is_last: bool) -> Result<(), String> {
        if is_last { Ok(()) } else { self.admits("announces") }
    }

    /// Checks the torrent at the end of a turn.
    pub(super) fn check(&mut self, engine: &Engine, id: TorrentId, view: &TorrentView) -> Result<(), String> {
        if !view.peers.is_empty() {
            self.admits("keeps a connection")?;
        }
        let is_finished = engine.is_finished(id);
        self.is_told_finished &= is_finished;
        // The end of a check reports it.
        let is_checked =
            !matches!(engine.state(id), Some(TorrentState::Checking { .. } | TorrentState::Stopped(_)));
        if is_finished && is_checked && !self.is_told_finished {
            return Err("has all that is wanted, and has not reported it".into());
        }
        Ok(())
    }
}
