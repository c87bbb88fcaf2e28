//! Mount points, to tell a missing drive from missing files.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Returns the mount point of the file system that holds `path`, or its nearest existing parent. `None` for the root file
/// system, or if the system does not report it.
pub fn mount_point_of(path: &Path) -> Option<PathBuf> {
    let existing = path.ancestors().find_map(|path| path.canonicalize().ok())?;
    let device = std::fs::metadata(&existing).ok()?.dev();
    let is_same = |path: &&Path| std::fs::metadata(path).is_ok_and(|found| found.dev() == device);
    let top = existing.ancestors().take_while(is_same).last()?;
    top.parent()?;
    Some(top.to_owned())
}

/// Returns true if `path` exists and is on another file system than its parent.
pub fn is_mount_point(path: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).ok().map(|found| found.dev());
    match (device(path), path.parent().and_then(device)) {
        (Some(own), Some(above)) => own != above,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_point_of_a_path_is_a_mount_point_above_it() {
        // The system always mounts these.
        for (path, mount) in [("/proc/self/missing", "/proc"), ("/dev/shm", "/dev/shm"), ("/", "/")] {
            let found = mount_point_of(Path::new(path));
            let expected = Some(PathBuf::from(mount)).filter(|mount| mount.parent().is_some());
            // Without a file system of its own, a folder belongs to the next mount point.
            if expected.as_deref().is_none_or(is_mount_point) {
                assert_eq!(found, expected);
            }
        }
        assert!(is_mount_point(Path::new("/proc")));
        assert!(!is_mount_point(Path::new("/proc/self")) && !is_mount_point(Path::new("/missing")));
        assert!(!is_mount_point(Path::new("/")));
    }
}
