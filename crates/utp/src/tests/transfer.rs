//! Transfers over good and bad links.

use crate::testing::{Link, MS, Net, SECOND, expected};
use crate::{Closed, Config, Event};

/// Sends `len` bytes over two equal links, sends half as many back, and checks the data.
fn transfer(seed: u64, link: Link, len: u64, within_s: u32) -> Net {
    let mut net = Net::pair(seed, link);
    let key = net.connect(0, 1);
    net.send(0, key, len);
    let arrived = net.run_while(within_s * SECOND, |net| net.nodes[1].total() < len);
    assert!(arrived, "{} of {len} {:?}", net.nodes[1].total(), net.nodes[0].endpoint.stats(key));
    let back = net.nodes[1].conns[0];
    assert_eq!(net.nodes[1].got[&back], expected(len));
    net.send(1, back, len / 2);
    assert!(net.run_while(within_s * SECOND, |net| net.nodes[0].total() < len / 2));
    assert_eq!(net.nodes[0].got[&key], expected(len / 2));
    net
}

#[test]
fn transfer_over_a_good_link_loses_nothing() {
    let mut net = transfer(1, Link::default(), 5_000_000, 10);
    assert_eq!(net.nodes[0].events[0], Event::Connected(net.nodes[0].conns[0]));
    let (key, from) = (net.nodes[1].conns[0], net.nodes[0].addr);
    assert_eq!(net.nodes[1].events[0], Event::Incoming { key, from: from.into() });
    let stats = net.nodes[0].endpoint.stats(net.nodes[0].conns[0]).unwrap();
    assert_eq!((stats.lost_packets, stats.retransmitted_packets, stats.timeouts), (0, 0, 0), "{stats:?}");
    assert_eq!(stats.mtu_bytes, 1472);
    net.nodes[0].closes_after = true;
    net.nodes[1].closes_after = true;
    let key = net.nodes[0].conns[0];
    net.send(0, key, 10);
    net.run(20 * SECOND);
    assert_eq!(net.nodes[1].closed(net.nodes[1].conns[0]), Some(Closed::Ended));
    assert!(net.nodes[0].endpoint.is_empty() && net.nodes[1].endpoint.is_empty());
}

#[test]
fn transfer_over_bad_links_delivers_everything() {
    for (seed, latency_ms, loss, reordered, duplicated, len) in [
        (1, 5, 0.01, 0.0, 0.0, 2_000_000),
        (2, 50, 0.01, 0.05, 0.05, 500_000),
        (3, 50, 0.10, 0.2, 0.1, 200_000),
        (4, 250, 0.05, 0.1, 0.0, 100_000),
        (5, 250, 0.10, 0.3, 0.3, 50_000),
        (6, 5, 0.10, 0.5, 0.5, 500_000),
        (7, 5, 0.0, 0.5, 0.5, 2_000_000),
    ] {
        let link = Link { latency: latency_ms * MS, loss, reordered, duplicated, ..Link::default() };
        transfer(seed, link, len, 120);
    }
}

/// A probe of a closed window has to fit into it when it opens.
#[test]
fn transfer_with_a_window_below_a_packet_completes() {
    let mut net = Net::new(1, Link { mtu: 9000, ..Link::default() }, Link::default());
    net.add(Config { max_datagram_bytes: 9000, ..Config::default() });
    net.add(Config { max_receive_bytes: 16 << 10, ..Config::default() });
    let key = net.connect(0, 1);
    net.send(0, key, 200_000);
    assert!(net.run_while(20 * SECOND, |net| net.nodes[1].total() < 200_000));
    net.nodes[1].reads = false;
    net.send(0, key, 100_000);
    net.run(60 * SECOND);
    let now = net.nodes[1].time(net.now);
    let back = net.nodes[1].conns[0];
    // Only some of the data is read, so that the window opens by less than a packet.
    for _ in 0..200 {
        let mut into = bytes::BytesMut::new();
        net.nodes[1].endpoint.read(now, back, 4000, &mut into);
        net.nodes[1].got.entry(back).or_default().unsplit(into);
        net.turn(1);
        net.run(SECOND);
    }
    assert_eq!(net.nodes[1].got[&back][200_000..], expected(100_000));
}

/// Tail loss probes and timeouts must not raise the reordering threshold. Otherwise a lost packet waits for dozens of
/// later ones before it is resent, which takes a quarter of a minute.
#[test]
fn transfer_over_a_slow_and_lossy_link_makes_progress() {
    let mut worst = u64::MAX;
    for seed in 0..12 {
        let link = Link { rate: 12_500.0, latency: 250 * MS, queue: 25_000.0, loss: 0.1, ..Link::default() };
        let mut net = Net::pair(seed, link);
        let key = net.connect(0, 1);
        net.send(0, key, u64::MAX / 2);
        net.run(200 * SECOND);
        worst = worst.min(net.nodes[1].total());
    }
    assert!(worst > 500_000, "{worst}");
}
