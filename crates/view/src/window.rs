//! Windows of a list that are requested: the rows in view, with a margin.

use ztor_api::ListQuery;

/// Windows begin and end at multiples of this number of rows.
const BLOCK: usize = 20;
/// Smallest window: a shorter list has no need for others.
const SMALLEST: usize = 80;

/// A window of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Index of its first row.
    pub offset: usize,
    /// Number of its rows.
    pub limit: usize,
}

impl Window {
    /// Returns the window to request for `count` rows in view from the index `first` on.
    pub fn around(first: usize, count: usize) -> Self {
        let margin = count.max(SMALLEST.saturating_sub(count) / 2);
        let offset = first.saturating_sub(margin) / BLOCK * BLOCK;
        let end = first.saturating_add(count).saturating_add(margin).div_ceil(BLOCK).saturating_mul(BLOCK);
        Self { offset, limit: end - offset }
    }

    /// Returns true if it has the rows in view, with half of the margin on each side that does not end.
    pub fn covers(self, first: usize, count: usize, total: usize) -> bool {
        let margin = count / 2;
        let begins = self.offset == 0 || first >= self.offset.saturating_add(margin);
        let needed = total.min(first.saturating_add(count).saturating_add(margin));
        begins && first >= self.offset && needed <= self.offset.saturating_add(self.limit)
    }

    /// Returns a query of this window.
    pub fn of(self, query: ListQuery) -> ListQuery {
        ListQuery { offset: self.offset, limit: Some(self.limit), counts: true, ..query }
    }
}
