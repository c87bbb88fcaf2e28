//! Figures of every client by itself: the rows of the table and the panels of the plot.

use super::client::{Client, Pair};
use super::payload::Load;
use super::record::{Recheck, Record, Transfer};
use super::stats::Spread;

/// A row of the table.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    /// Number of digits after the decimal point.
    pub(super) digits: usize,
    pub(super) less_is_better: bool,
    /// True if the floor has this figure. Its memory does not count: it is that of the measuring program.
    pub(super) has_floor: bool,
    of: Source,
}

enum Source {
    /// Transfer of a single file.
    Transfer(fn(&Transfer) -> f64),
    ManyTorrents(fn(&Transfer) -> f64),
    Recheck(fn(&Recheck) -> f64),
}

impl Figure {
    pub(super) fn of(&self, record: &Record, client: Client) -> Option<Spread> {
        if client == Client::Floor && !self.has_floor {
            return None;
        }
        match self.of {
            Source::Transfer(figure) => record.transfer(Load::one_for(client), Pair::of(client), figure),
            Source::ManyTorrents(figure) => record.transfer(Load::ManyTorrents, Pair::of(client), figure),
            Source::Recheck(figure) => record.recheck(client, figure),
        }
    }

    /// Returns the number of failed runs.
    pub(super) fn failed_count(&self, record: &Record, client: Client) -> usize {
        let transfers_failed = |load| {
            let runs = record.transfers.iter().filter(|run| run.load == load && run.pair == Pair::of(client));
            runs.filter(|run| run.outcome.measured().is_none()).count()
        };
        match self.of {
            Source::Transfer(_) => transfers_failed(Load::one_for(client)),
            Source::ManyTorrents(_) => transfers_failed(Load::ManyTorrents),
            Source::Recheck(_) => {
                let runs = record.rechecks.iter().filter(|run| run.client == client);
                runs.filter(|run| run.outcome.measured().is_none()).count()
            }
        }
    }
}

pub(super) const FIGURES: [Figure; 8] = [
    Figure {
        name: "seed CPU",
        unit: "s/GiB",
        digits: 2,
        less_is_better: true,
        has_floor: true,
        of: Source::Transfer(Transfer::seed_cpu_s_per_gib),
    },
    Figure {
        name: "leech CPU",
        unit: "s/GiB",
        digits: 2,
        less_is_better: true,
        has_floor: true,
        of: Source::Transfer(Transfer::leech_cpu_s_per_gib),
    },
    Figure {
        name: "to itself",
        unit: "MB/s",
        digits: 0,
        less_is_better: false,
        has_floor: true,
        of: Source::Transfer(|transfer| transfer.mb_per_s),
    },
    Figure {
        name: "20 torrents to itself",
        unit: "MB/s",
        digits: 0,
        less_is_better: false,
        has_floor: true,
        of: Source::ManyTorrents(|transfer| transfer.mb_per_s),
    },
    Figure {
        name: "recheck",
        unit: "MB/s",
        digits: 0,
        less_is_better: false,
        has_floor: true,
        of: Source::Recheck(Recheck::mb_per_s),
    },
    Figure {
        name: "recheck CPU",
        unit: "s/GiB",
        digits: 2,
        less_is_better: true,
        has_floor: true,
        of: Source::Recheck(Recheck::cpu_s_per_gib),
    },
    Figure {
        name: "peak RSS, seed",
        unit: "MiB",
        digits: 0,
        less_is_better: true,
        has_floor: false,
        of: Source::Transfer(Transfer::seed_peak_rss_mib),
    },
    Figure {
        name: "peak RSS, leech",
        unit: "MiB",
        digits: 0,
        less_is_better: true,
        has_floor: false,
        of: Source::Transfer(Transfer::leech_peak_rss_mib),
    },
];
