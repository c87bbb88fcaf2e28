//! The datagrams of BEP 15 and the options of BEP 41.

use std::net::{IpAddr, Ipv4Addr};
use ztor_base::{PeerId, SwarmId};

use crate::types::{PeerList, write_compact};
use crate::{AnnounceEvent, AnnounceReply, AnnounceRequest, ScrapeEntry, text};

/// What a connect request carries where others carry a connection id.
pub const CONNECT_MAGIC: u64 = 0x0417_2710_1980;

/// The most info-hashes in one scrape.
pub const MAX_SCRAPE: usize = 74;

/// The longest path and query read of an announce, in bytes.
const MAX_URL_DATA_LEN: usize = 2048;

const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;

/// From client to tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Asks for a connection id.
    Connect {
        /// To be repeated in the response.
        transaction: u32,
    },
    /// An announce.
    Announce {
        /// From the response to a connect request.
        connection: u64,
        /// To be repeated in the response.
        transaction: u32,
        /// What is announced. `tracker_id` is not carried, and `ip` only if it is IPv4.
        request: Box<AnnounceRequest>,
        /// Path and query of the tracker's URL (BEP 41); empty if there are none.
        url_data: Vec<u8>,
    },
    /// A scrape.
    Scrape {
        /// From the response to a connect request.
        connection: u64,
        /// To be repeated in the response.
        transaction: u32,
        /// The swarms asked for; at most [`MAX_SCRAPE`] are carried.
        info_hashes: Vec<SwarmId>,
    },
}

/// From tracker to client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// To a connect request.
    Connect {
        /// The request's.
        transaction: u32,
        /// To be used for a minute.
        connection: u64,
    },
    /// To an announce. Of the reply only the interval, the numbers of seeders and leechers, and the peers are
    /// carried; the peers of the asker's address family, that is.
    Announce {
        /// The request's.
        transaction: u32,
        /// The answer.
        reply: AnnounceReply,
    },
    /// To a scrape.
    Scrape {
        /// The request's.
        transaction: u32,
        /// One for every info-hash asked for, in the same order.
        entries: Vec<ScrapeEntry>,
    },
    /// To any request that is refused.
    Error {
        /// The request's.
        transaction: u32,
        /// Why; safe to show.
        message: String,
    },
}

/// Why a datagram is none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It ends too early.
    #[error("{what} of {length} bytes, expected at least {expected}")]
    TooShort {
        /// What it seems to be.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The least that it must have.
        expected: usize,
    },
    /// Its action is none of BEP 15.
    #[error("unknown action {0}")]
    UnknownAction(u32),
    /// An announce with an event that is none of BEP 15.
    #[error("unknown event {0}")]
    UnknownEvent(u32),
}

impl Request {
    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Connect { transaction } => header(CONNECT_MAGIC, CONNECT, *transaction),
            Self::Announce { connection, transaction, request, url_data } => {
                let mut out = header(*connection, ANNOUNCE, *transaction);
                write_announce(request, &mut out);
                write_url_data(url_data, &mut out);
                out
            }
            Self::Scrape { connection, transaction, info_hashes } => {
                let mut out = header(*connection, SCRAPE, *transaction);
                out.extend(info_hashes.iter().take(MAX_SCRAPE).flat_map(SwarmId::as_bytes));
                out
            }
        }
    }

    /// Reads a client's datagram. Whether the connection id is right is not looked at, but a connect request
    /// without the magic number is refused as unknown.
    pub fn decode(datagram: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Input::new("request", datagram, 16)?;
        let connection = input.u64();
        let action = input.u32();
        let transaction = input.u32();
        match action {
            CONNECT if connection == CONNECT_MAGIC => Ok(Self::Connect { transaction }),
            ANNOUNCE => {
                let mut input = Input::new("announce", datagram, 98)?;
                input.skip(16);
                let request = Box::new(read_announce(&mut input)?);
                Ok(Self::Announce { connection, transaction, request, url_data: read_url_data(input.rest) })
            }
            SCRAPE => {
                let info_hashes = input
                    .rest
                    .as_chunks()
                    .0
                    .iter()
                    .take(MAX_SCRAPE)
                    .map(|hash| SwarmId::new(*hash))
                    .collect();
                Ok(Self::Scrape { connection, transaction, info_hashes })
            }
            other => Err(DecodeError::UnknownAction(other)),
        }
    }
}

impl Response {
    /// The datagram. `ipv6` is the asker's address family, which decides on the form of the peers; those of the
    /// other family are left out.
    pub fn encode(&self, ipv6: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        let mut start = |action: u32, transaction: u32| {
            out.extend(action.to_be_bytes());
            out.extend(transaction.to_be_bytes());
        };
        match self {
            Self::Connect { transaction, connection } => {
                start(CONNECT, *transaction);
                out.extend(connection.to_be_bytes());
            }
            Self::Announce { transaction, reply } => {
                start(ANNOUNCE, *transaction);
                for n in [reply.interval_s, reply.leechers.unwrap_or(0), reply.seeders.unwrap_or(0)] {
                    out.extend(n.to_be_bytes());
                }
                for peer in reply.peers.iter().filter(|peer| peer.addr.is_ipv6() == ipv6) {
                    write_compact(peer.addr, &mut out);
                }
            }
            Self::Scrape { transaction, entries } => {
                start(SCRAPE, *transaction);
                for n in entries.iter().flat_map(|e| [e.seeders, e.downloads, e.leechers]) {
                    out.extend(n.to_be_bytes());
                }
            }
            Self::Error { transaction, message } => {
                start(ERROR, *transaction);
                out.extend_from_slice(message.as_bytes());
            }
        }
        out
    }

    /// Reads a tracker's datagram; `ipv6` is the address family it came over.
    pub fn decode(datagram: &[u8], ipv6: bool) -> Result<Self, DecodeError> {
        let mut input = Input::new("response", datagram, 8)?;
        let action = input.u32();
        let transaction = input.u32();
        match action {
            CONNECT => {
                let mut input = Input::new("connect response", datagram, 16)?;
                input.skip(8);
                Ok(Self::Connect { transaction, connection: input.u64() })
            }
            ANNOUNCE => {
                let mut input = Input::new("announce response", datagram, 20)?;
                input.skip(8);
                let interval_s = input.u32();
                let (leechers, seeders) = (Some(input.u32()), Some(input.u32()));
                let mut peers = PeerList::default();
                if ipv6 {
                    peers.push_compact_v6(input.rest)
                } else {
                    peers.push_compact_v4(input.rest)
                }
                let peers = peers.into_peers();
                let reply =
                    AnnounceReply { interval_s, leechers, seeders, peers, ..AnnounceReply::default() };
                Ok(Self::Announce { transaction, reply })
            }
            SCRAPE => {
                let entries = input.rest.as_chunks::<12>().0.iter().take(MAX_SCRAPE).map(|entry| {
                    let mut entry = Input { rest: entry };
                    let (seeders, downloads, leechers) = (entry.u32(), entry.u32(), entry.u32());
                    ScrapeEntry { seeders, leechers, downloads }
                });
                Ok(Self::Scrape { transaction, entries: entries.collect() })
            }
            ERROR => Ok(Self::Error { transaction, message: text::plain(input.rest) }),
            other => Err(DecodeError::UnknownAction(other)),
        }
    }

    /// The id of the request that it answers.
    pub fn transaction(&self) -> u32 {
        match self {
            Self::Connect { transaction, .. }
            | Self::Announce { transaction, .. }
            | Self::Scrape { transaction, .. }
            | Self::Error { transaction, .. } => *transaction,
        }
    }
}

fn header(connection: u64, action: u32, transaction: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend(connection.to_be_bytes());
    out.extend(action.to_be_bytes());
    out.extend(transaction.to_be_bytes());
    out
}

fn write_announce(request: &AnnounceRequest, out: &mut Vec<u8>) {
    out.extend(request.info_hash.as_bytes());
    out.extend(request.peer_id.as_bytes());
    for n in [request.downloaded, request.left, request.uploaded] {
        out.extend(n.to_be_bytes());
    }
    let event: u32 = match request.event {
        AnnounceEvent::None => 0,
        AnnounceEvent::Completed => 1,
        AnnounceEvent::Started => 2,
        AnnounceEvent::Stopped => 3,
    };
    out.extend(event.to_be_bytes());
    match request.ip {
        Some(IpAddr::V4(ip)) => out.extend(ip.octets()),
        _ => out.extend([0; 4]),
    }
    out.extend(request.key.to_be_bytes());
    out.extend(request.num_want.unwrap_or(u32::MAX).to_be_bytes());
    out.extend(request.port.to_be_bytes());
}

/// `input` must have 82 bytes.
fn read_announce(input: &mut Input<'_>) -> Result<AnnounceRequest, DecodeError> {
    let (info_hash, peer_id) = (input.array(), input.array());
    let (downloaded, left, uploaded) = (input.u64(), input.u64(), input.u64());
    let event = match input.u32() {
        0 => AnnounceEvent::None,
        1 => AnnounceEvent::Completed,
        2 => AnnounceEvent::Started,
        3 => AnnounceEvent::Stopped,
        other => return Err(DecodeError::UnknownEvent(other)),
    };
    let ip = Ipv4Addr::from(input.array::<4>());
    let key = input.u32();
    let num_want = input.u32();
    Ok(AnnounceRequest {
        info_hash: SwarmId::new(info_hash),
        peer_id: PeerId::new(peer_id),
        port: u16::from_be_bytes(input.array()),
        uploaded,
        downloaded,
        left,
        event,
        // -1 as they write it is the tracker's choice, and so is everything negative.
        num_want: Some(num_want).filter(|&n| n <= i32::MAX as u32),
        key,
        tracker_id: None,
        ip: Some(IpAddr::V4(ip)).filter(|ip| !ip.is_unspecified()),
    })
}

fn write_url_data(url_data: &[u8], out: &mut Vec<u8>) {
    for chunk in url_data.chunks(255) {
        out.extend([2, chunk.len().to_le_bytes()[0]]);
        out.extend_from_slice(chunk);
    }
}

fn read_url_data(mut options: &[u8]) -> Vec<u8> {
    let mut url_data = Vec::new();
    loop {
        options = match options {
            [] | [0, ..] => return url_data,
            [1, rest @ ..] => rest,
            [_] => return url_data,
            [kind, len, rest @ ..] => {
                let Some((value, rest)) = rest.split_at_checked(usize::from(*len)) else { return url_data };
                if *kind == 2 && url_data.len() + value.len() <= MAX_URL_DATA_LEN {
                    url_data.extend_from_slice(value);
                }
                rest
            }
        }
    }
}

/// Fixed fields in a row. Its length is checked once, at the start; past its end it reads zeroes.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn new(what: &'static str, bytes: &'a [u8], expected: usize) -> Result<Self, DecodeError> {
        if bytes.len() < expected {
            return Err(DecodeError::TooShort { what, length: bytes.len(), expected });
        }
        Ok(Self { rest: bytes })
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk() {
            Some((head, rest)) => {
                self.rest = rest;
                *head
            }
            None => {
                self.rest = &[];
                [0; N]
            }
        }
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
