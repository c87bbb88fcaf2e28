//! A client of the seed, as a script.

use super::ip_of;
use fastrand::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use ztor_base::{Duration, Instant, PeerId};
use ztor_engine::testkit::{FarEnd, Rig, encode};
use ztor_engine::{Bitfield, LeechDefence, PeerKey};
use ztor_metainfo::{BLOCK_LEN, Metainfo};
use ztor_wire::{Block, Handshake, Message, Reserved};

/// Number of requests that a client keeps open.
const PIPELINE: usize = 64;
/// Number of blocks of a piece.
const BLOCKS: u32 = super::PIECE / BLOCK_LEN;
/// Number of pieces that a greedy client requests again and again.
const FAVOURITES: u32 = 16;
/// Number of blocks after which a client that starts over ends its connection.
const VISIT: usize = 24;

/// Behaviour of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Manner {
    /// Announces all that it gets.
    Plain,
    /// Has half, and announces some of it after its bitfield.
    LazyBitfield,
    /// Has a third, and announces it by messages of one piece each.
    NoBitfield,
    /// Announces nothing, since the seed has all pieces.
    Silent,
    /// Wants a third of the pieces, and stays when it has them.
    Selected,
    /// Shares its address with others. Every third one is silent.
    BehindNat,
    /// Has neighbours in its network.
    Neighbour,
    /// Loses up to a third of its pieces in crashes.
    Crashing,
    /// Loses its connection every few seconds.
    Reconnecting,
    /// Has a slow line.
    Slow,
    /// Gets wrong data for one piece in ten, from others too, and downloads it again.
    Poisoned,
    /// Announces its pieces late, eight at a time.
    Late,

    /// Takes any pieces without an announce.
    Endless,
    /// The same from several addresses of one network.
    ManyAddresses,
    /// Requests pieces that it claims to have.
    Greedy,
    /// Announces every tenth piece, and takes any.
    Understating,
    /// Announces pieces after one block, and comes back without any.
    StartingOver,
}

impl Manner {
    pub(super) const HONEST: [Self; 12] = [
        Self::Plain,
        Self::LazyBitfield,
        Self::NoBitfield,
        Self::Silent,
        Self::Selected,
        Self::BehindNat,
        Self::Neighbour,
        Self::Crashing,
        Self::Reconnecting,
        Self::Slow,
        Self::Poisoned,
        Self::Late,
    ];
    pub(super) const CHEATERS: [Self; 5] =
        [Self::Endless, Self::ManyAddresses, Self::Greedy, Self::Understating, Self::StartingOver];

    /// Returns true if a defence bans all cheaters of this manner.
    pub(super) fn is_banned_by(self, defence: LeechDefence) -> bool {
        match defence {
            LeechDefence::Off => false,
            LeechDefence::Normal => self != Self::StartingOver,
            LeechDefence::Strict => true,
        }
    }

    fn cheats(self) -> bool {
        Self::CHEATERS.contains(&self)
    }
}

/// What a client does in a step.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Piece data that has arrived, in bytes.
    pub(super) block_bytes: u32,
    pub(super) bytes: Vec<u8>,
    /// Pieces that it has got.
    pub(super) pieces: Vec<u32>,
    pub(super) hangs_up: bool,
}

/// A client.
pub(super) struct Client {
    manner: Manner,
    ip: [u8; 4],
    is_silent: bool,
    /// Bytes per second from the seed, and pieces per second from others.
    rate: u64,
    others_per_s: f64,
    connect_at: Instant,
    link: Option<Link>,
    wants: Bitfield,
    has: Bitfield,
    crashes: u32,
    /// Number of bans or refusals.
    refusals: u32,
}

/// A connection.
struct Link {
    key: PeerKey,
    far_end: FarEnd,
    they_have: Bitfield,
    is_choked: bool,
    /// Pieces in progress, with their blocks that came.
    partials: BTreeMap<u32, u32>,
    /// Blocks to request, requested ones, and those that are on their way.
    todo: VecDeque<Block>,
    asked: Vec<Block>,
    coming: VecDeque<Block>,
    /// Pieces that are not announced yet.
    unannounced: Vec<u32>,
    announced: Bitfield,
    received: usize,
    steps: u32,
    ends_after: Option<u32>,
    /// Bytes that may come in this step.
    budget: u64,
}

impl Client {
    pub(super) fn new(manner: Manner, ip: [u8; 4], connect_at: Instant, pieces: u32, rng: &mut Rng) -> Self {
        let part = |rng: &mut Rng, percent: u32| {
            let mut set = Bitfield::new(pieces);
            set.extend((0..pieces).filter(|_| rng.u32(0..100) < percent));
            set
        };
        let has = match manner {
            Manner::LazyBitfield => part(rng, 50),
            Manner::NoBitfield => part(rng, 33),
            _ => Bitfield::new(pieces),
        };
        let wants = if manner == Manner::Selected { part(rng, 33) } else { Bitfield::full(pieces) };
        let mut wants_and_has = wants.clone();
        wants_and_has.extend(has.iter());
        let takes_all = manner.cheats() || rng.bool();
        Self {
            manner,
            ip,
            is_silent: manner == Manner::Silent || (manner == Manner::BehindNat && rng.u8(0..3) == 0),
            rate: if manner == Manner::Slow { 100 * 1024 } else { rng.u64(500_000..4_000_000) },
            others_per_s: if takes_all && manner != Manner::Slow { 0.0 } else { rng.f64() * 10.0 },
            connect_at,
            link: None,
            wants: wants_and_has,
            has,
            crashes: 0,
            refusals: 0,
        }
    }

    /// Makes it get pieces from others too.
    pub(super) fn gets_from_others(&mut self) {
        self.others_per_s = self.others_per_s.max(1.0);
    }

    pub(super) fn manner(&self) -> Manner {
        self.manner
    }

    pub(super) fn ip(&self) -> IpAddr {
        ip_of(self.ip)
    }

    pub(super) fn key(&self) -> Option<PeerKey> {
        self.link.as_ref().map(|link| link.key)
    }

    /// Returns true if it has all that it wants.
    pub(super) fn is_done(&self) -> bool {
        !self.manner.cheats() && self.has.count() >= self.wants.count()
    }

    /// Returns true if nothing more is to be seen of it.
    pub(super) fn is_settled(&self) -> bool {
        self.is_done() || self.refusals > 3
    }

    pub(super) fn wants_to_connect(&self, now: Instant) -> bool {
        self.link.is_none() && !self.is_settled() && now >= self.connect_at
    }

    pub(super) fn refused(&mut self, now: Instant) {
        self.refusals += 1;
        self.connect_at = now + Duration::from_secs(5);
    }

    /// Begins a connection. Returns the first bytes.
    pub(super) fn connected(&mut self, key: PeerKey, meta: &Metainfo, number: usize) -> Vec<u8> {
        let pieces = self.has.len();
        self.link = Some(Link {
            key,
            far_end: FarEnd::default(),
            they_have: Bitfield::new(pieces),
            is_choked: true,
            partials: BTreeMap::new(),
            todo: VecDeque::new(),
            asked: Vec::new(),
            coming: VecDeque::new(),
            unannounced: Vec::new(),
            announced: Bitfield::new(pieces),
            received: 0,
            steps: 0,
            ends_after: match self.manner {
                Manner::Reconnecting => Some(20 + number as u32 % 60),
                Manner::Crashing if self.crashes < 2 => Some(30 + number as u32 % 50),
                _ => None,
            },
            budget: 0,
        });
        let mut id = [b'c'; 20];
        id[12..].copy_from_slice(&key.as_u64().to_be_bytes());
        let hello = Handshake {
            reserved: Reserved::NONE.with_fast(),
            info_hash: meta.info_hashes.swarm_id(),
            peer_id: PeerId::new(id),
        };
        let bits = |set: &Bitfield| Message::Bitfield(set.to_wire().into());
        let mut messages = Vec::new();
        match self.manner {
            _ if self.manner.cheats() || self.has.count() == 0 => messages.push(Message::HaveNone),
            Manner::LazyBitfield => {
                let mut some = Bitfield::new(pieces);
                some.extend(self.has.iter().filter(|piece| piece % 16 != 0));
                messages.push(bits(&some));
                let rest = self.has.iter().filter(|piece| piece % 16 == 0);
                messages.extend(rest.map(|piece| Message::Have { piece }));
            }
            Manner::NoBitfield => messages.extend(self.has.iter().map(|piece| Message::Have { piece })),
            _ => messages.push(bits(&self.has)),
        }
        messages.push(Message::Interested);
        let is_fast = self.manner != Manner::NoBitfield;
        let hello = if is_fast { hello } else { Handshake { reserved: Reserved::NONE, ..hello } };
        [&hello.encode()[..], &encode(&messages)].concat()
    }

    /// Passes bytes to the seed.
    pub(super) fn say(&mut self, rig: &mut Rig, bytes: &[u8]) {
        if let Some(link) = &mut self.link {
            rig.give(link.key, &mut link.far_end, bytes);
        }
    }

    /// Reads messages of the seed. A message that cannot be read ends the connection at the next step.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        let Some(link) = &mut self.link else { return };
        let Ok(messages) = link.far_end.heard.take(bytes) else {
            link.ends_after = Some(0);
            return;
        };
        let pieces = link.they_have.len();
        for message in messages {
            match message {
                Message::HaveAll => link.they_have = Bitfield::full(pieces),
                Message::Bitfield(bits) => {
                    link.they_have = Bitfield::from_wire(&bits, pieces).unwrap_or(Bitfield::new(pieces));
                }
                Message::Have { piece } if piece < pieces => {
                    link.they_have.insert(piece);
                }
                Message::Unchoke => link.is_choked = false,
                Message::Choke => {
                    link.is_choked = true;
                    link.todo.extend(link.asked.drain(..));
                }
                Message::Reject(block) => {
                    if let Some(at) = link.asked.iter().position(|asked| *asked == block) {
                        link.asked.swap_remove(at);
                        link.todo.push_back(block);
                    }
                }
                _ => {}
            }
        }
    }

    /// Records a block that the seed sends.
    pub(super) fn comes(&mut self, block: Block) {
        if let Some(link) = &mut self.link {
            link.coming.push_back(block);
        }
    }

    /// Ends the connection.
    pub(super) fn lost(&mut self, now: Instant, rng: &mut Rng) {
        self.link = None;
        self.connect_at = now + Duration::from_millis(rng.u64(250..5000));
        if self.manner == Manner::Crashing && !self.is_done() {
            self.crashes += 1;
            let lost = rng.u32(0..33);
            let kept: Vec<u32> = self.has.iter().filter(|_| rng.u32(0..100) >= lost).collect();
            self.has = Bitfield::new(self.has.len());
            self.has.extend(kept);
        }
    }

    /// Plays a step of a connection.
    pub(super) fn step(&mut self, time: Duration, spread: &Bitfield, rng: &mut Rng) -> Said {
        let mut said = Said::default();
        let Some(mut link) = self.link.take() else { return said };
        let mut messages = Vec::new();
        link.steps += 1;
        let was_done = self.is_done();
        self.receive(&mut link, time, &mut said, rng);
        self.get_from_others(&mut link, time, spread, &mut said, rng);
        self.announce(&mut link, &mut messages, rng);
        let is_done = self.is_done();
        if is_done && !was_done {
            messages.push(Message::NotInterested);
        } else if !is_done && !link.is_choked {
            self.ask(&mut link, &mut messages, rng);
        }
        let has_left = is_done && self.manner != Manner::Selected;
        let had_enough = self.manner == Manner::StartingOver && link.received >= VISIT;
        said.hangs_up = has_left || had_enough || link.ends_after.is_some_and(|steps| link.steps > steps);
        said.bytes = encode(&messages);
        self.link = Some(link);
        said
    }

    fn receive(&mut self, link: &mut Link, time: Duration, said: &mut Said, rng: &mut Rng) {
        link.budget = (link.budget + (self.rate as f64 * time.as_secs_f64()) as u64).min(2 * self.rate);
        while let Some(block) = link.coming.front().copied() {
            if link.budget < u64::from(block.len) {
                break;
            }
            link.budget -= u64::from(block.len);
            link.coming.pop_front();
            link.received += 1;
            said.block_bytes += block.len;
            // A block that was rejected at the same time came nevertheless.
            link.todo.retain(|other| *other != block);
            link.asked.retain(|other| *other != block);
            let came = link.partials.entry(block.piece).or_default();
            *came |= 1 << (block.begin / BLOCK_LEN);
            let is_whole = came.count_ones() == BLOCKS;
            if is_whole || self.manner == Manner::StartingOver {
                let is_bad = self.manner == Manner::Poisoned && rng.u8(0..10) == 0;
                if is_whole {
                    link.partials.remove(&block.piece);
                }
                if !is_bad && (self.manner.cheats() || self.has.insert(block.piece)) {
                    link.unannounced.push(block.piece);
                    said.pieces.push(block.piece);
                }
            }
        }
    }

    fn get_from_others(
        &mut self,
        link: &mut Link,
        time: Duration,
        spread: &Bitfield,
        said: &mut Said,
        rng: &mut Rng,
    ) {
        let expected = self.others_per_s * time.as_secs_f64();
        let count = expected as u32 + u32::from(rng.f64() < expected.fract());
        for _ in 0..count {
            let piece = rng.u32(0..self.has.len());
            // Others have what the seed has given to them, or all of it if it hides nothing.
            let is_there = spread.contains(piece) || link.they_have.contains(piece);
            let is_free = !link.partials.contains_key(&piece) && !link.todo.iter().any(|b| b.piece == piece);
            let is_free = is_free && !link.asked.iter().any(|block| block.piece == piece);
            if is_there && is_free && self.wants.contains(piece) && self.has.insert(piece) {
                link.unannounced.push(piece);
                said.pieces.push(piece);
            }
        }
    }

    fn announce(&self, link: &mut Link, messages: &mut Vec<Message>, rng: &mut Rng) {
        if self.manner == Manner::Late && link.unannounced.len() < 8 && !self.is_done() {
            return;
        }
        for piece in std::mem::take(&mut link.unannounced) {
            let is_told = match self.manner {
                Manner::Endless | Manner::ManyAddresses => false,
                Manner::Understating => rng.u8(0..10) == 0,
                _ => !self.is_silent,
            };
            if is_told && link.announced.insert(piece) {
                messages.push(Message::Have { piece });
            }
        }
    }

    fn ask(&self, link: &mut Link, messages: &mut Vec<Message>, rng: &mut Rng) {
        while link.asked.len() + link.coming.len() < PIPELINE {
            if link.todo.is_empty() {
                let Some(piece) = self.next_piece(link, rng) else { break };
                let came = link.partials.entry(piece).or_default();
                let missing = (0..BLOCKS).filter(|block| *came & (1 << block) == 0);
                let block = |n| Block { piece, begin: n * BLOCK_LEN, len: BLOCK_LEN };
                link.todo.extend(missing.map(block));
            }
            let Some(block) = link.todo.pop_front() else { break };
            link.asked.push(block);
            messages.push(Message::Request(block));
        }
    }

    fn next_piece(&self, link: &Link, rng: &mut Rng) -> Option<u32> {
        let pieces = self.has.len();
        let is_open = |piece: &u32| {
            link.they_have.contains(*piece)
                && !link.partials.contains_key(piece)
                && (self.manner.cheats() || (self.wants.contains(*piece) && !self.has.contains(*piece)))
        };
        let most = if self.manner == Manner::Greedy { FAVOURITES } else { pieces };
        let start = rng.u32(0..most);
        (start..most).chain(0..start).find(is_open)
    }
}
