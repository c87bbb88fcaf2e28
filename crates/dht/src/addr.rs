//! Addresses: family, subnet, plausibility and compact form.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::{Index, IndexMut};
use ztor_base::Host;
use ztor_base::addr::{is_dialable, is_local, may_refer};

/// An address family. Each has a DHT of its own (BEP 32).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both families.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Returns the family of an address; IPv4 written as IPv6 is IPv4.
    pub fn of(addr: SocketAddr) -> Self {
        Self::of_ip(addr.ip())
    }

    /// Returns the family of an IP address, like [`Family::of`].
    pub fn of_ip(ip: IpAddr) -> Self {
        if ip.to_canonical().is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Returns the other family.
    pub fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

/// A value for each family.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PerFamily<T> {
    /// Value for IPv4.
    pub v4: T,
    /// Value for IPv6.
    pub v6: T,
}

impl<T: Copy> PerFamily<T> {
    /// Creates the same value for both families.
    pub const fn both(value: T) -> Self {
        Self { v4: value, v6: value }
    }
}

impl<T> PerFamily<T> {
    pub(crate) fn from_fn(mut f: impl FnMut(Family) -> T) -> Self {
        Self { v4: f(Family::V4), v6: f(Family::V6) }
    }
}

impl<T> Index<Family> for PerFamily<T> {
    type Output = T;
    fn index(&self, family: Family) -> &T {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

impl<T> IndexMut<Family> for PerFamily<T> {
    fn index_mut(&mut self, family: Family) -> &mut T {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

/// A range of addresses that counts as held by one owner: an IPv4 /24 or an IPv6 /64. A local address is a range of its
/// own. One machine may run several nodes there, and remote hosts cannot use it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Subnet {
    V4([u8; 3]),
    V6([u8; 8]),
    Local(SocketAddr),
}

impl Subnet {
    pub(crate) fn of(addr: SocketAddr) -> Self {
        match addr.ip() {
            ip if is_local(ip) => Self::Local(addr),
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, h, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// Unit by which work for others is counted: a [`Host`]. Local addresses count with their port, since one machine may
/// run many nodes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Remote {
    Host(Host),
    Local(SocketAddr),
}

impl Remote {
    pub(crate) fn of(addr: SocketAddr) -> Self {
        if is_local(addr.ip()) { Self::Local(addr) } else { Self::Host(Host::of(addr.ip())) }
    }
}

/// Returns true if a node can be at an address that `teller` named.
pub(crate) fn is_plausible(addr: SocketAddr, teller: SocketAddr) -> bool {
    is_dialable(addr) && may_refer(teller.ip(), addr.ip())
}

/// Appends an address in its compact form: 6 or 18 bytes.
pub(crate) fn write_compact(addr: SocketAddr, out: &mut Vec<u8>) {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
    out.extend_from_slice(&addr.port().to_be_bytes());
}

/// Reads an address in its compact form; `None` unless it has 6 or 18 bytes.
pub(crate) fn read_compact(bytes: &[u8]) -> Option<SocketAddr> {
    if let Ok([a, b, c, d, high, low]) = <[u8; 6]>::try_from(bytes) {
        return Some(SocketAddr::new(IpAddr::from([a, b, c, d]), u16::from_be_bytes([high, low])));
    }
    let (ip, port) = bytes.split_first_chunk::<16>()?;
    let port = u16::from_be_bytes(port.try_into().ok()?);
    Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(*ip)).to_canonical(), port))
}
