//! Questions with answers much longer than the question: pieces of the metadata (BEP 9) and hashes (BEP 52).
//!
//! An answer is made when the socket can take it, not when the question arrives. One read may hold thousands of
//! questions from a peer that never reads the answers.

use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use ztor_metainfo::Layout;
use ztor_wire::{HashRequest, METADATA_BLOCK_LEN, MetadataMessage};

/// Maximum number of waiting questions per peer. Further ones are dropped, and count as refused requests. A client that
/// asks for all metadata at once has this many for 4 MiB, and asks again for missing pieces.
const MAX_QUESTIONS: usize = 256;
/// Bytes of unsent answers below which the next answer is made.
const AHEAD_BYTES: u64 = 16 * 1024;
/// Number of times that a peer may download our metadata, plus `METADATA_SPARE_BYTES` for short metadata.
const METADATA_TIMES: u64 = 4;
const METADATA_SPARE_BYTES: u64 = 64 * 1024;
/// Number of hash requests that a peer may make, plus one for every 128 pieces, and `HASH_REQUESTS_PER_FILE` for every
/// file, which has its own tree.
const MIN_HASH_REQUESTS: u32 = 256;
const HASH_REQUESTS_PER_FILE: u32 = 4;
/// Number of pieces that are read for a peer to answer requests for leaves, plus one for every `PIECES_PER_LEAF_READ`
/// pieces. A peer asks only about pieces that hashed wrong.
const MIN_LEAF_READS: u32 = 64;
const PIECES_PER_LEAF_READ: u32 = 16;

/// A question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Question {
    /// A piece of the info dictionary, by its number.
    Metadata(u32),
    Hashes(HashRequest),
}

/// Questions of one peer.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    queue: VecDeque<Question>,
    /// Bytes of answers passed to the driver and not yet sent.
    in_flight_bytes: u64,
    /// Bytes of these that were charged to the upload limits, at most.
    charged_bytes: u64,
    metadata_served_bytes: u64,
    hash_requests: u32,
    /// Number of pieces that were read to answer requests for leaves.
    leaf_reads: u32,
}

impl Questions {
    /// Returns the used memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.queue.capacity() * size_of::<Question>()
    }

    /// Queues a question. Returns false if too many wait.
    pub(crate) fn ask(&mut self, question: Question) -> bool {
        let has_room = self.queue.len() < MAX_QUESTIONS;
        if has_room {
            self.queue.push_back(question);
        }
        has_room
    }

    /// Returns true if a question waits, and most of the earlier answers are sent.
    pub(crate) fn is_due(&self) -> bool {
        !self.queue.is_empty() && self.in_flight_bytes < AHEAD_BYTES
    }

    /// Returns the bytes of unsent answers that were charged.
    pub(crate) fn unsent_bytes(&self) -> u64 {
        self.charged_bytes
    }

    /// Records an answer: the length of the message and the charged part, both in bytes.
    pub(super) fn answered(&mut self, message_len: u64, charged: u32) {
        self.in_flight_bytes += message_len;
        self.charged_bytes += u64::from(charged);
    }

    /// Records bytes of answers that were sent.
    pub(crate) fn sent(&mut self, bytes: u32) {
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes.into());
        self.charged_bytes = self.charged_bytes.min(self.in_flight_bytes);
    }

    pub(super) fn pop(&mut self) -> Option<Question> {
        let question = self.queue.pop_front();
        if self.queue.is_empty() {
            // Frees the memory: most peers ask only once.
            self.queue = VecDeque::new();
        }
        question
    }
}

impl Questions {
    /// Returns the first question.
    pub(super) fn first(&self) -> Option<Question> {
        self.queue.front().copied()
    }

    /// Counts a piece that is read for the peer. Returns false if the peer has asked for more than it can need.
    pub(super) fn count_leaf_read(&mut self, layout: &Layout) -> bool {
        let most = MIN_LEAF_READS.saturating_add(layout.piece_count() / PIECES_PER_LEAF_READ);
        let may_read = self.leaf_reads < most;
        self.leaf_reads += u32::from(may_read);
        may_read
    }

    /// Counts a hash request. Returns false if the peer has made more than it can need.
    pub(super) fn count_hash_request(&mut self, layout: &Layout) -> bool {
        self.hash_requests += 1;
        let files = u32::try_from(layout.files().len()).unwrap_or(u32::MAX);
        let most = MIN_HASH_REQUESTS
            .saturating_add(layout.piece_count() / 128)
            .saturating_add(files.saturating_mul(HASH_REQUESTS_PER_FILE));
        self.hash_requests <= most
    }

    pub(super) fn metadata(&mut self, info: Option<&Arc<[u8]>>, piece: u32) -> MetadataMessage {
        let size = info.map_or(0, |info| info.len() as u32);
        let begin = piece.checked_mul(METADATA_BLOCK_LEN).filter(|begin| *begin < size);
        let (Some(info), Some(begin)) = (info, begin) else { return MetadataMessage::Reject { piece } };
        let len = METADATA_BLOCK_LEN.min(size - begin);
        let served = self.metadata_served_bytes + u64::from(len);
        if served > METADATA_TIMES * u64::from(size) + METADATA_SPARE_BYTES {
            return MetadataMessage::Reject { piece };
        }
        self.metadata_served_bytes = served;
        let data = Bytes::copy_from_slice(&info[begin as usize..][..len as usize]);
        MetadataMessage::Data { piece, total_size: size, data }
    }
}
