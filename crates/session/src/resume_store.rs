//! Stores for the resume data of torrents: files, or a place of the embedding program.

use crate::times::TimesKey;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use ztor_base::SwarmId;
use ztor_metainfo::{InfoHashes, Metainfo};
use ztor_storage::resume::{Resume, ResumeError, read_file, sync_records};
use ztor_storage::{FileStamp, records};

/// Maximum number of torrents whose resume data is searched for the owner of a file.
const MAX_SEARCHED: usize = 10_000;

/// Key of resume data. Downloads of one torrent into different folders have different keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResumeKey {
    /// The torrent: its v1 info-hash, or the first 20 bytes of its v2 info-hash.
    pub swarm: SwarmId,
    /// Download folder, an absolute path.
    pub dir: PathBuf,
}

/// Store for resume data, which a session keeps over restarts.
///
/// The data is opaque, at most 64 MiB long, and far shorter for most torrents. A session calls these methods on threads
/// that may wait for a disk, several at a time. Sessions use [`FileResumeStore`] by default; a program with a database
/// sets its own ([`Config::resume_store`](field@crate::Config::resume_store)).
///
/// # Crashes
/// After a crash, each key must have either the old or the new data in full. Data that [`sync`](Self::sync) has covered
/// must be present.
pub trait ResumeStore: fmt::Debug + Send + Sync {
    /// Returns the data of a key; `None` if there is none.
    ///
    /// # Errors
    /// The data cannot be read. The session then checks the torrent's files.
    fn load(&self, key: &ResumeKey) -> Result<Option<Vec<u8>>, ResumeError>;

    /// Replaces the data of a key. It need not be durable before [`sync`](Self::sync).
    ///
    /// # Errors
    /// The data cannot be written. The session reports it and retries later.
    fn save(&self, key: &ResumeKey, data: &[u8]) -> Result<(), ResumeError>;

    /// Removes the data of a key, if there is any. It need not be durable before [`sync`](Self::sync).
    ///
    /// # Errors
    /// The data cannot be removed.
    fn remove(&self, key: &ResumeKey) -> Result<(), ResumeError>;

    /// Makes durable all data whose [`save`](Self::save) has returned.
    ///
    /// # Errors
    /// The data may be lost in a crash.
    fn sync(&self) -> Result<(), ResumeError>;

    /// Calls `visit` with the data of all keys, in any order, until it breaks. Skips data that cannot be read.
    fn visit(&self, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>);
}

/// Resume data in files, one per key, in a folder of their own.
#[derive(Debug)]
pub struct FileResumeStore {
    folder: PathBuf,
    /// True if an earlier process may have left a file that is not durable.
    is_in_doubt: AtomicBool,
}

impl FileResumeStore {
    /// Creates a store in a folder, which need not exist yet. Removes leftovers of interrupted writes.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let is_in_doubt = !records::remove_leftovers(&folder);
        Self { folder, is_in_doubt: is_in_doubt.into() }
    }

    fn path_of(&self, key: &ResumeKey) -> PathBuf {
        self.folder.join(format!("{}-{:016x}.{}", key.swarm, folder_hash(&key.dir), records::EXTENSION))
    }
}

impl ResumeStore for FileResumeStore {
    fn load(&self, key: &ResumeKey) -> Result<Option<Vec<u8>>, ResumeError> {
        if self.is_in_doubt.load(Ordering::Relaxed) {
            self.sync()?;
            self.is_in_doubt.store(false, Ordering::Relaxed);
        }
        match read_file(&self.path_of(key)) {
            Ok(data) => Ok(Some(data)),
            Err(ResumeError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn save(&self, key: &ResumeKey, data: &[u8]) -> Result<(), ResumeError> {
        records::write_unsynced(&self.path_of(key), data)
    }

    fn remove(&self, key: &ResumeKey) -> Result<(), ResumeError> {
        records::remove(&self.path_of(key))
    }

    fn sync(&self) -> Result<(), ResumeError> {
        sync_records(&self.folder)
    }

    fn visit(&self, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        records::visit(&self.folder, visit);
    }
}

/// Resume data of one torrent.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    store: Arc<dyn ResumeStore>,
    key: Arc<ResumeKey>,
}

impl PartialEq for Record {
    /// Compares the keys: all records of a session are in one store.
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Record {
    /// Creates the record of a torrent in the folder `dir`, an absolute path.
    pub(crate) fn new(store: Arc<dyn ResumeStore>, meta: &Metainfo, dir: &Path) -> Self {
        let key = ResumeKey { swarm: meta.info_hashes.swarm_id(), dir: dir.to_owned() };
        Self { store, key: Arc::new(key) }
    }

    /// Loads the data; `None` if there is none.
    pub(crate) fn load(&self) -> Result<Option<Resume>, ResumeError> {
        let data = self.store.load(&self.key)?;
        data.map(|data| Resume::from_bytes(&data, &self.name())).transpose()
    }

    /// Replaces the data. [`sync`](Self::sync) makes it durable.
    pub(crate) fn save(&self, resume: &Resume) -> Result<(), ResumeError> {
        self.store.save(&self.key, &resume.to_bytes())
    }

    /// Removes the data. [`sync`](Self::sync) makes that durable.
    pub(crate) fn remove(&self) -> Result<(), ResumeError> {
        self.store.remove(&self.key)
    }

    /// Returns the key in the file of times.
    pub(crate) fn times_key(&self) -> TimesKey {
        TimesKey::new(self.key.swarm, &self.key.dir)
    }

    /// Returns the download folder of the key.
    pub(crate) fn dir(&self) -> &Path {
        &self.key.dir
    }

    /// Returns the record of the same torrent in another download folder.
    pub(crate) fn in_folder(&self, dir: &Path) -> Self {
        let key = ResumeKey { swarm: self.key.swarm, dir: dir.to_owned() };
        Self { store: Arc::clone(&self.store), key: Arc::new(key) }
    }

    /// Makes the saved data of all torrents durable.
    pub(crate) fn sync(&self) -> Result<(), ResumeError> {
        self.store.sync()
    }

    /// Returns a stamp for which `is_asked` is true, and which another torrent has left on one of its files.
    ///
    /// Stamps have nanoseconds, so two files hardly ever share one. Reads the data of at most 10,000 torrents.
    pub(crate) fn left_by_another(
        &self,
        own: &InfoHashes,
        is_asked: impl Fn(&FileStamp) -> bool,
    ) -> Option<FileStamp> {
        let (mut found, mut searched) = (None, 0);
        self.store.visit(&mut |data| {
            searched += 1;
            let record = Resume::from_bytes(data, Path::new("")).ok();
            let record = record.filter(|record| !record.info_hashes.matches(own));
            let stamps = record.into_iter().flat_map(|record| record.stamps);
            found = stamps.into_iter().find(|stamp| stamp.len > 0 && is_asked(stamp));
            let is_over = found.is_some() || searched == MAX_SEARCHED;
            if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found
    }

    /// Returns a name for errors.
    fn name(&self) -> PathBuf {
        PathBuf::from(format!("the record of {}", self.key.swarm))
    }
}

/// Returns a hash of a folder's path, the same in every run and build.
pub(crate) fn folder_hash(dir: &Path) -> u64 {
    use std::hash::Hasher as _;
    let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
    fnv.write(dir.as_os_str().as_encoded_bytes());
    fnv.finish()
}

/// FNV-1a. File names must be the same in every run and build.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use ztor_storage::create::{CreateOptions, create};

    /// Creates a torrent of one file of `len` bytes.
    fn torrent(len: usize) -> Metainfo {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        std::fs::write(&path, vec![7; len]).unwrap();
        let made = create(&path, &CreateOptions::default(), 1, |_, _| {}, &AtomicBool::new(false)).unwrap();
        Metainfo::from_bytes(&made.torrent).unwrap()
    }

    fn resume(meta: &Metainfo, dir: &Path, stamp: FileStamp) -> Resume {
        let stamps = vec![FileStamp::ABSENT, stamp];
        Resume { have: vec![0x80], stamps, ..Resume::new(meta.info_hashes, dir) }
    }

    #[test]
    fn load_returns_what_was_saved_for_the_same_torrent_and_folder() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn ResumeStore> = Arc::new(FileResumeStore::new(dir.path().join("resume")));
        let meta = torrent(5);
        let record = |folder: &str| Record::new(Arc::clone(&store), &meta, Path::new(folder));
        assert_eq!(record("/a").load().unwrap(), None);
        let saved = resume(&meta, Path::new("/a"), FileStamp { len: 5, mtime_ns: 1 });
        record("/a").save(&saved).unwrap();
        record("/a").sync().unwrap();
        assert_eq!(record("/a").load().unwrap(), Some(saved));
        assert_eq!(record("/b").load().unwrap(), None);
    }

    #[test]
    fn left_by_another_finds_a_stamp_in_the_records_of_other_torrents_only() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn ResumeStore> = Arc::new(FileResumeStore::new(dir.path().join("resume")));
        let (one, two) = (torrent(10), torrent(11));
        let record = |meta: &Metainfo| Record::new(Arc::clone(&store), meta, dir.path());
        let left = FileStamp { len: 10, mtime_ns: 77 };
        let found = || record(&two).left_by_another(&two.info_hashes, |stamp| *stamp == left);
        assert_eq!(found(), None, "nothing is saved");
        record(&two).save(&resume(&two, dir.path(), left)).unwrap();
        std::fs::write(dir.path().join("resume/bad.resume"), b"junk").unwrap();
        assert_eq!(found(), None, "it is the torrent's own");
        record(&one).save(&resume(&one, dir.path(), FileStamp { len: 10, mtime_ns: 78 })).unwrap();
        assert_eq!(found(), None, "another stamp");
        record(&one).save(&resume(&one, dir.path(), left)).unwrap();
        assert_eq!(found(), Some(left));
        let absent = record(&two).left_by_another(&two.info_hashes, |stamp| *stamp == FileStamp::ABSENT);
        assert_eq!(absent, None, "an absent file has no owner");
    }
}
