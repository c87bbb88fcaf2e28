use super::*;
use crate::config::MAX_KNOWN_PEERS;

const TELLER: Host = Host::V4([198, 51, 100, 1]);

fn addr(n: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 1000 + n))
}

fn teller(n: u8) -> Host {
    Host::V4([198, 51, 100, n])
}

fn at(s: u64) -> Instant {
    Instant::from_micros(s * 1_000_000)
}

#[test]
fn gone_with_failures_backs_off_and_gives_up() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    known.add(at(0), addr(1), Origin::Tracker(0), None, &mut rng);
    let mut waits = Vec::new();
    let mut now = at(0);
    while let Some(due) = known.next_due() {
        waits.push(due.since(now).as_secs());
        now = due;
        assert_eq!(known.take_due(now, false), Some(addr(1)));
        assert_eq!(known.next_due(), None, "not tried twice at a time");
        known.gone(now, addr(1), true, &mut rng);
    }
    assert_eq!(waits, [0, 30, 60, 120]);
    known.add(now, addr(1), Origin::Tracker(0), None, &mut rng);
    assert!(known.next_due().is_some(), "a source names it again: one more chance");
}

#[test]
fn gone_of_an_address_given_by_hand_never_gives_it_up() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    known.add(at(0), addr(1), Origin::Hand, None, &mut rng);
    let mut now = at(0);
    for _ in 0..50 {
        now = known.next_due().expect("it is tried again").max(now);
        assert_eq!(known.take_due(now, false), Some(addr(1)));
        known.gone(now, addr(1), true, &mut rng);
    }
    assert_eq!(known.next_due(), Some(now + RETRY_AFTER * 16));
}

#[test]
fn add_keeps_the_bound_and_skips_undialable_addresses() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    let tellers =
        (0..5).flat_map(|n| [Origin::Tracker(n), Origin::Pex(teller(n as u8)), Origin::Dht(teller(n as u8))]);
    for (n, origin) in (0..1000).flat_map(|_| tellers.clone()).enumerate() {
        known.add(at(0), addr(n as u16), origin, None, &mut rng);
    }
    assert_eq!(known.len(), MAX_KNOWN_PEERS);
    known.add(at(0), SocketAddr::from(([0, 0, 0, 0], 80)), Origin::Tracker(0), None, &mut rng);
    known.add(at(0), SocketAddr::from(([1, 1, 1, 1], 0)), Origin::Tracker(0), None, &mut rng);
    assert_eq!(known.len(), MAX_KNOWN_PEERS);
}

#[test]
fn take_due_of_fresh_addresses_goes_by_priority_after_older_ones() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    let ours = SocketAddr::from(([200, 1, 2, 3], 6881));
    known.own_addrs.v4 = Some(ours);
    known.add(at(0), addr(0), Origin::Tracker(0), None, &mut rng);
    assert_eq!(known.take_due(at(0), false), Some(addr(0)));
    known.gone(at(0), addr(0), true, &mut rng);
    (1..50).for_each(|n| known.add(at(50 + u64::from(n) / 5), addr(n), Origin::Pex(TELLER), None, &mut rng));
    let order: Vec<SocketAddr> = std::iter::from_fn(|| known.take_due(at(100), false)).collect();
    let (first, order) = order.split_first().expect("all of them");
    assert_eq!(*first, addr(0));
    assert!(order.is_sorted_by_key(|a| std::cmp::Reverse(ztor_wire::peer_priority(ours, *a))));
}

#[test]
fn keep_private_origins_forgets_all_but_user_and_tracker_addresses() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    for (n, origin) in
        [Origin::Hand, Origin::Tracker(0), Origin::Dht(TELLER), Origin::Pex(TELLER), Origin::Local(TELLER)]
            .into_iter()
            .enumerate()
    {
        known.add(at(0), addr(n as u16), origin, None, &mut rng);
    }
    known.add(at(0), addr(3), Origin::Tracker(0), None, &mut rng);
    known.keep_private_origins();
    let left: Vec<u16> = (0..5).filter(|n| known.is_private_origin(addr(*n))).collect();
    assert_eq!((left, known.len()), (vec![0, 1, 3], 3));
}

#[test]
fn take_due_while_seeding_skips_seeds_that_only_peers_named() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    known.add(at(0), addr(1), Origin::Pex(TELLER), None, &mut rng);
    known.set_seed(addr(1));
    assert_eq!(known.take_due(at(1), true), None);
    known.add(at(1), addr(2), Origin::Tracker(0), None, &mut rng);
    known.set_seed(addr(2));
    assert_eq!(known.take_due(at(2), true), Some(addr(2)), "a peer's claim is no reason to skip it");
}

/// Returns the number of these addresses that are known.
fn count(known: &KnownPeers, addrs: impl Iterator<Item = u16>) -> usize {
    addrs.filter(|n| known.contains(addr(*n))).count()
}

#[test]
fn add_flood_from_one_teller_fills_only_its_share() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    known.add(at(0), addr(0), Origin::Hand, None, &mut rng);
    (1..50).for_each(|n| known.add(at(0), addr(n), Origin::Tracker(0), None, &mut rng));
    known.add(at(0), addr(50), Origin::Pex(teller(2)), None, &mut rng);
    known.proved(addr(50));
    (100..40_100).for_each(|n| known.add(at(1), addr(n), Origin::Pex(teller(1)), None, &mut rng));
    assert_eq!(count(&known, 0..=50), 51);
    assert_eq!(count(&known, 100..40_100), Rank::Pex.quota_of_teller());
    // Addresses of other tellers are added, and of many tellers the one with the most gives way.
    for n in 3..=200 {
        let first = 41_000 + u16::from(n) * 40;
        (first..first + 40).for_each(|n2| known.add(at(2), addr(n2), Origin::Pex(teller(n)), None, &mut rng));
    }
    assert_eq!(count(&known, 0..=50), 51);
    let honest = 41_000 + 200 * 40;
    assert!(count(&known, honest..honest + 40) >= 4, "the last of them has a share as well");
    assert_eq!(known.shares.len(Rank::Pex), Rank::Pex.quota());
}

#[test]
fn add_after_addresses_are_given_up_fills_the_share_again() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    (0..300).for_each(|n| known.add(at(0), addr(n), Origin::Pex(TELLER), None, &mut rng));
    assert_eq!(known.len(), 200);
    let mut now = at(0);
    while let Some(due) = known.next_due() {
        now = now.max(due);
        let called = known.take_due(now, false).expect("it is due");
        known.gone(now, called, true, &mut rng);
    }
    (300..600).for_each(|n| known.add(now, addr(n), Origin::Pex(TELLER), None, &mut rng));
    assert_eq!(count(&known, 300..600), 200);
    // Naming the dead addresses again does not enlarge the share.
    (0..300).for_each(|n| known.add(now, addr(n), Origin::Pex(TELLER), None, &mut rng));
    let due = std::iter::from_fn(|| known.take_due(now + RETRY_AFTER, false)).count();
    assert_eq!(due, 200);
}

#[test]
fn take_due_prefers_better_ranks_and_starves_no_other() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    (0..100).for_each(|n| known.add(at(0), addr(n), Origin::Pex(TELLER), None, &mut rng));
    (100..130).for_each(|n| known.add(at(20), addr(n), Origin::Tracker(0), None, &mut rng));
    let order: Vec<SocketAddr> = std::iter::from_fn(|| known.take_due(at(20), false)).collect();
    assert_eq!(order.len(), 130);
    let tracker = |called: &&SocketAddr| (100..130).any(|n| addr(n) == **called);
    assert_eq!(order[..45].iter().filter(tracker).count(), 30, "two of three, as long as there are any");
}

#[test]
fn proved_addresses_of_one_host_are_kept_up_to_the_bound() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    let of_host = |n: u16| SocketAddr::from(([203, 0, 113, 1], 1000 + n));
    for n in 0..100 {
        known.add(at(0), of_host(n), Origin::Pex(TELLER), None, &mut rng);
        known.proved(of_host(n));
    }
    assert_eq!((known.shares.len(Rank::Kept), known.shares.len(Rank::Pex)), (8, 92));
    (0..100).for_each(|n| known.forget(of_host(n)));
    assert!(known.kept.is_empty() && known.shares.is_empty(), "{:?}", known.shares);
}

#[test]
fn indexes_after_random_operations_agree_with_a_fresh_count() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(5));
    for step in 0..20_000 {
        let (now, at_addr) = (at(step / 10), addr(rng.u16(0..4000)));
        let origin = match rng.u8(0..7) {
            0 => Origin::Tracker(rng.usize(0..3)),
            1 => Origin::Dht(teller(rng.u8(0..9))),
            2 => Origin::Local(teller(rng.u8(0..9))),
            3 => Origin::Holepunch(teller(rng.u8(0..9))),
            4 if step % 50 == 0 => Origin::Hand,
            _ => Origin::Pex(teller(rng.u8(0..9))),
        };
        match rng.u8(0..12) {
            0 => drop(known.take_due(now, rng.bool())),
            1 => known.gone(now, at_addr, rng.bool(), &mut rng),
            2 => known.proved(at_addr),
            3 => known.forget(at_addr),
            4 => known.set_seed(at_addr),
            5 => drop(known.take(at_addr)),
            6 => known.worked_with(at_addr, Capabilities::new(Some(Transport::Tcp), Some(false))),
            7 => known.met(now, at_addr, Origin::Incoming(teller(3)), &mut rng),
            _ => known.add(now, at_addr, origin, None, &mut rng),
        }
    }
    let mut fresh = Shares::default();
    known.peers.iter().for_each(|(addr, known)| fresh.insert(*addr, known.entry()));
    assert_eq!(format!("{fresh:?}"), format!("{:?}", known.shares));
    let queued: usize = known.queues.values().map(BTreeSet::len).sum();
    assert_eq!(queued, known.peers.values().filter(|known| known.due.is_some()).count());
    assert_eq!(known.kept.values().sum::<u32>() as usize, known.peers.values().filter(|k| k.is_kept).count());
    assert!(known.len() <= MAX_KNOWN_PEERS && known.len() > 1000, "{}", known.len());
}

#[test]
fn proved_addresses_leave_half_the_rank_to_the_user_and_are_given_up() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    let nth = |n: u16| SocketAddr::from(([203, 0, (n >> 8) as u8, n as u8], 7000));
    for n in 0..1100 {
        known.add(at(0), nth(n), Origin::Incoming(Host::of(nth(n).ip())), None, &mut rng);
        known.proved(nth(n));
    }
    let kept = known.shares.len(Rank::Kept);
    assert_eq!(kept, Rank::Kept.quota());
    known.add(at(0), addr(1), Origin::Hand, None, &mut rng);
    assert!(known.contains(addr(1)), "an address given by hand is added");
    for _ in 0..MAX_FAILURES {
        for addr in [nth(0), addr(1)] {
            known.take(addr);
            known.gone(at(1), addr, true, &mut rng);
        }
    }
    assert_eq!(known.shares.len(Rank::Kept), kept, "one that has worked is not kept, and the user's is");
    assert!(known.peers[&addr(1)].due.is_some() && known.peers[&nth(0)].due.is_none());
}

#[test]
fn missed_hole_punch_does_not_count_as_a_failure() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    known.add(at(0), addr(1), Origin::Tracker(0), None, &mut rng);
    for _ in 0..20 {
        assert!(known.take(addr(1)));
        known.missed(at(1), addr(1), &mut rng);
    }
    assert_eq!(known.take_due(at(20), false), Some(addr(1)));
}

#[test]
fn set_limit_below_the_length_drops_the_least_valuable_and_scales_quotas() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    (0..200).for_each(|n| known.add(at(0), addr(n), Origin::Tracker(0), None, &mut rng));
    (200..400).for_each(|n| known.add(at(0), addr(n), Origin::Pex(TELLER), None, &mut rng));
    known.add(at(0), addr(1000), Origin::Hand, None, &mut rng);
    known.set_limit(100);
    assert_eq!(known.len(), 100);
    assert!(known.contains(addr(1000)));
    assert!((200..400).all(|n| !known.contains(addr(n))), "addresses from peers are dropped first");
    (400..600).for_each(|n| known.add(at(0), addr(n), Origin::Pex(teller(2)), None, &mut rng));
    assert_eq!(known.len(), 100, "trackers are worth more");
}

#[test]
fn sources_of_an_address_are_all_that_have_named_it() {
    let (mut known, mut rng) = (KnownPeers::default(), Rng::with_seed(1));
    assert!(known.sources(addr(1)).is_empty());
    let origins = [
        (Origin::Holepunch(TELLER), PeerSource::HolePunch),
        (Origin::Pex(TELLER), PeerSource::PeerExchange),
        (Origin::Dht(TELLER), PeerSource::Dht),
        (Origin::Incoming(TELLER), PeerSource::Incoming),
        (Origin::Local(TELLER), PeerSource::LocalDiscovery),
        (Origin::Tracker(0), PeerSource::Tracker),
        (Origin::Hand, PeerSource::User),
    ];
    let mut expected = Vec::new();
    for (origin, source) in origins {
        known.add(at(0), addr(1), origin, None, &mut rng);
        known.add(at(0), addr(1), origin, None, &mut rng);
        expected.insert(0, source);
        assert_eq!(known.sources(addr(1)), expected);
    }
    assert!(expected.is_sorted());
    // An address that has worked is kept, but nobody has given it.
    known.add(at(0), addr(2), Origin::Tracker(0), None, &mut rng);
    known.proved(addr(2));
    assert_eq!(known.sources(addr(2)), [PeerSource::Tracker]);
}
