//! Hot operations of a busy client, each as a closure that can be run any number of times.

use crate::ip_filter;
use crate::swarm::Swarm;
use crate::torrents;
use anyhow::Context;
use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use std::hint::black_box;
use std::sync::Arc;
use ztor_base::{Duration, Instant, PeerId};
use ztor_engine::testkit::{Ask, Picker, Rig, peer_key};
use ztor_engine::{AddTorrent, Bitfield, Config, DiskEvent, Pieces, TorrentId, Unsaved};
use ztor_metainfo::{BLOCK_LEN, Metainfo};
use ztor_wire::{Block, Decoder, Message};

/// Size of the environment of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Number of pieces of the torrent.
    pub pieces: u32,
    /// Number of its peers.
    pub peers: usize,
    /// Number of torrents, for operations with idle ones.
    pub torrents: usize,
}

impl Scale {
    /// Largest size that a client must handle.
    pub const FULL: Self = Self { pieces: 100_000, peers: 500, torrents: 50_000 };
    /// Size that is small enough for an emulated processor.
    pub const SMALL: Self = Self { pieces: 4_000, peers: 100, torrents: 1_000 };
}

/// A hot operation.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Name on the command line.
    pub name: &'static str,
    /// Description of one run.
    pub about: &'static str,
    make: fn(Scale) -> anyhow::Result<Run>,
}

/// Closure that does the operation once.
pub type Run = Box<dyn FnMut()>;

impl Operation {
    /// Sets up the environment of the operation.
    ///
    /// # Errors
    /// If the setup fails.
    pub fn make(&self, scale: Scale) -> anyhow::Result<Run> {
        (self.make)(scale).with_context(|| format!("setting up {}", self.name))
    }
}

/// All operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "decode-pieces",
        about: "cut a 256 KiB read of 15 blocks into messages",
        make: decode_pieces,
    },
    Operation {
        name: "decode-requests",
        about: "cut a read of 1,000 requests into messages",
        make: decode_requests,
    },
    Operation { name: "decode-torrent", about: "read a torrent file with many pieces", make: decode_torrent },
    Operation {
        name: "blocks",
        about: "an engine takes a read of 15 blocks, settles, and asks for more",
        make: blocks,
    },
    Operation {
        name: "serve",
        about: "an engine takes 16 requests, sends the blocks and learns that they are sent",
        make: serve,
    },
    Operation {
        name: "have",
        about: "an engine takes one have of one of its peers, and settles",
        make: have,
    },
    Operation {
        name: "interest",
        about: "an engine takes a change of interest of one of its peers, and settles",
        make: interest,
    },
    Operation {
        name: "rejects",
        about: "a peer rejects the requested blocks, and the engine requests them again",
        make: rejects,
    },
    Operation {
        name: "choke-round",
        about: "a round of the choker, all peers interested",
        make: choke_round,
    },
    Operation { name: "pick", about: "the picker chooses 16 blocks, and releases them", make: pick },
    Operation {
        name: "rarity-have",
        about: "the picker counts one more peer with a piece",
        make: rarity_have,
    },
    Operation {
        name: "bitfield",
        about: "a peer with half of the pieces joins and leaves, a pick between",
        make: bitfield,
    },
    Operation { name: "settle-idle", about: "a turn in which nothing happened", make: settle_idle },
    Operation { name: "status", about: "status changes of all torrents, with one changed", make: status },
    Operation { name: "unsaved", about: "search for unsaved torrents, with one unsaved", make: unsaved },
    Operation {
        name: "filter-look-up",
        about: "1,000 addresses are looked up in an IP filter of 300,000 ranges",
        make: |scale| Ok(ip_filter::look_up(3 * scale.pieces)),
    },
    Operation {
        name: "filter-read",
        about: "a list of 300,000 ranges in P2P format is read",
        make: |scale| Ok(ip_filter::read(3 * scale.pieces)),
    },
];

const PIECE_LENGTH: u32 = 256 * 1024;
/// Number of whole blocks that fit into 256 KiB with their headers.
const BLOCKS_PER_READ: usize = 15;

fn decode_pieces(_: Scale) -> anyhow::Result<Run> {
    let mut bytes = Vec::new();
    for begin in 0..BLOCKS_PER_READ as u32 {
        bytes.extend_from_slice(&ztor_wire::piece_header(7, begin * BLOCK_LEN, BLOCK_LEN));
        bytes.resize(bytes.len() + BLOCK_LEN as usize, 0);
    }
    Ok(decode_all(bytes))
}

fn decode_requests(_: Scale) -> anyhow::Result<Run> {
    let mut bytes = Vec::new();
    for begin in 0..1000 {
        Message::Request(Block { piece: 7, begin, len: BLOCK_LEN }).encode(&mut bytes);
    }
    Ok(decode_all(bytes))
}

fn decode_all(bytes: Vec<u8>) -> Run {
    let mut decoder = Decoder::new(ztor_wire::MAX_MESSAGE_LEN);
    Box::new(move || {
        let mut stream = BytesMut::from(bytes.as_slice());
        while let Ok(Some(message)) = decoder.decode(&mut stream) {
            black_box(message);
        }
    })
}

fn decode_torrent(scale: Scale) -> anyhow::Result<Run> {
    let bytes = torrents::made_up("large", scale.pieces, PIECE_LENGTH).to_bytes()?;
    Ok(Box::new(move || {
        // Cannot fail: the bytes are those of a torrent.
        let _ = black_box(Metainfo::from_bytes(black_box(&bytes)));
    }))
}

/// Returns an engine without pieces, and peers with random halves of them.
fn leeching(scale: Scale) -> anyhow::Result<Swarm> {
    let meta = torrents::made_up("large", scale.pieces, PIECE_LENGTH);
    let mut swarm = Swarm::new(&meta, Bitfield::new(scale.pieces), scale.peers + 1);
    for _ in 0..scale.peers {
        let half = Bytes::from(swarm.random_half().to_wire());
        swarm.join(&[Message::Bitfield(half), Message::Unchoke])?;
    }
    swarm.settle();
    Ok(swarm)
}

/// Returns an engine with all pieces, and interested peers without any.
fn seeding(scale: Scale) -> anyhow::Result<Swarm> {
    let meta = torrents::made_up("large", scale.pieces, PIECE_LENGTH);
    let mut swarm = Swarm::new(&meta, Bitfield::full(scale.pieces), scale.peers + 1);
    for _ in 0..scale.peers {
        swarm.join(&[Message::HaveNone, Message::Interested])?;
    }
    for _ in 0..3 {
        swarm.settle();
        swarm.wait(Duration::from_secs(10));
    }
    Ok(swarm)
}

fn blocks(scale: Scale) -> anyhow::Result<Run> {
    let mut swarm = leeching(scale)?;
    let mut turn = 0;
    Ok(Box::new(move || {
        let key = swarm.peers[turn % swarm.peers.len()];
        turn += 1;
        swarm.wait(Duration::from_micros(100));
        swarm.give(key, BLOCKS_PER_READ);
        swarm.settle();
    }))
}

fn serve(scale: Scale) -> anyhow::Result<Run> {
    let mut swarm = seeding(scale)?;
    let mut turn = 0;
    Ok(Box::new(move || {
        let key = swarm.peers[turn % swarm.peers.len()];
        turn += 1;
        let blocks =
            (0..16).map(|n| Block { piece: turn as u32 % 1000, begin: n * BLOCK_LEN, len: BLOCK_LEN });
        let requests: Vec<Message> = blocks.map(Message::Request).collect();
        swarm.say(key, &requests);
        swarm.settle();
    }))
}

fn have(scale: Scale) -> anyhow::Result<Run> {
    let mut swarm = leeching(scale)?;
    let mut rng = Rng::with_seed(3);
    Ok(Box::new(move || {
        let key = swarm.peers[rng.usize(..swarm.peers.len())];
        swarm.say(key, &[Message::Have { piece: rng.u32(..scale.pieces) }]);
        swarm.settle();
    }))
}

fn interest(scale: Scale) -> anyhow::Result<Run> {
    let mut swarm = seeding(scale)?;
    let mut turn = 0;
    Ok(Box::new(move || {
        let key = swarm.peers[(turn / 2) % swarm.peers.len()];
        swarm.say(key, &[if turn % 2 == 0 { Message::NotInterested } else { Message::Interested }]);
        swarm.settle();
        turn += 1;
    }))
}

fn rejects(scale: Scale) -> anyhow::Result<Run> {
    let mut swarm = leeching(scale)?;
    let mut turn = 0;
    Ok(Box::new(move || {
        let key = swarm.peers[turn % swarm.peers.len()];
        turn += 1;
        let asked = swarm.asked.get_mut(&key).map(std::mem::take).unwrap_or_default();
        let refusals: Vec<Message> = asked.into_iter().map(Message::Reject).collect();
        swarm.say(key, &[Message::Choke]);
        swarm.say(key, &refusals);
        swarm.say(key, &[Message::Unchoke]);
        swarm.settle();
    }))
}

fn choke_round(scale: Scale) -> anyhow::Result<Run> {
    let mut swarm = seeding(scale)?;
    Ok(Box::new(move || {
        swarm.wait(Duration::from_secs(10));
        // Keep-alives: no peer times out.
        for at in 0..swarm.peers.len() {
            swarm.read(swarm.peers[at], &[0; 4]);
        }
        swarm.settle();
    }))
}

/// Returns a picker with its random generator, and the pieces of its peers.
fn picker(scale: Scale) -> (Picker, Rng, Vec<Bitfield>) {
    let meta = torrents::made_up("large", scale.pieces, PIECE_LENGTH);
    let mut picker = Picker::new(Arc::clone(&meta.layout));
    let mut chance = Rng::with_seed(4);
    picker.reset(Bitfield::new(scale.pieces), None, &mut chance);
    let mut rng = Rng::with_seed(5);
    let sets: Vec<Bitfield> = (0..scale.peers)
        .map(|_| {
            let mut set = Bitfield::new(scale.pieces);
            set.extend((0..scale.pieces).filter(|_| rng.bool()));
            set
        })
        .collect();
    sets.iter().for_each(|set| picker.peer_has_all_of(set, &mut chance));
    (picker, chance, sets)
}

fn choose(picker: &mut Picker, rng: &mut Rng, peer: u32, has: &Pieces, peers: usize) -> Vec<Block> {
    let ask = Ask {
        source: peer_key(peer).into(),
        has,
        current: None,
        whole_pieces: true,
        idle: true,
        suggested: &[],
    };
    let mut blocks = Vec::new();
    picker.pick(&ask, 16, peers, rng, &mut blocks);
    blocks
}

fn pick(scale: Scale) -> anyhow::Result<Run> {
    let (mut picker, mut rng, sets) = picker(scale);
    let sets: Vec<Pieces> = sets.into_iter().map(Pieces::Some).collect();
    // All peers but the first have blocks already.
    for (peer, has) in (0..).zip(&sets).skip(1) {
        choose(&mut picker, &mut rng, peer, has, scale.peers);
    }
    Ok(Box::new(move || {
        for block in choose(&mut picker, &mut rng, 0, &sets[0], scale.peers) {
            picker.release(block, peer_key(0).into(), &mut rng);
        }
    }))
}

fn rarity_have(scale: Scale) -> anyhow::Result<Run> {
    let (mut picker, mut chance, _) = picker(scale);
    let mut rng = Rng::with_seed(6);
    Ok(Box::new(move || picker.peer_has(rng.u32(..scale.pieces), &mut chance)))
}

fn bitfield(scale: Scale) -> anyhow::Result<Run> {
    let (mut picker, mut rng, mut sets) = picker(scale);
    let set = sets.pop().context("no peers")?;
    let has = Pieces::Some(set.clone());
    Ok(Box::new(move || {
        picker.peer_has_all_of(&set, &mut rng);
        for block in choose(&mut picker, &mut rng, 0, &has, scale.peers) {
            picker.release(block, peer_key(0).into(), &mut rng);
        }
        picker.peer_gone(&set, &mut rng);
    }))
}

/// An engine with idle seeding torrents.
struct Idle {
    rig: Rig,
    torrents: Vec<TorrentId>,
}

impl Idle {
    fn new(scale: Scale) -> Self {
        let config = Config::new(PeerId::from_random([1; 12]), 6881);
        let rig = Rig::new(Instant::from_micros(1_000_000), config, 1);
        let mut idle = Self { rig, torrents: Vec::new() };
        for number in 0..scale.torrents {
            let meta = torrents::made_up(&format!("{number}"), 1, BLOCK_LEN);
            let torrent = idle.rig.add(&AddTorrent::new(meta));
            idle.torrents.push(torrent);
            idle.rig.disk(torrent, DiskEvent::Checked { have: Bitfield::full(1) });
        }
        idle.settle();
        idle
    }

    fn settle(&mut self) {
        self.rig.settle();
        self.rig.out.clear();
    }
}

fn settle_idle(scale: Scale) -> anyhow::Result<Run> {
    let mut idle = Idle::new(scale);
    Ok(Box::new(move || {
        idle.rig.now += Duration::from_millis(10);
        idle.settle();
        black_box(idle.rig.engine.poll_timeout());
    }))
}

fn status(scale: Scale) -> anyhow::Result<Run> {
    let mut idle = Idle::new(scale);
    idle.rig.engine.status_changes(idle.rig.now);
    let mut turn = 0;
    Ok(Box::new(move || {
        let torrent = idle.torrents[turn % idle.torrents.len()];
        turn += 1;
        // Changes nothing in a live torrent, but marks it as changed.
        idle.rig.disk(torrent, DiskEvent::CheckProgress { done: 1, total: 1 });
        idle.settle();
        black_box(idle.rig.engine.status_changes(idle.rig.now));
    }))
}

fn unsaved(scale: Scale) -> anyhow::Result<Run> {
    let mut idle = Idle::new(scale);
    for id in idle.rig.engine.unsaved(Unsaved::Pieces) {
        idle.rig.engine.resume_data_if_changed(idle.rig.now, id);
    }
    let mut turn = 0;
    Ok(Box::new(move || {
        idle.rig.engine.not_saved(idle.torrents[turn % idle.torrents.len()]);
        turn += 1;
        for id in idle.rig.engine.unsaved(Unsaved::Pieces) {
            black_box(idle.rig.engine.resume_data_if_changed(idle.rig.now, id));
        }
    }))
}
