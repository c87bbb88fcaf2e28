//! A peer's side of hole punching (BEP 55).

use std::net::SocketAddr;
use ztor_base::{Duration, Instant};

/// Addresses of peers with the extension that are remembered of what one peer has named.
const MAX_HEARD: usize = 200;
/// Rendezvous that a peer may request in a row.
const ASKS_AT_ONCE: u32 = 20;
/// Time until it may request one more.
const ASK_EVERY: Duration = Duration::from_secs(3);

/// A peer's side of hole punching.
#[derive(Debug, Default)]
pub(crate) struct PunchState {
    /// Peers with the extension that it has named, the latest last.
    heard: Vec<SocketAddr>,
    asks: u32,
    asks_since: Instant,
}

impl PunchState {
    /// It has named a peer with the extension.
    pub(crate) fn heard_of(&mut self, addr: SocketAddr) {
        if !self.heard.contains(&addr) {
            if self.heard.len() >= MAX_HEARD {
                self.heard.remove(0);
            }
            self.heard.push(addr);
        }
    }

    pub(super) fn has_heard_of(&self, addr: SocketAddr) -> bool {
        self.heard.contains(&addr)
    }

    pub(super) fn forget(&mut self, addr: SocketAddr) {
        self.heard.retain(|heard| *heard != addr);
    }

    /// Counts a request. False if it may not make one now.
    pub(crate) fn may_ask(&mut self, now: Instant) -> bool {
        let regained = now.since(self.asks_since).as_secs() / ASK_EVERY.as_secs();
        if regained > 0 {
            self.asks = self.asks.saturating_sub(regained.min(u64::from(ASKS_AT_ONCE)) as u32);
            self.asks_since = now;
        }
        let may = self.asks < ASKS_AT_ONCE;
        self.asks += u32::from(may);
        may
    }
}
