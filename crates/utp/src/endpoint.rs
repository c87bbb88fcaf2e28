//! All connections of one socket.

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
use crate::{Config, ConnKey, ConnectError, Event, Stats, Transmit};

use unknown_packets::UnknownPackets;

/// Tries to find a `conn_id` that is free. With the bound on connections one in fifty is taken at the worst.
const ID_TRIES: usize = 64;
/// Of all connections one in so many may be one that finishes in the background.
const CLOSING_SHARE: usize = 4;

/// The µTP connections of one UDP socket; see the [crate].
///
/// After any call there may be something to [send](Endpoint::poll_transmit), to [hear](Endpoint::poll_event) and
/// another time to [wake](Endpoint::poll_timeout) at.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    nonces: Nonces,
    /// What is added to our clock before others see it (modulo 2³²).
    clock_offset_us: u32,
    conns: SlotMap<ConnKey, Conn>,
    /// By address and the `conn_id` of packets to us.
    routes: BTreeMap<(SocketAddr, u16), ConnKey>,
    /// The last route that was taken: datagrams come in runs.
    last_route: Option<((SocketAddr, u16), ConnKey)>,
    /// Who may have something to send, each once, in the order of their turns.
    line: VecDeque<ConnKey>,
    /// One entry for each connection that waits for a time.
    alarms: BTreeSet<(Instant, ConnKey)>,
    /// Connections that finish in the background, oldest first, and ones that have.
    closing: VecDeque<ConnKey>,
    unknown: UnknownPackets,
    totals: Totals,
    events: VecDeque<Event>,
}

impl Endpoint {
    /// An endpoint without connections. `seed` must be random and secret: what keeps strangers out comes from it.
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

    /// Begins a connection. What is written before it stands is sent as soon as it does.
    pub fn connect(&mut self, now: Instant, to: SocketAddr) -> Result<ConnKey, ConnectError> {
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
    pub fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> bool {
        self.on_datagram(now, from, datagram)
    }

    /// Does what is due at `now`. Call it when [`Endpoint::poll_timeout`] is reached and after a batch of
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

    /// The latest time for the next [`Endpoint::handle_timeout`]; `None` if no timer runs.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// Appends up to `max_datagrams` datagrams for one destination to `buf`: all of the same length but the last,
    /// which may be shorter, as UDP's segmentation offload wants them. To be called until there is nothing more, but
    /// only when all that the socket had was handed in: an acknowledgement is for all that came until then.
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

    /// The oldest event not yet returned.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Bytes that [`Endpoint::write`] takes now.
    ///
    /// It follows the congestion window: what waits here waits in front of whatever is written next. If there is
    /// little there will be an [`Event::Writable`] when it has grown.
    pub fn send_room(&mut self, key: ConnKey) -> usize {
        let (config, totals) = (&self.config, self.totals);
        self.conns.get_mut(key).filter(|conn| conn.is_owned).map_or(0, |conn| conn.send_room(config, totals))
    }

    /// Queues bytes, without copying them. Callers keep to [`Endpoint::send_room`]; one `data` that goes beyond is
    /// taken as long as there is any room at all, else it is dropped, as is what is written to a connection that
    /// is over.
    pub fn write(&mut self, now: Instant, key: ConnKey, data: Bytes) {
        if self.owned(key).is_some() {
            self.with(now, key, |conn, cx| conn.write(cx, data));
        }
    }

    /// Bytes that [`Endpoint::read`] has now.
    pub fn readable(&self, key: ConnKey) -> usize {
        self.owned(key).map_or(0, Conn::readable)
    }

    /// Moves up to `limit` received bytes to the end of `into` and says how many.
    pub fn read(&mut self, now: Instant, key: ConnKey, limit: usize, into: &mut BytesMut) -> usize {
        if self.owned(key).is_none() {
            return 0;
        }
        self.with(now, key, |conn, cx| conn.read(cx, limit, into)).unwrap_or(0)
    }

    /// Ends a connection after all that was written has arrived (BEP 29, ST_FIN). The key is gone at once.
    ///
    /// What arrives from now on is acknowledged and forgotten. If the other end does not take what is left within
    /// half a minute, or too many others are finishing too, the connection is broken off.
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
        if self.closing.len() > (self.config.max_connections / CLOSING_SHARE).max(1)
            && let Some(oldest) = self.closing.pop_front()
        {
            self.abort(now, oldest);
        }
    }

    /// Breaks a connection off (BEP 29, ST_RESET). The key is gone at once.
    pub fn reset(&mut self, now: Instant, key: ConnKey) {
        if self.owned(key).is_some() {
            self.forget_events(key);
            self.abort(now, key);
        }
    }

    /// The system said that a datagram of `len` bytes is too long for the way to `to` (EMSGSIZE).
    pub fn too_big(&mut self, now: Instant, to: SocketAddr, len: usize) {
        let keys: Vec<_> = self.routes.range((to, 0)..=(to, u16::MAX)).map(|(_, key)| *key).collect();
        for key in keys {
            self.with(now, key, |conn, cx| conn.too_big(cx.now, len));
        }
    }

    /// How a connection is doing; `None` if it is gone.
    pub fn stats(&self, key: ConnKey) -> Option<Stats> {
        self.owned(key).map(Conn::stats)
    }

    /// Connections that there are, those included that finish in the background.
    pub fn len(&self) -> usize {
        self.conns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }
}

/// What the rest of the endpoint is made of.
impl Endpoint {
    fn owned(&self, key: ConnKey) -> Option<&Conn> {
        self.conns.get(key).filter(|conn| conn.is_owned)
    }

    fn clock_us(&self, now: Instant) -> u32 {
        // The low 32 bits are meant.
        (now.as_micros() as u32).wrapping_add(self.clock_offset_us)
    }

    /// Adds a connection. It still has to be settled.
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

    /// Lets something happen to a connection and draws the consequences.
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

    /// Brings what the endpoint notes of a connection up to date. `may_send` puts it in line.
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
            // A late packet must not begin it again while the owner still has the key.
            if self.unroute(route, key) && has_begun {
                self.unknown.remember(now, route);
            }
            return;
        }
        if may_send && !conn.is_in_line {
            conn.is_in_line = true;
            self.line.push_back(key);
        }
        // One that has moved back is found out when it rings.
        let deadline = conn.poll_timeout();
        if deadline < conn.alarm {
            self.alarms.remove(&(conn.alarm, key));
            conn.alarm = deadline;
            self.alarms.insert((deadline, key));
        }
    }

    /// Calls by another `conn_id`. What is answered to the old one is of no connection.
    fn renumber(&mut self, now: Instant, key: ConnKey) {
        let Some((to, old)) = self.conns.get(key).map(|conn| (conn.to, conn.recv_id)) else { return };
        // Not near the old one either, for that is still routed.
        let Some(new) = self.free_id(to) else { return };
        self.unroute((to, old), key);
        self.routes.insert((to, new), key);
        self.with(now, key, |conn, _| (conn.recv_id, conn.send_id) = (new, new.wrapping_add(1)));
    }

    /// Tells the other end that it is over, and forgets it.
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
        // Of the many that may be on their way to one that we asked for, one could be taken for a first one too.
        if conn.is_confirmed {
            self.unknown.remember(now, route);
        }
    }

    /// Whether packets still went to it.
    fn unroute(&mut self, route: (SocketAddr, u16), key: ConnKey) -> bool {
        let was_routed = self.routes.get(&route) == Some(&key);
        if was_routed {
            self.routes.remove(&route);
        }
        self.last_route = None;
        was_routed
    }

    /// The owner has gone, so there is nobody to tell.
    fn forget_events(&mut self, key: ConnKey) {
        self.events.retain(|event| event.key() != key);
    }

    /// A `conn_id` for packets to us that no other connection with the same address is near to.
    fn free_id(&mut self, to: SocketAddr) -> Option<u16> {
        (0..ID_TRIES).map(|_| self.nonces.u16()).find(|id| {
            let near = [id.wrapping_sub(1), *id, id.wrapping_add(1)];
            near.iter().all(|id| !self.routes.contains_key(&(to, *id)))
        })
    }
}

/// An independent secret for each `label` out of one seed, so that outputs of the one, which others see, say nothing
/// about the other.
fn derive(seed: u64, label: &str) -> [u8; 20] {
    let mut hasher = Sha1::new();
    hasher.update(seed.to_be_bytes());
    hasher.update(label.as_bytes());
    hasher.finalize().into()
}

fn first_u64(bytes: [u8; 20]) -> u64 {
    bytes.iter().take(8).fold(0, |n, byte| n << 8 | u64::from(*byte))
}
