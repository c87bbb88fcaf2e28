//! Files that two torrents have in common: one copy on disk.

use std::path::Path;

use ztor_metainfo::Metainfo;

use super::{TorrentStore, flag};
use crate::error::StorageError;
use crate::handles::Access;

/// Use of a file that another torrent has on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShareFiles {
    /// None: each torrent has its own copy.
    #[default]
    No,
    /// A hard link: one copy on disk, which all torrents complete. A program that changes it changes it for all.
    HardLink,
    /// A copy that shares its blocks with the original (reflink), of complete files only, where the file system can do that.
    Reflink,
}

/// Content of a file, as far as torrents describe it alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FileContent {
    /// Root of the hash tree (BEP 52), and length in bytes.
    V2([u8; 32], u64),
    /// Hashes of the pieces of a v1 file that begins with a piece and ends with one, or is the last; piece length, and
    /// length in bytes.
    V1(Vec<u8>, u32, u64),
}

impl FileContent {
    /// Returns an id of the content.
    pub fn id(&self) -> [u8; 32] {
        let (kind, hash, piece_length, len) = match self {
            Self::V2(root, len) => (2, root.as_slice(), 0, *len),
            Self::V1(hashes, piece_length, len) => (1, hashes.as_slice(), *piece_length, *len),
        };
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&piece_length.to_be_bytes());
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(hash);
        ztor_sha::Sha256::digest(bytes)
    }

    /// Returns the descriptions of a file that other torrents may have; none for pads, links and empty files.
    pub fn of(meta: &Metainfo, file: usize) -> Vec<Self> {
        let layout = &meta.layout;
        let Some(entry) = layout.files().get(file).filter(|entry| entry.has_data()) else {
            return Vec::new();
        };
        let mut found: Vec<Self> =
            entry.pieces_root().map(|root| Self::V2(root, entry.length)).into_iter().collect();
        let pieces = layout.pieces_of(file);
        let is_alone = pieces.clone().all(|piece| {
            let mut ranges = layout.ranges(piece, 0, layout.piece_len(piece));
            ranges.all(|range| range.file == file)
        });
        if !is_alone || !meta.is_v1() {
            return found;
        }
        let bulk = match meta.bulk() {
            Ok(bulk) => bulk,
            Err(error) => {
                tracing::warn!(%error, torrent = meta.name, "cannot compare the files of a torrent with those of others");
                return found;
            }
        };
        let hashes: Option<Vec<_>> = pieces.map(|piece| bulk.hashes().v1(piece)).collect();
        if let Some(hashes) = hashes.filter(|hashes| !hashes.is_empty()) {
            let hashes = hashes.iter().flat_map(|hash| hash.as_bytes().to_vec()).collect();
            found.push(Self::V1(hashes, layout.piece_length(), entry.length));
        }
        found
    }
}

impl TorrentStore {
    /// Takes the file of another torrent as this one's, if there is none yet. Both have the same content
    /// ([`FileContent`]). With a hard link, both may be incomplete.
    ///
    /// Returns false, and changes nothing, if this file exists, the other does not and is not wanted or is not the other
    /// torrent's (it has neither created it nor verified all of it), the two are on different file systems, or the file
    /// system cannot do it. No hard link is made to a file of a read-only torrent.
    ///
    /// # Errors
    /// Any error of the disk.
    pub fn adopt(
        &self,
        file: usize,
        other: &Self,
        theirs: usize,
        how: ShareFiles,
    ) -> Result<bool, StorageError> {
        let may_write = !self.options.read_only && self.places().is_wanted(file) && self.is_real(file);
        let (root, path) = (self.root(), self.relative(file));
        if how == ShareFiles::No || !may_write || root.exists_at(&path)? {
            return Ok(false);
        }
        // An original that is not begun yet is created, so that there is one file from the start.
        let is_begun = other.root().exists_at(&other.relative(theirs))?;
        let is_complete = || other.layout().pieces_of(theirs).all(|piece| other.is_verified(piece));
        let may_use = match (how, is_begun) {
            // It will be written to through both names.
            _ if other.options.read_only => how == ShareFiles::Reflink,
            (_, false) => other.places().is_wanted(theirs),
            // Not a file of the user that only has its name and length.
            (_, true) => other.has_flag(theirs, flag::OWN) || is_complete(),
        };
        if !may_use {
            return Ok(false);
        }
        let original = other.path_of(theirs);
        let adopted = match how {
            ShareFiles::No => false,
            ShareFiles::HardLink => {
                if !is_begun {
                    other.handle(theirs, Access::ReadWrite)?;
                }
                self.is_whole_length(file, &original) && root.hard_link(&original, &path)?
            }
            ShareFiles::Reflink => is_complete() && root.reflink(&original, &path)?,
        };
        if adopted {
            self.set_flag(file, flag::OWN);
        }
        if adopted && how == ShareFiles::HardLink {
            self.set_flag(file, flag::SHARED);
            other.set_flag(theirs, flag::SHARED);
            self.handles.written().share(&original, [self.id, other.id]);
        }
        Ok(adopted)
    }

    /// Finds out whether two torrents, neither of them read-only, have one file on disk, as after a restart. Both are
    /// treated as sharing it then.
    pub fn shares(&self, file: usize, other: &Self, theirs: usize) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let id = |path: &Path| std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()));
        let (mine, original) = (self.path_of(file), other.path_of(theirs));
        let may_write = !self.options.read_only && !other.options.read_only;
        let is_one = may_write && id(&mine).is_some_and(|mine| Some(mine) == id(&original));
        if is_one {
            self.set_flag(file, flag::SHARED);
            other.set_flag(theirs, flag::SHARED);
            self.handles.written().share(&original, [self.id, other.id]);
        }
        is_one
    }

    fn is_whole_length(&self, file: usize, path: &Path) -> bool {
        std::fs::symlink_metadata(path)
            .is_ok_and(|found| found.is_file() && found.len() == self.length_of(file))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

    use super::*;
    use crate::testing::{Fixture, Kind};
    use crate::{PieceWriter, Pieces, StoreOptions, check_all};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    /// Two torrents with the same second file.
    fn pair(kind: Kind) -> (Fixture, Fixture) {
        let common = (0..100_000u32).map(|n| (n % 251) as u8).collect::<Vec<_>>();
        let one = Fixture::new(kind, 16384, &[("a", vec![1; 16384]), ("same", common.clone())]);
        let two = Fixture::new(kind, 16384, &[("b", vec![2; 32768]), ("same", common)]);
        (one, two)
    }

    /// Opens both torrents with one cache of handles, as in a session.
    fn stores(one: &Fixture, two: &Fixture) -> [Arc<TorrentStore>; 2] {
        let open = |of: &Fixture, dir: &str| {
            let (meta, handles) = (Arc::clone(&of.meta), Arc::clone(&one.handles));
            let dir = one.dir.path().join(dir);
            Arc::new(TorrentStore::open(meta, &dir, None, StoreOptions::default(), handles).unwrap())
        };
        [open(one, "one"), open(two, "two")]
    }

    fn same(meta: &Metainfo) -> usize {
        meta.layout.files().iter().position(|file| &*file.path == "same").unwrap()
    }

    #[test]
    fn of_the_same_file_in_two_torrents_is_the_same_content() {
        for kind in [Kind::V1, Kind::V2, Kind::Hybrid] {
            let (one, two) = pair(kind);
            let [one, two] = [&one, &two].map(|of| FileContent::of(&of.meta, same(&of.meta)));
            assert!(!one.is_empty() && one == two);
        }
    }

    #[test]
    fn adopt_by_hard_link_lets_two_torrents_complete_one_file() {
        let (one, two) = pair(Kind::V2);
        let [first, second] = stores(&one, &two);
        let (here, there) = (same(&two.meta), same(&one.meta));
        assert!(second.adopt(here, &first, there, ShareFiles::HardLink).unwrap());
        assert!(!second.adopt(here, &first, there, ShareFiles::HardLink).unwrap(), "it exists");
        assert!(second.shares(here, &first, there));
        first.prepare().unwrap();
        second.prepare().unwrap();
        let (mut writer, mut done) = (PieceWriter::new(), Vec::new());
        let pieces = |of: &Fixture, file| of.meta.layout.pieces_of(file);
        for (at, (mine, theirs)) in pieces(&two, here).zip(pieces(&one, there)).enumerate() {
            match at % 2 {
                0 => writer.write(&mut two.jobs(&second, mine), &mut done),
                _ => writer.write(&mut one.jobs(&first, theirs), &mut done),
            }
        }
        for (store, of, file) in [(&first, &one, there), (&second, &two, here)] {
            let good = check_all(store, Pieces::All, 1, |_| {}, &AtomicBool::new(false)).unwrap();
            assert!(pieces(of, file).all(|piece| good[piece as usize]));
        }
        second.sync().unwrap();
        // Writes of the other torrent are no changes by other programs.
        let known = second.fingerprint().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        writer.write(&mut one.jobs(&first, one.meta.layout.pieces_of(there).start), &mut done);
        let now = second.fingerprint().unwrap();
        assert_eq!(second.changed_by_others(&known, &now, &[]), None);
    }

    #[test]
    fn adopt_of_a_file_of_the_user_or_of_a_read_only_torrent_changes_nothing() {
        let (one, two) = pair(Kind::V2);
        let [first, second] = stores(&one, &two);
        let (here, there) = (same(&two.meta), same(&one.meta));
        let path = first.path_of(there);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, vec![9; 100_000]).unwrap();
        for how in [ShareFiles::HardLink, ShareFiles::Reflink] {
            assert!(!second.adopt(here, &first, there, how).unwrap(), "it has the length, and nothing else");
        }
        assert!(!second.path_of(here).exists());
        std::fs::write(&path, &one.data[there]).unwrap();
        let options = StoreOptions { read_only: true, ..StoreOptions::default() };
        let (meta, dir) = (Arc::clone(&one.meta), one.dir.path().join("one"));
        let first = TorrentStore::open(meta, &dir, None, options, Arc::clone(&one.handles)).unwrap();
        check_all(&Arc::new(first), Pieces::All, 1, |_| {}, &AtomicBool::new(false)).unwrap();
        let (meta, handles) = (Arc::clone(&one.meta), Arc::clone(&one.handles));
        let first = TorrentStore::open(meta, &dir, None, options, handles).unwrap();
        one.meta.layout.pieces_of(there).for_each(|piece| first.believe(piece));
        assert!(!second.adopt(here, &first, there, ShareFiles::HardLink).unwrap(), "it must not be written");
    }

    #[test]
    fn adopt_of_a_file_that_nobody_wants_or_by_choice_changes_nothing() {
        let (one, two) = pair(Kind::V2);
        let [first, second] = stores(&one, &two);
        let (here, there) = (same(&two.meta), same(&one.meta));
        assert!(!second.adopt(here, &first, there, ShareFiles::No).unwrap());
        assert!(!second.adopt(here, &first, there, ShareFiles::Reflink).unwrap(), "it is not complete");
        assert!(!one.dir.path().join("two").exists() && !one.dir.path().join("one").exists());
    }
}
