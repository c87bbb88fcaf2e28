//! Announces and scrapes over UDP (BEP 15).

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;
use tokio::net::UdpSocket;
use ztor_base::Instant;
use ztor_tracker::swarms::Families;
use ztor_tracker::udp::{Request, Response};

use super::State;

/// How long a connection id is good for at least; at most it is twice that, which is what BEP 15 wants of trackers.
const CONNECTION_LIFE_S: u64 = 60;

/// The most peers in an answer, so that it fits in one packet on every path: 1,220 and 1,280 bytes.
const MAX_PEERS_V4: u32 = 200;
const MAX_PEERS_V6: u32 = 70;

/// Serves until it is aborted.
pub(super) async fn serve(socket: Socket, state: Arc<State>) {
    let socket = match UdpSocket::from_std(socket.into()) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(%error, "the tracker cannot serve UDP"),
    };
    let service = Service {
        state,
        connections: ConnectionIds::new(),
        local_ip: socket.local_addr().ok().map(|addr| addr.ip()).filter(|ip| !ip.is_unspecified()),
    };
    let mut buf = [0; 2048];
    loop {
        match socket.recv_from(&mut buf).await {
            Ok((len, from)) => {
                let answer = buf.get(..len).and_then(|datagram| service.answer(datagram, from));
                if let Some(answer) = answer {
                    // A full queue drops it, as the network might; the client asks again.
                    let _ = socket.try_send_to(&answer, from);
                }
            }
            // Some systems report here that an earlier answer could not be delivered.
            Err(error) => {
                tracing::debug!(%error, "receiving failed");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

struct Service {
    state: Arc<State>,
    connections: ConnectionIds,
    /// The one address that is listened on, if it is one.
    local_ip: Option<IpAddr>,
}

impl Service {
    /// The answer to a datagram, if it deserves one. Without a connection id, which proves that the sender
    /// receives what is sent to its address, no answer is longer than its question.
    fn answer(&self, datagram: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
        let request = Request::decode(datagram).ok()?;
        let (now, ip) = (self.state.now(), from.ip().to_canonical());
        let is_proved = match &request {
            Request::Connect { .. } => false,
            Request::Announce { connection, .. } | Request::Scrape { connection, .. } => {
                self.connections.accepts(now, ip, *connection)
            }
        };
        let refused =
            |transaction, message: &str| Response::Error { transaction, message: message.to_owned() };
        let response = match request {
            Request::Connect { transaction } => {
                Response::Connect { transaction, connection: self.connections.issue(now, ip) }
            }
            Request::Announce { transaction, .. } | Request::Scrape { transaction, .. } if !is_proved => {
                refused(transaction, "connection id unknown")
            }
            Request::Announce { transaction, mut request, .. } => {
                let (families, max) =
                    if ip.is_ipv4() { (Families::V4, MAX_PEERS_V4) } else { (Families::V6, MAX_PEERS_V6) };
                request.num_want = Some(request.num_want.unwrap_or(50).min(max));
                match self.state.announce(&request, ip, families, || self.reached_by(ip)) {
                    Ok(reply) => Response::Announce { transaction, reply },
                    Err(refusal) => refused(transaction, &refusal.to_string()),
                }
            }
            Request::Scrape { transaction, info_hashes, .. } => {
                let swarms = self.state.swarms();
                let entries =
                    info_hashes.iter().map(|hash| swarms.scrape(hash).unwrap_or_default()).collect();
                Response::Scrape { transaction, entries }
            }
        };
        let answer = response.encode(ip.is_ipv6());
        Some(answer).filter(|answer| is_proved || answer.len() <= datagram.len())
    }

    /// The address of this machine on the way to `ip`. Connecting a UDP socket sends nothing: it asks the system's
    /// routes.
    fn reached_by(&self, ip: IpAddr) -> Option<IpAddr> {
        if self.local_ip.is_some() {
            return self.local_ip;
        }
        let any: IpAddr = if ip.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
        socket.connect((ip, 1)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    }
}

/// Connection ids that need no memory: a keyed hash of the address and the minute.
struct ConnectionIds(RandomState);

impl ConnectionIds {
    /// With keys from the system's randomness.
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
    use proptest::prelude::*;

    use super::*;

    /// Datagrams of every action and length, with fields that are right more often than by chance.
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
            let service = Service { state, connections: ConnectionIds::new(), local_ip: None };
            let ip = if is_v6 { IpAddr::from([0x20; 16]) } else { IpAddr::from([192, 0, 2, 1]) };
            let answer = service.answer(&datagram, SocketAddr::new(ip, 1));
            prop_assert!(answer.is_none_or(|answer| answer.len() <= datagram.len()));
        }
    }

    #[test]
    fn connection_ids_belong_to_an_address_and_live_for_a_minute_or_two() {
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
