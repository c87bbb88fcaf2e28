//! State of the IP filter, without I/O.

use crate::filter::{FilterSource, Known};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ztor_session::ip_filter::{Parsed, Report, Table};
use ztor_session::{IpFilter, Route};

/// Time to the next attempt after a failure, unless the interval is shorter.
const RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// Settings of the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// `None` if there is no filter.
    pub(super) source: Option<FilterSource>,
    /// Time between two attempts.
    pub(super) interval: Duration,
    pub(super) route: Route,
    pub(super) scope: Scope,
}

/// Scope of the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scope {
    pub(super) spares_local: bool,
    pub(super) covers_trackers: bool,
}

/// An attempt to read the list.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) source: FilterSource,
    pub(super) route: Route,
    pub(super) known: Known,
}

/// The present time: monotonic, and in seconds since 1970.
pub(super) type Now = (Instant, u64);

#[derive(Debug, Default)]
pub(super) struct State {
    /// `None` before the start.
    wanted: Option<Wanted>,
    table: Arc<Table>,
    report: Report,
    known: Known,
    /// Times of the list and of the last attempt that succeeded, in seconds since 1970; `None` without a list.
    times: Option<(u64, u64)>,
    error: Option<String>,
    /// Time of the next attempt, and the same in seconds since 1970, which is `None` for one that was requested; `None`
    /// while an attempt is under way, and without a source.
    due: Option<(Instant, Option<u64>)>,
    is_loading: bool,
    has_ended: bool,
}

impl State {
    /// Applies settings. Returns true if any has changed. The list in force stays until another one is read.
    pub(super) fn want(&mut self, wanted: Wanted, now: Instant) -> bool {
        let old = self.wanted.replace(wanted.clone());
        if old.as_ref() == Some(&wanted) {
            return false;
        }
        let is_same_source = old.as_ref().is_some_and(|old| old.source == wanted.source);
        if wanted.source.is_none() {
            *self = Self { wanted: Some(wanted), has_ended: self.has_ended, ..Self::default() };
        } else if !is_same_source {
            (self.known, self.error) = (Known::default(), None);
            self.due = Some((now, None));
        } else if old.is_some_and(|old| old.interval != wanted.interval) && !self.is_loading {
            self.due = Some((now, None));
        }
        true
    }

    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns the time of the next attempt; `None` if none is planned.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.map(|(at, _)| at)
    }

    /// Plans an attempt now. Returns false if there is no source.
    pub(super) fn refresh(&mut self, now: Instant) -> bool {
        let has_source = self.source().is_some();
        if has_source {
            self.due = Some((now, None));
        }
        has_source
    }

    /// Begins the attempt.
    pub(super) fn take_job(&mut self) -> Option<Job> {
        let wanted = self.wanted.as_ref()?;
        let job =
            Job { source: wanted.source.clone()?, route: wanted.route.clone(), known: self.known.clone() };
        (self.due, self.is_loading) = (None, true);
        Some(job)
    }

    /// Returns true if the result of an attempt is of use.
    pub(super) fn is_of_source(&self, job: &Job) -> bool {
        self.source() == Some(&job.source)
    }

    fn source(&self) -> Option<&FilterSource> {
        self.wanted.as_ref().and_then(|wanted| wanted.source.as_ref())
    }

    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// Returns the times of the list and of the last attempt that succeeded; `None` without a list.
    pub(super) fn times(&self) -> Option<(u64, u64)> {
        self.times
    }

    /// Uses a list that was kept from an earlier run, with its times.
    pub(super) fn use_copy(&mut self, parsed: Parsed, known: Known, times: (u64, u64), now: Now) {
        self.set(parsed, known);
        self.times = Some(times);
        let age = Duration::from_secs(now.1.saturating_sub(times.1));
        self.due = None;
        self.plan(self.interval().saturating_sub(age), now);
    }

    pub(super) fn new_list(&mut self, parsed: Parsed, known: Known, now: Now) {
        self.set(parsed, known);
        self.times = Some((now.1, now.1));
        self.succeeded(now);
    }

    pub(super) fn unchanged(&mut self, now: Now) {
        self.times = self.times.map(|(loaded, _)| (loaded, now.1));
        self.succeeded(now);
    }

    pub(super) fn failed(&mut self, error: String, now: Now) {
        (self.error, self.is_loading) = (Some(error), false);
        self.plan(self.interval().min(RETRY_AFTER), now);
    }

    fn succeeded(&mut self, now: Now) {
        (self.error, self.is_loading) = (None, false);
        self.plan(self.interval(), now);
    }

    /// Plans the next attempt, unless one was requested meanwhile.
    fn plan(&mut self, after: Duration, now: Now) {
        if !self.is_requested() {
            self.due = Some((now.0 + after, Some(now.1.saturating_add(after.as_secs()))));
        }
    }

    /// Returns true if an attempt is due at once.
    fn is_requested(&self) -> bool {
        matches!(self.due, Some((_, None)))
    }

    fn interval(&self) -> Duration {
        self.wanted.as_ref().map_or(RETRY_AFTER, |wanted| wanted.interval)
    }

    fn set(&mut self, parsed: Parsed, known: Known) {
        (self.table, self.report, self.known) = (Arc::new(parsed.table), parsed.report, known);
    }

    /// Returns the filter in force.
    pub(super) fn filter(&self) -> IpFilter {
        let scope = self.wanted.as_ref().map(|wanted| wanted.scope).unwrap_or_default();
        IpFilter {
            table: Arc::clone(&self.table),
            spares_local: scope.spares_local,
            covers_trackers: scope.covers_trackers,
        }
    }

    /// Returns what front ends see, without the hits.
    pub(super) fn view(&self) -> ztor_api::IpFilter {
        ztor_api::IpFilter {
            source: self.source().map(ToString::to_string),
            is_loading: self.is_loading || self.is_requested(),
            error: self.error.clone(),
            ranges: self.table.len() as u64,
            entries: self.report.entries,
            bad_lines: self.report.bad,
            first_bad_lines: self.report.first_bad.iter().map(ToString::to_string).collect(),
            held_bytes: if self.source().is_some() { self.table.held_bytes() as u64 } else { 0 },
            loaded_unix_s: self.times.map(|(loaded, _)| loaded),
            checked_unix_s: self.times.map(|(_, checked)| checked),
            next_unix_s: self.due.and_then(|(_, unix_s)| unix_s),
            ..ztor_api::IpFilter::default()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn wanted(source: Option<&str>) -> Wanted {
        let source = source.map(|url| FilterSource::Url(url.to_owned()));
        Wanted { source, interval: 2 * HOUR, route: Route::default(), scope: Scope::default() }
    }

    fn list(text: &str) -> Parsed {
        ztor_session::ip_filter::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn list_is_read_again_after_the_interval_and_after_a_failure_sooner() {
        let (mut state, start) = (State::default(), Instant::now());
        assert!(
            state.want(wanted(Some("http://a/")), start) && !state.want(wanted(Some("http://a/")), start)
        );
        let job = state.take_job().unwrap();
        assert!(state.due().is_none() && state.view().is_loading && state.is_of_source(&job));
        state.new_list(list("1.2.3.4\nx\n"), Known::default(), (start, 1000));
        let view = state.view();
        assert_eq!((view.ranges, view.bad_lines, view.next_unix_s), (1, 1, Some(1000 + 7200)));
        assert!(!view.is_loading && view.first_bad_lines[0].contains("line 2"));
        state.take_job().unwrap();
        state.failed("no answer".to_owned(), (start + HOUR, 4600));
        let view = state.view();
        assert_eq!((view.ranges, view.next_unix_s, view.checked_unix_s), (1, Some(4600 + 900), Some(1000)));
        assert_eq!(view.error.as_deref(), Some("no answer"));
        state.take_job().unwrap();
        assert!(state.refresh(start));
        state.unchanged((start + HOUR, 9000));
        assert_eq!((state.due(), state.view().is_loading), (Some(start), true), "it was requested meanwhile");
    }

    #[test]
    fn list_stays_until_that_of_another_source_is_read_and_goes_without_a_source() {
        let (mut state, start) = (State::default(), Instant::now());
        state.want(wanted(Some("http://a/")), start);
        let job = state.take_job().unwrap();
        state.new_list(list("1.2.3.4"), Known::default(), (start, 1000));
        state.want(wanted(Some("http://b/")), start);
        assert!(!state.is_of_source(&job) && state.due() == Some(start));
        assert!(state.filter().table.has("1.2.3.4".parse().unwrap()));
        state.want(wanted(None), start);
        assert!(state.filter().table.is_empty() && state.due().is_none() && !state.refresh(start));
    }

    #[test]
    fn copy_of_an_earlier_run_is_checked_when_its_interval_is_over() {
        let (mut state, start) = (State::default(), Instant::now());
        state.want(wanted(Some("http://a/")), start);
        state.use_copy(list("1.2.3.4"), Known::default(), (1000, 2000), (start, 2000 + 3600));
        assert_eq!(state.due(), Some(start + HOUR));
        state.use_copy(list("1.2.3.4"), Known::default(), (1000, 2000), (start, 90_000));
        assert_eq!(state.due(), Some(start));
    }
}
