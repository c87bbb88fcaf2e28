use std::path::Path;

use ztor_storage::resume::{MAX_PEERS, Resume};

/// Checks a resume file: a valid one is the same after it is written.
pub fn resume(data: &[u8]) {
    let origin = Path::new("resume");
    let Ok(mut resume) = Resume::from_bytes(data, origin) else { return };
    assert!(resume.peers.len() <= MAX_PEERS);
    let _ = resume.has(0) || resume.has(u32::MAX);
    assert!(resume.changed_files(&resume.stamps).is_empty());
    assert_eq!(resume.changed_files(&[]).len(), resume.stamps.len());
    // Counts are written up to the largest integer that every bencode decoder reads.
    resume.uploaded = resume.uploaded.min(i64::MAX as u64);
    resume.downloaded = resume.downloaded.min(i64::MAX as u64);
    let again = Resume::from_bytes(&resume.to_bytes(), origin).expect("what we write can be read");
    assert_eq!(again, resume);
}
