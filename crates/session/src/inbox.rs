//! What other threads have for the net thread.

use mio::Waker;
use std::sync::{Arc, Mutex, PoisonError};

/// A queue into the net thread that wakes it when it was empty.
///
/// Bounded by what is put in: one answer per job, and jobs are bounded where they are made.
pub(crate) struct Inbox<T> {
    /// `None` once the net thread has ended: then messages, and the questions in them, are dropped.
    items: Mutex<Option<Vec<T>>>,
    waker: Waker,
}

impl<T> std::fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl<T> Inbox<T> {
    pub(crate) fn new(waker: Waker) -> Arc<Self> {
        Arc::new(Self { items: Mutex::new(Some(Vec::new())), waker })
    }

    pub(crate) fn push(&self, item: T) {
        self.append(&mut vec![item]);
    }

    /// Moves all of `items` in; one wake-up for all of them.
    pub(crate) fn append(&self, items: &mut Vec<T>) {
        if items.is_empty() {
            return;
        }
        let was_empty = {
            let mut queue = self.items.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(queue) = queue.as_mut() else { return items.clear() };
            let was_empty = queue.is_empty();
            queue.append(items);
            was_empty
        };
        // The net thread empties the queue after each wake-up, so a queue with something in it has woken it.
        if was_empty && let Err(error) = self.waker.wake() {
            tracing::error!(%error, "cannot wake the network thread");
        }
    }

    /// Swaps the queue with `into`, which should be empty.
    pub(crate) fn take(&self, into: &mut Vec<T>) {
        if let Some(items) = self.items.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            std::mem::swap(items, into);
        }
    }

    /// Takes nothing any more.
    pub(crate) fn close(&self) {
        *self.items.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
