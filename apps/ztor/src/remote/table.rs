//! Tables on the terminal.

use ztor_view::column::Align;
use ztor_view::text::Escaped;

/// A table of texts. The widest column gives way if a line is longer than the terminal.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<(&'static str, Align)>,
    /// Index of the column that is cut to make lines fit.
    flexible: usize,
    rows: Vec<Vec<String>>,
}

/// Smallest width of the column that is cut.
const MIN_WIDTH: usize = 12;

impl Table {
    pub(super) fn new(columns: Vec<(&'static str, Align)>, flexible: usize) -> Self {
        Self { columns, flexible, rows: Vec::new() }
    }

    /// Adds a row. Harmful characters are escaped.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| Escaped(cell).to_string()).collect());
    }

    /// Returns the lines, which are at most `width` wide if that is possible; `None` for any width.
    pub(super) fn lines(&self, width: Option<usize>) -> Vec<String> {
        let mut widths: Vec<usize> =
            self.columns.iter().map(|(heading, _)| console::measure_text_width(heading)).collect();
        for row in &self.rows {
            for (at, cell) in row.iter().enumerate() {
                widths[at] = widths[at].max(console::measure_text_width(cell));
            }
        }
        let gaps = 2 * self.columns.len().saturating_sub(1);
        let total = widths.iter().sum::<usize>() + gaps;
        if let Some(width) = width
            && total > width
        {
            let cut = total - width;
            widths[self.flexible] = widths[self.flexible].saturating_sub(cut).max(MIN_WIDTH);
        }
        let headings: Vec<String> = self.columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        std::iter::once(&headings).chain(&self.rows).map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells = row.iter().zip(widths).zip(&self.columns).map(|((cell, width), (_, align))| {
            let alignment = match align {
                Align::Left => console::Alignment::Left,
                Align::Right => console::Alignment::Right,
            };
            console::pad_str(cell, *width, alignment, Some("…")).into_owned()
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}

/// Returns the width of the terminal; `None` if stdout is not one.
pub(super) fn terminal_width() -> Option<usize> {
    let terminal = console::Term::stdout();
    terminal.is_term().then(|| usize::from(terminal.size().1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_the_width_by_a_shorter_flexible_column() {
        let mut table =
            Table::new(vec![("ID", Align::Right), ("Name", Align::Left), ("Size", Align::Right)], 1);
        table.row(vec!["1".into(), "a rather long name of a torrent".into(), "1 B".into()]);
        table.row(vec!["22".into(), "b\u{1b}[0m".into(), "22 B".into()]);
        let lines = table.lines(Some(30));
        assert_eq!(lines[0], "ID  Name                  Size");
        assert_eq!(lines[1], " 1  a rather long name …   1 B");
        assert!(lines[2].starts_with("22  b\\u{1b}[0m"), "{}", lines[2]);
        assert!(table.lines(None)[1].contains("of a torrent"));
    }
}
