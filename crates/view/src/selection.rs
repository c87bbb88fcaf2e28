//! Selection of torrents in a list, with the cursor of the keyboard.

use std::collections::BTreeSet;

/// Ids of the selected torrents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    ids: BTreeSet<u64>,
    cursor: Option<u64>,
    /// Torrent from which a range extends.
    anchor: Option<u64>,
}

/// Effect of a click or a step of the cursor on the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Selects one.
    Only,
    /// Selects one more, or one less.
    Toggle,
    /// Selects those from the last one up to this.
    Range,
    /// Moves the cursor only.
    Cursor,
}

impl Selection {
    /// Returns the selected ids, in ascending order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = u64> {
        self.ids.iter().copied()
    }

    /// Returns the number of selected torrents.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns true if nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns true if a torrent is selected.
    pub fn contains(&self, id: u64) -> bool {
        self.ids.contains(&id)
    }

    /// Returns the torrent at the cursor.
    pub fn cursor(&self) -> Option<u64> {
        self.cursor
    }

    /// Returns what commands act on: the selected torrents, else the one at the cursor.
    pub fn targets(&self) -> Vec<u64> {
        if self.ids.is_empty() {
            self.cursor.into_iter().collect()
        } else {
            self.ids.iter().copied().collect()
        }
    }

    /// Puts the cursor on a torrent. `order` has the ids of the loaded rows in the order of the list; a range covers
    /// those between, if both ends are among them.
    pub fn put(&mut self, id: u64, mode: Mode, order: &[u64]) {
        match mode {
            Mode::Only => self.ids = BTreeSet::from([id]),
            Mode::Toggle => {
                if !self.ids.remove(&id) {
                    self.ids.insert(id);
                }
            }
            Mode::Range => {
                let place = |id: u64| order.iter().position(|known| *known == id);
                let range = self.anchor.and_then(place).zip(place(id));
                self.ids = match range {
                    Some((a, b)) => order[a.min(b)..=a.max(b)].iter().copied().collect(),
                    // Where the range begins is not loaded: those that are selected remain.
                    None => self.ids.iter().copied().chain([id]).collect(),
                };
            }
            Mode::Cursor => {}
        }
        self.cursor = Some(id);
        if mode != Mode::Range || self.anchor.is_none() {
            self.anchor = Some(id);
        }
    }

    /// Takes the cursor from its torrent, so that commands do not act on one that is not at the cursor any more.
    pub fn leave(&mut self) {
        self.cursor = None;
    }

    /// Selects these torrents and no others.
    pub fn set(&mut self, ids: impl IntoIterator<Item = u64>) {
        self.ids = ids.into_iter().collect();
    }

    /// Deselects all. The cursor remains.
    pub fn clear(&mut self) {
        self.ids.clear();
    }

    /// Deselects torrents that are not among `ids`: those of the whole list.
    pub fn keep(&mut self, ids: &BTreeSet<u64>) {
        self.ids.retain(|id| ids.contains(id));
        self.cursor = self.cursor.filter(|id| ids.contains(id));
        self.anchor = self.anchor.filter(|id| ids.contains(id));
    }
}
