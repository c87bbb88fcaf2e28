//! A member of a swarm, its address, and the hashes that addresses are found by.

use std::hash::{DefaultHasher, Hasher};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ztor_base::PeerId;

/// Keyed hashes, so that no client can choose which ones collide.
#[derive(Debug, Clone)]
pub(super) struct Keys(DefaultHasher);

impl Keys {
    pub(super) fn new(seed: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(seed);
        Self(hasher)
    }

    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.0.clone();
        hasher.write(bytes);
        hasher.finish()
    }
}

/// An address in 18 bytes; IPv4 is mapped to IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Addr([u8; 18]);

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        let ip = match addr.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let mut bytes = [0; 18];
        let (head, tail) = bytes.split_at_mut(16);
        head.copy_from_slice(&ip.octets());
        tail.copy_from_slice(&addr.port().to_be_bytes());
        Self(bytes)
    }
}

impl Addr {
    pub(super) fn get(self) -> SocketAddr {
        let [ip @ .., high, low] = self.0;
        let port = u16::from_be_bytes([high, low]);
        match ip {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => SocketAddr::from(([a, b, c, d], port)),
            _ => SocketAddr::from((Ipv6Addr::from(ip), port)),
        }
    }

    /// Returns the bytes that all addresses of a host start with: those of an IPv4 address, or of an IPv6 /64.
    pub(super) fn host(&self) -> &[u8] {
        let is_v4 = self.0.starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
        self.0.get(..if is_v4 { 16 } else { 8 }).unwrap_or_default()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn ip(self) -> IpAddr {
        self.get().ip()
    }
}

/// A member of a swarm, in 44 bytes.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) addr: Addr,
    pub(super) id: PeerId,
    /// True if its `completed` was counted.
    pub(super) counted: bool,
    /// True if it wants nothing more, but has not the whole torrent (BEP 21).
    pub(super) is_partial_seed: bool,
    /// Time of its last announce, in seconds.
    pub(super) seen_s: u32,
}
