//! A client's transactions with any number of UDP trackers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use ztor_base::addr::canonical;
use ztor_base::{Duration, Instant, Nonces, SwarmId};

use super::codec::{DecodeError, Request, Response};
use crate::{AnnounceEvent, AnnounceReply, AnnounceRequest, Reply, Retry, TrackerError};

/// Lifetime of a connection id after its arrival (BEP 15).
const CONNECTION_LIFE: Duration = Duration::from_secs(60);

/// Wait for the first answer. It doubles with every try (BEP 15).
const FIRST_WAIT: Duration = Duration::from_secs(15);

/// The same for a `stopped`. A client that exits does not wait long, but a lost datagram is still sent again.
const FIRST_WAIT_TO_GO: Duration = Duration::from_secs(1);

/// Total wait for an answer, in first waits: a datagram is sent three times. BEP 15 would continue for two hours, but
/// by then the next tracker should have been asked.
const WAITS: u32 = 7;
/// Maximum number of doublings of the first wait.
const MAX_DOUBLINGS: u32 = 2;

/// The UDP tracker client of BEP 15 as a state machine without I/O.
///
/// Transactions are identified by the caller's tokens. All transactions with one tracker share its connection id. Only
/// the connection id is kept after a transaction, until its minute is over. So the caller's bound on transactions
/// bounds the memory.
#[derive(Debug)]
pub struct Client {
    nonces: Nonces,
    trackers: BTreeMap<SocketAddr, Tracker>,
    tasks: BTreeMap<u64, Task>,
    /// Receivers of the pending answers, by transaction id.
    waiting: BTreeMap<u32, Waiter>,
    transmits: VecDeque<(SocketAddr, Vec<u8>)>,
    events: VecDeque<(u64, Result<Reply, TrackerError>)>,
    /// Pending timeouts, by their time.
    deadlines: BTreeSet<(Instant, Due)>,
}

#[derive(Debug, Default)]
struct Tracker {
    connection: Option<Connection>,
    connecting: Option<Try>,
    /// Tasks that wait for the connection id.
    waiting: BTreeSet<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Connection {
    id: u64,
    expires: Instant,
}

/// A datagram without an answer.
#[derive(Debug, Clone, Copy)]
struct Try {
    transaction: u32,
    /// Number of times that it was sent.
    count: u32,
    deadline: Instant,
}

#[derive(Debug)]
struct Task {
    to: SocketAddr,
    what: What,
    /// `None` while it waits for the tracker's connection id.
    sent: Option<Try>,
    tries: u32,
    give_up_at: Instant,
    /// True if it has asked for a new connection id after the tracker refused the cached one.
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

/// A timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Gives up a task.
    GiveUp(u64),
    /// Repeats a connect request.
    Connecting(SocketAddr),
    /// Repeats the request of a task.
    Task(u64),
    /// Drops an old connection id.
    Connection(SocketAddr),
}

impl Client {
    /// Creates a client. `seed` should be random, as it decides the transaction ids.
    pub fn new(seed: u64) -> Self {
        Self {
            nonces: Nonces::with_seed(seed),
            trackers: BTreeMap::new(),
            tasks: BTreeMap::new(),
            waiting: BTreeMap::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// Starts an announce to the tracker at `to`. `url_data` is the path and query of its URL (BEP 41). A running
    /// transaction with the same `token` is cancelled.
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

    /// Starts a scrape. Info-hashes beyond [`super::MAX_SCRAPE`] are left out. A running transaction with the same
    /// `token` is cancelled.
    pub fn scrape(&mut self, now: Instant, token: u64, to: SocketAddr, mut info_hashes: Vec<SwarmId>) {
        info_hashes.truncate(super::MAX_SCRAPE);
        self.begin(now, token, to, What::Scrape { info_hashes });
    }

    /// Cancels a transaction. It gives no event.
    pub fn cancel(&mut self, token: u64) {
        self.remove_task(token);
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
                let text = format!("the answer is too short, perhaps a refusal of the torrent: {error}");
                self.finish(token, Err(TrackerError::Malformed(text)));
                true
            }
            (_, Err(_)) => false,
        }
    }

    /// Returns the latest time for the next [`Client::handle_timeout`]; `None` if nothing waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Handles the timeouts that are due at `now`: repeats or gives up requests whose wait is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(at, due)) = self.deadlines.first()
            && at <= now
        {
            self.deadlines.pop_first();
            match due {
                Due::GiveUp(token) => self.finish(token, Err(TrackerError::Timeout)),
                Due::Connecting(addr) => self.connect_again(now, addr),
                Due::Task(token) => self.send(now, token),
                Due::Connection(addr) => {
                    if let Some(tracker) = self.trackers.get_mut(&addr)
                        && tracker.connection.is_some_and(|connection| connection.expires <= now)
                    {
                        tracker.connection = None;
                        self.forget_idle(addr);
                    }
                }
            }
        }
    }

    /// Returns the next datagram to send, with its destination.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.transmits.pop_front()
    }

    /// Returns the next transaction that has ended, with its result. Each ends once.
    pub fn poll_event(&mut self) -> Option<(u64, Result<Reply, TrackerError>)> {
        self.events.pop_front()
    }

    fn begin(&mut self, now: Instant, token: u64, to: SocketAddr, what: What) {
        self.cancel(token);
        let to = canonical(to);
        let give_up_at = now + what.first_wait() * WAITS;
        let task = Task { to, what, sent: None, tries: 0, give_up_at, reconnected: false };
        self.tasks.insert(token, task);
        self.deadlines.insert((give_up_at, Due::GiveUp(token)));
        if to.port() == 0 {
            return self.finish(token, Err(TrackerError::BadUrl { why: "the port is 0".into() }));
        }
        self.send(now, token);
    }

    /// Sends a task's datagram, or asks for the connection id that it needs.
    fn send(&mut self, now: Instant, token: u64) {
        let Some(task) = self.tasks.get_mut(&token) else { return };
        let old = task.sent.take();
        let to = task.to;
        if let Some(old) = old {
            self.deadlines.remove(&(old.deadline, Due::Task(token)));
        }
        let tracker = self.trackers.entry(to).or_default();
        let Some(connection) = tracker.connection.filter(|connection| now < connection.expires) else {
            tracker.waiting.insert(token);
            if let Some(old) = old {
                self.waiting.remove(&old.transaction);
            }
            match tracker.connecting {
                None => {
                    let transaction = fresh_transaction(&mut self.nonces, &self.waiting);
                    self.connect(now, to, transaction, 1);
                }
                // A new task does not wait as long as a connect after many tries, nor a `stopped` as long as others.
                Some(Try { deadline, .. }) if deadline > now + task.what.first_wait() => {
                    self.restart_connect(now, to);
                }
                Some(_) => {}
            }
            return;
        };
        tracker.waiting.remove(&token);
        // The same id for every try, so that a late answer to an early one is accepted too.
        let transaction =
            old.map_or_else(|| fresh_transaction(&mut self.nonces, &self.waiting), |t| t.transaction);
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
        let deadline = now + wait(task.what.first_wait(), task.tries);
        task.sent = Some(Try { transaction, count: task.tries, deadline });
        self.waiting.insert(transaction, Waiter::Task(token));
        self.transmits.push_back((task.to, datagram.encode()));
        self.deadlines.insert((deadline, Due::Task(token)));
    }

    fn connect(&mut self, now: Instant, to: SocketAddr, transaction: u32, count: u32) {
        self.waiting.insert(transaction, Waiter::Tracker(to));
        let tracker = self.trackers.entry(to).or_default();
        // The shortest wait counts, which is that of a `stopped`.
        let tasks = tracker.waiting.iter().filter_map(|token| self.tasks.get(token));
        let first_wait = tasks.map(|task| task.what.first_wait()).min().unwrap_or(FIRST_WAIT);
        let deadline = now + wait(first_wait, count);
        tracker.connecting = Some(Try { transaction, count, deadline });
        self.transmits.push_back((to, Request::Connect { transaction }.encode()));
        self.deadlines.insert((deadline, Due::Connecting(to)));
    }

    fn connect_again(&mut self, now: Instant, addr: SocketAddr) {
        let Some(old) = self.trackers.get_mut(&addr).and_then(|tracker| tracker.connecting.take()) else {
            return;
        };
        self.waiting.remove(&old.transaction);
        if self.trackers.get(&addr).is_none_or(|tracker| tracker.waiting.is_empty()) {
            self.forget_idle(addr);
        } else {
            self.connect(now, addr, old.transaction, old.count + 1);
        }
    }

    /// Asks for a connection id as if for the first time.
    fn restart_connect(&mut self, now: Instant, addr: SocketAddr) {
        if let Some(old) = self.trackers.get_mut(&addr).and_then(|tracker| tracker.connecting.take()) {
            self.deadlines.remove(&(old.deadline, Due::Connecting(addr)));
            self.connect(now, addr, old.transaction, 1);
        }
    }

    /// Repeats all requests without an answer at once, as the network was gone.
    pub fn start_over(&mut self, now: Instant) {
        let connecting: Vec<SocketAddr> = self.trackers.keys().copied().collect();
        connecting.into_iter().for_each(|addr| self.restart_connect(now, addr));
        let sent: Vec<u64> = self.tasks.iter().filter(|(_, t)| t.sent.is_some()).map(|(id, _)| *id).collect();
        for token in sent {
            if let Some(task) = self.tasks.get_mut(&token) {
                task.tries = 0;
            }
            self.send(now, token);
        }
    }

    /// Forgets a tracker without a connection id or waiting tasks.
    fn forget_idle(&mut self, addr: SocketAddr) {
        let is_idle = |tracker: &Tracker| {
            tracker.connection.is_none() && tracker.connecting.is_none() && tracker.waiting.is_empty()
        };
        if self.trackers.get(&addr).is_some_and(is_idle) {
            self.trackers.remove(&addr);
        }
    }

    fn on_connect(&mut self, now: Instant, addr: SocketAddr, response: Response) -> bool {
        let result = match response {
            Response::Connect { connection, .. } => Ok(connection),
            Response::Error { message, .. } => Err(refusal(message)),
            // An answer of another kind is ignored, as the retransmission may get the right one.
            _ => return false,
        };
        let Some(tracker) = self.trackers.get_mut(&addr) else { return false };
        let sent = tracker.connecting.take();
        tracker.connection =
            result.as_ref().ok().map(|&id| Connection { id, expires: now + CONNECTION_LIFE });
        self.unwait(sent, Due::Connecting(addr));
        match result {
            Ok(_) => {
                self.deadlines.insert((now + CONNECTION_LIFE, Due::Connection(addr)));
                let waiting = self.trackers.get(&addr).map(|tracker| tracker.waiting.clone());
                for token in waiting.unwrap_or_default() {
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

    fn fail_waiting(&mut self, addr: SocketAddr, error: &TrackerError) {
        let waiting = self.trackers.get_mut(&addr).map(|tracker| std::mem::take(&mut tracker.waiting));
        for token in waiting.unwrap_or_default() {
            self.finish(token, Err(error.clone()));
        }
        self.forget_idle(addr);
    }

    fn finish(&mut self, token: u64, result: Result<Reply, TrackerError>) {
        if self.remove_task(token) {
            self.events.push_back((token, result));
        }
    }

    fn remove_task(&mut self, token: u64) -> bool {
        let Some(task) = self.tasks.remove(&token) else { return false };
        if let Some(tracker) = self.trackers.get_mut(&task.to) {
            tracker.waiting.remove(&token);
        }
        self.deadlines.remove(&(task.give_up_at, Due::GiveUp(token)));
        self.unwait(task.sent, Due::Task(token));
        true
    }

    fn unwait(&mut self, sent: Option<Try>, due: Due) {
        if let Some(sent) = sent {
            self.waiting.remove(&sent.transaction);
            self.deadlines.remove(&(sent.deadline, due));
        }
    }
}

impl What {
    /// Returns the wait for the first answer.
    fn first_wait(&self) -> Duration {
        match self {
            Self::Announce { request, .. } if request.event == AnnounceEvent::Stopped => FIRST_WAIT_TO_GO,
            Self::Announce { .. } | Self::Scrape { .. } => FIRST_WAIT,
        }
    }
}

/// Returns the wait after the `count`th try, from 1.
fn wait(first: Duration, count: u32) -> Duration {
    first * (1 << count.saturating_sub(1).min(MAX_DOUBLINGS))
}

fn fresh_transaction(nonces: &mut Nonces, taken: &BTreeMap<u32, Waiter>) -> u32 {
    loop {
        let transaction = nonces.u32();
        if !taken.contains_key(&transaction) {
            return transaction;
        }
    }
}

fn refusal(message: String) -> TrackerError {
    let reason = if message.is_empty() { "failure, without a reason".to_owned() } else { message };
    TrackerError::Failure { reason, retry: Retry::Unsaid }
}

/// Replaces an interval of zero by the default.
fn checked(mut reply: AnnounceReply) -> AnnounceReply {
    if reply.interval_s == 0 {
        reply.interval_s = crate::http::DEFAULT_INTERVAL_S;
    }
    reply
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
