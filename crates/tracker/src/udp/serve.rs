//! The tracker's side: requests are read in place, answers are appended to a buffer, and neither allocates.

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;

use ztor_base::SwarmId;

use super::fields::{
    ANNOUNCE, CONNECT, CONNECT_MAGIC, DecodeError, ERROR, Input, MAX_SCRAPE, SCRAPE, read_announce,
};
use crate::types::write_compact;
use crate::{AnnounceReply, AnnounceRequest, ScrapeEntry};

/// A client's datagram, like [`Request`](super::Request), but without the options of BEP 41.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question<'a> {
    /// Asks for a connection id.
    Connect {
        /// The id of the transaction, which the answer repeats.
        transaction: u32,
    },
    /// An announce.
    Announce {
        /// The id of the connection, which is not verified.
        connection: u64,
        /// The id of the transaction, which the answer repeats.
        transaction: u32,
        /// The announce.
        request: AnnounceRequest,
    },
    /// A scrape.
    Scrape {
        /// The id of the connection, which is not verified.
        connection: u64,
        /// The id of the transaction, which the answer repeats.
        transaction: u32,
        /// The requested swarms.
        info_hashes: ScrapeHashes<'a>,
    },
}

/// The info-hashes of a scrape, at most [`MAX_SCRAPE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrapeHashes<'a>(&'a [[u8; 20]]);

impl ScrapeHashes<'_> {
    /// Returns the info-hashes in the order of the question.
    pub fn iter(&self) -> impl Iterator<Item = SwarmId> {
        self.0.iter().map(|hash| SwarmId::new(*hash))
    }
}

impl<'a> Question<'a> {
    /// Reads a client's datagram. A connect request without the magic number is refused as unknown.
    pub fn read(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        let mut input = Input::new("request", datagram, 16)?;
        let (connection, action, transaction) = (input.u64(), input.u32(), input.u32());
        match action {
            CONNECT if connection == CONNECT_MAGIC => Ok(Self::Connect { transaction }),
            ANNOUNCE => {
                let mut input = Input::new("announce", datagram, 98)?;
                input.skip(16);
                Ok(Self::Announce { connection, transaction, request: read_announce(&mut input)? })
            }
            SCRAPE => {
                let hashes = input.rest.as_chunks().0;
                let info_hashes = ScrapeHashes(hashes.get(..MAX_SCRAPE).unwrap_or(hashes));
                Ok(Self::Scrape { connection, transaction, info_hashes })
            }
            other => Err(DecodeError::UnknownAction(other)),
        }
    }
}

fn start(out: &mut Vec<u8>, action: u32, transaction: u32) {
    out.extend_from_slice(&action.to_be_bytes());
    out.extend_from_slice(&transaction.to_be_bytes());
}

/// Appends the answer to a connect request.
pub fn write_connect(out: &mut Vec<u8>, transaction: u32, connection: u64) {
    start(out, CONNECT, transaction);
    out.extend_from_slice(&connection.to_be_bytes());
}

/// Appends a refusal. The message is for users.
pub fn write_error(out: &mut Vec<u8>, transaction: u32, message: impl Display) {
    start(out, ERROR, transaction);
    // Writing to a vector cannot fail.
    let _ = write!(out, "{message}");
}

/// Appends the answer to a scrape: one entry for each requested info-hash, in the same order.
pub fn write_scrape(out: &mut Vec<u8>, transaction: u32, entries: impl IntoIterator<Item = ScrapeEntry>) {
    start(out, SCRAPE, transaction);
    for n in entries.into_iter().flat_map(|e| [e.seeders, e.downloads, e.leechers]) {
        out.extend_from_slice(&n.to_be_bytes());
    }
}

/// The answer to an announce while peers are added. Its numbers are zero until [`finish`](Self::finish).
#[derive(Debug)]
pub struct AnnounceAnswer<'a> {
    out: &'a mut Vec<u8>,
    /// Position of the interval in `out`.
    numbers_at: usize,
    ipv6: bool,
}

impl<'a> AnnounceAnswer<'a> {
    /// Appends an answer without peers. `ipv6` is true for a client on IPv6.
    pub fn new(out: &'a mut Vec<u8>, transaction: u32, ipv6: bool) -> Self {
        start(out, ANNOUNCE, transaction);
        let numbers_at = out.len();
        out.extend_from_slice(&[0; 12]);
        Self { out, numbers_at, ipv6 }
    }

    /// Appends a peer, unless it is of the other address family.
    pub fn push(&mut self, addr: SocketAddr) {
        if addr.is_ipv6() == self.ipv6 {
            write_compact(addr, self.out);
        }
    }

    /// Sets the interval and the numbers of seeders and leechers. Nothing else of the reply is sent.
    pub fn finish(self, reply: &AnnounceReply) {
        let numbers = [reply.interval_s, reply.leechers.unwrap_or(0), reply.seeders.unwrap_or(0)];
        let places = self.out.get_mut(self.numbers_at..).unwrap_or_default().as_chunks_mut().0;
        for (place, number) in places.iter_mut().zip(numbers) {
            *place = number.to_be_bytes();
        }
    }
}
