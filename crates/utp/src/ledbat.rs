//! The congestion window: LEDBAT (BEP 29, "congestion control"; RFC 6817) with what LEDBAT++ adds to it
//! (draft-irtf-iccrg-ledbat-plus-plus).
//!
//! LEDBAT alone is unfair. It grows and shrinks by the same rule, so flows that see the same delay keep whatever
//! shares they have; and one that starts while others keep the queue full takes that for an empty one and pushes
//! them away. Hence, from LEDBAT++: above the target the window shrinks in proportion to itself while it grows by
//! the same amount for everybody, which makes shares equal; and who has not seen the queue (nearly) empty for a
//! while slows down for two round trips to look at it.

use ztor_time::{Duration, Instant};

use crate::delay::Delays;
use crate::rtt::Rtt;

/// The queueing delay aimed at (BEP 29, CCONTROL_TARGET).
pub(crate) const TARGET_US: f64 = 100_000.0;
/// Growth in bytes per round trip while there is no queue (BEP 29, MAX_CWND_INCREASE_PACKETS_PER_RTT).
const MAX_GAIN_BYTES: f64 = 3000.0;
/// Growth at the target and above, in packets per round trip. It is what makes shares equal; the queue stands above
/// the target by twice the ratio of this to the window, in round trips.
const LEAST_GAIN_PACKETS: f64 = 0.25;
/// The part of the bytes above the target that is given up per round trip: an answer comes a round trip late, and
/// giving up all would swing.
const DECREASE: f64 = 0.5;
/// The first window, in bytes: ten packets of the least length.
const INITIAL_BYTES: f64 = 5280.0;
const MIN_PACKETS: f64 = 2.0;
/// A queue below this part of the target counts as empty.
const EMPTY: f64 = 0.25;
/// Who has not seen the queue empty for so long slows down.
const SLOWDOWN_AFTER: Duration = Duration::from_secs(15);
/// Of the time at most one part in so many is spent on slowing down.
const SLOWDOWN_SHARE: u32 = 20;
/// Samples at the beginning of a round trip that tell whether the queue stands (as in HyStart++, RFC 9406): what is
/// sent at double speed makes a queue at the end of each round trip, which goes away again.
const ROUND_SAMPLES: u32 = 3;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Mode {
    /// Doubling each round trip, until `ssthresh` or half the target.
    SlowStart,
    Steady,
    /// At the least window until then, to see the queue without us in it.
    Slowdown {
        until: Instant,
    },
}

/// The window of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Ledbat {
    mode: Mode,
    cwnd: f64,
    ssthresh: f64,
    max_cwnd: f64,
    /// What a packet holds now.
    packet: f64,
    /// The window and threshold before the last loss, in case it was none.
    before_loss: Option<(f64, f64)>,
    pub(crate) delays: Delays,
    /// When the queue was last seen empty.
    empty_at: Instant,
    /// How long it may stand before we slow down.
    patience: Duration,
    slowdown_begun: Instant,
    round: Round,
    /// Bytes per microsecond that the path was seen to carry.
    rate: f64,
}

/// A packet that was sent once has been acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sample {
    /// Where it stands in the order in which packets are sent, and where the next one will.
    pub(crate) order: u64,
    pub(crate) next_order: u64,
    /// Payload that was under way when it was sent.
    pub(crate) flight_bytes: u32,
    pub(crate) rtt: Duration,
}

/// A round trip, and the shortest queue that the first packets of it saw.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// It ends with the acknowledgement of this packet.
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
            patience: SLOWDOWN_AFTER,
            slowdown_begun: now,
            round: Round::default(),
            rate: 0.0,
        }
    }

    /// Bytes of payload that may be under way.
    pub(crate) fn cwnd_bytes(&self) -> usize {
        self.cwnd as usize
    }

    /// Packets hold so much from now on.
    pub(crate) fn set_packet_bytes(&mut self, packet_bytes: usize) {
        self.packet = packet_bytes as f64;
        self.cwnd = self.cwnd.max(self.packet);
    }

    /// Looks at the round trip and the queue. The delays are to be told first.
    pub(crate) fn on_sample(&mut self, sample: Sample) {
        // So much arrived in a round trip, since what was under way before it arrived before it.
        self.rate = f64::from(sample.flight_bytes) / (sample.rtt.as_micros() as f64).max(1.0);
        if sample.order >= self.round.ends_at {
            self.round = Round { ends_at: sample.next_order, samples: 0, queue_us: f64::INFINITY };
        }
        if self.round.samples < ROUND_SAMPLES {
            self.round.samples += 1;
            self.round.queue_us = self.round.queue_us.min(self.delays.queue_us());
        }
    }

    /// `bytes` arrived, and the sender would have sent more if the window had let it (`was_limited`).
    pub(crate) fn on_ack(&mut self, now: Instant, bytes: usize, was_limited: bool, rtt: &Rtt) {
        let bytes = bytes as f64;
        let queue_us = self.delays.queue_us();
        if queue_us < EMPTY * TARGET_US {
            self.empty_at = now;
        }
        match self.mode {
            Mode::Slowdown { until } if now < until => return,
            Mode::Slowdown { .. } => {
                self.mode = Mode::SlowStart;
                return;
            }
            Mode::SlowStart if queue_us > TARGET_US || self.round.stands() => self.leave_slow_start(now, rtt),
            Mode::SlowStart if was_limited => {
                self.cwnd += bytes;
                if self.cwnd >= self.ssthresh {
                    self.cwnd = self.ssthresh;
                    self.steady(now);
                }
            }
            Mode::SlowStart => {}
            Mode::Steady => self.steer(bytes, queue_us, was_limited, rtt),
        }
        self.bound();
        if self.mode == Mode::Steady && now.since(self.empty_at) > self.patience {
            self.slow_down(now, rtt);
        }
    }

    /// A packet was lost, the first one for a round trip (BEP 29, "packet loss").
    pub(crate) fn on_loss(&mut self, now: Instant) {
        self.before_loss = Some((self.cwnd, self.ssthresh));
        if let Mode::Slowdown { .. } = self.mode {
            self.ssthresh /= 2.0;
            return;
        }
        self.cwnd /= 2.0;
        self.bound();
        self.ssthresh = self.cwnd;
        self.steady(now);
    }

    /// The packet that seemed lost was only late.
    pub(crate) fn undo_loss(&mut self) {
        if let Some((cwnd, ssthresh)) = self.before_loss.take() {
            self.cwnd = self.cwnd.max(cwnd);
            self.ssthresh = self.ssthresh.max(ssthresh);
        }
    }

    /// Nothing came for a whole timeout: one packet, and from there quickly to half of what it was. A further
    /// timeout in a row changes nothing (RFC 5681 §3.1).
    pub(crate) fn on_timeout(&mut self, is_first: bool) {
        self.before_loss = None;
        if is_first {
            let cwnd = if let Mode::Slowdown { .. } = self.mode { self.ssthresh } else { self.cwnd };
            self.ssthresh = (cwnd / 2.0).max(MIN_PACKETS * self.packet);
        }
        self.cwnd = self.packet;
        self.mode = Mode::SlowStart;
    }

    /// Nothing was sent for longer than a timeout: what the window says is of yesterday (RFC 5681 §4.1).
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
        let off = (TARGET_US - queue_us) / TARGET_US;
        if off > 0.0 {
            if was_limited {
                self.cwnd += part * (MAX_GAIN_BYTES * off + LEAST_GAIN_PACKETS * self.packet);
            }
        } else {
            let rtt_us = (rtt.smoothed().as_micros() as f64).max(queue_us);
            let excess = (queue_us - TARGET_US) / rtt_us * self.cwnd;
            let gain = if was_limited { LEAST_GAIN_PACKETS * self.packet } else { 0.0 };
            self.cwnd += part * (gain - DECREASE * excess);
        }
    }

    /// The queue has begun to fill, and twice that is on its way: back to what fills the path and half the target.
    fn leave_slow_start(&mut self, now: Instant, rtt: &Rtt) {
        let path = self.rate * (rtt.min().as_micros() as f64 + TARGET_US / 2.0);
        self.cwnd = self.cwnd.min(path);
        self.bound();
        self.ssthresh = self.cwnd;
        self.steady(now);
    }

    fn steady(&mut self, now: Instant) {
        if self.slowdown_begun > self.empty_at {
            self.patience = SLOWDOWN_AFTER.max(now.since(self.slowdown_begun) * (SLOWDOWN_SHARE - 1));
            self.empty_at = now;
        }
        self.mode = Mode::Steady;
    }

    fn slow_down(&mut self, now: Instant, rtt: &Rtt) {
        self.ssthresh = self.cwnd;
        self.cwnd = MIN_PACKETS * self.packet;
        self.slowdown_begun = now;
        self.mode = Mode::Slowdown { until: now + 2 * rtt.smoothed() };
    }

    fn bound(&mut self) {
        let least = MIN_PACKETS * self.packet;
        self.cwnd = self.cwnd.clamp(least, self.max_cwnd.max(least));
    }
}

impl Round {
    /// Whether half the target stands in the queue.
    fn stands(self) -> bool {
        self.samples >= ROUND_SAMPLES && self.queue_us > TARGET_US / 2.0
    }
}
