//! The DHT's beginning: the nodes of the last run, and the names of those that everybody can enter by.

use std::io;
use std::path::{Path, PathBuf};
use ztor_dht::Saved;

/// Nodes that are there for newcomers to enter by.
pub const DHT_ROUTERS: [&str; 4] = [
    "dht.libtorrent.org:25401",
    "router.bittorrent.com:6881",
    "dht.transmissionbt.com:6881",
    "router.utorrent.com:6881",
];

/// How a session takes part in the DHT.
#[derive(Debug, Clone)]
pub struct DhtOptions {
    /// `host:port` of nodes to enter by.
    pub bootstrap: Vec<String>,
}

impl Default for DhtOptions {
    fn default() -> Self {
        Self { bootstrap: DHT_ROUTERS.iter().map(|router| (*router).to_owned()).collect() }
    }
}

/// Where the nodes are kept between runs.
pub(crate) fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("dht.nodes")
}

/// The nodes of the last run. Without them the routers must do.
pub(crate) fn load(path: &Path) -> Option<Saved> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the DHT's nodes cannot be read");
            return None;
        }
    };
    Saved::from_bytes(&bytes).inspect_err(|error| tracing::warn!(path = %path.display(), %error)).ok()
}

/// Replaces the file as a whole.
pub(crate) fn store(path: &Path, saved: &Saved) {
    let beside = path.with_extension("new");
    let written = std::fs::write(&beside, saved.to_bytes()).and_then(|()| std::fs::rename(&beside, path));
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), %error, "the DHT's nodes are not kept for the next run");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_loaded_and_what_is_damaged_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path());
        assert_eq!(load(&path), None);
        let saved = Saved::default();
        store(&path, &saved);
        assert_eq!(load(&path), Some(saved));
        std::fs::write(&path, b"not this").unwrap();
        assert_eq!(load(&path), None);
    }
}
