use std::collections::BTreeSet;
use std::net::SocketAddr;

use arbitrary::{Result, Unstructured};
use ztor_base::{Duration, Instant, PeerId, SwarmId};
use ztor_tracker::udp::{Client, Request, Response};
use ztor_tracker::{AnnounceReply, AnnounceRequest, Reply, ScrapeEntry};

use crate::machine::Machine;

/// Checks the client of BEP 15 among trackers that answer right, wrong, late, twice or for each other.
pub fn udp_client(data: &[u8]) {
    let world = World {
        client: Client::new(data.len() as u64),
        now: Instant::from_micros(1),
        running: BTreeSet::new(),
        asked: Vec::new(),
    };
    world.play(&mut Unstructured::new(data));
}

struct World {
    client: Client,
    now: Instant,
    /// Tokens of requests that have not ended.
    running: BTreeSet<u64>,
    /// Last requests of the client, to be answered.
    asked: Vec<(SocketAddr, Request)>,
}

impl Machine for World {
    const MAX_OPERATIONS: usize = 200;

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let now = self.now;
        match u.int_in_range(0..=9)? {
            0 | 1 => {
                let token = u.int_in_range(0..=7)?;
                let to = address(u.arbitrary()?);
                if u.arbitrary()? {
                    self.client.announce(now, token, to, "/announce?a=b", announce());
                } else {
                    let hashes = vec![SwarmId::new([3; 20]); u.int_in_range(0..=80)?];
                    self.client.scrape(now, token, to, hashes);
                }
                self.running.insert(token);
            }
            2 => {
                let token = u.int_in_range(0..=7)?;
                self.client.cancel(token);
                self.running.remove(&token);
            }
            3 => self.now += Duration::from_millis(u.arbitrary::<u16>()?.into()),
            4 => {
                self.now = self.client.poll_timeout().unwrap_or(now).max(now);
                self.client.handle_timeout(self.now);
            }
            5 => {
                let from = address(u.arbitrary()?);
                let len = u.arbitrary_len::<u8>()?.min(60);
                self.client.handle(now, from, u.bytes(len)?);
            }
            _ => self.answer(u)?,
        }
        Ok(())
    }

    fn check(&mut self) {
        self.drain();
    }

    /// Leaves the client alone: every request must end, and no timeout may remain.
    fn finish(&mut self) {
        self.drain();
        for _ in 0..200 {
            let Some(wake) = self.client.poll_timeout() else { break };
            self.now = self.now.max(wake);
            self.client.handle_timeout(self.now);
            self.drain();
        }
        assert_eq!(self.client.poll_timeout(), None, "a timeout that never ends");
        assert!(self.running.is_empty(), "without an end: {:?}", self.running);
    }
}

impl World {
    /// Answers one of the last requests: mostly right, or of another kind, from elsewhere, or cut off.
    fn answer(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some((to, request)) = u.choose(&self.asked).ok().cloned() else { return Ok(()) };
        let (Request::Connect { transaction }
        | Request::Announce { transaction, .. }
        | Request::Scrape { transaction, .. }) = request;
        let kind = match (u.int_in_range(0..=7)?, &request) {
            (kind @ 0..=3, _) => kind,
            (_, Request::Connect { .. }) => 0,
            (_, Request::Announce { .. }) => 1,
            (_, Request::Scrape { .. }) => 2,
        };
        let reply = AnnounceReply { interval_s: u.arbitrary()?, ..AnnounceReply::default() };
        let response = match kind {
            0 => Response::Connect { transaction, connection: u.arbitrary()? },
            1 => Response::Announce { transaction, reply },
            2 => Response::Scrape {
                transaction,
                entries: vec![ScrapeEntry::default(); u.int_in_range(0..=80)?],
            },
            _ => {
                let message = if u.arbitrary()? { "Connection ID mismatch" } else { "no" };
                Response::Error { transaction, message: message.to_owned() }
            }
        };
        let from = if u.ratio(1, 8)? { address(u.arbitrary()?) } else { to };
        let mut datagram = response.encode(from.is_ipv6());
        if u.ratio(1, 8)? {
            datagram.truncate(u.choose_index(datagram.len() + 1)?);
        }
        let taken = self.client.handle(self.now, from, &datagram);
        assert!(!taken || from == to, "an answer from a stranger was taken");
        Ok(())
    }

    fn drain(&mut self) {
        while let Some((to, datagram)) = self.client.poll_transmit() {
            let request = Request::decode(&datagram).expect("the client speaks BEP 15");
            self.asked.push((to, request));
            let surplus = self.asked.len().saturating_sub(16);
            self.asked.drain(..surplus);
        }
        while let Some((token, result)) = self.client.poll_event() {
            assert!(self.running.remove(&token), "{token} ended twice, or was never begun");
            if let Ok(Reply::Announce(reply)) = result {
                assert!(reply.interval_s > 0);
            }
        }
    }
}

fn address(n: u8) -> SocketAddr {
    match n % 5 {
        0 => SocketAddr::from(([10, 0, 0, 1], 0)),
        4 => SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, 1], 6969)),
        n => SocketAddr::from(([10, 0, 0, n], 6969)),
    }
}

fn announce() -> AnnounceRequest {
    let (info_hash, peer_id) = (SwarmId::new([1; 20]), PeerId::new([2; 20]));
    let request = AnnounceRequest::new(info_hash, peer_id, 6881);
    AnnounceRequest {
        left: 1,
        event: ztor_tracker::AnnounceEvent::Started,
        num_want: Some(50),
        key: 1,
        ..request
    }
}
