//! Preferences that outlive the window, in a JSON file in the state folder.

use eframe::egui::ThemePreference;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use ztor_view::column::{self, Column, DEFAULT};
use ztor_view::filter::View;

/// Time between a change and its write, so that a drag is written once.
const QUIET: Duration = Duration::from_millis(1500);
/// Width of a character of a column's usual width.
const CHARACTER: f32 = 7.4;
/// Narrowest and widest column.
pub(crate) const COLUMN_WIDTHS: std::ops::RangeInclusive<f32> = 36.0..=900.0;

/// Choice of a theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ThemeChoice {
    /// That of the desktop.
    #[default]
    System,
    Light,
    Dark,
}

impl ThemeChoice {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::System => "As the system",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    /// Returns the choice in the terms of egui.
    pub(crate) const fn preference(self) -> ThemePreference {
        match self {
            Self::System => ThemePreference::System,
            Self::Light => ThemePreference::Light,
            Self::Dark => ThemePreference::Dark,
        }
    }
}

/// A column of the list with its width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shown {
    key: String,
    width: f32,
}

/// Values that are remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Values {
    pub(crate) theme: ThemeChoice,
    pub(crate) zoom: f32,
    pub(crate) window: [f32; 2],
    pub(crate) notifies: bool,
    pub(crate) has_sidebar: bool,
    pub(crate) view: View,
    /// Filter sections that are closed.
    pub(crate) closed: Vec<String>,
    /// Columns that the user has chosen; empty for those that fit into the window.
    columns: Vec<Shown>,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::default(),
            zoom: 1.0,
            window: [1240.0, 780.0],
            notifies: true,
            has_sidebar: true,
            view: View::default(),
            closed: vec!["Folder".to_owned()],
            columns: Vec::new(),
        }
    }
}

fn shown(column: Column) -> Shown {
    Shown { key: column.definition().key.to_owned(), width: usual_width(column) }
}

fn usual_width(column: Column) -> f32 {
    let characters = match column {
        Column::Name => 36,
        // With a bar, and with a dot.
        Column::Progress => 19,
        Column::State => 17,
        column => column.definition().width.max(7) + 2,
    };
    f32::from(characters) * CHARACTER
}

/// Returns the usual columns that fit; the name takes the rest of the width.
fn fitting(available: f32) -> Vec<(Column, f32)> {
    let mut columns: Vec<(Column, f32)> = column::fitting(available, usual_width)
        .into_iter()
        .map(|column| (column, usual_width(column)))
        .collect();
    let rest = available - columns.iter().map(|(_, width)| width).sum::<f32>();
    if let Some((_, width)) = columns.iter_mut().find(|(column, _)| *column == Column::Name) {
        *width += rest.max(0.0);
    }
    columns
}

impl Values {
    /// Returns the columns with their widths, in order, for a list of some width. Those that this version does not know
    /// are left out.
    pub(crate) fn columns(&self, available: f32) -> Vec<(Column, f32)> {
        let known = |shown: &Shown| {
            let width = shown.width.clamp(*COLUMN_WIDTHS.start(), *COLUMN_WIDTHS.end());
            Some((Column::from_key(&shown.key)?, width))
        };
        let mut columns: Vec<_> = self.columns.iter().filter_map(known).collect();
        if columns.is_empty() {
            columns = fitting(available);
        }
        columns
    }

    /// Keeps the columns as they are shown, so that one of them can be changed.
    pub(crate) fn keep_columns(&mut self, columns: &[(Column, f32)]) {
        if self.columns.is_empty() {
            let kept = |(column, width): &(Column, f32)| Shown {
                key: column.definition().key.to_owned(),
                width: *width,
            };
            self.columns = columns.iter().map(kept).collect();
        }
    }

    /// Returns true if a column is shown. Of the usual ones, those that do not fit count as shown.
    pub(crate) fn has_column(&self, column: Column) -> bool {
        if self.columns.is_empty() {
            return DEFAULT.contains(&column);
        }
        self.columns.iter().any(|shown| shown.key == column.definition().key)
    }

    /// Shows a column, or hides it.
    pub(crate) fn toggle_column(&mut self, column: Column) {
        if self.columns.is_empty() {
            self.columns = DEFAULT.iter().map(|column| shown(*column)).collect();
        }
        if self.has_column(column) {
            if self.columns.len() > 1 {
                self.columns.retain(|shown| shown.key != column.definition().key);
            }
        } else {
            self.columns.push(shown(column));
        }
    }

    /// Sets the width of a column.
    pub(crate) fn set_width(&mut self, column: Column, width: f32) {
        let width = width.clamp(*COLUMN_WIDTHS.start(), *COLUMN_WIDTHS.end());
        let key = column.definition().key;
        if let Some(shown) = self.columns.iter_mut().find(|shown| shown.key == key) {
            shown.width = width;
        }
    }

    /// Moves a column to the place of another.
    pub(crate) fn move_column(&mut self, from: usize, to: usize) {
        if from < self.columns.len() && to < self.columns.len() {
            let moved = self.columns.remove(from);
            self.columns.insert(to, moved);
        }
    }

    /// Shows the usual columns in the usual order.
    pub(crate) fn reset_columns(&mut self) {
        self.columns.clear();
    }
}

/// The remembered values and their file.
#[derive(Debug)]
pub(crate) struct Prefs {
    path: PathBuf,
    /// The values now.
    pub(crate) now: Values,
    written: Values,
    changed_at: Option<Instant>,
}

impl Prefs {
    /// Reads the values. What cannot be read is as at the first start.
    pub(crate) fn read(path: PathBuf) -> Self {
        let read = std::fs::read(&path).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
        let mut now: Values = read.unwrap_or_else(|error| {
            // There is none at the first start.
            if error.kind() != std::io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "cannot read the preferences of the app");
            }
            Values::default()
        });
        now.zoom = if now.zoom.is_finite() { now.zoom.clamp(0.5, 3.0) } else { 1.0 };
        now.window = now.window.map(|side| if side.is_finite() { side.clamp(320.0, 8000.0) } else { 800.0 });
        // A list that is filtered at the start looks as if torrents were lost.
        now.view.clear_all();
        Self { path, written: now.clone(), now, changed_at: None }
    }

    /// Writes changes when they have rested. Returns the time until then.
    pub(crate) fn tick(&mut self) -> Option<Duration> {
        if self.now == self.written {
            self.changed_at = None;
            return None;
        }
        let changed_at = *self.changed_at.get_or_insert_with(Instant::now);
        let left = QUIET.saturating_sub(changed_at.elapsed());
        if left.is_zero() {
            self.write();
            return None;
        }
        Some(left)
    }

    /// Writes changes now.
    pub(crate) fn write(&mut self) {
        if self.now == self.written {
            return;
        }
        (self.written, self.changed_at) = (self.now.clone(), None);
        let written = serde_json::to_vec_pretty(&self.now).map_err(std::io::Error::from);
        if let Err(error) = written.and_then(|bytes| replace(&self.path, &bytes)) {
            tracing::warn!(path = %self.path.display(), %error, "cannot save the preferences of the app");
        }
    }
}

/// Replaces a file as a whole.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(bytes)?;
    new.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn prefs_survive_a_restart_and_a_damaged_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desktop.json");
        let mut prefs = Prefs::read(path.clone());
        prefs.now.toggle_column(Column::Hash);
        prefs.now.set_width(Column::Hash, 5000.0);
        prefs.now.move_column(0, 2);
        assert!((fitting(5000.0).iter().map(|(_, width)| width).sum::<f32>() - 5000.0).abs() < 0.1);
        prefs.now.theme = ThemeChoice::Dark;
        assert!(prefs.tick().is_some());
        prefs.write();
        let again = Prefs::read(path.clone());
        assert_eq!(again.now.columns(900.0).last(), Some(&(Column::Hash, 900.0)));
        assert_eq!(again.now.columns(900.0)[2].0, Column::Name);
        assert_eq!(again.now.theme, ThemeChoice::Dark);
        std::fs::write(
            &path,
            br#"{"zoom": 1e9, "window": [0, 1e30], "columns": [{"key": "smell", "width": 1}]}"#,
        )
        .unwrap();
        let odd = Prefs::read(path.clone());
        assert_eq!((odd.now.zoom, odd.now.window), (3.0, [320.0, 8000.0]));
        assert_eq!(odd.now.columns(900.0)[0].0, Column::Name);
        std::fs::write(&path, b"{").unwrap();
        assert_eq!(Prefs::read(path).now, Values::default());
    }
}
