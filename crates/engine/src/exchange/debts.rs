//! Accounts of the hosts that we upload to, as a defence against peers that take without end.
//!
//! A peer that keeps what it gets announces each piece soon after we have sent it. The debt of a host is what we have sent
//! to it, less that of pieces that it has announced since, and less what it has sent to us. Honest hosts owe the pieces in
//! progress. A host owes more and more if it announces no progress, takes the same data again, or starts over with each
//! connection. A host whose peers request pieces that they claim to have is a debtor at once. A debtor is last in line: while
//! others want data, the debtors share one slot, which they get in one of eight rounds or when nobody else needs it.
//!
//! Accounts outlive connections. Those of one network ([`Network`]) count together once the network owes twice what a
//! host may, since one client may have many addresses.
//!
//! A ban needs more than a debt, since some honest peers owe all that they take: they announce nothing to peers that have
//! the piece. [`Debts::offence`] has the rules.

mod account;

use crate::bans::BanReason;
use crate::config::LeechDefence;
use account::Account;
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
/// Number of restarts within [`HALF_LIFE`] after which announces still count.
const MAX_RESTARTS: u16 = 3;
/// Number of restarts within [`HALF_LIFE`] for which a strict defence bans. More peers behind one address that all begin a
/// torrent within an hour, and take it from us, are not expected.
const MAX_STRICT_RESTARTS: u16 = 32;
/// Number of requests within [`HALF_LIFE`] for pieces that the peer claims to have, above which its host is a debtor.
const MAX_CONTRADICTIONS: u16 = 4;
/// Time after which half of a debt is forgiven.
const HALF_LIFE: Duration = Duration::from_secs(3600);
/// Least debt for which a host is banned, in bytes.
const MIN_BAN: u64 = 64 << 20;
const MIN_STRICT_BAN: u64 = 16 << 20;
/// Least number of pieces that a peer must owe for a ban although it announces others.
const MIN_STRICT_PIECES: u64 = 16;
/// Least number of pieces that a peer must announce although we have them, and least part of what it took that they must
/// be, to count as one that announces all pieces. Peers that suppress such announces send some when both get a piece at the
/// same time.
const MIN_ANNOUNCED_PIECES: u64 = 8;
const MIN_ANNOUNCED_PART: u64 = 32;
/// Time after which a host gets allowed-fast pieces again (BEP 6).
const GIFT_EVERY: Duration = Duration::from_secs(600);

/// The accounts of a torrent.
#[derive(Debug, Default)]
pub(super) struct Debts {
    accounts: BTreeMap<Host, Account>,
}

/// Sizes of the torrent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) piece_bytes: u64,
    pub(super) total_bytes: u64,
}

/// Counts of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Visit {
    /// Bytes sent to the peer, and received from it.
    pub(super) taken_bytes: u64,
    pub(super) given_bytes: u64,
    /// Number of pieces that it has announced since its first request.
    pub(super) announced_pieces: u64,
    /// Number of these that we had before.
    pub(super) echoed_pieces: u64,
}

/// Hosts that one owner may easily have: an IPv4 /24 or an IPv6 /48.
type Network = (Host, Host);

impl Debts {
    /// Records a connection past the handshake.
    pub(super) fn opened(&mut self, now: Instant, host: Host) {
        if !self.accounts.contains_key(&host) {
            self.make_place();
        }
        self.accounts.entry(host).or_insert_with(|| Account::new(now)).opened(now);
    }

    fn make_place(&mut self) {
        if self.accounts.len() < MAX_ACCOUNTS {
            return;
        }
        let closed = self.accounts.iter().filter(|(_, account)| account.open() == 0);
        let least = closed.min_by_key(|(host, account)| (account.debt_bytes(), account.updated_at(), **host));
        // With more connections than accounts, the least debt goes in any case.
        let least = least
            .or_else(|| self.accounts.iter().min_by_key(|(host, account)| (account.debt_bytes(), **host)));
        if let Some(host) = least.map(|(host, _)| *host) {
            self.accounts.remove(&host);
        }
    }

    /// Records the end of a connection: the number of pieces of its peer, or `None` if it was never
    /// [begun](Self::began).
    pub(super) fn closed(&mut self, host: Host, pieces: Option<u32>) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.closed(pieces);
        }
    }

    /// Records that a peer begins to download with this number of pieces. Returns false if its announces do not count, as
    /// its host starts over again and again.
    pub(super) fn began(&mut self, host: Host, pieces: u32, sizes: Sizes) -> bool {
        let Some(account) = self.accounts.get_mut(&host) else { return true };
        account.began(pieces, sizes);
        account.restarts() <= MAX_RESTARTS
    }

    /// Records bytes that were sent to a host.
    pub(super) fn took(&mut self, now: Instant, host: Host, bytes: u64) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.took(now, bytes);
        }
    }

    /// Records a request of this length for a piece that the peer claims to have.
    pub(super) fn contradicted(&mut self, host: Host, bytes: u64) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.contradicted(bytes);
        }
    }

    /// Records that a block is on its way to a host.
    pub(super) fn sends(&mut self, host: Host, piece: u32, bytes: u64) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.sends(piece, bytes);
        }
    }

    /// Records a piece that a peer of this host has announced.
    pub(super) fn announced(&mut self, host: Host, piece: u32, sizes: Sizes) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.announced(piece, sizes.piece_bytes);
        }
    }

    /// Records that a peer of this host has announced all its pieces, and this number of new ones.
    pub(super) fn announced_all(&mut self, host: Host, gained: u32, sizes: Sizes, has: impl Fn(u32) -> bool) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.announced_all(gained, sizes.piece_bytes, has);
        }
    }

    /// Records bytes that a host has sent to us.
    pub(super) fn paid(&mut self, host: Host, bytes: u64) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.pay(bytes);
        }
    }

    /// Records pieces that a peer does not have any more: its host owes them again.
    pub(super) fn lost(&mut self, host: Host, pieces: u32, sizes: Sizes) {
        if let Some(account) = self.accounts.get_mut(&host) {
            account.lost(u64::from(pieces).saturating_mul(sizes.piece_bytes));
        }
    }

    /// Returns true if a peer of this host, to which we send at this rate, is last in line.
    pub(super) fn is_debtor(&self, host: Host, up_per_s: u64, sizes: Sizes) -> bool {
        let Some(account) = self.accounts.get(&host) else { return false };
        if account.contradictions() > MAX_CONTRADICTIONS {
            return true;
        }
        let allowance = allowance(sizes).saturating_add(ANNOUNCED_WITHIN_S.saturating_mul(up_per_s));
        let own = allowance.saturating_mul(u64::from(account.open().max(1)));
        if account.debt_bytes() > own {
            return true;
        }
        let is_of_note = account.debt_bytes() > PIECES_IN_PROGRESS * sizes.piece_bytes;
        is_of_note && self.debt_of_network(host) > allowance.max(own).saturating_mul(2)
    }

    /// Returns what all hosts of a network owe.
    fn debt_of_network(&self, host: Host) -> u64 {
        let (first, last) = network_of(host);
        let debts = self.accounts.range(first..=last).map(|(_, account)| account.debt_bytes());
        debts.fold(0, u64::saturating_add)
    }

    /// Returns the reason to ban a host, one connection of which is `visit`; `None` if there is none.
    ///
    /// - A host that owes more than one and a half copies of the torrent for each peer that may be behind it, and at least
    ///   64 MiB. A strict defence bans for one and a quarter copies, and at least 16 MiB.
    /// - With a strict defence, a host for one of these reasons:
    ///   - It requests a tenth of the torrent, and at least 16 MiB, in pieces that its peers claim to have.
    ///   - A peer that announces pieces which we have, so that it announces all that it gets, owes as much, and 16 pieces.
    ///   - It has started over more than 32 times within about an hour.
    ///
    /// What several hosts of a network owe together bans none of them.
    pub(super) fn offence(
        &self,
        host: Host,
        visit: Visit,
        sizes: Sizes,
        defence: LeechDefence,
    ) -> Option<BanReason> {
        let account = self.accounts.get(&host)?;
        let total = sizes.total_bytes;
        let (copies, least) = match defence {
            LeechDefence::Off => return None,
            LeechDefence::Normal => (total.saturating_add(total / 2), MIN_BAN),
            LeechDefence::Strict => (total.saturating_add(total / 4), MIN_STRICT_BAN),
        };
        let debt_bytes = account.debt_bytes();
        if debt_bytes > copies.saturating_mul(account.peers()).max(least) {
            return Some(BanReason::Leech { bytes: debt_bytes });
        }
        if defence != LeechDefence::Strict {
            return None;
        }
        let part = (total / 10).max(MIN_STRICT_BAN);
        let of_visit = visit.debt_bytes(sizes);
        if account.contradicted_bytes() > part {
            Some(BanReason::Leech { bytes: account.contradicted_bytes() })
        } else if visit.announces_all(sizes) && of_visit > part.max(MIN_STRICT_PIECES * sizes.piece_bytes) {
            Some(BanReason::Leech { bytes: of_visit })
        } else if account.restarts() > MAX_STRICT_RESTARTS {
            Some(BanReason::Restarts { count: account.restarts().into() })
        } else {
            None
        }
    }

    /// Takes the permission to give allowed-fast pieces to a host. Otherwise it would get them with each connection.
    pub(super) fn take_gift(&mut self, now: Instant, host: Host) -> bool {
        self.accounts.get_mut(&host).is_none_or(|account| account.take_gift(now, GIFT_EVERY))
    }

    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }
}

impl Visit {
    /// Returns what the peer has taken and neither announced nor given.
    fn debt_bytes(&self, sizes: Sizes) -> u64 {
        let announced = self.announced_pieces.saturating_mul(sizes.piece_bytes);
        self.taken_bytes.saturating_sub(announced).saturating_sub(self.given_bytes)
    }

    /// Returns true if the peer announces pieces also to those that have them.
    fn announces_all(&self, sizes: Sizes) -> bool {
        let echoed = self.echoed_pieces.saturating_mul(sizes.piece_bytes);
        self.echoed_pieces >= MIN_ANNOUNCED_PIECES && echoed >= self.taken_bytes / MIN_ANNOUNCED_PART
    }
}

/// Returns what a host with one connection may owe, apart from what it has just received.
fn allowance(sizes: Sizes) -> u64 {
    PIECES_IN_PROGRESS.saturating_mul(sizes.piece_bytes)
        + (sizes.total_bytes / ALLOWANCE_PART).min(MAX_ALLOWANCE)
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
mod tests;
