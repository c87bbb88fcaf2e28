mod finding;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use ztor_base::{Duration, PeerId};
use ztor_bencode::Tree;
use ztor_engine::testkit::{Blueprint, v2_made_up};
use ztor_engine::{
    AddTorrent, Bitfield, BlockDigest, CloseCause, Command, Config, DiskEvent, DiskFault, DiskFaultKind,
    DiskId, Event, PeerKey, Priority, TorrentId, WebEvent, WebFault,
};
use ztor_metainfo::BLOCK_LEN;
use ztor_tracker::udp::{Request, Response};
use ztor_tracker::{AnnounceReply, TrackerPeer};
use ztor_wire::{Block, ExtendedHandshake, HashRequest, Message, Reserved};

use crate::machine::Machine;
use crate::world::World;

const TRACKERS: &[&str] = &["http://t.example/announce", "udp://u.example:6969/announce", "wss://w.example"];

/// Checks a live engine against anything that can happen, and some things that cannot.
pub fn engine(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(scene) = Scene::new(&mut u) else { return };
    scene.play(&mut u);
}

struct Scene {
    world: World,
}

impl Machine for Scene {
    const MAX_OPERATIONS: usize = 400;

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.operate(u)?;
        if u.ratio(7, 8)? {
            self.world.settle();
        }
        Ok(())
    }

    /// Does nothing: a settled world has been checked.
    fn check(&mut self) {}

    /// Leaves the engine alone for a while, then shuts it down: it must send its goodbyes and come to rest.
    fn finish(&mut self) {
        self.world.settle();
        self.world.idle(100);
        let _ = self.world.rig.engine.status(self.world.rig.now);
        self.world.handle(Event::Command(Command::Shutdown));
        self.world.settle();
        assert!(self.world.links.is_empty() && self.world.connects.is_empty(), "connections after the end");
        // The driver gives up lookups of names and requests that are not answered in time.
        for _ in 0..4 {
            while let Some(resolve) = self.world.resolves.pop() {
                let result = Err("no answer".to_owned());
                self.world.handle(Event::Resolved { id: resolve.id, result });
            }
            while let Some(request) = self.world.https.pop() {
                let result = Err("no answer".to_owned());
                self.world.handle(Event::Http { id: request.id, from: None, result });
            }
            self.world.settle();
            self.world.sleep(Duration::from_secs(40));
            self.world.settle();
        }
        assert!(!self.world.rig.engine.has_goodbyes(), "goodbyes without an end");
    }
}

impl Scene {
    fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let mut config = Config::new(PeerId::new([9; 20]), 6881);
        config.max_peers = u.int_in_range(1..=12)?;
        config.max_peers_per_torrent = u.int_in_range(1..=12)?;
        config.upload_slots = u.int_in_range(0..=4)?;
        config.limit_down = any_limit(u)?;
        config.limit_up = any_limit(u)?;
        let mut world = World::new(config, u.arbitrary()?);
        let metas = [
            Blueprint { trackers: &TRACKERS[..1], ..Blueprint::new("one", 16 << 10) }.made_up(100),
            Blueprint { trackers: TRACKERS, ..Blueprint::new("some", 40_000) }.made_up(5 * 40_000 - 7),
            Blueprint::new("many", BLOCK_LEN).made_up(300 * u64::from(BLOCK_LEN)),
            Blueprint { trackers: &TRACKERS[1..2], ..Blueprint::new("none", BLOCK_LEN) }.made_up(0),
        ];
        for meta in &metas {
            let mut add = AddTorrent::new(Arc::clone(meta));
            add.sequential = u.ratio(1, 4)?;
            add.ends_first = u.ratio(1, 4)?;
            add.super_seeding = u.ratio(1, 4)?;
            let pieces = meta.layout.piece_count();
            if u.ratio(1, 4)? {
                let all = [Priority::Skip, Priority::Low, Priority::Normal, Priority::High];
                add.priorities = Some((0..pieces).map(|piece| all[(piece as usize * 7 + 1) % 4]).collect());
            }
            if u.arbitrary()? {
                add.peers = (0..4).map(|n| address(n * 5)).collect();
            }
            world.add(&add);
            if u.ratio(1, 3)? {
                world.set_web_seeds(u.int_in_range(1..=3)?);
            }
            if u.ratio(7, 8)? {
                let mut have = Bitfield::new(pieces);
                let share = u.int_in_range(0..=4)?;
                have.extend((0..pieces).filter(|piece| piece % 4 < share));
                world.disk_says(world.torrents.len() - 1, DiskEvent::Checked { have });
            }
        }
        world.add(&AddTorrent::new(v2_made_up("layers", 40)));
        // The metadata of both takes more than one request.
        let magnet = Blueprint { trackers: TRACKERS, ..Blueprint::new("magnet", BLOCK_LEN) };
        world.add_magnet(&magnet.made_up(1000 * u64::from(BLOCK_LEN)));
        world.add_magnet(&v2_made_up("magnet of layers", 700));
        world.settle();
        Ok(Self { world })
    }

    fn operate(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.int_in_range(0..=39)? {
            0 => drop(self.world.accept(address(u.arbitrary()?))),
            1 | 2 => self.connect(u)?,
            3 | 4 => self.greet(u)?,
            5..=12 => {
                let Some(peer) = self.peer(u)? else { return Ok(()) };
                if let Some(message) = self.message(peer, u)? {
                    self.world.say(peer, &message);
                }
            }
            13..=16 => self.answer(u)?,
            17 => self.noise(u)?,
            18 => {
                if let Some(peer) = self.peer(u)? {
                    self.world.closed(peer, cause(u)?);
                }
            }
            19 | 20 => {
                if let Some(peer) = self.peer(u)? {
                    (0..u.int_in_range(1..=8)?).for_each(|_| self.world.sent(peer));
                }
            }
            21 | 22 => (0..u.int_in_range(1..=4)?).try_for_each(|_| {
                self.world.write_one(u.ratio(1, 6)?);
                Ok(())
            })?,
            23 => self.wrong_disk(u)?,
            24 => self.check_files(u)?,
            25 => self.tracker(u)?,
            26 => self.command(u)?,
            27 => self.world.sleep(Duration::from_micros(u.arbitrary::<u32>()?.into())),
            28 => self.world.sleep(Duration::from_secs(u.arbitrary::<u8>()?.into())),
            29 | 30 => self.world.idle(u.int_in_range(1..=4)?),
            31 => self.nonsense(u)?,
            32 => self.local_announce(u)?,
            33 | 34 => self.dht(u)?,
            35 => self.begin(u)?,
            38 | 39 => self.web(u)?,
            _ => self.extension(u)?,
        }
        Ok(())
    }

    /// Sends a message that helps a magnet link on, more often than chance would.
    fn extension(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(peer) = self.peer(u)? else { return Ok(()) };
        let torrent = self.world.links.get(&peer).and_then(|link| link.torrent).unwrap_or(0);
        let message = match u.int_in_range(0..=3)? {
            0 => Some(self.hello(torrent, u)?),
            1 | 2 => Some(self.metadata(peer, torrent, u)?),
            _ => self.hashes(peer, torrent, u)?,
        };
        if let Some(message) = message {
            self.world.say(peer, &message);
        }
        Ok(())
    }

    fn peer(&self, u: &mut Unstructured<'_>) -> Result<Option<PeerKey>> {
        if self.world.links.is_empty() {
            return Ok(None);
        }
        let at = u.choose_index(self.world.links.len())?;
        Ok(self.world.links.keys().nth(at).copied())
    }

    fn torrent(&self, u: &mut Unstructured<'_>) -> Result<usize> {
        u.choose_index(self.world.torrents.len())
    }

    fn connect(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if self.world.connects.is_empty() {
            return Ok(());
        }
        let at = u.choose_index(self.world.connects.len())?;
        let connect = self.world.connects.remove(at);
        if u.ratio(3, 4)? {
            self.world.connected(connect);
        } else {
            self.world.closed(connect.peer, cause(u)?);
        }
        Ok(())
    }

    fn greet(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(peer) = self.peer(u)? else { return Ok(()) };
        // On an outgoing connection the engine has named the torrent already.
        let named = self.world.links.get(&peer).and_then(|link| link.torrent);
        let torrent = match named {
            Some(named) if u.ratio(7, 8)? => named,
            _ => self.torrent(u)?,
        };
        let mut reserved = Reserved::NONE;
        if u.ratio(3, 4)? {
            reserved = reserved.with_fast();
        }
        if u.arbitrary()? {
            reserved = reserved.with_extended();
        }
        // Sometimes another peer's id, sometimes the engine's own.
        let id = [u.int_in_range(0..=24)?; 20];
        self.world.greet(peer, torrent, reserved, id);
        Ok(())
    }

    /// Answers requests of the engine with a block, perhaps cut off, or with a reject.
    fn answer(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(peer) = self.peer(u)? else { return Ok(()) };
        for _ in 0..u.int_in_range(1..=4)? {
            let Some(link) = self.world.links.get(&peer) else { break };
            let Ok(mut block) = u.choose(&link.asked).copied() else { break };
            if u.ratio(1, 16)? {
                block.len = u.int_in_range(0..=block.len)?;
            }
            if u.ratio(1, 16)? {
                self.world.say(peer, &Message::Reject(block));
                continue;
            }
            let data = Bytes::from(vec![0; block.len as usize]);
            self.world.say(peer, &Message::Piece { piece: block.piece, begin: block.begin, data });
        }
        Ok(())
    }

    fn noise(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(peer) = self.peer(u)? else { return Ok(()) };
        let len = u.arbitrary_len::<u8>()?.min(100);
        self.world.receive_noise(peer, u.bytes(len)?);
        Ok(())
    }

    /// Returns any message; `None` if there is no such message for this torrent.
    fn message(&self, peer: PeerKey, u: &mut Unstructured<'_>) -> Result<Option<Message>> {
        let torrent = self.world.links.get(&peer).and_then(|link| link.torrent).unwrap_or(0);
        let pieces = self.world.torrents[torrent].meta.layout.piece_count();
        let piece =
            if u.ratio(15, 16)? { u.int_in_range(0..=pieces.saturating_sub(1))? } else { u.arbitrary()? };
        Ok(Some(match u.int_in_range(0..=23)? {
            0 => Message::KeepAlive,
            1 => Message::Choke,
            2 | 3 => Message::Unchoke,
            4 => Message::Interested,
            5 => Message::NotInterested,
            6 => Message::Have { piece },
            7 => {
                let mut set = Bitfield::new(pieces);
                let step = u.int_in_range(1..=5)?;
                set.extend((0..pieces).step_by(step));
                let mut bits = set.to_wire();
                if u.ratio(1, 8)? {
                    bits = u.arbitrary()?;
                }
                Message::Bitfield(bits.into())
            }
            8 => Message::HaveAll,
            9 => Message::HaveNone,
            10 | 11 => Message::Request(self.block(torrent, piece, u)?),
            12 => Message::Cancel(self.block(torrent, piece, u)?),
            13 => Message::Reject(self.block(torrent, piece, u)?),
            14 => {
                let block = self.block(torrent, piece, u)?;
                let data = Bytes::from(vec![1; block.len.min(1 << 15) as usize]);
                Message::Piece { piece: block.piece, begin: block.begin, data }
            }
            15 => Message::AllowedFast { piece },
            16 => Message::Suggest { piece },
            17 => {
                let request_queue = match u.int_in_range(0..=2)? {
                    0 => None,
                    1 => Some(u.int_in_range(0..=8)?),
                    _ => Some(u.arbitrary()?),
                };
                let hello = ExtendedHandshake {
                    request_queue,
                    client: Some("fuzz".to_owned()),
                    ..ExtendedHandshake::default()
                };
                let payload = if u.ratio(1, 8)? { u.arbitrary()? } else { hello.encode() };
                Message::Extended { id: u.int_in_range(0..=1)?, payload: payload.into() }
            }
            18 => {
                let request = HashRequest {
                    pieces_root: [1; 32],
                    base_layer: 0,
                    index: u.arbitrary()?,
                    length: 2,
                    proof_layers: 1,
                };
                match u.int_in_range(0..=2)? {
                    0 => Message::HashRequest(request),
                    1 => Message::HashReject(request),
                    _ => Message::Hashes { request, hashes: Bytes::from_static(&[0; 64]) },
                }
            }
            19 => Message::Port(u.arbitrary()?),
            20 => self.hello(torrent, u)?,
            21 => Self::pex(u)?,
            22 => self.metadata(peer, torrent, u)?,
            _ => return self.hashes(peer, torrent, u),
        }))
    }

    fn block(&self, torrent: usize, piece: u32, u: &mut Unstructured<'_>) -> Result<Block> {
        if u.ratio(1, 16)? {
            return Ok(Block { piece, begin: u.arbitrary()?, len: u.arbitrary()? });
        }
        let layout = &self.world.torrents[torrent].meta.layout;
        let index = u.int_in_range(0..=2)?.min(layout.block_count(piece).saturating_sub(1));
        Ok(Block { piece, begin: index * BLOCK_LEN, len: layout.block_len(piece, index) })
    }

    /// Gives an event that no disk should report: of unknown pieces, twice, or without a cause.
    fn wrong_disk(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let torrent = self.torrent(u)?;
        let pieces = self.world.torrents[torrent].meta.layout.piece_count();
        let piece = if u.ratio(7, 8)? { u.int_in_range(0..=pieces)? } else { u.arbitrary()? };
        let digests = vec![BlockDigest { begin: u.arbitrary()?, digest: [3; 32] }; u.int_in_range(0..=3)?];
        let event = match u.int_in_range(0..=7)? {
            0 => DiskEvent::Written { disk: DiskId::default(), bytes: u.arbitrary()? },
            1 => DiskEvent::PieceOk { piece, digests },
            2 => DiskEvent::PieceBad { piece, digests },
            3 => DiskEvent::Checked { have: Bitfield::full(u.int_in_range(0..=pieces + 1)?) },
            4 => DiskEvent::CheckProgress { done: u.arbitrary()?, total: u.arbitrary()? },
            5 => DiskEvent::Failed {
                fault: DiskFault { kind: DiskFaultKind::Full, message: "the disk is full".to_owned() },
            },
            6 => {
                let mut blocks = Bitfield::new(u.int_in_range(0..=9)?);
                blocks.extend((0..blocks.len()).filter(|block| block % 3 != 1));
                DiskEvent::Unfinished { pieces: vec![(piece, blocks)] }
            }
            _ => DiskEvent::ReadFailed { message: "the disk is gone".to_owned() },
        };
        self.world.disk_says(torrent, event);
        Ok(())
    }

    fn check_files(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(id) = self.world.checks.pop() else { return Ok(()) };
        let Some(torrent) = self.world.torrents.iter().position(|swarm| swarm.id == id) else {
            return Ok(());
        };
        let have = self.world.rig.engine.have(id).cloned().unwrap_or_default();
        let have = if u.arbitrary()? { have } else { Bitfield::new(have.len()) };
        self.world.disk_says(torrent, DiskEvent::Checked { have });
        Ok(())
    }

    /// Answers a request to a web seed, mostly as it should be.
    fn web(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if self.world.webs.is_empty() {
            return Ok(());
        }
        let at = u.int_in_range(0..=self.world.webs.len() - 1)?;
        let (id, allowed) = (self.world.webs[at].0.id, self.world.webs[at].1);
        let event = match u.int_in_range(0..=9)? {
            0 => {
                let faults = [
                    WebFault::NotThere,
                    WebFault::NoRanges,
                    WebFault::Status { status: 503 },
                    WebFault::WrongLength { expected: 1, found: 2 },
                ];
                let fault = faults[u.int_in_range(0..=3)?].clone();
                let file = u.arbitrary::<bool>()?.then_some(u.int_in_range(0..=3)?);
                let retry_after = u.arbitrary::<Option<u32>>()?.map(|s| Duration::from_secs(s.into()));
                WebEvent::Failed { fault, file, retry_after }
            }
            1 if u.arbitrary()? => WebEvent::Skipped { bytes: u.arbitrary()? },
            1 => WebEvent::Done,
            2 => WebEvent::Data(vec![1; u.int_in_range(0..=100_000)?].into()),
            _ => WebEvent::Data(vec![0; u.int_in_range(0..=allowed.min(70_000) as usize)?].into()),
        };
        self.world.web_says(at, id, event);
        Ok(())
    }

    fn tracker(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let peers: Vec<u8> = (0..u.int_in_range(0..=3)?).flat_map(|n| [10, 0, 0, 40 + n, 26, 225]).collect();
        match u.int_in_range(0..=2)? {
            0 => {
                let Some(request) = self.world.https.pop() else { return Ok(()) };
                let body = match u.int_in_range(0..=4)? {
                    0 => Err("no route".to_owned()),
                    1 => Ok((200, u.arbitrary()?)),
                    2 => Ok((403, Tree::dict([("failure reason", Tree::from("no"))]).to_vec())),
                    _ => {
                        let interval = Tree::Int(u.arbitrary::<u16>()?.into());
                        Ok((
                            200,
                            Tree::dict([("interval", interval), ("peers", Tree::Bytes(peers))]).to_vec(),
                        ))
                    }
                };
                self.world.handle(Event::Http {
                    id: request.id,
                    from: Some(IpAddr::from([10, 9, 9, 9])),
                    result: body,
                });
            }
            1 => {
                let Some(resolve) = self.world.resolves.pop() else { return Ok(()) };
                let result = match u.int_in_range(0..=3)? {
                    0 => Err("no such name".to_owned()),
                    1 => Ok(Vec::new()),
                    _ => Ok(vec![IpAddr::from([10, 9, 9, 9])]),
                };
                self.world.handle(Event::Resolved { id: resolve.id, result });
            }
            _ => {
                let Some((to, datagram)) = self.world.datagrams.pop() else { return Ok(()) };
                let response = match Request::decode(&datagram).expect("the engine speaks BEP 15") {
                    Request::Connect { transaction } => Response::Connect { transaction, connection: 7 },
                    Request::Announce { transaction, .. } => {
                        let peers = vec![TrackerPeer { addr: address(u.arbitrary()?), peer_id: None }];
                        let reply =
                            AnnounceReply { interval_s: u.arbitrary()?, peers, ..AnnounceReply::default() };
                        Response::Announce { transaction, reply }
                    }
                    Request::Scrape { transaction, .. } => {
                        Response::Scrape { transaction, entries: Vec::new() }
                    }
                };
                let mut data = response.encode(false);
                if u.ratio(1, 8)? {
                    data = u.arbitrary()?;
                }
                self.world.handle(Event::Datagram { node: 0, from: to, data: &data });
            }
        }
        Ok(())
    }

    fn command(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let torrent = self.world.torrents[self.torrent(u)?].id;
        let command = match u.int_in_range(0..=11)? {
            0..=3 => {
                let addrs =
                    (0..u.int_in_range(0..=5)?).map(|_| u.arbitrary().map(address)).collect::<Result<_>>()?;
                Command::AddPeers { torrent, addrs }
            }
            4..=6 => Command::Retry(torrent),
            7 | 8 => Command::SetLimits { down: any_limit(u)?, up: any_limit(u)? },
            9 | 10 => Command::SetTorrentLimits { torrent, down: any_limit(u)?, up: any_limit(u)? },
            _ if u.ratio(1, 2)? => Command::Remove(torrent),
            _ => Command::Shutdown,
        };
        self.world.handle(Event::Command(command));
        Ok(())
    }

    /// Gives an event of a connection, torrent or request that never existed.
    fn nonsense(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let peer = PeerKey::from_u64(u.arbitrary()?);
        let torrent = TorrentId::from_u64(u.arbitrary()?);
        let is_there = self.world.links.contains_key(&peer)
            || self.world.connects.iter().any(|connect| connect.peer == peer)
            || self.world.torrents.iter().any(|swarm| swarm.id == torrent);
        if is_there {
            return Ok(());
        }
        let id = ztor_engine::RequestId(u.arbitrary::<u8>()?.into());
        let event = match u.int_in_range(0..=7)? {
            0 => Event::Connected { peer },
            1 => Event::Sent { peer, block_bytes: u.arbitrary()?, reply_bytes: u.arbitrary()? },
            2 => Event::Disk { torrent, event: DiskEvent::PieceOk { piece: 0, digests: Vec::new() } },
            3 => Event::Http { id, from: None, result: Ok((200, u.arbitrary()?)) },
            4 => Event::Resolved { id, result: Ok(vec![IpAddr::from([10, 9, 9, 9])]) },
            5 => Event::Command(Command::Remove(torrent)),
            _ => Event::Closed { peer, cause: cause(u)? },
        };
        self.world.handle(event);
        Ok(())
    }
}

fn address(n: u8) -> SocketAddr {
    match n {
        0 => SocketAddr::from(([10, 0, 0, 1], 0)),
        1 => SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, 1], 6881)),
        n => SocketAddr::from(([10, 0, 0, n / 5], 6881 + u16::from(n % 5))),
    }
}

fn any_limit(u: &mut Unstructured<'_>) -> Result<Option<u64>> {
    Ok(match u.int_in_range(0..=7)? {
        0 => Some(0),
        1 => Some(u.int_in_range(1..=5_000)?),
        2 => Some(u.int_in_range(5_000..=5_000_000)?),
        3 => Some(u.arbitrary()?),
        _ => None,
    })
}

fn cause(u: &mut Unstructured<'_>) -> Result<CloseCause> {
    Ok(if u.arbitrary()? { CloseCause::Local } else { CloseCause::Remote })
}
