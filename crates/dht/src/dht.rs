//! The node itself: what the owner asks of it, and what it has.

mod lookups;
mod maintain;
mod on_query;
mod on_response;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use fastrand::Rng;
use ztor_base::addr::canonical;
use ztor_base::{Instant, SwarmId};

use crate::addr::{Family, PerFamily, is_plausible};
use crate::event::{Event, FamilyStats, QueryError, Stats};
use crate::external::Votes;
use crate::guard::Guard;
use crate::hash::derive_seed;
use crate::item::{Item, ItemError};
use crate::items::ItemStore;
use crate::krpc::{self, Body, DecodeError, Method, Query, Want};
use crate::lookup::{Job, Lookup, Scrape};
use crate::peers::PeerStore;
use crate::request::{Announce, LookupId, QueryId};
use crate::rpc::{Purpose, Rpc};
use crate::save::{MAX_SAVED, Saved};
use crate::table::Table;
use crate::tokens::Tokens;
use crate::{Contact, NodeId};

use maintain::Upkeep;

/// Lookups of the owner that wait for their turn.
const MAX_WAITING: usize = 20_000;

/// Checks in flight, whatever their cause, above which addresses that peers and torrents name are ignored.
const MAX_NAMED: usize = 16;

/// How a node behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// It answers no questions and says so in its own (BEP 43): for nodes that others cannot reach.
    pub read_only: bool,
    /// The families that it has a socket for.
    pub families: PerFamily<bool>,
    /// What it calls itself: two letters of the client (BEP 20), two bytes of the version.
    pub version: [u8; 4],
}

impl Default for Config {
    fn default() -> Self {
        Self { read_only: false, families: PerFamily { v4: true, v6: true }, version: *b"ZR\0\x01" }
    }
}

impl Config {
    pub(crate) fn families(self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(move |family| self.families[*family])
    }
}

/// A node of the DHT; see the [crate].
///
/// After any call there may be something to [send](Dht::poll_transmit), to [hear](Dht::poll_event) and another
/// time to [wake](Dht::poll_timeout) at. The lists behind the first two are emptied by whoever drives it; what
/// goes into them between two calls is bounded by the bounds on lookups and on questions.
#[derive(Debug)]
pub struct Dht {
    config: Config,
    rng: Rng,
    tables: PerFamily<Table>,
    votes: PerFamily<Votes>,
    upkeep: PerFamily<Upkeep>,
    /// Nodes that know nodes, asked when we know none. They are many clients' beginning: never kept as nodes.
    routers: Vec<SocketAddr>,
    /// Those of them that are nodes like any other.
    kept_routers: Vec<SocketAddr>,
    /// Nodes of the last run, asked at the beginning.
    remembered: Vec<Contact>,
    rpc: Rpc,
    lookups: BTreeMap<LookupId, Lookup>,
    /// Lookups that wait for others to end, or for a first node; with when they were asked for. At most
    /// [`MAX_WAITING`].
    waiting: VecDeque<(Instant, Lookup)>,
    last_id: u64,
    tokens: Tokens,
    guard: Guard,
    peers: PerFamily<PeerStore>,
    items: ItemStore,
    events: VecDeque<Event>,
    /// When what others stored is looked through next.
    next_expiry: Instant,
    /// Time of the next upkeep, which [`Dht::handle_timeout`] does less often than it expires requests.
    next_upkeep: Instant,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    queries_in: u64,
    queries_dropped: u64,
    answers_in: u64,
    timeouts: u64,
}

impl Dht {
    /// A node that begins with what it [saved](Dht::save) in its last run. `seed` must be random and secret: the
    /// tokens and transaction ids that keep strangers out come from it.
    pub fn new(now: Instant, config: Config, seed: u64, saved: Option<&Saved>) -> Self {
        let mut rng = Rng::with_seed(derive_seed(seed, "choices"));
        let ids = saved.map(|saved| saved.ids).unwrap_or_default();
        // Different from each other: a node that is seen under one id at two addresses looks like one that lies.
        let tables = PerFamily::from_fn(|family| {
            Table::new(ids[family].unwrap_or_else(|| NodeId::random(&mut rng)), now)
        });
        let nodes = saved.map(|saved| saved.nodes.as_slice()).unwrap_or_default();
        let nodes = nodes.iter().map(|node| Contact { addr: canonical(node.addr), ..*node });
        let mut dht = Self {
            config,
            rng,
            tables,
            votes: PerFamily::default(),
            upkeep: PerFamily::from_fn(|_| Upkeep::new(now)),
            routers: Vec::new(),
            kept_routers: Vec::new(),
            // From our own file, so that local ones are welcome.
            remembered: nodes.filter(|node| is_plausible(node.addr, node.addr)).take(MAX_SAVED * 2).collect(),
            rpc: Rpc::new(derive_seed(seed, "transactions"), config.read_only, config.version),
            lookups: BTreeMap::new(),
            waiting: VecDeque::new(),
            last_id: 0,
            tokens: Tokens::new(now, seed),
            guard: Guard::new(now),
            peers: PerFamily::from_fn(PeerStore::new),
            items: ItemStore::default(),
            events: VecDeque::new(),
            next_expiry: now,
            next_upkeep: now,
            counts: Counts::default(),
        };
        dht.handle_timeout(now);
        dht
    }

    /// Handles a datagram. Returns false if it is no message of the DHT and may belong to another protocol on the
    /// same socket.
    pub fn handle(&mut self, now: Instant, from: SocketAddr, data: &[u8]) -> bool {
        let from = canonical(from);
        let decoded = krpc::decode(data);
        if decoded == Err(DecodeError::NotKrpc) {
            return false;
        }
        let family = Family::of(from);
        if !self.config.families[family] || !is_plausible(from, from) {
            return true;
        }
        self.upkeep[family].heard = Some(now);
        match decoded {
            Ok(message) => match message.body {
                Body::Query(query) => self.on_query(now, from, message.transaction, query, message.read_only),
                Body::Response(response) => {
                    self.on_response(now, from, &message.transaction, *response, message.external);
                }
                Body::Error(fault) => self.on_error(now, from, &message.transaction, fault, message.external),
            },
            Err(DecodeError::Query { transaction, fault }) => {
                self.on_bad_query(now, from, transaction, fault);
            }
            Err(DecodeError::Answer { transaction, .. }) => {
                let fault = krpc::Fault::new(krpc::code::PROTOCOL, "a malformed answer");
                self.on_error(now, from, &transaction, fault, None);
            }
            Err(DecodeError::NotKrpc) => {}
        }
        self.start_waiting(now);
        true
    }

    /// The latest time for the next [`Dht::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        let rpc = self.rpc.poll_timeout().unwrap_or(self.next_upkeep);
        Some(rpc.min(self.next_upkeep))
    }

    /// The next datagram to send, with its destination.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.rpc.poll_transmit()
    }

    /// The oldest event not yet returned.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Gives the address of something that may be a node: of a peer that sent its PORT message (BEP 5, BEP 32), or
    /// one named in a torrent. It is asked, and kept if it answers. Addresses that come while 16 nodes are being
    /// checked, or one at the same IP address, are ignored.
    pub fn add_node(&mut self, now: Instant, addr: SocketAddr) {
        let addr = canonical(addr);
        let family = Family::of(addr);
        // The table is searched last: strangers choose how often this is called.
        if self.config.families[family]
            && is_plausible(addr, addr)
            && self.rpc.may_check(addr, MAX_NAMED)
            && !self.rpc.is_asking(addr)
            && !self.tables[family].has_address(addr)
        {
            self.ask_check(now, addr, None);
        }
    }

    /// Gives the addresses of routers, and begins to look for nodes in families that know none. Routers are
    /// remembered, 32 at most, and asked again whenever all nodes are lost; they are never asked for anything else.
    pub fn bootstrap(&mut self, now: Instant, addrs: &[SocketAddr]) {
        self.add_routers(now, addrs);
    }

    /// As [`bootstrap`](Dht::bootstrap), for nodes that the owner named himself: they are kept like any other, for in
    /// a small network they may be all there is.
    pub fn enter_by(&mut self, now: Instant, addrs: &[SocketAddr]) {
        self.add_routers(now, addrs);
        let routers = &self.routers;
        self.kept_routers
            .extend(addrs.iter().map(|addr| canonical(*addr)).filter(|addr| routers.contains(addr)));
        self.kept_routers.sort_unstable();
        self.kept_routers.dedup();
    }

    /// Looks for peers of a torrent in both families, and announces us to the nodes nearest to it if `announce` is
    /// given. Gives [`Event::Peers`] as they come, then [`Event::Done`]. A port of 0 is not announced: nobody can be
    /// reached there, and nodes refuse it.
    pub fn get_peers(&mut self, now: Instant, info_hash: SwarmId, announce: Option<Announce>) -> LookupId {
        let announce = announce.filter(|announce| announce.port != 0);
        self.begin(now, NodeId::from(info_hash), Job::Peers { announce })
    }

    /// Estimates how many seeds and peers a torrent has (BEP 33). Gives [`Event::Peers`] as they come,
    /// [`Event::Scrape`], [`Event::Done`].
    pub fn scrape(&mut self, now: Instant, info_hash: SwarmId) -> LookupId {
        self.begin(now, NodeId::from(info_hash), Job::Scrape(Box::<Scrape>::default()))
    }

    /// Looks for the nodes nearest to a place. Gives [`Event::Nodes`], [`Event::Done`].
    pub fn find_node(&mut self, now: Instant, target: NodeId) -> LookupId {
        self.begin(now, target, Job::Nodes)
    }

    /// Looks for an item (BEP 44): an immutable one by its hash, a mutable one by its
    /// [target](crate::mutable_target) and its salt, which may be empty. Gives [`Event::Item`] if there is one,
    /// then [`Event::Done`].
    pub fn get(&mut self, now: Instant, target: NodeId, salt: &[u8]) -> LookupId {
        self.begin(now, target, Job::Get { salt: salt.to_vec(), best: None })
    }

    /// Stores a bencoded value (BEP 44) under its hash. Gives [`Event::Put`], [`Event::Done`].
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn put_immutable(&mut self, now: Instant, value: Vec<u8>) -> Result<LookupId, ItemError> {
        self.put(now, Item::immutable(value)?, None)
    }

    /// Signs a bencoded value and stores it (BEP 44) under an Ed25519 key, given by its seed, and a salt, which may
    /// be empty. `cas` is the sequence number that the stored item must have, where there is one. Gives
    /// [`Event::Put`], [`Event::Done`].
    ///
    /// # Errors
    /// What is wrong with the parts.
    pub fn put_mutable(
        &mut self,
        now: Instant,
        key_seed: &[u8; 32],
        salt: &[u8],
        seq: i64,
        cas: Option<i64>,
        value: Vec<u8>,
    ) -> Result<LookupId, ItemError> {
        self.put(now, Item::sign(key_seed, salt.to_vec(), seq, value)?, cas)
    }

    /// Stores an item as it is: so one that was found is kept alive, without its owner's key (BEP 44). Gives
    /// [`Event::Put`], [`Event::Done`].
    ///
    /// # Errors
    /// The rule that the item breaks.
    pub fn put(&mut self, now: Instant, item: Item, cas: Option<i64>) -> Result<LookupId, ItemError> {
        item.verify()?;
        Ok(self.begin(now, item.target(), Job::Put { item, cas, best: None }))
    }

    /// Asks whether a node is there. Gives [`Event::Pong`] or [`Event::Failed`].
    pub fn ping(&mut self, now: Instant, addr: SocketAddr) -> QueryId {
        self.ask_owners(now, addr, Method::Ping)
    }

    /// Asks a node for a sample of its info-hashes (BEP 51), and for nodes near `target`. Gives [`Event::Samples`]
    /// or [`Event::Failed`].
    pub fn sample_infohashes(&mut self, now: Instant, addr: SocketAddr, target: NodeId) -> QueryId {
        self.ask_owners(now, addr, Method::SampleInfohashes { target })
    }

    /// Ends a lookup, which gives no more events. One that is over is no error.
    pub fn cancel(&mut self, lookup: LookupId) {
        // Its questions' answers still tell of nodes.
        self.lookups.remove(&lookup);
        self.waiting.retain(|(_, waiting)| waiting.id != lookup);
        self.rpc.forget(lookup);
        self.events.retain(|event| event.lookup() != Some(lookup));
    }

    /// What the next run should begin with. Nodes that were good last come first.
    pub fn save(&self) -> Saved {
        let mut nodes = Vec::new();
        for family in Family::ALL {
            let table = &self.tables[family];
            let mut known: Vec<_> = table.nodes().filter(|node| !node.is_bad()).collect();
            known.sort_by_key(|node| std::cmp::Reverse(node.seen()));
            nodes.extend(known.iter().map(|node| node.contact).take(MAX_SAVED));
            if known.is_empty() {
                // A run that found nobody must not lose what the one before knew.
                nodes.extend(
                    self.remembered.iter().filter(|node| Family::of(node.addr) == family).take(MAX_SAVED),
                );
            }
        }
        let ids = PerFamily::from_fn(|family| Some(self.tables[family].own()));
        Saved { ids, nodes }
    }

    /// Our id in a family's network.
    pub fn id(&self, family: Family) -> NodeId {
        self.tables[family].own()
    }

    /// Whether any node is known, so that lookups begin at once.
    pub fn is_ready(&self) -> bool {
        self.node_count() > 0
    }

    /// How many nodes of both families are known.
    pub fn node_count(&self) -> usize {
        Family::ALL.iter().map(|family| self.tables[*family].len()).sum()
    }

    /// A look at everything. Costs as much as the table is long.
    pub fn stats(&self, now: Instant) -> Stats {
        let families = PerFamily::from_fn(|family| {
            let table = &self.tables[family];
            let good = table.good_count(now);
            self.config.families[family].then(|| FamilyStats {
                id: table.own(),
                good,
                questionable: table.len() - good,
                spare: table.spare_count(),
                external: self.votes[family].elected(),
            })
        });
        Stats {
            families,
            stored_peers: self.peers.v4.peer_count() + self.peers.v6.peer_count(),
            stored_torrents: self.peers.v4.torrent_count() + self.peers.v6.torrent_count(),
            stored_items: self.items.len(),
            lookups: self.lookups.len(),
            waiting_lookups: self.waiting.len(),
            in_flight: self.rpc.in_flight(),
            queries_out: self.rpc.queries_sent,
            queries_in: self.counts.queries_in,
            queries_dropped: self.counts.queries_dropped,
            answers_in: self.counts.answers_in,
            timeouts: self.counts.timeouts,
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn ask_owners(&mut self, now: Instant, addr: SocketAddr, method: Method) -> QueryId {
        let addr = canonical(addr);
        let query = QueryId(self.fresh_id());
        let purpose = match method {
            Method::Ping => Purpose::Ping(query),
            _ => Purpose::Sample(query),
        };
        let possible = self.config.families[Family::of(addr)] && is_plausible(addr, addr);
        if !possible || !self.ask(now, addr, None, purpose, method) {
            self.events.push_back(Event::Failed { query, error: QueryError::NotSent });
        }
        query
    }

    /// Asks whether a node is there; its answer brings it into the table.
    fn ask_check(&mut self, now: Instant, addr: SocketAddr, id: Option<NodeId>) {
        self.ask(now, addr, id, Purpose::Check, Method::Ping);
    }

    /// Asks a node. False if there is no room for the question.
    fn ask(
        &mut self,
        now: Instant,
        to: SocketAddr,
        id: Option<NodeId>,
        purpose: Purpose,
        method: Method,
    ) -> bool {
        let family = Family::of(to);
        let names_nodes = matches!(
            method,
            Method::FindNode { .. }
                | Method::GetPeers { .. }
                | Method::Get { .. }
                | Method::SampleInfohashes { .. }
        );
        let want =
            Some(Want { v4: true, v6: true }).filter(|_| names_nodes && self.is_poor(now, family.other()));
        let query = Query { id: self.tables[family].own(), want, method };
        self.rpc.ask(now, to, id, purpose, query)
    }
}
