//! The messages after the handshake, and their encoding.

use bytes::Bytes;

/// Length in bytes of the header before a block's data on the wire; see [`piece_header`].
pub const PIECE_HEADER_LEN: usize = 13;

/// A peer message. Lengths and indices are those of the sender: only their encoding has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An empty message that keeps the connection alive (BEP 3).
    KeepAlive,
    /// The sender stops answering requests (BEP 3).
    Choke,
    /// The sender starts answering requests (BEP 3).
    Unchoke,
    /// The sender wants a piece that the receiver has (BEP 3).
    Interested,
    /// The sender wants no piece that the receiver has (BEP 3).
    NotInterested,
    /// The sender has obtained this piece (BEP 3).
    Have {
        /// Index of the piece.
        piece: u32,
    },
    /// Pieces that the sender has, most significant bit first (BEP 3). Spare bits are not checked here.
    Bitfield(Bytes),
    /// Request for a block (BEP 3).
    Request(Block),
    /// A block (BEP 3).
    Piece {
        /// Index of the piece.
        piece: u32,
        /// Start of the data in the piece, in bytes.
        begin: u32,
        /// The bytes of the block.
        data: Bytes,
    },
    /// Cancels a request (BEP 3).
    Cancel(Block),
    /// The sender's DHT node listens on this UDP port (BEP 5).
    Port(u16),
    /// The sender suggests requesting this piece (BEP 6).
    Suggest {
        /// Index of the piece.
        piece: u32,
    },
    /// The sender has every piece; replaces a bitfield (BEP 6).
    HaveAll,
    /// The sender has no piece; replaces a bitfield (BEP 6).
    HaveNone,
    /// The sender will not answer this request (BEP 6).
    Reject(Block),
    /// This piece may be requested even when choked (BEP 6).
    AllowedFast {
        /// Index of the piece.
        piece: u32,
    },
    /// An extended message (BEP 10).
    Extended {
        /// 0 for the handshake, else the id that the receiver's own handshake assigned.
        id: u8,
        /// Message of the extension.
        payload: Bytes,
    },
    /// Request for hashes of a file's Merkle tree (BEP 52).
    HashRequest(HashRequest),
    /// The answer to a hash request (BEP 52).
    Hashes {
        /// The answered request.
        request: HashRequest,
        /// Hashes of 32 bytes each: `length` of the requested layer, then the uncle hashes.
        hashes: Bytes,
    },
    /// The sender will not answer this hash request (BEP 52).
    HashReject(HashRequest),
    /// A message with an unknown id; its payload was skipped. This is no protocol violation.
    Unknown {
        /// Id of the message.
        id: u8,
    },
}

/// A range of bytes in a piece, as in `request`, `cancel` and `reject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block {
    /// Index of the piece.
    pub piece: u32,
    /// Start in the piece, in bytes.
    pub begin: u32,
    /// Length in bytes.
    pub len: u32,
}

/// A range of hashes in a file's Merkle tree (BEP 52, "hash request").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashRequest {
    /// Root of the file's tree, which identifies the file.
    pub pieces_root: [u8; 32],
    /// Lowest requested layer; 0 is the layer of the leaves, one per 16 KiB block.
    pub base_layer: u32,
    /// Index of the first hash in that layer.
    pub index: u32,
    /// Number of hashes in that layer.
    pub length: u32,
    /// Number of layers above it that are requested as proof.
    pub proof_layers: u32,
}

/// Returns the header of a `piece` message with `len` bytes of data, so that the data itself need not be copied.
pub fn piece_header(piece: u32, begin: u32, len: u32) -> [u8; PIECE_HEADER_LEN] {
    let mut header = [0; PIECE_HEADER_LEN];
    header[..4].copy_from_slice(&len.saturating_add(9).to_be_bytes());
    header[4] = id::PIECE;
    header[5..9].copy_from_slice(&piece.to_be_bytes());
    header[9..].copy_from_slice(&begin.to_be_bytes());
    header
}

impl Message {
    /// Appends the message, with its length prefix, to `out`. A [`Message::Unknown`] is written without payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::KeepAlive => out.extend([0; 4]),
            Self::Choke => prefix(out, id::CHOKE, 0),
            Self::Unchoke => prefix(out, id::UNCHOKE, 0),
            Self::Interested => prefix(out, id::INTERESTED, 0),
            Self::NotInterested => prefix(out, id::NOT_INTERESTED, 0),
            Self::Have { piece } => index(out, id::HAVE, *piece),
            Self::Bitfield(bits) => {
                prefix(out, id::BITFIELD, bits.len());
                out.extend_from_slice(bits);
            }
            Self::Request(block) => block.encode(out, id::REQUEST),
            Self::Piece { piece, begin, data } => {
                out.extend(piece_header(*piece, *begin, u32::try_from(data.len()).unwrap_or(u32::MAX)));
                out.extend_from_slice(data);
            }
            Self::Cancel(block) => block.encode(out, id::CANCEL),
            Self::Port(port) => {
                prefix(out, id::PORT, 2);
                out.extend(port.to_be_bytes());
            }
            Self::Suggest { piece } => index(out, id::SUGGEST, *piece),
            Self::HaveAll => prefix(out, id::HAVE_ALL, 0),
            Self::HaveNone => prefix(out, id::HAVE_NONE, 0),
            Self::Reject(block) => block.encode(out, id::REJECT),
            Self::AllowedFast { piece } => index(out, id::ALLOWED_FAST, *piece),
            Self::Extended { id, payload } => {
                prefix(out, id::EXTENDED, payload.len().saturating_add(1));
                out.push(*id);
                out.extend_from_slice(payload);
            }
            Self::HashRequest(request) => request.encode(out, id::HASH_REQUEST, &[]),
            Self::Hashes { request, hashes } => request.encode(out, id::HASHES, hashes),
            Self::HashReject(request) => request.encode(out, id::HASH_REJECT, &[]),
            Self::Unknown { id } => prefix(out, *id, 0),
        }
    }
}

impl Block {
    fn encode(self, out: &mut Vec<u8>, id: u8) {
        prefix(out, id, 12);
        out.extend(self.piece.to_be_bytes());
        out.extend(self.begin.to_be_bytes());
        out.extend(self.len.to_be_bytes());
    }
}

impl HashRequest {
    /// Length on the wire in bytes.
    pub(crate) const LEN: usize = 48;

    fn encode(&self, out: &mut Vec<u8>, id: u8, hashes: &[u8]) {
        prefix(out, id, hashes.len().saturating_add(Self::LEN));
        out.extend(self.pieces_root);
        for field in [self.base_layer, self.index, self.length, self.proof_layers] {
            out.extend(field.to_be_bytes());
        }
        out.extend_from_slice(hashes);
    }
}

fn prefix(out: &mut Vec<u8>, id: u8, payload_len: usize) {
    let len = u32::try_from(payload_len).unwrap_or(u32::MAX).saturating_add(1);
    out.extend(len.to_be_bytes());
    out.push(id);
}

fn index(out: &mut Vec<u8>, id: u8, piece: u32) {
    prefix(out, id, 4);
    out.extend(piece.to_be_bytes());
}

/// Message ids.
pub(crate) mod id {
    pub(crate) const CHOKE: u8 = 0;
    pub(crate) const UNCHOKE: u8 = 1;
    pub(crate) const INTERESTED: u8 = 2;
    pub(crate) const NOT_INTERESTED: u8 = 3;
    pub(crate) const HAVE: u8 = 4;
    pub(crate) const BITFIELD: u8 = 5;
    pub(crate) const REQUEST: u8 = 6;
    pub(crate) const PIECE: u8 = 7;
    pub(crate) const CANCEL: u8 = 8;
    pub(crate) const PORT: u8 = 9;
    pub(crate) const SUGGEST: u8 = 13;
    pub(crate) const HAVE_ALL: u8 = 14;
    pub(crate) const HAVE_NONE: u8 = 15;
    pub(crate) const REJECT: u8 = 16;
    pub(crate) const ALLOWED_FAST: u8 = 17;
    pub(crate) const EXTENDED: u8 = 20;
    pub(crate) const HASH_REQUEST: u8 = 21;
    pub(crate) const HASHES: u8 = 22;
    pub(crate) const HASH_REJECT: u8 = 23;
}
