//! The file with the nodes of the DHT, which is written periodically.

use crate::control::Control;
use crate::dht_state;
use std::path::PathBuf;
use ztor_base::{Duration, Instant};
use ztor_engine::Engine;

/// Time between two saves.
const SAVE_EVERY: Duration = Duration::from_secs(300);

/// The file, and the time of its next save.
#[derive(Debug)]
pub(super) struct DhtFile {
    /// `None` saves nothing.
    path: Option<PathBuf>,
    save_at: Instant,
}

impl DhtFile {
    pub(super) fn new(now: Instant, path: Option<PathBuf>) -> Self {
        Self { path, save_at: now + SAVE_EVERY }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.path.is_some().then_some(self.save_at)
    }

    /// Saves the nodes on another thread, if that is due.
    pub(super) fn save_if_due(&mut self, now: Instant, engine: &Engine, control: &Control) {
        let Some(path) = self.path.clone().filter(|_| now >= self.save_at) else { return };
        self.save_at = now + SAVE_EVERY;
        let saved = engine.dht_to_save();
        if !saved.is_empty() {
            control.run_blocking(move || dht_state::store(&path, &saved));
        }
    }

    /// Saves the nodes, and returns when that is done.
    pub(super) fn save(&self, engine: &Engine) {
        if let Some(path) = &self.path {
            dht_state::store(path, &engine.dht_to_save());
        }
    }
}
