//! A UDP socket, which µTP, the DHT and UDP trackers share: many datagrams per system call where the system
//! supports that.

use mio::net::UdpSocket;
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::cell::Cell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use ztor_base::addr::canonical;

/// Number of buffers that a system call fills. With receive offload, each holds many datagrams of one sender.
const BATCH: usize = 8;
/// Longest datagram that is read without receive offload, in bytes. Longer ones are cut, and so useless.
const MAX_DATAGRAM: usize = 2048;
/// Maximum number of bytes per system call, in any number of datagrams: as many as one may have.
const MAX_SEND: usize = 65_507;
/// Requested size of the kernel's receive buffer, in bytes. It holds what arrives while we are busy.
const KERNEL_BUFFER: usize = 4 * 1024 * 1024;

pub(crate) struct UdpIo {
    socket: UdpSocket,
    state: UdpSocketState,
    /// True if it has all addresses of the machine.
    is_at_all: bool,
    /// True if a source address was refused, which the library takes for a lack of batches.
    is_misled: Cell<bool>,
    /// Length of each buffer, in bytes.
    buffer_len: usize,
    buffers: Vec<u8>,
}

impl UdpIo {
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let is_at_all = socket.local_addr()?.ip().is_unspecified();
        enlarge(&socket);
        let (gso, gro) = (state.max_gso_segments(), state.gro_segments());
        if gso <= 1 || gro <= 1 {
            tracing::info!(
                send = gso,
                receive = gro,
                "using UDP without segmentation offload in both directions; µTP takes more CPU time"
            );
        }
        let buffer_len = if gro > 1 { 64 * 1024 } else { MAX_DATAGRAM };
        Ok(Self {
            socket,
            state,
            is_at_all,
            is_misled: Cell::new(false),
            buffer_len,
            buffers: vec![0; BATCH * buffer_len],
        })
    }

    /// Returns the socket, to register it.
    pub(super) fn socket_mut(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Returns the number of datagrams of up to `len` bytes, of one length and to one destination, per system call.
    pub(crate) fn max_segments(&self, len: usize) -> usize {
        self.state.max_gso_segments().min(MAX_SEND / len.max(1)).max(1)
    }

    /// Receives once, and passes each datagram to `take`: with its sender, and with the address at which it has arrived if
    /// the socket has all addresses.
    pub(crate) fn receive(
        &mut self,
        mut take: impl FnMut(SocketAddr, Option<IpAddr>, &[u8]),
    ) -> io::Result<()> {
        if self.is_misled.take() {
            self.state = UdpSocketState::new(UdpSockRef::from(&self.socket))?;
        }
        let mut metas = [RecvMeta::default(); BATCH];
        let mut slices = self.buffers.chunks_exact_mut(self.buffer_len).map(IoSliceMut::new);
        let mut slices: [IoSliceMut<'_>; BATCH] =
            std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let count = self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas)?;
        for (meta, buffer) in metas.iter().zip(&slices).take(count) {
            let bytes = &buffer[..meta.len.min(buffer.len())];
            let (from, at) = (canonical(meta.addr), meta.dst_ip.filter(|_| self.is_at_all));
            bytes.chunks(meta.stride.max(1)).for_each(|datagram| take(from, at, datagram));
        }
        Ok(())
    }

    /// Sends datagrams of `segment_len` bytes each, except for the last, which may be shorter. Those of a socket with all
    /// addresses leave from `src_ip`, in the form in which it was received; `None` lets the system choose.
    pub(crate) fn send(
        &self,
        (src_ip, to): (Option<IpAddr>, SocketAddr),
        contents: &[u8],
        segment_len: usize,
    ) -> io::Result<()> {
        let segment_size = (contents.len() > segment_len).then_some(segment_len);
        let transmit = Transmit { destination: to, ecn: None, contents, segment_size, src_ip };
        let sent = self.state.try_send(UdpSockRef::from(&self.socket), &transmit);
        // The address has just gone.
        let is_refused = sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput);
        self.is_misled.set(self.is_misled.get() || is_refused && src_ip.is_some());
        sent
    }
}

/// Enlarges the receive buffer, whose usual size holds a fraction of a millisecond of a fast line.
fn enlarge(socket: &UdpSocket) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::net::sockopt::set_socket_recv_buffer_size_force;
        // Needs privileges. Without them, the system limits the size.
        if set_socket_recv_buffer_size_force(socket, KERNEL_BUFFER).is_ok() {
            return;
        }
    }
    if let Err(error) = socket2::SockRef::from(socket).set_recv_buffer_size(KERNEL_BUFFER) {
        tracing::debug!(%error, "cannot enlarge the UDP receive buffer");
    }
}
