#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::Item;

const ASKER: NodeId = NodeId::new(*b"abcdefghij0123456789");
const OTHER: NodeId = NodeId::new(*b"mnopqrstuvwxyz123456");

fn message(body: Body) -> Message {
    Message { transaction: b"aa".to_vec(), body, external: None, read_only: false, version: None }
}

fn query(method: Method) -> Message {
    message(Body::Query(Query { id: ASKER, want: None, method }))
}

/// Checks that a message of BEP 5 decodes to `expected` and encodes to the same bytes.
fn check(bytes: &[u8], expected: &Message) {
    assert_eq!(decode(bytes).as_ref(), Ok(expected), "{}", bytes.escape_ascii());
    assert_eq!(expected.encode().escape_ascii().to_string(), bytes.escape_ascii().to_string());
}

#[test]
fn decode_and_encode_of_bep_5_queries_match() {
    check(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", &query(Method::Ping));
    check(
        b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe",
        &query(Method::FindNode { target: OTHER }),
    );
    check(
        b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe",
        &query(Method::GetPeers { info_hash: OTHER, no_seed: false, scrape: false }),
    );
    check(
        b"d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz123456\
        4:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
        &query(Method::AnnouncePeer {
            info_hash: OTHER,
            port: 6881,
            implied_port: true,
            seed: false,
            token: b"aoeusnth".to_vec(),
        }),
    );
}

#[test]
fn decode_and_encode_of_bep_5_responses_match() {
    let response = |change: fn(&mut Response)| {
        let mut response = Response::new(ASKER);
        change(&mut response);
        message(Body::Response(Box::new(response)))
    };
    check(b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re", &response(|response| response.id = OTHER));
    check(
        b"d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re",
        &response(|response| {
            response.token = Some(b"aoeusnth".to_vec());
            response.values = [*b"axje", *b"idht"]
                .map(|ip| SocketAddr::new(IpAddr::from(ip), 0))
                .into_iter()
                .zip([b".u", b"nm"])
                .map(|(addr, port)| SocketAddr::new(addr.ip(), u16::from_be_bytes(*port)))
                .collect();
        }),
    );
    // The example shortens its nodes by dots: nine bytes are no node.
    let shortened = b"d1:rd2:id20:0123456789abcdefghij5:nodes9:def456...5:token8:aoeusnthe1:t2:aa1:y1:re";
    let Body::Response(read) = decode(shortened).unwrap().body else { panic!("no response") };
    assert_eq!((read.nodes4, read.token), (Some(vec![]), Some(b"aoeusnth".to_vec())));
    let fault = Fault::new(201, "A Generic Error Ocurred");
    check(b"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee", &message(Body::Error(fault)));
}

#[test]
fn decode_and_encode_of_a_read_only_query_match() {
    let message = Message { read_only: true, ..query(Method::Ping) };
    check(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping2:roi1e1:t2:aa1:y1:qe", &message);
}

#[test]
fn decode_of_a_faulty_query_names_what_was_expected() {
    let of = |bytes: &[u8]| match decode(bytes) {
        Err(DecodeError::Query { transaction, fault }) => {
            assert_eq!((transaction.as_slice(), fault.code), (&b"aa"[..], code::PROTOCOL));
            fault.message
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(of(b"d1:q4:ping1:t2:aa1:y1:qe"), "expected the arguments `a`");
    assert_eq!(of(b"d1:ad2:id3:abce1:q4:ping1:t2:aa1:y1:qe"), "expected an `id` of 20 bytes");
    let find = b"d1:ad2:id20:abcdefghij0123456789e1:q9:find_node1:t2:aa1:y1:qe";
    assert_eq!(of(find), "expected a `target` of 20 bytes");
    let port = b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti0e5:token1:xe\
        1:q13:announce_peer1:t2:aa1:y1:qe";
    assert_eq!(of(port), "expected a `port` from 1 to 65535");
    let put = b"d1:ad2:id20:abcdefghij01234567891:k2:xx5:token1:x1:vi1ee1:q3:put1:t2:aa1:y1:qe";
    assert_eq!(of(put), "expected a key `k` of 32 bytes");
}

#[test]
fn decode_of_something_else_is_an_error() {
    let others: [&[u8]; 8] = [
        b"",
        b"i1e",
        b"de",
        b"d1:t2:aae",
        b"d1:t2:aa1:y1:xe",
        b"d1:ti1e1:y1:qe",
        b"\x41\x00\x12\x34",
        b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t33:ttttttttttttttttttttttttttttttttt1:y1:qe",
    ];
    for bytes in others {
        assert_eq!(decode(bytes), Err(DecodeError::NotKrpc), "{}", bytes.escape_ascii());
    }
    assert!(matches!(decode(b"d1:rde1:t2:aa1:y1:re"), Err(DecodeError::Answer { .. })));
    assert!(matches!(decode(b"d1:ele1:t2:aa1:y1:ee"), Err(DecodeError::Answer { .. })));
    assert_eq!(decode(&[b'l'; 60_000]), Err(DecodeError::NotKrpc));
    let deep = [b"d1:t2:aa1:y1:q1:a".as_slice(), &[b'l'; 1000], &[b'e'; 1001]].concat();
    assert_eq!(decode(&deep), Err(DecodeError::NotKrpc));
}

#[test]
fn decode_of_an_unknown_method_keeps_its_target() {
    let bytes = b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q4:vote1:t2:aa1:y1:qe";
    assert_eq!(decode(bytes), Ok(query(Method::Unknown { target: Some(OTHER) })));
}

#[test]
fn decode_of_an_error_text_makes_it_printable() {
    let bytes = "d1:eli201e11:a\u{1b}[31mb\u{202e}\ne1:t2:aa1:y1:ee".as_bytes();
    let Body::Error(fault) = decode(bytes).unwrap().body else { panic!("no error") };
    assert_eq!(fault.message, "a[31mb");
}

#[test]
fn decode_of_an_immutable_put_ignores_cas() {
    let item = Item::Immutable { value: b"i1e".to_vec() };
    let bytes = b"d1:ad3:casi1e2:id20:abcdefghij01234567895:token1:t1:vi1ee1:q3:put1:t2:aa1:y1:qe";
    assert_eq!(decode(bytes), Ok(query(Method::Put { token: b"t".to_vec(), cas: None, item })));
}

fn place() -> impl Strategy<Value = NodeId> {
    any::<[u8; 20]>().prop_map(NodeId::new)
}

fn addr4() -> impl Strategy<Value = SocketAddr> {
    (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip.into(), port))
}

fn addr6() -> impl Strategy<Value = SocketAddr> {
    (any::<[u8; 15]>(), any::<u16>()).prop_map(|(rest, port)| {
        let mut ip = [0x20; 16];
        ip[1..].copy_from_slice(&rest);
        SocketAddr::new(ip.into(), port)
    })
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..max)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<i64>().prop_map(|n| format!("i{n}e").into_bytes()),
        Just(b"d1:ai1e1:bl1:xee".to_vec()),
        Just(b"i99999999999999999999e".to_vec()),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    let mutable = (any::<[u8; 32]>(), bytes(70), any::<i64>(), any::<[u8; 32]>(), value());
    prop_oneof![
        value().prop_map(|value| Item::Immutable { value }),
        mutable.prop_map(|(key, salt, seq, half, value)| {
            let mut signature = [7; 64];
            signature[..32].copy_from_slice(&half);
            Item::Mutable { key, salt, seq, signature, value }
        }),
    ]
}

fn method() -> impl Strategy<Value = Method> {
    let announce = (place(), 1u16.., any::<bool>(), any::<bool>(), bytes(20));
    prop_oneof![
        Just(Method::Ping),
        place().prop_map(|target| Method::FindNode { target }),
        (place(), any::<bool>(), any::<bool>()).prop_map(|(info_hash, no_seed, scrape)| Method::GetPeers {
            info_hash,
            no_seed,
            scrape
        }),
        announce.prop_map(|(info_hash, port, implied_port, seed, token)| Method::AnnouncePeer {
            info_hash,
            port,
            implied_port,
            seed,
            token
        }),
        (place(), any::<Option<i64>>()).prop_map(|(target, seq)| Method::Get { target, seq }),
        (bytes(20), any::<Option<i64>>(), item()).prop_map(|(token, cas, item)| {
            let cas = cas.filter(|_| matches!(item, Item::Mutable { .. }));
            Method::Put { token, cas, item }
        }),
        place().prop_map(|target| Method::SampleInfohashes { target }),
    ]
}

fn contacts(addr: impl Strategy<Value = SocketAddr>) -> impl Strategy<Value = Option<Vec<Contact>>> {
    let contact = (place(), addr).prop_map(|(id, addr)| Contact { id, addr });
    proptest::option::of(proptest::collection::vec(contact, 0..9))
}

fn response() -> impl Strategy<Value = Response> {
    let values = proptest::collection::vec(prop_oneof![addr4(), addr6()], 0..20);
    let samples = (0u32..21_600, any::<u64>(), proptest::collection::vec(place(), 0..20));
    let samples =
        samples.prop_map(|(interval_s, total, info_hashes)| Samples { interval_s, total, info_hashes });
    let stored = (proptest::option::of(value()), any::<Option<[u8; 32]>>(), any::<Option<i64>>());
    (
        (place(), contacts(addr4()), contacts(addr6()), values),
        (proptest::option::of(bytes(20)), any::<Option<u8>>(), stored, proptest::option::of(samples)),
    )
        .prop_map(|((id, nodes4, nodes6, values), (token, filter, (value, key, seq), samples))| {
            Response {
                nodes4,
                nodes6,
                values,
                token,
                seeds: filter.and_then(|byte| Bloom::from_slice(&[byte; 256])),
                peers: filter.and_then(|byte| Bloom::from_slice(&[!byte; 256])),
                value,
                key,
                seq,
                signature: key.map(|_| [9; 64]),
                samples,
                ..Response::new(id)
            }
        })
}

proptest! {
    #[test]
    fn decode_of_an_encoded_query_returns_the_original(
        id in place(), method in method(), want: Option<(bool, bool)>, transaction in bytes(32),
        read_only: bool, version in proptest::option::of(bytes(5)),
    ) {
        let want = want.map(|(v4, v6)| Want { v4, v6 });
        let body = Body::Query(Query { id, want, method });
        let message = Message { transaction, body, external: None, read_only, version };
        prop_assert_eq!(decode(&message.encode()), Ok(message));
    }

    #[test]
    fn decode_of_an_encoded_response_returns_the_original(
        response in response(), transaction in bytes(8), external in proptest::option::of(addr4()),
    ) {
        let body = Body::Response(Box::new(response));
        let message = Message { transaction, body, external, read_only: false, version: None };
        prop_assert_eq!(decode(&message.encode()), Ok(message));
    }

    #[test]
    fn decode_of_any_bytes_does_not_panic(
        bytes: Vec<u8>, response in response(), at: prop::sample::Index, to: u8,
    ) {
        let _ = decode(&bytes);
        let mut near = message(Body::Response(Box::new(response))).encode();
        let at = at.index(near.len());
        near[at] = to;
        if let Ok(message) = decode(&near) {
            message.encode();
        }
        let _ = decode(&near[..at]);
    }
}
