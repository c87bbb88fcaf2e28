//! The choice of peers to serve.
//!
//! While leeching, we serve the peers that give us most, and one or two others in turn, so that newcomers can show
//! their worth (BEP 3). An unearned slot goes to the peer that was tried least recently. The time of the last choke
//! does not count: a peer that gives moves in and out of slots all the time, and would wait behind peers that never
//! give.
//!
//! While seeding, we serve all peers in turn, so that no peer keeps a slot and pieces spread.

use super::slots::Slots;
use super::{Exchange, Trade};
use crate::config::{CHOKE_ROUND, OPTIMISTIC_ROUND, SEED_TURN};
use crate::cx::Cx;
use crate::ids::PeerKey;
use crate::peer::{Conn, Peer, Peers};
use std::cmp::Reverse;
use ztor_base::Instant;
use ztor_wire::Message;

/// Number of pieces that ends a peer's turn while we seed, once [`SEED_TURN`] is over.
const SEED_TURN_PIECES: u64 = 20;
/// Longest turn of a slow peer while we seed, in multiples of [`SEED_TURN`].
const LONGEST_TURNS: u32 = 3;
/// Ratio of upload to download above which a peer is tried later than others, by `DEBTOR_ROUNDS` optimistic rounds.
const DEBTOR_TIMES: u64 = 4;
const DEBTOR_ROUNDS: u32 = 4;
/// Debtors are served in one of this many rounds, while others want data.
const DEBTOR_ROUND_EVERY: u32 = 8;
/// Upload rate to a peer that counts as fast, in bytes per second. The number of slots grows with such peers.
const GOOD_RATE_PER_S: u64 = 50 * 1024;

/// An interested peer, as a round sees it.
struct Candidate {
    key: PeerKey,
    unchoked: bool,
    optimistic: bool,
    down_per_s: u64,
    up_per_s: u64,
    /// True if its turn is over while we seed.
    served: bool,
    waiting_since: Instant,
    /// Orders peers without an earned slot, oldest first.
    tried_at: Instant,
    /// True if it takes without progress, and is last in line.
    is_debtor: bool,
    /// True if blocks for it wait for tokens.
    waits_for_quota: bool,
}

impl Candidate {
    #[inline]
    fn new(now: Instant, turn_bytes: u64, is_debtor: bool, peer: &Peer) -> Self {
        let trade = peer.trade();
        let (download, upload) = (trade.download(), trade.upload());
        let is_served = |(since, bytes): (Instant, u64)| {
            let had_enough = bytes >= turn_bytes || upload.per_s(now) == 0;
            now.since(since) >= if had_enough { SEED_TURN } else { SEED_TURN * LONGEST_TURNS }
        };
        let gives_little = upload.total_bytes() > DEBTOR_TIMES * download.total_bytes();
        Self {
            key: peer.key(),
            unchoked: !trade.we_choke(),
            optimistic: upload.is_optimistic(),
            down_per_s: download.per_s(now),
            up_per_s: upload.per_s(now),
            served: upload.turn().is_some_and(is_served),
            waiting_since: upload.waiting_since(),
            is_debtor,
            waits_for_quota: upload.waits_for_quota(),
            tried_at: if gives_little {
                upload.tried_at() + OPTIMISTIC_ROUND * DEBTOR_ROUNDS
            } else {
                upload.tried_at()
            },
        }
    }
}

impl Exchange {
    /// Handles a change of a peer's interest in our pieces.
    pub(crate) fn on_interest(&mut self, cx: &mut Cx<'_>, trade: &mut Trade, is_interested: bool) {
        let was = std::mem::replace(&mut trade.is_interested, is_interested);
        if is_interested {
            self.begin_download(trade);
        }
        self.slots.interest(cx.slots, is_interested, was);
        self.slots.changed = true;
        trade.note_use(cx.now);
        cx.dirty.mark_torrent(self.id());
    }

    /// Runs the regular round, or fills slots that became free between rounds.
    pub(crate) fn choke(&mut self, cx: &mut Cx<'_>, is_seeding: bool, keys: &[PeerKey], peers: &mut Peers) {
        let now = cx.now;
        let slots = &mut self.slots;
        let is_round = now >= slots.choke_at;
        if !is_round && !slots.changed {
            return;
        }
        slots.changed = false;
        let rotate = is_round && now >= slots.optimistic_at;
        if is_round {
            slots.choke_at = now + CHOKE_ROUND;
        }
        if rotate {
            slots.optimistic_at = now + OPTIMISTIC_ROUND;
        }
        let turn_bytes = SEED_TURN_PIECES * u64::from(self.layout().piece_length());
        let interested = peers.of(keys).filter(|p| p.is_live() && p.trade().is_interested());
        let candidates: Vec<Candidate> = interested
            .map(|peer| {
                let is_debtor = self.is_debtor(cx.config.leech_defence, now, peer.trade());
                Candidate::new(now, turn_bytes, is_debtor, peer)
            })
            .collect();
        let slots = self.slot_count(cx, is_round, is_seeding, &candidates);
        let is_short = candidates.iter().any(|c| c.waits_for_quota && !c.is_debtor);
        let (candidates, mut debtors) = self.slots.without_debtors(is_round, candidates);
        let mut chosen = match (is_round, is_seeding) {
            (false, _) => fill_free(slots, is_seeding, candidates),
            (true, true) => seeding_round(slots, candidates),
            (true, false) => leeching_round(cx, slots, rotate, candidates),
        };
        // Last in line: one slot that nobody else needs. All served peers share the upload rate, so that with more of them
        // the others would get little of it. All slots share the tokens of the limits, so that a debtor would take them from
        // others that wait for some.
        debtors.sort_by_key(debtor_order);
        let has_free = !is_short && slots > chosen.len();
        chosen.extend(debtors.first().filter(|_| has_free).map(|c| (c.key, false)));
        for (key, is_optimistic) in chosen {
            if let Some(peer) = peers.get_mut(key) {
                peer.trade_mut().upload.choose(is_optimistic);
            }
        }
        peers.for_each(keys, |peer| {
            if peer.is_live() {
                let (conn, trade) = peer.split_trade();
                let was_choked = trade.we_choke;
                apply(cx, &mut self.slots, conn, trade);
                if was_choked && !trade.we_choke {
                    self.suggest(cx, conn, trade);
                }
            }
        });
        self.slots.round_is_over(cx.slots);
    }

    /// Chokes a peer outside of the rounds.
    pub(super) fn choke_now(&mut self, cx: &mut Cx<'_>, conn: &Conn, trade: &mut Trade) {
        // As if no round had chosen it.
        trade.upload.take_choice();
        apply(cx, &mut self.slots, conn, trade);
    }

    /// Returns the number of slots of this round. If other torrents wait for one, peers that had their turn lose
    /// theirs.
    fn slot_count(
        &mut self,
        cx: &mut Cx<'_>,
        is_round: bool,
        is_seeding: bool,
        candidates: &[Candidate],
    ) -> usize {
        let good = candidates.iter().filter(|c| c.unchoked && c.up_per_s >= GOOD_RATE_PER_S).count();
        self.slots.served_fast(cx.slots, good);
        let allowance = self.slots.allowance(cx.slots, cx.config, is_seeding);
        let within_turn = candidates.iter().filter(|c| c.unchoked && !c.served).count();
        let holds = candidates.iter().any(|c| c.unchoked);
        let makes_place = is_round && is_seeding && allowance.others_wait && holds;
        let most = if makes_place { within_turn } else { usize::MAX };
        cx.config.upload_slots.max(good + 1 + good / 4).min(allowance.count).min(most)
    }
}

impl Slots {
    /// Takes the debtors out of the candidates while others want data, except for one of them in one of
    /// [`DEBTOR_ROUND_EVERY`] rounds. Returns the candidates, and the debtors that may have a free slot: none if one is
    /// among the candidates.
    fn without_debtors(
        &mut self,
        is_round: bool,
        candidates: Vec<Candidate>,
    ) -> (Vec<Candidate>, Vec<Candidate>) {
        let has_others = candidates.iter().any(|c| !c.is_debtor);
        if !has_others || candidates.iter().all(|c| !c.is_debtor) {
            return (candidates, Vec::new());
        }
        if is_round {
            self.rounds = self.rounds.wrapping_add(1);
        }
        let (mut debtors, mut others): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|c| c.is_debtor);
        // Not in the first round, when others have just come.
        if self.rounds % DEBTOR_ROUND_EVERY == DEBTOR_ROUND_EVERY - 1 {
            debtors.sort_by_key(debtor_order);
            others.extend(debtors.drain(..).next());
        }
        (others, debtors)
    }
}

/// Fills free slots between rounds: first with peers that give, then with those that waited longest. No peer loses its
/// slot.
fn fill_free(slots: usize, is_seeding: bool, mut candidates: Vec<Candidate>) -> Vec<(PeerKey, bool)> {
    candidates.sort_by_key(|c| {
        let since = if is_seeding { c.waiting_since } else { c.tried_at };
        (Reverse(c.unchoked), Reverse(c.down_per_s), since)
    });
    let unearned = |c: &Candidate| !is_seeding && !c.unchoked && c.down_per_s == 0;
    candidates.iter().take(slots).map(|c| (c.key, c.optimistic || unearned(c))).collect()
}

/// Returns the order of debtors: the one within its turn, those that wait, and those that had their turn.
fn debtor_order(candidate: &Candidate) -> (u8, Instant, Instant) {
    (class(candidate), candidate.tried_at, candidate.waiting_since)
}

/// Returns 0 for a peer within its turn, 1 for one that waits, and 2 for one that had its turn.
fn class(candidate: &Candidate) -> u8 {
    if candidate.unchoked { 2 * u8::from(candidate.served) } else { 1 }
}

/// Chooses peers while seeding: those within their turn, then those that waited longest, then those that had their
/// turn.
fn seeding_round(slots: usize, mut candidates: Vec<Candidate>) -> Vec<(PeerKey, bool)> {
    candidates.sort_by_key(|c| (class(c), c.waiting_since));
    candidates.iter().take(slots).map(|c| (c.key, false)).collect()
}

/// Chooses peers while leeching: the best givers, and in the optimistic slots those tried least recently. The
/// optimistic slots change only with `rotate`.
fn leeching_round(
    cx: &mut Cx<'_>,
    slots: usize,
    rotate: bool,
    mut candidates: Vec<Candidate>,
) -> Vec<(PeerKey, bool)> {
    let optimistic_slots = (slots / 5).max(1);
    cx.rng.shuffle(&mut candidates);
    candidates.sort_by_key(|c| Reverse(c.down_per_s));
    let givers = candidates.partition_point(|c| c.down_per_s > 0);
    let rest = candidates.split_off(slots.saturating_sub(optimistic_slots).min(givers));
    let mut chosen: Vec<(PeerKey, bool)> = candidates.iter().map(|c| (c.key, false)).collect();
    let (mut holders, mut others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|c| c.optimistic && !rotate);
    others.sort_by_key(|c| c.tried_at);
    holders.append(&mut others);
    chosen.extend(holders.iter().take(slots.saturating_sub(chosen.len())).map(|c| (c.key, true)));
    chosen
}

/// Carries out the choice of a round for one peer.
#[inline]
fn apply(cx: &mut Cx<'_>, slots: &mut Slots, conn: &Conn, trade: &mut Trade) {
    let choice = trade.upload.take_choice();
    trade.upload.set_optimistic(cx.now, choice == Some(true));
    let key = conn.key();
    match (choice.is_some(), trade.we_choke) {
        (true, true) => {
            trade.we_choke = false;
            slots.choked(cx.slots, false);
            trade.upload.unchoked(cx.now);
            cx.out.send(key, &Message::Unchoke);
        }
        (false, false) => {
            trade.we_choke = true;
            slots.choked(cx.slots, true);
            cx.out.send(key, &Message::Choke);
            for block in trade.upload.choked(cx.now) {
                if conn.is_fast() {
                    cx.out.send(key, &Message::Reject(block));
                }
            }
        }
        (true, false) | (false, true) => {}
    }
}
