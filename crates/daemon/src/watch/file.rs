//! Files of watched folders: their content, and what becomes of them after they were loaded.

use super::stamp::Stamp;
use rustix::fs::{AtFlags, CWD, OFlags};
use rustix::io::Errno;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Maximum number of lines in a file of magnet links.
const MAX_LINES: usize = 1000;
/// Maximum number of names that are tried for a loaded file.
const MAX_NAMES: usize = 1000;

/// Result of reading a file.
#[derive(Debug)]
pub(crate) enum Read {
    /// Content of the version that was asked for.
    Content(Vec<u8>),
    /// The file is another version now.
    Changed(Stamp),
    /// The file is gone, or is no regular file any more.
    Gone,
    /// The file is longer than allowed.
    TooLong,
    /// The file cannot be read.
    Failed(io::Error),
}

/// Result of renaming or deleting a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SetAside {
    /// The file was renamed or deleted, or is gone.
    Done,
    /// The file is another version now, and stays.
    Changed(Stamp),
}

/// Reads a version of a file.
pub(crate) fn read(path: &Path, stamp: Stamp, max_bytes: usize) -> Read {
    match try_read(path, stamp, max_bytes) {
        Ok(read) => read,
        Err(error) if error.kind() == ErrorKind::NotFound => Read::Gone,
        Err(error) => Read::Failed(error),
    }
}

fn try_read(path: &Path, stamp: Stamp, max_bytes: usize) -> io::Result<Read> {
    // A pipe that has taken the place of the file would block.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let before = file.metadata()?;
    if !before.is_file() {
        return Ok(Read::Gone);
    }
    let found = Stamp::of(&before);
    if found != stamp {
        return Ok(Read::Changed(found));
    }
    if found.size_bytes > max_bytes as u64 {
        return Ok(Read::TooLong);
    }
    let mut bytes = Vec::new();
    file.by_ref().take(max_bytes as u64 + 1).read_to_end(&mut bytes)?;
    let after = Stamp::of(&file.metadata()?);
    if after != stamp || bytes.len() as u64 != stamp.size_bytes {
        return Ok(Read::Changed(after));
    }
    Ok(Read::Content(bytes))
}

/// Returns the lines of a file of magnet links that are not blank, with their numbers.
///
/// # Errors
/// The file is not UTF-8, or has too many lines or none.
pub(crate) fn magnet_lines(bytes: &[u8]) -> Result<Vec<(usize, &str)>, String> {
    let text = str::from_utf8(bytes).map_err(|_| "cannot use the file: it is not UTF-8 text".to_owned())?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).zip(1..);
    let mut found = Vec::new();
    for (line, number) in lines.filter(|(line, _)| !line.is_empty()) {
        if found.len() >= MAX_LINES {
            return Err(format!(
                "cannot use the file: it has more than {MAX_LINES} lines; split it into several files"
            ));
        }
        found.push((number, line));
    }
    if found.is_empty() {
        return Err("cannot use the file: it is empty; write a magnet link or info-hash in each line".into());
    }
    Ok(found)
}

/// Adds `.added` to the name of a loaded file, with a number if that name exists.
pub(crate) fn rename(path: &Path, stamp: Stamp) -> io::Result<SetAside> {
    if let Some(done) = changed(path, stamp)? {
        return Ok(done);
    }
    for number in 1..=MAX_NAMES {
        let mut name = path.as_os_str().to_owned();
        name.push(".added");
        if number > 1 {
            name.push(format!("-{number}"));
        }
        match rename_new(path, Path::new(&name)) {
            Err(Errno::EXIST) => {}
            Err(Errno::NOENT) | Ok(()) => return Ok(SetAside::Done),
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, "too many files have such a name; remove some"))
}

/// Deletes a loaded file.
pub(crate) fn delete(path: &Path, stamp: Stamp) -> io::Result<SetAside> {
    if let Some(done) = changed(path, stamp)? {
        return Ok(done);
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(SetAside::Done),
    }
}

/// Returns the result if the file is not the version that was loaded.
fn changed(path: &Path, stamp: Stamp) -> io::Result<Option<SetAside>> {
    match path.metadata().map(|metadata| Stamp::of(&metadata)) {
        Ok(found) if found == stamp => Ok(None),
        Ok(found) => Ok(Some(SetAside::Changed(found))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Some(SetAside::Done)),
        Err(error) => Err(error),
    }
}

/// Renames unless the new name exists (`EEXIST`).
fn rename_new(from: &Path, to: &Path) -> Result<(), Errno> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    match rustix::fs::renameat_with(CWD, from, CWD, to, rustix::fs::RenameFlags::NOREPLACE) {
        // Some file systems cannot do it in one step.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        renamed => return renamed,
    }
    match rustix::fs::statat(CWD, to, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => rustix::fs::renameat(CWD, from, CWD, to),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&path.metadata().unwrap())
    }

    #[test]
    fn read_returns_only_the_version_that_was_asked_for() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("a.torrent");
        std::fs::write(&path, "one").unwrap();
        let first = stamp(&path);
        assert!(matches!(read(&path, first, 3), Read::Content(bytes) if bytes == b"one"));
        assert!(matches!(read(&path, first, 2), Read::TooLong));
        std::fs::write(&path, "longer").unwrap();
        assert!(matches!(read(&path, first, 10), Read::Changed(now) if now == stamp(&path)));
        assert_eq!(rename(&path, first).unwrap(), SetAside::Changed(stamp(&path)));
        assert_eq!(delete(&path, first).unwrap(), SetAside::Changed(stamp(&path)));
        assert!(path.exists());
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(read(&path, first, 10), Read::Gone));
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(read(&path, first, 10), Read::Gone));
    }

    #[test]
    fn rename_never_replaces_a_file() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("a.torrent");
        for n in 1..=3 {
            std::fs::write(&path, n.to_string()).unwrap();
            assert_eq!(rename(&path, stamp(&path)).unwrap(), SetAside::Done);
        }
        for (name, content) in
            [("a.torrent.added", "1"), ("a.torrent.added-2", "2"), ("a.torrent.added-3", "3")]
        {
            assert_eq!(std::fs::read_to_string(tmp.path().join(name)).unwrap(), content);
        }
    }

    #[test]
    fn magnet_lines_leaves_out_blank_ones_and_is_bounded() {
        assert_eq!(magnet_lines(b"\xef\xbb\xbfone\r\n\n  two ").unwrap(), [(1, "one"), (3, "two")]);
        assert!(magnet_lines(b" \n").unwrap_err().contains("empty"));
        assert!(magnet_lines(b"\xff").unwrap_err().contains("UTF-8"));
        assert_eq!(magnet_lines("a\n".repeat(MAX_LINES).as_bytes()).unwrap().len(), MAX_LINES);
        assert!(magnet_lines("a\n".repeat(MAX_LINES + 1).as_bytes()).is_err());
    }
}
