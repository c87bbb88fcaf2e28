//! Progress of one torrent, or of all together.

use std::fmt;

use serde::Serialize;

use ztor_view::format::{Count, Rate, Size, Span};
use ztor_view::text::Escaped;

/// State of a torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Metadata,
    Checking,
    Downloading,
    Seeding,
    Stopped,
    Failed,
}

/// Figures of a torrent at one moment. The names of fields are part of the format of `--json`, whose `progress` object
/// this is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) info_hash: String,
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) total_bytes: u64,
    pub(crate) wanted_bytes: u64,
    pub(crate) done_bytes: u64,
    pub(crate) down_bytes_per_s: u64,
    pub(crate) up_bytes_per_s: u64,
    pub(crate) downloaded_bytes: u64,
    pub(crate) uploaded_bytes: u64,
    pub(crate) peers: u64,
    pub(crate) seeds: u64,
    pub(crate) eta_s: Option<u64>,
    pub(crate) message: Option<String>,
}

impl Row {
    /// Makes a row whose figures are all 0.
    pub(crate) fn new(info_hash: String, name: String, state: State) -> Row {
        Row {
            info_hash,
            name,
            state,
            total_bytes: 0,
            wanted_bytes: 0,
            done_bytes: 0,
            down_bytes_per_s: 0,
            up_bytes_per_s: 0,
            downloaded_bytes: 0,
            uploaded_bytes: 0,
            peers: 0,
            seeds: 0,
            eta_s: None,
            message: None,
        }
    }

    /// Returns the sum of several rows. Its ETA is that of the whole at the current rate.
    pub(crate) fn total(rows: &[Row]) -> Row {
        let mut total = Row::new(String::new(), format!("total ({} torrents)", rows.len()), State::Stopped);
        for row in rows {
            total.total_bytes = total.total_bytes.saturating_add(row.total_bytes);
            total.wanted_bytes = total.wanted_bytes.saturating_add(row.wanted_bytes);
            total.done_bytes = total.done_bytes.saturating_add(row.done_bytes);
            total.down_bytes_per_s = total.down_bytes_per_s.saturating_add(row.down_bytes_per_s);
            total.up_bytes_per_s = total.up_bytes_per_s.saturating_add(row.up_bytes_per_s);
            total.downloaded_bytes = total.downloaded_bytes.saturating_add(row.downloaded_bytes);
            total.uploaded_bytes = total.uploaded_bytes.saturating_add(row.uploaded_bytes);
            total.peers = total.peers.saturating_add(row.peers);
            total.seeds = total.seeds.saturating_add(row.seeds);
        }
        for state in [State::Downloading, State::Metadata, State::Checking, State::Seeding, State::Failed] {
            if rows.iter().any(|row| row.state == state) {
                total.state = state;
                break;
            }
        }
        total.eta_s = eta_s(&total);
        total
    }

    /// Returns the progress in percent, rounded down: 100 means complete.
    pub(crate) fn percent(&self) -> u64 {
        if self.state == State::Metadata {
            return 0;
        }
        if self.wanted_bytes == 0 {
            return 100;
        }
        let percent = u128::from(self.done_bytes) * 100 / u128::from(self.wanted_bytes);
        u64::try_from(percent).unwrap_or(100).min(100)
    }

    /// Returns true if the torrent is active, so that plain output has lines for it.
    pub(crate) fn is_moving(&self) -> bool {
        matches!(self.state, State::Metadata | State::Checking | State::Downloading)
            || self.up_bytes_per_s > 0
    }

    /// Returns the text after the name in a line of plain output.
    pub(crate) fn status_line(&self) -> String {
        let percent = self.percent();
        let (done, wanted) = (Size(self.done_bytes), Size(self.wanted_bytes));
        match self.state {
            State::Metadata => format!("fetching metadata, {}", Count(self.peers, "peer")),
            State::Checking => format!("checking, {percent}% of {wanted}"),
            State::Downloading => format!("{percent}% of {wanted} ({done}), {self}"),
            State::Seeding => format!("seeding {done}, {self}"),
            State::Stopped => format!("stopped at {percent}% of {wanted}"),
            State::Failed => {
                let message = self.message.as_deref().unwrap_or("unknown reason");
                format!("failed at {percent}% of {wanted}: {}", Escaped(message))
            }
        }
    }
}

/// Rates, peers and ETA.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (down, up) = (Rate(self.down_bytes_per_s), Rate(self.up_bytes_per_s));
        write!(f, "down {down}, up {up}, {}", Count(self.peers, "peer"))?;
        match (self.state, self.eta_s) {
            (State::Downloading, Some(eta)) => write!(f, ", ETA {}", Span(eta)),
            (State::Downloading, None) => f.write_str(", ETA unknown"),
            _ => Ok(()),
        }
    }
}

/// Returns the seconds until all wanted data has arrived at the current rate; `None` while nothing arrives, or if
/// nothing is missing.
pub(crate) fn eta_s(row: &Row) -> Option<u64> {
    let missing = row.wanted_bytes.saturating_sub(row.done_bytes);
    if missing == 0 {
        None
    } else {
        missing.checked_add(row.down_bytes_per_s / 2)?.checked_div(row.down_bytes_per_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: State, wanted: u64, done: u64, rate: u64) -> Row {
        Row {
            info_hash: "00".repeat(20),
            name: "x".into(),
            state,
            total_bytes: wanted,
            wanted_bytes: wanted,
            done_bytes: done,
            down_bytes_per_s: rate,
            up_bytes_per_s: 0,
            downloaded_bytes: done,
            uploaded_bytes: 0,
            peers: 1,
            seeds: 1,
            eta_s: None,
            message: None,
        }
    }

    #[test]
    fn percent_of_an_incomplete_row_is_below_100() {
        assert_eq!(row(State::Downloading, 1000, 999, 1).percent(), 99);
        assert_eq!(row(State::Downloading, 1000, 1000, 1).percent(), 100);
        assert_eq!(row(State::Seeding, 0, 0, 0).percent(), 100);
        assert_eq!(row(State::Seeding, u64::MAX, u64::MAX, 0).percent(), 100);
    }

    #[test]
    fn total_of_several_rows_adds_up_and_has_an_eta() {
        let rows = [row(State::Downloading, 1000, 400, 50), row(State::Seeding, 1000, 1000, 0)];
        let total = Row::total(&rows);
        assert_eq!((total.wanted_bytes, total.done_bytes, total.peers), (2000, 1400, 2));
        assert_eq!((total.state, total.eta_s), (State::Downloading, Some(12)));
        assert_eq!(eta_s(&row(State::Downloading, 10, 0, 0)), None);
    }
}
