//! A look inside, for whoever checks the engine from outside: plain data, read only.
//!
//! Nothing here is needed to drive an engine, and nothing changes what it does. The simulator holds these
//! numbers against its own count.

use crate::bans::Author;
use crate::bitfield::Bitfield;
use crate::ids::PeerKey;
use crate::pieces::Pieces;
use std::net::SocketAddr;
use ztor_wire::Block;

/// A table or queue with its declared bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it is.
    pub name: &'static str,
    /// Entries in it, or bytes.
    pub len: u64,
    /// The most it may have.
    pub max: u64,
}

/// A torrent's state, as far as it follows from that of its peers.
#[derive(Debug, Clone)]
pub struct TorrentView {
    /// It is neither being checked nor stopped.
    pub is_live: bool,
    /// Pieces that hashed right.
    pub have: Bitfield,
    /// Wanted pieces that are not there.
    pub missing: u32,
    /// Peers that have everything.
    pub seeds: u32,
    /// Per piece, how many of the other peers have it. Empty once nothing is missing.
    pub availability: Vec<u16>,
    /// Pieces that may be started, the rarest first.
    pub order: Vec<u32>,
    /// Pieces in progress.
    pub partials: Vec<PartialView>,
    /// Free blocks of the pieces in progress.
    pub open_blocks: u32,
    /// Its connections.
    pub peers: Vec<PeerView>,
}

/// A piece in progress.
#[derive(Debug, Clone)]
pub struct PartialView {
    /// Which.
    pub piece: u32,
    /// One entry per block.
    pub blocks: Vec<BlockState>,
}

/// What a block of a piece in progress is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockState {
    /// To be asked for.
    Free,
    /// Asked of this number of peers.
    Asked(u8),
    /// Here, if perhaps not yet on disk.
    Received,
}

/// A connection's state.
#[derive(Debug, Clone)]
pub struct PeerView {
    /// Which.
    pub key: PeerKey,
    /// Where.
    pub addr: SocketAddr,
    /// The one who answers for what it sends.
    pub author: Author,
    /// The handshake is done.
    pub is_live: bool,
    /// It is settled when the turn ends.
    pub is_dirty: bool,
    /// What it has, as it says.
    pub has: Pieces,
    /// How many of these we want and lack.
    pub interesting: u32,
    /// Our state towards it.
    pub we_are_interested: bool,
    /// Our state towards it.
    pub we_choke: bool,
    /// Holds an optimistic slot.
    pub is_optimistic: bool,
    /// Its state towards us.
    pub chokes_us: bool,
    /// Its state towards us.
    pub is_interested: bool,
    /// Blocks asked for, and whether they were given back since.
    pub asked: Vec<(Block, bool)>,
    /// How many of these were not given back.
    pub outstanding: usize,
    /// Its requests that wait to be served.
    pub upload_queue: usize,
    /// Piece data on its way to its socket, in bytes.
    pub in_flight_bytes: u64,
    /// Its requests wait for an upload limit.
    pub waits_for_upload_quota: bool,
    /// Our requests wait for a download limit.
    pub waits_for_download_quota: bool,
}
