//! Behaviour of the congestion window.

use ztor_base::Duration;

use crate::Config;
use crate::testing::{Link, MS, Net, Reno, SECOND};

/// One Mbit/s in bytes per second.
const MBIT: f64 = 125_000.0;

/// Creates two nodes. The link from the first to the second carries `rate` bytes per second and queues for up to
/// `queue`.
fn bulk(rate: f64, latency: Duration, queue: Duration) -> Net {
    let there = Link { rate, latency, queue: rate * queue.as_secs_f64(), ..Link::default() };
    let back = Link { latency, ..Link::default() };
    let mut net = Net::new(1, there, back);
    for _ in 0..2 {
        let node = net.add(Config::default());
        net.nodes[node].keeps = false;
    }
    net
}

/// Returns the fraction of the link that is used for payload in the next `seconds`; at most 0.968.
fn used(net: &mut Net, seconds: u32) -> f64 {
    net.links[0].longest_queue = Duration::ZERO;
    let before = net.nodes[1].total();
    net.run(seconds * SECOND);
    (net.nodes[1].total() - before) as f64 / f64::from(seconds) / net.links[0].rate
}

#[test]
fn one_flow_alone_fills_the_link_with_a_short_queue() {
    for (rate, latency_ms, queue_ms) in [(5.0, 5, 1000), (50.0, 20, 1000), (20.0, 100, 2000)] {
        let mut net = bulk(rate * MBIT, latency_ms * MS, queue_ms * MS);
        let key = net.connect(0, 1);
        net.send(0, key, u64::MAX / 2);
        net.run(20 * SECOND);
        let used = used(&mut net, 100);
        let (longest, stats) = (net.links[0].longest_queue, net.nodes[0].endpoint.stats(key));
        assert!(used > 0.9 && longest < 120 * MS, "{rate} {latency_ms}: {used} {longest:?} {stats:?}");
    }
}

#[test]
fn one_flow_beside_tcp_reno_yields() {
    for (rate, latency_ms, queue_ms) in [(10.0, 10, 500), (20.0, 20, 300)] {
        let start = || bulk(rate * MBIT, latency_ms * MS, queue_ms * MS);
        let rival = |mut net: Net| {
            net.reno = Some(Reno::new(net.now));
            net.run(120 * SECOND);
            net.reno.unwrap().delivered as f64
        };
        let solo = rival(start());
        let mut net = start();
        let key = net.connect(0, 1);
        net.send(0, key, u64::MAX / 2);
        net.run(30 * SECOND);
        let with = rival(net);
        assert!(with > 0.9 * solo, "{with} of {solo}");
    }
}

/// Returns the least and the greatest share relative to the mean, and the used fraction of the link, after two minutes.
fn shares(net: &mut Net) -> (f64, f64, f64) {
    let got = |net: &Net| net.nodes[1].got_len.values().copied().collect::<Vec<u64>>();
    net.run(120 * SECOND);
    let before = got(net);
    let used = used(net, 120);
    let mut shares: Vec<u64> = got(net).iter().zip(before).map(|(after, before)| after - before).collect();
    shares.sort();
    let mean = shares.iter().sum::<u64>() as f64 / shares.len() as f64;
    (shares[0] as f64 / mean, shares[shares.len() - 1] as f64 / mean, used)
}

#[test]
fn flows_of_one_endpoint_get_equal_shares() {
    for (rate, count, stagger) in [(20.0, 20, 500 * MS), (20.0, 4, 10 * SECOND), (5.0, 20, 500 * MS)] {
        let mut net = bulk(rate * MBIT, 20 * MS, 1000 * MS);
        for _ in 0..count {
            let key = net.connect(0, 1);
            net.send(0, key, u64::MAX / 2);
            net.run(stagger);
        }
        let (least, most, used) = shares(&mut net);
        assert!(least > 0.8 && most < 1.2 && used > 0.9, "{rate} {count}: {least} {most} {used}");
    }
}

#[test]
fn flows_of_many_senders_to_one_get_equal_shares() {
    let mut net = bulk(20.0 * MBIT, 20 * MS, 1000 * MS);
    for _ in 0..20 {
        // Odd nodes would send the other way.
        let (sender, _) = (net.add(Config::default()), net.add(Config::default()));
        net.nodes[sender].clock_offset = Duration::from_micros(net.rng.u64(..100_000_000));
        let key = net.connect(sender, 1);
        net.send(sender, key, u64::MAX / 2);
        net.run(700 * MS);
    }
    let (least, most, used) = shares(&mut net);
    assert!(least > 0.8 && most < 1.2 && used > 0.9, "{least} {most} {used}");
}

#[test]
fn one_flow_with_drifting_clocks_fills_the_link() {
    for ppm in [100, -100] {
        let mut net = bulk(20.0 * MBIT, 20 * MS, 1000 * MS);
        net.nodes[1].clock_ppm = ppm;
        let key = net.connect(0, 1);
        net.send(0, key, u64::MAX / 2);
        net.run(30 * SECOND);
        let used = used(&mut net, 300);
        let longest = net.links[0].longest_queue;
        assert!(used > 0.9 && longest < 120 * MS, "{ppm}: {used} {longest:?}");
    }
}

#[test]
fn one_flow_over_a_fast_lan_fills_the_link() {
    // The last two queues equal a receive buffer of 200 KB.
    for (rate, rtt_us, queue_us, least) in
        [(1000.0, 200, 2000, 0.95), (2400.0, 300, 667, 0.9), (2400.0, 1000, 667, 0.85)]
    {
        let latency = Duration::from_micros(rtt_us / 2);
        let mut net = bulk(rate * MBIT, latency, Duration::from_micros(queue_us));
        let key = net.connect(0, 1);
        net.send(0, key, u64::MAX / 2);
        net.run(SECOND / 4);
        let used = used(&mut net, 1);
        let stats = net.nodes[0].endpoint.stats(key);
        assert!(used > least, "{rate} {rtt_us}: {used} {stats:?}");
    }
}
