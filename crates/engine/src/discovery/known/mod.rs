//! Known peer addresses of a torrent, and the schedule for dialing them.

mod origin;
mod shares;

pub(crate) use origin::Origin;

use crate::config::RETRY_AFTER_OUT;
use crate::status::PeerSource;
use crate::transport::Transport;
use fastrand::Rng;
use origin::{Rank, Teller};
use shares::{Charge, Entry, Shares};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use ztor_base::addr::{canonical, is_dialable};
use ztor_base::{Duration, Host, Instant, PeerId};

/// Failures in a row after which an address is given up until a source names it again.
const MAX_FAILURES: u8 = 4;
/// Delay before a lost or refused connection is retried. Each failure doubles it.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// Time for which a peer that is connected in another way is not dialed. Most stay longer.
const MET_AGAIN_AFTER: Duration = Duration::from_secs(300);

/// Length of a span of time. Addresses named in the same span are ordered by their priority.
const FRESH_SPAN: Duration = Duration::from_secs(10);

/// Maximum number of addresses of one host that are kept because they have worked.
const KEPT_PER_HOST: u32 = 8;
/// Maximum number of ports of one IP address that are dialed back at once.
const MAX_CALLED_BACK: usize = 4;
/// One in this many attempts goes to the address that has waited longest, whatever its rank.
const FAIR_SHARE: u32 = 3;

/// Origins that remain when a torrent turns out to be private (BEP 27).
const PRIVATE_ORIGINS: u8 = Rank::Kept.bit() | Rank::Tracker.bit();

#[derive(Clone, Debug)]
struct Known {
    /// The [bits](Rank::bit) of its [`Origin`]s.
    origins: u8,
    rank: Rank,
    /// Source that is accountable for the address; `None` if there is none, or once the address was reached or given
    /// up.
    teller: Option<Teller>,
    expected_id: Option<PeerId>,
    /// True if the address was found only in the v2 swarm of a hybrid torrent.
    is_second_swarm: bool,
    failures: u8,
    /// Time of the next attempt, with a tie-breaker; `None` while connected or given up.
    due: Option<(Instant, u32)>,
    connected: bool,
    /// True for a seed, which is of no use once we are one, too.
    seed: bool,
    /// True if piece data was exchanged with the peer.
    proved: bool,
    /// True if the address counts towards [`KEPT_PER_HOST`].
    is_kept: bool,
    capabilities: Capabilities,
}

/// An address that a source named in a swarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    origin: Origin,
    /// Peer id from a tracker's dictionary reply (BEP 3); `None` if unknown.
    expected_id: Option<PeerId>,
    /// True for the v2 swarm of a hybrid torrent: the peer may not know the other swarm (BEP 52).
    is_second_swarm: bool,
}

impl Found {
    /// Creates an address found by `origin` in the v2 swarm of a hybrid torrent, or else in the torrent's main swarm.
    pub(crate) fn new(origin: Origin, is_second_swarm: bool) -> Self {
        Self { origin, expected_id: None, is_second_swarm }
    }

    /// Adds the peer id from a tracker's dictionary reply (BEP 3).
    pub(crate) fn with_id(self, expected_id: Option<PeerId>) -> Self {
        Self { expected_id, ..self }
    }
}

/// Origins that rest on claims of peers, which may be false.
const WORD_OF_PEERS: u8 = Rank::Pex.bit() | Rank::Incoming.bit();

/// Known protocol support of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Capabilities {
    /// Transport to try first, from experience or a claim; `None` if unknown.
    pub(crate) transport: Option<Transport>,
    /// True if the address was reached with an encrypted handshake, or is said to want one; `None` if unknown.
    pub(crate) encryption: Option<bool>,
}

/// A bounded list of addresses, in the order in which they may be tried.
///
/// Every kind of source ([`Rank`]) has a share of it, and so has every single source ([`Teller`]), so that none can
/// fill it with made-up addresses. Addresses given by hand, and those that have worked, stay.
#[derive(Debug, Default)]
pub(crate) struct KnownPeers {
    peers: BTreeMap<SocketAddr, Known>,
    queues: BTreeMap<Rank, BTreeSet<(Instant, u32, SocketAddr)>>,
    shares: Shares,
    /// Number of addresses of each host that are kept because they have worked.
    kept: BTreeMap<Host, u32>,
    /// Number of attempts so far.
    calls: u32,
    /// Our external addresses, which determine the priority of other addresses (BEP 40). While they are unknown, the
    /// order is random.
    own_addrs: OwnAddrs,
}

/// Our external addresses, with the port that we listen on; `None` while unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct OwnAddrs {
    pub(crate) v4: Option<SocketAddr>,
    pub(crate) v6: Option<SocketAddr>,
}

impl Capabilities {
    /// Creates capabilities; `None` means unknown.
    pub(crate) fn new(transport: Option<Transport>, encryption: Option<bool>) -> Self {
        Self { transport, encryption }
    }

    /// Returns true if the address is known to be reachable over this transport.
    pub(crate) fn trusts(self, transport: Transport) -> bool {
        self.transport == Some(transport)
    }
}

impl OwnAddrs {
    /// Returns true if `addr` is one of our addresses.
    pub(crate) fn contains(&self, addr: SocketAddr) -> bool {
        [self.v4, self.v6].contains(&Some(addr))
    }
}

impl KnownPeers {
    pub(crate) fn set_own_addrs(&mut self, own_addrs: OwnAddrs) {
        self.own_addrs = own_addrs;
    }

    /// Adds an address that was found in a swarm.
    pub(crate) fn add_found(&mut self, now: Instant, addr: SocketAddr, found: Found, rng: &mut Rng) {
        let Found { origin, expected_id, is_second_swarm } = found;
        let addr = canonical(addr);
        let is_new = !self.peers.contains_key(&addr);
        self.add(now, addr, origin, expected_id, rng);
        if let Some(known) = self.peers.get_mut(&addr) {
            known.is_second_swarm = is_second_swarm && (is_new || known.is_second_swarm);
        }
    }

    /// Returns true if an address was found in the v2 swarm of a hybrid torrent only.
    pub(crate) fn is_second_swarm(&self, addr: SocketAddr) -> bool {
        self.peers.get(&addr).is_some_and(|known| known.is_second_swarm)
    }

    /// Adds an address that a source named. The peer id is from a tracker's dictionary reply (BEP 3).
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
        let (rank, teller) = (origin.rank(), origin.teller());
        let may_name =
            teller.is_none_or(|teller| self.shares.admits(rank, teller)) && !self.is_kept_full(rank);
        if let Some(known) = self.peers.get(&addr) {
            let is_given_up = known.due.is_none() && !known.connected;
            let is_better = rank < known.rank && may_name;
            self.change(addr, |known| {
                known.expected_id = expected_id.or(known.expected_id);
                known.origins |= rank.bit();
                if is_better {
                    known.rank = rank;
                    known.teller = known.teller.and(teller);
                }
                if is_given_up && may_name {
                    known.failures = MAX_FAILURES - 1;
                    known.teller = teller.filter(|_| known.rank == rank);
                }
            });
            if is_given_up && may_name {
                self.schedule(addr, now + RETRY_AFTER, rng);
            }
            return;
        }
        if !may_name || !self.make_place(rank) {
            return;
        }
        let known = Known {
            origins: rank.bit(),
            rank,
            teller,
            expected_id,
            is_second_swarm: false,
            failures: 0,
            due: None,
            connected: false,
            seed: false,
            proved: false,
            is_kept: false,
            capabilities: Capabilities::default(),
        };
        self.shares.insert(addr, known.entry());
        self.peers.insert(addr, known);
        // Addresses named in one span are ordered by priority, but not before all others. Otherwise a source that makes
        // up addresses without end would keep the rest from ever being tried again.
        let due = Instant::from_micros(now.as_micros() - now.as_micros() % FRESH_SPAN.as_micros() as u64);
        self.schedule(addr, due, rng);
    }

    /// Changes the bound of the list. Addresses beyond it are dropped, the least valuable first. Kept and connected
    /// ones stay.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.shares.set_limit(limit);
        while self.peers.len() > limit
            && let Some(addr) = Rank::ALL.into_iter().rev().find_map(|rank| self.shares.first_to_leave(rank))
        {
            self.forget(addr);
        }
    }

    /// Makes space for another address of a rank if needed. Returns false if all others are worth more.
    fn make_place(&mut self, rank: Rank) -> bool {
        let victim = if rank != Rank::Kept && self.shares.is_full(rank) {
            self.shares.first_to_leave(rank)
        } else if self.peers.len() >= self.shares.limit() {
            let no_better = Rank::ALL.into_iter().rev().take_while(|of| *of >= rank);
            no_better.filter_map(|of| self.shares.first_to_leave(of)).next()
        } else {
            return true;
        };
        victim.into_iter().for_each(|addr| self.forget(addr));
        victim.is_some()
    }

    /// Returns true if no more addresses may be given by hand. Those that have worked fill at most half of the rank.
    fn is_kept_full(&self, rank: Rank) -> bool {
        rank == Rank::Kept && self.shares.is_twice_full(rank)
    }

    /// Changes an address, and updates the indexes.
    fn change<T>(&mut self, addr: SocketAddr, change: impl FnOnce(&mut Known) -> T) -> Option<T> {
        let known = self.peers.get_mut(&addr)?;
        let (before, due) = (known.entry(), known.due);
        let changed = change(known);
        self.shares.remove(addr, before);
        self.shares.insert(addr, known.entry());
        if (known.rank, known.due) != (before.rank, due) {
            if let Some((at, tie)) = due {
                self.queues.entry(before.rank).or_default().remove(&(at, tie, addr));
            }
            if let Some((at, tie)) = known.due {
                self.queues.entry(known.rank).or_default().insert((at, tie, addr));
            }
        }
        Some(changed)
    }

    /// Adds the listen address of an incoming peer, and postpones dialing it.
    pub(crate) fn met(&mut self, now: Instant, addr: SocketAddr, origin: Origin, rng: &mut Rng) {
        let addr = canonical(addr);
        if !self.peers.contains_key(&addr) {
            self.add(now, addr, origin, None, rng);
        }
        self.put_off(now, addr, rng);
    }

    /// Postpones dialing an address by [`MET_AGAIN_AFTER`], for example while its peer is connected in another way.
    pub(crate) fn put_off(&mut self, now: Instant, addr: SocketAddr, rng: &mut Rng) {
        if self.peers.get(&addr).is_some_and(|known| !known.connected) {
            self.schedule(addr, now + MET_AGAIN_AFTER, rng);
        }
    }

    /// Schedules immediate attempts at the known ports of an IP address that have not failed before.
    pub(crate) fn call_back(&mut self, now: Instant, ip: IpAddr, rng: &mut Rng) {
        let ip = ip.to_canonical();
        let range = SocketAddr::new(ip, 0)..=SocketAddr::new(ip, u16::MAX);
        let fresh = self.peers.range(range).filter(|(_, known)| !known.connected && known.failures == 0);
        let fresh: Vec<SocketAddr> = fresh.map(|(addr, _)| *addr).take(MAX_CALLED_BACK).collect();
        fresh.into_iter().for_each(|addr| self.schedule(addr, now, rng));
    }

    pub(crate) fn contains(&self, addr: SocketAddr) -> bool {
        self.peers.contains_key(&addr)
    }

    /// Records that a connection carried nothing. The network may pass only the other transport, which is tried first
    /// from then on.
    pub(crate) fn carried_nothing(&mut self, addr: SocketAddr, transport: Transport) {
        if let Some(known) = self.peers.get_mut(&addr) {
            known.capabilities.transport = Some(transport.other());
        }
    }

    /// Forgets an address that only a relay has named.
    pub(crate) fn forget_holepunch(&mut self, addr: SocketAddr) {
        if self.peers.get(&addr).is_some_and(|known| known.rank == Rank::Holepunch) {
            self.forget(addr);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Returns the earliest time of an attempt; `None` if there is no address to try.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.queues.values().filter_map(|queue| queue.first()).map(|(due, ..)| *due).min()
    }

    /// Returns the address to try next, if one is due.
    pub(crate) fn first_due(&self, now: Instant) -> Option<SocketAddr> {
        let due =
            |queue: &BTreeSet<(Instant, u32, SocketAddr)>| queue.first().copied().filter(|f| f.0 <= now);
        let mut firsts = self.queues.values().filter_map(due);
        // The queues are ordered by rank.
        let is_fair_turn = self.calls % FAIR_SHARE == FAIR_SHARE - 1;
        let first = if is_fair_turn { firsts.min() } else { firsts.next() };
        first.map(|(.., addr)| addr)
    }

    /// Takes an address that is due, for an attempt.
    pub(crate) fn take_due(&mut self, now: Instant, skip_seeds: bool) -> Option<SocketAddr> {
        while let Some(addr) = self.first_due(now) {
            self.calls = self.calls.wrapping_add(1);
            let is_useless = self.change(addr, |known| {
                known.due = None;
                known.connected = !(skip_seeds && known.seed);
                !known.connected
            })?;
            if !is_useless {
                return Some(addr);
            }
        }
        None
    }

    pub(crate) fn expected_id(&self, addr: SocketAddr) -> Option<PeerId> {
        self.peers.get(&addr).and_then(|k| k.expected_id)
    }

    /// Marks an address as a seed on the claim of a peer. The claim counts only if no other kind of source has named
    /// the address.
    pub(crate) fn set_seed(&mut self, addr: SocketAddr) {
        if let Some(known) = self.peers.get_mut(&addr) {
            known.seed |= known.origins & !WORD_OF_PEERS == 0;
        }
    }

    /// Records that the peer of an address has lost a piece, so that it is a seed no more.
    pub(crate) fn is_no_seed(&mut self, addr: SocketAddr) {
        if let Some(known) = self.peers.get_mut(&addr) {
            known.seed = false;
        }
    }

    /// Returns the known protocol support of an address.
    pub(crate) fn capabilities(&self, addr: SocketAddr) -> Capabilities {
        self.peers.get(&addr).map_or_else(Capabilities::default, |known| known.capabilities)
    }

    /// Records the capabilities with which an address was reached.
    pub(crate) fn worked_with(&mut self, addr: SocketAddr, capabilities: Capabilities) {
        self.change(addr, |known| {
            known.capabilities = capabilities;
            known.teller = None;
        });
    }

    /// Records claimed capabilities. Known ones take precedence.
    pub(crate) fn claims(&mut self, addr: SocketAddr, said: Capabilities) {
        if let Some(known) = self.peers.get_mut(&addr) {
            known.capabilities.transport = known.capabilities.transport.or(said.transport);
            known.capabilities.encryption = known.capabilities.encryption.or(said.encryption);
        }
    }

    /// Takes an address for an attempt out of turn. Returns false if it is unknown, connected or being dialed.
    pub(crate) fn take(&mut self, addr: SocketAddr) -> bool {
        let was_free = self.change(addr, |known| {
            known.due = None;
            !std::mem::replace(&mut known.connected, true)
        });
        was_free == Some(true)
    }

    /// Records that piece data was exchanged with an address, which is kept from then on if the bounds allow.
    pub(crate) fn proved(&mut self, addr: SocketAddr) {
        let host = Host::of(addr.ip());
        let of_host = self.kept.get(&host).copied().unwrap_or(0);
        let may_stay = of_host < KEPT_PER_HOST && !self.shares.is_full(Rank::Kept);
        let is_kept = self.change(addr, |known| {
            let is_new = known.rank != Rank::Kept && may_stay;
            known.proved = true;
            known.teller = None;
            if is_new {
                known.rank = Rank::Kept;
                known.is_kept = true;
            }
            is_new
        });
        if is_kept == Some(true) {
            self.count_kept(addr, true);
        }
    }

    /// Returns true if piece data was exchanged with this address.
    pub(crate) fn is_proved(&self, addr: SocketAddr) -> bool {
        self.peers.get(&addr).is_some_and(|known| known.proved)
    }

    /// Returns at most `count` addresses worth remembering for the next run: those that have exchanged piece data.
    pub(crate) fn good(&self, count: usize) -> Vec<SocketAddr> {
        self.peers.iter().filter(|(_, k)| k.proved).map(|(addr, _)| *addr).take(count).collect()
    }

    /// Returns the sources that have named this address, in the order of [`PeerSource`]; empty if it is unknown.
    pub(crate) fn sources(&self, addr: SocketAddr) -> Vec<PeerSource> {
        let origins = self.peers.get(&addr).map_or(0, |known| known.origins);
        Rank::ALL.into_iter().filter(|rank| origins & rank.bit() != 0).map(Rank::source).collect()
    }

    /// Returns true if an origin of this address is allowed for private torrents (BEP 27).
    pub(crate) fn is_private_origin(&self, addr: SocketAddr) -> bool {
        self.peers.get(&addr).is_some_and(|k| k.origins & PRIVATE_ORIGINS != 0)
    }

    /// Forgets all addresses without an origin that is allowed for private torrents (BEP 27).
    pub(crate) fn keep_private_origins(&mut self) {
        let others = self.peers.iter().filter(|(_, k)| k.origins & PRIVATE_ORIGINS == 0);
        let others: Vec<SocketAddr> = others.map(|(addr, _)| *addr).collect();
        others.into_iter().for_each(|addr| self.forget(addr));
    }

    /// Records the end of a connection or attempt; `failed` is true if it ended before it was of use.
    pub(crate) fn gone(&mut self, now: Instant, addr: SocketAddr, failed: bool, rng: &mut Rng) {
        let failures = self.change(addr, |known| {
            known.connected = false;
            known.failures = if failed { known.failures.saturating_add(1) } else { 0 };
            if known.failures >= MAX_FAILURES && known.origins & Rank::Kept.bit() == 0 {
                known.teller = None;
                return None;
            }
            Some(known.failures)
        });
        let Some(Some(failures)) = failures else { return self.keep_no_longer(addr) };
        // An address given by hand is not named again, so it is retried for as long as the torrent exists.
        let wait = RETRY_AFTER * (1 << failures.min(MAX_FAILURES));
        self.schedule(addr, now + wait, rng);
    }

    /// Records that an attempt failed in an outage, which does not count as a failure of the address.
    pub(crate) fn gone_in_outage(&mut self, now: Instant, addr: SocketAddr, rng: &mut Rng) {
        self.change(addr, |known| known.connected = false);
        self.schedule(addr, now + RETRY_AFTER_OUT, rng);
    }

    /// Returns true after the first failure of an address given by hand that has not worked yet.
    pub(crate) fn is_first_failure_of_given(&self, addr: SocketAddr) -> bool {
        self.peers.get(&addr).is_some_and(|known| {
            known.failures == 1 && known.origins & Rank::Kept.bit() != 0 && !known.proved
        })
    }

    /// Makes failed addresses due at once, as the network is back or has changed. Addresses that were given up stay so.
    pub(crate) fn start_over(&mut self, now: Instant, rng: &mut Rng) {
        // An address with a longer delay and no failures was postponed.
        let rests = |known: &Known| {
            let rest = known.due.map(|(at, _)| at.since(now)).filter(|rest| *rest > Duration::ZERO);
            rest.is_some_and(|rest| known.failures > 0 || rest <= RETRY_AFTER)
        };
        let resting = self.peers.iter().filter(|(_, known)| !known.connected && rests(known));
        let resting: Vec<SocketAddr> = resting.map(|(addr, _)| *addr).collect();
        for addr in resting {
            self.change(addr, |known| known.failures = 0);
            self.schedule(addr, now, rng);
        }
    }

    /// Records a failed hole punch, which does not count as a failure of the address.
    pub(crate) fn missed(&mut self, now: Instant, addr: SocketAddr, rng: &mut Rng) {
        let failures = self.change(addr, |known| {
            known.connected = false;
            known.failures
        });
        if let Some(failures) = failures {
            self.schedule(addr, now + RETRY_AFTER * (1 << failures.min(MAX_FAILURES)), rng);
        }
    }

    /// Ends the special status of an address that has worked and is gone: it counts as any other of its source.
    fn keep_no_longer(&mut self, addr: SocketAddr) {
        let was_kept = self.change(addr, |known| {
            let was_kept = std::mem::take(&mut known.is_kept);
            if was_kept {
                known.rank = Rank::best_of(known.origins);
            }
            was_kept
        });
        if was_kept == Some(true) {
            self.count_kept(addr, false);
        }
    }

    fn count_kept(&mut self, addr: SocketAddr, is_more: bool) {
        let host = Host::of(addr.ip());
        let count = self.kept.get(&host).copied().unwrap_or(0);
        match if is_more { count + 1 } else { count.saturating_sub(1) } {
            0 => drop(self.kept.remove(&host)),
            count => drop(self.kept.insert(host, count)),
        }
    }

    /// Forgets all addresses for which `is_over` returns true.
    pub(crate) fn forget_all(&mut self, is_over: impl Fn(SocketAddr) -> bool) {
        let over: Vec<SocketAddr> = self.peers.keys().copied().filter(|addr| is_over(*addr)).collect();
        over.into_iter().for_each(|addr| self.forget(addr));
    }

    pub(crate) fn forget(&mut self, addr: SocketAddr) {
        if let Some(known) = self.peers.remove(&addr) {
            self.shares.remove(addr, known.entry());
            if let Some((due, tie)) = known.due {
                self.queues.entry(known.rank).or_default().remove(&(due, tie, addr));
            }
            if known.is_kept {
                self.count_kept(addr, false);
            }
        }
    }

    fn schedule(&mut self, addr: SocketAddr, due: Instant, rng: &mut Rng) {
        if !self.peers.contains_key(&addr) {
            return;
        }
        let ours = if addr.is_ipv4() { self.own_addrs.v4 } else { self.own_addrs.v6 };
        let tie = ours.map_or_else(|| rng.u32(..), |ours| !ztor_wire::peer_priority(ours, addr));
        self.change(addr, |known| known.due = Some((due, tie)));
    }
}

impl Known {
    fn entry(&self) -> Entry {
        let is_given_up = self.due.is_none() && !self.connected;
        let charge = match self.teller {
            _ if is_given_up => Charge::GivenUp,
            Some(teller) => Charge::Teller(teller),
            None => Charge::Reached,
        };
        let due = self.due.map_or(Instant::FAR_FUTURE, |(due, _)| due);
        Entry { rank: self.rank, charge, due, may_leave: !self.connected && self.rank != Rank::Kept }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod tests;
