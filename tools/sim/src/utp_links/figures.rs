//! Figures of a row, its line in the table, and the check of its requirements.

use super::reno::PACKET_BYTES;
use super::rows::Row;
use super::way::HEADERS_BYTES;

/// Bytes of a µTP header.
const UTP_BYTES: u64 = 20;
/// Bits of the rival's packet on the line.
const TCP_PACKET_BITS: u64 = (PACKET_BYTES + HEADERS_BYTES) as u64 * 8;

#[derive(Debug)]
pub(super) struct Figures {
    /// Queue delays of datagrams in microseconds, sorted.
    waits_us: Vec<u32>,
    /// Bytes received on each connection during the measurement.
    pub(super) shares: Vec<u64>,
    /// Packets of the rival with µTP and without; `None` without a rival.
    pub(super) rival: Option<(u64, u64)>,
    /// Number of packets with payload.
    pub(super) sent: u64,
    /// Number of packets that were retransmitted.
    pub(super) again: u64,
    /// Number of bytes that never arrived.
    pub(super) missing: u64,
    /// Number of connections that timed out.
    pub(super) broken: usize,
    pub(super) fault: Option<String>,
    /// Capacity of the line during the measurement, headers included.
    capacity_bits: u64,
    mtu_bytes: u64,
    measured_ms: u64,
}

/// Returns the first line of the table.
pub(super) fn heading() -> String {
    format!(
        "{:<40} {:>9} {:>6}  {:>7} {:>7} {:>7}  {:>6}  {}",
        "", "kbit/s", "%", "50 %", "99 %", "max ms", "again", "shares"
    )
}

impl Figures {
    pub(super) fn new(row: &Row, mut waits_us: Vec<u32>) -> Self {
        waits_us.sort_unstable();
        let measured_ms = row.measured.as_millis() as u64;
        Self {
            waits_us,
            shares: Vec::new(),
            rival: None,
            sent: 0,
            again: 0,
            missing: 0,
            broken: 0,
            fault: None,
            capacity_bits: row.line.bits_per_s / 1000 * measured_ms,
            mtu_bytes: row.line.mtu_bytes as u64,
            measured_ms,
        }
    }

    /// Returns the numbers of the row for the hash of the run.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let waits = [500, 990, 1000].map(|per_mille| u64::from(self.wait_us(per_mille)));
        let (rival, alone) = self.rival.unwrap_or_default();
        let totals = [self.sent, self.again, self.missing, self.broken as u64, rival, alone];
        waits.into_iter().chain(totals).chain(self.shares.iter().copied()).collect()
    }

    /// Returns the line of the row in the table. Numbers are truncated, not rounded.
    pub(super) fn line(&self, row: &Row) -> String {
        let kbit = self.bits_of_all() / self.measured_ms;
        let wait = |per_mille| tenths(u64::from(self.wait_us(per_mille)) / 100);
        let again = tenths(self.again * 1000 / self.sent.max(1));
        let line = format!(
            "{:<40} {kbit:>9} {:>6}  {:>7} {:>7} {:>7}  {again:>6}  {}",
            row.name,
            tenths(self.used_per_mille()),
            wait(500),
            wait(990),
            wait(1000),
            self.whose(),
        );
        line.trim_end().to_owned()
    }

    fn whose(&self) -> String {
        if self.broken > 0 {
            return format!("{} given up", self.broken);
        }
        if let Some((beside, alone)) = self.rival {
            let alone_per_mille = alone * TCP_PACKET_BITS * 1000 / self.capacity_bits;
            let kept = tenths(beside * 1000 / alone.max(1));
            return format!("TCP keeps {kept} % of its {} % alone", tenths(alone_per_mille));
        }
        if self.shares.len() < 2 {
            return String::new();
        }
        let (least, most) = self.least_and_most_per_mille();
        format!("{} … {} % of the mean", tenths(least), tenths(most))
    }

    /// Returns the violated requirement of the row, if any.
    pub(super) fn fault(&self, row: &Row) -> Option<String> {
        if let Some(fault) = &self.fault {
            return Some(fault.clone());
        }
        if self.broken > 0 {
            let message = format!("{} connections timed out", self.broken);
            return (!row.laws.may_break).then_some(message);
        }
        if self.missing > 0 {
            return Some(format!("{} bytes never arrived", self.missing));
        }
        let laws = row.laws;
        let (kbit, wait_us) = (self.bits_of_all() / self.measured_ms, self.wait_us(990));
        if kbit < laws.least_kbit_per_s {
            return Some(format!("only {kbit} kbit/s of {}", laws.least_kbit_per_s));
        }
        if laws.most_wait_ms.is_some_and(|most_ms| wait_us > most_ms * 1000) {
            return Some(format!("one in a hundred waits longer than {} ms", wait_us / 1000));
        }
        let (least, most) = self.least_and_most_per_mille();
        if laws.is_fair && (least < 800 || most > 1200) {
            return Some(format!("shares are from {} to {} % of the mean", tenths(least), tenths(most)));
        }
        let (beside, alone) = self.rival.unwrap_or((1, 1));
        let is_starved = laws.spares_rival && beside * 10 < alone * 8;
        is_starved.then(|| format!("TCP gets {beside} of {alone} packets"))
    }

    fn bits_of_all(&self) -> u64 {
        self.shares.iter().sum::<u64>() * 8
    }

    /// Returns the used share of the line's payload capacity with packets of maximum length, in thousandths.
    fn used_per_mille(&self) -> u64 {
        let with_headers_bits = self.bits_of_all() * (self.mtu_bytes + HEADERS_BYTES as u64);
        with_headers_bits / (self.mtu_bytes - UTP_BYTES) * 1000 / self.capacity_bits
    }

    fn wait_us(&self, per_mille: usize) -> u32 {
        let last = self.waits_us.len().saturating_sub(1);
        self.waits_us.get(last * per_mille / 1000).copied().unwrap_or(0)
    }

    fn least_and_most_per_mille(&self) -> (u64, u64) {
        let sum = self.shares.iter().sum::<u64>().max(1);
        let of_mean =
            |share: Option<&u64>| share.map_or(0, |share| share * 1000 * self.shares.len() as u64 / sum);
        (of_mean(self.shares.iter().min()), of_mean(self.shares.iter().max()))
    }
}

/// Formats a number of tenths as a decimal fraction.
fn tenths(n: u64) -> String {
    format!("{}.{}", n / 10, n % 10)
}
