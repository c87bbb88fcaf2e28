//! All measurements, run by run: the content of the history, and the source of the tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::client::{Client, Pair};
use super::payload::Load;
use super::stats::Spread;

/// Version of the format; raised when an older reader of the history would misunderstand it.
pub(super) const FORMAT: u32 = 1;

const GIB: f64 = (1_u64 << 30) as f64;

/// One call of the benchmark.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) format: u32,
    /// Start in UTC, as in RFC 3339.
    pub(super) begun: String,
    /// Short commit of the checkout, with `+` if there were changes on top; empty without git.
    pub(super) commit: String,
    pub(super) machine: Machine,
    pub(super) versions: BTreeMap<Client, String>,
    /// Length of the single file, in bytes.
    pub(super) size_bytes: u64,
    pub(super) piece_bytes: u64,
    pub(super) runs: u32,
    pub(super) transfers: Vec<TransferRun>,
    pub(super) rechecks: Vec<RecheckRun>,
    pub(super) scenarios: Vec<Scenario>,
    /// Failure of the scenarios; `None` if they succeeded or were not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) scenarios_error: Option<String>,
    /// Parts that were not measured, each with its reason.
    pub(super) left_out: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) cpu: String,
    pub(super) cores: usize,
    pub(super) memory_mib: u64,
    pub(super) kernel: String,
    pub(super) system: String,
}

/// Result of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome<T> {
    Measured(T),
    Failed(String),
}

impl<T> Outcome<T> {
    pub(super) fn measured(&self) -> Option<&T> {
        match self {
            Self::Measured(measured) => Some(measured),
            Self::Failed(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TransferRun {
    pub(super) load: Load,
    #[serde(flatten)]
    pub(super) pair: Pair,
    /// Number of the run, from 1.
    pub(super) run: u32,
    pub(super) outcome: Outcome<Transfer>,
}

/// A successful transfer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Transfer {
    pub(super) bytes: u64,
    /// Seconds from the start of the leecher until it reported that it has everything.
    pub(super) wall_s: f64,
    /// Millions of bytes a second between 1 % and 99 % of the bytes, by the counter of the leecher's interface.
    pub(super) mb_per_s: f64,
    /// CPU seconds of the seeder since the start of the leecher.
    pub(super) seed_cpu_s: f64,
    /// CPU seconds of the leecher since its start.
    pub(super) leech_cpu_s: f64,
    pub(super) seed_peak_rss_kib: u64,
    pub(super) leech_peak_rss_kib: u64,
}

impl Transfer {
    pub(super) fn seed_cpu_s_per_gib(&self) -> f64 {
        self.seed_cpu_s * GIB / self.bytes as f64
    }

    pub(super) fn leech_cpu_s_per_gib(&self) -> f64 {
        self.leech_cpu_s * GIB / self.bytes as f64
    }

    pub(super) fn seed_peak_rss_mib(&self) -> f64 {
        self.seed_peak_rss_kib as f64 / 1024.0
    }

    pub(super) fn leech_peak_rss_mib(&self) -> f64 {
        self.leech_peak_rss_kib as f64 / 1024.0
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RecheckRun {
    pub(super) client: Client,
    /// Number of the run, from 1.
    pub(super) run: u32,
    pub(super) outcome: Outcome<Recheck>,
}

/// A successful check.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Recheck {
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    pub(super) cpu_s: f64,
}

impl Recheck {
    pub(super) fn mb_per_s(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.seconds
    }

    pub(super) fn cpu_s_per_gib(&self) -> f64 {
        self.cpu_s * GIB / self.bytes as f64
    }
}

/// A line of the output of `ztor-bench scenarios --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) unit: String,
    #[serde(default)]
    pub(super) note: String,
}

impl Record {
    /// Returns one figure of all successful runs of a transfer; `None` if there are none.
    pub(super) fn transfer(&self, load: Load, pair: Pair, figure: fn(&Transfer) -> f64) -> Option<Spread> {
        let runs = self.transfers.iter().filter(|run| run.load == load && run.pair == pair);
        Spread::of(runs.filter_map(|run| run.outcome.measured()).map(figure))
    }

    /// Returns one figure of all successful runs of a check; `None` if there are none.
    pub(super) fn recheck(&self, client: Client, figure: fn(&Recheck) -> f64) -> Option<Spread> {
        let runs = self.rechecks.iter().filter(|run| run.client == client);
        Spread::of(runs.filter_map(|run| run.outcome.measured()).map(figure))
    }

    /// Returns the pairs of this load, in the order of their first transfer.
    pub(super) fn pairs(&self, load: Load) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for run in self.transfers.iter().filter(|run| run.load == load) {
            if !pairs.contains(&run.pair) {
                pairs.push(run.pair);
            }
        }
        pairs
    }

    /// Returns the failed runs, each with its reason.
    pub(super) fn failures(&self) -> Vec<(String, &str)> {
        let transfers = self.transfers.iter().filter_map(|run| match &run.outcome {
            Outcome::Failed(why) => {
                let what = format!("{}, {}, run {}", run.pair, run.load.name(), run.run);
                Some((what, why.as_str()))
            }
            Outcome::Measured(_) => None,
        });
        let rechecks = self.rechecks.iter().filter_map(|run| match &run.outcome {
            Outcome::Failed(why) => Some((format!("{}, recheck, run {}", run.client, run.run), why.as_str())),
            Outcome::Measured(_) => None,
        });
        let scenarios = self.scenarios_error.iter().map(|why| ("scenarios".to_owned(), why.as_str()));
        transfers.chain(rechecks).chain(scenarios).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use super::*;

    /// Returns a record with something of everything: two successful runs of each, and one that failed.
    pub(in crate::bench) fn sample() -> Record {
        let mut record = Record {
            format: FORMAT,
            begun: "2026-01-02T03:04:05Z".to_owned(),
            commit: "abc1234".to_owned(),
            machine: Machine {
                cpu: "A | CPU".to_owned(),
                cores: 2,
                memory_mib: 24_000,
                kernel: "6.0".to_owned(),
                system: "Debian".to_owned(),
            },
            size_bytes: 2 << 30,
            piece_bytes: 1 << 20,
            runs: 2,
            left_out: vec!["rqbit is not installed".to_owned()],
            ..Record::default()
        };
        for (client, cost) in [(Client::Floor, 1.0), (Client::Libtorrent, 4.0), (Client::Ztor, 2.0)] {
            record.versions.insert(client, format!("{client} 1.0"));
            for run in 1..=2 {
                let spread = 1.0 + 0.1 * f64::from(run);
                let outcome = Outcome::Measured(Transfer {
                    bytes: 2 << 30,
                    wall_s: 2.0 * cost,
                    mb_per_s: 1000.0 / cost * spread,
                    seed_cpu_s: 0.4 * cost * spread,
                    leech_cpu_s: 2.0 * cost * spread,
                    seed_peak_rss_kib: 10 << 10,
                    leech_peak_rss_kib: 20 << 10,
                });
                let (load, pair) = (Load::OneFile, Pair::of(client));
                record.transfers.push(TransferRun { load, pair, run, outcome });
                let recheck = Recheck { bytes: 2 << 30, seconds: cost, cpu_s: 1.0 };
                record.rechecks.push(RecheckRun { client, run, outcome: Outcome::Measured(recheck) });
            }
        }
        let pair = Pair { seeder: Client::Ztor, leecher: Client::Libtorrent };
        let outcome = Outcome::Failed("the leecher ended:\nexit status: 1".to_owned());
        record.transfers.push(TransferRun { load: Load::OneFile, pair, run: 1, outcome });
        record.scenarios.push(Scenario {
            name: "50,000 idle torrents".to_owned(),
            value: 1.5,
            unit: "ms/s".to_owned(),
            note: String::new(),
        });
        record
    }

    #[test]
    fn record_from_its_json_is_the_same() {
        let record = sample();
        let text = serde_json::to_string_pretty(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        assert!(text.contains(r#""seeder": "ztor""#), "{text}");
        assert!(text.contains(r#""failed": "the leecher"#), "{text}");
    }

    #[test]
    fn transfer_with_failed_runs_counts_only_successful_ones() {
        let record = sample();
        let spread =
            record.transfer(Load::OneFile, Pair::of(Client::Floor), Transfer::seed_cpu_s_per_gib).unwrap();
        assert!((spread.median - 0.23).abs() < 1e-9, "{spread:?}");
        let failed = Pair { seeder: Client::Ztor, leecher: Client::Libtorrent };
        assert_eq!(record.transfer(Load::OneFile, failed, |transfer| transfer.wall_s), None);
        assert_eq!(record.failures().len(), 1);
        assert_eq!(record.pairs(Load::OneFile).len(), 4);
    }
}
