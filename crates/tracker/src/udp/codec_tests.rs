#![allow(clippy::unwrap_used, reason = "tests")]

use crate::types::testing::any_announce;
use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::TrackerPeer;

/// Generates announces as over UDP, with an IPv4 address and no tracker id.
fn an_announce() -> impl Strategy<Value = AnnounceRequest> {
    (any_announce(), proptest::option::of(0..0x8000_0000_u32), 1..=u32::MAX).prop_map(
        |(announce, num_want, ip)| AnnounceRequest {
            num_want,
            ip: Some(IpAddr::from(ip.to_be_bytes())),
            ..announce
        },
    )
}

proptest! {
    #[test]
    fn announces_round_trip(request in an_announce(), connection: u64, transaction: u32, url_data in proptest::collection::vec(any::<u8>(), 0..600)) {
        let request = Request::Announce { connection, transaction, request: Box::new(request), url_data };
        prop_assert_eq!(Request::decode(&request.encode()), Ok(request));
    }

    #[test]
    fn scrapes_round_trip(connection: u64, transaction: u32, info_hashes in proptest::collection::vec(any::<[u8; 20]>().prop_map(SwarmId::new), 0..MAX_SCRAPE)) {
        let request = Request::Scrape { connection, transaction, info_hashes };
        prop_assert_eq!(Request::decode(&request.encode()), Ok(request));
    }

    #[test]
    fn announce_responses_round_trip_in_both_families(
        transaction: u32, interval_s: u32, leechers: Option<u32>, seeders: Option<u32>,
        v4 in proptest::collection::btree_set((1..=223_u8, any::<[u8; 3]>(), 1..=u16::MAX), 0..50),
    ) {
        let v4 = v4.into_iter().map(|(a, [b, c, d], port)| SocketAddr::from(([a, b, c, d], port)));
        let peers: Vec<_> = v4.map(|addr| TrackerPeer { addr, peer_id: None }).collect();
        let v6 = SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 6881));
        let mut reply = AnnounceReply {
            interval_s, leechers: leechers.or(Some(0)), seeders: seeders.or(Some(0)), peers, ..AnnounceReply::default()
        };
        let response = Response::Announce { transaction, reply: reply.clone() };
        prop_assert_eq!(Response::decode(&response.encode(false), false), Ok(response));
        reply.peers.push(TrackerPeer { addr: v6, peer_id: None });
        let encoded = Response::Announce { transaction, reply: reply.clone() }.encode(true);
        reply.peers.drain(..reply.peers.len() - 1);
        prop_assert_eq!(Response::decode(&encoded, true), Ok(Response::Announce { transaction, reply }));
    }

    #[test]
    fn decode_of_any_datagram_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), action in 0..5_u8, ipv6: bool) {
        let _ = (Request::decode(&bytes), Response::decode(&bytes, ipv6));
        let mut near = bytes;
        if near.len() > 12 {
            near[..4].copy_from_slice(&[0, 0, 0, action]);
            let _ = Response::decode(&near, ipv6);
            near[8..12].copy_from_slice(&[0, 0, 0, action]);
            let _ = Request::decode(&near);
        }
    }
}

#[test]
fn encoded_bytes_are_those_of_bep_15() {
    let connect = Request::Connect { transaction: 0x0102_0304 }.encode();
    assert_eq!(connect, [0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 1, 2, 3, 4]);
    let scrape = Response::Scrape {
        transaction: 9,
        entries: vec![ScrapeEntry { seeders: 1, downloads: 2, leechers: 3, downloaders: None }],
    };
    let bytes = [0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    assert_eq!(scrape.encode(false), bytes);
    assert_eq!(Response::decode(&bytes, false), Ok(scrape));
    let error = Response::decode(b"\0\0\0\x03\0\0\0\x07no\x1bway", true);
    assert_eq!(error, Ok(Response::Error { transaction: 7, message: "no way".to_owned() }));
}

#[test]
fn read_url_data_of_options_joins_the_urls() {
    let url = b"/dir?a=b&c=d";
    let with = |options: &[u8]| read_url_data(options);
    assert_eq!(with(&[&[2, 12][..], url].concat()), url);
    assert_eq!(with(&[&[2, 12][..], url, &[1, 1, 0, 2, 1, b'x']].concat()), url);
    assert_eq!(with(&[2, 2, b'/', b'd', 77, 1, 9, 1, 2, 1, b'x']), b"/dx");
    assert_eq!(with(&[2, 0]), b"");
    assert_eq!(with(&[2, 9, b'x']), b"");
    assert_eq!(with(&[2]), b"");
}

#[test]
fn decode_of_a_short_datagram_names_the_expected_length() {
    let error = Response::decode(&[0, 0, 0, 1, 0, 0, 0, 1, 0], false).unwrap_err();
    assert_eq!(error.to_string(), "announce response of 9 bytes, expected at least 20");
    let error = Request::decode(&[0; 16]).unwrap_err();
    assert_eq!(error.to_string(), "unknown action 0");
}
