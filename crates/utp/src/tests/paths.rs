//! Paths that carry only short datagrams, and paths over several sockets.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use ztor_base::Instant;

use crate::header::{Header, Packet, Type};
use crate::seq::SeqNr;
use crate::testing::{Link, Net, SECOND, expected};
use crate::{Config, Endpoint, Event, Path};

fn send(net: &mut Net, len: u64, within_s: u32) {
    let key = net.connect(0, 1);
    net.send(0, key, len);
    assert!(
        net.run_while(within_s * SECOND, |net| net.nodes[1].total() < len),
        "{} {:?}",
        net.nodes[1].total(),
        net.nodes[0].endpoint.stats(key)
    );
    assert_eq!(net.nodes[1].got[&net.nodes[1].conns[0]], expected(len));
}

#[test]
fn mtu_search_over_a_narrow_path_finds_the_longest_datagram() {
    for tells in [false, true] {
        for mtu in [548, 972, 1000, 1372, 1464, 1472] {
            let mut net = Net::pair(1, Link { mtu, ..Link::default() });
            net.tells_too_big = tells;
            send(&mut net, 3_000_000, 5);
            let stats = net.nodes[0].endpoint.stats(net.nodes[0].conns[0]).unwrap();
            assert!(stats.mtu_bytes <= mtu && stats.mtu_bytes + 16 > mtu, "{mtu} {stats:?}");
            assert_eq!((stats.timeouts, stats.lost_packets), (0, 0), "{mtu} {stats:?}");
        }
    }
}

#[test]
fn mtu_search_after_a_change_of_the_path_follows_it() {
    for tells in [false, true] {
        let mut net = Net::pair(1, Link { rate: 500_000.0, ..Link::default() });
        net.tells_too_big = tells;
        let key = net.connect(0, 1);
        net.send(0, key, 3_000_000);
        net.run(SECOND);
        assert_eq!(net.nodes[0].endpoint.stats(key).unwrap().mtu_bytes, 1472);
        net.links[0].mtu = 1200;
        assert!(
            net.run_while(60 * SECOND, |net| net.nodes[1].total() < 3_000_000),
            "{:?}",
            net.nodes[0].endpoint.stats(key)
        );
        assert_eq!(net.nodes[1].got[&net.nodes[1].conns[0]], expected(3_000_000));
        let stats = net.nodes[0].endpoint.stats(key).unwrap();
        assert!((1180..=1200).contains(&stats.mtu_bytes), "{stats:?}");
        net.links[0].mtu = 1472;
        net.run(700 * SECOND);
        net.send(0, key, 100_000);
        net.run(5 * SECOND);
        assert_eq!(net.nodes[0].endpoint.stats(key).unwrap().mtu_bytes, 1472);
    }
}

#[test]
fn mtu_search_after_an_outage_recovers() {
    let mut net = Net::pair(1, Link { rate: 500_000.0, ..Link::default() });
    let key = net.connect(0, 1);
    net.send(0, key, 5_000_000);
    net.run(SECOND);
    net.links.iter_mut().for_each(|link| link.is_up = false);
    net.run(20 * SECOND);
    net.links.iter_mut().for_each(|link| link.is_up = true);
    assert!(net.run_while(60 * SECOND, |net| net.nodes[1].total() < 5_000_000));
    assert_eq!(net.nodes[1].got[&net.nodes[1].conns[0]], expected(5_000_000));
    assert!(net.nodes[0].endpoint.stats(key).unwrap().mtu_bytes > 1400);
}

#[test]
fn mtu_search_over_a_lossy_path_stays_near_the_limit() {
    let mut net = Net::pair(1, Link { loss: 0.05, ..Link::default() });
    send(&mut net, 2_000_000, 60);
    assert!(net.nodes[0].endpoint.stats(net.nodes[0].conns[0]).unwrap().mtu_bytes > 1300);
}

/// A peer that knows us under two addresses calls both from its one socket, perhaps with the same `conn_id`.
#[test]
fn connections_of_one_peer_over_two_sockets_are_separate_and_answered_over_their_own() {
    let now = Instant::from_micros(1_000_000);
    let mut endpoint = Endpoint::new(now, Config::default(), 1);
    let peer = SocketAddr::from(([192, 0, 2, 1], 6881));
    let path = |socket| Path { peer, socket };
    let header = |kind, conn_id, seq_nr, ack_nr| Header {
        kind,
        conn_id,
        timestamp_us: 1,
        delay_us: 0,
        wnd_bytes: 1_000_000,
        seq_nr: SeqNr(seq_nr),
        ack_nr,
    };
    let packet = |header: Header, payload: &[u8]| {
        let mut bytes = Vec::new();
        header.write(&[], &mut bytes);
        bytes.extend_from_slice(payload);
        bytes
    };
    let mut keys = Vec::new();
    for (socket, text) in [(1, &b"first"[..]), (2, b"second")] {
        endpoint.handle(now, path(socket), &packet(header(Type::Syn, 7, 1, SeqNr(0)), &[]));
        let mut buf = Vec::new();
        let answer = endpoint.poll_transmit(now, 1, &mut buf).unwrap();
        assert_eq!(answer.to, path(socket));
        let seq_nr = Packet::parse(&buf).unwrap().header.seq_nr;
        endpoint.handle(now, path(socket), &packet(header(Type::Data, 8, 2, seq_nr.minus(1)), text));
        let mut events = std::iter::from_fn(|| endpoint.poll_event());
        let incoming =
            |event| if let Event::Incoming { key, from } = event { Some((key, from)) } else { None };
        let (key, from) = events.find_map(incoming).expect("a connection");
        assert_eq!(from, path(socket));
        keys.push((key, text));
    }
    assert_eq!(endpoint.len(), 2);
    for (socket, (key, text)) in (1..).zip(keys) {
        let mut got = BytesMut::new();
        endpoint.read(now, key, 100, &mut got);
        assert_eq!(got, text);
        endpoint.write(now, key, Bytes::from_static(b"reply"));
        let mut buf = Vec::new();
        while let Some(sent) = endpoint.poll_transmit(now, 1, &mut buf) {
            assert_eq!(sent.to, path(socket));
        }
        assert!(buf.ends_with(b"reply"));
    }
    // A call over the second socket leaves from there.
    let key = endpoint.connect(now, path(2)).unwrap();
    let mut buf = Vec::new();
    assert_eq!(endpoint.poll_transmit(now, 1, &mut buf).unwrap().to, path(2));
    let syn = Packet::parse(&buf).unwrap().header;
    let answer = packet(
        Header { kind: Type::State, ack_nr: syn.seq_nr, ..header(Type::State, syn.conn_id, 5, SeqNr(0)) },
        &[],
    );
    // The answer at another socket is of no connection.
    endpoint.handle(now, path(1), &answer);
    assert!(!std::iter::from_fn(|| endpoint.poll_event()).any(|event| event == Event::Connected(key)));
    endpoint.handle(now, path(2), &answer);
    assert!(std::iter::from_fn(|| endpoint.poll_event()).any(|event| event == Event::Connected(key)));
    // What a call over any socket brings back may arrive at each.
    let key = endpoint.connect(now, peer).unwrap();
    let syn = loop {
        buf.clear();
        let sent = endpoint.poll_transmit(now, 1, &mut buf).unwrap();
        if sent.to == path(0) {
            break Packet::parse(&buf).unwrap().header;
        }
    };
    let answer =
        Header { kind: Type::State, ack_nr: syn.seq_nr, ..header(Type::State, syn.conn_id, 5, SeqNr(0)) };
    endpoint.handle(now, path(9), &packet(answer, &[]));
    assert!(std::iter::from_fn(|| endpoint.poll_event()).any(|event| event == Event::Connected(key)));
    // A late packet of it opens no other connection, wherever it arrives.
    endpoint.reset(now, key);
    while endpoint.poll_transmit(now, 1, &mut buf).is_some() {}
    let before = endpoint.len();
    for seq in 0..=u16::MAX {
        endpoint.handle(now, path(9), &packet(header(Type::Data, syn.conn_id, seq, SeqNr(7)), b"x"));
    }
    assert_eq!(endpoint.len(), before);
}
