//! The pane of filters.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Paragraph;
use ztor_view::filter::{Choice, Field, choices};
use ztor_view::front::Front;

use super::hits::{Hit, Hits};
use super::keys::Step;
use super::list::{scrolled, stepped};
use super::status::fit;
use super::theme::Theme;

/// Width of the pane.
pub(super) const WIDTH: u16 = 26;

/// A line of the pane.
#[derive(Clone, Debug)]
enum Entry {
    Heading(Field),
    Choice(Field, Choice),
}

/// Place of the cursor and of the lines in view.
#[derive(Debug, Default)]
pub(super) struct Filters {
    at: usize,
    first: usize,
    height: usize,
}

fn entries(front: &Front) -> Vec<Entry> {
    let Some(counts) = &front.snapshot().counts else { return Vec::new() };
    let mut entries = Vec::new();
    for field in Field::ALL {
        let choices = choices(field, counts, front.view());
        if choices.is_empty() {
            continue;
        }
        entries.push(Entry::Heading(field));
        entries.extend(choices.into_iter().map(|choice| Entry::Choice(field, choice)));
    }
    entries
}

impl Filters {
    /// Moves the cursor, past headings.
    pub(super) fn step(&mut self, step: Step, front: &Front) {
        let entries = entries(front);
        let last = entries.len().saturating_sub(1);
        let next = stepped(self.at, step, self.height.max(2) - 1, last);
        let is_choice = |at: &usize| matches!(entries.get(*at), Some(Entry::Choice(..)));
        let found =
            if next < self.at { (0..=next).rev().find(is_choice) } else { (next..=last).find(is_choice) };
        self.at = found.or_else(|| (0..=last).find(is_choice)).unwrap_or(0);
    }

    /// Chooses the value at the cursor, or gives it up; `adds` keeps others of its kind. Returns true if the list is
    /// another one now.
    pub(super) fn choose(&self, adds: bool, front: &mut Front) -> bool {
        let Some(Entry::Choice(field, choice)) = entries(front).into_iter().nth(self.at) else {
            return false;
        };
        front.change_view(|view| view.toggle(field, &choice.value, adds));
        true
    }

    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    pub(super) fn draw(
        &mut self,
        frame: &mut Frame<'_>,
        area: Rect,
        front: &Front,
        theme: Theme,
        is_focused: bool,
        hits: &mut Hits,
    ) {
        let entries = entries(front);
        self.height = usize::from(area.height);
        self.at = self.at.min(entries.len().saturating_sub(1));
        self.first = scrolled(self.first, self.at, self.height);
        let width = area.width.saturating_sub(1);
        for (line, (at, entry)) in entries.iter().enumerate().skip(self.first).take(self.height).enumerate() {
            let row = Rect { y: area.y + u16::try_from(line).unwrap_or(0), height: 1, width, ..area };
            match entry {
                Entry::Heading(field) => {
                    frame.render_widget(Paragraph::new(field.label()).style(theme.heading()), row)
                }
                Entry::Choice(field, choice) => {
                    let is_chosen = front.view().chosen(*field).contains(&choice.value);
                    let count = choice.count.to_string();
                    let room = usize::from(width).saturating_sub(count.len() + 1);
                    let mark = if is_chosen { "● " } else { "  " };
                    let text = fit(&format!("{mark}{}{}", "  ".repeat(choice.depth), choice.label), room);
                    let style = if is_chosen { theme.selected() } else { ratatui::style::Style::new() };
                    frame.render_widget(Paragraph::new(text).style(style), row);
                    let columns = u16::try_from(count.len()).unwrap_or(u16::MAX).min(row.width);
                    let figure = Rect { x: row.right() - columns, width: columns, ..row };
                    frame.render_widget(Paragraph::new(count).style(theme.muted()), figure);
                    if at == self.at && is_focused {
                        frame.buffer_mut().set_style(row, theme.cursor(true));
                    }
                    hits.add(row, Hit::Filter(at));
                }
            }
        }
    }
}
