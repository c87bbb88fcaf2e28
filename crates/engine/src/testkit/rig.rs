//! An engine with the state that every world around one needs.

use crate::Engine;
use crate::config::Config;
use crate::event::{AddTorrent, DiskEvent, Event};
use crate::ids::{PeerKey, TorrentId};
use crate::outbox::{Outbox, Resolve};
use crate::testkit::{Effects, FarEnd, carry_out};
use std::net::IpAddr;
use ztor_base::Instant;

/// Returns a peer key for tests of single parts of the engine. Different numbers give different keys.
pub fn peer_key(number: u32) -> PeerKey {
    PeerKey::from_u64((1 << 32) | u64::from(number))
}

/// An engine, its time, and its pending effects.
pub struct Rig {
    /// The engine.
    pub engine: Engine,
    /// The time of the engine. It must never be set back.
    pub now: Instant,
    /// The effects of the turn so far.
    pub out: Outbox,
}

impl Rig {
    /// Creates an engine without torrents, at `now`.
    pub fn new(now: Instant, config: Config, seed: u64) -> Self {
        Self { engine: Engine::new(now, config, seed), now, out: Outbox::default() }
    }

    /// Adds a torrent.
    ///
    /// # Panics
    /// If the engine refuses it.
    pub fn add(&mut self, add: &AddTorrent) -> TorrentId {
        self.engine.add(self.now, add).expect("a new torrent")
    }

    /// Passes an event to the engine.
    pub fn handle(&mut self, event: Event<'_>) {
        self.engine.handle(self.now, event, &mut self.out);
    }

    /// Passes an event of a torrent's disk to the engine.
    pub fn disk(&mut self, torrent: TorrentId, event: DiskEvent) {
        self.handle(Event::Disk { torrent, event });
    }

    /// Passes bytes of a peer to the engine in one read.
    pub fn give(&mut self, peer: PeerKey, far_end: &mut FarEnd, bytes: &[u8]) {
        let Self { engine, now, out } = self;
        far_end.give(peer, bytes, |event| engine.handle(*now, event, out));
    }

    /// Ends the turn. Its effects are in [`out`](Self::out).
    pub fn settle(&mut self) {
        self.engine.settle(self.now, &mut self.out);
    }

    /// Answers all name lookups with this address, and ends the turn.
    pub fn answer_lookups(&mut self, ip: IpAddr) {
        for Resolve { id, .. } in std::mem::take(&mut self.out.resolves) {
            self.handle(Event::Resolved { id, result: Ok(vec![ip]) });
        }
        self.settle();
    }

    /// Takes the effects, for [`carry_out`], which may cause new ones.
    pub fn take_out(&mut self) -> Outbox {
        std::mem::take(&mut self.out)
    }

    /// Executes the effects in a world that does not contain this rig. Returns true if there were any.
    pub fn carry_out(&mut self, effects: &mut impl Effects) -> bool {
        carry_out(&mut self.out, effects)
    }
}
