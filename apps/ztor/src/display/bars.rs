//! Progress bars on a terminal: one line per torrent, and a total if there are several.

use std::collections::HashMap;

use console::{Term, measure_text_width};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Row, State};
use crate::console::Console;
use ztor_view::format::{Rate, Size, Span};
use ztor_view::text::Escaped;

/// Number of terminal lines left to other output if there are more torrents than lines.
const SPARE_LINES: u16 = 4;
/// Lines and columns of a terminal that does not report its size.
const DEFAULT_SIZE: (u16, u16) = (24, 80);
/// Columns for the percentage, the message and a bar of at least a dozen columns. The name has the rest.
const FIXED_COLUMNS: u16 = 66;

pub(super) struct Bars {
    area: MultiProgress,
    color: bool,
    /// Columns of the name.
    name_columns: u16,
    /// Style for this width of the name.
    style: ProgressStyle,
    /// Bars of the shown torrents, by info-hash.
    lines: HashMap<String, ProgressBar>,
    total: Option<ProgressBar>,
}

impl Bars {
    pub(super) fn new(console: &Console) -> Bars {
        let color = console.color();
        Bars {
            area: console.bars().clone(),
            color,
            name_columns: 0,
            style: ProgressStyle::default_bar(),
            lines: HashMap::new(),
            total: None,
        }
    }

    pub(super) fn draw(&mut self, rows: &[Row]) {
        let shown = self.choose(rows);
        self.fit_names(&shown, rows.len() > 1);
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

    /// Sets the columns of names to what they need and the terminal has.
    fn fit_names(&mut self, shown: &[&Row], has_total: bool) {
        const TOTAL_COLUMNS: usize = "total (999 of 999 shown)".len();
        let names =
            shown.iter().map(|row| measure_text_width(&row.name)).chain(has_total.then_some(TOTAL_COLUMNS));
        let needed = names.max().unwrap_or(0).try_into().unwrap_or(u16::MAX);
        let (_, columns) = Term::stderr().size_checked().unwrap_or(DEFAULT_SIZE);
        let name_columns = needed.min(columns.saturating_sub(FIXED_COLUMNS).clamp(12, 40));
        if name_columns == self.name_columns {
            return;
        }
        self.name_columns = name_columns;
        let template = format!("{{prefix:{name_columns}!}} {} {{percent:>3}}% {{msg}}", bar(self.color));
        self.style = style(&template);
        for line in self.lines.values().chain(&self.total) {
            line.set_style(self.style.clone());
        }
    }

    /// Returns as many rows as fit, active ones first, otherwise in their given order.
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

/// Returns the part of a template that is the bar itself.
pub(super) fn bar(color: bool) -> &'static str {
    if color { "{wide_bar:.cyan/238}" } else { "{wide_bar}" }
}

pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━╌")
}

fn fill(line: &ProgressBar, row: &Row) {
    line.set_prefix(Escaped(&row.name).to_string());
    line.set_length(row.wanted_bytes.max(1));
    line.set_position(if row.wanted_bytes == 0 { 1 } else { row.done_bytes.min(row.wanted_bytes) });
    line.set_message(message(row));
}

/// Returns the text to the right of the bar: size, rates, peers and ETA, in fixed columns.
fn message(row: &Row) -> String {
    let size = Size(row.wanted_bytes);
    let rates = format!("↓{:>11} ↑{:>11}", Rate(row.down_bytes_per_s), Rate(row.up_bytes_per_s));
    match row.state {
        State::Metadata => format!("{:>8} metadata {:>3}p", "", row.peers),
        State::Checking => format!("{size:>8} checking"),
        State::Downloading => {
            let eta = row.eta_s.map_or_else(|| "--".into(), |eta| Span(eta).to_string());
            format!("{size:>8} {rates} {:>3}p {eta:>6}", row.peers)
        }
        State::Seeding => format!("{size:>8} {rates} {:>3}p {:>6}", row.peers, "seed"),
        State::Stopped => format!("{size:>8} stopped"),
        State::Failed => Escaped(row.message.as_deref().unwrap_or("failed")).to_string(),
    }
}
