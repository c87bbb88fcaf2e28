//! The order in which pieces are fetched.
//!
//! One array holds the candidates sorted by rank, which is availability × weight of the priority. A second one holds
//! the end of each rank. A piece whose availability changes by one moves by `weight` ranks. Each such move is a swap
//! with the border of its bucket, so no cost grows with the number of pieces.

use fastrand::Rng;

/// Priority of a piece relative to the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Not wanted.
    Skip,
    /// After the others.
    Low,
    /// Default.
    #[default]
    Normal,
    /// Before the others.
    High,
}

impl Priority {
    /// Returns true for all but [`Priority::Skip`].
    pub fn is_wanted(self) -> bool {
        self != Self::Skip
    }

    fn weight(self) -> usize {
        match self {
            Self::Skip | Self::Low => 3,
            Self::Normal => 2,
            Self::High => 1,
        }
    }
}

/// Availability above which more peers make no difference. It bounds the number of buckets.
const MAX_COUNTED: u16 = 200;
/// The last rank of pieces that no counted peer has; there is one for each weight.
const LAST_UNAVAILABLE: usize = 2;
const OUTSIDE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Entry {
    availability: u16,
    priority: Priority,
    position: u32,
}

/// Availability of every piece, and the candidates among them in the order to fetch them.
pub(crate) struct Rarity {
    entries: Vec<Entry>,
    order: Vec<u32>,
    /// `ends[rank]` is one past the last position of that rank in `order`.
    ends: Vec<u32>,
}

impl Rarity {
    /// Creates the order of pieces with these priorities, which no peer has, without candidates.
    pub(crate) fn new(priorities: impl Iterator<Item = Priority>) -> Self {
        let entries =
            priorities.map(|priority| Entry { availability: 0, priority, position: OUTSIDE }).collect();
        Self { entries, order: Vec::new(), ends: vec![0] }
    }

    /// Makes `pieces` the candidates, in random order within a rank.
    pub(crate) fn fill(&mut self, pieces: impl Iterator<Item = u32>, rng: &mut Rng) {
        for piece in self.order.drain(..) {
            self.entries[piece as usize].position = OUTSIDE;
        }
        self.order.extend(pieces);
        rng.shuffle(&mut self.order);
        let entries = &mut self.entries;
        self.order.sort_by_key(|p| rank(&entries[*p as usize]));
        let top = self.order.last().map_or(0, |p| rank(&entries[*p as usize]));
        self.ends = vec![0; top + 1];
        for (position, piece) in self.order.iter().enumerate() {
            let entry = &mut entries[*piece as usize];
            entry.position = position as u32;
            self.ends[rank(entry)] = position as u32 + 1;
        }
        for r in 1..self.ends.len() {
            self.ends[r] = self.ends[r].max(self.ends[r - 1]);
        }
    }

    /// Returns the candidates, the one to fetch first at the front. Those that only seeds have are first of all.
    /// `skip_unavailable` leaves them out, as a peer that is not a seed has none of them.
    pub(crate) fn candidates(&self, skip_unavailable: bool) -> &[u32] {
        let unavailable = self.ends.get(LAST_UNAVAILABLE).or(self.ends.last()).copied().unwrap_or(0);
        &self.order[if skip_unavailable { unavailable as usize } else { 0 }..]
    }

    /// Returns for each piece the number of peers that have it, seeds not counted.
    pub(crate) fn availability(&self) -> Vec<u16> {
        self.entries.iter().map(|entry| entry.availability).collect()
    }

    /// Returns true if both are candidates of the same rank.
    pub(crate) fn are_alike(&self, one: u32, other: u32) -> bool {
        let rank_of = |piece: u32| {
            let entry = self.entries.get(piece as usize)?;
            (entry.position != OUTSIDE).then(|| rank(entry))
        };
        rank_of(one).is_some() && rank_of(one) == rank_of(other)
    }

    /// Counts one more peer with `piece`.
    pub(crate) fn gained(&mut self, piece: u32, rng: &mut Rng) {
        let entry = &mut self.entries[piece as usize];
        let before = rank(entry);
        entry.availability = entry.availability.saturating_add(1);
        let after = rank(entry);
        if entry.position != OUTSIDE {
            self.shift(piece, before, after, rng);
        }
    }

    /// Counts one peer fewer with `piece`.
    pub(crate) fn lost(&mut self, piece: u32, rng: &mut Rng) {
        let entry = &mut self.entries[piece as usize];
        let before = rank(entry);
        entry.availability = entry.availability.saturating_sub(1);
        let after = rank(entry);
        if entry.position != OUTSIDE {
            self.shift(piece, before, after, rng);
        }
    }

    /// Makes `piece` a candidate.
    pub(crate) fn insert(&mut self, piece: u32, rng: &mut Rng) {
        if self.entries[piece as usize].position != OUTSIDE {
            return;
        }
        let top = self.ends.len() - 1;
        self.entries[piece as usize].position = self.order.len() as u32;
        self.order.push(piece);
        self.ends[top] += 1;
        let target = rank(&self.entries[piece as usize]);
        self.shift(piece, top, target, rng);
    }

    /// Removes `piece` from the candidates.
    pub(crate) fn remove(&mut self, piece: u32) {
        if self.entries[piece as usize].position == OUTSIDE {
            return;
        }
        let mut r = rank(&self.entries[piece as usize]);
        let top = self.ends.len() - 1;
        while r < top {
            self.up(piece, r);
            r += 1;
        }
        let last = self.order.len() as u32 - 1;
        self.swap(self.entries[piece as usize].position, last);
        self.order.pop();
        self.ends[top] -= 1;
        self.entries[piece as usize].position = OUTSIDE;
    }

    fn shift(&mut self, piece: u32, mut from: usize, to: usize, rng: &mut Rng) {
        if to >= self.ends.len() {
            self.ends.resize(to + 1, self.order.len() as u32);
        }
        if from == to {
            return;
        }
        while from < to {
            self.up(piece, from);
            from += 1;
        }
        while from > to {
            self.down(piece, from);
            from -= 1;
        }
        // A random place in the new bucket, or peers that join together would all fetch the same piece.
        let start = if to == 0 { 0 } else { self.ends[to - 1] };
        let other = rng.u32(start..self.ends[to]);
        self.swap(self.entries[piece as usize].position, other);
    }

    fn up(&mut self, piece: u32, from: usize) {
        self.swap(self.entries[piece as usize].position, self.ends[from] - 1);
        self.ends[from] -= 1;
    }

    fn down(&mut self, piece: u32, from: usize) {
        self.swap(self.entries[piece as usize].position, self.ends[from - 1]);
        self.ends[from - 1] += 1;
    }

    fn swap(&mut self, a: u32, b: u32) {
        self.order.swap(a as usize, b as usize);
        self.entries[self.order[a as usize] as usize].position = a;
        self.entries[self.order[b as usize] as usize].position = b;
    }
}

fn rank(entry: &Entry) -> usize {
    match entry.availability {
        0 => entry.priority.weight() - 1,
        some => LAST_UNAVAILABLE + usize::from(some.min(MAX_COUNTED)) * entry.priority.weight(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;
    use proptest::prelude::*;

    fn check(rarity: &Rarity, members: &[bool]) {
        let mut last = 0;
        for (position, piece) in rarity.order.iter().enumerate() {
            let entry = &rarity.entries[*piece as usize];
            assert!(members[*piece as usize]);
            assert_eq!(entry.position as usize, position);
            assert!(rank(entry) >= last, "sorted by rank");
            last = rank(entry);
            assert!(position < rarity.ends[last] as usize);
            assert!(last == 0 || position >= rarity.ends[last - 1] as usize);
        }
        assert_eq!(rarity.order.len(), members.iter().filter(|m| **m).count());
        assert_eq!(rarity.ends.last().copied(), Some(rarity.order.len() as u32));
    }

    proptest! {
        #[test]
        fn order_after_changes_is_sorted(ops in prop::collection::vec((0u8..5, 0u32..20), 0..300), seed: u64) {
            let mut rng = Rng::with_seed(seed);
            let mut rarity = Rarity::new((0..20).map(|p| [Priority::Low, Priority::Normal, Priority::High][p % 3]));
            let mut members = vec![true; 20];
            rarity.fill(0..20, &mut rng);
            for (op, piece) in ops {
                match op {
                    0 | 1 => rarity.gained(piece, &mut rng),
                    2 => rarity.lost(piece, &mut rng),
                    3 => { rarity.insert(piece, &mut rng); members[piece as usize] = true; }
                    _ => { rarity.remove(piece); members[piece as usize] = false; }
                }
                check(&rarity, &members);
            }
        }
    }
}
