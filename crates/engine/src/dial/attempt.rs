//! An attempt to reach a peer, and a torrent's side of its attempts.

use super::plan::DialPlan;
use crate::event::CloseCause;
use crate::ids::{PeerKey, TorrentId};
use std::net::SocketAddr;
use ztor_base::Instant;

/// A peer's side of calling: empty for a caller.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// How it is called, until it has answered in the right swarm.
    dial: Option<Dial>,
    /// True if another peer relays the call (BEP 55).
    is_punched: bool,
    /// True if the peer has another connection to us.
    is_double: bool,
}

#[derive(Debug)]
struct Dial {
    plan: DialPlan,
    /// The attempt over the other transport that is under way beside it.
    rival: Option<PeerKey>,
    /// When the other transport joins, if it has not.
    race_at: Option<Instant>,
    /// True if another attempt takes its place.
    is_superseded: bool,
}

impl Attempt {
    pub(super) fn new(plan: DialPlan, rival: Option<PeerKey>, race_at: Option<Instant>) -> Self {
        let dial = Dial { plan, rival, race_at, is_superseded: false };
        Self { dial: Some(dial), is_punched: plan.is_punched, is_double: false }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.dial.as_ref().is_some_and(|dial| dial.plan.is_encrypted)
    }

    pub(crate) fn is_punched(&self) -> bool {
        self.is_punched
    }

    /// Returns true if the peer has another connection to us.
    pub(crate) fn is_double(&self) -> bool {
        self.is_double
    }

    pub(crate) fn set_double(&mut self) {
        self.is_double = true;
    }

    /// When the other transport joins, if it has not.
    pub(crate) fn race_at(&self) -> Option<Instant> {
        self.dial.as_ref().and_then(|dial| dial.race_at)
    }

    /// Returns true if another attempt goes on with the address.
    pub(crate) fn goes_on(&self) -> bool {
        self.dial.as_ref().is_some_and(|dial| dial.rival.is_some() || dial.is_superseded)
    }

    /// The attempt over the other transport that is under way beside it.
    pub(super) fn rival(&self) -> Option<PeerKey> {
        self.dial.as_ref().and_then(|dial| dial.rival)
    }

    /// The attempt over the other transport has started.
    pub(super) fn joined_by(&mut self, rival: PeerKey) {
        if let Some(dial) = &mut self.dial {
            dial.rival = Some(rival);
            dial.plan.may_change_transport = false;
        }
    }

    /// The attempt over the other transport is over.
    pub(super) fn left_alone(&mut self) {
        if let Some(dial) = &mut self.dial {
            dial.rival = None;
        }
    }

    /// Returns the plan over the other transport, once the head start is over.
    pub(super) fn take_race(&mut self, now: Instant) -> Option<DialPlan> {
        let dial = self.dial.as_mut().filter(|dial| dial.race_at.is_some_and(|at| at <= now))?;
        dial.race_at = None;
        Some(dial.plan.over_other_transport())
    }

    /// The connection was made: no other transport joins. Returns the attempt beside it.
    pub(crate) fn won_race(&mut self) -> Option<PeerKey> {
        let dial = self.dial.as_mut()?;
        dial.race_at = None;
        dial.rival
    }

    /// Returns the plan to try now that this one has failed, if there is one. Where the cause lies with us, the peer has
    /// not refused how it was called.
    pub(super) fn next_plan(&mut self, reached: bool, cause: CloseCause) -> Option<DialPlan> {
        let dial = self.dial.as_mut().filter(|dial| dial.rival.is_none())?;
        let plan = dial.plan.after_failure(reached).filter(|_| !(reached && cause == CloseCause::Local))?;
        dial.is_superseded = true;
        Some(plan)
    }

    /// The peer answered in the right swarm. Returns the plan that worked.
    pub(crate) fn take_plan(&mut self) -> Option<DialPlan> {
        self.dial.take().map(|dial| dial.plan)
    }
}

/// An address to call by another plan.
#[derive(Debug)]
pub(crate) struct QueuedDial {
    pub(super) torrent: TorrentId,
    pub(super) addr: SocketAddr,
    pub(super) plan: DialPlan,
    /// The attempt that goes on beside it.
    pub(super) rival: Option<PeerKey>,
}

impl QueuedDial {
    pub(crate) fn torrent(&self) -> TorrentId {
        self.torrent
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// A torrent's side of calling.
#[derive(Debug)]
pub(crate) struct Calls {
    /// True while the torrent waits for its turn to call.
    pub(super) is_queued: bool,
    /// Addresses that could not be reached in this turn.
    unreached: Vec<SocketAddr>,
    /// Rendezvous that were requested (BEP 55), and when.
    pub(super) rendezvous: Vec<(SocketAddr, Instant)>,
    /// When a peer last made place for another.
    pub(super) exchanged_at: Instant,
}

impl Calls {
    pub(crate) fn new(now: Instant) -> Self {
        Self { is_queued: false, unreached: Vec::new(), rendezvous: Vec::new(), exchanged_at: now }
    }

    /// Returns true while the torrent waits for its turn to call, which needs no timer.
    pub(crate) fn is_queued(&self) -> bool {
        self.is_queued
    }

    /// The torrent has had its turn, or lost it.
    pub(crate) fn unqueued(&mut self) {
        self.is_queued = false;
    }

    /// An address could not be reached in any way.
    pub(crate) fn unreached(&mut self, addr: SocketAddr) {
        self.unreached.push(addr);
    }

    /// Takes the addresses that could not be reached in this turn.
    pub(crate) fn take_unreached(&mut self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.unreached)
    }
}
