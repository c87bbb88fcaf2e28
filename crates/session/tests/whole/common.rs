//! A session that records its events, for the tests of whole sessions.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use ztor_session::{Config, Events, Metainfo, Session, SessionEvent, TorrentEvent};
use ztor_storage::create::{CreateOptions, create};

/// Longest wait for an expected event.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Returns `len` bytes that do not repeat, the same ones for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Writes a file "data" of `len` bytes that do not repeat into a new folder, and creates a torrent of it.
pub(crate) fn content(dir: &Path, len: usize) -> Arc<Metainfo> {
    named_content(dir, "data", len)
}

/// Does the same with another name for the file.
pub(crate) fn named_content(dir: &Path, name: &str, len: usize) -> Arc<Metainfo> {
    std::fs::create_dir_all(dir).unwrap();
    let path = dir.join(name);
    std::fs::write(&path, noise(len as u64, len)).unwrap();
    let made = create(&path, &CreateOptions::default(), 2, |_, _| {}, &AtomicBool::new(false)).unwrap();
    Arc::new(Metainfo::from_bytes(&made.torrent).unwrap())
}

/// A session, and its events from the start on.
pub(crate) struct Client {
    session: Session,
    events: Mutex<Events>,
}

/// Starts a session on loopback, with a port of its own.
pub(crate) fn session(state: Option<&Path>, tune: impl FnOnce(&mut Config)) -> Client {
    let bind = IpAddr::V4(Ipv4Addr::LOCALHOST).into();
    let mut config = Config::default().bind(bind).port(0).state_dir(state.map(Path::to_owned));
    tune(&mut config);
    Client::start(config)
}

impl Client {
    pub(crate) fn start(config: Config) -> Self {
        let (session, events) = Session::start_with_events(config).unwrap();
        Self { session, events: Mutex::new(events) }
    }

    /// Waits for an event. Earlier events are dropped.
    pub(crate) fn wait(&self, what: &str, mut done: impl FnMut(&SessionEvent) -> bool) {
        let end = Instant::now() + LIMIT;
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match events.wait(left) {
                Ok(event) if done(&event) => return,
                Ok(_) => {}
                Err(error) => panic!("{what}: {error}, not within {LIMIT:?}; {:?}", self.snapshot()),
            }
        }
    }

    pub(crate) fn started(&self) {
        self.wait("started", |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Started { .. })));
    }

    pub(crate) fn finished(&self) {
        self.wait("finished", |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Finished { .. })));
    }
}

impl Deref for Client {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}
