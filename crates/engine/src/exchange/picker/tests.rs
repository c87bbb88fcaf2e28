//! The picker against a naive recount, over random operations.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::bans::Author;
use crate::ids::PeerKey;
use fastrand::Rng;
use proptest::prelude::*;
use std::collections::BTreeMap;
use ztor_metainfo::Metainfo;

fn layout(pieces: u32) -> Arc<Layout> {
    // Two blocks and a short third one in all pieces, but for the last, which has one short block.
    let piece_length = 3 * u64::from(BLOCK_LEN);
    let length = piece_length * u64::from(pieces - 1) + 100;
    let hashes = "x".repeat(20 * pieces as usize);
    let info = format!(
        "d4:infod6:lengthi{length}e4:name1:f12:piece lengthi{piece_length}e6:pieces{}:{hashes}ee",
        hashes.len()
    );
    Arc::clone(&Metainfo::from_bytes(info.as_bytes()).unwrap().layout)
}

fn key(n: u64) -> SourceKey {
    PeerKey::from_u64((1 << 32) | n).into()
}

fn source(n: u64) -> Sender {
    Author::of([192, 0, 2, n as u8].into(), None).into()
}

struct Model {
    picker: Picker,
    rng: Rng,
    has: Vec<Pieces>,
    asked: BTreeMap<u64, Vec<Block>>,
    current: BTreeMap<u64, u32>,
    received: BTreeMap<u32, u32>,
}

impl Model {
    fn check(&self) {
        let picker = &self.picker;
        let mut open = 0;
        for (piece, partial) in &picker.partials {
            assert!(picker.closed.contains(*piece) && !picker.have.contains(*piece));
            open += partial.free();
        }
        assert_eq!(picker.open_blocks, open, "free blocks in partials");
        let missing = (0..picker.layout.piece_count()).filter(|p| picker.needs(*p)).count() as u32;
        assert_eq!(picker.missing, missing);
        if let Some(rarity) = &picker.rarity {
            let count = (0..picker.layout.piece_count()).filter(|p| !picker.closed.contains(*p)).count();
            assert_eq!(rarity.candidates(false).len(), count, "candidates are what is not closed");
        }
        for (piece, count) in &self.received {
            assert!(*count <= picker.layout.block_count(*piece));
        }
    }

    fn pick(&mut self, peer: u64, count: usize, whole: bool) {
        let mut out = Vec::new();
        let mine = self.asked.entry(peer).or_default();
        let ask = Ask {
            source: key(peer),
            has: &self.has[peer as usize],
            current: self.current.get(&peer).copied(),
            whole_pieces: whole,
            idle: mine.is_empty(),
            suggested: &[],
        };
        let current = self.picker.pick(&ask, count, self.has.len(), &mut self.rng, &mut out);
        if let Some(current) = current {
            self.current.insert(peer, current);
        }
        assert!(out.len() <= count);
        for block in out {
            assert!(self.has[peer as usize].contains(block.piece), "only what the peer has");
            assert!(self.picker.needs(block.piece), "only what is missing");
            assert!(!mine.contains(&block), "nothing twice from one peer");
            mine.push(block);
        }
    }

    fn receive(&mut self, peer: u64) {
        let Some(block) = self.asked.get_mut(&peer).and_then(Vec::pop) else { return };
        if let Receipt::New { asked_of_others } = self.picker.received(block, source(peer)) {
            let others = self.asked.values_mut().filter(|asked| asked.contains(&block));
            let cancelled = others.map(|asked| asked.retain(|b| *b != block)).count();
            assert!(cancelled == 0 || asked_of_others, "requests to other peers are reported");
            let count = self.received.entry(block.piece).or_default();
            *count += 1;
            if *count == self.picker.layout.block_count(block.piece) {
                self.received.remove(&block.piece);
                if self.rng.u8(..) < 40 {
                    let sources = self.picker.failed(block.piece).unwrap();
                    assert_eq!(sources.len() as u32, self.picker.layout.block_count(block.piece));
                } else {
                    assert!(self.picker.verified(block.piece));
                }
            }
        }
    }

    fn release(&mut self, peer: u64) {
        for block in self.asked.remove(&peer).unwrap_or_default() {
            self.picker.release(block, key(peer), &mut self.rng);
        }
        self.current.remove(&peer);
        self.picker.disown(key(peer));
    }
}

impl Model {
    /// Skips about this many quarters of the pieces, and gives the others different priorities.
    fn set_priorities(&mut self, skipped: u8) {
        let pieces = self.picker.layout.piece_count();
        let any = |rng: &mut Rng| match (rng.u8(..4), rng.u8(..3)) {
            (quarter, _) if quarter < skipped => Priority::Skip,
            (_, 0) => Priority::Low,
            (_, 1) => Priority::Normal,
            _ => Priority::High,
        };
        let priorities = (0..pieces).map(|_| any(&mut self.rng)).collect();
        self.picker.set_priorities(Some(priorities), &mut self.rng);
        for has in &self.has {
            if let Pieces::Some(set) = has {
                self.picker.peer_has_all_of(set, &mut self.rng);
            }
        }
        let Some(rarity) = &self.picker.rarity else { return };
        let counted = |piece: u32| self.has[1..].iter().filter(|has| has.contains(piece)).count();
        let expected: Vec<_> = (0..pieces).map(|piece| counted(piece) as u16).collect();
        assert_eq!(rarity.availability(), expected);
    }
}

fn model(pieces: u32, seed: u64) -> Model {
    let mut rng = Rng::with_seed(seed);
    let mut picker = Picker::new(layout(pieces));
    picker.reset(Bitfield::new(pieces), None, &mut rng);
    let mut has = vec![Pieces::All];
    for _ in 0..3 {
        let mut set = Bitfield::new(pieces);
        for piece in 0..pieces {
            if rng.bool() {
                set.insert(piece);
            }
        }
        picker.peer_has_all_of(&set, &mut rng);
        has.push(Pieces::Some(set));
    }
    Model { picker, rng, has, asked: BTreeMap::new(), current: BTreeMap::new(), received: BTreeMap::new() }
}

proptest! {
    #[test]
    fn picker_after_random_operations_agrees_with_a_recount_and_fetches_all(
        pieces in 1u32..12, seed: u64, sequential: bool, ends_first: bool,
        ops in prop::collection::vec((0u8..7, 0u64..4, 1usize..9), 0..200)) {
        let mut model = model(pieces, seed);
        model.picker.sequential = sequential;
        model.picker.set_ends_first(ends_first);
        for (op, peer, count) in ops {
            match op {
                0 | 1 => model.pick(peer, count, count % 2 == 0),
                2..=4 => model.receive(peer),
                5 => model.release(peer),
                _ => model.set_priorities(peer as u8),
            }
            model.check();
        }
        // From whatever state, the seed alone can finish it.
        model.set_priorities(0);
        for peer in 1..4 {
            model.release(peer);
        }
        for round in 0.. {
            if model.picker.is_finished() { break; }
            prop_assert!(round < 10_000, "stuck");
            model.pick(0, 4, true);
            model.receive(0);
            model.check();
        }
        prop_assert!(model.picker.have().is_full());
    }
}

#[test]
fn pick_with_a_rare_piece_takes_it_first() {
    let mut rng = Rng::with_seed(3);
    let mut picker = Picker::new(layout(10));
    let mut have = Bitfield::new(10);
    have.extend(0..4);
    picker.reset(have, None, &mut rng);
    let mut common = Bitfield::full(10);
    common.remove(7);
    (0..3).for_each(|_| picker.peer_has_all_of(&common, &mut rng));
    let ask = Ask {
        source: key(0),
        has: &Pieces::All,
        current: None,
        whole_pieces: true,
        idle: true,
        suggested: &[],
    };
    let mut out = Vec::new();
    picker.pick(&ask, 1, 4, &mut rng, &mut out);
    assert_eq!(out[0].piece, 7);
}

#[test]
fn suggested_piece_is_taken_only_among_equally_rare_ones() {
    for (suggested, first) in [(&[5][..], 5), (&[5, 8], 8), (&[8, 2, 40], 8), (&[7], 7)] {
        let mut rng = Rng::with_seed(2);
        let mut picker = Picker::new(layout(10));
        let mut have = Bitfield::new(10);
        have.extend(0..4);
        picker.reset(have, None, &mut rng);
        // All missing pieces but the last one are equally rare.
        let mut common = Bitfield::new(10);
        common.insert(9);
        picker.peer_has_all_of(&common, &mut rng);
        let ask = Ask {
            source: key(0),
            has: &Pieces::All,
            current: None,
            whole_pieces: true,
            idle: true,
            suggested,
        };
        let mut out = Vec::new();
        picker.pick(&ask, 1, 4, &mut rng, &mut out);
        assert_eq!(out[0].piece, first, "{suggested:?}");
        let ask = Ask { suggested: &[9], ..ask };
        let mut out = Vec::new();
        picker.pick(&Ask { source: key(1), ..ask }, 1, 4, &mut rng, &mut out);
        assert_ne!(out[0].piece, 9, "others are rarer");
    }
}

#[test]
fn pick_in_sequential_mode_is_in_order() {
    let mut rng = Rng::with_seed(3);
    let mut picker = Picker::new(layout(10));
    picker.reset(Bitfield::new(10), None, &mut rng);
    picker.sequential = true;
    let ask = Ask {
        source: key(0),
        has: &Pieces::All,
        current: None,
        whole_pieces: true,
        idle: true,
        suggested: &[],
    };
    let mut out = Vec::new();
    picker.pick(&ask, 100, 1, &mut rng, &mut out);
    let order: Vec<(u32, u32)> = out.iter().map(|b| (b.piece, b.begin)).collect();
    assert!(order.is_sorted() && order.len() == 28);
}

#[test]
fn pick_in_order_or_of_the_first_pieces_goes_by_priority_first() {
    use Priority::{High, Low, Normal, Skip};
    let priorities = [Low, Normal, High, Skip, Normal, High, Low, Normal, Normal, Low];
    let mut some = Bitfield::new(10);
    some.extend([0, 1, 3, 5]);
    for (has, expected) in
        [(Pieces::All, vec![2, 5, 1, 4, 7, 8, 0, 6, 9]), (Pieces::Some(some.clone()), vec![5, 1, 0])]
    {
        for sequential in [true, false] {
            let mut rng = Rng::with_seed(5);
            let mut picker = Picker::new(layout(10));
            picker.reset(Bitfield::new(10), Some(Box::new(priorities)), &mut rng);
            picker.sequential = sequential;
            if let Pieces::Some(set) = &has {
                picker.peer_has_all_of(set, &mut rng);
            }
            let ask = Ask {
                source: key(0),
                has: &has,
                current: None,
                whole_pieces: true,
                idle: true,
                suggested: &[],
            };
            let mut out = Vec::new();
            picker.pick(&ask, 100, 1, &mut rng, &mut out);
            let mut pieces: Vec<u32> = out.iter().map(|block| block.piece).collect();
            pieces.dedup();
            let of = |piece: &u32| std::cmp::Reverse(priorities[*piece as usize]);
            assert!(pieces.is_sorted_by_key(of), "{pieces:?}");
            if sequential {
                assert_eq!(pieces, expected);
            }
        }
    }
}

#[test]
fn pick_of_ends_goes_before_rarity_and_order_for_what_the_peer_has() {
    let mut rng = Rng::with_seed(3);
    // The last piece is short, so the last hundredth of the file begins in the one before.
    let mut some = Bitfield::new(10);
    [2, 3, 9].into_iter().for_each(|piece| assert!(some.insert(piece)));
    for (has, sequential, expected) in [
        (Pieces::All, true, vec![0, 8, 9, 1, 2, 3, 4, 5, 6, 7]),
        (Pieces::Some(some.clone()), true, vec![9, 2, 3]),
        (Pieces::Some(some.clone()), false, vec![9]),
    ] {
        let mut picker = Picker::new(layout(10));
        picker.set_ends_first(true);
        picker.sequential = sequential;
        picker.reset(Bitfield::new(10), None, &mut rng);
        if let Pieces::Some(set) = &has {
            picker.peer_has_all_of(set, &mut rng);
        }
        let ask =
            Ask { source: key(0), has: &has, current: None, whole_pieces: true, idle: true, suggested: &[] };
        let mut out = Vec::new();
        picker.pick(&ask, 100, 1, &mut rng, &mut out);
        let mut pieces: Vec<u32> = out.iter().map(|block| block.piece).collect();
        pieces.dedup();
        assert_eq!(pieces[..expected.len()], expected);
    }
}

#[test]
fn failed_piece_is_fetched_from_one_peer() {
    let mut rng = Rng::with_seed(3);
    let mut picker = Picker::new(layout(2));
    picker.reset(Bitfield::new(2), None, &mut rng);
    let mut ask = Ask {
        source: key(0),
        has: &Pieces::All,
        current: None,
        whole_pieces: true,
        idle: false,
        suggested: &[],
    };
    let mut out = Vec::new();
    picker.sequential = true;
    picker.pick(&ask, 3, 2, &mut rng, &mut out);
    for (n, block) in out.drain(..).enumerate() {
        picker.received(block, source(n as u64));
    }
    assert_eq!(picker.failed(0).unwrap(), [(0, source(0)), (16384, source(1)), (32768, source(2))]);
    ask.source = key(1);
    picker.pick(&ask, 1, 2, &mut rng, &mut out);
    assert_eq!(out[0].piece, 0);
    out.clear();
    ask.source = key(2);
    picker.pick(&ask, 9, 2, &mut rng, &mut out);
    assert!(out.iter().all(|b| b.piece == 1), "the rest of piece 0 is left to the peer that started it");
}

impl Picker {
    /// Panics if the sets of open partials do not agree with the partials.
    pub(crate) fn check_open(&self) {
        let wanted = || self.partials.iter().filter(|(piece, _)| self.is_wanted(**piece));
        let those = |is: fn(&Partial) -> bool| wanted().filter(move |(_, p)| is(p)).map(|(at, _)| at);
        assert!(self.open.iter().eq(those(|p| p.is_open().0)));
        assert!(self.orphans.iter().eq(those(|p| p.is_open().1)));
        assert_eq!(self.open_blocks, self.partials.values().map(Partial::free).sum::<u32>());
    }
}

#[test]
fn restored_blocks_are_not_requested_and_convict_no_peer() {
    let mut rng = Rng::with_seed(1);
    let mut picker = Picker::new(layout(4));
    picker.reset(Bitfield::new(4), None, &mut rng);
    let bits = |len: u32, set: &[u32]| {
        let mut bits = Bitfield::new(len);
        bits.extend(set.iter().copied());
        bits
    };
    picker.restore(1, &bits(3, &[0, 2]));
    for (piece, blocks) in
        [(1, bits(3, &[1])), (2, bits(3, &[])), (2, bits(3, &[0, 1, 2])), (2, bits(4, &[0]))]
    {
        picker.restore(piece, &blocks);
    }
    picker.restore(9, &bits(3, &[0]));
    assert_eq!(picker.partial_count(), 1);

    let has = Pieces::All;
    let ask =
        Ask { source: key(1), has: &has, current: None, whole_pieces: false, idle: true, suggested: &[] };
    let mut out = Vec::new();
    picker.pick(&ask, 100, 1, &mut rng, &mut out);
    let of_one: Vec<u32> = out.iter().filter(|b| b.piece == 1).map(|b| b.begin / BLOCK_LEN).collect();
    assert_eq!((of_one, out.len()), (vec![1], 3 + 1 + 3 + 1), "all but the two blocks that are there");
    picker.received(out.iter().copied().find(|b| b.piece == 1).unwrap(), source(1));
    let sources = picker.failed(1).unwrap();
    assert_eq!(
        sources.iter().map(|(_, source)| *source).collect::<Vec<_>>(),
        [Sender::Disk, source(1), Sender::Disk]
    );

    // Verified and unwanted pieces are not restored.
    picker.reset(
        bits(4, &[0]),
        Some([0, 1, 2, 3].map(|p| [Priority::Normal, Priority::Skip][usize::from(p == 3)]).into()),
        &mut rng,
    );
    picker.restore(0, &bits(3, &[1]));
    picker.restore(3, &bits(1, &[]));
    picker.restore(9, &bits(3, &[0]));
    assert_eq!(picker.partial_count(), 0);
}

/// All blocks of the only available piece were requested from a slow peer. Another piece is missing everywhere.
#[test]
fn idle_peer_without_free_blocks_gets_the_last_block_of_a_slow_one() {
    let mut rng = Rng::with_seed(1);
    let mut picker = Picker::new(layout(2));
    picker.reset(Bitfield::new(2), None, &mut rng);
    let mut first = Bitfield::new(2);
    first.insert(0);
    picker.peer_has_all_of(&first, &mut rng);
    let has = Pieces::Some(first);
    let mut pick = |peer, count, idle| {
        let ask =
            Ask { source: key(peer), has: &has, current: None, whole_pieces: false, idle, suggested: &[] };
        let mut blocks = Vec::new();
        picker.pick(&ask, count, 2, &mut rng, &mut blocks);
        blocks
    };
    let slow = pick(1, 100, true);
    assert!(slow.len() > 1, "all of the piece");
    assert_eq!(pick(2, 100, false), [], "a busy peer gets nothing");
    assert_eq!(pick(2, 100, true), slow[slow.len() - 1..], "the block that comes last");
}

#[test]
fn bar_keeps_a_common_piece_from_being_started_until_unbar() {
    let mut rng = Rng::with_seed(5);
    for sequential in [true, false] {
        let mut picker = Picker::new(layout(10));
        picker.reset(Bitfield::new(10), None, &mut rng);
        picker.sequential = sequential;
        picker.share(2..6);
        picker.bar(3);
        // Pieces that are not in common cannot be barred.
        picker.bar(7);
        let ask = Ask {
            source: key(0),
            has: &Pieces::All,
            current: None,
            whole_pieces: true,
            idle: true,
            suggested: &[],
        };
        let mut out = Vec::new();
        picker.pick(&ask, 100, 1, &mut rng, &mut out);
        let mut pieces: Vec<u32> = out.iter().map(|block| block.piece).collect();
        pieces.dedup();
        pieces.sort_unstable();
        assert_eq!(pieces, [0, 1, 2, 4, 5, 6, 7, 8, 9]);
        let mut opened = picker.take_news();
        opened.sort_by_key(|(piece, _)| *piece);
        assert_eq!(opened, [2, 4, 5].map(|piece| (piece, ShareNews::Opened)));
        let before = out.len();
        picker.pick_in(3, key(0), 9, &mut out);
        assert_eq!(out.len(), before, "not even one that the peer offers");
        picker.set_priorities(None, &mut rng);
        picker.unbar(3, &mut rng);
        picker.pick(&ask, 100, 1, &mut rng, &mut out);
        assert!(out[before..].iter().any(|block| block.piece == 3));
        assert!(picker.verified(3) && picker.take_news().contains(&(3, ShareNews::Verified)));
        picker.drop_partials(&mut rng);
        assert_eq!(picker.take_news().len(), 3);
        picker.check_open();
    }
}

#[test]
fn pick_run_without_peers_takes_the_longest_gap_from_its_start() {
    let mut rng = Rng::with_seed(3);
    let mut picker = Picker::new(layout(20));
    let mut have = Bitfield::new(20);
    have.extend([0, 4, 12]);
    picker.reset(have, None, &mut rng);
    let ask = RunAsk { source: key(0), lacks: None, max_bytes: 1, one_piece: false, from_start: false };
    let mut out = Vec::new();
    picker.pick_run(&ask, &mut rng, &mut out);
    assert_eq!(out.iter().map(|b| (b.piece, b.begin)).collect::<Vec<_>>(), [(5, 0)]);
    // The rest of that piece comes next, and the pieces after it.
    out.clear();
    let max_bytes = 4 * u64::from(BLOCK_LEN);
    picker.pick_run(&RunAsk { max_bytes, ..ask }, &mut rng, &mut out);
    let pieces: Vec<u32> = out.iter().map(|b| b.piece).collect();
    assert_eq!((pieces, out[0].begin), (vec![5, 5, 6, 6], BLOCK_LEN));
}

#[test]
fn pick_run_of_a_source_that_lacks_pieces_skips_them() {
    let mut rng = Rng::with_seed(3);
    let mut picker = Picker::new(layout(10));
    picker.reset(Bitfield::new(10), None, &mut rng);
    picker.sequential = true;
    let mut lacks = Bitfield::new(10);
    lacks.extend([0, 1, 5]);
    let ask = |one_piece| RunAsk {
        source: key(0),
        lacks: Some(&lacks),
        max_bytes: u64::MAX,
        one_piece,
        from_start: false,
    };
    let mut run = |one_piece| {
        let mut out = Vec::new();
        picker.pick_run(&ask(one_piece), &mut rng, &mut out);
        out.iter().map(|b| b.piece).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(run(true), [2]);
    assert_eq!(run(false), [3, 4]);
    assert_eq!(run(false), [6, 7, 8, 9]);
    assert_eq!(run(false), [0; 0], "its own blocks are not asked twice");
}
