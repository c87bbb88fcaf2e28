//! The state folder.

use crate::resume_store::{FileResumeStore, Record};
use etcetera::BaseStrategy;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ztor_metainfo::Metainfo;
use ztor_storage::FileStamp;
use ztor_storage::resume::{Resume, ResumeError};

/// Returns the default state folder: `$XDG_STATE_HOME/ztor`, usually `~/.local/state/ztor`. `None` without a home
/// folder.
pub fn default_state_dir() -> Option<PathBuf> {
    let base = etcetera::base_strategy::Xdg::new().ok()?;
    Some(base.state_dir().unwrap_or_else(|| base.data_dir()).join("ztor"))
}

/// Returns the store of resume files in the state folder.
pub(crate) fn resume_files(state: &Path) -> FileResumeStore {
    FileResumeStore::new(state.join("resume"))
}

/// Returns the resume data of a torrent for its files in another folder. Counts and names stay; no piece counts as present, so
/// that what is there is hashed, and no file is the torrent's own until then.
///
/// # Errors
/// The resume data is malformed.
pub fn record_elsewhere(data: &[u8], dir: &Path) -> Result<Vec<u8>, ResumeError> {
    let mut resume = Resume::from_bytes(data, Path::new("resume data"))?;
    dir.clone_into(&mut resume.dir);
    resume.have.fill(0);
    resume.stamps.fill(FileStamp::ABSENT);
    resume.own.clear();
    resume.unfinished.clear();
    resume.moved_from.clear();
    (resume.moving, resume.mount, resume.is_deleting) = (None, None, false);
    Ok(resume.to_bytes())
}

/// Corrects the resume data of a torrent in the folder `dir`, after its data was compared with the hashes. Pieces that
/// were found bad (false in `not_bad`, one entry per piece) do not count as present any more, so that the next start
/// fetches them.
///
/// Returns true if there was something to correct. `state` is [`Config::state_dir`](crate::Config::state_dir).
///
/// # Errors
/// The resume data cannot be written. Unreadable resume data is no error: no start trusts it, so nothing is done.
pub fn distrust_record(
    state: &Path,
    meta: &Metainfo,
    dir: &Path,
    not_bad: &[bool],
) -> Result<bool, ResumeError> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let record = Record::new(Arc::new(resume_files(state)), meta, &dir);
    let Ok(Some(mut resume)) = record.load() else { return Ok(false) };
    if resume.verify(meta, &dir).is_err() {
        return Ok(false);
    }
    let mut is_wrong = false;
    for (piece, _) in not_bad.iter().enumerate().filter(|(_, not_bad)| !**not_bad) {
        if let Some(byte) = resume.have.get_mut(piece / 8) {
            let bit = 0x80 >> (piece % 8);
            is_wrong |= *byte & bit != 0;
            *byte &= !bit;
        }
    }
    if is_wrong {
        record.save(&resume)?;
        record.sync()?;
    }
    Ok(is_wrong)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use ztor_metainfo::InfoHashes;

    #[test]
    fn record_elsewhere_keeps_counts_and_trusts_no_piece() {
        let hashes = InfoHashes::V1([1; 20].into());
        let stamps = vec![FileStamp::ABSENT; 2];
        let resume = Resume {
            have: vec![0xff, 0x80],
            own: vec![true, false],
            wanted: vec![true, false],
            uploaded: 7,
            moved_from: vec!["/x".into()],
            stamps: stamps.clone(),
            ..Resume::new(hashes, "/old")
        };
        let moved = record_elsewhere(&resume.to_bytes(), Path::new("/new")).unwrap();
        let expected = Resume {
            have: vec![0, 0],
            wanted: vec![true, false],
            uploaded: 7,
            stamps,
            ..Resume::new(hashes, "/new")
        };
        assert_eq!(Resume::from_bytes(&moved, Path::new("x")).unwrap(), expected);
        assert!(record_elsewhere(b"nonsense", Path::new("/new")).is_err());
    }
}
