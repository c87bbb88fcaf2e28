//! All connections.

mod limits;
mod on_datagram;
mod unknown_packets;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use sha1::{Digest, Sha1};
use slotmap::SlotMap;
use ztor_base::{Instant, Nonces};

use crate::conn::{Conn, Context, State, Totals};
use crate::seq::SeqNr;
use crate::{Config, ConnKey, ConnectError, Event, Path, Stats, Transmit};

use unknown_packets::UnknownPackets;

/// Attempts to find a free `conn_id`. At the default limit on connections, at least nine in ten ids are free.
const ID_TRIES: usize = 64;
/// Inverse of the share of all connections that may close in the background.
const CLOSING_SHARE: usize = 4;

/// The µTP connections of one UDP socket, or of several ([`Path`]); see the [crate].
///
/// After any call, poll for [datagrams](Endpoint::poll_transmit), [events](Endpoint::poll_event) and the next
/// [timeout](Endpoint::poll_timeout).
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    nonces: Nonces,
    /// Offset of the clock that peers see, modulo 2³².
    clock_offset_us: u32,
    conns: SlotMap<ConnKey, Conn>,
    /// Connections by path and the `conn_id` of packets to us.
    routes: BTreeMap<(Path, u16), ConnKey>,
    /// Last route used, since datagrams arrive in runs.
    last_route: Option<((Path, u16), ConnKey)>,
    /// Connections that may have something to send, each once, in the order of their turns.
    line: VecDeque<ConnKey>,
    /// Next timeout of each connection that has one.
    alarms: BTreeSet<(Instant, ConnKey)>,
    /// Connections that close in the background, oldest first; finished ones may remain.
    closing: VecDeque<ConnKey>,
    unknown: UnknownPackets,
    totals: Totals,
    events: VecDeque<Event>,
}

impl Endpoint {
    /// Creates an endpoint without connections. `seed` must be random and secret: cookies, connection ids and sequence
    /// numbers derive from it.
    pub fn new(now: Instant, config: Config, seed: u64) -> Self {
        let mut nonces = Nonces::with_seed(first_u64(derive(seed, "choices")));
        Self {
            config,
            clock_offset_us: nonces.u32(),
            nonces,
            conns: SlotMap::with_key(),
            routes: BTreeMap::new(),
            last_route: None,
            line: VecDeque::new(),
            alarms: BTreeSet::new(),
            closing: VecDeque::new(),
            unknown: UnknownPackets::new(now, &config, derive(seed, "cookies")),
            totals: Totals::default(),
            events: VecDeque::new(),
        }
    }

    /// Opens a connection. Data written during the handshake is sent once it is complete.
    pub fn connect(&mut self, now: Instant, to: impl Into<Path>) -> Result<ConnKey, ConnectError> {
        let to = to.into();
        if self.conns.len() >= self.config.max_connections {
            return Err(ConnectError::Full);
        }
        let recv_id = self.free_id(to).ok_or(ConnectError::Full)?;
        let syn = SeqNr(self.nonces.u16());
        let key = self.insert(now, |key, cx| Conn::connect(key, cx, to, recv_id, syn));
        self.settle(now, key, true);
        Ok(key)
    }

    /// Handles a datagram. Returns true if it is a µTP packet, accepted or dropped, and false if it belongs to another
    /// protocol on the same socket.
    pub fn handle(&mut self, now: Instant, from: impl Into<Path>, datagram: &[u8]) -> bool {
        self.on_datagram(now, from.into(), datagram)
    }

    /// Handles what is due at `now`. Call it when [`Endpoint::poll_timeout`] is reached and after a batch of
    /// [`Endpoint::handle`].
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, key)) = self.alarms.first().copied().filter(|(at, _)| *at <= now) {
            self.alarms.remove(&(at, key));
            if let Some(conn) = self.conns.get_mut(key) {
                conn.alarm = Instant::FAR_FUTURE;
            }
            self.with(now, key, |conn, cx| conn.handle_timeout(cx));
            if self.conns.get(key).is_some_and(Conn::wants_new_id) {
                self.renumber(now, key);
            }
        }
    }

    /// Returns the latest time for the next [`Endpoint::handle_timeout`]; `None` if no timer runs.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// Appends up to `max_datagrams` datagrams for one path to `buf`. All have the same length except the last,
    /// which may be shorter, as UDP segmentation offload requires. Call it until it returns `None`, but only after all
    /// received datagrams were passed in: an acknowledgement covers all of them.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        max_datagrams: usize,
        buf: &mut Vec<u8>,
    ) -> Option<Transmit> {
        if max_datagrams == 0 {
            return None;
        }
        if let Some(transmit) = self.unknown.poll_transmit(buf) {
            return Some(transmit);
        }
        while let Some(key) = self.line.pop_front() {
            let clock_us = self.clock_us(now);
            let Some(conn) = self.conns.get_mut(key) else { continue };
            conn.is_in_line = false;
            let (config, events, totals) = (&self.config, &mut self.events, self.totals);
            let appended = conn.poll_transmit(
                &mut Context { now, clock_us, config, totals, events },
                max_datagrams,
                buf,
            );
            let to = conn.to;
            self.settle(now, key, appended.is_some());
            if let Some(appended) = appended {
                return Some(Transmit { to, len: appended.len, segment_len: appended.segment_len });
            }
        }
        None
    }

    /// Returns the oldest event not yet returned.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns the number of bytes that [`Endpoint::write`] takes.
    ///
    /// The number follows the congestion window, since queued bytes delay those written after them. If it is small, an
    /// [`Event::Writable`] follows once it has grown.
    pub fn send_room(&mut self, key: ConnKey) -> usize {
        let (config, totals) = (&self.config, self.totals);
        self.conns.get_mut(key).filter(|conn| conn.is_owned).map_or(0, |conn| conn.send_room(config, totals))
    }

    /// Queues bytes without copying them. Callers observe [`Endpoint::send_room`]. `data` beyond it is taken as long as
    /// there is any room. Without room, or on a closed connection, it is dropped.
    pub fn write(&mut self, now: Instant, key: ConnKey, data: Bytes) {
        if self.owned(key).is_some() {
            self.with(now, key, |conn, cx| conn.write(cx, data));
        }
    }

    /// Returns the number of bytes that [`Endpoint::read`] has.
    pub fn readable(&self, key: ConnKey) -> usize {
        self.owned(key).map_or(0, Conn::readable)
    }

    /// Moves up to `limit` received bytes to the end of `into`. Returns their number.
    pub fn read(&mut self, now: Instant, key: ConnKey, limit: usize, into: &mut BytesMut) -> usize {
        if self.owned(key).is_none() {
            return 0;
        }
        self.with(now, key, |conn, cx| conn.read(cx, limit, into)).unwrap_or(0)
    }

    /// Closes a connection after all written data has arrived (BEP 29, ST_FIN). The key becomes invalid at once.
    ///
    /// Data that arrives later is acknowledged and discarded. The connection is reset if the peer does not take the
    /// rest within half a minute, or if too many others close too.
    pub fn close(&mut self, now: Instant, key: ConnKey) {
        if self.owned(key).is_none() {
            return;
        }
        self.forget_events(key);
        self.with(now, key, |conn, cx| conn.close(cx.now));
        if !self.conns.contains_key(key) {
            return;
        }
        self.closing.push_back(key);
        let most = (self.config.max_connections / CLOSING_SHARE).max(1);
        if self.closing.len() > most {
            // Most have ended by now.
            self.closing.retain(|key| self.conns.contains_key(*key));
        }
        if self.closing.len() > most
            && let Some(oldest) = self.closing.pop_front()
        {
            self.abort(now, oldest);
        }
    }

    /// Resets a connection (BEP 29, ST_RESET). The key becomes invalid at once.
    pub fn reset(&mut self, now: Instant, key: ConnKey) {
        if self.owned(key).is_some() {
            self.forget_events(key);
            self.abort(now, key);
        }
    }

    /// Notes that the system refused a datagram of `len` bytes to `to` as too long (EMSGSIZE).
    pub fn too_big(&mut self, now: Instant, to: impl Into<Path>, len: usize) {
        let to = to.into();
        let keys: Vec<_> = self.routes.range((to, 0)..=(to, u16::MAX)).map(|(_, key)| *key).collect();
        for key in keys {
            self.with(now, key, |conn, cx| conn.too_big(cx.now, len));
        }
    }

    /// Returns the statistics of a connection; `None` if it is gone.
    pub fn stats(&self, key: ConnKey) -> Option<Stats> {
        self.owned(key).map(Conn::stats)
    }

    /// Returns the addresses of the peers of all connections, those that close in the background included.
    pub fn peer_addrs(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.routes.keys().map(|(path, _)| path.peer)
    }

    /// Returns the connections on these paths, those that close in the background included.
    pub fn keys_on(&self, is_on: impl Fn(Path) -> bool) -> Vec<ConnKey> {
        self.routes.iter().filter(|((path, _), _)| is_on(*path)).map(|(_, key)| *key).collect()
    }

    /// Returns the number of connections, including those that close in the background.
    pub fn len(&self) -> usize {
        self.conns.len()
    }

    /// Returns true if there are no connections.
    pub fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }
}

/// Helpers of the methods above and of the other modules.
impl Endpoint {
    fn owned(&self, key: ConnKey) -> Option<&Conn> {
        self.conns.get(key).filter(|conn| conn.is_owned)
    }

    fn clock_us(&self, now: Instant) -> u32 {
        // Only the low 32 bits are wanted.
        (now.as_micros() as u32).wrapping_add(self.clock_offset_us)
    }

    /// Adds a connection. The caller has to settle it.
    fn insert(&mut self, now: Instant, make: impl FnOnce(ConnKey, &Context<'_>) -> Conn) -> ConnKey {
        let clock_us = self.clock_us(now);
        let (config, events, totals) = (&self.config, &mut self.events, self.totals);
        let cx = Context { now, clock_us, config, totals, events };
        let key = self.conns.insert_with_key(|key| make(key, &cx));
        if let Some(conn) = self.conns.get(key) {
            self.routes.insert((conn.to, conn.recv_id), key);
        }
        key
    }

    /// Calls `happen` on a connection, then settles it.
    fn with<R>(
        &mut self,
        now: Instant,
        key: ConnKey,
        happen: impl FnOnce(&mut Conn, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let clock_us = self.clock_us(now);
        let conn = self.conns.get_mut(key)?;
        let (config, events, totals) = (&self.config, &mut self.events, self.totals);
        let result = happen(conn, &mut Context { now, clock_us, config, totals, events });
        self.settle(now, key, true);
        Some(result)
    }

    /// Updates what the endpoint keeps about a connection. `may_send` puts it in line.
    fn settle(&mut self, now: Instant, key: ConnKey, may_send: bool) {
        let Some(conn) = self.conns.get_mut(key) else { return };
        let holds = conn.holds();
        self.totals.replace(conn.counted, holds);
        conn.counted = holds;
        if conn.has_room_again(&self.config, self.totals) {
            self.events.push_back(Event::Writable(key));
        }
        if conn.is_over {
            return if conn.is_broken_off { self.abort(now, key) } else { self.remove(now, key) };
        }
        if conn.state == State::Dead {
            let (route, has_begun) = ((conn.to, conn.recv_id), conn.is_confirmed);
            // A late packet must not reopen it while the owner still has the key.
            if self.unroute(route, key) && has_begun {
                self.unknown.remember(now, route);
            }
            return;
        }
        if may_send && !conn.is_in_line {
            conn.is_in_line = true;
            self.line.push_back(key);
        }
        // A deadline that moved back is noticed when the old one is reached.
        let deadline = conn.poll_timeout();
        if deadline < conn.alarm {
            self.alarms.remove(&(conn.alarm, key));
            conn.alarm = deadline;
            self.alarms.insert((deadline, key));
        }
    }

    /// Continues the handshake with another `conn_id`. Answers to the old one belong to no connection.
    fn renumber(&mut self, now: Instant, key: ConnKey) {
        let Some((to, old)) = self.conns.get(key).map(|conn| (conn.to, conn.recv_id)) else { return };
        // The old id is still routed, so the new one is not near it either.
        let Some(new) = self.free_id(to) else { return };
        self.unroute((to, old), key);
        self.routes.insert((to, new), key);
        self.with(now, key, |conn, _| (conn.recv_id, conn.send_id) = (new, new.wrapping_add(1)));
    }

    /// Resets a connection, if it is established, and removes it.
    fn abort(&mut self, now: Instant, key: ConnKey) {
        let Some(conn) = self.conns.get(key) else { return };
        if let Some(header) = conn.reset_header(self.clock_us(now)) {
            self.unknown.tell(conn.to, &header);
        }
        self.remove(now, key);
    }

    fn remove(&mut self, now: Instant, key: ConnKey) {
        let Some(conn) = self.conns.remove(key) else { return };
        self.totals.replace(conn.counted, Totals::default());
        self.alarms.remove(&(conn.alarm, key));
        let route = (conn.to, conn.recv_id);
        self.unroute(route, key);
        // Of many late packets of an outgoing connection, one could pass for the first of an incoming one too.
        if conn.is_confirmed {
            self.unknown.remember(now, route);
        }
    }

    /// Removes a route. Returns true if it led to this connection.
    fn unroute(&mut self, route: (Path, u16), key: ConnKey) -> bool {
        let was_routed = self.routes.get(&route) == Some(&key);
        if was_routed {
            self.routes.remove(&route);
        }
        self.last_route = None;
        was_routed
    }

    /// Drops the events of a connection that its owner has released.
    fn forget_events(&mut self, key: ConnKey) {
        self.events.retain(|event| event.key() != key);
    }

    /// Returns a `conn_id` for packets to us that is not adjacent to that of another connection with the same peer.
    fn free_id(&mut self, to: Path) -> Option<u16> {
        let ends = [0, u8::MAX].map(|socket| Path { socket, ..to });
        let taken = self.routes.range((ends[0], 0)..=(ends[1], u16::MAX)).map(|((_, id), _)| *id);
        let taken: BTreeSet<u16> = taken.collect();
        (0..ID_TRIES).map(|_| self.nonces.u16()).find(|id| {
            let near = [id.wrapping_sub(1), *id, id.wrapping_add(1)];
            near.iter().all(|id| !taken.contains(id))
        })
    }
}

/// Derives an independent secret for each `label` from one seed, so that public outputs of one reveal nothing about
/// another.
fn derive(seed: u64, label: &str) -> [u8; 20] {
    let mut hasher = Sha1::new();
    hasher.update(seed.to_be_bytes());
    hasher.update(label.as_bytes());
    hasher.finalize().into()
}

fn first_u64(bytes: [u8; 20]) -> u64 {
    bytes.iter().take(8).fold(0, |n, byte| n << 8 | u64::from(*byte))
}
