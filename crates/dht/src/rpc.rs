//! Queries in flight, and matching of responses to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use ztor_base::{Duration, Instant, Nonces};

use crate::addr::Remote;
use crate::krpc::{Body, Message, Query};
use crate::{LookupId, NodeId, QueryId};

/// Time for which a lookup waits before it queries another node as well.
pub(crate) const SLOW_AFTER: Duration = Duration::from_secs(1);
/// Time for which a response is awaited.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(15);
/// The same for announces and puts, which a lookup waits for at its end.
const STORE_DEAD_AFTER: Duration = Duration::from_secs(5);
/// Maximum number of queries in flight.
const MAX_IN_FLIGHT: usize = 512;
/// Maximum number of them that are checks. A check is never queued: unknown hosts cause most of them, and must not keep
/// lookups waiting.
const MAX_CHECKS: usize = 64;
/// Number of queries to one address at once, before they are sent one per [`GAP`]. Nodes do not answer more than 50 in
/// 10 s, and in a small network all lookups query the same few nodes.
const BURST: u32 = 20;
/// Time between two queries to one address after a [`BURST`].
const GAP: Duration = Duration::from_millis(400);
/// Number of addresses with a pace above which those without recent queries are dropped.
const MAX_PACES: usize = 4096;
/// Maximum number of queries that wait to be sent.
const MAX_QUEUED: usize = 2048;

/// Purpose of a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// A check that a node is alive.
    Check,
    /// A ping for the owner.
    Ping(QueryId),
    /// A sample for the owner.
    Sample(QueryId),
    /// A step of a lookup.
    Lookup(LookupId),
    /// An announce or put at the end of a lookup.
    Store(LookupId),
}

/// A query that was sent.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) to: SocketAddr,
    /// Id of the node that should respond; `None` if it is not known.
    pub(crate) id: Option<NodeId>,
    pub(crate) purpose: Purpose,
    pub(crate) sent: Instant,
    is_slow: bool,
}

/// A query without a response in time.
#[derive(Debug)]
pub(crate) enum Late {
    /// A response may still arrive.
    Slow {
        to: SocketAddr,
        lookup: LookupId,
    },
    Dead(Pending),
}

#[derive(Debug)]
struct Queued {
    to: SocketAddr,
    id: Option<NodeId>,
    purpose: Purpose,
    query: Query,
}

#[derive(Debug)]
pub(crate) struct Rpc {
    nonces: Nonces,
    read_only: bool,
    version: Option<[u8; 4]>,
    /// By transaction id; at most [`MAX_IN_FLIGHT`].
    in_flight: BTreeMap<u32, Pending>,
    deadlines: BTreeSet<(Instant, u32)>,
    /// At most [`MAX_QUEUED`].
    queue: VecDeque<Queued>,
    /// Number of queries in flight and queued, by address.
    open: BTreeMap<SocketAddr, u32>,
    /// Hosts with a check in flight: one each, at most [`MAX_CHECKS`].
    checked: BTreeSet<Remote>,
    /// Time at which each address would have its queries worked off at one per [`GAP`].
    paces: BTreeMap<SocketAddr, Instant>,
    transmits: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Addresses that were sent queries, until [`take_asked`](Self::take_asked); at most [`MAX_PACES`].
    asked: Vec<SocketAddr>,
    pub(crate) queries_sent: u64,
}

impl Rpc {
    /// Sets the version that is sent with queries.
    pub(crate) fn set_version(&mut self, version: Option<[u8; 4]>) {
        self.version = version;
    }

    pub(crate) fn new(seed: u64, read_only: bool, version: Option<[u8; 4]>) -> Self {
        Self {
            nonces: Nonces::with_seed(seed),
            read_only,
            version,
            in_flight: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            queue: VecDeque::new(),
            open: BTreeMap::new(),
            checked: BTreeSet::new(),
            paces: BTreeMap::new(),
            transmits: VecDeque::new(),
            asked: Vec::new(),
            queries_sent: 0,
        }
    }

    /// Says in queries whether the node is read-only.
    pub(crate) fn set_read_only(&mut self, is_read_only: bool) {
        self.read_only = is_read_only;
    }

    /// Returns the addresses that were sent queries since the last call.
    pub(crate) fn take_asked(&mut self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.asked)
    }

    /// Sends a query, or queues it unless it is a check. Returns false if there is no room for it: it gets no response
    /// and no timeout.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        to: SocketAddr,
        id: Option<NodeId>,
        purpose: Purpose,
        query: Query,
    ) -> bool {
        let is_check = purpose == Purpose::Check;
        if is_check && !self.may_check(to, MAX_CHECKS) {
            return false;
        }
        let question = Queued { to, id, purpose, query };
        if self.in_flight.len() < MAX_IN_FLIGHT && self.free_at(to) <= now {
            self.send(now, question);
        } else if !is_check && self.queue.len() < MAX_QUEUED {
            self.queue.push_back(question);
        } else {
            return false;
        }
        *self.open.entry(to).or_default() += 1;
        true
    }

    /// Sends a message that is not a query.
    pub(crate) fn answer(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        self.transmits.push_back((to, datagram));
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.transmits.pop_front()
    }

    /// Removes and returns the query that a response from `from` belongs to, if there is one.
    pub(crate) fn take(&mut self, now: Instant, from: SocketAddr, transaction: &[u8]) -> Option<Pending> {
        let transaction = u32::from_be_bytes(transaction.try_into().ok()?);
        self.in_flight.get(&transaction).filter(|pending| pending.to == from)?;
        let pending = self.end(transaction)?;
        self.deadlines.remove(&(pending.deadline(), transaction));
        self.send_queued(now);
        Some(pending)
    }

    /// Returns the next query that has waited too long.
    pub(crate) fn next_late(&mut self, now: Instant) -> Option<Late> {
        let &(deadline, transaction) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
        self.deadlines.remove(&(deadline, transaction));
        let pending = self.in_flight.get_mut(&transaction)?;
        if let Purpose::Lookup(lookup) = pending.purpose
            && !pending.is_slow
        {
            pending.is_slow = true;
            let to = pending.to;
            let deadline = pending.deadline();
            self.deadlines.insert((deadline, transaction));
            return Some(Late::Slow { to, lookup });
        }
        let pending = self.end(transaction)?;
        self.send_queued(now);
        Some(Late::Dead(pending))
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            return deadline;
        }
        let free = self.queue.iter().map(|question| self.free_at(question.to)).min();
        deadline.into_iter().chain(free).min()
    }

    /// Returns true if a query to this address is queued or in flight.
    pub(crate) fn is_asking(&self, addr: SocketAddr) -> bool {
        self.open.contains_key(&addr)
    }

    /// Returns true if fewer than `max` checks are in flight, and none to the host of `to`.
    pub(crate) fn may_check(&self, to: SocketAddr, max: usize) -> bool {
        self.checked.len() < max && !self.checked.contains(&Remote::of(to))
    }

    /// Drops the queued queries of a lookup.
    pub(crate) fn forget(&mut self, lookup: LookupId) {
        let open = &mut self.open;
        self.queue.retain(|question| {
            let is_kept =
                question.purpose != Purpose::Lookup(lookup) && question.purpose != Purpose::Store(lookup);
            if !is_kept {
                release(open, question.to);
            }
            is_kept
        });
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Sends queued queries that may be sent now.
    pub(crate) fn send_queued(&mut self, now: Instant) {
        while self.in_flight.len() < MAX_IN_FLIGHT {
            let free = self.queue.iter().position(|question| self.free_at(question.to) <= now);
            let Some(question) = free.and_then(|index| self.queue.remove(index)) else { return };
            self.send(now, question);
        }
    }

    /// Removes a query that is answered, or will not be.
    fn end(&mut self, transaction: u32) -> Option<Pending> {
        let pending = self.in_flight.remove(&transaction)?;
        release(&mut self.open, pending.to);
        if pending.purpose == Purpose::Check {
            self.checked.remove(&Remote::of(pending.to));
        }
        Some(pending)
    }

    /// Returns the time from which an address may be queried again.
    fn free_at(&self, to: SocketAddr) -> Instant {
        self.paces.get(&to).map_or(Instant::ZERO, |through| *through - GAP * (BURST - 1))
    }

    fn send(&mut self, now: Instant, question: Queued) {
        let Queued { to, id, purpose, query } = question;
        let transaction = loop {
            let transaction = self.nonces.u32();
            if !self.in_flight.contains_key(&transaction) {
                break transaction;
            }
        };
        let message = Message {
            transaction: transaction.to_be_bytes().to_vec(),
            body: Body::Query(query),
            external: None,
            read_only: self.read_only,
            version: self.version.map(|version| version.to_vec()),
        };
        if self.paces.len() >= MAX_PACES {
            self.paces.retain(|_, through| now < *through);
        }
        if self.asked.len() < MAX_PACES {
            self.asked.push(to);
        }
        let through = self.paces.entry(to).or_insert(now);
        *through = now.max(*through) + GAP;
        let pending = Pending { to, id, purpose, sent: now, is_slow: false };
        self.deadlines.insert((pending.deadline(), transaction));
        self.in_flight.insert(transaction, pending);
        if purpose == Purpose::Check {
            self.checked.insert(Remote::of(to));
        }
        self.queries_sent += 1;
        self.transmits.push_back((to, message.encode()));
    }
}

/// Counts one query less to an address.
fn release(open: &mut BTreeMap<SocketAddr, u32>, addr: SocketAddr) {
    if let Some(count) = open.get_mut(&addr) {
        *count -= 1;
        if *count == 0 {
            open.remove(&addr);
        }
    }
}

impl Pending {
    fn deadline(&self) -> Instant {
        self.sent
            + match self.purpose {
                Purpose::Lookup(_) if !self.is_slow => SLOW_AFTER,
                Purpose::Store(_) => STORE_DEAD_AFTER,
                _ => DEAD_AFTER,
            }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::krpc::{Method, decode};

    const FROM: &str = "8.8.8.8:6881";

    fn ping() -> Query {
        Query { id: NodeId::new([1; 20]), want: None, method: Method::Ping }
    }

    fn transaction(rpc: &mut Rpc) -> Vec<u8> {
        decode(&rpc.poll_transmit().unwrap().1).unwrap().transaction
    }

    #[test]
    fn take_of_another_address_or_transaction_returns_none() {
        let mut rpc = Rpc::new(1, true, Some(*b"ZR01"));
        let to: SocketAddr = FROM.parse().unwrap();
        assert!(rpc.ask(Instant::ZERO, to, None, Purpose::Check, ping()));
        let datagram = rpc.poll_transmit().unwrap().1;
        let message = decode(&datagram).unwrap();
        assert!(message.read_only);
        let transaction = message.transaction;
        assert!(rpc.take(Instant::ZERO, "8.8.8.8:6882".parse().unwrap(), &transaction).is_none());
        assert!(rpc.take(Instant::ZERO, to, b"aa").is_none());
        assert!(rpc.take(Instant::ZERO, to, &transaction).is_some());
        assert!(rpc.take(Instant::ZERO, to, &transaction).is_none());
        assert_eq!(rpc.poll_timeout(), None);
    }

    #[test]
    fn next_late_of_a_lookup_is_slow_and_later_dead() {
        let mut rpc = Rpc::new(1, false, Some(*b"ZR01"));
        let to: SocketAddr = FROM.parse().unwrap();
        assert!(rpc.ask(Instant::ZERO, to, None, Purpose::Lookup(LookupId(7)), ping()));
        let slow = Instant::ZERO + SLOW_AFTER;
        assert_eq!(rpc.poll_timeout(), Some(slow));
        assert!(matches!(rpc.next_late(slow), Some(Late::Slow { lookup: LookupId(7), .. })));
        assert!(rpc.next_late(slow).is_none());
        let dead = Instant::ZERO + DEAD_AFTER;
        assert_eq!(rpc.poll_timeout(), Some(dead));
        assert!(matches!(rpc.next_late(dead), Some(Late::Dead(_))));
        assert_eq!((rpc.poll_timeout(), rpc.in_flight()), (None, 0));
    }

    #[test]
    fn ask_beyond_the_bounds_is_refused() {
        let mut rpc = Rpc::new(1, false, Some(*b"ZR01"));
        let to: SocketAddr = FROM.parse().unwrap();
        let each = |n: u16| SocketAddr::new(to.ip(), n + 1);
        let mut ask = |n| rpc.ask(Instant::ZERO, each(n), None, Purpose::Ping(QueryId(1)), ping());
        let asked = (0..5000).filter(|n| ask(*n)).count();
        assert_eq!((asked, rpc.in_flight()), (MAX_IN_FLIGHT + MAX_QUEUED, MAX_IN_FLIGHT));
        let first = transaction(&mut rpc);
        assert!(rpc.take(Instant::ZERO, each(0), &first).is_some());
        assert_eq!((rpc.queue.len(), rpc.in_flight()), (MAX_QUEUED - 1, MAX_IN_FLIGHT));
        let dead = Instant::ZERO + DEAD_AFTER;
        let late = std::iter::from_fn(|| rpc.next_late(dead)).count();
        assert_eq!((late, rpc.queue.len()), (MAX_IN_FLIGHT, MAX_QUEUED - 1 - MAX_IN_FLIGHT));
    }

    #[test]
    fn ask_of_checks_beyond_their_share_is_refused() {
        let mut rpc = Rpc::new(1, false, Some(*b"ZR01"));
        let each = |n: u16| SocketAddr::from(([8, 8, (n >> 8) as u8, n as u8], 6881));
        let mut ask = |to| rpc.ask(Instant::ZERO, to, None, Purpose::Check, ping());
        assert_eq!((0..1000).filter(|n| ask(each(*n))).count(), MAX_CHECKS);
        assert_eq!((rpc.in_flight(), rpc.queue.len()), (MAX_CHECKS, 0));
        let first = transaction(&mut rpc);
        assert!(rpc.take(Instant::ZERO, each(0), &first).is_some());
        let mut ask = |to| rpc.ask(Instant::ZERO, to, None, Purpose::Check, ping());
        let mut other_port = each(1);
        other_port.set_port(1);
        assert!(!ask(other_port));
        assert!(ask(each(2000)));
    }

    #[test]
    fn is_asking_until_all_queries_end_returns_true() {
        let mut rpc = Rpc::new(1, false, Some(*b"ZR01"));
        let to: SocketAddr = FROM.parse().unwrap();
        let mut ask = |lookup| rpc.ask(Instant::ZERO, to, None, Purpose::Lookup(LookupId(lookup)), ping());
        assert!((0..30).all(&mut ask));
        let queued = rpc.queue.len();
        assert!(queued > 0 && rpc.is_asking(to));
        (0..30).for_each(|lookup| rpc.forget(LookupId(lookup)));
        assert!(rpc.queue.is_empty() && rpc.is_asking(to));
        while rpc.in_flight() > 0 {
            assert!(rpc.is_asking(to));
            let transaction = transaction(&mut rpc);
            assert!(rpc.take(Instant::ZERO, to, &transaction).is_some());
        }
        assert!(!rpc.is_asking(to) && rpc.open.is_empty());
    }

    #[test]
    fn ask_of_one_address_many_times_keeps_its_pace() {
        let mut rpc = Rpc::new(1, false, Some(*b"ZR01"));
        let to: SocketAddr = FROM.parse().unwrap();
        let mut now = Instant::from_micros(5_000_000);
        let mut sent = Vec::new();
        assert!((0..200).all(|_| rpc.ask(now, to, None, Purpose::Ping(QueryId(1)), ping())));
        loop {
            while let Some((_, data)) = rpc.poll_transmit() {
                sent.push(now);
                let transaction = decode(&data).unwrap().transaction;
                assert!(rpc.take(now, to, &transaction).is_some());
            }
            let Some(wake) = rpc.poll_timeout() else { break };
            assert!(wake > now);
            now = wake;
            rpc.send_queued(now);
        }
        assert_eq!((sent.len(), sent[19], rpc.queue.len()), (200, sent[0], 0));
        let window = Duration::from_secs(10);
        assert!(
            sent.iter().all(|at| sent
                .iter()
                .filter(|other| other.since(*at) < window && *other >= at)
                .count()
                <= 50)
        );
    }
}
