//! State of a connection, derived from its wire bytes, and the checks of the client's messages.

use super::Audit;
use super::bucket::Bucket;
use crate::core::Core;
use crate::record::slot;
use crate::verb::Rates;
use std::collections::{BTreeMap, BTreeSet};
use ztor_base::Instant;
use ztor_engine::testkit::Transcript;
use ztor_engine::{Bitfield, PeerKey};
use ztor_wire::{
    Block, ExtendedHandshake, HolepunchMessage, METADATA_BLOCK_LEN, Message, PexMessage, UT_HOLEPUNCH, UT_PEX,
};

/// Length of the blocks that a client requests, in bytes.
const MAX_BLOCK: u32 = 16 * 1024;
/// Maximum length of a block that a client serves, in bytes.
const MAX_SERVED: u32 = 128 * 1024;

/// One connection, from the side of a client.
pub(crate) struct Ledger {
    ours: Transcript,
    theirs: Transcript,
    /// True after invalid bytes from the peer. The engine will close the connection.
    is_broken: bool,
    pub(crate) we_choke: bool,
    they_choke: bool,
    we_are_interested: bool,
    allowed_to_them: BTreeSet<u32>,
    allowed_to_us: BTreeSet<u32>,
    they_have: Bitfield,
    /// Their requests that were neither served nor rejected, and the count of each.
    requests: BTreeMap<Block, u32>,
    /// Our requests that were neither answered nor rejected, and the count of each.
    asked: BTreeMap<Block, u32>,
    /// All our requests. A turn may cancel a block that arrived in the same turn.
    ever_asked: BTreeSet<Block>,
    /// Our id for messages of peer exchange; `None` before our extended handshake.
    our_pex: Option<u8>,
    /// Our id for messages of hole punching; `None` before our extended handshake.
    our_punch: Option<u8>,
    /// Upload limit of this peer.
    limit_up: Bucket,
}

impl Ledger {
    pub(crate) fn new(pieces: u32) -> Self {
        Self {
            ours: Transcript::default(),
            theirs: Transcript::default(),
            is_broken: false,
            we_choke: true,
            they_choke: true,
            we_are_interested: false,
            allowed_to_them: BTreeSet::new(),
            allowed_to_us: BTreeSet::new(),
            they_have: Bitfield::new(pieces),
            requests: BTreeMap::new(),
            asked: BTreeMap::new(),
            ever_asked: BTreeSet::new(),
            our_pex: None,
            our_punch: None,
            limit_up: Bucket::new(Instant::ZERO, None),
        }
    }

    /// Changes the upload limit of the peer.
    pub(crate) fn set_limit_up(&mut self, now: Instant, rates: Rates) {
        if rates == Rates::default() {
            self.limit_up = Bucket::new(now, None);
        }
        self.limit_up.set_limit(now, rates.up);
    }

    /// Reads bytes of the peer, before the engine reads them.
    pub(crate) fn heard(&mut self, bytes: &[u8], audit: &mut Audit) {
        if self.is_broken {
            return;
        }
        self.theirs.push(bytes);
        loop {
            match self.theirs.next_message() {
                Ok(Some(message)) => self.hear(&message, audit),
                Ok(None) => return,
                Err(_) => {
                    self.is_broken = true;
                    return;
                }
            }
        }
    }

    fn they_are_fast(&self) -> bool {
        self.theirs.handshake().is_some_and(|handshake| handshake.reserved.fast())
    }

    fn hear(&mut self, message: &Message, audit: &mut Audit) {
        let pieces = self.they_have.len();
        match message {
            Message::Choke => self.they_choke = true,
            Message::Unchoke => self.they_choke = false,
            Message::Have { piece } if *piece < pieces => {
                self.they_have.insert(*piece);
            }
            Message::Bitfield(bytes) => {
                if let Some(set) = Bitfield::from_wire(bytes, pieces) {
                    self.they_have = set;
                }
            }
            // Peers may supply addresses only if the torrent is not private (BEP 27).
            // A peer may use our id by guess before our extended handshake.
            Message::Extended { id, payload }
                if self.our_pex.is_none_or(|ours| ours == *id) && !audit.is_private() =>
            {
                let named = PexMessage::decode(payload).unwrap_or_default().added;
                audit.sources.extend(named.into_iter().map(|(addr, _)| addr));
            }
            Message::Extended { id, payload } if Some(*id) == self.our_punch && !audit.is_private() => {
                if let Ok(HolepunchMessage::Connect(addr)) = HolepunchMessage::decode(payload) {
                    audit.sources.insert(addr);
                }
            }
            Message::HaveAll => self.they_have = Bitfield::full(pieces),
            Message::HaveNone => self.they_have = Bitfield::new(pieces),
            Message::AllowedFast { piece } => {
                self.allowed_to_us.insert(*piece);
            }
            // With the Fast Extension every request is answered or rejected.
            Message::Request(block) if !self.we_choke || self.they_are_fast() => {
                *self.requests.entry(*block).or_default() += 1;
            }
            // With the Fast Extension a cancelled request is rejected or answered.
            Message::Cancel(block) if !self.they_are_fast() => drop(take(&mut self.requests, block)),
            Message::Reject(block) => drop(take(&mut self.asked, block)),
            Message::Piece { piece, begin, data } => {
                audit.received_bytes += data.len() as u64;
                take(&mut self.asked, &Block { piece: *piece, begin: *begin, len: data.len() as u32 });
            }
            _ => {}
        }
    }

    /// Checks bytes that the client sends, which must be whole messages. Piece data is not among them.
    pub(crate) fn said(
        &mut self,
        core: &mut Core,
        node: usize,
        peer: PeerKey,
        bytes: &[u8],
        audit: &mut Audit,
    ) -> Result<(), String> {
        let messages = self.ours.take(bytes).map_err(|error| format!("sends an invalid message: {error}"))?;
        for message in messages {
            audit.will.admits("sends a message")?;
            if let Message::Extended { id: 0, payload } = &message {
                let hello = ExtendedHandshake::decode(payload).map_err(|e| e.to_string())?;
                self.our_pex = hello.id_of(UT_PEX);
                self.our_punch = hello.id_of(UT_HOLEPUNCH);
                if self.our_pex.is_some() && audit.is_private() && hello.metadata_size.is_some() {
                    return Err("offers peer exchange for a private torrent".into());
                }
            }
            if !matches!(message, Message::Extended { .. } | Message::Bitfield(_)) {
                core.note(format_args!("n{node} to #{}: {message:?}", slot(peer)));
            }
            audit.answers(core.now, answer_len(&message));
            self.say(&message, audit)?;
        }
        match self.ours.pending_len() {
            0 => Ok(()),
            _ => Err("sends part of a message".into()),
        }
    }

    fn say(&mut self, message: &Message, audit: &mut Audit) -> Result<(), String> {
        let verified = &audit.verified;
        match message {
            Message::Choke | Message::Unchoke => {
                let choke = *message == Message::Choke;
                if self.we_choke == choke {
                    return Err(format!("sends {message:?} twice"));
                }
                self.we_choke = choke;
                if choke && !self.they_are_fast() {
                    self.requests.clear();
                }
            }
            Message::Interested | Message::NotInterested => {
                let interested = *message == Message::Interested;
                if self.we_are_interested == interested {
                    return Err(format!("sends {message:?} twice"));
                }
                self.we_are_interested = interested;
            }
            Message::Have { piece } if !verified.contains(*piece) => {
                return Err(format!("announces piece {piece}, which is not verified"));
            }
            Message::Bitfield(bits) => {
                let claimed =
                    Bitfield::from_wire(bits, verified.len()).ok_or("sends a bitfield that does not fit")?;
                if claimed.count_without(verified) > 0 {
                    return Err("announces pieces in its bitfield that are not verified".into());
                }
            }
            Message::HaveAll if !verified.is_full() => {
                return Err("sends HaveAll without all pieces".into());
            }
            Message::AllowedFast { piece } => {
                if !verified.contains(*piece) {
                    return Err(format!("allows requests for piece {piece}, which it does not have"));
                }
                self.allowed_to_them.insert(*piece);
            }
            Message::Request(block) => {
                self.may_ask(*block, audit)?;
                *self.asked.entry(*block).or_default() += 1;
                self.ever_asked.insert(*block);
                audit.asks(block.len);
            }
            Message::Cancel(block) if !self.ever_asked.contains(block) => {
                return Err(format!("cancels {block:?}, which it has not requested"));
            }
            Message::Reject(block) => {
                if !self.they_are_fast() {
                    return Err("rejects a request of a peer without the Fast Extension".into());
                }
                take(&mut self.requests, block);
            }
            _ => {}
        }
        Ok(())
    }

    fn may_ask(&self, block: Block, audit: &Audit) -> Result<(), String> {
        let layout = &audit.content.meta.layout;
        let whole = layout.block_len(block.piece, block.begin / MAX_BLOCK);
        if block.len == 0 || block.len != whole || !block.begin.is_multiple_of(MAX_BLOCK) {
            return Err(format!(
                "requests {block:?}, which is no block of a piece of {} bytes",
                layout.piece_len(block.piece)
            ));
        }
        if audit.verified.contains(block.piece) {
            return Err(format!("requests {block:?}, which it has"));
        }
        if !audit.will.wants(block.piece) {
            return Err(format!("requests {block:?}, which no wanted file needs"));
        }
        if !self.they_have.contains(block.piece) {
            return Err(format!("requests {block:?} of a peer that does not have it"));
        }
        if self.they_choke && !self.allowed_to_us.contains(&block.piece) {
            return Err(format!("requests {block:?} of a peer that chokes it"));
        }
        if !self.we_are_interested {
            return Err(format!("requests {block:?} without interest"));
        }
        Ok(())
    }

    /// Checks a block that the client serves.
    pub(crate) fn served(&mut self, now: Instant, block: Block, audit: &mut Audit) -> Result<(), String> {
        let meta = &audit.content.meta;
        let piece_len = meta.layout.piece_len(block.piece);
        let end = u64::from(block.begin) + u64::from(block.len);
        // In v2 torrents the end of a file ends a piece, and its last block may be requested at full length.
        let is_v2 = meta.info_hashes.v2().is_some();
        let last = if is_v2 { piece_len.next_multiple_of(MAX_BLOCK) } else { piece_len };
        if block.len > MAX_SERVED || block.begin >= piece_len || end > u64::from(last) {
            return Err(format!("serves {block:?}, which is no block"));
        }
        if !audit.verified.contains(block.piece) {
            return Err(format!("serves {block:?}, which is not verified"));
        }
        if self.we_choke && !self.allowed_to_them.contains(&block.piece) {
            return Err(format!("serves {block:?} to a peer that it chokes"));
        }
        if !take(&mut self.requests, &block) {
            return Err(format!("serves {block:?}, which was not requested"));
        }
        audit.will.admits("serves a block")?;
        if self.limit_up.take(now, block.len.into()).is_err() {
            return Err("sends more than the upload limit of the peer".into());
        }
        audit.uploads(now, block.len)
    }
}

/// Decrements the count of a block. Returns false if it was zero.
fn take(counts: &mut BTreeMap<Block, u32>, block: &Block) -> bool {
    match counts.get_mut(block) {
        Some(count) if *count > 1 => *count -= 1,
        Some(_) => drop(counts.remove(block)),
        None => return false,
    }
    true
}

/// Returns the bytes of an answer that the upload limit counts: hashes, or a block of metadata with its header.
fn answer_len(message: &Message) -> u32 {
    match message {
        Message::Hashes { hashes, .. } => hashes.len() as u32,
        Message::Extended { id, payload } if *id != 0 && payload.len() > METADATA_BLOCK_LEN as usize / 2 => {
            payload.len() as u32
        }
        _ => 0,
    }
}
