//! The exchange of blocks in one torrent, in both directions.
//!
//! [`Exchange`] is the torrent's side and [`Trade`] one peer's. Nothing else touches their fields:
//! - `pieces` counts the pieces of peers and ours, `picker` orders them, `pending` keeps them before the metadata is
//!   known;
//! - `requests` requests and receives blocks (`download`), `blame` and `inquiry` find the authors of bad ones;
//! - `serving` answers requests (`upload`), `answers` those for metadata and hashes (`questions`, `proofs`);
//! - `super_seeding` hides pieces from peers, while a seed wants to upload little more than one copy;
//! - `choker` chooses the peers to serve, within the `slots` of the torrent and of all torrents; `debts` tells those that
//!   take without end.

mod answers;
mod blame;
mod choker;
mod debts;
mod download;
mod inquiry;
mod pending;
pub(crate) mod picker;
mod pieces;
mod proofs;
pub(crate) mod questions;
mod requests;
mod serving;
mod slots;
mod super_seeding;
mod totals;
mod trade;
mod upload;
mod web;

use answers::BulkUse;
pub(crate) use answers::Source;
pub(crate) use debts::MOST_ACCOUNTS;
pub(crate) use slots::UploadSlots;
pub(crate) use totals::Totals;
pub(crate) use trade::Trade;

use crate::bans::BanReason;
use crate::bitfield::Bitfield;
use crate::config::LeechDefence;
use crate::cx::Cx;
use crate::ids::{DiskId, PeerKey, TorrentId};
use crate::inspect::TorrentView;
use crate::outbox::Outbox;
use crate::peer::Peers;
use crate::piece_map::PartialPiece;
use crate::quota::TorrentLimits;
use blame::Blame;
use debts::{Debts, Sizes, Visit};
use inquiry::Inquiries;
pub(crate) use inquiry::LeafOutcome;
use picker::{Picker, Priority};
use proofs::Proofs;
use slots::Slots;
use std::collections::VecDeque;
use std::sync::Arc;
use super_seeding::SuperSeeding;
use ztor_base::Instant;
use ztor_metainfo::{BLOCK_LEN, Layout, Metainfo};
use ztor_wire::Message;

/// The exchange of blocks in one torrent.
pub(crate) struct Exchange {
    id: TorrentId,
    /// The disk that blocks are written to.
    disk: DiskId,
    /// The layout, which has no pieces until the metadata is known.
    layout: Arc<Layout>,
    /// True if the torrent has v2 hashes, so that files end with a short block.
    is_v2: bool,
    /// True if it has no v1 hashes.
    is_v2_only: bool,
    picker: Picker,
    priorities: Option<Box<[Priority]>>,
    blame: Blame,
    inquiries: Inquiries,
    proofs: Proofs,
    bulk_use: BulkUse,
    limits: TorrentLimits,
    totals: Totals,
    slots: Slots,
    debts: Debts,
    super_seeding: SuperSeeding,
    /// Pieces that were read last for peers, the latest last, at most [`MAX_READ`](serving::MAX_READ).
    read: VecDeque<u32>,
    /// Number of live peers that have everything. The picker does not count them.
    seeds: u32,
    /// Bytes of pieces that hashed right.
    have_bytes: u64,
    /// Bytes of wanted pieces that are missing.
    left_bytes: u64,
    /// Bytes of all pieces.
    total_bytes: u64,
    /// Pieces that are verified and not yet announced to the peers.
    new_pieces: Vec<u32>,
    /// Set when blocks were released, so that idle peers may have work again.
    has_freed_blocks: bool,
    /// True if a block was written since the check.
    has_written: bool,
    /// Time since which a common piece in progress is asked of no peer.
    hoards_since: Option<Instant>,
}

impl Exchange {
    pub(crate) fn new(now: Instant, id: TorrentId) -> Self {
        let layout = Arc::new(Layout::empty());
        Self {
            id,
            disk: DiskId::default(),
            is_v2: false,
            is_v2_only: false,
            picker: Picker::new(Arc::clone(&layout)),
            priorities: None,
            blame: Blame::default(),
            inquiries: Inquiries::default(),
            proofs: Proofs::default(),
            bulk_use: BulkUse::default(),
            limits: TorrentLimits::new(now),
            totals: Totals::default(),
            slots: Slots::new(now),
            debts: Debts::default(),
            super_seeding: SuperSeeding::default(),
            read: VecDeque::new(),
            seeds: 0,
            have_bytes: 0,
            left_bytes: u64::from(BLOCK_LEN),
            // Not zero, or trackers would take us for a seed.
            total_bytes: u64::from(BLOCK_LEN),
            new_pieces: Vec::new(),
            has_freed_blocks: false,
            has_written: false,
            hoards_since: None,
            layout,
        }
    }

    /// Returns the disk that blocks are written to.
    pub(crate) fn disk(&self) -> DiskId {
        self.disk
    }

    /// Sets the disk that blocks are written to.
    pub(crate) fn set_disk(&mut self, disk: DiskId) {
        self.disk = disk;
    }

    /// Takes the metadata, which gives the number of pieces.
    pub(crate) fn set_metadata(&mut self, meta: &Metainfo) {
        self.layout = Arc::clone(&meta.layout);
        self.is_v2 = meta.info_hashes.v2().is_some();
        self.is_v2_only = !meta.is_v1();
        self.end_inquiries(None);
        self.picker = Picker::new(Arc::clone(&self.layout));
        self.left_bytes = self.layout.total_len();
        self.total_bytes = self.left_bytes;
    }

    /// Takes the user's choice of pieces, and the counts of earlier sessions.
    pub(crate) fn start(&mut self, start: crate::StartTorrent) {
        self.priorities = start.priorities;
        self.picker.sequential = start.sequential;
        self.picker.set_ends_first(start.ends_first);
        self.want_super_seeding(start.super_seeding);
        self.totals.set_earlier(start.downloaded, start.uploaded);
    }

    fn id(&self) -> TorrentId {
        self.id
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn piece_count(&self) -> u32 {
        self.layout.piece_count()
    }

    /// Returns the pieces that hashed right.
    pub(crate) fn have(&self) -> &Bitfield {
        self.picker.have()
    }

    /// Returns true if no wanted piece is missing.
    pub(crate) fn is_complete(&self) -> bool {
        self.picker.is_finished()
    }

    /// Returns the bytes of pieces that hashed right.
    pub(crate) fn have_bytes(&self) -> u64 {
        self.have_bytes
    }

    /// Returns the bytes of wanted pieces that are missing.
    pub(crate) fn left_bytes(&self) -> u64 {
        self.left_bytes
    }

    /// Returns the bytes of all missing pieces, including unwanted ones (BEP 3 `left`).
    pub(crate) fn missing_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.have_bytes)
    }

    /// Returns true if no piece is missing, wanted or not.
    pub(crate) fn is_whole(&self) -> bool {
        self.picker.have().is_full()
    }

    /// Returns the number of pieces in progress.
    pub(crate) fn partial_count(&self) -> usize {
        self.picker.partial_count()
    }

    /// Returns the pieces in progress, in order.
    pub(crate) fn partial_pieces(&self) -> Vec<PartialPiece> {
        self.picker.partial_pieces()
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Returns the number of live peers that have everything.
    pub(crate) fn seeds(&self) -> u32 {
        self.seeds
    }

    /// Returns the time of the next round of the choker; `None` if no peer is interested.
    pub(crate) fn choke_at(&self) -> Option<Instant> {
        self.slots.choke_at()
    }

    /// Returns the number of hosts with an account.
    pub(crate) fn account_count(&self) -> usize {
        self.debts.len()
    }

    /// Opens the account of a peer past the handshake.
    pub(crate) fn joined(&mut self, now: Instant, trade: &mut Trade) {
        // Behind a forwarded port all peers have one local address, and no account could tell them apart.
        if trade.is_local {
            return;
        }
        trade.is_counted = true;
        self.debts.opened(now, trade.host);
    }

    /// Returns true if a peer is last in line, as its host takes without progress.
    pub(crate) fn is_debtor(&self, defence: LeechDefence, now: Instant, trade: &Trade) -> bool {
        defence != LeechDefence::Off
            && self.debts.is_debtor(trade.host, trade.upload.per_s(now), self.sizes())
    }

    /// Records that a peer downloads from us, or says that it will. Its account shows whether it starts over.
    fn begin_download(&mut self, trade: &mut Trade) {
        // Before the metadata is known, the number of its pieces is not.
        if trade.has_begun || self.piece_count() == 0 {
            return;
        }
        trade.has_begun = true;
        let pieces = trade.has.count(self.piece_count());
        trade.is_doubted = trade.is_counted && !self.debts.began(trade.host, pieces, self.sizes());
    }

    /// Fills the slot of a peer at once if it has become a debtor.
    fn note_debt(&mut self, cx: &mut Cx<'_>, trade: &Trade) {
        if !trade.we_choke && self.is_debtor(cx.config.leech_defence, cx.now, trade) {
            self.slots.changed = true;
            cx.dirty.mark_torrent(self.id);
        }
    }

    /// Returns the reason to ban the host of a peer for what it has taken; `None` if there is none.
    fn leech_offence(&self, defence: LeechDefence, trade: &Trade) -> Option<BanReason> {
        let visit = Visit {
            taken_bytes: trade.upload.total_bytes(),
            given_bytes: trade.download.total_bytes(),
            announced_pieces: trade.announced_pieces.into(),
            echoed_pieces: trade.echoed_pieces.into(),
        };
        self.debts.offence(trade.host, visit, self.sizes(), defence)
    }

    fn sizes(&self) -> Sizes {
        Sizes { piece_bytes: self.layout.piece_length().into(), total_bytes: self.layout.total_len() }
    }

    /// Returns the limits of this torrent, mutable.
    pub(crate) fn limits_mut(&mut self) -> &mut TorrentLimits {
        &mut self.limits
    }

    /// Notes that blocks were released. Idle peers are settled once for all of them, at the end of the turn.
    fn freed_blocks(&mut self, cx: &mut Cx<'_>) {
        self.has_freed_blocks = true;
        cx.dirty.mark_torrent(self.id);
    }

    /// Ends a turn: offers released blocks to idle peers, and announces new pieces.
    pub(crate) fn settle(&mut self, cx: &mut Cx<'_>, keys: &[PeerKey], peers: &Peers) {
        if std::mem::take(&mut self.has_freed_blocks) {
            wake_idle(cx, keys, peers);
        }
        self.settle_inquiries(cx, keys, peers);
        self.announce_new_pieces(cx.out, keys, peers);
    }

    fn announce_new_pieces(&mut self, out: &mut Outbox, keys: &[PeerKey], peers: &Peers) {
        let pieces = std::mem::take(&mut self.new_pieces);
        if pieces.is_empty() {
            return;
        }
        // Peers that have the piece get the message too: a super-seeding seed offers no other piece before it hears
        // that this one has spread (BEP 16), and seeds judge by it whether we make progress.
        for peer in peers.of(keys).filter(|peer| peer.is_live()) {
            for piece in &pieces {
                out.send(peer.key(), &Message::Have { piece: *piece });
            }
        }
    }

    /// Returns the state without the peers, for checks from outside the engine.
    pub(crate) fn view(&self, is_live: bool) -> TorrentView {
        let picker = self.picker.view();
        TorrentView {
            is_live,
            have: self.picker.have().clone(),
            missing: picker.missing,
            seeds: self.seeds,
            availability: picker.availability,
            order: picker.order,
            partials: picker.partials,
            open_blocks: picker.open_blocks,
            web_asked: Vec::new(),
            web_allowed_bytes: 0,
            peers: Vec::new(),
        }
    }
}

/// Marks idle peers to be settled, those that are not snubbed first. Otherwise a few peers that never give could keep
/// the last blocks among themselves.
pub(crate) fn wake_idle(cx: &mut Cx<'_>, keys: &[PeerKey], peers: &Peers) {
    for is_snubbed in [false, true] {
        for peer in peers.of(keys) {
            if peer.trade().download().is_snubbed() == is_snubbed && peer.trade().is_out_of_work() {
                cx.dirty.mark_peer(peer.key());
            }
        }
    }
}

#[cfg(test)]
impl Exchange {
    /// Panics if the counts do not agree with the peers, or if the picker is inconsistent.
    pub(crate) fn check(&self, keys: &[PeerKey], peers: &Peers) {
        let interested = peers.of(keys).filter(|peer| peer.trade().is_interested()).count();
        let unchoked = peers.of(keys).filter(|peer| !peer.trade().we_choke()).count();
        self.slots.check(interested, unchoked);
        self.picker.check_open();
    }
}
