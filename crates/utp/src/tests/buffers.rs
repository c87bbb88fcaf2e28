//! Limits of the bytes that are held for sending and for reordering.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use ztor_base::Instant;

use super::stuck_reader;
use crate::header::{Header, Packet, Type};
use crate::seq::SeqNr;
use crate::testing::{Link, MS, Net, SECOND};
use crate::{Closed, Config, ConnKey, Endpoint, Event};

/// Minimum number of bytes that the writer writes at once.
const LEAST_WRITE: usize = 1024;

/// A writer that waits for [`Event::Writable`] when there is little room.
struct Writer {
    key: ConnKey,
    left: usize,
    waits: bool,
}

impl Writer {
    fn go_on(&mut self, net: &mut Net) {
        let (node, is_writable) = (&mut net.nodes[0], Event::Writable(self.key));
        self.waits &= !node.events.contains(&is_writable);
        node.events.retain(|event| *event != is_writable);
        let now = node.time(net.now);
        while !self.waits && self.left > 0 {
            let room = node.endpoint.send_room(self.key);
            if room < LEAST_WRITE {
                self.waits = true;
                break;
            }
            let len = room.min(16_000).min(self.left);
            node.endpoint.write(now, self.key, Bytes::from(vec![1; len]));
            self.left -= len;
        }
        net.turn(0);
    }
}

#[test]
fn writers_that_wait_for_room_get_it_within_the_bounds() {
    for (count, max_total_send_bytes) in [(1, 64 << 20), (10, 300_000), (10, 0)] {
        let link =
            Link { rate: 1_000_000.0, queue: 100_000.0, loss: 0.005, latency: 20 * MS, ..Link::default() };
        let mut net = Net::new(1, link.clone(), link);
        net.add(Config { max_total_send_bytes, ..Config::default() });
        net.add(Config::default());
        let left = 5_000_000 / count;
        let mut writers: Vec<_> =
            (0..count).map(|_| Writer { key: net.connect(0, 1), left, waits: false }).collect();
        let mut rounds = 0;
        while net.nodes[1].total() < (left * count) as u64 {
            rounds += 1;
            assert!(rounds < 5000, "{count} {}", net.nodes[1].total());
            // The window shrinks after much was written.
            net.links[0].is_up = !(200..400).contains(&rounds);
            let queued: usize = writers
                .iter_mut()
                .map(|writer| {
                    writer.go_on(&mut net);
                    let stats = net.nodes[0].endpoint.stats(writer.key).unwrap();
                    // The link and its queue hold 140 KB.
                    assert!(stats.unacked_bytes < 1 << 20, "{stats:?}");
                    stats.unacked_bytes
                })
                .sum();
            assert!(queued <= max_total_send_bytes + count * (64 << 10), "{queued}");
            net.run(10 * MS);
        }
    }
}

#[test]
fn close_to_a_stuck_reader_resets_after_half_a_minute() {
    let (mut net, key) = stuck_reader(50_000);
    net.run(5 * SECOND);
    let (now, other) = (net.nodes[0].time(net.now), net.nodes[1].conns[0]);
    assert!(net.nodes[0].endpoint.stats(key).unwrap().unacked_bytes > 100_000);
    net.nodes[0].to_write.clear();
    net.nodes[0].endpoint.close(now, key);
    net.run(29 * SECOND);
    assert_eq!((net.nodes[0].endpoint.len(), net.nodes[1].closed(other)), (1, None));
    net.run(2 * SECOND);
    assert!(net.nodes[0].endpoint.is_empty());
    // The peer has not received everything, so it must not see a regular end.
    assert_eq!(net.nodes[1].closed(other), Some(Closed::Reset));
    assert!(net.nodes[1].endpoint.readable(other) < 55_000);
}

#[test]
fn close_with_cut_data_ends_in_a_reset() {
    let (mut net, key) = stuck_reader(50_000);
    net.run(5 * SECOND);
    let (now, other) = (net.nodes[0].time(net.now), net.nodes[1].conns[0]);
    net.nodes[0].to_write.clear();
    net.nodes[0].endpoint.close(now, key);
    net.nodes[1].reads = true;
    let now = net.nodes[1].time(net.now);
    net.nodes[1].read(now, other);
    net.run(40 * SECOND);
    let got = net.nodes[1].total();
    assert!((110_000..140_000).contains(&got), "{got}");
    assert_eq!(net.nodes[1].closed(other), Some(Closed::Reset));
}

fn packet(kind: Type, conn_id: u16, seq: u16, ack_nr: SeqNr, payload: usize) -> Vec<u8> {
    let mut buf = Vec::new();
    let seq_nr = SeqNr(seq);
    Header { kind, conn_id, timestamp_us: 0, delay_us: 0, wnd_bytes: 1 << 20, seq_nr, ack_nr }
        .write(&[], &mut buf);
    buf.resize(buf.len() + payload, 1);
    buf
}

/// Creates an endpoint with a connection from a peer that has sent packet 2 with `first` bytes. The closure delivers
/// further packets of the peer.
fn called(
    now: Instant,
    config: Config,
    first: usize,
) -> (Endpoint, ConnKey, impl Fn(&mut Endpoint, Instant, u16)) {
    let mut endpoint = Endpoint::new(now, config, 1);
    let from = SocketAddr::from(([192, 0, 2, 1], 6881));
    endpoint.handle(now, from, &packet(Type::Syn, 0, 1, SeqNr(0), 0));
    let mut buf = Vec::new();
    endpoint.poll_transmit(now, 1, &mut buf).unwrap();
    let ack_nr = Packet::parse(&buf).unwrap().header.seq_nr.minus(1);
    endpoint.handle(now, from, &packet(Type::Data, 1, 2, ack_nr, first));
    let Some(Event::Incoming { key, .. }) = endpoint.poll_event() else { panic!("no connection") };
    let more = move |endpoint: &mut Endpoint, now, seq| {
        endpoint.handle(now, from, &packet(Type::Data, 1, seq, ack_nr, 100));
    };
    (endpoint, key, more)
}

fn is_timed_out(endpoint: &mut Endpoint, key: ConnKey) -> bool {
    let expected = Event::Closed { key, reason: Closed::TimedOut };
    std::iter::from_fn(|| endpoint.poll_event()).any(|event| event == expected)
}

#[test]
fn gap_that_is_not_filled_times_out() {
    let mut now = Instant::from_micros(1_000_000);
    let (mut endpoint, key, more) = called(now, Config::default(), 100);
    for round in 0..3 {
        // Each packet that fills a gap leaves another one.
        more(&mut endpoint, now, 4 + 2 * round);
        now += 40 * SECOND;
        endpoint.handle_timeout(now);
        more(&mut endpoint, now, 3 + 2 * round);
        more(&mut endpoint, now, 6 + 2 * round);
    }
    now += 59 * SECOND;
    endpoint.handle_timeout(now);
    assert!(!is_timed_out(&mut endpoint, key));
    // More packets after the gap are no progress.
    more(&mut endpoint, now, 20);
    now += 2 * SECOND;
    endpoint.handle_timeout(now);
    assert!(is_timed_out(&mut endpoint, key));
}

#[test]
fn gap_that_our_own_reader_keeps_open_does_not_time_out() {
    let mut now = Instant::from_micros(1_000_000);
    let config = Config { max_receive_bytes: 1000, ..Config::default() };
    let (mut endpoint, key, more) = called(now, config, 700);
    more(&mut endpoint, now, 4);
    for _ in 0..10 {
        now += 30 * SECOND;
        endpoint.handle_timeout(now);
    }
    assert!(!is_timed_out(&mut endpoint, key));
    endpoint.read(now, key, 1000, &mut BytesMut::new());
    now += 59 * SECOND;
    endpoint.handle_timeout(now);
    assert!(!is_timed_out(&mut endpoint, key));
    now += 2 * SECOND;
    endpoint.handle_timeout(now);
    assert!(is_timed_out(&mut endpoint, key));
}
