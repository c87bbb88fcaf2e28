use std::fmt;
use std::net::IpAddr;
use ztor_base::{SwarmId, addr::is_local};

use fastrand::Rng;

/// A point in the DHT's space of 160 bits: the id of a node, an info-hash or an item. Ids are ordered by their bytes;
/// nearness is [`NodeId::distance`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 20]);

/// Distance between two ids: the XOR of their bytes, compared as a number (BEP 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Distance([u8; 20]);

impl NodeId {
    /// Length in bytes.
    pub const LEN: usize = 20;

    /// Creates the id with these bytes, the most significant first.
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Creates the id with these bytes; `None` unless there are 20.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Returns the bytes, the most significant first.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Returns the distance to another id.
    pub fn distance(self, other: Self) -> Distance {
        let mut distance = self.0;
        distance.iter_mut().zip(other.0).for_each(|(byte, other)| *byte ^= other);
        Distance(distance)
    }

    /// Returns the number of leading bits that two ids share, 0 … 160.
    pub fn shared_bits(self, other: Self) -> usize {
        let Distance(distance) = self.distance(other);
        let zeroes = distance.iter().take_while(|&&byte| byte == 0).count();
        zeroes * 8 + distance.get(zeroes).map_or(0, |byte| byte.leading_zeros() as usize)
    }

    /// Returns true if this id may be used at an address (BEP 42): 21 bits must follow from it. At a local address
    /// every id may.
    pub fn fits(self, ip: IpAddr) -> bool {
        if is_local(ip) {
            return true;
        }
        let prefix = prefix(ip, self.0[19]);
        self.0[0] == prefix[0] && self.0[1] == prefix[1] && (self.0[2] ^ prefix[2]) & 0xf8 == 0
    }

    /// Creates a random id that fits an address (BEP 42).
    pub(crate) fn for_ip(ip: IpAddr, rng: &mut Rng) -> Self {
        let mut id = Self::random(rng);
        let prefix = prefix(ip, id.0[19]);
        id.0[0] = prefix[0];
        id.0[1] = prefix[1];
        id.0[2] = prefix[2] & 0xf8 | id.0[2] & 0x07;
        id
    }

    pub(crate) fn random(rng: &mut Rng) -> Self {
        Self(std::array::from_fn(|_| rng.u8(..)))
    }

    /// Creates a random id that shares exactly `bits` leading bits with this one, or all if `bits` is 160.
    pub(crate) fn random_at(self, bits: usize, rng: &mut Rng) -> Self {
        let mut id = Self::random(rng);
        for bit in 0..=bits.min(159) {
            let mask = 0x80 >> (bit % 8);
            let own = self.0[bit / 8] & mask;
            let wanted = if bit == bits { own ^ mask } else { own };
            id.0[bit / 8] = id.0[bit / 8] & !mask | wanted;
        }
        id
    }
}

/// Returns the first bytes that BEP 42 requires of an id at `ip` that ends in `last`.
fn prefix(ip: IpAddr, last: u8) -> [u8; 4] {
    let r = last & 0x07;
    let crc = match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let mut masked = (u32::from(ip) & 0x030f_3fff).to_be_bytes();
            masked[0] |= r << 5;
            crc32c::crc32c(&masked)
        }
        IpAddr::V6(ip) => {
            let high = (u128::from(ip) >> 64) as u64;
            let mut masked = (high & 0x0103_070f_1f3f_7fff).to_be_bytes();
            masked[0] |= r << 5;
            crc32c::crc32c(&masked)
        }
    };
    crc.to_be_bytes()
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl From<SwarmId> for NodeId {
    fn from(swarm: SwarmId) -> Self {
        Self(swarm.into())
    }
}

impl From<[u8; 20]> for NodeId {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use fastrand::Rng;
    use proptest::prelude::*;

    fn id(hex: &str) -> NodeId {
        NodeId::new(std::array::from_fn(|i| u8::from_str_radix(&hex[i * 2..i * 2 + 2], 16).unwrap()))
    }

    #[test]
    fn fits_for_the_bep_42_vectors_returns_true() {
        let vectors = [
            ("124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
            ("21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
            ("65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
            ("84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
            ("43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"),
        ];
        for (ip, hex) in vectors {
            let ip: IpAddr = ip.parse().unwrap();
            assert!(id(hex).fits(ip), "{ip}");
            assert!(!id(hex).fits(IpAddr::from([8, 8, 8, 8])), "{ip}");
            assert_eq!(id(hex).to_string(), hex);
        }
        let anything = id("e56f6cbf5b7c4be0237986d5243b87aa6d51305a");
        assert!(
            ["10.1.2.3", "127.0.0.1", "169.254.7.7", "fe80::1", "fd00::1", "::1"]
                .iter()
                .all(|ip| anything.fits(ip.parse().unwrap()))
        );
    }

    proptest! {
        #[test]
        fn for_ip_of_any_address_returns_a_fitting_id(ip4: [u8; 4], ip6: [u8; 16], seed: u64) {
            let mut rng = Rng::with_seed(seed);
            for ip in [IpAddr::from(ip4), IpAddr::from(ip6)] {
                prop_assert!(NodeId::for_ip(ip, &mut rng).fits(ip));
            }
        }

        #[test]
        fn random_at_any_depth_shares_exactly_that_many_bits(own: [u8; 20], bits in 0usize..160, seed: u64) {
            let own = NodeId::new(own);
            let other = own.random_at(bits, &mut Rng::with_seed(seed));
            prop_assert_eq!(own.shared_bits(other), bits);
        }

        #[test]
        fn distance_of_any_ids_is_a_metric(a: [u8; 20], b: [u8; 20], c: [u8; 20]) {
            let (a, b, c) = (NodeId::new(a), NodeId::new(b), NodeId::new(c));
            prop_assert_eq!(a.distance(b), b.distance(a));
            prop_assert_eq!(a.distance(a), Distance([0; 20]));
            prop_assert_eq!(a.distance(b) == a.distance(c), b == c);
        }
    }
}
