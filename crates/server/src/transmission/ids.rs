//! The torrents that a request names.

use super::dialect::{Args, int_of};
use crate::foreign::Table;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use ztor_daemon::Row;

/// The torrents that a request names.
#[derive(Debug)]
pub(crate) enum Selection {
    /// These, without those that are unknown.
    Rows(Vec<Arc<Row>>),
    /// Those that have changed lately.
    Recent,
}

/// Returns the torrents that `ids` names: all without it.
pub(crate) fn select(table: &Table, args: &Args) -> Selection {
    let rows = match args.get("ids") {
        None | Some(Value::Null) => table.rows().cloned().collect(),
        Some(Value::String(text)) if matches!(text.as_str(), "recently-active" | "recently_active") => {
            return Selection::Recent;
        }
        Some(Value::Array(ids)) => {
            let mut seen = HashSet::new();
            let found = ids.iter().filter_map(|id| one(table, id));
            found.filter(|row| seen.insert(row.torrent.id)).cloned().collect()
        }
        Some(id) => one(table, id).into_iter().cloned().collect(),
    };
    Selection::Rows(rows)
}

/// Returns the torrents that a request acts on.
pub(crate) fn targets(table: &Table, args: &Args, recent: impl FnOnce() -> u64) -> Vec<Arc<Row>> {
    match select(table, args) {
        Selection::Rows(rows) => rows,
        Selection::Recent => {
            let since = recent();
            table.rows().filter(|row| row.torrent.revision > since).cloned().collect()
        }
    }
}

fn one<'t>(table: &'t Table, id: &Value) -> Option<&'t Arc<Row>> {
    match id {
        Value::String(hash) => table.find(hash),
        id => table.get(u64::try_from(int_of(id)?).ok()?),
    }
}

/// Returns the ids of rows.
pub(crate) fn ids_of(rows: &[Arc<Row>]) -> Vec<u64> {
    rows.iter().map(|row| row.torrent.id).collect()
}
