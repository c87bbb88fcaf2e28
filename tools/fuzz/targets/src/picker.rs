use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use fastrand::Rng;
use ztor_base::Host;
use ztor_engine::Pieces;
use ztor_engine::testkit::{Ask, Picker, Receipt, RunAsk, peer_key};
use ztor_engine::{Author, Bitfield, Priority, Sender, SourceKey};
use ztor_metainfo::{Alignment, BLOCK_LEN, File, Layout};
use ztor_wire::Block;

use crate::machine::Machine;

const PEERS: u64 = 6;
/// Number of complete pieces from which on the rarest are chosen, and not random ones.
const RANDOM_FIRST: u32 = 4;
const ENDGAME_COPIES: usize = 2;

/// Checks the picker against a model that remembers every block and recounts everything.
pub fn picker(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(model) = Model::new(&mut u) else { return };
    model.play(&mut u);
}

struct Model {
    picker: Picker,
    rng: Rng,
    layout: Arc<Layout>,
    wants: Vec<Priority>,
    sequential: bool,
    have: BTreeSet<u32>,
    peers: Vec<Peer>,
    /// Received blocks, by piece.
    received: BTreeMap<u32, BTreeSet<u32>>,
    /// Pieces that hashed wrong. They may be reserved for one peer.
    restarted: BTreeSet<u32>,
}

#[derive(Clone)]
struct Peer {
    has: Pieces,
    asked: Vec<Block>,
    current: Option<u32>,
}

impl Machine for Model {
    const MAX_OPERATIONS: usize = 400;

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let peer = u.int_in_range(0..=PEERS - 1)?;
        match u.int_in_range(0..=17)? {
            0..=3 => self.pick(peer, u.int_in_range(1..=9)?, u.arbitrary()?),
            4..=7 => {
                let at = u.arbitrary::<u8>()?.into();
                self.receive(peer, at, u.ratio(1, 4)?);
            }
            8 => self.reject(peer, u.arbitrary::<u8>()?.into()),
            9 => self.choke(peer),
            10 => self.leave(peer),
            11 => self.join(peer, u)?,
            12 => {
                let piece = u.int_in_range(0..=self.layout.piece_count() - 1)?;
                self.tell_have(peer, piece);
            }
            13 => {
                let piece = u.int_in_range(0..=self.layout.piece_count() - 1)?;
                self.pick_in(peer, piece, u.int_in_range(0..=4)?);
            }
            14 => {
                let piece = u.int_in_range(0..=self.layout.piece_count() - 1)?;
                if u.arbitrary()? { self.verified(piece) } else { self.failed(piece) }
            }
            15 | 16 => {
                let (max_bytes, one_piece) = (u.int_in_range(1..=1 << 20)?, u.ratio(1, 4)?);
                self.pick_run(peer, max_bytes, one_piece, u.arbitrary()?);
            }
            _ => {
                (0..PEERS).for_each(|peer| self.leave(peer));
                self.picker.drop_partials(&mut self.rng);
                self.received.clear();
                self.restarted.clear();
            }
        }
        Ok(())
    }

    fn check(&mut self) {
        self.check_counts();
    }

    /// Checks that one seed can finish the torrent from any state.
    fn finish(&mut self) {
        (0..PEERS).for_each(|peer| self.leave(peer));
        self.peers[0].has = Pieces::All;
        for _ in 0..=4 * 3 * self.layout.piece_count() {
            if self.picker.is_finished() {
                break;
            }
            self.pick(0, 3, true);
            for at in (0..3).rev() {
                self.receive(0, at, false);
            }
            self.check_counts();
        }
        assert!(self.picker.is_finished(), "stuck with {:?}", self.needed().collect::<Vec<_>>());
    }
}

impl Model {
    fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let pieces = u.int_in_range(1..=40_u32)?;
        // Two blocks and a short third one in all pieces, except the last, which has one short block.
        let piece_length = 2 * u64::from(BLOCK_LEN) + 5000;
        let length = piece_length * u64::from(pieces - 1) + 100;
        let files = vec![File::new(&["f"], length)];
        let layout = Arc::new(Layout::new(piece_length, files, Alignment::EndToEnd).expect("a good layout"));
        let mut have = Bitfield::new(pieces);
        for piece in 0..pieces {
            if u.ratio(1, 6)? {
                have.insert(piece);
            }
        }
        let with_priorities = u.arbitrary()?;
        let mut wants = vec![Priority::Normal; pieces as usize];
        if with_priorities {
            let all = [Priority::Skip, Priority::Low, Priority::Normal, Priority::High];
            for want in &mut wants {
                *want = *u.choose(&all)?;
            }
        }
        let sequential = u.ratio(1, 4)?;
        let priorities = with_priorities.then(|| wants.clone().into_boxed_slice());
        let mut rng = Rng::with_seed(u.arbitrary()?);
        let mut picker = Picker::new(Arc::clone(&layout));
        picker.sequential = sequential;
        picker.reset(have.clone(), priorities, &mut rng);
        let nobody = Peer { has: Pieces::None, asked: Vec::new(), current: None };
        Ok(Self {
            picker,
            rng,
            layout,
            wants,
            sequential,
            have: have.iter().collect(),
            peers: vec![nobody; PEERS as usize],
            received: BTreeMap::new(),
            restarted: BTreeSet::new(),
        })
    }

    fn check_counts(&self) {
        assert!(self.picker.have().iter().eq(self.have.iter().copied()));
        assert_eq!(self.picker.is_finished(), self.needed().next().is_none());
        for peer in &self.peers {
            let interesting = self.needed().filter(|piece| peer.has.contains(*piece)).count();
            assert_eq!(self.picker.interesting(&peer.has) as usize, interesting);
        }
    }

    fn pick(&mut self, peer: u64, count: usize, whole_pieces: bool) {
        let Peer { has, asked, current } = self.peers[peer as usize].clone();
        let idle = asked.is_empty();
        let suggested: Vec<u32> =
            (0..self.layout.piece_count()).filter(|piece| piece % 3 == peer as u32 % 3).collect();
        let ask = Ask { source: key(peer), has: &has, current, whole_pieces, idle, suggested: &suggested };
        let mut blocks = Vec::new();
        let current = self.picker.pick(&ask, count, PEERS as usize, &mut self.rng, &mut blocks);
        assert!(blocks.len() <= count);
        self.check_doubles(&blocks, &has, asked.is_empty());
        self.check_order(&blocks, &has);
        for block in &blocks {
            assert!(has.contains(block.piece), "the peer does not have it");
            self.ask(peer, *block);
        }
        self.peers[peer as usize].current = current;
        if blocks.len() < count {
            let left = self.needed().filter(|p| has.contains(*p) && self.free_blocks(*p) > 0);
            let left: Vec<u32> = left.filter(|p| !self.restarted.contains(p)).collect();
            assert!(left.is_empty() || blocks.iter().any(|b| self.askers(*b) > 1), "left undone: {left:?}");
        }
        if blocks.is_empty() && asked.is_empty() {
            let mut left = self.needed().filter(|p| has.contains(*p) && self.free_blocks(*p) > 0);
            assert_eq!(left.next(), None, "an idle peer is left idle");
        }
    }

    /// Picks a run as for a web seed.
    fn pick_run(&mut self, peer: u64, max_bytes: u64, one_piece: bool, from_start: bool) {
        let Peer { has, asked, .. } = self.peers[peer as usize].clone();
        // A web seed has one run at a time.
        if !asked.is_empty() {
            return;
        }
        let mut lacks = Bitfield::new(self.layout.piece_count());
        lacks.extend((0..self.layout.piece_count()).filter(|piece| !has.contains(*piece)));
        let ask = RunAsk { source: key(peer), lacks: Some(&lacks), max_bytes, one_piece, from_start };
        let mut blocks = Vec::new();
        self.picker.pick_run(&ask, &mut self.rng, &mut blocks);
        let end = |block: &Block| {
            let ends_piece = block.begin + block.len == self.layout.piece_len(block.piece);
            if ends_piece { (block.piece + 1, 0) } else { (block.piece, block.begin + block.len) }
        };
        for pair in blocks.windows(2) {
            assert_eq!(end(&pair[0]), (pair[1].piece, pair[1].begin), "a gap in a run");
            assert!(!one_piece || pair[0].piece == pair[1].piece);
        }
        let bytes: u64 = blocks.iter().map(|block| u64::from(block.len)).sum();
        let last = blocks.last().map_or(0, |block| u64::from(block.len));
        let is_doubled = blocks.iter().any(|block| self.askers(*block) > 0);
        assert!(is_doubled || bytes - last < max_bytes, "{bytes} bytes of at most {max_bytes}");
        for block in &blocks {
            assert!(has.contains(block.piece), "the web seed does not have it");
            self.ask(peer, *block);
        }
        if blocks.is_empty() {
            let mut left = self.needed().filter(|p| has.contains(*p) && self.free_blocks(*p) > 0);
            assert_eq!(left.next(), None, "an idle web seed is left idle");
        }
    }

    fn pick_in(&mut self, peer: u64, piece: u32, count: usize) {
        // An offer does not prove that the peer has the piece; the engine checks both.
        if !self.peers[peer as usize].has.contains(piece) {
            return;
        }
        let mut blocks = Vec::new();
        self.picker.pick_in(piece, key(peer), count, &mut blocks);
        assert!(blocks.len() <= count && blocks.iter().all(|b| b.piece == piece));
        assert!(blocks.iter().all(|b| self.askers(*b) == 0));
        blocks.iter().for_each(|block| self.ask(peer, *block));
    }

    fn ask(&mut self, peer: u64, block: Block) {
        let index = block.begin / BLOCK_LEN;
        assert_eq!(block.begin % BLOCK_LEN, 0);
        assert_eq!((block.len, block.len > 0), (self.layout.block_len(block.piece, index), true));
        assert!(self.needs(block.piece), "a piece that is complete or not wanted");
        assert!(!self.is_received(block), "received already");
        let asked = &mut self.peers[peer as usize].asked;
        assert!(!asked.contains(&block), "twice from the same peer");
        asked.push(block);
    }

    /// Checks that a block is requested from a second peer only if that peer has none without a request.
    fn check_doubles(&self, blocks: &[Block], has: &Pieces, idle: bool) {
        let Some(double) = blocks.iter().find(|block| self.askers(**block) > 0) else { return };
        assert!(idle && blocks.len() == 1 && self.askers(*double) < ENDGAME_COPIES);
        let free = self.needed().filter(|piece| has.contains(*piece)).map(|piece| self.free_blocks(piece));
        assert_eq!(free.sum::<u32>(), 0, "not the end yet");
    }

    /// Checks that the first new piece is the rarest of its priority, or in sequential mode the first of the highest one.
    fn check_order(&self, blocks: &[Block], has: &Pieces) {
        let Some(new) = blocks.iter().map(|block| block.piece).find(|piece| self.is_fresh(*piece)) else {
            return;
        };
        let fresh = || self.needed().filter(|piece| self.is_fresh(*piece) && has.contains(*piece));
        if self.sequential {
            let highest = fresh().map(|piece| self.wants[piece as usize]).max();
            assert_eq!(Some(new), fresh().find(|piece| Some(self.wants[*piece as usize]) == highest));
        } else if self.have.len() as u32 >= RANDOM_FIRST {
            let priority = self.wants[new as usize];
            let alike = fresh().filter(|piece| self.wants[*piece as usize] == priority);
            let rarest = alike.map(|piece| self.availability(piece)).min();
            assert_eq!(Some(self.availability(new)), rarest);
        }
    }

    fn receive(&mut self, peer: u64, at: usize, is_bad: bool) {
        let asked = &mut self.peers[peer as usize].asked;
        if asked.is_empty() {
            return;
        }
        let block = asked.remove(at % asked.len());
        let receipt = self.picker.received(block, author(peer));
        let others = self.askers(block);
        let expected = Receipt::New { asked_of_others: others > 0 };
        assert_eq!(receipt, expected, "other requests of the block must be reported");
        self.peers.iter_mut().for_each(|peer| peer.asked.retain(|b| *b != block));
        let blocks = self.received.entry(block.piece).or_default();
        blocks.insert(block.begin / BLOCK_LEN);
        if blocks.len() as u32 == self.layout.block_count(block.piece) {
            if is_bad { self.failed(block.piece) } else { self.verified(block.piece) }
        }
    }

    fn verified(&mut self, piece: u32) {
        assert_eq!(self.picker.verified(piece), self.have.insert(piece));
        self.forget(piece);
        self.restarted.remove(&piece);
    }

    fn failed(&mut self, piece: u32) {
        let sources = self.picker.failed(piece);
        let in_progress = !self.is_fresh(piece) && !self.have.contains(&piece);
        if let Some(sources) = sources {
            let begins: BTreeSet<u32> = sources.iter().map(|(begin, _)| begin / BLOCK_LEN).collect();
            assert_eq!(begins, self.received.get(&piece).cloned().unwrap_or_default());
            self.forget(piece);
            self.restarted.insert(piece);
        } else {
            assert!(!in_progress || self.restarted.contains(&piece));
        }
    }

    fn forget(&mut self, piece: u32) {
        self.received.remove(&piece);
        self.peers.iter_mut().for_each(|peer| peer.asked.retain(|block| block.piece != piece));
    }

    fn reject(&mut self, peer: u64, at: usize) {
        let asked = &mut self.peers[peer as usize].asked;
        if !asked.is_empty() {
            let block = asked.remove(at % asked.len());
            self.picker.release(block, key(peer), &mut self.rng);
        }
    }

    fn choke(&mut self, peer: u64) {
        for block in std::mem::take(&mut self.peers[peer as usize].asked) {
            self.picker.release(block, key(peer), &mut self.rng);
        }
        self.peers[peer as usize].current = None;
        self.picker.disown(key(peer));
    }

    fn leave(&mut self, peer: u64) {
        self.choke(peer);
        if let Pieces::Some(set) = std::mem::replace(&mut self.peers[peer as usize].has, Pieces::None) {
            self.picker.peer_gone(&set, &mut self.rng);
        }
    }

    fn join(&mut self, peer: u64, u: &mut Unstructured<'_>) -> Result<()> {
        self.leave(peer);
        let has = if u.ratio(1, 3)? {
            Pieces::All
        } else {
            let mut set = Bitfield::new(self.layout.piece_count());
            for piece in 0..self.layout.piece_count() {
                if u.arbitrary()? {
                    set.insert(piece);
                }
            }
            self.picker.peer_has_all_of(&set, &mut self.rng);
            Pieces::Some(set)
        };
        self.peers[peer as usize].has = has;
        Ok(())
    }

    fn tell_have(&mut self, peer: u64, piece: u32) {
        if let Pieces::Some(set) = &mut self.peers[peer as usize].has
            && set.insert(piece)
        {
            self.picker.peer_has(piece, &mut self.rng);
        }
    }

    fn needed(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.layout.piece_count()).filter(|piece| self.needs(*piece))
    }

    fn needs(&self, piece: u32) -> bool {
        !self.have.contains(&piece) && self.wants[piece as usize] != Priority::Skip
    }

    fn is_received(&self, block: Block) -> bool {
        self.received.get(&block.piece).is_some_and(|blocks| blocks.contains(&(block.begin / BLOCK_LEN)))
    }

    fn askers(&self, block: Block) -> usize {
        self.peers.iter().filter(|peer| peer.asked.contains(&block)).count()
    }

    fn free_blocks(&self, piece: u32) -> u32 {
        let block =
            |index| Block { piece, begin: index * BLOCK_LEN, len: self.layout.block_len(piece, index) };
        let blocks = (0..self.layout.block_count(piece)).map(block);
        blocks.filter(|block| !self.is_received(*block) && self.askers(*block) == 0).count() as u32
    }

    /// Returns true if the piece was not restarted, and all its blocks are free.
    fn is_fresh(&self, piece: u32) -> bool {
        !self.restarted.contains(&piece) && self.free_blocks(piece) == self.layout.block_count(piece)
    }

    /// Returns the number of peers with the piece, without seeds.
    fn availability(&self, piece: u32) -> usize {
        self.peers.iter().filter(|peer| matches!(&peer.has, Pieces::Some(set) if set.contains(piece))).count()
    }
}

fn key(peer: u64) -> SourceKey {
    peer_key(peer as u32).into()
}

fn author(peer: u64) -> Sender {
    Author::Host(Host::V4([192, 0, 2, peer as u8])).into()
}
