//! Rows of the table: links, flows and requirements.

use super::way::Line;
use ztor_base::Duration;

/// Largest UDP payload over Ethernet and IPv4.
const MTU_BYTES: usize = 1472;
/// Maximum queue delay; LEDBAT's target is 100 ms.
const MOST_WAIT_MS: u32 = 120;
/// Maximum queue delay at 100 kbit/s, where a packet takes 120 ms and two of them are always in flight.
const MOST_WAIT_SLOW_MS: u32 = 600;
/// Window of a receiver, which limits long and fast lines.
const WINDOW_BYTES: u64 = 4 << 20;
/// Time for slow start, the search for the MTU and the first measurement of the empty path.
const START: Duration = Duration::from_secs(10);
const KBIT: u64 = 1000;
const MBIT: u64 = 1000 * KBIT;

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) line: Line,
    /// Rate error of the receiver's clock in millionths; positive if it runs fast.
    pub(super) ppm: i64,
    pub(super) flows: usize,
    pub(super) senders: Senders,
    /// Time before the measurement.
    pub(super) starts_up: Duration,
    /// Time of the measurement.
    pub(super) measured: Duration,
    /// True if a TCP flow starts with the measurement.
    pub(super) has_rival: bool,
    pub(super) laws: Laws,
}

/// Nodes at the ends of many flows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Senders {
    /// One sender and one receiver.
    One,
    /// Many senders and one receiver.
    Many,
    /// Many senders, each with its own receiver, so that no two share a clock.
    Pairs,
}

/// Requirements of a row, in addition to the arrival of all bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Laws {
    /// Minimum rate of received payload.
    pub(super) least_kbit_per_s: u64,
    /// Maximum queue delay of 99 % of the datagrams; `None` is unlimited.
    ///
    /// The start does not count: slow start fills the queue within a few round trips, and a queue filled by another
    /// flow shows only at the first slowdown.
    pub(super) most_wait_ms: Option<u32>,
    /// True if connections may time out.
    ///
    /// With 10 % loss both ways, one in five round trips fails. Five timeouts in a row then close the connection in
    /// about one of a hundred runs of the slowest rows.
    pub(super) may_break: bool,
    /// True if each flow must get within 20 % of the mean.
    pub(super) is_fair: bool,
    /// True if TCP must keep four fifths of its rate without competition.
    pub(super) spares_rival: bool,
}

/// Returns the rows of the snapshot test.
pub(super) fn table() -> Vec<Row> {
    let mut rows = Vec::new();
    for (rate, seconds) in [(100 * KBIT, 120), (10 * MBIT, 20), (1000 * MBIT, 1)] {
        for rtt_ms in [5, 50, 200, 500] {
            for lost_percent in [0, 1, 10] {
                // Loss makes fast lines slow, and needs time to reach its average.
                let seconds = if lost_percent > 0 { seconds.max(20) } else { seconds };
                rows.push(plain(rate, rtt_ms, lost_percent, seconds));
            }
        }
    }
    rows.extend(odd());
    rows.extend(shared(120));
    rows
}

/// Returns the rows of the long run: more combinations, each measured for longer.
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

/// Returns a row with one flow, on a line that is fast enough for LEDBAT's target delay.
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
    // Slow home lines have deep queues, fast lines do not.
    let queue_ms = if rate < MBIT { 2000 } else { 250 };
    let mut row = row(&name, rate, rtt_ms, queue_ms);
    row.line.lost_per_mille = lost_percent * 10;
    row.measured = Duration::from_secs(seconds);
    // A slowdown, and the growth after it, take a large part of these short times, most of all with long round trips.
    let carried = rate / KBIT / 2;
    let packet_ms = 12 * MBIT / rate;
    let windowed = WINDOW_BYTES * 8 / rtt_ms * 8 / 10;
    let mut least = carried.min(windowed);
    if lost_percent > 0 {
        least = least.min(mathis_kbit_per_s(rtt_ms + packet_ms, lost_percent.into()) / 3);
    }
    row.laws.may_break = lost_percent >= 10;
    row.laws.least_kbit_per_s = least;
    // The sender detects excess delay one round trip later.
    let most_wait_ms = if rate < MBIT { MOST_WAIT_SLOW_MS } else { MOST_WAIT_MS };
    row.laws.most_wait_ms = Some(most_wait_ms + rtt_ms as u32 / 10);
    row
}

/// Returns the theoretical rate of TCP with random loss: 1.22 / √loss packets per round trip (Mathis et al., 1997).
fn mathis_kbit_per_s(rtt_ms: u64, lost_percent: u64) -> u64 {
    let tenths_of_packets = (14_884 / lost_percent).isqrt();
    tenths_of_packets * 1452 * 8 / rtt_ms / 10
}

/// Returns rows of one flow on unusual lines.
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
        // Each time the queue is full, the window is halved.
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

/// Returns rows of several flows on one line.
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
    // A queue shorter than LEDBAT's target is full before its delay shows, so µTP yields only to loss, as TCP does.
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
            // They do not slow down together, so a later flow never sees the line empty. The row is only for
            // information.
            crowd.laws = Laws::default();
        }
        rows.push(crowd);
    }
    rows
}
