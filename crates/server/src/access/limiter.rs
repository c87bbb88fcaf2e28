//! The limit of failed logins.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};
use ztor_base::Host;

/// Maximum number of hosts in the table.
const MAX_HOSTS: usize = 10_000;

/// Number of failures that lead to a ban, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) attempts: u64,
    pub(crate) ban: Duration,
}

/// Failed logins by host: an IPv4 address, or a network of 64 bits in IPv6.
///
/// A full table drops the host without a ban whose failure is oldest, and then the ban that ends first. An attacker
/// pays for the end of a stranger's ban with the failures of ten thousand hosts.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    hosts: HashMap<Host, Failures>,
    /// Hosts without a ban, by the end of their entries.
    failed: BTreeSet<(Instant, Host)>,
    /// Banned hosts, by the ends of their bans.
    banned: BTreeSet<(Instant, Host)>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    /// Failures in a row.
    count: u64,
    is_banned: bool,
    /// End of the ban, or time at which the failures are forgotten.
    until: Instant,
}

impl Limiter {
    /// Returns the rest of the ban of a client; `None` if it may try to log in.
    pub(crate) fn ban(&self, ip: IpAddr, now: Instant) -> Option<Duration> {
        let failures = self.hosts.get(&Host::of(ip))?;
        (failures.is_banned && failures.until > now).then(|| failures.until - now)
    }

    /// Records a failed login. Returns true if it leads to a ban.
    pub(crate) fn on_failure(&mut self, ip: IpAddr, now: Instant, limit: Limit) -> bool {
        let host = Host::of(ip);
        let known = self.hosts.get(&host).filter(|failures| failures.until > now);
        if known.is_some_and(|failures| failures.is_banned) {
            // Attempts that ran at the same time do not make it longer.
            return false;
        }
        let count = known.map_or(0, |failures| failures.count).saturating_add(1);
        if self.hosts.len() >= MAX_HOSTS && !self.hosts.contains_key(&host) {
            self.make_room(now);
        }
        let is_banned = count >= limit.attempts;
        self.remove(host);
        let until = now + limit.ban;
        self.hosts.insert(host, Failures { count, is_banned, until });
        self.order(is_banned).insert((until, host));
        is_banned
    }

    /// Forgets the failures of a client that has logged in.
    pub(crate) fn on_success(&mut self, ip: IpAddr) {
        self.remove(Host::of(ip));
    }

    fn make_room(&mut self, now: Instant) {
        let ended = self.banned.first().filter(|(until, _)| *until <= now);
        let first = ended.or_else(|| self.failed.first()).or_else(|| self.banned.first());
        if let Some((_, host)) = first.copied() {
            self.remove(host);
        }
    }

    fn order(&mut self, is_banned: bool) -> &mut BTreeSet<(Instant, Host)> {
        if is_banned { &mut self.banned } else { &mut self.failed }
    }

    fn remove(&mut self, host: Host) {
        if let Some(Failures { is_banned, until, .. }) = self.hosts.remove(&host) {
            self.order(is_banned).remove(&(until, host));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const LIMIT: Limit = Limit { attempts: 3, ban: Duration::from_secs(60) };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ban_follows_failures_in_a_row_and_ends() {
        let (mut limiter, start, client) = (Limiter::default(), Instant::now(), ip("192.0.2.1"));
        assert!(!limiter.on_failure(client, start, LIMIT));
        assert!(!limiter.on_failure(client, start, LIMIT));
        assert_eq!(limiter.ban(client, start), None);
        assert!(limiter.on_failure(client, start, LIMIT));
        assert_eq!(limiter.ban(client, start), Some(LIMIT.ban));
        assert_eq!(limiter.ban(ip("192.0.2.2"), start), None);
        // A failure that was under way does not prolong it.
        assert!(!limiter.on_failure(client, start + LIMIT.ban / 2, LIMIT));
        assert_eq!(limiter.ban(client, start + LIMIT.ban / 2), Some(LIMIT.ban / 2));
        let after = start + LIMIT.ban;
        assert_eq!(limiter.ban(client, after), None);
        assert!(!limiter.on_failure(client, after, LIMIT), "a ban clears the failures before it");
    }

    #[test]
    fn failures_are_forgotten_after_success_or_time() {
        let (mut limiter, start, client) = (Limiter::default(), Instant::now(), ip("192.0.2.1"));
        for _ in 0..5 {
            limiter.on_failure(client, start, LIMIT);
            limiter.on_failure(client, start, LIMIT);
            limiter.on_success(client);
        }
        limiter.on_failure(client, start, LIMIT);
        limiter.on_failure(client, start, LIMIT);
        assert!(!limiter.on_failure(client, start + LIMIT.ban, LIMIT));
    }

    #[test]
    fn ban_of_ipv6_is_for_the_network_of_64_bits() {
        let (mut limiter, start) = (Limiter::default(), Instant::now());
        for n in 0..3 {
            let client = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, n, n, n, n);
            limiter.on_failure(client.into(), start, LIMIT);
        }
        assert!(limiter.ban(ip("2001:db8:0:1:ffff::1"), start).is_some());
        assert_eq!(limiter.ban(ip("2001:db8:0:2::1"), start), None);
        // An IPv4 address is the same in both forms.
        for _ in 0..3 {
            limiter.on_failure(ip("::ffff:192.0.2.1"), start, LIMIT);
        }
        assert!(limiter.ban(ip("192.0.2.1"), start).is_some());
    }

    #[test]
    fn full_table_keeps_bans_and_stays_bounded() {
        let (mut limiter, start, banned) = (Limiter::default(), Instant::now(), ip("192.0.2.1"));
        for _ in 0..3 {
            limiter.on_failure(banned, start, LIMIT);
        }
        for n in 0..2 * MAX_HOSTS as u32 {
            limiter.on_failure(Ipv4Addr::from(0x0a00_0000 + n).into(), start + LIMIT.ban / 2, LIMIT);
        }
        assert_eq!(limiter.hosts.len(), MAX_HOSTS);
        assert_eq!(limiter.failed.len() + limiter.banned.len(), MAX_HOSTS);
        assert!(limiter.ban(banned, start + LIMIT.ban / 2).is_some());
    }
}
