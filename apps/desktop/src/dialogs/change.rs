//! Changes of torrents that need a text: name, folder, category, limits, trackers.

use super::{Dialog, DialogCx, Outcome, called, focus_once, footer};
use crate::context::Cx;
use crate::look::{Palette, field_label};
use crate::picker::Picker;
use eframe::egui::{Key, RichText, TextEdit, Ui};
use ztor_api::{Action, CategoryEdit, Limits, TrackerChange};
use ztor_daemon::units::{parse_limit, size_text};
use ztor_view::command::{Command, terms};

/// Dialog that changes something of torrents.
#[derive(Debug)]
pub(crate) struct ChangeDialog {
    command: Command,
    ids: Vec<u64>,
    name: String,
    text: String,
    /// The second field: the upload limit.
    second: String,
    categories: Vec<String>,
    error: Option<String>,
    is_focused: bool,
    picker: Picker,
}

impl ChangeDialog {
    /// Creates it with the present values, if all torrents have the same.
    pub(crate) fn new(command: Command, ids: Vec<u64>, cx: &mut Cx<'_>) -> Self {
        let rows = cx.targets();
        let shared = |of: &dyn Fn(&ztor_api::Torrent) -> String| {
            let first = rows.first().map(|row| of(row)).unwrap_or_default();
            if rows.len() == ids.len() && rows.iter().all(|row| of(row) == first) {
                first
            } else {
                String::new()
            }
        };
        let limit =
            |limit: Option<u64>| limit.map(|limit| format!("{}/s", size_text(limit))).unwrap_or_default();
        let (text, second) = match command {
            Command::Rename => (shared(&|row| row.name.clone()), String::new()),
            Command::Move => (shared(&|row| row.dir.clone()), String::new()),
            Command::Category => (shared(&|row| row.category.clone().unwrap_or_default()), String::new()),
            Command::Limits => {
                (shared(&|row| limit(row.limits.down_per_s)), shared(&|row| limit(row.limits.up_per_s)))
            }
            _ => (String::new(), String::new()),
        };
        let categories = cx.front.categories().iter().map(|category| category.path.clone()).collect();
        let name = called(cx, &ids);
        let picker = Picker::default();
        Self { command, ids, name, text, second, categories, error: None, is_focused: false, picker }
    }

    /// Returns the action, or what is wrong with the texts.
    fn action(&self) -> Result<Action, String> {
        let text = self.text.trim();
        let limit = |text: &str| match text.trim() {
            "" => Ok(None),
            text => parse_limit(text).map(|limit| limit.0),
        };
        match self.command {
            Command::Rename if text.chars().any(char::is_control) => {
                Err("A name has no control characters.".to_owned())
            }
            Command::Rename => Ok(Action::Rename { name: text.to_owned() }),
            Command::Move if !text.starts_with('/') => {
                Err("Enter an absolute path, such as /srv/torrents.".to_owned())
            }
            Command::Move => Ok(Action::Move { dir: text.to_owned() }),
            Command::Category => {
                Ok(Action::SetCategory { category: (!text.is_empty()).then(|| text.to_owned()) })
            }
            Command::Limits => Ok(Action::SetLimits(Limits {
                down_per_s: limit(&self.text)?,
                up_per_s: limit(&self.second)?,
            })),
            _ => {
                let add: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
                if add.is_empty() {
                    return Err("Enter at least one announce URL.".to_owned());
                }
                Ok(Action::EditTrackers(TrackerChange { add, ..TrackerChange::default() }))
            }
        }
    }

    fn submit(&mut self, cx: &mut Cx<'_>) -> Outcome {
        let action = match self.action() {
            Ok(action) => action,
            Err(error) => {
                self.error = Some(error);
                return Outcome::Stay;
            }
        };
        let new = match &action {
            Action::SetCategory { category: Some(path) } if !self.categories.contains(path) => {
                Some(path.clone())
            }
            _ => None,
        };
        let Some(path) = new else {
            cx.front.act(self.ids.clone(), action, self.command.label());
            return Outcome::Close;
        };
        let terms = terms(self.ids.clone());
        cx.front.act_by(self.command.label(), |client| async move {
            client.put_category(&path, &CategoryEdit::default()).await?;
            client.act(terms, action).await
        });
        Outcome::Close
    }

    fn fields(&mut self, ui: &mut Ui, is_local: bool) {
        let width = ui.available_width();
        let palette = Palette::of(ui);
        let mut single = |ui: &mut Ui, text: &mut String, label: &str, hint: &str| {
            let label_response = field_label(ui, label);
            let response =
                ui.add(crate::look::line_edit(text).hint_text(hint.to_owned()).desired_width(width));
            let response = response.labelled_by(label_response.id);
            focus_once(&response, &mut self.is_focused);
        };
        match self.command {
            Command::Rename => single(ui, &mut self.text, "Name", "Name of the torrent"),
            Command::Move => {
                if let Some(folder) = self.picker.poll().into_iter().next() {
                    self.text = folder.display().to_string();
                }
                single(ui, &mut self.text, "Folder", "/srv/torrents");
                if is_local && ui.button("Choose…").clicked() {
                    self.picker.choose_folder(ui.ctx(), &self.text);
                }
                hint(
                    ui,
                    "Files are moved while the torrents go on. The folder is created if it does not exist.",
                );
            }
            Command::Category => {
                single(ui, &mut self.text, "Category", "None");
                crate::look::combo("Existing categories", Some("Existing categories"))
                    .selected_text("Choose")
                    .show_ui(ui, |ui| {
                        if ui.selectable_label(self.text.is_empty(), "None").clicked() {
                            self.text.clear();
                        }
                        for path in &self.categories {
                            let shown = ztor_view::text::cleaned(path);
                            if ui.selectable_label(self.text == *path, &*shown).clicked() {
                                self.text.clone_from(path);
                            }
                        }
                    });
                let is_new = !self.text.trim().is_empty()
                    && !self.categories.iter().any(|known| known == self.text.trim());
                hint(ui, if is_new { "This category is created." } else { "Files stay where they are." });
            }
            Command::Limits => {
                single(ui, &mut self.text, "Download limit", "No limit");
                single(ui, &mut self.second, "Upload limit", "No limit");
                hint(ui, "For example 500 KiB/s or 2 MiB/s. Leave it empty for no limit.");
            }
            _ => {
                let label = field_label(ui, "Announce URLs");
                let edit = TextEdit::multiline(&mut self.text).desired_rows(4).desired_width(width);
                let response =
                    ui.add(edit.hint_text("https://tracker.example/announce")).labelled_by(label.id);
                focus_once(&response, &mut self.is_focused);
                hint(ui, "One per line. Each begins a tier at the end.");
            }
        }
        if let Some(error) = &self.error {
            ui.colored_label(palette.danger, error);
        }
    }
}

pub(super) fn hint(ui: &mut Ui, text: &str) {
    let palette = Palette::of(ui);
    ui.label(RichText::new(text).small().color(palette.text_faint));
}

impl Dialog for ChangeDialog {
    fn title(&self) -> String {
        let label = match self.command {
            Command::Rename => "Rename",
            Command::Move => "Move files",
            Command::Category => "Set category",
            Command::Limits => "Set limits",
            _ => "Add trackers",
        };
        label.to_owned()
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut DialogCx<'_>) -> Outcome {
        let Some(mut cx) = cx.connected() else { return Outcome::Close };
        let palette = Palette::of(ui);
        if self.command != Command::Rename {
            ui.add(eframe::egui::Label::new(RichText::new(&self.name).color(palette.text_muted)).truncate());
            ui.add_space(4.0);
        }
        let is_enter = self.command != Command::Trackers && ui.input(|input| input.key_pressed(Key::Enter));
        self.fields(ui, cx.is_local);
        let label = match self.command {
            Command::Rename => "Rename",
            Command::Move => "Move",
            Command::Trackers => "Add",
            _ => "Set",
        };
        let mut outcome = Outcome::Stay;
        let is_chosen = footer(ui, label, true, false, &mut outcome);
        if is_chosen || (is_enter && outcome == Outcome::Stay) {
            return self.submit(&mut cx);
        }
        outcome
    }
}
