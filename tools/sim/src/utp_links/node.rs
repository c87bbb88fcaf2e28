//! One node: an endpoint, its clock, and its user.

use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use ztor_base::Instant;
use ztor_utp::{Closed, Config, ConnKey, Endpoint, Event, Stats};

/// Bytes that a writer queues in addition to twice the window, so that only the window limits it.
const AHEAD_BYTES: usize = 64 << 10;
/// Bytes of one write.
const WRITE_BYTES: usize = 16 << 10;

/// A clock with an offset and a rate error to that of the world.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    pub(super) ahead_us: u64,
    pub(super) ppm: i64,
}

/// Periodic content of all connections. No packet or buffer has the length of its period.
#[derive(Clone, Debug)]
pub(super) struct Content(Bytes);

pub(super) struct Node {
    pub(super) endpoint: Endpoint,
    pub(super) addr: SocketAddr,
    pub(super) clock: Clock,
    /// Time of its next turn, in the world's time.
    pub(super) wakes_at: Instant,
    /// Bytes written on each outgoing connection.
    pub(super) written: BTreeMap<ConnKey, u64>,
    /// Bytes received on each connection.
    pub(super) got: BTreeMap<ConnKey, u64>,
    pub(super) writes: bool,
    /// Only node that it connects to; `None` before the first connection.
    peer: Option<SocketAddr>,
    /// Number of connections that timed out.
    pub(super) broken: usize,
    /// First error.
    pub(super) fault: Option<String>,
}

impl Clock {
    pub(super) fn time(self, now: Instant) -> Instant {
        let drift = now.as_micros() as i64 / 1000 * self.ppm / 1000;
        Instant::from_micros((now.as_micros() + self.ahead_us).saturating_add_signed(drift))
    }

    /// Returns the world's time for a local time, or a little later.
    fn world_time(self, at: Instant) -> Instant {
        if at == Instant::FAR_FUTURE {
            return at;
        }
        let us = at.as_micros().saturating_sub(self.ahead_us) as i64;
        if self.ppm == 0 {
            return Instant::from_micros(us as u64);
        }
        let world = us - us / 1000 * self.ppm / 1000;
        // The result is inexact by some microseconds. A time that is too early would cause repeated turns.
        Instant::from_micros(world as u64 + 1000)
    }
}

impl Content {
    const BYTES: u64 = 1_000_003;

    pub(super) fn new() -> Self {
        let byte_at = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        Self((0..Self::BYTES).map(byte_at).collect())
    }

    /// Returns the bytes at an offset of the stream, at most `limit`.
    fn at(&self, place: u64, limit: usize) -> Bytes {
        let from = (place % Self::BYTES) as usize;
        self.0.slice(from..self.0.len().min(from + limit))
    }
}

impl Node {
    pub(super) fn new(now: Instant, addr: SocketAddr, clock: Clock, config: Config, seed: u64) -> Self {
        Self {
            endpoint: Endpoint::new(clock.time(now), config, seed),
            addr,
            clock,
            wakes_at: Instant::FAR_FUTURE,
            written: BTreeMap::new(),
            got: BTreeMap::new(),
            writes: true,
            peer: None,
            broken: 0,
            fault: None,
        }
    }

    /// Begins a connection, which writes while `writes` is set.
    pub(super) fn connect(&mut self, now: Instant, to: SocketAddr) {
        match self.endpoint.connect(now, to) {
            Ok(key) => _ = self.written.insert(key, 0),
            Err(error) => self.fault = Some(error.to_string()),
        }
        self.peer = Some(to);
    }

    /// Handles events, and reads and writes as the user of the connections.
    pub(super) fn use_it(&mut self, now: Instant, content: &Content) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Readable(key) => self.read(now, key, content),
                // With 10 % loss, all of four SYNs or their answers are lost in one of 750 attempts.
                Event::Closed { key, reason: Closed::Unreachable } => {
                    self.endpoint.reset(now, key);
                    self.written.remove(&key);
                    if let Some(peer) = self.peer {
                        self.connect(now, peer);
                    }
                }
                Event::Closed { reason: Closed::TimedOut, .. } => self.broken += 1,
                Event::Closed { reason, .. } => {
                    self.fault.get_or_insert_with(|| format!("a connection ended: {reason}"));
                }
                _ => {}
            }
        }
        if !self.writes {
            return;
        }
        for (key, written) in &mut self.written {
            let Some(stats) = self.endpoint.stats(*key) else { continue };
            let wanted = (2 * stats.cwnd_bytes + AHEAD_BYTES).saturating_sub(stats.unacked_bytes);
            let mut room = wanted.min(self.endpoint.send_room(*key));
            // Only full writes, to avoid short packets.
            while room >= WRITE_BYTES {
                let data = content.at(*written, WRITE_BYTES);
                room -= data.len();
                *written += data.len() as u64;
                self.endpoint.write(now, *key, data);
            }
        }
    }

    fn read(&mut self, now: Instant, key: ConnKey, content: &Content) {
        let got = self.got.entry(key).or_default();
        let mut bytes = BytesMut::new();
        while self.endpoint.read(now, key, usize::MAX, &mut bytes) > 0 {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let expected = content.at(*got, rest.len());
                if rest[..expected.len()] != expected {
                    self.fault.get_or_insert_with(|| format!("wrong bytes after {got}"));
                }
                *got += expected.len() as u64;
                rest = &rest[expected.len()..];
            }
            bytes.clear();
        }
    }

    /// Updates the time of the next turn.
    pub(super) fn note_wake(&mut self) {
        self.wakes_at =
            self.endpoint.poll_timeout().map_or(Instant::FAR_FUTURE, |at| self.clock.world_time(at));
    }

    /// Returns the statistics of its outgoing connections.
    pub(super) fn stats(&self) -> impl Iterator<Item = Stats> {
        self.written.keys().filter_map(|key| self.endpoint.stats(*key))
    }
}
