//! Saves of the times of all torrents.

use super::torrents::Torrents;
use crate::control::Control;
use crate::times::{Times, TimesFile, TimesKey};
use std::sync::Arc;
use ztor_base::{Duration, Instant};
use ztor_engine::Engine;

/// Time between two saves, which a crash may lose.
const SAVE_EVERY: Duration = Duration::from_secs(300);

/// The file, and the time of its next save.
#[derive(Debug)]
pub(super) struct TimesSaver {
    file: Arc<TimesFile>,
    save_at: Instant,
}

impl TimesSaver {
    pub(super) fn new(now: Instant, file: Arc<TimesFile>) -> Self {
        Self { file, save_at: now + SAVE_EVERY }
    }

    /// Returns the time of the next save.
    pub(super) fn poll_timeout(&self) -> Instant {
        self.save_at
    }

    /// Saves the times on another thread, if that is due.
    pub(super) fn save_if_due(
        &mut self,
        now: Instant,
        engine: &mut Engine,
        torrents: &Torrents,
        control: &Control,
    ) {
        if now < self.save_at {
            return;
        }
        self.save_at = now + SAVE_EVERY;
        let (file, times) = (Arc::clone(&self.file), times_of(now, engine, torrents));
        if !times.is_empty() {
            control.run_blocking(move || file.save(times));
        }
    }

    /// Saves the times, and returns when that is done.
    pub(super) fn save(&self, now: Instant, engine: &mut Engine, torrents: &Torrents) {
        let times = times_of(now, engine, torrents);
        if !times.is_empty() {
            self.file.save(times);
        }
    }

    /// Forgets a removed torrent.
    pub(super) fn remove(&self, key: Option<TimesKey>) {
        key.into_iter().for_each(|key| self.file.remove(&key));
    }
}

fn times_of(now: Instant, engine: &mut Engine, torrents: &Torrents) -> Vec<(TimesKey, Times)> {
    let counted = engine.count_times(now);
    let of = |(id, active, seeding)| Some((torrents.get(id)?.times_key()?, Times { active, seeding }));
    counted.into_iter().filter_map(of).collect()
}
