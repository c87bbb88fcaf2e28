//! Headers of columns: sort, width, order and choice.

use super::PADDING;
use crate::context::Cx;
use crate::look::{Icon, Palette, one_line};
use crate::prefs::Values;
use eframe::egui::{
    Align2, CursorIcon, Id, PopupCloseBehavior, Pos2, Rect, Role, Sense, Stroke, TextStyle, Ui, Vec2,
    WidgetInfo,
};
use ztor_view::column::{Align, COLUMNS, Column};

/// Width of the edge by which a column is resized.
const EDGE: f32 = 8.0;

/// Shows the headers. `scroll` is the horizontal offset of the rows.
pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, place: Rect, columns: &[(Column, f32)], scroll: f32) {
    let palette = Palette::of(ui);
    let painter = ui.painter().clone();
    painter.rect_filled(place, 0.0, palette.surface_2);
    painter.hline(place.x_range(), place.bottom() - 0.5, Stroke::new(1.0, palette.border));
    let background = ui.interact(place, Id::unique("headers"), Sense::CLICK);
    let popup = eframe::egui::Popup::context_menu(&background);
    popup.close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| column_menu(ui, cx.prefs));
    let mut left = place.left() - scroll;
    let starts: Vec<f32> = columns
        .iter()
        .map(|(_, width)| {
            let start = left;
            left += width;
            start
        })
        .collect();
    for (index, (column, width)) in columns.iter().enumerate() {
        let rect =
            Rect::from_min_size(Pos2::new(starts[index], place.top()), Vec2::new(*width, place.height()));
        if rect.intersects(place) {
            header(ui, cx, rect, *column, (index, columns, &starts));
        }
    }
}

fn header(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    rect: Rect,
    column: Column,
    (index, columns, starts): (usize, &[(Column, f32)], &[f32]),
) {
    let palette = Palette::of(ui);
    let definition = column.definition();
    let id = Id::unique(("header", definition.key));
    let response = ui.interact(rect.with_max_x(rect.right() - EDGE / 2.0), id, Sense::click_and_drag());
    let name = match definition.sort {
        Some(_) => format!("Sort by {}", definition.label.to_lowercase()),
        None => definition.label.to_owned(),
    };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    if response.hovered() {
        ui.painter().rect_filled(rect.shrink2(Vec2::new(1.0, 3.0)), 4.0, palette.hover);
    }
    let adds = ui.input(|input| input.modifiers.shift);
    if let Some(key) = definition.sort.filter(|_| response.clicked()) {
        cx.front.change_view(|view| view.sort_by(key, adds));
    }
    let popup = eframe::egui::Popup::context_menu(&response);
    popup.close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| column_menu(ui, cx.prefs));
    paint(ui, cx, rect, column);
    if response.dragged()
        && let Some(pointer) = response.interact_pointer_pos()
    {
        let target = starts.iter().rposition(|start| *start <= pointer.x).unwrap_or(0);
        let x = if target > index {
            starts.get(target + 1).copied().unwrap_or(pointer.x)
        } else {
            starts[target]
        };
        ui.painter().vline(x, rect.y_range(), Stroke::new(2.0, palette.accent));
        ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
    }
    if response.drag_stopped()
        && let Some(pointer) = response.interact_pointer_pos()
    {
        let target = starts.iter().rposition(|start| *start <= pointer.x).unwrap_or(0);
        cx.prefs.keep_columns(columns);
        cx.prefs.move_column(index, target);
    }
    let mut shown = definition.label.to_owned();
    if definition.sort.is_some() {
        shown.push_str(". Click to sort, Shift and a click to sort by this column too.");
    }
    response.on_hover_text(shown);
    edge(ui, cx, rect, column, columns);
}

fn edge(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect, column: Column, columns: &[(Column, f32)]) {
    let palette = Palette::of(ui);
    let place =
        Rect::from_center_size(Pos2::new(rect.right(), rect.center().y), Vec2::new(EDGE, rect.height()));
    let id = Id::unique(("edge", column.definition().key));
    let response =
        ui.interact(place, id, Sense::CLICK | Sense::DRAG).on_hover_cursor(CursorIcon::ResizeColumn);
    let color = if response.hovered() || response.dragged() { palette.accent } else { palette.border };
    ui.painter().vline(rect.right(), rect.shrink2(Vec2::new(0.0, 7.0)).y_range(), Stroke::new(1.0, color));
    if response.dragged() {
        cx.prefs.keep_columns(columns);
        cx.prefs.set_width(column, rect.width() + response.drag_delta().x);
    }
    if response.double_clicked() {
        let texts = cx.front.snapshot().rows.iter().map(|row| column.text(row));
        let font = TextStyle::Body.resolve(ui.style());
        let widths = texts.map(|text| ui.painter().layout_no_wrap(text, font.clone(), palette.text).size().x);
        let widest = widths.fold(40.0, f32::max);
        cx.prefs.keep_columns(columns);
        cx.prefs.set_width(column, widest + PADDING * 2.0 + 10.0);
    }
}

fn paint(ui: &Ui, cx: &Cx<'_>, rect: Rect, column: Column) {
    let palette = Palette::of(ui);
    let definition = column.definition();
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let sort = cx.front.view().sort();
    let place = definition.sort.and_then(|key| sort.iter().position(|sort| sort.key == key));
    let mut inner = rect.shrink2(Vec2::new(PADDING, 0.0));
    let font = TextStyle::Small.resolve(ui.style());
    let color = if place.is_some() { palette.text } else { palette.text_muted };
    if let Some(place) = place {
        let icon = if sort[place].is_descending { Icon::Down } else { Icon::Up };
        let arrow = Rect::from_min_size(
            Pos2::new(inner.right() - 12.0, inner.top()),
            Vec2::new(12.0, inner.height()),
        );
        icon.paint(&painter, arrow, 10.0, palette.accent);
        inner.max.x -= 15.0;
        if sort.len() > 1 {
            let number = (place + 1).to_string();
            painter.text(inner.right_center(), Align2::RIGHT_CENTER, number, font.clone(), palette.accent);
            inner.max.x -= 9.0;
        }
    }
    let text = if rect.width() > 100.0 { definition.label } else { definition.short };
    let galley = one_line(&painter, text, font, color, inner.width());
    let align = if definition.align == Align::Right { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
    let anchor = if definition.align == Align::Right { inner.right_center() } else { inner.left_center() };
    painter.galley(align.anchor_size(anchor, galley.size()).min, galley, color);
}

/// Menu with all columns.
pub(crate) fn column_menu(ui: &mut Ui, prefs: &mut Values) {
    ui.set_min_width(210.0);
    ui.spacing_mut().interact_size.y = 22.0;
    ui.spacing_mut().item_spacing.y = 4.0;
    eframe::egui::ScrollArea::vertical().max_height(480.0).show(ui, |ui| {
        for definition in &COLUMNS {
            let mut is_shown = prefs.has_column(definition.column);
            if ui.checkbox(&mut is_shown, definition.label).changed() {
                prefs.toggle_column(definition.column);
            }
        }
    });
    ui.separator();
    if ui.button("Usual columns").clicked() {
        prefs.reset_columns();
    }
}
