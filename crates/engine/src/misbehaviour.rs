//! What peers do wrong, and what follows. This is the only place that decides.

use crate::bans::BanReason;
use thiserror::Error;
use ztor_wire::WireError;

/// A peer's offence.
#[derive(Debug, Error)]
pub(crate) enum Misbehaviour {
    #[error("sent bytes that are no BitTorrent: {0}")]
    Wire(#[from] WireError),
    #[error("asked for a torrent that is not here")]
    UnknownTorrent,
    #[error("answered for another torrent")]
    WrongTorrent,
    #[error("it is ourselves")]
    Myself,
    #[error("is banned")]
    Banned,
    #[error("is connected already")]
    Duplicate,
    #[error("comes when the torrent has all the peers it may")]
    Full,
    #[error("keeps telling all its pieces at once")]
    Bitfields,
    #[error("sent a bitfield of {got} bytes that does not fit {pieces} pieces")]
    BadBitfield { got: usize, pieces: u32 },
    #[error("sent {message} without the Fast Extension")]
    NotFast { message: &'static str },
    #[error("named piece {piece} of {pieces}")]
    NoSuchPiece { piece: u32, pieces: u32 },
    #[error("asked for {len} bytes at {begin} of piece {piece}, which it may not")]
    BadRequest { piece: u32, begin: u32, len: u32 },
    #[error("kept sending blocks nobody asked for")]
    Unasked,
    #[error("kept asking for more than {0} blocks at a time")]
    TooManyRequests(usize),
    #[error("kept sending messages to no effect")]
    Junk,
    #[error(transparent)]
    Bad(#[from] BanReason),
}

/// What to do with the offender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// End the connection; it may come back.
    Close,
    /// End the connection; the address is not tried again.
    Forget,
    /// End all its connections and refuse new ones.
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
