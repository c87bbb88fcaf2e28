//! Rates of the whole over time, in several resolutions.
//!
//! Each series has slots of equal length on the clock. A slot holds the mean of the samples in it, and slots without a
//! sample are gaps: the daemon did not run.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use ztor_api::History;

/// Length of the slots of each series, and the number of slots. Their product is the span.
const SERIES: [(u64, usize); 5] = [(1, 300), (10, 360), (300, 288), (1800, 336), (7200, 360)];
/// Time between two samples above which there is a gap.
const MAX_LATE_S: u64 = 5;
/// Number of slots by which the clock may be behind, as after a small correction.
const MAX_BACK: u64 = 5;
/// Length of a slot from which a series is saved.
const SAVED_FROM_S: u64 = 300;

/// Spans of the series in seconds.
pub const SPANS_S: [u64; 5] = [300, 3600, 86_400, 604_800, 2_592_000];

/// Rates of incoming and outgoing data, in bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rates(u64, u64);

/// Rates over time.
#[derive(Debug)]
pub(crate) struct Rated {
    series: Vec<Series>,
    /// Time of the last sample, and the sample; `None` before the first.
    last: Option<(u64, Rates)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Series {
    step_s: u64,
    len: usize,
    /// Number of the last complete slot: its time divided by the length.
    last: u64,
    /// Complete slots, the oldest first.
    slots: VecDeque<Option<Rates>>,
    #[serde(skip)]
    open: Open,
}

/// The slot that is being filled.
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    down: u128,
    up: u128,
    count: u64,
}

impl Rated {
    /// Creates empty series, with the saved ones of an earlier run. Saved ones of another form are left out.
    pub(crate) fn new(saved: Vec<Series>, now_unix_s: u64) -> Self {
        let series = SERIES.map(|(step_s, len)| {
            let is_usable = |series: &&Series| {
                (series.step_s, series.len) == (step_s, len)
                    && series.slots.len() <= len
                    && series.last < now_unix_s / step_s
            };
            let known = saved.iter().find(is_usable).cloned();
            let last = (now_unix_s / step_s).saturating_sub(1);
            let mut series =
                known.unwrap_or(Series { step_s, len, last, slots: VecDeque::new(), open: Open::default() });
            series.close_until(now_unix_s);
            series
        });
        Self { series: series.to_vec(), last: None }
    }

    /// Adds a sample. The seconds since the last one are as that was, if they are few: turns are a second apart, or a little
    /// more.
    pub(crate) fn add(&mut self, now_unix_s: u64, down: u64, up: u64) {
        if let Some((at, rates)) = self.last
            && now_unix_s.saturating_sub(at) <= MAX_LATE_S
        {
            (at + 1..now_unix_s).for_each(|second| self.put(second, rates));
        }
        self.put(now_unix_s, Rates(down, up));
        self.last = Some((now_unix_s, Rates(down, up)));
    }

    fn put(&mut self, now_unix_s: u64, Rates(down, up): Rates) {
        for series in &mut self.series {
            series.close_until(now_unix_s);
            series.open.down += u128::from(down);
            series.open.up += u128::from(up);
            series.open.count += 1;
        }
    }

    /// Returns the series of a span; `None` if there is none of it.
    pub(crate) fn of(&self, span_s: u64) -> Option<History> {
        let at = SPANS_S.iter().position(|span| *span == span_s)?;
        let series = self.series.get(at)?;
        let column = |of: fn(&Rates) -> u64| {
            let gaps = std::iter::repeat_n(None, series.len.saturating_sub(series.slots.len()));
            gaps.chain(series.slots.iter().map(|slot| slot.as_ref().map(of))).collect()
        };
        Some(History {
            end_unix_ms: (series.last + 1) * series.step_s * 1000,
            step_ms: series.step_s * 1000,
            down: column(|rates| rates.0),
            up: column(|rates| rates.1),
        })
    }

    /// Returns the series that are worth saving.
    pub(crate) fn to_save(&self) -> Vec<Series> {
        self.series.iter().filter(|series| series.step_s >= SAVED_FROM_S).cloned().collect()
    }
}

impl Series {
    /// Closes the slots before the one of this time. Slots without a sample are gaps. If the clock was set back, the series
    /// begins again.
    fn close_until(&mut self, now_unix_s: u64) {
        let complete = (now_unix_s / self.step_s).saturating_sub(1);
        if complete + MAX_BACK < self.last {
            (self.last, self.open) = (complete, Open::default());
            self.slots.clear();
        }
        let Some(new) = complete.checked_sub(self.last).filter(|new| *new > 0) else { return };
        let open = std::mem::take(&mut self.open);
        // A mean of numbers of 64 bits has 64 bits.
        let mean = |sum: u128| u64::try_from(sum / u128::from(open.count.max(1))).unwrap_or(u64::MAX);
        let first = (open.count > 0).then(|| Rates(mean(open.down), mean(open.up)));
        self.slots.push_back(first);
        let gaps = usize::try_from(new - 1).unwrap_or(usize::MAX).min(self.len);
        self.slots.extend(std::iter::repeat_n(None, gaps));
        let surplus = self.slots.len().saturating_sub(self.len);
        self.slots.drain(..surplus);
        self.last = complete;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn slots_hold_means_and_gaps_where_nothing_was_sampled() {
        let start = 1_000_000_200;
        let mut rated = Rated::new(Vec::new(), start);
        for second in 0..20 {
            rated.add(start + second, second, 2 * second);
        }
        rated.add(start + 40, 7, 0);
        let minutes = rated.of(300).unwrap();
        assert_eq!((minutes.down.len(), minutes.step_ms), (300, 1000));
        assert_eq!(minutes.end_unix_ms, (start + 40) * 1000);
        assert_eq!(minutes.down[300 - 40..300 - 20], (0..20).map(Some).collect::<Vec<_>>());
        assert!(minutes.down[300 - 20..].iter().all(Option::is_none));
        let hour = rated.of(3600).unwrap();
        assert_eq!(hour.up[360 - 4..], [Some(9), Some(29), None, None]);
        assert_eq!(rated.of(301), None);
    }

    #[test]
    fn seconds_that_a_late_turn_leaves_out_are_no_gaps() {
        let start = 1_000_000_200;
        let mut rated = Rated::new(Vec::new(), start);
        for second in [0, 1, 3, 6, 20] {
            rated.add(start + second, second, 0);
        }
        let minutes = rated.of(300).unwrap();
        let seen: Vec<Option<u64>> = minutes.down[300 - 20..].to_vec();
        assert_eq!(seen[..7], [0, 1, 1, 3, 3, 3, 6].map(Some));
        assert!(seen[7..].iter().all(Option::is_none));
    }

    #[test]
    fn clock_that_is_set_back_or_far_ahead_leaves_series_in_bounds() {
        let start = 1_000_000_000;
        let mut rated = Rated::new(Vec::new(), start);
        rated.add(start, 1, 1);
        rated.add(start - 2, 3, 3);
        assert_eq!(rated.of(300).unwrap().end_unix_ms, start * 1000);
        rated.add(start - 5000, 3, 3);
        assert_eq!(rated.of(300).unwrap().end_unix_ms, (start - 5000) * 1000);
        assert_eq!(rated.of(86_400).unwrap().end_unix_ms / 1000, (start - 5000) / 300 * 300);
        rated.add(u64::MAX / 2000, u64::MAX, u64::MAX);
        for span in SPANS_S {
            let history = rated.of(span).unwrap();
            assert_eq!(history.down.len() as u64 * history.step_ms, span * 1000);
        }
    }

    #[test]
    fn saved_series_go_on_with_a_gap_and_others_are_left_out() {
        let start = 1_000_000_200;
        let mut rated = Rated::new(Vec::new(), start);
        rated.add(start, 600, 0);
        rated.add(start + 300, 0, 0);
        let saved: Vec<Series> =
            serde_json::from_str(&serde_json::to_string(&rated.to_save()).unwrap()).unwrap();
        assert_eq!(saved.len(), 3);
        let later = Rated::new(saved.clone(), start + 900);
        assert_eq!(later.of(86_400).unwrap().down[288 - 3..], [Some(600), None, None]);
        assert!(later.of(300).unwrap().down.iter().all(Option::is_none));
        // From a clock that is ahead of ours.
        let before = Rated::new(saved, start - 86_400);
        assert!(before.of(86_400).unwrap().down.iter().all(Option::is_none));
    }
}
