//! The picker and the token bucket for the fuzz targets, which hold them against naive models. Not part of the
//! interface: it exists with the feature `fuzzing` only, and follows what it opens.

use crate::bitfield::Bitfield;
use crate::ids::PeerKey;
use crate::inspect::Pieces;
use crate::picker::{self, Ask, PeerPieces, Priority, Receipt};
use crate::rate;
use fastrand::Rng;
use std::net::IpAddr;
use std::sync::Arc;
use ztor_base::Instant;
use ztor_metainfo::Layout;
use ztor_wire::Block;

/// A token bucket; see the calls of the same name in `rate`.
pub struct Bucket(rate::Bucket);

impl Bucket {
    /// An empty one of `limit` bytes per second.
    pub fn new(limit: Option<u64>, now: Instant) -> Self {
        Self(rate::Bucket::new(limit, now))
    }

    /// Changes the limit.
    pub fn set_limit(&mut self, now: Instant, limit: Option<u64>) {
        self.0.set_limit(now, limit);
    }

    /// Whether `bytes` may pass now.
    pub fn has(&mut self, now: Instant, bytes: u32) -> bool {
        self.0.has(now, bytes)
    }

    /// Takes `bytes`.
    pub fn take(&mut self, bytes: u32) {
        self.0.take(bytes);
    }

    /// Gives back `bytes`.
    pub fn refund(&mut self, bytes: u32) {
        self.0.refund(bytes);
    }

    /// When `bytes` will be there.
    pub fn ready_at(&self, bytes: u32) -> Instant {
        self.0.ready_at(bytes)
    }
}

/// The picker of one torrent with its chance; peers are small numbers. See the calls of the same name in `picker`.
pub struct Picker {
    inner: picker::Picker,
    rng: Rng,
}

/// What a pick is told.
pub struct Pick<'a> {
    /// For whom.
    pub peer: u64,
    /// What it has.
    pub has: &'a Pieces,
    /// The piece it was last given.
    pub current: Option<u32>,
    /// Fast enough to be given whole pieces.
    pub whole_pieces: bool,
    /// Nothing is outstanding from it.
    pub idle: bool,
    /// Blocks at most.
    pub count: usize,
    /// Peers of the torrent.
    pub peers: usize,
}

impl Picker {
    /// A picker after the check.
    pub fn new(
        layout: Arc<Layout>,
        have: Bitfield,
        wants: Option<Box<[Priority]>>,
        sequential: bool,
        seed: u64,
    ) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut inner = picker::Picker::new(layout);
        inner.sequential = sequential;
        inner.reset(have, wants, &mut rng);
        Self { inner, rng }
    }

    /// Chooses blocks; also the piece to go on with.
    pub fn pick(&mut self, pick: &Pick<'_>) -> (Vec<Block>, Option<u32>) {
        let has = pieces(pick.has);
        let ask = Ask {
            peer: key(pick.peer),
            has: &has,
            current: pick.current,
            whole_pieces: pick.whole_pieces,
            idle: pick.idle,
        };
        let mut blocks = Vec::new();
        let current = self.inner.pick(&ask, pick.count, pick.peers, &mut self.rng, &mut blocks);
        (blocks, current)
    }

    /// Chooses blocks of one piece.
    pub fn pick_in(&mut self, piece: u32, peer: u64, count: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        self.inner.pick_in(piece, key(peer), count, &mut blocks);
        blocks
    }

    /// Whether a block that came was missing, and if so, whether others were asked for it too.
    pub fn received(&mut self, block: Block, source: IpAddr) -> Option<bool> {
        match self.inner.received(block, source) {
            Receipt::New { asked_of_others } => Some(asked_of_others),
            Receipt::Unneeded => None,
        }
    }

    /// A block will not come.
    pub fn release(&mut self, block: Block, peer: u64) {
        self.inner.release(block, key(peer), &mut self.rng);
    }

    /// A peer will give nothing for now.
    pub fn disown(&mut self, peer: u64) {
        self.inner.disown(key(peer));
    }

    /// A piece hashed right.
    pub fn verified(&mut self, piece: u32) -> bool {
        self.inner.verified(piece)
    }

    /// A piece hashed wrong.
    pub fn failed(&mut self, piece: u32) -> Option<Vec<(u32, IpAddr)>> {
        self.inner.failed(piece)
    }

    /// What is in progress is lost.
    pub fn drop_partials(&mut self) {
        self.inner.drop_partials(&mut self.rng);
    }

    /// A peer that is no seed came.
    pub fn peer_has_all_of(&mut self, set: &Bitfield) {
        self.inner.peer_has_all_of(set, &mut self.rng);
    }

    /// A peer that is no seed has one more piece.
    pub fn peer_has(&mut self, piece: u32) {
        self.inner.peer_has(piece, &mut self.rng);
    }

    /// A peer that is no seed left.
    pub fn peer_gone(&mut self, set: &Bitfield) {
        self.inner.peer_gone(set, &mut self.rng);
    }

    /// The pieces that are had.
    pub fn have(&self) -> &Bitfield {
        self.inner.have()
    }

    /// Whether nothing wanted is missing.
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }

    /// How many pieces of `has` are wanted and missing.
    pub fn interesting(&self, has: &Pieces) -> u32 {
        self.inner.interesting(&pieces(has))
    }
}

fn key(peer: u64) -> PeerKey {
    PeerKey::from_u64((1 << 32) | peer)
}

fn pieces(has: &Pieces) -> PeerPieces {
    match has {
        Pieces::None => PeerPieces::None,
        Pieces::All => PeerPieces::All,
        Pieces::Some(set) => PeerPieces::Some(set.clone()),
    }
}
