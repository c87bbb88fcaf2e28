//! Whom to serve.
//!
//! While leeching: those who give us most, and one or two others by turns so that newcomers can show what they
//! are worth (BEP 3). While seeding: everybody in turn, so that no peer holds a slot for ever and pieces spread.

use crate::config::{CHOKE_ROUND, OPTIMISTIC_ROUND, SEED_TURN};
use crate::outbox::Outbox;
use crate::{Engine, PeerKey, TorrentId};
use std::cmp::Reverse;
use ztor_time::Instant;
use ztor_wire::Message;

/// Pieces a peer gets in one turn while we seed, if its time is up as well.
const SEED_TURN_PIECES: u64 = 20;
/// Nobody keeps a place longer than this many turns while we seed, however little it takes.
const LONGEST_TURNS: u32 = 3;
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
        let chosen = if round { self.full_round(id, candidates, rotate) } else { self.fill_free(candidates) };
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
            })
            .collect()
    }

    fn slots(&self, candidates: &[Candidate]) -> usize {
        let good = candidates.iter().filter(|c| c.unchoked && c.up_per_s >= GOOD_RATE_PER_S).count();
        self.config.upload_slots.max(good + 1 + good / 4)
    }

    /// Between rounds: free slots go to those who wait longest; nobody loses one.
    fn fill_free(&self, mut candidates: Vec<Candidate>) -> Vec<(PeerKey, bool)> {
        let slots = self.slots(&candidates);
        candidates.sort_by_key(|c| (Reverse(c.unchoked), Reverse(c.down_per_s), c.waiting_since));
        candidates.iter().take(slots).map(|c| (c.key, c.optimistic)).collect()
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
        // Among those who give nothing the place goes round.
        candidates.sort_by_key(|c| (Reverse(c.down_per_s), c.waiting_since));
        let regular = slots.saturating_sub(optimistic_slots).min(candidates.len());
        let rest = candidates.split_off(regular);
        let mut chosen: Vec<(PeerKey, bool)> = candidates.iter().map(|c| (c.key, false)).collect();
        let (mut holders, mut others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|c| c.optimistic && !rotate);
        self.rng.shuffle(&mut others);
        // Who has waited longest first; the last holder waits like all others.
        others.sort_by_key(|c| (c.optimistic, c.waiting_since));
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
            peer.upload.is_optimistic = pick == Some(true);
            match (pick.is_some(), peer.we_choke) {
                (true, true) => {
                    peer.we_choke = false;
                    peer.upload.unchoked_at = Some(now);
                    peer.upload.waiting_since = now;
                    peer.upload.total_at_unchoke = peer.upload.total_bytes;
                    out.send(key, &Message::Unchoke);
                }
                (false, false) => {
                    peer.we_choke = true;
                    peer.upload.unchoked_at = None;
                    peer.upload.waiting_since = now;
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
