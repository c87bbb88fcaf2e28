use std::collections::BTreeSet;
use std::net::IpAddr;
use ztor_base::addr::is_local;

use fastrand::Rng;
use proptest::prelude::*;

use super::*;
use crate::addr::Subnet;

const OWN: NodeId = NodeId::new([0; 20]);

fn contact(first: u8, last: u8, ip: [u8; 4]) -> Contact {
    let mut id = [1; 20];
    id[0] = first;
    id[19] = last;
    Contact { id: NodeId::new(id), addr: SocketAddr::new(IpAddr::from(ip), 6881) }
}

fn at(s: u64) -> Instant {
    Instant::from_micros(s * 1_000_000)
}

/// Fills the bucket of ids that start with a one, so that it is not the last one.
fn full() -> Table {
    let mut table = Table::new(OWN, at(0));
    assert_eq!(table.replied(at(0), contact(0, 0, [9, 9, 9, 9])), Heard::In);
    for n in 0..8 {
        assert_eq!(table.replied(at(u64::from(n)), contact(0x80 + n, 0, [8, n, 0, 1])), Heard::In);
    }
    table
}

#[test]
fn replied_with_a_full_bucket_of_good_nodes_is_out() {
    let mut table = full();
    assert_eq!(table.replied(at(10), contact(0x90, 0, [8, 100, 0, 1])), Heard::Out);
    assert_eq!((table.len(), table.spare_count()), (9, 1));
}

#[test]
fn replied_with_a_questionable_node_asks_and_replaces_it() {
    let mut table = full();
    let old = contact(0x80, 0, [8, 0, 0, 1]);
    let new = contact(0x90, 0, [8, 100, 0, 1]);
    let now = at(15 * 60);
    assert_eq!(table.replied(now, new), Heard::Ask(old));
    table.failed(now, old);
    assert!(table.has_address(old.addr));
    table.failed(now, old);
    assert!(!table.has_address(old.addr) && table.has_address(new.addr));
}

#[test]
fn queried_by_a_node_keeps_it_good() {
    let mut table = full();
    let now = at(20 * 60);
    let asker = contact(0x80, 0, [8, 0, 0, 1]);
    assert_eq!(table.good_count(now), 0);
    assert!(table.queried(now, asker));
    assert!(!table.queried(now, contact(0x80, 1, [8, 0, 0, 1])));
    assert_eq!(table.good_count(now), 1);
}

#[test]
fn replied_from_a_known_address_or_subnet_is_out() {
    let mut table = Table::new(OWN, at(0));
    assert_eq!(table.replied(at(0), contact(0x80, 0, [8, 8, 8, 8])), Heard::In);
    let mut twin = contact(0x01, 0, [8, 8, 8, 8]);
    twin.addr.set_port(7000);
    assert_eq!(table.replied(at(0), twin), Heard::Out);
    assert_eq!(table.replied(at(0), contact(0x81, 0, [8, 8, 8, 9])), Heard::Out);
    assert_eq!(table.len(), 1);
    // Local addresses may have several nodes.
    for port in 1..5 {
        let mut local = contact(0x80 + port, 0, [127, 0, 0, 1]);
        local.addr.set_port(port.into());
        assert_eq!(table.replied(at(0), local), Heard::In);
    }
    // A socket with a new id is a new node.
    assert_eq!(table.replied(at(0), contact(0x70, 0, [8, 8, 8, 8])), Heard::In);
    assert_eq!(table.len(), 5);
}

#[test]
fn replied_with_the_id_of_one_node_and_the_subnet_of_another_leaves_one_node_of_each() {
    let (one, two) = (contact(0x80, 0, [8, 8, 8, 8]), contact(0x81, 0, [9, 9, 9, 9]));
    let both = contact(0x80, 0, [9, 9, 9, 10]);
    let mut table = Table::new(OWN, at(0));
    table.replied(at(0), one);
    table.replied(at(0), two);
    table.failed(at(1), one);
    assert_eq!(table.replied(at(2), both), Heard::Out, "one of them is not silent");
    table.failed(at(3), two);
    assert_eq!(table.replied(at(4), both), Heard::In);
    assert_eq!(table.len(), 1);
}

#[test]
fn replied_with_a_fitting_id_replaces_another_node() {
    let mut table = full();
    let fitting = [0xa5, 0xd4, 0x32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16];
    let addr = SocketAddr::new(IpAddr::from([65, 23, 51, 170]), 1);
    assert_eq!(table.replied(at(10), Contact { id: NodeId::new(fitting), addr }), Heard::In);
    assert_eq!((table.len(), table.spare_count()), (9, 0));
    assert!(!table.has_address(SocketAddr::new(IpAddr::from([8, 0, 0, 1]), 6881)));
}

#[test]
fn stale_place_returns_each_stale_bucket_once() {
    let mut table = full();
    let mut rng = Rng::with_seed(1);
    assert_eq!(table.stale_place(at(60), &mut rng), None);
    let places: Vec<_> = std::iter::from_fn(|| table.stale_place(at(1000), &mut rng)).collect();
    assert_eq!(places.len(), table.buckets.len());
    assert!(places.iter().enumerate().all(|(i, place)| OWN.shared_bits(*place) == i));
}

proptest! {
    #[test]
    fn table_after_any_steps_keeps_its_invariants(
        own: [u8; 20],
        steps in proptest::collection::vec((0u8..5, any::<[u8; 3]>(), 0u8..4, 0u64..400), 1..300),
    ) {
        let own = NodeId::new(own);
        let mut table = Table::new(own, at(0));
        let mut now = at(0);
        for (what, [a, b, c], port, wait) in steps {
            now += Duration::from_secs(wait);
            // Ids near the own one, so that buckets are split.
            let id = own.random_at(usize::from(a % 24), &mut Rng::with_seed(u64::from(b)));
            let ip = if c % 5 == 0 { [10, 0, 0, b] } else { [8, b, c % 8, a] };
            let contact = Contact { id, addr: SocketAddr::new(IpAddr::from(ip), 1 + u16::from(port)) };
            match what {
                0 => table.failed(now, contact),
                1 => drop(table.queried(now, contact)),
                2 => table.move_to(own.random_at(usize::from(a % 3), &mut Rng::with_seed(1)), now),
                _ => drop(table.replied(now, contact)),
            }
            let own = table.own();
            let last = table.buckets.len() - 1;
            let mut ips = BTreeSet::new();
            for (index, bucket) in table.buckets.iter().enumerate() {
                prop_assert!(bucket.nodes.len() <= K && bucket.spares.len() <= K);
                let mut subnets = BTreeSet::new();
                for node in &bucket.nodes {
                    let Contact { id, addr } = node.contact;
                    prop_assert!(id != own);
                    let shared = own.shared_bits(id);
                    prop_assert!(shared == index || index == last && shared > last);
                    prop_assert!(subnets.insert(Subnet::of(addr)));
                    prop_assert!(is_local(addr.ip()) || ips.insert(addr.ip()));
                }
            }
            let target = NodeId::new([b; 20]);
            let closest = table.closest(now, target, K);
            prop_assert!(closest.len() <= K);
            prop_assert!(closest.is_sorted_by_key(|contact| contact.id.distance(target)));
        }
    }
}
