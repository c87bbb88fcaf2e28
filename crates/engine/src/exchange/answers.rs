//! Answers to questions.

use super::questions::Question;
use super::{Exchange, Trade};
use crate::ids::PeerKey;
use crate::outbox::Outbox;
use bytes::Bytes;
use std::sync::Arc;
use ztor_metainfo::Metainfo;
use ztor_wire::{Message, MetadataMessage};

/// Data that answers are made from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The info dictionary; `None` until its hash is verified.
    pub(crate) info: Option<&'a Arc<[u8]>>,
    /// The metadata; `None` until it is complete.
    pub(crate) meta: Option<&'a Metainfo>,
    /// The peer's id for `ut_metadata` messages; `None` if it does not support them.
    pub(crate) ut_metadata: Option<u8>,
}

impl Exchange {
    /// Answers the first question of a peer. Returns the length of the requested data in bytes; 0 if it is rejected.
    pub(super) fn answer(
        &mut self,
        out: &mut Outbox,
        key: PeerKey,
        trade: &mut Trade,
        source: Source<'_>,
    ) -> u32 {
        let questions = &mut trade.questions;
        let (len, message) = match questions.pop() {
            None => return 0,
            Some(Question::Metadata(piece)) => {
                let Some(extension) = source.ut_metadata else { return 0 };
                let message = questions.metadata(source.info, piece);
                let len = if let MetadataMessage::Data { data, .. } = &message { data.len() } else { 0 };
                (len as u32, Message::Extended { id: extension, payload: message.encode().into() })
            }
            Some(Question::Hashes(request)) => {
                let is_within = questions.count_hash_request(self.layout());
                let meta = source.meta.filter(|_| is_within);
                match meta.and_then(|meta| self.proofs.answer(meta, &request)) {
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
