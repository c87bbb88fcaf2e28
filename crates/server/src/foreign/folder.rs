//! Files of a web client, from a folder. Nothing outside of the folder is served, and no hidden file.

use percent_encoding::percent_decode_str;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

/// Maximum length of a file, in bytes.
const MAX_FILE: u64 = 32 << 20;
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// Returns the path below the folder for a path in a URL, which has no slash at its beginning. A folder stands for its page.
/// `None` for hidden files, and for a path that may lead out of the folder.
pub(crate) fn relative(path: &str) -> Option<PathBuf> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    if decoded.contains(['\0', '\\']) {
        return None;
    }
    let mut relative = PathBuf::new();
    for part in Path::new(decoded.as_ref()).components() {
        match part {
            Component::Normal(part) if !part.as_encoded_bytes().starts_with(b".") => relative.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    if decoded.is_empty() || decoded.ends_with('/') {
        relative.push("index.html");
    }
    Some(relative)
}

/// Reads a file whose real path, without links, is below the folder. Blocks.
pub(crate) fn read(dir: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let dir = dir.canonicalize()?;
    let real = dir.join(path).canonicalize()?;
    if !real.starts_with(&dir) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "a link leads out of the folder"));
    }
    // The real path has no links; the last part must not have become one since.
    let file = OpenOptions::new().read(true).custom_flags(NONBLOCK | NOFOLLOW).open(&real)?;
    read_file(file)
}

fn read_file(file: File) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file, or too long"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_folder_and_name_no_hidden_file() {
        let of = |path| relative(path).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(of("").as_deref(), Some("index.html"));
        assert_eq!(of("a/b.js").as_deref(), Some("a/b.js"));
        assert_eq!(of("a%20b/").as_deref(), Some("a b/index.html"));
        for path in [
            "..",
            "../x",
            "a/../b",
            "a/../../x",
            "%2e%2e/x",
            "/etc/passwd",
            "%2fetc",
            "a%00",
            "..%5cx",
            "%ff",
            ".git/config",
            "a/.env",
            "a/%2eenv",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn links_out_of_the_folder_are_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        std::fs::write(dir.path().join("page"), "page").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), dir.path().join("file")).unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("page", dir.path().join("inside")).unwrap();
        let read = |path: &str| read(dir.path(), Path::new(path));
        assert_eq!(read("page").unwrap(), b"page");
        assert_eq!(read("inside").unwrap(), b"page");
        for path in ["file", "folder/secret", "missing", "."] {
            assert!(read(path).is_err(), "{path}");
        }
    }
}
