//! Download of the info dictionary from peers (BEP 9).
//!
//! All peers that claim the same length contribute to one copy, which can be verified only as a whole. If a wrong copy
//! has one author, that author lied. If it has several, each peer gets a copy of its own from then on, so every further
//! lie has one author. Peers that do not respond are passed over after moments, and come last from then on.

use crate::PeerKey;
use crate::bans::Author;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use ztor_base::{Duration, Instant};
use ztor_wire::METADATA_BLOCK_LEN;

/// Longest info dictionary that is fetched, in bytes.
pub(crate) const MAX_METADATA_LEN: u32 = ztor_metainfo::MAX_TORRENT_LEN as u32;
/// Maximum number of copies under assembly; each has at most [`MAX_METADATA_LEN`] bytes.
const MAX_ASSEMBLIES: usize = 4;
/// Maximum number of requests under way to one peer.
const MAX_ASKED: usize = 3;
/// Time after which a missing block is requested from another peer as well.
const ASK_ANOTHER_AFTER: Duration = Duration::from_secs(2);
/// Time after which a request is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(20);
/// Time without growth after which an assembly is replaced by another, if there is one.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// Time for which a peer is not asked after it has rejected a block.
const REFUSED_FOR: Duration = Duration::from_secs(30);

/// Outcome of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BlockOutcome {
    /// The block was not requested, or is there already.
    Unneeded,
    /// The block was accepted, and others are missing.
    Accepted,
    /// The block cannot be the one that was requested.
    Invalid,
    /// The info dictionary is complete and right.
    Complete(Vec<u8>),
    /// The info dictionary is complete and wrong; with its author, if it had only one.
    Wrong(Option<Author>),
}

/// Download of an info dictionary.
#[derive(Debug, Default)]
pub(crate) struct Fetch {
    sources: BTreeMap<PeerKey, Source>,
    assemblies: Vec<Assembly>,
    /// Set once an assembly of several authors was wrong: each peer then gets one of its own.
    each_alone: bool,
    too_long: TooLong,
}

/// A claimed length beyond [`MAX_METADATA_LEN`], which is reported once.
#[derive(Debug, Default)]
enum TooLong {
    #[default]
    No,
    Says(u32),
    Reported,
}

/// A peer that claims to have the info dictionary.
#[derive(Debug)]
struct Source {
    author: Author,
    size: u32,
    /// Blocks under way, with the time of each request.
    asked: Vec<(u32, Instant)>,
    /// True if the peer was late, rejected a block or held up an assembly. It is asked after all others.
    is_slow: bool,
    /// True if an assembly of this peer was replaced, or it changed its length. It then stays slow whatever it sends.
    held_up: bool,
    /// True if the peer has claimed another length before.
    has_changed: bool,
    refused_until: Instant,
}

#[derive(Debug)]
struct Assembly {
    size: u32,
    /// The only peer that may contribute; `None` if all that claim this size may.
    owner: Option<PeerKey>,
    blocks: Vec<Option<(Bytes, Author)>>,
    missing: usize,
    opened_at: Instant,
    grew_at: Instant,
}

impl Fetch {
    /// Adds a peer that claims to have an info dictionary of this length.
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
        // A peer that changes its claim comes after the others. It could otherwise hold an assembly without end.
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

    /// Returns a claimed length that is too long to be fetched, once.
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

    /// Returns the number of blocks received, and of all blocks, of the most complete assembly.
    pub(crate) fn progress(&self) -> (u32, u32) {
        let best = self.assemblies.iter().max_by_key(|assembly| assembly.blocks.len() - assembly.missing);
        best.map_or((0, 0), |assembly| {
            ((assembly.blocks.len() - assembly.missing) as u32, assembly.blocks.len() as u32)
        })
    }

    /// Returns the time at which to call [`asks`](Self::asks) again, at the latest.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let asked = self.sources.values().flat_map(|s| s.asked.iter().map(|(_, at)| *at + ASK_ANOTHER_AFTER));
        let refused = self.sources.values().map(|s| s.refused_until).filter(|at| *at > Instant::ZERO);
        asked.chain(refused).min()
    }

    /// Returns the requests to send now: peers and block indices.
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

    /// Handles a block. `is_right` verifies the info dictionary once it is complete.
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
        // A slice of the network thread's buffer would keep all of that alive.
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

    /// Removes a block from the requests to a peer; `None` if it was not requested.
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

    /// Opens assemblies for sources that have none. At the limit, a stale one is replaced.
    fn open_assemblies(&mut self, now: Instant) {
        for is_slow in [false, true] {
            let idle = self.sources.iter().filter(|(key, source)| {
                source.is_slow == is_slow
                    && source.refused_until <= now
                    && !self.has_assembly_for(**key, source.size)
            });
            let idle: Vec<(PeerKey, u32)> = idle.map(|(key, source)| (*key, source.size)).collect();
            for (key, size) in idle {
                // The assembly of an earlier source may serve this source as well.
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

    /// Returns the next block to request from a peer: one that was requested from no peer, or else one that is late.
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
    /// Returns true if the assembly does not grow, or so slowly that it would take hours.
    fn is_stale(&self, now: Instant) -> bool {
        let (got, age) = ((self.blocks.len() - self.missing) as u64, now.since(self.opened_at));
        now.since(self.grew_at) >= STALE_AFTER || (age >= STALE_AFTER && got < age.as_secs())
    }

    fn is_open_to(&self, key: PeerKey, size: u32) -> bool {
        self.size == size && self.owner.is_none_or(|owner| owner == key)
    }
}

/// Returns the length of a block of an info dictionary, in bytes; 0 beyond its end.
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

    /// Lets peers respond until the dictionary is complete, for at most 300 seconds. `speaks` returns the whole that a
    /// peer's blocks are taken from, or `None` for a silent peer. Returns the time in milliseconds, and the authors
    /// found lying.
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
    fn asks_of_several_peers_share_the_blocks() {
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
    fn fetch_from_one_honest_peer_among_nine_liars_completes() {
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
    fn fetch_with_nine_silent_peers_completes_in_time() {
        let whole = truth(40_000);
        for honest in 0..10 {
            let mut fetch = Fetch::default();
            (0..10).for_each(|n| fetch.add_source(key(n), ip(n), whole.len() as u32));
            let (ms, _) = run(&mut fetch, &whole, |n| (n == honest).then(|| whole.clone())).expect("found");
            assert!(ms <= 30_000, "{ms}");
        }
    }

    #[test]
    fn fetch_with_false_lengths_completes_in_time() {
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
        assert!(fetch.asks(at(0)).is_empty(), "impossible lengths are ignored");
    }

    /// Four peers claim four sizes, and send a block every nine seconds. An honest one still gets its turn.
    #[test]
    fn fetch_with_trickling_peers_completes_in_time() {
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
    fn on_reject_postpones_requests_and_on_data_detects_an_invalid_block() {
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
