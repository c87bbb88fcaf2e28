//! Blocks both ways: what to ask a peer for, what to give it.

use crate::outbox::{Outbox, SendBlock};
use crate::picker::Ask;
use crate::{Engine, PeerKey, TorrentId};
use ztor_metainfo::BLOCK_LEN;
use ztor_time::{Duration, Instant};
use ztor_wire::{Block, Message};

/// Blocks a peer gets in its turn where a limit makes peers wait for each other.
const QUANTUM: usize = 4;
/// Turns given out at once, at the most, if few wait.
const MAX_TURNS: usize = 256;
/// Between two looks at the line.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

impl Engine {
    /// Asks a peer for as much as its rate and the limits allow.
    pub(crate) fn request_from(&mut self, now: Instant, key: PeerKey, id: TorrentId, out: &mut Outbox) {
        let (Some(torrent), Some(peer)) = (self.torrents.get_mut(id), self.peers.get_mut(key)) else { return };
        if !torrent.is_live() || !peer.we_are_interested || (peer.chokes_us && peer.download.allowed_fast.is_empty()) {
            return;
        }
        let target = peer.download.target(now);
        let room = target.saturating_sub(peer.download.live);
        if room == 0 || peer.download.waits_for_quota {
            return;
        }
        let limited = self.down.limit().is_some() || torrent.down.limit().is_some();
        let mut affordable = if limited { 0 } else { room };
        // Where tokens are short they go round: a few at a time, and nobody passes those who wait.
        while limited && affordable < room.min(QUANTUM) && (self.starved.is_empty() || self.is_feeding) {
            if !self.down.has(now, BLOCK_LEN) || !torrent.down.has(now, BLOCK_LEN) {
                break;
            }
            self.down.take(BLOCK_LEN);
            torrent.down.take(BLOCK_LEN);
            affordable += 1;
        }
        let mut blocks: Vec<Block> = Vec::with_capacity(affordable);
        if peer.chokes_us {
            for piece in peer.download.allowed_fast.iter().filter(|p| peer.has.contains(**p)) {
                let left = affordable - blocks.len();
                torrent.picker.pick_in(*piece, key, left, &mut blocks);
            }
        } else if affordable > 0 {
            let ask = Ask {
                peer: key,
                has: &peer.has,
                current: peer.download.current_piece,
                whole_pieces: peer.download.deserves_whole_pieces(now, torrent.layout.piece_length()),
                idle: peer.download.live == 0,
            };
            let peers = torrent.peers.len();
            peer.download.current_piece = torrent.picker.pick(&ask, affordable, peers, &mut self.rng, &mut blocks);
        }
        let asked: u32 = blocks.iter().map(|b| b.len).sum();
        let spare = (affordable as u32 * BLOCK_LEN).saturating_sub(asked);
        self.down.refund(spare);
        torrent.down.refund(spare);
        for block in &blocks {
            peer.download.ask(now, *block);
            out.send(key, &Message::Request(*block));
        }
        if affordable < room && blocks.len() == affordable {
            peer.download.waits_for_quota = true;
            let at = self.down.ready_at(BLOCK_LEN).max(torrent.down.ready_at(BLOCK_LEN));
            self.starve(key, at);
        }
    }

    /// Hands over as many of the peer's requests as its socket and the limits can take.
    pub(crate) fn serve(&mut self, now: Instant, key: PeerKey, id: TorrentId, out: &mut Outbox) {
        let (Some(torrent), Some(peer)) = (self.torrents.get_mut(id), self.peers.get_mut(key)) else { return };
        if !torrent.is_live() {
            return;
        }
        if peer.upload.waits_for_quota {
            return;
        }
        let ahead = peer.upload.ahead_bytes(now);
        let limited = self.up.limit().is_some() || torrent.up.limit().is_some();
        let mut given = 0;
        while let Some(block) = peer.upload.queue.front().copied() {
            if peer.upload.in_flight_bytes >= ahead {
                return;
            }
            let in_turn = given < QUANTUM && (self.starved.is_empty() || self.is_feeding);
            if limited && !(in_turn && self.up.has(now, block.len) && torrent.up.has(now, block.len)) {
                peer.upload.waits_for_quota = true;
                let at = self.up.ready_at(block.len).max(torrent.up.ready_at(block.len));
                self.starve(key, at);
                return;
            }
            given += 1;
            self.up.take(block.len);
            torrent.up.take(block.len);
            peer.upload.queue.pop_front();
            peer.upload.in_flight_bytes += u64::from(block.len);
            out.blocks.push(SendBlock { peer: key, torrent: id, block });
        }
    }

    pub(crate) fn on_sent(&mut self, now: Instant, key: PeerKey, block_bytes: u32) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let bytes = u64::from(block_bytes);
        peer.upload.in_flight_bytes = peer.upload.in_flight_bytes.saturating_sub(bytes);
        peer.upload.total_bytes += bytes;
        peer.upload.meter.add(now, bytes);
        peer.sent_at = now;
        peer.useful_at = now;
        if let Some(torrent) = peer.torrent.and_then(|t| self.torrents.get_mut(t)) {
            torrent.uploaded += bytes;
            torrent.session_uploaded += bytes;
            torrent.up_meter.add(now, bytes);
        }
        self.mark_peer(key);
    }

    /// Those who wait for tokens get them in turn, a few each, as long as there are some.
    pub(crate) fn feed_starved(&mut self, now: Instant, out: &mut Outbox) {
        if now < self.quota_at {
            return;
        }
        self.quota_at = Instant::FAR_FUTURE;
        self.is_feeding = true;
        // Who wants more goes to the end of the line; the count ends it for those held up by their torrent's limit.
        for _ in 0..MAX_TURNS.max(2 * self.starved.len()) {
            if !self.down.has(now, BLOCK_LEN) && !self.up.has(now, BLOCK_LEN) {
                break;
            }
            let Some(key) = self.starved.pop_front() else { break };
            if let Some(peer) = self.peers.get_mut(key) {
                peer.download.waits_for_quota = false;
                peer.upload.waits_for_quota = false;
                self.settle_peer(now, key, out);
            }
        }
        self.is_feeding = false;
        if !self.starved.is_empty() {
            let next = self.down.ready_at(BLOCK_LEN).min(self.up.ready_at(BLOCK_LEN));
            self.quota_at = self.quota_at.min(next).max(now + SHORTEST_WAIT);
        }
    }

    fn starve(&mut self, key: PeerKey, until: Instant) {
        self.starved.push_back(key);
        self.quota_at = self.quota_at.min(until);
    }
}
