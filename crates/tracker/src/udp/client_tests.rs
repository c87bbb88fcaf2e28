#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::udp::CONNECT_MAGIC;
use crate::{AnnounceEvent, ScrapeEntry};
use ztor_base::PeerId;

const TRACKER: &str = "192.0.2.1:6969";

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn tracker() -> SocketAddr {
    TRACKER.parse().unwrap()
}

fn request() -> AnnounceRequest {
    let (info_hash, peer_id) = (SwarmId::new([1; 20]), PeerId::new([2; 20]));
    let request = AnnounceRequest::new(info_hash, peer_id, 6881);
    AnnounceRequest { left: 1, event: AnnounceEvent::Started, key: 3, ..request }
}

fn sent(client: &mut Client) -> Vec<Request> {
    std::iter::from_fn(|| client.poll_transmit())
        .map(|(to, datagram)| {
            assert_eq!(to, tracker());
            Request::decode(&datagram).unwrap()
        })
        .collect()
}

fn only(client: &mut Client) -> Request {
    let mut all = sent(client);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn connect_id(request: &Request) -> u32 {
    let Request::Connect { transaction } = request else { panic!("not a connect: {request:?}") };
    *transaction
}

fn announce_ids(request: &Request) -> (u64, u32) {
    let Request::Announce { connection, transaction, .. } = request else {
        panic!("no announce: {request:?}")
    };
    (*connection, *transaction)
}

fn answer(client: &mut Client, now: Instant, response: Response) -> bool {
    client.handle(now, tracker(), &response.encode(false))
}

fn reply() -> AnnounceReply {
    AnnounceReply { interval_s: 900, seeders: Some(1), leechers: Some(2), ..AnnounceReply::default() }
}

/// Returns a client that has sent an announce under token 1 with connection id 77, and its transaction id.
fn announced() -> (Client, u32) {
    let mut client = Client::new(5);
    client.announce(at(0), 1, tracker(), "/announce?a=b", request());
    let transaction = connect_id(&only(&mut client));
    assert!(answer(&mut client, at(0), Response::Connect { transaction, connection: 77 }));
    let (connection, transaction) = announce_ids(&only(&mut client));
    assert_eq!(connection, 77);
    (client, transaction)
}

#[test]
fn connection_id_is_used_again_for_a_minute() {
    let (mut client, transaction) = announced();
    assert!(answer(&mut client, at(1), Response::Announce { transaction, reply: reply() }));
    assert_eq!(client.poll_event(), Some((1, Ok(Reply::Announce(reply())))));
    client.scrape(at(59), 2, tracker(), vec![[1; 20].into(), [2; 20].into()]);
    let Request::Scrape { connection: 77, transaction, info_hashes } = only(&mut client) else { panic!() };
    assert_eq!(info_hashes.len(), 2);
    let entry = ScrapeEntry { seeders: 1, leechers: 2, downloads: 3, downloaders: None };
    assert!(answer(&mut client, at(59), Response::Scrape { transaction, entries: vec![entry] }));
    let entries = vec![entry, ScrapeEntry::default()];
    assert_eq!(client.poll_event(), Some((2, Ok(Reply::Scrape(entries)))));
    client.announce(at(60), 3, tracker(), "", request());
    connect_id(&only(&mut client));
}

#[test]
fn announce_with_a_path_and_query_sends_them() {
    let mut client = Client::new(5);
    client.announce(at(0), 1, tracker(), "/a?b", request());
    let transaction = connect_id(&only(&mut client));
    answer(&mut client, at(0), Response::Connect { transaction, connection: 1 });
    let Request::Announce { url_data, request: sent, .. } = only(&mut client) else { panic!() };
    assert_eq!((url_data.as_slice(), *sent), (&b"/a?b"[..], request()));
}

#[test]
fn one_connect_serves_all_waiting_announces() {
    let mut client = Client::new(5);
    for token in 0..5 {
        client.announce(at(0), token, tracker(), "", request());
    }
    let transaction = connect_id(&only(&mut client));
    answer(&mut client, at(0), Response::Connect { transaction, connection: 1 });
    assert_eq!(sent(&mut client).len(), 5);
}

#[test]
fn announce_without_an_answer_is_given_up_after_three_tries() {
    let mut client = Client::new(5);
    client.announce(at(0), 1, tracker(), "", request());
    for due in [15, 45] {
        connect_id(&only(&mut client));
        assert_eq!(client.poll_timeout(), Some(at(due)));
        client.handle_timeout(at(due - 1));
        assert_eq!(sent(&mut client), []);
        client.handle_timeout(at(due));
    }
    connect_id(&only(&mut client));
    assert_eq!(client.poll_timeout(), Some(at(105)));
    client.handle_timeout(at(105));
    assert_eq!(client.poll_event(), Some((1, Err(TrackerError::Timeout))));
    assert_eq!((client.poll_timeout(), client.poll_event()), (None, None));
    assert!(client.waiting.is_empty() && client.trackers.is_empty() && client.tasks.is_empty());
}

#[test]
fn goodbye_without_an_answer_is_repeated_within_seconds_and_given_up() {
    let mut client = Client::new(1);
    let goodbye = AnnounceRequest { event: AnnounceEvent::Stopped, ..request() };
    client.announce(at(0), 1, tracker(), "", goodbye);
    for (tries, seconds) in [(1, 1), (2, 3), (3, 7)] {
        assert_eq!((sent(&mut client).len(), client.poll_timeout()), (1, Some(at(seconds))), "try {tries}");
        client.handle_timeout(at(seconds));
    }
    assert_eq!(client.poll_event(), Some((1, Err(TrackerError::Timeout))));
    assert_eq!(client.poll_timeout(), None, "nothing is left");
    assert!(client.trackers.is_empty() && client.waiting.is_empty());
}

#[test]
fn goodbye_during_a_first_connect_shortens_its_wait() {
    let mut client = Client::new(1);
    client.announce(at(0), 1, tracker(), "", request());
    let first = connect_id(&only(&mut client));
    let goodbye = AnnounceRequest { event: AnnounceEvent::Stopped, ..request() };
    client.announce(at(2), 1, tracker(), "", goodbye.clone());
    assert_eq!((connect_id(&only(&mut client)), client.poll_timeout()), (first, Some(at(3))));
    client.announce(at(2), 2, tracker(), "", goodbye);
    assert_eq!(sent(&mut client), [], "one question is enough for both");
    assert!(answer(&mut client, at(3), Response::Connect { transaction: first, connection: 77 }));
    assert_eq!(sent(&mut client).len(), 2);
}

#[test]
fn late_answer_to_an_early_try_is_accepted() {
    let (mut client, first) = announced();
    client.handle_timeout(at(15));
    assert_eq!(announce_ids(&only(&mut client)), (77, first));
    assert!(answer(&mut client, at(16), Response::Announce { transaction: first, reply: reply() }));
    assert!(client.poll_event().is_some());
}

#[test]
fn retransmission_after_a_minute_gets_a_new_connection_id() {
    let (mut client, transaction) = announced();
    answer(&mut client, at(1), Response::Announce { transaction, reply: reply() });
    assert!(client.poll_event().is_some());
    client.announce(at(50), 2, tracker(), "", request());
    assert_eq!(announce_ids(&only(&mut client)).0, 77);
    client.handle_timeout(at(60));
    assert_eq!(sent(&mut client), []);
    client.handle_timeout(at(65));
    let transaction = connect_id(&only(&mut client));
    answer(&mut client, at(66), Response::Connect { transaction, connection: 78 });
    assert_eq!(announce_ids(&only(&mut client)).0, 78);
    client.handle_timeout(at(96));
    assert_eq!(announce_ids(&only(&mut client)).0, 78);
    client.handle_timeout(at(156));
    assert_eq!(client.poll_event(), Some((2, Err(TrackerError::Timeout))));
    assert!(client.waiting.is_empty() && client.tasks.is_empty() && client.trackers.is_empty());
}

#[test]
fn answer_from_another_address_or_to_another_request_is_ignored() {
    let (mut client, transaction) = announced();
    let good = Response::Announce { transaction, reply: reply() }.encode(false);
    for stranger in ["192.0.2.1:6970", "192.0.2.2:6969", "[2001:db8::1]:6969"] {
        assert!(!client.handle(at(1), stranger.parse().unwrap(), &good));
    }
    assert!(!answer(&mut client, at(1), Response::Announce { transaction: transaction ^ 1, reply: reply() }));
    assert!(!answer(&mut client, at(1), Response::Scrape { transaction, entries: vec![] }));
    assert!(!answer(&mut client, at(1), Response::Connect { transaction, connection: 9 }));
    assert!(!client.handle(at(1), tracker(), &good[..7]));
    assert_eq!(client.poll_event(), None);
    assert!(client.handle(at(1), "[::ffff:192.0.2.1]:6969".parse().unwrap(), &good));
    assert!(client.poll_event().is_some());
    assert!(!client.handle(at(1), tracker(), &good));
}

#[test]
fn refusal_of_a_tracker_is_reported() {
    let (mut client, transaction) = announced();
    assert!(answer(&mut client, at(1), Response::Error { transaction, message: "go away".into() }));
    let Some((1, Err(error))) = client.poll_event() else { panic!() };
    assert_eq!(error.to_string(), "the tracker says: go away");
}

#[test]
fn answer_that_is_cut_off_is_a_refusal() {
    let (mut client, transaction) = announced();
    let datagram = [&[0, 0, 0, 1][..], &transaction.to_be_bytes()].concat();
    assert!(client.handle(at(1), tracker(), &datagram));
    let Some((1, Err(error))) = client.poll_event() else { panic!() };
    assert!(error.to_string().ends_with("announce response of 8 bytes, expected at least 20"), "{error}");
}

#[test]
fn forgotten_connection_id_is_renewed_once() {
    let (mut client, transaction) = announced();
    let refused = |transaction| Response::Error { transaction, message: "Connection ID mismatch".into() };
    assert!(answer(&mut client, at(1), refused(transaction)));
    let transaction = connect_id(&only(&mut client));
    answer(&mut client, at(1), Response::Connect { transaction, connection: 78 });
    let (connection, transaction) = announce_ids(&only(&mut client));
    assert_eq!(connection, 78);
    answer(&mut client, at(1), refused(transaction));
    assert!(matches!(client.poll_event(), Some((1, Err(TrackerError::Failure { .. })))));
}

#[test]
fn cancelled_transaction_gives_no_event() {
    let (mut client, transaction) = announced();
    client.cancel(1);
    assert!(!answer(&mut client, at(1), Response::Announce { transaction, reply: reply() }));
    assert_eq!(client.poll_event(), None);
    client.announce(at(100), 1, tracker(), "", request());
    client.cancel(1);
    assert!(matches!(only(&mut client), Request::Connect { .. }));
    client.handle_timeout(at(200));
    assert_eq!((sent(&mut client), client.poll_timeout()), (vec![], None));
}

#[test]
fn announce_to_port_0_fails_at_once() {
    let mut client = Client::new(5);
    client.announce(at(0), 1, "192.0.2.1:0".parse().unwrap(), "", request());
    assert!(matches!(client.poll_event(), Some((1, Err(TrackerError::BadUrl { .. })))));
    assert_eq!(client.poll_transmit(), None);
}

#[test]
fn connect_magic_is_that_of_bep_15() {
    assert_eq!(CONNECT_MAGIC, 0x0000_0417_2710_1980);
}

proptest::proptest! {
    #[test]
    fn handle_of_any_datagrams_does_not_panic(seed: u64, datagrams: Vec<Vec<u8>>) {
        let mut client = Client::new(seed);
        client.announce(at(0), 1, tracker(), "", request());
        let (_, connect) = client.poll_transmit().unwrap();
        for (i, mut datagram) in datagrams.into_iter().enumerate() {
            if datagram.len() >= 8 {
                datagram[..3].fill(0);
                datagram[3] %= 5;
                datagram[4..8].copy_from_slice(&connect[12..16]);
            }
            client.handle(at(i as u64), tracker(), &datagram);
            client.handle_timeout(at(i as u64));
        }
    }
}
