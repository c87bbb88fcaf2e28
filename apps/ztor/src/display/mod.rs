//! Output of the commands that transfer data: events as lines or JSON, progress as bars, lines or JSON.

mod bars;
mod event;
mod row;
mod work;

use std::time::{Duration, Instant};

pub(crate) use event::{Event, Summary};
pub(crate) use row::{Row, State, eta_s};
pub(crate) use work::Work;

use crate::console::{Console, Style};
use bars::Bars;

/// Interval between progress lines in plain output.
const PLAIN_BEAT: Duration = Duration::from_secs(5);
/// Interval between progress objects of `--json`.
const JSON_BEAT: Duration = Duration::from_secs(1);
/// Interval between redraws of bars.
const BARS_BEAT: Duration = Duration::from_millis(100);
/// Maximum number of torrents with a line at each interval of plain output. The total includes the others.
const PLAIN_ROWS: usize = 10;

/// Display of a run in the console's style.
pub(crate) struct Display {
    console: Console,
    bars: Option<Bars>,
    is_silent: bool,
    beat: Duration,
    last: Instant,
}

impl Display {
    pub(crate) fn new(console: &Console) -> Display {
        let bars = (console.style() == Style::Bars).then(|| Bars::new(console));
        let beat = match console.style() {
            Style::Bars => BARS_BEAT,
            Style::Plain => PLAIN_BEAT,
            Style::Json => JSON_BEAT,
        };
        Display { console: console.clone(), bars, is_silent: false, beat, last: Instant::now() }
    }

    /// Makes a display that shows nothing.
    pub(crate) fn silent(console: &Console) -> Display {
        Display { is_silent: true, bars: None, ..Display::new(console) }
    }

    /// Sets the interval to at most `beat`.
    pub(crate) fn every(mut self, beat: Duration) -> Display {
        self.beat = self.beat.min(beat);
        self
    }

    /// Shows an event immediately.
    pub(crate) fn event(&self, event: &Event<'_>) {
        if self.is_silent {
            return;
        }
        match (self.console.is_json(), event.is_trouble()) {
            (true, _) => self.console.json(event),
            (false, true) => self.console.warn(&event.to_string()),
            (false, false) if !event.is_news() => {}
            (false, false) => self.console.line(&event.to_string()),
        }
    }

    /// Returns true if it is time to call [`Self::progress`] again.
    pub(crate) fn is_due(&self) -> bool {
        !self.is_silent && self.last.elapsed() >= self.beat
    }

    /// Shows the progress of every torrent. The order of the rows should not change between calls.
    pub(crate) fn progress(&mut self, rows: &[Row]) {
        self.last = Instant::now();
        match self.console.style() {
            Style::Bars => {
                if let Some(bars) = &mut self.bars {
                    bars.draw(rows);
                }
            }
            Style::Json => rows.iter().for_each(|row| self.console.json(&Event::Progress(row))),
            Style::Plain => self.plain_lines(rows),
        }
    }

    /// Removes the bars from the terminal.
    pub(crate) fn finish(&mut self) {
        if let Some(bars) = &mut self.bars {
            bars.clear();
        }
    }

    fn plain_lines(&self, rows: &[Row]) {
        let moving = rows.iter().filter(|row| row.is_moving());
        for row in moving.clone().take(PLAIN_ROWS) {
            self.console.line(&Event::Progress(row).to_string());
        }
        if rows.len() > 1 && moving.count() > 0 {
            let total = Row::total(rows);
            self.console.line(&Event::Progress(&total).to_string());
        }
    }
}
