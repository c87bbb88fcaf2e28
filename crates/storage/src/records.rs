//! The folder that holds the resume files of all torrents.

use std::collections::HashSet;
use std::path::Path;

use ztor_metainfo::InfoHashes;

use crate::resume::Resume;
use crate::store::FileStamp;

/// The extension of resume files in the folder.
pub const EXTENSION: &str = "resume";

/// The most resume files that a search reads.
const MAX_SEARCHED: usize = 10_000;

/// The one of these stamps of files that are not empty with which a resume file of another torrent than `own` says that
/// it has left a file.
///
/// A stamp has nanoseconds, so two files hardly ever share one. Resume files that cannot be read are skipped, and
/// no more than 10,000 are read.
pub fn left_by_another(folder: &Path, own: &InfoHashes, stamps: &HashSet<FileStamp>) -> Option<FileStamp> {
    let entries = std::fs::read_dir(folder).ok()?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let records = paths.filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    let loaded = records.take(MAX_SEARCHED).filter_map(|path| Resume::load(&path).ok());
    let others = loaded.filter(|record| !record.info_hashes.matches(own));
    others.flat_map(|record| record.stamps).find(|stamp| stamp.len > 0 && stamps.contains(stamp))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

    use super::*;
    use crate::testing::{Fixture, Kind};

    #[test]
    fn stamp_is_found_in_the_record_of_another_torrent_only() {
        let (one, two) =
            (Fixture::of_lengths(Kind::V1, 16384, &[10]), Fixture::of_lengths(Kind::V1, 16384, &[11]));
        let left = FileStamp { len: 10, mtime_ns: 77 };
        let record = |torrent: &Fixture, stamp| Resume {
            info_hashes: torrent.meta.info_hashes,
            dir: torrent.dir.path().to_owned(),
            have: vec![0x80],
            stamps: vec![FileStamp::ABSENT, stamp],
            wanted: Vec::new(),
            own: Vec::new(),
            uploaded: 0,
            downloaded: 0,
            peers: Vec::new(),
        };
        let folder = tempfile::tempdir().unwrap();
        let stamps = HashSet::from([left]);
        let (own, other) = (&two.meta.info_hashes, Some(left));
        assert_eq!(left_by_another(&folder.path().join("missing"), own, &stamps), None);
        record(&two, left).save(&folder.path().join("two.resume")).unwrap();
        std::fs::write(folder.path().join("bad.resume"), b"junk").unwrap();
        assert_eq!(left_by_another(folder.path(), own, &stamps), None);
        record(&one, FileStamp { len: 10, mtime_ns: 78 }).save(&folder.path().join("one.resume")).unwrap();
        assert_eq!(left_by_another(folder.path(), own, &stamps), None);
        record(&one, left).save(&folder.path().join("one.resume")).unwrap();
        assert_eq!(left_by_another(folder.path(), own, &stamps), other);
        assert_eq!(left_by_another(folder.path(), own, &HashSet::from([FileStamp::ABSENT])), None);
    }
}
