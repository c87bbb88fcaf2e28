//! A TCP listener whose connections are bounded in number, in time and in the length of requests.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep};
use ztor_base::Host;

use crate::slots::{Slot, Slots};

/// Bounds of the connections, in number and in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Maximum number of connections. Beyond it, a new one replaces the one that has waited longest.
    pub(crate) max: usize,
    /// Maximum number of connections from one host. Further ones are closed at once.
    pub(crate) max_per_host: usize,
    /// Time for the line and the headers of a request.
    pub(crate) for_request: Duration,
    /// Time until the client reads the next part of an answer, or starts the next request.
    pub(crate) for_progress: Duration,
}

impl Default for Limits {
    /// Returns a limit of half of the file descriptors that the process may open, at most 16,384 connections, and of
    /// 128 from one host. A request may take 5 s, and a part of an answer 20 s.
    fn default() -> Self {
        let allowed =
            rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
        let max = usize::try_from(allowed / 2).unwrap_or(usize::MAX).clamp(1, 16 * 1024);
        let (for_request, for_progress) = (Duration::from_secs(5), Duration::from_secs(20));
        Self { max, max_per_host: 128, for_request, for_progress }
    }
}

/// Maximum length of a request in bytes, including headers. An announce has less than 1 KiB.
const MAX_REQUEST_LEN: usize = 16 * 1024;

/// A TCP listener with [`Limits`].
pub(crate) struct GuardedListener {
    listener: TcpListener,
    proxies: Vec<IpNet>,
    limits: Limits,
    slots: Slots,
}

/// Both ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) peer: SocketAddr,
    /// `None` if the connection broke before it was known.
    pub(crate) local: Option<SocketAddr>,
}

/// A connection that fails if it is too slow, or if its request is too long.
pub(crate) struct GuardedStream {
    stream: TcpStream,
    limits: Limits,
    deadline: Pin<Box<Sleep>>,
    read_since_write: usize,
    slot: Slot,
    /// Ready when the connection is evicted; `None` after that.
    evicted: Option<oneshot::Receiver<()>>,
}

impl GuardedListener {
    /// Creates a listener. `proxies` make the connections of all their clients, so the limit per host does not apply to
    /// them.
    pub(crate) fn new(listener: TcpListener, limits: Limits, proxies: Vec<IpNet>) -> Self {
        Self { listener, proxies, limits, slots: Slots::new(limits.max) }
    }
}

impl GuardedListener {
    fn take(&self, ip: IpAddr) -> Option<(Slot, oneshot::Receiver<()>)> {
        let ip = ip.to_canonical();
        let is_proxy = self.proxies.iter().any(|net| net.contains(&ip));
        let max = if is_proxy { self.limits.max } else { self.limits.max_per_host };
        self.slots.take(Host::of(ip), max)
    }
}

impl Listener for GuardedListener {
    type Io = GuardedStream;
    type Addr = Ends;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Most likely the process is out of file descriptors.
                    tracing::debug!(%error, "cannot accept a connection");
                    self.slots.evict_oldest();
                    sleep(Duration::from_millis(10)).await;
                    continue;
                }
            };
            let Some((slot, evicted)) = self.take(peer.ip()) else { continue };
            let local = stream.local_addr().ok();
            let deadline = Box::pin(sleep(self.limits.for_request));
            let io = GuardedStream {
                stream,
                limits: self.limits,
                deadline,
                read_since_write: 0,
                slot,
                evicted: Some(evicted),
            };
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
        if self.evicted.as_mut().is_some_and(|evicted| Pin::new(evicted).poll(cx).is_ready()) {
            self.evicted = None;
        }
        if self.evicted.is_none() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        match self.deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }

    fn on_written(&mut self, written: usize) {
        if written > 0 {
            self.read_since_write = 0;
            self.slot.renew();
            self.deadline.as_mut().reset(Instant::now() + self.limits.for_progress);
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
        let read = buf.filled().len().saturating_sub(before);
        if read > 0 && this.read_since_write == 0 {
            let deadline = this.deadline.deadline().min(Instant::now() + this.limits.for_request);
            this.deadline.as_mut().reset(deadline);
        }
        this.read_since_write += read;
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::future::poll_fn;
    use std::io::Write;

    use super::*;

    fn limits(max: usize, max_per_host: usize) -> Limits {
        Limits { max, max_per_host, ..Limits::default() }
    }

    #[test]
    fn proxy_may_have_more_connections_than_a_host() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let limits = limits(5, 2);
            let listener = GuardedListener::new(listener, limits, vec!["127.0.0.0/8".parse().unwrap()]);
            let take = |ip: &str| listener.take(ip.parse().unwrap());
            let of_proxy: Vec<_> = (0..5).filter_map(|_| take("127.0.0.1")).collect();
            let of_host: Vec<_> = (0..5).filter_map(|_| take("192.0.2.1")).collect();
            assert_eq!((of_proxy.len(), of_host.len()), (5, 2));
        });
    }

    #[test]
    fn accept_when_full_ends_the_connection_that_waited_longest() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let mut listener = GuardedListener::new(listener, limits(3, 100), Vec::new());
            let mut clients = Vec::new();
            let mut streams = Vec::new();
            for n in 0..5 {
                clients.push(std::net::TcpStream::connect(addr).unwrap());
                let before = Instant::now();
                streams.push(listener.accept().await.0);
                assert!(
                    streams[n].deadline.deadline() <= Instant::now().max(before) + limits(3, 100).for_request
                );
                if n == 2 {
                    // It gets an answer, so that it is not the one that has waited longest.
                    let stream = &mut streams[0];
                    poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, b"answer")).await.unwrap();
                }
            }
            let mut byte = [0];
            for (n, is_evicted) in [(0, false), (1, true), (2, true), (3, false), (4, false)] {
                clients[n].write_all(b"x").unwrap();
                for _ in 0..2 {
                    let (stream, mut buf) = (&mut streams[n], ReadBuf::new(&mut byte));
                    let read = poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut buf)).await;
                    assert_eq!(read.is_err(), is_evicted, "{n}");
                    if !is_evicted {
                        break;
                    }
                }
            }
            // A request that has started must end in time.
            assert!(streams[0].deadline.deadline() <= Instant::now() + limits(3, 100).for_request);
        });
    }
}
