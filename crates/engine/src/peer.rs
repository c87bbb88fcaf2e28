//! One connection to a peer, from the attempt to the close.

use crate::bans::Author;
use crate::config::{
    DEFAULT_PEER_REQUESTS, MAX_BLOCK_TIMEOUT, MAX_REQUESTS, MAX_UPLOAD_AHEAD, MIN_BLOCK_TIMEOUT,
    MIN_REQUESTS, MIN_UPLOAD_AHEAD, REQUEST_AHEAD, WHOLE_PIECE_WITHIN,
};
use crate::dial::Dial;
use crate::extended::Extended;
use crate::ids::TorrentId;
use crate::junk::Junk;
use crate::pieces::Pieces;
use crate::questions::Questions;
use crate::rate::Meter;
use crate::way::{Protection, Transport};
use std::collections::VecDeque;
use std::net::SocketAddr;
use ztor_base::{Duration, Instant, PeerId, SwarmId};
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::Block;

/// Who called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The peer.
    Incoming,
    /// We.
    Outgoing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    Connecting,
    /// Connected; the encrypted handshake is under way.
    Securing,
    Handshaking,
    Live,
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) addr: SocketAddr,
    pub(crate) direction: Direction,
    pub(crate) transport: Transport,
    pub(crate) protection: Protection,
    /// The swarm an encrypted handshake was for.
    pub(crate) secured_for: Option<SwarmId>,
    /// How it is being called; until it has answered in the same swarm.
    pub(crate) dial: Option<Dial>,
    /// It was met through a third (BEP 55).
    pub(crate) is_punched: bool,
    /// It is another connection to a peer that we have one to.
    pub(crate) is_double: bool,
    pub(crate) stage: Stage,
    /// Known from the start for outgoing connections, from the handshake for incoming ones.
    pub(crate) torrent: Option<TorrentId>,
    pub(crate) id: Option<PeerId>,
    pub(crate) client: Option<String>,
    pub(crate) fast: bool,
    /// Has said where its DHT node is.
    pub(crate) has_told_port: bool,
    /// Whether its id is the one that a tracker has named; `None` if none has.
    pub(crate) id_as_named: Option<bool>,
    /// Knows of hashes of pieces (BEP 52).
    pub(crate) speaks_v2: bool,
    pub(crate) has: Pieces,
    /// How many pieces it has that we want and lack.
    pub(crate) interesting: u32,
    pub(crate) we_choke: bool,
    pub(crate) we_are_interested: bool,
    pub(crate) chokes_us: bool,
    pub(crate) is_interested: bool,
    pub(crate) download: Download,
    pub(crate) upload: Upload,
    pub(crate) started_at: Instant,
    pub(crate) received_at: Instant,
    pub(crate) sent_at: Instant,
    /// Last time piece data moved either way, or since when it is connected.
    pub(crate) payload_at: Instant,
    /// Last time one side was interested in the other.
    pub(crate) useful_at: Instant,
    /// The timer that is set for this peer.
    pub(crate) wake: Instant,
    pub(crate) is_dirty: bool,
    /// Offences short of a verdict.
    pub(crate) unasked_blocks: u32,
    pub(crate) refused_requests: usize,
    pub(crate) junk: Junk,
    /// How often it has told all its pieces at once.
    pub(crate) bitfields: u32,
    pub(crate) extended: Extended,
    pub(crate) questions: Questions,
}

/// What comes from the peer.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) meter: Meter,
    pub(crate) total_bytes: u64,
    pub(crate) asked: VecDeque<Asked>,
    /// Entries of `asked` that were not released.
    pub(crate) live: usize,
    pub(crate) current_piece: Option<u32>,
    pub(crate) allowed_fast: Vec<u32>,
    pub(crate) snubbed: bool,
    /// Requests that it refused since the last block.
    refusals: u32,
    /// After many refusals it is asked nothing before this time.
    pub(crate) rests_until: Instant,
    /// What it gave back is offered to the others before it is asked again.
    pub(crate) yields: bool,
    /// What the peer said it accepts.
    pub(crate) peer_queue_limit: usize,
    /// While starting: one more block ahead for each that comes, until the rate stops growing.
    slow_start: Option<SlowStart>,
    last_block_at: Option<Instant>,
    gap_mean_us: f64,
    gap_deviation_us: f64,
    pub(crate) waits_for_quota: bool,
}

/// A block we asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) block: Block,
    pub(crate) at: Instant,
    /// Given back to the picker; if it comes all the same it is welcome.
    pub(crate) released: bool,
}

#[derive(Debug, Clone, Copy)]
struct SlowStart {
    target: usize,
    checked_at: Instant,
    rate_then: u64,
}

/// What goes to the peer.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) meter: Meter,
    pub(crate) total_bytes: u64,
    pub(crate) queue: VecDeque<Block>,
    /// Piece data handed to the driver and not yet gone.
    pub(crate) in_flight_bytes: u64,
    /// Pieces it may ask for while choked, and how many bytes of them it still may have (BEP 6).
    pub(crate) allowed_fast: Vec<u32>,
    pub(crate) allowed_fast_bytes: u64,
    pub(crate) unchoked_at: Option<Instant>,
    /// Total at the last unchoke.
    pub(crate) total_at_unchoke: u64,
    /// When its last whole turn was over, or it came.
    pub(crate) waiting_since: Instant,
    pub(crate) is_optimistic: bool,
    /// Last time it held a place it had not earned by giving, or came.
    pub(crate) tried_at: Instant,
    /// While a choice of whom to serve is carried out: it was chosen, perhaps for an optimistic slot.
    pub(crate) chosen: Option<bool>,
    pub(crate) waits_for_quota: bool,
}

impl Peer {
    pub(crate) fn new(
        now: Instant,
        addr: SocketAddr,
        direction: Direction,
        transport: Transport,
        torrent: Option<TorrentId>,
    ) -> Self {
        Self {
            addr,
            direction,
            transport,
            protection: Protection::None,
            secured_for: None,
            dial: None,
            is_punched: false,
            is_double: false,
            stage: if direction == Direction::Outgoing { Stage::Connecting } else { Stage::Handshaking },
            torrent,
            id: None,
            client: None,
            fast: false,
            has_told_port: false,
            id_as_named: None,
            speaks_v2: false,
            has: Pieces::None,
            interesting: 0,
            we_choke: true,
            we_are_interested: false,
            chokes_us: true,
            is_interested: false,
            download: Download {
                meter: Meter::default(),
                total_bytes: 0,
                asked: VecDeque::new(),
                live: 0,
                current_piece: None,
                allowed_fast: Vec::new(),
                snubbed: false,
                refusals: 0,
                rests_until: now,
                yields: false,
                peer_queue_limit: DEFAULT_PEER_REQUESTS,
                slow_start: Some(SlowStart { target: MIN_REQUESTS, checked_at: now, rate_then: 0 }),
                last_block_at: None,
                gap_mean_us: 0.0,
                gap_deviation_us: 0.0,
                waits_for_quota: false,
            },
            upload: Upload {
                meter: Meter::default(),
                total_bytes: 0,
                queue: VecDeque::new(),
                in_flight_bytes: 0,
                allowed_fast: Vec::new(),
                allowed_fast_bytes: 0,
                unchoked_at: None,
                total_at_unchoke: 0,
                waiting_since: now,
                is_optimistic: false,
                tried_at: now,
                chosen: None,
                waits_for_quota: false,
            },
            started_at: now,
            received_at: now,
            sent_at: now,
            payload_at: now,
            useful_at: now,
            wake: Instant::FAR_FUTURE,
            is_dirty: false,
            unasked_blocks: 0,
            refused_requests: 0,
            junk: Junk::default(),
            bitfields: 0,
            extended: Extended::default(),
            questions: Questions::default(),
        }
    }

    /// The one who answers for what it sends.
    pub(crate) fn author(&self) -> Author {
        Author::of(self.addr.ip(), self.id)
    }

    /// Where it listens, if it has said so.
    pub(crate) fn listens(&self) -> Option<SocketAddr> {
        self.extended.listen_port.map(|port| SocketAddr::new(self.addr.ip(), port))
    }

    pub(crate) fn is_live(&self) -> bool {
        self.stage == Stage::Live
    }

    /// It is more than an attempt of ours.
    pub(crate) fn stands_or_called(&self) -> bool {
        self.is_live() || self.direction == Direction::Incoming
    }

    /// It would give, but nothing is asked of it.
    pub(crate) fn is_out_of_work(&self) -> bool {
        let may_ask = !self.chokes_us || !self.download.allowed_fast.is_empty();
        self.we_are_interested && may_ask && self.download.live == 0
    }

    pub(crate) fn has_moved_payload(&self) -> bool {
        self.download.total_bytes + self.upload.total_bytes > 0
    }

    pub(crate) fn is_seed(&self) -> bool {
        self.has == Pieces::All
    }
}

/// How long a peer is asked nothing that has refused more requests in a row than it can have had.
const REFUSAL_PAUSE: Duration = Duration::from_secs(10);

impl Download {
    /// How many blocks to have asked for at a time.
    pub(crate) fn target(&mut self, now: Instant) -> usize {
        if self.snubbed {
            return 1;
        }
        let rate = self.meter.per_s(now);
        if let Some(start) = &mut self.slow_start
            && now.since(start.checked_at) >= Duration::from_secs(2)
        {
            if start.rate_then > 0 && rate < start.rate_then + start.rate_then / 10 {
                self.slow_start = None;
            } else {
                (start.checked_at, start.rate_then) = (now, rate);
            }
        }
        let ahead = rate * REQUEST_AHEAD.as_secs() / u64::from(BLOCK_LEN);
        let target = (ahead as usize).max(self.slow_start.map_or(0, |s| s.target));
        let most = MAX_REQUESTS.min(self.peer_queue_limit.max(1));
        target.clamp(MIN_REQUESTS.min(most), most)
    }

    /// Whether the peer would give a whole piece soon enough to have it to itself.
    pub(crate) fn deserves_whole_pieces(&self, now: Instant, piece_length: u32) -> bool {
        !self.snubbed && self.meter.per_s(now) * WHOLE_PIECE_WITHIN.as_secs() >= u64::from(piece_length)
    }

    pub(crate) fn ask(&mut self, now: Instant, block: Block) {
        self.asked.push_back(Asked { block, at: now, released: false });
        self.live += 1;
        // Released entries are kept only so that late blocks are recognised.
        if self.asked.len() > 2 * MAX_REQUESTS
            && let Some(at) = self.asked.iter().position(|a| a.released)
        {
            self.asked.remove(at);
        }
    }

    /// Takes the entry for a block that came or was refused.
    pub(crate) fn answered(&mut self, block: Block) -> Option<Asked> {
        // The newer of two: the released one is there for a late duplicate.
        let same = |a: &Asked| a.block == block;
        let live = self.asked.iter().position(|a| same(a) && !a.released);
        let at = live.or_else(|| self.asked.iter().position(same))?;
        let asked = self.asked.remove(at)?;
        if !asked.released {
            self.live -= 1;
        }
        Some(asked)
    }

    /// Marks everything outstanding as released and returns it.
    pub(crate) fn release_all(&mut self) -> Vec<Block> {
        self.live = 0;
        let fresh = self.asked.iter_mut().filter(|a| !a.released);
        fresh
            .map(|a| {
                a.released = true;
                a.block
            })
            .collect()
    }

    /// Counts a block that came.
    pub(crate) fn came(&mut self, now: Instant, bytes: u32) {
        self.meter.add(now, u64::from(bytes));
        self.total_bytes += u64::from(bytes);
        if let Some(last) = self.last_block_at.replace(now) {
            let gap = now.since(last).as_micros() as f64;
            if self.gap_mean_us == 0.0 {
                self.gap_mean_us = gap;
                self.gap_deviation_us = gap / 2.0;
            } else {
                self.gap_deviation_us += ((gap - self.gap_mean_us).abs() - self.gap_deviation_us) / 16.0;
                self.gap_mean_us += (gap - self.gap_mean_us) / 16.0;
            }
        }
        self.snubbed = false;
        self.refusals = 0;
        if let Some(start) = &mut self.slow_start {
            start.target = (start.target + 1).min(MAX_REQUESTS);
        }
    }

    /// It refused a request although it does not choke us: it is asked for less, and others first. One that does nothing
    /// else is left alone for a while.
    pub(crate) fn refused(&mut self, now: Instant) {
        (self.snubbed, self.yields) = (true, true);
        self.refusals += 1;
        if self.refusals > MAX_REQUESTS as u32 {
            self.rests_until = now + REFUSAL_PAUSE;
        }
    }

    /// When the peer counts as stalled, if nothing comes before. Time before `reading_since` does not count:
    /// then it was we who did not read.
    pub(crate) fn stalls_at(&self, reading_since: Instant) -> Option<Instant> {
        if self.live == 0 {
            return None;
        }
        let oldest = self.asked.iter().find(|a| !a.released)?.at;
        let from = self.last_block_at.map_or(oldest, |last| last.max(oldest));
        let patience = if self.gap_mean_us == 0.0 {
            MAX_BLOCK_TIMEOUT
        } else {
            let us = self.gap_mean_us + 4.0 * self.gap_deviation_us;
            Duration::from_micros(us as u64).clamp(MIN_BLOCK_TIMEOUT, MAX_BLOCK_TIMEOUT)
        };
        Some(from.max(reading_since) + patience)
    }

    /// The peer let its time pass: back to one block at a time.
    pub(crate) fn stalled(&mut self) {
        self.snubbed = true;
        self.yields = true;
        self.slow_start = None;
    }
}

impl Upload {
    /// How many bytes may be on their way to the socket.
    pub(crate) fn ahead_bytes(&self, now: Instant) -> u64 {
        (self.meter.per_s(now) / 2).clamp(MIN_UPLOAD_AHEAD, MAX_UPLOAD_AHEAD)
    }
}
