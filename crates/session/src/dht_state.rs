//! Starting point of the DHT: the nodes of the last run, and public bootstrap nodes.

use std::io;
use std::path::{Path, PathBuf};
use ztor_dht::{ReadOnly, Saved};

/// Public bootstrap nodes, as `host:port`.
pub const DHT_ROUTERS: [&str; 4] = [
    "dht.libtorrent.org:25401",
    "router.bittorrent.com:6881",
    "dht.transmissionbt.com:6881",
    "router.utorrent.com:6881",
];

/// Options for the DHT.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DhtOptions {
    /// Bootstrap nodes, as `host:port`. [`DHT_ROUTERS`] by default; custom ones are also kept as nodes.
    pub bootstrap: Vec<String>,
    /// Choice to answer no queries and to be kept by no node (BEP 43). By default this is so while nothing shows that others
    /// can reach the session.
    pub read_only: ReadOnly,
}

impl DhtOptions {
    /// Sets the bootstrap nodes, as `host:port`.
    #[must_use]
    pub fn bootstrap(mut self, nodes: Vec<String>) -> Self {
        self.bootstrap = nodes;
        self
    }

    /// Sets the choice to be read-only.
    #[must_use]
    pub fn read_only(mut self, read_only: ReadOnly) -> Self {
        self.read_only = read_only;
        self
    }
}

impl Default for DhtOptions {
    fn default() -> Self {
        let bootstrap = DHT_ROUTERS.iter().map(|router| (*router).to_owned()).collect();
        Self { bootstrap, read_only: ReadOnly::Auto }
    }
}

/// Returns the path of the nodes that our first node knew.
pub(crate) fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("dht.nodes")
}

/// Returns the path for one of our nodes by its number, from that of the first, which is 0.
fn path_of(first: &Path, number: usize) -> PathBuf {
    match number {
        0 => first.to_owned(),
        _ => first.with_extension(format!("nodes{}", number + 1)),
    }
}

/// Loads the nodes that one of ours knew in the last run; `None` if there are none or they are unusable. `path` is that
/// of the first.
pub(crate) fn load(path: &Path, number: usize) -> Option<Saved> {
    let path = &path_of(path, number);
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot read the saved DHT nodes");
            return None;
        }
    };
    Saved::from_bytes(&bytes)
        .inspect_err(|error| {
            tracing::warn!(path = %path.display(), %error, "cannot use the saved DHT nodes");
        })
        .ok()
}

/// Replaces the files, each as a whole. `path` is that of our first node.
pub(crate) fn store(path: &Path, saved: &[Saved]) {
    let beside = path.with_extension("new");
    for (number, saved) in saved.iter().enumerate() {
        let path = path_of(path, number);
        let written =
            std::fs::write(&beside, saved.to_bytes()).and_then(|()| std::fs::rename(&beside, &path));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "cannot save the DHT nodes for the next run");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn load_returns_stored_nodes_and_none_from_a_damaged_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path());
        assert_eq!(load(&path, 0), None);
        let ids = ztor_dht::PerFamily { v4: Some([7; 20].into()), v6: None };
        let saved = [Saved::default(), Saved { ids, ..Saved::default() }];
        store(&path, &saved);
        assert_eq!(
            [0, 1, 2].map(|number| load(&path, number)),
            [Some(saved[0].clone()), Some(saved[1].clone()), None]
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        std::fs::write(&path, b"not this").unwrap();
        assert_eq!((load(&path, 0), load(&path, 1)), (None, Some(saved[1].clone())));
    }
}
