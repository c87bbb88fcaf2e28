//! A compact table of address ranges.

use crate::range::{Bounds, IpRange};
use std::net::IpAddr;

/// Maximum number of leading bits that the index looks at: it then has 256 KiB.
const MAX_INDEX_BITS: u32 = 16;

/// Sorted ranges of addresses that neither overlap nor touch.
///
/// An IPv4 range takes eight bytes and an IPv6 range 32. A look-up reads the index by the leading bits of an address and
/// searches the few ranges that begin with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// First addresses of IPv4 ranges.
    starts: Box<[u32]>,
    /// Last addresses of the same ranges.
    ends: Box<[u32]>,
    /// For each value of the leading bits, the number of ranges whose first address has a lower value there.
    index: Box<[u32]>,
    /// Number of bits after the leading ones.
    shift: u32,
    v6: Box<[(u128, u128)]>,
}

impl Default for Table {
    fn default() -> Self {
        Self::from_pairs(Vec::new(), Vec::new())
    }
}

impl FromIterator<IpRange> for Table {
    fn from_iter<I: IntoIterator<Item = IpRange>>(ranges: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in ranges {
            match range.0 {
                Bounds::V4(first, last) => v4.push((first, last)),
                Bounds::V6(first, last) => v6.push((first, last)),
            }
        }
        Self::from_pairs(v4, v6)
    }
}

impl Table {
    /// Creates a table of ranges in any order.
    pub(crate) fn from_pairs(mut v4: Vec<(u32, u32)>, mut v6: Vec<(u128, u128)>) -> Self {
        merge(&mut v4);
        merge(&mut v6);
        let starts: Box<[u32]> = v4.iter().map(|(first, _)| *first).collect();
        let ends = v4.iter().map(|(_, last)| *last).collect();
        // About one range for each value of the leading bits.
        let bits = (starts.len().max(1).ilog2() + 1).min(MAX_INDEX_BITS);
        let shift = 32 - bits;
        let mut index = Vec::with_capacity((1 << bits) + 1);
        let mut at = 0_u32;
        for value in 0..=1_u64 << bits {
            let is_before = |start: &u32| u64::from(start >> shift) < value;
            while starts.get(at as usize).is_some_and(is_before) {
                at += 1;
            }
            index.push(at);
        }
        Self { starts, ends, index: index.into(), shift, v6: v6.into() }
    }

    /// Returns true if an address is in one of the ranges.
    pub fn has(&self, ip: IpAddr) -> bool {
        self.find(ip).is_some()
    }

    /// Returns the range with an address in it.
    pub fn find(&self, ip: IpAddr) -> Option<IpRange> {
        match ip.to_canonical() {
            IpAddr::V4(ip) => self.find_v4(ip.into()),
            IpAddr::V6(ip) => {
                let ip = u128::from(ip);
                let after = self.v6.partition_point(|(first, _)| *first <= ip);
                let (first, last) = self.v6.get(after.checked_sub(1)?)?;
                (ip <= *last).then_some(IpRange(Bounds::V6(*first, *last)))
            }
        }
    }

    fn find_v4(&self, ip: u32) -> Option<IpRange> {
        let bucket = (ip >> self.shift) as usize;
        let (from, to) = (*self.index.get(bucket)? as usize, *self.index.get(bucket + 1)? as usize);
        // The range may begin in an earlier bucket.
        let after = from + self.starts.get(from..to)?.partition_point(|first| *first <= ip);
        let at = after.checked_sub(1)?;
        let (first, last) = (*self.starts.get(at)?, *self.ends.get(at)?);
        (ip <= last).then_some(IpRange(Bounds::V4(first, last)))
    }

    /// Returns the number of ranges.
    pub fn len(&self) -> usize {
        self.starts.len() + self.v6.len()
    }

    /// Returns true if there are no ranges.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the ranges in order, those of IPv4 first.
    pub fn ranges(&self) -> impl Iterator<Item = IpRange> + '_ {
        let v4 = self.starts.iter().zip(&self.ends).map(|(first, last)| IpRange(Bounds::V4(*first, *last)));
        v4.chain(self.v6.iter().map(|(first, last)| IpRange(Bounds::V6(*first, *last))))
    }

    /// Returns the memory in use, in bytes.
    pub fn held_bytes(&self) -> usize {
        size_of_val(&*self.starts)
            + size_of_val(&*self.ends)
            + size_of_val(&*self.index)
            + size_of_val(&*self.v6)
    }
}

/// An end of a range.
pub(crate) trait End: Copy + Ord {
    fn next(self) -> Option<Self>;
}

impl End for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl End for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// Sorts ranges, and merges those that overlap or touch.
pub(crate) fn merge<T: End>(ranges: &mut Vec<(T, T)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|later, earlier| {
        let touches = earlier.1.next().is_none_or(|next| later.0 <= next);
        if touches {
            earlier.1 = earlier.1.max(later.1);
        }
        touches
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(ranges: &[&str]) -> Table {
        ranges.iter().map(|range| range.parse::<IpRange>().unwrap()).collect()
    }

    #[test]
    fn ranges_that_overlap_or_touch_are_merged() {
        let table = table(&[
            "1.2.3.4",
            "1.2.3.5-1.2.3.9",
            "1.2.3.7",
            "1.2.3.11",
            "255.255.255.255",
            "255.255.255.0/24",
            "::/1",
            "8000::/1",
            "0.0.0.0",
        ]);
        let shown: Vec<_> = table.ranges().map(|range| range.to_string()).collect();
        assert_eq!(shown, ["0.0.0.0", "1.2.3.4-1.2.3.9", "1.2.3.11", "255.255.255.0/24", "::/0"]);
    }

    #[test]
    fn find_in_an_empty_table_is_none() {
        for ip in ["0.0.0.0", "255.255.255.255", "::", "::ffff:1.2.3.4"] {
            assert_eq!(Table::default().find(ip.parse().unwrap()), None);
        }
    }

    #[test]
    fn table_of_300000_ranges_takes_less_than_4_mib() {
        let spread = (0..300_000_u32).map(|n| {
            let first = n * 14_000;
            IpRange(Bounds::V4(first, first + n % 5000))
        });
        let table: Table = spread.collect();
        assert_eq!(table.len(), 300_000);
        assert!(table.held_bytes() <= 4 << 20, "{}", table.held_bytes());
    }

    proptest! {
        #[test]
        fn find_agrees_with_a_search_of_all_ranges(
            pairs in prop::collection::vec((any::<u32>(), 0_u32..1 << 20), 0..200),
            nested in prop::collection::vec((any::<u8>(), any::<u8>()), 0..50),
            probes in prop::collection::vec(any::<u32>(), 50),
        ) {
            let pairs = pairs.into_iter().map(|(first, len)| (first, first.saturating_add(len)));
            let nested = nested.into_iter().map(|(a, b)| (u32::from(a.min(b)), u32::from(a.max(b))));
            let ranges: Vec<(u32, u32)> = pairs.chain(nested).collect();
            let table = Table::from_pairs(ranges.clone(), Vec::new());
            let edges = ranges.iter().flat_map(|(first, last)| {
                [*first, *last, first.wrapping_sub(1), last.wrapping_add(1)]
            });
            for ip in probes.into_iter().chain(edges).chain(0..=255) {
                let expected = ranges.iter().any(|(first, last)| (*first..=*last).contains(&ip));
                prop_assert_eq!(table.has(IpAddr::V4(ip.into())), expected, "{}", ip);
                prop_assert_eq!(table.has(std::net::Ipv4Addr::from(ip).to_ipv6_mapped().into()), expected);
            }
        }
    }
}
