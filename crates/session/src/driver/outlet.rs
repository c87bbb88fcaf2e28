//! Ways of datagrams: the sockets that are not the proxy's, and the relay of the proxy.

use super::local::LocalSockets;
use super::locals::Locals;
use super::relay::Relay;
use super::sockets::{self, Listening};
use super::tokens::{FORMER_UDP, UDP};
use super::udp::UdpIo;
use crate::aliases::is_alias;
use mio::{Interest, Registry, Token};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use ztor_base::{Duration, Instant};
use ztor_utp::Path;

/// Interval of the checks if the sockets of an earlier port are still needed.
const FORMER_CHECK: Duration = Duration::from_secs(5);

/// The UDP sockets that are not the proxy's.
pub(super) struct UdpSockets {
    /// The socket of each bound address; at least one.
    shared: Vec<SharedUdp>,
    /// `None` if local discovery is off.
    pub(super) local: Option<LocalSockets>,
    /// Sockets of an earlier port; `None` if no connection needs them.
    pub(super) former: Option<Former>,
}

/// A socket that µTP, the DHT and trackers share.
pub(super) struct SharedUdp {
    /// `None` if all datagrams are for the proxy.
    pub(super) udp: Option<UdpIo>,
    /// Address of `udp`, or the one that it would have.
    own: SocketAddr,
    pub(super) numbers: Numbers,
}

/// Numbers of a socket, in the DHT and in paths of µTP.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    /// Number of our DHT node: that of the socket among those of its family, from 0 on.
    pub(super) node: u8,
    /// True for a socket with all addresses of the machine, which is the only one.
    is_at_all: bool,
}

impl Numbers {
    /// Returns the number in paths: of the socket, from 1 on, or of an address in [`Locals`] if the socket has all.
    pub(super) fn in_path(self, local: u8) -> u8 {
        if self.is_at_all { local } else { self.node.saturating_add(1) }
    }
}

/// The shared sockets of an earlier port. Peers that are connected over µTP know this machine by that port.
pub(super) struct Former {
    pub(super) shared: Vec<SharedUdp>,
    /// Addresses of these peers, until something arrives from them at the new port.
    pub(super) peers: BTreeSet<SocketAddr>,
    pub(super) check_at: Instant,
}

impl UdpSockets {
    /// Registers the sockets.
    pub(super) fn open(
        registry: &Registry,
        listening: &mut Listening,
        local: Option<LocalSockets>,
    ) -> io::Result<Self> {
        let mut shared: Vec<SharedUdp> = Vec::new();
        for place in &mut listening.places {
            let mut udp = place.udp.take().map(UdpIo::new).transpose()?;
            if let Some(udp) = &mut udp {
                registry.register(udp.socket_mut(), UDP, Interest::READABLE | Interest::WRITABLE)?;
            }
            let before = shared.iter().filter(|other| other.own.is_ipv4() == place.addr.is_ipv4()).count();
            // The binding has at most 32 addresses.
            let node = u8::try_from(before).unwrap_or(u8::MAX);
            let numbers = Numbers { node, is_at_all: place.addr.ip().is_unspecified() };
            shared.push(SharedUdp { udp, own: place.addr, numbers });
        }
        let mut sockets = Self { shared, local, former: None };
        if let Some(local) = &mut sockets.local {
            local.register(registry)?;
        }
        Ok(sockets)
    }

    /// Returns the first address, which stands for all.
    pub(super) fn own(&self) -> Option<SocketAddr> {
        self.shared.first().map(|shared| shared.own)
    }

    pub(super) fn shared_mut(&mut self) -> (&mut [SharedUdp], &mut Option<Former>) {
        (&mut self.shared, &mut self.former)
    }

    /// Returns true if one socket has all addresses of the machine.
    pub(super) fn is_at_all(&self) -> bool {
        is_at_all(&self.shared)
    }

    /// Returns the number in paths of a node's socket, or that of an address if one socket has all.
    pub(super) fn in_path(&self, node: u8, local: u8) -> u8 {
        Numbers { node, is_at_all: self.is_at_all() }.in_path(local)
    }

    /// Returns the number of the DHT node whose socket a path has.
    pub(super) fn node_of(&self, path: Path) -> u8 {
        if self.is_at_all() { 0 } else { path.socket.saturating_sub(1) }
    }

    /// Returns the numbers in paths of the sockets at these addresses, with true for those of IPv4.
    pub(super) fn numbers_at(&self, ips: &BTreeSet<IpAddr>) -> Vec<(bool, u8)> {
        let at = self.shared.iter().filter(|shared| ips.contains(&shared.own.ip()));
        at.map(|shared| (shared.own.is_ipv4(), shared.numbers.in_path(0))).collect()
    }

    /// Returns the number of sockets that can send to an address.
    pub(super) fn count_toward(&self, to: SocketAddr) -> usize {
        toward(&self.shared, to).count()
    }

    /// Replaces the shared sockets by those of another port. The old ones stay for connections with `peers`; sockets of
    /// local discovery stay.
    ///
    /// # Errors
    /// The system refuses. The old sockets are still in use.
    pub(super) fn move_to(
        &mut self,
        now: Instant,
        registry: &Registry,
        mut new: Self,
        peers: BTreeSet<SocketAddr>,
    ) -> io::Result<()> {
        let is_needed = !peers.is_empty() && self.shared.iter().any(|shared| shared.udp.is_some());
        if is_needed && let Err(error) = self.reregister(registry, FORMER_UDP) {
            // Some have the other token by now.
            self.reregister(registry, UDP)?;
            return Err(error);
        }
        new.local = self.local.take();
        let old = std::mem::replace(self, new);
        if is_needed {
            self.former = Some(Former { shared: old.shared, peers, check_at: now + FORMER_CHECK });
        }
        Ok(())
    }

    fn reregister(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let mut all = self.shared.iter_mut().filter_map(|shared| shared.udp.as_mut());
        all.try_for_each(|udp| {
            registry.reregister(udp.socket_mut(), token, Interest::READABLE | Interest::WRITABLE)
        })
    }

    /// Closes the sockets of an earlier port if none of its peers is connected any more.
    pub(super) fn close_former_if_unused(&mut self, now: Instant, connected: &BTreeSet<SocketAddr>) {
        let Some(former) = &mut self.former else { return };
        former.check_at = now + FORMER_CHECK;
        former.peers.retain(|peer| connected.contains(peer));
        if former.peers.is_empty() {
            tracing::debug!("closing the sockets of the earlier port");
            self.former = None;
        }
    }

    /// Closes all sockets.
    pub(super) fn close(&mut self) {
        self.shared.iter_mut().for_each(|shared| shared.udp = None);
        (self.local, self.former) = (None, None);
    }
}

fn is_at_all(shared: &[SharedUdp]) -> bool {
    shared.iter().any(|shared| shared.numbers.is_at_all)
}

/// Returns the sockets that can send to an address, with the form of it that each takes.
fn toward(shared: &[SharedUdp], to: SocketAddr) -> impl Iterator<Item = (&SharedUdp, SocketAddr)> {
    shared.iter().filter_map(move |shared| Some((shared, sockets::sendable(shared.own, to)?)))
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
    Direct {
        shared: &'a [SharedUdp],
        former: Option<&'a Former>,
        locals: &'a Locals,
    },
    Relay(&'a Relay),
    /// Nothing is sent.
    Nowhere,
}

impl<'a> Outlet<'a> {
    /// Returns the way of datagrams that are for the proxy, or are not.
    pub(super) fn of(
        is_proxied: bool,
        relay: Option<&'a Relay>,
        (sockets, locals): (&'a UdpSockets, &'a Locals),
    ) -> Self {
        match (is_proxied, relay) {
            (true, Some(relay)) => Self::Relay(relay),
            (true, None) => Self::Nowhere,
            (false, _) => {
                let (shared, former) = (sockets.shared.as_slice(), sockets.former.as_ref());
                Self::Direct { shared, former, locals }
            }
        }
    }

    /// Returns the way that does not use the sockets of an earlier port.
    pub(super) fn without_former(self) -> Self {
        match self {
            Self::Direct { shared, locals, .. } => Self::Direct { shared, former: None, locals },
            other => other,
        }
    }

    /// Returns the number of datagrams of up to `len` bytes, of one length and to one destination, that
    /// [`send`](Self::send) takes.
    pub(super) fn max_segments(&self, len: usize) -> usize {
        match self {
            Self::Direct { shared, .. } => {
                let udp = shared.iter().filter_map(|shared| shared.udp.as_ref());
                udp.map(|udp| udp.max_segments(len)).min().unwrap_or(1)
            }
            Self::Relay(_) | Self::Nowhere => 1,
        }
    }

    /// Sends datagrams from the socket of the path. `None` if the destination cannot be sent to.
    pub(super) fn send(&self, path: Path, contents: &[u8], segment_len: usize) -> Option<io::Result<()>> {
        let to = path.peer;
        let (shared, locals) = match *self {
            // No host has such an address, or its interface is not known.
            Self::Direct { .. } if is_alias(to.ip()) || is_of_link(to.ip()) => return None,
            Self::Direct { former: Some(former), locals, .. } if former.peers.contains(&to) => {
                (former.shared.as_slice(), locals)
            }
            Self::Direct { shared, locals, .. } => (shared, locals),
            Self::Relay(relay) => return Some(relay.send(to, contents)),
            Self::Nowhere => return Some(Ok(())),
        };
        // Of a socket with all addresses, the number is that of an address. Sockets have numbers from 1 on.
        let is_at_all = is_at_all(shared);
        let at = if is_at_all { 0 } else { path.socket.saturating_sub(1).into() };
        let (shared, to) = toward(shared, to).nth(at)?;
        let src_ip = locals.ip(path.socket).filter(|_| is_at_all);
        match &shared.udp {
            Some(udp) => Some(udp.send((src_ip, to), contents, segment_len)),
            None => Some(Ok(())),
        }
    }
}

/// Returns true for an address of a link, which needs the interface as well.
pub(super) fn is_of_link(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}
