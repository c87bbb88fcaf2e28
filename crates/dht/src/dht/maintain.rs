//! Upkeep: bootstrap, and maintenance of the routing tables.

use std::net::SocketAddr;

use ztor_base::addr::{canonical, is_local};
use ztor_base::{Duration, Instant};

use super::Dht;
use crate::addr::{Family, is_plausible};
use crate::event::Event;
use crate::lookup::{Job, Lookup};
use crate::{K, LookupId, NodeId};

/// Interval of the upkeep. Each time, one questionable node of a family is pinged: more than a full table needs in the
/// 15 minutes that a node stays good.
const EVERY: Duration = Duration::from_secs(5);
/// Wait after the first failed bootstrap; each further failure doubles it.
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// Maximum wait after a failed bootstrap.
const LAST_RETRY: Duration = Duration::from_secs(5 * 60);
/// Maximum number of routers.
const MAX_ROUTERS: usize = 32;
/// Number of nodes named by the other family that are checked within [`LEAKS_LIFE`] without any message received. After
/// that, the family is given up for the rest of that time.
const MAX_LEAKS: u32 = 32;
const LEAKS_LIFE: Duration = Duration::from_secs(10 * 60);
/// Interval at which expired peers and items are dropped.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);
/// Minimum time between two changes of our id, however often votes change.
const ID_LIFE: Duration = Duration::from_secs(30 * 60);

/// State of a family's upkeep.
#[derive(Debug)]
pub(super) struct Upkeep {
    /// Time of the last message received; `None` before the first.
    pub(super) heard: Option<Instant>,
    /// The running bootstrap.
    bootstrap: Option<LookupId>,
    /// Set when a bootstrap has found nodes.
    is_settled: bool,
    next_try: Instant,
    /// Consecutive failed bootstraps.
    failures: u32,
    /// The running refresh of a bucket.
    refresh: Option<LookupId>,
    /// Time of the last change of our id; `None` before the first.
    moved: Option<Instant>,
    /// Number of nodes checked because the other family named them, and start of their count.
    leaks: u32,
    leaks_since: Instant,
}

impl Upkeep {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            heard: None,
            bootstrap: None,
            is_settled: false,
            next_try: now,
            failures: 0,
            refresh: None,
            moved: None,
            leaks: 0,
            leaks_since: now,
        }
    }

    /// Counts a node that is checked because the other family named it.
    pub(super) fn count_leak(&mut self, now: Instant) {
        if now.since(self.leaks_since) >= LEAKS_LIFE {
            self.leaks = 0;
            self.leaks_since = now;
        }
        self.leaks += 1;
    }

    /// Returns true if many were checked recently and no message was received.
    pub(super) fn is_hopeless(&self, now: Instant) -> bool {
        let is_heard = self.heard.is_some_and(|heard| heard >= self.leaks_since);
        !is_heard && self.leaks >= MAX_LEAKS && now.since(self.leaks_since) < LEAKS_LIFE
    }

    /// Returns true if our id may change, and marks it as changed.
    pub(super) fn may_move(&mut self, now: Instant) -> bool {
        let may = self.moved.is_none_or(|moved| now.since(moved) >= ID_LIFE);
        if may {
            self.moved = Some(now);
        }
        may
    }
}

impl Dht {
    /// Handles what is due at `now`: expires requests and lookups, and keeps the routing tables up.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire_questions(now);
        if now >= self.next_upkeep {
            self.next_upkeep = now + EVERY;
            for family in self.config.families() {
                self.keep_up(now, family);
            }
            if now >= self.next_expiry {
                self.next_expiry = now + EXPIRE_EVERY;
                self.peers.v4.expire(now);
                self.peers.v6.expire(now);
                self.items.expire(now);
            }
            self.end_old_lookups(now);
            self.settle_reach(now);
        }
        self.start_waiting(now);
    }

    /// Decides whether the node is read-only. A network of local nodes is no matter of NATs.
    fn settle_reach(&mut self, now: Instant) {
        for to in self.rpc.take_asked() {
            self.reach.asked(now, to);
        }
        let known = self.config.families().flat_map(|family| self.tables[family].nodes());
        let wide = known.filter(|node| !node.is_bad() && !is_local(node.contact.addr.ip())).count();
        self.reach.settle(now, wide);
        self.rpc.set_read_only(self.reach.is_read_only());
    }

    /// Bootstraps at once where all nodes are lost. Call it when the network was down or has changed.
    pub fn start_over(&mut self, now: Instant) {
        for family in self.config.families() {
            let upkeep = &mut self.upkeep[family];
            (upkeep.failures, upkeep.next_try) = (0, now);
        }
        self.next_upkeep = now;
    }

    pub(super) fn add_routers(&mut self, now: Instant, addrs: &[SocketAddr]) {
        for addr in addrs.iter().map(|addr| canonical(*addr)) {
            let is_new = !self.routers.contains(&addr) && self.routers.len() < MAX_ROUTERS;
            if !is_new || !is_plausible(addr, addr) || !self.config.families[Family::of(addr)] {
                continue;
            }
            self.routers.push(addr);
            let upkeep = &mut self.upkeep[Family::of(addr)];
            upkeep.next_try = now;
            if let Some(id) = upkeep.bootstrap
                && let Some(search) = self.lookups.get_mut(&id).and_then(|l| l.search_mut(Family::of(addr)))
            {
                search.add_blind(addr);
                self.advance(now, id);
            }
        }
        for family in self.config.families() {
            self.settle(now, family);
        }
    }

    /// Returns true for a router that is not kept as a node.
    pub(super) fn is_mere_router(&self, addr: SocketAddr) -> bool {
        self.routers.contains(&addr) && !self.kept_routers.contains(&addr)
    }

    /// Starts a bootstrap: a lookup of our own id in a family's network.
    pub(super) fn bootstrap_family(&mut self, now: Instant, family: Family) {
        if let Some(old) = self.upkeep[family].bootstrap.take() {
            self.cancel(old);
        }
        let target = self.tables[family].own();
        let mut search = self.search(now, family, target);
        if self.tables[family].good_count(now) < K {
            let nodes = self.remembered.iter().filter(|node| Family::of(node.addr) == family);
            nodes.for_each(|node| search.add_known(*node));
            let routers = self.routers.iter().filter(|addr| Family::of(**addr) == family);
            routers.for_each(|addr| search.add_blind(*addr));
        }
        let id = LookupId(self.fresh_id());
        let mut lookup = Lookup::new(id, target, Job::Upkeep { family, is_bootstrap: true }, now);
        lookup.searches[family] = Some(search);
        self.upkeep[family].bootstrap = Some(id);
        self.run(now, lookup);
    }

    pub(super) fn on_upkeep_done(&mut self, now: Instant, id: LookupId, family: Family, is_bootstrap: bool) {
        let nodes = self.tables[family].good_count(now);
        let upkeep = &mut self.upkeep[family];
        if !is_bootstrap {
            upkeep.refresh = None;
            return;
        }
        // A bootstrap that was restarted has another id.
        upkeep.bootstrap.take_if(|running| *running == id);
        if nodes == 0 {
            let wait = FIRST_RETRY.saturating_mul(1 << upkeep.failures.min(16)).min(LAST_RETRY);
            upkeep.failures += 1;
            upkeep.next_try = now + wait;
            return;
        }
        upkeep.failures = 0;
        if !std::mem::replace(&mut upkeep.is_settled, true) {
            self.events.push_back(Event::Bootstrapped { family, nodes });
        }
    }

    /// Changes our id to one that fits our external address (BEP 42), if that is known.
    pub(super) fn fit_id(&mut self, now: Instant, family: Family) {
        let Some(external) = self.votes[family].elected() else { return };
        if !self.tables[family].own().fits(external) && self.upkeep[family].may_move(now) {
            let id = NodeId::for_ip(external, &mut self.rng);
            self.move_to(now, family, id);
        }
    }

    /// Replaces our id in a family's network.
    pub(super) fn move_to(&mut self, now: Instant, family: Family, id: NodeId) {
        self.tables[family].move_to(id, now);
        // The new id has other neighbours, which have to learn of us.
        self.bootstrap_family(now, family);
    }

    fn keep_up(&mut self, now: Instant, family: Family) {
        if self.upkeep[family].is_settled && self.tables[family].good_count(now) == 0 {
            self.upkeep[family].is_settled = false;
        }
        self.fit_id(now, family);
        self.settle(now, family);
        if let Some(oldest) = self.tables[family].questionable(now, |addr| self.rpc.is_asking(addr)) {
            self.ask_check(now, oldest.addr, Some(oldest.id));
        }
        if !self.upkeep[family].is_settled || self.upkeep[family].refresh.is_some() {
            return;
        }
        if let Some(place) = self.tables[family].stale_place(now, &mut self.rng) {
            let id = LookupId(self.fresh_id());
            let mut lookup = Lookup::new(id, place, Job::Upkeep { family, is_bootstrap: false }, now);
            lookup.searches[family] = Some(self.search(now, family, place));
            self.upkeep[family].refresh = Some(id);
            self.run(now, lookup);
        }
    }

    /// Starts a bootstrap if one is due and there is a node to query.
    fn settle(&mut self, now: Instant, family: Family) {
        let upkeep = &self.upkeep[family];
        if upkeep.is_settled || upkeep.bootstrap.is_some() || now < upkeep.next_try {
            return;
        }
        let is_ours = |addr: SocketAddr| Family::of(addr) == family;
        let knows_someone = self.tables[family].len() > 0
            || self.routers.iter().any(|addr| is_ours(*addr))
            || self.remembered.iter().any(|node| is_ours(node.addr));
        if knows_someone {
            self.bootstrap_family(now, family);
        }
    }
}
