//! Times of all torrents in one file: idle torrents have nothing else to save, and thousands of records would be a lot to
//! write for that.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use ztor_base::{Duration, SwarmId};
use ztor_storage::resume::{read_file, replace_file};

/// Maximum number of torrents in the file. Those that are not in the session leave it first.
const MAX_TORRENTS: usize = 100_000;
const MAGIC: &[u8; 8] = b"ztortim1";
const ENTRY_LEN: usize = 44;

/// A torrent in its download folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TimesKey {
    swarm: [u8; 20],
    /// Hash of the folder, the same in every run.
    dir: u64,
}

/// Times of a torrent in all sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Times {
    pub(crate) active: Duration,
    pub(crate) seeding: Duration,
}

/// The file with the times, and its content.
#[derive(Debug)]
pub(crate) struct TimesFile {
    /// `None` keeps the times in memory only.
    path: Option<PathBuf>,
    known: Mutex<HashMap<TimesKey, Times>>,
}

impl TimesKey {
    pub(crate) fn new(swarm: SwarmId, dir: &Path) -> Self {
        Self { swarm: swarm.into(), dir: crate::resume_store::folder_hash(dir) }
    }
}

impl TimesFile {
    /// Loads the file in a state folder. Without one, or with a damaged file, no times are known.
    pub(crate) fn load(state: Option<&Path>) -> Arc<Self> {
        let path = state.map(|state| state.join("times"));
        let content = path.as_deref().and_then(|path| read_file(path).ok()).unwrap_or_default();
        Arc::new(Self { path, known: Mutex::new(decode(&content)) })
    }

    /// Returns the times of a torrent up to the last save.
    pub(crate) fn get(&self, key: &TimesKey) -> Times {
        self.known().get(key).copied().unwrap_or_default()
    }

    /// Forgets a removed torrent.
    pub(crate) fn remove(&self, key: &TimesKey) {
        self.known().remove(key);
    }

    /// Replaces the times of the torrents in the session, and writes the file.
    pub(crate) fn save(&self, now: Vec<(TimesKey, Times)>) {
        let content = {
            let mut known = self.known();
            if known.len() + now.len() > MAX_TORRENTS {
                known.clear();
            }
            known.extend(now);
            encode(&known)
        };
        if let Some(Err(error)) = self.path.as_ref().map(|path| replace_file(path, &content)) {
            tracing::warn!(%error, "cannot save the times of the torrents");
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<TimesKey, Times>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Encodes the magic number, and for each torrent the swarm, the folder, and both times in seconds, in the order of the
/// keys. Numbers are big-endian.
fn encode(known: &HashMap<TimesKey, Times>) -> Vec<u8> {
    let mut entries: Vec<_> = known.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| **key);
    let mut out = MAGIC.to_vec();
    for (key, times) in entries {
        out.extend_from_slice(&key.swarm);
        out.extend_from_slice(&key.dir.to_be_bytes());
        out.extend_from_slice(&times.active.as_secs().to_be_bytes());
        out.extend_from_slice(&times.seeding.as_secs().to_be_bytes());
    }
    out
}

fn decode(content: &[u8]) -> HashMap<TimesKey, Times> {
    let Some(entries) = content.strip_prefix(MAGIC) else { return HashMap::new() };
    let word = |entry: &[u8; ENTRY_LEN], at: usize| {
        entry[at..].first_chunk::<8>().map_or(0, |word| u64::from_be_bytes(*word))
    };
    let of = |entry: &[u8; ENTRY_LEN]| {
        let mut swarm = [0; 20];
        swarm.copy_from_slice(&entry[..20]);
        let seconds = |at| Duration::from_secs(word(entry, at).min(u64::from(u32::MAX)));
        let times = Times { active: seconds(28), seeding: seconds(36) };
        (TimesKey { swarm, dir: word(entry, 20) }, times)
    };
    entries.as_chunks::<ENTRY_LEN>().0.iter().take(MAX_TORRENTS).map(of).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u8) -> TimesKey {
        TimesKey::new(SwarmId::new([number; 20]), Path::new("/x"))
    }

    fn times(active: u64, seeding: u64) -> Times {
        Times { active: Duration::from_secs(active), seeding: Duration::from_secs(seeding) }
    }

    #[test]
    fn load_of_a_saved_file_knows_the_times() {
        let state = tempfile::tempdir().unwrap();
        let file = TimesFile::load(Some(state.path()));
        file.save(vec![(key(1), times(5, 3)), (key(2), times(7, 0))]);
        file.save(vec![(key(1), times(9, 4))]);
        let again = TimesFile::load(Some(state.path()));
        assert_eq!(
            (again.get(&key(1)), again.get(&key(2)), again.get(&key(3))),
            (times(9, 4), times(7, 0), Times::default())
        );
        again.remove(&key(1));
        assert_eq!(again.get(&key(1)), Times::default());
        TimesFile::load(None).save(vec![(key(1), times(1, 1))]);
    }

    proptest! {
        #[test]
        fn decode_of_any_bytes_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), is_file in any::<bool>()) {
            let content = if is_file { [MAGIC, bytes.as_slice()].concat() } else { bytes };
            let known = decode(&content);
            prop_assert_eq!(decode(&encode(&known)), known);
        }
    }
}
