//! The UDP sockets: those that µTP, the DHT and UDP trackers share, that of the proxy's relay, and those of local
//! discovery.

use super::close::CallError;
use super::context::Context;
use super::local::LocalSockets;
use super::locals::Locals;
use super::outlet::{Outlet, Proxied, UdpSockets, is_of_link};
use super::relay::Relay;
use super::sockets::Turns;
use super::utp::Utp;
use crate::bind::Bind;
use mio::Registry;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use ztor_base::Instant;
use ztor_base::addr::canonical;
use ztor_engine::{DhtDatagram, Event, PeerKey};
use ztor_utp::{ConnKey, Endpoint, Path};
use ztor_wire::LocalAnnounce;

/// Number of bytes of datagrams that are read per turn, so that a turn stays short.
const BYTES_PER_TURN: usize = 1024 * 1024;
/// Minimum cost of a datagram, in bytes of [`BYTES_PER_TURN`].
const DATAGRAM_COST: usize = 256;
/// Longest datagram of local discovery that is read, in bytes.
const MAX_LOCAL_DATAGRAM: usize = 2048;
/// Number of datagrams of local discovery that are read per turn and socket.
const LOCAL_DATAGRAMS_PER_TURN: usize = 256;
/// Number of reads of the socket of an earlier port per turn.
const FORMER_READS_PER_TURN: usize = 64;

/// The UDP sockets and the µTP connections.
pub(super) struct Datagrams {
    sockets: UdpSockets,
    locals: Locals,
    /// `None` without a proxy, and while it relays no datagrams.
    relay: Option<Relay>,
    proxied: Proxied,
    utp: Utp,
    /// Turns of the addresses from which calls over µTP leave.
    turns: Turns,
    /// True if datagrams may be left in a shared socket.
    has_datagrams: bool,
    /// True if datagrams may be left in the socket of the relay.
    has_relayed: bool,
    /// True if datagrams may be left in the sockets of local discovery.
    has_local: bool,
    /// True if datagrams may be left in the sockets of an earlier port.
    has_former: bool,
}

impl Datagrams {
    pub(super) fn new(bind: Bind, sockets: UdpSockets, utp: Utp, proxied: Proxied) -> Self {
        let (has_datagrams, has_relayed, has_local, has_former) = (false, false, false, false);
        Self {
            sockets,
            locals: Locals::new(bind),
            relay: None,
            proxied,
            utp,
            turns: Turns::default(),
            has_datagrams,
            has_relayed,
            has_local,
            has_former,
        }
    }

    /// Closes the sockets that are not the proxy's.
    pub(super) fn close_direct(&mut self) {
        self.sockets.close();
    }

    /// Replaces the sockets.
    pub(super) fn replace(&mut self, sockets: UdpSockets) {
        self.sockets = sockets;
        self.has_datagrams = true;
    }

    /// Replaces the shared sockets by those of another port. The old ones stay for the connections that were made over
    /// them.
    ///
    /// # Errors
    /// The system refuses. The old sockets are still in use.
    pub(super) fn move_to(&mut self, now: Instant, registry: &Registry, new: UdpSockets) -> io::Result<()> {
        // Connections over the relay do not know the port.
        let peers: BTreeSet<SocketAddr> = match self.proxied.peers {
            true => BTreeSet::new(),
            false => self.utp.endpoint_mut().peer_addrs().collect(),
        };
        self.sockets.move_to(now, registry, new, peers)?;
        self.has_datagrams = true;
        Ok(())
    }

    /// Closes the sockets of an earlier port when their last connection is over.
    pub(super) fn close_former_if_unused(&mut self, now: Instant) {
        if self.poll_former().is_some_and(|check_at| check_at <= now) {
            let connected = self.utp.endpoint_mut().peer_addrs().collect();
            self.sockets.close_former_if_unused(now, &connected);
        }
    }

    /// Returns the time of the next check if the sockets of an earlier port are needed.
    pub(super) fn poll_former(&self) -> Option<Instant> {
        self.sockets.former.as_ref().map(|former| former.check_at)
    }

    /// Sets the traffic that goes through the proxy.
    pub(super) fn set_proxied(&mut self, proxied: Proxied) {
        self.proxied = proxied;
    }

    /// Replaces the relay.
    pub(super) fn set_relay(&mut self, relay: Option<Relay>) {
        self.has_relayed = relay.is_some();
        self.relay = relay;
    }

    /// Returns the port of the shared sockets.
    pub(super) fn port(&self) -> u16 {
        self.sockets.own().map_or(0, |own| own.port())
    }

    /// Returns the number of our DHT node whose socket a path has.
    pub(super) fn node_of(&self, path: Path) -> u8 {
        self.sockets.node_of(path)
    }

    /// Starts an outgoing µTP connection of a peer.
    pub(super) fn call(&mut self, now: Instant, peer: PeerKey, to: SocketAddr) -> Result<ConnKey, CallError> {
        let ways = self.sockets.count_toward(to);
        let turn = self.turns.next(to);
        let has_choice = ways > 0 && !self.proxied.peers && !self.sockets.is_at_all();
        let node = if has_choice { u8::try_from(turn % ways).unwrap_or(0) } else { 0 };
        // The source is left to the system if one socket has all addresses, and to the proxy.
        let socket = if has_choice { self.sockets.in_path(node, 0) } else { 0 };
        self.utp.call(now, peer, Path { peer: to, socket })
    }

    /// Returns the µTP connections.
    pub(super) fn utp(&self) -> &Utp {
        &self.utp
    }

    pub(super) fn utp_mut(&mut self) -> &mut Utp {
        &mut self.utp
    }

    /// Returns the µTP endpoint, for the bytes of connections.
    pub(super) fn endpoint_mut(&mut self) -> &mut Endpoint {
        self.utp.endpoint_mut()
    }

    /// Records an event of a shared socket.
    pub(super) fn set_readable(&mut self) {
        self.has_datagrams = true;
    }

    /// Records an event of the socket of the relay.
    pub(super) fn set_relayed(&mut self) {
        self.has_relayed = true;
    }

    /// Records an event of a socket of an earlier port.
    pub(super) fn set_former_readable(&mut self) {
        self.has_former = true;
    }

    /// Records an event of a socket of local discovery.
    pub(super) fn set_local_readable(&mut self) {
        self.has_local = true;
    }

    /// Returns true if datagrams may be left to read.
    pub(super) fn has_more(&self) -> bool {
        self.has_datagrams || self.has_relayed || self.has_local || self.has_former
    }

    /// Reads datagrams and passes them to µTP or the engine. Returns false if there was nothing to look for.
    pub(super) fn read(&mut self, cx: &mut Context) -> bool {
        let was_due = self.has_datagrams || self.has_relayed || self.has_former;
        if self.has_former {
            self.read_former(cx.now());
        }
        if self.has_datagrams {
            self.read_direct(cx);
        }
        if self.has_relayed {
            self.read_relayed(cx);
        }
        was_due
    }

    fn read_direct(&mut self, cx: &mut Context) {
        let now = cx.now();
        let (utp, locals, proxied) = (&mut self.utp, &mut self.locals, self.proxied);
        let (shared, former) = self.sockets.shared_mut();
        let limit = BYTES_PER_TURN / shared.len().max(1);
        self.has_datagrams = false;
        for shared in shared {
            let numbers = shared.numbers;
            let Some(udp) = &mut shared.udp else { continue };
            let mut total = 0;
            while total < limit {
                let got = udp.receive(|from, at, data| {
                    // Every datagram costs something, even an empty one.
                    total += data.len().max(DATAGRAM_COST);
                    // What is for the proxy does not arrive around it.
                    if !is_possible(from) || proxied.has(data) {
                        return;
                    }
                    let local = locals.number_of(now, at);
                    if !utp.handle(now, Path { peer: from, socket: numbers.in_path(local) }, data) {
                        locals.note(from, local);
                        return cx.handle(Event::Datagram { from, node: numbers.node, data });
                    }
                    // The peer knows the new port.
                    if let Some(former) = former {
                        former.peers.remove(&from);
                    }
                });
                match got {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    // An error of an earlier datagram. Its transaction times out.
                    Err(error) => {
                        tracing::trace!(%error, "cannot receive a datagram");
                        total += BYTES_PER_TURN / 16;
                    }
                }
            }
            self.has_datagrams |= total >= limit;
        }
    }

    /// Reads what connected peers send to an earlier port, a bounded number of times per turn. All others learn the new
    /// port from trackers.
    fn read_former(&mut self, now: Instant) {
        let Some(former) = &mut self.sockets.former else { return self.has_former = false };
        let (utp, locals, peers) = (&mut self.utp, &mut self.locals, &former.peers);
        self.has_former = false;
        for shared in &mut former.shared {
            let numbers = shared.numbers;
            let Some(udp) = &mut shared.udp else { continue };
            let mut left = FORMER_READS_PER_TURN;
            while left > 0 {
                let got = udp.receive(|from, at, data| {
                    if peers.contains(&from) {
                        let socket = numbers.in_path(locals.number_of(now, at));
                        utp.handle(now, Path { peer: from, socket }, data);
                    }
                });
                match got {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    // An error of an earlier datagram.
                    Ok(()) | Err(_) => left -= 1,
                }
            }
            self.has_former |= left == 0;
        }
    }

    fn read_relayed(&mut self, cx: &mut Context) {
        let now = cx.now();
        let proxied = self.proxied;
        let Some(relay) = &mut self.relay else {
            self.has_relayed = false;
            return;
        };
        let mut total = 0;
        while total < BYTES_PER_TURN {
            let utp = &mut self.utp;
            let got = relay.receive(|from, data| {
                if is_possible(from) && proxied.has(data) && !utp.handle(now, from.into(), data) {
                    cx.handle(Event::Datagram { from, node: 0, data });
                }
            });
            match got {
                Ok(len) => total += len.max(DATAGRAM_COST),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.has_relayed = false;
                    break;
                }
                // The relay did not take an earlier datagram.
                Err(error) => {
                    tracing::trace!(%error, "cannot receive a datagram of the proxy");
                    total += BYTES_PER_TURN / 16;
                }
            }
        }
    }

    /// Reads announces of local discovery.
    pub(super) fn read_local(&mut self, cx: &mut Context) {
        if !std::mem::take(&mut self.has_local) {
            return;
        }
        let mut buf = [0; MAX_LOCAL_DATAGRAM];
        for socket in self.sockets.local.iter().flat_map(LocalSockets::sockets) {
            let mut left = LOCAL_DATAGRAMS_PER_TURN;
            while let Ok((len, from)) = socket.recv_from(&mut buf) {
                cx.handle(Event::LocalAnnounce { from: canonical(from), data: &buf[..len] });
                left -= 1;
                if left == 0 {
                    self.has_local = true;
                    break;
                }
            }
        }
    }

    /// Sends a datagram of our node of the DHT with this number to another node. One that cannot be sent is lost, and its
    /// transaction is retried.
    pub(super) fn send(&self, datagram: &DhtDatagram) {
        let DhtDatagram { node, to, data } = datagram;
        let path = Path { peer: *to, socket: self.sockets.in_path(*node, self.locals.toward(*to)) };
        // The former port is for connections: other nodes learn the new one from our queries.
        self.send_over(self.outlet(self.proxied.peers).without_former(), path, data);
    }

    /// Ends a turn, after its answers were sent.
    pub(super) fn end_turn(&mut self) {
        self.locals.end_turn();
    }

    /// Notes that addresses of this machine are gone. Returns the peers with µTP connections over them.
    pub(super) fn lose(&mut self, lost: &BTreeSet<IpAddr>) -> Vec<PeerKey> {
        let mut ends = self.sockets.numbers_at(lost);
        ends.extend(self.locals.lose(lost));
        self.utp.peers_on(|path| ends.contains(&(path.peer.is_ipv4(), path.socket)))
    }

    /// Sends a datagram to a tracker.
    pub(super) fn send_to_tracker(&self, to: SocketAddr, datagram: &[u8]) {
        self.send_over(self.outlet(self.proxied.trackers), to.into(), datagram);
    }

    fn send_over(&self, outlet: Outlet<'_>, to: Path, datagram: &[u8]) {
        let sent = outlet.send(to, datagram, datagram.len());
        if let Some(Err(error)) = sent {
            tracing::debug!(%error, "cannot send a datagram");
        }
    }

    fn outlet(&self, is_proxied: bool) -> Outlet<'_> {
        Outlet::of(is_proxied, self.relay.as_ref(), (&self.sockets, &self.locals))
    }

    /// Sends an announce of local discovery.
    pub(super) fn announce(&mut self, announce: &LocalAnnounce) {
        if let Some(local) = &mut self.sockets.local {
            local.announce(announce);
        }
    }

    /// Sends the datagrams of µTP. Returns the peers with connection attempts that fail for local reasons.
    pub(super) fn transmit(&mut self, cx: &Context) -> Vec<PeerKey> {
        let outlet = Outlet::of(self.proxied.peers, self.relay.as_ref(), (&self.sockets, &self.locals));
        self.utp.transmit(cx.now(), &outlet)
    }

    /// Removes the addresses of trackers that cannot be sent to. All can be, through a proxy.
    pub(super) fn retain_sendable(&self, ips: &mut Vec<IpAddr>) {
        if !self.proxied.trackers {
            ips.retain(|ip| self.sockets.count_toward((*ip, 1).into()) > 0);
        }
    }
}

/// Returns false for senders that cannot exist, or cannot be answered, as their interface is not known. The socket would take
/// a failed answer to them for a lack of batches.
fn is_possible(from: SocketAddr) -> bool {
    let ip = from.ip();
    from.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !is_of_link(ip)
}
