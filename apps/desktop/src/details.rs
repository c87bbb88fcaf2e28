//! Details of one torrent, below the list.

mod chart;
mod files;
mod grid;
mod overview;
mod peers;
mod trackers;

pub(crate) use chart::{Series, chart};
pub(crate) use grid::{Cell, Grid};

use crate::context::Cx;
use crate::look::{Palette, icon_button, one_line};
use eframe::egui::{
    Align, Layout, RichText, Role, ScrollArea, Sense, Stroke, TextStyle, Ui, Vec2, WidgetInfo,
};
use ztor_client::tasks::Loaded;
use ztor_view::format::{Moment, Rate};
use ztor_view::front::Tab;
use ztor_view::text::cleaned;

/// State of the details that is not part of the front end's.
#[derive(Debug, Default)]
pub(crate) struct DetailsView {
    files: files::FilesView,
    /// Announce URLs to add.
    new_trackers: String,
}

impl DetailsView {
    /// Shows the details.
    pub(crate) fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        // The pane keeps its height, whatever the tab has.
        ui.set_min_height(ui.available_height());
        tabs(ui, cx);
        let palette = Palette::of(ui);
        let line = ui.cursor().top() - 4.0;
        ui.painter().hline(ui.max_rect().x_range(), line, Stroke::new(1.0, palette.border));
        ui.add_space(4.0);
        let Some(id) = cx.front.details().id() else { return };
        match cx.front.details().tab() {
            Tab::Overview => overview::show(ui, cx),
            Tab::Files => self.files.show(ui, cx, id),
            Tab::Peers => peers::show(ui, cx),
            Tab::Trackers => trackers::show(ui, cx, id, &mut self.new_trackers),
            Tab::Speed => speed(ui, cx),
            Tab::Log => log(ui, cx),
        }
    }
}

fn tabs(ui: &mut Ui, cx: &mut Cx<'_>) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for tab in Tab::ALL {
            let is_on = cx.front.details().tab() == tab;
            let font = TextStyle::Body.resolve(ui.style());
            let color = if is_on { palette.text } else { palette.text_muted };
            let galley = ui.painter().layout_no_wrap(tab.label().to_owned(), font, color);
            let (rect, response) =
                ui.allocate_exact_size(Vec2::new(galley.size().x + 22.0, 32.0), Sense::click());
            response.widget_info(|| WidgetInfo::selected(Role::Tab, true, is_on, tab.label()));
            if response.hovered() || response.has_focus() {
                ui.painter().rect_filled(rect.shrink2(Vec2::new(0.0, 3.0)), 5.0, palette.hover);
            }
            if is_on {
                let line = rect.with_min_y(rect.bottom() - 2.5).shrink2(Vec2::new(8.0, 0.0));
                ui.painter().rect_filled(line, 1.0, palette.accent);
            }
            let at = rect.center() - galley.size() / 2.0;
            ui.painter().galley(at, galley, color);
            if response.clicked() {
                cx.front.details_mut().show(tab);
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if icon_button(ui, crate::look::Icon::Close, "Close the details (Esc)", true).clicked() {
                cx.front.details_mut().open(None);
            }
            let details = cx.front.details();
            let row = details.id().and_then(|id| cx.front.snapshot().torrent(id)).map(|row| row.name.clone());
            let name = row.or_else(|| details.detail().value().map(|detail| detail.torrent.name.clone()));
            let name = cleaned(&name.unwrap_or_default()).into_owned();
            let font = TextStyle::Body.resolve(ui.style());
            let galley = one_line(ui.painter(), &name, font, palette.text_muted, ui.available_width() - 24.0);
            let (rect, _) = ui.allocate_exact_size(galley.size(), Sense::hover());
            ui.painter().galley(rect.min, galley, palette.text_muted);
        });
    });
}

/// Shows that a value is awaited, or why it is missing. Returns true if it is there.
pub(crate) fn is_there<T: Send + 'static>(ui: &mut Ui, loaded: &Loaded<T>) -> bool {
    let palette = Palette::of(ui);
    match (loaded.value(), loaded.error()) {
        (Some(_), _) => return true,
        (None, Some(error)) => {
            ui.label(RichText::new(crate::wording::sentence(error)).color(palette.danger));
        }
        (None, None) => {
            ui.label(RichText::new("Loading").color(palette.text_faint));
        }
    }
    false
}

fn speed(ui: &mut Ui, cx: &Cx<'_>) {
    let rates = cx.front.details().rates();
    let line = |of: fn(&(u64, u64)) -> u64| rates.iter().map(|rates| Some(of(rates))).collect::<Vec<_>>();
    let series = Series { down: line(|rates| rates.0), up: line(|rates| rates.1), slots: 300, slot_s: 1.0 };
    let palette = Palette::of(ui);
    let (down, up) = rates.last().copied().unwrap_or_default();
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("Download {}", Rate(down))).color(palette.down));
        ui.add_space(8.0);
        ui.label(RichText::new(format!("Upload {}", Rate(up))).color(palette.up));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(
                RichText::new("The last 5 minutes, while the details are open")
                    .small()
                    .color(palette.text_faint),
            );
        });
    });
    let height = ui.available_height().max(60.0);
    chart(ui, height, &series);
}

fn log(ui: &mut Ui, cx: &Cx<'_>) {
    let log = cx.front.details().log();
    if !is_there(ui, log) {
        return;
    }
    let lines = log.value().map_or(&[][..], Vec::as_slice);
    if lines.is_empty() {
        ui.weak("No messages about this torrent. Faults, checks and moves are logged here since the start of the daemon.");
        return;
    }
    log_lines(ui, lines, true);
}

/// Shows lines of a log, the last one at the bottom.
pub(crate) fn log_lines(ui: &mut Ui, lines: &[ztor_api::LogLine], is_short: bool) {
    let palette = Palette::of(ui);
    let font = TextStyle::Monospace.resolve(ui.style());
    ScrollArea::vertical().id_salt("log").auto_shrink(false).stick_to_bottom(true).show_rows(
        ui,
        17.0,
        lines.len(),
        |ui, range| {
            for line in lines.get(range).unwrap_or_default() {
                let (rect, response) =
                    ui.allocate_exact_size(Vec2::new(ui.available_width(), 17.0), Sense::hover());
                let color = match line.level.as_str() {
                    "error" => palette.danger,
                    "warn" => palette.warn,
                    _ => palette.text,
                };
                let time = Moment(i64::try_from(line.unix_ms / 1000).unwrap_or(0)).to_string();
                let second = line.unix_ms / 1000 % 60;
                let target = if is_short { String::new() } else { format!(" {}", line.target) };
                let text = cleaned(&line.message).into_owned();
                let shown = format!("{time}:{second:02} {:5}{target}  {text}", line.level);
                let galley = one_line(ui.painter(), &shown, font.clone(), color, rect.width());
                let is_cut = galley.elided;
                ui.painter().galley(rect.min, galley, color);
                response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &shown));
                if is_cut {
                    response.on_hover_text(text);
                }
            }
        },
    );
}

/// Paints a frame around a part of the details.
pub(crate) fn outline(ui: &Ui, rect: eframe::egui::Rect) {
    let palette = Palette::of(ui);
    let stroke = Stroke::new(1.0, palette.border);
    ui.painter().rect_stroke(rect, 4.0, stroke, eframe::egui::StrokeKind::Inside);
}
