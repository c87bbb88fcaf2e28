//! Dialogs: forms, menus and the sheet of keys.

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use unicode_width::UnicodeWidthStr as _;
use ztor_api::SortKey;
use ztor_view::command::Command;

use super::complete::{Completer, Kind};
use super::frames::frame_of;
use super::input::Input;
use super::keys::Step;
use super::list::stepped;
use super::status::fit;
use super::theme::Theme;

/// A dialog above the page.
#[derive(Debug)]
pub(super) enum Dialog {
    /// The sheet of keys, from a line on.
    Help(u16),
    Form(Form),
    Menu(Menu),
}

/// Purpose of a form.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Purpose {
    Add,
    Command(Command, Vec<u64>),
    Setting(String),
}

/// A field of a form.
#[derive(Debug)]
pub(super) struct FieldState {
    label: &'static str,
    content: Content,
    /// Text at first.
    initial: String,
}

#[derive(Debug)]
enum Content {
    Text(Input, Kind),
    Choice(Vec<&'static str>, usize),
}

/// Result of a key in a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FormStep {
    Stay,
    Close,
    Submit,
}

/// Fields to fill in.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) purpose: Purpose,
    title: String,
    hint: String,
    fields: Vec<FieldState>,
    at: usize,
    pub(super) error: Option<String>,
    pub(super) completer: Completer,
}

impl Form {
    pub(super) fn new(purpose: Purpose, title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            purpose,
            title: title.into(),
            hint: hint.into(),
            fields: Vec::new(),
            at: 0,
            error: None,
            completer: Completer::default(),
        }
    }

    /// Adds a field for a text.
    pub(super) fn text(mut self, label: &'static str, text: &str, kind: Kind) -> Self {
        self.fields.push(FieldState {
            label,
            content: Content::Text(Input::new(text), kind),
            initial: text.to_owned(),
        });
        self
    }

    /// Adds a choice of one of some words.
    pub(super) fn choice(mut self, label: &'static str, words: &[&'static str], at: usize) -> Self {
        self.fields.push(FieldState {
            label,
            content: Content::Choice(words.to_vec(), at),
            initial: String::new(),
        });
        self
    }

    /// Returns the text of a field, without spaces around it; empty for a choice.
    pub(super) fn value(&self, label: &str) -> &str {
        self.fields.iter().find(|field| field.label == label).map_or("", |field| match &field.content {
            Content::Text(input, _) => input.text().trim(),
            Content::Choice(words, at) => words.get(*at).copied().unwrap_or_default(),
        })
    }

    /// Returns the text that a field had at first.
    pub(super) fn initial(&self, label: &str) -> &str {
        self.fields.iter().find(|field| field.label == label).map_or("", |field| field.initial.as_str())
    }

    pub(super) fn paste(&mut self, text: &str) {
        self.completer.clear();
        if let Some(Content::Text(input, _)) = self.fields.get_mut(self.at).map(|field| &mut field.content)
            && !input.insert(text.trim())
        {
            self.error = Some("The text is too long".to_owned());
        }
    }

    fn step_field(&mut self, forward: bool) {
        let count = self.fields.len().max(1);
        self.at = (self.at + if forward { 1 } else { count - 1 }) % count;
        self.completer.clear();
    }

    /// Returns the text before the cursor if it can be completed, and what completes it.
    pub(super) fn to_complete(&self) -> Option<(&str, Kind)> {
        match &self.fields.get(self.at)?.content {
            Content::Text(input, kind) if *kind != Kind::Plain => Some((input.before(), *kind)),
            _ => None,
        }
    }

    /// Takes over a completion of the text before the cursor.
    pub(super) fn complete(&mut self, text: &str) {
        if let Some(Content::Text(input, _)) = self.fields.get_mut(self.at).map(|field| &mut field.content) {
            input.replace_before(text);
        }
    }

    /// Handles a key. Tab is left to the caller if the field can be completed.
    pub(super) fn handle(&mut self, key: KeyEvent) -> FormStep {
        self.error = None;
        match key.code {
            KeyCode::Esc => return FormStep::Close,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return FormStep::Close,
            KeyCode::Enter => return FormStep::Submit,
            KeyCode::Down | KeyCode::Tab => self.step_field(true),
            KeyCode::Up | KeyCode::BackTab => self.step_field(false),
            _ => {
                self.completer.clear();
                match self.fields.get_mut(self.at).map(|field| &mut field.content) {
                    Some(Content::Text(input, _)) => {
                        input.handle(key);
                    }
                    Some(Content::Choice(words, at)) => match key.code {
                        KeyCode::Right | KeyCode::Char(' ' | 'l') => *at = (*at + 1) % words.len().max(1),
                        KeyCode::Left | KeyCode::Char('h') => {
                            *at = (*at + words.len().max(1) - 1) % words.len().max(1)
                        }
                        _ => {}
                    },
                    None => {}
                }
            }
        }
        FormStep::Stay
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, theme: Theme) {
        let label_width = self.fields.iter().map(|field| field.label.width()).max().unwrap_or(0);
        let shown = self.completer.shown();
        let rows = self.fields.len() + 4 + usize::from(!shown.is_empty());
        let inner = frame_of(frame, area, &self.title, rows, theme);
        let mut y = inner.y;
        for (at, field) in self.fields.iter().enumerate() {
            let row = Rect { y, height: 1, ..inner }.intersection(inner);
            let is_open = at == self.at;
            let style = if is_open { theme.accent() } else { theme.muted() };
            frame.render_widget(Line::styled(format!("{:<label_width$}", field.label), style), row);
            let x = inner.x + u16::try_from(label_width + 2).unwrap_or(0);
            let cell = Rect { x, width: inner.right().saturating_sub(x), ..row }.intersection(inner);
            match &field.content {
                Content::Text(input, _) => draw_input(frame, cell, input, is_open),
                Content::Choice(words, chosen) => {
                    let spans = words.iter().enumerate().flat_map(|(i, word)| {
                        let style = if i == *chosen { theme.cursor(is_open) } else { theme.muted() };
                        [Span::styled(format!(" {word} "), style), Span::raw(" ")]
                    });
                    frame.render_widget(Line::from(spans.collect::<Vec<_>>()), cell);
                }
            }
            y += 1;
        }
        if !shown.is_empty() {
            let row = Rect { y, height: 1, ..inner }.intersection(inner);
            frame.render_widget(Line::styled(fit(&shown, usize::from(row.width)), theme.muted()), row);
            y += 1;
        }
        let rest =
            Rect { y: y + 1, height: inner.bottom().saturating_sub(y + 1), ..inner }.intersection(inner);
        let (text, style) = match &self.error {
            Some(error) => (error.as_str(), theme.error()),
            None => (self.hint.as_str(), theme.muted()),
        };
        frame.render_widget(Paragraph::new(text).style(style).wrap(Wrap { trim: true }), rest);
    }
}

/// Draws a line that is edited; its cursor stays in view.
fn draw_input(frame: &mut Frame<'_>, area: Rect, input: &Input, is_open: bool) {
    let room = usize::from(area.width).saturating_sub(1);
    let mut hidden = 0;
    let before = input.before();
    while before[hidden..].width() > room {
        hidden += before[hidden..].chars().next().map_or(1, char::len_utf8);
    }
    frame.render_widget(Paragraph::new(fit(&input.text()[hidden..], room + 1)), area);
    if is_open {
        let x = area.x + u16::try_from(before[hidden..].width()).unwrap_or(0);
        frame.set_cursor_position((x, area.y));
        frame
            .buffer_mut()
            .set_style(area, ratatui::style::Style::new().add_modifier(ratatui::style::Modifier::UNDERLINED));
    }
}

/// Effect of an entry of a menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MenuChoice {
    Run(Command),
    Sort(SortKey),
}

/// A list of which one is chosen.
#[derive(Debug)]
pub(super) struct Menu {
    title: String,
    entries: Vec<MenuEntry>,
    at: usize,
}

#[derive(Debug)]
struct MenuEntry {
    label: String,
    choice: MenuChoice,
    is_enabled: bool,
}

/// Result of a key in a menu.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MenuStep {
    Stay,
    Close,
    Choose(MenuChoice),
}

impl Menu {
    /// Creates a menu of entries with labels, which can be chosen or not.
    pub(super) fn new(title: &str, entries: impl IntoIterator<Item = (String, MenuChoice, bool)>) -> Self {
        let entries =
            entries.into_iter().map(|(label, choice, is_enabled)| MenuEntry { label, choice, is_enabled });
        let mut menu = Self { title: title.to_owned(), entries: entries.collect(), at: 0 };
        menu.settle(true);
        menu
    }

    /// Moves the cursor to an entry that can be chosen.
    fn settle(&mut self, forward: bool) {
        let is_enabled = |at: &usize| self.entries.get(*at).is_some_and(|entry| entry.is_enabled);
        let (before, after) = (0..self.at, self.at..self.entries.len());
        let found = if forward {
            after.clone().find(is_enabled).or_else(|| before.rev().find(is_enabled))
        } else {
            (0..=self.at).rev().find(is_enabled).or_else(|| after.clone().find(is_enabled))
        };
        self.at = found.unwrap_or(0);
    }

    pub(super) fn handle(&mut self, key: KeyEvent) -> MenuStep {
        let last = self.entries.len().saturating_sub(1);
        let step = match key.code {
            KeyCode::Esc | KeyCode::Char('q') => return MenuStep::Close,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return MenuStep::Close,
            KeyCode::Enter => {
                return match self.entries.get(self.at) {
                    Some(entry) if entry.is_enabled => MenuStep::Choose(entry.choice),
                    _ => MenuStep::Close,
                };
            }
            KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab => Step::Lines(1),
            KeyCode::Up | KeyCode::Char('k') | KeyCode::BackTab => Step::Lines(-1),
            KeyCode::Home => Step::Start,
            KeyCode::End => Step::End,
            // A letter goes to the next entry that begins with it.
            KeyCode::Char(letter) => {
                let begins = |at: &usize| {
                    let first =
                        self.entries.get(*at).and_then(|entry| entry.label.trim_start().chars().next());
                    first.is_some_and(|first| first.eq_ignore_ascii_case(&letter))
                };
                self.at = (self.at + 1..self.entries.len()).chain(0..self.at).find(begins).unwrap_or(self.at);
                self.settle(true);
                return MenuStep::Stay;
            }
            _ => return MenuStep::Stay,
        };
        let next = stepped(self.at, step, 1, last);
        let forward = next >= self.at;
        self.at = next;
        self.settle(forward);
        MenuStep::Stay
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, theme: Theme) {
        let inner = frame_of(frame, area, &self.title, self.entries.len(), theme);
        let first = (self.at + 1).saturating_sub(usize::from(inner.height));
        for (line, (at, entry)) in
            self.entries.iter().enumerate().skip(first).take(usize::from(inner.height)).enumerate()
        {
            let row = Rect { y: inner.y + u16::try_from(line).unwrap_or(0), height: 1, ..inner };
            let style = if entry.is_enabled { ratatui::style::Style::new() } else { theme.muted() };
            frame.render_widget(Paragraph::new(fit(&entry.label, usize::from(row.width))).style(style), row);
            if at == self.at {
                frame.buffer_mut().set_style(row, theme.cursor(true));
            }
        }
    }
}

impl Dialog {
    pub(super) fn draw(&self, frame: &mut Frame<'_>, area: Rect, theme: Theme) {
        match self {
            Self::Help(first) => super::help::draw(frame, area, *first, theme),
            Self::Form(form) => form.draw(frame, area, theme),
            Self::Menu(menu) => menu.draw(frame, area, theme),
        }
    }
}
