//! The rows of a followed list, to which updates are applied.

use super::LiveState;
use std::collections::HashMap;
use std::sync::Arc;
use ztor_api::{Counts, List, ListQuery, Problem, Statistics, Torrent};

/// The rows of a window of a list, with what belongs to them. Clones share the rows.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// State of the connection.
    pub state: LiveState,
    /// Query of the rows; `None` before the first answer.
    pub query: Option<Arc<ListQuery>>,
    /// Number of torrents that match, in and outside of the window.
    pub total: usize,
    /// Index of the first row in the list.
    pub first: usize,
    /// Rows of the window, in order. A row that has not changed is the same allocation as before.
    pub rows: Vec<Arc<Torrent>>,
    /// Counts of the last query that requested them.
    pub counts: Option<Arc<Counts>>,
    /// Statistics of the daemon, at most once a second.
    pub statistics: Option<Arc<Statistics>>,
    /// Refusal of the followed query; `None` if it is accepted.
    pub problem: Option<Problem>,
    /// Number of changes of the rows and their order so far.
    pub version: u64,
    /// Revision of the last applied list.
    revision: u64,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            state: LiveState::Connecting,
            query: None,
            total: 0,
            first: 0,
            rows: Vec::new(),
            counts: None,
            statistics: None,
            problem: None,
            version: 0,
            revision: 0,
        }
    }
}

/// An update that does not belong to the rows, so that the window has to be requested again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfit;

impl Snapshot {
    /// Returns the row with this index in the list; `None` if it is not in the window.
    pub fn row(&self, index: usize) -> Option<&Arc<Torrent>> {
        index.checked_sub(self.first).and_then(|at| self.rows.get(at))
    }

    /// Returns the row of this torrent, if it is in the window.
    pub fn torrent(&self, id: u64) -> Option<&Arc<Torrent>> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// Returns true if the rows are those of `query`, in this or another window.
    pub fn is_of(&self, query: &ListQuery) -> bool {
        self.query.as_deref().is_some_and(|shown| is_same_list(shown, query))
    }

    /// Applies an update of the list that `query` asks for. Nothing changes if it does not fit.
    pub(crate) fn apply(
        &mut self,
        query: &Arc<ListQuery>,
        is_whole: bool,
        order: Option<Vec<u64>>,
        list: List,
    ) -> Result<(), Misfit> {
        // A change that was overtaken by a newer answer.
        if !is_whole && list.revision < self.revision {
            return Ok(());
        }
        let mut news: HashMap<u64, Torrent> = list.torrents.into_iter().map(|row| (row.id, row)).collect();
        let mut known: HashMap<u64, Arc<Torrent>> =
            self.rows.iter().map(|row| (row.id, Arc::clone(row))).collect();
        let order = order.unwrap_or_else(|| self.rows.iter().map(|row| row.id).collect());
        let rows: Option<Vec<Arc<Torrent>>> = order
            .iter()
            .map(|id| match (known.remove(id), news.remove(id)) {
                (Some(old), Some(new)) if *old == new => Some(old),
                (_, Some(new)) => Some(Arc::new(new)),
                (Some(old), None) if !is_whole => Some(old),
                (_, None) => None,
            })
            .collect();
        let rows = rows.ok_or(Misfit)?;
        let is_same =
            rows.len() == self.rows.len() && rows.iter().zip(&self.rows).all(|(a, b)| Arc::ptr_eq(a, b));
        if !is_same || self.total != list.total || self.first != query.offset {
            self.version += 1;
        }
        (self.rows, self.total, self.first, self.revision) = (rows, list.total, query.offset, list.revision);
        self.query = Some(Arc::clone(query));
        if let Some(counts) = list.counts.filter(|counts| self.counts.as_deref() != Some(counts)) {
            self.counts = Some(Arc::new(counts));
        }
        Ok(())
    }
}

/// Returns true if two queries differ in their windows at most.
pub(crate) fn is_same_list(a: &ListQuery, b: &ListQuery) -> bool {
    let list = |query: &ListQuery| ListQuery { offset: 0, limit: None, ..query.clone() };
    list(a) == list(b)
}
