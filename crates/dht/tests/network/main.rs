//! Whole networks of nodes, driven only through the public interface.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod hostile;
mod net;
mod storage;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use net::{Net, addr, config};
use ztor_base::{Duration, SwarmId};
use ztor_dht::{Announce, Config, Event, Family, LookupId, PerFamily, ReadOnly, Summary};

const HASH: SwarmId = SwarmId::new(*b"\x12\x9a0123456789abcdefgh");

fn announce(port: u16) -> Option<Announce> {
    Some(Announce { port: PerFamily::both(port), implied_port: false, is_seed: false })
}

fn done(net: &mut Net, index: usize, lookup: LookupId) -> Summary {
    net.wait(index, |event| match event {
        Event::Done { lookup: of, summary } if *of == lookup => Some(*summary),
        _ => None,
    })
}

fn peers(net: &Net, index: usize, lookup: LookupId) -> BTreeSet<SocketAddr> {
    let of = |event: &Event| match event {
        Event::Peers { lookup: of, peers, .. } if *of == lookup => Some(peers.clone()),
        _ => None,
    };
    net.events[index].iter().filter_map(of).flatten().collect()
}

#[test]
fn bootstrap_of_all_nodes_finds_the_network_and_a_fitting_id() {
    let net = Net::settled(1, 50, config(true, false));
    for (index, dht) in net.dhts.iter().enumerate() {
        assert!(dht.is_ready() && dht.node_count() >= 8, "{index}: {}", dht.node_count());
        assert!(dht.id(Family::V4).fits(addr(Family::V4, index).ip()), "{index}");
        let stats = dht.stats(net.now);
        let v4 = stats.families.v4.unwrap();
        assert_eq!((v4.external, stats.families.v6), (Some(addr(Family::V4, index).ip()), None));
        if index > 0 {
            assert!(net.events[index].iter().any(|event| matches!(event, Event::Bootstrapped { .. })));
        }
    }
}

#[test]
fn renew_ids_takes_another_fitting_id_that_others_find() {
    let mut net = Net::settled(1, 50, config(true, false));
    let before = net.dhts[7].id(Family::V4);
    let now = net.now;
    net.dhts[7].renew_ids(now);
    let renewed = net.dhts[7].id(Family::V4);
    assert_ne!(before, renewed);
    assert!(renewed.fits(addr(Family::V4, 7).ip()), "the external address is the same");
    net.run(Duration::from_secs(120));
    assert_eq!(net.dhts[7].id(Family::V4), renewed);
    assert!(net.dhts[7].node_count() >= 8, "known nodes are kept");
    let now = net.now;
    let lookup = net.dhts[30].find_node(now, renewed);
    done(&mut net, 30, lookup);
    let found = net.events[30].iter().find_map(|event| match event {
        Event::Nodes { lookup: of, nodes } if *of == lookup => Some(nodes.clone()),
        _ => None,
    });
    assert!(found.unwrap().iter().any(|node| node.id == renewed && node.addr == addr(Family::V4, 7)));
}

#[test]
fn get_peers_after_announces_finds_the_peers() {
    let mut net = Net::settled(2, 50, config(true, false));
    for (index, port) in [(3, 1000), (4, 2000)] {
        let lookup = net.dhts[index].get_peers(net.now, HASH, announce(port));
        let summary = done(&mut net, index, lookup);
        assert!(summary.announced >= 8 && summary.nodes_answered >= 8, "{summary:?}");
        assert!(summary.took < Duration::from_secs(5), "{summary:?}");
    }
    let lookup = net.dhts[30].get_peers(net.now, HASH, None);
    let summary = done(&mut net, 30, lookup);
    assert_eq!(summary.announced, 0);
    let mut expected = [addr(Family::V4, 3), addr(Family::V4, 4)];
    expected[0].set_port(1000);
    expected[1].set_port(2000);
    assert_eq!(peers(&net, 30, lookup), BTreeSet::from(expected));
    // Each peer is reported once, and nothing follows the end.
    let told = net.events[30].iter().filter_map(|event| match event {
        Event::Peers { peers, .. } => Some(peers.len()),
        _ => None,
    });
    assert_eq!(told.sum::<usize>(), 2);
}

#[test]
fn get_peers_with_port_0_announces_nothing() {
    let mut net = Net::settled(14, 20, config(true, false));
    for implied_port in [false, true] {
        let announce = Some(Announce { port: PerFamily::both(0), implied_port, is_seed: false });
        let lookup = net.dhts[3].get_peers(net.now, HASH, announce);
        let summary = done(&mut net, 3, lookup);
        assert!(summary.announced == 0 && summary.nodes_answered >= 8, "{summary:?}");
    }
    assert!(net.dhts.iter().all(|dht| dht.stats(net.now).stored_peers == 0));
}

#[test]
fn get_peers_with_loss_and_dead_nodes_finds_the_peers() {
    let mut net = Net::settled(3, 60, config(true, false));
    net.loss = 0.15;
    net.dead.extend((5..60).step_by(4));
    let lookup = net.dhts[1].get_peers(net.now, HASH, announce(1000));
    assert!(done(&mut net, 1, lookup).announced >= 2);
    for index in [2, 3, 4, 30, 40] {
        let lookup = net.dhts[index].get_peers(net.now, HASH, None);
        let summary = done(&mut net, index, lookup);
        assert!(
            peers(&net, index, lookup).contains(&SocketAddr::new(addr(Family::V4, 1).ip(), 1000)),
            "{index}"
        );
        assert!(summary.took < Duration::from_secs(30), "{summary:?}");
    }
    // After a while the tables of the others have no dead nodes.
    net.run(Duration::from_secs(3600));
    let dead: BTreeSet<_> = net.dead.iter().map(|index| addr(Family::V4, *index)).collect();
    for index in (0..60).filter(|index| !net.dead.contains(index)) {
        let saved = net.dhts[index].save();
        let left = saved.nodes.iter().filter(|node| dead.contains(&node.addr)).count();
        assert!(left == 0 && saved.nodes.len() >= 8, "{index}: {left} of {}", saved.nodes.len());
    }
}

#[test]
fn get_peers_in_both_families_finds_both_addresses() {
    let mut net = Net::settled(4, 20, config(true, true));
    (0..15).for_each(|_| {
        let index = net.add(config(false, true), None);
        net.bootstrap(index, 0);
    });
    net.run(Duration::from_secs(120));
    let lookup = net.dhts[5].get_peers(net.now, HASH, announce(1000));
    assert!(done(&mut net, 5, lookup).announced >= 14);
    let expect = |family| SocketAddr::new(addr(family, 5).ip(), 1000);
    let lookup = net.dhts[9].get_peers(net.now, HASH, None);
    done(&mut net, 9, lookup);
    assert_eq!(peers(&net, 9, lookup), BTreeSet::from([expect(Family::V4), expect(Family::V6)]));
    let lookup = net.dhts[30].get_peers(net.now, HASH, None);
    done(&mut net, 30, lookup);
    assert_eq!(peers(&net, 30, lookup), BTreeSet::from([expect(Family::V6)]));
    assert_ne!(net.dhts[5].id(Family::V4), net.dhts[5].id(Family::V6));
}

#[test]
fn bootstrap_by_an_ipv4_router_finds_ipv6_nodes() {
    let mut net = Net::settled(5, 20, config(true, true));
    let index = net.add(config(true, true), None);
    // Only an IPv4 router is known.
    let router = net.addrs[0].v4.unwrap();
    net.dhts[index].bootstrap(net.now, &[router]);
    net.run(Duration::from_secs(60));
    let families = net.dhts[index].stats(net.now).families;
    assert!(families.v6.unwrap().good >= 8, "{families:?}");
}

#[test]
fn get_peers_with_an_unreachable_family_is_not_delayed() {
    let mut net = Net::settled(13, 30, config(true, true));
    net.cut = Some(Family::V6);
    let index = net.add(config(true, true), None);
    net.bootstrap(index, 0);
    for _ in 0..20 {
        let lookup = net.dhts[index].get_peers(net.now, HASH, announce(1000));
        let summary = done(&mut net, index, lookup);
        assert!(summary.announced >= 8 && summary.took < Duration::from_secs(6), "{summary:?}");
        net.run(Duration::from_secs(20));
    }
    let stats = net.dhts[index].stats(net.now);
    assert!(stats.timeouts < 150, "{stats:?}");
}

#[test]
fn get_peers_in_a_network_of_two_finds_the_peer() {
    let mut net = Net::settled(14, 1, config(true, false));
    let index = net.add(config(true, false), None);
    let router = addr(Family::V4, 0);
    net.dhts[index].enter_by(net.now, &[router]);
    net.run(Duration::from_secs(30));
    let lookup = net.dhts[index].get_peers(net.now, HASH, announce(1000));
    assert_eq!(done(&mut net, index, lookup).announced, 1);
    // The other node has stored the announce itself.
    let lookup = net.dhts[0].get_peers(net.now, HASH, None);
    done(&mut net, 0, lookup);
    assert_eq!(peers(&net, 0, lookup), BTreeSet::from([SocketAddr::new(addr(Family::V4, index).ip(), 1000)]));
}

#[test]
fn many_lookups_at_once_are_never_dropped() {
    let mut net = Net::settled(15, 5, config(true, false));
    let hash = |n: u8| [n; 20];
    let lookups: Vec<_> =
        (0..100).map(|n| net.dhts[1].get_peers(net.now, hash(n).into(), announce(1000))).collect();
    assert!(net.dhts[1].stats(net.now).waiting_lookups >= 60);
    for lookup in lookups {
        // The router is not kept as a node, which leaves three.
        assert_eq!(done(&mut net, 1, lookup).announced, 3);
    }
    assert!(net.dhts.iter().all(|dht| dht.stats(net.now).queries_dropped == 0));
}

#[test]
fn read_only_node_finds_peers_but_is_not_kept() {
    let mut net = Net::settled(6, 30, config(true, false));
    let lookup = net.dhts[3].get_peers(net.now, HASH, announce(1000));
    done(&mut net, 3, lookup);
    let index = net.add(Config { read_only: ReadOnly::Always, ..config(true, false) }, None);
    net.bootstrap(index, 0);
    net.run(Duration::from_secs(60));
    let lookup = net.dhts[index].get_peers(net.now, HASH, None);
    done(&mut net, index, lookup);
    assert_eq!(peers(&net, index, lookup).len(), 1);
    net.run(Duration::from_secs(600));
    let own = addr(Family::V4, index);
    assert!(net.dhts.iter().all(|dht| dht.save().nodes.iter().all(|node| node.addr != own)));
    let query = net.dhts[3].ping(net.now, own);
    net.wait(3, |event| matches!(event, Event::Failed { query: of, .. } if *of == query).then_some(()));
}

#[test]
fn bootstrap_from_saved_nodes_needs_no_router() {
    let mut net = Net::settled(7, 30, config(true, false));
    let bytes = net.dhts[12].save().to_bytes();
    let saved = ztor_dht::Saved::from_bytes(&bytes).unwrap();
    let index = net.add(config(true, false), Some(&saved));
    assert_eq!(net.dhts[index].id(Family::V4), saved.ids.v4.unwrap());
    // The lookup waits for the first node and then runs.
    let lookup = net.dhts[index].get_peers(net.now, HASH, announce(1000));
    assert!(done(&mut net, index, lookup).announced >= 8);
}

#[test]
fn bootstrap_without_an_answer_backs_off() {
    let mut net = Net::new(8);
    let index = net.add(config(true, false), None);
    let lookup = net.dhts[index].get_peers(net.now, HASH, None);
    let router = addr(Family::V4, 1);
    net.dhts[index].bootstrap(net.now, &[router]);
    net.run(Duration::from_secs(3600));
    assert_eq!(done(&mut net, index, lookup), Summary::default());
    let asked = net.sent;
    assert!((10..25).contains(&asked), "{asked}");
    // It recovers once the router is there.
    net.add(config(true, false), None);
    net.run(Duration::from_secs(400));
    assert!(
        net.events[index].iter().any(|event| matches!(event, Event::ExternalAddress(_))) || net.sent > asked
    );
}

#[test]
fn get_peers_after_an_outage_finds_the_peers() {
    let mut net = Net::settled(9, 30, config(true, false));
    net.loss = 1.0;
    net.run(Duration::from_secs(3 * 3600));
    let lookup = net.dhts[3].get_peers(net.now, HASH, None);
    assert_eq!(done(&mut net, 3, lookup).nodes_answered, 0);
    net.loss = 0.0;
    net.run(Duration::from_secs(900));
    let lookup = net.dhts[4].get_peers(net.now, HASH, announce(1000));
    assert!(done(&mut net, 4, lookup).announced >= 8);
    let lookup = net.dhts[3].get_peers(net.now, HASH, None);
    done(&mut net, 3, lookup);
    assert_eq!(peers(&net, 3, lookup).len(), 1);
}

#[test]
fn a_cancelled_lookup_gives_no_event() {
    let mut net = Net::settled(10, 20, config(true, false));
    let lookup = net.dhts[3].get_peers(net.now, HASH, announce(1000));
    net.run(Duration::from_millis(60));
    net.dhts[3].cancel(lookup);
    net.run(Duration::from_secs(60));
    assert!(net.events[3].iter().all(|event| event.lookup() != Some(lookup)));
    assert_eq!(net.dhts[3].stats(net.now).lookups, 0);
}

#[test]
fn the_same_seed_makes_the_same_network() {
    let story = || {
        let mut net = Net::settled(11, 20, config(true, true));
        let lookup = net.dhts[3].get_peers(net.now, HASH, announce(1000));
        done(&mut net, 3, lookup);
        (net.sent, net.events, net.dhts.iter().map(|dht| dht.stats(net.now)).collect::<Vec<_>>())
    };
    assert_eq!(story(), story());
}

#[test]
fn settled_network_sends_few_datagrams() {
    let mut net = Net::settled(12, 40, config(true, false));
    let before = net.sent;
    net.run(Duration::from_secs(3600));
    let a_node_and_minute = (net.sent - before) / 40 / 60;
    assert!(a_node_and_minute < 60, "{a_node_and_minute}");
}
