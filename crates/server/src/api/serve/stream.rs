//! Connections that end when they are evicted, or when the client takes no bytes for long.

use crate::slots::Slot;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

/// Longest time for which a client may take no bytes of an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection with a slot.
#[derive(Debug)]
pub(super) struct Bounded<S> {
    stream: S,
    /// The slot, and a receiver that is ready when the connection is evicted; `None` without a bound.
    slot: Option<(Slot, oneshot::Receiver<()>)>,
    /// Deadline of the write that waits; `None` if none does.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Bounded<S> {
    pub(super) fn new(stream: S, slot: Option<(Slot, oneshot::Receiver<()>)>) -> Self {
        Self { stream, slot, stalled: None }
    }

    fn poll_evicted(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some((slot, evicted)) = &mut self.slot else { return Ok(()) };
        // A receiver may not be polled again after it was ready, but an evicted slot stays evicted.
        if slot.is_evicted() || Pin::new(evicted).poll(cx).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    fn on_write<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            if let Some((slot, _)) = &mut self.slot {
                slot.renew();
            }
            return polled;
        }
        let deadline = self.stalled.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        match deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => polled,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.poll_evicted(cx)?;
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.poll_evicted(cx)?;
        let polled = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.on_write(cx, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.poll_evicted(cx)?;
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.on_write(cx, polled)
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
