//! Settings of the daemon and of the app.

use super::edit::Editor;
use super::labels::LabelsPage;
use super::names;
use super::watch::WatchPage;
use super::{LABELS, appearance};
use crate::context::Cx;
use crate::details::is_there;
use crate::look::{Icon, Palette, section_title, wide_button};
use eframe::egui::{Panel, RichText, ScrollArea, Ui};
use std::time::Duration;
use ztor_api::Setting;
use ztor_client::tasks::Loaded;

/// Interval of requests: other front ends change settings too.
const EVERY: Duration = Duration::from_secs(10);
/// Names of the sections that are not a part of the settings table.
const WATCH: &str = "Watched folders";
const APPEARANCE: &str = "This app";

/// The page.
#[derive(Debug)]
pub(crate) struct SettingsPage {
    settings: Loaded<Vec<Setting>>,
    /// Section that is shown: a key of the settings table, or a name.
    section: String,
    search: String,
    editor: Editor,
    labels: LabelsPage,
    watch: WatchPage,
    /// Number of requests that had ended when the settings were requested.
    ended: u64,
}

impl Default for SettingsPage {
    fn default() -> Self {
        Self {
            settings: Loaded::default(),
            section: "folders".to_owned(),
            search: String::new(),
            editor: Editor::default(),
            labels: LabelsPage::default(),
            watch: WatchPage::default(),
            ended: 0,
        }
    }
}

impl SettingsPage {
    /// Chooses the section.
    pub(crate) fn choose(&mut self, section: &str) {
        section.clone_into(&mut self.section);
        self.search.clear();
    }

    /// Shows the page.
    pub(crate) fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if self.ended != cx.jobs.ended() || self.editor.poll() {
            self.ended = cx.jobs.ended();
            self.settings.expire();
        }
        self.settings.refresh(cx.front.tasks(), EVERY, |client| async move { client.settings().await });
        if let Some(due) = self.settings.due_in(EVERY) {
            ui.ctx().request_repaint_after(due);
        }
        let palette = Palette::of(ui);
        let frame = eframe::egui::Frame::new().inner_margin(eframe::egui::Margin {
            left: 0,
            right: 20,
            top: 0,
            bottom: 0,
        });
        Panel::left("sections")
            .exact_size(230.0)
            .resizable(false)
            .show_separator_line(false)
            .frame(frame)
            .show(ui, |ui| {
                self.sections(ui);
            });
        let frame = eframe::egui::Frame::new();
        eframe::egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            ScrollArea::vertical().id_salt(("settings", &self.section)).auto_shrink(false).show(ui, |ui| {
                ui.set_max_width(ui.available_width().min(820.0));
                if !self.search.trim().is_empty() {
                    self.found(ui, cx);
                    return;
                }
                let title = if self.section == LABELS || self.section == APPEARANCE {
                    self.section.clone()
                } else {
                    names::section(&self.section)
                };
                ui.label(RichText::new(title).heading());
                ui.add_space(4.0);
                match self.section.as_str() {
                    LABELS => self.labels.show(ui, cx),
                    APPEARANCE => appearance::show(ui, cx),
                    "watch" => {
                        self.watch.show(ui, cx);
                        ui.add_space(12.0);
                        ui.label(RichText::new("Scanning").color(palette.text_muted));
                        self.table(ui, cx, |setting| setting.section == "watch");
                    }
                    section => {
                        let section = section.to_owned();
                        self.table(ui, cx, move |setting| setting.section == section);
                    }
                }
            });
        });
    }

    fn sections(&mut self, ui: &mut Ui) {
        let edit = crate::look::line_edit(&mut self.search)
            .hint_text("Search settings")
            .desired_width(f32::INFINITY);
        ui.add(edit).accessible_name("Search settings");
        ui.add_space(6.0);
        let mut keys: Vec<String> = Vec::new();
        for setting in self.settings.value().map_or(&[][..], Vec::as_slice) {
            if !keys.contains(&setting.section) {
                keys.push(setting.section.clone());
            }
        }
        if !keys.iter().any(|key| key == "watch") {
            keys.push("watch".to_owned());
        }
        keys.sort_by_key(|key| names::section_place(key));
        ui.spacing_mut().item_spacing.y = 1.0;
        ScrollArea::vertical().id_salt("sections").show(ui, |ui| {
            section_title(ui, "Daemon");
            for key in keys {
                let label = if key == "watch" { WATCH.to_owned() } else { names::section(&key) };
                self.section_button(ui, &key, &label);
            }
            self.section_button(ui, LABELS, LABELS);
            ui.add_space(10.0);
            section_title(ui, "App");
            self.section_button(ui, APPEARANCE, APPEARANCE);
        });
    }

    fn section_button(&mut self, ui: &mut Ui, key: &str, label: &str) {
        let is_on = self.section == key && self.search.trim().is_empty();
        let palette = Palette::of(ui);
        let icon = match key {
            "folders" => Icon::Folder,
            "new" => Icon::Add,
            "queue" => Icon::Order,
            "goals" => Icon::Check,
            "limits" => Icon::Slow,
            "schedule" => Icon::Retry,
            "network" | "privacy" => Icon::Network,
            "watch" => Icon::Search,
            "api" => Icon::Server,
            "log" => Icon::Log,
            LABELS => Icon::Tag,
            APPEARANCE => Icon::Computer,
            _ => Icon::Settings,
        };
        if wide_button(ui, Some((icon, palette.text_faint)), label, "", 0.0, is_on).clicked() {
            self.choose(key);
        }
    }

    fn found(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let words: Vec<String> = self.search.to_lowercase().split_whitespace().map(str::to_owned).collect();
        ui.label(RichText::new("Search").heading());
        ui.add_space(4.0);
        self.table(ui, cx, move |setting| {
            let text =
                format!("{} {} {}", names::name(&setting.key), setting.key, setting.help).to_lowercase();
            words.iter().all(|word| text.contains(word))
        });
    }

    fn table(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, is_shown: impl Fn(&Setting) -> bool) {
        if !is_there(ui, &self.settings) {
            return;
        }
        let settings = self.settings.value().map_or(&[][..], Vec::as_slice);
        let palette = Palette::of(ui);
        let pending = settings.iter().filter(|setting| setting.is_pending).count();
        if pending > 0 {
            let text = ztor_view::format::Count(pending as u64, "change");
            ui.colored_label(palette.warn, format!("{text} will take effect when the daemon is restarted."));
        }
        let mut count = 0;
        for setting in settings.iter().filter(|setting| is_shown(setting)) {
            count += 1;
            self.editor.row(ui, cx, setting);
        }
        if count == 0 {
            ui.colored_label(
                palette.text_faint,
                "No setting matches. The search covers names, keys and descriptions.",
            );
        }
    }
}
