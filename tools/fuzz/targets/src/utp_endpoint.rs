use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use arbitrary::{Result, Unstructured};
use bytes::{Bytes, BytesMut};
use ztor_base::{Duration, Instant};
use ztor_utp::{Config, ConnKey, Endpoint, Event};

use crate::machine::Machine;

/// Maximum number of connections that each end opens.
const MAX_CONNECTS: usize = 4;
/// Maximum number of datagrams in flight; more are lost.
const MAX_ON_WIRE: usize = 400;
/// Largest age of a datagram that arrives. After a whole timeout a sender may use sequence numbers again (BEP 29 has no
/// longer ones), and the least timeout is 500 ms.
const MAX_AGE: Duration = Duration::from_millis(450);
/// The type of a packet that asks for a connection (BEP 29, `ST_SYN`).
const SYN: u8 = 4;
const LATENCY: Duration = Duration::from_millis(10);
/// Time after the last operation in which all data arrives that can.
const SETTLES_WITHIN: Duration = Duration::from_secs(200);

/// Checks two honest endpoints, on a network that delivers datagrams in any way, and an attacker that sends anything:
/// from an address of its own, or also from theirs, in which case only bounds are checked.
pub fn utp_endpoint(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(world) = World::new(&mut u) else { return };
    world.play(&mut u);
}

struct End {
    endpoint: Endpoint,
    addr: SocketAddr,
    config: Config,
    keys: Vec<ConnKey>,
    connects: usize,
    /// Tag with which the stream of each key begins, and number of bytes written.
    tags: BTreeMap<ConnKey, (u8, u64)>,
    /// Tag of the stream that each key reads, and number of bytes read.
    got: BTreeMap<ConnKey, (u8, u64)>,
    /// Keys whose stream is not checked: the other end is the attacker, or the connection began by chance.
    foreign: BTreeSet<ConnKey>,
    /// Keys of connections that have ended.
    over: BTreeSet<ConnKey>,
    /// Connection ids and sequence numbers of the SYNs that have arrived.
    syns: BTreeSet<(u16, u16)>,
    /// For each accepted connection without an event yet: true if it began by chance.
    accepted: VecDeque<bool>,
}

struct Datagram {
    sent_at: Instant,
    from: SocketAddr,
    to: usize,
    bytes: Vec<u8>,
}

struct World {
    now: Instant,
    ends: [End; 2],
    wire: VecDeque<Datagram>,
    /// Last datagrams of both ends, as models for those of the attacker.
    seen: VecDeque<Vec<u8>>,
    attacker: SocketAddr,
    /// Set when the attacker also sends from the addresses of the ends.
    spoofs: bool,
    next_tag: u8,
}

impl Machine for World {
    const MAX_OPERATIONS: usize = 200;

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let end = u.choose_index(2)?;
        self.operate(end, u)
    }

    fn check(&mut self) {
        self.settle(0);
        self.settle(1);
    }

    /// Delivers and reads everything: every live connection must bring all that was written.
    fn finish(&mut self) {
        let end = self.now + SETTLES_WITHIN;
        while self.now < end {
            (0..2).for_each(|index| self.settle(index));
            for index in 0..2 {
                for key in self.ends[index].keys.clone() {
                    self.read(index, key, usize::MAX);
                }
                self.settle(index);
            }
            if self.wire.is_empty() {
                let wakes = self.ends.iter().filter_map(|end| end.endpoint.poll_timeout()).min();
                self.now = self.now.max(wakes.unwrap_or(end));
            } else {
                self.now += LATENCY;
                while !self.wire.is_empty() {
                    self.deliver();
                }
            }
        }
        if self.spoofs {
            return;
        }
        let alive = |end: &End, key: &ConnKey| end.keys.contains(key) && !end.over.contains(key);
        for index in 0..2 {
            let (reader, writer) = (&self.ends[index], &self.ends[1 - index]);
            for (key, (tag, got)) in reader.got.iter().filter(|(key, _)| alive(reader, key)) {
                let Some((other, (_, written))) = writer.tags.iter().find(|(_, (other, _))| other == tag)
                else {
                    continue;
                };
                let is_alive = alive(writer, other);
                assert!(!is_alive || got == written, "{got} of {written} bytes came by {key:?}");
            }
        }
    }
}

impl World {
    fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let now = Instant::from_micros(1_000_000);
        let seed = u.arbitrary::<u16>()?;
        let mut end = |last: u8| -> Result<End> {
            let config = Config {
                max_connections: u.int_in_range(1..=6)?,
                max_receive_bytes: 1 << u.int_in_range(11..=16)?,
                max_total_receive_bytes: 1 << u.int_in_range(12..=17)?,
                max_send_bytes: 1 << u.int_in_range(10..=16)?,
                max_datagram_bytes: *u.choose(&[548, 1472, 9000])?,
                max_resets_per_s: 10,
                max_syn_answers_per_s: 10,
                ..Config::default()
            };
            Ok(End {
                endpoint: Endpoint::new(now, config, u64::from(seed) * 256 + u64::from(last)),
                addr: SocketAddr::from(([10, 0, 0, last], 6881)),
                config,
                keys: Vec::new(),
                connects: 0,
                tags: BTreeMap::new(),
                got: BTreeMap::new(),
                foreign: BTreeSet::new(),
                over: BTreeSet::new(),
                syns: BTreeSet::new(),
                accepted: VecDeque::new(),
            })
        };
        let ends = [end(1)?, end(2)?];
        Ok(Self {
            now,
            ends,
            wire: VecDeque::new(),
            seen: VecDeque::new(),
            attacker: SocketAddr::from(([192, 0, 2, 66], 6881)),
            spoofs: u.ratio(1, 4)?,
            next_tag: 1,
        })
    }

    fn operate(&mut self, end: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let now = self.now;
        match u.int_in_range(0..=15)? {
            0 => self.connect(end, u.ratio(1, 8)?),
            1 | 2 => {
                let len = u.int_in_range(1..=20_000)?;
                self.write(end, u, len)?;
            }
            3 => {
                let limit = u.int_in_range(0..=70_000)?;
                if let Some(key) = self.any_key(end, u)? {
                    self.read(end, key, limit);
                }
            }
            4 => {
                let Some(key) = self.any_key(end, u)? else { return Ok(()) };
                if u.arbitrary()? {
                    self.ends[end].endpoint.close(now, key);
                } else {
                    self.ends[end].endpoint.reset(now, key);
                }
                self.ends[end].over.insert(key);
                self.ends[end].keys.retain(|other| *other != key);
            }
            5 => self.pass(Duration::from_micros(u.arbitrary::<u16>()?.into())),
            6 => self.pass(Duration::from_millis(u.arbitrary::<u16>()?.into())),
            7 => drop(self.wire.pop_front()),
            8 => {
                // Reordered or doubled.
                let Ok(index) = u.choose_index(self.wire.len()) else { return Ok(()) };
                if u.arbitrary()? {
                    self.wire.swap(0, index);
                } else if let Some(Datagram { sent_at, from, to, bytes }) = self.wire.get(index) {
                    let copy = Datagram { sent_at: *sent_at, from: *from, to: *to, bytes: bytes.clone() };
                    self.wire.push_back(copy);
                }
            }
            9 => {
                let (to, len) = (self.ends[1 - end].addr, u.int_in_range(0..=9000)?);
                self.ends[end].endpoint.too_big(now, to, len);
            }
            10 | 11 => self.attack(end, u)?,
            _ => {
                for _ in 0..=u.int_in_range(0..=30)? {
                    self.deliver();
                }
            }
        }
        Ok(())
    }

    fn connect(&mut self, end: usize, to_attacker: bool) {
        let to = if to_attacker { self.attacker } else { self.ends[1 - end].addr };
        let end = &mut self.ends[end];
        if end.connects == MAX_CONNECTS {
            return;
        }
        end.connects += 1;
        let was_full = end.endpoint.len() >= end.config.max_connections;
        let result = end.endpoint.connect(self.now, to);
        assert_eq!(result.is_err(), was_full);
        if let Ok(key) = result {
            let addr = end.addr;
            self.adopt(addr, key, to_attacker);
        }
    }

    /// Gives a new connection a stream of its own to write.
    fn adopt(&mut self, addr: SocketAddr, key: ConnKey, is_foreign: bool) {
        let Some(end) = self.ends.iter_mut().find(|end| end.addr == addr) else { return };
        end.keys.push(key);
        end.tags.insert(key, (self.next_tag, 0));
        self.next_tag = self.next_tag.wrapping_add(1);
        if is_foreign {
            end.foreign.insert(key);
        }
    }

    fn any_key(&self, end: usize, u: &mut Unstructured<'_>) -> Result<Option<ConnKey>> {
        let keys = &self.ends[end].keys;
        if keys.is_empty() { Ok(None) } else { Ok(Some(*u.choose(keys)?)) }
    }

    fn write(&mut self, end: usize, u: &mut Unstructured<'_>, len: usize) -> Result<()> {
        let Some(key) = self.any_key(end, u)? else { return Ok(()) };
        let end = &mut self.ends[end];
        let room = end.endpoint.send_room(key);
        assert!(room <= end.config.max_send_bytes);
        let Some((tag, written)) = end.tags.get_mut(&key) else { return Ok(()) };
        let len = len.min(room);
        let data: Bytes = (*written..*written + len as u64).map(|i| byte(*tag, i)).collect();
        end.endpoint.write(self.now, key, data);
        *written += len as u64;
        assert_eq!(end.endpoint.send_room(key), room - len);
        Ok(())
    }

    fn read(&mut self, end: usize, key: ConnKey, limit: usize) {
        let this = &mut self.ends[end];
        let readable = this.endpoint.readable(key);
        assert!(readable <= 2 * this.config.max_receive_bytes, "{readable} bytes are held");
        let mut bytes = BytesMut::from(&b"x"[..]);
        let len = this.endpoint.read(self.now, key, limit, &mut bytes);
        assert_eq!((len, bytes.len()), (readable.min(limit), len + 1));
        if len == 0 || self.spoofs || this.foreign.contains(&key) {
            return;
        }
        let first = bytes[1];
        let is_new = !this.got.contains_key(&key);
        assert!(!is_new || this.got.values().all(|(tag, _)| *tag != first), "the same stream twice");
        let (tag, got) = this.got.entry(key).or_insert((first, 0));
        assert!(
            bytes[1..].iter().zip(*got..).all(|(is, i)| *is == byte(*tag, i)),
            "other bytes than were sent"
        );
        *got += len as u64;
        let (tag, got) = (*tag, *got);
        let written = self.ends[1 - end].tags.values().find(|(other, _)| *other == tag);
        assert!(written.is_some_and(|(_, written)| got <= *written), "more bytes than were sent");
    }

    /// Sends a datagram that resembles a packet, with numbers near those of a real one.
    fn attack(&mut self, end: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let mut bytes = match u.choose_index(self.seen.len()) {
            Ok(index) if u.ratio(3, 4)? => self.seen[index].clone(),
            _ => {
                let len = u.arbitrary_len::<u8>()?.min(60);
                u.bytes(len)?.to_vec()
            }
        };
        let from = match (self.spoofs && u.arbitrary()?, u.ratio(1, 16)?) {
            (true, _) => self.ends[1 - end].addr,
            (false, true) => SocketAddr::from(([192, 0, 2, u.arbitrary()?], 6881)),
            (false, false) => self.attacker,
        };
        if bytes.len() >= 20 {
            if u.arbitrary()? {
                bytes[0] = u.int_in_range(0..=5)? << 4 | 1;
            }
            // Connection, window, seq_nr and ack_nr.
            for at in [2, 12, 16, 18] {
                if u.ratio(1, 3)? {
                    let number = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
                    let number = number.wrapping_add_signed(u.arbitrary::<i8>()?.into());
                    bytes[at..at + 2].copy_from_slice(&number.to_be_bytes());
                }
            }
            if u.ratio(1, 4)? {
                // Extensions, which may not fit.
                bytes[1] = u.int_in_range(0..=3)?;
                let len = u.arbitrary_len::<u8>()?.min(40);
                let extension = u.bytes(len)?;
                drop(bytes.splice(20..20, extension.iter().copied()));
            }
        }
        self.ends[end].handle(self.now, from, &bytes);
        Ok(())
    }

    fn deliver(&mut self) {
        let Some(Datagram { sent_at, from, to, bytes }) = self.wire.pop_front() else { return };
        if self.now.since(sent_at) > MAX_AGE {
            return;
        }
        assert!(self.ends[to].handle(self.now, from, &bytes), "what we send is µTP");
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.ends.iter_mut().for_each(|end| end.endpoint.handle_timeout(self.now));
    }

    /// Takes all datagrams and events of an end.
    fn settle(&mut self, index: usize) {
        let peer = self.ends[1 - index].addr;
        let end = &mut self.ends[index];
        end.endpoint.handle_timeout(self.now);
        assert!(end.endpoint.len() <= end.config.max_connections);
        let mut buf = Vec::new();
        for count in 0.. {
            assert!(count < 10_000, "it never ends");
            buf.clear();
            let Some(transmit) = end.endpoint.poll_transmit(self.now, 8, &mut buf) else { break };
            assert!(transmit.len == buf.len() && (1..=8).contains(&buf.len().div_ceil(transmit.segment_len)));
            assert!(transmit.segment_len <= end.config.max_datagram_bytes);
            for datagram in buf.chunks(transmit.segment_len) {
                self.seen.push_back(datagram.to_vec());
                let to = 1 - index;
                if self.wire.len() < MAX_ON_WIRE && transmit.to == peer.into() {
                    let (sent_at, from) = (self.now, end.addr);
                    self.wire.push_back(Datagram { sent_at, from, to, bytes: datagram.to_vec() });
                }
            }
            let surplus = self.seen.len().saturating_sub(16);
            self.seen.drain(..surplus);
        }
        assert!(end.endpoint.poll_timeout().is_none_or(|at| at > self.now), "it would not sleep");
        while let Some(event) = self.ends[index].endpoint.poll_event() {
            self.on_event(index, event);
        }
    }

    fn on_event(&mut self, index: usize, event: Event) {
        let end = &mut self.ends[index];
        match event {
            Event::Incoming { key, from } => {
                assert!(!end.keys.contains(&key));
                let is_by_chance = end.accepted.pop_front().expect("it was counted");
                let (addr, is_peer) = (end.addr, from == self.ends[1 - index].addr.into());
                self.adopt(addr, key, !is_peer || is_by_chance);
            }
            Event::Readable(key) => assert!(end.endpoint.readable(key) > 0 || !end.keys.contains(&key)),
            Event::Closed { key, .. } => {
                assert!(end.keys.contains(&key), "the end of an unknown connection");
                assert!(end.over.insert(key), "ended twice");
            }
            Event::Connected(key) | Event::Writable(key) => assert!(end.keys.contains(&key)),
        }
    }
}

impl End {
    /// Gives a datagram to the endpoint, and records a connection that it begins.
    ///
    /// A cookie has 16 bits: one in 32,768 packets of no connection begins one although it does not follow a SYN. Its
    /// bytes are then from the middle of a stream.
    fn handle(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> bool {
        let before = self.endpoint.len();
        let is_utp = self.endpoint.handle(now, from, bytes);
        let number = |at: usize| bytes.get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]));
        let (id, seq) = (number(2), number(16));
        if bytes.first().is_some_and(|first| first >> 4 == SYN) {
            self.syns.insert((id, seq));
        }
        if self.endpoint.len() > before {
            let follows_syn = self.syns.contains(&(id.wrapping_sub(1), seq.wrapping_sub(1)));
            self.accepted.push_back(!follows_syn);
        }
        is_utp
    }
}

/// Returns the byte at index `i` of the stream with this tag.
fn byte(tag: u8, i: u64) -> u8 {
    if i == 0 { tag } else { (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 ^ tag }
}
