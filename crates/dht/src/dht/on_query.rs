//! Queries from other nodes.

use std::net::SocketAddr;

use ztor_base::Instant;
use ztor_base::addr::is_local;

use super::Dht;
use crate::addr::Family;
use crate::guard::Share;
use crate::item::Item;
use crate::krpc::{Body, Fault, Message, Method, Query, Response, Want, code};
use crate::{Contact, K, MAX_DATAGRAM_BYTES, NodeId};

/// Maximum length of a response without an item or a scrape, in bytes (BEP 32).
const MAX_ANSWER_BYTES: usize = 1024;
/// Checks in flight above which a node that sent a query is not checked. Senders can be forged, so this is low.
const MAX_CHECKS: usize = 8;

impl Dht {
    pub(super) fn on_query(
        &mut self,
        now: Instant,
        from: SocketAddr,
        transaction: Vec<u8>,
        query: Query,
        is_read_only: bool,
    ) {
        if !is_local(from.ip()) {
            for to in self.rpc.take_asked() {
                self.reach.asked(now, to);
            }
            self.reach.queried(now, from);
            self.rpc.set_read_only(self.reach.is_read_only());
        }
        let is_node = self.tables[Family::of(from)].has(Contact { id: query.id, addr: from });
        let Some(share) = self.admit(now, from, is_node) else { return };
        let asker = Contact { id: query.id, addr: from };
        let body = match self.answer(now, from, query) {
            Ok(response) => Body::Response(Box::new(response)),
            Err(fault) => Body::Error(fault),
        };
        self.send_answer(share, from, transaction, body);
        if !is_read_only {
            self.meet(now, asker);
        }
    }

    /// Answers a malformed query with an error, within the limits of the guard.
    pub(super) fn on_bad_query(
        &mut self,
        now: Instant,
        from: SocketAddr,
        transaction: Vec<u8>,
        fault: Fault,
    ) {
        if let Some(share) = self.admit(now, from, false) {
            self.send_answer(share, from, transaction, Body::Error(fault));
        }
    }

    /// Counts a query. Returns the share of the response budget that pays for it; `None` if it is dropped, before any
    /// work is done for it.
    fn admit(&mut self, now: Instant, from: SocketAddr, is_node: bool) -> Option<Share> {
        self.counts.queries_in += 1;
        let share = if self.reach.is_read_only() { None } else { self.guard.admit(now, from, is_node) };
        self.counts.queries_dropped += u64::from(share.is_none());
        share
    }

    /// Checks a node that sent a query, if the table would have a place for it.
    fn meet(&mut self, now: Instant, asker: Contact) {
        let family = Family::of(asker.addr);
        if self.tables[family].queried(now, asker) || self.is_mere_router(asker.addr) {
            return;
        }
        // The table is searched last: senders can be forged.
        if self.rpc.may_check(asker.addr, MAX_CHECKS)
            && !self.rpc.is_asking(asker.addr)
            && self.tables[family].has_room_for(now, asker)
        {
            self.ask_check(now, asker.addr, Some(asker.id));
        }
    }

    fn send_answer(&mut self, share: Share, to: SocketAddr, transaction: Vec<u8>, body: Body) {
        let version = self.config.version.map(|version| version.to_vec());
        let mut message = Message { transaction, body, external: Some(to), read_only: false, version };
        let mut datagram = message.encode();
        // Only a response with an item of full length and nodes of both families is too long, so nodes are dropped.
        while datagram.len() > MAX_DATAGRAM_BYTES
            && let Body::Response(response) = &mut message.body
            && drop_some_nodes(response, Family::of(to))
        {
            datagram = message.encode();
        }
        self.guard.charge(share, datagram.len());
        self.rpc.answer(to, datagram);
    }

    fn answer(&mut self, now: Instant, from: SocketAddr, query: Query) -> Result<Response, Fault> {
        let family = Family::of(from);
        let own = self.tables[family].own();
        let mut response = Response::new(own);
        match query.method {
            Method::Ping => {}
            Method::FindNode { target } | Method::Unknown { target: Some(target) } => {
                self.add_nodes(now, &mut response, family, query.want, target);
            }
            Method::Unknown { target: None } => {
                return Err(Fault::new(code::METHOD_UNKNOWN, "method unknown"));
            }
            Method::GetPeers { info_hash, no_seed, scrape } => {
                self.add_nodes(now, &mut response, family, query.want, info_hash);
                response.token = Some(self.tokens.make(now, from.ip(), info_hash));
                if scrape && let Some((seeds, peers)) = self.peers[family].scrape(now, info_hash) {
                    response.seeds = Some(seeds);
                    response.peers = Some(peers);
                }
                let max = self.room_for_peers(&response, family);
                response.values = self.peers[family].choose(now, info_hash, no_seed, max, &mut self.rng);
            }
            Method::AnnouncePeer { info_hash, port, implied_port, seed, token } => {
                self.check_token(now, &token, from, info_hash)?;
                let port = if implied_port { from.port() } else { port };
                let peer = SocketAddr::new(from.ip(), port);
                self.peers[family].announce(now, own, info_hash, peer, seed);
            }
            Method::Get { target, seq } => {
                self.add_nodes(now, &mut response, family, query.want, target);
                response.token = Some(self.tokens.make(now, from.ip(), target));
                if let Some(item) = self.items.get(now, target) {
                    add_item(&mut response, item, seq);
                }
            }
            Method::Put { token, cas, item } => {
                self.check_token(now, &token, from, item.target())?;
                self.items.put(now, own, from.ip(), item, cas)?;
            }
            Method::SampleInfohashes { target } => {
                self.add_nodes(now, &mut response, family, query.want, target);
                response.samples = Some(self.peers[family].sample(now, &mut self.rng));
            }
        }
        Ok(response)
    }

    /// Adds the nodes nearest to `target`, of the families that were asked for (BEP 32).
    fn add_nodes(
        &self,
        now: Instant,
        response: &mut Response,
        family: Family,
        want: Option<Want>,
        target: NodeId,
    ) {
        let own_family = Want { v4: family == Family::V4, v6: family == Family::V6 };
        let want = want.filter(|want| want.v4 || want.v6).unwrap_or(own_family);
        let nodes = |family: Family| {
            self.config.families[family].then(|| self.tables[family].closest(now, target, K))
        };
        response.nodes4 = want.v4.then(|| nodes(Family::V4)).flatten();
        response.nodes6 = want.v6.then(|| nodes(Family::V6)).flatten();
    }

    /// Returns the number of peers that a response has room for.
    fn room_for_peers(&self, response: &Response, family: Family) -> usize {
        // Keys, transaction id, version, external address and the like take less than this.
        let mut taken = 200;
        taken += response.nodes4.as_ref().map_or(0, |nodes| nodes.len() * 26);
        taken += response.nodes6.as_ref().map_or(0, |nodes| nodes.len() * 38);
        let mut room = MAX_ANSWER_BYTES;
        if response.seeds.is_some() {
            taken += 2 * 270;
            room = MAX_DATAGRAM_BYTES;
        }
        let each = match family {
            Family::V4 => 8,
            Family::V6 => 21,
        };
        room.saturating_sub(taken) / each
    }

    fn check_token(
        &mut self,
        now: Instant,
        token: &[u8],
        from: SocketAddr,
        target: NodeId,
    ) -> Result<(), Fault> {
        if self.tokens.accepts(now, token, from.ip(), target) {
            Ok(())
        } else {
            Err(Fault::new(code::PROTOCOL, "bad token"))
        }
    }
}

/// Adds a stored item. If the other node has this version of a mutable item, adds only the version (BEP 44).
fn add_item(response: &mut Response, item: &Item, known_seq: Option<i64>) {
    if let Item::Mutable { key, seq, signature, .. } = item {
        response.seq = Some(*seq);
        if known_seq.is_some_and(|known| *seq <= known) {
            return;
        }
        response.key = Some(*key);
        response.signature = Some(*signature);
    }
    response.value = Some(item.value().to_vec());
}

/// Removes a node from a response, of the other family first. Returns false if none is left.
fn drop_some_nodes(response: &mut Response, family: Family) -> bool {
    let (own, other) = match family {
        Family::V4 => (&mut response.nodes4, &mut response.nodes6),
        Family::V6 => (&mut response.nodes6, &mut response.nodes4),
    };
    let pop = |nodes: &mut Option<Vec<Contact>>| nodes.as_mut().and_then(Vec::pop).is_some();
    pop(other) || pop(own)
}
