//! Rows with settings that can be edited.

use super::names;
use crate::context::Cx;
use crate::look::{Palette, ghost_button};
use eframe::egui::{Align, Button, Key, Label, Layout, Response, RichText, Stroke, TextEdit, Ui, Vec2};
use std::collections::HashMap;
use ztor_api::{Setting, SettingKind, SettingSource, SettingValue};
use ztor_client::tasks::Pending;
use ztor_daemon::units::{duration_text, size_text};

/// Width of the controls.
const CONTROL: f32 = 260.0;

/// Texts that are edited, and changes under way.
#[derive(Debug, Default)]
pub(super) struct Editor {
    drafts: HashMap<String, String>,
    pending: Vec<Change>,
    errors: HashMap<String, String>,
}

/// A change under way.
#[derive(Debug)]
struct Change {
    key: String,
    /// Text that was sent, if it comes from a field.
    text: Option<String>,
    pending: Pending<Setting>,
}

impl Editor {
    /// Takes over what has arrived. Returns true if a setting has changed.
    pub(super) fn poll(&mut self) -> bool {
        let mut has_changed = false;
        let (drafts, errors) = (&mut self.drafts, &mut self.errors);
        self.pending.retain_mut(|Change { key, text, pending }| match pending.poll() {
            None => true,
            Some(Ok(_)) => {
                has_changed = true;
                // What was typed since then stays.
                if drafts.get(key) == text.as_ref() {
                    drafts.remove(key);
                }
                errors.remove(key);
                false
            }
            Some(Err(error)) => {
                errors.insert(key.clone(), crate::wording::sentence(&error));
                false
            }
        });
        has_changed
    }

    /// Sends a value. `text` is that of the field it comes from.
    fn change(&mut self, cx: &Cx<'_>, key: &str, value: SettingValue, text: Option<String>) {
        let name = key.to_owned();
        let pending = cx.front.tasks().ask(|client| async move { client.change_setting(&name, value).await });
        self.errors.remove(key);
        self.pending.push(Change { key: key.to_owned(), text, pending });
    }

    fn reset(&mut self, cx: &Cx<'_>, key: &str) {
        let name = key.to_owned();
        let pending = cx.front.tasks().ask(|client| async move { client.reset_setting(&name).await });
        self.drafts.remove(key);
        self.pending.push(Change { key: key.to_owned(), text: None, pending });
    }

    /// Shows a setting.
    pub(super) fn row(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, setting: &Setting) {
        let palette = Palette::of(ui);
        let name = names::name(&setting.key);
        ui.add_space(8.0);
        let is_wide = matches!(setting.kind, SettingKind::List);
        ui.horizontal_top(|ui| {
            let width = ui.available_width() - if is_wide { 0.0 } else { CONTROL + 24.0 };
            ui.vertical(|ui| {
                ui.set_width(width.max(180.0));
                ui.label(&name);
                ui.add(Label::new(RichText::new(&setting.help).small().color(palette.text_muted)).wrap());
                if is_wide {
                    self.control(ui, cx, setting, &name);
                }
                self.below(ui, cx, setting, &name);
            });
            if !is_wide {
                ui.with_layout(Layout::top_down(Align::Max), |ui| {
                    ui.set_width(CONTROL);
                    self.control(ui, cx, setting, &name);
                });
            }
        });
        ui.add_space(8.0);
        let line = ui.cursor().top();
        ui.painter().hline(ui.max_rect().x_range(), line, Stroke::new(1.0, palette.border));
    }

    /// Shows what belongs to the value: its default and origin, the way back, and its fault.
    fn below(&mut self, ui: &mut Ui, cx: &Cx<'_>, setting: &Setting, name: &str) {
        let palette = Palette::of(ui);
        if let Some(error) = self.errors.get(&setting.key) {
            ui.add(Label::new(RichText::new(error).small().color(palette.danger)).wrap());
        }
        let Some(origin) = origin(setting) else { return };
        ui.horizontal_wrapped(|ui| {
            let shown = shown(setting, &setting.default);
            let mut text = format!("{origin}. Default: {}", if shown.is_empty() { "none" } else { &shown });
            if setting.is_pending {
                text.push_str(". Waits for a restart");
            }
            ui.label(RichText::new(text).small().color(palette.accent_soft_text));
            if setting.source == SettingSource::Changed
                && ghost_button(ui, "Reset").accessible_name(format!("Reset {name}")).clicked()
            {
                self.reset(cx, &setting.key);
            }
        });
    }

    fn control(&mut self, ui: &mut Ui, cx: &Cx<'_>, setting: &Setting, name: &str) {
        match &setting.kind {
            SettingKind::Bool => {
                let mut is_on = setting.value == SettingValue::Bool(true);
                let text = if is_on { "On" } else { "Off" };
                let response = ui.checkbox(&mut is_on, text);
                let is_changed = response.changed();
                let _ = response.accessible_name(name);
                if is_changed {
                    self.change(cx, &setting.key, SettingValue::Bool(is_on), None);
                }
            }
            SettingKind::Choice { choices } => self.choice(ui, cx, setting, choices, name),
            SettingKind::List => self.list(ui, cx, setting, name),
            SettingKind::Unknown => drop(ui.weak("This version cannot edit a setting of this kind.")),
            _ => self.text(ui, cx, setting, name),
        }
    }

    fn choice(&mut self, ui: &mut Ui, cx: &Cx<'_>, setting: &Setting, choices: &[String], name: &str) {
        let present = match &setting.value {
            SettingValue::Text(word) => word.as_str(),
            _ => "",
        };
        let combo = crate::look::combo(&setting.key, None).width(CONTROL - 12.0).truncate();
        let response = combo.selected_text(names::choice(&setting.key, present)).show_ui(ui, |ui| {
            for word in choices {
                if ui.selectable_label(present == word, names::choice(&setting.key, word)).clicked() {
                    self.change(cx, &setting.key, SettingValue::Text(word.clone()), None);
                }
            }
        });
        let _ = response.response.accessible_name(name);
    }

    fn text(&mut self, ui: &mut Ui, cx: &Cx<'_>, setting: &Setting, name: &str) {
        let present = shown(setting, &setting.value);
        let mut text = self.drafts.get(&setting.key).cloned().unwrap_or_else(|| present.clone());
        let edit =
            crate::look::line_edit(&mut text).hint_text(none(&setting.kind)).desired_width(CONTROL - 20.0);
        let response: Response = ui.add(edit).accessible_name(name);
        if response.changed() {
            self.drafts.insert(setting.key.clone(), text.clone());
        }
        let is_left_by = |key| response.lost_focus() && ui.input(|input| input.key_pressed(key));
        if is_left_by(Key::Escape) {
            self.drafts.remove(&setting.key);
            self.errors.remove(&setting.key);
        } else if is_left_by(Key::Enter) && text != present {
            let value = match text.trim() {
                "" if is_optional(&setting.kind) => SettingValue::None,
                text => SettingValue::Text(text.to_owned()),
            };
            self.change(cx, &setting.key, value, Some(text.clone()));
        }
        // A text that was left without Enter is not saved.
        if response.has_focus() || self.drafts.get(&setting.key).is_some_and(|draft| *draft != present) {
            ui.label(RichText::new("Enter saves, Esc discards").small().color(Palette::of(ui).text_faint));
        }
    }

    fn list(&mut self, ui: &mut Ui, cx: &Cx<'_>, setting: &Setting, name: &str) {
        let present = shown(setting, &setting.value);
        let mut text = self.drafts.get(&setting.key).cloned().unwrap_or_else(|| present.clone());
        let edit = TextEdit::multiline(&mut text)
            .hint_text("One per line")
            .desired_rows(3)
            .desired_width(f32::INFINITY);
        if ui.add(edit).accessible_name(name).changed() {
            self.drafts.insert(setting.key.clone(), text.clone());
        }
        if text != present {
            ui.horizontal(|ui| {
                if ui.add(Button::new("Save").min_size(Vec2::new(70.0, 0.0))).clicked() {
                    let lines =
                        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
                    let value = SettingValue::List(lines.collect());
                    self.change(cx, &setting.key, value, Some(text.clone()));
                }
                if ui.button("Discard").clicked() {
                    self.drafts.remove(&setting.key);
                    self.errors.remove(&setting.key);
                }
            });
        }
    }
}

/// Returns the text of a value, as the field shows it and as the daemon parses it.
fn shown(setting: &Setting, value: &SettingValue) -> String {
    match (value, &setting.kind) {
        (SettingValue::None, _) => String::new(),
        (SettingValue::Bool(is_on), _) => if *is_on { "On" } else { "Off" }.to_owned(),
        (SettingValue::Count(rate), SettingKind::Rate) => format!("{}/s", size_text(*rate)),
        (SettingValue::Count(time), SettingKind::Time { .. }) => duration_text(*time),
        (SettingValue::Count(count), _) => count.to_string(),
        (SettingValue::Real(number), _) => number.to_string(),
        (SettingValue::Text(text), SettingKind::Choice { .. }) => names::choice(&setting.key, text),
        (SettingValue::Text(text), _) => text.clone(),
        (SettingValue::List(lines), _) => lines.join("\n"),
    }
}

const fn is_optional(kind: &SettingKind) -> bool {
    match kind {
        SettingKind::Rate | SettingKind::Ratio => true,
        SettingKind::Count { is_optional, .. }
        | SettingKind::Time { is_optional, .. }
        | SettingKind::Path { is_optional }
        | SettingKind::Text { is_optional } => *is_optional,
        _ => false,
    }
}

/// Returns what the field shows without a value.
const fn none(kind: &SettingKind) -> &'static str {
    match kind {
        SettingKind::Rate | SettingKind::Count { .. } => "No limit",
        SettingKind::Time { .. } => "Never",
        _ => "None",
    }
}

/// Returns where a value comes from, if that is not the default.
fn origin(setting: &Setting) -> Option<String> {
    match &setting.source {
        SettingSource::File { path, line } => Some(format!("Set in {path}, line {line}")),
        SettingSource::Environment { variable } => Some(format!("Set by the variable {variable}")),
        SettingSource::Flag { flag } => Some(format!("Set by the flag {flag}")),
        SettingSource::Changed => Some("Changed here".to_owned()),
        _ => None,
    }
}
