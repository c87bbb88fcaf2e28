//! Addresses a torrent knows of, and when to try which.

use crate::config::MAX_KNOWN_PEERS;
use crate::way::Transport;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use ztor_base::addr::{canonical, is_dialable};
use ztor_base::{Duration, Instant, PeerId};

/// Failures in a row after which an address is given up until a source names it again.
const MAX_FAILURES: u8 = 4;
/// Before a lost or refused connection is tried again: this, doubled by each failure.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// A peer that called us is not called before this time: most are there for longer.
const MET_AGAIN_AFTER: Duration = Duration::from_secs(300);

/// Addresses that were named within this time of each other are ordered by their priority.
const FRESH_SPAN: Duration = Duration::from_secs(10);

/// Who named an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// The user, the magnet link, or the last run.
    Hand = 1,
    Tracker = 2,
    /// The DHT (BEP 5).
    Dht = 4,
    /// Another peer (BEP 11).
    Pex = 8,
    /// The local network (BEP 14).
    Local = 16,
    /// It called, and said where it listens.
    Incoming = 32,
    /// A relay sent us there (BEP 55).
    Meeting = 64,
}

/// Addresses from elsewhere are dropped when a torrent turns out to be private (BEP 27).
const PRIVATE_ORIGINS: u8 = Origin::Hand as u8 | Origin::Tracker as u8;

#[derive(Clone, Copy, Debug)]
struct Known {
    /// [`Origin`]s, as bits.
    origins: u8,
    expected_id: Option<PeerId>,
    failures: u8,
    /// `None` while connected or given up.
    due: Option<(Instant, u32)>,
    connected: bool,
    /// Says it has everything: of no use once we have, too.
    seed: bool,
    /// Piece data has passed between us.
    proved: bool,
    spoken: Spoken,
}

/// What an address is known to speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Spoken {
    /// Over which transport it was reached last, or is said to be reached.
    pub(crate) transport: Option<Transport>,
    /// Whether it was reached with an encrypted handshake, or is said to want one.
    pub(crate) encryption: Option<bool>,
}

/// A bounded list of addresses ordered by when they may be tried.
#[derive(Debug, Default)]
pub(crate) struct KnownPeers {
    peers: BTreeMap<SocketAddr, Known>,
    queue: BTreeSet<(Instant, u32, SocketAddr)>,
    /// What others see us as, to order addresses by their priority (BEP 40). At random while it is not known.
    pub(crate) own_addrs: OwnAddrs,
}

/// Our addresses as seen from outside, with the port we listen on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct OwnAddrs {
    pub(crate) v4: Option<SocketAddr>,
    pub(crate) v6: Option<SocketAddr>,
}

impl KnownPeers {
    /// Adds an address some source named. The peer id is what a tracker's dictionary reply said (BEP 3).
    pub(crate) fn add(
        &mut self,
        now: Instant,
        addr: SocketAddr,
        origin: Origin,
        expected_id: Option<PeerId>,
        rng: &mut Rng,
    ) {
        let addr = canonical(addr);
        if !is_dialable(addr) {
            return;
        }
        match self.peers.get_mut(&addr) {
            Some(known) => {
                known.expected_id = expected_id.or(known.expected_id);
                known.origins |= origin as u8;
                if known.due.is_none() && !known.connected {
                    known.failures = MAX_FAILURES - 1;
                    self.schedule(addr, now + RETRY_AFTER, rng);
                }
            }
            None => {
                if self.peers.len() >= MAX_KNOWN_PEERS && !self.evict() {
                    return;
                }
                let known = Known {
                    origins: origin as u8,
                    expected_id,
                    failures: 0,
                    due: None,
                    connected: false,
                    seed: false,
                    proved: false,
                    spoken: Spoken::default(),
                };
                self.peers.insert(addr, known);
                // Those that come in one such span go by priority. Not before all others: whoever makes up addresses
                // without end would keep the rest from ever being tried again.
                let due =
                    Instant::from_micros(now.as_micros() - now.as_micros() % FRESH_SPAN.as_micros() as u64);
                self.schedule(addr, due, rng);
            }
        }
    }

    /// A peer called, and said where it listens: it is known, and need not be called while it is there.
    pub(crate) fn met(&mut self, now: Instant, addr: SocketAddr, origin: Origin, rng: &mut Rng) {
        let addr = canonical(addr);
        if !self.peers.contains_key(&addr) {
            self.add(now, addr, origin, None, rng);
        }
        self.put_off(now, addr, rng);
    }

    /// We have a connection to who is there, by another way.
    pub(crate) fn put_off(&mut self, now: Instant, addr: SocketAddr, rng: &mut Rng) {
        if self.peers.get(&addr).is_some_and(|known| !known.connected) {
            self.schedule(addr, now + MET_AGAIN_AFTER, rng);
        }
    }

    pub(crate) fn contains(&self, addr: SocketAddr) -> bool {
        self.peers.contains_key(&addr)
    }

    /// A connection stood, and nothing came of it: perhaps the network lets only the other transport through.
    pub(crate) fn carried_nothing(&mut self, addr: SocketAddr, transport: Transport) {
        if let Some(known) = self.peers.get_mut(&addr) {
            known.spoken.transport = Some(transport.other());
        }
    }

    /// Forgets an address that nobody but a relay has named.
    pub(crate) fn forget_meeting(&mut self, addr: SocketAddr) {
        if self.peers.get(&addr).is_some_and(|known| known.origins == Origin::Meeting as u8) {
            self.forget(addr);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// The earliest time there is something to try.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.queue.first().map(|(due, ..)| *due)
    }

    /// The address to try next, if its time has come.
    pub(crate) fn first_due(&self, now: Instant) -> Option<SocketAddr> {
        self.queue.first().filter(|(due, ..)| *due <= now).map(|(.., addr)| *addr)
    }

    /// Takes an address whose time has come, for an attempt.
    pub(crate) fn take_due(&mut self, now: Instant, skip_seeds: bool) -> Option<SocketAddr> {
        while let Some((due, tie, addr)) = self.queue.first().copied() {
            if due > now {
                return None;
            }
            self.queue.remove(&(due, tie, addr));
            let Some(known) = self.peers.get_mut(&addr) else { continue };
            known.due = None;
            if skip_seeds && known.seed {
                continue;
            }
            known.connected = true;
            return Some(addr);
        }
        None
    }

    pub(crate) fn expected_id(&self, addr: SocketAddr) -> Option<PeerId> {
        self.peers.get(&addr).and_then(|k| k.expected_id)
    }

    /// A peer says that it has everything. Of addresses that only peers have named it is believed.
    pub(crate) fn is_seed(&mut self, addr: SocketAddr) {
        if let Some(known) = self.peers.get_mut(&addr) {
            known.seed |= known.origins & !(Origin::Pex as u8 | Origin::Incoming as u8) == 0;
        }
    }

    /// What an address is known to speak.
    pub(crate) fn spoken(&self, addr: SocketAddr) -> Spoken {
        self.peers.get(&addr).map_or_else(Spoken::default, |known| known.spoken)
    }

    /// It was reached in this way.
    pub(crate) fn spoke(&mut self, addr: SocketAddr, transport: Transport, is_encrypted: bool) {
        if let Some(known) = self.peers.get_mut(&addr) {
            known.spoken = Spoken { transport: Some(transport), encryption: Some(is_encrypted) };
        }
    }

    /// Somebody says so; what we know ourselves counts more.
    pub(crate) fn is_said_to_speak(&mut self, addr: SocketAddr, said: Spoken) {
        if let Some(known) = self.peers.get_mut(&addr) {
            known.spoken.transport = known.spoken.transport.or(said.transport);
            known.spoken.encryption = known.spoken.encryption.or(said.encryption);
        }
    }

    /// Takes an address for an attempt that was not its turn; false if there is a connection or an attempt.
    pub(crate) fn take(&mut self, addr: SocketAddr) -> bool {
        let Some(known) = self.peers.get_mut(&addr).filter(|known| !known.connected) else { return false };
        known.connected = true;
        if let Some((due, tie)) = known.due.take() {
            self.queue.remove(&(due, tie, addr));
        }
        true
    }

    /// Piece data has passed.
    pub(crate) fn proved(&mut self, addr: SocketAddr) {
        if let Some(known) = self.peers.get_mut(&addr) {
            known.proved = true;
        }
    }

    /// Addresses worth remembering for another run: where piece data has passed; `count` at most.
    pub(crate) fn good(&self, count: usize) -> Vec<SocketAddr> {
        self.peers.iter().filter(|(_, k)| k.proved).map(|(addr, _)| *addr).take(count).collect()
    }

    /// Whether the trackers, or the user, know of it.
    pub(crate) fn is_private_origin(&self, addr: SocketAddr) -> bool {
        self.peers.get(&addr).is_some_and(|k| k.origins & PRIVATE_ORIGINS != 0)
    }

    /// Forgets all that neither the trackers nor the user named.
    pub(crate) fn keep_private_origins(&mut self) {
        let others = self.peers.iter().filter(|(_, k)| k.origins & PRIVATE_ORIGINS == 0);
        let others: Vec<SocketAddr> = others.map(|(addr, _)| *addr).collect();
        others.into_iter().for_each(|addr| self.forget(addr));
    }

    /// The connection or attempt is over. `failed`: it came to nothing, or broke before it was of use.
    pub(crate) fn gone(&mut self, now: Instant, addr: SocketAddr, failed: bool, rng: &mut Rng) {
        let Some(known) = self.peers.get_mut(&addr) else { return };
        known.connected = false;
        known.failures = if failed { known.failures.saturating_add(1) } else { 0 };
        if known.failures >= MAX_FAILURES && known.origins & Origin::Hand as u8 == 0 {
            return;
        }
        // Nobody names such an address again: it is tried for as long as the torrent is there.
        let wait = RETRY_AFTER * (1 << known.failures.min(MAX_FAILURES));
        self.schedule(addr, now + wait, rng);
    }

    pub(crate) fn forget(&mut self, addr: SocketAddr) {
        if let Some(Known { due: Some((due, tie)), .. }) = self.peers.remove(&addr) {
            self.queue.remove(&(due, tie, addr));
        }
    }

    fn schedule(&mut self, addr: SocketAddr, due: Instant, rng: &mut Rng) {
        let Some(known) = self.peers.get_mut(&addr) else { return };
        if let Some((old, tie)) = known.due.take() {
            self.queue.remove(&(old, tie, addr));
        }
        let ours = if addr.is_ipv4() { self.own_addrs.v4 } else { self.own_addrs.v6 };
        let tie = ours.map_or_else(|| rng.u32(..), |ours| !ztor_wire::peer_priority(ours, addr));
        known.due = Some((due, tie));
        self.queue.insert((due, tie, addr));
    }

    /// Makes room by dropping an address that was given up, or else the one to be tried last.
    fn evict(&mut self) -> bool {
        let given_up = self.peers.iter().find(|(_, k)| k.due.is_none() && !k.connected).map(|(a, _)| *a);
        let victim = given_up.or_else(|| self.queue.last().map(|(.., addr)| *addr));
        if let Some(addr) = victim {
            self.forget(addr);
        }
        victim.is_some()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn addr(n: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 1000 + n))
    }

    fn at(s: u64) -> Instant {
        Instant::from_micros(s * 1_000_000)
    }

    #[test]
    fn failures_back_off_and_end() {
        let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
        known.add(at(0), addr(1), Origin::Tracker, None, &mut rng);
        let mut waits = Vec::new();
        let mut now = at(0);
        while let Some(due) = known.next_due() {
            waits.push(due.since(now).as_secs());
            now = due;
            assert_eq!(known.take_due(now, false), Some(addr(1)));
            assert_eq!(known.next_due(), None, "not tried twice at a time");
            known.gone(now, addr(1), true, &mut rng);
        }
        assert_eq!(waits, [0, 30, 60, 120]);
        known.add(now, addr(1), Origin::Tracker, None, &mut rng);
        assert!(known.next_due().is_some(), "a source names it again: one more chance");
    }

    #[test]
    fn an_address_given_by_hand_is_never_given_up() {
        let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
        known.add(at(0), addr(1), Origin::Hand, None, &mut rng);
        let mut now = at(0);
        for _ in 0..50 {
            now = known.next_due().expect("it is tried again").max(now);
            assert_eq!(known.take_due(now, false), Some(addr(1)));
            known.gone(now, addr(1), true, &mut rng);
        }
        assert_eq!(known.next_due(), Some(now + RETRY_AFTER * 16));
    }

    #[test]
    fn the_list_is_bounded_and_skips_nonsense() {
        let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
        for n in 0..MAX_KNOWN_PEERS as u16 + 500 {
            known.add(at(0), addr(n), Origin::Tracker, None, &mut rng);
        }
        assert_eq!(known.len(), MAX_KNOWN_PEERS);
        known.add(at(0), SocketAddr::from(([0, 0, 0, 0], 80)), Origin::Tracker, None, &mut rng);
        known.add(at(0), SocketAddr::from(([1, 1, 1, 1], 0)), Origin::Tracker, None, &mut rng);
        assert_eq!(known.len(), MAX_KNOWN_PEERS);
    }

    #[test]
    fn fresh_addresses_come_by_priority_and_after_what_was_due_before() {
        let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
        let ours = SocketAddr::from(([200, 1, 2, 3], 6881));
        known.own_addrs.v4 = Some(ours);
        known.add(at(0), addr(0), Origin::Tracker, None, &mut rng);
        assert_eq!(known.take_due(at(0), false), Some(addr(0)));
        known.gone(at(0), addr(0), true, &mut rng);
        (1..50).for_each(|n| known.add(at(50 + u64::from(n) / 5), addr(n), Origin::Pex, None, &mut rng));
        let order: Vec<SocketAddr> = std::iter::from_fn(|| known.take_due(at(100), false)).collect();
        let (first, order) = order.split_first().expect("all of them");
        assert_eq!(*first, addr(0));
        assert!(order.is_sorted_by_key(|a| std::cmp::Reverse(ztor_wire::peer_priority(ours, *a))));
    }

    #[test]
    fn a_private_torrent_forgets_what_others_told() {
        let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
        for (n, origin) in
            [Origin::Hand, Origin::Tracker, Origin::Dht, Origin::Pex, Origin::Local].into_iter().enumerate()
        {
            known.add(at(0), addr(n as u16), origin, None, &mut rng);
        }
        known.add(at(0), addr(3), Origin::Tracker, None, &mut rng);
        known.keep_private_origins();
        let left: Vec<u16> = (0..5).filter(|n| known.is_private_origin(addr(*n))).collect();
        assert_eq!((left, known.len()), (vec![0, 1, 3], 3));
    }

    #[test]
    fn seeds_are_left_alone_when_we_seed() {
        let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
        known.add(at(0), addr(1), Origin::Pex, None, &mut rng);
        known.is_seed(addr(1));
        assert_eq!(known.take_due(at(1), true), None);
        known.add(at(1), addr(2), Origin::Tracker, None, &mut rng);
        known.is_seed(addr(2));
        assert_eq!(
            known.take_due(at(2), true),
            Some(addr(2)),
            "a peer's word is no reason to leave it alone"
        );
    }
}
