use tempfile::TempDir;
use ztor_daemon::Store;
use ztor_daemon::testing::{Row, read_rows};

/// First letters of rows, in the order of the tables: torrent, policy, metainfo, resume, setting, category, watched
/// folder, loaded file, token, fact.
const TABLES: &[u8] = b"tpmrscwlkf";

thread_local! {
    static STORE: (Store, TempDir) = {
        // In memory if possible: each run commits a few times.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder");
        (Store::open(folder.path()).expect("a new database").0, folder)
    };
}

/// Checks rows of the state database: a daemon starts with any, leaves bad ones out, and finds the same after it has
/// saved what it has read.
///
/// The input is split at NUL. Each part is a row: the letter of its table, its key, `=` and its value. Keys of digits
/// are numbers.
pub fn rows(data: &[u8]) {
    let rows: Vec<Row> = data.split(|byte| *byte == 0).take(100).filter_map(row_of).collect();
    let (first, second) = STORE.with(|(store, _)| read_rows(store, &rows)).expect("the database works");
    assert!(first.list.torrents.len() <= rows.len());
    assert!(first.categories.len() + first.watch_folders + first.settings <= rows.len());
    assert_eq!(first.settings_error, None);
    assert_eq!(first, second);
    serde_json::to_string(&first.list).expect("the list can be written");
}

fn row_of(part: &[u8]) -> Option<Row> {
    let (letter, rest) = part.split_first()?;
    let table = TABLES.iter().position(|known| known == letter)?;
    let at = rest.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&rest[..at], rest[at + 1..].to_vec());
    let number = std::str::from_utf8(key).ok().and_then(|text| text.parse::<i64>().ok());
    let is_numbered = b"tpmc".contains(letter);
    let key = number.filter(|_| is_numbered).map_or(key.to_vec(), |number| number.to_le_bytes().to_vec());
    Some(Row { table: u8::try_from(table).ok()?, key, value })
}
