//! Torrents of a damaged database whose record is lost, from what is left of them.

use crate::clock::now_unix_s;
use crate::record::{Record, bare_magnet};
use crate::store::{Key, Store, StoreError, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use ztor_policy::{Mode, SavedTorrent, TorrentKey};
use ztor_session::Metainfo;

/// Makes records for torrent files without one. Their folder is that of their resume data, or else `download_dir`. They are
/// paused, as what the user had chosen for them is lost. So are all others: with the rows that are lost, there may have been a
/// proxy or another setting that hides the user. Returns the number of new records.
pub(super) fn recover(store: &Store, download_dir: &Path) -> Result<usize, StoreError> {
    let mut known = BTreeSet::new();
    store.visit(Table::Torrent, &mut |key, _| {
        known.insert(key);
        true
    })?;
    let mut found = Vec::new();
    store.visit(Table::Metainfo, &mut |key, bytes| {
        if !known.contains(&key)
            && let (Some(id), Ok(meta)) = (key.as_number(), Metainfo::from_bytes(&bytes))
        {
            found.push((id, meta));
        }
        true
    })?;
    for (id, meta) in &found {
        let mut record = Record {
            magnet: bare_magnet(meta.info_hashes),
            dir: folder(store, meta)?.unwrap_or_else(|| download_dir.to_owned()),
            added_unix_s: now_unix_s(),
            ..Record::default()
        };
        record.set_meta(meta);
        let policy = SavedTorrent { mode: Mode::Paused, ..SavedTorrent::new(TorrentKey::new(*id)) };
        store.put_json(Table::Torrent, *id, &record);
        store.put_json(Table::Policy, *id, &policy);
        tracing::warn!(torrent = record.name, "the record of a torrent was lost; it is paused");
    }
    let paused = store.all_json::<SavedTorrent>(Table::Policy)?;
    let mut policies: BTreeMap<TorrentKey, SavedTorrent> =
        paused.into_iter().map(|(_, saved)| (saved.key, saved)).collect();
    for key in known.into_iter().filter_map(|key| key.as_number()).map(TorrentKey::new) {
        let policy = policies.remove(&key).unwrap_or_else(|| SavedTorrent::new(key));
        store.put_json(Table::Policy, key.as_u64(), &SavedTorrent { mode: Mode::Paused, ..policy });
    }
    store.commit()?;
    Ok(found.len())
}

/// Returns the folder in the resume data of a torrent; `None` if there is none.
fn folder(store: &Store, meta: &Metainfo) -> Result<Option<PathBuf>, StoreError> {
    let swarm = meta.info_hashes.swarm_id();
    let keys = store.keys_with_prefix(Table::Resume, swarm.as_bytes())?;
    let folder = |key| match key {
        Key::Bytes(mut bytes) => {
            Some(std::ffi::OsString::from_vec(bytes.split_off(swarm.as_bytes().len())).into())
        }
        Key::Number(_) | Key::Text(_) => None,
    };
    Ok(keys.into_iter().find_map(folder))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::store::DatabaseResumeStore;
    use std::sync::Arc;
    use ztor_session::{ResumeKey, ResumeStore as _};

    #[test]
    fn recover_makes_paused_records_in_the_folder_of_the_resume_data() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path()).unwrap().0);
        let torrent = |name: &str| {
            let head =
                format!("d4:infod6:lengthi4e4:name{}:{name}12:piece lengthi16384e6:pieces20:", name.len());
            [head.as_bytes(), &[7; 20], b"ee"].concat()
        };
        for (id, name) in [(3_u64, "one"), (5, "two"), (9, "kept")] {
            store.put(Table::Metainfo, id, torrent(name));
        }
        store.put_json(Table::Torrent, 9, &Record { name: "kept".into(), ..Record::default() });
        store.put(Table::Metainfo, 11, b"damaged".to_vec());
        let meta = Metainfo::from_bytes(&torrent("two")).unwrap();
        let key = ResumeKey { swarm: meta.info_hashes.swarm_id(), dir: "/data/here".into() };
        DatabaseResumeStore::new(Arc::clone(&store)).save(&key, b"resume").unwrap();
        assert_eq!(recover(&store, Path::new("/downloads")).unwrap(), 2);
        let record = |id: u64| store.get_json::<Record>(Table::Torrent, id).unwrap().unwrap();
        assert_eq!((record(3).name.as_str(), record(3).dir), ("one", "/downloads".into()));
        assert_eq!((record(5).name.as_str(), record(5).dir), ("two", "/data/here".into()));
        assert_eq!(record(9).size, None);
        let policy = store.get_json::<SavedTorrent>(Table::Policy, 5).unwrap().unwrap();
        assert_eq!(policy.mode, Mode::Paused);
        let policy = store.get_json::<SavedTorrent>(Table::Policy, 9).unwrap().unwrap();
        assert_eq!(policy.mode, Mode::Paused, "a lost setting may have hidden the user");
        assert_eq!(recover(&store, Path::new("/downloads")).unwrap(), 0, "once");
    }
}
