//! Hashes of blocks (BEP 52): asked about bad pieces, and served.

use super::*;
use crate::testkit::v2_of;
use std::collections::BTreeSet;
use ztor_metainfo::{BLOCK_LEN, merkle};

const V2: Reserved = Reserved::NONE.with_extended().with_fast().with_v2();
/// Length of a piece, of eight blocks.
const PIECE: u32 = 8 * BLOCK_LEN;

fn leaves_of(content: &[u8], piece: u32) -> Vec<merkle::Hash> {
    let start = (piece * PIECE) as usize;
    let piece = &content[start..content.len().min(start + PIECE as usize)];
    piece.chunks(BLOCK_LEN as usize).map(merkle::leaf).collect()
}

/// Returns the request for all leaves of a piece, and the height of the tree.
fn request(meta: &Metainfo, piece: u32) -> (HashRequest, u32) {
    let length = meta.layout.v2_leaf_width(0) as u32;
    let pieces = u64::from(meta.layout.piece_count());
    let height = if pieces > 1 { 3 + merkle::height(pieces) } else { length.trailing_zeros() };
    let request = HashRequest {
        pieces_root: meta.layout.files()[0].pieces_root().unwrap(),
        base_layer: 0,
        index: piece * length,
        length,
        proof_layers: height - 1,
    };
    (request, height)
}

fn range(request: &HashRequest) -> merkle::Range {
    merkle::Range {
        base_layer: request.base_layer,
        index: request.index,
        length: request.length,
        proof_layers: request.proof_layers,
    }
}

#[test]
fn leaves_of_any_piece_are_served_with_their_proof_after_one_read() {
    for len in [PIECE * 5 - 100, PIECE * 2, PIECE * 3 + 17, BLOCK_LEN * 5 + 1, BLOCK_LEN * 2] {
        let content = noise(len as usize);
        let meta = v2_of("file", PIECE, &content);
        let mut scripted = Scripted::of(Arc::clone(&meta), true, V2, |_| {});
        for piece in 0..meta.layout.piece_count() {
            let (whole, height) = request(&meta, piece);
            assert_eq!(scripted.say(&Message::HashRequest(whole)), []);
            let reads: Vec<_> = scripted.rig.out.leaves.drain(..).collect();
            assert_eq!(reads, [(scripted.id, piece)]);
            assert_eq!(scripted.say(&Message::HashRequest(whole)), [], "it waits behind the first");
            assert!(scripted.rig.out.leaves.is_empty(), "one read at a time");
            scripted.rig.disk(scripted.id, DiskEvent::Leaves { piece, leaves: leaves_of(&content, piece) });
            let mut said = scripted.settle();
            // Parts of it, with and without a proof.
            let half = HashRequest { length: 2, index: whole.index + whole.length - 2, ..whole };
            said.extend(scripted.say(&Message::HashRequest(half)));
            assert_eq!(said.len(), 3, "{said:?}");
            for (message, request) in said.iter().zip([whole, whole, half]) {
                let Message::Hashes { request: of, hashes } = message else { panic!("{message:?}") };
                assert_eq!(*of, request);
                let (answer, rest) = hashes.as_chunks::<32>();
                let leaves = merkle::check(&request.pieces_root, height, range(&request), answer).unwrap();
                let mut all = leaves_of(&content, piece);
                all.resize(whole.length as usize, [0; 32]);
                let from = (request.index - whole.index) as usize;
                assert_eq!((leaves, rest.len()), (&all[from..from + request.length as usize], 0));
            }
        }
        let (whole, _) = request(&meta, 0);
        let bare = HashRequest { proof_layers: 0, ..whole };
        scripted.say(&Message::HashRequest(bare));
        scripted.rig.disk(scripted.id, DiskEvent::Leaves { piece: 0, leaves: leaves_of(&content, 0) });
        let said = scripted.settle();
        assert!(said.iter().all(|said| matches!(said, Message::Hashes { .. })), "{said:?}");
    }
}

#[test]
fn leaves_that_cannot_be_read_or_do_not_match_are_rejected() {
    let content = noise(3 * PIECE as usize);
    let meta = v2_of("file", PIECE, &content);
    for leaves in [Vec::new(), vec![[7; 32]; 8]] {
        let mut scripted = Scripted::of(Arc::clone(&meta), true, V2, |_| {});
        let (whole, _) = request(&meta, 1);
        scripted.say(&Message::HashRequest(whole));
        scripted.rig.disk(scripted.id, DiskEvent::Leaves { piece: 1, leaves });
        assert_eq!(scripted.settle(), [Message::HashReject(whole)]);
    }
    // Without the piece, of another file, or across pieces.
    let mut scripted = Scripted::of(Arc::clone(&meta), false, V2, |_| {});
    let (whole, _) = request(&meta, 1);
    assert_eq!(scripted.say(&Message::HashRequest(whole)), [Message::HashReject(whole)]);
    let mut scripted = Scripted::of(Arc::clone(&meta), true, V2, |_| {});
    for bad in [
        HashRequest { pieces_root: [9; 32], ..whole },
        HashRequest { length: 16, index: 0, ..whole },
        HashRequest { index: 1 << 30, ..whole },
        HashRequest { base_layer: 1, length: 2, index: 0, ..whole },
    ] {
        assert_eq!(scripted.say(&Message::HashRequest(bad)), [Message::HashReject(bad)]);
    }
}

#[test]
fn number_of_pieces_read_for_a_peer_is_bounded() {
    let content = noise(6 * PIECE as usize);
    let meta = v2_of("file", PIECE, &content);
    let mut scripted = Scripted::of(Arc::clone(&meta), true, V2, |_| {});
    let mut reads = 0;
    for turn in 0..200 {
        let piece = turn % 6;
        scripted.say(&Message::HashRequest(request(&meta, piece).0));
        for (id, piece) in scripted.rig.out.leaves.drain(..).collect::<Vec<_>>() {
            reads += 1;
            scripted.rig.disk(id, DiskEvent::Leaves { piece, leaves: leaves_of(&content, piece) });
        }
        scripted.settle();
    }
    assert_eq!(reads, 64);
}

/// A download from several peers, each of which answers all requests.
struct Download {
    rig: Rig,
    id: TorrentId,
    meta: Arc<Metainfo>,
    content: Vec<u8>,
    peers: Vec<(PeerKey, FarEnd, bool)>,
    disk: Vec<u8>,
    written: BTreeMap<u32, BTreeSet<u32>>,
    was_bad: bool,
    /// Requests for hashes that were not answered yet.
    asked: Vec<(PeerKey, HashRequest)>,
    blocks: u32,
}

impl Download {
    /// Starts a download from peers, of which some lie about the first byte of the second block of the first piece that
    /// they are asked for.
    fn new(len: u32, liars: &[bool]) -> Self {
        let content = noise(len as usize);
        let meta = v2_of("file", PIECE, &content);
        let mut rig = Rig::new(Instant::from_micros(1), Config::new(PeerId::from_random([0; 12]), 6881), 1);
        let id = rig.add(&AddTorrent::new(Arc::clone(&meta)));
        rig.disk(id, DiskEvent::Checked { have: Bitfield::new(meta.layout.piece_count()) });
        let mut peers = Vec::new();
        for (number, is_liar) in liars.iter().enumerate() {
            let number = 40 + number as u8;
            let key = rig.engine.accept(rig.now, addr(number), Transport::Tcp).unwrap();
            let hello = Handshake {
                reserved: V2,
                info_hash: meta.info_hashes.swarm_id(),
                peer_id: PeerId::new([number; 20]),
            };
            let mut end = FarEnd::default();
            let bytes = [&hello.encode()[..], &encode(&[Message::HaveAll, Message::Unchoke])].concat();
            rig.give(key, &mut end, &bytes);
            peers.push((key, end, *is_liar));
        }
        let disk = vec![0; content.len()];
        let (written, asked) = (BTreeMap::new(), Vec::new());
        Self { rig, id, meta, content, peers, disk, written, was_bad: false, asked, blocks: 0 }
    }

    /// Runs turns until nothing more happens.
    fn run(&mut self) {
        while self.turn() {}
    }

    fn turn(&mut self) -> bool {
        self.rig.settle();
        let bytes = std::mem::take(&mut self.rig.out.bytes);
        let sends: Vec<_> = self.rig.out.sends.drain(..).collect();
        let closed: Vec<PeerKey> = self.rig.out.closes.drain(..).map(|close| close.peer).collect();
        self.peers.retain(|(key, ..)| !closed.contains(key));
        let (mut moved, mut said) = (false, Vec::new());
        for (key, end, is_liar) in &mut self.peers {
            let mine: Vec<u8> = sends
                .iter()
                .filter(|send| send.peer == *key)
                .flat_map(|send| bytes[send.range.clone()].to_vec())
                .collect();
            for message in end.heard.take(&mine).unwrap() {
                match message {
                    Message::Request(block) => said.push((*key, block, *is_liar)),
                    Message::HashRequest(request) => self.asked.push((*key, request)),
                    _ => {}
                }
            }
        }
        // In turn, so that pieces have blocks of several peers.
        said.sort_by_key(|(key, block, _)| (block.begin, *key));
        for (key, block, is_liar) in said {
            let start = (block.piece * PIECE + block.begin) as usize;
            let mut data = self.content[start..start + block.len as usize].to_vec();
            data[0] ^= u8::from(is_liar);
            self.blocks += 1;
            let Some((_, end, _)) = self.peers.iter_mut().find(|(of, ..)| *of == key) else { continue };
            let message = Message::Piece { piece: block.piece, begin: block.begin, data: data.into() };
            self.rig.give(key, end, &encode(&[message]));
            moved = true;
        }
        for write in self.rig.out.writes.drain(..).collect::<Vec<_>>() {
            let start = (write.piece * PIECE + write.begin) as usize;
            self.disk[start..start + write.data.len()].copy_from_slice(&write.data);
            let blocks = self.written.entry(write.piece).or_default();
            blocks.insert(write.begin);
            if blocks.len() as u32 == self.meta.layout.block_count(write.piece) {
                self.judge(write.piece);
            }
        }
        for keep in self.rig.out.keeps.drain(..).collect::<Vec<_>>() {
            self.written.insert(keep.piece, keep.blocks.iter().map(|block| block * BLOCK_LEN).collect());
            self.rig.disk(self.id, DiskEvent::Kept { piece: keep.piece, is_kept: true });
            moved = true;
        }
        moved
    }

    fn judge(&mut self, piece: u32) {
        self.written.remove(&piece);
        let (got, right) = (leaves_of(&self.disk, piece), leaves_of(&self.content, piece));
        let begins = (0..).step_by(BLOCK_LEN as usize);
        let digests =
            begins.zip(&got).map(|(begin, digest)| BlockDigest { begin, digest: *digest }).collect();
        let is_bad = got != right;
        self.was_bad |= is_bad;
        let event = if is_bad {
            DiskEvent::PieceBad { piece, digests }
        } else {
            DiskEvent::PieceOk { piece, digests }
        };
        self.rig.disk(self.id, event);
    }

    fn hashes(&self, asked: &HashRequest) -> Bytes {
        let all: Vec<merkle::Hash> = self.content.chunks(BLOCK_LEN as usize).map(merkle::leaf).collect();
        let (_, height) = request(&self.meta, 0);
        let tree = merkle::Tree::new(all, 0, height);
        Bytes::from(tree.answer(range(asked)).unwrap().concat())
    }

    fn answer(&mut self, key: PeerKey, message: &Message) {
        let (_, end, _) = self.peers.iter_mut().find(|(of, ..)| *of == key).unwrap();
        self.rig.give(key, end, &encode(std::slice::from_ref(message)));
    }

    fn is_finished(&self) -> bool {
        self.rig.engine.is_finished(self.id)
    }

    fn banned(&self) -> usize {
        self.rig.engine.bans(self.rig.now).len()
    }
}

#[test]
fn bad_blocks_of_a_piece_are_found_by_leaves_and_only_they_are_fetched_again() {
    for len in [PIECE, 3 * PIECE - 77] {
        let mut download = Download::new(len, &[false, true]);
        download.run();
        assert!(download.was_bad);
        assert!(!download.is_finished() && !download.asked.is_empty());
        while let Some((key, request)) = download.asked.pop() {
            assert_eq!(request.base_layer, 0);
            let hashes = download.hashes(&request);
            download.answer(key, &Message::Hashes { request, hashes });
            download.run();
        }
        assert!(download.is_finished());
        assert_eq!(download.disk, download.content);
        assert_eq!(download.banned(), 1, "the liar alone is banned");
        // Each bad block was fetched twice, and the others once.
        let blocks = len.div_ceil(BLOCK_LEN);
        assert!(download.blocks < 2 * blocks, "{} blocks for {blocks}", download.blocks);
    }
}

#[test]
fn piece_without_an_answer_about_its_leaves_is_fetched_again_as_a_whole() {
    for rejects in [true, false] {
        let mut download = Download::new(PIECE, &[false, true]);
        download.run();
        assert!(download.was_bad && !download.is_finished());
        for _ in 0..3 {
            for (key, request) in std::mem::take(&mut download.asked) {
                if rejects {
                    download.answer(key, &Message::HashReject(request));
                }
            }
            if !rejects {
                download.rig.now += Duration::from_secs(5);
            }
            download.run();
        }
        assert!(download.blocks >= 16, "{} blocks: each twice", download.blocks);
    }
}

#[test]
fn false_hashes_convict_only_their_sender() {
    let mut download = Download::new(PIECE, &[false, true]);
    download.run();
    let (key, request) = download.asked.pop().unwrap();
    let hashes = Bytes::from(vec![7; 32 * request.length as usize]);
    download.answer(key, &Message::Hashes { request, hashes });
    download.run();
    assert_eq!(download.banned(), 1);
    assert!(!download.peers.iter().any(|(of, ..)| *of == key));
}
