use std::fmt;
use std::net::IpAddr;

use crate::hash::sha1;

const BYTES: usize = 256;
const BITS: usize = BYTES * 8;

/// A set of addresses whose size can be estimated but whose members cannot be listed: the Bloom filter of BEP 33.
#[derive(Clone, PartialEq, Eq)]
pub struct Bloom(Box<[u8; BYTES]>);

impl Bloom {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self(Box::new([0; BYTES]))
    }

    /// Reads a set from its wire form; `None` unless it has 256 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        <[u8; BYTES]>::try_from(bytes).ok().map(|bytes| Self(Box::new(bytes)))
    }

    /// Returns the wire form of the set.
    pub fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// Adds an address.
    pub fn insert(&mut self, ip: IpAddr) {
        for bit in bits(ip) {
            self.0[bit / 8] |= 1 << (bit % 8);
        }
    }

    /// Returns true if an address is in the set; by chance also for some that are not.
    pub fn contains(&self, ip: IpAddr) -> bool {
        bits(ip).into_iter().all(|bit| self.0[bit / 8] & 1 << (bit % 8) != 0)
    }

    /// Adds the addresses of another set.
    pub fn union(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(byte, other)| *byte |= other);
    }

    /// Estimates the number of addresses in the set. Above some 6000 the estimate breaks down, as BEP 33 says.
    pub fn estimate(&self) -> f64 {
        let zeroes: u32 = self.0.iter().map(|byte| byte.count_zeros()).sum();
        // A full filter counts as one with a single zero; BEP 33 bounds the other end only.
        let zeroes = f64::from(zeroes.max(1));
        let bits = BITS as f64;
        (zeroes / bits).ln() / (2.0 * (1.0 - 1.0 / bits).ln())
    }
}

impl Default for Bloom {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Bloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bloom(about {:.0})", self.estimate())
    }
}

fn bits(ip: IpAddr) -> [usize; 2] {
    let hash = match ip.to_canonical() {
        IpAddr::V4(ip) => sha1(&[&ip.octets()]),
        IpAddr::V6(ip) => sha1(&[&ip.octets()]),
    };
    let index = |low: u8, high: u8| usize::from(u16::from_le_bytes([low, high])) % BITS;
    [index(hash[0], hash[1]), index(hash[2], hash[3])]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    #[test]
    fn insert_of_the_bep_33_vector_gives_its_filter() {
        let mut bloom = Bloom::new();
        for last in 0..=255 {
            bloom.insert(IpAddr::from([192, 0, 2, last]));
        }
        for last in 0..=0x3e7 {
            bloom.insert(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)));
        }
        let expected = "F6C3F5EAA07FFD91BDE89F777F26FB2BFF37BDB8FB2BBAA2FD3DDDE7BACFFF75EE7CCBAE\
            FE5EEDB1FBFAFF67F6ABFF5E43DDBCA3FD9B9FFDF4FFD3E9DFF12D1BDF59DB53DBE9FA5B\
            7FF3B8FDFCDE1AFB8BEDD7BE2F3EE71EBBBFE93BCDEEFE148246C2BC5DBFF7E7EFDCF24F\
            D8DC7ADFFD8FFFDFDDFFF7A4BBEEDF5CB95CE81FC7FCFF1FF4FFFFDFE5F7FDCBB7FD79B3\
            FA1FC77BFE07FFF905B7B7FFC7FEFEFFE0B8370BB0CD3F5B7F2BD93FEB4386CFDD6F7FD5\
            BFAF2E9EBFFFFEECD67ADBF7C67F17EFD5D75EBA6FFEBA7FFF47A91EB1BFBB53E8ABFB57\
            62ABE8FF237279BFEFBFEEF5FFC5FEBFDFE5ADFFADFEE1FB737FFFFBFD9F6AEFFEEE76B6\
            FD8F72EF";
        let hex: String = bloom.as_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(hex, expected);
        assert!((bloom.estimate() - 1224.9308).abs() < 0.001, "{}", bloom.estimate());
        assert!(bloom.contains(IpAddr::from([192, 0, 2, 17])));
    }

    #[test]
    fn estimate_of_empty_full_and_joined_sets_is_plausible() {
        assert_eq!(Bloom::new().estimate(), 0.0);
        let full = Bloom::from_slice(&[0xff; 256]).unwrap();
        assert!(full.estimate().is_finite());
        assert_eq!(Bloom::from_slice(&[0; 255]), None);
        let (mut a, mut b) = (Bloom::new(), Bloom::new());
        a.insert(IpAddr::from([1, 2, 3, 4]));
        b.insert(IpAddr::from([5, 6, 7, 8]));
        a.union(&b);
        assert!(a.contains(IpAddr::from([5, 6, 7, 8])) && a.contains(IpAddr::from([1, 2, 3, 4])));
        assert!((a.estimate() - 2.0).abs() < 0.01);
    }
}
