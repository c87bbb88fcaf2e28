//! Rate of received bytes, by the counter of the interface.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::usage::Received;

/// Share of the bytes at each end that is ignored: connecting and closing take most of the time there.
const EDGE: f64 = 0.01;

/// Samples of a counter, each with its time.
pub(super) struct Flow {
    received: Received,
    begun: Instant,
    samples: Vec<Sample>,
}

/// Value of the counter, and its time since the start.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    bytes: u64,
}

impl Flow {
    pub(super) fn watch(received: Received) -> Result<Self> {
        let mut flow = Self { received, begun: Instant::now(), samples: Vec::new() };
        flow.sample()?;
        Ok(flow)
    }

    pub(super) fn sample(&mut self) -> Result<()> {
        let bytes = self.received.bytes()?;
        self.samples.push(Sample { at: self.begun.elapsed(), bytes });
        Ok(())
    }

    /// Returns millions of bytes a second between 1 % and 99 % of `payload_bytes`; `None` if they never arrived.
    pub(super) fn mb_per_s(&self, payload_bytes: u64) -> Option<f64> {
        rate(&self.samples, payload_bytes as f64) // exact below 2^53
    }
}

fn rate(samples: &[Sample], payload_bytes: f64) -> Option<f64> {
    let from = reached(samples, payload_bytes * EDGE)?;
    let to = reached(samples, payload_bytes * (1.0 - EDGE))?;
    (to > from).then(|| payload_bytes * (1.0 - 2.0 * EDGE) / 1e6 / (to - from))
}

/// Returns the seconds until `bytes` had arrived, interpolated between the samples before and after.
fn reached(samples: &[Sample], bytes: f64) -> Option<f64> {
    let first = samples.first()?.bytes;
    let come = |sample: &Sample| (sample.bytes - first) as f64;
    let after = samples.iter().position(|sample| come(sample) >= bytes)?;
    let before = after.checked_sub(1)?;
    let (a, b) = (&samples[before], &samples[after]);
    let (from, to) = (a.at.as_secs_f64(), b.at.as_secs_f64());
    Some(from + (to - from) * (bytes - come(a)) / (come(b) - come(a)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use super::*;

    fn samples(of: &[(u64, u64)]) -> Vec<Sample> {
        of.iter().map(|&(ms, bytes)| Sample { at: Duration::from_millis(ms), bytes }).collect()
    }

    #[test]
    fn rate_with_waits_at_both_ends_leaves_them_out() {
        let (wait, end) = (5_000, 7_000);
        let steady: Vec<(u64, u64)> =
            (0..=100).map(|step| (wait + step * 10, 777 + step * 1_000_000)).collect();
        let all = [&[(0, 777), (wait - 1, 777)], steady.as_slice(), &[(end, 100_000_777)]].concat();
        let got = rate(&samples(&all), 1e8).unwrap();
        assert!((got - 100.0).abs() < 0.1, "{got}");
    }

    #[test]
    fn rate_of_coarse_samples_is_interpolated() {
        let got = rate(&samples(&[(0, 0), (500, 50_000_000), (1_000, 100_000_000)]), 1e8).unwrap();
        assert!((got - 100.0).abs() < 0.1, "{got}");
    }

    #[test]
    fn rate_of_bytes_that_never_arrived_is_none() {
        assert_eq!(rate(&[], 1e8), None);
        assert_eq!(rate(&samples(&[(0, 5), (1_000, 90_000_000)]), 1e8), None);
    }
}
