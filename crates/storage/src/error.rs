use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use crate::in_the_way::InTheWay;

/// Why the files of a torrent could not be read or written.
///
/// Every message names the path, what was being done with it, and what a person can do next.
/// Cheap to clone, because one failed write may answer many blocks.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// The operating system refused. [`is_no_space`](Self::is_no_space) and its siblings sort the causes.
    #[error("cannot {operation} {}: {cause}{}", path.display(), advice(cause))]
    Io {
        /// What was being done.
        operation: Operation,
        /// The file or folder it was done to.
        path: PathBuf,
        /// The answer of the operating system.
        cause: Arc<io::Error>,
    },
    /// The download folder was there and is gone, or lies on another file system now.
    #[error(
        "the folder {} was there and is gone; connect its drive again and start the torrent again",
        path.display()
    )]
    FolderGone {
        /// The download folder.
        path: PathBuf,
    },
    /// A file that this store had open was removed, replaced or cut short by someone else.
    #[error(
        "the file {} was removed or cut short by another program; put it back or check the torrent again",
        path.display()
    )]
    FileGone {
        /// The file.
        path: PathBuf,
    },
    /// A file was written to, replaced or cut short by someone else while this store used it.
    #[error(
        "the file {} was changed by another program while the torrent used it; start the torrent again to check it and fetch what is bad",
        path.display()
    )]
    FileChanged {
        /// The file.
        path: PathBuf,
    },
    /// A symbolic link stands where the torrent has a folder or a file; it may lead anywhere.
    #[error(
        "{} is a symbolic link inside the torrent's folder, and nothing is written through such links: they may lead \
         anywhere; replace it by what it points to",
        path.display()
    )]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// A folder, device, pipe or socket stands where the torrent has a regular file.
    #[error("{} is not a regular file; move it out of the way", path.display())]
    NotAFile {
        /// What stands in the way.
        path: PathBuf,
    },
    /// A file is there already that is not this torrent's, and a write would destroy what is in it.
    #[error("{}: {why}; move it away or choose another folder, or allow it to be overwritten", path.display())]
    InTheWay {
        /// The file.
        path: PathBuf,
        /// The evidence.
        why: InTheWay,
    },
    /// Two files that are written to are one on this disk: its file system takes their names for the same (capitals,
    /// accents), or they are hard links to each other.
    #[error(
        "{} and {} are one file on this disk, and cannot both be downloaded; leave one of them out, or choose a folder \
         on a file system that tells their names apart",
        path.display(), other.display()
    )]
    SameFile {
        /// The file that was to be written to.
        path: PathBuf,
        /// The one that is written to already, of this torrent or another.
        other: PathBuf,
    },
    /// The file ends before the bytes that were asked for.
    #[error("{} ends before byte {needed}; check the torrent again", path.display())]
    Short {
        /// The file.
        path: PathBuf,
        /// The length it would need at least, in bytes.
        needed: u64,
    },
    /// The bytes belong to a file that is not wanted, and the part file does not hold them.
    #[error("piece {piece} touches {}, which is not wanted and was not fetched", path.display())]
    NotStored {
        /// The piece.
        piece: u32,
        /// Where the unwanted file would lie.
        path: PathBuf,
    },
    /// The range does not lie inside a piece of this torrent.
    #[error("bytes {begin}..{} of piece {piece} are outside the torrent", u64::from(*begin) + *len)]
    OutOfRange {
        /// The piece.
        piece: u32,
        /// First byte within the piece.
        begin: u32,
        /// Bytes asked for.
        len: u64,
    },
    /// A mask with one entry per file has another number of entries than the torrent has files.
    #[error("the selection names {found} files, but the torrent has {expected}")]
    WrongFileCount {
        /// Files in the torrent, pads included.
        expected: usize,
        /// Entries given.
        found: usize,
    },
    /// Nothing is known that the piece could be checked against (BEP 52: its piece layer is missing).
    #[error("the hash of piece {piece} is not known yet; fetch the piece layers first")]
    NoHash {
        /// The piece.
        piece: u32,
    },
    /// The halves of a hybrid torrent describe different contents: what is right by one hash is wrong by the other.
    #[error(
        "this torrent contradicts itself: piece {piece} fits one of its two hashes (v1 and v2) and not the other; \
         nobody can have all of it, so look for another torrent of the same content"
    )]
    Inconsistent {
        /// The piece.
        piece: u32,
    },
    /// The store was opened for reading only.
    #[error("{} was opened for reading only", path.display())]
    ReadOnly {
        /// The download folder.
        path: PathBuf,
    },
    /// The caller raised the stop flag before the work was done.
    #[error("stopped before the check was complete")]
    Stopped,
}

/// What was being done when the operating system refused.
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
    /// Giving a file its size or its disk space.
    Allocate,
    /// Cutting a file to its length.
    Truncate,
    /// Forcing written bytes to the disk.
    Sync,
    /// Reading size and time of a file.
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
            Self::Allocate => "make room for",
            Self::Truncate => "cut to length",
            Self::Sync => "sync",
            Self::Inspect => "look at",
            Self::Remove => "remove",
            Self::Rename => "rename",
        })
    }
}

impl StorageError {
    pub(crate) fn io(operation: Operation, path: impl Into<PathBuf>, cause: impl Into<io::Error>) -> Self {
        Self::Io { operation, path: path.into(), cause: Arc::new(cause.into()) }
    }

    /// The disk is full, the quota is used up, or the file system cannot hold a file this large.
    pub fn is_no_space(&self) -> bool {
        matches!(self.errno(), Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG))
    }

    /// Nothing may be written there: read-only file system or store, or missing permission.
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::ReadOnly { .. })
            || matches!(self.errno(), Some(Errno::ROFS | Errno::ACCESS | Errno::PERM))
    }

    /// The disk failed to read or write (`EIO`).
    pub fn is_hardware(&self) -> bool {
        matches!(self.errno(), Some(Errno::IO | Errno::NXIO | Errno::NODEV))
    }

    /// This process or the system has no more open files or memory to give. It says nothing about the disk, and goes by
    /// itself.
    pub fn is_exhausted(&self) -> bool {
        matches!(self.errno(), Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
    }

    /// The download folder or a file that was there before is gone.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::FolderGone { .. } | Self::FileGone { .. })
    }

    /// The bytes are simply not there: no such file, file too short, or never fetched.
    /// During a check that means "not had", not a failure.
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Short { .. } | Self::NotStored { .. } => true,
            Self::Io { operation: Operation::Open, .. } => {
                matches!(self.errno(), Some(Errno::NOENT | Errno::NOTDIR))
            }
            _ => false,
        }
    }

    /// The path the error is about, if it is about one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. }
            | Self::FolderGone { path }
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
            | Self::Inconsistent { .. }
            | Self::Stopped => None,
        }
    }

    /// The answer of the operating system, if it gave one.
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

/// The next step in plain words, with a leading separator; empty when there is nothing useful to say.
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
        Some(Errno::NOTDIR) => {
            "; a file stands where a folder is needed: move it away or choose another folder"
        }
        Some(Errno::IO | Errno::NXIO | Errno::NODEV) => {
            "; the drive reports a failure: check its cable and health"
        }
        Some(Errno::MFILE | Errno::NFILE) => "; too many files are open: raise the limit (ulimit -n)",
        Some(Errno::NAMETOOLONG) => "; the path is too long: choose a folder with a shorter path",
        _ => "",
    }
}

/// Maps the error of a system call on one file.
pub(crate) trait At<T> {
    /// Names the operation and the path; the path is only built on failure.
    fn at(self, operation: Operation, path: impl FnOnce() -> PathBuf) -> Result<T, StorageError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, operation: Operation, path: impl FnOnce() -> PathBuf) -> Result<T, StorageError> {
        self.map_err(|cause| StorageError::io(operation, path(), cause))
    }
}
