//! The allowed-fast set (BEP 6).

use std::net::IpAddr;
use ztor_base::SwarmId;

use sha1::{Digest, Sha1};

/// Returns the pieces that a peer at `ip` may request while choked: `count` distinct indices below `pieces`, in the
/// order of BEP 6, or all pieces if there are no more.
///
/// The set depends only on the peer's network (its /24), so a new connection brings no new pieces. BEP 6 does not
/// mention IPv6; its /64 is used in the same way. An IPv4-mapped address counts as IPv4.
///
/// ```
/// use ztor_base::SwarmId;
/// use ztor_wire::allowed_fast_set;
///
/// // The example of BEP 6.
/// let info_hash = SwarmId::new([0xaa; 20]);
/// let set = allowed_fast_set("80.4.4.200".parse()?, info_hash, 1313, 7);
/// assert_eq!(set, [1059, 431, 808, 1217, 287, 376, 1188]);
/// // Another peer of the same network gets the same pieces.
/// assert_eq!(allowed_fast_set("80.4.4.9".parse()?, info_hash, 1313, 7), set);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn allowed_fast_set(ip: IpAddr, info_hash: SwarmId, pieces: u32, count: usize) -> Vec<u32> {
    let Some(wanted) = u32::try_from(count).ok().filter(|&count| count < pieces) else {
        return (0..pieces).collect();
    };
    let mut seed = network(ip);
    seed.extend_from_slice(info_hash.as_ref());
    let mut set: Vec<u32> = Vec::new();
    let mut chain = Sha1::digest(&seed);
    // In practice the chain is long enough for any set. The bound exists because nothing proves that it has no cycle.
    for _ in 0..wanted.saturating_mul(8).saturating_add(64) {
        for word in chain.as_chunks::<4>().0 {
            if set.len() == count {
                return set;
            }
            let index = u32::from_be_bytes(*word) % pieces;
            if !set.contains(&index) {
                set.push(index);
            }
        }
        chain = Sha1::digest(chain);
    }
    set
}

fn network(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            vec![a, b, c, 0]
        }
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            octets.to_vec()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn allowed_fast_set_of_the_bep_6_example_is_as_published() {
        let ip = IpAddr::from([80, 4, 4, 200]);
        let seven = [1059, 431, 808, 1217, 287, 376, 1188];
        assert_eq!(allowed_fast_set(ip, SwarmId::new([0xaa; 20]), 1313, 7), seven);
        assert_eq!(
            allowed_fast_set(ip, SwarmId::new([0xaa; 20]), 1313, 9),
            [&seven[..], &[353, 508]].concat()
        );
    }

    proptest! {
        #[test]
        fn allowed_fast_set_has_distinct_indices_in_range(
            ip: [u8; 16], hash: [u8; 20], pieces in 0..200_u32, count in 0..60_usize
        ) {
            let set = allowed_fast_set(IpAddr::from(ip), hash.into(), pieces, count);
            prop_assert_eq!(set.len(), count.min(pieces as usize));
            prop_assert!(set.iter().all(|&i| i < pieces));
            let distinct: std::collections::HashSet<_> = set.iter().collect();
            prop_assert_eq!(distinct.len(), set.len());
        }
    }
}
