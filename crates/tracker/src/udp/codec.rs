//! The datagrams of BEP 15 and the options of BEP 41.

use std::net::IpAddr;

use ztor_base::SwarmId;

pub(super) use super::fields::DecodeError;
use super::fields::{ANNOUNCE, CONNECT, CONNECT_MAGIC, ERROR, Input, MAX_SCRAPE, SCRAPE};
use super::serve::{AnnounceAnswer, Question, write_connect, write_error, write_scrape};
use crate::types::PeerList;
use crate::{AnnounceEvent, AnnounceReply, AnnounceRequest, ScrapeEntry, text};

/// Maximum length of the path and query in an announce, in bytes.
const MAX_URL_DATA_LEN: usize = 2048;

/// A datagram from a client to a tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Asks for a connection id.
    Connect {
        /// The id of the transaction, which the response repeats.
        transaction: u32,
    },
    /// An announce.
    Announce {
        /// The id in the response to a connect request.
        connection: u64,
        /// The id of the transaction, which the response repeats.
        transaction: u32,
        /// The announce. `tracker_id` is not sent, and `ip` only if it is IPv4.
        request: Box<AnnounceRequest>,
        /// Path and query of the tracker's URL (BEP 41); empty if there are none.
        url_data: Vec<u8>,
    },
    /// A scrape.
    Scrape {
        /// The id in the response to a connect request.
        connection: u64,
        /// The id of the transaction, which the response repeats.
        transaction: u32,
        /// The requested swarms, of which at most [`MAX_SCRAPE`] are sent.
        info_hashes: Vec<SwarmId>,
    },
}

/// A datagram from a tracker to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The answer to a connect request.
    Connect {
        /// The id of the request's transaction.
        transaction: u32,
        /// The id of the connection, valid for a minute.
        connection: u64,
    },
    /// The answer to an announce. Of the reply only the interval, the numbers of seeders and leechers, and the peers of
    /// the client's address family are sent.
    Announce {
        /// The id of the request's transaction.
        transaction: u32,
        /// The answer.
        reply: AnnounceReply,
    },
    /// The answer to a scrape.
    Scrape {
        /// The id of the request's transaction.
        transaction: u32,
        /// One entry for each requested info-hash, in the same order.
        entries: Vec<ScrapeEntry>,
    },
    /// The refusal of any request.
    Error {
        /// The id of the request's transaction.
        transaction: u32,
        /// The reason, safe to show.
        message: String,
    },
}

impl Request {
    /// Encodes the datagram.
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

    /// Reads a client's datagram. The connection id is not verified, but a connect request without the magic number is
    /// refused as unknown.
    pub fn decode(datagram: &[u8]) -> Result<Self, DecodeError> {
        Ok(match Question::read(datagram)? {
            Question::Connect { transaction } => Self::Connect { transaction },
            Question::Announce { connection, transaction, request } => {
                let url_data = read_url_data(datagram.get(98..).unwrap_or_default());
                Self::Announce { connection, transaction, request: Box::new(request), url_data }
            }
            Question::Scrape { connection, transaction, info_hashes } => {
                let info_hashes = info_hashes.iter().collect();
                Self::Scrape { connection, transaction, info_hashes }
            }
        })
    }
}

impl Response {
    /// Encodes the datagram. `ipv6` is true for a client on IPv6. Peers of the other address family are left out.
    pub fn encode(&self, ipv6: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match self {
            Self::Connect { transaction, connection } => write_connect(&mut out, *transaction, *connection),
            Self::Announce { transaction, reply } => {
                let mut answer = AnnounceAnswer::new(&mut out, *transaction, ipv6);
                reply.peers.iter().for_each(|peer| answer.push(peer.addr));
                answer.finish(reply);
            }
            Self::Scrape { transaction, entries } => {
                write_scrape(&mut out, *transaction, entries.iter().copied());
            }
            Self::Error { transaction, message } => write_error(&mut out, *transaction, message),
        }
        out
    }

    /// Reads a tracker's datagram. `ipv6` is true if it was received over IPv6.
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
                    ScrapeEntry { seeders, leechers, downloads, downloaders: None }
                });
                Ok(Self::Scrape { transaction, entries: entries.collect() })
            }
            ERROR => Ok(Self::Error { transaction, message: text::plain(input.rest) }),
            other => Err(DecodeError::UnknownAction(other)),
        }
    }

    /// Returns the transaction id of the request that it answers.
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
        // BEP 15 has no number for BEP 21.
        AnnounceEvent::None | AnnounceEvent::Paused => 0,
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

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
