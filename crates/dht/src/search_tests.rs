#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use fastrand::Rng;
use proptest::prelude::*;

use super::*;

const OWN: NodeId = NodeId::new([0xff; 20]);
const TARGET: NodeId = NodeId::new([0; 20]);

/// Creates a node at a local address, where every id fits. Its id shares `bits` with the target.
fn local(bits: usize, n: u8) -> Contact {
    let id = TARGET.random_at(bits, &mut Rng::with_seed(n.into()));
    Contact { id, addr: SocketAddr::new(IpAddr::from([10, 0, 0, n]), 1) }
}

/// Creates a node at a public address that its id does not fit.
fn misfit(bits: usize, ip: [u8; 4]) -> Contact {
    let mut rng = Rng::with_seed(ip.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)));
    let addr = SocketAddr::new(IpAddr::from(ip), 1);
    loop {
        let id = TARGET.random_at(bits, &mut rng);
        if !id.fits(addr.ip()) {
            return Contact { id, addr };
        }
    }
}

fn with_token() -> Answer {
    Answer { token: Some(vec![1]), seq: None }
}

fn asked(search: &mut Search) -> Vec<SocketAddr> {
    std::iter::from_fn(|| search.next().map(|(addr, _)| addr)).collect()
}

#[test]
fn search_ends_when_the_nearest_have_answered() {
    let mut search = Search::new(OWN, TARGET);
    (0..20).for_each(|n| search.add_known(local(usize::from(n), n)));
    let nearest: Vec<_> = (12..20).rev().map(|n| local(n, n as u8)).collect();
    assert_eq!(asked(&mut search), nearest[..4].iter().map(|c| c.addr).collect::<Vec<_>>());
    for contact in &nearest {
        assert!(!search.is_done());
        search.answered(*contact, with_token());
        search.next();
    }
    assert!(search.is_done());
    assert_eq!(search.nearest(), nearest);
    assert_eq!(search.stores().len(), K);
}

/// A liar is queried first and names its friends, which would be the nearest if no other node responded.
#[test]
fn search_with_a_clique_asks_our_own_nodes_before_it_ends() {
    let mut search = Search::new(OWN, TARGET);
    let own: Vec<_> = (0..12).map(|n| local(usize::from(n) / 4, n)).collect();
    own.iter().for_each(|contact| search.add_known(*contact));
    let liar = own[11];
    let clique: Vec<_> = (0..8).map(|n| local(10, 100 + n)).collect();
    let truly_near = local(30, 200);
    let mut heard = BTreeSet::new();
    while let Some((addr, _)) = search.next() {
        let contact = *own.iter().chain(&clique).chain([&truly_near]).find(|c| c.addr == addr).unwrap();
        heard.insert(addr);
        search.answered(contact, with_token());
        let named =
            if contact == liar || clique.contains(&contact) { clique.clone() } else { vec![truly_near] };
        // Of the honest nodes only the farther half knows the nearest node.
        if contact == liar || clique.contains(&contact) || own[..6].contains(&contact) {
            search.add_named(named, addr);
        }
    }
    assert!(search.is_done());
    assert_eq!(search.nearest()[0], truly_near);
    assert!(own.iter().filter(|contact| heard.contains(&contact.addr)).count() >= K);
}

#[test]
fn slow_node_that_answers_late_counts() {
    let mut search = Search::new(OWN, TARGET);
    (0..4).for_each(|n| search.add_known(local(usize::from(n), n)));
    assert_eq!(asked(&mut search).len(), 4);
    (0..4).for_each(|n| search.slow(local(usize::from(n), n).addr));
    assert!(!search.is_done(), "they may still answer");
    search.answered(local(0, 0), with_token());
    (1..4).for_each(|n| search.failed(local(usize::from(n), n).addr));
    assert!(search.is_done());
    assert_eq!(search.stores().len(), 1);
}

#[test]
fn blind_address_that_answers_is_no_result() {
    let mut search = Search::new(OWN, TARGET);
    assert!(search.is_done());
    let router = SocketAddr::new(IpAddr::from([10, 9, 9, 9]), 1);
    search.add_blind(router);
    assert_eq!(search.next(), Some((router, None)));
    search.answered(Contact { id: NodeId::new([7; 20]), addr: router }, Answer::default());
    search.add_named([local(3, 1)], router);
    assert_eq!(asked(&mut search), [local(3, 1).addr]);
    search.answered(local(3, 1), Answer::default());
    assert!(search.is_done());
    // The router itself is no result, and nodes without a token store nothing.
    assert_eq!(search.nearest(), [local(3, 1)]);
    assert_eq!(search.stores(), []);
}

#[test]
fn answered_under_another_id_counts_only_if_it_fits() {
    let mut search = Search::new(OWN, TARGET);
    let world = misfit(3, [8, 8, 8, 8]);
    search.add_known(local(3, 1));
    search.add_known(world);
    assert_eq!(asked(&mut search).len(), 2);
    search.answered(Contact { id: misfit(90, [8, 8, 8, 8]).id, ..world }, with_token());
    assert!(search.nearest().is_empty());
    let moved = Contact { id: NodeId::new([1; 20]), ..local(3, 1) };
    search.answered(moved, with_token());
    assert!(search.is_done());
    assert_eq!(search.nearest(), [moved]);
}

#[test]
fn nodes_of_one_subnet_are_asked_once() {
    let mut search = Search::new(OWN, TARGET);
    (0..100).for_each(|n| {
        search.add_named([misfit(40, [8, 8, 8, n])], SocketAddr::new(IpAddr::from([9, n, 0, 1]), 1))
    });
    assert_eq!(asked(&mut search).len(), 1);
}

#[test]
fn sybils_near_the_target_do_not_own_the_search() {
    let mut search = Search::new(OWN, TARGET);
    (0..10).for_each(|n| search.add_known(local(usize::from(n), n)));
    let mut asked_misfits = 0;
    let mut left = 1000;
    while let Some((addr, id)) = search.next() {
        let contact = Contact { id: id.unwrap_or(TARGET), addr };
        search.answered(contact, with_token());
        if contact.id.fits(addr.ip()) {
            continue;
        }
        asked_misfits += 1;
        // Each one names more of its kind, each in its own subnet.
        let named = (0..50).map(|n| misfit(30 + asked_misfits % 100, [20 + n, asked_misfits as u8, 1, 1]));
        search.add_named(named, addr);
        left -= 1;
        assert!(left > 0);
        if asked_misfits == 1 {
            search.add_named([misfit(30, [99, 1, 1, 1])], addr);
        }
    }
    let mut search = Search::new(OWN, TARGET);
    (0..10).for_each(|n| search.add_known(local(usize::from(n), n)));
    search.add_named(
        (0..50).map(|n| misfit(60, [20 + n, 1, 1, 1])),
        SocketAddr::new(IpAddr::from([9, 9, 9, 9]), 1),
    );
    while let Some((addr, id)) = search.next() {
        search.answered(Contact { id: id.unwrap_or(TARGET), addr }, with_token());
    }
    assert!(search.is_done());
    let honest = search
        .stores()
        .iter()
        .filter(|(contact, _)| contact.addr.ip().to_string().starts_with("10."))
        .count();
    assert_eq!(honest, K, "the nearest whose ids fit are all there");
    assert!(search.stores().len() <= 2 * K);
}

proptest! {
    #[test]
    fn search_after_any_steps_keeps_its_invariants(
        steps in proptest::collection::vec((0u8..6, any::<[u8; 4]>(), 0usize..40), 1..400),
    ) {
        let mut search = Search::new(OWN, TARGET);
        let mut open = Vec::new();
        for (what, bytes, bits) in steps {
            let [a, b, c, d] = bytes;
            match what {
                0 | 1 => {
                    let named = (0..12).map(|n| misfit(bits, [20 + (a % 4), b % 8, c.wrapping_add(n), d]));
                    search.add_named(named, SocketAddr::new(IpAddr::from([9, a, b, c]), 1));
                }
                2 => search.add_blind(SocketAddr::new(IpAddr::from(bytes), 1)),
                3 => open.extend(search.next()),
                4 => if let Some((addr, id)) = open.pop() {
                    search.answered(Contact { id: id.unwrap_or(TARGET), addr }, with_token());
                },
                _ => if let Some((addr, _)) = open.first().copied() {
                    search.slow(addr);
                    if a % 2 == 0 {
                        search.failed(addr);
                        open.remove(0);
                    }
                },
            }
            let slow = search.count(&State::Slow);
            prop_assert!(search.candidates.len() <= MAX_CANDIDATES + MAX_OPEN);
            prop_assert!(search.count(&State::Asked) <= ALPHA && search.count(&State::Asked) + slow <= MAX_OPEN);
            prop_assert!(search.candidates.is_sorted_by_key(|candidate| candidate.distance));
            let answered = search.candidates.iter().filter(|c| matches!(c.state, State::Answered(_)));
            let mut subnets = BTreeSet::new();
            prop_assert!(answered.map(|c| Subnet::of(c.contact.addr)).all(|subnet| subnets.insert(subnet)));
            prop_assert!(search.stores().len() <= 2 * K);
        }
    }
}
