//! Buffers that sockets are read into.

use bytes::BytesMut;
use std::collections::VecDeque;

/// One buffer; blocks are slices of it until they are written.
const CHUNK_LEN: usize = 512 * 1024;
/// Most that is read in one call: enough to make the call cheap, little enough to stay in the cache.
pub(crate) const MAX_READ: usize = 256 * 1024;
/// Less room than this is not worth a read.
const MIN_READ: usize = 64 * 1024;
/// Buffers kept for use again. Those in use are bounded by what the disk may have queued.
const MAX_SPARE: usize = 48;
/// How many spare buffers are looked at for one nobody uses any more.
const LOOK: usize = 8;

/// Hands out room to read into. A buffer whose slices are all gone is used again.
#[derive(Debug, Default)]
pub(crate) struct ReadPool {
    chunk: BytesMut,
    spare: VecDeque<BytesMut>,
}

impl ReadPool {
    /// Initialised room for `prefix` bytes and a good read.
    pub(crate) fn room(&mut self, prefix: usize) -> &mut [u8] {
        if self.chunk.len() < prefix + MIN_READ {
            let size = CHUNK_LEN.max(prefix + MAX_READ);
            let fresh = self.recycled(size);
            let mut used = std::mem::replace(&mut self.chunk, fresh);
            used.clear();
            if self.spare.len() < MAX_SPARE && used.capacity() > 0 {
                self.spare.push_back(used);
            }
        }
        let len = self.chunk.len().min(prefix + MAX_READ);
        &mut self.chunk[..len]
    }

    /// Takes the first `len` bytes of the room.
    pub(crate) fn take(&mut self, len: usize) -> BytesMut {
        self.chunk.split_to(len)
    }

    fn recycled(&mut self, size: usize) -> BytesMut {
        for _ in 0..LOOK.min(self.spare.len()) {
            let Some(mut old) = self.spare.pop_front() else { break };
            if old.try_reclaim(size) {
                old.resize(size, 0);
                return old;
            }
            self.spare.push_back(old);
        }
        BytesMut::zeroed(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_once_their_slices_are_gone() {
        let mut pool = ReadPool::default();
        let mut held = Vec::new();
        for round in 0..200u32 {
            let room = pool.room(10);
            assert!(room.len() >= 10 + MIN_READ);
            room[..4].copy_from_slice(&round.to_be_bytes());
            let len = room.len();
            held.push((round, pool.take(len).freeze()));
            if held.len() > 8 {
                held.remove(0);
            }
            for (was, bytes) in &held {
                assert_eq!(bytes[..4], was.to_be_bytes(), "a slice in use is never written over");
            }
        }
        assert!(pool.spare.len() <= 16, "{}", pool.spare.len());
    }

    #[test]
    fn a_long_prefix_gets_its_room() {
        let mut pool = ReadPool::default();
        assert!(pool.room(2 << 20).len() >= (2 << 20) + MIN_READ);
    }
}
