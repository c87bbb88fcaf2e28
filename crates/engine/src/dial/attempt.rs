//! Connection attempts to peers, and the dialing state of a torrent.

use super::plan::DialPlan;
use crate::event::CloseCause;
use crate::ids::{PeerKey, TorrentId};
use std::net::SocketAddr;
use ztor_base::Instant;

/// Dialing state of a peer; empty for an incoming connection.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// The dial in progress; `None` once the peer has responded in the right swarm.
    dial: Option<Dial>,
    /// True for a hole punch (BEP 55).
    is_punched: bool,
    /// True if the peer has another connection to us.
    is_double: bool,
}

#[derive(Debug)]
struct Dial {
    plan: DialPlan,
    /// Parallel attempt over the other transport.
    rival: Option<PeerKey>,
    /// Time at which the attempt over the other transport starts; `None` if there is none to start.
    race_at: Option<Instant>,
    /// True if an attempt with another plan replaces this one.
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

    /// Returns the time at which the attempt over the other transport starts; `None` if there is none to start.
    pub(crate) fn race_at(&self) -> Option<Instant> {
        self.dial.as_ref().and_then(|dial| dial.race_at)
    }

    /// Returns true if another attempt at the address continues.
    pub(crate) fn goes_on(&self) -> bool {
        self.dial.as_ref().is_some_and(|dial| dial.rival.is_some() || dial.is_superseded)
    }

    /// Parallel attempt over the other transport.
    pub(super) fn rival(&self) -> Option<PeerKey> {
        self.dial.as_ref().and_then(|dial| dial.rival)
    }

    /// Records the parallel attempt that has started over the other transport.
    pub(super) fn joined_by(&mut self, rival: PeerKey) {
        if let Some(dial) = &mut self.dial {
            dial.rival = Some(rival);
            dial.plan.may_change_transport = false;
        }
    }

    /// Records the end of the parallel attempt.
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

    /// Records that the connection was made, so no other transport is tried. Returns the parallel attempt.
    pub(crate) fn won_race(&mut self) -> Option<PeerKey> {
        let dial = self.dial.as_mut()?;
        dial.race_at = None;
        dial.rival
    }

    /// Returns the next plan after a failure, if there is one. A local failure of a connected peer has none, as the
    /// peer did not refuse the handshake.
    pub(super) fn next_plan(&mut self, reached: bool, cause: CloseCause) -> Option<DialPlan> {
        let dial = self.dial.as_mut().filter(|dial| dial.rival.is_none())?;
        let plan = dial.plan.after_failure(reached).filter(|_| !(reached && cause == CloseCause::Local))?;
        dial.is_superseded = true;
        Some(plan)
    }

    /// Ends the dial, as the peer has responded in the right swarm. Returns the plan that worked.
    pub(crate) fn take_plan(&mut self) -> Option<DialPlan> {
        self.dial.take().map(|dial| dial.plan)
    }
}

/// An address to dial with another plan.
#[derive(Debug)]
pub(crate) struct QueuedDial {
    pub(super) torrent: TorrentId,
    pub(super) addr: SocketAddr,
    pub(super) plan: DialPlan,
    /// Parallel attempt that continues; `None` if it has failed.
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

/// Dialing state of a torrent.
#[derive(Debug)]
pub(crate) struct Calls {
    /// True while the torrent waits for its turn to dial.
    pub(super) is_queued: bool,
    /// Addresses that could not be reached in this turn.
    unreached: Vec<SocketAddr>,
    /// Requested rendezvous (BEP 55), with the time of each.
    pub(super) rendezvous: Vec<(SocketAddr, Instant)>,
    /// Time at which a peer was last replaced by another.
    pub(super) exchanged_at: Instant,
}

impl Calls {
    pub(crate) fn new(now: Instant) -> Self {
        Self { is_queued: false, unreached: Vec::new(), rendezvous: Vec::new(), exchanged_at: now }
    }

    /// Returns true while the torrent waits for its turn to dial. It needs no timer for that.
    pub(crate) fn is_queued(&self) -> bool {
        self.is_queued
    }

    /// Records that the torrent has had its turn, or lost it.
    pub(crate) fn unqueued(&mut self) {
        self.is_queued = false;
    }

    /// Records an address that no plan could reach.
    pub(crate) fn unreached(&mut self, addr: SocketAddr) {
        self.unreached.push(addr);
    }

    /// Takes the addresses that could not be reached in this turn.
    pub(crate) fn take_unreached(&mut self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.unreached)
    }
}
