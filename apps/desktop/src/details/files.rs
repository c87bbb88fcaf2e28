//! Files of a torrent as a tree, with priorities.

use super::is_there;
use crate::context::Cx;
use crate::look::{Icon, Palette, bar, menu_entry, one_line};
use eframe::egui::{
    Align2, Key, Pos2, Rect, Role, ScrollArea, Sense, Stroke, TextStyle, Ui, Vec2, WidgetInfo,
};
use std::collections::BTreeSet;
use ztor_api::{Action, File, FileChoice, FilePriority};
use ztor_view::format::{Count, Percent, Size};
use ztor_view::text::cleaned;
use ztor_view::tree::{Node, Tree};

const ROW: f32 = 27.0;
/// Priorities in the order of menus.
pub(crate) const PRIORITIES: [(FilePriority, &str); 4] = [
    (FilePriority::High, "High"),
    (FilePriority::Normal, "Normal"),
    (FilePriority::Low, "Low"),
    (FilePriority::Skip, "Skip"),
];

/// State of the tree.
#[derive(Debug, Default)]
pub(super) struct FilesView {
    tree: Tree,
    /// Torrent and version of the files from which the tree is made.
    made_of: Option<(u64, u64)>,
    closed: BTreeSet<String>,
    filter: String,
    renamed: Option<Renamed>,
}

/// A file or folder that gets another name.
#[derive(Debug)]
struct Renamed {
    path: String,
    name: String,
    is_focused: bool,
}

impl FilesView {
    /// Shows the files.
    pub(super) fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, id: u64) {
        let loaded = cx.front.details().files();
        if !is_there(ui, loaded) {
            return;
        }
        let version = loaded.version();
        let files: Vec<File> = loaded.value().cloned().unwrap_or_default();
        if self.made_of.is_none_or(|(torrent, _)| torrent != id) {
            (self.closed, self.renamed) = (BTreeSet::new(), None);
            self.filter.clear();
        }
        if self.made_of != Some((id, version)) {
            self.tree = Tree::new(files.iter().map(|file| (file.path.as_str(), file.size_bytes)));
            self.made_of = Some((id, version));
        }
        if files.is_empty() {
            ui.weak("The files are known when the metadata has arrived from peers.");
            return;
        }
        self.bar(ui, cx, id, &files);
        let words = self.filter.to_lowercase();
        let shown: Vec<usize> = if words.is_empty() {
            self.tree.shown(|node| self.closed.contains(&node.path))
        } else {
            let nodes = self.tree.nodes().iter().enumerate();
            let is_match = |node: &Node| node.file.is_some() && node.path.to_lowercase().contains(&words);
            nodes.filter(|(_, node)| is_match(node)).map(|(at, _)| at).collect()
        };
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().id_salt("files").auto_shrink(false).show_rows(
            ui,
            ROW,
            shown.len(),
            |ui, range| {
                for at in shown.get(range).unwrap_or_default() {
                    if let Some(node) = self.tree.nodes().get(*at).cloned() {
                        self.row(ui, cx, id, &node, &files);
                    }
                }
            },
        );
    }

    fn bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, id: u64, files: &[File]) {
        let palette = Palette::of(ui);
        ui.horizontal(|ui| {
            if let Some(Renamed { path, name, is_focused }) = &mut self.renamed {
                ui.label("New name");
                let response =
                    ui.add(crate::look::line_edit(name).desired_width(300.0)).accessible_name("New name");
                if !std::mem::replace(is_focused, true) {
                    response.request_focus();
                }
                let is_left = |key| response.lost_focus() && ui.input(|input| input.key_pressed(key));
                let (is_entered, is_ended) = (is_left(Key::Enter), is_left(Key::Escape));
                let is_good = !name.trim().is_empty() && !name.contains('/');
                let button = ui.add_enabled(is_good, eframe::egui::Button::new("Rename"));
                if is_good && (button.clicked() || is_entered) {
                    let to =
                        path.rsplit_once('/').map_or(name.clone(), |(folder, _)| format!("{folder}/{name}"));
                    cx.front.act(vec![id], Action::RenamePath { from: path.clone(), to }, "Rename");
                    self.renamed = None;
                } else if ui.button("Cancel").clicked() || is_ended {
                    self.renamed = None;
                } else if is_entered {
                    // The name cannot be used yet.
                    *is_focused = false;
                }
                return;
            }
            let edit =
                crate::look::line_edit(&mut self.filter).hint_text("Filter files").desired_width(220.0);
            ui.add(edit).accessible_name("Filter files");
            let wanted: Vec<&File> =
                files.iter().filter(|file| file.priority != FilePriority::Skip).collect();
            let size: u64 = wanted.iter().fold(0, |sum, file| sum.saturating_add(file.size_bytes));
            let text = format!("{} of {}, {}", wanted.len(), Count(files.len() as u64, "file"), Size(size));
            ui.colored_label(palette.text_muted, text);
        });
        ui.add_space(4.0);
    }

    fn row(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, id: u64, node: &Node, files: &[File]) {
        let palette = Palette::of(ui);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), ROW), Sense::CLICK);
        let name = cleaned(&node.name).into_owned();
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &name));
        if response.hovered() || response.context_menu_opened() {
            ui.painter().rect_filled(rect, 3.0, palette.hover);
        }
        ui.painter().hline(
            rect.x_range(),
            rect.bottom(),
            Stroke::new(1.0, palette.border.gamma_multiply(0.5)),
        );
        let of_node: Vec<&File> = node.files.iter().filter_map(|file| files.get(*file)).collect();
        let have: u64 = of_node.iter().fold(0, |sum, file| sum.saturating_add(file.have_bytes));
        let first = of_node.first().map(|file| file.priority);
        let priority = first.filter(|first| of_node.iter().all(|file| file.priority == *first));
        let is_skipped = priority == Some(FilePriority::Skip);
        let is_open = node.file.is_none() && !self.closed.contains(&node.path);
        let depth = if self.filter.is_empty() { node.depth } else { 0 };
        let mut left = rect.left() + 6.0 + 18.0 * depth as f32;
        let icon = |icon: Icon, left: &mut f32, color| {
            let place = Rect::from_min_size(Pos2::new(*left, rect.top()), Vec2::new(16.0, ROW));
            icon.paint(ui.painter(), place, 13.0, color);
            *left += 21.0;
        };
        if node.file.is_none() {
            icon(if is_open { Icon::Open } else { Icon::Right }, &mut left, palette.text_faint);
            icon(Icon::Folder, &mut left, palette.text_muted);
        } else {
            left += 21.0;
            icon(Icon::File, &mut left, palette.text_faint);
        }
        let color = if is_skipped { palette.text_faint } else { palette.text };
        let figures = rect.right() - 352.0;
        let font = TextStyle::Body.resolve(ui.style());
        let shown = if self.filter.is_empty() { &name } else { &cleaned(&node.path).into_owned() };
        let galley = one_line(ui.painter(), shown, font.clone(), color, (figures - left).max(40.0));
        ui.painter().galley(Pos2::new(left, rect.center().y - galley.size().y / 2.0), galley, color);
        let size = Size(node.size_bytes).to_string();
        let at = Pos2::new(figures + 80.0, rect.center().y);
        ui.painter().text(at, Align2::RIGHT_CENTER, size, font.clone(), palette.text_muted);
        let part = if node.size_bytes == 0 { 1.0 } else { have as f64 / node.size_bytes as f64 };
        let place =
            Rect::from_min_size(Pos2::new(figures + 96.0, rect.center().y - 3.0), Vec2::new(76.0, 6.0));
        let fill = if part >= 1.0 { palette.bar_done } else { palette.bar };
        bar(
            ui.painter(),
            place,
            part as f32,
            if is_skipped { palette.bar_paused } else { fill },
            palette.track,
        );
        let at = Pos2::new(figures + 228.0, rect.center().y);
        ui.painter().text(at, Align2::RIGHT_CENTER, Percent(part).to_string(), font, palette.text_muted);
        let place =
            Rect::from_min_max(Pos2::new(figures + 240.0, rect.top() + 1.0), rect.max - Vec2::new(2.0, 1.0));
        let mut child = ui.new_child(eframe::egui::UiBuilder::new().id_salt(&node.path).max_rect(place));
        if let Some(chosen) = priority_menu(&mut child, priority, &name) {
            set(cx, id, &of_node, chosen);
        }
        if response.clicked() && node.file.is_none() && !self.closed.remove(&node.path) {
            self.closed.insert(node.path.clone());
        }
        response.context_menu(|ui| {
            ui.set_width(180.0);
            for (priority_of, label) in PRIORITIES {
                if menu_entry(ui, None, label, "", true, Some(priority == Some(priority_of))).clicked() {
                    set(cx, id, &of_node, priority_of);
                    ui.close();
                }
            }
            ui.separator();
            if menu_entry(ui, Some(Icon::Edit), "Rename…", "", true, None).clicked() {
                let (path, name) = (node.path.clone(), node.name.clone());
                self.renamed = Some(Renamed { path, name, is_focused: false });
                ui.close();
            }
            if menu_entry(ui, Some(Icon::Copy), "Copy path", "", true, None).clicked() {
                ui.ctx().copy_text(node.path.clone());
                ui.close();
            }
        });
    }
}

/// Menu with the priority of a line. Returns the new one.
fn priority_menu(ui: &mut Ui, priority: Option<FilePriority>, name: &str) -> Option<FilePriority> {
    let label = |priority: FilePriority| {
        PRIORITIES.iter().find(|known| known.0 == priority).map_or("", |known| known.1)
    };
    let mut chosen = None;
    let combo = crate::look::combo("priority", None).width(96.0);
    ui.spacing_mut().interact_size.y = 22.0;
    ui.spacing_mut().button_padding.y = 2.0;
    let response = combo.selected_text(priority.map_or("Mixed", label)).show_ui(ui, |ui| {
        for (known, text) in PRIORITIES {
            if ui.selectable_label(priority == Some(known), text).clicked() {
                chosen = Some(known);
            }
        }
    });
    let _ = response.response.accessible_name(format!("Priority of {name}"));
    chosen
}

fn set(cx: &mut Cx<'_>, id: u64, files: &[&File], priority: FilePriority) {
    let files = files.iter().map(|file| FileChoice { index: file.index, priority }).collect();
    cx.front.act(vec![id], Action::SetFilePriorities { files }, "Set the priority");
}
