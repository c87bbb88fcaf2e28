//! Details of one torrent: what the open tab shows is requested while it is shown.

use std::time::Duration;
use ztor_api::{Detail, File, LogLine, Peer, Pieces, Tracker};
use ztor_client::Client;
use ztor_client::tasks::{Loaded, Tasks};

/// Interval of requests while the tab is open.
const EVERY: Duration = Duration::from_secs(1);
/// Interval of requests for what changes seldom.
const SELDOM: Duration = Duration::from_secs(3);
/// Lines of the log.
const LOG_LINES: usize = 500;
/// Number of rates that are kept for the graph, one for each second.
const RATES: usize = 300;

/// A tab of the details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tab {
    /// Figures and pieces.
    #[default]
    Overview,
    /// Files.
    Files,
    /// Peers.
    Peers,
    /// Trackers.
    Trackers,
    /// Rates over time.
    Speed,
    /// Lines of the log about the torrent.
    Log,
}

impl Tab {
    /// All tabs in order.
    pub const ALL: [Self; 6] =
        [Self::Overview, Self::Files, Self::Peers, Self::Trackers, Self::Speed, Self::Log];

    /// Returns the label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Files => "Files",
            Self::Peers => "Peers",
            Self::Trackers => "Trackers",
            Self::Speed => "Speed",
            Self::Log => "Log",
        }
    }

    /// Returns the tab after this one, or before it.
    pub fn step(self, forward: bool) -> Self {
        let at = Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        let count = Self::ALL.len();
        Self::ALL[(at + if forward { 1 } else { count - 1 }) % count]
    }
}

/// Details of one torrent.
#[derive(Debug, Default)]
pub struct Details {
    id: Option<u64>,
    tab: Tab,
    detail: Loaded<Detail>,
    files: Loaded<Vec<File>>,
    peers: Loaded<Vec<Peer>>,
    trackers: Loaded<Vec<Tracker>>,
    pieces: Loaded<Pieces>,
    log: Loaded<Vec<LogLine>>,
    /// Rates of incoming and outgoing data, the latest last.
    rates: Vec<(u64, u64)>,
}

impl Details {
    /// Returns the torrent that is shown.
    pub fn id(&self) -> Option<u64> {
        self.id
    }

    /// Shows a torrent, or none.
    pub fn open(&mut self, id: Option<u64>) {
        if self.id != id {
            *self = Self { id, tab: self.tab, ..Self::default() };
        }
    }

    /// Returns the open tab.
    pub fn tab(&self) -> Tab {
        self.tab
    }

    /// Opens a tab.
    pub fn show(&mut self, tab: Tab) {
        self.tab = tab;
    }

    /// Returns figures of the torrent.
    pub fn detail(&self) -> &Loaded<Detail> {
        &self.detail
    }

    /// Returns the files.
    pub fn files(&self) -> &Loaded<Vec<File>> {
        &self.files
    }

    /// Returns the peers.
    pub fn peers(&self) -> &Loaded<Vec<Peer>> {
        &self.peers
    }

    /// Returns the trackers.
    pub fn trackers(&self) -> &Loaded<Vec<Tracker>> {
        &self.trackers
    }

    /// Returns the pieces.
    pub fn pieces(&self) -> &Loaded<Pieces> {
        &self.pieces
    }

    /// Returns lines of the log.
    pub fn log(&self) -> &Loaded<Vec<LogLine>> {
        &self.log
    }

    /// Returns rates of incoming and outgoing data since the torrent is shown, one for each second, the latest last.
    pub fn rates(&self) -> &[(u64, u64)] {
        &self.rates
    }

    /// Requests what is shown with the next refresh.
    pub fn expire(&mut self) {
        self.detail.expire();
        self.files.expire();
        self.peers.expire();
        self.trackers.expire();
        self.pieces.expire();
    }

    /// Requests what the open tab shows, if it is due. Returns the time until something is due.
    pub(super) fn refresh(&mut self, tasks: &Tasks) -> Option<Duration> {
        let id = self.id?;
        let term = format!("id:{id}");
        let of_detail = term.clone();
        if self.detail.refresh(tasks, EVERY, |client| async move { client.detail(&of_detail).await }) {
            let rates =
                self.detail.value().map(|detail| (detail.torrent.down_per_s, detail.torrent.up_per_s));
            self.rates.extend(rates);
            let excess = self.rates.len().saturating_sub(RATES);
            self.rates.drain(..excess);
        }
        let due =
            match self.tab {
                Tab::Overview => {
                    self.pieces.refresh(tasks, EVERY, |client| async move { client.pieces(&term).await });
                    self.pieces.due_in(EVERY)
                }
                Tab::Files => {
                    self.files.refresh(tasks, SELDOM, |client| async move { client.files(&term).await });
                    self.files.due_in(SELDOM)
                }
                Tab::Peers => {
                    self.peers.refresh(tasks, EVERY, |client| async move { client.peers(&term).await });
                    self.peers.due_in(EVERY)
                }
                Tab::Trackers => {
                    self.trackers
                        .refresh(tasks, SELDOM, |client| async move { client.trackers(&term, false).await });
                    self.trackers.due_in(SELDOM)
                }
                Tab::Speed => None,
                Tab::Log => {
                    let request =
                        |client: Client| async move { client.log(0, "info", LOG_LINES, Some(id)).await };
                    self.log.refresh(tasks, SELDOM, request);
                    self.log.due_in(SELDOM)
                }
            };
        super::earlier(due, self.detail.due_in(EVERY))
    }
}
