//! Public addresses, and node ids for them.

use fastrand::Rng;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use ztor_dht::NodeId;

pub(super) const PORT: u16 = 6881;

/// Allocator of unique addresses.
#[derive(Default)]
pub(super) struct Land {
    taken: BTreeSet<Ipv4Addr>,
    last: Option<[u8; 3]>,
}

impl Land {
    /// Returns a free address, mostly in a new /24; one of ten shares the /24 of the last one.
    pub(super) fn settle(&mut self, rng: &mut Rng) -> SocketAddr {
        loop {
            let subnet = match self.last {
                Some(last) if rng.u8(0..10) == 0 => last,
                _ => Self::subnet(rng),
            };
            if let Some(addr) = self.settle_in(subnet, rng) {
                self.last = Some(subnet);
                return addr;
            }
        }
    }

    /// Returns a random address of a /24; `None` if it is taken.
    pub(super) fn settle_in(&mut self, [a, b, c]: [u8; 3], rng: &mut Rng) -> Option<SocketAddr> {
        let ip = Ipv4Addr::new(a, b, c, rng.u8(1..255));
        self.taken.insert(ip).then(|| SocketAddr::new(IpAddr::V4(ip), PORT))
    }

    /// Returns a random /24 without private addresses.
    pub(super) fn subnet(rng: &mut Rng) -> [u8; 3] {
        [rng.u8(11..100), rng.u8(..), rng.u8(..)]
    }
}

/// Returns an id near `target` that is valid for an address (BEP 42): the best of the eight valid prefixes, followed by
/// the target's own bits except the last ones.
pub(super) fn nearest_fitting(addr: SocketAddr, target: NodeId, rng: &mut Rng) -> NodeId {
    let IpAddr::V4(ip) = addr.ip().to_canonical() else { return target };
    let ids = (0..8u8).map(|r| {
        let masked = u32::from(ip) & 0x030f_3fff | u32::from(r) << 29;
        let crc = crc32c(masked.to_be_bytes()).to_be_bytes();
        let mut id = *target.as_bytes();
        id[..2].copy_from_slice(&crc[..2]);
        id[2] = crc[2] & 0xf8 | id[2] & 0x07;
        id[18] = rng.u8(..);
        id[19] = rng.u8(..) & 0xf8 | r;
        NodeId::new(id)
    });
    ids.min_by_key(|id| id.distance(target)).unwrap_or(target)
}

/// Returns an id that shares its first four bytes with `target`, valid or not for the address.
pub(super) fn beside(target: NodeId, rng: &mut Rng) -> NodeId {
    let mut id = *target.as_bytes();
    id[4..].iter_mut().for_each(|byte| *byte = rng.u8(..));
    NodeId::new(id)
}

pub(super) fn anywhere(rng: &mut Rng) -> NodeId {
    NodeId::new(std::array::from_fn(|_| rng.u8(..)))
}

/// Computes CRC-32C bit by bit.
fn crc32c(bytes: [u8; 4]) -> u32 {
    !bytes.into_iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_fitting_for_any_address_is_valid_and_near_the_target() {
        let mut rng = Rng::with_seed(1);
        let mut land = Land::default();
        for _ in 0..100 {
            let (addr, target) = (land.settle(&mut rng), anywhere(&mut rng));
            let id = nearest_fitting(addr, target, &mut rng);
            assert!(id.fits(addr.ip()));
            assert_eq!(id.as_bytes()[3..18], target.as_bytes()[3..18]);
            assert!(beside(target, &mut rng).shared_bits(target) >= 32);
        }
    }
}
