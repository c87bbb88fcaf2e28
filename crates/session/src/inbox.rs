//! Messages of other threads to the network thread.

use mio::Waker;
use std::sync::{Arc, Mutex, PoisonError};

/// A queue to the network thread, which is woken when the queue was empty.
///
/// Bounded by its senders: one answer per job, and jobs are bounded where they are made.
pub(crate) struct Inbox<T> {
    /// `None` once the network thread has ended. Messages, and the replies that they would answer, are then dropped.
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

    /// Appends all of `items`, with one wake-up.
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
        // The network thread empties the queue after each wake-up, so a queue that is not empty has woken it.
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

    /// Closes the queue. Further messages are dropped.
    pub(crate) fn close(&self) {
        *self.items.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
