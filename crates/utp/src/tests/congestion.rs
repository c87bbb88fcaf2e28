//! The congestion window does what it should.

use ztor_time::Duration;

use crate::testing::{Link, MS, Net, Reno, SECOND};

const MBIT: f64 = 125_000.0;

fn bulk(rate: f64, latency: Duration, queue: Duration) -> Net {
    let there = Link { rate, latency, queue: rate * queue.as_secs_f64(), ..Link::default() };
    let back = Link { latency, ..Link::default() };
    let mut net = Net::new(1, there, back);
    for _ in 0..2 {
        let node = net.add(crate::Config::default());
        net.nodes[node].keeps = false;
    }
    net
}

#[test]
fn alone_it_fills_the_link_and_keeps_the_queue_short() {
    for (rate, latency, queue_ms) in [(5.0, 5, 1000), (50.0, 20, 1000), (20.0, 100, 2000)] {
        let mut net = bulk(rate * MBIT, latency * MS, queue_ms * MS);
        let key = net.connect(0, 1);
        net.send(0, key, u64::MAX / 2);
        net.run(20 * SECOND);
        println!("start {:?} {:?}", net.links[0].longest_queue, net.nodes[0].endpoint.stats(key));
        net.links[0].longest_queue = Duration::ZERO;
        let before = net.nodes[1].total();
        net.run(100 * SECOND);
        let used = (net.nodes[1].total() - before) as f64 / 100.0 / (rate * MBIT);
        println!(
            "{rate} {latency}: {used} {:?} {:?}",
            net.links[0].longest_queue,
            net.nodes[0].endpoint.stats(key)
        );
        assert!(used > 0.85, "{used}");
        assert!(net.links[0].longest_queue < 120 * MS);
    }
}

#[test]
fn yields() {
    for (rate, latency, queue_ms) in [(10.0, 10, 500), (20.0, 20, 300)] {
        let solo = {
            let mut net = bulk(rate * MBIT, latency * MS, queue_ms * MS);
            net.reno = Some(Reno::new(net.now));
            net.run(120 * SECOND);
            net.reno.unwrap().delivered
        };
        let mut net = bulk(rate * MBIT, latency * MS, queue_ms * MS);
        let key = net.connect(0, 1);
        net.send(0, key, u64::MAX / 2);
        net.run(30 * SECOND);
        let before = net.nodes[1].total();
        net.reno = Some(Reno::new(net.now));
        net.run(120 * SECOND);
        let with = net.reno.as_ref().unwrap().delivered;
        println!(
            "{solo} {with} {} utp {}",
            with as f64 / solo as f64,
            (net.nodes[1].total() - before) as f64 / 120.0 / rate / MBIT
        );
        assert!(with as f64 > 0.8 * solo as f64);
    }
}

#[test]
fn is_fair() {
    for (rate, count, stagger) in [(20.0, 20, 500 * MS), (20.0, 4, 10 * SECOND)] {
        let mut net = bulk(rate * MBIT, 20 * MS, 1000 * MS);
        for _ in 0..count {
            let key = net.connect(0, 1);
            net.send(0, key, u64::MAX / 2);
            net.run(stagger);
        }
        for round in 0..6 {
            let before = net.nodes[1].got_len.clone();
            net.links[0].longest_queue = Duration::ZERO;
            net.run(60 * SECOND);
            let mut shares: Vec<_> =
                net.nodes[1].got_len.iter().map(|(k, v)| v - before.get(k).unwrap_or(&0)).collect();
            shares.sort();
            let mean = shares.iter().sum::<u64>() as f64 / shares.len() as f64;
            println!(
                "{round}: min {:.2} max {:.2} used {:.3} queue {:?} dropped {}",
                shares[0] as f64 / mean,
                *shares.last().unwrap() as f64 / mean,
                mean * f64::from(count) / 60.0 / rate / MBIT,
                net.links[0].longest_queue,
                net.links[0].dropped,
            );
        }
    }
}

#[test]
fn fast_lan() {
    let mut net = bulk(1000.0 * MBIT, 100 * Duration::from_micros(1), 2 * MS);
    let key = net.connect(0, 1);
    net.send(0, key, u64::MAX / 2);
    net.run(SECOND / 4);
    let before = net.nodes[1].total();
    net.run(SECOND);
    let used = (net.nodes[1].total() - before) as f64 / (1000.0 * MBIT);
    println!("{used} {:?}", net.nodes[0].endpoint.stats(key));
    assert!(used > 0.9);
}
