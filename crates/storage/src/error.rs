use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use crate::in_the_way::InTheWay;
use ztor_metainfo::BulkError;

/// Failure to read or write the files of a torrent.
///
/// Every message names the path, the failed operation and the user's next step.
/// Cheap to clone, because one failed write may answer many blocks.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// The operating system returned an error. [`is_no_space`](Self::is_no_space) and its siblings classify it.
    #[error("cannot {operation} {}: {cause}{}", path.display(), advice(cause))]
    Io {
        /// The operation that failed.
        operation: Operation,
        /// The file or folder that it was applied to.
        path: PathBuf,
        /// The error of the operating system.
        cause: Arc<io::Error>,
    },
    /// The download folder is gone since its first use, or is on another file system.
    #[error(
        "cannot use the folder {}: it is gone or on another drive; reconnect its drive and start the torrent again",
        path.display()
    )]
    FolderGone {
        /// The download folder.
        path: PathBuf,
    },
    /// A move of the files was interrupted, and has to be completed first.
    #[error(
        "cannot use the files of {}: some are in their new place, as a move was interrupted; start ztor again, and not \
         read-only, to complete it",
        path.display()
    )]
    HalfMoved {
        /// The download folder.
        path: PathBuf,
    },
    /// Another program removed, replaced or truncated a file that this store had open.
    #[error(
        "cannot use the file {}: another program removed or truncated it; put it back or check the torrent again",
        path.display()
    )]
    FileGone {
        /// The file.
        path: PathBuf,
    },
    /// Another program wrote to, replaced or truncated a file while this store used it.
    #[error(
        "cannot use the file {}: another program changed it; start the torrent again to check it and fetch the bad \
         pieces",
        path.display()
    )]
    FileChanged {
        /// The file.
        path: PathBuf,
    },
    /// A symbolic link is in the place of a folder or file of the torrent. It may lead anywhere.
    #[error(
        "cannot use {}: it is a symbolic link inside the torrent's folder and may lead anywhere; replace it with its \
         target",
        path.display()
    )]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// A folder, device, pipe or socket is in the place of a regular file of the torrent.
    #[error("cannot use {}: it is not a regular file; move it away", path.display())]
    NotAFile {
        /// The folder, device, pipe or socket.
        path: PathBuf,
    },
    /// A file exists that is not this torrent's, and a write would destroy its content.
    #[error(
        "cannot write to {}: {why}; move it away, choose another folder, or allow it to be overwritten",
        path.display()
    )]
    InTheWay {
        /// The file.
        path: PathBuf,
        /// The evidence.
        why: InTheWay,
    },
    /// Two written files are one on this disk: its file system treats their names as equal (capitals, accents), or they
    /// are hard links to each other.
    #[error(
        "cannot download both {} and {}: they are one file on this disk; leave one of them out, or choose a folder on \
         a file system that distinguishes their names",
        path.display(), other.display()
    )]
    SameFile {
        /// The file that could not be opened for writing.
        path: PathBuf,
        /// The file that is written to already, of this torrent or another.
        other: PathBuf,
    },
    /// The file ends before the requested bytes.
    #[error("cannot read {}: it ends before byte {needed}; check the torrent again", path.display())]
    Short {
        /// The file.
        path: PathBuf,
        /// Smallest sufficient length, in bytes.
        needed: u64,
    },
    /// The bytes belong to an unwanted file, and the part file does not hold them.
    #[error("cannot read piece {piece}: it includes {}, which is not wanted and was not fetched", path.display())]
    NotStored {
        /// The piece.
        piece: u32,
        /// Path at which the unwanted file would be.
        path: PathBuf,
    },
    /// The range is not inside a piece of this torrent.
    #[error("bytes {begin}..{} of piece {piece} are outside the torrent", u64::from(*begin) + *len)]
    OutOfRange {
        /// The piece.
        piece: u32,
        /// First byte within the piece.
        begin: u32,
        /// Length of the range, in bytes.
        len: u64,
    },
    /// A mask with one entry per file has a wrong number of entries.
    #[error("the selection names {found} files, but the torrent has {expected}")]
    WrongFileCount {
        /// Number of files in the torrent, pads included.
        expected: usize,
        /// Number of entries in the mask.
        found: usize,
    },
    /// The hash of the piece is unknown (BEP 52: its piece layer is missing).
    #[error("cannot check piece {piece}: its hash is unknown; fetch the piece layers first")]
    NoHash {
        /// The piece.
        piece: u32,
    },
    /// The hashes were released from memory, and cannot be loaded.
    #[error("cannot check piece {piece}: {error}")]
    Hashes {
        /// The piece.
        piece: u32,
        /// The cause.
        error: BulkError,
    },
    /// The halves of a hybrid torrent describe different contents: bytes that match one hash do not match the other.
    #[error(
        "cannot use the torrent: it contradicts itself, as piece {piece} matches only one of its v1 and v2 hashes; \
         look for another torrent of the same content"
    )]
    Inconsistent {
        /// The piece.
        piece: u32,
    },
    /// The store was opened for reading only.
    #[error("cannot write to {}: it was opened for reading only", path.display())]
    ReadOnly {
        /// The download folder.
        path: PathBuf,
    },
    /// The caller set the stop flag before the work was complete.
    #[error("stopped before the work was complete")]
    Stopped,
}

/// Operation during which the operating system returned an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Opening an existing file or folder.
    Open,
    /// Creating a file, folder or link.
    Create,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Giving a file its length or its disk space.
    Allocate,
    /// Truncating a file to its length.
    Truncate,
    /// Syncing written bytes to the disk.
    Sync,
    /// Reading length and time of a file.
    Inspect,
    /// Removing a file.
    Remove,
    /// Renaming a file.
    Rename,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Create => "create",
            Self::Read => "read",
            Self::Write => "write to",
            Self::Allocate => "allocate space for",
            Self::Truncate => "truncate",
            Self::Sync => "sync",
            Self::Inspect => "inspect",
            Self::Remove => "remove",
            Self::Rename => "rename",
        })
    }
}

impl StorageError {
    pub(crate) fn io(operation: Operation, path: impl Into<PathBuf>, cause: impl Into<io::Error>) -> Self {
        Self::Io { operation, path: path.into(), cause: Arc::new(cause.into()) }
    }

    /// Returns true if the disk is full, the quota is used up, or the file system cannot hold a file this large.
    pub fn is_no_space(&self) -> bool {
        matches!(self.errno(), Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG))
    }

    /// Returns true if writing is not allowed: read-only file system or store, or missing permission.
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::ReadOnly { .. })
            || matches!(self.errno(), Some(Errno::ROFS | Errno::ACCESS | Errno::PERM))
    }

    /// Returns true if the disk failed to read or write (`EIO`).
    pub fn is_hardware(&self) -> bool {
        matches!(self.errno(), Some(Errno::IO | Errno::NXIO | Errno::NODEV))
    }

    /// Returns true if the process or the system is out of descriptors or memory. Such an error is temporary and says
    /// nothing about the disk.
    pub fn is_exhausted(&self) -> bool {
        matches!(self.errno(), Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
    }

    /// Returns true if a file cannot be renamed because its new name is on another file system.
    pub fn is_cross_device(&self) -> bool {
        matches!(self.errno(), Some(Errno::XDEV))
    }

    /// Returns true if the download folder, or a file that this store had used, is gone.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::FolderGone { .. } | Self::FileGone { .. })
    }

    /// Returns true if the bytes are missing: no such file, file too short, or never fetched.
    /// During a check the piece is then missing, and the check goes on.
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Short { .. } | Self::NotStored { .. } => true,
            Self::Io { operation: Operation::Open, .. } => {
                matches!(self.errno(), Some(Errno::NOENT | Errno::NOTDIR))
            }
            _ => false,
        }
    }

    /// Returns the path that the error is about, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. }
            | Self::FolderGone { path }
            | Self::HalfMoved { path }
            | Self::FileGone { path }
            | Self::FileChanged { path }
            | Self::Symlink { path }
            | Self::NotAFile { path }
            | Self::InTheWay { path, .. }
            | Self::SameFile { path, .. }
            | Self::Short { path, .. }
            | Self::NotStored { path, .. }
            | Self::ReadOnly { path } => Some(path),
            Self::OutOfRange { .. }
            | Self::WrongFileCount { .. }
            | Self::NoHash { .. }
            | Self::Hashes { .. }
            | Self::Inconsistent { .. }
            | Self::Stopped => None,
        }
    }

    /// Returns the error of the operating system, if there is one.
    pub fn os_error(&self) -> Option<&io::Error> {
        match self {
            Self::Io { cause, .. } => Some(cause),
            _ => None,
        }
    }

    fn errno(&self) -> Option<Errno> {
        self.os_error().and_then(Errno::from_io_error)
    }
}

/// Returns the user's next step after a leading separator; empty if there is no useful advice.
pub(crate) fn advice(cause: &io::Error) -> &'static str {
    match Errno::from_io_error(cause) {
        Some(Errno::NOSPC) => "; free some space there, then start the torrent again",
        Some(Errno::DQUOT) => "; your disk quota is used up: free some space or ask for more",
        Some(Errno::FBIG) => {
            "; the file system or a limit does not allow a file this large: choose another folder (FAT32 ends at 4 GiB)"
        }
        Some(Errno::ROFS) => {
            "; the file system is mounted read-only: choose another folder or mount it writable"
        }
        Some(Errno::ACCESS | Errno::PERM) => "; give this user permission there or choose another folder",
        Some(Errno::NOENT) => "; check that the folder exists and its drive is connected",
        Some(Errno::NOTDIR) => "; a file is in the place of a folder: move it away or choose another folder",
        Some(Errno::IO | Errno::NXIO | Errno::NODEV) => {
            "; the drive reports a failure: check its cable and health"
        }
        Some(Errno::MFILE | Errno::NFILE) => "; too many files are open: raise the limit (ulimit -n)",
        Some(Errno::NAMETOOLONG) => "; the path is too long: choose a folder with a shorter path",
        _ => "",
    }
}

/// Conversion of a system call's error to a [`StorageError`] with operation and path.
pub(crate) trait At<T> {
    /// Adds the operation and the path, which is built only on failure.
    fn at(self, operation: Operation, path: impl FnOnce() -> PathBuf) -> Result<T, StorageError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, operation: Operation, path: impl FnOnce() -> PathBuf) -> Result<T, StorageError> {
        self.map_err(|cause| StorageError::io(operation, path(), cause))
    }
}
