//! The congestion window: LEDBAT (BEP 29, "congestion control"; RFC 6817) with what LEDBAT++ adds to it
//! (draft-irtf-iccrg-ledbat-plus-plus).
//!
//! LEDBAT alone is unfair. It grows and shrinks by the same rule, so flows that see the same delay keep whatever
//! shares they have; and one that starts while others keep the queue full takes that for an empty one and pushes
//! them away. Hence, from LEDBAT++: above the target the window shrinks in proportion to itself and grows by less
//! than that, which makes shares equal; and who has not seen the queue (nearly) empty for a while slows down for two
//! round trips to look at it.
//!
//! One of twenty that slows down alone sees the queue of the other nineteen. So it is done when one of the two ends'
//! clocks passes certain marks: connections that share a bottleneck mostly share one end, and slow down together.

use ztor_base::{Duration, Instant};

use crate::delay::Delays;
use crate::rtt::Rtt;

/// The queueing delay aimed at (BEP 29, CCONTROL_TARGET).
pub(crate) const TARGET_US: f64 = 100_000.0;
/// Growth in bytes per round trip while there is no queue (BEP 29, MAX_CWND_INCREASE_PACKETS_PER_RTT).
const MAX_GAIN_BYTES: f64 = 3000.0;
/// Growth at the target and above, in packets per round trip, for a window of one packet. It grows with the root of
/// the window: the same for everybody would let the queue of many small windows stand far above the target, or take
/// minutes to make large ones equal.
const LEAST_GAIN_PACKETS: f64 = 0.1;
/// The part of the bytes above the target that is given up per round trip: an answer comes a round trip late, and
/// giving up all would swing.
const DECREASE: f64 = 0.5;
/// The first window, in bytes: ten packets of the least length.
const INITIAL_BYTES: f64 = 5280.0;
const MIN_PACKETS: f64 = 2.0;
/// A queue below this part of the target counts as empty.
const EMPTY: f64 = 0.25;
/// A queue of so many targets ends the return from a slowdown.
const MAX_RETURN: f64 = 1.5;
/// Who has not seen the queue empty for so long slows down at the next mark.
const SLOWDOWN_AFTER: Duration = Duration::from_secs(5);
/// Marks on a clock of microseconds are 2²⁶ apart, which is 67 seconds and divides 2³².
const MARK_BITS: u32 = 26;
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
    /// Doubling each round trip, until `ssthresh` whatever the queue: after a slowdown.
    Return,
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
    /// The round trip before the slowdown, and the shortest queue during it.
    full_rtt_us: f64,
    lowest_us: f64,
    /// The last marks that the ends' clocks passed, and whether one has just been passed.
    marks: [u32; 2],
    at_mark: bool,
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
    /// Our clock, and that of the other end.
    pub(crate) clocks_us: [u32; 2],
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
            full_rtt_us: 0.0,
            lowest_us: 0.0,
            marks: [0; 2],
            at_mark: false,
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

    /// `bytes` arrived, and the sender would have sent more if the window had let it (`was_limited`).
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
                // Slower as the queue fills, for what is on its way will fill it further.
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

    /// A packet was lost, the first one for a round trip (BEP 29, "packet loss").
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
            let cwnd = match self.mode {
                Mode::Slowdown { .. } | Mode::Return => self.ssthresh,
                Mode::SlowStart | Mode::Steady => self.cwnd,
            };
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

    /// The queue has begun to fill, and twice that is on its way: back to what fills the path and half the target.
    fn leave_slow_start(&mut self, rtt: &Rtt) {
        let path = self.rate * (rtt.min().as_micros() as f64 + TARGET_US / 2.0);
        self.cwnd = self.cwnd.min(path);
        self.bound();
        self.ssthresh = self.cwnd;
        self.mode = Mode::Steady;
    }

    /// Back to a share of the path like the one before, with a short queue: ours of the old one, if others did not
    /// slow down, or of one that is nearly empty, if they did. All who share the path do the same, so shares stay.
    fn begin_return(&mut self, rtt: &Rtt) {
        let rtt_us = rtt.min().as_micros() as f64 + self.lowest_us + EMPTY * TARGET_US;
        self.ssthresh *= (rtt_us / self.full_rtt_us.max(1.0)).min(1.0);
        self.mode = Mode::Return;
    }

    /// At the least window for two round trips: the first empties the queue, the second sees that.
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
    /// Whether half the target stands in the queue.
    fn stands(self) -> bool {
        self.samples >= ROUND_SAMPLES && self.queue_us > TARGET_US / 2.0
    }
}
