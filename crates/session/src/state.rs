//! Where ztor keeps what it must not forget.

use etcetera::BaseStrategy;
use std::path::{Path, PathBuf};
use ztor_metainfo::Metainfo;

/// The state folder: `$XDG_STATE_HOME/ztor`, usually `~/.local/state/ztor`. `None` without a home folder.
pub fn default_state_dir() -> Option<PathBuf> {
    let base = etcetera::base_strategy::Xdg::new().ok()?;
    Some(base.state_dir().unwrap_or_else(|| base.data_dir()).join("ztor"))
}

/// The resume file of a torrent in a download folder. Two downloads of the same torrent in different folders
/// have different ones.
pub(crate) fn resume_path(state: &Path, meta: &Metainfo, dir: &Path) -> PathBuf {
    use std::hash::Hasher;
    let swarm = meta.info_hashes.swarm_id();
    let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
    fnv.write(dir.as_os_str().as_encoded_bytes());
    state.join("resume").join(format!("{swarm}-{:016x}.resume", fnv.finish()))
}

/// FNV-1a: names must be the same in every run and build.
struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
