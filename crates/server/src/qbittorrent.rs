//! The Web API of qBittorrent, version 2.11, for programs that speak with qBittorrent.
//!
//! It is a view of the daemon: torrents, settings, logins and bans are those of the native API. Only settings without a
//! meaning here, and data that clients store, are values of its own (`kept`).
//!
//! `gate` decides about requests, `endpoints` has the list of endpoints, `params` reads parameters, `answer` makes
//! responses. `lines` keeps the torrents as JSON, one piece of text per key, so that full answers are copies of text and
//! updates are comparisons of pieces. `sync` and `peers` follow what a client knows. The others are endpoints.

mod act;
mod add;
mod answer;
mod app;
pub(crate) mod cells;
mod creator;
pub(crate) mod delta;
mod details;
mod endpoints;
mod gate;
mod info;
mod kept;
mod labels;
mod lines;
mod log;
mod managed;
pub(crate) mod params;
mod peers;
mod preferences;
mod sessions;
mod stubs;
mod sync;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod testing;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod tests;
pub(crate) mod track;
mod transfer;
mod web;

use crate::foreign::Foreign;
use answer::Failure;
use axum::Router;
use delta::Rest;
use kept::Kept;
use lines::{LineCache, Lines};
use params::Params;
use sessions::{Session, Sessions};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use ztor_api::{Action, ActionResult, Statistics};
use ztor_daemon::policy::TorrentKey;
use ztor_daemon::{Daemon, ForeignApi};

/// Version of qBittorrent that clients are told.
const VERSION: &str = "v5.1.4";
/// Version of its Web API.
const API_VERSION: &str = "2.11.4";

/// State of the API. Clones share it.
#[derive(Debug, Clone)]
struct Qb(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    foreign: Foreign,
    sessions: Sessions,
    lines: LineCache,
    kept: Kept,
    web_dir: Option<PathBuf>,
    /// The last state of what is no torrent.
    rest: Mutex<Arc<Rest>>,
    /// The last statistics, with their time.
    statistics: Mutex<Option<(Instant, Arc<Statistics>)>>,
}

/// A request of an endpoint.
#[derive(Debug)]
struct Call {
    qb: Qb,
    params: Params,
    session: Arc<Session>,
}

/// Returns the routes: the API, and the web UI in a folder.
pub(crate) fn app(foreign: &Foreign, web_dir: Option<PathBuf>) -> Router {
    let inner = Inner {
        foreign: foreign.clone(),
        sessions: Sessions::default(),
        lines: LineCache::default(),
        kept: Kept::load(foreign.daemon()),
        web_dir,
        rest: Mutex::default(),
        statistics: Mutex::default(),
    };
    Router::new().fallback(gate::serve).with_state(Qb(Arc::new(inner)))
}

impl Qb {
    fn foreign(&self) -> &Foreign {
        &self.0.foreign
    }

    fn daemon(&self) -> &Daemon {
        self.0.foreign.daemon()
    }

    fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    fn kept(&self) -> &Kept {
        &self.0.kept
    }

    /// Returns the torrents at present.
    fn lines(&self) -> Arc<Lines> {
        self.0.lines.lines(&self.0.foreign.table())
    }

    /// Time without a request after which a session ends.
    fn session_time(&self) -> Duration {
        self.daemon().settings_changes().borrow().session_time
    }

    /// Writes a line about a refusal to the log, unless there was one of this kind and address lately.
    fn log_refusal(&self, client: IpAddr, kind: &'static str, reason: &str) {
        self.foreign().on_refused(ForeignApi::Qbittorrent, kind, client, reason);
    }

    /// Carries out an action on torrents. Those that were removed in the meantime are left out.
    async fn act(&self, ids: &[u64], action: Action) -> Result<ActionResult, Failure> {
        Ok(self.daemon().act_on_ids(ids, &action).await?)
    }
}

impl Call {
    fn daemon(&self) -> &Daemon {
        self.qb.daemon()
    }

    /// Returns the ids of the torrents that the parameter `hashes` names. Unknown ones are left out.
    fn ids(&self) -> Result<Vec<u64>, Failure> {
        self.ids_of("hashes")
    }

    /// Returns the ids of the torrents that a parameter names.
    fn ids_of(&self, name: &str) -> Result<Vec<u64>, Failure> {
        let text = self.params.required(name)?;
        let table = self.qb.foreign().table();
        if text.trim().eq_ignore_ascii_case("all") {
            return Ok(table.rows().map(|row| row.torrent.id).collect());
        }
        let found = text.split('|').filter_map(|hash| table.find(hash.trim())).map(|row| row.torrent.id);
        let mut ids: Vec<u64> = found.collect();
        let mut seen = std::collections::HashSet::new();
        ids.retain(|id| seen.insert(*id));
        Ok(ids)
    }

    /// Returns the torrent that a parameter names.
    fn row(&self, name: &str) -> Result<Arc<ztor_daemon::Row>, Failure> {
        let hash = self.params.required(name)?.trim();
        let table = self.qb.foreign().table();
        table.find(hash).cloned().ok_or_else(Failure::not_found)
    }

    /// Returns the torrent of the parameter `hash`, as the daemon knows it.
    fn key(&self) -> Result<TorrentKey, Failure> {
        Ok(TorrentKey::new(self.row("hash")?.torrent.id))
    }
}
