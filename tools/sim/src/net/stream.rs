//! A stream between two hosts, which transfers bytes in order, in fragments and with a window.

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use std::collections::VecDeque;
use std::net::SocketAddr;
use ztor_base::Instant;
use ztor_engine::Transport;

/// Bytes in a socket before the sender must wait.
pub(crate) const SEND_BUFFER: usize = 128 * 1024;
/// Unread bytes at the receiver before the sender must wait.
const RECEIVE_BUFFER: usize = 512 * 1024;
const FIRST_WINDOW: usize = 32 * 1024;
const MIN_WINDOW: usize = 16 * 1024;
/// Maximum length of a fragment; most are shorter.
const MAX_FRAGMENT: usize = 24 * 1024;

/// Unique number of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamId(pub(crate) u64);

/// Side of a stream: 0 for the caller's, 1 for the other.
pub(crate) type Side = usize;

/// Owner of an end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A client, and the number of its life. A later life does not know the stream.
    Node(usize, u32),
    Actor(usize),
    Nobody,
}

pub(crate) struct Stream {
    pub(crate) ends: [End; 2],
    /// Data from each end to the other.
    pub(crate) pipes: [Pipe; 2],
    /// True once the other host has accepted it.
    pub(crate) is_open: bool,
    pub(crate) transport: Transport,
    /// Number of repeated SYNs.
    pub(crate) syns: u32,
}

pub(crate) struct End {
    pub(crate) host: usize,
    pub(crate) owner: Owner,
    /// The owner's key of the stream.
    pub(crate) key: u64,
    pub(crate) addr: SocketAddr,
    pub(crate) is_closed: bool,
    pub(crate) closed_at: Instant,
    /// True if its machine does not know the stream any more.
    pub(crate) is_gone: bool,
}

#[derive(Default)]
pub(crate) struct Pipe {
    /// Bytes that the sender has written and that are not sent yet.
    pub(crate) socket: BytesMut,
    /// Sent fragments, in order of arrival.
    pub(crate) flight: VecDeque<Bytes>,
    /// Bytes that have arrived and are not read yet.
    pub(crate) unread: BytesMut,
    /// Number of bytes sent and not acknowledged.
    unacknowledged: usize,
    window: usize,
    /// Window above which growth is slow, in bytes.
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
    /// Returns the number of bytes that the window admits.
    pub(crate) fn sendable(&self) -> usize {
        self.window.min(RECEIVE_BUFFER).saturating_sub(self.unacknowledged).min(self.socket.len())
    }

    /// Returns a random length for the next fragment, which seldom ends with a message.
    pub(crate) fn next_fragment(&self, rng: &mut Rng) -> usize {
        let most = if rng.u8(0..6) == 0 { rng.usize(1..1460) } else { rng.usize(1460..=MAX_FRAGMENT) };
        most.min(self.sendable())
    }

    /// Moves a fragment from the socket to the flight. Returns its arrival: `at`, but not before the previous
    /// fragment's.
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
