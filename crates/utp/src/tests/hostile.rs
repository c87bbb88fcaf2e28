//! Attacks by unknown hosts and misbehaving peers.

use std::net::SocketAddr;

use proptest::prelude::*;
use ztor_base::{Duration, Instant};

use crate::header::{Header, Packet, Type};
use crate::seq::SeqNr;
use crate::testing::{Link, MS, Net, SECOND};
use crate::{Closed, Config, Endpoint};

fn packet(kind: Type, conn_id: u16, seq: u16, ack: u16) -> Vec<u8> {
    let (seq_nr, ack_nr) = (SeqNr(seq), SeqNr(ack));
    let mut buf = Vec::new();
    Header { kind, conn_id, timestamp_us: 0, delay_us: 0, wnd_bytes: 1 << 20, seq_nr, ack_nr }
        .write(&[], &mut buf);
    if kind == Type::Data {
        buf.push(b'x');
    }
    buf
}

fn drain(endpoint: &mut Endpoint, now: Instant) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut buf = Vec::new();
    while let Some(transmit) = endpoint.poll_transmit(now, 64, &mut buf) {
        all.extend(buf.chunks(transmit.segment_len).map(<[u8]>::to_vec));
        buf.clear();
    }
    all
}

#[test]
fn flood_of_syns_leaves_no_state() {
    let now = Instant::from_micros(5_000_000);
    let mut endpoint = Endpoint::new(now, Config::default(), 1);
    for i in 0..20_000_u32 {
        let from = SocketAddr::from(((i << 12).to_be_bytes(), 6881));
        assert!(endpoint.handle(now, from, &packet(Type::Syn, i as u16, 1, 0)));
    }
    assert!(endpoint.is_empty() && endpoint.poll_event().is_none() && endpoint.poll_timeout().is_none());
    assert_eq!(drain(&mut endpoint, now).len(), 20_000);
    for i in 0..100_000_u32 {
        let from = SocketAddr::from(((i << 12).to_be_bytes(), 6881));
        endpoint.handle(now, from, &packet(Type::Syn, i as u16, 1, 0));
    }
    let waiting: usize = drain(&mut endpoint, now).iter().map(Vec::len).sum();
    assert!(waiting <= 512 << 10, "{waiting}");
    // Data with random numbers opens a connection at most once in some thousand packets.
    for i in 0..5000_u32 {
        let from = SocketAddr::from(((i << 12).to_be_bytes(), 6881));
        endpoint.handle(now, from, &packet(Type::Data, i as u16, 2, i as u16));
    }
    assert!(endpoint.len() <= 5, "{}", endpoint.len());
    let resets = drain(&mut endpoint, now);
    let count =
        resets.iter().filter(|bytes| Packet::parse(bytes).unwrap().header.kind == Type::Reset).count();
    assert!((2000..=64 * 50).contains(&count) && resets.len() <= count + 5, "{count}");
}

/// Bursts of forged SYNs, each from another network.
#[test]
fn connect_in_a_flood_of_forged_syns_succeeds() {
    let mut net = Net::pair(3, Link::default());
    let mut i = 0_u32;
    let mut calls = Vec::new();
    for tenth in 0..200 {
        let now = net.nodes[1].time(net.now);
        for _ in 0..400 {
            i = i.wrapping_add(1);
            let from = SocketAddr::from((i.wrapping_mul(0x9e37_79b9).to_be_bytes(), 6881));
            net.nodes[1].endpoint.handle(now, from, &packet(Type::Syn, i as u16, 1, 0));
        }
        if tenth % 10 == 5 && tenth < 150 {
            let key = net.connect(0, 1);
            net.send(0, key, 100);
            calls.push(key);
        }
        net.run(100 * MS);
    }
    assert_eq!((net.nodes[1].conns.len(), net.nodes[1].total()), (calls.len(), 100 * calls.len() as u64));
}

/// A million packets with random numbers from one forged address would open some thirty connections.
#[test]
fn guessed_numbers_from_one_network_open_no_connection() {
    let mut now = Instant::from_micros(5_000_000);
    let mut endpoint = Endpoint::new(now, Config::default(), 1);
    let victim = SocketAddr::from(([192, 0, 2, 1], 6881));
    for i in 0..1_000_000_u32 {
        endpoint.handle(now, victim, &packet(Type::Data, (i >> 16) as u16, 2, i as u16));
        if i % 100_000 == 99_999 {
            drain(&mut endpoint, now);
            now += SECOND;
        }
    }
    assert!(endpoint.len() <= 1, "{}", endpoint.len());
    // Hosts in other networks still connect.
    let other = SocketAddr::from(([198, 51, 100, 1], 6881));
    let before = endpoint.len();
    let first = answered(&mut endpoint, now, other, 7);
    endpoint.handle(now, other, &first);
    assert_eq!(endpoint.len(), before + 1);
}

#[test]
fn first_packet_after_the_answer_to_a_syn_opens_a_connection() {
    let now = Instant::from_micros(5_000_000);
    let mut endpoint = Endpoint::new(now, Config::default(), 1);
    let from = SocketAddr::from(([192, 0, 2, 1], 6881));
    endpoint.handle(now, from, &packet(Type::Syn, 0xffff, 1, 0));
    let answer = drain(&mut endpoint, now);
    let header = Packet::parse(&answer[0]).unwrap().header;
    assert_eq!(
        (header.kind, header.conn_id, header.ack_nr, answer.len()),
        (Type::State, 0xffff, SeqNr(1), 1)
    );
    assert_eq!(header.wnd_bytes, 4 << 20);
    // The second packet and even the FIN arrive first; both will be retransmitted.
    let ack = header.seq_nr.minus(1).0;
    endpoint.handle(now, from, &packet(Type::Data, 0, 3, ack));
    endpoint.handle(now, from, &packet(Type::Fin, 0, 4, ack));
    endpoint.handle(now, from, &packet(Type::State, 0, 2, ack));
    assert!(endpoint.is_empty() && drain(&mut endpoint, now).is_empty());
    endpoint.handle(now, from, &packet(Type::Data, 0, 2, ack));
    assert_eq!(endpoint.len(), 1);
    endpoint.handle(now, from, &packet(Type::Data, 0, 3, ack));
    let answer = drain(&mut endpoint, now);
    let header = Packet::parse(&answer[0]).unwrap().header;
    assert_eq!((header.kind, header.conn_id, header.ack_nr), (Type::State, 0xffff, SeqNr(3)));
}

/// Completes the handshake of a peer. Returns its first packet of data.
fn answered(endpoint: &mut Endpoint, now: Instant, from: SocketAddr, id: u16) -> Vec<u8> {
    endpoint.handle(now, from, &packet(Type::Syn, id, 1, 0));
    let answer = drain(endpoint, now).remove(0);
    packet(Type::Data, id.wrapping_add(1), 2, Packet::parse(&answer).unwrap().header.seq_nr.minus(1).0)
}

/// Packets that the peer sent before it learned of the reset must not open a connection.
#[test]
fn late_packets_of_an_outgoing_connection_open_no_other() {
    let mut net = Net::pair(1, Link::default());
    let key = net.connect(0, 1);
    net.send(0, key, 10);
    net.run(SECOND);
    let (now, from) = (net.nodes[0].time(net.now), net.nodes[1].addr);
    let endpoint = &mut net.nodes[0].endpoint;
    endpoint.reset(now, key);
    let id = Packet::parse(&drain(endpoint, now)[0]).unwrap().header.conn_id.wrapping_sub(1);
    for seq in 0..=u16::MAX {
        endpoint.handle(now, from, &packet(Type::Data, id, seq, 7));
    }
    assert!(endpoint.is_empty());
}

#[test]
fn incoming_connections_beyond_the_rate_have_to_retry() {
    let start = Instant::from_micros(5_000_000);
    // From many networks, and from one.
    for (is_one, expected) in [(false, [10, 15]), (true, [5, 10])] {
        let mut now = start;
        let mut endpoint = Endpoint::new(now, Config { max_incoming_per_s: 10, ..Config::default() }, 1);
        let mut callers = Vec::new();
        for i in 0..15 {
            let from = SocketAddr::from(([192, if is_one { 0 } else { i as u8 }, 2, 1], 6000 + i));
            callers.push((from, answered(&mut endpoint, now, from, i)));
        }
        for expected in expected {
            for (from, first) in &callers {
                endpoint.handle(now, *from, first);
            }
            assert_eq!(endpoint.len(), expected);
            assert!(drain(&mut endpoint, now).iter().all(|bytes| bytes[0] >> 4 == Type::State as u8));
            now += SECOND;
        }
    }
}

#[test]
fn flood_from_one_network_does_not_affect_others() {
    let now = Instant::from_micros(5_000_000);
    let mut endpoint = Endpoint::new(now, Config::default(), 1);
    let key = endpoint.connect(now, SocketAddr::from(([192, 0, 2, 1], 6881))).unwrap();
    let syn = Packet::parse(&drain(&mut endpoint, now)[0]).unwrap().header;
    endpoint.handle(
        now,
        SocketAddr::from(([192, 0, 2, 1], 6881)),
        &packet(Type::State, syn.conn_id, 1, syn.seq_nr.0),
    );
    for i in 0..5000_u16 {
        let from = SocketAddr::from(([10, 1, 1, i as u8], i));
        endpoint.handle(now, from, &packet(Type::Syn, i, 1, 0));
        endpoint.handle(now, from, &packet(Type::Data, i.wrapping_mul(7), 1, 0));
    }
    endpoint.handle(now, SocketAddr::from(([10, 2, 1, 1], 1)), &packet(Type::Syn, 1, 1, 0));
    let answers = drain(&mut endpoint, now).len();
    assert_eq!(answers, 200 + 50 + 1);
    // A flood that fills the queue does not hold back the RESET of our own connection.
    for i in 0..40_000_u32 {
        endpoint.handle(now, SocketAddr::from(((i << 12).to_be_bytes(), 1)), &packet(Type::Syn, 1, 1, 0));
    }
    endpoint.reset(now, key);
    let resets = drain(&mut endpoint, now);
    assert_eq!(resets.iter().filter(|bytes| bytes[0] >> 4 == Type::Reset as u8).count(), 1);
    assert!(resets.len() > 20_000, "{}", resets.len());
}

#[test]
fn forged_resets_with_guessed_numbers_are_ignored() {
    let mut net = Net::pair(1, Link::default());
    let key = net.connect(0, 1);
    net.send(0, key, 10);
    net.run(SECOND);
    let (now, from) = (net.nodes[1].time(net.now), net.nodes[0].addr);
    let (stranger, other) = (SocketAddr::from(([192, 0, 2, 1], 6881)), net.nodes[1].conns[0]);
    let mut hits = 0;
    for id in 0..=u16::MAX {
        for kind in [Type::Reset, Type::Fin, Type::State, Type::Data] {
            net.nodes[1].endpoint.handle(now, stranger, &packet(kind, id, 0, 0));
        }
        // Even from the right address, both numbers would have to be guessed.
        let before = net.nodes[1].endpoint.stats(other);
        net.nodes[1].endpoint.handle(now, from, &packet(Type::Reset, id, 0, 40_000));
        hits += usize::from(before.is_none());
    }
    net.run(SECOND);
    assert_eq!((net.nodes[1].closed(other), hits), (None, 0));
    net.send(0, key, 10);
    net.run(SECOND);
    assert_eq!(net.nodes[1].got_len[&other], 20);
}

/// A forger that knows both addresses and the `conn_id` still has to guess the other two numbers.
#[test]
fn forged_packets_with_distant_numbers_are_ignored() {
    let mut net = Net::pair(1, Link::default());
    let key = net.connect(0, 1);
    net.send(0, key, 1000);
    net.run(SECOND);
    let (now, there) = (net.nodes[0].time(net.now), net.nodes[1].time(net.now));
    let from = net.nodes[0].addr;
    net.nodes[0].endpoint.write(now, key, bytes::Bytes::from_static(b"x"));
    let real = drain(&mut net.nodes[0].endpoint, now).remove(0);
    let Header { conn_id, seq_nr, ack_nr, .. } = Packet::parse(&real).unwrap().header;
    let endpoint = &mut net.nodes[1].endpoint;
    endpoint.handle(there, from, &real);
    drain(endpoint, there);
    let mut taken = |seq: u16, ack: u16| {
        endpoint.handle(there, from, &packet(Type::Data, conn_id, seq, ack));
        !drain(endpoint, there).is_empty()
    };
    // Accepted packets are acknowledged at once. The numbers are old, so nothing changes.
    let acks = (0..=u16::MAX).filter(|ack| taken(seq_nr.0, *ack)).count();
    assert!((1..=65).contains(&acks), "{acks}");
    let seqs = (0..=u16::MAX).filter(|seq| taken(seq_nr.0.wrapping_sub(*seq), ack_nr.0)).count();
    assert!((64..=130).contains(&seqs), "{seqs}");
}

#[test]
fn reset_by_a_peer_that_lost_its_state_closes_the_connection() {
    let mut net = Net::pair(1, Link::default());
    let key = net.connect(0, 1);
    net.send(0, key, 10);
    net.run(SECOND);
    let now = net.nodes[1].time(net.now);
    net.nodes[1].endpoint = Endpoint::new(now, Config::default(), 9);
    net.send(0, key, 10);
    net.run(SECOND);
    assert_eq!(net.nodes[0].closed(key), Some(Closed::Reset));
}

#[test]
fn corrupted_datagrams_leave_no_connection_behind() {
    for seed in 0..30 {
        let mut net = Net::pair(seed, Link { loss: 0.02, latency: 5 * MS, ..Link::default() });
        net.nodes[0].keeps = false;
        net.nodes[1].keeps = false;
        net.meddle = Some(|rng, datagram| {
            if rng.u8(..) < 30 {
                for _ in 0..rng.usize(1..4) {
                    let at = rng.usize(..datagram.len().min(30));
                    datagram[at] = rng.u8(..);
                }
            }
            if rng.u8(..) < 3 {
                datagram.truncate(rng.usize(..datagram.len()));
            }
        });
        for _ in 0..3 {
            let key = net.connect(0, 1);
            net.send(0, key, 200_000);
        }
        net.run(5 * SECOND);
        for node in 0..2 {
            let now = net.nodes[node].time(net.now);
            for key in net.nodes[node].conns.clone() {
                net.nodes[node].endpoint.close(now, key);
            }
            net.turn(node);
        }
        net.run(200 * SECOND);
        assert!(net.nodes[0].endpoint.is_empty() && net.nodes[1].endpoint.is_empty());
        assert_eq!(net.nodes[0].endpoint.poll_timeout(), None);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Bytes(Vec<u8>),
    Packet { kind: u8, id: u16, seq: u16, ack: u16, wnd: u32, sack: Vec<u8>, payload: usize },
    Wait(u32),
    Use(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let packet = (0..5u8, 0..4u16, any::<u16>(), any::<u16>(), any::<u32>(), any::<Vec<u8>>(), 0..2000usize)
        .prop_map(|(kind, id, seq, ack, wnd, sack, payload)| Step::Packet {
            kind,
            id,
            seq,
            ack,
            wnd,
            sack,
            payload,
        });
    prop_oneof![
        1 => any::<Vec<u8>>().prop_map(Step::Bytes),
        8 => packet,
        2 => (0..100_000_000u32).prop_map(Step::Wait),
        2 => any::<u8>().prop_map(Step::Use),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// A peer that roughly knows the numbers of a connection and sends any packets.
    #[test]
    fn handle_of_any_packets_does_not_panic(steps in proptest::collection::vec(step(), 0..200), seed: u64) {
        let mut now = Instant::from_micros(1_000_000);
        let mut endpoint = Endpoint::new(now, Config { max_connections: 10, ..Config::default() }, seed);
        let peer = SocketAddr::from(([192, 0, 2, 1], 6881));
        let mut key = endpoint.connect(now, peer).unwrap();
        // Last header from the endpoint, to stay near its numbers.
        let mut last = Header {
            kind: Type::Syn, conn_id: 0, timestamp_us: 0, delay_us: 0, wnd_bytes: 0, seq_nr: SeqNr(0), ack_nr: SeqNr(0),
        };
        for step in steps {
            match step {
                Step::Bytes(bytes) => _ = endpoint.handle(now, peer, &bytes),
                Step::Packet { kind, id, seq, ack, wnd, mut sack, payload } => {
                    let kind = [Type::Data, Type::Fin, Type::State, Type::Reset, Type::Syn][usize::from(kind)];
                    // Mostly near, so that it is not dropped at once.
                    let near = |n: u16, base: SeqNr| if n < 50_000 { base.plus(n % 8).minus(3) } else { SeqNr(n) };
                    let header = Header {
                        kind,
                        conn_id: last.conn_id.wrapping_add(id).wrapping_sub(1),
                        timestamp_us: wnd,
                        delay_us: wnd.rotate_left(7),
                        wnd_bytes: wnd >> (wnd % 32),
                        seq_nr: near(seq, last.ack_nr),
                        ack_nr: near(ack, last.seq_nr),
                    };
                    sack.truncate(sack.len() / 4 * 4);
                    let mut bytes = Vec::new();
                    header.write(&sack, &mut bytes);
                    bytes.resize(bytes.len() + payload, 1);
                    endpoint.handle(now, peer, &bytes);
                }
                Step::Wait(us) => now += Duration::from_micros(us.into()),
                Step::Use(what) => match what % 6 {
                    0 => endpoint.close(now, key),
                    1 => endpoint.reset(now, key),
                    2 => key = endpoint.connect(now, peer).unwrap_or(key),
                    3 => endpoint.too_big(now, peer, usize::from(what) * 8),
                    4 => _ = endpoint.read(now, key, usize::from(what), &mut bytes::BytesMut::new()),
                    _ => endpoint.write(now, key, bytes::Bytes::from(vec![0; usize::from(what) * 100])),
                },
            }
            endpoint.handle_timeout(now);
            for bytes in drain(&mut endpoint, now) {
                prop_assert!(bytes.len() <= 1472);
                let packet = Packet::parse(&bytes).unwrap();
                if packet.header.kind != Type::Reset {
                    last = packet.header;
                }
            }
            while endpoint.poll_event().is_some() {}
            prop_assert!(endpoint.len() <= 10);
            if let Some(at) = endpoint.poll_timeout() {
                prop_assert!(at > now, "a timer that does not go away");
            }
        }
    }
}
