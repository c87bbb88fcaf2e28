//! Disk faults, and the pause after failures of this process.

use std::time::Duration;
use ztor_engine::{DiskFault, DiskFaultKind};
use ztor_storage::StorageError;

/// Pause before the retry of a job that failed for lack of open files or memory.
pub(super) const EXHAUSTED_PAUSE: Duration = Duration::from_millis(250);

/// Converts a storage error for the engine.
pub(crate) fn fault(error: &StorageError) -> DiskFault {
    let kind = match error {
        StorageError::InTheWay { .. } | StorageError::HalfMoved { .. } => DiskFaultKind::InTheWay,
        StorageError::FolderGone { .. } => DiskFaultKind::Gone,
        StorageError::FileGone { .. }
        | StorageError::FileChanged { .. }
        | StorageError::SameFile { .. }
        | StorageError::Short { .. } => DiskFaultKind::Changed,
        StorageError::Inconsistent { .. } => DiskFaultKind::Inconsistent,
        error if error.is_no_space() => DiskFaultKind::Full,
        error if error.is_read_only() => DiskFaultKind::Denied,
        _ => DiskFaultKind::Io,
    };
    DiskFault { kind, message: error.to_string() }
}
