//! The statuses of all torrents at one moment, in parts that later moments share.
//!
//! A change copies the part of its torrent only. One list of all would be copied as a whole for every new torrent: with
//! 100,000 of them, most of the time of an addition.

use std::collections::BTreeMap;
use std::iter::FlatMap;
use std::slice;
use std::sync::Arc;
use ztor_engine::{TorrentId, TorrentStatus};

/// Maximum number of torrents in a part.
const PART: usize = 256;

/// A torrent, with its id outside the status, which may not be in the cache of the processor.
type Entry = (TorrentId, Arc<TorrentStatus>);
type Part = Arc<Vec<Entry>>;

/// The torrents of a [`Snapshot`](crate::Snapshot). It shares unchanged ones with the snapshot before.
#[derive(Debug, Clone, Default)]
pub struct Torrents {
    /// Sorted by the ids; no part is empty.
    parts: Vec<Part>,
    len: usize,
}

/// A difference between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// The status of a torrent, which is new or has changed.
    Status(&'a Arc<TorrentStatus>),
    /// A torrent that does not exist any more.
    Gone(TorrentId),
}

/// Changes since the last snapshot; `None` for a removed torrent. Bounded by the number of torrents that existed.
pub(crate) type News = BTreeMap<TorrentId, Option<Arc<TorrentStatus>>>;

impl Torrents {
    /// Iterates over the torrents in order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &TorrentStatus> + DoubleEndedIterator + Clone {
        let entries: fn(&Part) -> slice::Iter<'_, Entry> = |part| part.iter();
        Iter { entries: self.parts.iter().flat_map(entries), left: self.len }
    }

    /// Returns the number of torrents.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there is no torrent.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn get(&self, id: TorrentId) -> Option<&TorrentStatus> {
        let part = self.parts.get(self.part_of(id))?;
        let at = part.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        part.get(at).map(|(_, status)| &**status)
    }

    /// Returns the first part that ends with this id or a larger one.
    fn part_of(&self, id: TorrentId) -> usize {
        self.parts.partition_point(|part| part.last().is_some_and(|(last, _)| *last < id))
    }

    pub(crate) fn update(&mut self, news: News) {
        for (id, status) in news {
            // Ids behind all others go into the last part.
            let at = self.part_of(id).min(self.parts.len().saturating_sub(1));
            match (self.parts.get_mut(at), status) {
                (None, Some(status)) => self.parts.push(Arc::new(vec![(id, status)])),
                (None, None) => continue,
                (Some(part), status) => match (part.binary_search_by_key(&id, |(id, _)| *id), status) {
                    (Ok(place), Some(status)) => {
                        Arc::make_mut(part)[place].1 = status;
                        continue;
                    }
                    (Err(_), None) => continue,
                    (Err(place), Some(status)) => {
                        let part = Arc::make_mut(part);
                        part.insert(place, (id, status));
                        self.split(at);
                    }
                    (Ok(place), None) => {
                        let part = Arc::make_mut(part);
                        part.remove(place);
                        if part.is_empty() {
                            self.parts.remove(at);
                        }
                        self.len -= 1;
                        continue;
                    }
                },
            }
            self.len += 1;
        }
    }

    /// Splits a part that has become too long. The last one is split at its end, as most new ids are larger than all others.
    fn split(&mut self, at: usize) {
        let is_last = at + 1 == self.parts.len();
        if let Some(part) = self.parts.get_mut(at).filter(|part| part.len() > PART) {
            let rest = Arc::make_mut(part).split_off(if is_last { PART } else { PART / 2 });
            self.parts.insert(at + 1, Arc::new(rest));
        }
    }

    /// Returns the differences from earlier ones, in order of the ids. Parts in common cost a comparison of two pointers.
    pub(crate) fn changes_since<'a>(&'a self, earlier: &'a Self) -> impl Iterator<Item = Change<'a>> {
        let (mut now, mut before) = (Cursor::new(self), Cursor::new(earlier));
        std::iter::from_fn(move || {
            loop {
                if let (Some(new), Some(old)) = (now.whole_part(), before.whole_part())
                    && Arc::ptr_eq(new, old)
                {
                    now.skip_part();
                    before.skip_part();
                    continue;
                }
                match (now.peek(), before.peek()) {
                    (None, None) => return None,
                    (Some((new, status)), Some((old, earlier))) if new == old => {
                        now.next();
                        before.next();
                        if !Arc::ptr_eq(status, earlier) {
                            return Some(Change::Status(status));
                        }
                    }
                    (Some((new, status)), old) if old.is_none_or(|(old, _)| new < old) => {
                        now.next();
                        return Some(Change::Status(status));
                    }
                    (_, Some((old, _))) => {
                        before.next();
                        return Some(Change::Gone(*old));
                    }
                    (Some(_), None) => return None,
                }
            }
        })
    }
}

/// A position in [`Torrents`].
struct Cursor<'a> {
    parts: &'a [Part],
    /// Index in the first part, which has such an entry.
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(of: &'a Torrents) -> Self {
        Self { parts: &of.parts, at: 0 }
    }

    fn peek(&self) -> Option<&'a Entry> {
        self.parts.first()?.get(self.at)
    }

    fn next(&mut self) {
        self.at += 1;
        if self.parts.first().is_some_and(|part| self.at >= part.len()) {
            self.skip_part();
        }
    }

    /// Returns the part that begins here; `None` inside of one.
    fn whole_part(&self) -> Option<&'a Part> {
        self.parts.first().filter(|_| self.at == 0)
    }

    fn skip_part(&mut self) {
        self.parts = self.parts.get(1..).unwrap_or_default();
        self.at = 0;
    }
}

type Entries<'a> =
    FlatMap<slice::Iter<'a, Part>, slice::Iter<'a, Entry>, fn(&'a Part) -> slice::Iter<'a, Entry>>;

#[derive(Clone)]
struct Iter<'a> {
    entries: Entries<'a>,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a TorrentStatus;

    fn next(&mut self) -> Option<Self::Item> {
        let (_, status) = self.entries.next()?;
        self.left -= 1;
        Some(status)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (_, status) = self.entries.next_back()?;
        self.left -= 1;
        Some(status)
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::snapshot::tests::{id, status};
    use std::collections::BTreeMap;

    /// Model of [`Torrents`].
    type Model = BTreeMap<TorrentId, Arc<TorrentStatus>>;

    fn check(torrents: &Torrents, model: &Model) {
        assert_eq!(torrents.len(), model.len());
        assert!(torrents.parts.iter().all(|part| (1..=PART).contains(&part.len())));
        let ids: Vec<TorrentId> = torrents.iter().map(|status| status.id).collect();
        assert_eq!(ids, model.keys().copied().collect::<Vec<_>>());
        let mut back: Vec<TorrentId> = torrents.iter().rev().map(|status| status.id).collect();
        back.reverse();
        assert_eq!((back, torrents.iter().len()), (ids, model.len()));
        for (id, status) in model {
            assert_eq!(torrents.get(*id).unwrap().have_bytes, status.have_bytes);
        }
    }

    fn expected(now: &Model, before: &Model) -> Vec<(TorrentId, Option<u64>)> {
        let ids: std::collections::BTreeSet<_> = now.keys().chain(before.keys()).copied().collect();
        let differs = |id: &TorrentId| match (now.get(id), before.get(id)) {
            (Some(now), Some(before)) => !Arc::ptr_eq(now, before),
            _ => true,
        };
        ids.into_iter().filter(differs).map(|id| (id, now.get(&id).map(|status| status.have_bytes))).collect()
    }

    #[test]
    fn torrents_after_random_changes_are_those_of_a_map() {
        for seed in 0..20 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut torrents, mut model) = (Torrents::default(), Model::new());
            let mut earlier: Vec<(Torrents, Model)> = Vec::new();
            for round in 0..60 {
                let mut news = News::new();
                for _ in 0..rng.u32(0..120) {
                    let n = if rng.bool() { rng.u64(0..1500) } else { round * 25 + rng.u64(0..25) };
                    let have = (rng.u32(0..4) > 0).then(|| Arc::new(status(n, rng.u64(..))));
                    news.insert(id(n), have);
                }
                for (id, status) in &news {
                    match status {
                        Some(status) => drop(model.insert(*id, Arc::clone(status))),
                        None => drop(model.remove(id)),
                    }
                }
                torrents.update(news);
                check(&torrents, &model);
                earlier.push((torrents.clone(), model.clone()));
                let (before, then) = &earlier[rng.usize(..earlier.len())];
                let changes = torrents.changes_since(before).map(|change| match change {
                    Change::Status(status) => (status.id, Some(status.have_bytes)),
                    Change::Gone(id) => (id, None),
                });
                assert_eq!(changes.collect::<Vec<_>>(), expected(&model, then), "seed {seed}, round {round}");
            }
            earlier.iter().for_each(|(torrents, model)| check(torrents, model));
        }
    }
}
