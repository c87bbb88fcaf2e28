//! One TCP connection: what is to go out, and what came of a message so far.

use mio::net::TcpStream;
use rustix::net::{SendFlags, send};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;
use ztor_engine::SendBlock;
use ztor_storage::FileSlice;
use ztor_wire::Block;

/// What pads (BEP 47) are sent from.
static ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

/// Unsent messages without piece data, in bytes, at which a peer is given up.
const MAX_CONTROL_BYTES: usize = 1024 * 1024;

#[derive(Debug)]
enum Segment {
    Bytes { data: Vec<u8>, at: usize },
    Header { send: SendBlock, at: usize },
    File { file: Arc<File>, offset: u64, left: u32 },
    Zeros { left: u32 },
    Block { data: Vec<u8>, at: usize },
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) stream: TcpStream,
    pub(crate) is_connecting: bool,
    /// The kernel has said so and no read has run dry since; then the connection is in the ready queue.
    pub(crate) is_readable: bool,
    /// The other side has ended or broken the connection: read until that shows, the kernel tells it once.
    pub(crate) has_ended: bool,
    is_writable: bool,
    /// In the list of connections to flush at the end of the turn.
    pub(crate) wants_flush: bool,
    /// The start of a message whose rest has not come. Empty for an idle peer, which so holds no buffer.
    pub(crate) tail: Vec<u8>,
    out: VecDeque<Segment>,
    /// Bytes in `out` that are not piece data; the engine bounds the rest.
    control_bytes: usize,
    /// The block whose data goes out now.
    sending: Option<SendBlock>,
}

impl Conn {
    pub(crate) fn new(stream: TcpStream, is_connecting: bool) -> Self {
        Self {
            stream,
            is_connecting,
            is_readable: false,
            has_ended: false,
            is_writable: !is_connecting,
            wants_flush: false,
            tail: Vec::new(),
            out: VecDeque::new(),
            control_bytes: 0,
            sending: None,
        }
    }

    pub(crate) fn now_writable(&mut self) {
        self.is_writable = true;
    }

    /// The peer asks for answers and does not read them.
    pub(crate) fn is_flooded(&self) -> bool {
        self.control_bytes > MAX_CONTROL_BYTES
    }

    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.control_bytes += bytes.len();
        match self.out.back_mut() {
            Some(Segment::Bytes { data, .. }) => data.extend_from_slice(bytes),
            _ => self.out.push_back(Segment::Bytes { data: bytes.to_vec(), at: 0 }),
        }
    }

    /// A `piece` message whose data goes from the files to the socket without passing through here.
    pub(crate) fn push_block(&mut self, send: SendBlock, slices: impl IntoIterator<Item = FileSlice>) {
        self.push_header(send);
        self.out.extend(slices.into_iter().map(|slice| match slice.file {
            Some(file) => Segment::File { file, offset: slice.offset, left: slice.len },
            None => Segment::Zeros { left: slice.len },
        }));
    }

    /// A `piece` message whose data was read.
    pub(crate) fn push_read_block(&mut self, send: SendBlock, data: Vec<u8>) {
        self.push_header(send);
        self.out.push_back(Segment::Block { data, at: 0 });
    }

    /// The block whose data could not be sent, after an error.
    pub(crate) fn unsent_block(&self) -> Option<SendBlock> {
        self.sending
    }

    fn push_header(&mut self, send: SendBlock) {
        self.out.push_back(Segment::Header { send, at: 0 });
    }

    /// Writes as much as the kernel takes. Returns how many bytes of piece data went, also before an error.
    pub(crate) fn flush(&mut self) -> (u32, io::Result<()>) {
        let mut block_bytes = 0;
        if self.is_connecting {
            return (0, Ok(()));
        }
        while self.is_writable {
            match self.write_front() {
                Ok(Some(sent)) => block_bytes += sent,
                Ok(None) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (block_bytes, Err(error)),
            }
        }
        (block_bytes, Ok(()))
    }

    /// One system call. Returns the piece data it took, `None` if there is nothing to send.
    fn write_front(&mut self) -> io::Result<Option<u32>> {
        let more = if self.out.len() > 1 { SendFlags::MORE } else { SendFlags::empty() };
        let flags = SendFlags::NOSIGNAL | more;
        let Some(front) = self.out.front_mut() else { return Ok(None) };
        let (sent, done) = match front {
            Segment::Bytes { data, at } => {
                let sent = send(&self.stream, &data[*at..], flags)?;
                *at += sent;
                self.control_bytes -= sent;
                (0, *at == data.len())
            }
            Segment::Block { data, at } => {
                let sent = send(&self.stream, &data[*at..], flags)?;
                *at += sent;
                (sent as u32, *at == data.len())
            }
            Segment::Header { send: block, at } => {
                let Block { piece, begin, len } = block.block;
                let header = ztor_wire::piece_header(piece, begin, len);
                *at += send(&self.stream, &header[*at..], flags)?;
                self.sending = Some(*block);
                (0, *at == header.len())
            }
            Segment::File { file, offset, left } => {
                let sent = rustix::fs::sendfile(&self.stream, &*file, Some(offset), *left as usize)?;
                if sent == 0 {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "a file that is being served became shorter",
                    ));
                }
                *left -= sent as u32;
                (sent as u32, *left == 0)
            }
            Segment::Zeros { left } => {
                let len = ZEROS.len().min(*left as usize);
                let sent = send(&self.stream, &ZEROS[..len], flags)?;
                *left -= sent as u32;
                (sent as u32, *left == 0)
            }
        };
        if done {
            self.out.pop_front();
        }
        Ok(Some(sent))
    }
}
