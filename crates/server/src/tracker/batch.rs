//! A UDP socket that reads and writes many datagrams with one system call, if the system supports that.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use socket2::Socket;

/// Maximum number of answers sent with one system call.
const SEND_BATCH: usize = 32;

/// Maximum length of a datagram without receive offload, in bytes. Longer ones are cut, and so of no use.
const MAX_DATAGRAM: usize = 2048;

/// Size of the receive buffer to request from the kernel, in bytes.
const KERNEL_BUFFER: usize = 8_000_000;

/// The socket and the buffers of received datagrams.
pub(super) struct BatchSocket {
    socket: UdpSocket,
    state: UdpSocketState,
    /// Length of each buffer, in bytes.
    buffer_len: usize,
    buffers: Vec<u8>,
}

/// The source of a datagram, and its local destination if the system reports it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) from: SocketAddr,
    pub(super) to: Option<IpAddr>,
}

/// Answers that wait to be sent, at most [`SEND_BATCH`].
#[derive(Default)]
pub(super) struct Answers {
    bytes: Vec<u8>,
    /// Destination of each, and its end in `bytes`.
    ends: Vec<(SocketAddr, usize)>,
}

impl BatchSocket {
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        let socket = UdpSocket::from(socket);
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        if let Err(error) = socket2::SockRef::from(&socket).set_recv_buffer_size(KERNEL_BUFFER) {
            tracing::debug!(%error, "cannot enlarge the UDP receive buffer");
        }
        let buffer_len = if state.gro_segments() > 1 { 64 * 1024 } else { MAX_DATAGRAM };
        Ok(Self { socket, state, buffer_len, buffers: vec![0; BATCH_SIZE * buffer_len] })
    }

    /// Returns the socket, to poll it.
    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Receives once. `answer` appends the answer to a datagram, if any, to the given buffer. All answers are sent, or
    /// dropped by the system, when this returns. Returns true if there may be more to receive.
    pub(super) fn serve_once(
        &mut self,
        answers: &mut Answers,
        mut answer: impl FnMut(&[u8], Ends, &mut Vec<u8>),
    ) -> io::Result<bool> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut slices = self.buffers.chunks_exact_mut(self.buffer_len).map(IoSliceMut::new);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let count = self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas)?;
        for (meta, buffer) in metas.iter().zip(&slices).take(count) {
            let bytes = &buffer[..meta.len.min(buffer.len())];
            for datagram in bytes.chunks(meta.stride.max(1)) {
                let before = answers.bytes.len();
                answer(datagram, Ends { from: meta.addr, to: meta.dst_ip }, &mut answers.bytes);
                if answers.bytes.len() > before {
                    answers.ends.push((meta.addr, answers.bytes.len()));
                }
                if answers.ends.len() == SEND_BATCH {
                    answers.send(&self.socket);
                }
            }
        }
        answers.send(&self.socket);
        Ok(count == BATCH_SIZE)
    }
}

impl Answers {
    fn range(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |&(_, end)| end);
        let end = self.ends.get(at).map_or(start, |&(_, end)| end);
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Sends all answers. If a queue is full, the rest is dropped, as the network might do; the clients ask again.
    #[cfg(target_os = "linux")]
    fn send(&mut self, socket: &UdpSocket) {
        use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
        use std::io::IoSlice;

        let nowhere = SocketAddr::from(([0; 4], 0));
        let addrs: [SocketAddrAny; SEND_BATCH] =
            std::array::from_fn(|at| self.ends.get(at).map_or(nowhere, |&(to, _)| to).into());
        let slices: [[IoSlice<'_>; 1]; SEND_BATCH] = std::array::from_fn(|at| [IoSlice::new(self.range(at))]);
        let mut controls: [SendAncillaryBuffer<'_, '_, '_>; SEND_BATCH] =
            std::array::from_fn(|_| SendAncillaryBuffer::default());
        let mut at = 0;
        let mut messages: [MMsgHdr<'_>; SEND_BATCH] = controls.each_mut().map(|control| {
            at += 1;
            MMsgHdr::new_with_addr(&addrs[at - 1], &slices[at - 1], control)
        });
        let mut rest = messages.get_mut(..self.ends.len()).unwrap_or_default();
        while !rest.is_empty() {
            let done = match sendmmsg(socket, rest, SendFlags::DONTWAIT) {
                Ok(sent) => sent,
                Err(rustix::io::Errno::AGAIN) => break,
                // This one cannot be delivered; perhaps the next can.
                Err(_) => 1,
            };
            rest = rest.get_mut(done.max(1)..).unwrap_or_default();
        }
        self.clear();
    }

    #[cfg(not(target_os = "linux"))]
    fn send(&mut self, socket: &UdpSocket) {
        for (at, (to, _)) in self.ends.iter().enumerate() {
            let _ = socket.send_to(self.range(at), to);
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}
