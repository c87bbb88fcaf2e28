//! The context of a call into a part of the engine.

use crate::backlog::Backlog;
use crate::config::{Config, ExternalPorts, Settings};
use crate::dirty::Dirty;
use crate::exchange::UploadSlots;
use crate::network::Network;
use crate::outbox::Outbox;
use crate::quota::Quota;
use fastrand::Rng;
use ztor_base::{Instant, PeerId};

/// State that every part of the engine uses.
pub(crate) struct Core {
    config: Config,
    rng: Rng,
    quota: Quota,
    dirty: Dirty,
    backlog: Backlog,
    network: Network,
    slots: UploadSlots,
    has_dht: bool,
    is_ending: bool,
}

/// Shared state that a part needs in addition to its own.
pub(crate) struct Cx<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    /// The one generator of the engine: the order of draws is the order of events.
    pub(crate) rng: &'a mut Rng,
    pub(crate) quota: &'a mut Quota,
    pub(crate) dirty: &'a mut Dirty,
    /// Piece data that waits for the disk.
    pub(crate) backlog: &'a mut Backlog,
    /// Upload slots of all torrents.
    pub(crate) slots: &'a mut UploadSlots,
    /// Reachability of the network.
    pub(crate) network: &'a mut Network,
    /// True if the engine takes part in the DHT.
    pub(crate) has_dht: bool,
    /// True once the engine shuts down: it starts nothing new.
    pub(crate) is_ending: bool,
    pub(crate) out: &'a mut Outbox,
}

impl Core {
    pub(crate) fn new(now: Instant, config: Config, rng: Rng) -> Self {
        Self {
            quota: Quota::new(now, &config),
            config,
            rng,
            dirty: Dirty::default(),
            backlog: Backlog::new(now),
            network: Network::default(),
            slots: UploadSlots::default(),
            has_dht: false,
            is_ending: false,
        }
    }

    pub(crate) fn cx<'a>(&'a mut self, now: Instant, out: &'a mut Outbox) -> Cx<'a> {
        let Self { config, rng, quota, dirty, backlog, network, slots, has_dht, is_ending } = self;
        let (has_dht, is_ending) = (*has_dht, *is_ending);
        Cx { now, config, rng, quota, dirty, backlog, network, slots, has_dht, is_ending, out }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Replaces the settings that can change.
    pub(crate) fn set_settings(&mut self, now: Instant, settings: Settings) {
        self.quota.set_settings(now, &settings);
        self.config.set(settings);
    }

    /// Replaces the ports at which peers reach us. Returns true if another one is announced from now on.
    pub(crate) fn set_ports(&mut self, listen: u16, external: ExternalPorts) -> bool {
        let before = self.config.announced_ports();
        (self.config.listen_port, self.config.external_ports) = (listen, external);
        before != self.config.announced_ports()
    }

    /// Replaces the peer id.
    pub(crate) fn set_identity(&mut self, peer_id: PeerId, is_anonymous: bool) {
        self.config.peer_id = peer_id;
        self.config.is_anonymous = is_anonymous;
    }

    pub(crate) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    pub(crate) fn quota(&self) -> &Quota {
        &self.quota
    }

    pub(crate) fn dirty(&self) -> &Dirty {
        &self.dirty
    }

    pub(crate) fn dirty_mut(&mut self) -> &mut Dirty {
        &mut self.dirty
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    pub(crate) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// Notes that the engine takes part in the DHT.
    pub(crate) fn set_has_dht(&mut self) {
        self.has_dht = true;
    }

    /// Notes that the engine shuts down.
    pub(crate) fn end(&mut self) {
        self.is_ending = true;
    }
}
