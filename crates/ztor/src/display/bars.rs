//! Progress bars on a terminal: a line a torrent, and a total when there are several.

use std::collections::HashMap;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Row, State};
use crate::console::Console;
use crate::text::Shown;
use crate::units::{Rate, Size, Span};

/// Lines of the terminal left to other output when there are more torrents than lines.
const SPARE_LINES: u16 = 4;
/// Lines and columns assumed when the terminal doesn't tell.
const DEFAULT_SIZE: (u16, u16) = (24, 80);
/// Columns for the percentage, the message and a bar of at least a dozen; the name gets the rest.
const FIXED_COLUMNS: u16 = 66;

pub(super) struct Bars {
    area: MultiProgress,
    style: ProgressStyle,
    /// By info-hash; only the torrents on show have one.
    lines: HashMap<String, ProgressBar>,
    total: Option<ProgressBar>,
}

impl Bars {
    pub(super) fn new(console: &Console) -> Bars {
        let bar = if console.color() { "{wide_bar:.cyan/238}" } else { "{wide_bar}" };
        let (_, columns) = Term::stderr().size_checked().unwrap_or(DEFAULT_SIZE);
        let name = columns.saturating_sub(FIXED_COLUMNS).clamp(12, 40);
        let template = format!("{{prefix:{name}!}} {bar} {{percent:>3}}% {{msg}}");
        let style = ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━━╌");
        Bars { area: console.bars().clone(), style, lines: HashMap::new(), total: None }
    }

    pub(super) fn draw(&mut self, rows: &[Row]) {
        let shown = self.choose(rows);
        self.lines.retain(|info_hash, line| {
            let keep = shown.iter().any(|row| row.info_hash == *info_hash);
            if !keep {
                self.area.remove(line);
            }
            keep
        });
        for row in shown {
            if !self.lines.contains_key(&row.info_hash) {
                let line = ProgressBar::new(0).with_style(self.style.clone());
                let line = match &self.total {
                    Some(total) => self.area.insert_before(total, line),
                    None => self.area.add(line),
                };
                self.lines.insert(row.info_hash.clone(), line);
            }
            if let Some(line) = self.lines.get(&row.info_hash) {
                fill(line, row);
            }
        }
        if rows.len() > 1 {
            let line = self
                .total
                .get_or_insert_with(|| self.area.add(ProgressBar::new(0).with_style(self.style.clone())));
            let mut total = Row::total(rows);
            if self.lines.len() < rows.len() {
                total.name = format!("total ({} of {} shown)", self.lines.len(), rows.len());
            }
            fill(line, &total);
        }
    }

    pub(super) fn clear(&mut self) {
        for (_, line) in self.lines.drain() {
            line.finish_and_clear();
        }
        if let Some(total) = self.total.take() {
            total.finish_and_clear();
        }
    }

    /// As many rows as fit, those at work first, in their given order.
    fn choose<'a>(&self, rows: &'a [Row]) -> Vec<&'a Row> {
        let (lines, _) = Term::stderr().size_checked().unwrap_or(DEFAULT_SIZE);
        let room = usize::from(lines.saturating_sub(SPARE_LINES).max(1));
        if rows.len() <= room {
            return rows.iter().collect();
        }
        let (moving, idle): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_moving());
        moving.into_iter().chain(idle).take(room).collect()
    }
}

fn fill(line: &ProgressBar, row: &Row) {
    line.set_prefix(Shown(&row.name).to_string());
    line.set_length(row.wanted_bytes.max(1));
    line.set_position(if row.wanted_bytes == 0 { 1 } else { row.done_bytes.min(row.wanted_bytes) });
    line.set_message(message(row));
}

/// What stands right of the bar: size, rates, peers, ETA, in columns that keep their place.
fn message(row: &Row) -> String {
    let size = Size(row.wanted_bytes);
    let rates = format!("↓{:>11} ↑{:>11}", Rate(row.down_bytes_per_s), Rate(row.up_bytes_per_s));
    match row.state {
        State::Checking => format!("{size:>8} checking"),
        State::Downloading => {
            let eta = row.eta_s.map_or_else(|| "--".into(), |eta| Span(eta).to_string());
            format!("{size:>8} {rates} {:>3}p {eta:>6}", row.peers)
        }
        State::Seeding => format!("{size:>8} {rates} {:>3}p {:>6}", row.peers, "seed"),
        State::Stopped => format!("{size:>8} stopped"),
        State::Failed => Shown(row.message.as_deref().unwrap_or("failed")).to_string(),
    }
}
