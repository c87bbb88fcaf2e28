//! Super-seeding (BEP 16): a seed that hides its pieces, so that the first copy of a torrent costs little upload.
//!
//! A peer is offered a few pieces at a time, by `have`. An offer is open until the piece has spread: until another peer
//! has it too. Then the peer is offered the next one, so that those who pass pieces on get more. While some piece is
//! with no peer, only pieces that no peer has and no other one is offered are chosen, so that each is uploaded about
//! once.
//!
//! Nobody waits forever. An offer without any payload for a while is closed: the peer gets another one, and the piece
//! goes to another peer. This time is shorter for a peer whose offers end so again and again: its pieces may spread where
//! we do not see it. A peer that is not interested wants none of the pieces that it has been offered: it is shown others,
//! more and more at a time, whoever has them. One that hides its interest can so learn of all pieces, and take them without
//! passing any on: super-seeding saves upload among honest peers, and keeps nobody out.
//!
//! Super-seeding ends as soon as another seed is connected. All pieces are announced then.

use super::{Exchange, Trade};
use crate::bitfield::Bitfield;
use crate::cx::Cx;
use crate::ids::PeerKey;
use crate::peer::Peers;
use crate::pieces::Pieces;
use ztor_base::{Duration, Instant};
use ztor_wire::Message;

/// Number of open offers of a peer, and of the only one, which cannot pass anything on.
const OFFERS: usize = 2;
const OFFERS_ALONE: usize = 16;
/// Bounds of the time without payload after which an open offer is closed.
const MAX_PATIENCE: Duration = Duration::from_secs(60);
const MIN_PATIENCE: Duration = Duration::from_secs(5);
/// Maximum number of pieces that a peer without interest is shown at a time.
const MAX_SHOWN: usize = 256;
/// Maximum number of pieces whose spread is compared for one offer.
const MAX_COMPARED: usize = 256;
/// Maximum number of pieces announced one by one when super-seeding ends. A peer that would get more is closed, and gets
/// a bitfield when it connects again.
const MAX_ANNOUNCED_ONE_BY_ONE: usize = 4096;

/// Super-seeding of a torrent.
#[derive(Debug, Default)]
pub(super) struct SuperSeeding {
    /// True if the user wants it.
    is_wanted: bool,
    /// `None` while it does not apply.
    active: Option<Active>,
    /// Time at which an offer may be closed; `None` without open offers.
    next_at: Option<Instant>,
}

/// Spread of the pieces, while super-seeding.
#[derive(Debug)]
struct Active {
    /// Number of peers with each piece, seeds not counted; and of peers with an open offer of it.
    holders: Vec<u16>,
    offered: Vec<u16>,
    /// Number of pieces without a holder.
    missing: u32,
    /// Pieces without a holder and without an open offer.
    unassigned: Bitfield,
    /// Number of changes after which there may be a piece for a peer that found none.
    changes: u64,
}

/// Pieces that a peer knows that we have, while super-seeding.
#[derive(Debug)]
pub(super) struct Offers {
    announced: Bitfield,
    /// At most [`OFFERS_ALONE`].
    open: Vec<Offer>,
    patience: Duration,
    /// Number of pieces to show next while the peer is not interested; 0 if it has been shown all.
    to_show: usize,
    /// Time when pieces were shown last, or when it was still interested.
    shown_at: Instant,
    /// Value of [`Active::changes`] when there was no piece for this peer; `None` if there may be one.
    none_since: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Offer {
    piece: u32,
    made_at: Instant,
    /// Number of other peers that had it then.
    others: u16,
}

impl Active {
    fn new(pieces: u32) -> Self {
        let counts = vec![0; pieces as usize];
        let unassigned = Bitfield::full(pieces);
        Self { holders: counts.clone(), offered: counts, missing: pieces, unassigned, changes: 0 }
    }

    /// Changes the counts of a piece, and those of all pieces with it.
    fn change(&mut self, piece: u32, act: impl FnOnce(&mut u16, &mut u16)) {
        let at = piece as usize;
        let (Some(holders), Some(offered)) = (self.holders.get_mut(at), self.offered.get_mut(at)) else {
            return;
        };
        let before = (*holders == 0, *holders == 0 && *offered == 0);
        act(holders, offered);
        let after = (*holders == 0, *holders == 0 && *offered == 0);
        self.missing = self.missing + u32::from(after.0) - u32::from(before.0);
        match (before.1, after.1) {
            (false, true) => drop(self.unassigned.insert(piece)),
            (true, false) => drop(self.unassigned.remove(piece)),
            _ => {}
        }
        // The end of the first copy frees all pieces, and one that is free again goes to anybody.
        let ends_first_copy = before.0 && self.missing == 0;
        self.changes += u64::from(ends_first_copy || (!before.1 && after.1));
    }

    fn holders(&self, piece: u32) -> u16 {
        self.holders.get(piece as usize).copied().unwrap_or(0)
    }

    /// Chooses a piece for a peer; `None` if there is none for now. `from` is a random index. Reads at most the bitmaps, and
    /// the spread of [`MAX_COMPARED`] pieces: of more, the rarest is not worth a search for each of a thousand peers.
    fn choose(&self, has: &Pieces, announced: &Bitfield, from: u32) -> Option<u32> {
        if self.missing > 0 {
            // Nobody has such a piece.
            return self.unassigned.first_without(announced, from);
        }
        let none;
        let has = match has {
            Pieces::Some(set) => set,
            Pieces::None => {
                none = Bitfield::new(announced.len());
                &none
            }
            Pieces::All => return None,
        };
        let spread = |piece: &u32| {
            let of = |counts: &[u16]| counts.get(*piece as usize).map_or(0, |count| u32::from(*count));
            of(&self.holders) + of(&self.offered)
        };
        announced.absent_from_both(has, from).take(MAX_COMPARED).min_by_key(spread)
    }
}

impl Offers {
    fn new(pieces: u32) -> Self {
        Self {
            announced: Bitfield::new(pieces),
            open: Vec::new(),
            patience: MAX_PATIENCE,
            to_show: OFFERS,
            shown_at: Instant::ZERO,
            none_since: None,
        }
    }

    /// Shows more pieces to a peer without interest, if it is time. They are no offers: nobody waits for them, and others
    /// may be offered them. Returns the time of the next ones; `None` if it has been shown all.
    fn show_more(
        &mut self,
        now: Instant,
        has: &Pieces,
        from: u32,
        mut show: impl FnMut(u32),
    ) -> Option<Instant> {
        if self.to_show == 0 {
            return None;
        }
        if now.since(self.shown_at) >= MIN_PATIENCE {
            let none = Bitfield::new(self.announced.len());
            let has = match has {
                Pieces::Some(set) => set,
                Pieces::None => &none,
                Pieces::All => return None,
            };
            let pieces: Vec<u32> = self.announced.absent_from_both(has, from).take(self.to_show).collect();
            self.shown_at = now;
            self.to_show = if pieces.len() < self.to_show { 0 } else { (self.to_show * 2).min(MAX_SHOWN) };
            for piece in pieces {
                self.announced.insert(piece);
                show(piece);
            }
        }
        Some(self.shown_at + MIN_PATIENCE)
    }

    /// Returns true if the peer knows that we have a piece.
    pub(super) fn announces(&self, piece: u32) -> bool {
        self.announced.contains(piece)
    }

    /// Returns the used memory in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.announced.len() as usize / 8 + self.open.capacity() * size_of::<Offer>()
    }
}

impl Exchange {
    /// Returns true while pieces are hidden from peers.
    pub(crate) fn is_super_seeding(&self) -> bool {
        self.super_seeding.active.is_some()
    }

    /// Returns true if the user wants super-seeding.
    pub(crate) fn wants_super_seeding(&self) -> bool {
        self.super_seeding.is_wanted
    }

    /// Sets the choice of the user. It applies from the next [`hide_pieces`](Self::hide_pieces) on.
    pub(crate) fn want_super_seeding(&mut self, is_wanted: bool) {
        self.super_seeding.is_wanted = is_wanted;
    }

    /// Returns true if we have all pieces, and no other seed is connected.
    pub(crate) fn can_hide(&self) -> bool {
        self.is_whole() && self.piece_count() > 0 && self.seeds == 0
    }

    /// Starts super-seeding if the user wants it and it is of use. The peers must know none of our pieces.
    pub(crate) fn hide_pieces(&mut self, keys: &[PeerKey], peers: &mut Peers) {
        self.super_seeding.active = None;
        if !self.super_seeding.is_wanted || !self.can_hide() {
            return;
        }
        let pieces = self.piece_count();
        let mut active = Active::new(pieces);
        peers.for_each(keys, |peer| {
            let trade = peer.trade_mut();
            trade.offers = Some(Box::new(Offers::new(pieces)));
            if let Pieces::Some(set) = &trade.has {
                set.iter().for_each(|piece| active.change(piece, |holders, _| *holders += 1));
            }
        });
        self.super_seeding.active = Some(active);
    }

    /// Returns the time at which an offer may be closed; `None` without open offers.
    pub(crate) fn super_seeding_at(&self) -> Option<Instant> {
        self.super_seeding.next_at.filter(|_| self.is_super_seeding())
    }

    /// Hides all pieces from a new peer. Returns false if they are not hidden.
    pub(super) fn hide_from(&self, trade: &mut Trade) -> bool {
        let is_hidden = self.is_super_seeding();
        if is_hidden {
            trade.offers = Some(Box::new(Offers::new(self.piece_count())));
        }
        is_hidden
    }

    /// Counts the pieces that a peer has got.
    pub(super) fn pieces_spread(&mut self, cx: &mut Cx<'_>, pieces: impl Iterator<Item = u32>) {
        if let Some(active) = &mut self.super_seeding.active {
            pieces.for_each(|piece| active.change(piece, |holders, _| *holders = holders.saturating_add(1)));
            cx.dirty.mark_torrent(self.id);
        }
    }

    /// Counts the pieces that are gone with a peer, or that it has lost.
    pub(super) fn pieces_vanished(&mut self, pieces: impl Iterator<Item = u32>) {
        if let Some(active) = &mut self.super_seeding.active {
            pieces.for_each(|piece| active.change(piece, |holders, _| *holders = holders.saturating_sub(1)));
            // A peer that has lost a piece may be offered that one.
            active.changes += 1;
        }
    }

    /// Withdraws the open offers to a peer that is gone.
    pub(super) fn offers_vanished(&mut self, trade: &mut Trade) {
        let offers = trade.offers.take();
        if let (Some(active), Some(offers)) = (&mut self.super_seeding.active, offers) {
            for offer in offers.open {
                active.change(offer.piece, |_, offered| *offered = offered.saturating_sub(1));
            }
        }
    }

    /// Closes offers whose pieces have spread, and makes new ones. Returns the peers to close, if all pieces are announced
    /// from now on; `None` if super-seeding goes on, or does not apply.
    pub(crate) fn settle_super_seeding(
        &mut self,
        cx: &mut Cx<'_>,
        keys: &[PeerKey],
        peers: &mut Peers,
    ) -> Option<Vec<PeerKey>> {
        let active = self.super_seeding.active.as_mut()?;
        if self.seeds > 0 || !self.super_seeding.is_wanted {
            self.super_seeding.active = None;
            return Some(self.reveal(cx, keys, peers));
        }
        let is_taker = |trade: &Trade| trade.offers.is_some() && !trade.is_seed();
        // One that wants nothing spreads nothing either, so nobody waits for it.
        let wants = |trade: &Trade| is_taker(trade) && (trade.is_interested() || trade.has == Pieces::None);
        let takers = peers.of(keys).filter(|peer| peer.is_live() && wants(peer.trade())).count();
        let most = if takers > 1 { OFFERS } else { OFFERS_ALONE };
        let (rng, out) = (&mut *cx.rng, &mut *cx.out);
        let mut next_at = Instant::FAR_FUTURE;
        peers.for_each(keys, |peer| {
            if !peer.is_live() || !is_taker(peer.trade()) {
                return;
            }
            let key = peer.key();
            let trade = peer.trade_mut();
            let (payload_at, is_interested, has) = (trade.payload_at(), trade.is_interested(), &trade.has);
            let Some(offers) = &mut trade.offers else { return };
            let mut patience = if is_interested { offers.patience } else { MIN_PATIENCE };
            offers.open.retain(|offer| {
                let holders = usize::from(active.holders(offer.piece));
                let has_it = has.contains(offer.piece);
                let has_spread = holders - usize::from(has_it).min(holders) > usize::from(offer.others);
                // It is with all who could get it from this peer.
                let is_everywhere = has_it && holders >= takers;
                let is_late = cx.now.since(payload_at.max(offer.made_at)) >= patience;
                let is_open = !has_spread && !is_everywhere && !is_late;
                if has_spread {
                    offers.patience = MAX_PATIENCE;
                } else if !is_open && is_late && is_interested {
                    offers.patience = (offers.patience / 2).max(MIN_PATIENCE);
                }
                if !is_open {
                    active.change(offer.piece, |_, offered| *offered = offered.saturating_sub(1));
                }
                is_open
            });
            patience = patience.min(offers.patience);
            if offers.shown_at == Instant::ZERO {
                // It has just connected, and could not have said yet whether it is interested.
                offers.shown_at = cx.now;
            }
            while offers.open.len() < most {
                let from = rng.u32(0..active.holders.len().max(1) as u32);
                if offers.none_since == Some(active.changes) {
                    break;
                }
                let Some(piece) = active.choose(has, &offers.announced, from) else {
                    offers.none_since = Some(active.changes);
                    break;
                };
                active.change(piece, |_, offered| *offered = offered.saturating_add(1));
                offers.announced.insert(piece);
                offers.open.push(Offer { piece, made_at: cx.now, others: active.holders(piece) });
                out.send(key, &Message::Have { piece });
            }
            let from = rng.u32(0..active.holders.len().max(1) as u32);
            let show = |piece| out.send(key, &Message::Have { piece });
            if is_interested {
                (offers.to_show, offers.shown_at) = (OFFERS, cx.now);
            } else if let Some(at) = offers.show_more(cx.now, has, from, show) {
                next_at = next_at.min(at);
            }
            if let Some(first) = offers.open.iter().map(|offer| payload_at.max(offer.made_at)).min() {
                next_at = next_at.min(first + patience);
            }
        });
        self.super_seeding.next_at = (next_at < Instant::FAR_FUTURE).then_some(next_at);
        None
    }

    /// Announces all pieces to the peers that do not know them. Returns the peers to close, as these are too many.
    fn reveal(&mut self, cx: &mut Cx<'_>, keys: &[PeerKey], peers: &mut Peers) -> Vec<PeerKey> {
        let mut over = Vec::new();
        peers.for_each(keys, |peer| {
            let (is_live, key) = (peer.is_live(), peer.key());
            let trade = peer.trade_mut();
            let Some(offers) = trade.offers.take().filter(|_| is_live && !trade.is_seed()) else { return };
            let hidden = (0..self.layout.piece_count())
                .filter(|piece| !offers.announces(*piece) && !trade.has.contains(*piece));
            let hidden: Vec<u32> = hidden.take(MAX_ANNOUNCED_ONE_BY_ONE + 1).collect();
            if hidden.len() > MAX_ANNOUNCED_ONE_BY_ONE {
                over.push(key);
            } else {
                hidden.into_iter().for_each(|piece| cx.out.send(key, &Message::Have { piece }));
            }
        });
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the state of a torrent whose pieces have this number of holders.
    fn spread(holders: impl ExactSizeIterator<Item = u16>) -> Active {
        let mut active = Active::new(holders.len() as u32);
        for (piece, count) in holders.enumerate() {
            active.change(piece as u32, |holders, _| *holders = count);
        }
        active
    }

    #[test]
    fn choose_of_a_first_copy_takes_only_pieces_that_are_nowhere() {
        let mut active = spread((0..100_000).map(|piece| u16::from(piece % 1000 != 7)));
        assert_eq!((active.missing, active.unassigned.count()), (100, 100));
        let mut announced = Bitfield::new(100_000);
        assert_eq!(active.choose(&Pieces::None, &announced, 50_000), Some(50_007));
        active.change(50_007, |_, offered| *offered = 1);
        assert_eq!(active.choose(&Pieces::None, &announced, 50_000), Some(51_007));
        announced.extend(51_000..100_000);
        assert_eq!(active.choose(&Pieces::None, &announced, 50_000), Some(7), "from the start again");
        announced.extend(0..51_000);
        assert_eq!(active.choose(&Pieces::None, &announced, 50_000), None);
        let before = active.changes;
        active.change(50_007, |_, offered| *offered = 0);
        assert!(active.changes > before, "those that found none look again");
    }

    #[test]
    fn choose_of_later_copies_takes_the_rarest_of_a_bounded_number_of_pieces() {
        let pieces = 100_000;
        // Each piece is rarer than the one before.
        let active = spread((0..pieces).map(|piece| (pieces - piece).min(65_535) as u16));
        let none = Bitfield::new(pieces);
        let compared = MAX_COMPARED as u32;
        assert_eq!(active.choose(&Pieces::None, &none, 40_000), Some(40_000 + compared - 1));
        let mut announced = Bitfield::new(pieces);
        announced.extend((0..pieces).filter(|piece| piece % 2 == 0));
        let mut has = Bitfield::new(pieces);
        has.extend((0..pieces).filter(|piece| piece % 3 == 0));
        let chosen = active.choose(&Pieces::Some(has.clone()), &announced, 99_990);
        assert!(chosen.is_some_and(|piece| piece % 2 != 0 && piece % 3 != 0), "{chosen:?}");
        has.extend(0..pieces);
        assert_eq!(active.choose(&Pieces::Some(has), &announced, 0), None);
    }
}
