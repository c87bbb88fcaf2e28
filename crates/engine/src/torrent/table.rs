//! The table of torrents.

use super::Torrent;
use super::swarms::Swarms;
use crate::config::{MAX_KNOWN_IN_ALL, MAX_KNOWN_PEERS, MIN_KNOWN_PEERS};
use crate::discovery::known::OwnAddrs;
use crate::event::{AddMagnet, AddTorrent};
use crate::ids::TorrentId;
use fastrand::Rng;
use slotmap::SlotMap;
use std::net::{IpAddr, SocketAddr};
use ztor_base::{Instant, Sha1Digest, SwarmId};
use ztor_metainfo::InfoHashes;

/// All torrents, by id and by swarm.
#[derive(Default)]
pub(crate) struct Torrents {
    map: SlotMap<TorrentId, Torrent>,
    swarms: Swarms,
    /// Our addresses, as seen from outside.
    own_addrs: OwnAddrs,
    /// Number of addresses that each torrent may know; 0 before the first torrent.
    known_limit: usize,
}

/// Returns the number of addresses that each of `torrents` torrents may know, within a total and a minimum.
fn known_limit(torrents: usize) -> usize {
    // In steps, so that adding or removing a torrent rarely changes all others.
    (MAX_KNOWN_IN_ALL / torrents.next_power_of_two()).clamp(MIN_KNOWN_PEERS, MAX_KNOWN_PEERS)
}

impl Torrents {
    /// Returns true if any of these swarms has a torrent.
    pub(crate) fn has_any(&self, hashes: &InfoHashes) -> bool {
        hashes.swarm_ids().any(|swarm| self.swarms.contains(swarm))
    }

    pub(crate) fn insert(&mut self, now: Instant, add: &AddTorrent, rng: &mut Rng) -> TorrentId {
        let own = self.own_addrs;
        let id = self.map.insert_with_key(|id| Torrent::new(now, id, add, own, rng));
        self.add_swarms(id, &add.meta.info_hashes);
        self.share_known(id);
        id
    }

    pub(crate) fn insert_magnet(
        &mut self,
        now: Instant,
        add: &AddMagnet,
        hashes: &InfoHashes,
        rng: &mut Rng,
    ) -> TorrentId {
        let own = self.own_addrs;
        let id = self.map.insert_with_key(|id| Torrent::magnet(now, id, add, own, rng));
        self.add_swarms(id, hashes);
        self.share_known(id);
        id
    }

    /// Adds swarms of a torrent.
    pub(crate) fn add_swarms(&mut self, id: TorrentId, hashes: &InfoHashes) {
        hashes.swarm_ids().for_each(|swarm| self.swarms.insert(swarm, id));
    }

    /// Updates the number of known addresses per torrent after a new one was added.
    fn share_known(&mut self, new: TorrentId) {
        let limit = known_limit(self.map.len());
        if limit != std::mem::replace(&mut self.known_limit, limit) {
            self.map.values_mut().for_each(|torrent| torrent.known_mut().set_limit(limit));
        } else if let Some(torrent) = self.map.get_mut(new) {
            torrent.known_mut().set_limit(limit);
        }
    }

    pub(crate) fn remove(&mut self, id: TorrentId) -> Option<Torrent> {
        let torrent = self.map.remove(id)?;
        torrent.hashes().swarm_ids().for_each(|swarm| self.swarms.remove(swarm));
        Some(torrent)
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    pub(crate) fn get(&self, id: TorrentId) -> Option<&Torrent> {
        self.map.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: TorrentId) -> Option<&mut Torrent> {
        self.map.get_mut(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Torrent> {
        self.map.values()
    }

    pub(crate) fn ids(&self) -> Vec<TorrentId> {
        self.map.keys().collect()
    }

    /// Returns the torrent of a swarm.
    pub(crate) fn by_swarm(&self, swarm: SwarmId) -> Option<TorrentId> {
        self.swarms.get(swarm)
    }

    pub(crate) fn by_swarm_mut(&mut self, swarm: SwarmId) -> Option<&mut Torrent> {
        self.swarms.get(swarm).and_then(|id| self.map.get_mut(id))
    }

    /// Returns the swarm with this hash in encrypted handshakes.
    pub(crate) fn by_obfuscated(&self, obfuscated: Sha1Digest) -> Option<SwarmId> {
        self.swarms.of_obfuscated(obfuscated)
    }

    /// Returns our addresses, as seen from outside.
    pub(crate) fn own_addrs(&self) -> OwnAddrs {
        self.own_addrs
    }

    /// Forgets our addresses, as the network has changed.
    pub(crate) fn forget_own_addrs(&mut self) {
        self.own_addrs = OwnAddrs::default();
        for torrent in self.map.values_mut() {
            torrent.known_mut().set_own_addrs(self.own_addrs);
        }
    }

    /// Sets our address as seen from outside, which orders the known addresses (BEP 40).
    pub(crate) fn seen_as(&mut self, ip: IpAddr, port: u16) {
        let ip = ip.to_canonical();
        let addr = Some(SocketAddr::new(ip, port));
        let before = self.own_addrs;
        match ip {
            IpAddr::V4(_) => self.own_addrs.v4 = addr,
            IpAddr::V6(_) => self.own_addrs.v6 = addr,
        }
        if before != self.own_addrs {
            for torrent in self.map.values_mut() {
                torrent.known_mut().set_own_addrs(self.own_addrs);
            }
        }
    }
}
