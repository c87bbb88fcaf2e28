//! What a tracker knows: who is in which swarm.

mod hosts;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use fastrand::Rng;
use ztor_base::addr::is_dialable;
use ztor_base::{Duration, Instant, PeerId, SwarmId};

use hosts::Hosts;

use crate::{AnnounceEvent, AnnounceReply, AnnounceRequest, ScrapeEntry, TrackerPeer};

/// The youngest swarms that are looked at when one has to leave.
const EVICTION_CHOICE: usize = 64;

/// The bounds and habits of a tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Seconds between regular announces, as told to every client.
    pub interval_s: u32,
    /// Seconds before which a client should not announce again even if it wants more peers.
    pub min_interval_s: Option<u32>,
    /// The most swarms. Beyond it a new one takes the place of a young one that has one peer at most.
    pub max_torrents: usize,
    /// The most swarms that a host (an IPv4 address or an IPv6 /64) is the first in, within an interval.
    pub max_new_torrents_per_host: usize,
    /// The most peers in a swarm; those who come later are answered but not remembered.
    pub max_peers: usize,
    /// The most peers in a swarm of one host, so that it cannot fill the swarm.
    pub max_peers_per_host: usize,
    /// The most peers of one host in all swarms together; later ones are answered but not remembered.
    pub max_peers_per_host_in_all: usize,
    /// The most peers in all swarms together.
    pub max_peers_in_all: usize,
    /// How many peers are given to who doesn't say how many it wants.
    pub default_num_want: usize,
    /// The most peers that are given at once.
    pub max_num_want: usize,
    /// Whether the address that a client asks to be known by (BEP 3, `ip`) is taken. It could be a victim's.
    pub believes_asked_ip: bool,
    /// The only swarms that are tracked, if there is such a list.
    pub allowed: Option<BTreeSet<SwarmId>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval_s: 1800,
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
            allowed: None,
        }
    }
}

/// Who announces, as far as the connection tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// Where the announce came from.
    pub ip: IpAddr,
    /// The tracker's own address as the asker reached it, if known. Peers on the tracker's machine that announced
    /// over loopback are found there by everybody else.
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

/// Why an announce is refused; the text is what the asker gets to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not on the list.
    #[error("this torrent is not tracked here")]
    NotAllowed,
    /// Too many torrents.
    #[error("this tracker has no room for another torrent")]
    NoRoom,
    /// Too many new torrents of this host.
    #[error("too many new torrents from this address; try again later")]
    TooManyNew,
    /// Nobody can listen there.
    #[error("no peer can listen on this address and port")]
    BadAddress,
}

/// The swarms of a tracker. Bounded by its [`Config`], and deterministic: the same seed and announces give the same
/// answers.
#[derive(Debug)]
pub struct Swarms {
    config: Config,
    swarms: BTreeMap<SwarmId, Swarm>,
    /// Swarms of one peer at most, by their age: they leave when there is no room.
    small: BTreeSet<(Instant, SwarmId)>,
    hosts: Hosts,
    peers_in_all: usize,
    rng: Rng,
}

#[derive(Debug)]
struct Swarm {
    founded: Instant,
    peers: Vec<Peer>,
    /// Where in `peers` an address is; ordered, so that those of one IP stand together.
    index: BTreeMap<SocketAddr, usize>,
    seeders: usize,
    downloads: u32,
}

#[derive(Debug)]
struct Peer {
    addr: SocketAddr,
    id: PeerId,
    is_seeder: bool,
    /// Whether its `completed` has been counted.
    counted: bool,
    seen: Instant,
}

impl Swarms {
    /// No swarms yet. `seed` decides which peers are given when there are more than wanted.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            swarms: BTreeMap::new(),
            small: BTreeSet::new(),
            hosts: Hosts::default(),
            peers_in_all: 0,
            rng: Rng::with_seed(seed),
        }
    }

    /// The bounds and habits.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Adds to the list of swarms that are tracked; nothing if every swarm is.
    pub fn allow(&mut self, info_hash: SwarmId) {
        if let Some(allowed) = &mut self.config.allowed {
            allowed.insert(info_hash);
        }
    }

    /// Takes an announce and answers it.
    ///
    /// The peer is known by the address it came from. The `ip` it asks for could be that of a victim, and is
    /// [believed](Config::believes_asked_ip) only if the configuration says so. The answer never contains the asker itself, and no
    /// seeders for a seeder. A `stopped` is answered without peers.
    pub fn announce(
        &mut self,
        now: Instant,
        request: &AnnounceRequest,
        asker: Asker,
    ) -> Result<AnnounceReply, Refusal> {
        let source = asker.ip.to_canonical();
        let ip = request.ip.filter(|_| self.config.believes_asked_ip).map_or(source, |ip| ip.to_canonical());
        let addr = SocketAddr::new(ip, request.port);
        let stopped = request.event == AnnounceEvent::Stopped;
        self.check(request, addr)?;
        if stopped {
            self.remove(&request.info_hash, addr, &request.peer_id);
        } else {
            self.expire_if_full(now, &request.info_hash);
            self.store(now, request, addr)?;
        }
        let wanted = request
            .num_want
            .map_or(self.config.default_num_want, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let wanted = if stopped { 0 } else { wanted.min(self.config.max_num_want) };
        let reply = AnnounceReply {
            interval_s: self.config.interval_s,
            min_interval_s: self.config.min_interval_s,
            external_ip: Some(source),
            ..AnnounceReply::default()
        };
        let Some(swarm) = self.swarms.get(&request.info_hash) else {
            return Ok(AnnounceReply { seeders: Some(0), leechers: Some(0), downloads: Some(0), ..reply });
        };
        let entry = swarm.entry();
        let view = View { addr, id: request.peer_id, is_seeder: request.left == 0, source, asker };
        Ok(AnnounceReply {
            seeders: Some(entry.seeders),
            leechers: Some(entry.leechers),
            downloads: Some(entry.downloads),
            peers: swarm.sample(&view, wanted, &mut self.rng),
            ..reply
        })
    }

    /// The numbers of a swarm; `None` if it is not known.
    pub fn scrape(&self, info_hash: &SwarmId) -> Option<ScrapeEntry> {
        self.swarms.get(info_hash).map(Swarm::entry)
    }

    /// Forgets peers that have missed their announces (not heard of for two intervals and a minute), and swarms
    /// that nobody is in. To be called every minute or so.
    pub fn expire(&mut self, now: Instant) {
        let patience = self.patience();
        self.small.clear();
        self.swarms.retain(|hash, swarm| {
            let gone = swarm.expire(now, patience, &mut self.hosts);
            self.peers_in_all = self.peers_in_all.saturating_sub(gone);
            if swarm.is_small() {
                self.small.insert((swarm.founded, *hash));
            }
            !swarm.peers.is_empty()
        });
        self.small.retain(|(_, hash)| self.swarms.contains_key(hash));
        self.hosts.expire(now, Duration::from_secs(self.config.interval_s.into()));
    }

    /// How many swarms and how many peers in them there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.swarms.len(), self.peers_in_all)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.config.interval_s) * 2 + 60)
    }

    fn check(&self, request: &AnnounceRequest, addr: SocketAddr) -> Result<(), Refusal> {
        if self.config.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&request.info_hash)) {
            return Err(Refusal::NotAllowed);
        }
        if !is_dialable(addr) {
            return Err(Refusal::BadAddress);
        }
        Ok(())
    }

    /// Makes room where it can be had cheaply: in the one swarm that is full.
    fn expire_if_full(&mut self, now: Instant, info_hash: &SwarmId) {
        let patience = self.patience();
        if let Some(swarm) = self.swarms.get_mut(info_hash)
            && swarm.peers.len() >= self.config.max_peers
        {
            let gone = swarm.expire(now, patience, &mut self.hosts);
            self.peers_in_all = self.peers_in_all.saturating_sub(gone);
            self.note_size(info_hash);
        }
    }

    /// Brings the list of small swarms up to date.
    fn note_size(&mut self, info_hash: &SwarmId) {
        let Some(swarm) = self.swarms.get(info_hash) else { return };
        let entry = (swarm.founded, *info_hash);
        if swarm.is_small() {
            self.small.insert(entry);
        } else {
            self.small.remove(&entry);
        }
    }

    /// Forgets one of the youngest swarms of one peer at most: that whose host takes most of the tracker. Whoever makes
    /// swarms up so drives out his own.
    fn evict(&mut self) -> bool {
        let share = |hash: &SwarmId| {
            let peer = self.swarms.get(hash).and_then(|swarm| swarm.peers.first());
            peer.map_or(usize::MAX, |peer| self.hosts.peers(peer.addr.ip()))
        };
        let youngest = self.small.iter().rev().take(EVICTION_CHOICE);
        // Of equals the youngest.
        let Some(entry) = youngest.rev().max_by_key(|(_, hash)| share(hash)).copied() else { return false };
        self.small.remove(&entry);
        let Some(swarm) = self.swarms.remove(&entry.1) else { return false };
        self.peers_in_all = self.peers_in_all.saturating_sub(swarm.peers.len());
        swarm.peers.iter().for_each(|peer| self.hosts.remove_peer(peer.addr.ip()));
        true
    }

    /// Makes a new swarm, in the place of another if there is no room.
    fn found(&mut self, now: Instant, info_hash: SwarmId, ip: IpAddr) -> Result<(), Refusal> {
        let interval = Duration::from_secs(self.config.interval_s.into());
        let (max, max_hosts) = (self.config.max_new_torrents_per_host, self.config.max_peers_in_all);
        if !self.hosts.found(now, ip, interval, max, max_hosts) {
            return Err(Refusal::TooManyNew);
        }
        let is_full = self.swarms.len() >= self.config.max_torrents
            || self.peers_in_all >= self.config.max_peers_in_all;
        if is_full && !self.evict() {
            return Err(Refusal::NoRoom);
        }
        self.swarms.insert(info_hash, Swarm::new(now));
        self.small.insert((now, info_hash));
        Ok(())
    }

    fn store(&mut self, now: Instant, request: &AnnounceRequest, addr: SocketAddr) -> Result<(), Refusal> {
        if !self.swarms.contains_key(&request.info_hash) {
            self.found(now, request.info_hash, addr.ip())?;
        }
        let Some(swarm) = self.swarms.get_mut(&request.info_hash) else { return Ok(()) };
        let is_seeder = request.left == 0;
        if let Some(peer) = swarm.index.get(&addr).and_then(|&at| swarm.peers.get_mut(at)) {
            swarm.seeders = swarm.seeders + usize::from(is_seeder) - usize::from(peer.is_seeder);
            if request.event == AnnounceEvent::Completed && !peer.counted {
                peer.counted = true;
                swarm.downloads = swarm.downloads.saturating_add(1);
            }
            (peer.id, peer.is_seeder, peer.seen) = (request.peer_id, is_seeder, now);
            return Ok(());
        }
        let has_room = swarm.peers.len() < self.config.max_peers
            && self.peers_in_all < self.config.max_peers_in_all
            && swarm.count_of(addr.ip()) < self.config.max_peers_per_host
            && self.hosts.peers(addr.ip()) < self.config.max_peers_per_host_in_all;
        if has_room {
            swarm.index.insert(addr, swarm.peers.len());
            // Whoever begins as a seeder has not downloaded here, whatever it says.
            swarm.peers.push(Peer { addr, id: request.peer_id, is_seeder, counted: is_seeder, seen: now });
            swarm.seeders += usize::from(is_seeder);
            self.peers_in_all += 1;
            self.hosts.add_peer(now, addr.ip());
            self.note_size(&request.info_hash);
        }
        Ok(())
    }

    fn remove(&mut self, info_hash: &SwarmId, addr: SocketAddr, id: &PeerId) {
        let Some(swarm) = self.swarms.get_mut(info_hash) else { return };
        let at = swarm.index.get(&addr).copied();
        let at = at.filter(|&at| swarm.peers.get(at).is_some_and(|peer| peer.id == *id));
        if let Some(at) = at {
            swarm.remove(at);
            self.peers_in_all = self.peers_in_all.saturating_sub(1);
            self.hosts.remove_peer(addr.ip());
            self.note_size(info_hash);
        }
    }
}

impl Swarm {
    fn new(now: Instant) -> Self {
        Self { founded: now, peers: Vec::new(), index: BTreeMap::new(), seeders: 0, downloads: 0 }
    }

    fn is_small(&self) -> bool {
        self.peers.len() <= 1
    }

    fn entry(&self) -> ScrapeEntry {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        ScrapeEntry {
            seeders: number(self.seeders),
            leechers: number(self.peers.len().saturating_sub(self.seeders)),
            downloads: self.downloads,
        }
    }

    /// Peers of the host of an address.
    fn count_of(&self, ip: IpAddr) -> usize {
        let (first, last) = match ip {
            IpAddr::V4(_) => (ip, ip),
            IpAddr::V6(ip) => {
                let low = u128::from(u64::MAX);
                let bits = ip.to_bits();
                (Ipv6Addr::from_bits(bits & !low).into(), Ipv6Addr::from_bits(bits | low).into())
            }
        };
        self.index.range(SocketAddr::new(first, 0)..=SocketAddr::new(last, u16::MAX)).count()
    }

    fn remove(&mut self, at: usize) {
        let peer = self.peers.swap_remove(at);
        self.seeders -= usize::from(peer.is_seeder);
        self.index.remove(&peer.addr);
        if let Some(moved) = self.peers.get(at) {
            self.index.insert(moved.addr, at);
        }
    }

    /// Removes who was not heard of for longer than `patience`; says how many.
    fn expire(&mut self, now: Instant, patience: Duration, hosts: &mut Hosts) -> usize {
        let before = self.peers.len();
        for at in (0..before).rev() {
            if let Some(peer) = self.peers.get(at)
                && now.since(peer.seen) > patience
            {
                hosts.remove_peer(peer.addr.ip());
                self.remove(at);
            }
        }
        before - self.peers.len()
    }

    /// Up to `wanted` peers by chance. In a large swarm they are drawn, else all are looked at.
    fn sample(&self, view: &View, wanted: usize, rng: &mut Rng) -> Vec<TrackerPeer> {
        let mut chosen = Vec::new();
        if wanted > 0 && self.peers.len() / 8 > wanted {
            let mut drawn = BTreeSet::new();
            // Enough draws unless few of the peers are of any use; then the list falls short, and that is all.
            for _ in 0..wanted * 8 {
                let at = rng.usize(..self.peers.len());
                if chosen.len() < wanted && drawn.insert(at) {
                    chosen.extend(self.peers.get(at).and_then(|peer| view.of(peer)));
                }
            }
        } else if wanted > 0 {
            chosen.extend(self.peers.iter().filter_map(|peer| view.of(peer)));
            rng.shuffle(&mut chosen);
            chosen.truncate(wanted);
        }
        chosen
    }
}

/// Whom an asker is told of, and under which address.
struct View {
    addr: SocketAddr,
    id: PeerId,
    is_seeder: bool,
    source: IpAddr,
    asker: Asker,
}

impl View {
    fn of(&self, peer: &Peer) -> Option<TrackerPeer> {
        // Clients that choose no id share one.
        let is_same_client = peer.id == self.id && self.id != PeerId::new([0; 20]);
        if peer.addr == self.addr || is_same_client || (self.is_seeder && peer.is_seeder) {
            return None;
        }
        let mut addr = peer.addr;
        if addr.ip().is_loopback() && !self.source.is_loopback() {
            let reached = self.asker.reached?.to_canonical();
            addr.set_ip(Some(reached).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())?);
        }
        let fits = match self.asker.families {
            Families::Both => true,
            Families::V4 => addr.is_ipv4(),
            Families::V6 => addr.is_ipv6(),
        };
        fits.then_some(TrackerPeer { addr, peer_id: Some(peer.id) })
    }
}

#[cfg(test)]
mod tests;
