//! Congestion window: LEDBAT (BEP 29, "congestion control"; RFC 6817) with additions from LEDBAT++
//! (draft-irtf-iccrg-ledbat-plus-plus).
//!
//! LEDBAT alone is unfair. It grows and shrinks by the same rule, so flows that see the same delay keep their shares. A
//! flow that starts while others keep the queue full takes the full queue for an empty one and starves them. LEDBAT++
//! adds two rules. Above the target the window shrinks in proportion to itself and grows by less than that, which
//! equalizes shares. A flow that has not seen a (nearly) empty queue for a while slows down for two round trips to
//! measure it.
//!
//! A flow that slows down alone still sees the queue of the others. Slowdowns therefore start when the clock of either
//! end passes a mark. Connections that share a bottleneck mostly share one end, so they slow down together.

use ztor_base::{Duration, Instant};

use crate::delay::Delays;
use crate::rtt::Rtt;

/// Target queueing delay in microseconds (BEP 29, CCONTROL_TARGET).
pub(crate) const TARGET_US: f64 = 100_000.0;
/// Growth in bytes per round trip while there is no queue (BEP 29, MAX_CWND_INCREASE_PACKETS_PER_RTT).
const MAX_GAIN_BYTES: f64 = 3000.0;
/// Growth at and above the target, in packets per round trip, for a window of one packet. It scales with the square
/// root of the window. A constant would hold the queue of many small windows far above the target, or take minutes to
/// equalize large ones.
const LEAST_GAIN_PACKETS: f64 = 0.1;
/// Fraction of the excess over the target that is removed per round trip. Feedback arrives a round trip late, so
/// removing all of it would oscillate.
const DECREASE: f64 = 0.5;
/// Initial window in bytes: ten packets of the minimum length.
const INITIAL_BYTES: f64 = 5280.0;
const MIN_PACKETS: f64 = 2.0;
/// Fraction of the target below which a queue counts as empty.
const EMPTY: f64 = 0.25;
/// Queueing delay in targets that ends the return from a slowdown.
const MAX_RETURN: f64 = 1.5;
/// Time without an empty queue after which a flow slows down at the next mark.
const SLOWDOWN_AFTER: Duration = Duration::from_secs(5);
/// Distance of the marks on a clock of microseconds, in bits: 2²⁶ µs are 67 seconds and divide 2³².
const MARK_BITS: u32 = 26;
/// Number of samples at the start of a round trip that detect a standing queue (as in HyStart++, RFC 9406). Sending at
/// double speed also builds a queue at the end of each round trip, which drains again.
const ROUND_SAMPLES: u32 = 3;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Mode {
    /// Doubles each round trip, until `ssthresh` or half the target.
    SlowStart,
    Steady,
    /// Sends one packet at a time until `until`, to measure the queue without this flow.
    Slowdown {
        until: Instant,
    },
    /// Doubles each round trip after a slowdown, until `ssthresh` or a queue of [`MAX_RETURN`].
    Return,
}

/// Congestion window of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Ledbat {
    mode: Mode,
    cwnd: f64,
    ssthresh: f64,
    max_cwnd: f64,
    /// Payload of a packet in bytes.
    packet: f64,
    /// Window and threshold before the last loss, in case it was spurious.
    before_loss: Option<(f64, f64)>,
    pub(crate) delays: Delays,
    /// Time at which the queue was last empty.
    empty_at: Instant,
    /// Round trip before the slowdown, and the shortest queue during it, in microseconds.
    full_rtt_us: f64,
    lowest_us: f64,
    /// Last marks that the clocks of both ends passed. `at_mark` is set if the last sample passed one.
    marks: [u32; 2],
    at_mark: bool,
    round: Round,
    /// Observed rate of the path in bytes per microsecond.
    rate: f64,
}

/// Acknowledgement of a packet that was sent once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sample {
    /// Position of the packet in the order of transmissions, and position of the next one.
    pub(crate) order: u64,
    pub(crate) next_order: u64,
    /// Payload in flight when it was sent, in bytes.
    pub(crate) flight_bytes: u32,
    pub(crate) rtt: Duration,
    /// Our clock, and that of the peer.
    pub(crate) clocks_us: [u32; 2],
}

/// A round trip, and the shortest queue that its first packets saw.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// Position of the packet whose acknowledgement ends it.
    ends_at: u64,
    samples: u32,
    queue_us: f64,
}

impl Ledbat {
    pub(crate) fn new(now: Instant, max_cwnd_bytes: usize, packet_bytes: usize) -> Self {
        Self {
            mode: Mode::SlowStart,
            cwnd: INITIAL_BYTES,
            ssthresh: f64::INFINITY,
            max_cwnd: max_cwnd_bytes as f64,
            packet: packet_bytes as f64,
            before_loss: None,
            delays: Delays::new(now),
            empty_at: now,
            full_rtt_us: 0.0,
            lowest_us: 0.0,
            marks: [0; 2],
            at_mark: false,
            round: Round::default(),
            rate: 0.0,
        }
    }

    /// Returns the payload that may be in flight, in bytes.
    pub(crate) fn cwnd_bytes(&self) -> usize {
        self.cwnd as usize
    }

    /// Sets the payload of a packet.
    pub(crate) fn set_packet_bytes(&mut self, packet_bytes: usize) {
        self.packet = packet_bytes as f64;
        self.cwnd = self.cwnd.max(self.packet);
    }

    /// Updates the rate, the marks and the round. The sample must be in `delays` before.
    pub(crate) fn on_sample(&mut self, sample: Sample) {
        // The payload in flight at its transmission arrived within its round trip.
        self.rate = f64::from(sample.flight_bytes) / (sample.rtt.as_micros() as f64).max(1.0);
        let marks = sample.clocks_us.map(|clock_us| clock_us >> MARK_BITS);
        self.at_mark = marks != self.marks;
        self.marks = marks;
        if sample.order >= self.round.ends_at {
            self.round = Round { ends_at: sample.next_order, samples: 0, queue_us: f64::INFINITY };
        }
        if self.round.samples < ROUND_SAMPLES {
            self.round.samples += 1;
            self.round.queue_us = self.round.queue_us.min(self.delays.queue_us());
        }
    }

    /// Adapts the window after `bytes` were acknowledged. `was_limited` is true if the window kept the sender from
    /// sending more.
    pub(crate) fn on_ack(&mut self, now: Instant, bytes: usize, was_limited: bool, rtt: &Rtt) {
        let bytes = bytes as f64;
        let queue_us = self.delays.queue_us();
        if queue_us < EMPTY * TARGET_US {
            self.empty_at = now;
        }
        if self.at_mark && now.since(self.empty_at) > SLOWDOWN_AFTER && self.mode != Mode::SlowStart {
            self.slow_down(now, rtt);
        }
        match self.mode {
            Mode::Slowdown { until } => {
                self.lowest_us = self.lowest_us.min(queue_us);
                if now >= until {
                    self.begin_return(rtt);
                }
                return;
            }
            Mode::Return if queue_us > MAX_RETURN * TARGET_US => self.leave_slow_start(rtt),
            Mode::Return => {
                self.cwnd += bytes;
                if self.cwnd >= self.ssthresh {
                    self.cwnd = self.ssthresh;
                    self.mode = Mode::Steady;
                }
            }
            Mode::SlowStart if queue_us > TARGET_US || self.round.stands() => self.leave_slow_start(rtt),
            Mode::SlowStart if was_limited => {
                // Slows down as the queue fills, since the bytes in flight will fill it further.
                self.cwnd += bytes * (1.0 - queue_us / TARGET_US);
                if self.cwnd >= self.ssthresh {
                    self.cwnd = self.ssthresh;
                    self.mode = Mode::Steady;
                }
            }
            Mode::SlowStart => {}
            Mode::Steady => self.steer(bytes, queue_us, was_limited, rtt),
        }
        self.bound();
    }

    /// Halves the window, or the threshold of a slowdown, after the first loss in a round trip (BEP 29, "packet loss").
    pub(crate) fn on_loss(&mut self) {
        self.before_loss = Some((self.cwnd, self.ssthresh));
        if let Mode::Slowdown { .. } | Mode::Return = self.mode {
            self.ssthresh /= 2.0;
            return;
        }
        self.cwnd /= 2.0;
        self.bound();
        self.ssthresh = self.cwnd;
        self.mode = Mode::Steady;
    }

    /// Restores the window after a spurious loss.
    pub(crate) fn undo_loss(&mut self) {
        if let Some((cwnd, ssthresh)) = self.before_loss.take() {
            self.cwnd = self.cwnd.max(cwnd);
            self.ssthresh = self.ssthresh.max(ssthresh);
        }
    }

    /// Shrinks the window to one packet after a timeout; slow start leads back to half of the former window. A further
    /// consecutive timeout keeps that threshold (RFC 5681 §3.1).
    pub(crate) fn on_timeout(&mut self, is_first: bool) {
        self.before_loss = None;
        if is_first {
            let cwnd = match self.mode {
                Mode::Slowdown { .. } | Mode::Return => self.ssthresh,
                Mode::SlowStart | Mode::Steady => self.cwnd,
            };
            self.ssthresh = (cwnd / 2.0).max(MIN_PACKETS * self.packet);
        }
        self.cwnd = self.packet;
        self.mode = Mode::SlowStart;
    }

    /// Restarts slow start after an idle time longer than a timeout, since the window is outdated (RFC 5681 §4.1).
    pub(crate) fn on_idle(&mut self, now: Instant) {
        self.empty_at = now;
        let first = INITIAL_BYTES.max(MIN_PACKETS * self.packet);
        if self.cwnd > first {
            self.ssthresh = if self.mode == Mode::SlowStart { self.ssthresh } else { self.cwnd };
            self.cwnd = first;
            self.mode = Mode::SlowStart;
        }
    }

    fn steer(&mut self, bytes: f64, queue_us: f64, was_limited: bool, rtt: &Rtt) {
        // All changes are per round trip, in which a window of bytes is acknowledged.
        let part = bytes / self.cwnd;
        let least_gain = LEAST_GAIN_PACKETS * (self.cwnd * self.packet).sqrt();
        let off = (TARGET_US - queue_us) / TARGET_US;
        if off > 0.0 {
            if was_limited {
                self.cwnd += part * (MAX_GAIN_BYTES * off + least_gain);
            }
        } else {
            let rtt_us = (rtt.smoothed().as_micros() as f64).max(queue_us);
            let excess = (queue_us - TARGET_US) / rtt_us * self.cwnd;
            let gain = if was_limited { least_gain } else { 0.0 };
            self.cwnd += part * (gain - DECREASE * excess);
        }
    }

    /// Ends slow start when the queue begins to fill. Twice as much is in flight by then, so the window is cut to what
    /// fills the path and half the target.
    fn leave_slow_start(&mut self, rtt: &Rtt) {
        let path = self.rate * (rtt.min().as_micros() as f64 + TARGET_US / 2.0);
        self.cwnd = self.cwnd.min(path);
        self.bound();
        self.ssthresh = self.cwnd;
        self.mode = Mode::Steady;
    }

    /// Starts the return to the former share of the path, scaled to the shortest queue that the slowdown saw. That
    /// queue belongs to the others if they did not slow down, and is nearly empty if they did. All flows on the path do
    /// the same, so shares stay.
    fn begin_return(&mut self, rtt: &Rtt) {
        let rtt_us = rtt.min().as_micros() as f64 + self.lowest_us + EMPTY * TARGET_US;
        self.ssthresh *= (rtt_us / self.full_rtt_us.max(1.0)).min(1.0);
        self.mode = Mode::Return;
    }

    /// Sends one packet at a time for two round trips: the first drains the queue, the second measures it.
    fn slow_down(&mut self, now: Instant, rtt: &Rtt) {
        if self.mode == Mode::Steady {
            self.ssthresh = self.cwnd;
        }
        self.cwnd = self.packet;
        self.full_rtt_us = rtt.smoothed().as_micros() as f64;
        self.lowest_us = f64::INFINITY;
        self.mode = Mode::Slowdown { until: now + 2 * rtt.smoothed() };
    }

    fn bound(&mut self) {
        let least = MIN_PACKETS * self.packet;
        self.cwnd = self.cwnd.clamp(least, self.max_cwnd.max(least));
    }
}

impl Round {
    /// Returns true if the standing queue exceeds half the target.
    fn stands(self) -> bool {
        self.samples >= ROUND_SAMPLES && self.queue_us > TARGET_US / 2.0
    }
}
