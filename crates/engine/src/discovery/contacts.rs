//! State of peer exchange (BEP 11): contacts that a peer knows, and recent peers that are still worth a contact.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use ztor_base::{Duration, Instant};
use ztor_wire::{MAX_PEX_CONTACTS, PexFlags, PexMessage};

/// Time between two messages to a peer (BEP 11: a minute at least).
pub(super) const EVERY: Duration = Duration::from_secs(60);
/// Messages that come faster than this are not read. Some clients send a little early.
const READ_EVERY: Duration = Duration::from_secs(45);
/// Number of first messages that may come faster.
const READ_AT_ONCE: u32 = 2;
/// Number of contacts below which recent peers are sent as well (BEP 11, "filling underpopulated lists"), and maximum
/// number of recent peers.
const FEW: usize = 25;
/// Time for which a recent peer is sent.
const RECENT_FOR: Duration = Duration::from_secs(120);

/// Contacts to send.
pub(super) type Contacts = BTreeMap<SocketAddr, PexFlags>;

/// Peer exchange state of a peer.
#[derive(Debug)]
pub(crate) struct PexState {
    sent: BTreeSet<SocketAddr>,
    /// Time of the next message to the peer; [`Instant::FAR_FUTURE`] if it does not support peer exchange.
    next_at: Instant,
    read_at: Option<Instant>,
    read: u32,
}

impl Default for PexState {
    fn default() -> Self {
        Self { sent: BTreeSet::new(), next_at: Instant::FAR_FUTURE, read_at: None, read: 0 }
    }
}

impl PexState {
    /// Returns the approximate memory in use, in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.sent.len() * 2 * size_of::<SocketAddr>()
    }

    /// Returns true if a message to the peer is planned.
    pub(super) fn is_planned(&self) -> bool {
        self.next_at < Instant::FAR_FUTURE
    }

    /// Sets the time of the next message; `None` if the peer does not support peer exchange.
    pub(super) fn plan(&mut self, next_at: Option<Instant>) {
        self.next_at = next_at.unwrap_or(Instant::FAR_FUTURE);
    }

    /// Returns the time of the next message; `None` if none is planned.
    pub(super) fn next_at(&self) -> Option<Instant> {
        Some(self.next_at).filter(|at| *at < Instant::FAR_FUTURE)
    }

    /// Creates a message with the changes since the last one.
    pub(super) fn update(&mut self, now: Instant, contacts: &Contacts) -> PexMessage {
        let sent = &self.sent;
        let dropped = sent.iter().filter(|addr| !contacts.contains_key(*addr)).take(MAX_PEX_CONTACTS);
        let added = contacts.iter().filter(|(addr, _)| !sent.contains(*addr)).take(MAX_PEX_CONTACTS);
        let message = PexMessage {
            added: added.map(|(addr, flags)| (*addr, *flags)).collect(),
            dropped: dropped.copied().collect(),
        };
        self.next_at = now + EVERY;
        for addr in &message.dropped {
            self.sent.remove(addr);
        }
        self.sent.extend(message.added.iter().map(|(addr, _)| *addr));
        message
    }

    /// Counts a message of the peer. Returns false if it comes too soon to be read.
    pub(super) fn may_read(&mut self, now: Instant) -> bool {
        let too_soon = self.read_at.is_some_and(|at| now.since(at) < READ_EVERY);
        if too_soon && self.read >= READ_AT_ONCE {
            return false;
        }
        self.read_at = Some(now);
        self.read += 1;
        true
    }
}

/// Recent peers: their connections ended because neither side needed the other.
#[derive(Debug, Default)]
pub(crate) struct RecentPeers(VecDeque<(SocketAddr, PexFlags, Instant)>);

impl RecentPeers {
    /// Adds a contact whose connection ended because both sides have all they want.
    pub(super) fn add(&mut self, now: Instant, addr: SocketAddr, flags: PexFlags) {
        self.0.retain(|(known, ..)| *known != addr);
        self.0.push_back((addr, flags, now));
        if self.0.len() > FEW {
            self.0.pop_front();
        }
    }

    /// Forgets the contacts for which `is_over` returns true.
    pub(crate) fn forget_all(&mut self, is_over: impl Fn(SocketAddr) -> bool) {
        self.0.retain(|(addr, ..)| !is_over(*addr));
    }

    /// Adds recent peers to each address family with few contacts.
    pub(super) fn fill_up(&self, now: Instant, contacts: &mut Contacts) {
        for is_v4 in [true, false] {
            let few = contacts.keys().filter(|addr| addr.is_ipv4() == is_v4).count() < FEW;
            let recent = self
                .0
                .iter()
                .filter(|(addr, _, at)| few && addr.is_ipv4() == is_v4 && now.since(*at) < RECENT_FOR);
            for (addr, flags, _) in recent {
                contacts.entry(*addr).or_insert(*flags);
            }
        }
    }
}
