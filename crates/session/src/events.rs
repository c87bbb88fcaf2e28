//! Events for any number of subscribers, each of which reads at its own pace.

use crate::reply::block_on;
use crate::snapshot::SessionEvent;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::broadcast::{self, error};

/// Number of events kept for subscribers. One that falls further behind loses the oldest, and gets their number.
const KEPT_EVENTS: usize = 16 * 1024;

/// Events of a session since the subscription: see [`Session::subscribe`](crate::Session::subscribe).
///
/// A slow subscriber never delays the session. With more than 16,384 unread events, it loses the oldest.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<SessionEvent>,
}

/// Reason that a subscriber gets no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventsError {
    /// No event arrived in time.
    #[error("no event arrived in time")]
    TimedOut,
    /// The subscriber was too slow and has lost events. A [snapshot](crate::Session::snapshot) shows the current state;
    /// the next event is the oldest that is left.
    #[error("the subscriber was too slow and has lost {missed} events")]
    FellBehind {
        /// Number of lost events.
        missed: u64,
    },
    /// The session has ended, and all its events were read.
    #[error("the session has ended")]
    Ended,
}

impl Events {
    /// Waits for the next event without blocking the thread, in any async runtime. If the future is dropped, no event
    /// is lost.
    ///
    /// # Errors
    /// [`EventsError::FellBehind`], after which it can be called again, or [`EventsError::Ended`].
    pub async fn next(&mut self) -> Result<SessionEvent, EventsError> {
        self.receiver.recv().await.map_err(|error| match error {
            error::RecvError::Lagged(missed) => EventsError::FellBehind { missed },
            error::RecvError::Closed => EventsError::Ended,
        })
    }

    /// Blocks until the next event, for at most `limit`.
    ///
    /// # Errors
    /// [`EventsError::TimedOut`], or those of [`next`](Self::next).
    pub fn wait(&mut self, limit: Duration) -> Result<SessionEvent, EventsError> {
        block_on(self.next(), limit).unwrap_or(Err(EventsError::TimedOut))
    }

    /// Returns the next event without waiting.
    ///
    /// # Errors
    /// [`EventsError::TimedOut`] if there is none yet, or those of [`next`](Self::next).
    pub fn try_next(&mut self) -> Result<SessionEvent, EventsError> {
        self.receiver.try_recv().map_err(|error| match error {
            error::TryRecvError::Empty => EventsError::TimedOut,
            error::TryRecvError::Lagged(missed) => EventsError::FellBehind { missed },
            error::TryRecvError::Closed => EventsError::Ended,
        })
    }
}

/// Sender of the network thread.
#[derive(Debug)]
pub(crate) struct EventSender(broadcast::Sender<SessionEvent>);

/// Source of subscriptions, which does not keep the events from ending.
#[derive(Debug, Clone)]
pub(crate) struct EventSource(broadcast::WeakSender<SessionEvent>);

pub(crate) fn channel() -> (EventSender, EventSource) {
    let sender = broadcast::Sender::new(KEPT_EVENTS);
    let source = EventSource(sender.downgrade());
    (EventSender(sender), source)
}

impl EventSender {
    pub(crate) fn send(&self, event: SessionEvent) {
        // Fails if there is no subscriber.
        let _ = self.0.send(event);
    }
}

impl EventSource {
    /// Subscribes. After the end of the session, the subscriber gets [`EventsError::Ended`] at once.
    pub(crate) fn subscribe(&self) -> Events {
        let receiver = match self.0.upgrade() {
            Some(sender) => sender.subscribe(),
            None => broadcast::channel(1).1,
        };
        Events { receiver }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: usize) -> SessionEvent {
        SessionEvent::Interface { name: number.to_string(), is_there: true }
    }

    #[test]
    fn subscribers_read_all_events_at_their_own_pace() {
        let (sender, source) = channel();
        sender.send(event(0));
        let (mut one, mut two) = (source.subscribe(), source.subscribe());
        sender.send(event(1));
        sender.send(event(2));
        assert_eq!([one.try_next(), one.try_next()], [Ok(event(1)), Ok(event(2))]);
        assert_eq!(one.try_next(), Err(EventsError::TimedOut));
        assert_eq!(one.wait(Duration::from_millis(1)), Err(EventsError::TimedOut));
        assert_eq!(two.wait(Duration::ZERO), Ok(event(1)));
        drop(sender);
        assert_eq!((two.try_next(), two.try_next()), (Ok(event(2)), Err(EventsError::Ended)));
        assert_eq!(source.subscribe().try_next(), Err(EventsError::Ended));
    }

    #[test]
    fn subscriber_that_falls_behind_learns_how_many_it_has_lost() {
        let (sender, source) = channel();
        let mut slow = source.subscribe();
        (0..KEPT_EVENTS + 5).for_each(|number| sender.send(event(number)));
        assert_eq!(slow.try_next(), Err(EventsError::FellBehind { missed: 5 }));
        assert_eq!(slow.try_next(), Ok(event(5)));
    }
}
