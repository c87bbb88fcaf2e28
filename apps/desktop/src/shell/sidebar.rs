//! Filters with the number of torrents that each lists.

use crate::context::{Cx, Intent, Page};
use crate::look::{Icon, Palette, icon_button, wide_button};
use eframe::egui::{Align, Layout, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo};
use ztor_api::State;
use ztor_view::filter::{Choice, Field, choices};
use ztor_view::state::tone_of;

/// Number of values of a field until the rest is left out.
const MOST: usize = 200;

/// Shows the filters.
pub(crate) fn show(ui: &mut Ui, cx: &mut Cx<'_>) {
    ScrollArea::vertical().id_salt("filters").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        let counts = cx.front.snapshot().counts.clone().unwrap_or_default();
        let view = cx.front.view().clone();
        let is_all = Field::ALL.iter().all(|field| view.chosen(*field).is_empty());
        let figure = counts.all.to_string();
        if wide_button(ui, None, "All torrents", &figure, 0.0, is_all).clicked() {
            cx.front.change_view(|view| Field::ALL.iter().for_each(|field| view.clear(*field)));
        }
        for field in Field::ALL {
            let choices = choices(field, &counts, &view);
            // A single value that all torrents have filters nothing.
            let is_useless = choices.len() < 2 && view.chosen(field).is_empty() && field != Field::State;
            if is_useless && !choices.iter().any(|choice| !choice.value.is_empty() && field != Field::Dir) {
                continue;
            }
            ui.add_space(10.0);
            if section(ui, cx, field) {
                for choice in choices.iter().take(MOST) {
                    value(ui, cx, field, choice, view.chosen(field).contains(&choice.value));
                }
                if choices.len() > MOST {
                    ui.weak(format!("and {} more", choices.len() - MOST));
                }
            }
        }
        ui.add_space(8.0);
    });
}

/// Shows the title of a section. Returns true if the section is open.
fn section(ui: &mut Ui, cx: &mut Cx<'_>, field: Field) -> bool {
    let label = plural(field);
    let is_open = !cx.prefs.closed.iter().any(|closed| closed == field.label());
    ui.horizontal(|ui| {
        let width = ui.available_width() - if field == Field::Category { 34.0 } else { 0.0 };
        let (rect, response) = ui.allocate_exact_size(Vec2::new(width, 26.0), Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::DisclosureTriangle, true, is_open, label));
        let palette = Palette::of(ui);
        if response.hovered() {
            ui.painter().rect_filled(rect, 5.0, palette.hover);
        }
        let mut place = rect.shrink2(Vec2::new(8.0, 0.0));
        let icon = if is_open { Icon::Open } else { Icon::Right };
        let arrow = eframe::egui::Rect::from_min_size(place.min, Vec2::new(12.0, place.height()));
        icon.paint(ui.painter(), arrow, 11.0, palette.text_faint);
        place.min.x += 20.0;
        let font = eframe::egui::TextStyle::Small.resolve(ui.style());
        ui.painter().text(
            place.left_center(),
            eframe::egui::Align2::LEFT_CENTER,
            label,
            font,
            palette.text_faint,
        );
        if response.clicked() {
            if is_open {
                cx.prefs.closed.push(field.label().to_owned());
            } else {
                cx.prefs.closed.retain(|closed| closed != field.label());
            }
        }
        if field == Field::Category {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if icon_button(ui, Icon::Edit, "Manage categories and tags", true).clicked() {
                    cx.ask(Intent::ShowSettings(crate::pages::LABELS));
                    cx.ask(Intent::Show(Page::Settings));
                }
            });
        }
    });
    is_open
}

fn value(ui: &mut Ui, cx: &mut Cx<'_>, field: Field, choice: &Choice, is_on: bool) {
    let palette = Palette::of(ui);
    let state = State::ALL.into_iter().find(|state| field == Field::State && state.name() == choice.value);
    let icon = match (field, state) {
        (Field::State, Some(state)) => (Icon::Circle, palette.tone(tone_of(state))),
        (Field::State, None) if choice.value == "tracker_error" => (Icon::Warning, palette.warn),
        (Field::State, None) => (group_icon(&choice.value), palette.text_faint),
        (Field::Category | Field::Dir, _) => (Icon::Folder, palette.text_faint),
        (Field::Tag, _) => (Icon::Tag, palette.text_faint),
        (Field::Tracker, _) => (Icon::Network, palette.text_faint),
    };
    let indent = 14.0 * choice.depth as f32;
    let response = wide_button(ui, Some(icon), &choice.label, &choice.count.to_string(), indent, is_on);
    if response.clicked() {
        let adds = ui.input(|input| input.modifiers.command || input.modifiers.shift);
        cx.front.change_view(|view| view.toggle(field, &choice.value, adds));
    }
}

fn group_icon(group: &str) -> Icon {
    match group {
        "active" => Icon::Limits,
        "complete" => Icon::Check,
        _ => Icon::Circle,
    }
}

const fn plural(field: Field) -> &'static str {
    match field {
        Field::State => "States",
        Field::Category => "Categories",
        Field::Tag => "Tags",
        Field::Tracker => "Trackers",
        Field::Dir => "Folders",
    }
}
