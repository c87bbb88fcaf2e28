//! The torrent of a swarm, and its true bytes.

use fastrand::Rng;
use std::sync::Arc;
use ztor_engine::BlockDigest;
use ztor_metainfo::create::{Builder, CreateError, Input, Options, Plan, Version};
use ztor_metainfo::{BLOCK_LEN, Metainfo, merkle};

/// Format and layout of a torrent.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) version: Version,
    pub(crate) piece_length: u32,
    /// Lengths of the files.
    pub(crate) files: Vec<u64>,
    pub(crate) trackers: Vec<Vec<String>>,
    pub(crate) private: bool,
    /// True if the v1 and v2 hashes are those of different contents.
    pub(crate) is_inconsistent: bool,
}

impl Shape {
    /// Returns the shape of a v1 torrent with one file.
    pub(crate) fn plain(piece_length: u32, length: u64) -> Self {
        Self {
            version: Version::V1,
            piece_length,
            files: vec![length],
            trackers: Vec::new(),
            private: false,
            is_inconsistent: false,
        }
    }

    /// Returns a random format and layout of about `length` bytes.
    pub(crate) fn random(rng: &mut Rng, length: u64) -> Self {
        let version = [Version::V1, Version::V2, Version::Hybrid][rng.usize(0..3)];
        let piece_length = (16 * 1024) << rng.u32(0..5);
        let count = if rng.bool() { 1 } else { rng.u64(2..12) };
        let mut files: Vec<u64> = (0..count)
            .map(|_| match rng.u8(0..10) {
                0 => 0,
                1 => rng.u64(1..100),
                2 => u64::from(BLOCK_LEN) * rng.u64(1..8),
                3 => u64::from(piece_length) * rng.u64(1..3) + rng.u64(0..3) - 1,
                _ => rng.u64(1..=(2 * length / count).max(2)),
            })
            .collect();
        if files.iter().all(|length| *length == 0) {
            files[0] = 1 + rng.u64(0..length);
        }
        Self {
            version,
            piece_length,
            files,
            trackers: Vec::new(),
            private: rng.u8(0..4) == 0,
            is_inconsistent: false,
        }
    }
}

/// A torrent and the bytes of its pieces.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) meta: Arc<Metainfo>,
    /// The piece space: every piece begins at a multiple of the piece length. Bytes outside files are zero.
    image: Vec<u8>,
    /// True if the v1 and v2 hashes are those of different contents.
    pub(crate) is_inconsistent: bool,
}

impl Content {
    pub(crate) fn new(rng: &mut Rng, shape: &Shape) -> anyhow::Result<Self> {
        let plan = plan(shape)?;
        let layout = plan.layout();
        let mut image = vec![0; layout.piece_count() as usize * layout.piece_length() as usize];
        let mut builder = Builder::new(&plan);
        for piece in 0..layout.piece_count() {
            let mut hasher = plan.hasher(piece);
            let start = piece as usize * layout.piece_length() as usize;
            for range in layout.ranges(piece, 0, u32::MAX).filter(|range| !range.pad) {
                let bytes = &mut image[start + range.at as usize..][..range.len as usize];
                rng.fill(bytes);
                hasher.update(bytes);
            }
            builder.insert(piece, hasher.finish()?);
        }
        let meta = Arc::new(Metainfo::from_bytes(&builder.finish()?)?);
        anyhow::ensure!(
            meta.layout.piece_count() == plan.layout().piece_count(),
            "the number of pieces differs from the plan"
        );
        Ok(Self { meta, image, is_inconsistent: shape.is_inconsistent })
    }

    /// Returns true if a datagram is a DHT message with the hash of this torrent.
    pub(crate) fn is_named_in(&self, datagram: &[u8]) -> bool {
        let hash = self.meta.info_hashes.swarm_id();
        ztor_dht::krpc::decode(datagram).is_ok() && datagram.windows(20).any(|window| window == hash.as_ref())
    }

    pub(crate) fn pieces(&self) -> u32 {
        self.meta.layout.piece_count()
    }

    /// Returns the number of bytes of all pieces, pads included.
    pub(crate) fn len(&self) -> u64 {
        (0..self.pieces()).map(|piece| u64::from(self.meta.layout.piece_len(piece))).sum()
    }

    /// Returns the whole piece space.
    pub(crate) fn image(&self) -> &[u8] {
        &self.image
    }

    /// Returns the offset of a piece in the piece space.
    pub(crate) fn start(&self, piece: u32) -> usize {
        piece as usize * self.meta.layout.piece_length() as usize
    }

    /// Returns the range of a piece in the piece space.
    pub(crate) fn span(&self, piece: u32) -> std::ops::Range<usize> {
        let start = self.start(piece);
        start..start + self.meta.layout.piece_len(piece) as usize
    }

    /// Returns the true bytes of a block, up to the end of the piece.
    pub(crate) fn block(&self, piece: u32, begin: u32, len: u32) -> &[u8] {
        let span = self.span(piece);
        let piece = self.image.get(span).unwrap_or_default();
        let end = (begin as usize).saturating_add(len as usize).min(piece.len());
        piece.get(begin as usize..end).unwrap_or_default()
    }

    /// Returns true if these bytes of a whole piece match every hash that the torrent has of it.
    pub(crate) fn verifies(&self, piece: u32, bytes: &[u8]) -> bool {
        use sha1::{Digest, Sha1};
        let Some(bulk) = self.meta.bulk_in_memory() else { return false };
        let (hashes, layout) = (bulk.hashes(), &self.meta.layout);
        let v1 = hashes.v1(piece).map(|want| want.as_ref() == Sha1::digest(bytes).as_slice());
        let v2 = hashes.v2(piece).map(|want| {
            let covered = &bytes[..bytes.len().min(layout.v2_piece_len(piece) as usize)];
            let leaves: Vec<merkle::Hash> = covered.chunks(BLOCK_LEN as usize).map(merkle::leaf).collect();
            want == merkle::root_of(&leaves, layout.v2_leaf_width(piece))
        });
        v1.or(v2).is_some() && v1 != Some(false) && v2 != Some(false)
    }
}

/// Returns a digest for each block of a piece, as the disk reports them: without pads, if the torrent has v2 hashes.
pub(crate) fn digests(content: &Content, piece: u32, bytes: &[u8]) -> Vec<BlockDigest> {
    use sha2::{Digest, Sha256};
    let begins = (0..).step_by(BLOCK_LEN as usize);
    let is_v2 = content.meta.info_hashes.v2().is_some();
    let covered = if is_v2 { content.meta.layout.v2_piece_len(piece) as usize } else { bytes.len() };
    bytes[..covered.min(bytes.len())]
        .chunks(BLOCK_LEN as usize)
        .zip(begins)
        .map(|(block, begin)| BlockDigest { begin, digest: Sha256::digest(block).into() })
        .collect()
}

fn plan(shape: &Shape) -> Result<Plan, CreateError> {
    let options = Options {
        version: shape.version,
        piece_length: Some(shape.piece_length),
        trackers: shape.trackers.clone(),
        private: shape.private,
        ..Options::default()
    };
    match shape.files[..] {
        [length] => Plan::single_file("blob", Input::new(["blob"], length), options),
        _ => {
            let files =
                shape.files.iter().enumerate().map(|(n, length)| Input::new([format!("{n:02}")], *length));
            Plan::folder("folder", files.collect(), options)
        }
    }
}
