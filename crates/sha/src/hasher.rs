use std::fmt;

use crate::algorithm::Algorithm;
use crate::backend::Backend;
use crate::block::{BLOCK_LEN, Block};

/// Bytes of the message length at the end of the padding.
const LEN_BYTES: usize = 8;

/// Incremental hash of one message: [`Sha1`](crate::Sha1) or [`Sha256`](crate::Sha256).
///
/// Small and without heap memory: as cheap to create and to clone as an array.
#[derive(Clone)]
pub struct Hasher<A: Algorithm> {
    pub(crate) state: A::State,
    /// Bytes of the message so far.
    len: u64,
    /// The last `len % 64` bytes, not yet compressed.
    partial: Block,
}

impl<A: Algorithm> Hasher<A> {
    /// Creates the hash of an empty message.
    pub fn new() -> Self {
        Self { state: A::INITIAL, len: 0, partial: [0; BLOCK_LEN] }
    }

    /// Returns the digest of a message in one buffer.
    pub fn digest(message: impl AsRef<[u8]>) -> A::Output {
        let mut hasher = Self::new();
        hasher.update(message.as_ref());
        hasher.finish_reset()
    }

    /// Adds bytes to the message.
    pub fn update(&mut self, bytes: &[u8]) {
        self.update_with(Backend::detect(), bytes);
    }

    /// Returns the digest of the message and resets the hasher to [`new`](Self::new).
    pub fn finish_reset(&mut self) -> A::Output {
        self.finish_with(Backend::detect())
    }

    pub(crate) fn update_with(&mut self, backend: Backend, bytes: &[u8]) {
        let blocks = self.absorb(backend, bytes);
        A::compress(backend, [&mut self.state], [blocks]);
    }

    pub(crate) fn finish_with(&mut self, backend: Backend) -> A::Output {
        let tail = self.tail();
        A::compress(backend, [&mut self.state], [tail.blocks()]);
        self.take_output()
    }

    /// Adds bytes to the message, except for the whole blocks among them, which it returns. The caller must compress
    /// these before it adds more.
    pub(crate) fn absorb<'a>(&mut self, backend: Backend, mut bytes: &'a [u8]) -> &'a [Block] {
        let filled = self.filled();
        self.len += bytes.len() as u64;
        if filled > 0 {
            let room = BLOCK_LEN - filled;
            if bytes.len() < room {
                self.partial[filled..][..bytes.len()].copy_from_slice(bytes);
                return &[];
            }
            let (head, rest) = bytes.split_at(room);
            self.partial[filled..].copy_from_slice(head);
            A::compress(backend, [&mut self.state], [&[self.partial]]);
            bytes = rest;
        }
        let (blocks, rest) = bytes.as_chunks();
        self.partial[..rest.len()].copy_from_slice(rest);
        blocks
    }

    /// Returns the blocks to compress at the end of the message.
    pub(crate) fn tail(&self) -> Tail {
        let filled = self.filled();
        let mut tail = Tail { blocks: [[0; BLOCK_LEN]; 2], is_long: filled + LEN_BYTES >= BLOCK_LEN };
        tail.blocks[0][..filled].copy_from_slice(&self.partial[..filled]);
        tail.blocks[0][filled] = 0x80;
        let bits = self.len.wrapping_mul(8).to_be_bytes();
        tail.blocks[usize::from(tail.is_long)][BLOCK_LEN - LEN_BYTES..].copy_from_slice(&bits);
        tail
    }

    /// Returns the digest and resets the hasher. The caller must have compressed the [`tail`](Self::tail).
    pub(crate) fn take_output(&mut self) -> A::Output {
        let output = A::output(&self.state);
        *self = Self::new();
        output
    }

    fn filled(&self) -> usize {
        (self.len % BLOCK_LEN as u64) as usize
    }
}

/// The last block or two of a message, padded (FIPS 180-4, section 5.1.1).
#[derive(Clone, Copy)]
pub(crate) struct Tail {
    blocks: [Block; 2],
    is_long: bool,
}

impl Tail {
    pub(crate) const NONE: Self = Self { blocks: [[0; BLOCK_LEN]; 2], is_long: false };

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks[..1 + usize::from(self.is_long)]
    }
}

impl<A: Algorithm> Default for Hasher<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Algorithm> fmt::Debug for Hasher<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("len", &self.len).finish_non_exhaustive()
    }
}
