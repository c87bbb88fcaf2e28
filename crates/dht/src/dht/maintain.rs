//! What is done without being asked: finding a place in the network and keeping it.

use std::net::SocketAddr;

use ztor_base::addr::canonical;
use ztor_base::{Duration, Instant};

use super::Dht;
use crate::addr::{Family, is_plausible};
use crate::event::Event;
use crate::lookup::{Job, Lookup};
use crate::{K, LookupId, NodeId};

/// How often everything is looked at that takes minutes. One questionable node is asked each time: more than a
/// full table needs in the 15 minutes that a node stays good.
const EVERY: Duration = Duration::from_secs(5);
/// How long after a vain attempt to find nodes the next one comes; doubled with each.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_secs(5 * 60);
/// Routers remembered.
const MAX_ROUTERS: usize = 32;
/// Nodes that others named and that are asked without anyone being heard, in so long a time: then the family is given
/// up for the rest of it.
const MAX_LEAKS: u32 = 32;
const LEAKS_LIFE: Duration = Duration::from_secs(10 * 60);
/// How often what others stored is looked through for what is too old.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);
/// Between two changes of our id, however often votes change.
const ID_LIFE: Duration = Duration::from_secs(30 * 60);

/// How one family's table is doing.
#[derive(Debug)]
pub(super) struct Upkeep {
    /// When anyone was heard last.
    pub(super) heard: Option<Instant>,
    /// The lookup that looks for our place.
    bootstrap: Option<LookupId>,
    /// It found one.
    is_settled: bool,
    next_try: Instant,
    /// Attempts in vain since one was not.
    failures: u32,
    /// The lookup that keeps a part of the table alive.
    refresh: Option<LookupId>,
    /// When our id changed last.
    moved: Option<Instant>,
    /// Nodes that were asked because the other family's named them, and since when they are counted.
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

    /// Counts a node that is asked because the other family's named it.
    pub(super) fn count_leak(&mut self, now: Instant) {
        if now.since(self.leaks_since) >= LEAKS_LIFE {
            self.leaks = 0;
            self.leaks_since = now;
        }
        self.leaks += 1;
    }

    /// Whether many were asked of late, and nobody was heard.
    pub(super) fn is_hopeless(&self, now: Instant) -> bool {
        let is_heard = self.heard.is_some_and(|heard| heard >= self.leaks_since);
        !is_heard && self.leaks >= MAX_LEAKS && now.since(self.leaks_since) < LEAKS_LIFE
    }

    /// Whether the id may change, and counts it as changed.
    pub(super) fn may_move(&mut self, now: Instant) -> bool {
        let may = self.moved.is_none_or(|moved| now.since(moved) >= ID_LIFE);
        if may {
            self.moved = Some(now);
        }
        may
    }
}

impl Dht {
    /// Does what is due at `now`: expires requests and lookups, and keeps the routing tables up.
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
        }
        self.start_waiting(now);
    }

    /// The network was gone, or is another: the way in is looked for now, if it is lost.
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

    /// Asked for the way, but not to be kept as a node.
    pub(super) fn is_mere_router(&self, addr: SocketAddr) -> bool {
        self.routers.contains(&addr) && !self.kept_routers.contains(&addr)
    }

    /// Looks for our place in a family's network.
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
        // One that was begun anew has another id.
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

    /// Takes an id that fits our address (BEP 42), once that is known.
    pub(super) fn fit_id(&mut self, now: Instant, family: Family) {
        let Some(external) = self.votes[family].elected() else { return };
        if !self.tables[family].own().fits(external) && self.upkeep[family].may_move(now) {
            let id = NodeId::for_ip(external, &mut self.rng);
            self.tables[family].move_to(id, now);
            // Our neighbours are other ones now, and have to hear of us.
            self.bootstrap_family(now, family);
        }
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

    /// Begins to look for a place, if we have none and there is someone to ask.
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
