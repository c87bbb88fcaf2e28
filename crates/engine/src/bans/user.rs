//! Bans by the user.

use std::net::IpAddr;
use ztor_base::{Duration, Instant};
use ztor_filter::{IpRange, Table};

/// Maximum number of bans by the user.
pub const MAX_USER_BANS: usize = 10_000;

/// A ban by the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserBan {
    /// Banned addresses.
    pub range: IpRange,
    /// Time until the ban ends; `None` if it has no end.
    pub ends_in: Option<Duration>,
}

/// All bans by the user, [`MAX_USER_BANS`] at most.
#[derive(Debug, Default)]
pub(super) struct UserBans {
    /// Bans with their ends, those that are over included.
    bans: Vec<(IpRange, Option<Instant>)>,
    /// The addresses of all of them.
    table: Table,
}

impl UserBans {
    pub(super) fn new(now: Instant, bans: &[UserBan]) -> Self {
        let bans: Vec<_> = bans
            .iter()
            .take(MAX_USER_BANS)
            .map(|ban| (ban.range, ban.ends_in.map(|time| now + time)))
            .collect();
        let table = bans.iter().map(|(range, _)| *range).collect();
        Self { bans, table }
    }

    pub(super) fn has(&self, now: Instant, ip: IpAddr) -> bool {
        // The search of all bans is for their ends, and only if the address is in one.
        self.table.has(ip)
            && self.bans.iter().any(|(range, until)| until.is_none_or(|until| now < until) && range.has(ip))
    }
}
