//! A simulated network for tests: endpoints with their own clocks, and links between them, in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use ztor_base::{Duration, Instant};

use crate::{Closed, Config, ConnKey, Endpoint, Event};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A link in one direction.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// Bytes per second, including IP and UDP headers (28); 0 is without bound.
    pub(crate) rate: f64,
    pub(crate) latency: Duration,
    /// Maximum number of queued bytes.
    pub(crate) queue: f64,
    pub(crate) loss: f64,
    pub(crate) duplicated: f64,
    /// Fraction of packets that are delayed by up to the latency.
    pub(crate) reordered: f64,
    /// Maximum length of a datagram in bytes; longer ones are lost.
    pub(crate) mtu: usize,
    pub(crate) is_up: bool,
    pub(crate) free_at: Instant,
    pub(crate) longest_queue: Duration,
    pub(crate) carried: u64,
    pub(crate) dropped: u64,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            rate: 0.0,
            latency: 10 * MS,
            queue: f64::INFINITY,
            loss: 0.0,
            duplicated: 0.0,
            reordered: 0.0,
            mtu: 1472,
            is_up: true,
            free_at: Instant::ZERO,
            longest_queue: Duration::ZERO,
            carried: 0,
            dropped: 0,
        }
    }
}

impl Link {
    /// Returns the arrival time of a datagram sent now; `None` if it is lost.
    pub(crate) fn carry(&mut self, now: Instant, len: usize, rng: &mut Rng) -> Option<Instant> {
        if !self.is_up || len > self.mtu || self.loss > 0.0 && rng.f64() < self.loss {
            self.dropped += 1;
            return None;
        }
        let mut at = now;
        if self.rate > 0.0 {
            let waits = self.free_at.since(now);
            if waits.as_secs_f64() * self.rate > self.queue {
                self.dropped += 1;
                return None;
            }
            self.longest_queue = self.longest_queue.max(waits);
            at = self.free_at.max(now)
                + Duration::from_nanos(((len + 28) as f64 * 1e9 / self.rate) as u64 + 500);
            self.free_at = at;
        }
        self.carried += 1;
        if self.reordered > 0.0 && rng.f64() < self.reordered {
            at += self.latency.mul_f64(rng.f64());
        }
        Some(at + self.latency)
    }
}

/// An endpoint and its owner.
pub(crate) struct Node {
    pub(crate) endpoint: Endpoint,
    pub(crate) addr: SocketAddr,
    /// Lead of its clock, and drift in parts per million.
    pub(crate) clock_offset: Duration,
    pub(crate) clock_ppm: i64,
    /// In the order of their creation.
    pub(crate) conns: Vec<ConnKey>,
    pub(crate) events: Vec<Event>,
    /// Data read; empty unless `keeps` is set.
    pub(crate) got: BTreeMap<ConnKey, BytesMut>,
    pub(crate) got_len: BTreeMap<ConnKey, u64>,
    /// Bytes left to write.
    pub(crate) to_write: BTreeMap<ConnKey, u64>,
    /// True if it closes a connection when all is written, and when the peer has closed it.
    pub(crate) closes_after: bool,
    pub(crate) reads: bool,
    pub(crate) keeps: bool,
    pub(crate) sent_datagrams: u64,
    pub(crate) longest_sent: usize,
}

/// The simulated network.
pub(crate) struct Net {
    pub(crate) now: Instant,
    pub(crate) rng: Rng,
    pub(crate) nodes: Vec<Node>,
    /// Links from even nodes to odd ones, and back. All nodes share them.
    pub(crate) links: [Link; 2],
    under_way: BinaryHeap<Reverse<(Instant, u64, usize, usize)>>,
    datagrams: BTreeMap<u64, Vec<u8>>,
    count: u64,
    /// A competing TCP flow on the first link.
    pub(crate) reno: Option<Reno>,
    /// Changes that a man in the middle makes to datagrams.
    pub(crate) meddle: Option<fn(&mut Rng, &mut Vec<u8>)>,
    /// True if the sender learns that a datagram was too long.
    pub(crate) tells_too_big: bool,
    source: Bytes,
    buf: Vec<u8>,
}

/// Destinations of the TCP flow's packets, in the place of node indices.
const RENO_DATA: usize = usize::MAX;
const RENO_ACK: usize = usize::MAX - 1;

impl Net {
    pub(crate) fn new(seed: u64, there: Link, back: Link) -> Self {
        Self {
            now: Instant::from_micros(1_000_000),
            rng: Rng::with_seed(seed),
            nodes: Vec::new(),
            links: [there, back],
            under_way: BinaryHeap::new(),
            datagrams: BTreeMap::new(),
            count: 0,
            reno: None,
            meddle: None,
            tells_too_big: false,
            source: Bytes::from((0..SOURCE_BYTES).map(byte_at).collect::<Vec<u8>>()),
            buf: Vec::new(),
        }
    }

    /// Creates two nodes with two equal links.
    pub(crate) fn pair(seed: u64, link: Link) -> Self {
        let mut net = Self::new(seed, link.clone(), link);
        net.add(Config::default());
        net.add(Config::default());
        net
    }

    pub(crate) fn add(&mut self, config: Config) -> usize {
        let index = self.nodes.len();
        let seed = self.rng.u64(..);
        let clock_offset = Duration::from_secs(1000 * index as u64);
        self.nodes.push(Node {
            endpoint: Endpoint::new(self.now + clock_offset, config, seed),
            addr: SocketAddr::from(([10, 0, 0, index as u8 + 1], 6881)),
            clock_offset,
            clock_ppm: 0,
            conns: Vec::new(),
            events: Vec::new(),
            got: BTreeMap::new(),
            got_len: BTreeMap::new(),
            to_write: BTreeMap::new(),
            closes_after: false,
            reads: true,
            keeps: true,
            sent_datagrams: 0,
            longest_sent: 0,
        });
        index
    }

    pub(crate) fn connect(&mut self, from: usize, to: usize) -> ConnKey {
        let now = self.nodes[from].time(self.now);
        let to = self.nodes[to].addr;
        let key = self.nodes[from].endpoint.connect(now, to).unwrap();
        self.nodes[from].conns.push(key);
        self.turn(from);
        key
    }

    /// Lets a connection send `len` bytes of the pattern.
    pub(crate) fn send(&mut self, node: usize, key: ConnKey, len: u64) {
        *self.nodes[node].to_write.entry(key).or_default() += len;
        self.turn(node);
    }

    /// Advances the time.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(end, |_| false);
    }

    /// Advances the time while `goes_on` holds, by `limit` at most. Returns true if it ended before.
    pub(crate) fn run_while(&mut self, limit: Duration, goes_on: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        self.run_until(end, |net| !goes_on(net))
    }

    fn run_until(&mut self, end: Instant, is_done: impl Fn(&Self) -> bool) -> bool {
        if self.reno.is_some() {
            self.reno_turn();
        }
        loop {
            if is_done(self) {
                return true;
            }
            let mut next = self.under_way.peek().map_or(Instant::FAR_FUTURE, |Reverse((at, ..))| *at);
            for node in &self.nodes {
                next = next.min(node.wakes_at().max(self.now));
            }
            if let Some(reno) = &self.reno {
                next = next.min(reno.timeout_at.max(self.now));
            }
            if next >= end {
                self.now = end;
                return is_done(self);
            }
            self.now = next;
            self.step();
        }
    }

    fn step(&mut self) {
        let mut touched = Vec::new();
        while let Some(Reverse((_, id, from, to))) =
            self.under_way.peek().copied().filter(|r| r.0.0 <= self.now)
        {
            self.under_way.pop();
            let datagram = self.datagrams.remove(&id).unwrap_or_default();
            if to == RENO_DATA {
                self.reno_data(from as u64);
                continue;
            }
            if to == RENO_ACK {
                self.reno.as_mut().unwrap().on_ack(self.now, from as u64);
                self.reno_turn();
                continue;
            }
            let from = self.nodes[from].addr;
            let node = &mut self.nodes[to];
            let now = node.time(self.now);
            node.endpoint.handle(now, from, &datagram);
            if !touched.contains(&to) {
                touched.push(to);
            }
        }
        if self.reno.as_ref().is_some_and(|reno| reno.timeout_at <= self.now) {
            self.reno.as_mut().unwrap().on_timeout(self.now);
            self.reno_turn();
        }
        for index in 0..self.nodes.len() {
            if touched.contains(&index) || self.nodes[index].wakes_at() <= self.now {
                self.turn(index);
            }
        }
    }

    /// Runs one iteration of a node's driver.
    pub(crate) fn turn(&mut self, index: usize) {
        let now = self.nodes[index].time(self.now);
        self.nodes[index].endpoint.handle_timeout(now);
        let source = self.source.clone();
        self.nodes[index].use_it(now, &source);
        let mut buf = std::mem::take(&mut self.buf);
        loop {
            buf.clear();
            let node = &mut self.nodes[index];
            let Some(transmit) = node.endpoint.poll_transmit(now, 45, &mut buf) else { break };
            assert_eq!(transmit.len, buf.len());
            let to = self.nodes.iter().position(|node| node.addr == transmit.to.peer);
            for datagram in buf.chunks(transmit.segment_len) {
                self.nodes[index].sent_datagrams += 1;
                self.nodes[index].longest_sent = self.nodes[index].longest_sent.max(datagram.len());
                if let Some(to) = to {
                    self.send_datagram(index, to, datagram);
                }
            }
        }
        self.buf = buf;
    }

    pub(crate) fn send_datagram(&mut self, from: usize, to: usize, datagram: &[u8]) {
        let link = &mut self.links[from % 2];
        if self.tells_too_big && datagram.len() > link.mtu {
            let (now, to) = (self.nodes[from].time(self.now), self.nodes[to].addr);
            self.nodes[from].endpoint.too_big(now, to, datagram.len());
            return;
        }
        let copies = if link.duplicated > 0.0 && self.rng.f64() < link.duplicated { 2 } else { 1 };
        for _ in 0..copies {
            if let Some(at) = self.links[from % 2].carry(self.now, datagram.len(), &mut self.rng) {
                let mut datagram = datagram.to_vec();
                if let Some(meddle) = self.meddle {
                    meddle(&mut self.rng, &mut datagram);
                }
                self.count += 1;
                self.datagrams.insert(self.count, datagram);
                self.under_way.push(Reverse((at, self.count, from, to)));
            }
        }
    }

    fn reno_turn(&mut self) {
        while let Some(number) = self.reno.as_mut().unwrap().next(self.now) {
            if let Some(at) = self.links[0].carry(self.now, 1472, &mut self.rng) {
                self.count += 1;
                self.under_way.push(Reverse((at, self.count, number as usize, RENO_DATA)));
            }
        }
    }

    fn reno_data(&mut self, number: u64) {
        self.count += 1;
        let at = self.now + self.links[1].latency;
        self.under_way.push(Reverse((at, self.count, number as usize, RENO_ACK)));
    }
}

impl Node {
    /// Returns the time of its clock.
    pub(crate) fn time(&self, now: Instant) -> Instant {
        let drift = now.as_micros() as i64 / 1000 * self.clock_ppm / 1000;
        Instant::from_micros(now.as_micros().checked_add_signed(drift).unwrap()) + self.clock_offset
    }

    fn wakes_at(&self) -> Instant {
        let Some(at) = self.endpoint.poll_timeout() else { return Instant::FAR_FUTURE };
        let local = at - self.clock_offset;
        let drift = local.as_micros() as i64 / 1000 * self.clock_ppm / 1000;
        // A little late is better than just too early.
        let wakes = Instant::from_micros(local.as_micros().checked_add_signed(-drift).unwrap());
        if self.clock_ppm == 0 { wakes } else { wakes + MS }
    }

    /// Acts as the owner of the connections.
    fn use_it(&mut self, now: Instant, source: &Bytes) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Incoming { key, .. } => self.conns.push(key),
                Event::Closed { key, reason: Closed::Ended } if self.closes_after => {
                    self.read(now, key);
                    self.to_write.remove(&key);
                    self.endpoint.close(now, key);
                }
                Event::Readable(key) if self.reads => self.read(now, key),
                _ => {}
            }
            self.events.push(event);
        }
        for (key, left) in &mut self.to_write {
            loop {
                let len = (*left).min(16_000).min(self.endpoint.send_room(*key) as u64);
                if len == 0 {
                    break;
                }
                let from = (self.got_len.len() as u64, *left).1 % SOURCE_BYTES;
                // The pattern depends on the bytes that are left, so both ends know it.
                let len = len.min(SOURCE_BYTES - reversed(from)) as usize;
                let start = reversed(from) as usize;
                self.endpoint.write(now, *key, source.slice(start..start + len));
                *left -= len as u64;
            }
        }
        if self.closes_after {
            for key in self.to_write.extract_if(.., |_, left| *left == 0).map(|(key, _)| key) {
                self.endpoint.close(now, key);
            }
        }
    }

    pub(crate) fn read(&mut self, now: Instant, key: ConnKey) {
        let mut into = BytesMut::new();
        while self.endpoint.read(now, key, 1 << 16, &mut into) > 0 {}
        *self.got_len.entry(key).or_default() += into.len() as u64;
        if self.keeps {
            self.got.entry(key).or_default().unsplit(into);
        }
    }

    pub(crate) fn closed(&self, key: ConnKey) -> Option<Closed> {
        self.events.iter().find_map(|event| match event {
            Event::Closed { key: closed, reason } if *closed == key => Some(*reason),
            _ => None,
        })
    }

    /// Returns the number of bytes read on all connections.
    pub(crate) fn total(&self) -> u64 {
        self.got_len.values().sum()
    }
}

const SOURCE_BYTES: u64 = 1 << 20;

fn reversed(left: u64) -> u64 {
    (SOURCE_BYTES - left) % SOURCE_BYTES
}

/// Returns byte `i` of the pattern.
fn byte_at(i: u64) -> u8 {
    (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

/// Returns the data that a connection with `len` bytes to send has to deliver.
pub(crate) fn expected(len: u64) -> Vec<u8> {
    (0..len).map(|i| byte_at(reversed((len - i) % SOURCE_BYTES))).collect()
}

/// TCP Reno with selective acks, counted in packets: the flow that LEDBAT has to yield to.
#[derive(Debug)]
pub(crate) struct Reno {
    cwnd: f64,
    ssthresh: f64,
    next: u64,
    in_flight: BTreeMap<u64, Instant>,
    recovery: u64,
    timeout_at: Instant,
    pub(crate) delivered: u64,
}

impl Reno {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            cwnd: 10.0,
            ssthresh: f64::INFINITY,
            next: 0,
            in_flight: BTreeMap::new(),
            recovery: 0,
            timeout_at: now + SECOND,
            delivered: 0,
        }
    }

    fn next(&mut self, now: Instant) -> Option<u64> {
        if self.in_flight.len() as f64 >= self.cwnd {
            return None;
        }
        self.in_flight.insert(self.next, now);
        self.next += 1;
        Some(self.next - 1)
    }

    fn on_ack(&mut self, now: Instant, number: u64) {
        self.timeout_at = now + SECOND;
        if self.in_flight.remove(&number).is_none() {
            return;
        }
        self.delivered += 1;
        if self.cwnd < self.ssthresh {
            self.cwnd += 1.0
        } else {
            self.cwnd += 1.0 / self.cwnd
        }
        let lost: Vec<u64> = self.in_flight.range(..number.saturating_sub(2)).map(|(n, _)| *n).collect();
        for number in lost {
            self.in_flight.remove(&number);
            if number >= self.recovery {
                self.cwnd = (self.cwnd / 2.0).max(2.0);
                self.ssthresh = self.cwnd;
                self.recovery = self.next;
            }
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        self.ssthresh = (self.cwnd / 2.0).max(2.0);
        self.cwnd = 1.0;
        self.in_flight.clear();
        self.recovery = self.next;
        self.timeout_at = now + SECOND;
    }
}
