//! Content of a torrent that is added, and the choice of its files.

use crate::look::{Icon, Palette, chip, focus_ring, icon_label};
use crate::source::Source;
use eframe::egui::{
    Checkbox, Frame, Label, Margin, RichText, Role, ScrollArea, Sense, Stroke, Ui, Vec2, WidgetInfo,
};
use std::collections::BTreeSet;
use ztor_api::{AddSource, FileChoice, FilePriority, Preview};
use ztor_client::ClientError;
use ztor_client::tasks::{Pending, Tasks};
use ztor_view::format::{Count, Size};
use ztor_view::text::cleaned;
use ztor_view::tree::Tree;

/// A torrent in the dialog.
#[derive(Debug)]
pub(super) struct Item {
    source: Source,
    /// True if it is in the text, and goes when it leaves the text.
    is_typed: bool,
    pending: Option<Pending<Preview>>,
    result: Option<Result<Preview, ClientError>>,
    tree: Tree,
    closed: BTreeSet<String>,
    /// Indexes of the files in the preview that are not wanted.
    skipped: BTreeSet<usize>,
}

impl Item {
    pub(super) fn new(source: Source, is_typed: bool) -> Self {
        Self {
            source,
            is_typed,
            pending: None,
            result: None,
            tree: Tree::default(),
            closed: BTreeSet::new(),
            skipped: BTreeSet::new(),
        }
    }

    pub(super) fn is_of(&self, source: &Source) -> bool {
        self.source.source == source.source
    }

    pub(super) fn is_typed(&self) -> bool {
        self.is_typed
    }

    pub(super) fn source(&self) -> &AddSource {
        &self.source.source
    }

    /// Returns the name, as far as it is known.
    pub(super) fn name(&self) -> String {
        match &self.result {
            Some(Ok(preview)) => cleaned(&preview.name).into_owned(),
            _ => self.source.name.clone(),
        }
    }

    /// Looks into the torrent, once.
    pub(super) fn begin(&mut self, tasks: &Tasks) {
        if self.pending.is_none() && self.result.is_none() {
            let source = self.source.source.clone();
            self.pending = Some(tasks.ask(|client| async move { client.preview(source).await }));
        }
    }

    /// Takes over the result.
    pub(super) fn poll(&mut self) {
        let Some(result) = self.pending.as_mut().and_then(Pending::poll) else { return };
        self.pending = None;
        if let Ok(preview) = &result {
            self.tree = Tree::new(preview.files.iter().map(|file| (file.path.as_str(), file.size_bytes)));
        }
        self.result = Some(result);
    }

    /// Returns the state in a few words, and whether it is a problem.
    pub(super) fn status(&self) -> (String, bool) {
        match &self.result {
            Some(Ok(preview)) if preview.duplicate.is_some() => ("In the list already".to_owned(), true),
            Some(Ok(preview)) => (Size(preview.total_bytes).to_string(), false),
            Some(Err(_)) => ("Without a preview".to_owned(), true),
            None => match self.source.source {
                AddSource::Torrent(_) => ("Reading the torrent file".to_owned(), false),
                AddSource::Magnet(_) => ("Fetching metadata from peers".to_owned(), false),
                AddSource::Url(_) => ("Fetching the torrent file".to_owned(), false),
            },
        }
    }

    pub(super) fn has_choice(&self) -> bool {
        !self.skipped.is_empty()
    }

    /// Returns the files whose priority is not normal.
    pub(super) fn choices(&self) -> Vec<FileChoice> {
        let Some(Ok(preview)) = &self.result else { return Vec::new() };
        let skipped = self.skipped.iter().filter_map(|at| preview.files.get(*at));
        skipped.map(|file| FileChoice { index: file.index, priority: FilePriority::Skip }).collect()
    }

    /// Returns the size of the wanted files, as far as it is known.
    pub(super) fn wanted_bytes(&self) -> u64 {
        let Some(Ok(preview)) = &self.result else { return 0 };
        let skipped = self.skipped.iter().filter_map(|at| preview.files.get(*at));
        let skipped = skipped.fold(0_u64, |sum, file| sum.saturating_add(file.size_bytes));
        preview.total_bytes.saturating_sub(skipped)
    }
}

/// Shows what is in a torrent.
pub(super) fn preview(ui: &mut Ui, item: &mut Item) {
    let palette = Palette::of(ui);
    let frame = Frame::new()
        .fill(palette.surface_2)
        .stroke(Stroke::new(1.0, palette.border))
        .corner_radius(6.0)
        .inner_margin(Margin::symmetric(12, 8));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        match &item.result {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                let text = crate::wording::sentence(error);
                ui.add(Label::new(RichText::new(text).color(palette.warn)).wrap());
                ui.label("The torrent can be added all the same, and the daemon keeps trying.");
                return;
            }
            None => {
                ui.label(RichText::new(item.status().0).color(palette.text_muted));
                if !matches!(item.source(), AddSource::Torrent(_)) {
                    ui.label(
                        RichText::new("You need not wait: all files are chosen if you add the torrent now.")
                            .small()
                            .color(palette.text_faint),
                    );
                }
                return;
            }
        }
        facts(ui, item);
        files(ui, item);
    });
}

fn facts(ui: &mut Ui, item: &Item) {
    let palette = Palette::of(ui);
    let Some(Ok(preview)) = &item.result else { return };
    ui.horizontal_wrapped(|ui| {
        let size = format!("{} in {}", Size(preview.total_bytes), Count(preview.files.len() as u64, "file"));
        ui.label(size);
        let pieces = Count(u64::from(preview.pieces), "piece");
        let text = format!(
            "{pieces} of {}, {}",
            Size(u64::from(preview.piece_bytes)),
            Count(preview.trackers.len() as u64, "tracker")
        );
        ui.colored_label(palette.text_faint, text);
        if preview.is_private {
            chip(ui, "Private", palette.accent_soft, palette.accent_soft_text)
                .on_hover_text("Peers of this torrent come from its own trackers only.");
        }
    });
    if let Some(known) = &preview.duplicate {
        ui.horizontal_wrapped(|ui| {
            icon_label(ui, Icon::Info, palette.warn);
            let name = cleaned(&known.name);
            ui.colored_label(
                palette.warn,
                format!("{name} is in the list already; its trackers and tags are added to it."),
            );
        });
    }
    if let Some(comment) = &preview.comment {
        ui.add(Label::new(RichText::new(cleaned(comment)).small().color(palette.text_faint)).truncate());
    }
}

fn files(ui: &mut Ui, item: &mut Item) {
    let palette = Palette::of(ui);
    let Some(Ok(preview)) = &item.result else { return };
    if preview.files.len() < 2 {
        return;
    }
    let shown = item.tree.shown(|node| item.closed.contains(&node.path));
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut toggled = None;
    ScrollArea::vertical().id_salt("choice").max_height(190.0).auto_shrink([false, true]).show_rows(
        ui,
        24.0,
        shown.len(),
        |ui, range| {
            ui.spacing_mut().interact_size.y = 24.0;
            for at in shown.get(range).unwrap_or_default() {
                let Some(node) = item.tree.nodes().get(*at) else { continue };
                ui.horizontal(|ui| {
                    ui.add_space(18.0 * node.depth as f32);
                    if node.file.is_none() {
                        let (rect, response) = ui.allocate_exact_size(Vec2::new(14.0, 24.0), Sense::click());
                        let is_closed = item.closed.contains(&node.path);
                        let label = format!("Files in {}", cleaned(&node.name));
                        response.widget_info(|| {
                            WidgetInfo::selected(Role::DisclosureTriangle, true, !is_closed, &label)
                        });
                        if response.has_focus() {
                            focus_ring(ui.painter(), rect, palette);
                        }
                        let icon = if is_closed { Icon::Right } else { Icon::Open };
                        icon.paint(ui.painter(), rect, 12.0, palette.text_faint);
                        if response.clicked() && !item.closed.remove(&node.path) {
                            item.closed.insert(node.path.clone());
                        }
                    } else {
                        ui.add_space(14.0);
                    }
                    let off = node.files.iter().filter(|file| item.skipped.contains(file)).count();
                    let mut is_on = off < node.files.len();
                    let is_mixed = off > 0 && is_on;
                    let room = (ui.available_width() - 110.0).max(60.0);
                    ui.scope(|ui| {
                        ui.set_max_width(room);
                        let name = RichText::new(cleaned(&node.name).into_owned());
                        let checkbox = Checkbox::new(&mut is_on, name).indeterminate(is_mixed);
                        if ui.add(checkbox).clicked() {
                            toggled = Some((node.files.clone(), is_on || is_mixed));
                        }
                    });
                    ui.with_layout(eframe::egui::Layout::right_to_left(eframe::egui::Align::Center), |ui| {
                        ui.label(
                            RichText::new(Size(node.size_bytes).to_string())
                                .small()
                                .color(palette.text_faint),
                        );
                    });
                });
            }
        },
    );
    if let Some((files, is_wanted)) = toggled {
        for file in files {
            if is_wanted {
                item.skipped.remove(&file);
            } else {
                item.skipped.insert(file);
            }
        }
    }
    if item.skipped.len() == item.tree.nodes().iter().filter(|node| node.file.is_some()).count() {
        ui.colored_label(palette.warn, "No file is chosen: nothing will be downloaded.");
    }
}
