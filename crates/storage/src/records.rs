//! The folder that holds the resume files of all torrents.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Pid;
use ztor_metainfo::InfoHashes;

use crate::resume::Resume;
use crate::root::sync_folder;
use crate::store::FileStamp;

/// The extension of resume files in the folder.
pub const EXTENSION: &str = "resume";

/// Age up to which temporary files of a running process are kept: far more than a save takes. The limit is needed
/// because a later process may have the id of a crashed one.
const LEFT_ALONE: Duration = Duration::from_secs(3600);

/// Maximum number of resume files that a search reads.
const MAX_SEARCHED: usize = 10_000;

/// Returns the one of `stamps` that a resume file of another torrent than `own` records for a file that is not empty.
///
/// A stamp has nanoseconds, so two files hardly ever share one. The search skips resume files that cannot be read, and
/// reads at most 10,000.
pub fn left_by_another(folder: &Path, own: &InfoHashes, stamps: &HashSet<FileStamp>) -> Option<FileStamp> {
    let entries = std::fs::read_dir(folder).ok()?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let records = paths.filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    let loaded = records.take(MAX_SEARCHED).filter_map(|path| Resume::load(&path).ok());
    let others = loaded.filter(|record| !record.info_hashes.matches(own));
    others.flat_map(|record| record.stamps).find(|stamp| stamp.len > 0 && stamps.contains(stamp))
}

/// Removes the temporary files of interrupted writes of resume files, see
/// [`replace_file`](crate::resume::replace_file), and syncs the folder.
///
/// Keeps files of a running process for an hour. The sync makes resume files durable whose writer did not sync the
/// folder.
pub fn remove_leftovers(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let Some(process) = entry.file_name().to_str().and_then(writer_of) else { continue };
        let age = entry.metadata().and_then(|file| file.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_running(process) && age.is_none_or(|age| age < LEFT_ALONE) {
            continue;
        }
        if let Err(error) = std::fs::remove_file(entry.path()) {
            tracing::debug!(path = %entry.path().display(), %error, "cannot remove a leftover temporary file");
        }
    }
    if let Err(error) = sync_folder(folder) {
        tracing::warn!(path = %folder.display(), %error, "cannot sync the folder of resume files");
    }
}

/// Returns the id of the process that wrote a temporary file, from its name `<name>.<process>-<count>.tmp`.
fn writer_of(name: &str) -> Option<i32> {
    let (process, count) = name.strip_suffix(".tmp")?.rsplit('.').next()?.split_once('-')?;
    count.parse::<u64>().ok()?;
    process.parse().ok().filter(|process| *process > 0)
}

fn is_running(process: i32) -> bool {
    let Some(pid) = Pid::from_raw(process) else { return false };
    rustix::process::test_kill_process(pid) != Err(Errno::SRCH)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

    use super::*;
    use crate::testing::{Fixture, Kind};

    #[test]
    fn left_by_another_finds_a_stamp_in_the_records_of_other_torrents_only() {
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
            unfinished: Vec::new(),
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

    #[test]
    fn remove_leftovers_removes_temporary_files_of_ended_writers_only() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| std::fs::write(folder.path().join(name), b"x").unwrap();
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        let (dead, alive) = (ended.id(), std::process::id());
        ended.wait().unwrap();
        let kept = [
            "a.resume".to_owned(),
            "a.tmp".to_owned(),
            "a.resume.x-1.tmp".to_owned(),
            format!("a.resume.{alive}-1.tmp"),
        ];
        kept.iter().for_each(|name| write(name));
        write(&format!("a.resume.{dead}-0.tmp"));
        write(&format!("b.resume.{alive}-7.tmp"));
        let old =
            std::fs::File::options().write(true).open(folder.path().join(format!("b.resume.{alive}-7.tmp")));
        old.unwrap().set_modified(std::time::SystemTime::now() - 2 * LEFT_ALONE).unwrap();
        remove_leftovers(folder.path());
        let mut expected = kept.to_vec();
        expected.sort();
        assert_eq!(crate::testing::names_in(folder.path()), expected);
        remove_leftovers(&folder.path().join("missing"));
    }
}
