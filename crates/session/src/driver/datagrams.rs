//! The UDP sockets: the one that µTP, the DHT and UDP trackers share, and those of local discovery.

use super::context::Context;
use super::local::LocalSockets;
use super::sockets;
use super::tokens::{FORMER_UDP, UDP};
use super::udp::UdpIo;
use super::utp::{Utp, Ways};
use mio::net::UdpSocket;
use mio::{Interest, Registry};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use ztor_base::addr::canonical;
use ztor_base::{Duration, Instant};
use ztor_engine::{Event, PeerKey};
use ztor_utp::Endpoint;
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
/// Interval of the checks if the socket of an earlier port is still needed.
const FORMER_CHECK: Duration = Duration::from_secs(5);

/// The UDP sockets.
pub(super) struct UdpSockets {
    udp: UdpIo,
    /// Address of `udp`.
    own: SocketAddr,
    /// `None` if local discovery is off.
    local: Option<LocalSockets>,
    /// Socket of an earlier port; `None` if no connection needs it.
    former: Option<Former>,
}

/// The shared socket of an earlier port. Peers that are connected over µTP know this machine by that port.
struct Former {
    udp: UdpIo,
    own: SocketAddr,
    /// Addresses of these peers, until something arrives from them at the new port.
    peers: BTreeSet<SocketAddr>,
    check_at: Instant,
}

impl Ways for UdpSockets {
    fn toward(&self, to: SocketAddr) -> (&UdpIo, SocketAddr) {
        match &self.former {
            Some(former) if former.peers.contains(&to) => (&former.udp, former.own),
            _ => (&self.udp, self.own),
        }
    }

    fn max_segments(&self, len: usize) -> usize {
        self.udp.max_segments(len)
    }
}

impl UdpSockets {
    /// Registers the sockets.
    pub(super) fn open(
        registry: &Registry,
        udp: UdpSocket,
        own: SocketAddr,
        local: Option<LocalSockets>,
    ) -> io::Result<Self> {
        let mut sockets = Self { udp: UdpIo::new(udp)?, own, local, former: None };
        registry.register(sockets.udp.socket_mut(), UDP, Interest::READABLE | Interest::WRITABLE)?;
        if let Some(local) = &mut sockets.local {
            local.register(registry)?;
        }
        Ok(sockets)
    }
}

/// The UDP sockets and the µTP connections.
pub(super) struct Datagrams {
    sockets: UdpSockets,
    utp: Utp,
    /// True if datagrams may be left in the shared socket.
    has_datagrams: bool,
    /// True if datagrams may be left in the sockets of local discovery.
    has_local: bool,
    /// True if datagrams may be left in the socket of an earlier port.
    has_former: bool,
}

impl Datagrams {
    pub(super) fn new(sockets: UdpSockets, utp: Utp) -> Self {
        Self { sockets, utp, has_datagrams: false, has_local: false, has_former: false }
    }

    /// Replaces the sockets.
    pub(super) fn replace(&mut self, sockets: UdpSockets) {
        self.sockets = sockets;
        self.has_datagrams = true;
    }

    /// Replaces the shared socket by one of another port. The old one stays for the connections that were made over it;
    /// sockets of local discovery stay.
    ///
    /// # Errors
    /// The system refuses. The old socket is still in use.
    pub(super) fn move_to(
        &mut self,
        now: Instant,
        registry: &Registry,
        mut new: UdpSockets,
    ) -> io::Result<()> {
        let peers: BTreeSet<SocketAddr> = self.utp.endpoint_mut().peer_addrs().collect();
        if !peers.is_empty() {
            let old = self.sockets.udp.socket_mut();
            registry.reregister(old, FORMER_UDP, Interest::READABLE | Interest::WRITABLE)?;
        }
        new.local = self.sockets.local.take();
        let old = std::mem::replace(&mut self.sockets, new);
        if !peers.is_empty() {
            let check_at = now + FORMER_CHECK;
            self.sockets.former = Some(Former { udp: old.udp, own: old.own, peers, check_at });
        }
        self.has_datagrams = true;
        Ok(())
    }

    /// Closes the socket of an earlier port when its last connection is over.
    pub(super) fn close_former_if_unused(&mut self, now: Instant) {
        let Some(former) = self.sockets.former.as_mut().filter(|former| former.check_at <= now) else {
            return;
        };
        former.check_at = now + FORMER_CHECK;
        let connected: BTreeSet<SocketAddr> = self.utp.endpoint_mut().peer_addrs().collect();
        former.peers.retain(|peer| connected.contains(peer));
        if former.peers.is_empty() {
            tracing::debug!(addr = %former.own, "closing the socket of the earlier port");
            self.sockets.former = None;
        }
    }

    /// Returns the time of the next check if the socket of an earlier port is needed.
    pub(super) fn poll_former(&self) -> Option<Instant> {
        self.sockets.former.as_ref().map(|former| former.check_at)
    }

    /// Returns the port of the shared socket.
    pub(super) fn port(&self) -> u16 {
        self.sockets.own.port()
    }

    /// Returns true if local discovery is on.
    pub(super) fn finds_local(&self) -> bool {
        self.sockets.local.is_some()
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

    /// Records an event of the shared socket.
    pub(super) fn set_readable(&mut self) {
        self.has_datagrams = true;
    }

    /// Records an event of the socket of an earlier port.
    pub(super) fn set_former_readable(&mut self) {
        self.has_former = true;
    }

    /// Records an event of a socket of local discovery.
    pub(super) fn set_local_readable(&mut self) {
        self.has_local = true;
    }

    /// Returns true if datagrams may be left to read.
    pub(super) fn has_more(&self) -> bool {
        self.has_datagrams || self.has_local || self.has_former
    }

    /// Reads datagrams of the shared socket, a bounded number of bytes per turn, so that a flood does not delay the
    /// rest. Those of µTP go to its endpoint, all others to the engine. Returns false if there was nothing to look for.
    pub(super) fn read(&mut self, cx: &mut Context) -> bool {
        if !self.has_datagrams && !self.has_former {
            return false;
        }
        let now = cx.now();
        self.read_former(now);
        let mut total = 0;
        while total < BYTES_PER_TURN {
            let (utp, former) = (&mut self.utp, &mut self.sockets.former);
            let got = self.sockets.udp.receive(|from, data| {
                // Every datagram costs something, even an empty one.
                total += data.len().max(DATAGRAM_COST);
                // No such sender exists, and the socket would take a failed answer for a lack of batches.
                if from.port() == 0 || from.ip().is_unspecified() || from.ip().is_multicast() {
                    return;
                }
                if !utp.handle(now, from, data) {
                    return cx.handle(Event::Datagram { from, data });
                }
                // The peer knows the new port.
                if let Some(former) = former {
                    former.peers.remove(&from);
                }
            });
            match got {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.has_datagrams = false;
                    break;
                }
                // An error of an earlier datagram. Its transaction times out.
                Err(error) => {
                    tracing::trace!(%error, "cannot receive a datagram");
                    total += BYTES_PER_TURN / 16;
                }
            }
        }
        true
    }

    /// Reads what connected peers send to an earlier port, a bounded number of times per turn. All others learn the new
    /// port from trackers.
    fn read_former(&mut self, now: Instant) {
        let Some(former) = &mut self.sockets.former else { return };
        let (utp, peers) = (&mut self.utp, &former.peers);
        for _ in 0..FORMER_READS_PER_TURN {
            let got = former.udp.receive(|from, data| {
                if peers.contains(&from) {
                    utp.handle(now, from, data);
                }
            });
            match got {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.has_former = false,
                // An error of an earlier datagram.
                Ok(()) | Err(_) => {}
            }
        }
        self.has_former = true;
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

    /// Sends a datagram of the engine. One that cannot be sent is lost, and its transaction is retried.
    pub(super) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        let Some(to) = sockets::sendable(self.sockets.own, to) else { return };
        if let Err(error) = self.sockets.udp.send_one(to, datagram) {
            tracing::debug!(%error, "cannot send a datagram");
        }
    }

    /// Sends an announce of local discovery.
    pub(super) fn announce(&mut self, announce: &LocalAnnounce) {
        if let Some(local) = &mut self.sockets.local {
            local.announce(announce);
        }
    }

    /// Sends the datagrams of µTP. Returns the peers with connection attempts that fail for local reasons.
    pub(super) fn transmit(&mut self, cx: &Context) -> Vec<PeerKey> {
        self.utp.transmit(cx.now(), &self.sockets)
    }

    /// Removes the addresses that the shared socket cannot send to.
    pub(super) fn retain_sendable(&self, ips: &mut Vec<IpAddr>) {
        ips.retain(|ip| sockets::sendable(self.sockets.own, (*ip, 1).into()).is_some());
    }
}
