//! Consequences of a message beyond its peer and its torrent.

use crate::bans::Author;
use crate::sender::Sender;
use std::net::SocketAddr;
use ztor_wire::{Block, HolepunchMessage};

/// Next step of the router after a part has handled a message.
pub(super) enum Next {
    Done,
    /// Cancels the requests for this block at other peers.
    CancelOthers(Block),
    /// Adds the DHT node that a peer has named.
    AddNode(SocketAddr),
    Holepunch(HolepunchMessage),
    /// Bans this author for bad metadata.
    BadMetadata(Author),
    /// Bans this author for bad hashes.
    BadHashes(Author),
    /// Blames these senders for bad blocks of a piece.
    BadBlocks(u32, Vec<Sender>),
    /// Takes the complete info dictionary, whose hash is right.
    Info(Vec<u8>),
    /// Takes the metadata, as all piece layers are complete.
    LayersDone,
    /// Gives up the torrent for this reason.
    GiveUp(&'static str),
}
