//! A client's transactions with any number of UDP trackers.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use fastrand::Rng;
use ztor_base::addr::canonical;
use ztor_base::{Duration, Instant, SwarmId};

use super::codec::{DecodeError, Request, Response};
use crate::{AnnounceReply, AnnounceRequest, Reply, Retry, TrackerError};

/// How long a connection id may be used after it came (BEP 15).
const CONNECTION_LIFE: Duration = Duration::from_secs(60);

/// The wait for the first answer; it doubles with every try (BEP 15).
const FIRST_WAIT: Duration = Duration::from_secs(15);

/// How often a datagram is sent before its tracker is given up: for 105 seconds. BEP 15 would go on for two
/// hours, but by then the next tracker should have been asked.
const MAX_TRIES: u32 = 3;

/// The UDP tracker client of BEP 15 as a state machine without I/O.
///
/// Transactions are named by the caller's tokens. All transactions with one tracker share its connection id.
/// Nothing is kept for longer than a transaction runs, but for a connection id, which is dropped after its
/// minute; so the caller's own bound on transactions bounds this.
#[derive(Debug)]
pub struct Client {
    rng: Rng,
    trackers: BTreeMap<SocketAddr, Tracker>,
    tasks: BTreeMap<u64, Task>,
    /// Who waits for the answer to which transaction id.
    waiting: BTreeMap<u32, Waiter>,
    transmits: VecDeque<(SocketAddr, Vec<u8>)>,
    events: VecDeque<(u64, Result<Reply, TrackerError>)>,
    /// Not later than the first deadline of all.
    wake: Option<Instant>,
}

#[derive(Debug, Default)]
struct Tracker {
    connection: Option<Connection>,
    connecting: Option<Try>,
}

#[derive(Debug, Clone, Copy)]
struct Connection {
    id: u64,
    expires: Instant,
}

/// A datagram on its way.
#[derive(Debug, Clone, Copy)]
struct Try {
    transaction: u32,
    /// How often it has been sent.
    count: u32,
    deadline: Instant,
}

#[derive(Debug)]
struct Task {
    to: SocketAddr,
    what: What,
    /// `None` while its tracker's connection id is awaited.
    sent: Option<Try>,
    tries: u32,
    /// Whether it has already asked for a connection id of its own after the tracker refused the cached one.
    reconnected: bool,
}

#[derive(Debug)]
enum What {
    Announce { request: Box<AnnounceRequest>, url_data: Vec<u8> },
    Scrape { info_hashes: Vec<SwarmId> },
}

#[derive(Debug, Clone, Copy)]
enum Waiter {
    Tracker(SocketAddr),
    Task(u64),
}

impl Client {
    /// `seed` should be random, since transaction ids come from it.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            trackers: BTreeMap::new(),
            tasks: BTreeMap::new(),
            waiting: BTreeMap::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            wake: None,
        }
    }

    /// Begins an announce to the tracker at `to`. `url_data` is the path and query of its URL, sent to it as
    /// BEP 41 says. A transaction that still runs under `token` is cancelled.
    pub fn announce(
        &mut self,
        now: Instant,
        token: u64,
        to: SocketAddr,
        url_data: &str,
        request: AnnounceRequest,
    ) {
        let url_data = if url_data == "/" { Vec::new() } else { url_data.as_bytes().to_vec() };
        self.begin(now, token, to, What::Announce { request: Box::new(request), url_data });
    }

    /// Begins a scrape; of more than [`super::MAX_SCRAPE`] info-hashes the rest is left out. A transaction that
    /// still runs under `token` is cancelled.
    pub fn scrape(&mut self, now: Instant, token: u64, to: SocketAddr, mut info_hashes: Vec<SwarmId>) {
        info_hashes.truncate(super::MAX_SCRAPE);
        self.begin(now, token, to, What::Scrape { info_hashes });
    }

    /// Forgets a transaction; it will give no event.
    pub fn cancel(&mut self, token: u64) {
        if let Some(task) = self.tasks.remove(&token) {
            self.unwait(task.sent);
        }
        self.events.retain(|(of, _)| *of != token);
    }

    /// Handles a datagram. Returns false unless it answers a request that was sent to `from`.
    pub fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> bool {
        let from = canonical(from);
        let Some(transaction) = datagram.get(4..8).and_then(|id| id.try_into().ok()) else { return false };
        let waiter = match self.waiting.get(&u32::from_be_bytes(transaction)) {
            Some(&waiter @ Waiter::Tracker(addr)) if addr == from => waiter,
            Some(&waiter @ Waiter::Task(token)) if self.tasks.get(&token).is_some_and(|t| t.to == from) => {
                waiter
            }
            _ => return false,
        };
        match (waiter, Response::decode(datagram, from.is_ipv6())) {
            (Waiter::Tracker(addr), Ok(response)) => self.on_connect(now, addr, response),
            (Waiter::Task(token), Ok(response)) => self.on_answer(now, token, response),
            (Waiter::Task(token), Err(error @ DecodeError::TooShort { .. })) => {
                // opentracker answers in this way for torrents that it doesn't track.
                let text = format!("the answer is too short, as of trackers that refuse a torrent: {error}");
                self.finish(token, Err(TrackerError::Malformed(text)));
                true
            }
            (_, Err(_)) => false,
        }
    }

    /// The latest time for the next [`Client::handle_timeout`]; `None` if nothing waits. After cancellations it may be
    /// earlier than needed.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wake
    }

    /// Does what is due at `now`: repeats or gives up requests whose wait is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.wake.is_none_or(|wake| now < wake) {
            return;
        }
        let late = |t: Option<Try>| t.is_some_and(|t| t.deadline <= now);
        let connects: Vec<_> =
            self.trackers.iter().filter(|(_, t)| late(t.connecting)).map(|(addr, _)| *addr).collect();
        for addr in connects {
            self.connect_again(now, addr);
        }
        let tasks: Vec<_> =
            self.tasks.iter().filter(|(_, t)| late(t.sent)).map(|(token, _)| *token).collect();
        for token in tasks {
            match self.tasks.get(&token) {
                Some(task) if task.tries >= MAX_TRIES => self.finish(token, Err(TrackerError::Timeout)),
                _ => self.send(now, token),
            }
        }
        self.trackers.retain(|_, tracker| {
            tracker.connection = tracker.connection.filter(|connection| now < connection.expires);
            tracker.connection.is_some() || tracker.connecting.is_some()
        });
        let trackers = self.trackers.values().flat_map(|tracker| {
            let expiry = tracker.connection.map(|connection| connection.expires);
            [expiry, tracker.connecting.map(|t| t.deadline)]
        });
        let tasks = self.tasks.values().map(|task| task.sent.map(|t| t.deadline));
        self.wake = trackers.chain(tasks).flatten().min();
    }

    /// The next datagram to send, with its destination.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.transmits.pop_front()
    }

    /// The next transaction that has ended, with its result. Each ends once.
    pub fn poll_event(&mut self) -> Option<(u64, Result<Reply, TrackerError>)> {
        self.events.pop_front()
    }

    fn begin(&mut self, now: Instant, token: u64, to: SocketAddr, what: What) {
        self.cancel(token);
        let to = canonical(to);
        self.tasks.insert(token, Task { to, what, sent: None, tries: 0, reconnected: false });
        if to.port() == 0 {
            return self.finish(token, Err(TrackerError::BadUrl { why: "the port is 0" }));
        }
        self.send(now, token);
    }

    /// Sends a task's datagram, or asks for the connection id that it needs.
    fn send(&mut self, now: Instant, token: u64) {
        let Some(task) = self.tasks.get_mut(&token) else { return };
        let old = task.sent.take();
        let tracker = self.trackers.entry(task.to).or_default();
        let Some(connection) = tracker.connection.filter(|connection| now < connection.expires) else {
            let to = task.to;
            if let Some(old) = old {
                self.waiting.remove(&old.transaction);
            }
            if tracker.connecting.is_none() {
                let transaction = fresh_transaction(&mut self.rng, &self.waiting);
                self.connect(now, to, transaction, 1);
            }
            return;
        };
        // The same for every try, so that a late answer to an early one is taken too.
        let transaction =
            old.map_or_else(|| fresh_transaction(&mut self.rng, &self.waiting), |t| t.transaction);
        let datagram = match &task.what {
            What::Announce { request, url_data } => Request::Announce {
                connection: connection.id,
                transaction,
                request: request.clone(),
                url_data: url_data.clone(),
            },
            What::Scrape { info_hashes } => {
                Request::Scrape { connection: connection.id, transaction, info_hashes: info_hashes.clone() }
            }
        };
        task.tries += 1;
        let deadline = now + wait(task.tries);
        task.sent = Some(Try { transaction, count: task.tries, deadline });
        self.waiting.insert(transaction, Waiter::Task(token));
        self.transmits.push_back((task.to, datagram.encode()));
        self.wake_by(deadline);
    }

    fn connect(&mut self, now: Instant, to: SocketAddr, transaction: u32, count: u32) {
        self.waiting.insert(transaction, Waiter::Tracker(to));
        let deadline = now + wait(count);
        self.trackers.entry(to).or_default().connecting = Some(Try { transaction, count, deadline });
        self.transmits.push_back((to, Request::Connect { transaction }.encode()));
        self.wake_by(deadline);
    }

    fn connect_again(&mut self, now: Instant, addr: SocketAddr) {
        let Some(old) = self.trackers.get_mut(&addr).and_then(|tracker| tracker.connecting.take()) else {
            return;
        };
        self.waiting.remove(&old.transaction);
        if self.tasks_waiting_for(addr).is_empty() {
            return;
        }
        if old.count < MAX_TRIES {
            self.connect(now, addr, old.transaction, old.count + 1);
        } else {
            self.fail_waiting(addr, &TrackerError::Timeout);
        }
    }

    fn on_connect(&mut self, now: Instant, addr: SocketAddr, response: Response) -> bool {
        let result = match response {
            Response::Connect { connection, .. } => Ok(connection),
            Response::Error { message, .. } => Err(refusal(message)),
            // An answer of another kind is no answer; the retransmission may bring the right one.
            _ => return false,
        };
        let Some(tracker) = self.trackers.get_mut(&addr) else { return false };
        let sent = tracker.connecting.take();
        tracker.connection =
            result.as_ref().ok().map(|&id| Connection { id, expires: now + CONNECTION_LIFE });
        self.unwait(sent);
        match result {
            Ok(_) => {
                self.wake_by(now + CONNECTION_LIFE);
                for token in self.tasks_waiting_for(addr) {
                    self.send(now, token);
                }
            }
            Err(error) => self.fail_waiting(addr, &error),
        }
        true
    }

    fn on_answer(&mut self, now: Instant, token: u64, response: Response) -> bool {
        let Some(task) = self.tasks.get_mut(&token) else { return false };
        let result = match (response, &task.what) {
            (Response::Announce { reply, .. }, What::Announce { .. }) => Ok(Reply::Announce(checked(reply))),
            (Response::Scrape { mut entries, .. }, What::Scrape { info_hashes }) => {
                entries.resize(info_hashes.len(), Default::default());
                Ok(Reply::Scrape(entries))
            }
            // A tracker that was restarted doesn't know its old connection ids.
            (Response::Error { message, .. }, _)
                if !task.reconnected && message.to_ascii_lowercase().contains("connection") =>
            {
                task.reconnected = true;
                if let Some(tracker) = self.trackers.get_mut(&task.to) {
                    tracker.connection = None;
                }
                self.send(now, token);
                return true;
            }
            (Response::Error { message, .. }, _) => Err(refusal(message)),
            _ => return false,
        };
        self.finish(token, result);
        true
    }

    fn tasks_waiting_for(&self, addr: SocketAddr) -> Vec<u64> {
        let waits = |task: &Task| task.to == addr && task.sent.is_none();
        self.tasks.iter().filter(|(_, task)| waits(task)).map(|(token, _)| *token).collect()
    }

    fn fail_waiting(&mut self, addr: SocketAddr, error: &TrackerError) {
        for token in self.tasks_waiting_for(addr) {
            self.finish(token, Err(error.clone()));
        }
    }

    fn finish(&mut self, token: u64, result: Result<Reply, TrackerError>) {
        if let Some(task) = self.tasks.remove(&token) {
            self.unwait(task.sent);
            self.events.push_back((token, result));
        }
    }

    fn wake_by(&mut self, deadline: Instant) {
        self.wake = Some(self.wake.map_or(deadline, |wake| wake.min(deadline)));
    }

    fn unwait(&mut self, sent: Option<Try>) {
        if let Some(sent) = sent {
            self.waiting.remove(&sent.transaction);
        }
    }
}

/// The wait after the `count`th try, from 1.
fn wait(count: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << count.saturating_sub(1).min(8))
}

fn fresh_transaction(rng: &mut Rng, taken: &BTreeMap<u32, Waiter>) -> u32 {
    loop {
        let transaction = rng.u32(..);
        if !taken.contains_key(&transaction) {
            return transaction;
        }
    }
}

fn refusal(message: String) -> TrackerError {
    let reason = if message.is_empty() { "failure, without a reason".to_owned() } else { message };
    TrackerError::Failure { reason, retry: Retry::Unsaid }
}

/// An interval of zero says nothing.
fn checked(mut reply: AnnounceReply) -> AnnounceReply {
    if reply.interval_s == 0 {
        reply.interval_s = crate::http::DEFAULT_INTERVAL_S;
    }
    reply
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
