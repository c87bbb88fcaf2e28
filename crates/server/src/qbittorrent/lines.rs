//! The torrents as lines of JSON, made once for each change of a torrent.

use super::cells::{Cells, cells_of, write_all};
use super::delta::Item;
use crate::foreign::Table;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use ztor_daemon::Row;

/// A torrent with its cells.
#[derive(Debug)]
pub(crate) struct Line {
    row: Arc<Row>,
    cells: Cells,
    /// Announce URLs, each once.
    trackers: Vec<String>,
}

impl Line {
    fn of(row: &Arc<Row>) -> Arc<Self> {
        let urls: BTreeSet<String> = row.trackers().iter().flatten().cloned().collect();
        let trackers = urls.into_iter().collect();
        Arc::new(Self { row: Arc::clone(row), cells: cells_of(row), trackers })
    }

    pub(super) fn row(&self) -> &Arc<Row> {
        &self.row
    }

    /// Appends the item of a list.
    pub(super) fn write_item(&self, now: Instant, into: &mut String) {
        into.push_str("{\"hash\":\"");
        into.push_str(self.hash());
        into.push_str("\",");
        self.write_cells(now, into);
        into.push('}');
    }
}

impl Item for Line {
    fn hash(&self) -> &str {
        short(&self.row.torrent.hash)
    }

    fn cells(&self) -> &Cells {
        &self.cells
    }

    fn trackers(&self) -> &[String] {
        &self.trackers
    }

    fn write_cells(&self, now: Instant, into: &mut String) {
        write_all(&self.cells, &self.row, now, into);
    }
}

/// Returns the hash by which clients know a torrent: that of v2 is cut to the length of v1, as for trackers (BEP 52).
pub(super) fn short(hash: &str) -> &str {
    hash.get(..40).unwrap_or(hash)
}

/// All torrents at a revision of the daemon.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    revision: u64,
    lines: Arc<BTreeMap<u64, Arc<Line>>>,
}

impl Lines {
    /// Returns all torrents in order of their ids.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Line>> {
        self.lines.values()
    }

    pub(super) fn by_id(&self) -> &Arc<BTreeMap<u64, Arc<Line>>> {
        &self.lines
    }

    pub(super) fn get(&self, id: u64) -> Option<&Arc<Line>> {
        self.lines.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }
}

/// [`Lines`] that are brought up to date when they are asked for.
#[derive(Debug, Default)]
pub(super) struct LineCache(Mutex<Arc<Lines>>);

impl LineCache {
    /// Returns the lines of a table. Those that have not changed are shared with earlier ones.
    pub(super) fn lines(&self, table: &Table) -> Arc<Lines> {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The revision of a new daemon may be that of the first, empty lines.
        if present.revision == table.revision() && present.len() == table.rows().len() {
            return Arc::clone(&present);
        }
        *present = Arc::new(next(&present, table));
        Arc::clone(&present)
    }
}

fn next(old: &Lines, table: &Table) -> Lines {
    let line = |row: &Arc<Row>| {
        let id = row.torrent.id;
        let known = old.get(id).filter(|line| Arc::ptr_eq(&line.row, row));
        (id, known.cloned().unwrap_or_else(|| Line::of(row)))
    };
    let lines: BTreeMap<u64, Arc<Line>> = table.rows().map(line).collect();
    // The revision also counts changes that concern no torrent.
    let is_same =
        lines.len() == old.len() && lines.values().zip(old.iter()).all(|(new, old)| Arc::ptr_eq(new, old));
    let lines = if is_same { Arc::clone(&old.lines) } else { Arc::new(lines) };
    Lines { revision: table.revision(), lines }
}
