//! Creation and upgrade of the database.

use super::StoreError;
use super::table::Table;
use rusqlite::Connection;
use std::path::Path;
use std::time::Duration;

/// Mark of the file type in the header of the database: `ztor` in ASCII.
const APPLICATION_ID: i64 = 0x7a74_6f72;
/// Version of the schema, which the database records as `user_version`.
const VERSION: i64 = 1;
/// Longest wait for another connection, as of a program that makes a backup.
const BUSY: Duration = Duration::from_secs(10);

/// Opens a database, and creates or upgrades it.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let failed = |error| StoreError::of(path, error);
    set_private(path)?;
    let mut connection = Connection::open(path).map_err(failed)?;
    let (application, version) = prepare(&connection).map_err(failed)?;
    match (application, version) {
        (0, 0) if is_empty(&connection).map_err(failed)? => create(&mut connection).map_err(failed)?,
        (APPLICATION_ID, VERSION) => {}
        (APPLICATION_ID, found) if found > VERSION => {
            return Err(StoreError::Version { path: path.to_owned(), found, known: VERSION });
        }
        _ => return Err(StoreError::Foreign { path: path.to_owned() }),
    }
    Ok(connection)
}

/// Sets up a connection. Returns the mark and the version of the file.
fn prepare(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    connection.busy_timeout(BUSY)?;
    // A file from elsewhere must not run code of its own.
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    let number = |name| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
    let marks = (number("application_id")?, number("user_version")?);
    // With the write-ahead log, a commit is one sequential write, and FULL makes it durable.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;")?;
    connection.set_prepared_statement_cache_capacity(4 * Table::ALL.len());
    Ok(marks)
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for table in Table::ALL {
        let (name, key) = (table.name(), table.key_type());
        transaction.execute_batch(&format!(
            "CREATE TABLE {name} (key {key} PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT"
        ))?;
    }
    transaction.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
    ))?;
    transaction.commit()
}

/// Reads all rows except the large ones, of which it reads the keys. Damage of a large row concerns one torrent only, which
/// finds it when it needs the row.
pub(super) fn verify(connection: &Connection) -> rusqlite::Result<()> {
    for table in Table::ALL {
        let name = table.name();
        if matches!(table, Table::Metainfo | Table::Resume) {
            connection.query_row(&format!("SELECT count(key) FROM {name}"), [], |_| Ok(()))?;
            continue;
        }
        // Value by value: a function of SQL may answer from the beginning of a row.
        let mut statement = connection.prepare(&format!("SELECT value FROM {name}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            row.get_ref(0)?;
        }
    }
    Ok(())
}

/// Lets only the owner read the file, which has passkeys and tokens. Creates it if it does not exist.
fn set_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let failed = |error| StoreError::Folder { path: path.to_owned(), error };
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path).map_err(failed)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(failed)
}
