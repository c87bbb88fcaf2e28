//! Change tracking: peers and torrents to settle at the end of the turn, and torrents with news for front ends and for
//! the disk. Idle ones cost nothing.

use crate::ids::{PeerKey, TorrentId};
use slotmap::{Key, SecondaryMap};
use std::collections::{BTreeSet, VecDeque};

/// Peers and torrents to settle, and torrents with news.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    peers: Queue<PeerKey>,
    torrents: Queue<TorrentId>,
    /// Torrents whose status changed, or that were removed.
    shown: BTreeSet<TorrentId>,
    /// Torrents with pieces that are not in a resume record yet.
    unsaved: BTreeSet<TorrentId>,
    /// Torrents with counted bytes that are not in a resume record yet.
    uncounted: BTreeSet<TorrentId>,
}

/// A queue that holds each key at most once until it is unmarked.
#[derive(Debug)]
struct Queue<K: Key> {
    keys: VecDeque<K>,
    /// True for marked keys. Entries stay, as most keys are marked repeatedly.
    marked: SecondaryMap<K, bool>,
}

impl<K: Key> Default for Queue<K> {
    fn default() -> Self {
        Self { keys: VecDeque::new(), marked: SecondaryMap::new() }
    }
}

impl<K: Key> Queue<K> {
    fn mark(&mut self, key: K) {
        let was_marked = match self.marked.get_mut(key) {
            Some(mark) => std::mem::replace(mark, true),
            None => self.marked.insert(key, true).is_some(),
        };
        if !was_marked {
            self.keys.push_back(key);
        }
    }

    fn unmark(&mut self, key: K) {
        if let Some(mark) = self.marked.get_mut(key) {
            *mark = false;
        }
    }
}

impl Dirty {
    /// Marks a peer to be settled at the end of the turn.
    pub(crate) fn mark_peer(&mut self, key: PeerKey) {
        self.peers.mark(key);
    }

    /// Marks a torrent to be settled at the end of the turn.
    pub(crate) fn mark_torrent(&mut self, id: TorrentId) {
        self.torrents.mark(id);
    }

    /// Removes the mark of a peer that is being settled.
    pub(crate) fn unmark_peer(&mut self, key: PeerKey) {
        self.peers.unmark(key);
    }

    /// Removes the mark of a torrent that is being settled.
    pub(crate) fn unmark_torrent(&mut self, id: TorrentId) {
        self.torrents.unmark(id);
    }

    /// Takes the next peer to settle.
    pub(crate) fn pop_peer(&mut self) -> Option<PeerKey> {
        self.peers.keys.pop_front()
    }

    /// Takes the next torrent to settle.
    pub(crate) fn pop_torrent(&mut self) -> Option<TorrentId> {
        self.torrents.keys.pop_front()
    }

    /// Returns true if a peer waits to be settled.
    pub(crate) fn has_peer(&self, key: PeerKey) -> bool {
        self.peers.marked.get(key) == Some(&true)
    }

    /// Returns true if nothing waits to be settled.
    pub(crate) fn is_settled(&self) -> bool {
        self.peers.keys.is_empty() && self.torrents.keys.is_empty()
    }

    /// Records that the status of a torrent changed.
    pub(crate) fn show(&mut self, id: TorrentId) {
        self.shown.insert(id);
    }

    /// Records that the pieces of a torrent changed.
    pub(crate) fn pieces_changed(&mut self, id: TorrentId) {
        self.unsaved.insert(id);
    }

    /// Records that bytes of a torrent were counted.
    pub(crate) fn bytes_counted(&mut self, id: TorrentId) {
        self.uncounted.insert(id);
    }

    /// Records that a torrent was removed.
    pub(crate) fn removed(&mut self, id: TorrentId) {
        self.shown.insert(id);
        self.saved(id);
    }

    /// Records that a resume record of a torrent was made.
    pub(crate) fn saved(&mut self, id: TorrentId) {
        self.unsaved.remove(&id);
        self.uncounted.remove(&id);
    }

    /// Takes the torrents whose status changed, in order of their ids.
    pub(crate) fn take_shown(&mut self) -> BTreeSet<TorrentId> {
        std::mem::take(&mut self.shown)
    }

    pub(crate) fn has_shown(&self) -> bool {
        !self.shown.is_empty()
    }

    /// Torrents with pieces that are not in a resume record yet.
    pub(crate) fn unsaved(&self) -> &BTreeSet<TorrentId> {
        &self.unsaved
    }

    /// Torrents with counted bytes that are not in a resume record yet.
    pub(crate) fn uncounted(&self) -> &BTreeSet<TorrentId> {
        &self.uncounted
    }
}
