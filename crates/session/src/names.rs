//! Names of hosts: each is looked up once at a time, and a few at a time in all.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

/// Look-ups at a time: each blocks a thread.
const MAX_AT_ONCE: usize = 16;
/// The longest wait for one.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Life of addresses, and of failures. The system does not say for how long addresses are valid.
const LIFE: Duration = Duration::from_secs(300);
const FAILURE_LIFE: Duration = Duration::from_secs(10);
/// Names that are remembered.
const MAX_NAMES: usize = 4096;

/// Addresses of a host.
pub(crate) type Addrs = Arc<[IpAddr]>;

/// Result of a look-up.
#[derive(Debug)]
struct Entry {
    until: Instant,
    result: Result<Addrs, String>,
}

/// The result for one name; its lock is held during the look-up.
type Slot = Arc<AsyncMutex<Option<Entry>>>;

/// A look-up that blocks.
type System = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// The names that were looked up. Clones share them.
#[derive(Clone)]
pub(crate) struct Names(Arc<Shared>);

struct Shared {
    slots: Mutex<HashMap<String, Slot>>,
    places: Arc<Semaphore>,
    system: Box<System>,
}

impl Default for Names {
    /// Asks the system.
    fn default() -> Self {
        Self::with(|name| {
            use std::net::ToSocketAddrs;
            Ok((name, 0).to_socket_addrs()?.map(|addr| addr.ip()).collect())
        })
    }
}

impl Names {
    fn with(system: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        let (slots, places) = (Mutex::default(), Arc::new(Semaphore::new(MAX_AT_ONCE)));
        Self(Arc::new(Shared { slots, places, system: Box::new(system) }))
    }

    /// Returns the addresses of a host, or the reason in plain words.
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
        // Goes on if nobody waits for it any more: whoever asks next finds the result, and does not ask again.
        let (names, name) = (self.clone(), name.to_owned());
        let asked = tokio::spawn(async move {
            let result = names.ask(&name).await;
            let life = if result.is_ok() { LIFE } else { FAILURE_LIFE };
            *entry = Some(Entry { until: Instant::now() + life, result: result.clone() });
            result
        });
        asked.await.unwrap_or_else(|_| Err("its name cannot be looked up".into()))
    }

    async fn ask(&self, name: &str) -> Result<Addrs, String> {
        let (shared, name) = (Arc::clone(&self.0), name.to_owned());
        let found = tokio::time::timeout(TIMEOUT, async {
            let place = Arc::clone(&shared.places).acquire_owned().await;
            tokio::task::spawn_blocking(move || {
                // Held until the system answers, even if nobody waits for it any more.
                let _place = place;
                (shared.system)(&name)
            })
            .await
        });
        match found.await {
            Ok(Ok(Ok(addrs))) => Ok(addrs.into()),
            Ok(Ok(Err(error))) => Err(format!("its name cannot be looked up: {error}")),
            Ok(Err(_)) => Err("its name cannot be looked up".into()),
            Err(_) => Err("its name was not found in time".into()),
        }
    }

    fn slot(&self, name: &str) -> Slot {
        let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_NAMES {
            // What somebody waits for has another owner.
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

    /// Forgets all names: the network is another, or was gone.
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
    async fn look_up_of_one_name_by_many_asks_the_system_once() {
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
    async fn address_as_text_is_not_looked_up() {
        let names = Names::with(|_| panic!("no look-up"));
        assert_eq!(
            names.look_up("2001:db8::1").await.unwrap()[..],
            ["2001:db8::1".parse::<IpAddr>().unwrap()]
        );
    }
}
