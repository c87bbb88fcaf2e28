//! The event loop with the nodes, the two directions of the link and the clock.

use super::node::{Clock, Content, Node};
use super::reno::{self, Reno};
use super::way::{Line, Way};
use fastrand::Rng;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use ztor_base::{Duration, Instant};
use ztor_utp::Config;

/// Maximum number of datagrams that a driver sends at once.
const BATCH: usize = 64;

/// Senders and receivers, and the link that all of them share.
pub(super) struct Lab {
    pub(super) now: Instant,
    pub(super) nodes: Vec<Node>,
    /// Directions of the link: from senders to receivers, and back.
    pub(super) ways: [Way; 2],
    pub(super) rival: Option<Reno>,
    rng: Rng,
    under_way: BinaryHeap<Reverse<Arrival>>,
    sequence: u64,
    content: Content,
    buf: Vec<u8>,
}

struct Arrival {
    at: Instant,
    sequence: u64,
    what: What,
}

enum What {
    Datagram { from: SocketAddr, to: usize, bytes: Vec<u8> },
    RivalData(u64),
    RivalAck(u64),
}

impl Lab {
    /// Returns an empty lab with the same line in both directions.
    pub(super) fn new(line: Line, content: Content, rng: Rng) -> Self {
        Self {
            // Not zero, where the time of a slow clock would be negative.
            now: Instant::from_micros(1_000_000),
            nodes: Vec::new(),
            ways: [Way::new(line), Way::new(line)],
            rival: None,
            rng,
            under_way: BinaryHeap::new(),
            sequence: 0,
            content,
            buf: Vec::new(),
        }
    }

    /// Adds a node. Those with even indices are senders, those with odd indices receivers.
    pub(super) fn add(&mut self, ppm: i64) -> usize {
        let index = self.nodes.len();
        let addr = SocketAddr::from(([10, 0, 0, index as u8 + 1], 6881));
        let clock = Clock { ahead_us: self.rng.u64(..10_000_000_000), ppm };
        self.nodes.push(Node::new(self.now, addr, clock, Config::default(), self.rng.u64(..)));
        index
    }

    pub(super) fn connect(&mut self, from: usize, to: usize) {
        let to = self.nodes[to].addr;
        let node = &mut self.nodes[from];
        node.connect(node.clock.time(self.now), to);
        self.turn(from);
    }

    pub(super) fn start_rival(&mut self) {
        self.rival = Some(Reno::new(self.now));
        self.rival_turn();
    }

    /// Runs up to `end`, or until `is_enough`.
    pub(super) fn run_until(&mut self, end: Instant, is_enough: impl Fn(&Self) -> bool) {
        while !is_enough(self) {
            let mut next = self.under_way.peek().map_or(Instant::FAR_FUTURE, |Reverse(arrival)| arrival.at);
            next = self.nodes.iter().fold(next, |next, node| next.min(node.wakes_at));
            next = self.rival.as_ref().map_or(next, |rival| next.min(rival.timeout_at)).max(self.now);
            if next > end {
                self.now = end;
                return;
            }
            self.now = next;
            self.step();
        }
    }

    pub(super) fn run(&mut self, time: Duration) {
        self.run_until(self.now + time, |_| false);
    }

    /// Handles all due events: first arrivals and the rival's timeout, then one turn for each due node.
    fn step(&mut self) {
        let now = self.now;
        while let Some(Reverse(arrival)) = self.under_way.peek()
            && arrival.at <= now
        {
            let Some(Reverse(arrival)) = self.under_way.pop() else { return };
            match arrival.what {
                What::Datagram { from, to, bytes } => {
                    let node = &mut self.nodes[to];
                    node.endpoint.handle(node.clock.time(now), from, &bytes);
                    node.wakes_at = now;
                }
                What::RivalData(number) => self.rival_data(number),
                What::RivalAck(number) => {
                    if let Some(rival) = &mut self.rival {
                        rival.on_ack(now, number);
                    }
                    self.rival_turn();
                }
            }
        }
        if let Some(rival) = &mut self.rival
            && rival.timeout_at <= now
        {
            rival.on_timeout(now);
            self.rival_turn();
        }
        for index in 0..self.nodes.len() {
            if self.nodes[index].wakes_at <= now {
                self.turn(index);
            }
        }
    }

    /// Runs one turn of a node's driver.
    pub(super) fn turn(&mut self, index: usize) {
        let mut buf = std::mem::take(&mut self.buf);
        let local = self.nodes[index].clock.time(self.now);
        self.nodes[index].endpoint.handle_timeout(local);
        self.nodes[index].use_it(local, &self.content);
        loop {
            buf.clear();
            let Some(transmit) = self.nodes[index].endpoint.poll_transmit(local, BATCH, &mut buf) else {
                break;
            };
            if let Some(to) = self.nodes.iter().position(|node| node.addr == transmit.to.peer) {
                buf.chunks(transmit.segment_len).for_each(|datagram| self.send(index, to, datagram));
            }
        }
        self.nodes[index].note_wake();
        self.buf = buf;
    }

    fn send(&mut self, from: usize, to: usize, datagram: &[u8]) {
        let arrivals = self.ways[from % 2].carry(self.now, datagram.len(), &mut self.rng);
        let from = self.nodes[from].addr;
        for at in arrivals.into_iter().flatten() {
            self.plan(at, What::Datagram { from, to, bytes: datagram.to_vec() });
        }
    }

    fn rival_turn(&mut self) {
        while let Some(number) = self.rival.as_mut().and_then(|rival| rival.next(self.now)) {
            let [arrival, _] = self.ways[0].carry(self.now, reno::PACKET_BYTES, &mut self.rng);
            if let Some(at) = arrival {
                self.plan(at, What::RivalData(number));
            }
        }
    }

    /// Plans an acknowledgement of the rival. None is lost, because they are many and cumulative.
    fn rival_data(&mut self, number: u64) {
        self.plan(self.now + self.ways[1].line.latency, What::RivalAck(number));
    }

    fn plan(&mut self, at: Instant, what: What) {
        self.sequence += 1;
        self.under_way.push(Reverse(Arrival { at, sequence: self.sequence, what }));
    }
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Arrival {}
