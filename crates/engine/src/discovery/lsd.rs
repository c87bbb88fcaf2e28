//! Local service discovery (BEP 14). Private torrents are neither announced nor looked for (BEP 27).

use super::known::{Found, Origin};
use super::schedule::DueQueue;
use crate::config::Config;
use crate::cx::Cx;
use crate::ids::TorrentId;
use crate::torrent::{Torrent, Torrents};
use fastrand::Rng;
use std::net::SocketAddr;
use ztor_base::addr::is_local;
use ztor_base::{Duration, Host, Instant};
use ztor_wire::{LocalAnnounce, MAX_LOCAL_HASHES};

/// Time between two announces of a torrent (BEP 14).
const TORRENT_EVERY: Duration = Duration::from_secs(300);
/// Minimum time between two announces of ours, over all torrents (BEP 14).
const ANNOUNCE_EVERY: Duration = Duration::from_secs(60);
/// Delay of the first announce of a torrent, so that torrents started together share it.
const FIRST_AFTER: Duration = Duration::from_millis(300);
/// Maximum number of announces read per second, from all hosts together.
const READ_PER_S: u32 = 50;

/// Local service discovery of all torrents.
pub(crate) struct LocalDiscovery {
    cookie: String,
    /// Downloads to announce: seeds that hear of them connect to us.
    downloads: DueQueue,
    /// Seeds to announce, if downloads leave space in the message.
    seeds: DueQueue,
    /// Earliest time of the next announce.
    next_at: Instant,
    second: u64,
    /// Number of announces read in this second.
    read: u32,
}

impl LocalDiscovery {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let cookie = format!("{:016x}", rng.u64(..));
        let (downloads, seeds) = (DueQueue::new(), DueQueue::new());
        Self { cookie, downloads, seeds, next_at: Instant::ZERO, second: 0, read: 0 }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let firsts = self.downloads.first().into_iter().chain(self.seeds.first());
        firsts.map(|(at, _)| (*at).max(self.next_at)).min()
    }

    /// Makes all announces due, as our address has changed.
    pub(crate) fn start_over(&mut self, now: Instant) {
        self.next_at = now;
        for queue in [&mut self.downloads, &mut self.seeds] {
            *queue = queue.iter().map(|(at, id)| ((*at).min(now), *id)).collect();
        }
    }

    fn plan_at(&mut self, torrent: &Torrent, at: Instant) {
        let queue = if torrent.is_finished() { &mut self.seeds } else { &mut self.downloads };
        queue.insert((at, torrent.id()));
    }

    /// Takes the next torrent that is due, downloads first.
    fn pop_due(&mut self, now: Instant) -> Option<TorrentId> {
        let is_due = |queue: &&mut DueQueue| queue.first().is_some_and(|(at, _)| *at <= now);
        let mut queues = [&mut self.downloads, &mut self.seeds].into_iter();
        queues.find(is_due)?.pop_first().map(|(_, id)| id)
    }

    /// Plans the announces of a torrent that has opened.
    pub(crate) fn plan(&mut self, now: Instant, config: &Config, torrent: &mut Torrent) {
        let schedule = torrent.schedule_mut();
        if config.local_discovery && !schedule.lsd_scheduled {
            schedule.lsd_scheduled = true;
            self.plan_at(torrent, now + FIRST_AFTER);
        }
    }

    /// Announces the torrents that are due.
    pub(crate) fn settle(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents) {
        if self.poll_timeout().is_none_or(|at| at > cx.now) || cx.is_ending {
            return;
        }
        let mut info_hashes = Vec::new();
        while info_hashes.len() + 2 <= MAX_LOCAL_HASHES
            && let Some(id) = self.pop_due(cx.now)
        {
            if let Some(torrent) = torrents.get_mut(id) {
                // A stopped torrent is planned again when it reopens.
                let goes_on = torrent.is_open() && !torrent.is_private();
                torrent.schedule_mut().lsd_scheduled = goes_on;
                if goes_on {
                    info_hashes.extend(torrent.hashes().swarm_ids());
                    self.plan_at(torrent, cx.now + TORRENT_EVERY);
                }
            }
        }
        if !info_hashes.is_empty() && cx.config.listen_port != 0 {
            self.next_at = cx.now + ANNOUNCE_EVERY;
            let cookie = Some(self.cookie.clone());
            let port = cx.config.listen_port;
            cx.out.local_announces.push(LocalAnnounce { port, info_hashes, cookie });
        }
    }

    /// Handles an announce of another client.
    pub(crate) fn handle(
        &mut self,
        cx: &mut Cx<'_>,
        torrents: &mut Torrents,
        from: SocketAddr,
        datagram: &[u8],
    ) {
        let second = cx.now.as_micros() / 1_000_000;
        if second != self.second {
            (self.second, self.read) = (second, 0);
        }
        self.read += 1;
        if !cx.config.local_discovery || self.read > READ_PER_S || !is_local(from.ip()) {
            return;
        }
        let announce = LocalAnnounce::decode(datagram);
        let announce = announce.filter(|announce| announce.cookie.as_ref() != Some(&self.cookie));
        for (hash, port) in
            announce.into_iter().flat_map(|a| a.info_hashes.into_iter().zip(std::iter::repeat(a.port)))
        {
            let torrent = torrents.by_swarm_mut(hash).filter(|t| t.is_open() && !t.is_private());
            if let Some(torrent) = torrent {
                let addr = SocketAddr::new(from.ip(), port);
                let is_second_swarm = torrent.is_second_swarm(hash);
                let found = Found::new(Origin::Local(Host::of(from.ip())), is_second_swarm);
                torrent.known_mut().add_found(cx.now, addr, found, cx.rng);
                cx.dirty.mark_torrent(torrent.id());
            }
        }
    }
}
