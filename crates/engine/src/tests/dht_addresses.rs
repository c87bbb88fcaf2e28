//! A session with several addresses of one family, whose DHT nodes are independent (BEP 45).

use super::*;
use crate::testkit::Blueprint;
use std::collections::{BTreeMap, BTreeSet};
use ztor_dht::{Dht, NodeId, PerFamily, krpc};

/// Number of our addresses.
const OURS: u8 = 3;
/// Number of the other nodes.
const OTHERS: u8 = 20;

fn own(node: u8) -> SocketAddr {
    ([198, 51, 100, node + 1], 6881).into()
}

fn other(n: u8) -> SocketAddr {
    ([40 + n, 0, 2, 1], 6881).into()
}

fn only_v4() -> ztor_dht::Config {
    ztor_dht::Config { families: PerFamily { v4: true, v6: false }, ..ztor_dht::Config::default() }
}

/// Our nodes in a network of others, which lose nothing and answer at once.
struct Network {
    rig: Rig,
    others: Vec<Dht>,
    /// Lookups for peers: node of ours, target, and time of the query.
    asked: Vec<(u8, NodeId, Instant)>,
    /// Announced peers, by target.
    announced: BTreeMap<NodeId, BTreeSet<SocketAddr>>,
    /// Others to which nothing can be sent from this node of ours.
    cut_off: Option<u8>,
}

impl Network {
    fn new() -> Self {
        let now = Instant::from_micros(1);
        let config = Config { local_discovery: false, ..Config::new(PeerId::from_random([0; 12]), 6881) };
        let mut rig = Rig::new(now, config, 1);
        rig.engine.start_dht(now, only_v4(), None);
        (1..OURS).for_each(|_| rig.engine.add_dht_node(now, only_v4(), None));
        let mut others: Vec<Dht> =
            (0..OTHERS).map(|n| Dht::new(now, only_v4(), u64::from(n) + 7, None)).collect();
        others.iter_mut().for_each(|dht| dht.enter_by(now, &[other(0)]));
        let (asked, announced) = Default::default();
        let mut network = Self { rig, others, asked, announced, cut_off: None };
        network.run(Duration::from_secs(5));
        let addrs = (0..OTHERS).map(other).collect();
        network.rig.handle(Event::Command(Command::AddDhtNodes { addrs, role: DhtRole::Entry }));
        network
    }

    fn add(&mut self, name: &str, is_finished: bool) -> NodeId {
        let add = AddTorrent::new(Blueprint::new(name, 32768).made_up(4 * 32768));
        let target = NodeId::from(add.meta.info_hashes.swarm_id());
        let id = self.rig.add(&add);
        let have = if is_finished { Bitfield::full(4) } else { Bitfield::new(4) };
        self.rig.disk(id, DiskEvent::Checked { have });
        target
    }

    fn run(&mut self, time: Duration) {
        let end = self.rig.now + time;
        while self.rig.now < end {
            while self.deliver() {}
            let next = self.others.iter().filter_map(Dht::poll_timeout).chain(self.rig.engine.poll_timeout());
            self.rig.now = next.min().unwrap_or(end).clamp(self.rig.now + Duration::from_millis(100), end);
            self.others.iter_mut().for_each(|dht| dht.handle_timeout(self.rig.now));
        }
    }

    /// Delivers all that is on the way. Returns false if nothing was.
    fn deliver(&mut self) -> bool {
        self.rig.settle();
        let now = self.rig.now;
        let ours: Vec<DhtDatagram> = self.rig.out.datagrams.drain(..).collect();
        self.rig.out.clear();
        let mut was_busy = !ours.is_empty();
        for DhtDatagram { node, to, data } in ours {
            assert!(node < OURS);
            let message = krpc::decode(&data).unwrap();
            if let krpc::Body::Query(query) = message.body {
                match query.method {
                    krpc::Method::GetPeers { info_hash, .. } => self.asked.push((node, info_hash, now)),
                    krpc::Method::AnnouncePeer { info_hash, port, implied_port, .. } => {
                        let port = if implied_port { own(node).port() } else { port };
                        let peer = SocketAddr::new(own(node).ip(), port);
                        self.announced.entry(info_hash).or_default().insert(peer);
                    }
                    _ => {}
                }
            }
            if self.cut_off != Some(node)
                && let Some(n) = (0..OTHERS).find(|n| other(*n) == to)
            {
                assert!(self.others[usize::from(n)].handle(now, own(node), &data));
            }
        }
        for n in 0..OTHERS {
            while let Some((to, data)) = self.others[usize::from(n)].poll_transmit() {
                was_busy = true;
                if let Some(third) = (0..OTHERS).find(|third| other(*third) == to) {
                    self.others[usize::from(third)].handle(now, other(n), &data);
                } else if let Some(node) = (0..OURS).find(|node| own(*node) == to)
                    && self.cut_off != Some(node)
                {
                    self.rig.handle(Event::Datagram { from: other(n), node, data: &data });
                }
            }
            while self.others[usize::from(n)].poll_event().is_some() {}
        }
        was_busy
    }
}

#[test]
fn nodes_at_several_addresses_have_ids_that_are_far_apart_and_answer_for_themselves() {
    let mut network = Network::new();
    network.run(Duration::from_secs(60));
    let stats = network.rig.engine.dht_stats(network.rig.now);
    assert_eq!(stats.len(), usize::from(OURS));
    let ids: Vec<NodeId> = stats.iter().map(|stats| stats.families.v4.unwrap().id).collect();
    for (n, id) in ids.iter().enumerate() {
        assert!(stats[n].families.v4.unwrap().good > 0, "{stats:?}");
        // Of random ids, fewer than one pair in 4000 has twelve bits in common.
        let near = |other: &NodeId| id.as_bytes()[..2] == other.as_bytes()[..2];
        assert!(ids[n + 1..].iter().all(|other| !near(other)), "{ids:?}");
    }
    let ping = krpc::Message {
        transaction: b"aa".to_vec(),
        body: krpc::Body::Query(krpc::Query {
            id: NodeId::new([9; 20]),
            want: None,
            method: krpc::Method::Ping,
        }),
        external: None,
        read_only: false,
        version: None,
    };
    let from: SocketAddr = ([192, 0, 2, 77], 1).into();
    for node in 0..OURS {
        network.rig.handle(Event::Datagram { from, node, data: &ping.encode() });
        network.rig.settle();
        let answers: Vec<DhtDatagram> =
            network.rig.out.datagrams.drain(..).filter(|d| d.to == from).collect();
        let answered = answers.iter().find_map(|answer| match krpc::decode(&answer.data).unwrap().body {
            krpc::Body::Response(response) => Some((answer.node, response.id)),
            _ => None,
        });
        assert_eq!(answered, Some((node, ids[usize::from(node)])));
        assert!(answers.iter().all(|answer| answer.node == node), "only this node has heard of it");
    }
    // A node that does not exist takes nothing.
    network.rig.handle(Event::Datagram { from, node: OURS, data: &ping.encode() });
    network.rig.settle();
    assert!(network.rig.out.datagrams.iter().all(|datagram| datagram.to != from));
    assert_eq!(network.rig.engine.dht_to_save().len(), usize::from(OURS));
}

#[test]
fn torrents_are_announced_from_each_address_by_one_lookup_at_a_time() {
    let mut network = Network::new();
    network.run(Duration::from_secs(60));
    let targets: Vec<NodeId> = (0..10).map(|n| network.add(&format!("seed {n}"), true)).collect();
    network.run(Duration::from_secs(20 * 60));
    let expected: BTreeSet<SocketAddr> = (0..OURS).map(own).collect();
    let mut first = BTreeSet::new();
    for target in targets {
        assert_eq!(network.announced.get(&target), Some(&expected));
        let asked: Vec<_> = network.asked.iter().filter(|(_, of, _)| *of == target).collect();
        first.extend(asked.first().map(|(node, ..)| *node));
        for pair in asked.windows(2) {
            let [(a, _, before), (b, _, after)] = pair else { unreachable!("windows of two") };
            // The nodes share the time between two announces.
            assert!(a == b || after.since(*before) > Duration::from_secs(4 * 60), "{a} and {b}");
        }
    }
    assert!(first.len() > 1, "not all torrents begin with the same node");
}

#[test]
fn lookups_pass_over_an_address_that_reaches_nobody() {
    let mut network = Network::new();
    network.cut_off = Some(1);
    network.run(Duration::from_secs(60));
    let target = network.add("download", false);
    network.run(Duration::from_secs(10 * 60));
    let nodes: BTreeSet<u8> =
        network.asked.iter().filter(|(_, of, _)| *of == target).map(|(node, ..)| *node).collect();
    assert_eq!(nodes, BTreeSet::from([0, 2]));
    let lookups = network.asked.iter().filter(|(_, of, _)| *of == target).count();
    assert!(lookups > 8, "a download without peers goes on: {lookups} queries");
}

#[test]
fn nodes_that_are_left_do_not_announce_more_often_for_the_others() {
    for has_one_address in [false, true] {
        let mut network = Network::new();
        network.rig.engine.set_one_dht_node(network.rig.now, has_one_address);
        network.cut_off = Some(1).filter(|_| !has_one_address);
        network.run(Duration::from_secs(60));
        let target = network.add("seed", true);
        network.run(Duration::from_secs(3600));
        let rounds = |node: u8| {
            let mut times: Vec<u64> = network
                .asked
                .iter()
                .filter(|(of, what, _)| (*of, *what) == (node, target))
                .map(|(.., at)| at.as_micros() / 60_000_000)
                .collect();
            times.dedup();
            times.len()
        };
        let expected = if has_one_address { [4, 0, 0] } else { [4, 0, 4] };
        for (node, expected) in (0..).zip(expected) {
            assert!(
                rounds(node).abs_diff(expected) <= usize::from(expected > 0),
                "{node}: {} rounds",
                rounds(node)
            );
        }
    }
}

#[test]
fn torrents_that_a_node_looks_up_are_looked_up_by_another_when_it_has_to_stop() {
    let mut network = Network::new();
    network.run(Duration::from_secs(60));
    // Nobody answers, so that the lookups last.
    let targets: Vec<NodeId> = (0..12).map(|n| network.add(&format!("download {n}"), false)).collect();
    network.rig.settle();
    network.rig.out.clear();
    network.rig.engine.set_one_dht_node(network.rig.now, true);
    network.asked.clear();
    network.run(Duration::from_secs(5 * 60));
    assert!(network.asked.iter().all(|(node, ..)| *node == 0));
    for target in targets {
        assert!(network.asked.iter().any(|(_, of, _)| *of == target), "{target:?} was not looked up again");
    }
}
