//! Whom to serve.
//!
//! While leeching: those who give us most, and one or two others by turns so that newcomers can show what they
//! are worth (BEP 3). Places that nobody has earned go to whom it is longest since they were tried: a peer that gives
//! has been in and out of places all the time, and would wait behind one that never gives if it were counted by when it
//! was last choked. While seeding: everybody in turn, so that no peer holds a slot for ever and pieces spread.

use crate::config::{CHOKE_ROUND, OPTIMISTIC_ROUND, SEED_TURN};
use crate::outbox::Outbox;
use crate::{Engine, PeerKey, TorrentId};
use std::cmp::Reverse;
use ztor_base::Instant;
use ztor_wire::Message;

/// Pieces a peer gets in one turn while we seed, if its time is up as well.
const SEED_TURN_PIECES: u64 = 20;
/// Nobody keeps a place longer than this many turns while we seed, however little it takes.
const LONGEST_TURNS: u32 = 3;
/// A peer that has had this many times what it gave is tried again later than others, by this many rounds.
const DEBTOR_TIMES: u64 = 4;
const DEBTOR_ROUNDS: u32 = 4;
/// Slots grow with the number of peers served faster than this many bytes per second.
const GOOD_RATE_PER_S: u64 = 50 * 1024;

/// What a round knows of a peer that wants something.
struct Candidate {
    key: PeerKey,
    unchoked: bool,
    optimistic: bool,
    down_per_s: u64,
    up_per_s: u64,
    /// Has had its turn, while seeding, or does not use it.
    served: bool,
    waiting_since: Instant,
    /// Orders those who have not earned a place, oldest first.
    tried_at: Instant,
}

impl Engine {
    /// The regular round, and what happens between rounds when a slot becomes free.
    pub(crate) fn choke(&mut self, now: Instant, id: TorrentId, out: &mut Outbox) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        if !torrent.is_live() {
            return;
        }
        let round = now >= torrent.choke_at;
        if !round && !torrent.slots_changed {
            return;
        }
        torrent.slots_changed = false;
        let rotate = round && now >= torrent.optimistic_at;
        if round {
            torrent.choke_at = now + CHOKE_ROUND;
        }
        if rotate {
            torrent.optimistic_at = now + OPTIMISTIC_ROUND;
        }
        let candidates = self.candidates(now, id);
        let chosen =
            if round { self.full_round(id, candidates, rotate) } else { self.fill_free(id, candidates) };
        self.apply(now, id, &chosen, out);
    }

    fn candidates(&self, now: Instant, id: TorrentId) -> Vec<Candidate> {
        let torrent = &self.torrents[id];
        let turn_bytes = SEED_TURN_PIECES * u64::from(torrent.layout.piece_length());
        let peers = torrent.peers.iter().filter_map(|k| Some((*k, self.peers.get(*k)?)));
        peers
            .filter(|(_, p)| p.is_live() && p.is_interested)
            .map(|(key, p)| Candidate {
                key,
                unchoked: !p.we_choke,
                optimistic: p.upload.is_optimistic,
                down_per_s: p.download.meter.per_s(now),
                up_per_s: p.upload.meter.per_s(now),
                served: p.upload.unchoked_at.is_some_and(|at| {
                    let bytes = p.upload.total_bytes - p.upload.total_at_unchoke;
                    let had_enough = bytes >= turn_bytes || p.upload.meter.per_s(now) == 0;
                    now.since(at) >= if had_enough { SEED_TURN } else { SEED_TURN * LONGEST_TURNS }
                }),
                waiting_since: p.upload.waiting_since,
                tried_at: if p.upload.total_bytes > DEBTOR_TIMES * p.download.total_bytes {
                    p.upload.tried_at + OPTIMISTIC_ROUND * DEBTOR_ROUNDS
                } else {
                    p.upload.tried_at
                },
            })
            .collect()
    }

    fn slots(&self, candidates: &[Candidate]) -> usize {
        let good = candidates.iter().filter(|c| c.unchoked && c.up_per_s >= GOOD_RATE_PER_S).count();
        self.config.upload_slots.max(good + 1 + good / 4)
    }

    /// Between rounds: free slots go to those who give, then to those who wait longest; nobody loses one.
    fn fill_free(&self, id: TorrentId, mut candidates: Vec<Candidate>) -> Vec<(PeerKey, bool)> {
        let slots = self.slots(&candidates);
        let seeding = self.torrents[id].finished;
        candidates.sort_by_key(|c| {
            let since = if seeding { c.waiting_since } else { c.tried_at };
            (Reverse(c.unchoked), Reverse(c.down_per_s), since)
        });
        let unearned = |c: &Candidate| !seeding && !c.unchoked && c.down_per_s == 0;
        candidates.iter().take(slots).map(|c| (c.key, c.optimistic || unearned(c))).collect()
    }

    fn full_round(
        &mut self,
        id: TorrentId,
        mut candidates: Vec<Candidate>,
        rotate: bool,
    ) -> Vec<(PeerKey, bool)> {
        let slots = self.slots(&candidates);
        if self.torrents[id].finished {
            // Those still in their turn stay; then who waited longest; then those who have had theirs.
            let class = |c: &Candidate| if c.unchoked { 2 * u8::from(c.served) } else { 1 };
            candidates.sort_by_key(|c| (class(c), c.waiting_since));
            return candidates.iter().take(slots).map(|c| (c.key, false)).collect();
        }
        let optimistic_slots = (slots / 5).max(1);
        self.rng.shuffle(&mut candidates);
        candidates.sort_by_key(|c| Reverse(c.down_per_s));
        let givers = candidates.partition_point(|c| c.down_per_s > 0);
        let rest = candidates.split_off(slots.saturating_sub(optimistic_slots).min(givers));
        let mut chosen: Vec<(PeerKey, bool)> = candidates.iter().map(|c| (c.key, false)).collect();
        let (mut holders, mut others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|c| c.optimistic && !rotate);
        others.sort_by_key(|c| c.tried_at);
        holders.append(&mut others);
        chosen.extend(holders.iter().take(slots - chosen.len()).map(|c| (c.key, true)));
        chosen
    }

    fn apply(&mut self, now: Instant, id: TorrentId, chosen: &[(PeerKey, bool)], out: &mut Outbox) {
        for (key, optimistic) in chosen {
            if let Some(peer) = self.peers.get_mut(*key) {
                peer.upload.chosen = Some(*optimistic);
            }
        }
        for at in 0..self.torrents[id].peers.len() {
            let key = self.torrents[id].peers[at];
            let Some(peer) = self.peers.get_mut(key) else { continue };
            if !peer.is_live() {
                continue;
            }
            let pick = peer.upload.chosen.take();
            if peer.upload.is_optimistic || pick == Some(true) {
                peer.upload.tried_at = now;
            }
            peer.upload.is_optimistic = pick == Some(true);
            match (pick.is_some(), peer.we_choke) {
                (true, true) => {
                    peer.we_choke = false;
                    peer.upload.unchoked_at = Some(now);
                    peer.upload.total_at_unchoke = peer.upload.total_bytes;
                    out.send(key, &Message::Unchoke);
                }
                (false, false) => {
                    peer.we_choke = true;
                    // Who had to go before its turn was over, for there were fewer places, is the first to come back.
                    if peer.upload.unchoked_at.take().is_some_and(|at| now.since(at) >= SEED_TURN) {
                        peer.upload.waiting_since = now;
                    }
                    out.send(key, &Message::Choke);
                    let dropped = std::mem::take(&mut peer.upload.queue);
                    for block in dropped {
                        if peer.upload.allowed_fast.contains(&block.piece) {
                            peer.upload.queue.push_back(block);
                        } else if peer.fast {
                            out.send(key, &Message::Reject(block));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
