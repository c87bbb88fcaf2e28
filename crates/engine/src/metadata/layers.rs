//! Getting the piece layers of a v2 torrent that came as a magnet link, or as a file without them (BEP 52, "hash
//! request").
//!
//! The info dictionary has only the roots of the files. The hashes of pieces are asked for in runs, each with the
//! proof that it belongs under its root, so that every answer is right or wrong by itself and has its author.

use crate::PeerKey;
use std::collections::{BTreeMap, VecDeque};
use ztor_base::{Duration, Instant};
use ztor_metainfo::{Metainfo, merkle};
use ztor_wire::HashRequest;

/// Hashes asked for at a time, at most: what others accept.
const MAX_RUN: u32 = 512;
/// Requests to one peer that are under way.
const MAX_ASKED: usize = 4;
/// An answer later than this is not waited for.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);
/// How long nothing may come before a hybrid torrent does without.
const OPTIONAL_FOR: Duration = Duration::from_secs(8);
/// A peer that refused rests this long.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Refusals and silences after which a peer is not asked any more.
const MAX_FAILURES: u32 = 8;

/// What came of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LayerOutcome {
    /// It was not asked for.
    Unneeded,
    /// It is right.
    Accepted,
    /// It does not belong under the root it names.
    Wrong,
}

/// Piece layers in the making.
#[derive(Debug)]
pub(crate) struct Layers {
    files: BTreeMap<[u8; 32], FileLayer>,
    /// Runs nobody has been asked for.
    waiting: VecDeque<HashRequest>,
    sources: BTreeMap<PeerKey, Source>,
    /// Runs that have not come.
    missing: usize,
    runs: usize,
    /// When to do without them, if that is possible and no more come.
    optional_until: Option<Instant>,
}

#[derive(Debug)]
struct FileLayer {
    /// Files with the same content share their tree.
    indices: Vec<usize>,
    height: u32,
    hashes: Vec<merkle::Hash>,
}

#[derive(Debug)]
struct Source {
    asked: Vec<(HashRequest, Instant)>,
    failures: u32,
    rests_until: Instant,
}

impl Layers {
    /// What is missing of `meta`; `None` if nothing is. Of a hybrid torrent it is optional: its v1 hashes are enough to
    /// tell good pieces from bad ones, and the peers may know v1 only.
    pub(crate) fn new(now: Instant, meta: &Metainfo) -> Option<Self> {
        let mut files: BTreeMap<[u8; 32], FileLayer> = BTreeMap::new();
        let mut waiting = VecDeque::new();
        let base_layer = merkle::piece_layer(meta.layout.piece_length());
        for (index, file) in meta.layout.files().iter().enumerate() {
            let pieces = meta.layout.pieces_of(index).len() as u32;
            let Some(root) = file.pieces_root.filter(|_| pieces > 1) else { continue };
            if meta.piece_layer_part(index, 0, 1).is_some() {
                continue;
            }
            if let Some(known) = files.get_mut(&root) {
                known.indices.push(index);
                continue;
            }
            let height = base_layer + merkle::height(u64::from(pieces));
            let length = pieces.next_power_of_two().min(MAX_RUN);
            waiting.extend((0..pieces.div_ceil(length)).map(|run| HashRequest {
                pieces_root: root,
                base_layer,
                index: run * length,
                length,
                proof_layers: height - base_layer - 1,
            }));
            files.insert(
                root,
                FileLayer { indices: vec![index], height, hashes: vec![[0; 32]; pieces as usize] },
            );
        }
        let runs = waiting.len();
        let optional_until = meta.is_v1().then(|| now + OPTIONAL_FOR);
        let sources = BTreeMap::new();
        (runs > 0).then_some(Self { files, waiting, sources, missing: runs, runs, optional_until })
    }

    pub(crate) fn add_source(&mut self, key: PeerKey) {
        let fresh = Source { asked: Vec::new(), failures: 0, rests_until: Instant::ZERO };
        self.sources.entry(key).or_insert(fresh);
    }

    pub(crate) fn remove_source(&mut self, key: PeerKey) {
        if let Some(source) = self.sources.remove(&key) {
            self.waiting.extend(source.asked.into_iter().map(|(request, _)| request));
        }
    }

    /// Runs that are there, and all of them.
    pub(crate) fn progress(&self) -> (u32, u32) {
        ((self.runs - self.missing) as u32, self.runs as u32)
    }

    /// Returns true if to do without.
    pub(crate) fn is_hopeless(&self, now: Instant) -> bool {
        self.optional_until.is_some_and(|until| until <= now)
    }

    /// When to ask again at the latest.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let asked = self.sources.values().flat_map(|s| s.asked.iter().map(|(_, at)| *at + GIVE_UP_AFTER));
        let resting = self.sources.values().map(|s| s.rests_until).filter(|at| *at > Instant::ZERO);
        asked.chain(resting).chain(self.optional_until).min()
    }

    /// Whom to ask for what now.
    pub(crate) fn asks(&mut self, now: Instant) -> Vec<(PeerKey, HashRequest)> {
        let mut asks = Vec::new();
        for source in self.sources.values_mut() {
            let late = source.asked.extract_if(.., |(_, at)| now.since(*at) >= GIVE_UP_AFTER);
            let late: Vec<HashRequest> = late.map(|(request, _)| request).collect();
            source.failures += late.len() as u32;
            if source.rests_until <= now {
                source.rests_until = Instant::ZERO;
            }
            self.waiting.extend(late);
        }
        // Who failed least comes first; who fails always is left alone unless there is nobody else.
        let all_fail = self.sources.values().all(|s| s.failures >= MAX_FAILURES);
        let mut order: Vec<PeerKey> = self.sources.keys().copied().collect();
        order.sort_by_key(|key| self.sources[key].failures);
        for key in order {
            let is_asked = |source: &&mut Source| {
                source.rests_until <= now && (source.failures < MAX_FAILURES || all_fail)
            };
            if let Some(source) = self.sources.get_mut(&key).filter(is_asked) {
                while source.asked.len() < MAX_ASKED
                    && let Some(request) = self.waiting.pop_front()
                {
                    source.asked.push((request, now));
                    asks.push((key, request));
                }
            }
        }
        asks
    }

    /// Takes an answer.
    pub(crate) fn on_hashes(
        &mut self,
        now: Instant,
        key: PeerKey,
        request: &HashRequest,
        hashes: &[u8],
    ) -> LayerOutcome {
        let was_asked = self.take_asked(key, request).is_some();
        let file = self.files.get_mut(&request.pieces_root).filter(|_| was_asked);
        let Some(file) = file else { return LayerOutcome::Unneeded };
        let range = merkle::Range {
            base_layer: request.base_layer,
            index: request.index,
            length: request.length,
            proof_layers: request.proof_layers,
        };
        let (answer, rest) = hashes.as_chunks::<32>();
        let checked = merkle::check(&request.pieces_root, file.height, range, answer);
        let Some(run) = checked.filter(|_| rest.is_empty()) else {
            self.waiting.push_back(*request);
            return LayerOutcome::Wrong;
        };
        // The hashes past the end of the file are of padding, and are not kept.
        let slots = file.hashes.get_mut(request.index as usize..).unwrap_or_default();
        slots.iter_mut().zip(run).for_each(|(slot, hash)| *slot = *hash);
        self.missing -= 1;
        self.optional_until = self.optional_until.map(|_| now + OPTIONAL_FOR);
        LayerOutcome::Accepted
    }

    /// Takes a request off those that a peer was asked; `None` if it was not asked for it.
    fn take_asked(&mut self, key: PeerKey, request: &HashRequest) -> Option<&mut Source> {
        let source = self.sources.get_mut(&key)?;
        let at = source.asked.iter().position(|(asked, _)| asked == request)?;
        source.asked.swap_remove(at);
        Some(source)
    }

    pub(crate) fn on_reject(&mut self, now: Instant, key: PeerKey, request: &HashRequest) {
        if let Some(source) = self.take_asked(key, request) {
            source.failures += 1;
            source.rests_until = now + REFUSED_FOR;
            self.waiting.push_back(*request);
        }
    }

    pub(crate) fn are_all_here(&self) -> bool {
        self.missing == 0
    }

    /// Puts everything into `meta`, if everything is there. The proofs have been checked; a layer that does not fit
    /// all the same makes it false.
    pub(crate) fn complete(&self, meta: &mut Metainfo) -> bool {
        self.missing == 0
            && self
                .files
                .values()
                .all(|file| file.indices.iter().all(|index| meta.add_piece_layer(*index, &file.hashes)))
    }
}
