//! Honest and misbehaving trackers.

use crate::core::Core;
use crate::net::{Net, ip_of};
use fastrand::Rng;
use std::net::{IpAddr, SocketAddr};
use ztor_base::Instant;
use ztor_tracker::http::{PeerForm, encode_announce, encode_failure, parse_announce_query};
use ztor_tracker::swarms::{Asker, Config, Families, Swarms};
use ztor_tracker::udp::{Request, Response};
use ztor_tracker::{AnnounceReply, AnnounceRequest, TrackerPeer};

/// Number of addresses that a lying tracker makes up.
pub(crate) const MAX_LIES: usize = 60;

/// Behaviour of a tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Honest,
    /// Returns made-up peers.
    Lying,
    /// Accepts requests and never answers.
    Stalling,
    /// Answers with random bytes.
    Garbage,
    /// Refuses requests over HTTP, and ignores those over UDP.
    Refusing,
}

/// A tracker at `http://t<number>.sim/announce` and `udp://t<number>.sim:6881`.
pub(crate) struct Tracker {
    number: usize,
    pub(crate) host: usize,
    pub(crate) manner: Manner,
    /// End of its downtime.
    pub(crate) down_until: Instant,
    swarms: Swarms,
    /// Made-up addresses, of no host or of hosts with another port.
    lies: Vec<SocketAddr>,
    /// Connection id for UDP requests.
    connection: u64,
}

impl Tracker {
    pub(crate) fn new(number: usize, host: usize, manner: Manner, interval_s: u32, rng: &mut Rng) -> Self {
        let config = Config { interval_s, max_peers_per_host: 4, ..Config::default() };
        let lies = (0..MAX_LIES).map(|_| SocketAddr::new(ip_of(rng.usize(0..40)), rng.u16(1..))).collect();
        let swarms = Swarms::new(config, rng.u64(..));
        Self { number, host, manner, down_until: Instant::ZERO, swarms, lies, connection: rng.u64(..) }
    }

    /// Returns its host name.
    pub(crate) fn name(&self) -> String {
        format!("t{}.sim", self.number)
    }

    pub(crate) fn interval_s(&self) -> u32 {
        self.swarms.config().interval_s
    }

    /// Returns the number of clients in its swarms.
    pub(crate) fn peers(&self) -> usize {
        self.swarms.counts().peers
    }

    pub(crate) fn lies(&self) -> bool {
        self.manner == Manner::Lying
    }

    fn is_down(&self, now: Instant) -> bool {
        now < self.down_until
    }

    /// Returns the answer to a request of a client; `None` if there will never be one.
    pub(crate) fn answer_http(
        &mut self,
        core: &mut Core,
        ip: IpAddr,
        url: &str,
    ) -> Option<Result<(u16, Vec<u8>), String>> {
        if self.is_down(core.now) {
            return Some(Err("connection refused".to_owned()));
        }
        let query = url.split_once('?').map_or("", |(_, query)| query);
        match self.manner {
            Manner::Stalling => return None,
            Manner::Garbage => return Some(garbage(core)),
            Manner::Refusing => return Some(Ok((200, encode_failure("go away", Some(1))))),
            Manner::Honest | Manner::Lying => {}
        }
        let body = match parse_announce_query(query) {
            Err(error) => {
                core.fail(&[], format!("a client sends an invalid announce: {error}: {url}"));
                return None;
            }
            Ok(query) => match self.answer(core, &query.request, ip) {
                Ok(reply) => encode_announce(
                    &reply,
                    if core.rng.bool() { PeerForm::Compact } else { PeerForm::WithoutIds },
                ),
                Err(reason) => encode_failure(&reason, None),
            },
        };
        Some(Ok((200, body)))
    }

    pub(crate) fn on_datagram(&mut self, core: &mut Core, net: &mut Net, from: SocketAddr, data: &[u8]) {
        if self.is_down(core.now) || matches!(self.manner, Manner::Stalling | Manner::Refusing) {
            return;
        }
        if self.manner == Manner::Garbage {
            let len = core.rng.usize(0..200);
            let noise = (0..len).map(|_| core.rng.u8(..)).collect();
            return net.send_datagram(core, self.host, from, noise);
        }
        let response = match Request::decode(data) {
            Ok(Request::Connect { transaction }) => {
                Response::Connect { transaction, connection: self.connection }
            }
            Ok(Request::Announce { connection, transaction, request, .. })
                if connection == self.connection =>
            {
                match self.answer(core, &request, from.ip()) {
                    Ok(reply) => Response::Announce { transaction, reply },
                    Err(message) => Response::Error { transaction, message },
                }
            }
            Ok(other) => {
                let (Request::Connect { transaction }
                | Request::Announce { transaction, .. }
                | Request::Scrape { transaction, .. }) = other;
                Response::Error { transaction, message: "connection id unknown".to_owned() }
            }
            Err(error) => return core.fail(&[], format!("a client sends an invalid datagram: {error}")),
        };
        net.send_datagram(core, self.host, from, response.encode(false));
    }

    fn answer(
        &mut self,
        core: &mut Core,
        request: &AnnounceRequest,
        ip: IpAddr,
    ) -> Result<AnnounceReply, String> {
        self.swarms.expire(core.now);
        let asker = Asker { ip, reached: None, families: Families::Both };
        let mut reply =
            self.swarms.announce(core.now, request, asker).map_err(|refusal| refusal.to_string())?;
        core.note(format_args!(
            "t{} sends {ip} {} peers ({:?}, {} left)",
            self.number,
            reply.peers.len(),
            request.event,
            request.left
        ));
        if self.manner == Manner::Lying {
            let lies = core.rng.usize(0..self.lies.len());
            reply
                .peers
                .extend(self.lies[lies..].iter().map(|addr| TrackerPeer { addr: *addr, peer_id: None }));
            // The list contains the client's own address, with a port without a listener.
            reply
                .peers
                .push(TrackerPeer { addr: SocketAddr::new(ip, self.lies[lies].port()), peer_id: None });
            reply.interval_s = core.rng.u32(0..100);
            reply.seeders = Some(core.rng.u32(..));
        }
        Ok(reply)
    }
}

/// Returns an answer that no client can accept. A client that accepted one would not ask the next tracker (BEP 12).
fn garbage(core: &mut Core) -> Result<(u16, Vec<u8>), String> {
    let len = core.rng.usize(0..2000);
    let noise: Vec<u8> = (0..len).map(|_| core.rng.u8(..)).collect();
    match core.rng.u8(0..5) {
        0 => Ok((200, noise)),
        1 => Ok((404, b"<html><body>Not here</body></html>".to_vec())),
        2 => Ok((200, [b"d5:peers".as_slice(), &noise].concat())),
        3 => Ok((200, b"d8:intervali-5e5:peersi7e".to_vec())),
        _ => Err("the connection was reset".to_owned()),
    }
}
