//! One timer for each peer and each torrent.

use crate::dirty::Dirty;
use crate::ids::{PeerKey, TorrentId};
use slotmap::{Key, SecondaryMap};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use ztor_base::Instant;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Timer {
    Peer(PeerKey),
    Torrent(TorrentId),
}

/// Times at which peers and torrents are settled even if nothing happens to them.
///
/// A timer that is set to an earlier time leaves its old entry in the heap, which is skipped when it comes up.
#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Timer)>>,
    /// Time of each timer; [`Instant::FAR_FUTURE`] if it is not set.
    peers: SecondaryMap<PeerKey, Instant>,
    torrents: SecondaryMap<TorrentId, Instant>,
}

impl Timers {
    /// Returns the number of entries in the heap.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Sets the timer of a peer, unless it is set to an earlier time.
    pub(crate) fn set_peer(&mut self, now: Instant, key: PeerKey, at: Instant) {
        let at = at.max(now);
        if set_earlier(&mut self.peers, key, at) {
            self.heap.push(Reverse((at, Timer::Peer(key))));
        }
    }

    /// Sets the timer of a torrent, unless it is set to an earlier time.
    pub(crate) fn set_torrent(&mut self, now: Instant, id: TorrentId, at: Instant) {
        let at = at.max(now);
        if set_earlier(&mut self.torrents, id, at) {
            self.heap.push(Reverse((at, Timer::Torrent(id))));
        }
    }

    /// Removes the timer of a peer that is gone.
    pub(crate) fn on_peer_gone(&mut self, key: PeerKey) {
        self.peers.remove(key);
    }

    /// Removes the timer of a torrent that is gone.
    pub(crate) fn on_torrent_gone(&mut self, id: TorrentId) {
        self.torrents.remove(id);
    }

    /// Marks peers and torrents whose timers are due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, dirty: &mut Dirty) {
        while let Some(Reverse((at, timer))) = self.heap.peek().copied()
            && at <= now
        {
            self.heap.pop();
            match timer {
                Timer::Peer(key) if take_due(&mut self.peers, key, at) => dirty.mark_peer(key),
                Timer::Torrent(id) if take_due(&mut self.torrents, id, at) => dirty.mark_torrent(id),
                Timer::Peer(_) | Timer::Torrent(_) => {}
            }
        }
    }
}

/// Sets a timer to an earlier time. Returns false if it is set to this time or an earlier one already, or if `at` is
/// [`Instant::FAR_FUTURE`].
fn set_earlier<K: Key>(times: &mut SecondaryMap<K, Instant>, key: K, at: Instant) -> bool {
    if at >= Instant::FAR_FUTURE {
        return false;
    }
    match times.get_mut(key) {
        Some(set) if *set <= at => false,
        Some(set) => {
            *set = at;
            true
        }
        None => {
            times.insert(key, at);
            true
        }
    }
}

/// Clears a timer if it is set to this time. Returns true if it was.
fn take_due<K: Key>(times: &mut SecondaryMap<K, Instant>, key: K, at: Instant) -> bool {
    let set = times.get_mut(key).filter(|set| **set == at);
    set.is_some_and(|set| std::mem::replace(set, Instant::FAR_FUTURE) == at)
}
