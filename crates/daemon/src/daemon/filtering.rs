//! The IP filter: when its list is read, and what front ends see of it.
//!
//! One thread reads the list. It holds no daemon while it reads, which may take minutes.

mod state;

use super::{Daemon, Shared};
use crate::clock::now_unix_s;
use crate::error::DaemonError;
use crate::filter::{Copy, FilterSource, Known, Loaded, load};
use crate::settings::Settings;
use crate::store::{Store, Table};
use serde::{Deserialize, Serialize};
use state::{Job, Scope, State, Wanted};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use ztor_api::{FilterHits, IpFilter};
use ztor_session::{Use, Validators};

use super::saving::fact;

/// Row of the copy of a list from a server.
#[derive(Debug, Serialize, Deserialize)]
struct CopyRow {
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    loaded_unix_s: u64,
    checked_unix_s: u64,
}

/// Figures of a list that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterSummary {
    /// Number of ranges of addresses.
    pub ranges: u64,
}

/// The filter of a daemon.
#[derive(Debug)]
pub(super) struct Filtering {
    state: Mutex<State>,
    changed: Condvar,
    copy: Copy,
}

impl Filtering {
    pub(super) fn new(state_dir: &Path) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), changed: Condvar::new(), copy: Copy::in_dir(state_dir) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the thread, once it has read.
    pub(super) fn end(&self) {
        self.state().end();
        self.changed.notify_all();
    }

    /// Waits for the time to read the list; `None` at the end.
    fn next_job(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.has_ended() {
                return None;
            }
            let now = Instant::now();
            let wait = match state.due() {
                Some(due) if due <= now => return state.take_job(),
                Some(due) => due - now,
                None => Duration::MAX,
            };
            // An end far away is as good as none.
            let wait = wait.min(Duration::from_secs(24 * 3600));
            state = self
                .changed
                .wait_timeout(state, wait)
                .map_or_else(|error| error.into_inner().0, |(state, _)| state);
        }
    }

    /// Uses the copy of the list, if it is of this URL.
    fn use_copy(&self, store: &Store, url: &str) {
        let row = match store.get_json::<CopyRow>(Table::Fact, fact::IP_FILTER) {
            Ok(row) => row.filter(|row| row.url == url),
            Err(error) => return tracing::warn!(%error, "cannot read the state of the IP filter"),
        };
        let Some(row) = row else { return };
        match self.copy.read() {
            Ok(parsed) => {
                let validators = Validators { etag: row.etag, last_modified: row.last_modified };
                let known = Known::of_server(validators);
                let times = (row.loaded_unix_s, row.checked_unix_s);
                self.state().use_copy(parsed, known, times, (Instant::now(), now_unix_s()));
            }
            // It is fetched again.
            Err(error) => tracing::warn!(%error, "cannot read the copy of the IP filter"),
        }
    }

    /// Takes the result of a job. Returns true if there is another list.
    fn on_result(&self, store: &Store, job: &Job, result: Result<Loaded, String>) -> bool {
        let mut state = self.state();
        if !state.is_of_source(job) {
            return false;
        }
        let now = (Instant::now(), now_unix_s());
        let is_new = match result {
            Ok(Loaded::Unchanged) => {
                state.unchanged(now);
                false
            }
            Ok(Loaded::New { parsed, known, body }) => {
                let (ranges, bad_lines) = (parsed.table.len(), parsed.report.bad);
                tracing::info!(source = %job.source, ranges, bad_lines, "the IP filter has a new list");
                state.new_list(*parsed, known, now);
                if let Some(body) = body
                    && let Err(error) = self.copy.write(&body)
                {
                    tracing::warn!(%error, "cannot keep a copy of the IP filter");
                    return true;
                }
                true
            }
            Err(error) => {
                tracing::warn!(source = %job.source, error, "cannot read the IP filter");
                state.failed(error, now);
                return false;
            }
        };
        if let (FilterSource::Url(url), Some((loaded_unix_s, checked_unix_s))) = (&job.source, state.times())
        {
            let Validators { etag, last_modified } = state.known().validators.clone();
            let row = CopyRow { url: url.clone(), etag, last_modified, loaded_unix_s, checked_unix_s };
            store.put_json(Table::Fact, fact::IP_FILTER, &row);
        }
        is_new
    }
}

impl Daemon {
    /// Returns the state of the IP filter.
    ///
    /// # Errors
    /// The session does not answer.
    pub async fn ip_filter(&self) -> Result<IpFilter, DaemonError> {
        let hits = self.0.session.filter_hits().await?;
        let view = self.0.filtering.state().view();
        let hits = FilterHits {
            incoming: hits.incoming,
            outgoing: hits.outgoing,
            closed: hits.closed,
            datagrams: hits.datagrams,
        };
        Ok(IpFilter { hits, ..view })
    }

    /// Reads the list of the IP filter again, soon. A list from a server that has not changed is not transferred.
    ///
    /// # Errors
    /// There is no list.
    pub fn refresh_ip_filter(&self) -> Result<(), DaemonError> {
        if !self.0.filtering.state().refresh(Instant::now()) {
            let none = "there is no IP filter; set ip_filter to a file or a URL first";
            return Err(DaemonError::Conflict(none.to_owned()));
        }
        self.0.filtering.changed.notify_all();
        Ok(())
    }

    /// Reads the list now, on this thread.
    pub(super) fn read_filter_now(&self) -> Result<FilterSummary, DaemonError> {
        let job = self.0.filtering.state().take_job();
        let Some(job) = job else {
            return Err(DaemonError::Conflict(
                "there is no IP filter; set ip_filter to a file or a URL first".into(),
            ));
        };
        if self.0.filtering.on_result(&self.0.store, &job, run(&job)) {
            self.apply_filter();
        }
        self.0.saver.wake();
        let view = self.0.filtering.state().view();
        match view.error {
            Some(error) => Err(DaemonError::NotFound(error)),
            None => Ok(FilterSummary { ranges: view.ranges }),
        }
    }

    /// Reads a list from a URL without using it, on this thread.
    pub(super) fn try_filter(&self, url: String) -> Result<FilterSummary, DaemonError> {
        let route = wanted(&self.settings_changes().borrow()).route;
        let job = Job { source: FilterSource::Url(url), route, known: Known::default() };
        match run(&job).map_err(DaemonError::NotFound)? {
            Loaded::New { parsed, .. } => Ok(FilterSummary { ranges: parsed.table.len() as u64 }),
            Loaded::Unchanged => Err(DaemonError::NotFound("the server sent no list".into())),
        }
    }

    /// Reads the list from its file or its copy, before any torrent is loaded, and starts the thread.
    pub(super) fn start_filtering(&self, settings: &Settings) -> std::io::Result<()> {
        let filtering = &self.0.filtering;
        let wanted = wanted(settings);
        let source = wanted.source.clone();
        filtering.state().want(wanted, Instant::now());
        match source {
            Some(FilterSource::File(_)) => {
                let job = filtering.state().take_job();
                if let Some(job) = job {
                    let result = run(&job);
                    filtering.on_result(&self.0.store, &job, result);
                }
            }
            Some(FilterSource::Url(url)) => filtering.use_copy(&self.0.store, &url),
            None => {}
        }
        self.apply_filter();
        let (filtering, shared) = (Arc::clone(filtering), Arc::downgrade(&self.0));
        std::thread::Builder::new()
            .name("ip-filter".into())
            .spawn(move || read_when_due(&filtering, &shared))?;
        Ok(())
    }

    /// Applies changed settings of the filter.
    pub(super) fn set_filtering(&self, settings: &Settings) {
        let is_changed = self.0.filtering.state().want(wanted(settings), Instant::now());
        if is_changed {
            self.apply_filter();
            self.0.filtering.changed.notify_all();
        }
    }

    /// Passes the filter in force to the session.
    fn apply_filter(&self) {
        // Held while it is sent, so that an older one cannot overtake it.
        let state = self.0.filtering.state();
        // Nobody has to wait: the session handles requests in their order.
        drop(self.0.session.set_filter(state.filter()));
    }
}

fn wanted(settings: &Settings) -> Wanted {
    Wanted {
        source: settings.ip_filter.clone(),
        interval: settings.ip_filter_interval,
        route: settings
            .proxy_policy()
            .route(&settings.bind, Use::Other, settings.anonymous)
            .dns_servers(settings.dns_servers.clone()),
        scope: Scope {
            spares_local: settings.ip_filter_spare_local,
            covers_trackers: settings.ip_filter_trackers,
        },
    }
}

fn run(job: &Job) -> Result<Loaded, String> {
    load(&job.source, &job.route, &job.known).map_err(|error| format!("cannot read {}: {error}", job.source))
}

/// Reads the list whenever it is due, until the daemon ends.
fn read_when_due(filtering: &Filtering, shared: &Weak<Shared>) {
    while let Some(job) = filtering.next_job() {
        let result = run(&job);
        let Some(daemon) = shared.upgrade().map(Daemon) else { return };
        if filtering.on_result(&daemon.0.store, &job, result) {
            daemon.apply_filter();
        }
        daemon.0.saver.wake();
    }
}
