use proptest::prelude::*;

use super::*;

fn take(receiver: &mut Receiver, seq: u16, payload: &[u8]) -> Arrival {
    receiver.take(SeqNr(seq), payload, payload.is_empty(), &Config::default(), Totals::default())
}

fn sack(receiver: &Receiver) -> Vec<u8> {
    receiver.sack(&mut [0; MAX_SACK_BYTES]).to_vec()
}

#[test]
fn sack_after_a_gap_marks_later_packets_until_it_is_filled() {
    let mut receiver = Receiver::new(SeqNr(0xfffe));
    assert_eq!(take(&mut receiver, 0xffff, b"a"), Arrival::Next { filled: false });
    assert_eq!(sack(&receiver), b"");
    assert_eq!(take(&mut receiver, 1, b"c"), Arrival::Ahead);
    assert_eq!(take(&mut receiver, 9, b"k"), Arrival::Ahead);
    assert_eq!(take(&mut receiver, 9, b"k"), Arrival::Duplicate);
    assert_eq!(take(&mut receiver, 0xffff, b"a"), Arrival::Duplicate);
    assert_eq!(sack(&receiver), [1, 1, 0, 0]);
    assert_eq!(take(&mut receiver, 0, b"b"), Arrival::Next { filled: true });
    assert_eq!((receiver.ack_nr, receiver.readable(), receiver.ahead_payload_bytes), (SeqNr(1), 3, 1));
    assert_eq!(sack(&receiver), [0x40, 0, 0, 0]);
}

#[test]
fn take_of_a_packet_after_the_fin_drops_it() {
    let mut receiver = Receiver::new(SeqNr(0));
    assert_eq!(take(&mut receiver, 5, b"late"), Arrival::Ahead);
    assert_eq!(take(&mut receiver, 3, b""), Arrival::Ahead);
    assert_eq!((receiver.ahead_payload_bytes, receiver.ahead_packets), (0, 1));
    assert_eq!(take(&mut receiver, 4, b"late"), Arrival::Dropped);
    assert_eq!(take(&mut receiver, 1, b"a"), Arrival::Next { filled: true });
    assert!(!receiver.is_ended);
    assert_eq!(take(&mut receiver, 2, b"b"), Arrival::Next { filled: true });
    assert!(receiver.is_ended && !receiver.has_gap());
}

#[test]
fn take_beyond_the_bounds_drops_the_packet() {
    let config = Config { max_receive_bytes: 10, max_total_receive_bytes: 100_000, ..Config::default() };
    let mut receiver = Receiver::new(SeqNr(0));
    assert_eq!(receiver.take(SeqNr(2), &[0; 6], false, &config, Totals::default()), Arrival::Ahead);
    assert_eq!(receiver.take(SeqNr(3), &[0; 6], false, &config, Totals::default()), Arrival::Dropped);
    assert_eq!(
        receiver.take(SeqNr(1), &[0; 6], false, &config, Totals::default()),
        Arrival::Next { filled: true }
    );
    assert_eq!((receiver.readable(), receiver.window_bytes(&config, 0)), (12, 0));
    assert_eq!(receiver.take(SeqNr(3), b"x", false, &config, Totals::default()), Arrival::Dropped);
    let config = Config { max_total_receive_bytes: 100_000, ..Config::default() };
    let mut receiver = Receiver::new(SeqNr(0));
    assert_eq!(receiver.window_bytes(&config, 0), 32 << 10);
    let full = Totals { held: 100_000, ..Totals::default() };
    assert_eq!(receiver.take(SeqNr(1), &[0; 30_000], false, &config, full), Arrival::Next { filled: false });
    assert_eq!(receiver.take(SeqNr(2), &[0; 30_000], false, &config, full), Arrival::Dropped);
    assert_eq!(receiver.window_bytes(&config, 200_000), (32 << 10) - 30_000);
}

#[test]
fn take_out_of_order_beyond_the_share_drops_the_packet() {
    let config = Config { max_total_receive_bytes: 40_000, ..Config::default() };
    let mut receiver = Receiver::new(SeqNr(0));
    let totals = Totals { ahead: 9000, held: 9000, queued: 0 };
    let most = 1000 - PACKET_OVERHEAD_BYTES - LEAST_SLOTS * size_of::<Slot>();
    assert_eq!(receiver.take(SeqNr(2), &vec![0; most + 1], false, &config, totals), Arrival::Dropped);
    assert_eq!(receiver.take(SeqNr(2), &vec![0; most], false, &config, totals), Arrival::Ahead);
    assert_eq!(receiver.ahead_bytes(), 1000);
    assert_eq!(receiver.take(SeqNr(1), &[0; 1001], false, &config, totals), Arrival::Next { filled: true });
    assert_eq!((receiver.ahead_bytes(), receiver.ahead.capacity()), (0, 0));
}

/// Many connections receive packets of one byte, all out of order.
#[test]
fn ahead_bytes_of_tiny_packets_is_their_real_memory() {
    let config = Config::default();
    let mut totals = Totals::default();
    let mut receivers: Vec<_> = (0..1000).map(|_| Receiver::new(SeqNr(0))).collect();
    let (mut slots, mut packets) = (0, 0);
    for (i, receiver) in receivers.iter_mut().enumerate() {
        // Every other receiver takes many slots for few packets.
        let step = 1 + 40 * (i % 2) as u16;
        for seq in (2..=MAX_AHEAD).step_by(step.into()) {
            let before = receiver.ahead_bytes();
            let arrival = receiver.take(SeqNr(seq), b"x", false, &config, totals);
            totals.ahead += receiver.ahead_bytes() - before;
            totals.held = totals.ahead;
            packets += usize::from(arrival == Arrival::Ahead);
        }
        slots += receiver.ahead.capacity();
    }
    assert!(packets > 100_000, "{packets}");
    let real = packets * 33 + slots * size_of::<Slot>();
    let bound = config.max_total_receive_bytes / AHEAD_SHARE;
    assert!(real == totals.ahead && real <= bound, "{real} of {bound}");
}

#[test]
fn take_that_fills_a_gap_frees_the_slots() {
    let mut receiver = Receiver::new(SeqNr(0));
    let mut take = |seq| receiver.take(SeqNr(seq), b"x", false, &Config::default(), Totals::default());
    assert_eq!(take(4000), Arrival::Ahead);
    assert!((1..3990).all(|seq| take(seq) == Arrival::Next { filled: true }));
    assert!(receiver.ahead_bytes() < 2000, "{}", receiver.ahead_bytes());
    receiver.discard();
    let full = Totals { ahead: 16 << 20, held: 16 << 20, queued: 0 };
    let arrival = receiver.take(SeqNr(3995), b"x", false, &Config::default(), full);
    assert_eq!(arrival, Arrival::Dropped);
}

#[test]
fn is_plausible_after_many_arrivals_accepts_more_numbers() {
    let mut receiver = Receiver::new(SeqNr(0xffff));
    let near = |receiver: &Receiver| {
        let is_near = |seq: &u16| receiver.is_plausible(SeqNr(*seq));
        ((0..30_000).filter(is_near).count(), (30_000..=u16::MAX).filter(is_near).count())
    };
    assert_eq!(near(&receiver), (64, 65));
    let mut now = Instant::from_micros(1);
    let mut come = |receiver: &mut Receiver, wait: Duration| {
        now += wait;
        let before = receiver.ack_nr;
        receiver.ack_nr = before.plus(1);
        receiver.note_progress(now, before);
    };
    (0..500).for_each(|_| come(&mut receiver, Duration::from_millis(10)));
    receiver.ack_nr = SeqNr(0xffff);
    assert_eq!(near(&receiver), (1000, 1001));
    // An idle time does not lower the peak, and a busy one does not let everything through.
    come(&mut receiver, Duration::from_secs(100));
    receiver.ack_nr = SeqNr(0xffff);
    assert_eq!(near(&receiver), (1000, 1001));
    (0..100_000).for_each(|_| come(&mut receiver, Duration::ZERO));
    receiver.ack_nr = SeqNr(0xffff);
    assert_eq!(near(&receiver), (8192, 8193));
}

/// A small window cannot grow by two packets, so half of its maximum suffices.
#[test]
fn wants_window_update_after_a_small_window_opens_returns_true() {
    for max_receive_bytes in [10, 150, 2048, 4096, 1 << 20] {
        let config = Config { max_receive_bytes, ..Config::default() };
        for left in [0, 1, max_receive_bytes / 20] {
            let mut receiver = Receiver::new(SeqNr(0));
            let payload = vec![0; max_receive_bytes - left];
            let arrival = receiver.take(SeqNr(1), &payload, false, &config, Totals::default());
            assert_eq!(arrival, Arrival::Next { filled: false });
            assert_eq!(receiver.advertise(&config, 0) as usize, left);
            assert!(!receiver.wants_window_update(&config, 0));
            receiver.read(usize::MAX, &mut BytesMut::new());
            assert!(receiver.wants_window_update(&config, 0), "{left} of {max_receive_bytes}");
        }
    }
}

proptest! {
    #[test]
    fn take_in_any_order_gives_the_same_stream(
        start: u16,
        order in Just((0..50u16).collect::<Vec<_>>()).prop_shuffle(),
        repeats in proptest::collection::vec(0..50u16, 0..50),
    ) {
        let mut receiver = Receiver::new(SeqNr(start));
        for i in repeats.iter().take(25).chain(&order).chain(&repeats) {
            take(&mut receiver, start.wrapping_add(1 + i), &[*i as u8]);
            let gap = receiver.has_gap();
            prop_assert_eq!(gap, !sack(&receiver).is_empty());
        }
        let mut all = BytesMut::new();
        receiver.read(usize::MAX, &mut all);
        prop_assert_eq!(&all[..], &(0..50).collect::<Vec<u8>>()[..]);
        prop_assert_eq!(receiver.held_bytes(), 0);
    }
}
