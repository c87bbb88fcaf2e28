//! Times at which front ends get news: changes of status, and events.

use crate::clock::RARELY;
use crate::snapshot::{Publisher, SessionEvent};
use ztor_base::{Duration, Instant};
use ztor_engine::Engine;

/// Shortest time between two publications of status alone.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
/// Longest time that an event waits to be published.
const EVENTS_WITHIN: Duration = Duration::from_millis(20);

/// The publisher, with its schedule and the events that wait for it.
pub(super) struct Publishing {
    publisher: Publisher,
    /// Published together with the status, so that a front end that gets an event also sees its effect.
    events: Vec<SessionEvent>,
    due_at: Instant,
    /// Time of the last publication.
    published_at: Instant,
}

impl Publishing {
    pub(super) fn new(now: Instant, publisher: Publisher) -> Self {
        Self { publisher, events: Vec::new(), due_at: now, published_at: now }
    }

    /// Queues an event.
    pub(super) fn emit(&mut self, event: SessionEvent) {
        self.events.push(event);
        self.due_by(self.published_at + EVENTS_WITHIN);
    }

    /// Queues an event for a publication that follows at once.
    pub(super) fn queue(&mut self, event: SessionEvent) {
        self.events.push(event);
    }

    /// Records that some status has changed.
    pub(super) fn note_changes(&mut self) {
        self.due_by(self.published_at + PUBLISH_EVERY);
    }

    /// Makes the next publication due at `at`.
    pub(super) fn due_at(&mut self, at: Instant) {
        self.due_at = at;
    }

    /// Returns the time of the next publication.
    pub(super) fn next(&self) -> Instant {
        self.due_at
    }

    /// Publishes the status changes, then the events.
    pub(super) fn publish(&mut self, now: Instant, engine: &mut Engine) {
        self.due_at = now + RARELY;
        self.published_at = now;
        self.publisher.publish(engine.status_changes(now));
        self.events.drain(..).for_each(|event| self.publisher.emit(event));
    }

    fn due_by(&mut self, at: Instant) {
        self.due_at = self.due_at.min(at);
    }
}
