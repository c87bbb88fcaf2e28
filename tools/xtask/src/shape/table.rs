//! Plain-text tables with aligned columns.

use std::fmt;

/// Rows of cells. Columns that hold only numbers are aligned to the right.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with the names of its columns as its first row.
    pub(super) fn new(columns: &[&str]) -> Self {
        Self { rows: vec![columns.iter().map(|&column| column.to_owned()).collect()] }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
        let is_number = |cell: &String| cell.starts_with(|c: char| c.is_ascii_digit());
        let columns: Vec<(usize, bool)> = (0..count)
            .map(|column| {
                let width = cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0);
                (width, cells(column).skip(1).all(is_number))
            })
            .collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, &(width, to_the_right)) in row.iter().zip(&columns) {
                let gap =
                    if to_the_right { format!("  {cell:>width$}") } else { format!("  {cell:<width$}") };
                line.push_str(&gap);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn table_with_numbers_aligns_them_to_the_right() {
        let mut table = Table::new(&["type", "count"]);
        table.row(["Engine".to_owned(), "7".to_owned()]);
        table.row(["A".to_owned(), "161".to_owned()]);
        assert_eq!(table.to_string(), "  type    count\n  Engine      7\n  A         161\n");
    }
}
