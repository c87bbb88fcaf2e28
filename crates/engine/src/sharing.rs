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
    /// The torrent fetches the piece.
    Opened,
    /// The torrent does not fetch the piece any more.
    Closed,
    /// The piece matches its hash.
    Verified,
}

/// A piece of a torrent.
type Place = (TorrentId, u32);

/// A file that two torrents have in common, as pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommonPieces {
    /// First piece of the file in one torrent.
    pub one: (TorrentId, u32),
    /// First piece of the file in the other torrent.
    pub two: (TorrentId, u32),
    /// Number of pieces.
    pub count: u32,
}

/// The common files of all torrents.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    files: BTreeMap<u64, File>,
    /// Files of each torrent, by their first piece.
    of: BTreeMap<TorrentId, BTreeMap<u32, u64>>,
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

impl Sharing {
    /// Records a file that two torrents have in common.
    pub(crate) fn link(&mut self, common: CommonPieces) {
        let CommonPieces { one, two, count } = common;
        let known =
            |(torrent, first): Place| self.of.get(&torrent).and_then(|files| files.get(&first)).copied();
        let id = known(one).or_else(|| known(two)).unwrap_or_else(|| {
            self.last += 1;
            self.last
        });
        let file = self.files.entry(id).or_insert_with(|| File { count, members: Vec::new() });
        for (torrent, first) in [one, two] {
            let files = self.of.entry(torrent).or_default();
            // A torrent whose file is part of another set already stays there.
            if *files.entry(first).or_insert(id) == id && !file.members.contains(&(torrent, first)) {
                file.members.push((torrent, first));
            }
        }
    }

    /// Returns true if a torrent has files in common with others.
    pub(crate) fn has(&self, torrent: TorrentId) -> bool {
        self.of.contains_key(&torrent)
    }

    /// Returns the pieces of a torrent that others have in common with it.
    pub(crate) fn pieces_of(&self, torrent: TorrentId) -> Vec<Range<u32>> {
        let files = self.of.get(&torrent).into_iter().flatten();
        let range = |(first, id): (&u32, &u64)| {
            let count = self.files.get(id).map_or(0, |file| file.count);
            *first..first.saturating_add(count)
        };
        files.map(range).collect()
    }

    /// Returns the torrents that have files in common with this one.
    pub(crate) fn partners_of(&self, torrent: TorrentId) -> BTreeSet<TorrentId> {
        let files = self.of.get(&torrent).into_iter().flat_map(|files| files.values());
        let members = files.filter_map(|id| self.files.get(id)).flat_map(|file| &file.members);
        members.map(|(member, _)| *member).filter(|member| *member != torrent).collect()
    }

    /// Returns the same piece of the other torrents.
    pub(crate) fn others(&self, (torrent, piece): Place) -> Vec<Place> {
        let first = self.of.get(&torrent).and_then(|files| files.range(..=piece).next_back());
        let Some((file, offset)) = first.and_then(|(first, id)| Some((self.files.get(id)?, piece - first)))
        else {
            return Vec::new();
        };
        if offset >= file.count {
            return Vec::new();
        }
        let others = file.members.iter().filter(|(member, _)| *member != torrent);
        others.map(|(member, first)| (*member, first + offset)).collect()
    }

    /// Forgets a removed torrent.
    pub(crate) fn remove(&mut self, torrent: TorrentId) {
        for id in self.of.remove(&torrent).into_iter().flat_map(BTreeMap::into_values) {
            let Some(file) = self.files.get_mut(&id) else { continue };
            file.members.retain(|(member, _)| *member != torrent);
            if let [(last, first)] = file.members[..] {
                self.files.remove(&id);
                if let Some(files) = self.of.get_mut(&last) {
                    files.remove(&first);
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
        sharing.link(CommonPieces { one: (a, 10), two: (b, 0), count: 5 });
        sharing.link(CommonPieces { one: (b, 0), two: (c, 100), count: 5 });
        sharing.link(CommonPieces { one: (a, 40), two: (c, 7), count: 1 });
        assert_eq!(sharing.others((a, 12)), [(b, 2), (c, 102)]);
        assert_eq!(sharing.others((c, 104)), [(a, 14), (b, 4)]);
        assert_eq!(sharing.others((c, 7)), [(a, 40)]);
        assert!(sharing.others((a, 15)).is_empty() && sharing.others((b, 5)).is_empty());
        assert_eq!(sharing.pieces_of(a), [10..15, 40..41]);
        assert_eq!(sharing.partners_of(b), BTreeSet::from([a, c]));
        sharing.remove(b);
        assert_eq!(sharing.others((a, 12)), [(c, 102)]);
        sharing.remove(c);
        assert!(!sharing.has(a) && sharing.files.is_empty() && sharing.of.is_empty());
    }
}
