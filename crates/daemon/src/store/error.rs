//! Errors of the state database.

use rusqlite::ErrorCode;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Reason why the state cannot be opened, read or saved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process uses the state folder.
    #[error(
        "cannot use the state folder {}: the ztor daemon with process id {pid} uses it; stop that one, or choose another \
         folder",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Process id that the other has written; 0 if it has not.
        pid: u32,
    },
    /// The state folder cannot be created or used.
    #[error("cannot use the state folder {}: {error}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// A later version has written the database.
    #[error(
        "cannot use {}: its version is {found}, and this ztor reads up to {known}; use a newer ztor",
        path.display()
    )]
    Version {
        /// The database.
        path: PathBuf,
        /// Version of the database.
        found: i64,
        /// Version of this program.
        known: i64,
    },
    /// The file is the database of another program.
    #[error("cannot use {}: it is the database of another program; choose another state folder", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("cannot save the state in {}: the disk is full; free some space", path.display())]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("the state in {} is damaged: {error}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// Cause.
        error: rusqlite::Error,
    },
    /// Any other failure.
    #[error("cannot use the state in {}: {error}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// Cause.
        error: rusqlite::Error,
    },
}

impl StoreError {
    /// Makes an error of one of the database at `path`.
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, error },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            _ => Self::Database { path, error },
        }
    }

    /// Returns true if the file is damaged.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}
