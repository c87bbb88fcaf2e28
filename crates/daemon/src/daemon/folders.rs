//! Folders of the machine, for front ends that choose one.

use super::act::absolute;
use super::free_space::space_of;
use super::{Daemon, in_background};
use crate::error::DaemonError;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ztor_api::Folder;

/// Maximum number of folders that are read at a time: a disk that hangs keeps the threads of some, not of all requests.
pub(super) const TURNS: usize = 4;
/// Time for a folder.
const PATIENCE: Duration = Duration::from_secs(10);
/// Maximum number of names in an answer.
const MAX_NAMES: usize = 10_000;
/// Maximum number of entries that are read, of which most may be files.
const MAX_ENTRIES: usize = 200_000;

impl Daemon {
    /// Describes a folder.
    ///
    /// # Errors
    /// The path is not absolute, there is no such folder, or the daemon may not read it.
    pub async fn folder(&self, dir: &str) -> Result<Folder, DaemonError> {
        let dir = absolute(dir)?;
        let shown = dir.display().to_string();
        let turn = Arc::clone(&self.0.folder_turns);
        let work = async move {
            // Held until the thread ends, also if nobody waits any more.
            let turn = turn.acquire_owned().await;
            in_background(move || {
                let _turn = turn;
                read(&dir)
            })
            .await
        };
        let read = tokio::time::timeout(PATIENCE, work).await;
        read.unwrap_or_else(|_| Err(DaemonError::Folder(format!("the disk of {shown} does not respond"))))
    }
}

fn read(dir: &Path) -> Result<Folder, DaemonError> {
    let failed = |error: io::Error| {
        let message = format!("cannot read the folder {}: {error}", dir.display());
        match error.kind() {
            io::ErrorKind::NotFound => DaemonError::NotFound(message),
            io::ErrorKind::NotADirectory => DaemonError::Conflict(message),
            _ => DaemonError::Folder(message),
        }
    };
    let entries = std::fs::read_dir(dir).map_err(failed)?;
    let is_folder = |entry: &std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
        Ok(kind) => kind.is_dir(),
        Err(_) => false,
    };
    let mut folders: Vec<String> = entries
        .take(MAX_ENTRIES)
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))?;
            is_folder(&entry).then_some(name)
        })
        .take(MAX_NAMES)
        .collect();
    folders.sort_unstable();
    let (free_bytes, total_bytes) = space_of(dir).unzip();
    Ok(Folder {
        dir: dir.display().to_string(),
        parent: dir.parent().map(|parent| parent.display().to_string()),
        folders,
        free_bytes,
        total_bytes,
        is_writable: rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_ok(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use ztor_api::ProblemKind;

    #[test]
    fn folder_lists_visible_folders_sorted() {
        let tmp = tempfile::tempdir().unwrap();
        for name in ["b", "a", ".hidden"] {
            std::fs::create_dir(tmp.path().join(name)).unwrap();
        }
        std::fs::write(tmp.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("a", tmp.path().join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", tmp.path().join("broken")).unwrap();
        let folder = read(tmp.path()).unwrap();
        assert_eq!(folder.folders, ["a", "b", "link"]);
        assert_eq!(folder.parent.as_deref(), tmp.path().parent().unwrap().to_str());
        assert!(
            folder.is_writable && folder.free_bytes <= folder.total_bytes && folder.total_bytes > Some(0)
        );
        assert_eq!(read(Path::new("/")).unwrap().parent, None);
    }

    #[test]
    fn folder_that_cannot_be_read_is_an_error_with_its_reason() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("file"), "").unwrap();
        let kind = |name: &str| read(&tmp.path().join(name)).unwrap_err().kind();
        assert_eq!((kind("nothing"), kind("file")), (ProblemKind::NotFound, ProblemKind::Conflict));
    }
}
