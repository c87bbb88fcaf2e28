//! Environment of a live engine: connections, a disk, trackers. It carries out the effects of the engine and checks
//! each of them; the targets decide what happens next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use ztor_base::{Duration, Instant, PeerId};
use ztor_dht::krpc;
use ztor_engine::inspect::BlockState;
use ztor_engine::testkit::{Effects, FarEnd, InstantDisk, Rig, carry_out, encode};
use ztor_engine::{
    AddMagnet, AddTorrent, Bitfield, Close, Command, Config, Connect, DiskEvent, DiskId, Event, HttpGet,
    KeepBlocks, Outbox, PeerKey, Resolve, SendBlock, StartTorrent, TorrentEvent, TorrentId, WebEffect,
    WebEvent, WebFetch, WebPart, WebRequestId, WebSource, WriteBlock,
};
use ztor_engine::{CloseCause, DhtDatagram, Pieces};
use ztor_metainfo::{BLOCK_LEN, Metainfo};
use ztor_wire::{
    Block, ExtendedHandshake, Handshake, HashRequest, LocalAnnounce, MAX_LOCAL_HASHES, MAX_PEX_CONTACTS,
    METADATA_BLOCK_LEN, Message, MetadataMessage, PexMessage, Reserved,
};

/// Maximum number of bytes of piece data in flight to a socket: the declared 4 MiB, and one block above it.
const MAX_IN_FLIGHT: u64 = (4 << 20) + MAX_BLOCK as u64;
/// Maximum length in bytes of a block that may be requested.
const MAX_BLOCK: u32 = 128 << 10;
/// Maximum number of bytes of messages to one peer in one turn, for its requests and haves.
const MAX_SENT_PER_PEER: usize = 64 << 10;
/// Maximum number of additional bytes of messages in one turn for each byte received.
const MAX_SENT_PER_BYTE: usize = 4;
/// Maximum number of bytes of metadata and hash answers in flight to a socket: less than 16 KiB, and one above it.
const MAX_REPLIES: usize = 2 * (METADATA_BLOCK_LEN as usize + 1024);
/// Ids of extended messages: those that the engine accepts, and then those that we accept.
pub(crate) const ENGINE_UT_PEX: u8 = 1;
pub(crate) const ENGINE_UT_METADATA: u8 = 2;
pub(crate) const OUR_UT_METADATA: u8 = 3;
pub(crate) const OUR_UT_PEX: u8 = 4;
/// Number of DHT nodes of the engine.
pub(crate) const DHT_NODES: u8 = 3;
/// Number of turns at one moment after which the engine must have nothing left to do at that moment.
const MAX_TURNS_AT_ONCE: usize = 8;

pub(crate) struct World {
    pub(crate) rig: Rig,
    pub(crate) torrents: Vec<Swarm>,
    pub(crate) links: BTreeMap<PeerKey, Link>,
    pub(crate) connects: Vec<Connect>,
    /// Blocks to write, not yet reported as written.
    pub(crate) disk: VecDeque<WriteBlock>,
    pub(crate) checks: Vec<TorrentId>,
    pub(crate) https: Vec<HttpGet>,
    /// Requests to web seeds, with the bytes that they may send.
    pub(crate) webs: Vec<(WebFetch, u64)>,
    pub(crate) resolves: Vec<Resolve>,
    pub(crate) datagrams: Vec<(SocketAddr, Vec<u8>)>,
    /// Queries of the engine's DHT node.
    pub(crate) dht_questions: Vec<(DhtDatagram, krpc::Message)>,
    has_dht: bool,
    /// Magnet links whose metadata has arrived.
    ready: Vec<TorrentId>,
    max_peers: usize,
    /// Number of bytes given to the engine since the last turn.
    bytes_in: usize,
}

/// A torrent as the world knows it.
pub(crate) struct Swarm {
    pub(crate) id: TorrentId,
    pub(crate) meta: Arc<Metainfo>,
    /// Set while the engine knows only its hash.
    is_unknown: bool,
    /// Pieces that the disk reported as right.
    vouched: BTreeSet<u32>,
    /// Blocks that the engine requested from any peer.
    asked: BTreeSet<Block>,
    /// Blocks that the engine gave to the disk since their piece began.
    written: BTreeSet<Block>,
    /// Disk with the blocks that were reported as written.
    pub(crate) disk: InstantDisk,
}

/// A connection as its remote end knows it.
pub(crate) struct Link {
    pub(crate) torrent: Option<usize>,
    reserved: Reserved,
    pub(crate) far_end: FarEnd,
    greeted: bool,
    is_noisy: bool,
    /// Blocks that the engine requested and has not received or cancelled.
    pub(crate) asked: Vec<Block>,
    /// Blocks of metadata, and hashes, that the engine requested.
    pub(crate) asked_metadata: Vec<u32>,
    pub(crate) asked_hashes: Vec<HashRequest>,
    /// Blocks requested from the engine, and the number of requests.
    requests: BTreeMap<Block, usize>,
    pub(crate) is_unchoked: bool,
    pub(crate) unchokes: usize,
    allowed_fast: BTreeSet<u32>,
    /// Blocks in flight to the socket.
    pub(crate) in_flight: VecDeque<SendBlock>,
    /// Lengths in bytes of the answers in flight to the socket.
    replies: VecDeque<u32>,
}

impl World {
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        let max_peers = config.max_peers;
        Self {
            rig: Rig::new(Instant::from_micros(1), config, seed),
            torrents: Vec::new(),
            links: BTreeMap::new(),
            connects: Vec::new(),
            disk: VecDeque::new(),
            checks: Vec::new(),
            https: Vec::new(),
            webs: Vec::new(),
            resolves: Vec::new(),
            datagrams: Vec::new(),
            dht_questions: Vec::new(),
            has_dht: false,
            ready: Vec::new(),
            max_peers,
            bytes_in: 0,
        }
    }

    pub(crate) fn add(&mut self, add: &AddTorrent) {
        let id = self.rig.add(add);
        self.know(id, &add.meta, false);
    }

    /// Adds a torrent as by its magnet link.
    pub(crate) fn add_magnet(&mut self, meta: &Arc<Metainfo>) {
        let peers = (1..4).map(|n| SocketAddr::from(([10, 0, 1, n], 6881))).collect();
        let add = AddMagnet {
            info_hashes: meta.info_hashes,
            trackers: Vec::new(),
            peers,
            known: None,
            paused: false,
        };
        let id = self.rig.engine.add_magnet(self.rig.now, &add).expect("a new torrent");
        self.know(id, meta, true);
    }

    fn know(&mut self, id: TorrentId, meta: &Arc<Metainfo>, is_unknown: bool) {
        self.torrents.push(Swarm {
            id,
            meta: Arc::clone(meta),
            is_unknown,
            vouched: BTreeSet::new(),
            asked: BTreeSet::new(),
            written: BTreeSet::new(),
            disk: InstantDisk::without_data(Arc::clone(meta)),
        });
    }

    /// Gives the newest torrent web seeds.
    pub(crate) fn set_web_seeds(&mut self, count: usize) {
        let Some(torrent) = self.torrents.last().map(|swarm| swarm.id) else { return };
        let mut seeds: Vec<_> = (0..count).map(|n| WebSource::named(format!("http://w{n}/"))).collect();
        if count == 3 {
            seeds.push(WebSource::named_script("http://script/"));
        }
        self.handle(Event::Command(Command::SetWebSeeds { torrent, seeds }));
    }

    /// Passes on an event of the request to a web seed with this index.
    pub(crate) fn web_says(&mut self, at: usize, id: WebRequestId, event: WebEvent) {
        match &event {
            WebEvent::Data(data) => {
                let (_, allowed) = &mut self.webs[at];
                *allowed = allowed.saturating_sub(data.len() as u64);
                self.bytes_in += data.len();
            }
            WebEvent::Skipped { .. } => {}
            WebEvent::Done | WebEvent::Failed { .. } => drop(self.webs.remove(at)),
        }
        self.handle(Event::Web { id, event });
    }

    /// Records the blocks that a request asks for.
    fn ask_web(&mut self, fetch: &WebFetch) {
        let swarm = self.torrents.iter_mut().find(|swarm| swarm.id == fetch.torrent).expect("a torrent");
        let layout = Arc::clone(&swarm.meta.layout);
        for part in &fetch.parts {
            let (start, len) = match *part {
                WebPart::Zeros { .. } => continue,
                WebPart::File { file, offset, len } => (layout.files()[file].offset + offset, len),
                WebPart::Piece { piece, begin, len } => {
                    (u64::from(piece) * u64::from(layout.piece_length()) + u64::from(begin), len.into())
                }
            };
            let mut at = start;
            while at < start + len {
                let piece = (at / u64::from(layout.piece_length())) as u32;
                let begin = (at % u64::from(layout.piece_length())) as u32;
                let block = Block { piece, begin, len: layout.block_len(piece, begin / BLOCK_LEN) };
                assert!(block.len > 0 && begin.is_multiple_of(BLOCK_LEN), "not the start of a block");
                swarm.asked.insert(block);
                at += u64::from(block.len);
            }
            assert_eq!(at, start + len, "ends within a block");
        }
    }

    /// Starts a torrent whose metadata has arrived, and returns its index; `None` if there is none.
    pub(crate) fn begin_one(&mut self) -> Option<usize> {
        let id = self.ready.pop()?;
        let begun = self.rig.engine.start_torrent(id, StartTorrent::default());
        assert!(begun.is_ok() || self.rig.engine.have(id).is_none(), "{begun:?}");
        self.torrents.iter().position(|swarm| swarm.id == id)
    }

    /// Starts the DHT with its nodes. Returns true if it was not started before.
    pub(crate) fn start_dht(&mut self) -> bool {
        if !self.has_dht {
            self.rig.engine.start_dht(self.rig.now, ztor_dht::Config::default(), None);
            (1..DHT_NODES).for_each(|_| {
                self.rig.engine.add_dht_node(self.rig.now, ztor_dht::Config::default(), None);
            });
        }
        !std::mem::replace(&mut self.has_dht, true)
    }

    pub(crate) fn handle(&mut self, event: Event<'_>) {
        self.rig.handle(event);
    }

    /// Gives the engine an event of the disk. The world believes it, right or wrong.
    pub(crate) fn disk_says(&mut self, torrent: usize, event: DiskEvent) {
        let swarm = &mut self.torrents[torrent];
        match &event {
            DiskEvent::PieceOk { piece, .. } => drop(swarm.vouched.insert(*piece)),
            DiskEvent::PieceBad { piece, .. } => {
                swarm.written.retain(|block| block.piece != *piece);
                swarm.disk.forget_piece(*piece);
            }
            DiskEvent::Checked { have } => {
                swarm.vouched.extend(have.iter());
                swarm.written.clear();
            }
            _ => {}
        }
        let id = swarm.id;
        self.handle(Event::Disk { torrent: id, event });
    }

    /// Accepts a connection; `None` if the engine refuses it.
    pub(crate) fn accept(&mut self, addr: SocketAddr) -> Option<PeerKey> {
        let key = self.rig.engine.accept(self.rig.now, addr, ztor_engine::Transport::Tcp).ok()?;
        self.links.insert(key, Link::new());
        Some(key)
    }

    /// Completes a connection of the engine.
    pub(crate) fn connected(&mut self, connect: Connect) {
        self.links.insert(connect.peer, Link::new());
        self.handle(Event::Connected { peer: connect.peer });
    }

    /// Closes a connection.
    pub(crate) fn closed(&mut self, peer: PeerKey, cause: CloseCause) {
        self.links.remove(&peer);
        self.connects.retain(|connect| connect.peer != peer);
        self.handle(Event::Closed { peer, cause });
    }

    pub(crate) fn greet(&mut self, peer: PeerKey, torrent: usize, reserved: Reserved, id: [u8; 20]) {
        let Some(link) = self.links.get_mut(&peer).filter(|link| !link.greeted) else { return };
        link.greeted = true;
        link.torrent = Some(torrent);
        link.reserved = reserved;
        let info_hash = self.torrents[torrent].meta.info_hashes.swarm_id();
        self.receive(peer, &Handshake { reserved, info_hash, peer_id: PeerId::new(id) }.encode());
    }

    pub(crate) fn say(&mut self, peer: PeerKey, message: &Message) {
        let Some(link) = self.links.get_mut(&peer).filter(|link| link.greeted) else { return };
        match message {
            Message::Request(block) => *link.requests.entry(*block).or_default() += 1,
            Message::Piece { piece, begin, data } => {
                let block = Block { piece: *piece, begin: *begin, len: data.len() as u32 };
                link.asked.retain(|asked| *asked != block);
            }
            _ => {}
        }
        self.receive(peer, &encode(std::slice::from_ref(message)));
    }

    /// Gives the engine bytes of a peer.
    pub(crate) fn receive(&mut self, peer: PeerKey, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        self.bytes_in += bytes.len();
        self.rig.give(peer, &mut link.far_end, bytes);
        assert!(link.far_end.tail_len() <= (1 << 20) + 4, "more is left than one message");
    }

    /// Gives the engine bytes that are no messages of ours. They may hold requests, so blocks are not checked after it.
    pub(crate) fn receive_noise(&mut self, peer: PeerKey, bytes: &[u8]) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.greeted = true;
            link.is_noisy = true;
        }
        self.receive(peer, bytes);
    }

    pub(crate) fn sent(&mut self, peer: PeerKey) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if let Some(reply_bytes) = link.replies.pop_front() {
            return self.handle(Event::Sent { peer, block_bytes: 0, reply_bytes });
        }
        let Some(block) = link.in_flight.pop_front() else { return };
        self.handle(Event::Sent { peer, block_bytes: block.block.len, reply_bytes: 0 });
    }

    /// Completes one write, and gives the verdict on the piece if that was its last block.
    pub(crate) fn write_one(&mut self, is_bad: bool) {
        let Some(write) = self.disk.pop_front() else { return };
        let Some(torrent) = self.torrents.iter().position(|swarm| swarm.id == write.torrent) else { return };
        self.disk_says(
            torrent,
            DiskEvent::Written { disk: DiskId::default(), bytes: write.data.len() as u32 },
        );
        let disk = &mut self.torrents[torrent].disk;
        if let Some(piece) = disk.write(&write) {
            let verdict = disk.judge_as(piece, !is_bad);
            self.disk_says(torrent, verdict);
        }
    }

    pub(crate) fn sleep(&mut self, time: Duration) {
        self.rig.now += time;
    }

    /// Ends the turn, and those that follow at the same moment.
    pub(crate) fn settle(&mut self) {
        for _ in 0..MAX_TURNS_AT_ONCE {
            self.rig.settle();
            self.carry_out();
            if self.rig.engine.poll_timeout().is_none_or(|at| at > self.rig.now) {
                self.check_state();
                return;
            }
        }
        panic!("busy: after {MAX_TURNS_AT_ONCE} turns it wants another at once");
    }

    /// Lets the engine sleep until its timeout, `times` times. Wakes that do nothing must be far apart.
    pub(crate) fn idle(&mut self, times: usize) {
        let (mut idle_since, mut idle_wakes) = (self.rig.now, 0);
        for _ in 0..times {
            let Some(at) = self.rig.engine.poll_timeout() else { return };
            self.rig.now = self.rig.now.max(at);
            self.rig.settle();
            if self.carry_out() {
                (idle_since, idle_wakes) = (self.rig.now, 0);
            } else {
                idle_wakes += 1;
            }
            let passed = self.rig.now.since(idle_since);
            assert!(
                idle_wakes < 100 || passed > Duration::from_millis(10),
                "{idle_wakes} wakes for nothing in {passed:?}"
            );
        }
        self.settle();
    }

    /// Carries out the engine's effects. Returns true if there were any.
    fn carry_out(&mut self) -> bool {
        let mut out = self.rig.take_out();
        self.check_sizes(&out);
        self.bytes_in = 0;
        let something = carry_out(&mut out, self);
        self.rig.out = out;
        assert!(self.links.len() + self.connects.len() <= self.max_peers);
        something
    }

    fn check_sizes(&self, out: &Outbox) {
        let peers = self.max_peers + 1;
        let sent = MAX_SENT_PER_PEER * peers + MAX_SENT_PER_BYTE * self.bytes_in;
        assert!(out.bytes.len() <= sent, "{} bytes to send after {} came", out.bytes.len(), self.bytes_in);
        assert!(out.sends.len() <= out.bytes.len());
        assert!(out.blocks.len() <= 2000 * peers, "{} blocks to send", out.blocks.len());
        let written: usize = out.writes.iter().map(|write| write.data.len()).sum();
        assert!(
            written <= self.bytes_in + (1 << 20),
            "{written} bytes to write after {} came",
            self.bytes_in
        );
        let few =
            [out.connects.len(), out.closes.len(), out.https.len(), out.resolves.len(), out.checks.len()];
        assert!(few.iter().all(|len| *len <= 4 * peers + 64), "{few:?}");
        assert!(out.events.len() <= 64 + 4 * peers + self.bytes_in, "{} events", out.events.len());
    }

    /// Checks the engine's messages to a peer: valid, and valid at this moment.
    fn hear(&mut self, peer: PeerKey, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let messages = link.far_end.heard.take(bytes).expect("the engine speaks the protocol");
        let Some(handshake) = link.far_end.heard.handshake() else { return };
        let named = self
            .torrents
            .iter()
            .position(|t| t.meta.info_hashes.swarm_ids().any(|id| id == handshake.info_hash));
        assert!(named.is_some(), "a handshake for an unknown torrent");
        link.torrent = link.torrent.or(named);
        for message in messages {
            let Some(swarm) = link.torrent.map(|torrent| &mut self.torrents[torrent]) else { continue };
            let pieces = swarm.meta.layout.piece_count();
            match message {
                Message::Choke => {
                    assert!(std::mem::take(&mut link.is_unchoked), "choked twice");
                    if !link.reserved.fast() {
                        link.requests.clear();
                    }
                }
                Message::Unchoke => {
                    assert!(!std::mem::replace(&mut link.is_unchoked, true), "unchoked twice");
                    link.unchokes += 1;
                }
                Message::Have { piece } => {
                    assert!(swarm.vouched.contains(&piece), "a have for a missing piece")
                }
                Message::Bitfield(bits) => {
                    let have = Bitfield::from_wire(&bits, pieces).expect("a fitting bitfield");
                    assert!(have.iter().all(|piece| swarm.vouched.contains(&piece)));
                }
                Message::HaveAll => assert!((0..pieces).all(|piece| swarm.vouched.contains(&piece))),
                Message::AllowedFast { piece } => drop(link.allowed_fast.insert(piece)),
                Message::Request(block) => {
                    assert!(!swarm.is_unknown, "a request before the metadata");
                    let index = block.begin / BLOCK_LEN;
                    assert_eq!(block.len, swarm.meta.layout.block_len(block.piece, index), "{block:?}");
                    assert!(block.len > 0 && block.begin % BLOCK_LEN == 0);
                    swarm.asked.insert(block);
                    link.asked.push(block);
                }
                Message::Cancel(block) => {
                    assert!(swarm.asked.contains(&block), "a cancel without a request");
                    link.asked.retain(|asked| *asked != block);
                }
                Message::Reject(block) => {
                    if let Some(count) = link.requests.get_mut(&block) {
                        *count = count.saturating_sub(1);
                    }
                }
                Message::Piece { .. } => panic!("a block among the messages"),
                Message::Extended { id, payload } => hear_extended(id, &payload, swarm, link),
                Message::HashRequest(request) => link.asked_hashes.push(request),
                Message::Hashes { request, hashes } => {
                    assert!(!swarm.is_unknown && swarm.hashes_for(&request).unwrap().concat() == hashes);
                }
                _ => {}
            }
        }
    }

    /// Checks that a block was requested, exists, and may be sent now.
    fn check_block(&mut self, block: SendBlock) {
        let Some(torrent) = self.torrents.iter().position(|swarm| swarm.id == block.torrent) else {
            panic!("a block of an unknown torrent")
        };
        let swarm = &self.torrents[torrent];
        assert!(swarm.vouched.contains(&block.block.piece), "a block of a missing piece");
        let end = block.block.begin.checked_add(block.block.len).expect("a range");
        assert!(block.block.len > 0 && block.block.len <= MAX_BLOCK);
        // In v2 torrents the last block of a file may be requested as a whole.
        let is_v2 = swarm.meta.info_hashes.v2().is_some();
        let piece_len = swarm.meta.layout.piece_len(block.block.piece);
        let whole = if is_v2 { piece_len.next_multiple_of(BLOCK_LEN) } else { piece_len };
        assert!(block.block.begin < piece_len && end <= whole);
        let Some(link) = self.links.get_mut(&block.peer) else { return };
        link.in_flight.push_back(block);
        let in_flight: u64 = link.in_flight.iter().map(|sent| u64::from(sent.block.len)).sum();
        assert!(in_flight <= MAX_IN_FLIGHT, "{in_flight} bytes in flight to one peer");
        if link.is_noisy {
            return;
        }
        assert_eq!(link.torrent, Some(torrent));
        assert!(link.is_unchoked || link.allowed_fast.contains(&block.block.piece), "sent although choked");
        let count = link.requests.get_mut(&block.block).filter(|count| **count > 0);
        *count.expect("sent without a request") -= 1;
    }

    /// Checks that a block was requested, and is written only once.
    fn check_write(&mut self, write: &WriteBlock) {
        let block = Block { piece: write.piece, begin: write.begin, len: write.data.len() as u32 };
        let swarm = self.torrents.iter_mut().find(|swarm| swarm.id == write.torrent).expect("a torrent");
        assert!(swarm.asked.contains(&block), "written without a request: {block:?}");
        assert!(swarm.written.insert(block), "written twice: {block:?}");
    }

    /// Checks that tables are within their bounds, and that counts agree with a naive recount.
    fn check_state(&self) {
        for table in self.rig.engine.tables() {
            assert!(table.len <= table.max, "{}: {} of {}", table.name, table.len, table.max);
        }
        for swarm in &self.torrents {
            let Some(view) = self.rig.engine.inspect(swarm.id) else { continue };
            let pieces = swarm.meta.layout.piece_count();
            assert!(view.have.iter().all(|piece| swarm.vouched.contains(&piece)), "believed without a check");
            let seeds = view.peers.iter().filter(|peer| peer.has == Pieces::All).count();
            assert_eq!(view.seeds as usize, seeds);
            for (piece, count) in view.availability.iter().enumerate() {
                let has = |pieces: &Pieces| matches!(pieces, Pieces::Some(set) if set.contains(piece as u32));
                let recount = view.peers.iter().filter(|peer| has(&peer.has)).count();
                assert_eq!(usize::from(*count), recount, "availability of piece {piece}");
            }
            let free =
                view.partials.iter().flat_map(|p| &p.blocks).filter(|b| **b == BlockState::Free).count();
            assert_eq!(view.open_blocks as usize, free);
            assert!(
                view.partials
                    .iter()
                    .all(|partial| !view.have.contains(partial.piece) && partial.piece < pieces)
            );
            for peer in &view.peers {
                assert_eq!(peer.asked.iter().filter(|(_, released)| !released).count(), peer.outstanding);
                if let Some(link) =
                    self.links.get(&peer.key).filter(|link| link.far_end.heard.handshake().is_some())
                {
                    assert_eq!(link.is_unchoked, !peer.we_choke, "the choke state was not sent");
                }
            }
        }
    }
}

impl Effects for World {
    fn send(&mut self, peer: PeerKey, bytes: &[u8]) {
        self.hear(peer, bytes);
    }

    fn send_reply(&mut self, peer: PeerKey, bytes: &[u8]) {
        self.hear(peer, bytes);
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.replies.push_back(bytes.len() as u32);
        let unsent: usize = link.replies.iter().map(|len| *len as usize).sum();
        assert!(unsent <= MAX_REPLIES, "{unsent} bytes of answers in flight to one peer");
    }

    fn send_block(&mut self, send: SendBlock) {
        self.check_block(send);
    }

    fn write(&mut self, write: WriteBlock) {
        self.check_write(&write);
        self.disk.push_back(write);
    }

    fn forget(&mut self, torrent: TorrentId) {
        for swarm in self.torrents.iter_mut().filter(|swarm| swarm.id == torrent) {
            swarm.written.clear();
            swarm.disk.forget();
        }
        self.disk.retain(|write| write.torrent != torrent);
    }

    fn check(&mut self, torrent: TorrentId) {
        self.checks.push(torrent);
    }

    /// No torrents have files in common here.
    fn look(&mut self, _: TorrentId, _: u32) {}

    /// All torrents are v1 here.
    fn keep(&mut self, _: KeepBlocks) {}

    fn hash_leaves(&mut self, _: TorrentId, _: u32) {}

    /// All metadata stays in memory here.
    fn load_bulk(&mut self, _: TorrentId) {}

    fn http(&mut self, get: HttpGet) {
        self.https.push(get);
    }

    fn web(&mut self, effect: WebEffect) {
        match effect {
            WebEffect::Fetch(fetch) => {
                assert!(!fetch.parts.is_empty());
                self.ask_web(&fetch);
                self.webs.push((*fetch, 0));
            }
            WebEffect::Allow { id, bytes } => {
                let of_it = self.webs.iter_mut().filter(|(fetch, _)| fetch.id == id);
                of_it.for_each(|(_, allowed)| *allowed += u64::from(bytes));
            }
            WebEffect::Abort(id) => self.webs.retain(|(fetch, _)| fetch.id != id),
        }
    }

    fn resolve(&mut self, resolve: Resolve) {
        self.resolves.push(resolve);
    }

    fn local_announce(&mut self, announce: LocalAnnounce) {
        assert!((1..=MAX_LOCAL_HASHES).contains(&announce.info_hashes.len()) && announce.port != 0);
    }

    fn datagram(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        self.datagrams.push((to, datagram));
    }

    fn dht_datagram(&mut self, datagram: DhtDatagram) {
        let message = krpc::decode(&datagram.data).expect("the DHT speaks its own language");
        self.dht_questions.push((datagram, message));
    }

    fn connect(&mut self, connect: Connect) {
        self.connects.push(connect);
    }

    fn close(&mut self, close: Close) {
        self.links.remove(&close.peer);
        self.connects.retain(|connect| connect.peer != close.peer);
    }

    fn torrent_event(&mut self, event: TorrentEvent) {
        let TorrentEvent::Metadata { torrent, meta } = event else { return };
        let swarm = self.torrents.iter_mut().find(|swarm| swarm.id == torrent).expect("a torrent");
        assert!(std::mem::take(&mut swarm.is_unknown), "known already");
        assert_eq!(meta.bulk().expect("in memory").info(), swarm.meta.bulk().expect("in memory").info());
        assert_eq!(meta.piece_layer(0), swarm.meta.piece_layer(0));
        self.ready.push(torrent);
    }
}

impl Link {
    fn new() -> Self {
        Self {
            torrent: None,
            reserved: Reserved::NONE,
            far_end: FarEnd::default(),
            greeted: false,
            is_noisy: false,
            asked: Vec::new(),
            asked_metadata: Vec::new(),
            asked_hashes: Vec::new(),
            requests: BTreeMap::new(),
            is_unchoked: false,
            unchokes: 0,
            allowed_fast: BTreeSet::new(),
            in_flight: VecDeque::new(),
            replies: VecDeque::new(),
        }
    }
}

/// Checks an extended message to a peer with our ids.
fn hear_extended(id: u8, payload: &bytes::Bytes, swarm: &Swarm, link: &mut Link) {
    match id {
        0 => drop(ExtendedHandshake::decode(payload).expect("a handshake")),
        OUR_UT_PEX => {
            let pex = PexMessage::decode(payload).expect("addresses");
            assert!(!pex.is_empty() && pex.added.len() + pex.dropped.len() <= 2 * MAX_PEX_CONTACTS);
        }
        OUR_UT_METADATA => match MetadataMessage::decode(payload).expect("metadata") {
            MetadataMessage::Request { piece } => link.asked_metadata.push(piece),
            MetadataMessage::Data { piece, total_size, data } => {
                assert_eq!(total_size as usize, swarm.meta.bulk().expect("in memory").info().len());
                let begin = (piece * METADATA_BLOCK_LEN) as usize;
                assert!(
                    swarm.meta.bulk().expect("in memory").info()[begin..].starts_with(&data),
                    "wrong metadata"
                );
            }
            MetadataMessage::Reject { .. } => {}
            MetadataMessage::Unknown => panic!("an unknown message"),
        },
        id => assert!(link.is_noisy, "an extended message with the unknown id {id}"),
    }
}
