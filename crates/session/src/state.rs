//! Where ztor keeps what it must not forget.

use etcetera::BaseStrategy;
use std::path::{Path, PathBuf};
use ztor_metainfo::Metainfo;
use ztor_storage::resume::{Resume, ResumeError};

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

/// Corrects what an earlier run has remembered of a torrent in the folder `dir`, after its data was compared with the
/// hashes: pieces that were found bad (false in `not_bad`, one entry per piece) are no longer remembered as there. The next
/// start fetches them.
///
/// Returns whether there was something to correct. `state` is [`Config::state_dir`](crate::Config::state_dir).
///
/// # Errors
/// The resume data cannot be written. If it cannot be read, nobody believes it either, and nothing is done.
pub fn distrust_record(
    state: &Path,
    meta: &Metainfo,
    dir: &Path,
    not_bad: &[bool],
) -> Result<bool, ResumeError> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let path = resume_path(state, meta, &dir);
    let Ok(mut record) = Resume::load(&path) else { return Ok(false) };
    if record.verify(meta, &dir).is_err() {
        return Ok(false);
    }
    let mut is_wrong = false;
    for (piece, _) in not_bad.iter().enumerate().filter(|(_, not_bad)| !**not_bad) {
        if let Some(byte) = record.have.get_mut(piece / 8) {
            let bit = 0x80 >> (piece % 8);
            is_wrong |= *byte & bit != 0;
            *byte &= !bit;
        }
    }
    if is_wrong {
        record.save(&path)?;
    }
    Ok(is_wrong)
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
