//! Read-only views of the engine's internals, for checkers.
//!
//! A driver does not need them, and they do not affect the engine. The simulator compares these numbers with its own.

use crate::bans::Author;
use crate::bitfield::Bitfield;
use crate::ids::PeerKey;
use crate::pieces::Pieces;
use std::net::SocketAddr;
use ztor_wire::Block;

/// A table or queue with its declared bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Name of the table or queue.
    pub name: &'static str,
    /// Number of entries, or of bytes.
    pub len: u64,
    /// Upper bound of `len`.
    pub max: u64,
}

/// State of a torrent and of its peers.
#[derive(Debug, Clone)]
pub struct TorrentView {
    /// True while the torrent exchanges pieces.
    pub is_live: bool,
    /// Verified pieces.
    pub have: Bitfield,
    /// Number of wanted pieces that are missing.
    pub missing: u32,
    /// Number of peers that have every piece.
    pub seeds: u32,
    /// For each piece, the number of the other peers that have it. Empty once nothing is missing.
    pub availability: Vec<u16>,
    /// Pieces that may be started, the rarest first.
    pub order: Vec<u32>,
    /// Pieces in progress.
    pub partials: Vec<PartialView>,
    /// Number of free blocks in the pieces in progress.
    pub open_blocks: u32,
    /// Blocks requested from web seeds.
    pub web_asked: Vec<Block>,
    /// Bytes that web seeds may send, for which tokens of the limits are taken.
    pub web_allowed_bytes: u64,
    /// Connections of the torrent.
    pub peers: Vec<PeerView>,
}

/// A piece in progress.
#[derive(Debug, Clone)]
pub struct PartialView {
    /// Index of the piece.
    pub piece: u32,
    /// State of each block.
    pub blocks: Vec<BlockState>,
}

/// State of a block of a piece in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockState {
    /// Not requested.
    Free,
    /// Requested from this number of peers.
    Asked(u8),
    /// Received, but possibly not yet on disk.
    Received,
}

/// A connection's state.
#[derive(Debug, Clone)]
pub struct PeerView {
    /// Key of the connection.
    pub key: PeerKey,
    /// Address of the peer.
    pub addr: SocketAddr,
    /// The host or peer that is responsible for received data.
    pub author: Author,
    /// True once the handshake is complete.
    pub is_live: bool,
    /// True if the peer is marked to be settled at the end of the turn.
    pub is_dirty: bool,
    /// Pieces of the peer, as it claims.
    pub has: Pieces,
    /// Number of these pieces that we want and lack.
    pub interesting: u32,
    /// True if we are interested in the peer.
    pub we_are_interested: bool,
    /// True if we choke the peer.
    pub we_choke: bool,
    /// True if the peer holds an optimistic unchoke slot.
    pub is_optimistic: bool,
    /// True if the peer chokes us.
    pub chokes_us: bool,
    /// True if the peer is interested in us.
    pub is_interested: bool,
    /// Blocks requested from the peer; the flag is true if the request was given back since.
    pub asked: Vec<(Block, bool)>,
    /// Number of these requests that were not given back.
    pub outstanding: usize,
    /// Bytes of requests for which tokens of the limits are taken, also of those that were cancelled when a limit was
    /// lowered and may still be answered.
    pub paid_bytes: u64,
    /// Number of the peer's requests that wait to be served.
    pub upload_queue: usize,
    /// Piece data on its way to the peer's socket, in bytes.
    pub in_flight_bytes: u64,
    /// True if the peer's requests wait for an upload limit.
    pub waits_for_upload_quota: bool,
    /// True if our requests wait for a download limit.
    pub waits_for_download_quota: bool,
}
