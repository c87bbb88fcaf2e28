//! Clock, planned events, random generator and trace, which all parts of a world share.

use crate::action::Action;
use crate::clock::Queue;
use crate::disk::Job;
use crate::net::stream::{Side, StreamId};
use crate::outcome::Failure;
use crate::trace::{Subject, Trace};
use fastrand::Rng;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use ztor_base::{Duration, Instant};
use ztor_engine::{RequestId, TorrentId, WebRequestId};

/// An event of a world.
#[derive(Debug)]
pub(crate) enum Event {
    Syn {
        stream: StreamId,
    },
    SynAck {
        stream: StreamId,
    },
    Refused {
        stream: StreamId,
    },
    Pump {
        host: usize,
    },
    Arrive {
        stream: StreamId,
        from: Side,
    },
    Ack {
        stream: StreamId,
        to: Side,
        len: usize,
    },
    Fin {
        stream: StreamId,
        from: Side,
    },
    Datagram {
        host: usize,
        from: SocketAddr,
        data: Vec<u8>,
    },
    Turn {
        node: usize,
        life: u32,
    },
    Disk {
        node: usize,
        life: u32,
        torrent: TorrentId,
        job: Job,
    },
    Save {
        node: usize,
        life: u32,
    },
    HttpAsk {
        node: usize,
        life: u32,
        id: RequestId,
        url: String,
    },
    HttpAnswer {
        node: usize,
        life: u32,
        id: RequestId,
        /// Address of the tracker; `None` if its name is unknown.
        from: Option<IpAddr>,
        result: Result<(u16, Vec<u8>), String>,
    },
    Resolve {
        node: usize,
        life: u32,
        id: RequestId,
        host: String,
    },
    Web {
        node: usize,
        life: u32,
        id: WebRequestId,
    },
    Tick {
        actor: usize,
    },
    Do(Action),
}

/// Clock, planned events, random generator and trace of a world.
pub(crate) struct Core {
    pub(crate) now: Instant,
    queue: Queue<Event>,
    pub(crate) rng: Rng,
    pub(crate) trace: Trace,
    /// First failure.
    pub(crate) failure: Option<Failure>,
}

impl Core {
    pub(crate) fn new(rng: Rng) -> Self {
        Self {
            now: Instant::from_micros(1_000_000),
            queue: Queue::new(),
            rng,
            trace: Trace::new(),
            failure: None,
        }
    }

    /// Advances the clock to the next event, and records and returns it. Advances to `end` if there is none before it.
    pub(crate) fn next_event(&mut self, end: Instant) -> Option<Event> {
        let Some((at, event)) = self.queue.pop(end) else {
            self.now = end;
            return None;
        };
        self.now = at;
        event.record(at, &mut self.trace);
        Some(event)
    }

    pub(crate) fn plan(&mut self, at: Instant, event: Event) {
        self.queue.push(at.max(self.now), event);
    }

    pub(crate) fn plan_in(&mut self, wait: Duration, event: Event) {
        self.plan(self.now + wait, event);
    }

    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        self.trace.note(self.now, what);
    }

    /// Adds numbers to the hash of the run.
    pub(crate) fn record(&mut self, subject: Subject, numbers: &[u64]) {
        self.trace.record(self.now, subject, numbers);
    }

    /// Records a failure. The run ends after the current event.
    pub(crate) fn fail(&mut self, about: &[String], message: String) {
        self.note(format_args!("FAILED: {message}"));
        self.record(Subject::Failure, &[]);
        let at = self.now;
        self.failure.get_or_insert(Failure { at, message, about: about.to_vec() });
    }

    /// Returns a seed for a part with its own random generator.
    pub(crate) fn seed(&mut self) -> u64 {
        self.rng.u64(..)
    }
}
