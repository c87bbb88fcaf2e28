//! State of peer exchange (BEP 11): contacts that a peer knows, and peers that left although nothing is wrong with them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use ztor_base::{Duration, Instant};
use ztor_wire::{MAX_PEX_CONTACTS, PexFlags, PexMessage};

/// Time between two messages to a peer (BEP 11: a minute at least).
pub(super) const EVERY: Duration = Duration::from_secs(60);
/// Messages that come faster than this are not read; some clients are a little early.
const READ_EVERY: Duration = Duration::from_secs(45);
/// The first few may come faster.
const READ_AT_ONCE: u32 = 2;
/// Below this number of connections, contacts that left for want of mutual use are sent as well (BEP 11, "filling
/// underpopulated lists"), and at most this number of them.
const FEW: usize = 25;
/// How long such a contact is sent.
const RECENT_FOR: Duration = Duration::from_secs(120);

/// Contacts to send.
pub(super) type Contacts = BTreeMap<SocketAddr, PexFlags>;

/// A peer's side of peer exchange.
#[derive(Debug)]
pub(crate) struct PexState {
    sent: BTreeSet<SocketAddr>,
    /// Time of the next message; never before it said that it takes them.
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
    /// Memory in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        self.sent.len() * 2 * size_of::<SocketAddr>()
    }

    /// Returns true if messages to the peer have a time.
    pub(super) fn is_planned(&self) -> bool {
        self.next_at < Instant::FAR_FUTURE
    }

    /// Sets the time of the next message; `None` if the peer does not take them.
    pub(super) fn plan(&mut self, next_at: Option<Instant>) {
        self.next_at = next_at.unwrap_or(Instant::FAR_FUTURE);
    }

    /// Time of the next message, if there is one.
    pub(super) fn next_at(&self) -> Option<Instant> {
        Some(self.next_at).filter(|at| *at < Instant::FAR_FUTURE)
    }

    /// Makes a message of what has changed since the last one.
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

    /// Counts a message of the peer. False if it comes too soon to be read.
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

/// Peers that are gone although nothing is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct RecentPeers(VecDeque<(SocketAddr, PexFlags, Instant)>);

impl RecentPeers {
    /// Adds a contact whose connection ended as both sides have all they want.
    pub(super) fn add(&mut self, now: Instant, addr: SocketAddr, flags: PexFlags) {
        self.0.retain(|(known, ..)| *known != addr);
        self.0.push_back((addr, flags, now));
        if self.0.len() > FEW {
            self.0.pop_front();
        }
    }

    /// Fills up contacts of either family that are few.
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
