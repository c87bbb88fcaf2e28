//! Resolution of host names: one lookup per name at a time, and a bounded number in all.

use crate::dns::Dns;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

/// Maximum number of concurrent lookups. Each blocks a thread.
const MAX_AT_ONCE: usize = 16;
/// Longest wait for a lookup.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Lifetime of addresses, and of failures. The system does not say how long addresses are valid.
const LIFE: Duration = Duration::from_secs(300);
const FAILURE_LIFE: Duration = Duration::from_secs(10);
/// Maximum number of remembered names.
const MAX_NAMES: usize = 4096;

/// Addresses of a host.
pub(crate) type Addrs = Arc<[IpAddr]>;

/// Looks up the addresses of a host by the name servers that the user has chosen, or else by the system. Blocks.
pub(crate) fn look_up(dns: &Dns, name: &str) -> io::Result<Vec<IpAddr>> {
    if dns.has_servers() { dns.addresses(name) } else { by_system(name) }
}

fn by_system(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|addr| addr.ip()).collect())
}

/// Result of a lookup.
#[derive(Debug)]
struct Entry {
    until: Instant,
    result: Result<Addrs, String>,
}

/// Result for one name. It is locked during the lookup.
type Slot = Arc<AsyncMutex<Option<Entry>>>;

/// A blocking lookup.
type System = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Cache of resolved names, which clones share.
#[derive(Clone)]
pub(crate) struct Names(Arc<Shared>);

struct Shared {
    slots: Mutex<HashMap<String, Slot>>,
    places: Arc<Semaphore>,
    system: Box<System>,
}

impl Default for Names {
    /// Creates a cache of lookups by the system.
    fn default() -> Self {
        Self::with(by_system)
    }
}

impl Names {
    /// Creates a cache of lookups by these name servers, or else by the system.
    pub(crate) fn by(dns: Dns) -> Self {
        Self::with(move |name| look_up(&dns, name))
    }

    fn with(system: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        let (slots, places) = (Mutex::default(), Arc::new(Semaphore::new(MAX_AT_ONCE)));
        Self(Arc::new(Shared { slots, places, system: Box::new(system) }))
    }

    /// Returns the addresses of a host, or the cause of the failure in plain words.
    pub(crate) async fn look_up(&self, name: &str) -> Result<Addrs, String> {
        if let Ok(ip) = name.parse() {
            return Ok([ip].into());
        }
        let slot = self.slot(name);
        let mut entry = slot.lock_owned().await;
        if let Some(Entry { until, result }) = entry.as_ref()
            && *until > Instant::now()
        {
            return result.clone();
        }
        // Continues without its caller, so that the next caller finds the result and need not ask again.
        let (names, name) = (self.clone(), name.to_owned());
        let asked = tokio::spawn(async move {
            let result = names.ask(&name).await;
            let life = if result.is_ok() { LIFE } else { FAILURE_LIFE };
            *entry = Some(Entry { until: Instant::now() + life, result: result.clone() });
            result
        });
        asked.await.unwrap_or_else(|_| Err("cannot resolve the name".into()))
    }

    async fn ask(&self, name: &str) -> Result<Addrs, String> {
        let (shared, name) = (Arc::clone(&self.0), name.to_owned());
        let found = tokio::time::timeout(TIMEOUT, async {
            let place = Arc::clone(&shared.places).acquire_owned().await;
            tokio::task::spawn_blocking(move || {
                // Held until the system answers, even if the caller is gone.
                let _place = place;
                (shared.system)(&name)
            })
            .await
        });
        match found.await {
            Ok(Ok(Ok(addrs))) => Ok(addrs.into()),
            Ok(Ok(Err(error))) => Err(format!("cannot resolve the name: {error}")),
            Ok(Err(_)) => Err("cannot resolve the name".into()),
            Err(_) => Err("cannot resolve the name: no answer in time".into()),
        }
    }

    fn slot(&self, name: &str) -> Slot {
        let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_NAMES {
            // Slots that a caller waits for have another owner.
            let now = Instant::now();
            slots.retain(|_, slot| {
                let is_old = |entry: &Option<Entry>| entry.as_ref().is_none_or(|entry| entry.until <= now);
                slot.try_lock().map_or(true, |entry| !is_old(&entry))
            });
            if slots.len() >= MAX_NAMES {
                slots.clear();
            }
        }
        Arc::clone(slots.entry(name.trim_end_matches('.').to_ascii_lowercase()).or_default())
    }

    /// Forgets all names, as the network has changed or was down.
    pub(crate) fn clear(&self) {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn look_up_of_one_name_by_many_callers_asks_the_system_once() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let (gate, opened) = crossbeam_channel::bounded::<()>(0);
        let names = Names::with(move |name| {
            counted.fetch_add(1, Ordering::SeqCst);
            assert!(opened.recv().is_err(), "until the gate is dropped");
            match name {
                "t.example" => Ok(vec![[192, 0, 2, 1].into()]),
                _ => Err(io::Error::other("no such name")),
            }
        });
        let asks: Vec<_> = (0..100)
            .map(|n| {
                let names = names.clone();
                let name = ["t.example", "T.example.", "gone.example"][n % 3];
                tokio::spawn(async move { names.look_up(name).await })
            })
            .collect();
        tokio::task::yield_now().await;
        drop(gate);
        for (n, ask) in asks.into_iter().enumerate() {
            assert_eq!(ask.await.unwrap().is_ok(), n % 3 != 2);
        }
        assert_eq!(count.load(Ordering::SeqCst), 2, "a name that is not there is remembered, too");
        names.clear();
        assert!(names.look_up("t.example").await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn look_up_of_an_address_returns_it_without_asking_the_system() {
        let names = Names::with(|_| panic!("no look-up"));
        assert_eq!(
            names.look_up("2001:db8::1").await.unwrap()[..],
            ["2001:db8::1".parse::<IpAddr>().unwrap()]
        );
    }
}
