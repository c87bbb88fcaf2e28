//! Order of the download queue.

use std::collections::{BTreeMap, BTreeSet};

use crate::key::TorrentKey;

/// Target of a move in the download queue. Several torrents keep their order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Move {
    /// To the first positions.
    Top,
    /// To the last positions.
    Bottom,
    /// Each by one position towards the top. Those at the top remain.
    Up,
    /// Each by one position towards the end. Those at the end remain.
    Down,
    /// The first to this position and the others after it, as far as the queue goes.
    To(usize),
}

/// Torrents that need data, in the order in which they get slots. Ranks order them, with gaps; positions are dense.
#[derive(Debug, Default)]
pub(crate) struct Order {
    by_rank: BTreeMap<i64, TorrentKey>,
    places: BTreeMap<TorrentKey, Place>,
    /// Set while the positions in `places` are out of date.
    is_stale: bool,
    /// Number of changes so far.
    changes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    rank: i64,
    position: usize,
}

impl Order {
    /// Returns the rank of a torrent; `None` if it is not in the queue.
    pub(crate) fn rank(&self, key: TorrentKey) -> Option<i64> {
        self.places.get(&key).map(|place| place.rank)
    }

    /// Returns the position of a torrent; `None` if it is not in the queue. Before [`Order::number`] this counts
    /// those in front of it.
    pub(crate) fn position(&self, key: TorrentKey) -> Option<usize> {
        let place = self.places.get(&key)?;
        Some(if self.is_stale { self.by_rank.range(..place.rank).count() } else { place.position })
    }

    /// Returns the number of changes so far.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = TorrentKey> {
        self.by_rank.values().copied()
    }

    pub(crate) fn push_back(&mut self, key: TorrentKey) {
        if !self.places.contains_key(&key) {
            self.changes += 1;
            let rank = self.by_rank.last_key_value().map_or(0, |(last, _)| last + 1);
            let position = self.by_rank.len();
            self.by_rank.insert(rank, key);
            self.places.insert(key, Place { rank, position });
        }
    }

    pub(crate) fn push_front(&mut self, key: TorrentKey) {
        if !self.places.contains_key(&key) {
            self.changes += 1;
            let rank = self.by_rank.first_key_value().map_or(0, |(first, _)| first - 1);
            self.by_rank.insert(rank, key);
            self.places.insert(key, Place { rank, position: 0 });
            self.is_stale |= self.by_rank.len() > 1;
        }
    }

    /// Removes a torrent. Returns false if it is not in the queue.
    pub(crate) fn remove(&mut self, key: TorrentKey) -> bool {
        let Some(place) = self.places.remove(&key) else { return false };
        self.changes += 1;
        self.by_rank.remove(&place.rank);
        self.is_stale |= self.by_rank.last_key_value().is_some_and(|(last, _)| *last > place.rank);
        true
    }

    /// Moves torrents; those that are not in the queue are ignored. Returns the torrents whose rank has changed.
    pub(crate) fn shift(&mut self, keys: &[TorrentKey], target: Move) -> Vec<TorrentKey> {
        let moved: BTreeSet<(i64, TorrentKey)> =
            keys.iter().filter_map(|key| Some((self.rank(*key)?, *key))).collect();
        match target {
            Move::Top => {
                moved.iter().rev().for_each(|(_, key)| self.remove_then(*key, Self::push_front));
                moved.into_iter().map(|(_, key)| key).collect()
            }
            Move::Bottom => {
                moved.iter().for_each(|(_, key)| self.remove_then(*key, Self::push_back));
                moved.into_iter().map(|(_, key)| key).collect()
            }
            Move::Up => {
                let mut all: Vec<TorrentKey> = self.iter().collect();
                swap_forward(&mut all, &moved.into_iter().map(|(_, key)| key).collect());
                self.arrange(all)
            }
            Move::Down => {
                let mut all: Vec<TorrentKey> = self.iter().collect();
                all.reverse();
                swap_forward(&mut all, &moved.into_iter().map(|(_, key)| key).collect());
                all.reverse();
                self.arrange(all)
            }
            Move::To(position) => {
                let mut all: Vec<TorrentKey> = self.iter().collect();
                let chosen: BTreeSet<TorrentKey> = moved.iter().map(|(_, key)| *key).collect();
                all.retain(|key| !chosen.contains(key));
                let at = position.min(all.len());
                all.splice(at..at, moved.into_iter().map(|(_, key)| key));
                self.arrange(all)
            }
        }
    }

    /// Brings all positions up to date.
    pub(crate) fn number(&mut self) {
        if std::mem::take(&mut self.is_stale) {
            for (position, key) in self.by_rank.values().enumerate() {
                if let Some(place) = self.places.get_mut(key) {
                    place.position = position;
                }
            }
        }
    }

    fn remove_then(&mut self, key: TorrentKey, push: fn(&mut Self, TorrentKey)) {
        self.remove(key);
        push(self, key);
    }

    /// Gives the existing ranks to the torrents in a new order. Returns those whose rank has changed.
    fn arrange(&mut self, all: Vec<TorrentKey>) -> Vec<TorrentKey> {
        let mut changed = Vec::new();
        for ((rank, old), new) in self.by_rank.iter_mut().zip(all) {
            if *old != new {
                *old = new;
                if let Some(place) = self.places.get_mut(&new) {
                    place.rank = *rank;
                }
                changed.push(new);
            }
        }
        self.is_stale |= !changed.is_empty();
        self.changes += u64::from(!changed.is_empty());
        changed
    }
}

/// Swaps each moved element with the one before it, unless that is a moved one that could not move either.
fn swap_forward(all: &mut [TorrentKey], moved: &BTreeSet<TorrentKey>) {
    let mut free = 0;
    for index in 0..all.len() {
        if moved.contains(&all[index]) {
            if index > free {
                all.swap(index - 1, index);
                free = index;
            } else {
                free = index + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn queue(count: u64) -> Order {
        let mut order = Order::default();
        (0..count).for_each(|n| order.push_back(TorrentKey::new(n)));
        order
    }

    fn after(count: u64, keys: &[u64], target: Move) -> Vec<u64> {
        let mut order = queue(count);
        let keys: Vec<_> = keys.iter().copied().map(TorrentKey::new).collect();
        order.shift(&keys, target);
        order.iter().map(TorrentKey::as_u64).collect()
    }

    #[test]
    fn shift_of_several_torrents_keeps_their_order() {
        assert_eq!(after(5, &[4, 1, 2], Move::Top), [1, 2, 4, 0, 3]);
        assert_eq!(after(5, &[3, 0], Move::Bottom), [1, 2, 4, 0, 3]);
        assert_eq!(after(5, &[4, 0], Move::To(2)), [1, 2, 0, 4, 3]);
        assert_eq!(after(5, &[1, 4], Move::To(99)), [0, 2, 3, 1, 4]);
    }

    #[test]
    fn shift_by_one_stops_at_the_ends() {
        assert_eq!(after(5, &[0, 1, 3], Move::Up), [0, 1, 3, 2, 4]);
        assert_eq!(after(5, &[4, 3, 1], Move::Down), [0, 2, 1, 3, 4]);
        assert_eq!(after(5, &[2, 3], Move::Up), [0, 2, 3, 1, 4]);
        assert_eq!(after(5, &[1, 2], Move::Down), [0, 3, 1, 2, 4]);
    }

    #[test]
    fn shift_by_one_changes_two_ranks_only() {
        let mut order = queue(1000);
        let mut changed = order.shift(&[TorrentKey::new(500)], Move::Up);
        changed.sort_unstable();
        assert_eq!(changed, [TorrentKey::new(499), TorrentKey::new(500)]);
    }

    #[test]
    fn shift_of_unknown_torrents_changes_nothing() {
        assert_eq!(after(3, &[7], Move::Top), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn positions_after_any_changes_are_dense(
            ops in proptest::collection::vec((0u8..7, 0u64..12, 0u64..12), 0..60),
        ) {
            let mut order = queue(8);
            let mut model: Vec<u64> = (0..8).collect();
            for (op, a, b) in ops {
                let key = TorrentKey::new(a);
                let both = [key, TorrentKey::new(b)];
                match op {
                    0 => { order.push_back(key); if !model.contains(&a) { model.push(a); } }
                    1 => { order.push_front(key); if !model.contains(&a) { model.insert(0, a); } }
                    2 => { order.remove(key); model.retain(|n| *n != a); }
                    3 => {
                        order.shift(&both, Move::Top);
                        model.sort_by_key(|n| *n != a && *n != b);
                    }
                    4 => {
                        order.shift(&both, Move::Bottom);
                        model.sort_by_key(|n| *n == a || *n == b);
                    }
                    5 => {
                        order.shift(&[key], Move::To(b as usize));
                        if model.contains(&a) {
                            model.retain(|n| *n != a);
                            model.insert(model.len().min(b as usize), a);
                        }
                    }
                    _ => order.number(),
                }
                prop_assert_eq!(order.iter().map(TorrentKey::as_u64).collect::<Vec<_>>(), model.clone());
                for (position, n) in model.iter().enumerate() {
                    prop_assert_eq!(order.position(TorrentKey::new(*n)), Some(position));
                }
            }
        }
    }
}
