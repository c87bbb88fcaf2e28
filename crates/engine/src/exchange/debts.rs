//! Accounts of the hosts that we upload to, as a defence against peers that take without end.
//!
//! A peer that keeps what it gets announces each piece soon after we have sent it. The debt of a host is what we have sent
//! to it, less the pieces that it has announced since, and less what it has sent to us. Honest hosts owe the pieces in
//! progress. A host owes more and more if it announces no progress, takes the same data again, or starts over with each
//! connection. A host whose peers request pieces that they claim to have is a debtor at once. A debtor is last in line: while
//! others want data, the debtors share one slot in one of eight rounds. Beyond that, a host is banned only for an amount
//! that no honest one can owe.
//!
//! Accounts outlive connections. Those of one network ([`Network`]) count together once the network owes twice what a
//! host may, since one client may have many addresses.

use crate::bans::BanReason;
use crate::config::LeechDefence;
use std::collections::BTreeMap;
use ztor_base::{Duration, Host, Instant};

/// Maximum number of accounts of a torrent. Beyond it, the one with the least debt and no connection is closed.
const MAX_ACCOUNTS: usize = 512;
/// Number of pieces that a connection of a host may owe at any time.
const PIECES_IN_PROGRESS: u64 = 2;
/// Time in which a peer has to announce what it has received, at the rate at which it receives.
const ANNOUNCED_WITHIN_S: u64 = 1;
/// Further allowance of a host: this part of the torrent, and at most so many bytes.
const ALLOWANCE_PART: u64 = 256;
const MAX_ALLOWANCE: u64 = 1 << 20;
/// Number of times within [`HALF_LIFE`] that a host may return with fewer pieces than before, as after a loss of its data
/// or as another peer behind its address, and still have its announces counted.
const MAX_REWINDS: u8 = 3;
/// Number of them without a consequence. After more, the host owes again what it has announced and lost.
const FREE_REWINDS: u8 = 1;
/// Number of pieces that may be missing without a rewind.
const REWIND_PIECES: u32 = 2;
/// Number of requests within [`HALF_LIFE`] for pieces that the peer claims to have, above which its host is a debtor.
const MAX_CONTRADICTIONS: u16 = 4;
/// Time after which half of a debt is forgiven.
const HALF_LIFE: Duration = Duration::from_secs(3600);
/// Least debt for which a host is banned, in bytes.
const MIN_BAN: u64 = 64 << 20;
const MIN_STRICT_BAN: u64 = 16 << 20;
/// Time after which a host gets allowed-fast pieces again (BEP 6).
const GIFT_EVERY: Duration = Duration::from_secs(600);

/// The accounts of a torrent.
#[derive(Debug, Default)]
pub(super) struct Debts {
    accounts: BTreeMap<Host, Account>,
}

#[derive(Debug)]
struct Account {
    debt_bytes: u64,
    /// Bytes sent to the host.
    taken_bytes: u64,
    /// Time to which the debt is discounted.
    updated_at: Instant,
    /// Largest number of pieces of a connection that has ended.
    most_pieces: u32,
    rewinds: u8,
    /// Number of requests for pieces that the peer claimed to have.
    contradictions: u16,
    /// Number of connections, and the largest number at a time.
    open: u16,
    most_open: u16,
    /// Time of the last allowed-fast pieces; `None` if there were none.
    gift_at: Option<Instant>,
}

/// Sizes of the torrent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) piece_bytes: u64,
    pub(super) total_bytes: u64,
}

/// Hosts that one owner may easily have: an IPv4 /24 or an IPv6 /48.
type Network = (Host, Host);

impl Debts {
    /// Records a connection past the handshake.
    pub(super) fn opened(&mut self, now: Instant, host: Host) {
        if !self.accounts.contains_key(&host) {
            self.make_place();
        }
        let account = self.accounts.entry(host).or_insert(Account {
            debt_bytes: 0,
            taken_bytes: 0,
            updated_at: now,
            most_pieces: 0,
            rewinds: 0,
            contradictions: 0,
            open: 0,
            most_open: 0,
            gift_at: None,
        });
        account.open = account.open.saturating_add(1);
        account.most_open = account.most_open.max(account.open);
        account.forgive(now);
    }

    fn make_place(&mut self) {
        if self.accounts.len() < MAX_ACCOUNTS {
            return;
        }
        let closed = self.accounts.iter().filter(|(_, account)| account.open == 0);
        let least = closed.min_by_key(|(host, account)| (account.debt_bytes, account.updated_at, **host));
        // With more connections than accounts, the least debt goes in any case.
        let least =
            least.or_else(|| self.accounts.iter().min_by_key(|(host, account)| (account.debt_bytes, **host)));
        if let Some(host) = least.map(|(host, _)| *host) {
            self.accounts.remove(&host);
        }
    }

    /// Records the end of a connection whose peer had this number of pieces.
    pub(super) fn closed(&mut self, host: Host, pieces: u32) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.open = account.open.saturating_sub(1);
            account.most_pieces = account.most_pieces.max(pieces);
        }
    }

    /// Records the first pieces that a peer announces on a connection. Returns false if its further announces do not
    /// count, as its host comes back with fewer pieces again and again.
    pub(super) fn began(&mut self, host: Host, pieces: u32, sizes: Sizes) -> bool {
        let Some(account) = self.accounts.get_mut(&host) else { return true };
        if pieces.saturating_add(REWIND_PIECES) < account.most_pieces {
            account.rewinds = account.rewinds.saturating_add(1);
            if account.rewinds > FREE_REWINDS {
                // What it has announced and lost, it owes again.
                let lost = u64::from(account.most_pieces - pieces).saturating_mul(sizes.piece_bytes);
                account.debt_bytes = account.debt_bytes.saturating_add(lost).min(account.taken_bytes);
            }
            // The next one is compared with this one.
            account.most_pieces = pieces;
        } else if pieces > account.most_pieces {
            // Some clients announce nothing to seeds, but what they have after a reconnect.
            let gained = u64::from(pieces - account.most_pieces);
            account.pay(gained.saturating_mul(sizes.piece_bytes));
        }
        account.rewinds <= MAX_REWINDS
    }

    /// Records bytes that were sent to a host.
    pub(super) fn took(&mut self, now: Instant, host: Host, bytes: u64) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.forgive(now);
            account.debt_bytes = account.debt_bytes.saturating_add(bytes);
            account.taken_bytes = account.taken_bytes.saturating_add(bytes);
        }
    }

    /// Records a request for a piece that the peer claims to have.
    pub(super) fn contradicted(&mut self, host: Host) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.contradictions = account.contradictions.saturating_add(1);
        }
    }

    /// Records bytes that a host has announced to have, or has sent to us.
    pub(super) fn paid(&mut self, host: Host, bytes: u64) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.pay(bytes);
        }
    }

    /// Records pieces that a peer does not have any more: its host owes them again.
    pub(super) fn lost(&mut self, host: Host, pieces: u32, sizes: Sizes) {
        if let Some(account) = self.accounts.get_mut(&host) {
            let lost = u64::from(pieces).saturating_mul(sizes.piece_bytes);
            account.debt_bytes = account.debt_bytes.saturating_add(lost).min(account.taken_bytes);
        }
    }

    /// Returns true if a peer of this host, to which we send at this rate, is last in line.
    pub(super) fn is_debtor(&self, host: Host, up_per_s: u64, sizes: Sizes) -> bool {
        let Some(account) = self.accounts.get(&host) else { return false };
        if account.contradictions > MAX_CONTRADICTIONS {
            return true;
        }
        let allowance = allowance(sizes) + ANNOUNCED_WITHIN_S * up_per_s;
        let own = allowance.saturating_mul(u64::from(account.open.max(1)));
        if account.debt_bytes > own {
            return true;
        }
        let is_of_note = account.debt_bytes > PIECES_IN_PROGRESS * sizes.piece_bytes;
        is_of_note && self.debt_of_network(host) > 2 * allowance.max(own)
    }

    /// Returns what all hosts of a network owe.
    fn debt_of_network(&self, host: Host) -> u64 {
        let (first, last) = network_of(host);
        let debts = self.accounts.range(first..=last).map(|(_, account)| account.debt_bytes);
        debts.fold(0, u64::saturating_add)
    }

    /// Returns the reason to ban a host; `None` if there is none.
    pub(super) fn offence(&self, host: Host, sizes: Sizes, defence: LeechDefence) -> Option<BanReason> {
        let account = self.accounts.get(&host)?;
        // Each return with fewer pieces may be another peer behind the address, which took the torrent for itself.
        let connections = u64::from(account.most_open.max(1)) + u64::from(account.rewinds);
        let limit = match defence {
            LeechDefence::Off => return None,
            // Each honest peer behind one address may take the whole torrent without an announce, and some of it again.
            LeechDefence::Normal => {
                (sizes.total_bytes + sizes.total_bytes / 2).saturating_mul(connections).max(MIN_BAN)
            }
            LeechDefence::Strict => {
                let part = sizes.total_bytes / 10 + 2 * allowance(sizes);
                part.saturating_mul(connections).max(MIN_STRICT_BAN)
            }
        };
        (account.debt_bytes > limit).then_some(BanReason::Leech { bytes: account.debt_bytes })
    }

    /// Takes the permission to give allowed-fast pieces to a host. Otherwise it would get them with each connection.
    pub(super) fn take_gift(&mut self, now: Instant, host: Host) -> bool {
        let Some(account) = self.accounts.get_mut(&host) else { return true };
        let is_due = account.gift_at.is_none_or(|at| now.since(at) >= GIFT_EVERY);
        if is_due {
            account.gift_at = Some(now);
        }
        is_due
    }

    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }
}

impl Account {
    fn pay(&mut self, bytes: u64) {
        self.debt_bytes = self.debt_bytes.saturating_sub(bytes);
    }

    /// Halves the debt for each [`HALF_LIFE`].
    fn forgive(&mut self, now: Instant) {
        let half_lives = now.since(self.updated_at).as_secs() / HALF_LIFE.as_secs();
        if half_lives > 0 {
            let shift = u32::try_from(half_lives).unwrap_or(u32::MAX);
            self.debt_bytes = self.debt_bytes.checked_shr(shift).unwrap_or(0);
            self.taken_bytes = self.taken_bytes.checked_shr(shift).unwrap_or(0);
            (self.rewinds, self.contradictions) = (0, 0);
            self.updated_at = now;
        }
    }
}

/// Returns what a host with one connection may owe, apart from what it has just received.
fn allowance(sizes: Sizes) -> u64 {
    PIECES_IN_PROGRESS * sizes.piece_bytes + (sizes.total_bytes / ALLOWANCE_PART).min(MAX_ALLOWANCE)
}

fn network_of(host: Host) -> Network {
    match host {
        Host::V4([a, b, c, _]) => (Host::V4([a, b, c, 0]), Host::V4([a, b, c, 255])),
        Host::V6([a, b, c, d, e, f, ..]) => {
            (Host::V6([a, b, c, d, e, f, 0, 0]), Host::V6([a, b, c, d, e, f, 255, 255]))
        }
    }
}

/// Maximum number of accounts of a torrent, for checks.
pub(crate) const MOST_ACCOUNTS: usize = MAX_ACCOUNTS;

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: u64 = 1 << 20;
    const SIZES: Sizes = Sizes { piece_bytes: PIECE, total_bytes: 400 * PIECE };

    fn host(n: u8) -> Host {
        Host::V4([198, 51, 100, n])
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn host_that_announces_what_it_gets_is_no_debtor() {
        let mut debts = Debts::default();
        debts.opened(at(0), host(1));
        debts.began(host(1), 0, SIZES);
        for piece in 0..400 {
            debts.took(at(piece), host(1), PIECE);
            assert!(!debts.is_debtor(host(1), 0, SIZES), "at piece {piece}");
            debts.paid(host(1), PIECE);
        }
        assert_eq!(debts.offence(host(1), SIZES, LeechDefence::Strict), None);
    }

    #[test]
    fn host_without_progress_is_a_debtor_also_after_a_reconnect_and_pays_by_giving() {
        let mut debts = Debts::default();
        debts.opened(at(0), host(1));
        debts.took(at(0), host(1), 4 * PIECE);
        assert!(debts.is_debtor(host(1), 0, SIZES) && !debts.is_debtor(host(1), PIECE, SIZES));
        debts.closed(host(1), 0);
        debts.opened(at(1), host(1));
        assert!(debts.is_debtor(host(1), 0, SIZES));
        debts.paid(host(1), 2 * PIECE);
        assert!(!debts.is_debtor(host(1), 0, SIZES));
        debts.took(at(2), host(1), 4 * PIECE);
        debts.opened(at(2 + 3 * 3600), host(1));
        assert!(!debts.is_debtor(host(1), 0, SIZES), "it is forgiven with time");
    }

    #[test]
    fn host_that_returns_with_fewer_pieces_again_and_again_does_not_pay_by_announces() {
        let mut debts = Debts::default();
        let counts: Vec<bool> = (0..9)
            .map(|_| {
                debts.opened(at(0), host(1));
                let counts = debts.began(host(1), 0, SIZES);
                debts.closed(host(1), 200);
                counts
            })
            .collect();
        assert_eq!(counts, [true, true, true, true, false, false, false, false, false]);
        let mut debts = Debts::default();
        let mut visit = || {
            debts.opened(at(0), host(1));
            debts.began(host(1), 0, SIZES);
            let was_debtor = debts.is_debtor(host(1), 0, SIZES);
            debts.took(at(0), host(1), 9 * PIECE);
            debts.paid(host(1), 9 * PIECE);
            debts.closed(host(1), 9);
            was_debtor
        };
        assert_eq!([visit(), visit(), visit()], [false, false, true], "one loss of data is free");
    }

    #[test]
    fn several_honest_visits_behind_one_address_are_no_offence() {
        let mut debts = Debts::default();
        for _ in 0..12 {
            debts.opened(at(0), host(1));
            let counts = debts.began(host(1), 0, SIZES);
            for _ in 0..400 {
                debts.took(at(0), host(1), PIECE);
                if counts {
                    debts.paid(host(1), PIECE);
                }
                assert_eq!(debts.offence(host(1), SIZES, LeechDefence::Normal), None);
            }
            debts.closed(host(1), 400);
        }
    }

    #[test]
    fn pieces_that_are_announced_and_lost_again_pay_nothing() {
        let mut debts = Debts::default();
        debts.opened(at(0), host(1));
        debts.began(host(1), 0, SIZES);
        for _ in 0..9 {
            debts.took(at(0), host(1), PIECE);
            debts.paid(host(1), PIECE);
            debts.lost(host(1), 1, SIZES);
        }
        assert!(debts.is_debtor(host(1), 0, SIZES));
    }

    #[test]
    fn host_that_shows_its_progress_after_a_reconnect_pays_by_it() {
        let mut debts = Debts::default();
        debts.opened(at(0), host(1));
        debts.began(host(1), 0, SIZES);
        debts.took(at(0), host(1), 300 * PIECE);
        assert_eq!(debts.offence(host(1), SIZES, LeechDefence::Normal), None, "it may be silent to seeds");
        debts.closed(host(1), 0);
        debts.opened(at(9), host(1));
        assert!(debts.is_debtor(host(1), 0, SIZES) && debts.began(host(1), 300, SIZES));
        assert!(!debts.is_debtor(host(1), 0, SIZES));
    }

    #[test]
    fn addresses_of_one_network_are_debtors_together() {
        let mut debts = Debts::default();
        for n in 0..20 {
            debts.opened(at(0), host(n));
            debts.took(at(0), host(n), 5 * PIECE / 2);
        }
        assert!(debts.is_debtor(host(3), 0, SIZES));
        let neighbour = host(99);
        debts.opened(at(0), neighbour);
        debts.took(at(0), neighbour, PIECE);
        assert!(!debts.is_debtor(neighbour, 0, SIZES), "an honest host of the network owes little");
        let alone = Host::V4([203, 0, 113, 1]);
        debts.opened(at(0), alone);
        debts.took(at(0), alone, 5 * PIECE / 2);
        assert!(!debts.is_debtor(alone, 0, SIZES));
    }

    #[test]
    fn ban_is_for_what_no_honest_host_owes() {
        let mut debts = Debts::default();
        debts.opened(at(0), host(1));
        debts.opened(at(0), host(1));
        debts.took(at(0), host(1), 2 * 400 * PIECE);
        assert_eq!(debts.offence(host(1), SIZES, LeechDefence::Normal), None, "two peers behind one address");
        assert!(debts.offence(host(1), SIZES, LeechDefence::Strict).is_some());
        debts.took(at(0), host(1), 401 * PIECE);
        assert!(debts.offence(host(1), SIZES, LeechDefence::Normal).is_some());
        assert_eq!(debts.offence(host(1), SIZES, LeechDefence::Off), None);
    }

    #[test]
    fn accounts_beyond_the_bound_leave_with_the_least_debt_first() {
        let mut debts = Debts::default();
        for n in 0..MAX_ACCOUNTS + 10 {
            let [.., c, d] = (n as u32).to_be_bytes();
            let host = Host::V4([203, 0, c, d]);
            debts.opened(at(0), host);
            debts.took(at(0), host, if n == 3 { 9 } else { 1 });
            debts.closed(host, 0);
        }
        assert_eq!(debts.len(), MAX_ACCOUNTS);
        assert!(debts.accounts.contains_key(&Host::V4([203, 0, 0, 3])));
    }
}
