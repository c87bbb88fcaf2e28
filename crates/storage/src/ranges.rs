/// Byte ranges that are present in a piece: sorted, disjoint, never adjacent.
#[derive(Debug, Default)]
pub(crate) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn insert(&mut self, begin: u32, end: u32) {
        if begin >= end {
            return;
        }
        let first = self.0.partition_point(|range| range.1 < begin);
        let after = self.0.partition_point(|range| range.0 <= end);
        if first == after {
            self.0.insert(first, (begin, end));
            return;
        }
        let merged = (begin.min(self.0[first].0), end.max(self.0[after - 1].1));
        self.0[first] = merged;
        self.0.drain(first + 1..after);
    }

    pub(crate) fn covers(&self, begin: u32, end: u32) -> bool {
        begin >= end || self.end_from(begin) >= end
    }

    /// Returns the end of the bytes that are present from `at` on without a gap; `at` itself if there are none.
    pub(crate) fn end_from(&self, at: u32) -> u32 {
        self.at_or_after(at).filter(|range| range.0 <= at).map_or(at, |range| range.1)
    }

    /// Returns the first gap that starts in `begin..end`.
    pub(crate) fn gap(&self, begin: u32, end: u32) -> Option<(u32, u32)> {
        let from = self.end_from(begin);
        if from >= end {
            return None;
        }
        Some((from, self.at_or_after(from).map_or(end, |range| range.0.min(end))))
    }

    fn at_or_after(&self, at: u32) -> Option<(u32, u32)> {
        self.0.get(self.0.partition_point(|range| range.1 <= at)).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_after_any_inserts_agree_with_a_bitmap(inserts in prop::collection::vec((0u32..64, 0u32..64), 0..24), ask in (0u32..64, 0u32..64)) {
            let mut bits = [false; 64];
            let mut ranges = Ranges::default();
            for (begin, end) in inserts {
                ranges.insert(begin, end);
                for bit in &mut bits[begin as usize..(end.max(begin)) as usize] {
                    *bit = true;
                }
            }
            prop_assert!(ranges.0.windows(2).all(|pair| pair[0].1 < pair[1].0));
            let (begin, end) = (ask.0.min(ask.1), ask.0.max(ask.1));
            let asked = &bits[begin as usize..end as usize];
            prop_assert_eq!(ranges.covers(begin, end), asked.iter().all(|bit| *bit));
            let gap = asked.iter().position(|bit| !bit).map(|from| {
                let len = asked[from..].iter().position(|bit| *bit).unwrap_or(asked.len() - from);
                (begin + from as u32, begin + (from + len) as u32)
            });
            prop_assert_eq!(ranges.gap(begin, end), gap);
        }
    }
}
