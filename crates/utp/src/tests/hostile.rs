//! What strangers and broken peers can do.

use std::net::SocketAddr;

use proptest::prelude::*;
use ztor_time::{Duration, Instant};

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
fn a_flood_of_syns_leaves_nothing() {
    let now = Instant::from_micros(5_000_000);
    let mut endpoint = Endpoint::new(now, Config::default(), 1);
    for i in 0..20_000_u32 {
        let from = SocketAddr::from((i.to_be_bytes(), 6881));
        assert!(endpoint.handle(now, from, &packet(Type::Syn, i as u16, 1, 0)));
    }
    assert!(endpoint.is_empty() && endpoint.poll_event().is_none() && endpoint.poll_timeout().is_none());
    assert_eq!(drain(&mut endpoint, now).len(), 1000);
    // Data with a number out of the air makes connections no more than one time in some thousands.
    for i in 0..5000_u32 {
        let from = SocketAddr::from((i.to_be_bytes(), 6881));
        endpoint.handle(now, from, &packet(Type::Data, i as u16, 2, i as u16));
    }
    assert!(endpoint.len() <= 5, "{}", endpoint.len());
    let resets = drain(&mut endpoint, now);
    assert!(resets.len() <= 205);
    assert!(
        resets.iter().filter(|bytes| Packet::parse(bytes).unwrap().header.kind == Type::Reset).count() >= 195
    );
}

#[test]
fn the_answer_to_a_syn_is_as_others_expect_it() {
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
    // The second packet comes first.
    endpoint.handle(now, from, &packet(Type::Data, 0, 3, header.seq_nr.minus(1).0));
    assert_eq!(endpoint.len(), 1);
    endpoint.handle(now, from, &packet(Type::Data, 0, 2, header.seq_nr.minus(1).0));
    let answer = drain(&mut endpoint, now);
    let header = Packet::parse(&answer[0]).unwrap().header;
    assert_eq!((header.kind, header.conn_id, header.ack_nr), (Type::State, 0xffff, SeqNr(3)));
}

#[test]
fn made_up_resets_are_ignored() {
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
        // Even with the right address a blind guess of both numbers would be needed.
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

#[test]
fn a_peer_that_forgot_us_is_believed() {
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
fn mutilated_datagrams_do_no_harm() {
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
    /// A peer that knows the numbers of a connection, roughly, and sends what it likes.
    #[test]
    fn no_packet_makes_it_panic(steps in proptest::collection::vec(step(), 0..200), seed: u64) {
        let mut now = Instant::from_micros(1_000_000);
        let mut endpoint = Endpoint::new(now, Config { max_connections: 10, ..Config::default() }, seed);
        let peer = SocketAddr::from(([192, 0, 2, 1], 6881));
        let mut key = endpoint.connect(now, peer).unwrap();
        // What we last saw of it, to be near.
        let mut last = Header {
            kind: Type::Syn, conn_id: 0, timestamp_us: 0, delay_us: 0, wnd_bytes: 0, seq_nr: SeqNr(0), ack_nr: SeqNr(0),
        };
        for step in steps {
            match step {
                Step::Bytes(bytes) => _ = endpoint.handle(now, peer, &bytes),
                Step::Packet { kind, id, seq, ack, wnd, mut sack, payload } => {
                    let kind = [Type::Data, Type::Fin, Type::State, Type::Reset, Type::Syn][usize::from(kind)];
                    // Mostly near, so that it is not thrown away at once.
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
            endpoint.tick(now);
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
