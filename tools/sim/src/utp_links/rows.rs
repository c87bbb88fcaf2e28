//! What the table is about.

use super::way::Line;
use ztor_base::Duration;

/// Ethernet's, for UDP over IPv4.
const MTU_BYTES: usize = 1472;
/// LEDBAT aims at 100 ms.
const MOST_WAIT_MS: u32 = 120;
/// At 100 kbit/s a packet takes 120 ms, and two are always under way: that is two more than there ought to be.
const MOST_WAIT_SLOW_MS: u32 = 600;
/// The window of a receiver, which is what limits long and fast lines.
const WINDOW_BYTES: u64 = 4 << 20;
/// Slow start, the search for the longest datagram and the first look at the empty path are over by then.
const START: Duration = Duration::from_secs(10);
const KBIT: u64 = 1000;
const MBIT: u64 = 1000 * KBIT;

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) line: Line,
    /// By how much the receiver's clock runs fast.
    pub(super) ppm: i64,
    pub(super) flows: usize,
    pub(super) senders: Senders,
    /// Not measured.
    pub(super) starts_up: Duration,
    pub(super) measured: Duration,
    /// A TCP flow begins when measuring does.
    pub(super) has_rival: bool,
    pub(super) laws: Laws,
}

/// Who is at the ends of many flows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Senders {
    /// One node to one other.
    One,
    /// Many, to one node.
    Many,
    /// Each to a receiver of its own, so that no two share a clock.
    Pairs,
}

/// What has to hold, besides that everything arrives.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Laws {
    /// Payload that arrives.
    pub(super) least_kbit_per_s: u64,
    /// Of ninety-nine datagrams in a hundred.
    ///
    /// The start is left out: slow start finds out where the queue begins by filling it, within a few round trips,
    /// and a queue that someone else has filled is seen only at the first slowdown.
    pub(super) most_wait_ms: Option<u32>,
    /// One in five round trips is lost where both ways lose a tenth. So it comes to pass that five timeouts in a row
    /// bring nothing, and the connection counts as dead; about once in a hundred runs of the slowest rows.
    pub(super) may_break: bool,
    /// Each flow gets what the mean gets, but for 20 %.
    pub(super) is_fair: bool,
    /// TCP keeps four fifths of what it has alone.
    pub(super) spares_rival: bool,
}

/// The ones that the tests run.
pub(super) fn table() -> Vec<Row> {
    let mut rows = Vec::new();
    for (rate, seconds) in [(100 * KBIT, 120), (10 * MBIT, 20), (1000 * MBIT, 1)] {
        for rtt_ms in [5, 50, 200, 500] {
            for lost_percent in [0, 1, 10] {
                // Losses make fast lines slow, and need time to be as many as they are on average.
                let seconds = if lost_percent > 0 { seconds.max(20) } else { seconds };
                rows.push(plain(rate, rtt_ms, lost_percent, seconds));
            }
        }
    }
    rows.extend(odd());
    rows.extend(shared(120));
    rows
}

/// The same for longer, and more of them.
pub(super) fn grid() -> Vec<Row> {
    let mut rows = Vec::new();
    for rate in [100 * KBIT, MBIT, 10 * MBIT, 100 * MBIT, 1000 * MBIT] {
        for rtt_ms in [5, 20, 50, 100, 200, 500] {
            for lost_percent in [0, 1, 2, 5, 10] {
                let seconds = if rate > 10 * MBIT && lost_percent == 0 { 10 } else { 60 };
                rows.push(plain(rate, rtt_ms, lost_percent, seconds));
            }
        }
    }
    rows.extend(odd());
    rows.extend(shared(200));
    rows
}

/// One flow, on a line that is not too narrow for the queue to be what LEDBAT wants it to be.
fn row(name: &str, rate: u64, rtt_ms: u64, queue_ms: u64) -> Row {
    let line = Line {
        bits_per_s: rate,
        latency: Duration::from_micros(rtt_ms * 500),
        queue_bytes: rate * queue_ms / 8000,
        lost_per_mille: 0,
        late_per_mille: 0,
        doubled_per_mille: 0,
        mtu_bytes: MTU_BYTES,
    };
    Row {
        name: name.to_owned(),
        line,
        ppm: 0,
        flows: 1,
        senders: Senders::One,
        starts_up: START,
        measured: Duration::from_secs(60),
        has_rival: false,
        laws: Laws {
            least_kbit_per_s: rate / KBIT * 9 / 10,
            most_wait_ms: Some(MOST_WAIT_MS),
            ..Laws::default()
        },
    }
}

fn plain(rate: u64, rtt_ms: u64, lost_percent: u32, seconds: u64) -> Row {
    let unit =
        if rate < MBIT { format!("{} kbit/s", rate / KBIT) } else { format!("{} Mbit/s", rate / MBIT) };
    let name = format!("{unit}, {rtt_ms} ms, {lost_percent} % lost");
    // Home lines have deep queues, fast ones do not.
    let queue_ms = if rate < MBIT { 2000 } else { 250 };
    let mut row = row(&name, rate, rtt_ms, queue_ms);
    row.line.lost_per_mille = lost_percent * 10;
    row.measured = Duration::from_secs(seconds);
    // A slowdown, and the growth after it, take their part of these short times, on long ways the most.
    let carried = rate / KBIT / 2;
    let packet_ms = 12 * MBIT / rate;
    let windowed = WINDOW_BYTES * 8 / rtt_ms * 8 / 10;
    let mut least = carried.min(windowed);
    if lost_percent > 0 {
        least = least.min(mathis_kbit_per_s(rtt_ms + packet_ms, lost_percent.into()) / 3);
    }
    row.laws.may_break = lost_percent >= 10;
    row.laws.least_kbit_per_s = least;
    // What is too much is seen a round trip later.
    let most_wait_ms = if rate < MBIT { MOST_WAIT_SLOW_MS } else { MOST_WAIT_MS };
    row.laws.most_wait_ms = Some(most_wait_ms + rtt_ms as u32 / 10);
    row
}

/// What TCP gets in theory where packets are lost at random: 1.22 / √loss packets per round trip (Mathis et al.,
/// 1997).
fn mathis_kbit_per_s(rtt_ms: u64, lost_percent: u64) -> u64 {
    let tenths_of_packets = (14_884 / lost_percent).isqrt();
    tenths_of_packets * 1452 * 8 / rtt_ms / 10
}

/// One flow on lines with something odd about them.
fn odd() -> Vec<Row> {
    let mut rows = Vec::new();
    for rate in [10 * MBIT, 100 * MBIT] {
        let name = |what: &str| format!("{} Mbit/s, 50 ms, {what}", rate / MBIT);
        let mut late = row(&name("5 % reordered"), rate, 50, 250);
        late.line.late_per_mille = 50;
        let mut doubled = row(&name("2 % doubled"), rate, 50, 250);
        doubled.line.doubled_per_mille = 20;
        let mut all = row(&name("both and 1 % lost"), rate, 50, 250);
        all.line = Line { late_per_mille: 50, doubled_per_mille: 20, lost_per_mille: 10, ..all.line };
        for mut row in [late, doubled, all] {
            row.measured = Duration::from_secs(if rate > 10 * MBIT { 5 } else { 20 });
            row.laws.least_kbit_per_s = mathis_kbit_per_s(50, 1) / 2;
            rows.push(row);
        }
    }
    let mut narrow = row("10 Mbit/s, 50 ms, MTU 1200", 10 * MBIT, 50, 250);
    narrow.line.mtu_bytes = 1172;
    rows.push(narrow);
    for rtt_ms in [50, 200] {
        let mut shallow = row(&format!("10 Mbit/s, {rtt_ms} ms, queue of 20 ms"), 10 * MBIT, rtt_ms, 20);
        // The window is halved each time the queue is full.
        shallow.laws.least_kbit_per_s = 7000;
        rows.push(shallow);
    }
    rows.push(row("1 Mbit/s, 50 ms, queue of 2 s", MBIT, 50, 2000));
    for ppm in [100, -100] {
        let mut drifting = row(&format!("the same, clocks drift {ppm:+} ppm"), MBIT, 50, 2000);
        drifting.ppm = ppm;
        drifting.measured = Duration::from_secs(400);
        rows.push(drifting);
    }
    rows
}

/// Lines that are shared.
fn shared(seconds: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    let wide = |name: &str, rate, rtt_ms, queue_ms| Row {
        has_rival: true,
        starts_up: Duration::from_secs(30),
        measured: Duration::from_secs(seconds),
        laws: Laws { spares_rival: true, ..Laws::default() },
        ..row(name, rate, rtt_ms, queue_ms)
    };
    rows.push(wide("with TCP: 1 Mbit/s, 50 ms, queue of 2 s", MBIT, 50, 2000));
    rows.push(wide("with TCP: 10 Mbit/s, 20 ms, 500 ms", 10 * MBIT, 20, 500));
    rows.push(wide("with TCP: 10 Mbit/s, 50 ms, 250 ms", 10 * MBIT, 50, 250));
    // A queue that is shorter than LEDBAT's target is full before it says anything, so that there is nothing to yield
    // to but loss, as TCP does.
    let mut shallow = wide("with TCP: 10 Mbit/s, 50 ms, 50 ms", 10 * MBIT, 50, 50);
    shallow.laws.spares_rival = false;
    rows.push(shallow);
    for (what, senders) in [
        ("20 flows of one sender", Senders::One),
        ("20 flows of 20 senders to one", Senders::Many),
        ("20 flows of 20 pairs", Senders::Pairs),
    ] {
        let mut crowd = row(&format!("{what}, 20 Mbit/s, 40 ms"), 20 * MBIT, 40, 1000);
        crowd.flows = 20;
        crowd.senders = senders;
        crowd.starts_up = Duration::from_secs(120);
        crowd.measured = Duration::from_secs(2 * seconds);
        crowd.laws.is_fair = true;
        if let Senders::Pairs = senders {
            // They do not slow down together, so that who comes later never sees the line empty. Kept to be looked
            // at, not as something promised.
            crowd.laws = Laws::default();
        }
        rows.push(crowd);
    }
    rows
}
