//! Paths that carry only short datagrams.

use crate::testing::{Link, Net, SECOND, expected};

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
