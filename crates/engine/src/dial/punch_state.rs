//! Hole punching state of a peer (BEP 55).

use std::net::SocketAddr;
use ztor_base::{Duration, Instant};

/// Maximum number of addresses remembered of those that one peer has named.
const MAX_HEARD: usize = 200;
/// Number of requests that a peer may make in a burst.
const ASKS_AT_ONCE: u32 = 20;
/// Time after which it may make one more.
const ASK_EVERY: Duration = Duration::from_secs(3);

/// Hole punching state of a peer.
#[derive(Debug, Default)]
pub(crate) struct PunchState {
    /// Addresses of peers with the extension that this peer has named, the newest last.
    heard: Vec<SocketAddr>,
    asks: u32,
    asks_since: Instant,
}

impl PunchState {
    /// Records that this peer has named a peer with the extension.
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

    /// Counts a request. Returns false if the peer may not make one now.
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
