//! Buffers that sockets are read into.

use bytes::BytesMut;
use std::collections::VecDeque;

/// One buffer; blocks are slices of it until they are written.
const CHUNK_LEN: usize = 512 * 1024;
/// Most that is read in one call: enough to make the call cheap, little enough to stay in the cache.
pub(super) const MAX_READ: usize = 256 * 1024;
/// Less room than this is not worth a read.
const MIN_READ: usize = 64 * 1024;
/// Buffers kept for use again. Those in use are bounded by what the disk may have queued.
const MAX_SPARE: usize = 48;
/// Number of spare buffers that are tried for one that nobody uses any more.
const LOOK: usize = 8;

/// Gives room to read into. A buffer whose slices are all gone is used again.
#[derive(Debug, Default)]
pub(super) struct ReadPool {
    /// Empty; its capacity is what is left of the buffer read into last.
    chunk: Option<BytesMut>,
    spare: VecDeque<BytesMut>,
}

impl ReadPool {
    /// A buffer that begins with `prefix` and has room for a good read. [`take`](Self::take) takes its content.
    pub(super) fn room(&mut self, prefix: &[u8]) -> &mut BytesMut {
        let wanted = prefix.len() + MIN_READ;
        let left = self.chunk.take().and_then(|mut chunk| {
            chunk.clear();
            if chunk.capacity() >= wanted {
                return Some(chunk);
            }
            // Also with no room left at all: it is the way back to the memory once the slices are gone.
            if self.spare.len() < MAX_SPARE {
                self.spare.push_back(chunk);
            }
            None
        });
        let chunk = left.unwrap_or_else(|| self.recycled(CHUNK_LEN.max(prefix.len() + MAX_READ)));
        let chunk = self.chunk.insert(chunk);
        chunk.extend_from_slice(prefix);
        chunk
    }

    /// Takes the bytes that were put into the room; the rest of the buffer is kept.
    pub(super) fn take(&mut self) -> BytesMut {
        self.chunk.as_mut().map(BytesMut::split).unwrap_or_default()
    }

    fn recycled(&mut self, size: usize) -> BytesMut {
        for _ in 0..LOOK.min(self.spare.len()) {
            let Some(mut old) = self.spare.pop_front() else { break };
            if old.try_reclaim(size) {
                return old;
            }
            self.spare.push_back(old);
        }
        BytesMut::with_capacity(size)
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
            let room = pool.room(&round.to_be_bytes());
            assert!(room.capacity() >= 4 + MIN_READ);
            room.resize(room.capacity().min(MAX_READ), 0);
            held.push((round, pool.take().freeze()));
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
    fn a_buffer_read_full_to_the_last_byte_comes_back() {
        let mut pool = ReadPool::default();
        let mut places = std::collections::HashSet::new();
        for _ in 0..20 {
            let room = pool.room(&[]);
            room.resize(room.capacity(), 0);
            places.insert(room.as_ptr());
            assert_eq!(pool.take().len(), CHUNK_LEN);
        }
        assert!(places.len() <= 2, "{places:?}");
    }

    #[test]
    fn a_long_prefix_gets_its_room() {
        let mut pool = ReadPool::default();
        let room = pool.room(&vec![1; 2 << 20]);
        assert!(room.capacity() >= (2 << 20) + MIN_READ);
        assert_eq!(room.len(), 2 << 20);
    }

    #[test]
    fn what_was_not_taken_is_forgotten() {
        let mut pool = ReadPool::default();
        pool.room(b"not taken");
        pool.room(b"taken");
        assert_eq!(&pool.take()[..], b"taken");
    }
}
