//! Store of the peers that were announced here.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use fastrand::Rng;
use ztor_base::{Duration, Host, Instant};

use crate::addr::Family;
use crate::krpc::Samples;
use crate::{Bloom, NodeId};

/// Time for which a peer is kept after its announce.
const PEER_LIFE: Duration = Duration::from_secs(30 * 60);
/// Maximum number of peers of a torrent and family. Far below the 6000 where the filters of BEP 33 break down.
const MAX_PEERS_PER_TORRENT: usize = 500;
/// Maximum number of peers of a torrent at one address: enough for a home or some customers of a provider, but not for
/// a crowd that one host forges.
const MAX_PEERS_PER_HOST: usize = 8;
/// Maximum number of peers at one address over all torrents, so that a host cannot fill the store with forged torrents.
const MAX_OF_HOST: u32 = 400;
/// Maximum number of torrents of a family.
const MAX_TORRENTS: usize = 4000;
/// Maximum number of peers of a family; each costs some 50 bytes.
const MAX_PEERS: usize = 50_000;
/// Time for which a sample of info-hashes stays the same, in seconds (BEP 51).
const SAMPLE_LIFE_S: u32 = 10 * 60;
/// Number of info-hashes in a sample: as many as fit beside nodes of both families.
const SAMPLE_LEN: usize = 16;

/// The peers of one family: a node stores nothing of the other (BEP 32).
#[derive(Debug)]
pub(crate) struct PeerStore {
    family: Family,
    torrents: BTreeMap<NodeId, Vec<Peer>>,
    peer_count: usize,
    /// Number of peers that each host has had since the last [`PeerStore::expire`]; never less than it has.
    hosts: BTreeMap<Host, u32>,
    sample: Vec<NodeId>,
    sample_until: Option<Instant>,
}

#[derive(Debug)]
struct Peer {
    addr: SocketAddr,
    seed: bool,
    expires: Instant,
}

impl PeerStore {
    pub(crate) fn new(family: Family) -> Self {
        Self {
            family,
            torrents: BTreeMap::new(),
            peer_count: 0,
            hosts: BTreeMap::new(),
            sample: Vec::new(),
            sample_until: None,
        }
    }

    /// Stores a peer. One address may have a few, at different ports. Without room, the torrent farthest from `own` is
    /// dropped, since lookups for it rather end elsewhere.
    pub(crate) fn announce(
        &mut self,
        now: Instant,
        own: NodeId,
        info_hash: NodeId,
        addr: SocketAddr,
        seed: bool,
    ) {
        if Family::of(addr) != self.family {
            return;
        }
        let peer = Peer { addr, seed, expires: now + PEER_LIFE };
        if let Some(peers) = self.torrents.get_mut(&info_hash) {
            if let Some(known) = peers.iter_mut().find(|known| known.addr == addr) {
                *known = peer;
                return;
            }
            let same_host = || peers.iter().enumerate().filter(|(_, known)| known.addr.ip() == addr.ip());
            if same_host().count() >= MAX_PEERS_PER_HOST
                && let Some((oldest, _)) = same_host().min_by_key(|(_, known)| known.expires)
            {
                peers[oldest] = peer;
                return;
            }
            if peers.len() >= MAX_PEERS_PER_TORRENT {
                if let Some(oldest) = peers.iter_mut().min_by_key(|peer| peer.expires) {
                    *oldest = peer;
                }
                return;
            }
        }
        let of_host = self.hosts.entry(Host::of(addr.ip())).or_default();
        if *of_host >= MAX_OF_HOST {
            return;
        }
        *of_host += 1;
        let is_new = !self.torrents.contains_key(&info_hash);
        if is_new && self.torrents.len() >= MAX_TORRENTS || self.peer_count >= MAX_PEERS {
            self.drop_farthest(own, info_hash);
        }
        if self.torrents.len() < MAX_TORRENTS + usize::from(!is_new) && self.peer_count < MAX_PEERS {
            self.torrents.entry(info_hash).or_default().push(peer);
            self.peer_count += 1;
        }
    }

    /// Returns a random choice of at most `max` peers.
    pub(crate) fn choose(
        &self,
        now: Instant,
        info_hash: NodeId,
        no_seed: bool,
        max: usize,
        rng: &mut Rng,
    ) -> Vec<SocketAddr> {
        let peers = self.alive(now, info_hash).filter(|peer| !(no_seed && peer.seed));
        let mut peers: Vec<_> = peers.map(|peer| peer.addr).collect();
        rng.shuffle(&mut peers);
        peers.truncate(max);
        peers
    }

    /// Returns the filters of seeds and of other peers (BEP 33); `None` if no peer is known.
    pub(crate) fn scrape(&self, now: Instant, info_hash: NodeId) -> Option<(Bloom, Bloom)> {
        let mut filters = None;
        for peer in self.alive(now, info_hash) {
            let (seeds, peers) = filters.get_or_insert_with(|| (Bloom::new(), Bloom::new()));
            if peer.seed { seeds } else { peers }.insert(peer.addr.ip());
        }
        filters
    }

    /// Returns a sample of the info-hashes, the same for all nodes for a while (BEP 51).
    pub(crate) fn sample(&mut self, now: Instant, rng: &mut Rng) -> Samples {
        let until = match self.sample_until.filter(|until| now < *until) {
            Some(until) => until,
            None => {
                self.sample = self.torrents.keys().copied().collect();
                rng.shuffle(&mut self.sample);
                self.sample.truncate(SAMPLE_LEN);
                *self.sample_until.insert(now + Duration::from_secs(SAMPLE_LIFE_S.into()))
            }
        };
        Samples {
            interval_s: until.since(now).as_secs().min(SAMPLE_LIFE_S.into()) as u32,
            total: self.torrents.len() as u64,
            info_hashes: self.sample.clone(),
        }
    }

    pub(crate) fn peer_count(&self) -> usize {
        self.peer_count
    }

    pub(crate) fn torrent_count(&self) -> usize {
        self.torrents.len()
    }

    /// Drops peers that were not announced again in time.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.torrents.retain(|_, peers| {
            peers.retain(|peer| now < peer.expires);
            !peers.is_empty()
        });
        self.peer_count = self.torrents.values().map(Vec::len).sum();
        self.hosts.clear();
        for peer in self.torrents.values().flatten() {
            *self.hosts.entry(Host::of(peer.addr.ip())).or_default() += 1;
        }
    }

    fn alive(&self, now: Instant, info_hash: NodeId) -> impl Iterator<Item = &Peer> {
        self.torrents.get(&info_hash).into_iter().flatten().filter(move |peer| now < peer.expires)
    }

    /// Drops the torrent farthest from `own`, unless `newcomer` is the farthest itself.
    fn drop_farthest(&mut self, own: NodeId, newcomer: NodeId) {
        let farthest = self.torrents.keys().copied().max_by_key(|hash| own.distance(*hash));
        if let Some(farthest) = farthest.filter(|hash| own.distance(*hash) > own.distance(newcomer)) {
            let gone = self.torrents.remove(&farthest).map_or(0, |peers| peers.len());
            self.peer_count -= gone;
        }
    }
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
