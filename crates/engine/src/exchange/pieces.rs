//! Pieces of the peers, as they announce them, and ours, as the disk has verified them.

use super::{Exchange, Trade};
use crate::bitfield::Bitfield;
use crate::cx::Cx;
use crate::event::BlockDigest;
use crate::exchange::picker::Priority;
use crate::ids::PeerKey;
use crate::misbehaviour::Misbehaviour;
use crate::peer::{Conn, Peers};
use crate::pieces::Pieces;
use crate::sender::Sender;
use crate::sharing::ShareNews;
use crate::torrent_event::TorrentEvent;
use ztor_base::{Duration, Instant};
use ztor_metainfo::Layout;
use ztor_wire::Message;

/// Maximum number of bitfields, `have all` and `have none` messages of a peer. Each costs a pass over all pieces.
const MAX_BITFIELDS: u32 = 8;
/// Divisor of the number of pieces. A bitfield that adds at least this share of the pieces does not count, as aria2
/// sends it instead of many `have` messages.
const WORTH_TELLING: u32 = 128;
/// Maximum number of pieces announced one by one to a peer that connected before the check. A bitfield is only valid as
/// the first message.
const MAX_ANNOUNCED_ONE_BY_ONE: u32 = 4096;

/// Time for which a torrent may keep a common piece that none of its peers is asked for.
const HOARD_FOR: Duration = Duration::from_secs(20);

/// The outcome of a piece that hashed wrong.
pub(crate) struct FailedPiece {
    /// The sender of all its blocks; `None` if there is no single one to blame.
    pub(crate) sender: Option<Sender>,
}

/// The outcome of a piece that hashed right.
#[derive(Default)]
pub(crate) struct VerifiedPiece {
    /// Senders of different bytes for it.
    pub(crate) guilty: Vec<Sender>,
    /// True for the last missing wanted piece.
    pub(crate) is_last: bool,
    /// True for the last missing piece of the torrent, unwanted pieces included.
    pub(crate) is_last_of_all: bool,
}

impl Exchange {
    pub(super) fn check_piece(&self, piece: u32) -> Result<(), Misbehaviour> {
        let pieces = self.layout.piece_count();
        if piece < pieces { Ok(()) } else { Err(Misbehaviour::NoSuchPiece { piece, pieces }) }
    }

    /// Takes a bitfield.
    pub(crate) fn on_bitfield(
        &mut self,
        cx: &mut Cx<'_>,
        key: PeerKey,
        trade: &mut Trade,
        bytes: &[u8],
    ) -> Result<(), Misbehaviour> {
        let pieces = self.layout.piece_count();
        let set = Bitfield::from_wire(bytes, pieces)
            .ok_or(Misbehaviour::BadBitfield { got: bytes.len(), pieces })?;
        self.on_has(cx, key, trade, if set.is_full() { Pieces::All } else { Pieces::Some(set) })
    }

    /// Replaces all pieces of a peer. Some clients send them late or twice: the last ones count.
    pub(crate) fn on_has(
        &mut self,
        cx: &mut Cx<'_>,
        key: PeerKey,
        trade: &mut Trade,
        has: Pieces,
    ) -> Result<(), Misbehaviour> {
        let pieces = self.layout.piece_count();
        let count = |has: &Pieces| match has {
            Pieces::All => pieces,
            Pieces::Some(set) => set.count(),
            Pieces::None => 0,
        };
        let gained = count(&has).saturating_sub(count(&trade.has));
        trade.bitfields += u32::from(gained == 0 || gained < pieces / WORTH_TELLING);
        if trade.bitfields > MAX_BITFIELDS {
            return Err(Misbehaviour::Bitfields);
        }
        let before = std::mem::replace(&mut trade.has, has);
        self.note_loss(trade, count(&before).saturating_sub(count(&trade.has)));
        self.forget_pieces_of(cx, &before);
        match &trade.has {
            Pieces::All => self.seeds += 1,
            Pieces::Some(set) => {
                self.picker.peer_has_all_of(set, cx.rng);
                self.pieces_spread(cx, set.iter());
            }
            Pieces::None => {}
        }
        trade.interesting = self.picker.interesting(&trade.has);
        self.note_all(trade, gained);
        cx.dirty.mark_peer(key);
        Ok(())
    }

    /// Counts the pieces of a peer as progress of its host, once it downloads. This number of them is new.
    fn note_all(&mut self, trade: &mut Trade, gained: u32) {
        if trade.has_begun && gained > 0 {
            trade.announced_pieces = trade.announced_pieces.saturating_add(gained);
            if trade.is_counted && !trade.is_doubted {
                let has = |piece| trade.has.contains(piece);
                self.debts.announced_all(trade.host, gained, self.sizes(), has);
            }
        }
    }

    /// Counts a piece that a peer has gained as progress of its host, once it downloads.
    fn note_piece(&mut self, trade: &mut Trade, piece: u32) {
        if trade.has_begun {
            trade.announced_pieces = trade.announced_pieces.saturating_add(1);
            trade.echoed_pieces = trade.echoed_pieces.saturating_add(self.have().contains(piece).into());
            if trade.is_counted && !trade.is_doubted {
                self.debts.announced(trade.host, piece, self.sizes());
            }
        }
    }

    /// Counts pieces that a peer has lost. Otherwise it could announce and lose the same one again and again.
    fn note_loss(&mut self, trade: &mut Trade, lost: u32) {
        if !trade.has_begun {
            return;
        }
        trade.announced_pieces = trade.announced_pieces.saturating_sub(lost);
        if lost > 0 && trade.is_counted {
            self.debts.lost(trade.host, lost, self.sizes());
        }
    }

    fn forget_pieces_of(&mut self, cx: &mut Cx<'_>, has: &Pieces) {
        match has {
            Pieces::All => self.seeds -= 1,
            Pieces::Some(set) => {
                self.picker.peer_gone(set, cx.rng);
                self.pieces_vanished(set.iter());
            }
            Pieces::None => {}
        }
    }

    pub(crate) fn on_have(
        &mut self,
        cx: &mut Cx<'_>,
        conn: &mut Conn,
        trade: &mut Trade,
        piece: u32,
    ) -> Result<(), Misbehaviour> {
        self.check_piece(piece)?;
        if !trade.insert_piece(piece, self.layout.piece_count()) {
            return conn.charge(cx.now, 0);
        }
        self.picker.peer_has(piece, cx.rng);
        self.pieces_spread(cx, std::iter::once(piece));
        trade.interesting += u32::from(self.picker.needs(piece));
        self.note_piece(trade, piece);
        if matches!(&trade.has, Pieces::Some(set) if set.is_full()) {
            self.on_has(cx, conn.key(), trade, Pieces::All)?;
        }
        cx.dirty.mark_peer(conn.key());
        Ok(())
    }

    /// Takes a piece from those of a peer, which has lost it (BEP 54). Requests for its blocks are released.
    pub(crate) fn on_dont_have(
        &mut self,
        cx: &mut Cx<'_>,
        conn: &mut Conn,
        trade: &mut Trade,
        piece: u32,
    ) -> Result<(), Misbehaviour> {
        self.check_piece(piece)?;
        if !trade.has.contains(piece) {
            return Ok(());
        }
        if trade.is_seed() {
            // Counted like a bitfield, as it costs a pass over all pieces.
            let mut set = Bitfield::full(self.layout.piece_count());
            set.remove(piece);
            self.on_has(cx, conn.key(), trade, Pieces::Some(set))?;
        } else if let Pieces::Some(set) = &mut trade.has {
            set.remove(piece);
            self.note_loss(trade, 1);
            self.picker.peer_lost(piece, cx.rng);
            self.pieces_vanished(std::iter::once(piece));
            trade.interesting = trade.interesting.saturating_sub(u32::from(self.picker.needs(piece)));
        }
        self.release_piece(cx, conn.key(), trade, piece);
        cx.dirty.mark_peer(conn.key());
        Ok(())
    }

    /// Notes a piece that a peer serves although it chokes us (BEP 6).
    pub(crate) fn on_allowed_fast(&mut self, trade: &mut Trade, piece: u32) -> Result<(), Misbehaviour> {
        self.check_piece(piece)?;
        trade.download.allow_fast(piece);
        Ok(())
    }

    /// Notes a piece that a peer suggests (BEP 6). Of pieces that are equally rare, it is taken first.
    pub(crate) fn on_suggest(&self, trade: &mut Trade, piece: u32) -> Result<(), Misbehaviour> {
        self.check_piece(piece)?;
        trade.download.suggest(piece);
        Ok(())
    }

    /// Keeps the pieces that a peer announces while their number is unknown.
    pub(crate) fn on_pending(&mut self, trade: &mut Trade, message: &Message) -> Result<(), Misbehaviour> {
        let has_all = trade.is_seed();
        let pending = trade.pending_mut();
        match message {
            Message::Bitfield(bits) => pending.bitfield(bits)?,
            Message::Have { piece } => pending.have(*piece)?,
            Message::HaveNone => *pending = Default::default(),
            Message::HaveAll if !has_all => {
                pending.has_all();
                trade.has = Pieces::All;
                self.seeds += 1;
            }
            _ => {}
        }
        Ok(())
    }

    /// Applies the pieces that a peer announced before their number was known.
    pub(crate) fn apply_pending(
        &mut self,
        cx: &mut Cx<'_>,
        key: PeerKey,
        trade: &mut Trade,
    ) -> Result<(), Misbehaviour> {
        let pending = trade.pending.take();
        match pending.map(|pending| pending.pieces(self.layout.piece_count())).transpose()? {
            None | Some(Pieces::None) => Ok(()),
            // A peer that sent `have all` was counted then.
            Some(Pieces::All) if trade.is_seed() => Ok(()),
            Some(pieces) => self.on_has(cx, key, trade, pieces),
        }
    }

    /// Takes the pieces that are on disk.
    pub(crate) fn on_checked(&mut self, cx: &mut Cx<'_>, have: Bitfield) {
        let lengths = DataLengths::of(&self.layout);
        self.have_bytes = have.iter().map(|piece| lengths.get(piece)).sum();
        self.end_inquiries(None);
        self.proofs.forget_leaves();
        self.picker.reset(have, self.priorities.clone(), cx.rng);
        self.count_bytes();
        self.has_written = false;
        cx.dirty.pieces_changed(self.id());
    }

    fn count_bytes(&mut self) {
        (self.left_bytes, self.total_bytes) = (0, 0);
        let lengths = DataLengths::of(&self.layout);
        for piece in 0..self.layout.piece_count() {
            let bytes = lengths.get(piece);
            self.total_bytes += bytes;
            self.left_bytes += if self.picker.needs(piece) { bytes } else { 0 };
        }
    }

    /// Replaces the priorities of all pieces. `is_checked` is false before the first check, whose end applies them. Returns
    /// true if no wanted piece is missing any more, and one was before.
    pub(crate) fn set_priorities(
        &mut self,
        cx: &mut Cx<'_>,
        priorities: Box<[Priority]>,
        is_checked: bool,
        keys: &[PeerKey],
        peers: &mut Peers,
    ) -> bool {
        self.priorities = Some(priorities);
        if !is_checked {
            return false;
        }
        let was_complete = self.picker.is_finished();
        self.picker.set_priorities(self.priorities.clone(), cx.rng);
        self.count_bytes();
        peers.for_each(keys, |peer| {
            let key = peer.key();
            let trade = peer.trade_mut();
            if let Pieces::Some(set) = &trade.has {
                self.picker.peer_has_all_of(set, cx.rng);
            }
            trade.interesting = self.picker.interesting(&trade.has);
            cx.dirty.mark_peer(key);
        });
        self.freed_blocks(cx);
        self.picker.is_finished() && !was_complete
    }

    /// Fetches the pieces in order, or the rare ones first.
    pub(crate) fn set_sequential(&mut self, is_sequential: bool) {
        self.picker.sequential = is_sequential;
    }

    /// Fetches the ends of files before other pieces, or like them.
    pub(crate) fn set_ends_first(&mut self, ends_first: bool) {
        self.picker.set_ends_first(ends_first);
    }

    /// Takes the pieces with some blocks on disk.
    pub(crate) fn on_unfinished(&mut self, pieces: &[(u32, Bitfield)]) {
        pieces.iter().for_each(|(piece, blocks)| self.picker.restore(*piece, blocks));
    }

    /// Notes the first write since the check. It is recorded soon, or after a crash the new files would be taken for
    /// the user's.
    pub(crate) fn on_written(&mut self, cx: &mut Cx<'_>) {
        if !std::mem::replace(&mut self.has_written, true) {
            cx.dirty.pieces_changed(self.id());
        }
    }

    /// Counts the pieces of a peer that connected before the check, such as a source of metadata, and announces to it
    /// those of ours that were not `announced`. Returns the announced ones that are lost; `None` if both are too many: a
    /// new connection can use a bitfield.
    pub(crate) fn meet_again(
        &mut self,
        cx: &mut Cx<'_>,
        conn: &Conn,
        trade: &mut Trade,
        announced: &Bitfield,
    ) -> Option<Vec<u32>> {
        if let Pieces::Some(set) = &trade.has {
            self.picker.peer_has_all_of(set, cx.rng);
        }
        trade.interesting = self.picker.interesting(&trade.has);
        cx.dirty.mark_peer(conn.key());
        let have = self.picker.have();
        if !conn.is_live() || trade.offers.is_some() {
            return Some(Vec::new());
        }
        if have.count_without(announced) + announced.count_without(have) > MAX_ANNOUNCED_ONE_BY_ONE {
            return None;
        }
        for piece in have.iter().filter(|piece| !announced.contains(*piece)) {
            cx.out.send(conn.key(), &Message::Have { piece });
        }
        Some(announced.iter().filter(|piece| !have.contains(*piece)).collect())
    }

    /// Chokes a peer and cancels the requests to it, until the end of a check. Returns false if requests of it are left.
    pub(crate) fn rest(&mut self, cx: &mut Cx<'_>, conn: &Conn, trade: &mut Trade) -> bool {
        let key = conn.key();
        self.cancel_all_of(cx, key, trade);
        self.choke_now(cx, conn, trade);
        cx.dirty.mark_peer(key);
        // A peer that pieces are hidden from does not know all that it would have to forget.
        trade.upload.queue_len() == 0 && trade.offers.is_none()
    }

    /// Records a piece that hashed right. Returns `None` if that was known before.
    pub(crate) fn on_piece_ok(
        &mut self,
        cx: &mut Cx<'_>,
        (piece, digests): (u32, &[BlockDigest]),
        keys: &[PeerKey],
        peers: &mut Peers,
    ) -> Option<VerifiedPiece> {
        let was_complete = self.picker.is_finished();
        self.end_inquiries(Some(piece));
        if piece >= self.layout.piece_count() || !self.picker.verified(piece) {
            return None;
        }
        let bytes = data_len(&self.layout, piece);
        self.have_bytes += bytes;
        cx.dirty.pieces_changed(self.id());
        self.new_pieces.push(piece);
        // One that was in progress when it was dropped was not counted.
        let was_wanted = self.picker.is_wanted(piece);
        if was_wanted {
            self.left_bytes = self.left_bytes.saturating_sub(bytes);
        }
        let keys = if was_wanted { keys } else { &[] };
        peers.for_each(keys, |peer| {
            let trade = peer.trade_mut();
            if trade.has.contains(piece) {
                trade.interesting = trade.interesting.saturating_sub(1);
                if trade.interesting == 0 {
                    cx.dirty.mark_peer(peer.key());
                }
            }
        });
        let is_last = self.picker.is_finished() && !was_complete;
        let guilty = self.blame.piece_ok(piece, digests);
        Some(VerifiedPiece { guilty, is_last, is_last_of_all: self.is_whole() })
    }

    /// Records a piece that hashed wrong. Returns `None` if it is not in progress.
    pub(crate) fn on_piece_bad(
        &mut self,
        cx: &mut Cx<'_>,
        (piece, digests): (u32, &[BlockDigest]),
        keys: &[PeerKey],
        peers: &Peers,
    ) -> Option<FailedPiece> {
        if piece >= self.layout.piece_count() || self.picker.senders_of(piece).is_none() {
            return None;
        }
        cx.out.events.push(TorrentEvent::PieceFailed { torrent: self.id(), piece });
        if self.inquire(cx, piece, digests, keys, peers) {
            return Some(FailedPiece { sender: None });
        }
        self.fetch_again(piece, digests)
    }

    /// Fetches a piece again that hashed wrong. Returns `None` if it is not in progress.
    pub(super) fn fetch_again(&mut self, piece: u32, digests: &[BlockDigest]) -> Option<FailedPiece> {
        let sources = self.picker.failed(piece)?;
        self.totals.wasted(self.layout.piece_len(piece));
        Some(FailedPiece { sender: self.blame.piece_failed(piece, digests, &sources) })
    }

    /// Records that other torrents have these pieces in common with this one.
    pub(crate) fn share(&mut self, pieces: std::ops::Range<u32>) {
        self.picker.share(pieces);
    }

    /// Fetches no piece that another torrent fetches.
    pub(crate) fn bar(&mut self, piece: u32) {
        self.picker.bar(piece);
    }

    /// Fetches a piece again that no other torrent fetches.
    pub(crate) fn unbar(&mut self, cx: &mut Cx<'_>, piece: u32) {
        self.picker.unbar(piece, cx.rng);
        self.freed_blocks(cx);
    }

    /// Returns the pieces in progress that are in common with other torrents.
    pub(crate) fn common_in_progress(&self) -> Vec<u32> {
        self.picker.common_in_progress()
    }

    /// Takes the changes of common pieces.
    pub(crate) fn take_share_news(&mut self) -> Vec<(u32, ShareNews)> {
        self.picker.take_news()
    }

    /// Returns true if the torrent keeps a common piece from the others, and no peer has been asked for it for long.
    pub(crate) fn hoards(&mut self, now: Instant) -> bool {
        if !self.picker.has_idle_common() {
            self.hoards_since = None;
            return false;
        }
        now.since(*self.hoards_since.get_or_insert(now)) >= HOARD_FOR
    }

    /// Returns the time at which [`hoards`](Self::hoards) may be true; `None` if it cannot.
    pub(crate) fn hoards_at(&self) -> Option<Instant> {
        self.hoards_since.map(|since| since + HOARD_FOR)
    }

    /// Drops the pieces in progress after a disk fault. They are downloaded again.
    pub(crate) fn on_stopped(&mut self, cx: &mut Cx<'_>) {
        self.end_inquiries(None);
        self.picker.drop_partials(cx.rng);
    }

    /// Removes a peer, and releases the blocks requested from it.
    pub(crate) fn on_peer_gone(&mut self, cx: &mut Cx<'_>, key: PeerKey, trade: &mut Trade) {
        self.release_all_of(cx, key, trade);
        self.forget_pieces_of(cx, &trade.has);
        self.offers_vanished(trade);
        if trade.is_counted {
            let pieces = trade.has_begun.then(|| trade.has.count(self.piece_count()));
            self.debts.closed(trade.host, pieces);
        }
        self.slots.on_peer_gone(cx.slots, trade.we_choke(), trade.is_interested());
        self.freed_blocks(cx);
    }
}

/// Returns the length of a piece without padding (BEP 47), in bytes.
fn data_len(layout: &Layout, piece: u32) -> u64 {
    layout.ranges(piece, 0, layout.piece_len(piece)).filter(|r| !r.pad).map(|r| u64::from(r.len)).sum()
}

/// Lengths of all pieces without padding.
struct DataLengths<'l> {
    layout: &'l Layout,
    /// Set if the torrent has pads; without them nothing is looked up.
    has_pads: bool,
}

impl<'l> DataLengths<'l> {
    fn of(layout: &'l Layout) -> Self {
        Self { layout, has_pads: layout.files().iter().any(|file| file.pad) }
    }

    /// Returns the length of a piece in bytes.
    fn get(&self, piece: u32) -> u64 {
        if self.has_pads { data_len(self.layout, piece) } else { self.layout.piece_len(piece).into() }
    }
}
