//! A TCP listener whose connections are bounded in number, in time and in what they may say.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// The most connections at once; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 512;

/// The most connections from one address; further ones are closed at once.
const MAX_CONNECTIONS_PER_IP: usize = 128;

/// How long a connection may take to bring a request, or to take the next part of an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most bytes of a request, headers and all; an announce has less than 1 KiB.
const MAX_REQUEST_LEN: usize = 16 * 1024;

/// See the module.
pub(crate) struct GuardedListener {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    per_ip: PerIp,
}

/// Both ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) peer: SocketAddr,
    /// Unknown if the connection broke before it could be asked.
    pub(crate) local: Option<SocketAddr>,
}

/// A connection that fails when it dawdles or talks too much.
pub(crate) struct GuardedStream {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
    read_since_write: usize,
    _permit: Option<OwnedSemaphorePermit>,
    _slot: Slot,
}

type PerIp = Arc<Mutex<BTreeMap<IpAddr, usize>>>;

/// A connection's place among those of its address.
struct Slot {
    per_ip: PerIp,
    ip: IpAddr,
}

impl GuardedListener {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self { listener, permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)), per_ip: PerIp::default() }
    }
}

impl Listener for GuardedListener {
    type Io = GuardedStream;
    type Addr = Ends;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // The semaphore is never closed; should it be, connections are merely not counted.
            let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: it passes, but not at once.
                    tracing::debug!(%error, "accept failed");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Some(slot) = Slot::take(&self.per_ip, peer.ip().to_canonical()) else { continue };
            let local = stream.local_addr().ok();
            let deadline = Box::pin(sleep(PATIENCE));
            let io = GuardedStream { stream, deadline, read_since_write: 0, _permit: permit, _slot: slot };
            return (io, Ends { peer, local });
        }
    }

    fn local_addr(&self) -> io::Result<Ends> {
        let local = self.listener.local_addr()?;
        Ok(Ends { peer: local, local: Some(local) })
    }
}

impl Connected<IncomingStream<'_, GuardedListener>> for Ends {
    fn connect_info(stream: IncomingStream<'_, GuardedListener>) -> Self {
        *stream.remote_addr()
    }
}

impl GuardedStream {
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }

    fn on_written(&mut self, written: usize) {
        if written > 0 {
            self.read_since_write = 0;
            self.deadline.as_mut().reset(Instant::now() + PATIENCE);
        }
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.poll_deadline(cx)?;
        if this.read_since_write >= MAX_REQUEST_LEN {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "request too long")));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        this.read_since_write += buf.filled().len().saturating_sub(before);
        polled
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.poll_deadline(cx)?;
        let polled = Pin::new(&mut this.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = polled {
            this.on_written(written);
        }
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.poll_deadline(cx)?;
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(written)) = polled {
            this.on_written(written);
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl Slot {
    fn take(per_ip: &PerIp, ip: IpAddr) -> Option<Self> {
        let mut counts = per_ip.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(ip).or_default();
        if *count >= MAX_CONNECTIONS_PER_IP {
            return None;
        }
        *count += 1;
        Some(Self { per_ip: Arc::clone(per_ip), ip })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.per_ip.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.ip);
            }
        }
    }
}
