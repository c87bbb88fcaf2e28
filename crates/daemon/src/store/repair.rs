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
    /// Number of rows that could be read.
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
            if read_table(&connection, table, order, &mut rows).is_ok() {
                break;
            }
            *is_partial = true;
        }
    }
    rows
}

fn read_table(connection: &Connection, table: Table, order: &str, rows: &mut Rows) -> rusqlite::Result<()> {
    // By the row number, as the index of the keys may be the damaged part.
    let sql = format!("SELECT key, value FROM {} NOT INDEXED ORDER BY rowid {order}", table.name());
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        // A bad row does not end the search.
        if let (Ok(key), Ok(value)) = (row.get(0), row.get(1)) {
            rows.insert((table, key), value);
        }
    }
    Ok(())
}

fn write(connection: &mut Connection, rows: &Rows) -> rusqlite::Result<usize> {
    let transaction = connection.transaction()?;
    let mut written = 0;
    for ((table, key), value) in rows {
        let sql = format!("INSERT INTO {} (key, value) VALUES (?1, ?2)", table.name());
        // A key of the wrong type is a part of the damage.
        written += transaction.prepare_cached(&sql)?.execute(params![key, value]).unwrap_or(0);
    }
    transaction.commit()?;
    Ok(written)
}
