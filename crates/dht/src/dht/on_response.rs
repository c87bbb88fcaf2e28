//! Responses to our queries, errors and timeouts.

use std::net::SocketAddr;

use ztor_base::Instant;

use super::Dht;
use crate::addr::{Family, is_plausible};
use crate::event::{Event, QueryError};
use crate::krpc::{Fault, Response};
use crate::rpc::{Late, Pending, Purpose};
use crate::table::Heard;
use crate::{Contact, QueryId};

impl Dht {
    pub(super) fn on_response(
        &mut self,
        now: Instant,
        from: SocketAddr,
        transaction: &[u8],
        response: Response,
        external: Option<SocketAddr>,
    ) {
        let Some(pending) = self.rpc.take(now, from, transaction) else { return };
        self.counts.answers_in += 1;
        let node = Contact { id: response.id, addr: from };
        self.hear(now, &pending, node);
        self.vote(now, from, external);
        match pending.purpose {
            Purpose::Check => {}
            Purpose::Ping(query) => {
                self.events.push_back(Event::Pong { query, node, rtt: now.since(pending.sent) });
            }
            Purpose::Sample(query) => self.on_sample(query, node, response),
            Purpose::Lookup(lookup) => self.on_lookup_answer(now, lookup, node, response),
            Purpose::Store(lookup) => self.on_stored(now, lookup, Ok(())),
        }
    }

    /// Handles an error. The node is alive, but is not kept.
    pub(super) fn on_error(
        &mut self,
        now: Instant,
        from: SocketAddr,
        transaction: &[u8],
        fault: Fault,
        external: Option<SocketAddr>,
    ) {
        let Some(pending) = self.rpc.take(now, from, transaction) else { return };
        self.counts.answers_in += 1;
        self.vote(now, from, external);
        match pending.purpose {
            Purpose::Check => self.silent(now, &pending),
            Purpose::Ping(query) | Purpose::Sample(query) => {
                self.events.push_back(Event::Failed { query, error: QueryError::Refused(fault) });
            }
            Purpose::Lookup(lookup) => self.on_lookup_failure(now, lookup, from),
            Purpose::Store(lookup) => self.on_stored(now, lookup, Err(Some(fault.code))),
        }
    }

    /// Handles queries that have waited too long.
    pub(super) fn expire_questions(&mut self, now: Instant) {
        self.rpc.send_queued(now);
        while let Some(late) = self.rpc.next_late(now) {
            match late {
                Late::Slow { to, lookup } => self.on_lookup_slow(now, lookup, to),
                Late::Dead(pending) => {
                    self.counts.timeouts += 1;
                    self.silent(now, &pending);
                    match pending.purpose {
                        Purpose::Check => {}
                        Purpose::Ping(query) | Purpose::Sample(query) => {
                            self.events.push_back(Event::Failed { query, error: QueryError::Timeout });
                        }
                        Purpose::Lookup(lookup) => self.on_lookup_failure(now, lookup, pending.to),
                        Purpose::Store(lookup) => self.on_stored(now, lookup, Err(None)),
                    }
                }
            }
        }
    }

    /// Enters a node that responded into the table.
    fn hear(&mut self, now: Instant, pending: &Pending, node: Contact) {
        let family = Family::of(node.addr);
        if let Some(said) = pending.id.filter(|said| *said != node.id) {
            // This address has another node than the table says.
            self.tables[family].remove(now, Contact { id: said, addr: node.addr });
        }
        if self.is_mere_router(node.addr) {
            return;
        }
        let was_empty = self.tables[family].len() == 0;
        if let Heard::Ask(oldest) = self.tables[family].replied(now, node)
            && !self.rpc.is_asking(oldest.addr)
        {
            self.ask_check(now, oldest.addr, Some(oldest.id));
        }
        if was_empty {
            self.widen_lookups(now, family);
        }
    }

    /// Counts an unanswered query against a node of the table.
    fn silent(&mut self, now: Instant, pending: &Pending) {
        let family = Family::of(pending.to);
        // If no message at all was received since, the fault is ours.
        let Some(id) = pending.id.filter(|_| self.upkeep[family].heard > Some(pending.sent)) else { return };
        self.tables[family].failed(now, Contact { id, addr: pending.to });
    }

    /// Counts a node's vote on our external address (BEP 42), and adapts our id to a newly elected one.
    fn vote(&mut self, now: Instant, from: SocketAddr, external: Option<SocketAddr>) {
        let family = Family::of(from);
        let Some(external) = external.and_then(|addr| self.votes[family].count(from, addr.ip())) else {
            return;
        };
        self.events.push_back(Event::ExternalAddress(external));
        self.fit_id(now, family);
    }

    fn on_sample(&mut self, query: QueryId, node: Contact, response: Response) {
        let nodes = response.nodes4.iter().chain(&response.nodes6).flatten();
        let nodes = nodes.filter(|named| is_plausible(named.addr, node.addr)).copied().collect();
        self.events.push_back(Event::Samples { query, node, samples: response.samples, nodes });
    }
}
