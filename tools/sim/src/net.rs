//! The virtual network: hosts with a line each, streams that behave like TCP, and datagrams that may be lost.
//!
//! A host sends the data of its streams in turns, in fragments of any size, at the rate of its line. A fragment takes
//! the latency of both lines and some jitter, then waits for the receiver's line. A lost fragment arrives later and
//! halves the window of its stream; a lost datagram is gone. On a cut path streams wait without notice.

pub(crate) mod stream;

use crate::core::{Core, Event};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
pub(crate) use stream::{End, Owner, SEND_BUFFER, Side, Stream, StreamId};
use ztor_base::{Duration, Instant};
use ztor_engine::Transport;

/// Port that all hosts listen on.
pub(crate) const PORT: u16 = 6881;
/// Minimum delay of a retransmission.
const MIN_RETRANSMIT: Duration = Duration::from_millis(200);
/// Time for which a closed side repeats its FIN over a cut path.
const FIN_PATIENCE: Duration = Duration::from_secs(60);

/// Number of SYNs that a µTP caller repeats, after one, two and four seconds.
const MAX_SYNS: u32 = 3;
/// Time for which a NAT admits datagrams from a host after one to it.
const HOLE_LASTS: Duration = Duration::from_secs(30);

/// A host's line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// Bytes per second.
    pub(crate) up: u64,
    /// Bytes per second.
    pub(crate) down: u64,
    /// One-way time to the middle of the network.
    pub(crate) latency: Duration,
    /// Maximum random addition to the latency.
    pub(crate) jitter: Duration,
    /// Lost packets in thousandths.
    pub(crate) loss_permille: u32,
    /// True if only hosts that it has called over µTP can connect to it.
    pub(crate) nat: bool,
    /// Source of its connections.
    pub(crate) network: Network,
}

/// Source address of a host's connections. Other hosts can connect to its [own address](ip_of) only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Its own address, which is one of a local network.
    Local,
    /// An address of the public network.
    Public,
    /// An address of one shared IPv6 /64.
    One64,
    /// This address of the public network, which several hosts may have.
    At([u8; 4]),
}

impl Default for Line {
    fn default() -> Self {
        Self {
            up: 2_000_000,
            down: 10_000_000,
            latency: Duration::from_millis(10),
            jitter: Duration::from_millis(2),
            loss_permille: 0,
            nat: false,
            network: Network::Local,
        }
    }
}

/// A machine on the network.
pub(crate) struct Host {
    pub(crate) line: Line,
    /// Group of the host. Hosts of different groups cannot reach each other.
    pub(crate) group: u32,
    /// True without power: everything sent to it is lost.
    pub(crate) is_off: bool,
    up_free_at: Instant,
    down_free_at: Instant,
    /// Ends of streams at this host that may have data to send, in turns.
    senders: VecDeque<(StreamId, Side)>,
    pump_is_planned: bool,
}

/// All hosts, and the streams between them.
pub(crate) struct Net {
    hosts: Vec<Host>,
    streams: BTreeMap<StreamId, Stream>,
    /// Time of the last µTP SYN from one host to another, whose packets its NAT admits for [`HOLE_LASTS`].
    holes: BTreeMap<(usize, usize), Instant>,
    last_stream: u64,
    next_port: u16,
}

impl Net {
    pub(crate) fn new() -> Self {
        Self {
            hosts: Vec::new(),
            streams: BTreeMap::new(),
            holes: BTreeMap::new(),
            last_stream: 0,
            next_port: 40_000,
        }
    }

    pub(crate) fn add_host(&mut self, line: Line) -> usize {
        self.hosts.push(Host {
            line,
            group: 0,
            is_off: false,
            up_free_at: Instant::ZERO,
            down_free_at: Instant::ZERO,
            senders: VecDeque::new(),
            pump_is_planned: false,
        });
        self.hosts.len() - 1
    }

    pub(crate) fn host(&self, host: usize) -> &Host {
        &self.hosts[host]
    }

    /// Returns a host for changes. Call [`heal`](Self::heal) after a change that opens a path.
    pub(crate) fn host_mut(&mut self, host: usize) -> &mut Host {
        &mut self.hosts[host]
    }

    pub(crate) fn hosts(&self) -> usize {
        self.hosts.len()
    }

    pub(crate) fn stream_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.streams.get_mut(&id)
    }

    pub(crate) fn stream(&self, id: StreamId) -> Option<&Stream> {
        self.streams.get(&id)
    }

    pub(crate) fn can_reach(&self, from: usize, to: usize) -> bool {
        let (from, to) = (&self.hosts[from], &self.hosts[to]);
        from.group == to.group && !from.is_off && !to.is_off
    }

    /// Makes all streams that wait for a path try again.
    pub(crate) fn heal(&mut self, core: &mut Core) {
        let all: Vec<StreamId> = self.streams.keys().copied().collect();
        for id in all {
            for side in [0, 1] {
                self.want_send(core, id, side);
            }
        }
    }

    /// Begins a connection. [`Event::Syn`] follows at the other host. Returns `None` if no host has this address.
    pub(crate) fn connect(
        &mut self,
        core: &mut Core,
        from: usize,
        owner: Owner,
        key: u64,
        (to, transport): (SocketAddr, Transport),
    ) -> Option<StreamId> {
        let host = self.host_of(to.ip())?;
        self.last_stream += 1;
        self.next_port = if self.next_port == u16::MAX { 40_000 } else { self.next_port + 1 };
        let id = StreamId(self.last_stream);
        // All µTP connections come from one socket.
        let port = if transport == Transport::Utp { PORT } else { self.next_port };
        let caller = End::new(from, owner, key, SocketAddr::new(self.seen_as(from), port));
        let called = End::new(host, Owner::Nobody, 0, to);
        self.streams.insert(id, Stream::new(caller, called, transport));
        if transport == Transport::Utp {
            self.holes.insert((from, host), core.now);
        }
        let at = core.now + self.way(core, from, host);
        core.plan(at, Event::Syn { stream: id });
        Some(id)
    }

    fn seen_as(&self, host: usize) -> IpAddr {
        let number = host as u16 + 1;
        match self.hosts[host].line.network {
            Network::Local => ip_of(host),
            Network::Public => Ipv4Addr::new(198, 18, (number >> 8) as u8, number as u8).into(),
            Network::At(octets) => Ipv4Addr::from(octets).into(),
            Network::One64 => Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, number).into(),
        }
    }

    /// Returns true if the callee's NAT admits a caller: over µTP, if the callee has sent to it before.
    pub(crate) fn is_let_in(&self, core: &Core, from: usize, to: usize, transport: Transport) -> bool {
        let hole = self.holes.get(&(to, from)).filter(|at| core.now.since(**at) < HOLE_LASTS);
        !self.hosts[to].line.nat || (transport == Transport::Utp && hole.is_some())
    }

    /// Plans another SYN of a µTP caller. Returns false after the last one, and for TCP.
    pub(crate) fn knock_again(&mut self, core: &mut Core, id: StreamId) -> bool {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.transport == Transport::Utp)
        else {
            return false;
        };
        stream.syns += 1;
        let (from, to, syns) = (stream.ends[0].host, stream.ends[1].host, stream.syns);
        if syns > MAX_SYNS || stream.ends[0].is_closed {
            return false;
        }
        let at = core.now + Duration::from_secs(1 << (syns - 1));
        self.holes.insert((from, to), at);
        let way = self.way(core, from, to);
        core.plan(at + way, Event::Syn { stream: id });
        true
    }

    /// Returns the one-way time of a small packet.
    pub(crate) fn way(&self, core: &mut Core, from: usize, to: usize) -> Duration {
        let (from, to) = (self.hosts[from].line, self.hosts[to].line);
        let jitter = (from.jitter + to.jitter).as_micros() as u64;
        from.latency + to.latency + Duration::from_micros(core.rng.u64(0..=jitter))
    }

    /// Appends any number of bytes to the socket of one end.
    pub(crate) fn send(&mut self, core: &mut Core, id: StreamId, side: Side, bytes: &[u8]) {
        if let Some(stream) = self.streams.get_mut(&id) {
            if stream.ends[side].is_closed {
                return;
            }
            stream.pipes[side].socket.extend_from_slice(bytes);
            self.want_send(core, id, side);
        }
    }

    /// Closes one side of a stream. Data in its socket is still sent, unless it resets.
    pub(crate) fn close(&mut self, core: &mut Core, id: StreamId, side: Side, reset: bool) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if std::mem::replace(&mut stream.ends[side].is_closed, true) {
            return;
        }
        stream.ends[side].closed_at = core.now;
        if reset {
            stream.pipes[side].socket.clear();
        }
        if stream.ends[1 - side].is_closed {
            self.streams.remove(&id);
        } else if stream.pipes[side].socket.is_empty() {
            self.plan_fin(core, id, side);
        } else {
            self.want_send(core, id, side);
        }
    }

    /// Closes one side of a stream without notice to the other.
    pub(crate) fn vanish(&mut self, id: StreamId, side: Side) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.ends[side].is_closed = true;
        stream.ends[side].is_gone = true;
        stream.pipes[side].socket.clear();
        if stream.ends[1 - side].is_closed {
            self.streams.remove(&id);
        }
    }

    /// Ends a stream whose FIN has arrived. Returns the owner and key of the receiving end if it is still open. Plans
    /// the FIN again on a cut path.
    pub(crate) fn on_fin(&mut self, core: &mut Core, id: StreamId, from: Side) -> Option<(Owner, u64)> {
        let stream = self.streams.get(&id)?;
        let (us, them) = (&stream.ends[1 - from], &stream.ends[from]);
        if !self.can_reach(them.host, us.host) {
            if core.now.since(them.closed_at) < FIN_PATIENCE {
                core.plan(core.now + Duration::from_secs(1), Event::Fin { stream: id, from });
            }
            return None;
        }
        let told = (!us.is_closed).then_some((us.owner, us.key));
        self.streams.remove(&id);
        told
    }

    /// Delivers a fragment. Returns the owner and key of the receiving end if it is still open.
    pub(crate) fn on_arrive(&mut self, id: StreamId, from: Side) -> Option<(Owner, u64)> {
        let stream = self.streams.get_mut(&id)?;
        let fragment = stream.pipes[from].flight.pop_front()?;
        if stream.ends[1 - from].is_closed {
            return None;
        }
        stream.pipes[from].unread.extend_from_slice(&fragment);
        Some((stream.ends[1 - from].owner, stream.ends[1 - from].key))
    }

    /// Takes the bytes that have arrived at one end, and plans their acknowledgement.
    pub(crate) fn read(&mut self, core: &mut Core, id: StreamId, side: Side) -> Bytes {
        let Some(stream) = self.streams.get_mut(&id) else { return Bytes::new() };
        let bytes = std::mem::take(&mut stream.pipes[1 - side].unread).freeze();
        if !bytes.is_empty() {
            let (us, them) = (stream.ends[side].host, stream.ends[1 - side].host);
            let at = core.now + self.way(core, us, them);
            core.plan(at, Event::Ack { stream: id, to: 1 - side, len: bytes.len() });
        }
        bytes
    }

    /// Handles the acknowledgement of `len` bytes. Returns the owner and key of the sending end if it is still open.
    pub(crate) fn on_ack(
        &mut self,
        core: &mut Core,
        id: StreamId,
        side: Side,
        len: usize,
    ) -> Option<(Owner, u64)> {
        let stream = self.streams.get_mut(&id)?;
        stream.pipes[side].on_ack(len);
        let end = &stream.ends[side];
        let owner = (!end.is_closed).then_some((end.owner, end.key));
        self.want_send(core, id, side);
        owner
    }

    /// Queues an end for sending, if it has data that its window admits.
    fn want_send(&mut self, core: &mut Core, id: StreamId, side: Side) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if !stream.is_open || stream.pipes[side].is_queued || stream.pipes[side].sendable() == 0 {
            return;
        }
        stream.pipes[side].is_queued = true;
        let host = stream.ends[side].host;
        self.hosts[host].senders.push_back((id, side));
        self.plan_pump(core, host);
    }

    fn plan_pump(&mut self, core: &mut Core, host: usize) {
        let line = &mut self.hosts[host];
        if !line.pump_is_planned && !line.senders.is_empty() {
            line.pump_is_planned = true;
            core.plan(line.up_free_at.max(core.now), Event::Pump { host });
        }
    }

    /// Sends the next fragment of a host whose line is free.
    pub(crate) fn pump(&mut self, core: &mut Core, host: usize) {
        self.hosts[host].pump_is_planned = false;
        while let Some((id, side)) = self.hosts[host].senders.pop_front() {
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            stream.pipes[side].is_queued = false;
            let to = stream.ends[1 - side].host;
            if !self.can_reach(host, to) {
                continue;
            }
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            if stream.ends[1 - side].is_gone {
                // The other machine does not know this stream, and answers with a reset.
                let at = core.now + self.way(core, host, to) * 2;
                core.plan(at, Event::Fin { stream: id, from: 1 - side });
                continue;
            }
            let len = stream.pipes[side].next_fragment(&mut core.rng);
            if len == 0 {
                continue;
            }
            self.send_fragment(core, id, side, len);
            self.want_send(core, id, side);
            break;
        }
        self.plan_pump(core, host);
    }

    fn send_fragment(&mut self, core: &mut Core, id: StreamId, side: Side, len: usize) {
        let Some(stream) = self.streams.get(&id) else { return };
        let (from, to) = (stream.ends[side].host, stream.ends[1 - side].host);
        let sent_at = core.now.max(self.hosts[from].up_free_at) + transfer(len, self.hosts[from].line.up);
        self.hosts[from].up_free_at = sent_at;
        let mut at = sent_at + self.way(core, from, to);
        let is_lost = self.is_lost(core, from, to);
        if is_lost {
            at += self.way(core, from, to) * 2 + MIN_RETRANSMIT;
        }
        at = at.max(self.hosts[to].down_free_at) + transfer(len, self.hosts[to].line.down);
        // A late fragment must not delay those of other streams.
        if !is_lost {
            self.hosts[to].down_free_at = at;
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let pipe = &mut stream.pipes[side];
        at = pipe.send(len, at, is_lost);
        core.plan(at, Event::Arrive { stream: id, from: side });
        if pipe.socket.is_empty() && stream.ends[side].is_closed {
            self.plan_fin(core, id, side);
        }
    }

    fn plan_fin(&mut self, core: &mut Core, id: StreamId, from: Side) {
        let Some(stream) = self.streams.get(&id) else { return };
        let way = self.way(core, stream.ends[from].host, stream.ends[1 - from].host);
        let at = (core.now + way).max(stream.pipes[from].last_arrival);
        core.plan(at, Event::Fin { stream: id, from });
    }

    /// Sends a datagram, which may be lost or overtaken.
    pub(crate) fn send_datagram(&mut self, core: &mut Core, from: usize, to: SocketAddr, data: Vec<u8>) {
        let Some(host) = self.host_of(to.ip()) else { return };
        if !self.can_reach(from, host) || self.is_lost(core, from, host) {
            return;
        }
        let at = core.now + self.way(core, from, host);
        let from = SocketAddr::new(ip_of(from), PORT);
        core.plan(at, Event::Datagram { host, from, data });
    }

    pub(crate) fn host_of(&self, ip: IpAddr) -> Option<usize> {
        let IpAddr::V4(ip) = ip else { return None };
        let [10, high, low, 1] = ip.octets() else { return None };
        let index = usize::from(high) * 256 + usize::from(low);
        index.checked_sub(1).filter(|host| *host < self.hosts.len())
    }

    fn is_lost(&self, core: &mut Core, from: usize, to: usize) -> bool {
        let permille = self.hosts[from].line.loss_permille + self.hosts[to].line.loss_permille;
        permille > 0 && core.rng.u32(0..1000) < permille
    }
}

/// Returns the address of a host. Each is in a network of its own.
pub(crate) fn ip_of(host: usize) -> IpAddr {
    let number = host + 1;
    Ipv4Addr::new(10, (number >> 8) as u8, number as u8, 1).into()
}

/// Returns the address and port on which a host listens.
pub(crate) fn addr_of(host: usize) -> SocketAddr {
    SocketAddr::new(ip_of(host), PORT)
}

fn transfer(len: usize, per_s: u64) -> Duration {
    Duration::from_micros(len as u64 * 1_000_000 / per_s.max(1))
}
