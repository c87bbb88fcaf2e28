//! Telling peers of one another (BEP 11). Never of private torrents (BEP 27).

use crate::extended::OUR_UT_PEX;
use crate::known::{Origin, Spoken};
use crate::outbox::Outbox;
use crate::peer::{Direction, Peer};
use crate::torrent::Torrent;
use crate::way::{Protection, Transport};
use crate::{Engine, PeerKey, TorrentId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use ztor_base::addr::{canonical, is_local, may_refer};
use ztor_base::{Duration, Host, Instant};
use ztor_wire::{MAX_PEX_CONTACTS, Message, PexFlags, PexMessage};

/// Between two messages to a peer (BEP 11: a minute at least).
const EVERY: Duration = Duration::from_secs(60);
/// The first message comes this long after the handshake, at the latest.
const FIRST_WITHIN_MS: u64 = 8000;
/// Messages that come faster than this are not read; some clients are a little early.
const READ_EVERY: Duration = Duration::from_secs(45);
/// The first few may come faster.
const READ_AT_ONCE: u32 = 2;
/// Below this many connections, those that ended for want of mutual use are told of as well (BEP 11, "filling
/// underpopulated lists"), and at most as many of them.
const FEW: usize = 25;
/// How long such a one is told of.
const RECENT_FOR: Duration = Duration::from_secs(120);

/// What a peer was told, and what it told.
#[derive(Debug)]
pub(crate) struct PexPeer {
    told: BTreeSet<SocketAddr>,
    /// When it may be told again; never before it said that it wants to know.
    next_at: Instant,
    read_at: Option<Instant>,
    read: u32,
}

impl Default for PexPeer {
    fn default() -> Self {
        Self { told: BTreeSet::new(), next_at: Instant::FAR_FUTURE, read_at: None, read: 0 }
    }
}

impl PexPeer {
    /// Memory in bytes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.told.len() * 2 * size_of::<SocketAddr>()
    }
}

/// Peers that are gone although nothing is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct RecentPeers(VecDeque<(SocketAddr, PexFlags, Instant)>);

impl RecentPeers {
    /// A connection ended because both sides have all they want.
    pub(crate) fn add(&mut self, now: Instant, peer: &Peer) {
        if let Some((addr, flags)) = contact(peer) {
            self.0.retain(|(known, ..)| *known != addr);
            self.0.push_back((addr, flags, now));
            if self.0.len() > FEW {
                self.0.pop_front();
            }
        }
    }
}

impl Engine {
    /// A peer said that it takes such messages, or that it does not.
    pub(crate) fn plan_pex(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.extended.ut_pex.is_none() {
            peer.extended.pex.next_at = Instant::FAR_FUTURE;
        } else if peer.extended.pex.next_at == Instant::FAR_FUTURE {
            peer.extended.pex.next_at = now + Duration::from_millis(self.rng.u64(1000..FIRST_WITHIN_MS));
        }
    }

    /// Tells a peer who came and went, if it is time. Says when it is time again.
    pub(crate) fn tell_pex(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        out: &mut Outbox,
    ) -> Option<Instant> {
        let peer = self.peers.get(key)?;
        let ut_pex = peer.extended.ut_pex?;
        if now < peer.extended.pex.next_at {
            return Some(peer.extended.pex.next_at).filter(|at| *at < Instant::FAR_FUTURE);
        }
        let torrent = self.torrents.get(id)?;
        if torrent.private || !self.config.peer_exchange || !torrent.is_open() {
            return None;
        }
        let contacts = self.contacts(now, torrent, key);
        let told = &peer.extended.pex.told;
        let dropped = told.iter().filter(|addr| !contacts.contains_key(*addr)).take(MAX_PEX_CONTACTS);
        let added = contacts.iter().filter(|(addr, _)| !told.contains(*addr)).take(MAX_PEX_CONTACTS);
        let message = PexMessage {
            added: added.map(|(addr, flags)| (*addr, *flags)).collect(),
            dropped: dropped.copied().collect(),
        };
        let pex = &mut self.peers.get_mut(key)?.extended.pex;
        pex.next_at = now + EVERY;
        for addr in &message.dropped {
            pex.told.remove(addr);
        }
        pex.told.extend(message.added.iter().map(|(addr, _)| *addr));
        if !message.is_empty() {
            out.send(key, &Message::Extended { id: ut_pex, payload: message.encode().into() });
        }
        Some(now + EVERY)
    }

    /// Whom a peer may be told of.
    fn contacts(&self, now: Instant, torrent: &Torrent, key: PeerKey) -> BTreeMap<SocketAddr, PexFlags> {
        let live = torrent.peers.iter().filter(|k| **k != key).filter_map(|k| self.peers.get(*k));
        let mut contacts: BTreeMap<_, _> = live.filter(|p| p.is_live()).filter_map(contact).collect();
        for is_v4 in [true, false] {
            let few = contacts.keys().filter(|addr| addr.is_ipv4() == is_v4).count() < FEW;
            let recent = torrent
                .recent
                .0
                .iter()
                .filter(|(addr, _, at)| few && addr.is_ipv4() == is_v4 && now.since(*at) < RECENT_FOR);
            for (addr, flags, _) in recent {
                contacts.entry(*addr).or_insert(*flags);
            }
        }
        if let Some(itself) = self.peers.get(key).and_then(contact) {
            contacts.remove(&itself.0);
        }
        contacts
    }

    /// Takes in whom a peer knows.
    pub(crate) fn on_pex(&mut self, now: Instant, key: PeerKey, id: TorrentId, message: &PexMessage) {
        let (Some(torrent), Some(peer)) = (self.torrents.get_mut(id), self.peers.get_mut(key)) else {
            return;
        };
        let pex = &mut peer.extended.pex;
        let too_soon = pex.read_at.is_some_and(|at| now.since(at) < READ_EVERY);
        if torrent.private || !self.config.peer_exchange || (too_soon && pex.read >= READ_AT_ONCE) {
            return;
        }
        pex.read_at = Some(now);
        pex.read += 1;
        let teller = peer.addr.ip();
        let origin = Origin::Pex(Host::of(teller));
        let mut hosts = BTreeSet::new();
        for (addr, flags) in message.added.iter().take(2 * MAX_PEX_CONTACTS) {
            // A host named twice, or one that only the teller could reach, is no contact for us.
            if !may_refer(teller, addr.ip()) || !(hosts.insert(Host::of(addr.ip())) || is_local(addr.ip())) {
                continue;
            }
            let addr = &canonical(*addr);
            torrent.known.add(now, *addr, origin, None, &mut self.rng);
            if flags.has(PexFlags::SEED) {
                torrent.known.is_seed(*addr);
            }
            torrent.known.is_said_to_speak(
                *addr,
                Spoken {
                    transport: (flags.has(PexFlags::UTP) && !is_local(addr.ip())).then_some(Transport::Utp),
                    encryption: flags.has(PexFlags::PREFERS_ENCRYPTION).then_some(true),
                },
            );
            if flags.has(PexFlags::HOLEPUNCH) {
                peer.extended.punch.heard(*addr);
            }
        }
        self.mark_torrent(id);
    }

    /// What our messages of this kind are called.
    pub(crate) fn our_pex_id(&self, torrent: &Torrent) -> Option<u8> {
        (self.config.peer_exchange && !torrent.private).then_some(OUR_UT_PEX)
    }
}

/// Where a peer can be reached, and what there is to say of it. Of one that called over TCP, only if it told its port;
/// a call over µTP comes from where it listens, or from the hole in its NAT that leads there.
pub(crate) fn contact(peer: &Peer) -> Option<(SocketAddr, PexFlags)> {
    let mut flags = PexFlags::default();
    if peer.is_seed() || peer.extended.upload_only {
        flags = flags.and(PexFlags::SEED);
    }
    if peer.transport == Transport::Utp {
        flags = flags.and(PexFlags::UTP);
    }
    if peer.extended.ut_holepunch.is_some() {
        flags = flags.and(PexFlags::HOLEPUNCH);
    }
    if peer.protection != Protection::None {
        flags = flags.and(PexFlags::PREFERS_ENCRYPTION);
    }
    let addr = match peer.direction {
        Direction::Outgoing if peer.is_punched => peer.addr,
        Direction::Outgoing => {
            flags = flags.and(PexFlags::REACHABLE);
            peer.addr
        }
        // The hole in its NAT is where it can be met.
        Direction::Incoming
            if peer.transport == Transport::Utp
                && (peer.extended.ut_holepunch.is_some() || peer.extended.listen_port.is_none()) =>
        {
            peer.addr
        }
        Direction::Incoming => SocketAddr::new(peer.addr.ip(), peer.extended.listen_port?),
    };
    Some((canonical(addr), flags))
}
