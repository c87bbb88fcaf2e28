//! One connection of a scripted peer.

use super::{Actor, Claim, Drops};
use crate::core::Core;
use crate::net::{Net, Side, StreamId};
use bytes::Bytes;
use fastrand::Rng;
use ztor_engine::Bitfield;
use ztor_engine::testkit::Transcript;
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::{
    Block, ExtendedHandshake, HashRequest, METADATA_BLOCK_LEN, Message, MetadataMessage, UT_METADATA,
};

use super::MetadataManner;

/// Id for messages of metadata to it.
const OUR_METADATA: u8 = 9;

/// Number of pieces that a greedy peer requests again and again.
const FAVOURITES: usize = 16;

/// Number of requests that it keeps open.
const PIPELINE: usize = 8;

/// State of a connection.
pub(crate) struct Talk {
    pub(super) side: Side,
    pub(super) heard: Transcript,
    pub(super) drops: Drops,
    pub(super) is_fast: bool,
    they_have: Bitfield,
    they_choke: bool,
    unchoked: bool,
    /// Its open requests.
    asked: Vec<Block>,
    received: u64,
    /// Pieces that it has announced after a block of them.
    announced: Bitfield,
    /// Id for messages of metadata to the other side; `None` if unknown.
    their_metadata: Option<u8>,
    /// Announced piece of a super-seed, until the other side has it.
    shown: Option<u32>,
}

impl Talk {
    pub(super) fn new(side: Side, pieces: u32) -> Self {
        Self {
            side,
            heard: Transcript::default(),
            drops: Drops::new(),
            is_fast: false,
            they_have: Bitfield::new(pieces),
            they_choke: true,
            unchoked: false,
            asked: Vec::new(),
            received: 0,
            announced: Bitfield::new(pieces),
            their_metadata: None,
            shown: None,
        }
    }

    /// Records a request, which may be answered.
    pub(super) fn asks(talk: &mut Self, block: Block) {
        talk.asked.push(block);
    }
}

impl Actor {
    pub(super) fn greet(&mut self, core: &mut Core, net: &mut Net, stream: StreamId) {
        let Some(talk) = self.talks.get(&stream) else { return };
        let pieces = self.content.pieces();
        let bits = |set: Bitfield| Message::Bitfield(Bytes::from(set.to_wire()));
        let message = match self.character.claim {
            Claim::Nothing if talk.is_fast => Message::HaveNone,
            Claim::Nothing => Message::KeepAlive,
            Claim::Everything if talk.is_fast => Message::HaveAll,
            Claim::Everything => bits(Bitfield::full(pieces)),
            Claim::Random => {
                let mut set = Bitfield::new(pieces);
                set.extend((0..pieces).filter(|_| core.rng.bool()));
                bits(set)
            }
            Claim::Nonsense => {
                let len = core.rng.usize(0..40);
                Message::Bitfield((0..len).map(|_| core.rng.u8(..)).collect())
            }
        };
        self.say(core, net, stream, &message);
        self.offer_metadata(core, net, stream);
        if self.character.downloads || self.character.floods || self.character.is_interested {
            self.say(core, net, stream, &Message::Interested);
        }
        self.show_piece(core, net, stream);
    }

    pub(super) fn on_message(&mut self, core: &mut Core, net: &mut Net, stream: StreamId, message: &Message) {
        let pieces = self.content.pieces();
        let Some(talk) = self.talks.get_mut(&stream) else { return };
        match message {
            Message::HaveAll => talk.they_have = Bitfield::full(pieces),
            Message::Bitfield(bits) => {
                if let Some(set) = Bitfield::from_wire(bits, pieces) {
                    talk.they_have = set;
                }
            }
            Message::Have { piece } if *piece < pieces => {
                talk.they_have.insert(*piece);
                if talk.shown == Some(*piece) {
                    talk.shown = None;
                    self.show_piece(core, net, stream);
                }
            }
            Message::Interested
                if !talk.unchoked && (self.character.serves || self.character.false_haves) =>
            {
                talk.unchoked = true;
                self.say(core, net, stream, &Message::Unchoke);
            }
            Message::Unchoke => {
                talk.they_choke = false;
                self.ask(core, net, stream);
            }
            Message::Choke => {
                talk.they_choke = true;
                // With the Fast Extension each request is still rejected or answered.
                if !talk.is_fast {
                    talk.asked.clear();
                }
            }
            Message::Extended { id: 0, payload } => {
                talk.their_metadata =
                    ExtendedHandshake::decode(payload).ok().and_then(|h| h.id_of(UT_METADATA));
            }
            Message::Extended { id: OUR_METADATA, payload } => self.give_metadata(core, net, stream, payload),
            Message::Reject(block) => talk.asked.retain(|b| b != block),
            Message::Request(block) => self.serve(core, net, stream, *block),
            Message::Piece { piece, begin, data } => {
                let block = Block { piece: *piece, begin: *begin, len: data.len() as u32 };
                let Some(at) = talk.asked.iter().position(|b| *b == block) else {
                    if !self.character.floods && self.character.only.is_none() && talk.is_fast {
                        core.fail(
                            &[],
                            format!("a{} gets {block:?}, which it has not requested", self.number),
                        );
                    }
                    return;
                };
                talk.asked.swap_remove(at);
                talk.received += 1;
                self.received_bytes += data.len() as u64;
                // A v2 block may go on with zeros behind the end of its piece.
                let truth = self.content.block(*piece, *begin, block.len);
                let is_true = data.strip_prefix(truth).is_some_and(|rest| rest.iter().all(|byte| *byte == 0));
                if !is_true {
                    core.fail(&[], format!("a{} gets false bytes for {block:?}", self.number));
                }
                let percent = self.character.announces_percent;
                let is_told = percent == 100 || (percent > 0 && core.rng.u32(0..100) < percent);
                if is_told && talk.announced.insert(*piece) {
                    self.say(core, net, stream, &Message::Have { piece: *piece });
                }
                let Some(talk) = self.talks.get(&stream) else { return };
                if self.character.enough.is_some_and(|enough| talk.received >= enough) {
                    if !self.character.returns {
                        self.character.calls.clear();
                    }
                    return self.hang_up(core, net, stream);
                }
                self.ask(core, net, stream);
            }
            _ => {}
        }
    }

    fn offer_metadata(&mut self, core: &mut Core, net: &mut Net, stream: StreamId) {
        let Some(manner) = self.character.metadata else { return };
        let right = self.content.meta.info_len();
        let size = if manner == MetadataManner::LiesOfLength { core.rng.u32(1..right * 2) } else { right };
        let hello = ExtendedHandshake {
            messages: vec![(UT_METADATA.to_owned(), OUR_METADATA)],
            metadata_size: Some(size),
            ..ExtendedHandshake::default()
        };
        self.say(core, net, stream, &Message::Extended { id: 0, payload: hello.encode().into() });
    }

    fn give_metadata(&mut self, core: &mut Core, net: &mut Net, stream: StreamId, payload: &Bytes) {
        let id = self.talks.get(&stream).and_then(|talk| talk.their_metadata);
        let Ok(MetadataMessage::Request { piece }) = MetadataMessage::decode(payload) else { return };
        let Some(bulk) = self.content.meta.bulk_in_memory() else { return };
        let info = bulk.info();
        let begin = (piece * METADATA_BLOCK_LEN) as usize;
        let end = info.len().min(begin + METADATA_BLOCK_LEN as usize);
        let mut data = info.get(begin..end).unwrap_or(&[1]).to_vec();
        let answer = match self.character.metadata {
            Some(MetadataManner::Lies | MetadataManner::LiesOfLength) => {
                let at = core.rng.usize(0..data.len());
                data[at] ^= 0x20;
                MetadataMessage::Data { piece, total_size: info.len() as u32, data: data.into() }
            }
            Some(MetadataManner::Refuses) => MetadataMessage::Reject { piece },
            Some(MetadataManner::Silent) | None => return,
        };
        if let Some(id) = id {
            self.say(core, net, stream, &Message::Extended { id, payload: answer.encode().into() });
        }
    }

    fn serve(&mut self, core: &mut Core, net: &mut Net, stream: StreamId, block: Block) {
        if !self.character.serves {
            // Most requests stay unanswered.
            if core.rng.u8(0..4) == 0 && self.talks.get(&stream).is_some_and(|talk| talk.is_fast) {
                self.say(core, net, stream, &Message::Reject(block));
            }
            return;
        }
        let mut data = self.content.block(block.piece, block.begin, block.len).to_vec();
        let mut said = block;
        if self.character.lies_permille > 0 && core.rng.u32(0..1000) < self.character.lies_permille {
            match core.rng.u8(0..8) {
                0 => data.truncate(core.rng.usize(0..=data.len())),
                1 => said.begin ^= BLOCK_LEN,
                2 => said.piece ^= 1,
                _ => {
                    let at = core.rng.usize(0..data.len().max(1));
                    data.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 0x55);
                }
            }
        }
        let message = Message::Piece { piece: said.piece, begin: said.begin, data: data.into() };
        self.say(core, net, stream, &message);
        self.served_blocks += 1;
        if self.character.vanishes_after.is_some_and(|count| self.served_blocks >= count) {
            self.fall_silent(core);
        }
    }

    /// Announces a piece that the other side lacks, if the other side has the last one.
    fn show_piece(&mut self, core: &mut Core, net: &mut Net, stream: StreamId) {
        let Some(talk) = self.talks.get_mut(&stream) else { return };
        if !self.character.super_seeds || talk.shown.is_some() {
            return;
        }
        let missing: Vec<u32> =
            (0..self.content.pieces()).filter(|piece| !talk.they_have.contains(*piece)).collect();
        if missing.is_empty() {
            return;
        }
        let piece = missing[core.rng.usize(0..missing.len())];
        talk.shown = Some(piece);
        self.say(core, net, stream, &Message::Have { piece });
    }

    /// Sends requests until [`PIPELINE`] of them are open.
    fn ask(&mut self, core: &mut Core, net: &mut Net, stream: StreamId) {
        let Some(talk) = self.talks.get_mut(&stream) else { return };
        if !self.character.downloads || talk.they_choke || talk.they_have.count() == 0 {
            return;
        }
        let mut new = Vec::new();
        while talk.asked.len() < PIPELINE {
            let most = if self.character.has_favourites { FAVOURITES } else { usize::MAX };
            let nth = core.rng.usize(0..(talk.they_have.count() as usize).min(most));
            let Some(piece) = talk.they_have.iter().nth(nth) else { return };
            let index = core.rng.u32(0..self.content.meta.layout.block_count(piece).max(1));
            let len = self.content.meta.layout.block_len(piece, index);
            let block = Block { piece, begin: index * BLOCK_LEN, len };
            if len == 0 || talk.asked.contains(&block) {
                break;
            }
            talk.asked.push(block);
            new.push(block);
        }
        for block in new {
            self.say(core, net, stream, &Message::Request(block));
        }
    }

    /// Performs the spontaneous misbehaviour of the character.
    pub(super) fn act_up(&mut self, core: &mut Core, net: &mut Net, stream: StreamId) {
        let Some(talk) = self.talks.get(&stream) else { return };
        if talk.heard.handshake().is_none() {
            return;
        }
        if self.character.downloads && !talk.they_choke {
            self.ask(core, net, stream);
        }
        if self.character.false_haves && core.rng.u8(0..4) == 0 {
            let piece = core.rng.u32(0..self.content.pieces().max(1));
            self.say(core, net, stream, &Message::Have { piece });
        }
        if self.character.floods {
            for _ in 0..core.rng.usize(0..200) {
                let message = self.nuisance(&mut core.rng);
                self.say(core, net, stream, &message);
            }
        }
        // Keep-alives prevent the idle timeout.
        if self.character.has_many_names && core.rng.u8(0..100) == 0 {
            self.say(core, net, stream, &Message::KeepAlive);
        }
        if let Some(flood) = self.character.only {
            self.flood(core, net, stream, flood);
        }
        if self.character.babbles && core.rng.u8(0..8) == 0 {
            self.babble(core, net, stream);
        }
    }

    /// Returns a well-formed and mostly valid message.
    fn nuisance(&self, rng: &mut Rng) -> Message {
        let pieces = self.content.pieces().max(1);
        let piece = rng.u32(0..pieces);
        let block = Block { piece, begin: rng.u32(0..4) * BLOCK_LEN, len: rng.u32(1..=BLOCK_LEN) };
        match rng.u8(0..12) {
            0 => Message::Have { piece },
            1 => Message::Cancel(block),
            2 => Message::Choke,
            3 => Message::Unchoke,
            4 => Message::Interested,
            5 => Message::NotInterested,
            6 => Message::KeepAlive,
            7 => Message::Unknown { id: 200 },
            _ => Message::Request(block),
        }
    }

    /// Sends random bytes, or a nearly valid message.
    fn babble(&mut self, core: &mut Core, net: &mut Net, stream: StreamId) {
        let number = |rng: &mut Rng| if rng.bool() { rng.u32(0..8) } else { rng.u32(..) };
        let rng = &mut core.rng;
        let block = Block { piece: number(rng), begin: number(rng), len: number(rng) };
        let message = match rng.u8(0..12) {
            0 => Message::Request(block),
            1 => Message::Cancel(block),
            2 => Message::Reject(block),
            3 => Message::Have { piece: number(rng) },
            4 => Message::AllowedFast { piece: number(rng) },
            5 => Message::Suggest { piece: number(rng) },
            6 => Message::Bitfield((0..rng.usize(0..30)).map(|_| rng.u8(..)).collect()),
            7 => Message::Extended {
                id: rng.u8(0..3),
                payload: (0..rng.usize(0..60)).map(|_| rng.u8(..)).collect(),
            },
            8 => Message::Piece {
                piece: block.piece,
                begin: block.begin,
                data: Bytes::from(vec![7; rng.usize(0..20_000)]),
            },
            9 => Message::HashRequest(HashRequest {
                pieces_root: [3; 32],
                base_layer: block.piece,
                index: block.begin,
                length: block.len,
                proof_layers: number(rng),
            }),
            10 => [Message::HaveAll, Message::HaveNone, Message::Unchoke, Message::Interested]
                [rng.usize(0..4)]
            .clone(),
            _ => {
                let noise: Vec<u8> = (0..rng.usize(1..300)).map(|_| rng.u8(..)).collect();
                return self.put(core, net, stream, &noise);
            }
        };
        // A request may be valid by chance, and is then answered.
        if let (Message::Request(block), Some(talk)) = (&message, self.talks.get_mut(&stream)) {
            talk.asked.push(*block);
        }
        self.say(core, net, stream, &message);
    }
}
