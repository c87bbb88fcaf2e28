//! Settings of the daemon, from its table.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use ztor_api::{Setting, SettingKind, SettingSource, SettingValue};
use ztor_client::tasks::{Loaded, Pending, Tasks};
use ztor_view::front::{Front, NoticeKind};
use ztor_view::text::cleaned;

use super::complete::Kind;
use super::dialog::{Form, Purpose};
use super::hits::{Hit, Hits};
use super::keys::Step;
use super::list::{scrolled, stepped};
use super::status::fit;
use super::theme::Theme;

/// Interval of requests: another front end may change them.
const EVERY: Duration = Duration::from_secs(10);
/// Lines below the list, for the help.
const HELP: u16 = 4;
/// Width of the names.
const NAMES: usize = 26;

/// Page of the settings.
#[derive(Debug, Default)]
pub(super) struct SettingsPage {
    settings: Loaded<Vec<Setting>>,
    changes: Vec<Pending<Setting>>,
    /// Words that name or help of the listed settings have.
    pub(super) search: String,
    at: usize,
    first: usize,
    height: usize,
}

impl SettingsPage {
    /// Requests the settings, and takes over changes. Returns the time until that is due again.
    pub(super) fn refresh(&mut self, front: &mut Front) -> Option<Duration> {
        let mut results = Vec::new();
        self.changes.retain_mut(|pending| {
            pending.poll().is_none_or(|result| {
                results.push(result);
                false
            })
        });
        for result in results {
            self.settings.expire();
            match result {
                Ok(setting) if setting.is_pending => {
                    let text = format!("{} takes effect with the next start of the daemon", setting.key);
                    front.say(NoticeKind::Info, &text);
                }
                Ok(setting) => {
                    front.say(NoticeKind::Info, &format!("{} is {}", setting.key, text_of(&setting.value)))
                }
                Err(error) => front.fail(&error),
            }
        }
        self.settings.refresh(front.tasks(), EVERY, |client| async move { client.settings().await });
        self.settings.due_in(EVERY)
    }

    fn listed(&self) -> Vec<&Setting> {
        let words: Vec<String> = self.search.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let settings = self.settings.value().map_or(&[][..], Vec::as_slice);
        let matches = |setting: &&Setting| {
            let text =
                format!("{} {} {}", setting.key.replace('_', " "), setting.key, setting.help).to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        settings.iter().filter(matches).collect()
    }

    pub(super) fn step(&mut self, step: Step) {
        let last = self.listed().len().saturating_sub(1);
        self.at = stepped(self.at, step, self.height.max(2) - 1, last);
    }

    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// Changes the setting at the cursor: switches at once, others in a form, which is returned.
    pub(super) fn edit(&mut self, tasks: &Tasks) -> Option<Form> {
        let setting = self.listed().get(self.at).copied()?.clone();
        let value = match (&setting.kind, &setting.value) {
            (SettingKind::Bool, SettingValue::Bool(on)) => SettingValue::Bool(!on),
            (SettingKind::Choice { choices }, SettingValue::Text(now)) => {
                let at = choices.iter().position(|choice| choice == now).map_or(0, |at| at + 1);
                SettingValue::Text(choices.get(at % choices.len().max(1))?.clone())
            }
            _ => {
                let hint = format!("{} {}", setting.help, hint_of(&setting.kind));
                let kind = if matches!(setting.kind, SettingKind::Path { .. }) {
                    Kind::DaemonDir
                } else {
                    Kind::Plain
                };
                let form = Form::new(Purpose::Setting(setting.key.clone()), setting.key.clone(), hint);
                return Some(form.text("Value", &editable(&setting.value), kind));
            }
        };
        self.change(&setting.key, value, tasks);
        None
    }

    /// Changes a setting.
    pub(super) fn change(&mut self, key: &str, value: SettingValue, tasks: &Tasks) {
        let key = key.to_owned();
        self.changes.push(tasks.ask(|client| async move { client.change_setting(&key, value).await }));
    }

    /// Changes a setting to what the user has written. Returns what is wrong with it.
    pub(super) fn change_to_text(&mut self, key: &str, text: &str, tasks: &Tasks) -> Result<(), String> {
        let kind =
            self.settings.value().and_then(|settings| settings.iter().find(|setting| setting.key == key));
        let kind = kind.map(|setting| setting.kind.clone()).ok_or("the settings are not loaded")?;
        let value = match kind {
            SettingKind::List => SettingValue::List(
                text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            ),
            _ if text.is_empty() || text == "none" => SettingValue::None,
            SettingKind::Count { .. } => {
                SettingValue::Count(text.parse().map_err(|_| format!("{text:?} is not a whole number"))?)
            }
            SettingKind::Ratio => {
                SettingValue::Real(text.parse().map_err(|_| format!("{text:?} is not a number"))?)
            }
            _ => SettingValue::Text(text.to_owned()),
        };
        self.change(key, value, tasks);
        Ok(())
    }

    /// Gives up the change of the setting at the cursor.
    pub(super) fn reset(&mut self, tasks: &Tasks) {
        let Some(key) = self.listed().get(self.at).map(|setting| setting.key.clone()) else { return };
        self.changes.push(tasks.ask(|client| async move { client.reset_setting(&key).await }));
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, theme: Theme, hits: &mut Hits) {
        let body = Rect { height: area.height.saturating_sub(HELP), ..area };
        self.height = usize::from(body.height);
        let count = self.listed().len();
        self.at = self.at.min(count.saturating_sub(1));
        self.first = scrolled(self.first, self.at, self.height);
        let listed = self.listed();
        if listed.is_empty() {
            let text = match (self.settings.value(), self.settings.error()) {
                (Some(_), _) => "No setting matches; / changes the search.".to_owned(),
                (None, Some(error)) => error.to_string(),
                (None, None) => "Loading…".to_owned(),
            };
            frame.render_widget(Line::styled(text, theme.muted()), body);
        }
        for (line, (at, setting)) in listed.iter().enumerate().skip(self.first).take(self.height).enumerate()
        {
            let row = Rect { y: body.y + u16::try_from(line).unwrap_or(0), height: 1, ..body };
            let is_changed = matches!(setting.source, SettingSource::Changed);
            let style = if is_changed { theme.selected() } else { ratatui::style::Style::new() };
            let section = format!("{:<14}", fit(&setting.section, 13));
            let name = format!("{:<NAMES$}", fit(&setting.key, NAMES - 1));
            let room = usize::from(row.width).saturating_sub(NAMES + 16);
            let mark = if is_changed { "● " } else { "  " };
            let value = fit(&text_of(&setting.value), room);
            frame.render_widget(
                Line::from(vec![
                    Span::styled(section, theme.muted()),
                    Span::styled(mark, theme.selected()),
                    Span::styled(name, style),
                    Span::raw(value),
                ]),
                row,
            );
            if at == self.at {
                frame.buffer_mut().set_style(row, theme.cursor(true));
            }
            hits.add(row, Hit::Setting(at));
        }
        if let Some(setting) = listed.get(self.at) {
            let help = Rect { y: body.bottom(), height: area.height.saturating_sub(body.height), ..area };
            let mut text = format!("{} {}", setting.help, hint_of(&setting.kind));
            if setting.needs_restart {
                text.push_str(" A change takes effect with the next start.");
            }
            let lines = vec![
                Line::styled("Enter changes it, d resets it, / searches. ● is changed here.", theme.muted()),
                Line::from(text),
            ];
            frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), help);
        }
    }
}

/// Returns a value for readers.
fn text_of(value: &SettingValue) -> String {
    match value {
        SettingValue::None => "none".to_owned(),
        SettingValue::Bool(on) => if *on { "yes" } else { "no" }.to_owned(),
        SettingValue::Count(count) => count.to_string(),
        SettingValue::Real(real) => real.to_string(),
        SettingValue::Text(text) => cleaned(text).into_owned(),
        SettingValue::List(list) => cleaned(&list.join(", ")).into_owned(),
    }
}

/// Returns a value as it is written.
fn editable(value: &SettingValue) -> String {
    if *value == SettingValue::None { String::new() } else { text_of(value) }
}

/// Returns what can be written.
fn hint_of(kind: &SettingKind) -> String {
    match kind {
        SettingKind::Bool => "Yes or no.".to_owned(),
        SettingKind::Count { min, max, is_optional } => {
            format!("From {min} to {max}{}.", if *is_optional { ", or nothing for no limit" } else { "" })
        }
        SettingKind::Rate => "A rate, such as 5MiB/s; nothing is no limit.".to_owned(),
        SettingKind::Time { is_optional, .. } => {
            format!("A time, such as 30m{}.", if *is_optional { "; nothing is never" } else { "" })
        }
        SettingKind::Ratio => "A ratio, such as 1.5; nothing is none.".to_owned(),
        SettingKind::Choice { choices } => format!("One of {}.", choices.join(", ")),
        SettingKind::List => "Values with commas between them.".to_owned(),
        _ => String::new(),
    }
}
