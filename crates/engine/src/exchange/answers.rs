//! Answers to questions.

use super::proofs::Need;
use super::questions::Question;
use super::{Exchange, Trade};
use crate::cx::Cx;
use crate::ids::PeerKey;
use crate::outbox::Outbox;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use ztor_base::Instant;
use ztor_metainfo::{Bulk, Metainfo};
use ztor_wire::{Message, MetadataMessage};

/// Data that answers are made from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The metadata, with or without the piece layers; `None` until the hash of the info dictionary is verified.
    pub(crate) verified: Option<&'a Metainfo>,
    /// The metadata; `None` until it is complete.
    pub(crate) meta: Option<&'a Metainfo>,
    /// The peer's id for `ut_metadata` messages; `None` if it does not support them.
    pub(crate) ut_metadata: Option<u8>,
}

/// Use of an info dictionary and hashes that may be outside memory.
#[derive(Debug, Default)]
pub(super) struct BulkUse {
    is_loading: bool,
    /// Time of the last load, if it has failed.
    lost_at: Option<Instant>,
}

/// Time after which a load that has failed is tried again.
const LOAD_AGAIN_AFTER: Duration = Duration::from_secs(60);

impl Exchange {
    /// Returns the data for answers, and true if questions can be answered. Otherwise the data is loaded first.
    pub(super) fn bulk(&mut self, cx: &mut Cx<'_>, source: Source<'_>) -> (Option<Arc<Bulk>>, bool) {
        let Some(meta) = source.verified else { return (None, true) };
        let bulk = meta.bulk_in_memory();
        let is_lost = self.bulk_use.lost_at.is_some_and(|at| cx.now.since(at) < LOAD_AGAIN_AFTER);
        if bulk.is_some() || is_lost {
            return (bulk, true);
        }
        if !std::mem::replace(&mut self.bulk_use.is_loading, true) {
            cx.out.bulks.push(self.id);
        }
        (None, false)
    }

    /// Begins with other metadata.
    pub(crate) fn forget_bulk(&mut self) {
        self.bulk_use = BulkUse::default();
    }

    /// Takes the end of a load.
    pub(crate) fn on_bulk_loaded(&mut self, now: Instant, is_there: bool) {
        self.bulk_use = BulkUse { is_loading: false, lost_at: (!is_there).then_some(now) };
    }

    /// Returns true if the first question of a peer waits for leaves, whose read it starts.
    pub(super) fn awaits_leaves(&mut self, cx: &mut Cx<'_>, trade: &mut Trade) -> bool {
        let Some(Question::Hashes(request)) = trade.questions.first() else { return false };
        match self.proofs.need(&self.layout, &request) {
            None => false,
            Some(Need::Wait) => true,
            Some(Need::Read(piece)) => {
                let may_read = self.have().contains(piece) && trade.questions.count_leaf_read(&self.layout);
                if may_read {
                    self.proofs.reads(piece);
                    cx.out.leaves.push((self.id, piece));
                }
                may_read
            }
        }
    }

    /// Takes the leaves of a piece that were read.
    pub(crate) fn on_leaves(&mut self, piece: u32, leaves: Vec<[u8; 32]>) {
        self.proofs.on_leaves(piece, leaves);
    }

    /// Answers the first question of a peer. Returns the length of the requested data in bytes; 0 if it is rejected.
    pub(super) fn answer(
        &mut self,
        out: &mut Outbox,
        key: PeerKey,
        trade: &mut Trade,
        source: Source<'_>,
        bulk: Option<&Bulk>,
    ) -> u32 {
        let questions = &mut trade.questions;
        let (len, message) = match questions.pop() {
            None => return 0,
            Some(Question::Metadata(piece)) => {
                let Some(extension) = source.ut_metadata else { return 0 };
                let message = questions.metadata(bulk.map(Bulk::info), piece);
                let len = if let MetadataMessage::Data { data, .. } = &message { data.len() } else { 0 };
                (len as u32, Message::Extended { id: extension, payload: message.encode().into() })
            }
            Some(Question::Hashes(request)) => {
                let is_within = questions.count_hash_request(self.layout());
                let known = source.meta.zip(bulk).filter(|_| is_within);
                match known.and_then(|(meta, bulk)| self.proofs.answer(meta, bulk, &request)) {
                    Some(hashes) => {
                        let hashes = Bytes::from(hashes.concat());
                        (hashes.len() as u32, Message::Hashes { request, hashes })
                    }
                    None => (0, Message::HashReject(request)),
                }
            }
        };
        questions.answered(out.reply(key, &message), len);
        if len > 0 {
            // A question that gets data does not count as a refusal.
            trade.forget_refusal();
        }
        len
    }
}
