//! Adds torrents: links and torrent files, with a preview and options.

use super::add_preview::{Item, preview};
use super::change::hint;
use super::{Dialog, DialogCx, Outcome, focus_once, footer};
use crate::context::Cx;
use crate::look::{Icon, Palette, field_label, icon_button, one_line};
use crate::picker::Picker;
use crate::reader::{Named, Reader};
use crate::source::{self, Source};
use eframe::egui::{RichText, Role, ScrollArea, Sense, TextEdit, TextStyle, Ui, Vec2, WidgetInfo};
use std::time::{Duration, Instant};
use ztor_api::{AddOptions, AddRequest, AddSource};
use ztor_view::format::{Count, Size};

/// Time after a change of the text until links are looked into: what is typed is not fetched letter by letter.
const QUIET: Duration = Duration::from_millis(600);
/// Largest size of the torrents in one request, in bytes of their text: the daemon refuses much more.
const REQUEST: usize = 32 << 20;
/// Number of torrents that are looked into without being asked.
const PREVIEWS: usize = 12;

/// Dialog that adds torrents.
#[derive(Debug)]
pub(crate) struct AddDialog {
    text: String,
    items: Vec<Item>,
    selected: usize,
    options: Options,
    changed_at: Instant,
    problems: Vec<String>,
    /// Number of torrents in the text that are too many.
    left_out: usize,
    is_focused: bool,
    files: Picker,
    folder: Picker,
    reader: Reader,
}

#[derive(Debug, Default)]
struct Options {
    dir: String,
    category: String,
    tags: String,
    is_paused: bool,
    is_sequential: bool,
    to_top: bool,
}

impl AddDialog {
    /// Creates it with torrents that are known already.
    pub(crate) fn new(sources: Vec<Source>) -> Self {
        let now = Instant::now();
        let mut dialog = Self {
            text: String::new(),
            items: Vec::new(),
            selected: 0,
            options: Options::default(),
            changed_at: now.checked_sub(QUIET).unwrap_or(now),
            problems: Vec::new(),
            left_out: 0,
            is_focused: false,
            files: Picker::default(),
            folder: Picker::default(),
            reader: Reader::default(),
        };
        dialog.put(sources);
        dialog
    }

    fn put(&mut self, sources: Vec<Source>) {
        let mut left_out = 0;
        for source in sources {
            if self.items.iter().any(|item| item.is_of(&source)) {
                continue;
            }
            if self.items.len() < source::MOST {
                self.items.push(Item::new(source, false));
            } else {
                left_out += 1;
            }
        }
        if left_out > 0 {
            self.problems.push(source::too_many(left_out));
        }
    }

    /// Makes the torrents that the text names follow the text.
    fn follow_text(&mut self) {
        self.changed_at = Instant::now();
        let (named, mut left_out) = source::in_text(&self.text);
        self.items.retain(|item| !item.is_typed() || named.iter().any(|source| item.is_of(source)));
        for source in named {
            if self.items.iter().any(|item| item.is_of(&source)) {
                continue;
            }
            if self.items.len() < source::MOST {
                self.items.push(Item::new(source, true));
            } else {
                left_out += 1;
            }
        }
        self.left_out = left_out;
        self.selected = self.selected.min(self.items.len().saturating_sub(1));
    }

    /// Reads the files that were chosen, and takes over those that are read.
    fn read_files(&mut self, cx: &Cx<'_>) {
        let chosen = self.files.poll().into_iter().map(Named::File).collect();
        self.reader.begin(chosen, cx.front.tasks().wake().clone());
        for (sources, problems) in self.reader.poll() {
            self.put(sources);
            self.problems.extend(problems);
        }
    }

    fn submit(&mut self, cx: &mut Cx<'_>) {
        let text = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let options = AddOptions {
            dir: text(&self.options.dir),
            category: text(&self.options.category),
            tags: self.options.tags.split(',').filter_map(text).collect(),
            paused: self.options.is_paused.then_some(true),
            sequential: self.options.is_sequential.then_some(true),
            to_top: self.options.to_top.then_some(true),
            ..AddOptions::default()
        };
        // File choices differ from one torrent to the next; all others share their requests.
        let (chosen, plain): (Vec<&Item>, Vec<&Item>) = self.items.iter().partition(|item| item.has_choice());
        for item in chosen {
            let options = AddOptions { files: item.choices(), ..options.clone() };
            cx.front.add(AddRequest { sources: vec![item.source().clone()], options });
        }
        for sources in batches(plain.into_iter().map(|item| item.source().clone()), REQUEST) {
            cx.front.add(AddRequest { sources, options: options.clone() });
        }
    }

    fn sources(&mut self, ui: &mut Ui) {
        let palette = Palette::of(ui);
        let label = field_label(ui, "Magnet links, info-hashes and URLs");
        let edit = TextEdit::multiline(&mut self.text).desired_rows(3).desired_width(f32::INFINITY);
        let response = ScrollArea::vertical()
            .id_salt("links")
            .max_height(84.0)
            .show(ui, |ui| ui.add(edit.hint_text("magnet:?xt=urn:btih:…")).labelled_by(label.id))
            .inner;
        focus_once(&response, &mut self.is_focused);
        if response.changed() {
            self.follow_text();
        }
        ui.horizontal(|ui| {
            if ui.button("Choose torrent files…").clicked() {
                self.files.choose_files(ui.ctx());
            }
            ui.label(RichText::new("Or drop files onto the window.").small().color(palette.text_faint));
        });
        let too_many = (self.left_out > 0).then(|| source::too_many(self.left_out));
        for problem in self.problems.iter().chain(&too_many) {
            ui.colored_label(palette.danger, problem);
        }
        let mut dropped = None;
        let rows = self.items.len();
        if rows > 0 {
            ui.add_space(4.0);
            let height = if rows == 1 { 32.0 } else { 96.0 };
            ScrollArea::vertical()
                .id_salt("sources")
                .max_height(height)
                .auto_shrink([false, true])
                .show_rows(ui, 28.0, rows, |ui, range| {
                    for index in range {
                        let Some(item) = self.items.get(index) else { continue };
                        let (is_chosen, is_dropped) = item_row(ui, item, self.selected == index);
                        if is_chosen {
                            self.selected = index;
                        }
                        if is_dropped {
                            dropped = Some(index);
                        }
                    }
                });
        }
        if let Some(index) = dropped {
            self.items.remove(index);
            self.selected = self.selected.min(self.items.len().saturating_sub(1));
        }
    }

    fn options(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if let Some(folder) = self.folder.poll().into_iter().next() {
            self.options.dir = folder.display().to_string();
        }
        let options = &mut self.options;
        let effective = cx.front.categories().iter().find(|known| known.path == options.category.trim());
        let folder_hint = effective.and_then(|category| category.effective_save_path.clone());
        let is_new = !options.category.trim().is_empty() && effective.is_none();
        let half = (ui.available_width() - 20.0) / 2.0;
        ui.horizontal_top(|ui| {
            ui.vertical(|ui| {
                ui.set_width(half);
                let label = field_label(ui, "Folder");
                ui.horizontal(|ui| {
                    let width = half - if cx.is_local { 100.0 } else { 0.0 };
                    let hint = folder_hint.unwrap_or_else(|| "As the settings say".to_owned());
                    let edit = crate::look::line_edit(&mut options.dir).hint_text(hint).desired_width(width);
                    let _ = ui.add(edit).labelled_by(label.id);
                    if cx.is_local && ui.button("Choose…").clicked() {
                        self.folder.choose_folder(ui.ctx(), &options.dir);
                    }
                });
            });
            ui.add_space(4.0);
            ui.vertical(|ui| {
                ui.set_width(half);
                let label = field_label(ui, "Category");
                ui.horizontal(|ui| {
                    let edit = crate::look::line_edit(&mut options.category)
                        .hint_text("None")
                        .desired_width(half - 110.0);
                    let _ = ui.add(edit).labelled_by(label.id);
                    let combo = crate::look::combo("categories", None).selected_text("Choose").width(94.0);
                    let response = combo.show_ui(ui, |ui| {
                        for category in cx.front.categories() {
                            if ui
                                .selectable_label(options.category == category.path, &category.path)
                                .clicked()
                            {
                                options.category.clone_from(&category.path);
                            }
                        }
                    });
                    let _ = response.response.accessible_name("Existing categories");
                });
                if is_new {
                    hint(ui, "This category is created.");
                }
            });
        });
        let label = field_label(ui, "Tags");
        let edit = crate::look::line_edit(&mut options.tags)
            .hint_text("With commas between them")
            .desired_width(f32::INFINITY);
        let _ = ui.add(edit).labelled_by(label.id);
        ui.add_space(2.0);
        ui.horizontal_wrapped(|ui| {
            ui.checkbox(&mut options.is_paused, "Leave stopped");
            ui.add_space(8.0);
            ui.checkbox(&mut options.is_sequential, "Download in order");
            ui.add_space(8.0);
            ui.checkbox(&mut options.to_top, "To the top of the queue");
        });
    }
}

/// Row of a torrent. Returns whether it was chosen, and whether it is left out.
fn item_row(ui: &mut Ui, item: &Item, is_on: bool) -> (bool, bool) {
    let palette = Palette::of(ui);
    let (mut is_chosen, mut is_dropped) = (false, false);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        let (rect, response) =
            ui.allocate_exact_size(Vec2::new(ui.available_width() - 34.0, 28.0), Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_on, item.name()));
        if is_on {
            ui.painter().rect_filled(rect, 5.0, palette.selection);
        } else if response.hovered() {
            ui.painter().rect_filled(rect, 5.0, palette.hover);
        }
        let (text, is_problem) = item.status();
        let color = if is_problem { palette.warn } else { palette.text_faint };
        let font = TextStyle::Small.resolve(ui.style());
        let status = one_line(ui.painter(), &text, font, color, rect.width() * 0.45);
        let at = eframe::egui::Pos2::new(
            rect.right() - status.size().x - 8.0,
            rect.center().y - status.size().y / 2.0,
        );
        let width = at.x - rect.left() - 20.0;
        ui.painter().galley(at, status, color);
        let font = TextStyle::Body.resolve(ui.style());
        let name = one_line(ui.painter(), &item.name(), font, palette.text, width);
        let at = eframe::egui::Pos2::new(rect.left() + 8.0, rect.center().y - name.size().y / 2.0);
        ui.painter().galley(at, name, palette.text);
        is_chosen = response.clicked();
        is_dropped = !item.is_typed()
            && icon_button(ui, Icon::Close, &format!("Leave out {}", item.name()), true).clicked();
    });
    (is_chosen, is_dropped)
}

impl Dialog for AddDialog {
    fn title(&self) -> String {
        "Add torrents".to_owned()
    }

    fn width(&self) -> f32 {
        720.0
    }

    fn take(&mut self, sources: Vec<Source>) -> Option<Vec<Source>> {
        self.put(sources);
        None
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut DialogCx<'_>) -> Outcome {
        let Some(mut cx) = cx.connected() else {
            ui.label("There is no connection to a daemon. Connect first; the torrents are kept.");
            return Outcome::Stay;
        };
        self.read_files(&cx);
        let quiet = self.changed_at.elapsed();
        if quiet < QUIET {
            ui.ctx().request_repaint_after(QUIET - quiet);
        }
        let tasks = cx.front.tasks().clone();
        for (index, item) in self.items.iter_mut().enumerate() {
            item.poll();
            if (index < PREVIEWS || index == self.selected) && (!item.is_typed() || quiet >= QUIET) {
                item.begin(&tasks);
            }
        }
        let room = (ui.ctx().content_rect().height() - 150.0).max(200.0);
        ScrollArea::vertical().id_salt("add").max_height(room).auto_shrink([false, true]).show(ui, |ui| {
            self.sources(ui);
            if let Some(item) = self.items.get_mut(self.selected) {
                preview(ui, item);
            }
            ui.add_space(4.0);
            self.options(ui, &mut cx);
        });
        let mut outcome = Outcome::Stay;
        let count = self.items.len();
        let label = if count > 1 {
            format!("Add {}", Count(count as u64, "torrent"))
        } else {
            "Add torrent".to_owned()
        };
        ui.scope(|ui| {
            if let Some(text) = self.space(&cx) {
                ui.colored_label(Palette::of(ui).warn, text);
            }
            let is_enter =
                ui.input(|input| input.modifiers.command && input.key_pressed(eframe::egui::Key::Enter));
            if (footer(ui, &label, count > 0, false, &mut outcome) || is_enter) && count > 0 {
                self.submit(&mut cx);
                outcome = Outcome::Close;
            }
        });
        outcome
    }
}

impl AddDialog {
    /// Returns a warning if the disk may have too little space.
    fn space(&self, cx: &Cx<'_>) -> Option<String> {
        let free = cx.front.snapshot().statistics.as_ref()?.free_bytes?;
        let needed = self.items.iter().fold(0_u64, |sum, item| sum.saturating_add(item.wanted_bytes()));
        let is_usual = self.options.dir.trim().is_empty() && self.options.category.trim().is_empty();
        (is_usual && needed > free).then(|| {
            format!(
                "There may be too little space: {} are needed, and {} are free.",
                Size(needed),
                Size(free)
            )
        })
    }
}

/// Divides torrents among requests whose texts have at most `largest` bytes. A larger torrent has one of its own.
fn batches(sources: impl Iterator<Item = AddSource>, largest: usize) -> Vec<Vec<AddSource>> {
    let (mut batches, mut size) = (Vec::<Vec<AddSource>>::new(), 0);
    for source in sources {
        let (AddSource::Torrent(text) | AddSource::Magnet(text) | AddSource::Url(text)) = &source;
        let length = text.len();
        match batches.last_mut().filter(|_| size + length <= largest) {
            Some(batch) => {
                batch.push(source);
                size += length;
            }
            None => {
                batches.push(vec![source]);
                size = length;
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_have_a_largest_size() {
        let sources = [3, 4, 4, 20, 1, 1].map(|length| AddSource::Torrent("x".repeat(length)));
        let sizes: Vec<usize> = batches(sources.into_iter(), 10).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 1, 1, 2]);
        assert!(batches(std::iter::empty(), 10).is_empty());
    }
}
