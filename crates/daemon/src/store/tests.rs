#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use std::sync::Arc;

fn open(dir: &Path) -> Store {
    let (store, salvage) = Store::open(dir).unwrap();
    assert_eq!(salvage, None);
    store
}

fn fact(store: &Store, key: &str) -> Option<Vec<u8>> {
    store.get(Table::Fact, key).unwrap()
}

#[test]
fn committed_changes_are_there_after_a_crash_and_queued_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.put(Table::Fact, "a", b"1".to_vec());
    store.commit().unwrap();
    store.put(Table::Fact, "a", b"2".to_vec());
    store.put(Table::Fact, "b", b"3".to_vec());
    assert_eq!((fact(&store, "a"), fact(&store, "b")), (Some(b"2".to_vec()), Some(b"3".to_vec())));
    // The queue is lost with the process.
    drop(store);
    let store = open(dir.path());
    assert_eq!((fact(&store, "a"), fact(&store, "b")), (Some(b"1".to_vec()), None));
    store.remove(Table::Fact, "a");
    store.commit().unwrap();
    drop(store);
    assert_eq!(fact(&open(dir.path()), "a"), None);
}

#[test]
fn second_process_in_a_state_folder_is_refused_with_the_pid_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { pid, .. } if pid == std::process::id()), "{error}");
    drop(first);
    open(dir.path());
}

#[test]
fn visit_reads_queued_and_committed_rows_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let count = 2 * PART as u64 + 7;
    for number in (0..count).rev() {
        store.put(Table::Policy, number, number.to_string().into_bytes());
    }
    let mut seen = Vec::new();
    store
        .visit(Table::Policy, &mut |key, _| {
            seen.push(key.as_number().unwrap());
            true
        })
        .unwrap();
    assert!(seen.iter().copied().eq(0..count));
    assert_eq!(store.all_json::<u64>(Table::Policy).unwrap().len(), seen.len());
}

#[test]
fn commits_of_many_threads_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(dir.path()));
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..50 {
                    store.put(Table::Policy, thread * 100 + n, b"0".to_vec());
                    store.commit().unwrap();
                }
            });
        }
    });
    assert!(!store.has_changes());
    drop(store);
    assert_eq!(open(dir.path()).all_json::<u64>(Table::Policy).unwrap().len(), 200);
}

#[test]
fn failed_commit_keeps_its_changes_for_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.connection().execute_batch("PRAGMA max_page_count = 1").unwrap();
    store.put(Table::Fact, "big", vec![7; 1 << 20]);
    let error = store.commit().unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(store.error(), Some(error.to_string()));
    assert_eq!(fact(&store, "big"), Some(vec![7; 1 << 20]));
    store.connection().execute_batch("PRAGMA max_page_count = 1000000").unwrap();
    store.commit().unwrap();
    assert_eq!((store.error(), store.has_changes()), (None, false));
}

#[test]
fn database_of_a_later_version_or_another_program_is_refused_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let path = dir.path().join(FILE);
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Version { found: 99, .. }), "{error}");
    Connection::open(&path).unwrap().execute_batch("PRAGMA application_id = 5").unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(path.exists());
}

#[test]
fn damaged_database_is_put_aside_and_its_rows_are_salvaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let store = open(dir.path());
    for number in 0..1000_u64 {
        store.put(Table::Metainfo, number, vec![number as u8; 3000]);
        store.put_json(Table::Torrent, number, &number);
    }
    store.finish().unwrap();
    drop(store);
    // Damages pages in the middle, where the long rows are.
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let (store, salvage) = Store::open(dir.path()).unwrap();
    let salvage = salvage.unwrap();
    assert!(salvage.is_partial && salvage.rows > 1900, "{salvage:?}");
    assert!(salvage.damaged.exists());
    assert_eq!(store.all_json::<u64>(Table::Torrent).unwrap().len(), 1000);
    assert_eq!(store.get(Table::Metainfo, 999).unwrap(), Some(vec![231; 3000]));
}

#[test]
fn file_of_noise_is_put_aside_and_the_state_begins_empty() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    std::fs::write(&path, vec![0x5a; 100_000]).unwrap();
    let (store, salvage) = Store::open(dir.path()).unwrap();
    let salvage = salvage.unwrap();
    assert!(salvage.is_partial && salvage.rows == 0);
    assert_eq!(std::fs::read(&salvage.damaged).unwrap(), vec![0x5a; 100_000]);
    store.put(Table::Fact, "a", Vec::new());
    store.commit().unwrap();
}
