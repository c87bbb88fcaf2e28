//! A set of piece indices in the wire's order.

/// A set over `0..len`, kept in 64-bit words; index 0 is the most significant bit of the first byte on the wire (BEP 3
/// §"peer messages"). Indices at or beyond `len` are never members. The empty and the full set, which most torrents and
/// peers have, take no memory.
///
/// ```
/// use ztor_engine::Bitfield;
///
/// let mut have = Bitfield::new(10);
/// have.extend([0, 7, 9]);
/// assert_eq!(have.to_wire(), [0b1000_0001, 0b0100_0000]);
/// assert_eq!(Bitfield::from_wire(&[0b1000_0001, 0b0100_0000], 10), Some(have.clone()));
///
/// // The pieces that a seed has and we lack.
/// let seed = Bitfield::full(10);
/// assert_eq!(seed.count_without(&have), 7);
/// assert_eq!(seed.first_without(&have, 7), Some(8));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bitfield {
    /// Words of the set. Empty if the set is empty or full.
    words: Box<[u64]>,
    len: u32,
    ones: u32,
}

impl Bitfield {
    /// Creates the empty set over `0..len`.
    pub fn new(len: u32) -> Self {
        Self { words: Box::default(), len, ones: 0 }
    }

    /// Creates the set of all indices in `0..len`.
    pub fn full(len: u32) -> Self {
        Self { words: Box::default(), len, ones: len }
    }

    /// Parses the wire form; `None` if it does not have exactly `len.div_ceil(8)` bytes. Spare bits are ignored: BEP 3
    /// lets us drop a peer that sets one, but some clients do.
    pub fn from_wire(bytes: &[u8], len: u32) -> Option<Self> {
        if bytes.len() != len.div_ceil(8) as usize {
            return None;
        }
        let words = bytes.chunks(8).map(|chunk| {
            let mut buf = [0; 8];
            buf[..chunk.len()].copy_from_slice(chunk);
            u64::from_be_bytes(buf)
        });
        let mut words: Box<[u64]> = words.collect();
        if let Some(last) = words.last_mut().filter(|_| !len.is_multiple_of(64)) {
            *last &= !(u64::MAX >> (len % 64));
        }
        let ones = words.iter().map(|w| w.count_ones()).sum();
        let mut set = Self { words, len, ones };
        set.shrink();
        Some(set)
    }

    /// Returns the wire form: `len.div_ceil(8)` bytes, spare bits zero.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..self.word_count()).flat_map(|at| self.word(at).to_be_bytes()).collect();
        bytes.truncate(self.len.div_ceil(8) as usize);
        bytes
    }

    /// Returns the size of the universe, not of the set.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Returns true if the universe is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the number of members.
    pub fn count(&self) -> u32 {
        self.ones
    }

    /// Returns true if every index is a member.
    pub fn is_full(&self) -> bool {
        self.ones == self.len
    }

    /// Returns true if `index` is a member; false beyond `len`.
    pub fn contains(&self, index: u32) -> bool {
        index < self.len
            && match self.words.get((index / 64) as usize) {
                Some(word) => word & bit(index) != 0,
                None => self.is_full(),
            }
    }

    /// Adds `index`. Returns true if it was not a member. Indices beyond `len` are ignored.
    pub fn insert(&mut self, index: u32) -> bool {
        if index >= self.len || self.contains(index) {
            return false;
        }
        self.spread();
        self.words[(index / 64) as usize] |= bit(index);
        self.ones += 1;
        self.shrink();
        true
    }

    /// Removes `index`. Returns true if it was a member.
    pub fn remove(&mut self, index: u32) -> bool {
        if !self.contains(index) {
            return false;
        }
        self.spread();
        self.words[(index / 64) as usize] &= !bit(index);
        self.ones -= 1;
        self.shrink();
        true
    }

    /// Iterates over the members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.word_count()).flat_map(|at| ones(at, self.word(at)))
    }

    /// Returns the number of members of `self` that are not in `other`. Both must have the same `len`.
    pub fn count_without(&self, other: &Self) -> u32 {
        (0..self.word_count()).map(|at| (self.word(at) & !other.word(at)).count_ones()).sum()
    }

    /// Returns the first index at or after `from`, then from zero, that is in `self` and not in `other`.
    pub fn first_without(&self, other: &Self, from: u32) -> Option<u32> {
        self.find(from, |at| self.word(at) & !other.word(at))
    }

    /// Returns the first index at or after `from`, then from zero, that is in `self` and in `also`, and not in `other`. All
    /// must have the same `len`.
    pub(crate) fn first_common_without(&self, also: &Self, other: &Self, from: u32) -> Option<u32> {
        self.find(from, |at| self.word(at) & also.word(at) & !other.word(at))
    }

    /// Returns the indices at or after `from`, then from zero, that are in neither set, each once. Both must have the same
    /// `len`.
    pub(crate) fn absent_from_both<'a>(
        &'a self,
        other: &'a Self,
        from: u32,
    ) -> impl Iterator<Item = u32> + 'a {
        self.members_of(from, move |at| !self.word(at) & !other.word(at))
    }

    /// Returns the first index at or after `from`, then from zero, that is not in the set.
    pub fn first_absent(&self, from: u32) -> Option<u32> {
        self.find(from, |at| !self.word(at))
    }

    fn find(&self, from: u32, word: impl Fn(usize) -> u64) -> Option<u32> {
        self.members_of(from, word).next()
    }

    /// Returns the members of the set that `word` gives, at or after `from`, then from zero.
    fn members_of(&self, from: u32, word: impl Fn(usize) -> u64) -> impl Iterator<Item = u32> {
        let (count, len) = (self.word_count(), self.len);
        let start = (from / 64) as usize % count.max(1);
        let head = u64::MAX >> (from % 64);
        // The starting word is searched twice: its tail first, and its head last.
        (0..=count).filter(move |_| count > 0).flat_map(move |step| {
            let at = (start + step) % count;
            let mask = if step == 0 {
                head
            } else if step == count {
                !head
            } else {
                u64::MAX
            };
            ones(at, word(at) & mask).filter(move |index| *index < len)
        })
    }

    fn word_count(&self) -> usize {
        self.len.div_ceil(64) as usize
    }

    fn word(&self, at: usize) -> u64 {
        match self.words.get(at) {
            Some(word) => *word,
            None if self.ones == 0 => 0,
            None if at + 1 == self.word_count() && !self.len.is_multiple_of(64) => {
                u64::MAX << (64 - self.len % 64)
            }
            None => u64::MAX,
        }
    }

    /// Materializes the words before one of them changes.
    fn spread(&mut self) {
        if self.words.is_empty() {
            self.words = (0..self.word_count()).map(|at| self.word(at)).collect();
        }
    }

    /// Drops the words if the set is empty or full.
    fn shrink(&mut self) {
        if self.ones == 0 || self.is_full() {
            self.words = Box::default();
        }
    }
}

impl Extend<u32> for Bitfield {
    fn extend<T: IntoIterator<Item = u32>>(&mut self, indices: T) {
        for index in indices {
            self.insert(index);
        }
    }
}

fn bit(index: u32) -> u64 {
    1 << (63 - index % 64)
}

fn ones(at: usize, mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let lead = word.leading_zeros();
            word &= !(1 << (63 - lead));
            at as u32 * 64 + lead
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn from_wire_reads_the_most_significant_bit_first() {
        let set = Bitfield::from_wire(&[0b1000_0001, 0b0100_0000], 10);
        assert_eq!(set.map(|s| s.iter().collect::<Vec<_>>()), Some(vec![0, 7, 9]));
        let spare = Bitfield::from_wire(&[0, 0b0110_0000], 10).map(|set| set.iter().collect::<Vec<_>>());
        assert_eq!(spare, Some(vec![9]), "spare bits are ignored");
        assert_eq!(Bitfield::from_wire(&[0], 10), None, "too short");
        assert_eq!(Bitfield::from_wire(&[0, 0, 0], 10), None, "too long");
    }

    proptest! {
        #[test]
        fn bitfield_after_any_operations_equals_a_btree_set(
            len in 1u32..300,
            a in prop::collection::btree_set(0u32..300, 0..80),
            b in prop::collection::btree_set(0u32..300, 0..80),
            from in 0u32..300,
        ) {
            let model = |s: &BTreeSet<u32>| s.iter().copied().filter(|i| *i < len).collect::<BTreeSet<_>>();
            let build = |s: &BTreeSet<u32>| {
                let mut set = Bitfield::new(len);
                for i in s { set.insert(*i); }
                set
            };
            let (ma, mb, sa, sb) = (model(&a), model(&b), build(&a), build(&b));
            let from = from % len;
            prop_assert_eq!(sa.iter().collect::<BTreeSet<_>>(), ma.clone());
            prop_assert_eq!(sa.count() as usize, ma.len());
            prop_assert_eq!(Bitfield::from_wire(&sa.to_wire(), len), Some(sa.clone()));
            let diff: BTreeSet<u32> = ma.difference(&mb).copied().collect();
            prop_assert_eq!(sa.count_without(&sb) as usize, diff.len());
            let want = diff.range(from..).next().or_else(|| diff.first()).copied();
            prop_assert_eq!(sa.first_without(&sb, from), want);
            let absent: BTreeSet<u32> = (0..len).filter(|i| !ma.contains(i)).collect();
            prop_assert_eq!(sa.first_absent(from), absent.range(from..).next().or_else(|| absent.first()).copied());
            let full = Bitfield::full(len);
            prop_assert!(full.is_full() && full.iter().count() == len as usize);
            let mut filled = sa.clone();
            filled.extend(0..len);
            prop_assert_eq!(&filled, &full);
            prop_assert_eq!(Bitfield::from_wire(&full.to_wire(), len), Some(full.clone()));
            prop_assert_eq!(full.count_without(&sa), len - sa.count());
            prop_assert_eq!(full.first_without(&sa, from), sa.first_absent(from));
            prop_assert!(filled.remove(from) && !filled.contains(from) && filled.count() == len - 1);
            let mut gone = sa.clone();
            for i in &a { gone.remove(*i); }
            prop_assert_eq!(gone, Bitfield::new(len));
        }
    }
}
