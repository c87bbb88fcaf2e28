//! Watched folders.

use crate::context::{Cx, Intent};
use crate::details::is_there;
use crate::dialogs::ConfirmDialog;
use crate::look::{Icon, Palette, field_label, icon_button, icon_label};
use eframe::egui::{Align, Button, Label, Layout, RichText, Ui};
use std::time::Duration;
use ztor_api::{WatchFolder, WatchFolderEdit, WatchLoaded};
use ztor_client::tasks::Loaded;
use ztor_view::format::Count;
use ztor_view::text::cleaned;

const EVERY: Duration = Duration::from_secs(5);
const LOADED: [(WatchLoaded, &str); 3] = [
    (WatchLoaded::Rename, "Rename them"),
    (WatchLoaded::Delete, "Delete them"),
    (WatchLoaded::Keep, "Keep them"),
];

/// A folder that is edited.
#[derive(Debug, Clone, Default)]
struct Edit {
    is_new: bool,
    dir: String,
    category: String,
    tags: String,
    save_path: String,
    settings: WatchFolderEdit,
}

/// The section.
#[derive(Debug, Default)]
pub(super) struct WatchPage {
    folders: Loaded<Vec<WatchFolder>>,
    edit: Option<Edit>,
    ended: u64,
}

impl WatchPage {
    /// Shows the section.
    pub(super) fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let palette = Palette::of(ui);
        if self.ended != cx.jobs.ended() {
            self.ended = cx.jobs.ended();
            self.folders.expire();
        }
        self.folders.refresh(cx.front.tasks(), EVERY, |client| async move { client.watch_folders().await });
        if let Some(due) = self.folders.due_in(EVERY) {
            ui.ctx().request_repaint_after(due);
        }
        let text =
            "Torrent files and magnet files that appear in these folders of the daemon's machine are added.";
        ui.label(RichText::new(text).small().color(palette.text_muted));
        if !is_there(ui, &self.folders) {
            return;
        }
        let folders: Vec<WatchFolder> = self.folders.value().cloned().unwrap_or_default();
        if folders.is_empty() {
            ui.weak("No folder is watched.");
        }
        for folder in &folders {
            self.folder(ui, cx, folder);
        }
        if self.edit.is_some() {
            self.edit(ui, cx);
            return;
        }
        ui.horizontal(|ui| {
            if ui.button("Watch a folder").clicked() {
                self.edit = Some(Edit { is_new: true, ..Edit::default() });
            }
            if !folders.is_empty() && ui.button("Scan now").clicked() {
                let done = "The folders are being scanned";
                cx.jobs.begin(
                    cx.front.tasks(),
                    done,
                    |client| async move { client.scan_watch_folders().await },
                );
            }
        });
    }

    fn folder(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, folder: &WatchFolder) {
        let palette = Palette::of(ui);
        let dir = cleaned(&folder.dir).into_owned();
        ui.horizontal(|ui| {
            icon_label(ui, Icon::Folder, palette.text_faint);
            ui.label(&dir);
            let text = format!("{} added since the start", Count(folder.added, "torrent"));
            ui.label(RichText::new(text).small().color(palette.text_faint));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if icon_button(ui, Icon::Remove, &format!("Stop watching {dir}"), true).clicked() {
                    let (title, done) =
                        (format!("Stop watching {dir}?"), format!("{dir} is no longer watched"));
                    let path = folder.dir.clone();
                    let request =
                        |client: ztor_client::Client| async move { client.remove_watch_folder(&path).await };
                    let text = "Its torrents stay in the list.";
                    cx.ask(Intent::Open(Box::new(ConfirmDialog::new(
                        title,
                        text,
                        "Stop watching",
                        done,
                        request,
                    ))));
                }
                if icon_button(ui, Icon::Edit, &format!("Edit {dir}"), true).clicked() {
                    self.edit = Some(Edit {
                        is_new: false,
                        dir: folder.dir.clone(),
                        category: folder.category.clone().unwrap_or_default(),
                        tags: folder.tags.join(", "),
                        save_path: folder.save_path.clone().unwrap_or_default(),
                        settings: folder.settings(),
                    });
                }
            });
        });
        let problems = folder.problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
        for text in folder.error.clone().into_iter().chain(problems.take(5)) {
            let text = cleaned(&text).into_owned();
            ui.add(Label::new(RichText::new(text).small().color(palette.danger)).wrap());
        }
    }

    fn edit(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(edit) = &mut self.edit else { return };
        let mut is_ended = false;
        ui.add_space(8.0);
        eframe::egui::Frame::group(ui.style()).inner_margin(12.0).show(ui, |ui| {
            for (label, text, hint, is_enabled) in [
                ("Folder to watch", &mut edit.dir, "/srv/watch", edit.is_new),
                ("Category", &mut edit.category, "None", true),
                ("Tags", &mut edit.tags, "With commas between them", true),
                ("Download folder", &mut edit.save_path, "That of the category or the settings", true),
            ] {
                let label = field_label(ui, label);
                let field = crate::look::line_edit(text).hint_text(hint).desired_width(380.0);
                ui.add_enabled(is_enabled, field).labelled_by(label.id);
            }
            ui.checkbox(&mut edit.settings.recursive, "Watch the folders in it too");
            ui.checkbox(
                &mut edit.settings.subfolder_as_category,
                "Take the path of the subfolder as category",
            );
            let mut is_paused = edit.settings.paused == Some(true);
            if ui.checkbox(&mut is_paused, "Leave its torrents stopped").changed() {
                edit.settings.paused = is_paused.then_some(true);
            }
            let label =
                LOADED.iter().find(|known| known.0 == edit.settings.loaded).map_or("", |known| known.1);
            crate::look::combo("Files after loading", Some("Files after loading"))
                .selected_text(label)
                .show_ui(ui, |ui| {
                    for (loaded, label) in LOADED {
                        ui.selectable_value(&mut edit.settings.loaded, loaded, label);
                    }
                });
            ui.horizontal(|ui| {
                let is_good = edit.dir.trim().starts_with('/');
                if ui.add_enabled(is_good, Button::new("Save folder")).clicked() {
                    edit.begin(cx);
                    is_ended = true;
                }
                is_ended |= ui.button("Cancel").clicked();
            });
        });
        if is_ended {
            self.edit = None;
        }
    }
}

impl Edit {
    fn begin(&self, cx: &mut Cx<'_>) {
        let text = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let settings = WatchFolderEdit {
            category: text(&self.category),
            tags: self.tags.split(',').filter_map(text).collect(),
            save_path: text(&self.save_path),
            ..self.settings.clone()
        };
        let dir = self.dir.trim().to_owned();
        let done = format!("{dir} is watched");
        cx.jobs.begin(cx.front.tasks(), done, |client| async move {
            client.put_watch_folder(&dir, &settings).await
        });
    }
}
