use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use ztor_base::{Duration, Instant, SwarmId};
use ztor_dht::krpc::{Body, Fault, Message, Method, Query, Response, Samples, Want, code, decode};
use ztor_dht::{
    Announce, Config, Contact, Dht, Event, Item, K, LookupId, MAX_DATAGRAM_BYTES, NodeId, PerFamily, QueryId,
    ReadOnly, Saved,
};

use crate::machine::Machine;

const MAX_OPERATIONS: usize = 300;
/// Maximum number of queries that may wait for an answer, as the node declares it.
const MAX_IN_FLIGHT: usize = 512;
/// Maximum number of datagrams that one call may send: these queries, and the answer to a received one.
const MAX_SENT_AT_ONCE: usize = MAX_IN_FLIGHT + 8;
/// Maximum number of running lookups: the owner's, and two of the node itself in each family.
const MAX_LOOKUPS: usize = 32 + 4;
/// Maximum number of nodes of one family: a full bucket for each bit.
const MAX_NODES: usize = 160 * K;
/// Time in which all requests of the owner end, whatever the answers.
const PATIENCE: Duration = Duration::from_secs(3 * 60 * 60);

static ITEMS: LazyLock<[Item; 4]> = LazyLock::new(|| {
    let mutable = |salt: &[u8], seq, value: &[u8]| {
        Item::sign(&[7; 32], salt.to_vec(), seq, value.to_vec()).expect("a good item")
    };
    let immutable = Item::immutable(b"4:fuzz".to_vec()).expect("a good item");
    [immutable, mutable(b"", 1, b"i1e"), mutable(b"", 2, b"i2e"), mutable(b"salt", 1, b"le")]
});

/// Checks a node of the DHT among nodes that answer right, wrong, late, twice or for each other, and ask anything.
pub fn dht(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(world) = World::new(&mut u) else { return };
    world.play(&mut u);
}

struct World {
    dht: Dht,
    config: Config,
    now: Instant,
    /// Lookups of the owner that have not ended.
    lookups: BTreeSet<LookupId>,
    queries: BTreeSet<QueryId>,
    /// Last queries of the node, to be answered.
    asked: Vec<(SocketAddr, Message)>,
    /// Sender and target of the query that the node has to answer; `None` after its answer.
    question: Option<(SocketAddr, NodeId)>,
    /// Tokens that the node gave, each with its recipient and target.
    tokens: Vec<(SocketAddr, NodeId, Vec<u8>)>,
    transactions: u32,
}

impl Machine for World {
    const MAX_OPERATIONS: usize = MAX_OPERATIONS;

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.int_in_range(0..=23)? {
            0..=9 => self.answer(u)?,
            10..=12 => self.ask(u)?,
            13 => {
                let from = address(u.arbitrary()?);
                let len = u.arbitrary_len::<u8>()?.min(200);
                self.dht.handle(self.now, from, u.bytes(len)?);
            }
            14 => self.now += Duration::from_millis(u.arbitrary::<u16>()?.into()),
            15 => self.now += Duration::from_secs(u.arbitrary::<u16>()?.into()),
            16 | 17 => self.wake(u.int_in_range(1..=4)?),
            18 => {
                let addrs: Vec<_> =
                    (0..u.int_in_range(1..=4)?).map(|_| u.arbitrary().map(address)).collect::<Result<_>>()?;
                match u.int_in_range(0..=2)? {
                    0 => self.dht.bootstrap(self.now, &addrs),
                    1 => self.dht.enter_by(self.now, &addrs),
                    _ => addrs.iter().for_each(|addr| self.dht.add_node(self.now, *addr)),
                }
            }
            19 => {
                let (now, addr) = (self.now, address(u.arbitrary()?));
                let query = match u.arbitrary()? {
                    true => self.dht.ping(now, addr),
                    false => self.dht.sample_infohashes(now, addr, place(u)?),
                };
                assert!(self.queries.insert(query), "an id for two queries");
            }
            20 => {
                if let Some(lookup) = self.lookups.pop_first() {
                    self.dht.cancel(lookup);
                }
            }
            _ => {
                let lookup = self.look_up(u)?;
                assert!(self.lookups.insert(lookup), "an id for two lookups");
            }
        }
        Ok(())
    }

    fn check(&mut self) {
        self.drain();
        self.check_bounds();
    }

    /// Leaves the node alone: all requests of the owner must end, and the node must sleep between its wakes.
    fn finish(&mut self) {
        self.drain();
        let end = self.now + PATIENCE;
        while !(self.lookups.is_empty() && self.queries.is_empty()) {
            assert!(self.now < end, "without an end: {:?}, {:?}", self.lookups, self.queries);
            self.wake(1);
        }
        self.wake(20);
        self.check_bounds();
    }
}

impl World {
    fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let families = match u.int_in_range(0..=3)? {
            0 => PerFamily { v4: true, v6: false },
            1 => PerFamily { v4: false, v6: true },
            _ => PerFamily { v4: true, v6: true },
        };
        let config = {
            // By itself a node is read-only after a trial, which would end the checks of its answers.
            let read_only = if u.ratio(1, 8)? { ReadOnly::Always } else { ReadOnly::Never };
            Config { read_only, families, ..Config::default() }
        };
        let mut saved = Saved::default();
        for _ in 0..u.int_in_range(0..=12)? {
            saved.nodes.push(contact(u)?);
        }
        let now = Instant::from_micros(1);
        Ok(Self {
            dht: Dht::new(now, config, u.arbitrary()?, Some(&saved)),
            config,
            now,
            lookups: BTreeSet::new(),
            queries: BTreeSet::new(),
            asked: Vec::new(),
            question: None,
            tokens: Vec::new(),
            transactions: 0,
        })
    }

    fn look_up(&mut self, u: &mut Unstructured<'_>) -> Result<LookupId> {
        let (now, target) = (self.now, place(u)?);
        let hash = SwarmId::new(*target.as_bytes());
        Ok(match u.int_in_range(0..=6)? {
            0 => self.dht.get_peers(now, hash, None),
            1 => {
                let announce = Announce {
                    port: PerFamily { v4: u.arbitrary()?, v6: u.arbitrary()? },
                    implied_port: u.arbitrary()?,
                    is_seed: u.arbitrary()?,
                };
                self.dht.get_peers(now, hash, Some(announce))
            }
            2 => self.dht.scrape(now, hash),
            3 => self.dht.find_node(now, target),
            4 => self.dht.get(now, target, if u.arbitrary()? { b"salt" } else { b"" }),
            _ => {
                let (item, cas) = (u.choose(ITEMS.as_slice())?.clone(), u.arbitrary()?);
                self.dht.put(now, item, cas).expect("a good item")
            }
        })
    }

    /// Answers one of the node's last queries: mostly right, or as another node, from elsewhere, as an error, or cut.
    fn answer(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some((to, message)) = u.choose(&self.asked).ok().cloned() else { return Ok(()) };
        let Body::Query(query) = message.body else { return Ok(()) };
        let from = if u.ratio(1, 8)? { address(u.arbitrary()?) } else { to };
        let id = if u.ratio(1, 8)? { place(u)? } else { id_at(to) };
        let body = if u.ratio(1, 8)? {
            Body::Error(Fault {
                code: *u.choose(&[code::GENERIC, code::METHOD_UNKNOWN, 0])?,
                message: "no".into(),
            })
        } else {
            Body::Response(Box::new(response(id, &query.method, u)?))
        };
        let external = if u.arbitrary()? { Some(address(u.arbitrary()?)) } else { None };
        let answer =
            Message { transaction: message.transaction, body, external, read_only: false, version: None };
        self.deliver(from, &answer, u)
    }

    /// Sends a query to the node. One to store has a token of the node, or another one, which the node must refuse.
    fn ask(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (mut from, mut target) = (address(u.arbitrary()?), place(u)?);
        let mut token = u.arbitrary::<[u8; 8]>()?.to_vec();
        let has_token = u.ratio(3, 4)? && !self.tokens.is_empty();
        if has_token {
            (from, target, token) = u.choose(&self.tokens)?.clone();
        }
        let method = match u.int_in_range(0..=8)? {
            0 => Method::Ping,
            1 => Method::FindNode { target },
            2 | 3 => Method::GetPeers { info_hash: target, no_seed: u.arbitrary()?, scrape: u.arbitrary()? },
            4 | 5 => Method::AnnouncePeer {
                info_hash: target,
                port: u.int_in_range(1..=u16::MAX)?,
                implied_port: u.arbitrary()?,
                seed: u.arbitrary()?,
                token,
            },
            6 => Method::Get { target, seq: u.arbitrary()? },
            7 => {
                let fitting: Vec<_> = ITEMS.iter().filter(|item| item.target() == target).collect();
                let item = u.choose(&fitting).map_or(&ITEMS[0], |item| *item).clone();
                Method::Put { token, cas: u.arbitrary()?, item }
            }
            _ => Method::SampleInfohashes { target },
        };
        let want = if u.arbitrary()? { Some(Want { v4: u.arbitrary()?, v6: u.arbitrary()? }) } else { None };
        let stores = matches!(method, Method::AnnouncePeer { .. } | Method::Put { .. });
        self.transactions += 1;
        let message = Message {
            transaction: self.transactions.to_be_bytes().to_vec(),
            body: Body::Query(Query { id: id_at(from), want, method }),
            external: None,
            read_only: u.ratio(1, 4)?,
            version: None,
        };
        let before = self.stored();
        self.question = Some((from, target));
        self.deliver(from, &message, u)?;
        if stores && !has_token {
            assert!(self.stored() <= before, "stored without a token");
        }
        Ok(())
    }

    fn deliver(&mut self, from: SocketAddr, message: &Message, u: &mut Unstructured<'_>) -> Result<()> {
        let mut datagram = message.encode();
        if u.ratio(1, 16)? {
            datagram.truncate(u.choose_index(datagram.len() + 1)?);
        }
        let taken = self.dht.handle(self.now, from, &datagram);
        assert!(taken || decode(&datagram).is_err(), "not accepted as a message");
        Ok(())
    }

    /// Lets the node sleep until its timeout, `times` times.
    fn wake(&mut self, times: usize) {
        for _ in 0..times {
            self.now = self.dht.poll_timeout().expect("a timeout").max(self.now);
            self.dht.handle_timeout(self.now);
            self.drain();
            let next = self.dht.poll_timeout().expect("a timeout");
            assert!(next > self.now, "it wants to wake at once, again");
        }
    }

    fn drain(&mut self) {
        let mut sent = 0;
        while let Some((to, datagram)) = self.dht.poll_transmit() {
            sent += 1;
            assert!(datagram.len() <= MAX_DATAGRAM_BYTES, "{} bytes", datagram.len());
            assert!(to.port() != 0 && self.has_socket_for(to), "sent to {to}");
            let message = decode(&datagram).expect("the node speaks KRPC");
            assert_eq!(message.encode(), datagram);
            match &message.body {
                Body::Query(_) => {
                    assert_eq!(message.read_only, self.config.read_only == ReadOnly::Always);
                    self.asked.push((to, message));
                    let surplus = self.asked.len().saturating_sub(24);
                    self.asked.drain(..surplus);
                }
                Body::Response(response) => {
                    assert_ne!(self.config.read_only, ReadOnly::Always, "an answer of a read-only node");
                    if let (Some(token), Some((from, target))) = (&response.token, self.question)
                        && from == to
                    {
                        self.tokens.push((from, target, token.clone()));
                        let surplus = self.tokens.len().saturating_sub(16);
                        self.tokens.drain(..surplus);
                    }
                }
                Body::Error(_) => {
                    assert_ne!(self.config.read_only, ReadOnly::Always, "an answer of a read-only node")
                }
            }
        }
        self.question = None;
        assert!(sent <= MAX_SENT_AT_ONCE, "{sent} datagrams at once");
        while let Some(event) = self.dht.poll_event() {
            let lookup = event.lookup();
            assert!(lookup.is_none_or(|id| self.lookups.contains(&id)), "of an unknown lookup: {event:?}");
            match event {
                Event::Done { lookup, .. } => drop(self.lookups.remove(&lookup)),
                Event::Pong { query, .. } | Event::Samples { query, .. } | Event::Failed { query, .. } => {
                    assert!(self.queries.remove(&query), "a query that ended twice");
                }
                Event::Peers { peers, .. } => {
                    assert!(!peers.is_empty() && peers.iter().all(|peer| peer.port() != 0));
                }
                Event::Nodes { nodes, .. } => assert!(nodes.len() <= 2 * K),
                Event::Item { item, .. } => assert_eq!(item.verify(), Ok(())),
                _ => {}
            }
        }
    }

    fn has_socket_for(&self, addr: SocketAddr) -> bool {
        if addr.is_ipv4() { self.config.families.v4 } else { self.config.families.v6 }
    }

    fn stored(&self) -> usize {
        let stats = self.dht.stats(self.now);
        stats.stored_peers + stats.stored_items
    }

    fn check_bounds(&self) {
        let stats = self.dht.stats(self.now);
        assert!(stats.in_flight <= MAX_IN_FLIGHT, "{} queries", stats.in_flight);
        assert!(stats.lookups <= MAX_LOOKUPS, "{} lookups", stats.lookups);
        assert!(stats.waiting_lookups <= self.lookups.len());
        assert!(stats.stored_peers <= MAX_OPERATIONS && stats.stored_items <= ITEMS.len());
        assert!(stats.stored_torrents <= stats.stored_peers);
        for family in [stats.families.v4, stats.families.v6].into_iter().flatten() {
            assert!(family.good + family.questionable <= MAX_NODES && family.spare <= MAX_NODES);
        }
        assert_eq!(stats.families.v4.is_some(), self.config.families.v4);
        let saved = self.dht.save();
        assert!(saved.nodes.iter().all(|node| node.addr.port() != 0));
        assert_eq!(Saved::from_bytes(&saved.to_bytes()), Ok(saved));
    }
}

/// Returns an answer to a query, mostly right.
fn response(id: NodeId, method: &Method, u: &mut Unstructured<'_>) -> Result<Response> {
    let mut response = Response::new(id);
    if matches!(method, Method::Ping | Method::AnnouncePeer { .. } | Method::Put { .. }) {
        return Ok(response);
    }
    let nodes: Vec<Contact> = (0..u.int_in_range(0..=8)?).map(|_| contact(u)).collect::<Result<_>>()?;
    let (nodes4, nodes6) = nodes.into_iter().partition(|node| node.addr.is_ipv4());
    (response.nodes4, response.nodes6) = (Some(nodes4), Some(nodes6));
    match method {
        Method::GetPeers { .. } => {
            response.values =
                (0..u.int_in_range(0..=4)?).map(|_| u.arbitrary().map(address)).collect::<Result<_>>()?;
            response.token = Some(u.arbitrary::<[u8; 2]>()?.to_vec());
        }
        Method::Get { target, .. } => {
            response.token = Some(u.arbitrary::<[u8; 2]>()?.to_vec());
            let item = u.choose(ITEMS.as_slice())?;
            if item.target() == *target || u.ratio(1, 8)? {
                response.value = Some(item.value().to_vec());
                if let Item::Mutable { key, seq, signature, .. } = item {
                    response.key = Some(*key);
                    response.seq = Some(*seq);
                    response.signature = Some(*signature);
                }
            }
        }
        Method::SampleInfohashes { .. } => {
            response.samples = Some(Samples {
                interval_s: u.arbitrary()?,
                total: u.arbitrary()?,
                info_hashes: vec![id; u.int_in_range(0..=8)?],
            });
        }
        _ => {}
    }
    Ok(response)
}

fn contact(u: &mut Unstructured<'_>) -> Result<Contact> {
    let addr = address(u.arbitrary()?);
    let id = if u.ratio(1, 8)? { place(u)? } else { id_at(addr) };
    Ok(Contact { id, addr })
}

/// Returns one of a few ids: those of items, and others near each other or far apart.
fn place(u: &mut Unstructured<'_>) -> Result<NodeId> {
    Ok(match u.int_in_range(0..=7)? {
        at @ 0..=3 => ITEMS[at].target(),
        4 => NodeId::new([u.arbitrary()?; 20]),
        5 => NodeId::new(u.arbitrary()?),
        _ => id_at(address(u.arbitrary()?)),
    })
}

/// Returns the id of the node at an address. These ids are spread over the space.
fn id_at(addr: SocketAddr) -> NodeId {
    let seed = match addr.ip() {
        std::net::IpAddr::V4(ip) => u32::from(ip),
        std::net::IpAddr::V6(ip) => u128::from(ip) as u32 ^ 0x6666_6666,
    };
    let mut rng = fastrand::Rng::with_seed(u64::from(seed) << 16 | u64::from(addr.port()));
    NodeId::new(std::array::from_fn(|_| rng.u8(..)))
}

/// Returns an address: mostly a local one, where any id is valid; or a public one, alone or crowded; or a useless one.
fn address(n: u8) -> SocketAddr {
    match n {
        0 => SocketAddr::from(([10, 0, 0, 1], 0)),
        1 => SocketAddr::from(([0, 0, 0, 0], 6881)),
        2..=127 => SocketAddr::from(([10, n % 8, n, 1], 6881)),
        128..=159 => SocketAddr::from(([81, n, 7, 9], 6881)),
        160..=175 => SocketAddr::from(([82, 1, 1, n], 6881)),
        176..=239 => SocketAddr::from(([0xfd00, n.into(), 0, 0, 0, 0, 0, 1], 6881)),
        _ => SocketAddr::from(([0x2a01, n.into(), 0, 0, 0, 0, 0, 1], 6881)),
    }
}
