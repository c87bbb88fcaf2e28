//! Slots for connections: bounded in number, as a whole and per host.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use ztor_base::Host;

/// The slots of a server. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    /// Maximum number of connections. Beyond it, a new one replaces the one that has waited longest.
    max: usize,
    places: Arc<Mutex<Places>>,
}

#[derive(Debug, Default)]
struct Places {
    /// Connections, by the `clock` of their last progress or start: the first has waited longest.
    waiting: BTreeMap<u64, Place>,
    per_host: BTreeMap<Host, usize>,
    /// Number of starts and progresses so far.
    clock: u64,
}

#[derive(Debug)]
struct Place {
    host: Host,
    /// Dropped to end the connection.
    _keep: oneshot::Sender<()>,
}

/// The slot of a connection.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    at: u64,
}

impl Slots {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, places: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a slot for a connection of a host, and a receiver that is ready when it is evicted. Returns `None` if
    /// the host has too many.
    pub(crate) fn take(&self, host: Host, max_of_host: usize) -> Option<(Slot, oneshot::Receiver<()>)> {
        let mut places = self.lock();
        if places.per_host.get(&host).is_some_and(|count| *count >= max_of_host) {
            return None;
        }
        if places.waiting.len() >= self.max {
            places.evict_oldest();
        }
        *places.per_host.entry(host).or_default() += 1;
        let (keep, evicted) = oneshot::channel();
        let at = places.put(Place { host, _keep: keep });
        Some((Slot { slots: self.clone(), at }, evicted))
    }

    /// Ends the connection that has waited longest.
    pub(crate) fn evict_oldest(&self) {
        self.lock().evict_oldest();
    }
}

impl Places {
    fn put(&mut self, place: Place) -> u64 {
        self.clock += 1;
        self.waiting.insert(self.clock, place);
        self.clock
    }

    fn evict_oldest(&mut self) {
        if let Some((_, place)) = self.waiting.pop_first() {
            self.release(place.host);
        }
    }

    fn release(&mut self, host: Host) {
        if let Some(count) = self.per_host.get_mut(&host) {
            *count -= 1;
            if *count == 0 {
                self.per_host.remove(&host);
            }
        }
    }
}

impl Slot {
    /// Notes progress of the connection, which makes it the last to be evicted.
    pub(crate) fn renew(&mut self) {
        let mut places = self.slots.lock();
        if let Some(place) = places.waiting.remove(&self.at) {
            self.at = places.put(place);
        }
    }
}

impl Slot {
    /// Returns true if the connection must end.
    pub(crate) fn is_evicted(&self) -> bool {
        !self.slots.lock().waiting.contains_key(&self.at)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut places = self.slots.lock();
        // There is no entry if it was evicted.
        if let Some(place) = places.waiting.remove(&self.at) {
            places.release(place.host);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn host(text: &str) -> Host {
        Host::of(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn take_of_slots_counts_by_host_until_they_are_dropped() {
        let slots = Slots::new(10);
        let a = slots.take(host("2001:db8::1"), 2).unwrap();
        let _b = slots.take(host("2001:db8::2"), 2).unwrap();
        assert!(slots.take(host("2001:db8::3"), 2).is_none());
        assert!(slots.take(host("2001:db8:0:1::1"), 2).is_some());
        drop(a);
        let others: Vec<_> = (0..50).map(|n| slots.take(host(&format!("192.0.2.{n}")), 2).unwrap()).collect();
        assert!(slots.take(host("2001:db8::3"), 2).is_some());
        assert_eq!(slots.lock().waiting.len(), 9);
        drop(others);
        assert!(slots.lock().waiting.is_empty() && slots.lock().per_host.is_empty());
    }
}
