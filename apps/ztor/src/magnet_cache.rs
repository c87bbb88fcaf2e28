//! Cache of the metadata of magnet links between runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ztor_metainfo::{InfoHashes, Magnet, Metainfo};

use crate::open;

/// Returns the cached torrent of a link, with the link's own trackers and web seeds.
pub(crate) fn recall(state_dir: &Path, magnet: &Magnet) -> Option<Arc<Metainfo>> {
    let path = path(state_dir, &magnet.info_hashes);
    if !path.exists() {
        return None;
    }
    let known = open::torrent_file(&path);
    let mut meta =
        known.inspect_err(|error| tracing::warn!(error = %format!("{error:#}"), "cannot use cached metadata, fetching it again")).ok()?;
    if !meta.info_hashes.matches(&magnet.info_hashes) {
        return None;
    }
    let known: Vec<&String> = meta.trackers.iter().flatten().collect();
    let new: Vec<_> =
        magnet.trackers.iter().filter(|url| !known.contains(url)).map(|url| vec![url.clone()]).collect();
    meta.trackers.extend(new);
    meta.web_seeds.clone_from(&magnet.web_seeds);
    Some(Arc::new(meta))
}

/// Stores the metadata of a link. A failure is only logged: the next run fetches the metadata again.
pub(crate) fn keep(state_dir: &Path, meta: &Metainfo) {
    // A hybrid torrent from peers that support only v1 lacks piece layers, which a torrent file must have.
    if !meta.has_all_hashes() {
        return;
    }
    let path = path(state_dir, &meta.info_hashes);
    let beside = path.with_extension("new");
    let written = std::fs::create_dir_all(path.parent().unwrap_or(state_dir))
        .and_then(|()| meta.to_bytes().map_err(std::io::Error::other))
        .and_then(|bytes| std::fs::write(&beside, bytes))
        .and_then(|()| std::fs::rename(&beside, &path));
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), %error, "cannot cache metadata of the magnet link");
    }
}

fn path(state_dir: &Path, hashes: &InfoHashes) -> PathBuf {
    state_dir.join("metadata").join(format!("{hashes}.torrent"))
}
