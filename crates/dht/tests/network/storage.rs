//! Scrapes, items and samples (BEP 33, 44, 51).

use super::*;
use ztor_dht::{Item, NodeId, mutable_target};

const SEED: [u8; 32] = [7; 32];

fn put_result(net: &mut Net, index: usize, lookup: LookupId) -> (usize, Option<i64>) {
    net.wait(index, |event| match event {
        Event::Put { lookup: of, stored, refused } if *of == lookup => Some((*stored, *refused)),
        _ => None,
    })
}

fn item(net: &mut Net, index: usize, lookup: LookupId) -> Option<Item> {
    done(net, index, lookup);
    net.events[index].iter().find_map(|event| match event {
        Event::Item { lookup: of, item } if *of == lookup => Some(item.clone()),
        _ => None,
    })
}

#[test]
fn scrape_after_announces_counts_seeds_and_peers() {
    let mut net = Net::settled(21, 40, config(true, false));
    for index in 1..25 {
        let announce =
            Announce { port: PerFamily::both(1000), implied_port: index % 2 == 0, is_seed: index % 3 == 0 };
        let lookup = net.dhts[index].get_peers(net.now, HASH, Some(announce));
        done(&mut net, index, lookup);
    }
    let lookup = net.dhts[30].scrape(net.now, HASH);
    done(&mut net, 30, lookup);
    let counts = net.events[30].iter().find_map(|event| match event {
        Event::Scrape { seeds, peers, .. } => Some((*seeds, *peers)),
        _ => None,
    });
    assert_eq!(counts, Some((8, 16)));
    let found = peers(&net, 30, lookup);
    assert_eq!(found.len(), 24);
    assert!(found.contains(&addr(Family::V4, 2)), "the port of its datagrams is its port");
}

#[test]
fn get_after_puts_finds_the_newest_item() {
    let mut net = Net::settled(22, 40, config(true, false));
    let lookup = net.dhts[1].put_immutable(net.now, b"5:hello".to_vec()).unwrap();
    assert!(put_result(&mut net, 1, lookup).0 >= 8);
    let stored = Item::immutable(b"5:hello".to_vec()).unwrap();
    let lookup = net.dhts[20].get(net.now, stored.target(), b"");
    assert_eq!(item(&mut net, 20, lookup), Some(stored));

    let put = |net: &mut Net, seq, cas, value: &[u8]| {
        let lookup = net.dhts[2].put_mutable(net.now, &SEED, b"salt", seq, cas, value.to_vec()).unwrap();
        put_result(net, 2, lookup)
    };
    assert!(put(&mut net, 1, Some(9), b"i1e").0 >= 8, "without a stored item there is nothing to compare");
    assert!(put(&mut net, 2, Some(1), b"i2e").0 >= 8);
    assert_eq!(put(&mut net, 3, Some(1), b"i3e"), (0, Some(301)));
    assert_eq!(put(&mut net, 1, None, b"i1e"), (0, Some(302)));
    let Item::Mutable { key, .. } = Item::sign(&SEED, Vec::new(), 0, b"i0e".to_vec()).unwrap() else {
        panic!("an immutable item")
    };
    let target = mutable_target(&key, b"salt");
    let lookup = net.dhts[30].get(net.now, target, b"salt");
    let found = item(&mut net, 30, lookup).unwrap();
    assert_eq!((found.seq(), found.value()), (Some(2), &b"i2e"[..]));
    // With another salt the signature does not match.
    let lookup = net.dhts[31].get(net.now, target, b"other");
    assert_eq!(item(&mut net, 31, lookup), None);
    // Any node can keep a found item alive.
    let lookup = net.dhts[33].put(net.now, found, None).unwrap();
    assert!(put_result(&mut net, 33, lookup).0 >= 8);
}

#[test]
fn put_of_a_long_item_fits_into_datagrams_of_both_families() {
    let mut net = Net::settled(23, 20, config(true, true));
    let value = format!("996:{}", "x".repeat(996)).into_bytes();
    let lookup = net.dhts[1].put_mutable(net.now, &SEED, &[1; 64], 1, None, value.clone()).unwrap();
    // The network checks the length of each.
    assert!(put_result(&mut net, 1, lookup).0 >= 8);
    let target = Item::sign(&SEED, vec![1; 64], 1, value.clone()).unwrap().target();
    let lookup = net.dhts[9].get(net.now, target, &[1; 64]);
    assert_eq!(item(&mut net, 9, lookup).map(|item| item.value().to_vec()), Some(value));
}

#[test]
fn put_of_an_invalid_item_is_an_error() {
    let mut net = Net::settled(24, 2, config(true, false));
    assert!(net.dhts[1].put_immutable(net.now, b"hello".to_vec()).is_err());
    assert!(net.dhts[1].put_mutable(net.now, &SEED, &[0; 65], 1, None, b"i1e".to_vec()).is_err());
}

#[test]
fn sample_infohashes_after_an_announce_returns_it() {
    let mut net = Net::settled(25, 20, config(true, false));
    let lookup = net.dhts[3].get_peers(net.now, HASH, announce(1000));
    let announced = done(&mut net, 3, lookup).announced;
    let mut samples = Vec::new();
    for index in 0..19 {
        let query = net.dhts[19].sample_infohashes(net.now, addr(Family::V4, index), NodeId::from(HASH));
        let (sample, nodes) = net.wait(19, |event| match event {
            Event::Samples { query: of, samples, nodes, .. } if *of == query => {
                Some((samples.clone(), nodes.len()))
            }
            _ => None,
        });
        assert!(nodes > 0);
        samples.extend(sample.unwrap().info_hashes);
    }
    // The node that asks is not asked.
    assert!(samples.len() + 1 >= announced, "{} of {announced}", samples.len());
    assert!(announced >= 6 && samples.iter().all(|hash| *hash == NodeId::from(HASH)));
}

#[test]
fn ping_and_find_node_return_the_node() {
    let mut net = Net::settled(26, 30, config(true, false));
    let query = net.dhts[3].ping(net.now, addr(Family::V4, 7));
    let node = net.wait(3, |event| match event {
        Event::Pong { query: of, node, rtt } if *of == query => {
            assert!(*rtt >= Duration::from_millis(20));
            Some(*node)
        }
        _ => None,
    });
    assert_eq!(node.id, net.dhts[7].id(Family::V4));
    let lookup = net.dhts[3].find_node(net.now, node.id);
    done(&mut net, 3, lookup);
    let nearest = net.events[3].iter().find_map(|event| match event {
        Event::Nodes { nodes, .. } => nodes.first().copied(),
        _ => None,
    });
    assert_eq!(nearest, Some(node));
}
