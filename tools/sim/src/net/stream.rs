//! A stream between two hosts: bytes in order, in fragments, with a window.

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use std::collections::VecDeque;
use std::net::SocketAddr;
use ztor_base::Instant;
use ztor_engine::Transport;

/// What a socket takes before a sender has to wait.
pub(crate) const SEND_BUFFER: usize = 128 * 1024;
/// What a receiver keeps unread before the sender has to wait.
const RECEIVE_BUFFER: usize = 512 * 1024;
const FIRST_WINDOW: usize = 32 * 1024;
const MIN_WINDOW: usize = 16 * 1024;
/// No fragment is longer; most are shorter.
const MAX_FRAGMENT: usize = 24 * 1024;

/// A number for a stream, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamId(pub(crate) u64);

/// 0 is the caller's, 1 the other.
pub(crate) type Side = usize;

/// Who holds an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A client, in its life of this number: another life knows nothing of the stream.
    Node(usize, u32),
    Actor(usize),
    Nobody,
}

pub(crate) struct Stream {
    pub(crate) ends: [End; 2],
    /// Data from each end to the other.
    pub(crate) pipes: [Pipe; 2],
    /// Somebody has accepted it.
    pub(crate) is_open: bool,
    pub(crate) transport: Transport,
    /// How often the caller has knocked.
    pub(crate) syns: u32,
}

pub(crate) struct End {
    pub(crate) host: usize,
    pub(crate) owner: Owner,
    /// The owner's name for it.
    pub(crate) key: u64,
    pub(crate) addr: SocketAddr,
    pub(crate) is_closed: bool,
    pub(crate) closed_at: Instant,
    /// Its machine has forgotten it.
    pub(crate) is_gone: bool,
}

#[derive(Default)]
pub(crate) struct Pipe {
    /// Taken from the sender and not yet sent.
    pub(crate) socket: BytesMut,
    /// Sent, in order of arrival.
    pub(crate) flight: VecDeque<Bytes>,
    /// Arrived and not yet read.
    pub(crate) unread: BytesMut,
    /// Sent and not yet acknowledged.
    unacknowledged: usize,
    window: usize,
    /// Above this the window grows by little.
    threshold: usize,
    pub(crate) last_arrival: Instant,
    pub(crate) is_queued: bool,
}

impl End {
    pub(crate) fn new(host: usize, owner: Owner, key: u64, addr: SocketAddr) -> Self {
        Self { host, owner, key, addr, is_closed: false, closed_at: Instant::ZERO, is_gone: false }
    }
}

impl Stream {
    pub(crate) fn new(caller: End, called: End, transport: Transport) -> Self {
        let pipe = || Pipe { window: FIRST_WINDOW, threshold: RECEIVE_BUFFER, ..Pipe::default() };
        Self { ends: [caller, called], pipes: [pipe(), pipe()], is_open: false, transport, syns: 0 }
    }
}

impl Pipe {
    /// Bytes the window lets pass now.
    pub(crate) fn sendable(&self) -> usize {
        self.window.min(RECEIVE_BUFFER).saturating_sub(self.unacknowledged).min(self.socket.len())
    }

    /// The length of the next fragment: seldom where a message ends.
    pub(crate) fn next_fragment(&self, rng: &mut Rng) -> usize {
        let most = if rng.u8(0..6) == 0 { rng.usize(1..1460) } else { rng.usize(1460..=MAX_FRAGMENT) };
        most.min(self.sendable())
    }

    /// Takes a fragment out of the socket. It arrives at `at`, but not before the one in front of it.
    pub(crate) fn send(&mut self, len: usize, at: Instant, is_lost: bool) -> Instant {
        self.flight.push_back(self.socket.split_to(len).freeze());
        self.unacknowledged += len;
        if is_lost {
            self.window = (self.window / 2).max(MIN_WINDOW);
            self.threshold = self.window;
        }
        self.last_arrival = self.last_arrival.max(at);
        self.last_arrival
    }

    pub(crate) fn on_ack(&mut self, len: usize) {
        self.unacknowledged = self.unacknowledged.saturating_sub(len);
        let growth = if self.window < self.threshold { len } else { len / 8 };
        self.window = (self.window + growth).min(RECEIVE_BUFFER);
    }
}
