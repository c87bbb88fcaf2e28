//! Rows of the database about files that stay after they were loaded.

use super::stamp::Stamp;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// Mark of keys that are not paths in UTF-8. Paths begin with a slash.
const HEX: &str = "hex:";

/// Record of a file that was loaded and stays in its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Version that was loaded.
    #[serde(flatten)]
    pub(crate) stamp: Stamp,
    /// Inode of the watched folder. Another one may be that of an empty mount point, where nothing can be missed.
    pub(crate) root_inode: u64,
}

/// Returns the key of a path in the database.
pub(crate) fn key_of(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => format!("{HEX}{}", data_encoding::HEXLOWER.encode(path.as_os_str().as_bytes())),
    }
}

/// Returns the path of a key; `None` if it is damaged.
pub(crate) fn path_of(key: String) -> Option<PathBuf> {
    match key.strip_prefix(HEX) {
        None => Some(PathBuf::from(key)),
        Some(hex) => {
            let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).ok()?;
            Some(PathBuf::from(OsString::from_vec(bytes)))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn key_of_any_path_leads_back_to_it() {
        for bytes in [&b"/in/a.torrent"[..], b"/in/\xff.torrent"] {
            let path = Path::new(OsStr::from_bytes(bytes));
            assert_eq!(path_of(key_of(path)).as_deref(), Some(path));
        }
        assert_eq!(path_of("hex:0".to_owned()), None);
    }
}
