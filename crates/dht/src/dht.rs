//! The node itself: its state and the interface of its owner.

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
use crate::reach::{Reach, ReadOnly};
use crate::request::{Announce, LookupId, QueryId};
use crate::rpc::{Purpose, Rpc};
use crate::save::{MAX_SAVED, Saved};
use crate::table::Table;
use crate::tokens::Tokens;
use crate::{Contact, NodeId};

use maintain::Upkeep;

/// Maximum number of lookups of the owner that wait for their turn.
const MAX_WAITING: usize = 20_000;

/// Checks in flight, whatever their cause, above which addresses that peers and torrents name are ignored.
const MAX_NAMED: usize = 16;

/// Configuration of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// When it answers no queries and says so in its own (BEP 43).
    pub read_only: ReadOnly,
    /// Families for which it has a socket.
    pub families: PerFamily<bool>,
    /// Its version, as sent to other nodes: two letters of the client (BEP 20), two bytes of the version. `None` sends
    /// none.
    pub version: Option<[u8; 4]>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            read_only: ReadOnly::Auto,
            families: PerFamily { v4: true, v6: true },
            version: Some(*b"ZR\0\x01"),
        }
    }
}

impl Config {
    pub(crate) fn families(self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(move |family| self.families[*family])
    }
}

/// A node of the DHT; see the [crate].
///
/// After any call, poll for [datagrams](Dht::poll_transmit), [events](Dht::poll_event) and the next
/// [timeout](Dht::poll_timeout). The queues of the first two are emptied by the driver. The limits on lookups and
/// queries bound what they gain between two calls.
#[derive(Debug)]
pub struct Dht {
    config: Config,
    rng: Rng,
    tables: PerFamily<Table>,
    votes: PerFamily<Votes>,
    upkeep: PerFamily<Upkeep>,
    /// Nodes to query when we know none. Many clients start there, so they are not kept as nodes.
    routers: Vec<SocketAddr>,
    /// Routers that are kept like any other node.
    kept_routers: Vec<SocketAddr>,
    /// Nodes of the last run, queried at the start.
    remembered: Vec<Contact>,
    rpc: Rpc,
    lookups: BTreeMap<LookupId, Lookup>,
    /// Lookups that wait for others to end, or for a first node, with the time of the request. At most [`MAX_WAITING`].
    waiting: VecDeque<(Instant, Lookup)>,
    last_id: u64,
    tokens: Tokens,
    guard: Guard,
    reach: Reach,
    peers: PerFamily<PeerStore>,
    items: ItemStore,
    events: VecDeque<Event>,
    /// Time at which expired peers and items are dropped next.
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
    /// Changes the version that other nodes get; `None` sends none.
    pub fn set_version(&mut self, version: Option<[u8; 4]>) {
        self.config.version = version;
        self.rpc.set_version(version);
    }

    /// Creates a node from what it [saved](Dht::save) in its last run. `seed` must be random and secret: tokens and
    /// transaction ids derive from it.
    pub fn new(now: Instant, config: Config, seed: u64, saved: Option<&Saved>) -> Self {
        let mut rng = Rng::with_seed(derive_seed(seed, "choices"));
        let ids = saved.map(|saved| saved.ids).unwrap_or_default();
        // One id at two addresses would look forged to other nodes, so the ids differ.
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
            // The nodes are from our own file, so local addresses are accepted.
            remembered: nodes.filter(|node| is_plausible(node.addr, node.addr)).take(MAX_SAVED * 2).collect(),
            rpc: Rpc::new(
                derive_seed(seed, "transactions"),
                config.read_only == ReadOnly::Always,
                config.version,
            ),
            lookups: BTreeMap::new(),
            waiting: VecDeque::new(),
            last_id: 0,
            tokens: Tokens::new(now, seed),
            guard: Guard::new(now),
            reach: Reach::new(now, config.read_only),
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

    /// Takes part under other ids from now on, which have nothing in common with those of before. Known nodes are kept;
    /// those near the new ids are looked up. Tokens given out before are not valid any more.
    pub fn renew_ids(&mut self, now: Instant) {
        self.tokens = Tokens::new(now, self.rng.u64(..));
        for family in Family::ALL {
            let id = match self.votes[family].elected() {
                Some(external) => NodeId::for_ip(external, &mut self.rng),
                None => NodeId::random(&mut self.rng),
            };
            match self.config.families[family] {
                true => self.move_to(now, family, id),
                false => self.tables[family] = Table::new(id, now),
            }
        }
    }

    /// Handles a datagram. Returns false if it is no DHT message and may belong to another protocol on the same socket.
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

    /// Notes that a host on the Internet has reached our socket by itself, with another protocol.
    pub fn reached(&mut self, now: Instant) {
        self.reach.proven(now);
        self.rpc.set_read_only(self.reach.is_read_only());
    }

    /// Returns true if it has a socket for the family of an address.
    pub fn has_family_of(&self, addr: SocketAddr) -> bool {
        self.config.families[Family::of(canonical(addr))]
    }

    /// Returns true while it answers no queries (BEP 43).
    pub fn is_read_only(&self) -> bool {
        self.reach.is_read_only()
    }

    /// Returns the latest time for the next [`Dht::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        let rpc = self.rpc.poll_timeout().unwrap_or(self.next_upkeep);
        Some(rpc.min(self.next_upkeep))
    }

    /// Returns the next datagram to send, with its destination.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.rpc.poll_transmit()
    }

    /// Returns the oldest event not yet returned.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Adds an address that may be a node's: that of a peer that sent a PORT message (BEP 5, BEP 32), or one that a
    /// torrent names. It is pinged, and kept if it responds. It is ignored while 16 checks are in flight, or one to the
    /// same host.
    pub fn add_node(&mut self, now: Instant, addr: SocketAddr) {
        let addr = canonical(addr);
        let family = Family::of(addr);
        // The table is searched last: remote peers choose how often this is called.
        if self.config.families[family]
            && is_plausible(addr, addr)
            && self.rpc.may_check(addr, MAX_NAMED)
            && !self.rpc.is_asking(addr)
            && !self.tables[family].has_address(addr)
        {
            self.ask_check(now, addr, None);
        }
    }

    /// Adds the addresses of routers, and starts a bootstrap in families that know no nodes. At most 32 routers are
    /// remembered. They are queried again whenever all nodes are lost, and for nothing else.
    pub fn bootstrap(&mut self, now: Instant, addrs: &[SocketAddr]) {
        self.add_routers(now, addrs);
    }

    /// Adds nodes that the owner named, like [`bootstrap`](Dht::bootstrap). They are kept like any other node, since a
    /// small network may have no others.
    pub fn enter_by(&mut self, now: Instant, addrs: &[SocketAddr]) {
        self.add_routers(now, addrs);
        let routers = &self.routers;
        self.kept_routers
            .extend(addrs.iter().map(|addr| canonical(*addr)).filter(|addr| routers.contains(addr)));
        self.kept_routers.sort_unstable();
        self.kept_routers.dedup();
    }

    /// Looks for peers of a torrent in both families. With `announce`, also announces us to the nodes nearest to it.
    /// Emits [`Event::Peers`] as peers are found, then [`Event::Done`]. A port of 0 is not announced: no peer can be
    /// reached there, and nodes refuse it.
    pub fn get_peers(&mut self, now: Instant, info_hash: SwarmId, announce: Option<Announce>) -> LookupId {
        let announce = announce.filter(|announce| announce.port != PerFamily::both(0));
        self.begin(now, NodeId::from(info_hash), Job::Peers { announce })
    }

    /// Estimates how many seeds and peers a torrent has (BEP 33). Emits [`Event::Peers`] as peers are found,
    /// [`Event::Scrape`], [`Event::Done`].
    pub fn scrape(&mut self, now: Instant, info_hash: SwarmId) -> LookupId {
        self.begin(now, NodeId::from(info_hash), Job::Scrape(Box::<Scrape>::default()))
    }

    /// Looks for the nodes nearest to `target`. Emits [`Event::Nodes`], [`Event::Done`].
    pub fn find_node(&mut self, now: Instant, target: NodeId) -> LookupId {
        self.begin(now, target, Job::Nodes)
    }

    /// Looks for an item (BEP 44): an immutable one by its hash, a mutable one by its [target](crate::mutable_target)
    /// and its salt, which may be empty. Emits [`Event::Item`] if there is one, then [`Event::Done`].
    pub fn get(&mut self, now: Instant, target: NodeId, salt: &[u8]) -> LookupId {
        self.begin(now, target, Job::Get { salt: salt.to_vec(), best: None })
    }

    /// Stores a bencoded value (BEP 44) under its hash. Emits [`Event::Put`], [`Event::Done`].
    ///
    /// # Errors
    /// The rule that the value breaks.
    pub fn put_immutable(&mut self, now: Instant, value: Vec<u8>) -> Result<LookupId, ItemError> {
        self.put(now, Item::immutable(value)?, None)
    }

    /// Signs a bencoded value and stores it (BEP 44) under an Ed25519 key, given by its seed, and a salt, which may be
    /// empty. `cas` is the sequence number that a stored item must have; `None` for any. Emits [`Event::Put`],
    /// [`Event::Done`].
    ///
    /// # Errors
    /// The rule that the parts break.
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

    /// Stores an item as it is, which keeps an item that was found alive without its owner's key (BEP 44). Emits
    /// [`Event::Put`], [`Event::Done`].
    ///
    /// # Errors
    /// The rule that the item breaks.
    pub fn put(&mut self, now: Instant, item: Item, cas: Option<i64>) -> Result<LookupId, ItemError> {
        item.verify()?;
        Ok(self.begin(now, item.target(), Job::Put { item, cas, best: None }))
    }

    /// Pings a node. Emits [`Event::Pong`] or [`Event::Failed`].
    pub fn ping(&mut self, now: Instant, addr: SocketAddr) -> QueryId {
        self.ask_owners(now, addr, Method::Ping)
    }

    /// Asks a node for a sample of its info-hashes (BEP 51), and for nodes near `target`. Emits [`Event::Samples`] or
    /// [`Event::Failed`].
    pub fn sample_infohashes(&mut self, now: Instant, addr: SocketAddr, target: NodeId) -> QueryId {
        self.ask_owners(now, addr, Method::SampleInfohashes { target })
    }

    /// Cancels a lookup, which emits no more events. Has no effect on one that is over.
    pub fn cancel(&mut self, lookup: LookupId) {
        // Responses to its queries still add nodes.
        self.lookups.remove(&lookup);
        self.waiting.retain(|(_, waiting)| waiting.id != lookup);
        self.rpc.forget(lookup);
        self.events.retain(|event| event.lookup() != Some(lookup));
    }

    /// Returns the state for the next run. Nodes with the newest messages are first.
    pub fn save(&self) -> Saved {
        let mut nodes = Vec::new();
        for family in Family::ALL {
            let table = &self.tables[family];
            let mut known: Vec<_> = table.nodes().filter(|node| !node.is_bad()).collect();
            known.sort_by_key(|node| std::cmp::Reverse(node.seen()));
            nodes.extend(known.iter().map(|node| node.contact).take(MAX_SAVED));
            if known.is_empty() {
                // A run that found no nodes must not lose those of the run before.
                nodes.extend(
                    self.remembered.iter().filter(|node| Family::of(node.addr) == family).take(MAX_SAVED),
                );
            }
        }
        let ids = PerFamily::from_fn(|family| Some(self.tables[family].own()));
        Saved { ids, nodes }
    }

    /// Returns our id in a family's network.
    pub fn id(&self, family: Family) -> NodeId {
        self.tables[family].own()
    }

    /// Returns true if any node is known, so that lookups start at once.
    pub fn is_ready(&self) -> bool {
        self.node_count() > 0
    }

    /// Returns the number of known nodes of both families.
    pub fn node_count(&self) -> usize {
        Family::ALL.iter().map(|family| self.tables[*family].len()).sum()
    }

    /// Returns the state and counters. Takes time in proportion to the table.
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
            is_read_only: self.reach.is_read_only(),
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

    /// Pings a node; its response brings it into the table.
    fn ask_check(&mut self, now: Instant, addr: SocketAddr, id: Option<NodeId>) {
        self.ask(now, addr, id, Purpose::Check, Method::Ping);
    }

    /// Sends a query to a node. Returns false if there is no room for it.
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
