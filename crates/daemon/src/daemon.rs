//! The daemon: a session, its torrents, and the state that outlives the process.
//!
//! One thread takes turns a few times a second and whenever the session reports something. Verbs of front ends lock the
//! core briefly, request what they need of the session, and wait for the answers and for the commit without the lock.
//!
//! Modules: `start` and `load` bring back the torrents of the last run, `turn` is the thread, `saving` queues rows for the
//! database, and the others are the verbs: `add`, `act`, `removal`, `files`, `trackers`, `labels`, `details`, `settings`,
//! `watching`, `access`, `bans`, `filtering`.

mod access;
mod act;
mod add;
mod bans;
mod config;
mod connectivity;
mod creations;
mod details;
mod files;
mod filtering;
mod folders;
mod foreign;
mod free_space;
mod labels;
mod load;
mod narrate;
mod ports;
mod preview;
mod recovery;
mod relocate;
mod removal;
mod saving;
mod settings;
mod start;
mod synthetic;
#[cfg(feature = "testing")]
mod testing;
mod trackers;
mod turn;
mod updates;
mod watching;
mod web_seeds;

use crate::bulk::Bulks;
use crate::core::{Core, Rows};
use crate::error::DaemonError;
use crate::history::Rated;
use crate::settings::Settings;
use crate::store::Store;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use ztor_api::{History, List, ListQuery, Statistics};
use ztor_policy::TorrentKey;
use ztor_session::{AskError, End, ProxyState, RelayState, Session, TorrentHandle};

pub use access::{StoredAccount, StoredSession, StoredSessions, StoredToken};
pub use add::{NewContent, parse as parse_torrent};
pub use config::{DaemonConfig, Options};
pub use files::OpenedFile;
pub use filtering::FilterSummary;
pub use start::{DaemonStartError, Started};
#[cfg(feature = "testing")]
pub use testing::Found;
#[cfg(feature = "testing")]
pub(crate) use testing::read_state;

use bans::UserBans;
use connectivity::Reachability;
use creations::Creations;
use filtering::Filtering;
use free_space::FreeSpace;
use ports::AskedPort;
use preview::Previews;
use saving::Saver;
use watching::Watching;

/// Time for which the end waits for a scan of a watched folder.
const WATCH_PATIENCE: Duration = Duration::from_secs(1);

/// A running daemon. Clones share it.
#[derive(Debug, Clone)]
pub struct Daemon(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    session: Session,
    store: Arc<Store>,
    /// Info dictionaries and hashes that were used last.
    bulks: Arc<Bulks>,
    core: Mutex<Core>,
    options: Mutex<Options>,
    settings: Mutex<settings::State>,
    /// Held over a change of a setting, so that changes take effect in their order.
    changing: Mutex<()>,
    settings_news: watch::Sender<Arc<Settings>>,
    /// Revision of the last turn or verb.
    news: watch::Sender<u64>,
    saver: Saver,
    watching: Watching,
    filtering: Arc<Filtering>,
    bans: UserBans,
    runtime: Handle,
    started: Instant,
    free: FreeSpace,
    reachability: Reachability,
    asked_port: AskedPort,
    history: Mutex<Rated>,
    creations: Creations,
    folder_turns: Arc<Semaphore>,
    previews: Previews,
    is_ending: AtomicBool,
    asked_to_end: watch::Sender<bool>,
    turns: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Daemon {
    /// Answers a query of the list of torrents.
    ///
    /// # Errors
    /// A term, a state or a sort key is unknown.
    pub fn list(&self, query: &ListQuery) -> Result<List, DaemonError> {
        self.core().list(query).map_err(bad_query)
    }

    /// Answers a query of a front end that has the rows of the `known` torrents as of `since`: other rows of the window are
    /// sent as well, changed or not. Also returns the ids of the window, in order.
    ///
    /// # Errors
    /// A term, a state or a sort key is unknown.
    pub fn follow(&self, query: &ListQuery, known: &HashSet<u64>) -> Result<(List, Vec<u64>), DaemonError> {
        self.core().follow(query, known).map_err(bad_query)
    }

    /// Returns the torrents that have changed after a revision, with all that is known of them; all torrents without one.
    pub fn rows(&self, since: Option<u64>) -> Rows {
        self.core().rows(since)
    }

    /// Returns the present revision.
    pub fn revision(&self) -> u64 {
        self.core().revision()
    }

    /// Subscribes to the revision, which grows with each change that front ends see.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.0.news.subscribe()
    }

    /// Returns the session.
    pub fn session(&self) -> &Session {
        &self.0.session
    }

    /// Returns the state database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Returns the options for new torrents.
    pub fn options(&self) -> Options {
        self.0.options.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns statistics of the whole.
    pub fn statistics(&self) -> Statistics {
        let snapshot = self.0.session.snapshot();
        let core = self.core();
        let mut statistics = Statistics {
            revision: core.revision(),
            torrents: core.len(),
            alternative_limits: core.manager().is_alternative(),
            ..Statistics::default()
        };
        drop(core);
        for status in snapshot.torrents.iter() {
            statistics.active += usize::from(status.down_per_s > 0 || status.up_per_s > 0);
            statistics.down_per_s += status.down_per_s;
            statistics.up_per_s += status.up_per_s;
            statistics.session_downloaded_bytes += status.session_downloaded_bytes;
            statistics.session_uploaded_bytes += status.session_uploaded_bytes;
            statistics.downloaded_bytes = statistics.downloaded_bytes.saturating_add(status.downloaded_bytes);
            statistics.uploaded_bytes = statistics.uploaded_bytes.saturating_add(status.uploaded_bytes);
            statistics.peers += u64::from(status.peers);
        }
        statistics.free_bytes = self.0.free.get(&self.0.runtime, &self.options().download_dir);
        statistics.uptime_s = self.0.started.elapsed().as_secs();
        statistics.save_error = self.0.store.error();
        let session = &self.0.session;
        let (connectivity, is_unreachable, dht) =
            self.0.reachability.get(&self.0.runtime, session, statistics.peers);
        (statistics.connectivity, statistics.is_unreachable) = (connectivity, is_unreachable);
        statistics.dht_nodes = dht.map(|(nodes, _)| nodes);
        statistics.dht_read_only = dht.is_some_and(|(_, is_read_only)| is_read_only);
        statistics.proxy = self.proxy();
        let accepts_peers = self.accepts_peers();
        statistics.is_unreachable &= accepts_peers;
        statistics.peer_port = if accepts_peers { session.local_addr().port() } else { 0 };
        statistics.external_port = session.port_mapping().external_port(ztor_session::portmap::Family::V4);
        statistics
    }

    fn proxy(&self) -> Option<ztor_api::Proxy> {
        let url = self.proxy_url()?;
        let status = self.0.reachability.proxy();
        let (state, problem) = match status.state {
            ProxyState::Up => (ztor_api::ProxyState::Up, None),
            ProxyState::Down(problem) => (ztor_api::ProxyState::Down, Some(problem)),
            // The last answer may be older than the setting.
            _ => (ztor_api::ProxyState::Connecting, None),
        };
        let no_datagrams = match status.relay {
            RelayState::Off(why) => Some(why.to_string()),
            _ => None,
        };
        Some(ztor_api::Proxy { url, state, problem, no_datagrams })
    }

    /// Returns the rates over a span of time; `None` unless it is one of [`SPANS_S`](crate::SPANS_S).
    pub fn history(&self, span_s: u64) -> Option<History> {
        self.0.history.lock().unwrap_or_else(PoisonError::into_inner).of(span_s)
    }

    /// Ends the daemon: announces `stopped`, saves everything, and ends the threads. Waits for trackers no longer than
    /// `goodbyes`, and at most `deadline` in all. Returns true if everything is saved.
    pub fn end(&self, goodbyes: Duration, deadline: Duration) -> bool {
        let began = Instant::now();
        self.0.is_ending.store(true, Ordering::Relaxed);
        self.0.watching.wake();
        self.0.filtering.end();
        self.0.creations.cancel_all();
        let thread = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread of the daemon panicked");
        }
        if !self.0.watching.wait_for_end(WATCH_PATIENCE.min(deadline)) {
            tracing::warn!("a watched folder does not respond");
        }
        self.save_all();
        let end = self.0.session.end(goodbyes, deadline.saturating_sub(began.elapsed()));
        // After the session, which has saved its resume data to the same database.
        match self.0.store.finish() {
            Ok(()) => end != End::Unfinished,
            Err(error) => {
                tracing::error!(%error, "cannot save the state");
                false
            }
        }
    }

    /// Returns once every lock that requests need was free. For a watchdog.
    pub fn check_alive(&self) {
        drop(self.options());
        drop(self.core());
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.0.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `with` on the core. In an `async` function a lock of its own may not live over an `await`.
    fn with<T>(&self, with: impl FnOnce(&mut Core) -> T) -> T {
        with(&mut self.core())
    }

    /// Tells front ends of changes.
    fn publish(&self) {
        let revision = self.core().revision();
        self.0.news.send_if_modified(|seen| std::mem::replace(seen, revision) != revision);
    }

    /// Runs a verb to its end, also if the front end has left before: it must not be cut between two steps.
    async fn detached<T: Send + 'static>(
        &self,
        verb: impl Future<Output = Result<T, DaemonError>> + Send + 'static,
    ) -> Result<T, DaemonError> {
        match self.0.runtime.spawn(verb).await {
            Ok(result) => result,
            Err(error) => {
                tracing::error!(%error, "a request has not ended");
                Err(DaemonError::Ask(AskError::Ended))
            }
        }
    }

    /// Tells front ends of changes, and makes all queued rows durable.
    async fn commit(&self) -> Result<(), DaemonError> {
        self.publish();
        // If nobody waits any more.
        self.0.saver.wake();
        let store = Arc::clone(&self.0.store);
        match tokio::task::spawn_blocking(move || store.commit()).await {
            Ok(result) => Ok(result?),
            Err(error) => {
                tracing::error!(%error, "the commit of the state has not ended");
                Err(DaemonError::NotLoaded)
            }
        }
    }

    /// Returns the torrent in the session.
    fn handle(&self, key: TorrentKey) -> Result<TorrentHandle, DaemonError> {
        let core = self.core();
        core.handle(key).ok_or(match core.entry(key) {
            Some(_) => DaemonError::NotLoaded,
            None => DaemonError::NoTorrent,
        })
    }
}

/// Runs what takes long on a thread that may wait.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DaemonError> + Send + 'static,
) -> Result<T, DaemonError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request has not ended");
        Err(DaemonError::NotLoaded)
    })
}

fn bad_query(error: crate::core::ListError) -> DaemonError {
    match error {
        crate::core::ListError::Select(error) => error.into(),
        error => DaemonError::BadValue(error.to_string()),
    }
}
