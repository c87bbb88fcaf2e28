//! Peer exchange (BEP 11), which private torrents do not use (BEP 27).

use super::contacts::{Contacts, EVERY};
use super::known::{Capabilities, Origin};
use crate::cx::Cx;
use crate::extensions::Extensions;
use crate::peer::{Conn, Direction, Peer, Peers};
use crate::torrent::Torrent;
use crate::transport::{Protection, Transport};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use ztor_base::addr::{canonical, is_local, may_refer};
use ztor_base::{Duration, Host, Instant};
use ztor_wire::{MAX_PEX_CONTACTS, Message, PexFlags, PexMessage};

/// Maximum time from the handshake to the first message, in milliseconds.
const FIRST_WITHIN_MS: u64 = 8000;

/// Plans the first message to a peer that supports peer exchange. Cancels all messages to one that does not.
pub(crate) fn plan(cx: &mut Cx<'_>, extensions: &mut Extensions) {
    if extensions.ut_pex().is_none() {
        extensions.pex.plan(None);
    } else if !extensions.pex.is_planned() {
        extensions.pex.plan(Some(cx.now + Duration::from_millis(cx.rng.u64(1000..FIRST_WITHIN_MS))));
    }
}

/// Returns the time of the next message to a peer; `None` if it does not support peer exchange.
pub(crate) fn next_at(peer: &Peer) -> Option<Instant> {
    let extensions = peer.extensions();
    extensions.ut_pex().and(extensions.pex.next_at())
}

/// Returns the contacts that a peer may get; `None` if the torrent does not exchange them.
pub(crate) fn contacts_for(cx: &Cx<'_>, peer: &Peer, torrent: &Torrent, peers: &Peers) -> Option<Contacts> {
    let exchanges = !torrent.is_private() && cx.config.peer_exchange && torrent.is_open();
    exchanges.then(|| contacts(cx.now, peer, torrent, peers))
}

/// Sends contacts to a peer. Returns the time of the next message.
pub(crate) fn send(
    cx: &mut Cx<'_>,
    conn: &Conn,
    extensions: &mut Extensions,
    contacts: &Contacts,
) -> Instant {
    let message = extensions.pex.update(cx.now, contacts);
    if let Some(id) = extensions.ut_pex().filter(|_| !message.is_empty()) {
        cx.out.send(conn.key(), &Message::Extended { id, payload: message.encode().into() });
    }
    cx.now + EVERY
}

/// Returns the contacts that a peer may get.
fn contacts(now: Instant, to: &Peer, torrent: &Torrent, peers: &Peers) -> Contacts {
    let others = peers.of(torrent.peers()).filter(|peer| peer.key() != to.key());
    let mut contacts: Contacts = others.filter(|peer| peer.is_live()).filter_map(contact).collect();
    torrent.recent().fill_up(now, &mut contacts);
    if let Some((itself, _)) = contact(to) {
        contacts.remove(&itself);
    }
    contacts
}

/// Handles the contacts that a peer has sent.
pub(crate) fn on_pex(cx: &mut Cx<'_>, peer: &mut Peer, torrent: &mut Torrent, message: &PexMessage) {
    if torrent.is_private() || !cx.config.peer_exchange {
        return;
    }
    let (conn, extensions) = peer.split_extensions();
    if !extensions.pex.may_read(cx.now) {
        return;
    }
    let teller = conn.addr().ip();
    let origin = Origin::Pex(Host::of(teller));
    let mut hosts = BTreeSet::new();
    for (addr, flags) in message.added.iter().take(2 * MAX_PEX_CONTACTS) {
        // Skips hosts that are named twice, and those that only the sender could reach.
        if !may_refer(teller, addr.ip()) || !(hosts.insert(Host::of(addr.ip())) || is_local(addr.ip())) {
            continue;
        }
        let addr = canonical(*addr);
        let known = torrent.known_mut();
        known.add(cx.now, addr, origin, None, cx.rng);
        if flags.has(PexFlags::SEED) {
            known.set_seed(addr);
        }
        let utp = flags.has(PexFlags::UTP) && !is_local(addr.ip());
        let prefers_encryption = flags.has(PexFlags::PREFERS_ENCRYPTION);
        let claim = Capabilities::new(utp.then_some(Transport::Utp), prefers_encryption.then_some(true));
        known.claims(addr, claim);
        if flags.has(PexFlags::HOLEPUNCH) {
            extensions.punch.heard_of(addr);
        }
    }
    cx.dirty.mark_torrent(torrent.id());
}

/// Keeps the contact of a connection that ends because both sides have everything: other peers may have use for it.
pub(crate) fn on_parted(now: Instant, peer: &Peer, torrent: &mut Torrent) {
    if let Some((addr, flags)) = contact(peer) {
        torrent.recent_mut().add(now, addr, flags);
    }
}

/// Returns the address at which a peer can be reached, with its flags. For an incoming connection it has the port that
/// the peer sent, if any. A µTP peer that punches holes, or sent no port, is reached at the source port of its
/// connection: it listens there, or a hole in its NAT leads there.
pub(crate) fn contact(peer: &Peer) -> Option<(SocketAddr, PexFlags)> {
    let (conn, extensions) = (peer.conn(), peer.extensions());
    let mut flags = PexFlags::default();
    let mut set = |is_so: bool, flag| {
        if is_so {
            flags = flags.and(flag);
        }
    };
    let is_utp = conn.transport() == Transport::Utp;
    set(peer.trade().is_seed() || extensions.is_upload_only(), PexFlags::SEED);
    set(is_utp, PexFlags::UTP);
    set(extensions.ut_holepunch().is_some(), PexFlags::HOLEPUNCH);
    set(conn.protection() != Protection::None, PexFlags::PREFERS_ENCRYPTION);
    let called = conn.direction() == Direction::Outgoing;
    set(called && !peer.attempt().is_punched(), PexFlags::REACHABLE);
    // The peer can be reached through the hole in its NAT.
    let calls_from_hole =
        is_utp && (extensions.ut_holepunch().is_some() || extensions.listen_port().is_none());
    let addr = if called || calls_from_hole {
        conn.addr()
    } else {
        SocketAddr::new(conn.addr().ip(), extensions.listen_port()?)
    };
    Some((canonical(addr), flags))
}
