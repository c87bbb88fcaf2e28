//! Files that several torrents have in common on disk.
//!
//! The pieces of such a file are those of each of its torrents, and lie at the same place on disk. So only one torrent
//! fetches a piece at a time: the others have it *barred* meanwhile. When the piece is verified, the others look at the
//! disk ([`Outbox::looks`](crate::Outbox::looks)).

use crate::ids::TorrentId;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Change of a piece in one torrent that concerns the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShareNews {
    /// It is fetched.
    Opened,
    /// It is not fetched any more.
    Closed,
    /// It is verified.
    Verified,
}

/// A piece of a torrent.
type Place = (TorrentId, u32);

/// The common files of all torrents.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    files: BTreeMap<u64, File>,
    /// Files of each torrent.
    of: BTreeMap<TorrentId, BTreeSet<u64>>,
    last: u64,
}

/// A file that torrents have in common.
#[derive(Debug)]
struct File {
    /// Number of its pieces.
    count: u32,
    /// The torrents, with the first piece of the file in each.
    members: Vec<Place>,
}

impl File {
    /// Returns the offset of a piece of a torrent in the file; `None` if the piece is not part of it.
    fn offset_of(&self, (torrent, piece): Place) -> Option<u32> {
        let mut members = self.members.iter().filter(|(member, _)| *member == torrent);
        members.find_map(|(_, first)| piece.checked_sub(*first).filter(|offset| *offset < self.count))
    }
}

impl Sharing {
    /// Records that `count` pieces from two pieces on are the same file on disk.
    pub(crate) fn link(&mut self, one: Place, two: Place, count: u32) {
        let known = |place: Place| {
            let files = self.of.get(&place.0).into_iter().flatten();
            let is_it = |id: &&u64| self.files.get(id).is_some_and(|file| file.members.contains(&place));
            files.copied().find(|id| is_it(&id))
        };
        let id = known(one).or_else(|| known(two)).unwrap_or_else(|| {
            self.last += 1;
            self.last
        });
        let file = self.files.entry(id).or_insert_with(|| File { count, members: Vec::new() });
        for place in [one, two] {
            if !file.members.contains(&place) {
                file.members.push(place);
            }
            self.of.entry(place.0).or_default().insert(id);
        }
    }

    /// Returns true if a torrent has files in common with others.
    pub(crate) fn has(&self, torrent: TorrentId) -> bool {
        self.of.contains_key(&torrent)
    }

    /// Returns the pieces of a torrent that others have in common with it.
    pub(crate) fn pieces_of(&self, torrent: TorrentId) -> Vec<Range<u32>> {
        let files = self.of.get(&torrent).into_iter().flatten().filter_map(|id| self.files.get(id));
        let ranges = files.flat_map(|file| {
            let members = file.members.iter().filter(|(member, _)| *member == torrent);
            members.map(|(_, first)| *first..first.saturating_add(file.count))
        });
        ranges.collect()
    }

    /// Returns the same piece of the other torrents.
    pub(crate) fn others(&self, place: Place) -> Vec<Place> {
        let files = self.of.get(&place.0).into_iter().flatten().filter_map(|id| self.files.get(id));
        let others =
            files.filter_map(|file| Some((file, file.offset_of(place)?))).flat_map(|(file, offset)| {
                let members = file.members.iter().filter(|(member, _)| *member != place.0);
                members.map(move |(member, first)| (*member, first + offset))
            });
        others.collect()
    }

    /// Forgets a removed torrent.
    pub(crate) fn remove(&mut self, torrent: TorrentId) {
        for id in self.of.remove(&torrent).into_iter().flatten() {
            let Some(file) = self.files.get_mut(&id) else { continue };
            file.members.retain(|(member, _)| *member != torrent);
            if let [(last, _)] = file.members[..] {
                self.files.remove(&id);
                if let Some(files) = self.of.get_mut(&last) {
                    files.remove(&id);
                    if files.is_empty() {
                        self.of.remove(&last);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> TorrentId {
        TorrentId::from_u64(1 << 32 | number)
    }

    #[test]
    fn others_of_a_piece_are_those_of_all_torrents_with_the_file() {
        let mut sharing = Sharing::default();
        let (a, b, c) = (id(1), id(2), id(3));
        sharing.link((a, 10), (b, 0), 5);
        sharing.link((b, 0), (c, 100), 5);
        sharing.link((a, 40), (c, 7), 1);
        assert_eq!(sharing.others((a, 12)), [(b, 2), (c, 102)]);
        assert_eq!(sharing.others((c, 104)), [(a, 14), (b, 4)]);
        assert_eq!(sharing.others((c, 7)), [(a, 40)]);
        assert!(sharing.others((a, 15)).is_empty() && sharing.others((b, 5)).is_empty());
        assert_eq!(sharing.pieces_of(a), [10..15, 40..41]);
        sharing.remove(b);
        assert_eq!(sharing.others((a, 12)), [(c, 102)]);
        sharing.remove(c);
        assert!(!sharing.has(a) && sharing.files.is_empty() && sharing.of.is_empty());
    }
}
