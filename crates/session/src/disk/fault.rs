//! Faults of a disk, and the pause after those that lie with this process.

use std::time::Duration;
use ztor_engine::{DiskFault, DiskFaultKind};
use ztor_storage::StorageError;

/// Pause before a job that found no open file or memory left is tried again.
pub(super) const EXHAUSTED_PAUSE: Duration = Duration::from_millis(250);

/// Translates a storage error for the engine.
pub(super) fn fault(error: &StorageError) -> DiskFault {
    let kind = match error {
        StorageError::InTheWay { .. } => DiskFaultKind::InTheWay,
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
