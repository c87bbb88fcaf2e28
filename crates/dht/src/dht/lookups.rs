//! Lookups from start to end.

use std::net::SocketAddr;

use ztor_base::{Duration, Instant};

use super::Dht;
use crate::addr::{Family, is_plausible};
use crate::event::{Event, Summary};
use crate::items::check_order;
use crate::krpc::{Method, Response};
use crate::lookup::{Job, LONGEST, Lookup};
use crate::rpc::Purpose;
use crate::search::{Answer, Search};
use crate::{Contact, Item, K, LookupId, NodeId};

/// Maximum number of running lookups of the owner; the others wait.
const MAX_RUNNING: usize = 32;
/// Time for which a lookup waits for a first node.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Checks in flight above which nodes of the other family are not checked.
const MAX_LEAKED: usize = 16;
/// Maximum number of peers from our own store that a lookup reports.
const MAX_OWN_PEERS: usize = 200;

impl Dht {
    /// Queues a lookup, which starts when there is a node to query and few enough others run.
    pub(super) fn begin(&mut self, now: Instant, target: NodeId, job: Job) -> LookupId {
        let id = LookupId(self.fresh_id());
        if self.waiting.len() >= super::MAX_WAITING {
            self.events.push_back(Event::Done { lookup: id, summary: Summary::default() });
        } else {
            self.waiting.push_back((now, Lookup::new(id, target, job, now)));
            self.start_waiting(now);
        }
        id
    }

    /// Starts lookups that no longer have to wait.
    pub(super) fn start_waiting(&mut self, now: Instant) {
        while !self.waiting.is_empty()
            && self.has_nodes()
            && self.lookups.values().filter(|lookup| lookup.is_owners()).count() < MAX_RUNNING
        {
            let Some((_, mut lookup)) = self.waiting.pop_front() else { return };
            for family in self.config.families().filter(|family| self.knows_any(*family)) {
                lookup.searches[family] = Some(self.search(now, family, lookup.target));
            }
            self.ask_ourselves(now, &mut lookup);
            self.run(now, lookup);
        }
    }

    /// Extends running lookups to a family whose first node is known.
    pub(super) fn widen_lookups(&mut self, now: Instant, family: Family) {
        let lacks = |lookup: &&Lookup| {
            lookup.is_owners() && lookup.storing.is_none() && lookup.searches[family].is_none()
        };
        let ids: Vec<_> = self.lookups.values().filter(lacks).map(|lookup| lookup.id).collect();
        for id in ids {
            let Some(target) = self.lookups.get(&id).map(|lookup| lookup.target) else { continue };
            let search = self.search(now, family, target);
            if let Some(lookup) = self.lookups.get_mut(&id) {
                lookup.searches[family] = Some(search);
                self.advance(now, id);
            }
        }
    }

    /// Adds what we store ourselves to a lookup. In a small network other nodes store at us, too.
    fn ask_ourselves(&mut self, now: Instant, lookup: &mut Lookup) {
        let target = lookup.target;
        let mut peers = Vec::new();
        for family in self.config.families() {
            match &mut lookup.job {
                Job::Peers { .. } => {}
                Job::Scrape(scrape) => {
                    let (seeds, peers) = self.peers[family].scrape(now, target).unzip();
                    scrape.add(seeds.as_ref(), peers.as_ref(), &[]);
                }
                Job::Get { salt, best } => {
                    let own = self.items.get(now, target);
                    let fits = |item: &&Item| !matches!(item, Item::Mutable { salt: of, .. } if of != salt);
                    *best = own.filter(fits).cloned();
                    continue;
                }
                Job::Nodes | Job::Upkeep { .. } | Job::Put { .. } => continue,
            }
            peers.extend(self.peers[family].choose(now, target, false, MAX_OWN_PEERS, &mut self.rng));
        }
        let peers = lookup.new_peers(peers);
        if !peers.is_empty() {
            self.events.push_back(Event::Peers { lookup: lookup.id, peers, from: None });
        }
        if let Job::Get { best: Some(Item::Immutable { .. }), .. } = lookup.job {
            lookup.storing = Some(0);
        }
    }

    /// Creates a search that starts with the nodes of the table.
    pub(super) fn search(&self, now: Instant, family: Family, target: NodeId) -> Search {
        let table = &self.tables[family];
        let mut search = Search::new(table.own(), target);
        table.closest(now, target, 2 * K).into_iter().for_each(|node| search.add_known(node));
        search
    }

    pub(super) fn run(&mut self, now: Instant, mut lookup: Lookup) {
        lookup.began = now;
        let id = lookup.id;
        self.lookups.insert(id, lookup);
        self.advance(now, id);
    }

    /// Sends the queries of a lookup that are due. Ends its search, or the lookup, when that is complete.
    pub(super) fn advance(&mut self, now: Instant, id: LookupId) {
        let Some(mut lookup) = self.lookups.remove(&id) else { return };
        if lookup.storing.is_none() {
            let method = lookup.method();
            for family in Family::ALL {
                let Some(search) = lookup.searches[family].as_mut() else { continue };
                while let Some((addr, node)) = search.next() {
                    if self.ask(now, addr, node, Purpose::Lookup(id), method.clone()) {
                        lookup.messages += 1;
                    } else {
                        search.failed(addr);
                    }
                }
            }
            if lookup.is_searched() {
                self.store(now, &mut lookup);
            }
        }
        self.keep_or_end(now, lookup);
    }

    pub(super) fn on_lookup_answer(
        &mut self,
        now: Instant,
        id: LookupId,
        node: Contact,
        mut response: Response,
    ) {
        let Some(lookup) = self.lookups.get_mut(&id) else { return };
        let from = node.addr;
        let answer = Answer { token: response.token.take(), seq: response.seq };
        if let Some(search) = lookup.search_mut(Family::of(node.addr)) {
            search.answered(node, answer);
        }
        response.values.retain(|peer| is_plausible(*peer, node.addr));
        match &mut lookup.job {
            Job::Peers { .. } => {}
            Job::Scrape(scrape) => {
                scrape.add(response.seeds.as_ref(), response.peers.as_ref(), &response.values);
            }
            Job::Get { salt, best } => take_item(best, &response, lookup.target, salt),
            Job::Put { item: Item::Mutable { salt, .. }, best, .. } => {
                take_item(best, &response, lookup.target, salt);
            }
            Job::Nodes | Job::Upkeep { .. } | Job::Put { .. } => {}
        }
        if !matches!(lookup.job, Job::Peers { .. } | Job::Scrape(_)) {
            response.values.clear();
        }
        let peers = lookup.new_peers(std::mem::take(&mut response.values));
        if !peers.is_empty() {
            self.events.push_back(Event::Peers { lookup: id, peers, from: Some(from) });
        }
        if let Job::Get { best: Some(Item::Immutable { .. }), .. } = lookup.job {
            // An immutable item has only one version, and this one is verified.
            lookup.storing = Some(0);
        }
        let mut strangers = Vec::new();
        for (family, named) in [(Family::V4, response.nodes4), (Family::V6, response.nodes6)] {
            let named = named.into_iter().flatten().filter(|named| is_plausible(named.addr, node.addr));
            match lookup.search_mut(family) {
                Some(search) => search.add_named(named, node.addr),
                None => strangers.extend(named.take(K)),
            }
        }
        self.meet_strangers(now, &strangers);
        self.advance(now, id);
    }

    pub(super) fn on_lookup_slow(&mut self, now: Instant, id: LookupId, addr: SocketAddr) {
        let Some(lookup) = self.lookups.get_mut(&id) else { return };
        if let Some(search) = lookup.search_mut(Family::of(addr)) {
            search.slow(addr);
        }
        self.advance(now, id);
    }

    pub(super) fn on_lookup_failure(&mut self, now: Instant, id: LookupId, addr: SocketAddr) {
        let Some(lookup) = self.lookups.get_mut(&id) else { return };
        if let Some(search) = lookup.search_mut(Family::of(addr)) {
            search.failed(addr);
        }
        self.advance(now, id);
    }

    /// Handles the result of an announce or put. `Err` has the error code of the node; `None` if it did not respond.
    pub(super) fn on_stored(&mut self, now: Instant, id: LookupId, result: Result<(), Option<i64>>) {
        let Some(mut lookup) = self.lookups.remove(&id) else { return };
        lookup.storing = lookup.storing.map(|left| left.saturating_sub(1));
        match result {
            Ok(()) => lookup.stored += 1,
            Err(code) => lookup.refused = code.or(lookup.refused),
        }
        self.keep_or_end(now, lookup);
    }

    /// Ends lookups that take too long, or have waited too long for a node.
    pub(super) fn end_old_lookups(&mut self, now: Instant) {
        let is_old = |lookup: &&Lookup| now.since(lookup.began) >= LONGEST;
        let old: Vec<_> = self.lookups.values().filter(is_old).map(|lookup| lookup.id).collect();
        for id in old {
            let Some(mut lookup) = self.lookups.remove(&id) else { continue };
            if lookup.storing.is_none() {
                self.store(now, &mut lookup);
            }
            self.rpc.forget(id);
            if now.since(lookup.began) >= LONGEST * 2 {
                lookup.storing = Some(0);
            }
            self.keep_or_end(now, lookup);
        }
        let waits_in_vain = |since: &Instant| now.since(*since) >= LONGEST_WAIT;
        while !self.has_nodes()
            && let Some((_, mut lookup)) = self.waiting.pop_front_if(|(since, _)| waits_in_vain(since))
        {
            lookup.began = now;
            self.end(now, lookup);
        }
    }

    /// Checks nodes of a family that a lookup does not search, if few nodes of it are known (BEP 32).
    fn meet_strangers(&mut self, now: Instant, strangers: &[Contact]) {
        for node in strangers {
            let family = Family::of(node.addr);
            if self.rpc.may_check(node.addr, MAX_LEAKED)
                && !self.rpc.is_asking(node.addr)
                && self.is_poor(now, family)
                && !self.tables[family].has_address(node.addr)
            {
                self.upkeep[family].count_leak(now);
                self.ask_check(now, node.addr, Some(node.id));
            }
        }
    }

    /// Returns true if few nodes of an enabled family are known, and more may be found. A host may have a socket but no
    /// route into the network.
    pub(super) fn is_poor(&self, now: Instant, family: Family) -> bool {
        self.config.families[family] && self.tables[family].len() < K && !self.upkeep[family].is_hopeless(now)
    }

    /// Returns true if there is a node that a lookup could begin with.
    pub fn has_nodes(&self) -> bool {
        Family::ALL.iter().any(|family| self.knows_any(*family))
    }

    fn knows_any(&self, family: Family) -> bool {
        self.tables[family].nodes().any(|node| !node.is_bad())
    }

    /// Ends the search: sends the announces or puts to the nodes that it found.
    fn store(&mut self, now: Instant, lookup: &mut Lookup) {
        let mut sent = 0;
        if let Job::Put { item, cas, best: Some(best) } = &lookup.job
            && let Err(fault) = check_order(best, item, *cas)
        {
            // Nodes with an older version, or with none, would accept it, and there would be two versions.
            lookup.refused = Some(fault.code);
            lookup.storing = Some(0);
            return;
        }
        for family in Family::ALL {
            let Some(search) = lookup.searches[family].as_ref() else { continue };
            for (node, answer) in search.stores() {
                let Some(method) = store_method(&lookup.job, lookup.target, family, answer) else { break };
                if self.ask(now, node.addr, Some(node.id), Purpose::Store(lookup.id), method) {
                    sent += 1;
                }
            }
        }
        lookup.messages += sent;
        lookup.storing = Some(sent);
    }

    fn keep_or_end(&mut self, now: Instant, lookup: Lookup) {
        if lookup.storing == Some(0) {
            self.end(now, lookup);
        } else {
            self.lookups.insert(lookup.id, lookup);
        }
    }

    fn end(&mut self, now: Instant, lookup: Lookup) {
        self.rpc.forget(lookup.id);
        let id = lookup.id;
        let summary = lookup.summary(now);
        match lookup.job {
            Job::Upkeep { family, is_bootstrap } => {
                return self.on_upkeep_done(now, id, family, is_bootstrap);
            }
            Job::Nodes => {
                let searches = Family::ALL.iter().filter_map(|family| lookup.searches[*family].as_ref());
                let mut nodes: Vec<_> = searches.flat_map(Search::nearest).collect();
                nodes.sort_by_key(|node| node.id.distance(lookup.target));
                self.events.push_back(Event::Nodes { lookup: id, nodes });
            }
            Job::Peers { .. } => {}
            Job::Scrape(scrape) => self.events.push_back(Event::Scrape {
                lookup: id,
                seeds: scrape.seeds.estimate().round() as u32,
                peers: scrape.peers.estimate().round() as u32,
                nodes: scrape.nodes,
            }),
            Job::Get { best, .. } => {
                self.events.extend(best.map(|item| Event::Item { lookup: id, item }));
            }
            Job::Put { .. } => {
                let (stored, refused) = (lookup.stored, lookup.refused);
                self.events.push_back(Event::Put { lookup: id, stored, refused });
            }
        }
        self.events.push_back(Event::Done { lookup: id, summary });
    }
}

/// Returns the query that stores something at a node; `None` without a token, or if the lookup stores nothing.
fn store_method(job: &Job, target: NodeId, family: Family, answer: Answer) -> Option<Method> {
    let token = answer.token?;
    match job {
        Job::Peers { announce: Some(announce) } if announce.port[family] != 0 => Some(Method::AnnouncePeer {
            info_hash: target,
            port: announce.port[family],
            implied_port: announce.implied_port,
            seed: announce.is_seed,
            token,
        }),
        // A node without the item has nothing to compare (BEP 44).
        Job::Put { item, cas, .. } => {
            Some(Method::Put { token, cas: cas.filter(|_| answer.seq.is_some()), item: item.clone() })
        }
        _ => None,
    }
}

/// Takes the item of a response, if it is valid and newer than the best so far.
fn take_item(best: &mut Option<Item>, response: &Response, target: NodeId, salt: &[u8]) {
    let Some(value) = response.value.clone() else { return };
    let item = match (response.key, response.seq, response.signature) {
        (Some(key), Some(seq), Some(signature)) => {
            Item::Mutable { key, salt: salt.to_vec(), seq, signature, value }
        }
        _ => Item::Immutable { value },
    };
    let is_newer = best.as_ref().is_none_or(|best| best.seq() < item.seq());
    if is_newer && item.target() == target && item.verify().is_ok() {
        *best = Some(item);
    }
}
