//! What peers ask that has an answer much longer than the question: pieces of the metadata (BEP 9) and hashes (BEP 52).
//!
//! An answer is made when the socket can take it, and not when the question comes: a read may hold thousands of
//! questions, whose answers nobody has to take.

use crate::misbehaviour::Misbehaviour;
use crate::outbox::Outbox;
use crate::torrent::{Knowledge, Torrent};
use crate::{Engine, PeerKey, TorrentId};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use ztor_metainfo::merkle;
use ztor_wire::{HashRequest, METADATA_BLOCK_LEN, Message, MetadataMessage};

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

    /// Bytes of answers have gone.
    pub(crate) fn sent(&mut self, bytes: u32) {
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes.into());
        self.charged_bytes = self.charged_bytes.min(self.in_flight_bytes);
    }

    fn pop(&mut self) -> Option<Question> {
        let question = self.queue.pop_front();
        if self.queue.is_empty() {
            // Most peers ask once in their life.
            self.queue = VecDeque::new();
        }
        question
    }
}

impl Engine {
    /// A peer asks; it is answered by [`serve`](Self::serve).
    pub(crate) fn on_question(&mut self, key: PeerKey, question: Question) -> Result<(), Misbehaviour> {
        let Some(peer) = self.peers.get_mut(key) else { return Ok(()) };
        // Over a whole life these are bounded too.
        peer.refused()?;
        peer.questions.ask(question);
        Ok(())
    }

    /// Answers the first question of a peer. Returns the bytes of what was asked for, 0 if that is rejected.
    pub(crate) fn answer(&mut self, key: PeerKey, id: TorrentId, out: &mut Outbox) -> u32 {
        let (Some(torrent), Some(peer)) = (self.torrents.get_mut(id), self.peers.get_mut(key)) else {
            return 0;
        };
        let questions = &mut peer.questions;
        let (len, message) = match questions.pop() {
            None => return 0,
            Some(Question::Metadata(piece)) => {
                let Some(extension) = peer.extended.ut_metadata else { return 0 };
                let message = questions.metadata(torrent.info(), piece);
                let len = if let MetadataMessage::Data { data, .. } = &message { data.len() } else { 0 };
                (len as u32, Message::Extended { id: extension, payload: message.encode().into() })
            }
            Some(Question::Hashes(request)) => {
                questions.hash_requests += 1;
                let files = u32::try_from(torrent.layout.files().len()).unwrap_or(u32::MAX);
                let most = MIN_HASH_REQUESTS
                    .saturating_add(torrent.layout.piece_count() / 128)
                    .saturating_add(files.saturating_mul(HASH_REQUESTS_PER_FILE));
                let is_within = questions.hash_requests <= most;
                match is_within.then(|| torrent.prove(&request)).flatten() {
                    Some(hashes) => {
                        let hashes = Bytes::from(hashes.concat());
                        (hashes.len() as u32, Message::Hashes { request, hashes })
                    }
                    None => (0, Message::HashReject(request)),
                }
            }
        };
        questions.in_flight_bytes += out.reply(key, &message);
        questions.charged_bytes += u64::from(len);
        if len > 0 {
            // It was worth asking, and is paid for.
            peer.refused_requests = peer.refused_requests.saturating_sub(1);
        }
        len
    }
}

impl Questions {
    fn metadata(&mut self, info: Option<&Arc<[u8]>>, piece: u32) -> MetadataMessage {
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

impl Torrent {
    fn prove(&mut self, request: &HashRequest) -> Option<Vec<merkle::Hash>> {
        match &self.knowledge {
            Knowledge::All(meta) => self.proofs.answer(meta, request),
            Knowledge::Hash(_) | Knowledge::Info(..) => None,
        }
    }
}
