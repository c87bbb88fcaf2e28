//! Blocks both ways: what to ask a peer for, what to give it.

use crate::outbox::{Outbox, SendBlock};
use crate::picker::Ask;
use crate::rate::Bucket;
use crate::{Engine, PeerKey, TorrentId};
use std::collections::VecDeque;
use ztor_base::{Duration, Instant};
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::{Block, Message};

/// Blocks a peer gets in its turn where a limit makes peers wait for each other.
const QUANTUM: usize = 4;
/// Between two looks at the line.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// The same where all in the line are held up by their torrents. A torrent's bucket holds what comes in a quarter of a
/// second, or a block: nothing is lost by looking no more often.
const HELD_UP_WAIT: Duration = Duration::from_millis(50);

impl Engine {
    /// Asks a peer for as much as its rate and the limits allow.
    pub(crate) fn request_from(&mut self, now: Instant, key: PeerKey, id: TorrentId, out: &mut Outbox) {
        let (Some(torrent), Some(peer)) = (self.torrents.get_mut(id), self.peers.get_mut(key)) else {
            return;
        };
        if !torrent.is_live()
            || !peer.we_are_interested
            || now < peer.download.rests_until
            || (peer.chokes_us && peer.download.allowed_fast.is_empty())
        {
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
        while limited && affordable < room.min(QUANTUM) && self.down_line.is_open() {
            if !self.down.has(now, BLOCK_LEN) || !torrent.down.has(now, BLOCK_LEN) {
                break;
            }
            self.down.take(BLOCK_LEN);
            torrent.down.take(BLOCK_LEN);
            self.down_line.granted += 1;
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
            peer.download.current_piece =
                torrent.picker.pick(&ask, affordable, peers, &mut self.rng, &mut blocks);
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
            self.down_line.join(key, self.down.ready_at(BLOCK_LEN).max(torrent.down.ready_at(BLOCK_LEN)));
        }
    }

    /// Hands over as much of what the peer asked for as its socket and the limits can take.
    pub(crate) fn serve(&mut self, now: Instant, key: PeerKey, id: TorrentId, out: &mut Outbox) {
        self.serve_questions(now, key, id, out);
        self.serve_blocks(now, key, id, out);
    }

    fn serve_questions(&mut self, now: Instant, key: PeerKey, id: TorrentId, out: &mut Outbox) {
        let mut given = 0;
        loop {
            let (Some(torrent), Some(peer)) = (self.torrents.get_mut(id), self.peers.get_mut(key)) else {
                return;
            };
            if !peer.questions.is_due() || peer.upload.waits_for_quota {
                return;
            }
            let limited = self.up.limit().is_some() || torrent.up.limit().is_some();
            let in_turn = given < QUANTUM && self.up_line.is_open();
            // An answer may make a debt of its own length, but not add to one: at the lowest limit a peer still learns what
            // the torrent is.
            if limited && !(in_turn && self.up.has(now, 0) && torrent.up.has(now, 0)) {
                peer.upload.waits_for_quota = true;
                self.up_line.join(key, self.up.ready_at(0).max(torrent.up.ready_at(0)));
                return;
            }
            given += 1;
            self.up_line.granted += 1;
            let len = self.answer(key, id, out);
            self.up.take(len);
            self.torrents[id].up.take(len);
        }
    }

    fn serve_blocks(&mut self, now: Instant, key: PeerKey, id: TorrentId, out: &mut Outbox) {
        let (Some(torrent), Some(peer)) = (self.torrents.get_mut(id), self.peers.get_mut(key)) else {
            return;
        };
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
            let in_turn = given < QUANTUM && self.up_line.is_open();
            // More than 16 KiB at a time is more than a bucket may hold: the rest is owed.
            let at_hand = block.len.min(BLOCK_LEN);
            if limited && !(in_turn && self.up.has(now, at_hand) && torrent.up.has(now, at_hand)) {
                peer.upload.waits_for_quota = true;
                self.up_line.join(key, self.up.ready_at(at_hand).max(torrent.up.ready_at(at_hand)));
                return;
            }
            given += 1;
            self.up_line.granted += 1;
            self.up.take(block.len);
            torrent.up.take(block.len);
            peer.upload.queue.pop_front();
            peer.upload.in_flight_bytes += u64::from(block.len);
            out.blocks.push(SendBlock { peer: key, torrent: id, block });
        }
    }

    pub(crate) fn on_sent(&mut self, now: Instant, key: PeerKey, block_bytes: u32, reply_bytes: u32) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.questions.sent(reply_bytes);
        peer.sent_at = now;
        self.mark_peer(key);
        if block_bytes > 0 {
            self.on_blocks_sent(now, key, block_bytes);
        }
    }

    fn on_blocks_sent(&mut self, now: Instant, key: PeerKey, block_bytes: u32) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let bytes = u64::from(block_bytes);
        peer.upload.in_flight_bytes = peer.upload.in_flight_bytes.saturating_sub(bytes);
        peer.upload.total_bytes += bytes;
        peer.upload.meter.add(now, bytes);
        peer.useful_at = now;
        peer.payload_at = now;
        if let Some(id) = peer.torrent
            && let Some(torrent) = self.torrents.get_mut(id)
        {
            self.changes.uncounted.insert(id);
            torrent.uploaded += bytes;
            torrent.session_uploaded += bytes;
            torrent.up_meter.add(now, bytes);
        }
    }

    /// Those who wait for tokens get them in turn, a few each, as long as there are some.
    pub(crate) fn feed_lines(&mut self, now: Instant, out: &mut Outbox) {
        self.feed(now, Way::Down, out);
        self.feed(now, Way::Up, out);
    }

    /// A limit changed.
    pub(crate) fn look_at_lines(&mut self, now: Instant) {
        self.down_line.at = now;
        self.up_line.at = now;
    }

    fn feed(&mut self, now: Instant, way: Way, out: &mut Outbox) {
        let (line, _) = self.line(way);
        if now < line.at {
            return;
        }
        line.at = Instant::FAR_FUTURE;
        line.is_feeding = true;
        // Those who have not had a turn since somebody got something.
        let mut left = line.queue.len();
        // Who wants more goes to the end of the line. Some may be held up by their torrent's own limit: a round
        // in which nobody got anything is the last.
        loop {
            let (line, bucket) = self.line(way);
            if left == 0 || !bucket.has(now, BLOCK_LEN) {
                break;
            }
            let before = line.granted;
            let Some(key) = line.queue.pop_front() else { break };
            if let Some(peer) = self.peers.get_mut(key) {
                match way {
                    Way::Down => peer.download.waits_for_quota = false,
                    Way::Up => peer.upload.waits_for_quota = false,
                }
                self.settle_peer(now, key, out);
            }
            let line = self.line(way).0;
            left = if line.granted == before { left - 1 } else { line.queue.len() };
        }
        let (line, bucket) = self.line(way);
        line.is_feeding = false;
        if !line.queue.is_empty() {
            // Those who had a turn have said when there may be tokens for them; the others wait for this bucket.
            line.at = if left == 0 {
                line.at.max(now + HELD_UP_WAIT)
            } else {
                line.at.min(bucket.ready_at(BLOCK_LEN)).max(now + SHORTEST_WAIT)
            };
        }
    }

    fn line(&mut self, way: Way) -> (&mut Line, &mut Bucket) {
        match way {
            Way::Down => (&mut self.down_line, &mut self.down),
            Way::Up => (&mut self.up_line, &mut self.up),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Down,
    Up,
}

/// Peers that found a bucket empty, first come, first served.
pub(crate) struct Line {
    queue: VecDeque<PeerKey>,
    /// When there may be tokens for the first.
    at: Instant,
    /// Blocks that were let pass, ever.
    granted: u64,
    /// Those who wait are being given their turn.
    is_feeding: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { queue: VecDeque::new(), at: Instant::FAR_FUTURE, granted: 0, is_feeding: false }
    }
}

impl Line {
    pub(crate) fn next(&self) -> Option<Instant> {
        Some(self.at).filter(|at| *at < Instant::FAR_FUTURE)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Nobody is passed by taking tokens now.
    fn is_open(&self) -> bool {
        self.queue.is_empty() || self.is_feeding
    }

    /// A peer that waited is gone.
    pub(crate) fn leave(&mut self, key: PeerKey) {
        self.queue.retain(|waiting| *waiting != key);
    }

    fn join(&mut self, key: PeerKey, until: Instant) {
        self.queue.push_back(key);
        self.at = self.at.min(until);
    }
}
