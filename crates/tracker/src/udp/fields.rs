//! The fields of datagrams, which both sides read.

use std::net::{IpAddr, Ipv4Addr};

use ztor_base::{PeerId, SwarmId};

use crate::{AnnounceEvent, AnnounceRequest};

/// What a connect request carries where others carry a connection id.
pub const CONNECT_MAGIC: u64 = 0x0417_2710_1980;

/// The most info-hashes in one scrape.
pub const MAX_SCRAPE: usize = 74;

pub(super) const CONNECT: u32 = 0;
pub(super) const ANNOUNCE: u32 = 1;
pub(super) const SCRAPE: u32 = 2;
pub(super) const ERROR: u32 = 3;

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

/// `input` must have 82 bytes.
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
        // -1 as they write it is the tracker's choice, and so is everything negative.
        num_want: Some(num_want).filter(|&n| n <= i32::MAX as u32),
        key,
        tracker_id: None,
        ip: Some(IpAddr::V4(ip)).filter(|ip| !ip.is_unspecified()),
    })
}

/// Fixed fields in a row. Its length is checked once, at the start; past its end it reads zeroes.
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
