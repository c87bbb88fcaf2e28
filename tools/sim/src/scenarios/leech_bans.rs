//! Bans for leeching by a strict defence: honest clients of all kinds, and cheaters.
//!
//! One seed, and clients that are scripts at the level of messages. No bytes of pieces are kept, so that there can be
//! thousands of clients. All happens within an hour, in which no debt is forgiven.

mod client;

use super::common::MIB;
use crate::outcome::{Failure, Outcome};
use client::{Client, Manner};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use ztor_base::{Duration, Host, Instant, PeerId};
use ztor_engine::testkit::{Blueprint, Rig};
use ztor_engine::{
    AddTorrent, Author, Bitfield, CloseCause, Config, DiskEvent, Event, LeechDefence, PeerKey, TorrentId,
    Transport,
};
use ztor_metainfo::Metainfo;

/// Size of the torrent. A strict defence bans a silent peer for 80 MiB of it, and a peer that announces for 16 MiB.
const LEN: u64 = 64 * MIB;
const PIECE: u32 = 128 * 1024;
/// Number of honest clients, and of those that a seed with super-seeding has besides.
const HONEST: usize = 2000;
const HONEST_OF_HIDDEN: usize = 200;
/// Number of cheaters of each kind.
const CHEATERS: usize = 4;
/// Bans of honest clients are fewer than one in this many.
const ONE_IN: usize = 1000;
const STEP: Duration = Duration::from_millis(250);
/// Time limit of a world, within which no debt is forgiven.
const LIMIT: Duration = Duration::from_secs(3000);
/// Time between the arrivals of clients.
const ARRIVAL: Duration = Duration::from_millis(500);

/// A seed and its clients.
struct World {
    rig: Rig,
    torrent: TorrentId,
    meta: Arc<Metainfo>,
    rng: Rng,
    clients: Vec<Client>,
    by_key: BTreeMap<PeerKey, usize>,
    /// Pieces that some client has.
    spread: Bitfield,
}

/// Counts of a world: clients, those that got all that they wanted, and those that were banned, by manner.
type Counts = BTreeMap<Manner, (usize, usize, usize)>;

/// Plays honest clients with a strict defence, and cheaters with each defence.
pub(super) fn play(mut rng: Rng, _: bool) -> Outcome {
    let mut notes = Vec::new();
    let mut message = None;
    let mut honest = (0, 0);
    for (count, is_hidden) in [(HONEST, false), (HONEST_OF_HIDDEN, true)] {
        let mut clients = honest_clients(count, &mut rng);
        if is_hidden {
            // The seed gives each piece to one client, from which the others get it.
            clients.iter_mut().for_each(Client::gets_from_others);
        }
        let counts = World::new(LeechDefence::Strict, is_hidden, clients, rng.u64(..)).run();
        for (manner, (clients, done, banned)) in &counts {
            notes.push(format!(
                "{manner:?}{}: {clients} clients, {done} done, {banned} banned",
                if is_hidden { ", super-seeding" } else { "" }
            ));
            honest = (honest.0 + clients, honest.1 + banned);
            // A seed that hides its pieces may offer only pieces that such a client does not want.
            let may_stall = is_hidden && *manner == Manner::Selected;
            if done + banned < *clients && !may_stall {
                message.get_or_insert_with(|| {
                    format!("{} clients do not finish: {manner:?}", clients - done - banned)
                });
            }
        }
    }
    notes.push(format!("{} honest clients, {} banned", honest.0, honest.1));
    if honest.1 * ONE_IN >= honest.0 {
        message.get_or_insert_with(|| format!("bans {} of {} honest clients", honest.1, honest.0));
    }
    let defences = [LeechDefence::Off, LeechDefence::Normal, LeechDefence::Strict];
    for defence in defences {
        let clients = cheaters(&mut rng);
        let counts = World::new(defence, false, clients, rng.u64(..)).run();
        for (manner, (clients, _, banned)) in &counts {
            notes.push(format!("{defence:?} defence, {manner:?}: {banned} of {clients} banned"));
            let expected = if manner.is_banned_by(defence) { *clients } else { 0 };
            if *banned != expected {
                message.get_or_insert_with(|| {
                    format!("{defence:?} bans {banned} of {clients} cheaters: {manner:?}")
                });
            }
        }
    }
    let failure = message.map(|message| Failure { at: Instant::ZERO, message, about: Vec::new() });
    let hash = notes.iter().flat_map(|note| note.bytes());
    let hash = hash.fold(7, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    Outcome { hash, took: LIMIT, notes, failure, story: Vec::new() }
}

/// Returns honest clients of all manners in turn: eight of them behind each address of a NAT, and fifty in a network.
fn honest_clients(count: usize, rng: &mut Rng) -> Vec<Client> {
    let mut of_manner = BTreeMap::new();
    let client = |n: usize| {
        let manner = Manner::HONEST[n % Manner::HONEST.len()];
        let nth: &mut usize = of_manner.entry(manner).or_default();
        *nth += 1;
        let ip = match manner {
            Manner::BehindNat => [45, 0, (*nth / 8) as u8, 1],
            Manner::Neighbour => [46, 0, (*nth / 50) as u8, (*nth % 50) as u8 + 1],
            _ => [44, (n >> 8) as u8, n as u8, 1],
        };
        let arrives_at = Instant::ZERO + ARRIVAL * n as u32;
        Client::new(manner, ip, arrives_at, (LEN / u64::from(PIECE)) as u32, rng)
    };
    (0..count).map(client).collect()
}

fn cheaters(rng: &mut Rng) -> Vec<Client> {
    let all = Manner::CHEATERS.iter().flat_map(|manner| (0..CHEATERS).map(move |n| (*manner, n)));
    all.enumerate()
        .map(|(nth, (manner, n))| {
            let ip = match manner {
                Manner::ManyAddresses => [48, 0, 0, n as u8 + 1],
                _ => [47, 0, nth as u8, 1],
            };
            Client::new(manner, ip, Instant::ZERO, (LEN / u64::from(PIECE)) as u32, rng)
        })
        .collect()
}

impl World {
    fn new(defence: LeechDefence, is_hidden: bool, clients: Vec<Client>, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let config = Config {
            leech_defence: defence,
            upload_slots: 80,
            session_upload_slots: 80,
            max_peers: 1000,
            max_peers_per_torrent: 1000,
            ..Config::new(PeerId::from_random([1; 12]), crate::net::PORT)
        };
        let mut rig = Rig::new(Instant::from_micros(1), config, rng.u64(..));
        let meta = Blueprint::new("torrent", PIECE).made_up(LEN);
        let torrent = rig.add(&AddTorrent { super_seeding: is_hidden, ..AddTorrent::new(Arc::clone(&meta)) });
        let pieces = meta.layout.piece_count();
        rig.disk(torrent, DiskEvent::Checked { have: Bitfield::full(pieces) });
        rig.settle();
        let spread = Bitfield::new(pieces);
        Self { rig, torrent, meta, rng, clients, by_key: BTreeMap::new(), spread }
    }

    fn run(mut self) -> Counts {
        while self.rig.now < Instant::ZERO + LIMIT && !self.clients.iter().all(Client::is_settled) {
            self.step();
        }
        let banned: Vec<Host> = self
            .rig
            .engine
            .bans(self.rig.now)
            .into_iter()
            .filter_map(|ban| match ban.author {
                Author::Host(host) => Some(host),
                Author::Peer(..) => None,
            })
            .collect();
        let mut counts = Counts::new();
        for client in &self.clients {
            let (all, done, bans) = counts.entry(client.manner()).or_default();
            *all += 1;
            *done += usize::from(client.is_done());
            *bans += usize::from(banned.contains(&Host::of(client.ip())));
        }
        counts
    }

    fn step(&mut self) {
        self.rig.now += STEP;
        for n in 0..self.clients.len() {
            if self.clients[n].wants_to_connect(self.rig.now) {
                self.connect(n);
            }
            let client = &mut self.clients[n];
            let Some(key) = client.key() else { continue };
            let sent = client.step(STEP, &self.spread, &mut self.rng);
            if sent.block_bytes > 0 {
                let block_bytes = sent.block_bytes;
                self.rig.handle(Event::Sent { peer: key, block_bytes, reply_bytes: 0 });
            }
            if !sent.bytes.is_empty() {
                client.say(&mut self.rig, &sent.bytes);
            }
            self.spread.extend(sent.pieces);
            if sent.hangs_up {
                self.by_key.remove(&key);
                self.clients[n].lost(self.rig.now, &mut self.rng);
                self.rig.handle(Event::Closed { peer: key, cause: CloseCause::Remote });
            }
        }
        self.turn();
    }

    fn connect(&mut self, n: usize) {
        let now = self.rig.now;
        let client = &mut self.clients[n];
        match self.rig.engine.accept(now, (client.ip(), 5000).into(), Transport::Tcp) {
            Ok(key) => {
                self.by_key.insert(key, n);
                let hello = client.connected(key, &self.meta, n);
                client.say(&mut self.rig, &hello);
            }
            Err(_) => client.refused(now),
        }
    }

    /// Ends the turn, and passes its effects to the clients.
    fn turn(&mut self) {
        self.rig.settle();
        let out = self.rig.take_out();
        for send in &out.sends {
            if let Some(n) = self.by_key.get(&send.peer) {
                self.clients[*n].hear(&out.bytes[send.range.clone()]);
            }
        }
        for send in out.blocks {
            if let Some(n) = self.by_key.get(&send.peer).filter(|_| send.torrent == self.torrent) {
                self.clients[*n].comes(send.block);
            }
        }
        for close in out.closes {
            if let Some(n) = self.by_key.remove(&close.peer) {
                self.clients[n].lost(self.rig.now, &mut self.rng);
            }
        }
    }
}

/// Returns the address of a client.
fn ip_of(octets: [u8; 4]) -> IpAddr {
    octets.into()
}
