//! A look inside, for whoever checks the engine from outside: plain data, read only.
//!
//! Nothing here is needed to drive an engine, and nothing changes what it does. The simulator holds these
//! numbers against its own count.

use crate::Engine;
use crate::bans::{Author, MAX_BANS};
use crate::bitfield::Bitfield;
use crate::config::{
    DISK_HIGH_WATER, MAX_HALF_OPEN, MAX_KNOWN_PEERS, MAX_OWN_ADDRS, MAX_PEER_REQUESTS, MAX_REQUESTS,
};
use crate::ids::{PeerKey, TorrentId};
use crate::peer::{Asked, Peer};
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
    /// Asked of so many peers.
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
    /// It is to be looked at when the turn ends.
    pub is_dirty: bool,
    /// What it has, as it says.
    pub has: Pieces,
    /// How many of these we want and lack.
    pub interesting: u32,
    /// As we told it.
    pub we_are_interested: bool,
    /// As we told it.
    pub we_choke: bool,
    /// Holds an optimistic slot.
    pub is_optimistic: bool,
    /// As it told us.
    pub chokes_us: bool,
    /// As it told us.
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

impl Engine {
    /// Every table and queue that could grow, with its bound; of those that each peer or torrent has, the
    /// fullest.
    pub fn tables(&self) -> Vec<Table> {
        let peers = || self.peers.values();
        let torrents = || self.torrents.values();
        let table = |name, len: usize, max: usize| Table { name, len: len as u64, max: max as u64 };
        let mut tables = vec![
            table("peers", self.peers.len(), self.config.max_peers),
            table("bans", self.bans.len(), MAX_BANS),
            table("attempts to connect", self.connects.half_open(), MAX_HALF_OPEN),
            // Each is an attempt that has ended or is under way.
            table("attempts to be repeated", self.connects.again(), 2 * self.config.max_peers),
            table("own addresses", self.connects.own_addrs(), MAX_OWN_ADDRS),
            // One turn of reading may come on top of the mark.
            Table { name: "bytes for the disk", len: self.disk_bytes, max: DISK_HIGH_WATER + (64 << 20) },
            table(
                "peers waiting for tokens",
                self.down_line.len() + self.up_line.len(),
                2 * self.config.max_peers,
            ),
            // Those of connections that are gone stay until they are due.
            table("timers", self.timers.len(), 64 * (self.config.max_peers + self.torrents.len()) + 10_000),
        ];
        let fullest = |lens: &mut dyn Iterator<Item = usize>| lens.max().unwrap_or(0);
        tables.push(table(
            "requests to a peer",
            fullest(&mut peers().map(|p| p.download.asked.len())),
            2 * MAX_REQUESTS + 1,
        ));
        tables.push(table(
            "requests of a peer",
            fullest(&mut peers().map(|p| p.upload.queue.len())),
            MAX_PEER_REQUESTS,
        ));
        tables.push(table(
            "known addresses",
            fullest(&mut torrents().map(|t| t.known.len())),
            MAX_KNOWN_PEERS,
        ));
        let per_torrent = self.config.max_peers_per_torrent;
        tables.push(table(
            "peers of a torrent",
            fullest(&mut torrents().map(|t| t.peers.len())),
            per_torrent,
        ));
        tables
    }

    /// Connections, attempts included.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// The address of a connection, and about how much memory is kept for it, in bytes: all that the peer has a say in.
    pub fn held_bytes(&self, key: PeerKey) -> Option<(SocketAddr, usize)> {
        let peer = self.peers.get(key)?;
        let pieces = match &peer.has {
            Pieces::Some(set) => set.len() as usize / 8,
            Pieces::None | Pieces::All => 0,
        };
        let early = peer.extended.early.as_ref().map_or(0, |early| early.bytes());
        let held = size_of::<Peer>()
            + pieces
            + early
            + peer.client.as_ref().map_or(0, String::capacity)
            + peer.download.asked.capacity() * size_of::<Asked>()
            + peer.download.allowed_fast.capacity() * size_of::<u32>()
            + peer.upload.queue.capacity() * size_of::<Block>()
            + peer.upload.allowed_fast.capacity() * size_of::<u32>()
            + peer.questions.bytes()
            + peer.extended.pex.bytes();
        Some((peer.addr, held))
    }

    /// Pieces of a torrent that hashed right.
    pub fn have(&self, id: TorrentId) -> Option<&Bitfield> {
        self.torrents.get(id).map(|torrent| torrent.picker.have())
    }

    /// All of a torrent. Costs a copy of most of its state.
    pub fn inspect(&self, id: TorrentId) -> Option<TorrentView> {
        let torrent = self.torrents.get(id)?;
        let picker = torrent.picker.view();
        let peers = torrent.peers.iter().filter_map(|key| Some((*key, self.peers.get(*key)?)));
        let peers = peers.map(|(key, p)| PeerView {
            key,
            addr: p.addr,
            is_live: p.is_live(),
            author: p.author(),
            is_dirty: p.is_dirty,
            has: p.has.clone(),
            interesting: p.interesting,
            we_are_interested: p.we_are_interested,
            we_choke: p.we_choke,
            is_optimistic: p.upload.is_optimistic,
            chokes_us: p.chokes_us,
            is_interested: p.is_interested,
            asked: p.download.asked.iter().map(|a| (a.block, a.released)).collect(),
            outstanding: p.download.live,
            upload_queue: p.upload.queue.len(),
            in_flight_bytes: p.upload.in_flight_bytes,
            waits_for_upload_quota: p.upload.waits_for_quota,
            waits_for_download_quota: p.download.waits_for_quota,
        });
        Some(TorrentView {
            is_live: torrent.is_live(),
            have: torrent.picker.have().clone(),
            missing: picker.missing,
            seeds: torrent.seeds,
            availability: picker.availability,
            order: picker.order,
            partials: picker.partials,
            open_blocks: picker.open_blocks,
            peers: peers.collect(),
        })
    }
}
