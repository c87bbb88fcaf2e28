//! The bytes that a connection holds, and how many more its owner may write.

use bytes::Bytes;

use super::{Conn, Context, State};
use crate::Config;

/// Bytes that a connection may always hold for sending, however many the others hold.
pub(super) const ALLOWANCE_BYTES: usize = 64 << 10;
/// Bytes that a connection may hold for sending unless the others hold too many. They spare its writer wake-ups.
const LEAST_BYTES: usize = 128 << 10;

/// Bytes that a connection holds, or all of them together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    /// Received and not read, with `ahead`.
    pub(crate) held: usize,
    /// Received out of order.
    pub(crate) ahead: usize,
    /// Written and not acknowledged.
    pub(crate) queued: usize,
}

impl Totals {
    /// Replaces one connection's part `old` by `new`.
    pub(crate) fn replace(&mut self, old: Self, new: Self) {
        self.held = self.held + new.held - old.held;
        self.ahead = self.ahead + new.ahead - old.ahead;
        self.queued = self.queued + new.queued - old.queued;
    }
}

impl Conn {
    pub(crate) fn holds(&self) -> Totals {
        Totals {
            held: self.receiver.held_bytes(),
            ahead: self.receiver.ahead_bytes(),
            queued: self.sender.unacked_bytes(),
        }
    }

    /// Returns the number of bytes that [`Conn::write`] takes. If they are few, an event follows when there are more.
    pub(crate) fn send_room(&mut self, config: &Config, totals: Totals) -> usize {
        let (room, limit) = self.room(config, totals);
        self.wants_room |= room < limit / 4;
        room
    }

    pub(crate) fn write(&mut self, cx: &Context<'_>, data: Bytes) {
        if self.room(cx.config, cx.totals).0 > 0 {
            self.sender.write(data);
            self.send_room(cx.config, cx.totals);
        }
    }

    /// Returns true if the writer waits and can go on. Only acknowledgements make room, so a check after every event of
    /// the connection is enough. Once nothing is unacknowledged, the room is as large as it can be.
    pub(crate) fn has_room_again(&mut self, config: &Config, totals: Totals) -> bool {
        if !self.wants_room || !self.is_owned {
            return false;
        }
        let (room, limit) = self.room(config, totals);
        let is_enough = room > 0 && room >= limit / 2;
        self.wants_room = !is_enough;
        is_enough
    }

    /// Returns the room, and the room if everything had arrived, in bytes. Twice the congestion window keeps it full
    /// for a round trip without the writer; more would only wait.
    fn room(&self, config: &Config, totals: Totals) -> (usize, usize) {
        if self.state == State::Dead {
            return (0, 0);
        }
        let others = totals.queued.saturating_sub(self.counted.queued);
        let share = config.max_total_send_bytes.saturating_sub(others).max(ALLOWANCE_BYTES);
        let own = (2 * self.ledbat.cwnd_bytes()).saturating_add(ALLOWANCE_BYTES).max(LEAST_BYTES);
        let limit = own.min(config.max_send_bytes).min(share);
        (limit.saturating_sub(self.sender.unacked_bytes()), limit)
    }
}
