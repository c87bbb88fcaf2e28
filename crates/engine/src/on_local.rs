//! Peers of the same network (BEP 14): telling them of our torrents, and hearing of theirs. Private torrents are
//! neither told nor heard of (BEP 27).

use crate::known::Origin;
use crate::outbox::Outbox;
use crate::{Engine, TorrentId};
use fastrand::Rng;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use ztor_base::addr::is_local;
use ztor_base::{Duration, Host, Instant};
use ztor_wire::{LocalAnnounce, MAX_LOCAL_HASHES};

/// Between two announces of a torrent (BEP 14).
const TORRENT_EVERY: Duration = Duration::from_secs(300);
/// Between two announces of ours (BEP 14).
const ANNOUNCE_EVERY: Duration = Duration::from_secs(60);
/// The first ones wait a moment for others to be started with them.
const FIRST_AFTER: Duration = Duration::from_millis(300);
/// Announces that are read in a second, of all hosts together.
const READ_PER_S: u32 = 50;

/// Whom to tell of next.
pub(crate) struct Local {
    cookie: String,
    due: BTreeSet<(Instant, TorrentId)>,
    /// No announce before.
    next_at: Instant,
    second: u64,
    read: u32,
}

impl Local {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let cookie = format!("{:016x}", rng.u64(..));
        Self { cookie, due: BTreeSet::new(), next_at: Instant::ZERO, second: 0, read: 0 }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| (*at).max(self.next_at))
    }
}

impl Engine {
    /// A torrent has opened: the local network may know.
    pub(crate) fn plan_local(&mut self, now: Instant, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(id).filter(|t| !t.is_told_locally) else { return };
        if self.config.local_discovery {
            torrent.is_told_locally = true;
            self.local.due.insert((now + FIRST_AFTER, id));
        }
    }

    pub(crate) fn announce_local(&mut self, now: Instant, out: &mut Outbox) {
        if self.local.next().is_none_or(|at| at > now) || self.shutting_down {
            return;
        }
        let mut info_hashes = Vec::new();
        while let Some((at, id)) = self.local.due.first().copied()
            && at <= now
            && info_hashes.len() + 2 <= MAX_LOCAL_HASHES
        {
            self.local.due.pop_first();
            let Some(torrent) = self.torrents.get_mut(id) else { continue };
            // One that is stopped is planned again when it opens again.
            torrent.is_told_locally = torrent.is_open() && !torrent.private;
            if !torrent.is_told_locally {
                continue;
            }
            info_hashes.extend(torrent.hashes.swarm_ids());
            self.local.due.insert((now + TORRENT_EVERY, id));
        }
        if !info_hashes.is_empty() && self.config.listen_port != 0 {
            self.local.next_at = now + ANNOUNCE_EVERY;
            let cookie = Some(self.local.cookie.clone());
            out.local_announces.push(LocalAnnounce { port: self.config.listen_port, info_hashes, cookie });
        }
    }

    pub(crate) fn on_local_announce(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let second = now.as_micros() / 1_000_000;
        if second != self.local.second {
            (self.local.second, self.local.read) = (second, 0);
        }
        self.local.read += 1;
        if !self.config.local_discovery || self.local.read > READ_PER_S || !is_local(from.ip()) {
            return;
        }
        let Some(announce) = LocalAnnounce::decode(datagram) else { return };
        if announce.cookie.as_ref() == Some(&self.local.cookie) {
            return;
        }
        let addr = SocketAddr::new(from.ip(), announce.port);
        for hash in announce.info_hashes {
            let Some(id) = self.swarms.get(hash) else { continue };
            let Some(torrent) = self.torrents.get_mut(id).filter(|t| t.is_open() && !t.private) else {
                continue;
            };
            torrent.known.add(now, addr, Origin::Local(Host::of(from.ip())), None, &mut self.rng);
            self.mark_torrent(id);
        }
    }
}
