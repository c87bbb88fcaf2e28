//! Opening and closing of connections.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use ztor_base::{Duration, Instant};

use super::stuck_reader;
use crate::header::{HEADER_BYTES, Header, Packet, Type};
use crate::seq::SeqNr;
use crate::testing::{Link, MS, Net, SECOND, expected};
use crate::{Closed, Config, ConnKey, ConnectError, Endpoint, Event};

/// Establishes a connection. Returns its keys at both ends.
fn established(link: Link) -> (Net, ConnKey, ConnKey) {
    let mut net = Net::pair(1, link);
    let key = net.connect(0, 1);
    net.send(0, key, 10);
    assert!(net.run_while(20 * SECOND, |net| net.nodes[1].total() < 10));
    net.run(SECOND);
    let other = net.nodes[1].conns[0];
    (net, key, other)
}

fn close(net: &mut Net, node: usize, key: ConnKey) {
    let now = net.nodes[node].time(net.now);
    net.nodes[node].endpoint.close(now, key);
    net.turn(node);
}

#[test]
fn connect_with_lost_first_packets_succeeds() {
    // Seconds during which the datagrams of each direction are lost.
    for (there_s, back_s) in [(1, 0), (0, 1), (3, 0), (0, 3), (4, 4)] {
        let mut net = Net::pair(1, Link::default());
        net.links[0].is_up = there_s == 0;
        net.links[1].is_up = back_s == 0;
        let key = net.connect(0, 1);
        net.send(0, key, 100);
        let (first, second) = (there_s.min(back_s), there_s.max(back_s));
        net.run(first * SECOND);
        net.links[0].is_up |= there_s <= first;
        net.links[1].is_up |= back_s <= first;
        net.run((second - first) * SECOND);
        net.links.iter_mut().for_each(|link| link.is_up = true);
        assert!(net.run_while(10 * SECOND, |net| net.nodes[1].total() < 100), "{there_s} {back_s}");
        assert_eq!(
            net.nodes[0].events.iter().filter(|event| matches!(event, Event::Connected(_))).count(),
            1
        );
        assert_eq!(net.nodes[1].conns.len(), 1);
    }
}

#[test]
fn connect_without_an_answer_is_unreachable() {
    let mut net = Net::pair(1, Link { is_up: false, ..Link::default() });
    let key = net.connect(0, 1);
    net.run(9 * SECOND);
    assert_eq!((net.nodes[0].closed(key), net.nodes[0].sent_datagrams), (None, 4));
    net.run(2 * SECOND);
    assert_eq!(net.nodes[0].closed(key), Some(Closed::Unreachable));
    assert_eq!(net.nodes[0].endpoint.len(), 1);
    close(&mut net, 0, key);
    assert!(net.nodes[0].endpoint.is_empty());
    assert_eq!(net.nodes[0].endpoint.poll_timeout(), None);
}

/// libtorrent answers a SYN only once.
#[test]
fn connect_after_a_lost_answer_uses_another_conn_id() {
    let mut now = Instant::from_micros(1_000_000);
    let mut endpoint = Endpoint::new(now, Config::default(), 1);
    let to = SocketAddr::from(([192, 0, 2, 1], 6881));
    let key = endpoint.connect(now, to).unwrap();
    let mut syns = Vec::new();
    let mut buf = Vec::new();
    while syns.len() < 4 {
        endpoint.handle_timeout(now);
        while endpoint.poll_transmit(now, 1, &mut buf).is_some() {}
        syns.extend(buf.chunks(HEADER_BYTES).map(|bytes| Packet::parse(bytes).unwrap().header));
        buf.clear();
        now = endpoint.poll_timeout().unwrap();
    }
    let ids: Vec<u16> = syns.iter().map(|syn| syn.conn_id).collect();
    assert!(ids[0] == ids[1] && ids[2] == ids[3] && ids[0].abs_diff(ids[2]) > 1, "{ids:?}");
    let answer = |syn: &Header, ack_nr| {
        let mut bytes = Vec::new();
        let seq_nr = SeqNr(7);
        Header { kind: Type::State, seq_nr, ack_nr, wnd_bytes: 1000, ..*syn }.write(&[], &mut bytes);
        bytes
    };
    // A late answer to the first SYN is of no connection.
    endpoint.handle(now, to, &answer(&syns[0], syns[0].seq_nr));
    endpoint.poll_transmit(now, 1, &mut buf).unwrap();
    assert_eq!((buf[0] >> 4, endpoint.poll_event()), (Type::Reset as u8, None));
    endpoint.handle(now, to, &answer(&syns[2], syns[2].seq_nr));
    assert_eq!(endpoint.poll_event(), Some(Event::Connected(key)));
    endpoint.close(now, key);
    endpoint.handle_timeout(now);
    buf.clear();
    endpoint.poll_transmit(now, 1, &mut buf).unwrap();
    let fin = Packet::parse(&buf).unwrap().header;
    assert_eq!((fin.kind, fin.conn_id), (Type::Fin, ids[2].wrapping_add(1)));
}

#[test]
fn connect_to_a_full_endpoint_is_refused() {
    let mut net = Net::new(1, Link::default(), Link::default());
    net.add(Config::default());
    net.add(Config { max_connections: 0, ..Config::default() });
    let key = net.connect(0, 1);
    net.run(SECOND);
    assert_eq!(net.nodes[0].closed(key), Some(Closed::Refused));
    let to = net.nodes[0].addr;
    assert_eq!(net.nodes[1].endpoint.connect(net.now, to), Err(ConnectError::Full));
}

#[test]
fn connect_by_both_ends_opens_two_connections() {
    let mut net = Net::pair(1, Link::default());
    let (a, b) = (net.connect(0, 1), net.connect(1, 0));
    net.send(0, a, 1000);
    net.send(1, b, 2000);
    net.run(2 * SECOND);
    assert_eq!((net.nodes[0].endpoint.len(), net.nodes[1].endpoint.len()), (2, 2));
    let (a2, b2) = (net.nodes[1].conns[1], net.nodes[0].conns[1]);
    assert_eq!(net.nodes[1].got[&a2], expected(1000));
    assert_eq!(net.nodes[0].got[&b2], expected(2000));
    close(&mut net, 0, a);
    net.run(SECOND);
    assert_eq!((net.nodes[1].closed(a2), net.nodes[0].closed(b2)), (Some(Closed::Ended), None));
}

#[test]
fn close_after_writing_delivers_everything_first() {
    for loss in [0.0, 0.1] {
        let (mut net, key, other) = established(Link { loss, ..Link::default() });
        net.nodes[0].closes_after = true;
        net.nodes[1].closes_after = true;
        net.send(0, key, 300_000);
        assert!(net.run_while(60 * SECOND, |net| net.nodes[1].closed(other).is_none()));
        assert_eq!((net.nodes[1].total(), net.nodes[1].closed(other)), (300_010, Some(Closed::Ended)));
        net.run(150 * SECOND);
        assert!(net.nodes[0].endpoint.is_empty() && net.nodes[1].endpoint.is_empty());
    }
}

#[test]
fn close_by_one_end_lets_the_other_read_on() {
    let (mut net, key, other) = established(Link::default());
    net.nodes[1].reads = false;
    net.nodes[0].closes_after = true;
    net.send(0, key, 100_000);
    net.run(2 * SECOND);
    assert_eq!(net.nodes[1].closed(other), Some(Closed::Ended));
    let readable = net.nodes[1].events.iter().rposition(|event| *event == Event::Readable(other));
    let ended = net.nodes[1].events.iter().rposition(|event| matches!(event, Event::Closed { .. }));
    assert!(readable < ended);
    net.run(100 * SECOND);
    let node = &mut net.nodes[1];
    assert_eq!(node.endpoint.readable(other), 100_000);
    let now = node.time(net.now);
    node.read(now, other);
    assert_eq!(node.got[&other][10..], expected(100_000)[..]);
    close(&mut net, 1, other);
    net.run(10 * SECOND);
    assert!(net.nodes[0].endpoint.is_empty() && net.nodes[1].endpoint.is_empty());
    assert_eq!(net.nodes[1].endpoint.poll_timeout(), None);
}

#[test]
fn close_by_both_ends_removes_the_connection() {
    let (mut net, key, other) = established(Link::default());
    close(&mut net, 0, key);
    close(&mut net, 1, other);
    net.run(SECOND);
    assert!(net.nodes[0].endpoint.is_empty() && net.nodes[1].endpoint.is_empty());
}

#[test]
fn close_with_a_lost_fin_or_acknowledgement_completes() {
    for (there, back) in [(true, false), (false, true)] {
        let (mut net, key, other) = established(Link::default());
        net.links[0].is_up = !there;
        net.links[1].is_up = !back;
        close(&mut net, 0, key);
        net.run(700 * MS);
        net.links.iter_mut().for_each(|link| link.is_up = true);
        net.run(3 * SECOND);
        assert_eq!(net.nodes[1].closed(other), Some(Closed::Ended));
        close(&mut net, 1, other);
        net.run(10 * SECOND);
        assert!(net.nodes[0].endpoint.is_empty() && net.nodes[1].endpoint.is_empty());
    }
}

#[test]
fn reset_of_a_connection_closes_it_at_both_ends() {
    let (mut net, key, other) = established(Link::default());
    let now = net.nodes[0].time(net.now);
    net.nodes[0].endpoint.reset(now, key);
    net.turn(0);
    assert!(net.nodes[0].endpoint.is_empty());
    net.run(SECOND);
    assert_eq!(net.nodes[1].closed(other), Some(Closed::Reset));
    let now = net.nodes[1].time(net.now);
    net.nodes[1].endpoint.write(now, other, Bytes::from_static(b"x"));
    net.turn(1);
    assert_eq!(net.nodes[1].endpoint.send_room(other), 0);
    close(&mut net, 1, other);
    assert!(net.nodes[1].endpoint.is_empty());
}

#[test]
fn late_packet_after_a_reset_does_not_reopen_the_connection() {
    let mut net = Net::pair(1, Link { duplicated: 1.0, reordered: 0.5, ..Link::default() });
    let key = net.connect(0, 1);
    net.send(0, key, 100);
    assert!(net.run_while(SECOND, |net| net.nodes[1].conns.is_empty()));
    let (now, other) = (net.nodes[1].time(net.now), net.nodes[1].conns[0]);
    net.nodes[1].endpoint.reset(now, other);
    net.turn(1);
    net.run(SECOND);
    assert_eq!(net.nodes[0].closed(key), Some(Closed::Reset));
    assert_eq!(net.nodes[1].conns.len(), 1);
    assert!(net.nodes[1].endpoint.is_empty());
}

#[test]
fn dead_peer_with_outstanding_data_times_out() {
    let (mut net, key, other) = established(Link::default());
    net.links.iter_mut().for_each(|link| link.is_up = false);
    net.run(300 * SECOND);
    assert_eq!(net.nodes[0].closed(key), None);
    net.send(0, key, 10);
    net.run(70 * SECOND);
    assert_eq!(net.nodes[0].closed(key), Some(Closed::TimedOut));
    assert_eq!(net.nodes[1].closed(other), None);
    // A closing connection gives up too, without an event.
    close(&mut net, 1, other);
    net.run(130 * SECOND);
    assert!(net.nodes[1].endpoint.is_empty());
}

#[test]
fn idle_connection_sends_keep_alives() {
    let (mut net, ..) = established(Link::default());
    net.run(60 * SECOND);
    let sent = net.nodes.iter().map(|node| node.sent_datagrams).collect::<Vec<_>>();
    net.run(290 * SECOND);
    for (node, before) in net.nodes.iter().zip(sent) {
        assert_eq!(node.sent_datagrams - before, 10);
    }
}

#[test]
fn closed_window_that_opens_resumes_the_transfer() {
    for lost_update in [false, true] {
        let (mut net, key) = stuck_reader(100_000);
        net.run(60 * SECOND);
        let other = net.nodes[1].conns[0];
        let held = net.nodes[1].endpoint.readable(other);
        assert!((95_000..=101_500).contains(&held), "{held}");
        // The sender keeps probing, but not often.
        let sent = net.nodes[0].sent_datagrams;
        net.run(60 * SECOND);
        assert!(
            (4..=20).contains(&(net.nodes[0].sent_datagrams - sent)),
            "{}",
            net.nodes[0].sent_datagrams - sent
        );
        assert_eq!(net.nodes[0].closed(key), None);
        net.links[1].is_up = !lost_update;
        net.nodes[1].reads = true;
        let now = net.nodes[1].time(net.now);
        net.nodes[1].read(now, other);
        net.turn(1);
        net.run(100 * MS);
        net.links[1].is_up = true;
        let limit = if lost_update { 20 * SECOND } else { 3 * SECOND };
        assert!(
            net.run_while(limit, |net| net.nodes[1].total() < 1_000_000),
            "{:?}",
            net.nodes[0].endpoint.stats(key)
        );
        assert_eq!(net.nodes[1].got[&other], expected(1_000_000));
    }
}

#[test]
fn write_without_room_is_dropped() {
    let link = Link { rate: 100_000.0, ..Link::default() };
    let mut net = Net::new(1, link.clone(), link);
    net.add(Config { max_send_bytes: 50_000, ..Config::default() });
    net.add(Config::default());
    let key = net.connect(0, 1);
    let now = net.nodes[0].time(net.now);
    net.nodes[0].endpoint.write(now, key, Bytes::from(vec![1; 40_000]));
    assert_eq!(net.nodes[0].endpoint.send_room(key), 10_000);
    net.nodes[0].endpoint.write(now, key, Bytes::from(vec![1; 40_000]));
    assert_eq!(net.nodes[0].endpoint.send_room(key), 0);
    net.nodes[0].endpoint.write(now, key, Bytes::from(vec![1; 40_000]));
    net.turn(0);
    net.run(5 * SECOND);
    assert_eq!(net.nodes[1].total(), 80_000);
    assert_eq!(net.nodes[0].events.iter().filter(|event| **event == Event::Writable(key)).count(), 1);
    assert_eq!(net.nodes[0].endpoint.send_room(key), 50_000);
}

#[test]
fn receive_memory_of_many_connections_is_bounded() {
    let link = Link::default();
    let mut net = Net::new(1, link.clone(), link);
    net.add(Config::default());
    net.add(Config { max_total_receive_bytes: 1 << 20, ..Config::default() });
    net.nodes[1].reads = false;
    for _ in 0..20 {
        let key = net.connect(0, 1);
        net.send(0, key, 500_000);
    }
    net.run(20 * SECOND);
    let keys = net.nodes[1].conns.clone();
    let held: usize = keys.iter().map(|key| net.nodes[1].endpoint.readable(*key)).sum();
    assert!(held <= (1 << 20) + 20 * (33 << 10), "{held}");
    // Each has received something, and reading resumes all transfers.
    assert!(keys.iter().all(|key| net.nodes[1].endpoint.readable(*key) > 10_000));
    net.nodes[1].reads = true;
    for key in keys {
        let now = net.nodes[1].time(net.now);
        net.nodes[1].read(now, key);
    }
    net.turn(1);
    assert!(net.run_while(60 * SECOND, |net| net.nodes[1].total() < 10_000_000));
}

#[test]
fn closing_connections_beyond_their_share_are_reset() {
    let link = Link::default();
    let mut net = Net::new(1, link.clone(), link);
    net.add(Config { max_connections: 40, ..Config::default() });
    net.add(Config::default());
    for _ in 0..30 {
        let key = net.connect(0, 1);
        net.send(0, key, 10);
    }
    net.run(SECOND);
    net.links[0].is_up = false;
    for key in net.nodes[0].conns.clone() {
        close(&mut net, 0, key);
    }
    assert_eq!(net.nodes[0].endpoint.len(), 10);
    net.run(125 * SECOND);
    assert!(net.nodes[0].endpoint.is_empty());
}

#[test]
fn closing_connection_is_not_reset_for_others_that_have_ended() {
    let link = Link::default();
    let mut net = Net::new(1, link.clone(), link);
    net.add(Config { max_connections: 8, ..Config::default() });
    net.add(Config { max_receive_bytes: 50_000, ..Config::default() });
    net.add(Config::default());
    // The first has more to send than its peer takes.
    net.nodes[1].reads = false;
    let slow = net.connect(0, 1);
    net.send(0, slow, 1_000_000);
    net.run(SECOND);
    net.nodes[0].to_write.clear();
    close(&mut net, 0, slow);
    for _ in 0..5 {
        let quick = net.connect(0, 2);
        net.send(0, quick, 10);
        net.run(SECOND);
        let other = *net.nodes[2].conns.last().unwrap();
        close(&mut net, 0, quick);
        close(&mut net, 2, other);
        net.run(SECOND);
        assert_eq!(net.nodes[0].endpoint.len(), 1, "only the slow one is left");
    }
}

#[test]
fn read_with_a_limit_appends_to_the_buffer() {
    let (mut net, key, other) = established(Link::default());
    net.nodes[1].reads = false;
    net.send(0, key, 1000);
    net.run(SECOND);
    let now = net.nodes[1].time(net.now);
    let endpoint = &mut net.nodes[1].endpoint;
    let mut into = BytesMut::from(&b"before"[..]);
    assert_eq!(endpoint.read(now, other, 300, &mut into), 300);
    assert_eq!(endpoint.read(now, other, 0, &mut into), 0);
    assert_eq!(endpoint.read(now, other, 5000, &mut into), 700);
    assert_eq!(endpoint.read(now, other, 5000, &mut into), 0);
    assert_eq!((&into[..6], &into[6..]), (&b"before"[..], &expected(1000)[..]));
}

#[test]
fn batch_of_packets_gets_one_acknowledgement() {
    let (mut net, key, _) = established(Link { latency: Duration::from_millis(20), ..Link::default() });
    net.send(0, key, 3_000_000);
    net.run(SECOND);
    let (data, acks) = (net.nodes[0].sent_datagrams, net.nodes[1].sent_datagrams);
    assert!(data > 2000 && acks * 10 < data, "{data} {acks}");
}

#[test]
fn network_with_the_same_seed_repeats_itself() {
    let story = || {
        let link = Link { loss: 0.05, reordered: 0.1, duplicated: 0.1, ..Link::default() };
        let mut net = Net::pair(7, link);
        for _ in 0..5 {
            let key = net.connect(0, 1);
            net.send(0, key, 100_000);
        }
        net.run(3 * SECOND);
        (
            net.nodes[0].sent_datagrams,
            net.nodes[1].sent_datagrams,
            net.nodes[1].total(),
            net.nodes[1].events.clone(),
        )
    };
    assert_eq!(story(), story());
}
