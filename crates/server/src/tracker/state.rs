//! The state that both protocols share: the swarms in shards, each with its own lock.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ipnet::IpNet;
use ztor_base::{Instant, PeerId, SwarmId};
use ztor_tracker::swarms::{self, Asker, Counts, Families, Refusal, Swarms};
use ztor_tracker::{AnnounceReply, AnnounceRequest, ScrapeEntry};

use super::Config;
use super::access::Access;
use crate::files::Files;

/// Number of shards. Workers seldom need the same one, and expiry blocks a sixteenth of the swarms at a time.
const SHARDS: usize = 16;

/// Maximum random addition to an interval, in percent.
const INTERVAL_SPREAD_PERCENT: u32 = 5;

/// The state of a tracker.
#[derive(Debug)]
pub(super) struct State {
    shards: Box<[Mutex<Swarms>]>,
    /// Hash that assigns swarms to shards. It is keyed, so that no client can choose a shard.
    sharder: RandomState,
    pub(super) files: Files,
    proxies: Vec<IpNet>,
    started: std::time::Instant,
    /// True once a peer has announced over loopback.
    has_local_peers: AtomicBool,
    access: RwLock<Arc<Access>>,
    /// Wait after a refusal that passes, in minutes (BEP 31).
    retry_min: u32,
}

impl State {
    /// Creates the state. Each shard gets a sixteenth of the tracker's limits.
    pub(super) fn new(config: Config) -> Self {
        let bounds = swarms::Config::default();
        let share = |n: usize| n.div_ceil(SHARDS);
        let shard_config = swarms::Config {
            interval_s: config.interval_s,
            interval_spread_percent: INTERVAL_SPREAD_PERCENT,
            min_interval_s: config.min_interval_s,
            believes_asked_ip: config.believes_asked_ip,
            max_torrents: share(config.max_torrents),
            max_peers_in_all: share(config.max_peers),
            max_peers_per_host: config.max_peers_per_host,
            max_new_torrents_per_host: share(bounds.max_new_torrents_per_host),
            max_peers_per_host_in_all: share(bounds.max_peers_per_host_in_all),
            ..bounds
        };
        // The standard library's hasher keys are random numbers of the system.
        let seeds = RandomState::new();
        let shards = (0..SHARDS).map(|at| Mutex::new(Swarms::new(shard_config.clone(), seeds.hash_one(at))));
        Self {
            shards: shards.collect(),
            sharder: RandomState::new(),
            files: config.files,
            proxies: config.proxies,
            started: std::time::Instant::now(),
            has_local_peers: AtomicBool::new(false),
            access: RwLock::new(Arc::new(config.access)),
            retry_min: config.interval_s.div_ceil(60).max(1),
        }
    }

    /// Handles an announce, unless the access lists refuse it, and passes the peers to `each`. `reached` returns the
    /// tracker's address as the client has reached it, and is called only if needed.
    pub(super) fn announce_each(
        &self,
        now: Instant,
        access: &Access,
        request: &AnnounceRequest,
        (ip, families): (IpAddr, Families),
        reached: impl FnOnce() -> Option<IpAddr>,
        each: impl FnMut(std::net::SocketAddr, &PeerId),
    ) -> Result<AnnounceReply, Refusal> {
        access.refusal(&request.info_hash, ip).map_or(Ok(()), Err)?;
        let asker = self.asker(ip, families, reached);
        self.shard(&request.info_hash).announce_each(now, request, asker, each)
    }

    /// Handles an announce, with the peers in the reply.
    pub(super) fn announce(
        &self,
        request: &AnnounceRequest,
        ip: IpAddr,
        reached: impl FnOnce() -> Option<IpAddr>,
    ) -> Result<AnnounceReply, Refusal> {
        self.access().refusal(&request.info_hash, ip).map_or(Ok(()), Err)?;
        let asker = self.asker(ip, Families::Both, reached);
        self.shard(&request.info_hash).announce(self.now(), request, asker)
    }

    fn asker(&self, ip: IpAddr, families: Families, reached: impl FnOnce() -> Option<IpAddr>) -> Asker {
        let is_local = ip.to_canonical().is_loopback();
        // Read first: workers share it, and a store would invalidate the caches of the others.
        let has_local_peers = self.has_local_peers.load(Ordering::Relaxed);
        if is_local && !has_local_peers {
            self.has_local_peers.store(true, Ordering::Relaxed);
        }
        let reached = if is_local || !has_local_peers { None } else { reached() };
        Asker { ip, reached, families }
    }

    pub(super) fn scrape(&self, hash: &SwarmId) -> Option<ScrapeEntry> {
        self.shard(hash).scrape(hash)
    }

    /// Returns the access lists.
    pub(super) fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_access(&self, access: Access) {
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
    }

    /// Returns the minutes that a refused client should wait before the next announce; `None` if that is of no use.
    pub(super) fn retry_in_min(&self, refusal: Refusal) -> Option<u32> {
        refusal.passes().then_some(self.retry_min)
    }

    /// Removes silent peers, one shard after the other.
    pub(super) fn expire(&self) {
        self.shards.iter().for_each(|shard| lock(shard).expire(self.now()));
    }

    pub(super) fn counts(&self) -> Counts {
        self.shards.iter().map(|shard| lock(shard).counts()).fold(Counts::default(), |sum, shard| Counts {
            torrents: sum.torrents + shard.torrents,
            peers: sum.peers + shard.peers,
            memory_bytes: sum.memory_bytes + shard.memory_bytes,
        })
    }

    pub(super) fn proxies(&self) -> &[IpNet] {
        &self.proxies
    }

    /// Returns the client of a request from `peer` with these lines of `X-Forwarded-For`; `None` if a proxy names none.
    pub(super) fn client_of(&self, peer: IpAddr, forwarded_for: &[&str]) -> Option<IpAddr> {
        let is_proxy = |ip: &IpAddr| self.proxies.iter().any(|net| net.contains(ip));
        let peer = peer.to_canonical();
        if !is_proxy(&peer) {
            return Some(peer);
        }
        // Each proxy adds the address that connected to it. Earlier ones may be made up.
        let named = forwarded_for.iter().rev().flat_map(|line| line.rsplit(','));
        for name in named {
            let ip = name.trim().parse::<IpAddr>().ok()?.to_canonical();
            if !is_proxy(&ip) {
                return Some(ip);
            }
        }
        None
    }

    pub(super) fn now(&self) -> Instant {
        Instant::ZERO + self.started.elapsed()
    }

    fn shard(&self, hash: &SwarmId) -> MutexGuard<'_, Swarms> {
        let at = usize::from(self.sharder.hash_one(hash).to_be_bytes()[0]) % self.shards.len();
        lock(&self.shards[at])
    }
}

fn lock(shard: &Mutex<Swarms>) -> MutexGuard<'_, Swarms> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
