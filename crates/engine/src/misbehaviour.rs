//! Misbehaviour of peers and its consequences, which are decided only here.

use crate::bans::BanReason;
use thiserror::Error;
use ztor_wire::WireError;

/// A peer's offence.
#[derive(Debug, Error)]
pub(crate) enum Misbehaviour {
    #[error("malformed protocol data: {0}")]
    Wire(#[from] WireError),
    #[error("a handshake for an unknown or inactive torrent")]
    UnknownTorrent,
    #[error("a handshake for another torrent")]
    WrongTorrent,
    #[error("a connection to ourselves")]
    Myself,
    #[error("a banned peer")]
    Banned,
    #[error("a duplicate connection")]
    Duplicate,
    #[error("a connection beyond the limit of the torrent")]
    Full,
    #[error("too many bitfields with few new pieces")]
    Bitfields,
    #[error("a bitfield of {got} bytes that does not fit {pieces} pieces")]
    BadBitfield { got: usize, pieces: u32 },
    #[error("a {message} message without the Fast Extension")]
    NotFast { message: &'static str },
    #[error("a piece index out of range: {piece} of {pieces}")]
    NoSuchPiece { piece: u32, pieces: u32 },
    #[error("an invalid request: {len} bytes at {begin} of piece {piece}")]
    BadRequest { piece: u32, begin: u32, len: u32 },
    #[error("too many unrequested blocks")]
    Unasked,
    #[error("too many refused requests: at most {0} may wait at a time")]
    TooManyRequests(usize),
    #[error("too many messages without effect")]
    Junk,
    #[error(transparent)]
    Bad(#[from] BanReason),
}

/// Consequence of an offence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// End the connection. The peer may reconnect.
    Close,
    /// End the connection and forget the address.
    Forget,
    /// End all connections of the author and refuse new ones for a time.
    Ban(BanReason),
}

impl Misbehaviour {
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Bad(reason) => Verdict::Ban(*reason),
            Self::Myself | Self::WrongTorrent | Self::Banned => Verdict::Forget,
            Self::Wire(_)
            | Self::UnknownTorrent
            | Self::Duplicate
            | Self::Full
            | Self::Bitfields
            | Self::BadBitfield { .. }
            | Self::NotFast { .. }
            | Self::NoSuchPiece { .. }
            | Self::BadRequest { .. }
            | Self::Unasked
            | Self::Junk
            | Self::TooManyRequests(_) => Verdict::Close,
        }
    }
}
