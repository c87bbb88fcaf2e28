//! Lost packets, and the recovery from them.

use bytes::Bytes;

use crate::testing::{Link, MS, Net, SECOND, expected};
use crate::{Closed, ConnKey};

/// Returns the datagrams that a node sends now, without delivering them.
fn taken_out(net: &mut Net, node: usize) -> Vec<Vec<u8>> {
    let node = &mut net.nodes[node];
    let (now, mut all, mut buf) = (node.time(net.now), Vec::new(), Vec::new());
    node.endpoint.handle_timeout(now);
    while let Some(transmit) = node.endpoint.poll_transmit(now, 64, &mut buf) {
        all.extend(buf.chunks(transmit.segment_len).map(<[u8]>::to_vec));
        buf.clear();
    }
    all
}

fn put_in(net: &mut Net, from: usize, to: usize, datagram: &[u8]) {
    let from = net.nodes[from].addr;
    let node = &mut net.nodes[to];
    node.endpoint.handle(node.time(net.now), from, datagram);
}

fn write(net: &mut Net, node: usize, key: ConnKey, data: Vec<u8>) {
    let now = net.nodes[node].time(net.now);
    net.nodes[node].endpoint.write(now, key, Bytes::from(data));
}

/// A delayed acknowledgement must not count as the answer to the question of what has arrived. Otherwise data that has
/// arrived is repacked under the same numbers.
#[test]
fn old_acknowledgement_after_a_question_is_no_answer() {
    let mut net = Net::pair(1, Link::default());
    let key = net.connect(0, 1);
    net.send(0, key, 1_000_000);
    net.run(3 * SECOND);
    let other = net.nodes[1].conns[0];
    assert_eq!(net.nodes[0].endpoint.stats(key).unwrap().mtu_bytes, 1472);
    write(&mut net, 0, key, vec![1]);
    let small = taken_out(&mut net, 0).remove(0);
    put_in(&mut net, 0, 1, &small);
    net.run(SECOND);
    // The same packet twice more; the answers are delayed.
    let mut late = Vec::new();
    for _ in 0..2 {
        put_in(&mut net, 0, 1, &small);
        late.extend(taken_out(&mut net, 1));
        net.run(50 * MS);
    }
    assert_eq!(late.len(), 2);
    // Long packets arrive, but not their acknowledgements, until the question is sent.
    net.links[1].is_up = false;
    write(&mut net, 0, key, vec![2; 3000]);
    net.turn(0);
    assert!(net.run_while(20 * SECOND, |net| net.nodes[0].endpoint.stats(key).unwrap().timeouts < 2));
    for late in late {
        net.run(MS);
        put_in(&mut net, 1, 0, &late);
        net.turn(0);
    }
    net.run(100 * MS);
    net.links[1].is_up = true;
    write(&mut net, 0, key, vec![3; 3000]);
    net.turn(0);
    net.run(20 * SECOND);
    let all = [&expected(1_000_000)[..], &[1], &[2; 3000], &[3; 3000]].concat();
    assert_eq!(net.nodes[1].got[&other].len(), all.len());
    assert!(net.nodes[1].got[&other] == all);
}

/// A packet that never arrives ends the connection, even if the peer still sends.
#[test]
fn packet_that_never_arrives_times_out() {
    let start = || {
        let mut net = Net::pair(1, Link { rate: 50_000.0, ..Link::default() });
        let key = net.connect(0, 1);
        net.send(0, key, 10);
        net.run(SECOND);
        net.send(1, net.nodes[1].conns[0], u64::MAX / 2);
        (net, key)
    };
    let (mut net, key) = start();
    net.meddle = Some(|_, datagram| {
        if datagram.len() == 20 + 333 {
            datagram.clear();
        }
    });
    net.send(0, key, 333);
    net.run(59 * SECOND);
    assert_eq!(net.nodes[0].closed(key), None);
    assert!(net.run_while(70 * SECOND, |net| net.nodes[0].closed(key).is_none()));
    assert_eq!(net.nodes[0].closed(key), Some(Closed::TimedOut));
    // A closed window does not count.
    let (mut net, key) = start();
    net.meddle = Some(|_, datagram| {
        if datagram.len() == 20 + 333 {
            datagram.clear();
        } else if datagram.len() >= 20 && datagram[0] != 0x41 {
            datagram[12..16].fill(0);
        }
    });
    net.send(0, key, 333);
    net.run(300 * SECOND);
    assert_eq!(net.nodes[0].closed(key), None);
}

/// Each new packet leaves the timer running, since it belongs to the oldest one.
#[test]
fn steady_sender_to_a_dead_peer_times_out() {
    let mut net = Net::pair(1, Link::default());
    let key = net.connect(0, 1);
    net.send(0, key, 10);
    net.run(SECOND);
    net.links.iter_mut().for_each(|link| link.is_up = false);
    for _ in 0..2000 {
        net.send(0, key, 1);
        net.run(20 * MS);
    }
    assert_eq!(net.nodes[0].closed(key), Some(Closed::TimedOut));
}

/// A keep-alive just before the answer counts as a first answer. The second question must not be sent once the real
/// answer has acknowledged everything. If it were lost, nothing would be sent again, since no timer runs while nothing
/// is in flight.
#[test]
fn answer_after_a_keep_alive_cancels_the_second_question() {
    // The first of `count` long packets arrives.
    for count in [1, 2] {
        let mut net = Net::pair(1, Link::default());
        let key = net.connect(0, 1);
        net.send(0, key, 1_000_000);
        net.run(3 * SECOND);
        let other = net.nodes[1].conns[0];
        assert_eq!(net.nodes[0].endpoint.stats(key).unwrap().mtu_bytes, 1472);
        write(&mut net, 0, key, vec![1; count * 1452]);
        let long = taken_out(&mut net, 0);
        assert_eq!(long.len(), count);
        put_in(&mut net, 0, 1, &long[0]);
        // Its acknowledgement is lost.
        drop(taken_out(&mut net, 1));
        let question = loop {
            net.now = net.nodes[0].endpoint.poll_timeout().unwrap();
            let sent = taken_out(&mut net, 0);
            if net.nodes[0].endpoint.stats(key).unwrap().timeouts == 2 {
                break sent;
            }
        };
        assert!(question.len() == 1 && question[0].len() == 21, "{question:?}");
        put_in(&mut net, 0, 1, &question[0]);
        let answer = taken_out(&mut net, 1).remove(0);
        let mut keep_alive = answer.clone();
        let ack_nr = u16::from_be_bytes([answer[18], answer[19]]);
        keep_alive[18..20].copy_from_slice(&ack_nr.wrapping_sub(1).to_be_bytes());
        put_in(&mut net, 1, 0, &keep_alive);
        put_in(&mut net, 1, 0, &answer);
        // All packets that are sent now are lost.
        let sent: Vec<usize> = taken_out(&mut net, 0).iter().map(Vec::len).collect();
        write(&mut net, 0, key, vec![2; 3000]);
        net.turn(0);
        net.run(20 * SECOND);
        let all = [&expected(1_000_000)[..], &vec![1; count * 1452], &[2; 3000]].concat();
        assert_eq!(net.nodes[1].got[&other].len(), all.len());
        assert!(net.nodes[1].got[&other] == all);
        assert_eq!(sent, vec![1472; count - 1]);
    }
}
