use sha1::Sha1;
use sha2::{Digest, Sha256};
use ztor_metainfo::{BLOCK_LEN, Metainfo, merkle};

use crate::error::StorageError;

pub(crate) static ZEROS: [u8; BLOCK_LEN as usize] = [0; BLOCK_LEN as usize];

/// The running hash of one piece, fed with its bytes in order.
///
/// v1 takes the bytes as exchanged on the wire, pads included; v2 (BEP 52) only those of the file, as
/// SHA-256 of blocks of 16 KiB joined into a Merkle tree.
#[derive(Debug, Default)]
pub(crate) struct PieceHasher {
    v1: Option<Sha1>,
    v2: Option<Blocks>,
}

/// What a piece hashed to, or should hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digests {
    pub v1: Option<[u8; 20]>,
    pub v2: Option<[u8; 32]>,
}

#[derive(Debug, Default)]
struct Blocks {
    current: Sha256,
    in_current: u32,
    /// Bytes of the file still to come; the pads after them do not count.
    left: u32,
    width: usize,
    leaves: Vec<merkle::Hash>,
}

impl Digests {
    /// What the torrent says of a piece; an error if it says nothing.
    pub(crate) fn expected(meta: &Metainfo, piece: u32) -> Result<Self, StorageError> {
        let expected = Self { v1: meta.hashes.v1(piece), v2: meta.hashes.v2(piece) };
        if expected.v1.is_none() && expected.v2.is_none() {
            return Err(StorageError::NoHash { piece });
        }
        Ok(expected)
    }
}

impl PieceHasher {
    /// Hashes with what `expected` has.
    pub(crate) fn new(meta: &Metainfo, piece: u32, expected: &Digests) -> Self {
        let mut hasher = Self::default();
        hasher.restart(meta, piece, expected);
        hasher
    }

    /// The same as [`new`](Self::new) with the memory of an earlier piece.
    pub(crate) fn restart(&mut self, meta: &Metainfo, piece: u32, expected: &Digests) {
        self.v1 = expected.v1.map(|_| Sha1::new());
        let spare = self.v2.take().map(|blocks| blocks.leaves).unwrap_or_default();
        self.v2 = expected.v2.map(|_| {
            let mut leaves = spare;
            leaves.clear();
            let (left, width) = (meta.layout.v2_piece_len(piece), meta.layout.v2_leaf_width(piece));
            Blocks { current: Sha256::new(), in_current: 0, left, width, leaves }
        });
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if let Some(v1) = &mut self.v1 {
            v1.update(bytes);
        }
        if let Some(v2) = &mut self.v2 {
            v2.update(bytes);
        }
    }

    pub(crate) fn update_zeros(&mut self, mut count: u32) {
        while count > 0 {
            let step = count.min(BLOCK_LEN);
            self.update(&ZEROS[..step as usize]);
            count -= step;
        }
    }

    /// The digests of what was fed; the [`leaves`](Self::leaves) are complete from then on.
    pub(crate) fn finish(&mut self) -> Digests {
        let v2 = self.v2.as_mut().map(|blocks| {
            if blocks.in_current > 0 {
                blocks.end_block();
            }
            merkle::root_of(&blocks.leaves, blocks.width)
        });
        Digests { v1: self.v1.take().map(|v1| v1.finalize().into()), v2 }
    }

    /// The SHA-256 of every block so far, if this torrent has v2 hashes.
    pub(crate) fn leaves(&self) -> Option<&[merkle::Hash]> {
        self.v2.as_ref().map(|blocks| blocks.leaves.as_slice())
    }
}

impl Blocks {
    fn update(&mut self, bytes: &[u8]) {
        let mut bytes = &bytes[..bytes.len().min(self.left as usize)];
        while !bytes.is_empty() {
            let room = (BLOCK_LEN - self.in_current) as usize;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.current.update(now);
            self.in_current += now.len() as u32;
            self.left -= now.len() as u32;
            if self.in_current == BLOCK_LEN {
                self.end_block();
            }
            bytes = later;
        }
    }

    fn end_block(&mut self) {
        self.leaves.push(self.current.finalize_reset().into());
        self.in_current = 0;
    }
}
