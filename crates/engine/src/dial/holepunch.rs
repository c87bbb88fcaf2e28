//! Hole punching (BEP 55) as initiator, target and relay, for peers that do not accept connections. It works over µTP
//! only, and only between peers of one torrent.

use super::Dialer;
use crate::bans::Bans;
use crate::cx::Cx;
use crate::discovery::known::{Origin, OwnAddrs};
use crate::discovery::pex::contact;
use crate::ids::PeerKey;
use crate::peer::{Peer, Peers};
use crate::torrent::Torrent;
use std::net::{IpAddr, SocketAddr};
use ztor_base::addr::may_refer;
use ztor_base::{Duration, Host};
use ztor_wire::{HolepunchError, HolepunchMessage, Message};

/// Minimum time between two rendezvous with one address that we request.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// Maximum number of rendezvous that one torrent remembers for that time.
const MAX_RENDEZVOUS: usize = 128;
/// Maximum number of attempts under way that other peers had us make.
const MAX_PUNCHING: usize = 8;

/// Requests a rendezvous with an unreachable address from a peer that has named it.
pub(crate) fn request_rendezvous(cx: &mut Cx<'_>, addr: SocketAddr, torrent: &mut Torrent, peers: &Peers) {
    if !cx.config.punches() || cx.is_ending || torrent.is_private() || !torrent.is_open() {
        return;
    }
    let rendezvous = &mut torrent.calls_mut().rendezvous;
    rendezvous.retain(|(_, at)| cx.now.since(*at) < AGAIN_AFTER);
    if rendezvous.len() >= MAX_RENDEZVOUS || rendezvous.iter().any(|(known, _)| *known == addr) {
        return;
    }
    let is_relay = |peer: &&Peer| {
        let extensions = peer.extensions();
        peer.is_live() && extensions.ut_holepunch().is_some() && extensions.punch.has_heard_of(addr)
    };
    let relays: Vec<&Peer> = peers.of(torrent.peers()).filter(is_relay).collect();
    if let Some(relay) = cx.rng.choice(relays) {
        send(cx, relay, HolepunchMessage::Rendezvous(addr));
        torrent.calls_mut().rendezvous.push((addr, cx.now));
    }
}

/// State that hole punching needs in addition to the peers.
pub(crate) struct Means<'a> {
    pub(crate) dialer: &'a mut Dialer,
    pub(crate) bans: &'a Bans,
    /// Our external addresses.
    pub(crate) own: OwnAddrs,
}

/// Handles a hole punch message of a peer.
pub(crate) fn on_message(
    cx: &mut Cx<'_>,
    (key, message): (PeerKey, HolepunchMessage),
    torrent: &mut Torrent,
    peers: &mut Peers,
    means: Means<'_>,
) {
    let speaks = |peer: &&mut Peer| peer.extensions().ut_holepunch().is_some();
    let Some(peer) = peers.get_mut(key).filter(speaks) else { return };
    if torrent.is_private() || !torrent.is_open() || !cx.config.punches() {
        return;
    }
    match message {
        HolepunchMessage::Rendezvous(addr) => {
            if peer.extensions_mut().punch.may_ask(cx.now) {
                relay(cx, (key, addr), torrent, peers, means.own);
            }
        }
        HolepunchMessage::Connect(addr) => {
            let teller = peer.conn().addr().ip();
            // A relay that could send us to any address, at any rate, could use us for an attack.
            if may_refer(teller, addr.ip()) && peer.extensions_mut().punch.may_ask(cx.now) {
                on_connect_request(cx, (teller, addr), torrent, peers, means);
            }
        }
        // The relay could not help.
        HolepunchMessage::Error(addr, _) => {
            peer.extensions_mut().punch.forget(addr);
            torrent.calls_mut().rendezvous.retain(|(known, _)| *known != addr);
        }
    }
}

/// Makes two peers connect to each other. Peers that know each other's addresses from our peer exchange learn only the
/// time to connect.
fn relay(
    cx: &mut Cx<'_>,
    (asker, addr): (PeerKey, SocketAddr),
    torrent: &Torrent,
    peers: &Peers,
    own: OwnAddrs,
) {
    let Some(asker) = peers.get(asker) else { return };
    let target = peers
        .of(torrent.peers())
        .find(|peer| peer.key() != asker.key() && peer.is_live() && is_reached_at(peer, addr));
    let error = match target {
        _ if addr.port() == 0 || addr.ip().is_unspecified() => Some(HolepunchError::NO_SUCH_PEER),
        _ if own.contains(addr) => Some(HolepunchError::NO_SELF),
        None => Some(HolepunchError::NOT_CONNECTED),
        Some(target) if target.extensions().ut_holepunch().is_none() => Some(HolepunchError::NO_SUPPORT),
        Some(target) => {
            // The source port of a TCP connection is useless. The peer sends its datagrams from its listen port.
            let asker_addr = contact(asker).map_or(asker.conn().addr(), |(at, _)| at);
            let target_ip = target.conn().addr().ip();
            if may_refer(target_ip, asker_addr.ip()) && may_refer(asker_addr.ip(), target_ip) {
                send(cx, target, HolepunchMessage::Connect(asker_addr));
                send(cx, asker, HolepunchMessage::Connect(addr));
                None
            } else {
                Some(HolepunchError::NOT_CONNECTED)
            }
        }
    };
    if let Some(error) = error {
        send(cx, asker, HolepunchMessage::Error(addr, error));
    }
}

/// Dials a peer that is dialing us, or is about to, so that both NATs let the other side in.
fn on_connect_request(
    cx: &mut Cx<'_>,
    (teller, addr): (IpAddr, SocketAddr),
    torrent: &mut Torrent,
    peers: &mut Peers,
    Means { dialer, bans, own }: Means<'_>,
) {
    let punching = || peers.iter().filter(|p| p.attempt().is_punched() && p.conn().is_connecting());
    let is_busy = punching().count() >= MAX_PUNCHING || punching().any(|p| p.conn().addr().ip() == addr.ip());
    let is_us = dialer.is_ours(addr) || own.contains(addr);
    let is_full = torrent.peers().len() >= cx.config.max_peers_per_torrent
        || peers.len() >= cx.config.max_peers
        || dialer.is_busy()
        || bans.forbids(cx.now, addr);
    if is_full || is_busy || is_us || peers.of(torrent.peers()).any(|peer| is_reached_at(peer, addr)) {
        return;
    }
    let known = torrent.known_mut();
    known.add(cx.now, addr, Origin::Holepunch(Host::of(teller)), None, cx.rng);
    if known.take(addr) {
        // Dials out of turn, as the packets of both sides have to cross.
        dialer.call_punched(cx, addr, torrent, peers);
    }
}

fn is_reached_at(peer: &Peer, addr: SocketAddr) -> bool {
    peer.conn().addr() == addr || contact(peer).is_some_and(|(at, _)| at == addr)
}

fn send(cx: &mut Cx<'_>, peer: &Peer, message: HolepunchMessage) {
    if let Some(id) = peer.extensions().ut_holepunch() {
        cx.out.send(peer.key(), &Message::Extended { id, payload: message.encode().into() });
    }
}
