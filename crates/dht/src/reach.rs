//! Whether others can reach the node, so that it takes part as a whole or is read-only (BEP 43).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ztor_base::{Duration, Instant};

/// Time for which a node without evidence takes part, until it is read-only.
const TRIAL: Duration = Duration::from_secs(20 * 60);
/// Time for which evidence counts.
const PROOF_LASTS: Duration = Duration::from_secs(60 * 60);
/// Time after which a read-only node tries again: others only query a node that takes part.
const REST: Duration = Duration::from_secs(2 * 60 * 60);
/// Number of good nodes below which a trial does not count: others must know us to query us.
const MIN_NODES: usize = 8;
/// Time for which a NAT lets a host answer that we have sent to, with a reserve.
const HOLE_LASTS: Duration = Duration::from_secs(10 * 60);
/// Maximum number of addresses remembered in each half of that time. While there are more, queries are no evidence.
const MAX_ASKED: usize = 8192;

/// Choice of a node to be read-only (BEP 43): it then answers no queries, and others do not keep it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum ReadOnly {
    /// Read-only while nothing shows that others can reach it. It tries every two hours.
    #[default]
    Auto,
    /// Always: a client behind a proxy or a NAT.
    Always,
    /// Never.
    Never,
}

/// Evidence that others can reach the node.
#[derive(Debug)]
pub(crate) struct Reach {
    choice: ReadOnly,
    is_read_only: bool,
    /// Start of the trial, or of the rest.
    since: Instant,
    /// Time of the last evidence; `None` without any.
    proven_at: Option<Instant>,
    asked: [BTreeSet<SocketAddr>; 2],
    rotated_at: Instant,
    /// True if an address was not remembered, in this half and in the last one.
    is_blind: [bool; 2],
}

impl Reach {
    pub(crate) fn new(now: Instant, choice: ReadOnly) -> Self {
        Self {
            choice,
            is_read_only: choice == ReadOnly::Always,
            since: now,
            proven_at: None,
            asked: Default::default(),
            rotated_at: now,
            is_blind: [false; 2],
        }
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Notes a query to an address, which may answer and query from then on.
    pub(crate) fn asked(&mut self, now: Instant, to: SocketAddr) {
        if self.choice != ReadOnly::Auto {
            return;
        }
        self.rotate(now);
        if self.asked[0].len() < MAX_ASKED {
            self.asked[0].insert(to);
        } else {
            self.is_blind[0] |= !self.asked[0].contains(&to);
        }
    }

    /// Notes a query from an address. It is evidence if we did not query that address lately.
    pub(crate) fn queried(&mut self, now: Instant, from: SocketAddr) {
        if self.choice != ReadOnly::Auto {
            return;
        }
        self.rotate(now);
        let is_asked = self.asked.iter().any(|half| half.contains(&from));
        if !is_asked && !self.is_blind.contains(&true) {
            self.proven(now);
        }
    }

    /// Notes evidence.
    pub(crate) fn proven(&mut self, now: Instant) {
        self.proven_at = Some(now);
        if self.choice == ReadOnly::Auto {
            self.is_read_only = false;
        }
    }

    /// Decides again. `good` is the number of good nodes beyond the local network.
    pub(crate) fn settle(&mut self, now: Instant, good: usize) {
        if self.choice != ReadOnly::Auto {
            return;
        }
        if self.is_read_only {
            if now.since(self.since) >= REST {
                (self.is_read_only, self.since) = (false, now);
            }
            return;
        }
        let is_proven = self.proven_at.is_some_and(|at| now.since(at) < PROOF_LASTS);
        if good < MIN_NODES {
            self.since = now;
        } else if !is_proven && now.since(self.since) >= TRIAL {
            (self.is_read_only, self.since) = (true, now);
        }
    }

    fn rotate(&mut self, now: Instant) {
        if now.since(self.rotated_at) >= HOLE_LASTS {
            self.rotated_at = now;
            self.asked[1] = std::mem::take(&mut self.asked[0]);
            self.is_blind = [false, self.is_blind[0]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(n: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, n], 6881))
    }

    #[test]
    fn node_without_evidence_is_read_only_after_a_trial_and_tries_again() {
        let start = Instant::from_micros(1);
        let mut reach = Reach::new(start, ReadOnly::Auto);
        reach.asked(start, addr(1));
        // An answer through our own hole, so to speak.
        reach.queried(start + TRIAL / 4, addr(1));
        reach.settle(start + TRIAL / 2, 8);
        assert!(!reach.is_read_only());
        reach.settle(start + TRIAL, 7);
        assert!(!reach.is_read_only(), "hardly anybody knows us");
        let mut now = start + TRIAL * 2;
        reach.settle(now, 8);
        assert!(reach.is_read_only());
        now += REST;
        reach.settle(now, 8);
        assert!(!reach.is_read_only());
        reach.queried(now, addr(9));
        reach.settle(now + TRIAL, 8);
        assert!(!reach.is_read_only(), "a stranger has reached us");
        reach.settle(now + PROOF_LASTS, 8);
        assert!(reach.is_read_only(), "long ago");
        reach.proven(now + PROOF_LASTS);
        assert!(!reach.is_read_only());
    }

    #[test]
    fn choice_of_the_user_holds_against_all_evidence() {
        for (choice, is_read_only) in [(ReadOnly::Always, true), (ReadOnly::Never, false)] {
            let now = Instant::from_micros(1);
            let mut reach = Reach::new(now, choice);
            reach.queried(now, addr(1));
            reach.proven(now);
            reach.settle(now + TRIAL, 100);
            assert_eq!(reach.is_read_only(), is_read_only);
            reach.settle(now + REST * 3, 100);
            assert_eq!(reach.is_read_only(), is_read_only);
        }
    }

    #[test]
    fn number_of_remembered_addresses_is_bounded_and_beyond_it_queries_are_no_evidence() {
        let now = Instant::from_micros(1);
        let mut reach = Reach::new(now, ReadOnly::Auto);
        for n in 0..100_000u32 {
            reach.asked(now, SocketAddr::from((n.to_be_bytes(), 6881)));
        }
        assert_eq!(reach.asked[0].len(), MAX_ASKED);
        reach.queried(now, addr(1));
        assert_eq!(reach.proven_at, None);
        let later = now + HOLE_LASTS * 2;
        reach.asked(now + HOLE_LASTS, addr(2));
        reach.queried(later, addr(1));
        assert_eq!(reach.proven_at, Some(later));
    }
}
