//! What a connection holds, and how much more it may be given to send.

use bytes::Bytes;

use super::{Conn, Context, State};
use crate::Config;

/// What a connection may hold for sending however much the others do.
pub(super) const ALLOWANCE_BYTES: usize = 64 << 10;
/// What any connection may hold for sending if the others do not hold too much: its writer need not come often.
const LEAST_BYTES: usize = 128 << 10;

/// Bytes that a connection holds, or all of them together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    /// For the reader, what came out of order included.
    pub(crate) held: usize,
    /// What came out of order.
    pub(crate) ahead: usize,
    /// Written and not acknowledged.
    pub(crate) queued: usize,
}

impl Totals {
    /// One connection's part is no longer `old` but `new`.
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

    /// What [`Conn::write`] takes. Whoever finds little will be told when there is more.
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

    /// Whether the writer is to be told that he can go on. What makes room is that packets are acknowledged, so it is
    /// looked at whenever something happened to the connection: all that it has can wait for that, since when nothing
    /// is left unacknowledged there is as much room as there can be.
    pub(crate) fn has_room_again(&mut self, config: &Config, totals: Totals) -> bool {
        if !self.wants_room || !self.is_owned {
            return false;
        }
        let (room, limit) = self.room(config, totals);
        let is_enough = room > 0 && room >= limit / 2;
        self.wants_room = !is_enough;
        is_enough
    }

    /// The room and what it would be if everything had arrived. Twice the congestion window keeps it full for a round
    /// trip without the writer; what is more only waits.
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
