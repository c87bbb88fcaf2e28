//! The fields of datagrams, which both sides read.

use std::net::{IpAddr, Ipv4Addr};

use ztor_base::{PeerId, SwarmId};

use crate::{AnnounceEvent, AnnounceRequest};

/// The number in a connect request in place of a connection id.
pub const CONNECT_MAGIC: u64 = 0x0417_2710_1980;

/// Maximum number of info-hashes in one scrape.
pub const MAX_SCRAPE: usize = 74;

pub(super) const CONNECT: u32 = 0;
pub(super) const ANNOUNCE: u32 = 1;
pub(super) const SCRAPE: u32 = 2;
pub(super) const ERROR: u32 = 3;

/// Reasons why a datagram is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The datagram ends too early.
    #[error("{what} of {length} bytes, expected at least {expected}")]
    TooShort {
        /// The kind of message.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// Its minimum length in bytes.
        expected: usize,
    },
    /// The action is not one of BEP 15.
    #[error("unknown action {0}")]
    UnknownAction(u32),
    /// The event of an announce is not one of BEP 15.
    #[error("unknown event {0}")]
    UnknownEvent(u32),
}

/// Reads an announce. `input` must have 82 bytes.
pub(super) fn read_announce(input: &mut Input<'_>) -> Result<AnnounceRequest, DecodeError> {
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
        // Negative numbers, usually -1, leave the choice to the tracker.
        num_want: Some(num_want).filter(|&n| n <= i32::MAX as u32),
        key,
        tracker_id: None,
        ip: Some(IpAddr::V4(ip)).filter(|ip| !ip.is_unspecified()),
    })
}

/// A sequence of fixed fields. Its length is checked once, at the start. Past its end it reads zeroes.
pub(super) struct Input<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(what: &'static str, bytes: &'a [u8], expected: usize) -> Result<Self, DecodeError> {
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

    pub(super) fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }
}
