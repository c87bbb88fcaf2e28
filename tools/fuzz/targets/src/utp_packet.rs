use std::net::SocketAddr;

use ztor_base::{Duration, Instant};
use ztor_utp::{Config, Endpoint};

const HEADER_BYTES: usize = 20;
const STATE: u8 = 2;
const RESET: u8 = 3;
const SYN: u8 = 4;

/// Checks one datagram to an endpoint without connections, and to one that has a connection with the sender.
pub fn utp_packet(data: &[u8]) {
    let now = Instant::from_micros(1_000_000);
    let from = SocketAddr::from(([192, 0, 2, 1], 6881));
    let mut endpoint = Endpoint::new(now, Config::default(), 7);
    let is_utp = data.len() >= HEADER_BYTES && data[0] & 0xf == 1 && data[0] >> 4 <= SYN;
    assert_eq!(endpoint.handle(now, from, data), is_utp);
    let answers = sent(&mut endpoint, now, from);
    if !is_utp {
        assert!(answers.is_empty() && endpoint.is_empty());
        return;
    }
    let is_whole = payload_at(data).is_some();
    match data[0] >> 4 {
        // A SYN is answered, but leaves no state.
        SYN if is_whole => {
            assert!(
                matches!(&answers[..], [answer] if answer[0] >> 4 == STATE && answer[2..4] == data[2..4])
            );
        }
        // Other packets get at most one reset, which their sender can recognise; none if they guess the right number.
        0..=2 if is_whole => {
            assert!(answers.iter().all(|answer| answer[0] >> 4 == RESET) && answers.len() <= 1)
        }
        _ => assert!(answers.is_empty()),
    }
    for answer in answers.iter().filter(|_| data[0] >> 4 != RESET) {
        assert!(endpoint.len() <= 1 && answer.len() == HEADER_BYTES);
        assert_eq!(answer[18..20], data[16..18], "what it is an answer to");
    }
    connected(now, from, data);
}

/// Gives the same bytes to a connection, with its numbers added to those of the packet.
fn connected(now: Instant, from: SocketAddr, data: &[u8]) {
    let mut endpoint = Endpoint::new(now, Config::default(), 9);
    let Ok(key) = endpoint.connect(now, from) else { return };
    let [syn] = &sent(&mut endpoint, now, from)[..] else { panic!("a SYN and nothing else") };
    assert!(syn[0] >> 4 == SYN && payload_at(syn) == Some(HEADER_BYTES));
    let id = u16::from_be_bytes([syn[2], syn[3]]);
    let seq = u16::from_be_bytes([syn[16], syn[17]]);
    let mut answer = [0; HEADER_BYTES];
    answer[0] = STATE << 4 | 1;
    answer[2..4].copy_from_slice(&id.to_be_bytes());
    answer[12..16].copy_from_slice(&[0, 1, 0, 0]);
    answer[18..20].copy_from_slice(&seq.to_be_bytes());
    assert!(endpoint.handle(now, from, &answer));
    endpoint.write(now, key, vec![7; 3000].into());
    sent(&mut endpoint, now, from);
    let mut packet = data.to_vec();
    let mut add = |at: usize, right: u16| {
        let sum = u16::from_be_bytes([packet[at], packet[at + 1]]).wrapping_add(right);
        packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    };
    add(2, id);
    // The other end starts with the number of its answer, which is 0.
    add(16, 0);
    add(18, seq);
    let mut now = now + Duration::from_millis(20);
    for _ in 0..2 {
        assert!(endpoint.handle(now, from, &packet));
        assert!(endpoint.readable(key) <= packet.len());
        for answer in sent(&mut endpoint, now, from) {
            assert!(payload_at(&answer).is_some(), "what it sends can be read");
        }
        now += Duration::from_secs(1);
        endpoint.handle_timeout(now);
    }
}

/// Returns all datagrams that the endpoint wants to send.
fn sent(endpoint: &mut Endpoint, now: Instant, to: SocketAddr) -> Vec<Vec<u8>> {
    let (mut datagrams, mut buf) = (Vec::new(), Vec::new());
    while let Some(transmit) = endpoint.poll_transmit(now, 64, &mut buf) {
        assert_eq!((transmit.to, transmit.len), (to.into(), buf.len()));
        datagrams.extend(buf.chunks(transmit.segment_len).map(<[u8]>::to_vec));
        buf.clear();
        assert!(datagrams.len() < 10_000, "it never ends");
    }
    datagrams
}

/// Returns the start of the payload, after header and extensions (BEP 29); `None` if they do not fit.
fn payload_at(datagram: &[u8]) -> Option<usize> {
    let (mut next, mut at) = (*datagram.get(1)?, HEADER_BYTES);
    while next != 0 {
        let len = usize::from(*datagram.get(at + 1)?);
        next = datagram[at];
        at += 2 + len;
    }
    (at <= datagram.len()).then_some(at)
}
