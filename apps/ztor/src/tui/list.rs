//! The list of torrents.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use ztor_api::Torrent;
use ztor_client::live::LiveState;
use ztor_view::column::{Align, Column, fitting};
use ztor_view::front::Front;
use ztor_view::selection::{Mode, Selection};
use ztor_view::state;

use super::hits::{Hit, Hits};
use super::keys::Step;
use super::status::fit;
use super::theme::Theme;

/// Smallest width of the name.
const NAME_MIN: u16 = 16;
/// Width of the marks before a line.
const MARKS: u16 = 2;

/// Place of the list: the first line in view, and the line of the cursor.
#[derive(Debug, Default)]
pub(super) struct ListPlace {
    first: usize,
    at: usize,
    height: usize,
    /// Effect of the cursor on the selection, once its line is loaded.
    pending: Option<Mode>,
}

impl ListPlace {
    /// Goes to the start, as for another list.
    pub(super) fn reset(&mut self) {
        *self = Self { height: self.height, pending: Some(Mode::Cursor), ..Self::default() };
    }

    /// Returns the index of the line at the cursor.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Moves the cursor.
    pub(super) fn step(&mut self, step: Step, mode: Mode, front: &mut Front) {
        let last = front.snapshot().total.saturating_sub(1);
        let page = self.height.max(2) - 1;
        self.at = stepped(self.at, step, page, last);
        self.put(mode, front);
    }

    /// Puts the cursor on a line.
    pub(super) fn go_to(&mut self, index: usize, mode: Mode, front: &mut Front) {
        self.at = index.min(front.snapshot().total.saturating_sub(1));
        self.put(mode, front);
    }

    /// Moves the lines in view without the cursor, which stays in view.
    pub(super) fn scroll(&mut self, lines: isize, front: &mut Front) {
        let last = front.snapshot().total.saturating_sub(self.height);
        self.first = self.first.saturating_add_signed(lines).min(last);
        let end = (self.first + self.height).saturating_sub(1);
        self.at = self.at.clamp(self.first, end.max(self.first));
        self.put(Mode::Cursor, front);
    }

    fn put(&mut self, mode: Mode, front: &mut Front) {
        self.pending = Some(mode);
        self.show(front);
        self.settle(front);
    }

    /// Moves the lines in view to the cursor, and requests them.
    fn show(&mut self, front: &mut Front) {
        let height = self.height.max(1);
        let total = front.snapshot().total;
        self.at = self.at.min(total.saturating_sub(1));
        self.first = self.first.min(total.saturating_sub(height));
        self.first = scrolled(self.first, self.at, height);
        front.show_rows(self.first, height);
    }

    /// Follows the torrent at the cursor after changes of the list, or takes the one at its place if it is gone. While the
    /// rows belong to another list, or that at the cursor is not loaded, there is no torrent at the cursor.
    pub(super) fn settle(&mut self, front: &mut Front) {
        let snapshot = std::sync::Arc::clone(front.snapshot());
        if !front.is_current() || snapshot.total == 0 {
            self.pending.get_or_insert(Mode::Cursor);
            return front.selection_mut().leave();
        }
        if self.pending.is_none() {
            let cursor = front.selection().cursor();
            match cursor.and_then(|id| snapshot.rows.iter().position(|row| row.id == id)) {
                Some(place) => self.at = snapshot.first + place,
                None => self.pending = Some(Mode::Cursor),
            }
        }
        self.at = self.at.min(snapshot.total - 1);
        let Some(mode) = self.pending else { return };
        match snapshot.row(self.at) {
            Some(row) => {
                let order = front.loaded_order();
                front.selection_mut().put(row.id, mode, &order);
                self.pending = None;
            }
            None => front.selection_mut().leave(),
        }
    }

    /// Draws the list.
    pub(super) fn draw(
        &mut self,
        frame: &mut Frame<'_>,
        area: Rect,
        front: &mut Front,
        theme: Theme,
        is_focused: bool,
        hits: &mut Hits,
    ) {
        if area.height < 2 {
            return;
        }
        let columns = columns_for(area.width);
        draw_header(frame, area, &columns, front, theme, hits);
        let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
        self.height = usize::from(body.height);
        self.show(front);
        self.settle(front);
        let snapshot = std::sync::Arc::clone(front.snapshot());
        // The rows before a refusal belong to another list.
        if snapshot.total == 0 || snapshot.problem.is_some() {
            draw_nothing(frame, body, front, theme);
            return;
        }
        for (line, index) in (self.first..snapshot.total.min(self.first + self.height)).enumerate() {
            let y = body.y + u16::try_from(line).unwrap_or(u16::MAX);
            let row = Rect { y, height: 1, ..body };
            let is_cursor = index == self.at;
            match snapshot.row(index) {
                Some(torrent) => draw_row(frame, row, &columns, torrent, front.selection(), theme),
                None => frame.render_widget(Paragraph::new("  …").style(theme.muted()), row),
            }
            if is_cursor {
                frame.buffer_mut().set_style(row, theme.cursor(is_focused));
            }
            hits.add(row, Hit::Row(index));
        }
    }
}

/// Returns the first line in view, from the one of before, such that the line `at` is in view.
pub(super) fn scrolled(first: usize, at: usize, height: usize) -> usize {
    first.min(at).max((at + 1).saturating_sub(height.max(1)))
}

/// Returns the place after a step among lines up to `last`.
pub(super) fn stepped(at: usize, step: Step, page: usize, last: usize) -> usize {
    let by = |lines: isize| at.saturating_add_signed(lines).min(last);
    let page = isize::try_from(page).unwrap_or(isize::MAX);
    match step {
        Step::Lines(count) => by(count),
        Step::HalfPages(count) => by(count.saturating_mul((page / 2).max(1))),
        Step::Pages(count) => by(count.saturating_mul(page)),
        Step::Start => 0,
        Step::End => last,
    }
}

/// Returns the columns that have room, with their widths. The name takes the rest.
fn columns_for(width: u16) -> Vec<(Column, u16)> {
    let width_of = |column: Column| match column {
        Column::Name => NAME_MIN + 1,
        other => other.definition().width + 1,
    };
    let available = width.saturating_sub(MARKS);
    let columns = fitting(f32::from(available), |column| f32::from(width_of(column)));
    let others: u16 =
        columns.iter().filter(|column| **column != Column::Name).map(|column| width_of(*column)).sum();
    let name = available.saturating_sub(others).max(1);
    columns
        .into_iter()
        .map(|column| (column, if column == Column::Name { name } else { width_of(column) }))
        .collect()
}

fn draw_header(
    frame: &mut Frame<'_>,
    area: Rect,
    columns: &[(Column, u16)],
    front: &Front,
    theme: Theme,
    hits: &mut Hits,
) {
    let sort = front.view().sort().first().copied();
    let mut x = area.x + MARKS;
    for (column, width) in columns {
        let definition = column.definition();
        let arrow = match sort {
            Some(sort) if Some(sort.key) == definition.sort => {
                if sort.is_descending {
                    "↓"
                } else {
                    "↑"
                }
            }
            _ => "",
        };
        let cell = cell_area(area, x, *width, area.y);
        let style = if arrow.is_empty() { theme.heading() } else { theme.accent() };
        let text = fit(&format!("{}{arrow}", definition.short), usize::from(cell.width));
        let paragraph = Paragraph::new(text).style(style).alignment(alignment(definition.align));
        frame.render_widget(paragraph, cell);
        hits.add(cell, Hit::Header(*column));
        x += width;
    }
}

/// Returns the area of a cell, with a gap behind it.
fn cell_area(area: Rect, x: u16, width: u16, y: u16) -> Rect {
    Rect { x, y, width: width.saturating_sub(1), height: 1 }.intersection(area)
}

fn alignment(align: Align) -> Alignment {
    match align {
        Align::Left => Alignment::Left,
        Align::Right => Alignment::Right,
    }
}

fn draw_row(
    frame: &mut Frame<'_>,
    area: Rect,
    columns: &[(Column, u16)],
    torrent: &Torrent,
    selection: &Selection,
    theme: Theme,
) {
    let is_selected = selection.contains(torrent.id);
    let tone = theme.tone(state::tone(torrent));
    let mark = if is_selected { Span::styled("●", theme.selected()) } else { Span::raw(" ") };
    frame.render_widget(Line::from(mark), Rect { width: 1.min(area.width), ..area });
    let mut x = area.x + MARKS;
    for (column, width) in columns {
        let cell = cell_area(area, x, *width, area.y);
        let room = usize::from(cell.width);
        let text = match column {
            // The full text is in the details.
            Column::State => state::short(torrent),
            column => column.text(torrent),
        };
        let style = match column {
            Column::State | Column::Progress => tone,
            Column::Name if is_selected => theme.selected(),
            _ => ratatui::style::Style::new(),
        };
        let paragraph = Paragraph::new(fit(&text, room)).style(style);
        frame.render_widget(paragraph.alignment(alignment(column.definition().align)), cell);
        x += width;
    }
}

/// Says why the list is empty, and what to do.
fn draw_nothing(frame: &mut Frame<'_>, area: Rect, front: &Front, theme: Theme) {
    let snapshot = front.snapshot();
    let (title, hint) = match (&snapshot.problem, &snapshot.state) {
        (Some(problem), _) => (
            format!("Cannot show the list: {}", ztor_view::text::cleaned(&problem.detail)),
            "Press / to change the search.",
        ),
        (None, _) if snapshot.query.is_some() && front.view().is_filtered() => {
            ("No torrent matches the filters".to_owned(), "Press Esc to list all.")
        }
        (None, _) if snapshot.query.is_some() => {
            ("No torrents yet".to_owned(), "Press a to add some: files, magnet links or URLs.")
        }
        (None, LiveState::Refused(_)) => (String::new(), ""),
        _ => ("Loading torrents".to_owned(), ""),
    };
    let lines = vec![Line::from(""), Line::styled(title, theme.heading()), Line::styled(hint, theme.muted())];
    let paragraph = Paragraph::new(lines).alignment(Alignment::Center);
    frame.render_widget(paragraph.wrap(ratatui::widgets::Wrap { trim: true }), area);
}
