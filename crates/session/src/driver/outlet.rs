//! Ways of datagrams: the sockets that are not the proxy's, and the relay of the proxy.

use super::local::LocalSockets;
use super::relay::Relay;
use super::sockets;
use super::tokens::{FORMER_UDP, UDP};
use super::udp::UdpIo;
use crate::aliases::is_alias;
use mio::net::UdpSocket;
use mio::{Interest, Registry};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use ztor_base::{Duration, Instant};

/// Interval of the checks if the socket of an earlier port is still needed.
const FORMER_CHECK: Duration = Duration::from_secs(5);

/// The UDP sockets that are not the proxy's.
pub(super) struct UdpSockets {
    /// `None` if all datagrams are for the proxy.
    pub(super) udp: Option<UdpIo>,
    /// Address of `udp`, or the one that it would have.
    pub(super) own: SocketAddr,
    /// `None` if local discovery is off.
    pub(super) local: Option<LocalSockets>,
    /// Socket of an earlier port; `None` if no connection needs it.
    pub(super) former: Option<Former>,
}

/// The shared socket of an earlier port. Peers that are connected over µTP know this machine by that port.
pub(super) struct Former {
    pub(super) udp: UdpIo,
    own: SocketAddr,
    /// Addresses of these peers, until something arrives from them at the new port.
    pub(super) peers: BTreeSet<SocketAddr>,
    pub(super) check_at: Instant,
}

impl UdpSockets {
    /// Registers the sockets.
    pub(super) fn open(
        registry: &Registry,
        udp: Option<UdpSocket>,
        own: SocketAddr,
        local: Option<LocalSockets>,
    ) -> io::Result<Self> {
        let mut sockets = Self { udp: udp.map(UdpIo::new).transpose()?, own, local, former: None };
        if let Some(udp) = &mut sockets.udp {
            registry.register(udp.socket_mut(), UDP, Interest::READABLE | Interest::WRITABLE)?;
        }
        if let Some(local) = &mut sockets.local {
            local.register(registry)?;
        }
        Ok(sockets)
    }

    /// Replaces the shared socket by one of another port. The old one stays for connections with `peers`; sockets of local
    /// discovery stay.
    ///
    /// # Errors
    /// The system refuses. The old socket is still in use.
    pub(super) fn move_to(
        &mut self,
        now: Instant,
        registry: &Registry,
        mut new: Self,
        peers: BTreeSet<SocketAddr>,
    ) -> io::Result<()> {
        if let Some(udp) = self.udp.as_mut().filter(|_| !peers.is_empty()) {
            registry.reregister(udp.socket_mut(), FORMER_UDP, Interest::READABLE | Interest::WRITABLE)?;
        }
        new.local = self.local.take();
        let old = std::mem::replace(self, new);
        if let Some(udp) = old.udp.filter(|_| !peers.is_empty()) {
            self.former = Some(Former { udp, own: old.own, peers, check_at: now + FORMER_CHECK });
        }
        Ok(())
    }

    /// Closes the socket of an earlier port if none of its peers is connected any more.
    pub(super) fn close_former_if_unused(&mut self, now: Instant, connected: &BTreeSet<SocketAddr>) {
        let Some(former) = &mut self.former else { return };
        former.check_at = now + FORMER_CHECK;
        former.peers.retain(|peer| connected.contains(peer));
        if former.peers.is_empty() {
            tracing::debug!(addr = %former.own, "closing the socket of the earlier port");
            self.former = None;
        }
    }

    /// Closes all sockets.
    pub(super) fn close(&mut self) {
        (self.udp, self.local, self.former) = (None, None, None);
    }
}

/// The traffic that goes through the proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Proxied {
    /// µTP and the DHT.
    pub(super) peers: bool,
    /// UDP trackers.
    pub(super) trackers: bool,
}

impl Proxied {
    /// Returns true if a datagram belongs to traffic that goes through the proxy. Those of trackers begin with the first
    /// byte of a small number, those of µTP and the DHT do not.
    pub(super) fn has(self, datagram: &[u8]) -> bool {
        if datagram.first() == Some(&0) { self.trackers } else { self.peers }
    }
}

/// Way of datagrams.
pub(super) enum Outlet<'a> {
    Direct(&'a UdpSockets),
    Relay(&'a Relay),
    /// Nothing is sent.
    Nowhere,
}

impl<'a> Outlet<'a> {
    /// Returns the way of datagrams that are for the proxy, or are not.
    pub(super) fn of(is_proxied: bool, relay: Option<&'a Relay>, sockets: &'a UdpSockets) -> Self {
        match (is_proxied, relay) {
            (true, Some(relay)) => Self::Relay(relay),
            (true, None) => Self::Nowhere,
            (false, _) => Self::Direct(sockets),
        }
    }

    /// Returns the number of datagrams of up to `len` bytes, of one length and to one destination, that
    /// [`send`](Self::send) takes.
    pub(super) fn max_segments(&self, len: usize) -> usize {
        match self {
            Self::Direct(UdpSockets { udp: Some(udp), .. }) => udp.max_segments(len),
            Self::Direct(_) | Self::Relay(_) | Self::Nowhere => 1,
        }
    }

    /// Sends datagrams. `None` if the destination cannot be sent to.
    pub(super) fn send(&self, to: SocketAddr, contents: &[u8], segment_len: usize) -> Option<io::Result<()>> {
        let (udp, own) = match self {
            // No host has such an address.
            Self::Direct(_) if is_alias(to.ip()) => return None,
            Self::Direct(UdpSockets { former: Some(former), .. }) if former.peers.contains(&to) => {
                (&former.udp, former.own)
            }
            Self::Direct(UdpSockets { udp: Some(udp), own, .. }) => (udp, *own),
            Self::Relay(relay) => return Some(relay.send(to, contents)),
            Self::Direct(_) | Self::Nowhere => return Some(Ok(())),
        };
        sockets::sendable(own, to).map(|to| udp.send(to, contents, segment_len))
    }
}
