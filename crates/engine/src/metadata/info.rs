//! Getting the info dictionary from peers (BEP 9).
//!
//! Everybody who says the same length works on one copy. Only the whole can be verified: if a copy turns out wrong
//! and has one author, that one lied; if it has several, from then on each peer gets a copy of its own, so that
//! every further lie has its author. Peers that do not answer are passed over after moments, and come last from
//! then on.

use crate::PeerKey;
use crate::bans::Author;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use ztor_base::{Duration, Instant};
use ztor_wire::METADATA_BLOCK_LEN;

/// Longest info dictionary that is fetched.
pub(crate) const MAX_METADATA_LEN: u32 = ztor_metainfo::MAX_TORRENT_LEN as u32;
/// Copies being put together at a time; each is at most [`MAX_METADATA_LEN`] long.
const MAX_ASSEMBLIES: usize = 4;
/// Requests to one peer that are under way.
const MAX_ASKED: usize = 3;
/// A block that did not come within this time is asked of another peer, too.
const ASK_ANOTHER_AFTER: Duration = Duration::from_secs(2);
/// An answer later than this is not waited for.
const GIVE_UP_AFTER: Duration = Duration::from_secs(20);
/// An assembly that did not grow for this long makes place for another, if there is one.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// A peer that refused a block is not asked again before.
const REFUSED_FOR: Duration = Duration::from_secs(30);

/// What came of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BlockOutcome {
    /// It was not asked for, or is there already.
    Unneeded,
    /// It is one of several.
    Accepted,
    /// It cannot be what was asked for.
    Invalid,
    /// All of it is there, and right.
    Complete(Vec<u8>),
    /// All of it is there, and wrong. If it had one author, that is who.
    Wrong(Option<Author>),
}

/// An info dictionary in the making.
#[derive(Debug, Default)]
pub(crate) struct Fetch {
    sources: BTreeMap<PeerKey, Source>,
    assemblies: Vec<Assembly>,
    /// An assembly of several authors was wrong.
    each_alone: bool,
    too_long: TooLong,
}

/// A length beyond [`MAX_METADATA_LEN`] that a peer has named: worth a word, once.
#[derive(Debug, Default)]
enum TooLong {
    #[default]
    No,
    Says(u32),
    Reported,
}

/// A peer that says it has it.
#[derive(Debug)]
struct Source {
    author: Author,
    size: u32,
    /// Blocks under way, and since when.
    asked: Vec<(u32, Instant)>,
    /// Let us wait, or held up an assembly: asked after all others.
    is_slow: bool,
    /// An assembly of its was given up: whatever it sends, it comes after the others.
    held_up: bool,
    /// It has said another length before.
    has_changed: bool,
    refused_until: Instant,
}

#[derive(Debug)]
struct Assembly {
    size: u32,
    /// The only one who may give to it; else all who say its size.
    owner: Option<PeerKey>,
    blocks: Vec<Option<(Bytes, Author)>>,
    missing: usize,
    opened_at: Instant,
    grew_at: Instant,
}

impl Fetch {
    /// A peer says it has an info dictionary of this length.
    pub(crate) fn add_source(&mut self, key: PeerKey, author: Author, size: u32) {
        if size > MAX_METADATA_LEN && matches!(self.too_long, TooLong::No) {
            self.too_long = TooLong::Says(size);
        }
        if size == 0 || size > MAX_METADATA_LEN {
            return;
        }
        let known = self.sources.get(&key);
        if known.is_some_and(|known| known.size == size || known.has_changed) {
            return;
        }
        // Whoever changes its mind comes after the others: it could hold an assembly for as long as it likes otherwise.
        let has_changed = known.is_some();
        self.remove_source(key);
        let fresh = Source {
            author,
            size,
            asked: Vec::new(),
            is_slow: has_changed,
            held_up: has_changed,
            has_changed,
            refused_until: Instant::ZERO,
        };
        self.sources.insert(key, fresh);
    }

    /// A length that a peer has named and that is not fetched, if it has not been reported.
    pub(crate) fn take_too_long(&mut self) -> Option<u32> {
        let TooLong::Says(size) = self.too_long else { return None };
        self.too_long = TooLong::Reported;
        Some(size)
    }

    pub(crate) fn remove_source(&mut self, key: PeerKey) {
        self.sources.remove(&key);
        let sources = &self.sources;
        self.assemblies
            .retain(|assembly| sources.iter().any(|(key, source)| assembly.is_open_to(*key, source.size)));
    }

    /// Blocks that are there, and all of them, of the assembly that is furthest.
    pub(crate) fn progress(&self) -> (u32, u32) {
        let best = self.assemblies.iter().max_by_key(|assembly| assembly.blocks.len() - assembly.missing);
        best.map_or((0, 0), |assembly| {
            ((assembly.blocks.len() - assembly.missing) as u32, assembly.blocks.len() as u32)
        })
    }

    /// When to ask again at the latest.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let asked = self.sources.values().flat_map(|s| s.asked.iter().map(|(_, at)| *at + ASK_ANOTHER_AFTER));
        let refused = self.sources.values().map(|s| s.refused_until).filter(|at| *at > Instant::ZERO);
        asked.chain(refused).min()
    }

    /// Whom to ask for which block now.
    pub(crate) fn asks(&mut self, now: Instant) -> Vec<(PeerKey, u32)> {
        for source in self.sources.values_mut() {
            let before = source.asked.len();
            source.asked.retain(|(_, at)| now.since(*at) < GIVE_UP_AFTER);
            source.is_slow |= source.asked.len() < before;
            if source.refused_until <= now {
                source.refused_until = Instant::ZERO;
            }
        }
        self.open_assemblies(now);
        let mut order: Vec<PeerKey> = self.sources.keys().copied().collect();
        order.sort_by_key(|key| self.sources[key].is_slow);
        let mut asks = Vec::new();
        for key in order {
            while let Some(block) = self.next_block(now, key) {
                if let Some(source) = self.sources.get_mut(&key) {
                    source.asked.push((block, now));
                }
                asks.push((key, block));
            }
        }
        asks
    }

    /// Takes a block. `is_right` is asked about the whole once it is there.
    pub(crate) fn on_data(
        &mut self,
        now: Instant,
        key: PeerKey,
        (block, total_size, data): (u32, u32, Bytes),
        is_right: impl Fn(&[u8]) -> bool,
    ) -> BlockOutcome {
        let Some(source) = self.take_asked(key, block) else { return BlockOutcome::Unneeded };
        source.is_slow = source.held_up;
        if total_size != source.size || data.len() as u32 != block_len(source.size, block) {
            return BlockOutcome::Invalid;
        }
        let Some(index) =
            self.assemblies.iter().position(|assembly| assembly.is_open_to(key, self.sources[&key].size))
        else {
            return BlockOutcome::Unneeded;
        };
        let assembly = &mut self.assemblies[index];
        let Some(slot @ None) = assembly.blocks.get_mut(block as usize) else {
            return BlockOutcome::Unneeded;
        };
        // A slice of what the network thread read would keep all of that alive.
        *slot = Some((Bytes::copy_from_slice(&data), self.sources[&key].author));
        assembly.missing -= 1;
        assembly.grew_at = now;
        if assembly.missing > 0 {
            return BlockOutcome::Accepted;
        }
        let assembly = self.assemblies.swap_remove(index);
        let whole: Vec<u8> =
            assembly.blocks.iter().flatten().flat_map(|(data, _)| data.iter().copied()).collect();
        if is_right(&whole) {
            return BlockOutcome::Complete(whole);
        }
        let authors: BTreeSet<Author> = assembly.blocks.iter().flatten().map(|(_, author)| *author).collect();
        self.each_alone |= authors.len() > 1;
        if self.each_alone {
            self.assemblies.retain(|assembly| assembly.owner.is_some());
        }
        BlockOutcome::Wrong(authors.first().copied().filter(|_| authors.len() == 1))
    }

    /// Takes a block off those that a peer was asked; `None` if it was not asked for it.
    fn take_asked(&mut self, key: PeerKey, block: u32) -> Option<&mut Source> {
        let source = self.sources.get_mut(&key)?;
        let at = source.asked.iter().position(|(asked, _)| *asked == block)?;
        source.asked.swap_remove(at);
        Some(source)
    }

    pub(crate) fn on_reject(&mut self, now: Instant, key: PeerKey, block: u32) {
        if let Some(source) = self.take_asked(key, block) {
            source.is_slow = true;
            source.refused_until = now + REFUSED_FOR;
        }
    }

    /// Opens assemblies for sources that have none to work on. One that does not grow makes place for them.
    fn open_assemblies(&mut self, now: Instant) {
        for is_slow in [false, true] {
            let idle = self.sources.iter().filter(|(key, source)| {
                source.is_slow == is_slow
                    && source.refused_until <= now
                    && !self.has_assembly_for(**key, source.size)
            });
            let idle: Vec<(PeerKey, u32)> = idle.map(|(key, source)| (*key, source.size)).collect();
            for (key, size) in idle {
                // The one of a source before may serve this source as well.
                let is_full = self.assemblies.len() >= MAX_ASSEMBLIES;
                if self.has_assembly_for(key, size) || (is_full && !self.drop_stale(now)) {
                    continue;
                }
                let count = size.div_ceil(METADATA_BLOCK_LEN) as usize;
                self.assemblies.push(Assembly {
                    size,
                    owner: self.each_alone.then_some(key),
                    blocks: vec![None; count],
                    missing: count,
                    opened_at: now,
                    grew_at: now,
                });
            }
        }
    }

    fn has_assembly_for(&self, key: PeerKey, size: u32) -> bool {
        self.assemblies.iter().any(|assembly| assembly.is_open_to(key, size))
    }

    fn drop_stale(&mut self, now: Instant) -> bool {
        let stale = self.assemblies.iter().enumerate().filter(|(_, assembly)| assembly.is_stale(now));
        let Some((at, _)) = stale.min_by_key(|(_, assembly)| assembly.grew_at) else { return false };
        let stale = self.assemblies.swap_remove(at);
        for (key, source) in &mut self.sources {
            if stale.is_open_to(*key, source.size) {
                (source.is_slow, source.held_up) = (true, true);
            }
        }
        true
    }

    /// The next block to ask of a peer: one that nobody was asked for, or else one that is late.
    fn next_block(&self, now: Instant, key: PeerKey) -> Option<u32> {
        let source = self.sources.get(&key)?;
        if source.asked.len() >= MAX_ASKED || source.refused_until > now {
            return None;
        }
        let assembly = self.assemblies.iter().find(|assembly| assembly.is_open_to(key, source.size))?;
        let others = |block: u32| {
            let of_assembly = self.sources.iter().filter(|(key, s)| assembly.is_open_to(**key, s.size));
            of_assembly
                .flat_map(|(_, s)| &s.asked)
                .filter(move |(asked, _)| *asked == block)
                .map(|(_, at)| *at)
                .max()
        };
        let missing =
            || (0..assembly.blocks.len() as u32).filter(|block| assembly.blocks[*block as usize].is_none());
        let mine = |block: &u32| source.asked.iter().any(|(asked, _)| asked == block);
        missing().find(|block| others(*block).is_none()).or_else(|| {
            let late = |block: &u32| others(*block).is_some_and(|at| now.since(at) >= ASK_ANOTHER_AFTER);
            missing().filter(|block| !mine(block)).find(late)
        })
    }
}

impl Assembly {
    /// It does not grow, or by so little that it would take hours.
    fn is_stale(&self, now: Instant) -> bool {
        let (got, age) = ((self.blocks.len() - self.missing) as u64, now.since(self.opened_at));
        now.since(self.grew_at) >= STALE_AFTER || (age >= STALE_AFTER && got < age.as_secs())
    }

    fn is_open_to(&self, key: PeerKey, size: u32) -> bool {
        self.size == size && self.owner.is_none_or(|owner| owner == key)
    }
}

/// Length of a block of an info dictionary; 0 behind its end.
pub(crate) fn block_len(size: u32, block: u32) -> u32 {
    let begin = u64::from(block) * u64::from(METADATA_BLOCK_LEN);
    u64::from(size).saturating_sub(begin).min(u64::from(METADATA_BLOCK_LEN)) as u32
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn key(n: u64) -> PeerKey {
        PeerKey::from_u64((1 << 32) | n)
    }

    fn ip(n: u64) -> Author {
        Author::of([192, 0, 2, n as u8].into(), None)
    }

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    fn truth(len: usize) -> Vec<u8> {
        (0..len).map(|n| (n / 7) as u8).collect()
    }

    fn part(whole: &[u8], block: u32) -> Bytes {
        let begin = block as usize * METADATA_BLOCK_LEN as usize;
        Bytes::copy_from_slice(&whole[begin..whole.len().min(begin + METADATA_BLOCK_LEN as usize)])
    }

    /// Lets peers answer until the dictionary is there or nobody is asked any more. `speaks` says what a peer
    /// answers: the bytes it takes for the whole, or nothing. Gives the time it took, and who was found lying.
    fn run(
        fetch: &mut Fetch,
        right: &[u8],
        speaks: impl Fn(u64) -> Option<Vec<u8>>,
    ) -> Option<(u64, Vec<Author>)> {
        let mut banned = Vec::new();
        for ms in (0..300_000).step_by(100) {
            let asks = fetch.asks(at(ms));
            for (peer, block) in asks {
                let Some(whole) = speaks(peer.as_u64() & 0xffff) else { continue };
                let size = whole.len() as u32;
                match fetch.on_data(at(ms), peer, (block, size, part(&whole, block)), |all| all == right) {
                    BlockOutcome::Complete(all) => {
                        assert_eq!(all, right);
                        return Some((ms, banned));
                    }
                    BlockOutcome::Wrong(Some(author)) => {
                        banned.push(author);
                        let all: Vec<PeerKey> = fetch
                            .sources
                            .iter()
                            .filter(|(_, s)| s.author == author)
                            .map(|(k, _)| *k)
                            .collect();
                        all.into_iter().for_each(|key| fetch.remove_source(key));
                    }
                    BlockOutcome::Wrong(None) | BlockOutcome::Accepted | BlockOutcome::Unneeded => {}
                    BlockOutcome::Invalid => fetch.remove_source(peer),
                }
                assert!(fetch.assemblies.len() <= MAX_ASSEMBLIES);
            }
        }
        None
    }

    #[test]
    fn several_peers_give_a_part_each() {
        let whole = truth(100_000);
        let mut fetch = Fetch::default();
        (0..3).for_each(|n| fetch.add_source(key(n), ip(n), whole.len() as u32));
        let asks = fetch.asks(at(0));
        assert_eq!(asks.len(), 7, "every block once");
        assert!((0..3).all(|n| asks.iter().any(|(peer, _)| *peer == key(n))));
        let mut fetch = Fetch::default();
        (0..3).for_each(|n| fetch.add_source(key(n), ip(n), whole.len() as u32));
        assert_eq!(run(&mut fetch, &whole, |_| Some(whole.clone())), Some((0, vec![])));
    }

    #[test]
    fn one_honest_peer_among_nine_liars_is_enough() {
        let whole = truth(100_000);
        let mut lie = whole.clone();
        lie[50_000] ^= 1;
        for honest in 0..10 {
            let mut fetch = Fetch::default();
            (0..10).for_each(|n| fetch.add_source(key(n), ip(n), whole.len() as u32));
            let speaks = |n| Some(if n == honest { whole.clone() } else { lie.clone() });
            let (_, banned) = run(&mut fetch, &whole, speaks).expect("found");
            assert!(!banned.contains(&ip(honest)), "the honest one is not blamed");
        }
    }

    #[test]
    fn nine_silent_peers_hold_nothing_up_for_long() {
        let whole = truth(40_000);
        for honest in 0..10 {
            let mut fetch = Fetch::default();
            (0..10).for_each(|n| fetch.add_source(key(n), ip(n), whole.len() as u32));
            let (ms, _) = run(&mut fetch, &whole, |n| (n == honest).then(|| whole.clone())).expect("found");
            assert!(ms <= 30_000, "{ms}");
        }
    }

    #[test]
    fn lies_about_the_length_are_kept_apart() {
        let whole = truth(40_000);
        let mut fetch = Fetch::default();
        for n in 0..9 {
            fetch.add_source(key(n), ip(n), 1_000 + n as u32);
        }
        fetch.add_source(key(9), ip(9), whole.len() as u32);
        let (ms, _) = run(&mut fetch, &whole, |n| (n == 9).then(|| whole.clone())).expect("found");
        assert!(ms <= 40_000, "{ms}");
        let mut fetch = Fetch::default();
        fetch.add_source(key(1), ip(1), 0);
        fetch.add_source(key(2), ip(2), u32::MAX);
        assert!(fetch.asks(at(0)).is_empty(), "no such length");
    }

    /// Four sizes, four peers that send a block every nine seconds: an honest one gets its turn all the same.
    #[test]
    fn peers_that_trickle_do_not_hold_all_places() {
        let whole = truth(40_000);
        let mut fetch = Fetch::default();
        (0..4).for_each(|n| fetch.add_source(key(n), ip(n), MAX_METADATA_LEN - n as u32));
        fetch.add_source(key(9), ip(9), whole.len() as u32);
        let mut asked: Vec<(PeerKey, u32)> = Vec::new();
        for second in 0..300 {
            let now = at(second * 1000);
            asked.extend(fetch.asks(now));
            let mine: Vec<_> = asked.extract_if(.., |(peer, _)| *peer == key(9)).collect();
            for (peer, block) in mine {
                let data = (block, whole.len() as u32, part(&whole, block));
                if let BlockOutcome::Complete(_) = fetch.on_data(now, peer, data, |all| all == whole) {
                    assert!(second <= 60, "{second}");
                    return;
                }
            }
            if second % 9 == 0 {
                let mut answered = BTreeSet::new();
                for (peer, block) in std::mem::take(&mut asked) {
                    if answered.insert(peer) {
                        let size = fetch.sources[&peer].size;
                        let data = Bytes::from(vec![7; block_len(size, block) as usize]);
                        fetch.on_data(now, peer, (block, size, data), |_| false);
                    }
                }
            }
        }
        panic!("never");
    }

    #[test]
    fn who_refuses_is_asked_later_and_nonsense_is_told() {
        let mut fetch = Fetch::default();
        fetch.add_source(key(1), ip(1), 100);
        assert_eq!(fetch.asks(at(0)), [(key(1), 0)]);
        fetch.on_reject(at(0), key(1), 0);
        assert!(fetch.asks(at(1000)).is_empty());
        assert_eq!(fetch.poll_timeout(), Some(at(30_000)));
        assert_eq!(fetch.asks(at(30_000)), [(key(1), 0)]);
        let data = Bytes::from_static(b"short");
        assert_eq!(
            fetch.on_data(at(30_000), key(1), (0, 100, data.clone()), |_| true),
            BlockOutcome::Invalid
        );
        assert_eq!(fetch.on_data(at(30_000), key(1), (0, 100, data), |_| true), BlockOutcome::Unneeded);
    }
}
