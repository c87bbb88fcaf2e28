//! The swarms of a tracker.

mod hosts;
mod index;
mod peer;
mod swarm;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use fastrand::Rng;
use hashbrown::HashTable;
use ztor_base::addr::is_dialable;
use ztor_base::{Instant, PeerId, SwarmId};

use hosts::Hosts;
use index::Digest;
use peer::{Addr, Keys, Peer};
use swarm::{Announce, Swarm};

use crate::{AnnounceEvent, AnnounceReply, AnnounceRequest, ScrapeEntry, TrackerPeer};

/// Number of the youngest swarms from which one is evicted.
const EVICTION_CHOICE: usize = 64;

/// Limits and settings of a tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Least number of seconds between regular announces.
    pub interval_s: u32,
    /// Maximum random addition to the interval, in percent, so that clients do not announce in waves.
    pub interval_spread_percent: u32,
    /// Least number of seconds between announces even if a client wants more peers; `None` names none.
    pub min_interval_s: Option<u32>,
    /// Maximum number of swarms. Beyond it, a new one replaces a young one that has at most one peer.
    pub max_torrents: usize,
    /// Maximum number of swarms that a host (an IPv4 address or an IPv6 /64) may found within an interval.
    pub max_new_torrents_per_host: usize,
    /// Maximum number of peers in a swarm. Further ones are answered but not stored.
    pub max_peers: usize,
    /// Maximum number of peers of one host in a swarm, so that it cannot fill the swarm.
    pub max_peers_per_host: usize,
    /// Maximum number of peers of one host in all swarms together. Further ones are answered but not stored.
    pub max_peers_per_host_in_all: usize,
    /// Maximum number of peers in all swarms together.
    pub max_peers_in_all: usize,
    /// Number of peers in the answer to a client that names no number.
    pub default_num_want: usize,
    /// Maximum number of peers in an answer.
    pub max_num_want: usize,
    /// True to use the address that a client names (BEP 3, `ip`). It could be a victim's.
    pub believes_asked_ip: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval_s: 1800,
            interval_spread_percent: 0,
            min_interval_s: None,
            max_torrents: 100_000,
            max_new_torrents_per_host: 5000,
            max_peers: 10_000,
            max_peers_per_host: 128,
            max_peers_per_host_in_all: 10_000,
            max_peers_in_all: 1_000_000,
            default_num_want: 50,
            max_num_want: 200,
            believes_asked_ip: false,
        }
    }
}

/// The client that announces, as far as it is known from the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The source address of the announce.
    pub ip: IpAddr,
    /// The tracker's own address, as the client has reached it; `None` if unknown. Other hosts find peers there that
    /// announced over loopback, on the tracker's machine.
    pub reached: Option<IpAddr>,
    /// The address families whose peers the answer can carry.
    pub families: Families,
}

/// The address families whose peers an answer can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Families {
    /// Both, as over HTTP.
    Both,
    /// IPv4 only, as over UDP on IPv4.
    V4,
    /// IPv6 only, as over UDP on IPv6.
    V6,
}

/// Reasons why an announce is refused. The client gets the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The lists of the tracker exclude the torrent.
    #[error("this torrent is not tracked here")]
    NotAllowed,
    /// The lists of the tracker exclude the address.
    #[error("this tracker does not serve your address")]
    AddressNotAllowed,
    /// The maximum number of torrents is reached.
    #[error("this tracker has reached its limit of torrents")]
    NoRoom,
    /// The host has founded too many torrents.
    #[error("too many new torrents from this address; try again later")]
    TooManyNew,
    /// No peer can listen there.
    #[error("no peer can listen on this address and port")]
    BadAddress,
}

impl Refusal {
    /// Returns true if the same announce may be accepted later, without a change of the tracker's settings.
    pub fn passes(self) -> bool {
        matches!(self, Self::NoRoom | Self::TooManyNew)
    }
}

/// The number of swarms and peers of a tracker, and the memory for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Number of swarms.
    pub torrents: usize,
    /// Number of peers in all swarms together.
    pub peers: usize,
    /// Memory for them in bytes, by the capacity of the tables.
    pub memory_bytes: usize,
}

/// The swarms of a tracker. Bounded by its [`Config`], and deterministic: the same seed and announces give the same
/// answers.
///
/// ```
/// use ztor_base::{Instant, PeerId, SwarmId};
/// use ztor_tracker::AnnounceRequest;
/// use ztor_tracker::swarms::{Asker, Config, Families, Swarms};
///
/// let (now, mut swarms) = (Instant::ZERO, Swarms::new(Config::default(), 42));
/// let info_hash = SwarmId::new([1; 20]);
/// let asker = |ip: [u8; 4]| Asker { ip: ip.into(), reached: None, families: Families::Both };
///
/// let seed = AnnounceRequest::new(info_hash, PeerId::new([2; 20]), 6881);
/// let reply = swarms.announce(now, &seed, asker([192, 0, 2, 1]))?;
/// assert!(reply.peers.is_empty());
/// let leecher = AnnounceRequest { left: 5000, ..AnnounceRequest::new(info_hash, PeerId::new([3; 20]), 6881) };
/// let reply = swarms.announce(now, &leecher, asker([192, 0, 2, 2]))?;
/// assert_eq!(reply.peers[0].addr.to_string(), "192.0.2.1:6881");
/// assert_eq!((reply.seeders, reply.leechers), (Some(1), Some(1)));
/// # Ok::<(), ztor_tracker::swarms::Refusal>(())
/// ```
#[derive(Debug)]
pub struct Swarms {
    config: Config,
    keys: Keys,
    /// Swarms, found by their keyed hash. `expire` visits all, with the same result in any order.
    swarms: HashTable<Swarm>,
    /// Swarms of at most one peer, by the second of their founding. They are evicted when the tracker is full.
    small: BTreeSet<(u32, SwarmId)>,
    hosts: Hosts,
    peers_in_all: usize,
    rng: Rng,
}

fn seconds(now: Instant) -> u32 {
    u32::try_from(now.as_micros() / 1_000_000).unwrap_or(u32::MAX)
}

impl Swarms {
    /// Creates a tracker without swarms. `seed` decides which peers are chosen if there are more than wanted, and keys
    /// the tables.
    pub fn new(config: Config, seed: u64) -> Self {
        let keys = Keys::new(seed);
        // A separate seed, as answers must not reveal the keys.
        let rng = Rng::with_seed(keys.hash(b"sample"));
        Self {
            config,
            keys,
            swarms: HashTable::new(),
            small: BTreeSet::new(),
            hosts: Hosts::default(),
            peers_in_all: 0,
            rng,
        }
    }

    /// Returns the limits and settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Handles an announce, as [`announce_each`](Self::announce_each) does, with the peers in the reply.
    pub fn announce(
        &mut self,
        now: Instant,
        request: &AnnounceRequest,
        asker: Asker,
    ) -> Result<AnnounceReply, Refusal> {
        let mut peers = Vec::new();
        let take = |addr, id: &PeerId| peers.push(TrackerPeer { addr, peer_id: Some(*id) });
        let reply = self.announce_each(now, request, asker, take)?;
        Ok(AnnounceReply { peers, ..reply })
    }

    /// Handles an announce. Passes the peers to `each`; the reply has none. Allocates nothing for a known peer.
    ///
    /// The peer is stored with its source address. The `ip` that it names could be that of a victim, and is
    /// [used](Config::believes_asked_ip) only if the configuration says so. The answer never contains the client
    /// itself, and no seeders for a seeder. A `stopped` is answered without peers.
    pub fn announce_each(
        &mut self,
        now: Instant,
        request: &AnnounceRequest,
        asker: Asker,
        mut each: impl FnMut(SocketAddr, &PeerId),
    ) -> Result<AnnounceReply, Refusal> {
        let source = asker.ip.to_canonical();
        let ip = request.ip.filter(|_| self.config.believes_asked_ip).map_or(source, |ip| ip.to_canonical());
        let addr = SocketAddr::new(ip, request.port);
        let stopped = request.event == AnnounceEvent::Stopped;
        if !is_dialable(addr) {
            return Err(Refusal::BadAddress);
        }
        let key = self.keys.hash(request.info_hash.as_bytes());
        if stopped {
            self.remove(key, request, addr);
        } else {
            self.store(seconds(now), key, request, addr)?;
        }
        let wanted = request
            .num_want
            .map_or(self.config.default_num_want, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let wanted = if stopped { 0 } else { wanted.min(self.config.max_num_want) };
        let reply = AnnounceReply {
            interval_s: self.interval_s(),
            min_interval_s: self.config.min_interval_s,
            external_ip: Some(source),
            seeders: Some(0),
            leechers: Some(0),
            downloads: Some(0),
            ..AnnounceReply::default()
        };
        let Some(swarm) = self.swarms.find(key, |swarm| swarm.hash == request.info_hash) else {
            return Ok(reply);
        };
        let entry = swarm.entry();
        let is_seeder = request.left == 0;
        let id = Some(request.peer_id).filter(|id| *id != PeerId::new([0; 20]));
        let digest = Digest::new(addr, &request.peer_id);
        let view = View { addr: addr.into(), id, digest, is_local: source.is_loopback(), asker };
        swarm.sample(wanted, is_seeder, &mut self.rng, |at| {
            let Some(peer) = swarm.peers().get(at) else { return false };
            let addr = view.of(peer, swarm.digest(at));
            addr.into_iter().for_each(|addr| each(addr, &peer.id));
            addr.is_some()
        });
        Ok(AnnounceReply {
            seeders: Some(entry.seeders),
            leechers: Some(entry.leechers),
            downloads: Some(entry.downloads),
            ..reply
        })
    }

    /// Returns the numbers of a swarm; `None` if it is unknown.
    pub fn scrape(&self, info_hash: &SwarmId) -> Option<ScrapeEntry> {
        let key = self.keys.hash(info_hash.as_bytes());
        self.swarms.find(key, |swarm| swarm.hash == *info_hash).map(Swarm::entry)
    }

    /// Removes peers that have missed their announces (silent for two intervals and a minute), and empty swarms. Call
    /// it about every minute.
    pub fn expire(&mut self, now: Instant) {
        let (now_s, patience_s) = (seconds(now), self.patience_s());
        self.small.clear();
        self.swarms.retain(|swarm| {
            let gone = swarm.expire(&self.keys, now_s, patience_s, &mut self.hosts);
            self.peers_in_all = self.peers_in_all.saturating_sub(gone);
            let stays = !swarm.peers().is_empty();
            if stays && swarm.is_small() {
                self.small.insert((swarm.founded_s, swarm.hash));
            }
            stays
        });
        if self.swarms.len() < self.swarms.capacity() / 4 {
            let room = self.swarms.len() * 2;
            self.swarms.shrink_to(room, |swarm| self.keys.hash(swarm.hash.as_bytes()));
        }
        self.hosts.expire(now_s, self.config.interval_s);
    }

    /// Returns the number of swarms and of peers in them, and the memory for them. Visits every swarm.
    pub fn counts(&self) -> Counts {
        let peers: usize = self.swarms.iter().map(Swarm::heap_bytes).sum();
        // The nodes of a `BTreeSet` are about three quarters full.
        let small = self.small.len() * size_of::<(u32, SwarmId)>() * 4 / 3;
        let memory_bytes = self.swarms.allocation_size() + peers + small + self.hosts.heap_bytes();
        Counts { torrents: self.swarms.len(), peers: self.peers_in_all, memory_bytes }
    }

    /// Returns the interval for one client.
    fn interval_s(&mut self) -> u32 {
        let Config { interval_s, interval_spread_percent, .. } = self.config;
        let spread = u64::from(interval_s) * u64::from(interval_spread_percent) / 100;
        let spread = u32::try_from(spread).unwrap_or(u32::MAX);
        let extra = if spread == 0 { 0 } else { self.rng.u32(0..=spread) };
        interval_s.saturating_add(extra)
    }

    fn patience_s(&self) -> u32 {
        self.config.interval_s.saturating_mul(2).saturating_add(60)
    }

    /// Evicts one of the youngest swarms of at most one peer: an empty one, or the one whose host has the most peers.
    /// So a host that makes up swarms evicts its own. Returns false if there is none.
    fn evict(&mut self) -> bool {
        let share = |hash: &SwarmId| {
            let key = self.keys.hash(hash.as_bytes());
            let swarm = self.swarms.find(key, |swarm| swarm.hash == *hash);
            let peer = swarm.and_then(|swarm| swarm.peers().first());
            peer.map_or(usize::MAX, |peer| self.hosts.peers(peer.addr.ip()))
        };
        let youngest = self.small.iter().rev().take(EVICTION_CHOICE);
        // Of equals the youngest.
        let Some(entry) = youngest.rev().max_by_key(|(_, hash)| share(hash)).copied() else { return false };
        self.small.remove(&entry);
        let key = self.keys.hash(entry.1.as_bytes());
        let Ok(found) = self.swarms.find_entry(key, |swarm| swarm.hash == entry.1) else { return false };
        let (swarm, _) = found.remove();
        self.peers_in_all = self.peers_in_all.saturating_sub(swarm.peers().len());
        swarm.peers().iter().for_each(|peer| self.hosts.remove_peer(peer.addr.ip()));
        true
    }

    /// Creates a swarm, and evicts another if the tracker is full.
    fn found(&mut self, now_s: u32, key: u64, info_hash: SwarmId, ip: IpAddr) -> Result<(), Refusal> {
        let (max, max_hosts) = (self.config.max_new_torrents_per_host, self.config.max_peers_in_all);
        if !self.hosts.found(now_s, ip, self.config.interval_s, max, max_hosts) {
            return Err(Refusal::TooManyNew);
        }
        let is_full = self.swarms.len() >= self.config.max_torrents
            || self.peers_in_all >= self.config.max_peers_in_all;
        if is_full && !self.evict() {
            return Err(Refusal::NoRoom);
        }
        let keys = &self.keys;
        let swarm = Swarm::new(info_hash, now_s);
        self.swarms.insert_unique(key, swarm, |swarm| keys.hash(swarm.hash.as_bytes()));
        self.small.insert((now_s, info_hash));
        Ok(())
    }

    fn store(
        &mut self,
        now_s: u32,
        key: u64,
        request: &AnnounceRequest,
        addr: SocketAddr,
    ) -> Result<(), Refusal> {
        let is_it = |swarm: &Swarm| swarm.hash == request.info_hash;
        if self.swarms.find(key, is_it).is_none() {
            self.found(now_s, key, request.info_hash, addr.ip())?;
        }
        let patience_s = self.patience_s();
        let Some(swarm) = self.swarms.find_mut(key, is_it) else { return Ok(()) };
        let (keys, config) = (&self.keys, &self.config);
        let ip = addr.ip();
        let announce = Announce {
            id: request.peer_id,
            is_seeder: request.left == 0,
            is_partial_seed: request.left > 0 && request.event == AnnounceEvent::Paused,
            completes: request.event == AnnounceEvent::Completed,
            now_s,
        };
        if let Some(at) = swarm.find(keys, addr.into()) {
            swarm.renew(keys, at, &announce);
            return Ok(());
        }
        let was_small = swarm.is_small();
        // Frees memory where that is cheap: in the one swarm that is full.
        if swarm.peers().len() >= config.max_peers && swarm.may_search(now_s) {
            let gone = swarm.expire(keys, now_s, patience_s, &mut self.hosts);
            self.peers_in_all = self.peers_in_all.saturating_sub(gone);
        }
        let (of_host, max_in_swarm) = (self.hosts.peers(ip), config.max_peers_per_host);
        // A host with few peers in all swarms has few in this one. This machine may fill the tracker.
        let has_room = swarm.peers().len() < config.max_peers
            && self.peers_in_all < config.max_peers_in_all
            && (ip.is_loopback() || of_host < config.max_peers_per_host_in_all)
            && (of_host < max_in_swarm || swarm.count_of(addr.into(), max_in_swarm) < max_in_swarm);
        if has_room {
            swarm.push(keys, addr.into(), &announce);
            self.peers_in_all += 1;
            self.hosts.add_peer(now_s, ip);
        }
        note_size(&mut self.small, swarm, was_small);
        Ok(())
    }

    fn remove(&mut self, key: u64, request: &AnnounceRequest, addr: SocketAddr) {
        let Some(swarm) = self.swarms.find_mut(key, |swarm| swarm.hash == request.info_hash) else { return };
        let at = swarm.find(&self.keys, addr.into());
        let at = at.filter(|&at| swarm.peers().get(at).is_some_and(|peer| peer.id == request.peer_id));
        if let Some(at) = at {
            let was_small = swarm.is_small();
            swarm.remove(&self.keys, at);
            self.peers_in_all = self.peers_in_all.saturating_sub(1);
            self.hosts.remove_peer(addr.ip());
            note_size(&mut self.small, swarm, was_small);
        }
    }
}

/// Updates the list of small swarms after a change of one.
fn note_size(small: &mut BTreeSet<(u32, SwarmId)>, swarm: &Swarm, was_small: bool) {
    let entry = (swarm.founded_s, swarm.hash);
    match (was_small, swarm.is_small()) {
        (false, true) => drop(small.insert(entry)),
        (true, false) => drop(small.remove(&entry)),
        _ => {}
    }
}

/// The choice of peers for a client, and of their addresses.
struct View {
    addr: Addr,
    /// Its id; `None` if that is all zeros, which it shares with others.
    id: Option<PeerId>,
    /// Digest of its address and id.
    digest: Digest,
    is_local: bool,
    asker: Asker,
}

impl View {
    /// Returns the address of a peer for the client; `None` if the peer is left out. With a digest it seldom reads the
    /// peer.
    fn of(&self, peer: &Peer, digest: Option<Digest>) -> Option<SocketAddr> {
        match digest.and_then(|digest| Some((digest, digest.addr()?))) {
            Some((digest, addr))
                if (self.is_local || !addr.ip().is_loopback())
                    && (self.id.is_none() || !digest.shares_tag(self.digest)) =>
            {
                (self.digest.addr() != Some(addr) && self.asker.families != Families::V6)
                    .then_some(addr.into())
            }
            _ => self.of_peer(peer),
        }
    }

    fn of_peer(&self, peer: &Peer) -> Option<SocketAddr> {
        if peer.addr == self.addr || self.id == Some(peer.id) {
            return None;
        }
        let mut addr = peer.addr.get();
        if !self.is_local && addr.ip().is_loopback() {
            let reached = self.asker.reached?.to_canonical();
            addr.set_ip(Some(reached).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())?);
        }
        let fits = match self.asker.families {
            Families::Both => true,
            Families::V4 => addr.is_ipv4(),
            Families::V6 => addr.is_ipv6(),
        };
        fits.then_some(addr)
    }
}

#[cfg(test)]
mod tests;
