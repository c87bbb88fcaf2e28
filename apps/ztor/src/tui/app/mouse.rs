//! The mouse, and pasted texts.

use std::time::{Duration, Instant};

use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ztor_view::selection::Mode;

use super::{App, Dialog, Focus, View};
use crate::tui::hits::Hit;
use crate::tui::keys::Step;

/// Longest time between the clicks of a double click.
const DOUBLE: Duration = Duration::from_millis(400);
/// Lines of a step of the wheel.
const WHEEL: isize = 3;

impl App {
    pub(super) fn handle_mouse(&mut self, mouse: MouseEvent) {
        if self.dialog.is_some() {
            return;
        }
        let hit = self.hits.at(mouse.column, mouse.row);
        match mouse.kind {
            MouseEventKind::ScrollDown => self.wheel(hit, WHEEL),
            MouseEventKind::ScrollUp => self.wheel(hit, -WHEEL),
            MouseEventKind::Down(MouseButton::Left) => self.click(hit, mouse.modifiers),
            MouseEventKind::Down(MouseButton::Right) => {
                if let Some(Hit::Row(index)) = hit {
                    self.focus = Focus::List;
                    let id = self.front.snapshot().row(index).map(|row| row.id);
                    let is_selected = id.is_some_and(|id| self.front.selection().contains(id));
                    if !is_selected {
                        self.list.go_to(index, Mode::Only, &mut self.front);
                    }
                    self.open_menu();
                }
            }
            _ => {}
        }
    }

    fn wheel(&mut self, hit: Option<Hit>, lines: isize) {
        match (self.view, hit) {
            (View::Torrents, Some(Hit::Filter(_))) => self.filters.step(Step::Lines(lines), &self.front),
            (View::Torrents, Some(Hit::Row(_) | Hit::Header(_))) => {
                self.list.scroll(lines, &mut self.front);
                self.follow_cursor();
            }
            (View::Torrents, _) => self.details.step(Step::Lines(lines)),
            (View::Settings, _) => self.settings.step(Step::Lines(lines)),
            (View::Log, _) => self.log.step(Step::Lines(lines)),
            (View::Statistics, _) => {}
        }
    }

    fn click(&mut self, hit: Option<Hit>, modifiers: KeyModifiers) {
        match hit {
            Some(Hit::Row(index)) => {
                self.focus = Focus::List;
                let mode = if modifiers.contains(KeyModifiers::CONTROL) {
                    Mode::Toggle
                } else if modifiers.contains(KeyModifiers::SHIFT) || modifiers.contains(KeyModifiers::ALT) {
                    Mode::Range
                } else {
                    Mode::Cursor
                };
                if mode == Mode::Cursor {
                    self.front.selection_mut().clear();
                }
                self.list.go_to(index, mode, &mut self.front);
                self.follow_cursor();
                let is_double =
                    self.last_click.is_some_and(|(at, last)| last == index && at.elapsed() < DOUBLE);
                self.last_click = Some((Instant::now(), index));
                if is_double {
                    self.open_details();
                }
            }
            Some(Hit::Header(column)) => {
                if let Some(key) = column.definition().sort {
                    self.sort_by(key);
                }
            }
            Some(Hit::Tab(tab)) => {
                self.focus = Focus::Details;
                self.front.details_mut().show(tab);
                self.details.reset();
            }
            Some(Hit::View(view)) => self.view = view,
            Some(Hit::Filter(at)) => {
                self.focus = Focus::Filters;
                self.filters.go_to(at);
                let adds = modifiers.contains(KeyModifiers::CONTROL);
                self.choose_filter(adds);
            }
            Some(Hit::Detail(at)) => {
                self.focus = Focus::Details;
                self.details.go_to(at);
            }
            Some(Hit::Setting(at)) => self.settings.go_to(at),
            None => {}
        }
    }

    /// Takes a pasted text: into the open field, else as torrents to add.
    pub(super) fn paste(&mut self, text: &str) {
        match (&mut self.dialog, &mut self.search) {
            (Some(Dialog::Form(form)), _) => form.paste(text),
            (Some(_), _) => {}
            (None, Some(input)) => {
                input.insert(text.trim());
                let text = input.text().to_owned();
                self.set_search(text);
            }
            (None, None) => {
                let sources: Vec<&str> = text.split_whitespace().collect();
                self.open_add(&sources.join(" "));
            }
        }
    }
}
