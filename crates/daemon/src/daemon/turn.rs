//! The thread that takes turns.

use super::Daemon;
use super::narrate::narrate;
use super::saving::fact;
use crate::clock::now_unix_s;
use crate::manager::Event;
use crate::store::Table;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use ztor_api::DataChoice;
use ztor_policy::TorrentKey;
use ztor_session::{Events, EventsError, SessionEvent, TorrentEvent, TorrentId, TorrentState};

/// Time between two turns without an event.
const TICK: Duration = Duration::from_millis(250);
/// The same after a turn that has changed nothing: an idle daemon costs next to nothing.
const IDLE_TICK: Duration = Duration::from_secs(1);
/// Time between two turns with events: thousands of them in a row are the work of one turn.
const PACE: Duration = Duration::from_millis(50);
/// Time between two samples of the rates; a little less than a second, so that turns which are a second apart all count.
const SAMPLE_EVERY: Duration = Duration::from_millis(900);
/// Time between two saves of the history; a crash loses what is newer.
const SAVE_HISTORY_EVERY: Duration = Duration::from_secs(15 * 60);
/// Pause between two looks for torrents to load again.
const LOAD_EVERY: Duration = Duration::from_secs(5);

/// Takes samples of the rates once a second.
struct Sampler {
    sampled: Instant,
    saved: Instant,
}

impl Sampler {
    fn new() -> Self {
        Self { sampled: Instant::now(), saved: Instant::now() }
    }

    fn sample(&mut self, daemon: &Daemon) {
        if self.sampled.elapsed() < SAMPLE_EVERY {
            return;
        }
        self.sampled = Instant::now();
        daemon.record_rates();
        if self.saved.elapsed() >= SAVE_HISTORY_EVERY {
            self.saved = Instant::now();
            daemon.put_history();
            daemon.put_times();
            daemon.0.saver.wake();
        }
    }
}

impl Daemon {
    pub(super) fn is_ending(&self) -> bool {
        self.0.is_ending.load(Ordering::Relaxed)
    }

    /// Starts the thread.
    pub(super) fn start_turns(&self) -> std::io::Result<()> {
        let events = self.0.session.subscribe();
        let daemon = self.clone();
        let thread = std::thread::Builder::new().name("daemon".into());
        let thread = thread.spawn(move || daemon.take_turns(events))?;
        *self.0.turns.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    fn take_turns(&self, mut events: Events) {
        let (mut loaded_at, mut turned_at, mut is_news) = (Instant::now(), Instant::now(), false);
        let (mut revision, mut tick) = (0, TICK);
        let mut sampler = Sampler::new();
        while !self.is_ending() {
            let pace = if is_news { PACE } else { tick };
            // In parts, to notice the end of the daemon.
            match events.wait(pace.saturating_sub(turned_at.elapsed()).min(TICK)) {
                Ok(event) => {
                    self.on_event(&event);
                    is_news = true;
                }
                Err(EventsError::FellBehind { missed }) => self.catch_up(missed),
                Err(EventsError::TimedOut) => {}
                Err(_) => return,
            }
            if turned_at.elapsed() < pace {
                continue;
            }
            (turned_at, is_news) = (Instant::now(), false);
            self.turn();
            let now = self.core().revision();
            sampler.sample(self);
            tick = if now == revision { IDLE_TICK } else { TICK };
            revision = now;
            if loaded_at.elapsed() >= LOAD_EVERY {
                loaded_at = Instant::now();
                self.load_due();
            }
        }
    }

    /// Adds the present rates to the history.
    fn record_rates(&self) {
        let snapshot = self.0.session.snapshot();
        let (down, up) = snapshot.torrents.iter().fold((0_u64, 0_u64), |(down, up), status| {
            (down.saturating_add(status.down_per_s), up.saturating_add(status.up_per_s))
        });
        let mut history = self.0.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.add(now_unix_s(), down, up);
    }

    /// Queues the history for the database.
    pub(super) fn put_history(&self) {
        let saved = self.0.history.lock().unwrap_or_else(PoisonError::into_inner).to_save();
        self.0.store.put_json(Table::Fact, fact::HISTORY, &saved);
    }

    /// Queues the records of torrents whose times have changed.
    pub(super) fn put_times(&self) {
        let mut core = self.core();
        for key in core.take_timed() {
            self.put_record(&core, key);
        }
    }

    /// Takes a turn of the policy, and queues what it has changed for the database.
    pub(super) fn turn(&self) {
        let mut core = self.core();
        let events = core.turn(&self.0.session, now_unix_s());
        let mut has_rows = false;
        for event in events {
            match event {
                Event::Changed(..) => {}
                Event::Started(key) | Event::Stopped(key, _) | Event::GoalReached(key, _) => {
                    self.put_policy(&core, key);
                    has_rows = true;
                }
                Event::NotSupported(key, what) => {
                    let torrent = core.entry(key).map_or("", |entry| entry.record().shown_name());
                    tracing::warn!(id = key.as_u64(), torrent, what, "not supported");
                }
                Event::Removed { torrent, with_data } => {
                    let has_trash = self.options().trash_dir.is_some();
                    let data = match with_data {
                        true if has_trash => DataChoice::Trash,
                        true => DataChoice::Delete,
                        false => DataChoice::Keep,
                    };
                    self.remove_by_goal(torrent, data);
                }
                // Whoever has removed it forgets it as well.
                Event::Gone(_) => {}
            }
        }
        drop(core);
        if has_rows {
            self.0.saver.wake();
        }
        self.publish();
    }

    fn on_event(&self, event: &SessionEvent) {
        let known = event.torrent().and_then(|torrent| {
            let core = self.core();
            let key = core.manager().key_of(torrent)?;
            Some((key, core.entry(key)?.record().shown_name().to_owned()))
        });
        let Some((key, name)) = known else { return };
        narrate(key, &name, event);
        match event {
            SessionEvent::Torrent(TorrentEvent::Metadata { meta, .. }) => self.on_metadata(key, meta),
            SessionEvent::Torrent(TorrentEvent::Finished { .. }) => self.on_finished(key),
            SessionEvent::Torrent(TorrentEvent::Started { finished: true, .. }) => self.on_seeding(key),
            SessionEvent::FilesMoved { dir, .. } => self.set_dir(key, dir),
            _ => {}
        }
    }

    /// Removes a torrent that has reached its goal.
    fn remove_by_goal(&self, key: TorrentKey, data: DataChoice) {
        let daemon = self.clone();
        self.0.runtime.spawn(async move {
            if let Err(error) = daemon.remove(key, data).await {
                tracing::warn!(id = key.as_u64(), %error, "cannot remove a torrent that has reached its goal");
            }
        });
    }

    fn on_finished(&self, key: TorrentKey) {
        let mut core = self.core();
        let Some(entry) = core.entry_mut(key) else { return };
        entry.record_mut().finished_unix_s = Some(now_unix_s());
        tracing::info!(id = key.as_u64(), torrent = entry.record().shown_name(), "download complete");
        core.touch(key);
        self.put_record(&core, key);
        self.0.saver.wake();
    }

    /// Records the end of a download that was complete when its check was done.
    fn on_seeding(&self, key: TorrentKey) {
        let is_new = self.core().entry(key).is_some_and(|entry| entry.record().finished_unix_s.is_none());
        if is_new {
            self.on_finished(key);
        }
    }

    /// Handles missed events by the state of all torrents.
    fn catch_up(&self, missed: u64) {
        tracing::debug!(missed, "missed events, reading the state of all torrents");
        let snapshot = self.0.session.snapshot();
        for status in snapshot.torrents.iter() {
            let Some(key) = self.core().manager().key_of(status.id) else { continue };
            match status.state {
                TorrentState::Waiting => self.fetch_metadata(key, status.id),
                TorrentState::Seeding => self.on_seeding(key),
                _ => {}
            }
        }
    }

    fn fetch_metadata(&self, key: TorrentKey, torrent: TorrentId) {
        let daemon = self.clone();
        let torrent = self.0.session.torrent(torrent);
        self.0.runtime.spawn(async move {
            if let Ok(meta) = torrent.metadata().await {
                daemon.on_metadata(key, &meta);
            }
        });
    }
}
