//! Salvage of a damaged database.

use super::table::{Key, Table};
use super::{StoreError, schema};
use rusqlite::{Connection, OpenFlags, params};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Result of the salvage of a damaged database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvage {
    /// Path to which the damaged file was renamed.
    pub damaged: PathBuf,
    /// Number of rows that were saved.
    pub rows: usize,
    /// True if rows may be missing.
    pub is_partial: bool,
}

/// Puts the damaged database aside, and creates a new one with all rows that can be read.
pub(super) fn salvage(path: &Path, cause: &StoreError) -> Result<(Connection, Salvage), StoreError> {
    tracing::error!(error = %cause, "the state is damaged; saving what can be read");
    let damaged = put_aside(path)?;
    let mut is_partial = false;
    let rows = read(&damaged, &mut is_partial);
    let mut connection = schema::open(path)?;
    let written = write(&mut connection, &rows).map_err(|error| StoreError::of(path, error))?;
    is_partial |= written < rows.len();
    Ok((connection, Salvage { damaged, rows: written, is_partial }))
}

/// Renames the database and its log to free names.
fn put_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let failed = |error| StoreError::Folder { path: path.to_owned(), error };
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut number = 1;
    let aside = loop {
        let aside = with(&format!(".damaged-{number}"));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    std::fs::rename(path, &aside).map_err(failed)?;
    for suffix in ["-wal", "-shm"] {
        let (from, mut to) = (with(suffix), aside.clone().into_os_string());
        to.push(suffix);
        match std::fs::rename(from, to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(aside)
}

type Rows = BTreeMap<(Table, Key), Vec<u8>>;

/// Reads all rows that are readable: each table from its beginning to the first damage, and from its end.
fn read(path: &Path, is_partial: &mut bool) -> Rows {
    let mut rows = Rows::new();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(connection) = Connection::open_with_flags(path, flags) else {
        *is_partial = true;
        return rows;
    };
    for table in Table::ALL {
        for order in ["ASC", "DESC"] {
            match read_table(&connection, table, order, &mut rows) {
                Ok(true) => break,
                Ok(false) | Err(_) => *is_partial = true,
            }
        }
    }
    rows
}

/// Reads a table in one direction. Returns false if it has left out rows.
fn read_table(connection: &Connection, table: Table, order: &str, rows: &mut Rows) -> rusqlite::Result<bool> {
    // By the row number, as the index of the keys may be the damaged part.
    let sql = format!("SELECT key, value FROM {} NOT INDEXED ORDER BY rowid {order}", table.name());
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([])?;
    let mut is_whole = true;
    while let Some(row) = found.next()? {
        // A bad row does not end the search.
        if let (Ok(key), Ok(value)) = (row.get(0), row.get(1)) {
            rows.insert((table, key), value);
        } else {
            is_whole = false;
        }
    }
    Ok(is_whole)
}

fn write(connection: &mut Connection, rows: &Rows) -> rusqlite::Result<usize> {
    let transaction = connection.transaction()?;
    let mut written = 0;
    for ((table, key), value) in rows {
        let sql = format!("INSERT INTO {} (key, value) VALUES (?1, ?2)", table.name());
        match transaction.prepare_cached(&sql)?.execute(params![key, value]) {
            Ok(count) => written += count,
            Err(error) if is_of_the_row(&error) => {}
            Err(error) => return Err(error),
        }
    }
    transaction.commit()?;
    Ok(written)
}

/// Returns true if the row is the reason of an error: a key of the wrong type is a part of the damage.
fn is_of_the_row(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{ConstraintViolation, TypeMismatch};
    matches!(error.sqlite_error_code(), Some(ConstraintViolation | TypeMismatch))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Creates a database whose tables take any values.
    fn loose(path: &Path, row: &str) {
        let connection = Connection::open(path).unwrap();
        for table in Table::ALL {
            let name = table.name();
            let sql = format!("CREATE TABLE {name} (key, value); INSERT INTO {name} VALUES {row};");
            connection.execute_batch(&sql).unwrap();
        }
    }

    #[test]
    fn read_with_a_row_that_cannot_be_decoded_is_partial() {
        let dir = tempfile::tempdir().unwrap();
        for (row, count, expected) in [("(1, x'00')", Table::ALL.len(), false), ("(1.5, x'00')", 0, true)] {
            let path = dir.path().join(count.to_string());
            loose(&path, row);
            let mut is_partial = false;
            assert_eq!((read(&path, &mut is_partial).len(), is_partial), (count, expected), "{row}");
        }
    }

    #[test]
    fn write_leaves_out_keys_of_the_wrong_type_only() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = schema::open(&dir.path().join("db")).unwrap();
        let of = |table, key| ((table, key), vec![0]);
        let rows = Rows::from([of(Table::Torrent, Key::from(1)), of(Table::Torrent, Key::Bytes(vec![1]))]);
        assert_eq!(write(&mut connection, &rows).unwrap(), 1);
        connection.execute_batch("PRAGMA query_only = 1").unwrap();
        let rows = Rows::from([of(Table::Torrent, Key::from(2))]);
        write(&mut connection, &rows).unwrap_err();
    }
}
