//! The local socket.

use super::ServeError;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use tokio::net::UnixListener;

/// Maximum length of a socket's path in bytes. The system's structure holds one more, for a zero, and macOS has four less
/// than Linux.
pub(super) const MAX_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Listens on a socket that only the owner of the process can open.
///
/// The socket is made in a private folder and moved from there, so that it is never reachable with other permissions.
pub(super) fn bind(path: &Path) -> Result<UnixListener, ServeError> {
    let failed = |error| ServeError::Socket { path: path.to_owned(), error };
    // Short, as the path of the socket in it must not be longer than the final one.
    let folder = path.with_file_name(".s");
    let inner = folder.join("s");
    let len = path.as_os_str().len().max(inner.as_os_str().len());
    if len > MAX_PATH {
        return Err(ServeError::SocketPath { path: path.to_owned(), len });
    }
    // The state folder is locked, so what is in it is of a process that has ended.
    remove(std::fs::remove_dir_all(&folder)).map_err(failed)?;
    std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
    let bound = UnixListener::bind(&inner).and_then(|listener| {
        std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&inner, path)?;
        Ok(listener)
    });
    let removed = remove(std::fs::remove_dir_all(&folder));
    let listener = bound.map_err(failed)?;
    removed.map_err(failed)?;
    Ok(listener)
}

/// Takes the removal of something that does not exist for a success.
fn remove(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn bind_makes_a_private_socket_in_place_of_an_old_one() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        std::fs::create_dir(folder.path().join(".s")).unwrap();
        for _ in 0..2 {
            let listener = bind(&path).unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
            drop(listener);
        }
    }

    #[test]
    fn bind_of_a_long_path_names_the_flag() {
        let path = Path::new("/tmp").join("a".repeat(110)).join("socket");
        let error = bind(&path).unwrap_err().to_string();
        assert!(error.contains("--state-dir"), "{error}");
    }
}
