use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, mkdirat, openat, statat, symlinkat};
use rustix::io::Errno;

use crate::crash;
use crate::error::{At, Operation, StorageError};
use crate::inodes::FileId;

/// Flags for opening a folder only to walk through it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const THROUGH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const THROUGH: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Flags for opening a file. Without `NONBLOCK`, opening a pipe in the place of a file would block without end.
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// The download folder, and the only access to the files below it.
///
/// Walks every path element by element with `O_NOFOLLOW`. So it follows no symbolic link below the torrent's folder for
/// writing, even if the link appears during the walk. The download folder itself and the torrent's own folder directly
/// in it may be links, which the user has made.
///
/// A read-only store follows all links. That is safe, because it only reads, and only sends bytes that match the
/// torrent.
#[derive(Debug)]
pub(crate) struct Root {
    dir: PathBuf,
    /// Number of leading elements of a relative path that may be links.
    trusted: usize,
    read_only: bool,
    /// True once the download folder was opened. `device` is valid from then on.
    seen: AtomicBool,
    device: AtomicU64,
    /// Folders with a new entry that is not yet synced.
    grown: Mutex<BTreeSet<PathBuf>>,
}

pub(crate) struct Opened {
    pub file: File,
    pub len: u64,
    pub id: FileId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Read,
    /// Reading and writing; the file must exist.
    Write,
    /// Reading and writing; creates the file and its folders if they are missing.
    Create {
        executable: bool,
    },
    /// Reading and writing; creates the file, and its folders if they are missing. Fails with `EEXIST` if the path
    /// exists.
    CreateNew {
        executable: bool,
    },
}

impl Root {
    pub(crate) fn new(dir: &Path, trusted: usize, read_only: bool) -> Self {
        Self {
            dir: dir.to_owned(),
            trusted,
            read_only,
            seen: AtomicBool::new(false),
            device: AtomicU64::new(0),
            grown: Mutex::default(),
        }
    }

    /// Returns the number of leading elements of a relative path that may be links.
    pub(crate) fn trusted(&self) -> usize {
        self.trusted
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Accepts any file system at the download folder's path, for example that of a reconnected drive.
    pub(crate) fn accept_again(&self) {
        self.seen.store(false, Ordering::Relaxed);
    }

    /// Accepts the file system at the download folder's path, and notes it: another one is refused from then on.
    pub(crate) fn accept_here(&self) -> Result<(), StorageError> {
        self.accept_again();
        self.open_dir(false).map(drop)
    }

    /// Returns true if the download folder exists on the same file system as before, or was never used.
    pub(crate) fn is_as_before(&self) -> bool {
        !self.seen.load(Ordering::Acquire) || self.open_dir(false).is_ok()
    }

    /// Opens the regular file at `relative`.
    pub(crate) fn open(&self, relative: &Path, how: How) -> Result<Opened, StorageError> {
        let path = || self.dir.join(relative);
        let name =
            relative.file_name().ok_or_else(|| StorageError::io(Operation::Open, path(), Errno::INVAL))?;
        let parent = self.parent(relative, matches!(how, How::Create { .. } | How::CreateNew { .. }))?;
        let fd = match self.open_last(parent.as_fd(), name, relative, how) {
            Ok(fd) => fd,
            // The final element is a link, or (for writing) a folder or a socket.
            Err(Errno::LOOP) => return Err(StorageError::Symlink { path: path() }),
            Err(Errno::ISDIR | Errno::NXIO | Errno::OPNOTSUPP) => {
                return Err(StorageError::NotAFile { path: path() });
            }
            Err(errno) => return Err(StorageError::io(Operation::Open, path(), errno)),
        };
        let stat = fstat(&fd).at(Operation::Inspect, path)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(StorageError::NotAFile { path: path() });
        }
        let id = (stat.st_dev, stat.st_ino);
        Ok(Opened { file: File::from(fd), len: u64::try_from(stat.st_size).unwrap_or(0), id })
    }

    fn open_last(
        &self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        relative: &Path,
        how: How,
    ) -> Result<OwnedFd, Errno> {
        let (executable, is_new) = match how {
            How::Read if self.read_only => {
                return openat(
                    parent,
                    name,
                    FILE.difference(OFlags::NOFOLLOW) | OFlags::RDONLY,
                    Mode::empty(),
                );
            }
            How::Read => return openat(parent, name, FILE | OFlags::RDONLY, Mode::empty()),
            How::Write => return openat(parent, name, FILE | OFlags::RDWR, Mode::empty()),
            How::Create { executable } => (executable, false),
            How::CreateNew { executable } => (executable, true),
        };
        let mode = Mode::from_raw_mode(if executable { 0o777 } else { 0o666 });
        let create = FILE | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let make = || {
            crash::point();
            openat(parent, name, create, mode).inspect(|_| self.has_grown(relative.parent()))
        };
        if is_new {
            return make();
        }
        // Two attempts each way: another thread may create or remove the file in between.
        for _ in 0..2 {
            match openat(parent, name, FILE | OFlags::RDWR, Mode::empty()) {
                Err(Errno::NOENT) => {}
                opened => return opened,
            }
            match make() {
                Err(Errno::EXIST) => {}
                made => return made,
            }
        }
        Err(Errno::NOENT)
    }

    /// Creates the folder at `relative` and its missing parents.
    pub(crate) fn make_folder(&self, relative: &Path) -> Result<(), StorageError> {
        self.parent(&relative.join("_"), true).map(drop)
    }

    /// Creates a symbolic link. Leaves an existing file in its place alone.
    pub(crate) fn make_link(&self, relative: &Path, target: &Path) -> Result<(), StorageError> {
        let path = || self.dir.join(relative);
        let name =
            relative.file_name().ok_or_else(|| StorageError::io(Operation::Create, path(), Errno::INVAL))?;
        let parent = self.parent(relative, true)?;
        crash::point();
        match symlinkat(target, &parent, name) {
            Ok(()) => {
                self.has_grown(relative.parent());
                Ok(())
            }
            Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(StorageError::io(Operation::Create, path(), errno)),
        }
    }

    /// Removes the file at `relative`. Returns false if it does not exist.
    pub(crate) fn remove(&self, relative: &Path) -> Result<bool, StorageError> {
        let path = || self.dir.join(relative);
        let name =
            relative.file_name().ok_or_else(|| StorageError::io(Operation::Remove, path(), Errno::INVAL))?;
        let parent = self.parent(relative, false)?;
        crash::point();
        match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(StorageError::io(Operation::Remove, path(), errno)),
        }
    }

    /// Renames a file, link or folder to `to` below another download folder, and creates the folders there. Returns false
    /// if something exists at `to`, which stays.
    ///
    /// # Errors
    /// [`StorageError::is_cross_device`] if the two are on different file systems; any other error of the disk.
    pub(crate) fn rename(&self, from: &Path, other: &Self, to: &Path) -> Result<bool, StorageError> {
        let path = || self.dir.join(from);
        let names = (from.file_name(), to.file_name());
        let (Some(from_name), Some(to_name)) = names else {
            return Err(StorageError::io(Operation::Rename, path(), Errno::INVAL));
        };
        let (from_parent, to_parent) = (self.parent(from, false)?, other.parent(to, true)?);
        crash::point();
        match rename_new(&from_parent, from_name, &to_parent, to_name) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(false),
            Err(errno) => return Err(StorageError::io(Operation::Rename, path(), errno)),
        }
        self.has_grown(from.parent());
        other.has_grown(to.parent());
        Ok(true)
    }

    /// Creates a hard link to a file. Returns false if the two are on different file systems, or the file system has no hard
    /// links.
    pub(crate) fn hard_link(&self, original: &Path, relative: &Path) -> Result<bool, StorageError> {
        let path = || self.dir.join(relative);
        let name =
            relative.file_name().ok_or_else(|| StorageError::io(Operation::Create, path(), Errno::INVAL))?;
        let parent = self.parent(relative, true)?;
        crash::point();
        match rustix::fs::linkat(CWD, original, &parent, name, AtFlags::empty()) {
            Ok(()) => {
                self.has_grown(relative.parent());
                Ok(true)
            }
            Err(
                Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK | Errno::NOENT | Errno::EXIST,
            ) => Ok(false),
            Err(errno) => Err(StorageError::io(Operation::Create, path(), errno)),
        }
    }

    /// Creates a copy of a file that shares its blocks. Returns false if the file system cannot do that.
    pub(crate) fn reflink(&self, original: &Path, relative: &Path) -> Result<bool, StorageError> {
        let from = File::open(original).at(Operation::Open, || original.to_owned())?;
        let to = self.open(relative, How::CreateNew { executable: false })?;
        if clone_file(&to.file, &from).is_ok() {
            return Ok(true);
        }
        self.remove(relative)?;
        Ok(false)
    }

    /// Returns the number of the device on which a file or folder at `relative` is, or would be created.
    pub(crate) fn device_of(&self, relative: &Path) -> Result<u64, StorageError> {
        use std::os::unix::fs::MetadataExt as _;
        let path = self.dir.join(relative);
        let found = path.ancestors().find_map(|path| std::fs::metadata(path).ok());
        found
            .map(|found| found.dev())
            .ok_or_else(|| StorageError::io(Operation::Inspect, path.clone(), Errno::NOENT))
    }

    /// Returns true if there is something at `relative`, of any kind.
    pub(crate) fn exists(&self, relative: &Path) -> Result<bool, StorageError> {
        let path = || self.dir.join(relative);
        let name =
            relative.file_name().ok_or_else(|| StorageError::io(Operation::Inspect, path(), Errno::INVAL))?;
        let parent = self.parent(relative, false)?;
        match statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(StorageError::io(Operation::Inspect, path(), errno)),
        }
    }

    /// Does the same as [`exists`](Self::exists), and returns false if a folder above is missing.
    pub(crate) fn exists_at(&self, relative: &Path) -> Result<bool, StorageError> {
        match self.exists(relative) {
            Err(error) if error.is_absent() => Ok(false),
            exists => exists,
        }
    }

    /// Removes the folder at `relative` if it is empty. Leaves it in any doubt.
    pub(crate) fn remove_empty_folder(&self, relative: &Path) {
        let Some(name) = relative.file_name() else { return };
        crash::point();
        let removed = self
            .parent(relative, false)
            .map(|parent| rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR));
        if let Ok(Err(errno)) = removed
            && !matches!(errno, Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT | Errno::NOTDIR)
        {
            tracing::debug!(path = %self.dir.join(relative).display(), %errno, "cannot remove an empty folder");
        }
    }

    /// Syncs the folder entries created since the last call.
    pub(crate) fn sync_grown(&self) -> Result<(), StorageError> {
        let grown = std::mem::take(&mut *self.grown.lock().unwrap_or_else(PoisonError::into_inner));
        let mut outcome = Ok(());
        for folder in grown {
            if let Err(cause) = sync_folder(&folder) {
                self.note_grown(folder.clone());
                outcome = Err(StorageError::io(Operation::Sync, folder, cause));
            }
        }
        outcome
    }

    /// Records a new entry of the folder at `relative`.
    fn has_grown(&self, relative: Option<&Path>) {
        self.note_grown(relative.map_or_else(|| self.dir.clone(), |relative| self.dir.join(relative)));
    }

    fn note_grown(&self, folder: PathBuf) {
        self.grown.lock().unwrap_or_else(PoisonError::into_inner).insert(folder);
    }

    /// Opens the folder that contains the last element of `relative`.
    fn parent(&self, relative: &Path, create: bool) -> Result<OwnedFd, StorageError> {
        let mut here = self.open_dir(create)?;
        let mut walked = PathBuf::new();
        let elements = relative.parent().into_iter().flat_map(Path::components);
        for (depth, element) in elements.enumerate() {
            let Component::Normal(name) = element else {
                return Err(StorageError::io(Operation::Open, self.dir.join(relative), Errno::INVAL));
            };
            let follows = depth < self.trusted || self.read_only;
            let flags = if follows { THROUGH } else { THROUGH | OFlags::NOFOLLOW };
            let mut next = openat(&here, name, flags, Mode::empty());
            if create && matches!(next, Err(Errno::NOENT)) {
                crash::point();
                match mkdirat(&here, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) => self.has_grown(Some(&walked)),
                    Err(Errno::EXIST) => {}
                    Err(errno) => {
                        let path = self.dir.join(&walked).join(name);
                        return Err(StorageError::io(Operation::Create, path, errno));
                    }
                }
                next = openat(&here, name, flags, Mode::empty());
            }
            walked.push(name);
            here = next.map_err(|errno| self.refused(&here, name, &walked, errno))?;
        }
        Ok(here)
    }

    fn refused(&self, parent: &OwnedFd, name: &OsStr, walked: &Path, errno: Errno) -> StorageError {
        let path = self.dir.join(walked);
        let is_link = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
        match errno {
            Errno::LOOP | Errno::NOTDIR if is_link => StorageError::Symlink { path },
            _ => StorageError::io(Operation::Open, path, errno),
        }
    }

    fn open_dir(&self, create: bool) -> Result<OwnedFd, StorageError> {
        let dir = || self.dir.clone();
        let open = || openat(CWD, &self.dir, THROUGH, Mode::empty());
        let fd = match open() {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NODEV | Errno::NXIO)
                if self.seen.load(Ordering::Relaxed) =>
            {
                return Err(StorageError::FolderGone { path: dir() });
            }
            Err(Errno::NOENT) if create => {
                std::fs::create_dir_all(&self.dir).at(Operation::Create, dir)?;
                if let Some(parent) = self.dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                    self.note_grown(parent.to_owned());
                }
                open().at(Operation::Open, dir)?
            }
            opened => opened.at(Operation::Open, dir)?,
        };
        // A mount point without its drive is a folder too, but on another file system.
        let device = fstat(&fd).at(Operation::Inspect, dir)?.st_dev;
        if self.seen.load(Ordering::Acquire) {
            if self.device.load(Ordering::Relaxed) != device {
                return Err(StorageError::FolderGone { path: dir() });
            }
        } else {
            self.device.store(device, Ordering::Relaxed);
            self.seen.store(true, Ordering::Release);
        }
        Ok(fd)
    }
}

#[cfg(target_os = "linux")]
fn clone_file(to: &File, from: &File) -> Result<(), Errno> {
    rustix::fs::ioctl_ficlone(to, from)
}

#[cfg(not(target_os = "linux"))]
fn clone_file(_: &File, _: &File) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Renames unless the new name exists (`EEXIST`).
fn rename_new(from: &OwnedFd, from_name: &OsStr, to: &OwnedFd, to_name: &OsStr) -> Result<(), Errno> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    match rustix::fs::renameat_with(from, from_name, to, to_name, rustix::fs::RenameFlags::NOREPLACE) {
        // Some file systems cannot do it in one step.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        renamed => return renamed,
    }
    match statat(to, to_name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => rustix::fs::renameat(from, from_name, to, to_name),
        Err(errno) => Err(errno),
    }
}

/// Syncs the entries of a folder to the disk.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems cannot sync folders, and need no sync.
        Err(cause) if matches!(Errno::from_io_error(&cause), Some(Errno::INVAL | Errno::NOTSUP)) => Ok(()),
        done => done,
    }
}
