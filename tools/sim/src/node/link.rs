//! A connection on the driver's side.

use crate::checkers::Ledger;
use crate::core::Core;
use crate::net::{Net, SEND_BUFFER, Side, StreamId};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use ztor_engine::testkit::FarEnd;
use ztor_wire::{Block, PIECE_HEADER_LEN, piece_header};

pub(crate) struct Link {
    pub(crate) stream: StreamId,
    pub(crate) side: Side,
    /// Bytes of the last read that the engine has not consumed.
    pub(crate) far_end: FarEnd,
    /// Data that waits for space in the socket.
    pub(crate) backlog: VecDeque<Item>,
    pub(crate) ledger: Ledger,
}

pub(crate) struct Item {
    bytes: Bytes,
    is_reply: bool,
    /// Number of leading bytes of `bytes` that are not piece data.
    header: usize,
}

impl Link {
    pub(crate) fn new(stream: StreamId, side: Side, pieces: u32) -> Self {
        Self {
            stream,
            side,
            far_end: FarEnd::default(),
            backlog: VecDeque::new(),
            ledger: Ledger::new(pieces),
        }
    }

    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.push(bytes, false);
    }

    pub(crate) fn push_reply(&mut self, bytes: &[u8]) {
        self.push(bytes, true);
    }

    fn push(&mut self, bytes: &[u8], is_reply: bool) {
        let header = bytes.len();
        self.backlog.push_back(Item { bytes: Bytes::copy_from_slice(bytes), is_reply, header });
    }

    pub(crate) fn push_block(&mut self, block: Block, data: &[u8]) {
        let mut bytes = BytesMut::with_capacity(PIECE_HEADER_LEN + data.len());
        bytes.extend_from_slice(&piece_header(block.piece, block.begin, data.len() as u32));
        bytes.extend_from_slice(data);
        self.backlog.push_back(Item { bytes: bytes.freeze(), is_reply: false, header: PIECE_HEADER_LEN });
    }

    /// Returns the memory of the connection in bytes, without piece data and its headers.
    pub(crate) fn held_bytes(&self) -> usize {
        let waiting = self.backlog.iter().filter(|item| item.header == item.bytes.len());
        waiting.map(|item| item.bytes.len()).sum::<usize>() + self.far_end.tail_len()
    }

    /// Moves queued data into the socket. Returns the moved bytes of piece data and those of replies.
    pub(crate) fn flush(&mut self, core: &mut Core, net: &mut Net) -> (u32, u32) {
        let (mut moved, mut replies) = (0, 0);
        while let Some(item) = self.backlog.front_mut() {
            let used = net.stream(self.stream).map_or(0, |stream| stream.pipes[self.side].socket.len());
            let len = SEND_BUFFER.saturating_sub(used).min(item.bytes.len());
            if len == 0 {
                break;
            }
            let bytes = item.bytes.split_to(len);
            if item.is_reply {
                replies += len as u32;
            }
            moved += (len - len.min(item.header)) as u32;
            item.header -= len.min(item.header);
            if item.bytes.is_empty() {
                self.backlog.pop_front();
            }
            net.send(core, self.stream, self.side, &bytes);
        }
        (moved, replies)
    }
}
