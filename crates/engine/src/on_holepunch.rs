//! Meeting peers that nobody can call (BEP 55): as the one that wants to meet, as the one that is to be met, and as
//! the relay between two of them. Over µTP only, and only between peers of one torrent.

use crate::connect::Again;
use crate::extended::OUR_UT_HOLEPUNCH;
use crate::known::Origin;
use crate::outbox::Outbox;
use crate::peer::Stage;
use crate::pex::contact;
use crate::way::Way;
use crate::{Engine, PeerKey, TorrentId};
use std::net::SocketAddr;
use ztor_base::addr::may_refer;
use ztor_base::{Duration, Host, Instant};
use ztor_wire::{HolepunchError, HolepunchMessage, Message};

/// Addresses of peers with the extension that are remembered of what one peer has told.
const MAX_HEARD: usize = 200;
/// Rendezvous that a peer may ask for in a row, and how long until it has one more.
const ASKS_AT_ONCE: u32 = 20;
const ASK_EVERY: Duration = Duration::from_secs(3);
/// Between two meetings with one address that we ask for.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// Meetings of one torrent that are remembered so long.
const MAX_MEETINGS: usize = 128;
/// Calls under way that others had us make.
const MAX_PUNCHING: usize = 8;

/// A peer's side of it.
#[derive(Debug, Default)]
pub(crate) struct Punch {
    /// Peers with the extension that it has told of, the latest last.
    heard: Vec<SocketAddr>,
    asks: u32,
    asks_since: Instant,
}

impl Punch {
    /// It has told of a peer with the extension.
    pub(crate) fn heard(&mut self, addr: SocketAddr) {
        if !self.heard.contains(&addr) {
            if self.heard.len() >= MAX_HEARD {
                self.heard.remove(0);
            }
            self.heard.push(addr);
        }
    }

    /// Whether it may ask once more now.
    fn may_ask(&mut self, now: Instant) -> bool {
        let regained = now.since(self.asks_since).as_secs() / ASK_EVERY.as_secs();
        if regained > 0 {
            self.asks = self.asks.saturating_sub(regained.min(u64::from(ASKS_AT_ONCE)) as u32);
            self.asks_since = now;
        }
        let may = self.asks < ASKS_AT_ONCE;
        self.asks += u32::from(may);
        may
    }
}

impl Engine {
    /// Whether we take part.
    pub(crate) fn punches(&self) -> bool {
        self.config.transports.utp && self.config.peer_exchange
    }

    /// An address could not be reached in any way: somebody who is connected to it may help.
    pub(crate) fn ask_for_meeting(
        &mut self,
        now: Instant,
        id: TorrentId,
        addr: SocketAddr,
        out: &mut Outbox,
    ) {
        if !self.punches() || self.shutting_down {
            return;
        }
        let Some(torrent) = self.torrents.get_mut(id).filter(|t| !t.private && t.is_open()) else { return };
        torrent.meetings.retain(|(_, at)| now.since(*at) < AGAIN_AFTER);
        if torrent.meetings.len() >= MAX_MEETINGS || torrent.meetings.iter().any(|(met, _)| *met == addr) {
            return;
        }
        let relays = torrent.peers.iter().copied().filter(|key| {
            self.peers.get(*key).is_some_and(|peer| {
                peer.is_live()
                    && peer.extended.ut_holepunch.is_some()
                    && peer.extended.punch.heard.contains(&addr)
            })
        });
        let relays: Vec<PeerKey> = relays.collect();
        let Some(relay) = self.rng.choice(relays) else { return };
        torrent.meetings.push((addr, now));
        self.send_holepunch(relay, HolepunchMessage::Rendezvous(addr), out);
    }

    pub(crate) fn on_holepunch(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        message: HolepunchMessage,
        out: &mut Outbox,
    ) {
        let is_open = self.torrents.get(id).is_some_and(|torrent| !torrent.private && torrent.is_open());
        let speaks = self.peers.get(key).is_some_and(|peer| peer.extended.ut_holepunch.is_some());
        if !is_open || !speaks || !self.punches() {
            return;
        }
        match message {
            HolepunchMessage::Rendezvous(addr) => self.relay(now, key, id, addr, out),
            HolepunchMessage::Connect(addr) => self.meet(now, key, id, addr, out),
            HolepunchMessage::Error(addr, _) => {
                if let Some(peer) = self.peers.get_mut(key) {
                    peer.extended.punch.heard.retain(|heard| *heard != addr);
                }
                if let Some(torrent) = self.torrents.get_mut(id) {
                    torrent.meetings.retain(|(met, _)| *met != addr);
                }
            }
        }
    }

    /// Tells two peers of each other. Those that we have told of each other's addresses by peer exchange learn
    /// nothing new by it but when to call.
    fn relay(&mut self, now: Instant, key: PeerKey, id: TorrentId, addr: SocketAddr, out: &mut Outbox) {
        if !self.peers.get_mut(key).is_some_and(|peer| peer.extended.punch.may_ask(now)) {
            return;
        }
        let target = self.torrents[id].peers.iter().copied().find(|k| {
            *k != key
                && self.peers.get(*k).is_some_and(|peer| {
                    peer.is_live() && (peer.addr == addr || contact(peer).is_some_and(|(at, _)| at == addr))
                })
        });
        let error = match target.and_then(|key| self.peers.get(key)) {
            _ if addr.port() == 0 || addr.ip().is_unspecified() => Some(HolepunchError::NO_SUCH_PEER),
            _ if [self.own_addrs.v4, self.own_addrs.v6].contains(&Some(addr)) => {
                Some(HolepunchError::NO_SELF)
            }
            None => Some(HolepunchError::NOT_CONNECTED),
            Some(target) if target.extended.ut_holepunch.is_none() => Some(HolepunchError::NO_SUPPORT),
            Some(_) => None,
        };
        if let Some(error) = error {
            return self.send_holepunch(key, HolepunchMessage::Error(addr, error), out);
        }
        // Of a call over TCP the port is of no use; where it listens, its datagrams come from.
        let asker = self.peers.get(key).map(|peer| contact(peer).map_or(peer.addr, |(at, _)| at));
        let (Some(target), Some(asker)) = (target, asker) else { return };
        let target_ip = self.peers.get(target).map_or(addr.ip(), |peer| peer.addr.ip());
        if !may_refer(target_ip, asker.ip()) || !may_refer(asker.ip(), target_ip) {
            let error = HolepunchError::NOT_CONNECTED;
            return self.send_holepunch(key, HolepunchMessage::Error(addr, error), out);
        }
        self.send_holepunch(target, HolepunchMessage::Connect(asker), out);
        self.send_holepunch(key, HolepunchMessage::Connect(addr), out);
    }

    /// The other is calling us, or about to: we call as well, and so both NATs let it in.
    fn meet(&mut self, now: Instant, key: PeerKey, id: TorrentId, addr: SocketAddr, out: &mut Outbox) {
        let Some(relay) = self.peers.get_mut(key) else { return };
        // Whoever may send us to any address, as often as he likes, has a weapon.
        let teller = relay.addr.ip();
        if !may_refer(teller, addr.ip()) || !relay.extended.punch.may_ask(now) {
            return;
        }
        let is_there = |peer: &PeerKey| {
            self.peers
                .get(*peer)
                .is_some_and(|peer| peer.addr == addr || contact(peer).is_some_and(|(at, _)| at == addr))
        };
        let punching = || self.peers.values().filter(|p| p.is_punched && p.stage == Stage::Connecting);
        let is_busy = punching().count() >= MAX_PUNCHING || punching().any(|p| p.addr.ip() == addr.ip());
        let is_us =
            self.connects.is_ours(addr) || [self.own_addrs.v4, self.own_addrs.v6].contains(&Some(addr));
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        let is_full = torrent.peers.len() >= self.config.max_peers_per_torrent
            || self.peers.len() >= self.config.max_peers
            || self.connects.is_busy()
            || self.bans.forbids(now, addr);
        if is_full || is_busy || is_us || torrent.peers.iter().any(is_there) {
            return;
        }
        torrent.known.add(now, addr, Origin::Meeting(Host::of(teller)), None, &mut self.rng);
        if torrent.known.take(addr) {
            let way = Way::punched(&self.config, torrent.known.spoken(addr));
            // Not in its turn: the other end's packets open our NAT only while they are on their way.
            self.call(now, Again { torrent: id, addr, way, rival: None }, out);
        }
    }

    fn send_holepunch(&self, key: PeerKey, message: HolepunchMessage, out: &mut Outbox) {
        let id = self.peers.get(key).and_then(|peer| peer.extended.ut_holepunch);
        if let Some(id) = id {
            out.send(key, &Message::Extended { id, payload: message.encode().into() });
        }
    }

    /// What our messages of this kind are called.
    pub(crate) fn our_holepunch_id(&self, is_private: bool) -> Option<u8> {
        (self.punches() && !is_private).then_some(OUR_UT_HOLEPUNCH)
    }
}
