//! Download of the piece layers of a v2 torrent that was added by a magnet link, or by a file without them (BEP 52,
//! "hash request").
//!
//! The info dictionary has only the roots of the files. Piece hashes are requested in runs, each with a proof that it
//! belongs under its root. Each response can thus be verified by itself, and has one author.

use crate::PeerKey;
use std::collections::{BTreeMap, VecDeque};
use ztor_base::{Duration, Instant};
use ztor_metainfo::{Metainfo, merkle};
use ztor_wire::HashRequest;

/// Maximum number of hashes per request; other clients accept this many.
const MAX_RUN: u32 = 512;
/// Maximum number of requests under way to one peer.
const MAX_ASKED: usize = 4;
/// Time after which a request is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);
/// Time without progress after which a hybrid torrent goes on without the layers.
const OPTIONAL_FOR: Duration = Duration::from_secs(8);
/// Time for which a peer is not asked after a rejection.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Number of rejections and timeouts after which a peer is not asked any more.
const MAX_FAILURES: u32 = 8;

/// Outcome of a response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LayerOutcome {
    /// The hashes were not requested.
    Unneeded,
    /// The hashes are right.
    Accepted,
    /// The hashes do not belong under the root that they name.
    Wrong,
}

/// Download of piece layers.
#[derive(Debug)]
pub(crate) struct Layers {
    files: BTreeMap<[u8; 32], FileLayer>,
    /// Runs that are not requested from any peer.
    waiting: VecDeque<HashRequest>,
    sources: BTreeMap<PeerKey, Source>,
    /// Number of missing runs.
    missing: usize,
    runs: usize,
    /// Time at which the torrent goes on without the layers if none arrive; `None` if they are required.
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
    /// Creates a download of the layers that `meta` lacks; `None` if it lacks none. They are optional for a hybrid
    /// torrent: its v1 hashes suffice to verify pieces, and the peers may know v1 only.
    pub(crate) fn new(now: Instant, meta: &Metainfo) -> Option<Self> {
        let mut files: BTreeMap<[u8; 32], FileLayer> = BTreeMap::new();
        let mut waiting = VecDeque::new();
        let base_layer = merkle::piece_layer(meta.layout.piece_length());
        for (index, file) in meta.layout.files().iter().enumerate() {
            let pieces = meta.layout.pieces_of(index).len() as u32;
            let Some(root) = file.pieces_root().filter(|_| pieces > 1) else { continue };
            if meta.bulk_in_memory().and_then(|bulk| meta.piece_layer_part(&bulk, index, 0, 1)).is_some() {
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

    /// Returns the number of runs received, and of all runs.
    pub(crate) fn progress(&self) -> (u32, u32) {
        ((self.runs - self.missing) as u32, self.runs as u32)
    }

    /// Returns true if the torrent should go on without the layers.
    pub(crate) fn is_hopeless(&self, now: Instant) -> bool {
        self.optional_until.is_some_and(|until| until <= now)
    }

    /// Returns the time at which to check the download again, at the latest.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let asked = self.sources.values().flat_map(|s| s.asked.iter().map(|(_, at)| *at + GIVE_UP_AFTER));
        let resting = self.sources.values().map(|s| s.rests_until).filter(|at| *at > Instant::ZERO);
        asked.chain(resting).chain(self.optional_until).min()
    }

    /// Returns the requests to send now, with their peers.
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
        // Peers with the fewest failures come first. Those that always fail are asked only if all others do as well.
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

    /// Handles a response.
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

    /// Removes a request from those to a peer; `None` if it was not made.
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

    /// Adds all layers to `meta`. Returns false if some are missing, or if one does not fit despite its proof.
    pub(crate) fn complete(&self, meta: &mut Metainfo) -> bool {
        self.missing == 0
            && self
                .files
                .values()
                .all(|file| file.indices.iter().all(|index| meta.add_piece_layer(*index, &file.hashes)))
    }
}
