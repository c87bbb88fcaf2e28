//! Entry points for fuzz targets.

use crate::select::Terms;
use crate::store::{Key, Store, StoreError, Table};
use crate::{SelectError, daemon};

pub use crate::daemon::Found;

/// A row of the state database as arbitrary bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Index of the table, modulo the number of tables.
    pub table: u8,
    /// Key: little-endian in tables with numbers, and UTF-8 in tables with names.
    pub key: Vec<u8>,
    /// Value.
    pub value: Vec<u8>,
}

/// Parses terms that select torrents.
///
/// # Errors
/// A term cannot be parsed.
pub fn parse_terms(terms: &[String]) -> Result<(), SelectError> {
    Terms::parse(terms).map(drop)
}

/// Reads rows as a daemon does at its start. Then writes what it has read, reads it again, and removes all rows. Returns
/// what both reads found.
///
/// # Errors
/// The database cannot be read or written.
pub fn read_rows(store: &Store, rows: &[Row]) -> Result<(Found, Found), StoreError> {
    let place = |row: &Row| {
        let table = Table::ALL[usize::from(row.table) % Table::ALL.len()];
        (table, key_of(table, &row.key))
    };
    for row in rows {
        let (table, key) = place(row);
        store.put(table, key, row.value.clone());
    }
    let first = daemon::read_state(store, true)?;
    let second = daemon::read_state(store, false)?;
    for table in Table::ALL {
        let mut keys = Vec::new();
        store.visit(table, &mut |key, _| {
            keys.push(key);
            true
        })?;
        keys.into_iter().for_each(|key| store.remove(table, key));
    }
    Ok((first, second))
}

fn key_of(table: Table, bytes: &[u8]) -> Key {
    match table.key_type() {
        "INTEGER" => {
            let mut number = [0; 8];
            number.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            Key::Number(i64::from_le_bytes(number))
        }
        "BLOB" => Key::Bytes(bytes.to_owned()),
        _ => Key::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}
