//! What peers ask that has an answer much longer than the question: pieces of the metadata (BEP 9) and hashes (BEP 52).
//!
//! An answer is made when the socket can take it, and not when the question comes: a read may hold thousands of
//! questions, whose answers nobody has to take.

use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use ztor_metainfo::Layout;
use ztor_wire::{HashRequest, METADATA_BLOCK_LEN, MetadataMessage};

/// Questions of one peer that wait; one beyond is dropped unanswered, and counts as a refused request. A client that
/// asks for all metadata at once has this many for 4 MiB, and asks again for what does not come.
const MAX_QUESTIONS: usize = 256;
/// Answers on their way to the socket at a time: the next is made when less than this has not gone.
const AHEAD_BYTES: u64 = 16 * 1024;
/// How many times over a peer may have our metadata; a few blocks more of a short one.
const METADATA_TIMES: u64 = 4;
const METADATA_SPARE_BYTES: u64 = 64 * 1024;
/// Hash requests that a peer may make: this, a few for every 512 pieces, and a few for every file, which has a tree of its
/// own.
const MIN_HASH_REQUESTS: u32 = 256;
const HASH_REQUESTS_PER_FILE: u32 = 4;

/// A question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Question {
    /// A piece of the info dictionary, by its number.
    Metadata(u32),
    Hashes(HashRequest),
}

/// What one peer has asked.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    queue: VecDeque<Question>,
    /// Answers handed to the driver and not yet gone.
    in_flight_bytes: u64,
    /// How much of them was charged to the upload limits, at most.
    charged_bytes: u64,
    metadata_served_bytes: u64,
    hash_requests: u32,
}

impl Questions {
    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.queue.capacity() * size_of::<Question>()
    }

    /// Takes a question. False if too many wait.
    pub(crate) fn ask(&mut self, question: Question) -> bool {
        let has_room = self.queue.len() < MAX_QUESTIONS;
        if has_room {
            self.queue.push_back(question);
        }
        has_room
    }

    /// There is a question, and the socket has taken most of the answers before.
    pub(crate) fn is_due(&self) -> bool {
        !self.queue.is_empty() && self.in_flight_bytes < AHEAD_BYTES
    }

    /// Bytes of answers that have not gone, as they were charged for.
    pub(crate) fn unsent_bytes(&self) -> u64 {
        self.charged_bytes
    }

    /// Notes an answer: its length as a message, and the bytes that were charged for, both in bytes.
    pub(super) fn answered(&mut self, message_len: u64, charged: u32) {
        self.in_flight_bytes += message_len;
        self.charged_bytes += u64::from(charged);
    }

    /// Bytes of answers have gone.
    pub(crate) fn sent(&mut self, bytes: u32) {
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes.into());
        self.charged_bytes = self.charged_bytes.min(self.in_flight_bytes);
    }

    pub(super) fn pop(&mut self) -> Option<Question> {
        let question = self.queue.pop_front();
        if self.queue.is_empty() {
            // Most peers ask once in their life.
            self.queue = VecDeque::new();
        }
        question
    }
}

impl Questions {
    /// Counts a hash request. False if the peer has made more than it can need.
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
