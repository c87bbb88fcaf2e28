//! Consequences of a message beyond its peer and its torrent.

use crate::bans::Author;
use std::net::SocketAddr;
use ztor_wire::{Block, HolepunchMessage};

/// The next step of the router, after a part has taken a message.
pub(super) enum Next {
    Done,
    /// Other peers need not send this block.
    CancelOthers(Block),
    /// A peer has named its node of the DHT.
    AddNode(SocketAddr),
    Holepunch(HolepunchMessage),
    /// This author has sent bad metadata.
    BadMetadata(Author),
    /// This author has sent bad hashes.
    BadHashes(Author),
    /// The info dictionary is complete, and its hash is right.
    Info(Vec<u8>),
    /// All piece layers are complete.
    LayersDone,
    /// The torrent is of no use.
    GiveUp(&'static str),
}
