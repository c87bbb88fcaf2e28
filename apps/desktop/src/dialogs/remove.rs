//! Removal of torrents.

use super::{Dialog, DialogCx, Outcome, called, footer};
use crate::context::Cx;
use crate::look::Palette;
use eframe::egui::{Label, RichText, Ui};
use ztor_api::{Action, DataChoice, Setting, SettingValue};
use ztor_client::tasks::Pending;
use ztor_view::format::{Count, Size};

/// Dialog to remove torrents.
#[derive(Debug)]
pub(crate) struct RemoveDialog {
    ids: Vec<u64>,
    name: String,
    /// Size of the files, if all torrents are loaded.
    size: Option<u64>,
    data: DataChoice,
    trash: Pending<Setting>,
    has_trash: Option<bool>,
    /// True while the loss of the files is to be confirmed.
    is_asked: bool,
}

impl RemoveDialog {
    /// Creates it.
    pub(crate) fn new(ids: Vec<u64>, cx: &mut Cx<'_>) -> Self {
        let rows = cx.targets();
        let have = |row: &ztor_api::Torrent| row.size_bytes.saturating_sub(row.left_bytes);
        let size = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(have(row)));
        let trash = cx.front.tasks().ask(|client| async move { client.setting("trash_dir").await });
        Self {
            name: called(cx, &ids),
            size: (rows.len() == ids.len()).then_some(size),
            ids,
            data: DataChoice::Keep,
            trash,
            has_trash: None,
            is_asked: false,
        }
    }

    fn question(&self) -> String {
        let size = self.size.map(|size| format!(" ({})", Size(size))).unwrap_or_default();
        let subject = if self.ids.len() == 1 {
            format!("{} leaves the list, and its files{size} are deleted.", self.name)
        } else {
            format!(
                "{} leave the list, and their files{size} are deleted.",
                Count(self.ids.len() as u64, "torrent")
            )
        };
        format!("{subject} They cannot be restored.")
    }
}

impl Dialog for RemoveDialog {
    fn title(&self) -> String {
        if self.is_asked {
            return "Delete the files for good?".to_owned();
        }
        match self.ids.len() {
            1 => "Remove the torrent".to_owned(),
            count => format!("Remove {}", Count(count as u64, "torrent")),
        }
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut DialogCx<'_>) -> Outcome {
        let mut outcome = Outcome::Stay;
        if let Some(result) = self.trash.poll() {
            self.has_trash = Some(result.is_ok_and(|setting| !matches!(setting.value, SettingValue::None)));
        }
        let palette = Palette::of(ui);
        if self.is_asked {
            ui.add(Label::new(self.question()).wrap());
            if footer(ui, "Delete files", true, true, &mut outcome) {
                self.remove(cx);
            }
            return outcome;
        }
        ui.add(Label::new(RichText::new(&self.name).strong()).wrap());
        ui.add_space(8.0);
        let choices = [
            (DataChoice::Keep, "Keep the files", "Only the list changes."),
            (
                DataChoice::Trash,
                "Move the files to the trash",
                "They go to the trash folder of the settings.",
            ),
            (DataChoice::Delete, "Delete the files", "Frees the space on the disk."),
        ];
        ui.spacing_mut().interact_size.y = 22.0;
        ui.spacing_mut().item_spacing.y = 2.0;
        for (choice, label, hint) in choices {
            let is_enabled = choice != DataChoice::Trash || self.has_trash == Some(true);
            let hint = if choice == DataChoice::Trash && self.has_trash == Some(false) {
                "Set a trash folder in the settings first."
            } else {
                hint
            };
            ui.add_enabled_ui(is_enabled, |ui| {
                let radio = eframe::egui::RadioButton::new(self.data == choice, label);
                if ui.add(radio).clicked() {
                    self.data = choice;
                }
            });
            ui.horizontal(|ui| {
                ui.spacing_mut().interact_size.y = 16.0;
                ui.add_space(24.0);
                ui.label(RichText::new(hint).small().color(palette.text_faint));
            });
            ui.add_space(8.0);
        }
        ui.reset_style();
        let is_danger = self.data == DataChoice::Delete;
        let mut next = Outcome::Stay;
        let is_enter = ui.input(|input| input.key_pressed(eframe::egui::Key::Enter))
            && ui.memory(|memory| memory.focused().is_none());
        let is_chosen =
            footer(ui, if is_danger { "Delete files…" } else { "Remove" }, true, is_danger, &mut next);
        if is_chosen || (is_enter && next == Outcome::Stay) {
            if is_danger {
                self.is_asked = true;
            } else {
                self.remove(cx);
                outcome = Outcome::Close;
            }
        } else if next == Outcome::Close {
            outcome = Outcome::Close;
        }
        outcome
    }
}

impl RemoveDialog {
    fn remove(&self, cx: &mut DialogCx<'_>) {
        if let Some(front) = &mut cx.front {
            front.act(self.ids.clone(), Action::Remove { data: self.data }, "Remove");
        }
    }
}
