//! Announces and scrapes over UDP (BEP 15), on threads with a socket each.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, PipeReader, PipeWriter};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};
use socket2::Socket;
use ztor_base::Instant;
use ztor_tracker::swarms::Families;
use ztor_tracker::udp::{AnnounceAnswer, Question, write_connect, write_error, write_scrape};

use super::State;
use super::access::Access;
use super::batch::{Answers, BatchSocket, Ends};

/// Minimum lifetime of a connection id, in seconds. The maximum is twice that, as BEP 15 asks of trackers.
const CONNECTION_LIFE_S: u64 = 60;

/// Number of full batches in a row before the pipe is checked.
const BATCHES_WITHOUT_POLL: u32 = 64;

/// Maximum number of peers in an answer, so that its packet fits on every path: at most 1,248 bytes over IPv4, and
/// 1,274 over IPv6, where every path takes 1,280 (RFC 8200 §5).
const MAX_PEERS_V4: u32 = 200;
const MAX_PEERS_V6: u32 = 67;

/// Threads that serve UDP until this is dropped.
#[derive(Debug, Default)]
pub(super) struct Workers {
    threads: Vec<JoinHandle<()>>,
    /// Closed to stop the threads.
    stop: Option<PipeWriter>,
}

impl Workers {
    /// Starts a thread for each socket.
    pub(super) fn start(sockets: Vec<Socket>, state: &Arc<State>) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let mut workers = Self { threads: Vec::new(), stop: Some(stop) };
        // The next datagram of a client may arrive at another socket.
        let connections = ConnectionIds::new();
        for socket in sockets {
            let socket = BatchSocket::new(socket)?;
            let service = Service { state: Arc::clone(state), connections: connections.clone() };
            let stopped = stopped.try_clone()?;
            let thread = std::thread::Builder::new().name("ztor-tracker-udp".to_owned());
            workers.threads.push(thread.spawn(move || serve(socket, &service, &stopped))?);
        }
        Ok(workers)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a UDP thread of the tracker panicked");
            }
        }
    }
}

/// Serves until the other end of the pipe is closed.
fn serve(mut socket: BatchSocket, service: &Service, stopped: &PipeReader) {
    let mut answers = Answers::default();
    let mut batches = 0;
    loop {
        let (now, access) = (service.state.now(), service.state.access());
        let served = socket.serve_once(&mut answers, |datagram, ends, out| {
            service.answer(now, &access, datagram, ends, out);
        });
        match served {
            // A flood must not prevent the stop.
            Ok(true) if batches < BATCHES_WITHOUT_POLL => {
                batches += 1;
                continue;
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Some systems report here that an earlier answer could not be delivered.
            Err(error) => tracing::debug!(%error, "cannot receive datagrams"),
        }
        batches = 0;
        let mut fds = [PollFd::new(socket.socket(), PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        let polled = poll(&mut fds, None);
        let is_stopped = !fds[1].revents().is_empty();
        if is_stopped {
            return;
        }
        if let Err(error) = polled
            && error != rustix::io::Errno::INTR
        {
            tracing::error!(%error, "cannot wait for datagrams; stopping a UDP thread of the tracker");
            return;
        }
    }
}

struct Service {
    state: Arc<State>,
    connections: ConnectionIds,
}

impl Service {
    /// Appends the answer to a datagram, if there is one. A connection id proves that the sender receives datagrams at
    /// its address. Without it, no answer is longer than its question.
    fn answer(&self, now: Instant, access: &Access, datagram: &[u8], ends: Ends, out: &mut Vec<u8>) {
        let Ok(question) = Question::read(datagram) else { return };
        let ip = ends.from.ip().to_canonical();
        let before = out.len();
        let is_proved = match &question {
            Question::Connect { .. } => false,
            Question::Announce { connection, .. } | Question::Scrape { connection, .. } => {
                self.connections.accepts(now, ip, *connection)
            }
        };
        match question {
            Question::Connect { transaction } => {
                write_connect(out, transaction, self.connections.issue(now, ip));
            }
            Question::Announce { transaction, .. } | Question::Scrape { transaction, .. } if !is_proved => {
                write_error(out, transaction, "connection id unknown");
            }
            Question::Announce { transaction, mut request, .. } => {
                let (families, max) =
                    if ip.is_ipv4() { (Families::V4, MAX_PEERS_V4) } else { (Families::V6, MAX_PEERS_V6) };
                request.num_want = request.num_want.map(|wanted| wanted.min(max));
                let mut answer = AnnounceAnswer::new(out, transaction, ip.is_ipv6());
                let each = |addr, _: &_| answer.push(addr);
                match self.state.announce_each(now, access, &request, (ip, families), || ends.to, each) {
                    Ok(reply) => answer.finish(&reply),
                    Err(refusal) => {
                        out.truncate(before);
                        write_error(out, transaction, refusal);
                    }
                }
            }
            Question::Scrape { transaction, info_hashes, .. } => {
                let entry = |hash| self.state.scrape(&hash).unwrap_or_default();
                write_scrape(out, transaction, info_hashes.iter().map(entry));
            }
        }
        if !is_proved && out.len() - before > datagram.len() {
            out.truncate(before);
        }
    }
}

/// Stateless generator of connection ids: a keyed hash of the client's IP address and the current minute. An id is
/// valid in the minute of its issue and in the next one.
#[derive(Clone)]
struct ConnectionIds(RandomState);

impl ConnectionIds {
    /// Creates connection ids with random keys of the system.
    fn new() -> Self {
        Self(RandomState::new())
    }

    fn issue(&self, now: Instant, ip: IpAddr) -> u64 {
        self.id(epoch(now), ip)
    }

    fn accepts(&self, now: Instant, ip: IpAddr, id: u64) -> bool {
        let epoch = epoch(now);
        id == self.id(epoch, ip) || (epoch > 0 && id == self.id(epoch - 1, ip))
    }

    fn id(&self, epoch: u64, ip: IpAddr) -> u64 {
        self.0.hash_one((epoch, ip))
    }
}

fn epoch(now: Instant) -> u64 {
    now.as_micros() / 1_000_000 / CONNECTION_LIFE_S
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Generates datagrams of every action and length, with fields that are right more often than by chance.
    fn a_datagram() -> impl Strategy<Value = Vec<u8>> {
        let connection = prop_oneof![Just(ztor_tracker::udp::CONNECT_MAGIC), any::<u64>()];
        let action = prop_oneof![0..5_u32, any::<u32>()];
        let rest = proptest::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..300);
        (connection, action, rest, 0..400_usize).prop_map(|(connection, action, rest, len)| {
            let mut datagram = connection.to_be_bytes().to_vec();
            datagram.extend(action.to_be_bytes());
            datagram.extend(rest);
            datagram.truncate(len);
            datagram
        })
    }

    proptest! {
        #[test]
        fn answer_without_a_connection_id_is_never_longer_than_its_question(datagram in a_datagram(), is_v6: bool) {
            let state = Arc::new(State::new(super::super::Config::default()));
            let service = Service { state, connections: ConnectionIds::new() };
            let ip = if is_v6 { IpAddr::from([0x20; 16]) } else { IpAddr::from([192, 0, 2, 1]) };
            let mut answer = Vec::new();
            let ends = Ends { from: SocketAddr::new(ip, 1), to: None };
            service.answer(Instant::ZERO, &Access::default(), &datagram, ends, &mut answer);
            prop_assert!(answer.len() <= datagram.len());
        }
    }

    #[test]
    fn connection_id_is_accepted_from_its_address_for_one_to_two_minutes() {
        let ids = ConnectionIds::new();
        let at = |seconds: u64| Instant::ZERO + Duration::from_secs(seconds);
        let (ip, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let id = ids.issue(at(59), ip);
        assert!(ids.accepts(at(59), ip, id) && ids.accepts(at(119), ip, id));
        assert!(!ids.accepts(at(120), ip, id));
        assert!(!ids.accepts(at(59), other, id));
        assert!(!ids.accepts(at(59), ip, id ^ 1));
        assert!(!ConnectionIds::new().accepts(at(59), ip, id));
    }
}
