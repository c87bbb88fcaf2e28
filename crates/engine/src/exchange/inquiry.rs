//! Inquiries about pieces that hashed wrong, with blocks of several authors (BEP 52, leaf hashes).
//!
//! A v2 torrent has a hash for every block, which only peers know. They are asked for those of the bad piece: the proof up
//! to the root of the file shows that an answer is right. The blocks that differ convict their authors, and only they are
//! fetched again. Without an answer the piece is fetched again as a whole, and `blame` finds the authors then.

use super::Exchange;
use crate::bitfield::Bitfield;
use crate::cx::Cx;
use crate::event::BlockDigest;
use crate::ids::PeerKey;
use crate::outbox::KeepBlocks;
use crate::peer::{Peer, Peers};
use crate::sender::Sender;
use std::collections::BTreeMap;
use ztor_base::{Duration, Instant};
use ztor_metainfo::{BLOCK_LEN, merkle};
use ztor_wire::{HashRequest, Message};

/// Maximum number of inquiries of a torrent. Further bad pieces are fetched again at once.
const MAX_INQUIRIES: usize = 8;
/// Maximum number of peers asked in one inquiry.
const MAX_ASKED: usize = 3;
/// Time after which the next peer is asked.
const PATIENCE: Duration = Duration::from_secs(5);
/// Maximum number of hashes per request; other clients accept this many. Longer pieces are fetched again at once.
const MAX_HASHES: u32 = 512;

/// The inquiries of a torrent, by piece.
#[derive(Debug, Default)]
pub(super) struct Inquiries {
    open: BTreeMap<u32, Inquiry>,
}

#[derive(Debug)]
struct Inquiry {
    digests: Vec<BlockDigest>,
    /// Sender of each block, by its offset.
    sources: BTreeMap<u32, Sender>,
    request: HashRequest,
    /// Height of the tree of the file.
    height: u32,
    asked: Vec<PeerKey>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The last peer that was asked has until then.
    Asking(Instant),
    /// The disk keeps the right blocks. These numbers of blocks are fetched again.
    Keeping(Vec<u32>),
}

/// Result of an answer.
#[derive(Debug)]
pub(crate) enum LeafOutcome {
    /// Nothing was asked.
    Unneeded,
    /// The hashes do not belong under the root.
    Wrong,
    /// These authors have sent bad blocks of the piece.
    Guilty(u32, Vec<Sender>),
}

impl Inquiry {
    /// Returns true if a peer may know the hashes.
    fn may_ask(&self, piece: u32, is_v2_only: bool, peer: &Peer) -> bool {
        // Some v1-only clients close the connection on unknown requests.
        let knows_v2 = is_v2_only || peer.conn().speaks_v2();
        peer.is_live() && knows_v2 && peer.trade().has().contains(piece) && !self.asked.contains(&peer.key())
    }

    /// Chooses the next peer: the authors of the piece last.
    fn next_peer(&self, piece: u32, is_v2_only: bool, keys: &[PeerKey], peers: &Peers) -> Option<PeerKey> {
        if self.asked.len() >= MAX_ASKED {
            return None;
        }
        let candidates = peers.of(keys).filter(|peer| self.may_ask(piece, is_v2_only, peer));
        let is_author =
            |peer: &Peer| self.sources.values().any(|author| *author == peer.conn().author().into());
        candidates.min_by_key(|peer| (is_author(peer), peer.key())).map(Peer::key)
    }

    /// Returns the number of a block and its digest, for each whose digest differs from its leaf.
    fn bad_blocks(&self, leaves: &[merkle::Hash]) -> Vec<u32> {
        let number = |digest: &&BlockDigest| digest.begin / BLOCK_LEN;
        let differs = |digest: &&BlockDigest| {
            leaves.get(number(digest) as usize).is_none_or(|leaf| *leaf != digest.digest)
        };
        self.digests.iter().filter(differs).map(|digest| number(&digest)).collect()
    }
}

impl Exchange {
    /// Starts an inquiry about a piece that hashed wrong. Returns false if it is of no use.
    pub(super) fn inquire(
        &mut self,
        cx: &mut Cx<'_>,
        piece: u32,
        digests: &[BlockDigest],
        keys: &[PeerKey],
        peers: &Peers,
    ) -> bool {
        let Some(sources) = self.picker.senders_of(piece) else { return false };
        let sources: BTreeMap<u32, Sender> = sources.into_iter().collect();
        let has_several = sources.values().any(|author| Some(author) != sources.values().next());
        let is_complete = digests.len() as u32 == self.layout.block_count(piece);
        let Some((request, height)) = self.leaf_request(piece) else { return false };
        if !has_several || !is_complete || self.inquiries.open.len() >= MAX_INQUIRIES {
            return false;
        }
        let digests = digests.to_vec();
        let stage = Stage::Asking(cx.now);
        let inquiry = Inquiry { digests, sources, request, height, asked: Vec::new(), stage };
        if inquiry.next_peer(piece, self.is_v2_only, keys, peers).is_none() {
            return false;
        }
        self.inquiries.open.insert(piece, inquiry);
        cx.dirty.mark_torrent(self.id);
        true
    }

    /// Returns the request for all leaves of a piece, and the height of the tree; `None` if there is none.
    fn leaf_request(&self, piece: u32) -> Option<(HashRequest, u32)> {
        if !self.is_v2 {
            return None;
        }
        let index = self.layout.file_of_piece(piece)?;
        let file = self.layout.files().get(index)?;
        let pieces = self.layout.pieces_of(index);
        let length = u32::try_from(self.layout.v2_leaf_width(piece)).ok()?;
        let height = if pieces.len() > 1 {
            merkle::piece_layer(self.layout.piece_length()) + merkle::height(pieces.len() as u64)
        } else {
            length.trailing_zeros()
        };
        if !(2..=MAX_HASHES).contains(&length) {
            return None;
        }
        let request = HashRequest {
            pieces_root: file.pieces_root()?,
            base_layer: 0,
            index: piece.checked_sub(pieces.start)?.checked_mul(length)?,
            length,
            proof_layers: height.checked_sub(1)?,
        };
        Some((request, height))
    }

    /// Asks the next peers, and gives up inquiries without any.
    pub(super) fn settle_inquiries(&mut self, cx: &mut Cx<'_>, keys: &[PeerKey], peers: &Peers) {
        let mut vain = Vec::new();
        for (piece, inquiry) in &mut self.inquiries.open {
            if !matches!(inquiry.stage, Stage::Asking(until) if until <= cx.now) {
                continue;
            }
            match inquiry.next_peer(*piece, self.is_v2_only, keys, peers) {
                Some(key) => {
                    inquiry.asked.push(key);
                    inquiry.stage = Stage::Asking(cx.now + PATIENCE);
                    cx.out.send(key, &Message::HashRequest(inquiry.request));
                }
                None => vain.push(*piece),
            }
        }
        vain.into_iter().for_each(|piece| self.give_up_inquiry(cx, piece));
    }

    /// Returns the time at which the next peer is asked; `None` without inquiries.
    pub(crate) fn inquiries_at(&self) -> Option<Instant> {
        let until = self.inquiries.open.values().filter_map(|inquiry| match inquiry.stage {
            Stage::Asking(until) => Some(until),
            Stage::Keeping(_) => None,
        });
        until.min()
    }

    /// Fetches the piece again as a whole.
    fn give_up_inquiry(&mut self, cx: &mut Cx<'_>, piece: u32) {
        if let Some(inquiry) = self.inquiries.open.remove(&piece) {
            self.fetch_again(piece, &inquiry.digests);
            self.freed_blocks(cx);
        }
    }

    /// Handles the hashes of a peer. Keeps the right blocks, and returns the authors of the others.
    pub(crate) fn on_leaf_hashes(
        &mut self,
        cx: &mut Cx<'_>,
        key: PeerKey,
        request: &HashRequest,
        hashes: &[u8],
    ) -> LeafOutcome {
        let is_asked = |inquiry: &Inquiry| {
            inquiry.request == *request
                && inquiry.asked.contains(&key)
                && matches!(inquiry.stage, Stage::Asking(_))
        };
        let found = self.inquiries.open.iter_mut().find(|(_, inquiry)| is_asked(inquiry));
        let Some((piece, inquiry)) = found else { return LeafOutcome::Unneeded };
        let piece = *piece;
        cx.dirty.mark_torrent(self.id);
        let range = merkle::Range {
            base_layer: request.base_layer,
            index: request.index,
            length: request.length,
            proof_layers: request.proof_layers,
        };
        let (answer, rest) = hashes.as_chunks::<32>();
        let checked = merkle::check(&request.pieces_root, inquiry.height, range, answer);
        let Some(leaves) = checked.filter(|_| rest.is_empty()) else {
            inquiry.stage = Stage::Asking(cx.now);
            return LeafOutcome::Wrong;
        };
        let bad = inquiry.bad_blocks(leaves);
        let authors = bad.iter().filter_map(|block| inquiry.sources.get(&(block * BLOCK_LEN)));
        let mut guilty: Vec<Sender> = authors.copied().filter(|author| *author != Sender::Disk).collect();
        guilty.sort_unstable();
        guilty.dedup();
        let count = self.layout.block_count(piece);
        if bad.is_empty() || bad.len() as u32 == count {
            self.give_up_inquiry(cx, piece);
            return LeafOutcome::Guilty(piece, guilty);
        }
        let mut blocks = Bitfield::full(count);
        bad.iter().for_each(|block| {
            blocks.remove(*block);
        });
        cx.out.keeps.push(KeepBlocks { torrent: self.id, piece, blocks });
        inquiry.stage = Stage::Keeping(bad);
        LeafOutcome::Guilty(piece, guilty)
    }

    /// Handles the refusal of a request for leaf hashes.
    pub(crate) fn on_leaf_reject(&mut self, cx: &mut Cx<'_>, key: PeerKey, request: &HashRequest) {
        let inquiries = self.inquiries.open.values_mut();
        let asked =
            inquiries.filter(|inquiry| inquiry.request == *request && inquiry.asked.last() == Some(&key));
        for inquiry in asked {
            if matches!(inquiry.stage, Stage::Asking(_)) {
                inquiry.stage = Stage::Asking(cx.now);
                cx.dirty.mark_torrent(self.id);
            }
        }
    }

    /// Fetches the bad blocks of a piece, as the disk keeps the others. If it does not, fetches all.
    pub(crate) fn on_kept(&mut self, cx: &mut Cx<'_>, piece: u32, is_kept: bool) {
        let Some(inquiry) = self.inquiries.open.get(&piece) else { return };
        let Stage::Keeping(bad) = &inquiry.stage else { return };
        if !is_kept {
            return self.give_up_inquiry(cx, piece);
        }
        let wasted: u32 = bad.iter().map(|block| self.layout.block_len(piece, *block)).sum();
        self.picker.retry(piece, bad);
        self.totals.wasted(wasted);
        self.inquiries.open.remove(&piece);
        self.freed_blocks(cx);
    }

    /// Forgets the inquiry about a piece that is right, or all of them as no piece is in progress any more.
    pub(super) fn end_inquiries(&mut self, piece: Option<u32>) {
        match piece {
            Some(piece) => drop(self.inquiries.open.remove(&piece)),
            None => self.inquiries.open.clear(),
        }
    }
}
