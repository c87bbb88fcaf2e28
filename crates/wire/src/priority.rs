//! Canonical peer priority (BEP 40): the choice of peers to connect to, and of connections to keep.

use std::net::{IpAddr, SocketAddr};

/// Returns the priority that two peers have for each other; higher goes first. Both ends compute the same value, so no
/// peer can crowd out others by connecting more often. 0 for addresses of different families.
///
/// ```
/// use std::net::SocketAddr;
/// use ztor_wire::peer_priority;
///
/// // The examples of BEP 40.
/// let ours: SocketAddr = "123.213.32.10:6881".parse()?;
/// let far: SocketAddr = "98.76.54.32:6881".parse()?;
/// let near: SocketAddr = "123.213.32.234:6881".parse()?;
/// assert_eq!(peer_priority(ours, far), 0xec2d_7224);
/// assert_eq!(peer_priority(ours, near), 0x9956_8189);
/// assert_eq!(peer_priority(far, ours), peer_priority(ours, far));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn peer_priority(a: SocketAddr, b: SocketAddr) -> u32 {
    match (a.ip().to_canonical(), b.ip().to_canonical()) {
        (x, y) if x == y => sorted(&a.port().to_be_bytes(), &b.port().to_be_bytes()),
        (IpAddr::V4(x), IpAddr::V4(y)) => masked(&x.octets(), &y.octets(), 2),
        (IpAddr::V6(x), IpAddr::V6(y)) => masked(&x.octets(), &y.octets(), 6),
        _ => 0,
    }
}

/// Returns the priority of two addresses. The first `full` bytes, or one more than the addresses share, count in full;
/// of the others only every other bit counts.
fn masked(a: &[u8], b: &[u8], full: usize) -> u32 {
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let full = if same < full { full } else { (same + 1).min(a.len()) };
    let mask = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().enumerate().map(|(at, byte)| if at < full { *byte } else { byte & 0x55 }).collect()
    };
    sorted(&mask(a), &mask(b))
}

fn sorted(a: &[u8], b: &[u8]) -> u32 {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    crc32c::crc32c_append(crc32c::crc32c(low), high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority(a: &str, b: &str) -> u32 {
        let addr = |ip: &str, port| SocketAddr::new(ip.parse().unwrap_or(IpAddr::from([0; 4])), port);
        assert_eq!(peer_priority(addr(a, 1), addr(b, 2)), peer_priority(addr(b, 2), addr(a, 1)));
        peer_priority(addr(a, 1), addr(b, 2))
    }

    #[test]
    fn peer_priority_of_the_bep_40_examples_is_as_published() {
        assert_eq!(priority("123.213.32.10", "98.76.54.32"), 0xec2d_7224);
        assert_eq!(priority("123.213.32.10", "123.213.32.234"), 0x9956_8189);
    }

    #[test]
    fn bits_behind_the_mask_do_not_count() {
        assert_eq!(priority("123.213.32.10", "98.76.54.32"), priority("123.213.32.10", "98.76.54.34"));
        assert_ne!(priority("123.213.32.10", "98.76.54.32"), priority("123.213.32.10", "98.77.54.32"));
        let (a, b) = ("2001:db8:1::1", "2001:db8:2::1");
        assert_eq!(priority(a, b), priority(a, "2001:db8:2::3"));
        assert_ne!(priority(a, "2001:db8:1:100::1"), priority(a, "2001:db8:1:200::1"));
        assert_eq!(priority("10.0.0.1", a), 0);
        assert_ne!(priority(a, a), 0, "ports tell one host's clients apart");
    }
}
