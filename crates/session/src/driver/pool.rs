//! Buffers for reads from sockets.

use bytes::BytesMut;
use std::collections::VecDeque;

/// Length of a buffer, in bytes. Blocks are slices of it until they are written.
const CHUNK_LEN: usize = 512 * 1024;
/// Maximum length of one read, in bytes: enough to make the call cheap, little enough to stay in the cache.
pub(super) const MAX_READ: usize = 256 * 1024;
/// Minimum room for a read, in bytes.
const MIN_READ: usize = 64 * 1024;
/// Maximum number of buffers kept for reuse. Those in use are bounded by the data that waits for disks.
const MAX_SPARE: usize = 48;
/// Number of spare buffers that are tried in turn for one without slices in use.
const LOOK: usize = 8;

/// Source of room to read into. A buffer whose slices are all gone is reused.
#[derive(Debug, Default)]
pub(super) struct ReadPool {
    /// Empty. Its capacity is the rest of the buffer that was read into last.
    chunk: Option<BytesMut>,
    spare: VecDeque<BytesMut>,
}

impl ReadPool {
    /// Returns a buffer that starts with `prefix` and has room for a read. [`take`](Self::take) takes its content.
    pub(super) fn room(&mut self, prefix: &[u8]) -> &mut BytesMut {
        let wanted = prefix.len() + MIN_READ;
        let left = self.chunk.take().and_then(|mut chunk| {
            chunk.clear();
            if chunk.capacity() >= wanted {
                return Some(chunk);
            }
            // Even without room left: it is the way back to the memory once the slices are gone.
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

    /// Takes the bytes in the room. The rest of the buffer is kept.
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
    fn buffers_whose_slices_are_gone_are_reused() {
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
    fn buffer_that_is_full_to_the_last_byte_is_reused() {
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
    fn room_for_a_long_prefix_holds_it_and_a_read() {
        let mut pool = ReadPool::default();
        let room = pool.room(&vec![1; 2 << 20]);
        assert!(room.capacity() >= (2 << 20) + MIN_READ);
        assert_eq!(room.len(), 2 << 20);
    }

    #[test]
    fn room_after_bytes_that_were_not_taken_drops_them() {
        let mut pool = ReadPool::default();
        pool.room(b"not taken");
        pool.room(b"taken");
        assert_eq!(&pool.take()[..], b"taken");
    }
}
