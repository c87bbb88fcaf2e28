use super::*;

use LeechDefence::{Normal, Strict};

const PIECE: u64 = 1 << 20;
/// A connection without transfers.
const NONE: Visit = Visit { taken_bytes: 0, given_bytes: 0, announced_pieces: 0, echoed_pieces: 0 };
const SIZES: Sizes = Sizes { piece_bytes: PIECE, total_bytes: 400 * PIECE };

fn host(n: u8) -> Host {
    Host::V4([198, 51, 100, n])
}

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

#[test]
fn host_that_announces_what_it_gets_is_no_debtor() {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    debts.began(host(1), 0, SIZES);
    for piece in 0..400 {
        debts.took(at(piece), host(1), PIECE);
        assert!(!debts.is_debtor(host(1), 0, SIZES), "at piece {piece}");
        debts.paid(host(1), PIECE);
    }
    assert_eq!(debts.offence(host(1), NONE, SIZES, Strict), None);
}

#[test]
fn host_without_progress_is_a_debtor_also_after_a_reconnect_and_pays_by_giving() {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    debts.took(at(0), host(1), 4 * PIECE);
    assert!(debts.is_debtor(host(1), 0, SIZES) && !debts.is_debtor(host(1), PIECE, SIZES));
    debts.closed(host(1), Some(0));
    debts.opened(at(1), host(1));
    assert!(debts.is_debtor(host(1), 0, SIZES));
    debts.paid(host(1), 2 * PIECE);
    assert!(!debts.is_debtor(host(1), 0, SIZES));
    debts.took(at(2), host(1), 4 * PIECE);
    debts.opened(at(2 + 3 * 3600), host(1));
    assert!(!debts.is_debtor(host(1), 0, SIZES), "it is forgiven with time");
}

#[test]
fn host_that_returns_with_fewer_pieces_again_and_again_does_not_pay_by_announces() {
    let mut debts = Debts::default();
    let counts: Vec<bool> = (0..9)
        .map(|_| {
            debts.opened(at(0), host(1));
            let counts = debts.began(host(1), 0, SIZES);
            debts.closed(host(1), Some(200));
            counts
        })
        .collect();
    assert_eq!(counts, [true, true, true, true, false, false, false, false, false]);
    let mut debts = Debts::default();
    let mut visit = || {
        debts.opened(at(0), host(1));
        debts.began(host(1), 0, SIZES);
        let was_debtor = debts.is_debtor(host(1), 0, SIZES);
        debts.took(at(0), host(1), 9 * PIECE);
        debts.paid(host(1), 9 * PIECE);
        debts.closed(host(1), Some(9));
        was_debtor
    };
    assert_eq!([visit(), visit(), visit()], [false, true, true]);
}

#[test]
fn several_honest_visits_behind_one_address_are_no_offence() {
    let mut debts = Debts::default();
    for _ in 0..12 {
        debts.opened(at(0), host(1));
        let counts = debts.began(host(1), 0, SIZES);
        for _ in 0..400 {
            debts.took(at(0), host(1), PIECE);
            if counts {
                debts.paid(host(1), PIECE);
            }
            assert_eq!(debts.offence(host(1), NONE, SIZES, Normal), None);
        }
        debts.closed(host(1), Some(400));
    }
}

/// Returns an account of a host with a connection that has ended with these pieces, taken and announced.
fn after_a_visit(pieces: u32) -> Debts {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    debts.began(host(1), 0, SIZES);
    debts.took(at(0), host(1), u64::from(pieces) * PIECE);
    debts.paid(host(1), u64::from(pieces) * PIECE);
    debts.closed(host(1), Some(pieces));
    debts.opened(at(1), host(1));
    debts
}

#[test]
fn announce_pays_for_what_was_sent_of_the_piece() {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    debts.began(host(1), 0, SIZES);
    // One announce for a block of each of ten pieces.
    for piece in 0..100 {
        debts.sends(host(1), piece, PIECE / 4);
        debts.took(at(0), host(1), PIECE / 4);
        if piece % 10 == 0 {
            debts.announced(host(1), piece, SIZES);
        }
        let expected = (u64::from(piece) - u64::from(piece / 10)) * PIECE / 4;
        assert_eq!(debts.is_debtor(host(1), 0, SIZES), expected > allowance(SIZES), "piece {piece}");
    }
    debts.announced(host(1), 300, SIZES);
    assert!(debts.is_debtor(host(1), 0, SIZES), "another piece pays nothing");
    debts.announced_all(host(1), 89, SIZES, |piece| piece < 100);
    assert!(!debts.is_debtor(host(1), 0, SIZES));
}

#[test]
fn announce_after_a_reconnect_pays_for_blocks_of_both_connections() {
    let mut debts = Debts::default();
    for visit in 0..50 {
        debts.opened(at(0), host(1));
        debts.began(host(1), visit, SIZES);
        for half in 0..2 {
            let piece = visit + half;
            debts.sends(host(1), piece, PIECE / 2);
            debts.took(at(0), host(1), PIECE / 2);
            if half == 0 {
                debts.announced(host(1), piece, SIZES);
            }
        }
        debts.closed(host(1), Some(visit + 1));
        assert!(!debts.is_debtor(host(1), 0, SIZES), "visit {visit}");
    }
}

#[test]
fn announces_of_more_pieces_than_are_remembered_pay_for_whole_ones() {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    debts.began(host(1), 0, SIZES);
    for piece in 0..400 {
        debts.sends(host(1), piece, PIECE);
        debts.took(at(0), host(1), PIECE);
    }
    assert!(debts.is_debtor(host(1), 0, SIZES));
    (0..400).for_each(|piece| debts.announced(host(1), piece, SIZES));
    assert!(!debts.is_debtor(host(1), 0, SIZES), "it announces late");
}

#[test]
fn host_that_has_lost_the_last_pieces_once_is_no_debtor() {
    for (kept, is_debtor) in [(200, false), (50, true)] {
        let mut debts = after_a_visit(200);
        debts.began(host(1), kept, SIZES);
        assert_eq!(debts.is_debtor(host(1), 0, SIZES), is_debtor, "with {kept} of 200 pieces");
    }
    let mut debts = after_a_visit(200);
    assert!(debts.began(host(1), 150, SIZES) && !debts.is_debtor(host(1), 0, SIZES));
    debts.closed(host(1), Some(150));
    debts.opened(at(2), host(1));
    debts.began(host(1), 100, SIZES);
    assert!(debts.is_debtor(host(1), 0, SIZES), "the second time");
}

#[test]
fn host_that_starts_over_owes_more_than_it_took_if_it_had_announced_more() {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    debts.began(host(1), 0, SIZES);
    debts.took(at(0), host(1), PIECE / 2);
    debts.paid(host(1), 30 * PIECE);
    debts.closed(host(1), Some(30));
    debts.opened(at(1), host(1));
    debts.began(host(1), 0, SIZES);
    assert!(debts.is_debtor(host(1), 0, SIZES));
    debts.paid(host(1), 9 * PIECE);
    assert!(!debts.is_debtor(host(1), 0, SIZES), "another peer behind the address is one of all soon");
}

#[test]
fn peers_behind_one_address_that_reconnect_are_no_restarts() {
    let mut debts = Debts::default();
    let mut pieces = [10_u32, 200, 90];
    for _ in &pieces {
        debts.opened(at(0), host(1));
        debts.began(host(1), 0, SIZES);
    }
    pieces.iter().for_each(|count| debts.closed(host(1), Some(*count)));
    for round in 0..50 {
        let n = round % pieces.len();
        debts.opened(at(1), host(1));
        assert!(debts.began(host(1), pieces[n], SIZES), "round {round}");
        debts.took(at(1), host(1), PIECE);
        debts.paid(host(1), PIECE);
        pieces[n] += 1;
        debts.closed(host(1), Some(pieces[n]));
        assert!(!debts.is_debtor(host(1), 0, SIZES), "round {round}");
    }
}

#[test]
fn pieces_that_another_connection_shows_from_the_start_pay_nothing() {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    debts.began(host(1), 0, SIZES);
    debts.took(at(0), host(1), 50 * PIECE);
    debts.opened(at(0), host(1));
    debts.began(host(1), 300, SIZES);
    assert!(debts.is_debtor(host(1), 0, SIZES));
}

#[test]
fn connection_that_never_began_leaves_no_trace() {
    let mut debts = after_a_visit(200);
    debts.closed(host(1), None);
    debts.opened(at(2), host(1));
    debts.began(host(1), 200, SIZES);
    assert!(!debts.is_debtor(host(1), 0, SIZES));
    assert!(debts.began(host(1), 0, SIZES), "its end was that of the first connection");
}

#[test]
fn silent_peers_behind_one_address_are_no_offence_after_an_hour() {
    let mut debts = Debts::default();
    for n in 0..6 {
        debts.opened(at(n), host(1));
        debts.began(host(1), 0, SIZES);
        debts.took(at(n), host(1), 400 * PIECE);
        // Each shows its pieces at last, so that the next one starts over.
        debts.closed(host(1), Some(400));
        for defence in [Normal, Strict] {
            assert_eq!(debts.offence(host(1), NONE, SIZES, defence), None, "peer {n}");
        }
    }
    for hour in 1..4 {
        debts.opened(at(6 + 3600 * hour), host(1));
        for defence in [Normal, Strict] {
            assert_eq!(debts.offence(host(1), NONE, SIZES, defence), None, "after {hour} hours");
        }
    }
}

#[test]
fn strict_defence_bans_a_peer_that_announces_a_part_of_what_it_takes() {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    let visit = |taken: u64, given, announced_pieces, echoed_pieces| Visit {
        taken_bytes: taken * PIECE,
        given_bytes: given * PIECE,
        announced_pieces,
        echoed_pieces,
    };
    for (visit, is_banned, what) in [
        (visit(400, 0, 0, 0), false, "announces nothing to peers that have the piece"),
        (visit(400, 0, 390, 7), false, "announces few of them"),
        (visit(400, 0, 100, 12), false, "announces them at times, when both get the piece"),
        (visit(60, 0, 21, 21), false, "owes 39 pieces"),
        (visit(62, 0, 21, 21), true, "owes 41 pieces"),
        (visit(62, 3, 21, 21), false, "gives some"),
        (visit(100, 0, 100, 30), false, "announces all"),
    ] {
        let offence = debts.offence(host(1), visit, SIZES, Strict);
        assert_eq!(offence.is_some(), is_banned, "a peer that {what}");
        assert_eq!(debts.offence(host(1), visit, SIZES, Normal), None);
    }
}

#[test]
fn strict_defence_bans_for_requests_of_pieces_that_the_peer_claims_to_have() {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    (0..40).for_each(|_| debts.contradicted(host(1), PIECE));
    assert_eq!(debts.offence(host(1), NONE, SIZES, Strict), None, "a tenth of the torrent");
    debts.contradicted(host(1), 1);
    assert_eq!(debts.offence(host(1), NONE, SIZES, Normal), None);
    assert!(debts.offence(host(1), NONE, SIZES, Strict).is_some());
}

#[test]
fn strict_defence_bans_for_many_restarts() {
    let mut debts = after_a_visit(24);
    let mut restart = || {
        debts.began(host(1), 0, SIZES);
        debts.closed(host(1), Some(24));
        debts.opened(at(2), host(1));
        [Normal, Strict].map(|defence| debts.offence(host(1), NONE, SIZES, defence))
    };
    for n in 1..=MAX_STRICT_RESTARTS {
        assert_eq!(restart(), [None, None], "restart {n}");
    }
    assert_eq!(restart(), [None, Some(BanReason::Restarts { count: 33 })]);
}

#[test]
fn pieces_that_are_announced_and_lost_again_pay_nothing() {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    debts.began(host(1), 0, SIZES);
    for _ in 0..9 {
        debts.took(at(0), host(1), PIECE);
        debts.paid(host(1), PIECE);
        debts.lost(host(1), 1, SIZES);
    }
    assert!(debts.is_debtor(host(1), 0, SIZES));
}

#[test]
fn host_that_shows_its_progress_after_a_reconnect_pays_by_it() {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    debts.began(host(1), 0, SIZES);
    debts.took(at(0), host(1), 300 * PIECE);
    assert_eq!(debts.offence(host(1), NONE, SIZES, Normal), None, "it may be silent to seeds");
    debts.closed(host(1), Some(0));
    debts.opened(at(9), host(1));
    assert!(debts.is_debtor(host(1), 0, SIZES) && debts.began(host(1), 300, SIZES));
    assert!(!debts.is_debtor(host(1), 0, SIZES));
}

#[test]
fn addresses_of_one_network_are_debtors_together() {
    let mut debts = Debts::default();
    for n in 0..20 {
        debts.opened(at(0), host(n));
        debts.took(at(0), host(n), 5 * PIECE / 2);
    }
    assert!(debts.is_debtor(host(3), 0, SIZES));
    let neighbour = host(99);
    debts.opened(at(0), neighbour);
    debts.took(at(0), neighbour, PIECE);
    assert!(!debts.is_debtor(neighbour, 0, SIZES), "an honest host of the network owes little");
    let alone = Host::V4([203, 0, 113, 1]);
    debts.opened(at(0), alone);
    debts.took(at(0), alone, 5 * PIECE / 2);
    assert!(!debts.is_debtor(alone, 0, SIZES));
}

#[test]
fn ban_is_for_what_no_honest_host_owes() {
    let mut debts = Debts::default();
    debts.opened(at(0), host(1));
    debts.opened(at(0), host(1));
    debts.took(at(0), host(1), 2 * 400 * PIECE);
    for defence in [Normal, Strict] {
        assert_eq!(debts.offence(host(1), NONE, SIZES, defence), None, "two peers behind one address");
    }
    debts.took(at(0), host(1), 201 * PIECE);
    assert_eq!(debts.offence(host(1), NONE, SIZES, Normal), None);
    assert!(debts.offence(host(1), NONE, SIZES, Strict).is_some());
    debts.took(at(0), host(1), 200 * PIECE);
    assert!(debts.offence(host(1), NONE, SIZES, Normal).is_some());
    assert_eq!(debts.offence(host(1), NONE, SIZES, LeechDefence::Off), None);
}

#[test]
fn accounts_beyond_the_bound_leave_with_the_least_debt_first() {
    let mut debts = Debts::default();
    for n in 0..MAX_ACCOUNTS + 10 {
        let [.., c, d] = (n as u32).to_be_bytes();
        let host = Host::V4([203, 0, c, d]);
        debts.opened(at(0), host);
        debts.took(at(0), host, if n == 3 { 9 } else { 1 });
        debts.closed(host, Some(0));
    }
    assert_eq!(debts.len(), MAX_ACCOUNTS);
    assert!(debts.accounts.contains_key(&Host::V4([203, 0, 0, 3])));
}
