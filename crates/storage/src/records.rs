//! The folder that holds the resume files of all torrents.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Pid;

use crate::error::{At, Operation};
use crate::resume::{ResumeError, put_file, read_file};
use crate::root::sync_folder;

/// The extension of resume files in the folder.
pub const EXTENSION: &str = "resume";

/// Age up to which temporary files of a running process are kept: far more than a save takes. The limit is needed
/// because a later process may have the id of a crashed one.
const LEFT_ALONE: Duration = Duration::from_secs(3600);

/// Calls `visit` with the content of every resume file in a folder, until it breaks. Skips files that cannot be read.
pub fn visit(folder: &Path, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let records = paths.filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    for content in records.filter_map(|path| read_file(&path).ok()) {
        if visit(&content).is_break() {
            return;
        }
    }
}

/// Replaces a resume file as a whole or not at all, except for the sync of the folder, which several files can share. Until
/// [`sync_records`](crate::resume::sync_records) has returned, a crash may restore the earlier file.
pub fn write_unsynced(path: &Path, content: &[u8]) -> Result<(), ResumeError> {
    put_file(path, content)?;
    Ok(())
}

/// Removes a resume file, if it exists. After a crash it may exist again until the folder was synced.
pub fn remove(path: &Path) -> Result<(), ResumeError> {
    crate::crash::point();
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(cause).at(Operation::Remove, || path.to_owned())?
        }
        _ => Ok(()),
    }
}

/// Removes the temporary files of interrupted writes of resume files, see
/// [`replace_file`](crate::resume::replace_file), and syncs the folder.
///
/// Keeps files of a running process for an hour. The sync makes resume files durable whose writer did not sync the
/// folder. Returns false if it failed.
pub fn remove_leftovers(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return true };
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
    let synced = sync_folder(folder);
    if let Err(error) = &synced {
        tracing::warn!(path = %folder.display(), %error, "cannot sync the folder of resume files");
    }
    synced.is_ok()
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
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up should end the test")]

    use super::*;

    #[test]
    fn visit_of_a_folder_sees_all_resume_files_until_it_breaks() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
        write("a.resume", b"a");
        write("b.resume", b"b");
        write("c.tmp", b"c");
        let seen = |most: usize| {
            let mut seen = Vec::new();
            visit(folder.path(), &mut |content| {
                seen.extend_from_slice(content);
                if seen.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            seen.sort_unstable();
            seen
        };
        assert_eq!((seen(9), seen(1).len()), (b"ab".to_vec(), 1));
        visit(&folder.path().join("missing"), &mut |_| panic!("no folder, no files"));
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
