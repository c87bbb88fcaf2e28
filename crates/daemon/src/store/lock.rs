//! The lock of a state folder.

use super::StoreError;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

/// Name of the lock file, which has the process id of its owner.
const FILE: &str = "lock";

/// Lock of a state folder. The system frees it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a folder.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::Folder { path: folder.to_owned(), error };
        let options = File::options().read(true).write(true).create(true).truncate(false).to_owned();
        let mut file = options.open(folder.join(FILE)).map_err(failed)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut text = String::new();
            // An unreadable process id only shortens the message.
            let _ = (&mut file).take(20).read_to_string(&mut text);
            return Err(StoreError::InUse { path: folder.to_owned(), pid: text.trim().parse().unwrap_or(0) });
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}
