//! Which torrents are no longer as they were last told, to faces and to the disk. Those that rest cost neither
//! anything.

use crate::ids::TorrentId;
use std::collections::BTreeSet;

/// Torrents with news, each once. Bounded by the torrents there are, and those that left since the last call.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Their status is not what it was, or they are gone.
    pub(crate) shown: BTreeSet<TorrentId>,
    /// They have pieces a restart does not know of.
    pub(crate) unsaved: BTreeSet<TorrentId>,
    /// Bytes moved that a restart does not know of.
    pub(crate) uncounted: BTreeSet<TorrentId>,
}

impl Changes {
    pub(crate) fn removed(&mut self, id: TorrentId) {
        self.shown.insert(id);
        self.saved(id);
    }

    pub(crate) fn saved(&mut self, id: TorrentId) {
        self.unsaved.remove(&id);
        self.uncounted.remove(&id);
    }
}
