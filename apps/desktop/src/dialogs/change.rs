//! Changes of torrents that need a text: name, folder, category, limits, trackers.

use super::results::merged;
use super::{Dialog, DialogCx, Outcome, called, focus_once, footer};
use crate::context::Cx;
use crate::look::{Palette, field_label};
use crate::picker::Picker;
use eframe::egui::{Key, RichText, TextEdit, Ui};
use std::collections::BTreeMap;
use ztor_api::{Action, ActionResult, CategoryEdit, Limits, TrackerChange};
use ztor_daemon::units::{parse_limit, size_text};
use ztor_view::command::{Command, terms};

/// Dialog that changes something of torrents.
#[derive(Debug)]
pub(crate) struct ChangeDialog {
    command: Command,
    ids: Vec<u64>,
    name: String,
    first: Entry,
    /// The second field: the upload limit.
    second: Entry,
    categories: Vec<String>,
    error: Option<String>,
    is_focused: bool,
    picker: Picker,
}

/// A text that is edited.
#[derive(Debug, Default)]
struct Entry {
    text: String,
    /// True if the torrents have different values, or some of them are not loaded.
    is_mixed: bool,
    is_edited: bool,
}

impl Entry {
    /// Returns what an empty field shows.
    const fn hint(&self, usual: &'static str) -> &'static str {
        if self.is_mixed && !self.is_edited { "Different" } else { usual }
    }

    /// Replaces the text by a choice of the user.
    fn choose(&mut self, text: &str) {
        text.clone_into(&mut self.text);
        self.is_edited = true;
    }

    /// Returns the limit in the text; no text is none.
    fn limit(&self) -> Result<Option<u64>, String> {
        match self.text.trim() {
            "" => Ok(None),
            text => parse_limit(text).map(|limit| limit.0),
        }
    }
}

impl ChangeDialog {
    /// Creates it with the present values, if all torrents have the same.
    pub(crate) fn new(command: Command, ids: Vec<u64>, cx: &mut Cx<'_>) -> Self {
        let rows = cx.targets();
        let shared = |of: &dyn Fn(&ztor_api::Torrent) -> String| {
            let first = rows.first().map(|row| of(row)).unwrap_or_default();
            let is_mixed = rows.len() < ids.len() || rows.iter().any(|row| of(row) != first);
            Entry { text: if is_mixed { String::new() } else { first }, is_mixed, is_edited: false }
        };
        let limit =
            |limit: Option<u64>| limit.map(|limit| format!("{}/s", size_text(limit))).unwrap_or_default();
        let (first, second) = match command {
            Command::Rename => (shared(&|row| row.name.clone()), Entry::default()),
            Command::Move => (shared(&|row| row.dir.clone()), Entry::default()),
            Command::Category => (shared(&|row| row.category.clone().unwrap_or_default()), Entry::default()),
            Command::Limits => {
                (shared(&|row| limit(row.limits.down_per_s)), shared(&|row| limit(row.limits.up_per_s)))
            }
            _ => (Entry::default(), Entry::default()),
        };
        let categories = cx.front.categories().iter().map(|category| category.path.clone()).collect();
        let name = called(cx, &ids);
        let picker = Picker::default();
        Self { command, ids, name, first, second, categories, error: None, is_focused: false, picker }
    }

    /// Asks for the change. An error says what is wrong with the texts.
    fn begin(&self, cx: &mut Cx<'_>) -> Result<(), String> {
        let text = self.first.text.trim();
        let action = match self.command {
            Command::Rename if text.chars().any(char::is_control) => {
                return Err("A name has no control characters.".to_owned());
            }
            Command::Rename => Action::Rename { name: text.to_owned() },
            Command::Move if !text.starts_with('/') => {
                return Err("Enter an absolute path, such as /srv/torrents.".to_owned());
            }
            Command::Move => Action::Move { dir: text.to_owned() },
            Command::Category => {
                self.set_category(cx, text);
                return Ok(());
            }
            Command::Limits => return self.set_limits(cx),
            _ => {
                let add: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
                if add.is_empty() {
                    return Err("Enter at least one announce URL.".to_owned());
                }
                Action::EditTrackers(TrackerChange { add, ..TrackerChange::default() })
            }
        };
        cx.front.act(self.ids.clone(), action, self.command.label());
        Ok(())
    }

    /// Sets the category, which is created if there is none of this name. One that was not edited stays.
    fn set_category(&self, cx: &mut Cx<'_>, path: &str) {
        if !self.first.is_edited {
            return;
        }
        let category = (!path.is_empty()).then(|| path.to_owned());
        let new = category.clone().filter(|path| !self.categories.contains(path));
        let action = Action::SetCategory { category };
        let Some(path) = new else {
            return cx.front.act(self.ids.clone(), action, self.command.label());
        };
        let terms = terms(self.ids.clone());
        cx.front.act_by(self.command.label(), |client| async move {
            client.put_category(&path, &CategoryEdit::default()).await?;
            client.act(terms, action).await
        });
    }

    /// Sets the limits that were edited. The daemon gets both at a time: the other one stays as each torrent has it.
    fn set_limits(&self, cx: &mut Cx<'_>) -> Result<(), String> {
        let down = self.first.is_edited.then(|| self.first.limit()).transpose()?;
        let up = self.second.is_edited.then(|| self.second.limit()).transpose()?;
        if let (Some(down_per_s), Some(up_per_s)) = (down, up) {
            let action = Action::SetLimits(Limits { down_per_s, up_per_s });
            cx.front.act(self.ids.clone(), action, self.command.label());
            return Ok(());
        }
        if down.is_none() && up.is_none() {
            return Ok(());
        }
        let snapshot = cx.front.snapshot();
        let mut groups = BTreeMap::<(Option<u64>, Option<u64>), Vec<u64>>::new();
        for row in self.ids.iter().filter_map(|id| snapshot.torrent(*id)) {
            let limits = (down.unwrap_or(row.limits.down_per_s), up.unwrap_or(row.limits.up_per_s));
            groups.entry(limits).or_default().push(row.id);
        }
        let loaded: usize = groups.values().map(Vec::len).sum();
        if loaded < self.ids.len() {
            return Err(format!(
                "Only {loaded} of {} torrents are loaded. Set both limits, or select fewer.",
                self.ids.len()
            ));
        }
        cx.front.act_by(self.command.label(), |client| async move {
            let mut result = ActionResult::default();
            for ((down_per_s, up_per_s), ids) in groups {
                let action = Action::SetLimits(Limits { down_per_s, up_per_s });
                result = merged(result, client.act(terms(ids), action).await?);
            }
            Ok(result)
        });
        Ok(())
    }

    /// Shows the fields. Returns true if Enter was pressed in one of a single line.
    fn fields(&mut self, ui: &mut Ui, is_local: bool) -> bool {
        let width = ui.available_width();
        let mut is_entered = false;
        let mut single = |ui: &mut Ui, entry: &mut Entry, label: &str, hint: &'static str| {
            let label_response = field_label(ui, label);
            let hint = entry.hint(hint);
            let edit = crate::look::line_edit(&mut entry.text).hint_text(hint).desired_width(width);
            let response = ui.add(edit).labelled_by(label_response.id);
            focus_once(&response, &mut self.is_focused);
            entry.is_edited |= response.changed();
            is_entered |= response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        };
        match self.command {
            Command::Rename => single(ui, &mut self.first, "Name", "Name of the torrent"),
            Command::Move => {
                if let Some(folder) = self.picker.poll().into_iter().next() {
                    self.first.choose(&folder.display().to_string());
                }
                single(ui, &mut self.first, "Folder", "/srv/torrents");
                if is_local && ui.button("Choose…").clicked() {
                    self.picker.choose_folder(ui.ctx(), &self.first.text);
                }
                hint(
                    ui,
                    "Files are moved while the torrents go on. The folder is created if it does not exist.",
                );
            }
            Command::Category => {
                single(ui, &mut self.first, "Category", "None");
                self.known_categories(ui);
            }
            Command::Limits => {
                single(ui, &mut self.first, "Download limit", "No limit");
                single(ui, &mut self.second, "Upload limit", "No limit");
                hint(ui, "For example 500 KiB/s or 2 MiB/s. Leave it empty for no limit.");
                if self.first.is_mixed || self.second.is_mixed {
                    hint(ui, "Different limits stay as they are, unless you enter one. `unlimited` is none.");
                }
            }
            _ => {
                let label = field_label(ui, "Announce URLs");
                let edit = TextEdit::multiline(&mut self.first.text).desired_rows(4).desired_width(width);
                let response =
                    ui.add(edit.hint_text("https://tracker.example/announce")).labelled_by(label.id);
                focus_once(&response, &mut self.is_focused);
                hint(ui, "One per line. Each begins a tier at the end.");
            }
        }
        if let Some(error) = &self.error {
            ui.colored_label(Palette::of(ui).danger, error);
        }
        is_entered
    }

    /// Shows the categories to choose from.
    fn known_categories(&mut self, ui: &mut Ui) {
        let entry = &mut self.first;
        crate::look::combo("Existing categories", Some("Existing categories"))
            .selected_text("Choose")
            .show_ui(ui, |ui| {
                if ui.selectable_label(entry.text.is_empty() && !entry.is_mixed, "None").clicked() {
                    entry.choose("");
                }
                for path in &self.categories {
                    let shown = ztor_view::text::cleaned(path);
                    if ui.selectable_label(entry.text == *path, &*shown).clicked() {
                        entry.choose(path);
                    }
                }
            });
        let path = entry.text.trim();
        let is_new = !path.is_empty() && !self.categories.iter().any(|known| known == path);
        hint(ui, if is_new { "This category is created." } else { "Files stay where they are." });
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
        let is_entered = self.fields(ui, cx.is_local);
        let label = match self.command {
            Command::Rename => "Rename",
            Command::Move => "Move",
            Command::Trackers => "Add",
            _ => "Set",
        };
        let mut outcome = Outcome::Stay;
        let is_chosen = footer(ui, label, true, false, &mut outcome);
        if !is_chosen && (!is_entered || outcome == Outcome::Close) {
            return outcome;
        }
        match self.begin(&mut cx) {
            Ok(()) => Outcome::Close,
            Err(error) => {
                self.error = Some(error);
                self.is_focused = false;
                Outcome::Stay
            }
        }
    }
}
