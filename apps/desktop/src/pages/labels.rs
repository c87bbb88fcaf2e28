//! Categories and tags.

use crate::context::{Cx, Intent};
use crate::dialogs::ConfirmDialog;
use crate::look::{Icon, Palette, field_label, icon_button};
use eframe::egui::{Align, Button, Key, Label, Layout, RichText, Ui};
use ztor_api::{Category, CategoryEdit, Limits};
use ztor_daemon::units::{parse_limit, size_text};
use ztor_view::format::Count;
use ztor_view::text::cleaned;

/// A category that is edited.
#[derive(Debug, Clone)]
struct Edit {
    /// Path before the change; `None` for a new one.
    from: Option<String>,
    path: String,
    save_path: String,
    down: String,
    up: String,
    present: CategoryEdit,
    error: Option<String>,
}

/// The section.
#[derive(Debug, Default)]
pub(super) struct LabelsPage {
    edit: Option<Edit>,
    /// Tag that is renamed, and its new name.
    renamed: Option<(String, String)>,
    new_tag: String,
}

impl LabelsPage {
    /// Shows the section.
    pub(super) fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let palette = Palette::of(ui);
        ui.label(
            RichText::new("A torrent has at most one category. Its folder and limits apply to its torrents and to the categories below.")
                .small()
                .color(palette.text_muted),
        );
        let categories: Vec<Category> = cx.front.categories().to_vec();
        for category in &categories {
            self.category(ui, cx, category);
        }
        if categories.is_empty() {
            ui.weak("No categories yet.");
        }
        if self.edit.is_some() {
            self.edit(ui, cx);
        } else if ui.button("New category").clicked() {
            self.edit = Some(Edit::of(None));
        }
        ui.add_space(16.0);
        ui.label(RichText::new("Tags").heading());
        self.tags(ui, cx);
    }

    fn category(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, category: &Category) {
        let palette = Palette::of(ui);
        ui.horizontal(|ui| {
            ui.add_space(16.0 * category.path.matches('/').count() as f32);
            crate::look::icon_label(ui, Icon::Folder, palette.text_faint);
            let path = cleaned(&category.path).into_owned();
            ui.label(path.rsplit('/').next().unwrap_or(&path));
            let folder = category.effective_save_path.as_deref().map(cleaned).unwrap_or_default();
            let limits = limits_text(&category.limits);
            let text = format!("{}  {folder}{limits}", Count(category.torrents as u64, "torrent"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if icon_button(ui, Icon::Remove, &format!("Remove {path}"), true).clicked() {
                    let text = format!(
                        "{} lose their category. Categories below it are removed too. Files stay where they are.",
                        Count(category.torrents as u64, "torrent")
                    );
                    let (title, done) = (format!("Remove the category {path}?"), format!("Category {path} removed"));
                    let path = category.path.clone();
                    let request = |client: ztor_client::Client| async move { client.remove_category(&path).await };
                    cx.ask(Intent::Open(Box::new(ConfirmDialog::new(title, text, "Remove", done, request))));
                }
                if icon_button(ui, Icon::Edit, &format!("Edit {path}"), true).clicked() {
                    self.edit = Some(Edit::of(Some(category)));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Label::new(RichText::new(text).small().color(palette.text_faint)).truncate());
                });
            });
        });
    }

    fn edit(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let palette = Palette::of(ui);
        let Some(edit) = &mut self.edit else { return };
        let mut is_ended = false;
        ui.add_space(8.0);
        eframe::egui::Frame::group(ui.style()).inner_margin(12.0).show(ui, |ui| {
            ui.label(if edit.from.is_some() { "Edit the category" } else { "New category" });
            for (label, text, hint) in [
                ("Path", &mut edit.path, "video/series"),
                ("Download folder", &mut edit.save_path, "In that of the category above"),
                ("Download limit of all its torrents", &mut edit.down, "No limit"),
                ("Upload limit of all its torrents", &mut edit.up, "No limit"),
            ] {
                let label = field_label(ui, label);
                ui.add(crate::look::line_edit(text).hint_text(hint).desired_width(380.0))
                    .labelled_by(label.id);
            }
            if let Some(error) = &edit.error {
                ui.colored_label(palette.danger, error);
            }
            ui.horizontal(|ui| {
                let is_good = !edit.path.trim().is_empty();
                if ui.add_enabled(is_good, Button::new("Save category")).clicked() {
                    match edit.begin(cx) {
                        Ok(()) => is_ended = true,
                        Err(error) => edit.error = Some(error),
                    }
                }
                if ui.button("Cancel").clicked() {
                    is_ended = true;
                }
            });
        });
        if is_ended {
            self.edit = None;
        }
    }

    fn tags(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let palette = Palette::of(ui);
        let tags = cx.front.tags().to_vec();
        if tags.is_empty() {
            ui.weak("No tags yet. Tags group torrents across categories.");
        }
        for tag in &tags {
            let name = cleaned(&tag.name).into_owned();
            if let Some((_, new)) = self.renamed.as_mut().filter(|(from, _)| *from == tag.name) {
                let mut is_ended = false;
                ui.horizontal(|ui| {
                    let response = ui
                        .add(crate::look::line_edit(new).desired_width(220.0))
                        .accessible_name("New name of the tag");
                    let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
                    if (ui.button("Rename").clicked() || is_entered) && !new.trim().is_empty() {
                        let (from, to) = (tag.name.clone(), new.trim().to_owned());
                        let request =
                            |client: ztor_client::Client| async move { client.rename_tag(&from, &to).await };
                        cx.jobs.begin(cx.front.tasks(), "Tag renamed", request);
                        is_ended = true;
                    }
                    is_ended |= ui.button("Cancel").clicked();
                });
                if is_ended {
                    self.renamed = None;
                }
                continue;
            }
            ui.horizontal(|ui| {
                crate::look::icon_label(ui, Icon::Tag, palette.text_faint);
                ui.label(&name);
                ui.label(
                    RichText::new(Count(tag.torrents as u64, "torrent").to_string())
                        .small()
                        .color(palette.text_faint),
                );
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if icon_button(ui, Icon::Remove, &format!("Remove the tag {name}"), true).clicked() {
                        let text = format!("{} lose the tag.", Count(tag.torrents as u64, "torrent"));
                        let (title, done) =
                            (format!("Remove the tag {name}?"), format!("Tag {name} removed"));
                        let name = tag.name.clone();
                        let request =
                            |client: ztor_client::Client| async move { client.remove_tag(&name).await };
                        cx.ask(Intent::Open(Box::new(ConfirmDialog::new(
                            title, text, "Remove", done, request,
                        ))));
                    }
                    if icon_button(ui, Icon::Edit, &format!("Rename the tag {name}"), true).clicked() {
                        self.renamed = Some((tag.name.clone(), tag.name.clone()));
                    }
                });
            });
        }
        ui.horizontal(|ui| {
            let edit = crate::look::line_edit(&mut self.new_tag).hint_text("New tag").desired_width(220.0);
            let response = ui.add(edit).accessible_name("New tag");
            let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let is_good = !self.new_tag.trim().is_empty();
            if (ui.add_enabled(is_good, Button::new("Create tag")).clicked() || is_entered) && is_good {
                let name = std::mem::take(&mut self.new_tag).trim().to_owned();
                let done = format!("Tag {name} created");
                cx.jobs.begin(cx.front.tasks(), done, |client| async move { client.create_tag(&name).await });
            }
        });
    }
}

fn limits_text(limits: &Limits) -> String {
    let one = |name: &str, limit: Option<u64>| {
        limit.map(|limit| format!(", {name} {}/s", size_text(limit))).unwrap_or_default()
    };
    format!("{}{}", one("down", limits.down_per_s), one("up", limits.up_per_s))
}

impl Edit {
    fn of(category: Option<&Category>) -> Self {
        let limit =
            |limit: Option<u64>| limit.map(|limit| format!("{}/s", size_text(limit))).unwrap_or_default();
        let limits = category.map(|category| category.limits).unwrap_or_default();
        let save_path = category.and_then(|category| category.save_path.clone());
        Self {
            from: category.map(|category| category.path.clone()),
            path: category.map(|category| category.path.clone()).unwrap_or_default(),
            save_path: save_path.clone().unwrap_or_default(),
            down: limit(limits.down_per_s),
            up: limit(limits.up_per_s),
            present: CategoryEdit {
                save_path,
                limits,
                goals: category.map(|category| category.goals).unwrap_or_default(),
            },
            error: None,
        }
    }

    fn begin(&self, cx: &mut Cx<'_>) -> Result<(), String> {
        let limit = |text: &str| match text.trim() {
            "" => Ok(None),
            text => parse_limit(text).map(|limit| limit.0),
        };
        let limits = Limits { down_per_s: limit(&self.down)?, up_per_s: limit(&self.up)? };
        let save_path = (!self.save_path.trim().is_empty()).then(|| self.save_path.trim().to_owned());
        let edit = CategoryEdit { save_path, limits, ..self.present.clone() };
        let (from, path) = (self.from.clone(), self.path.trim().to_owned());
        let done = format!("Category {path} saved");
        cx.jobs.begin(cx.front.tasks(), done, |client| async move {
            if let Some(from) = from.filter(|from| *from != path) {
                client.rename_category(&from, &path).await?;
            }
            client.put_category(&path, &edit).await
        });
        Ok(())
    }
}
