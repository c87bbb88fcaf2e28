//! A disk without delay.

use crate::bitfield::Bitfield;
use crate::event::{BlockDigest, DiskEvent};
use crate::outbox::WriteBlock;
use sha1::{Digest, Sha1};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use ztor_metainfo::{BLOCK_LEN, Metainfo};
use ztor_wire::Block;

/// The disk of one v1 torrent, without delay.
pub struct InstantDisk {
    meta: Arc<Metainfo>,
    /// Content of the torrent; `None` if the disk keeps none.
    data: Option<Vec<u8>>,
    /// Offsets of the written blocks, by incomplete piece.
    written: BTreeMap<u32, BTreeSet<u32>>,
    /// Pieces that hashed wrong and have not hashed right since.
    failed: BTreeSet<u32>,
}

impl InstantDisk {
    /// Creates a disk with this content, or zeros. Pieces are judged by their hashes.
    pub fn new(meta: Arc<Metainfo>, data: Option<&[u8]>) -> Self {
        let len = meta.layout.total_len() as usize;
        let data = data.map_or_else(|| vec![0; len], <[u8]>::to_vec);
        Self { data: Some(data), ..Self::without_data(meta) }
    }

    /// Creates a disk that keeps no content. The caller judges the pieces.
    pub fn without_data(meta: Arc<Metainfo>) -> Self {
        Self { meta, data: None, written: BTreeMap::new(), failed: BTreeSet::new() }
    }

    /// Returns the content; empty if the disk keeps none.
    pub fn data(&self) -> &[u8] {
        self.data.as_deref().unwrap_or_default()
    }

    /// Returns the bytes of a block.
    ///
    /// # Panics
    /// If the disk keeps no content, or the torrent has no such block.
    pub fn read(&self, block: Block) -> Vec<u8> {
        let start = self.start_of(block.piece) + block.begin as usize;
        self.data()[start..start + block.len as usize].to_vec()
    }

    /// Writes a block. Returns its piece, if that is complete.
    pub fn write(&mut self, write: &WriteBlock) -> Option<u32> {
        let at = self.start_of(write.piece) + write.begin as usize;
        if let Some(data) = &mut self.data {
            data[at..at + write.data.len()].copy_from_slice(&write.data);
        }
        let blocks = self.written.entry(write.piece).or_default();
        blocks.insert(write.begin);
        let is_complete = blocks.len() as u32 == self.meta.layout.block_count(write.piece);
        if is_complete {
            self.written.remove(&write.piece);
        }
        is_complete.then_some(write.piece)
    }

    /// Changes a byte of a piece behind everyone's back.
    ///
    /// # Panics
    /// If the disk keeps no content, or the torrent has no such piece.
    pub fn damage(&mut self, piece: u32) {
        let at = self.start_of(piece);
        if let Some(data) = &mut self.data {
            data[at] ^= 1;
        }
    }

    /// Judges a complete piece by its hash.
    pub fn judge(&mut self, piece: u32) -> DiskEvent {
        let bytes = self.piece(piece);
        let begins = (0..).step_by(BLOCK_LEN as usize);
        let digest = |(block, begin)| {
            let mut digest = [0; 32];
            digest[..20].copy_from_slice(&Sha1::digest(block));
            BlockDigest { begin, digest }
        };
        let digests: Vec<BlockDigest> = bytes.chunks(BLOCK_LEN as usize).zip(begins).map(digest).collect();
        let is_right = self.is_right(piece);
        self.verdict(piece, is_right, digests)
    }

    /// Judges a piece as the caller says, regardless of its content. Its blocks have made-up digests.
    pub fn judge_as(&mut self, piece: u32, is_right: bool) -> DiskEvent {
        let begins = (0..self.meta.layout.piece_len(piece)).step_by(BLOCK_LEN as usize);
        let digests = begins.map(|begin| BlockDigest { begin, digest: [u8::from(!is_right); 32] }).collect();
        self.verdict(piece, is_right, digests)
    }

    /// Checks all pieces. Forgets the written blocks of incomplete ones.
    pub fn check(&mut self) -> Bitfield {
        self.forget();
        let pieces = self.meta.layout.piece_count();
        let mut have = Bitfield::new(pieces);
        have.extend((0..pieces).filter(|piece| self.is_right(*piece)));
        have
    }

    /// Forgets the written blocks of incomplete pieces.
    pub fn forget(&mut self) {
        self.written.clear();
    }

    /// Forgets the written blocks of a piece.
    pub fn forget_piece(&mut self, piece: u32) {
        self.written.remove(&piece);
    }

    /// Returns the event for a verdict. As on a real disk, a right piece has digests only if it failed before.
    fn verdict(&mut self, piece: u32, is_right: bool, digests: Vec<BlockDigest>) -> DiskEvent {
        self.written.remove(&piece);
        if !is_right {
            self.failed.insert(piece);
            return DiskEvent::PieceBad { piece, digests };
        }
        let digests = if self.failed.remove(&piece) { digests } else { Vec::new() };
        DiskEvent::PieceOk { piece, digests }
    }

    fn start_of(&self, piece: u32) -> usize {
        piece as usize * self.meta.layout.piece_length() as usize
    }

    fn piece(&self, piece: u32) -> &[u8] {
        let start = self.start_of(piece);
        &self.data()[start..start + self.meta.layout.piece_len(piece) as usize]
    }

    fn is_right(&self, piece: u32) -> bool {
        let hash = self.meta.bulk().expect("in memory").hashes().v1(piece).expect("a v1 torrent");
        hash.as_ref() == Sha1::digest(self.piece(piece)).as_slice()
    }
}
