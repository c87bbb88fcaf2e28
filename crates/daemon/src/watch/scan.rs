//! Scans of watched folders.

use super::place::{Kind, is_hidden};
use super::stamp::Stamp;
use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Maximum depth of sub-folders below a watched folder.
const MAX_DEPTH: usize = 16;
/// Maximum number of entries in a scan.
pub(super) const MAX_ENTRIES: usize = 100_000;

/// Request for a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScanOrder {
    /// Watched folder.
    pub(crate) dir: PathBuf,
    /// True to scan the folders in it too.
    pub(crate) is_recursive: bool,
    /// Watched folders in it, which own what is in them.
    pub(super) inner: BTreeSet<PathBuf>,
    /// Generation of the settings.
    pub(super) generation: u64,
}

/// A file that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// Result of a scan.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(super) files: Vec<Found>,
    /// Folders that were read, with their inodes.
    pub(crate) dirs: Vec<(PathBuf, u64)>,
    /// Inode of the watched folder; `None` if it is not readable.
    pub(super) root_inode: Option<u64>,
    /// Reason why the result is incomplete.
    pub(super) error: Option<String>,
}

/// Scans a folder. Does not look into folders and files for which `is_foreign` returns true, and never follows links to
/// folders. Returns `None` if `is_ending` returns true.
pub(crate) fn scan(
    order: &ScanOrder,
    is_foreign: impl Fn(&Path) -> bool,
    is_ending: impl Fn() -> bool,
) -> Option<Scan> {
    let mut scan = Scan::default();
    let mut waiting = vec![(order.dir.clone(), 0)];
    let mut entries = 0;
    while let Some((dir, depth)) = waiting.pop() {
        if is_ending() {
            return None;
        }
        if let Err(error) = read_dir(&mut scan, &dir, depth, &mut entries, |scan, entry| {
            let path = entry.path();
            if is_hidden(&path) || order.inner.contains(&path) || is_foreign(&path) {
                return;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    if order.is_recursive && depth < MAX_DEPTH {
                        waiting.push((path, depth + 1));
                    }
                }
                Ok(_) => scan.add(path),
                Err(error) => scan.fail(&path, &error),
            }
        }) {
            // A sub-folder may vanish while the scan goes on.
            if depth == 0 || error.kind() != ErrorKind::NotFound {
                scan.fail(&dir, &error);
            }
        }
        if entries >= MAX_ENTRIES {
            scan.error = Some(format!(
                "cannot read all of {}: it has more than {MAX_ENTRIES} entries; watch a folder with fewer",
                order.dir.display()
            ));
            break;
        }
    }
    Some(scan)
}

fn read_dir(
    scan: &mut Scan,
    dir: &Path,
    depth: usize,
    entries: &mut usize,
    mut on_entry: impl FnMut(&mut Scan, &DirEntry),
) -> io::Result<()> {
    // The watched folder itself may be a link.
    let metadata = if depth == 0 { dir.metadata() } else { dir.symlink_metadata() }?;
    if !metadata.is_dir() {
        return Err(ErrorKind::NotADirectory.into());
    }
    let read = dir.read_dir()?;
    if depth == 0 {
        scan.root_inode = Some(metadata.ino());
    }
    scan.dirs.push((dir.to_owned(), metadata.ino()));
    for entry in read {
        if *entries >= MAX_ENTRIES {
            break;
        }
        *entries += 1;
        on_entry(scan, &entry?);
    }
    Ok(())
}

impl Scan {
    /// Returns the reason why the result is incomplete.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Adds a file, if it is one to load.
    fn add(&mut self, path: PathBuf) {
        if Kind::of(&path).is_none() {
            return;
        }
        // Of the target, if it is a link.
        match path.metadata() {
            Ok(metadata) if metadata.is_file() => {
                self.files.push(Found { stamp: Stamp::of(&metadata), path });
            }
            Ok(_) => {}
            // It is gone, or a link to nothing.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.fail(&path, &error),
        }
    }

    /// Records the first failure.
    fn fail(&mut self, path: &Path, error: &io::Error) {
        let message = || {
            let next = match error.kind() {
                ErrorKind::NotFound => "create it, or mount its drive",
                ErrorKind::PermissionDenied => "give the user of the daemon access",
                ErrorKind::NotADirectory => "watch a folder",
                _ => "it is tried again",
            };
            format!("cannot read {}: {error}; {next}", path.display())
        };
        self.error.get_or_insert_with(message);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn order(dir: &Path, is_recursive: bool) -> ScanOrder {
        ScanOrder { dir: dir.to_owned(), is_recursive, inner: BTreeSet::new(), generation: 1 }
    }

    fn names(order: &ScanOrder) -> Vec<String> {
        let scan = scan(order, |path| path.ends_with("content"), || false).unwrap();
        assert_eq!(scan.error, None);
        let below = |found: &Found| found.path.strip_prefix(&order.dir).unwrap().display().to_string();
        let mut names: Vec<String> = scan.files.iter().map(below).collect();
        names.sort();
        names
    }

    #[test]
    fn scan_finds_files_to_load_and_follows_no_links_to_folders() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("in");
        for sub in ["sub/.hidden", "inner", "content"] {
            std::fs::create_dir_all(dir.join(sub)).unwrap();
        }
        for file in
            ["a.torrent", "b.txt", ".c.torrent", "sub/d.magnet", "sub/.hidden/e.torrent", "inner/f.torrent"]
        {
            std::fs::write(dir.join(file), file).unwrap();
        }
        std::fs::write(dir.join("content/g.torrent"), "").unwrap();
        std::fs::create_dir(dir.join("folder.torrent")).unwrap();
        symlink(&dir, dir.join("sub/loop")).unwrap();
        symlink("b.txt", dir.join("link.torrent")).unwrap();
        symlink("nothing", dir.join("broken.torrent")).unwrap();
        symlink(&dir, tmp.path().join("alias")).unwrap();
        assert_eq!(names(&order(&dir, false)), ["a.torrent", "link.torrent"]);
        let mut order = order(&tmp.path().join("alias"), true);
        order.inner.insert(order.dir.join("inner"));
        assert_eq!(names(&order), ["a.torrent", "link.torrent", "sub/d.magnet"]);
    }

    #[test]
    fn scan_of_a_missing_folder_says_so() {
        let tmp = tempfile::tempdir().unwrap();
        let result = scan(&order(&tmp.path().join("none"), true), |_| false, || false).unwrap();
        assert!(result.error.unwrap().contains("No such file"));
        assert_eq!(result.root_inode, None);
        assert!(scan(&order(tmp.path(), true), |_| false, || true).is_none());
    }

    #[test]
    fn scan_goes_down_to_the_limit_of_the_depth() {
        let tmp = tempfile::tempdir().unwrap();
        let deepest = (0..=MAX_DEPTH).fold(tmp.path().to_owned(), |dir, _| dir.join("d"));
        std::fs::create_dir_all(&deepest).unwrap();
        std::fs::write(deepest.join("below.torrent"), "").unwrap();
        std::fs::write(deepest.parent().unwrap().join("last.torrent"), "").unwrap();
        assert_eq!(names(&order(tmp.path(), true)), [format!("{}last.torrent", "d/".repeat(MAX_DEPTH))]);
    }
}
