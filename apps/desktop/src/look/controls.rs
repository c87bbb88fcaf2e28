//! Controls that all views share.

use super::icon::Icon;
use super::palette::Palette;
use eframe::egui::text::{LayoutJob, TextFormat, TextWrapping};
use eframe::egui::{
    Align, Align2, AsIdSalt, Button, Color32, ComboBox, FontId, Galley, Label, Painter, Rect, Response,
    RichText, Role, Sense, Stroke, TextEdit, TextStyle, Ui, Vec2, WidgetInfo, WidgetText,
};
use std::sync::Arc;

/// Height of controls.
pub(crate) const CONTROL: f32 = 30.0;

/// Button with an icon; its label is a hint and the name for screen readers.
pub(crate) fn icon_button(ui: &mut Ui, icon: Icon, label: &str, is_enabled: bool) -> Response {
    painted_button(ui, icon, label, is_enabled, false)
}

/// The same as a switch.
pub(crate) fn switch_button(ui: &mut Ui, icon: Icon, label: &str, is_on: bool) -> Response {
    painted_button(ui, icon, label, true, is_on)
}

fn painted_button(ui: &mut Ui, icon: Icon, label: &str, is_enabled: bool, is_on: bool) -> Response {
    let sense = if is_enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(CONTROL), sense);
    response.widget_info(|| WidgetInfo::selected(Role::Button, is_enabled, is_on, label));
    if ui.is_rect_visible(rect) {
        let palette = Palette::of(ui);
        let fill = if is_on {
            palette.accent_soft
        } else if !is_enabled {
            Color32::TRANSPARENT
        } else if response.is_pointer_button_down_on() {
            palette.active
        } else if response.hovered() {
            palette.hover
        } else {
            Color32::TRANSPARENT
        };
        ui.painter().rect_filled(rect, 5.0, fill);
        if response.has_focus() {
            focus_ring(ui.painter(), rect, palette);
        }
        let color = match (is_enabled, is_on) {
            (_, true) => palette.accent_soft_text,
            (true, _) => palette.text_muted,
            (false, _) => palette.text_faint.gamma_multiply(0.45),
        };
        icon.paint(ui.painter(), rect, 16.0, color);
    }
    response.on_hover_text(label)
}

/// Paints the ring around a control that has the focus of the keyboard.
pub(crate) fn focus_ring(painter: &Painter, rect: Rect, palette: &Palette) {
    let stroke = Stroke::new(1.5, palette.accent);
    painter.rect_stroke(rect.shrink(1.0), 5.0, stroke, eframe::egui::StrokeKind::Inside);
}

/// Icon in a line of text, without a name for screen readers.
pub(crate) fn icon_label(ui: &mut Ui, icon: Icon, color: Color32) {
    let (rect, _) = ui.allocate_exact_size(Vec2::new(16.0, 18.0), Sense::hover());
    icon.paint(ui.painter(), rect, 14.0, color);
}

/// Button for what a dialog is for. `is_danger` warns of a loss.
pub(crate) fn primary_button(ui: &mut Ui, text: &str, is_enabled: bool, is_danger: bool) -> Response {
    let palette = Palette::of(ui);
    let (fill, color) =
        if is_danger { (palette.danger, palette.danger_text) } else { (palette.accent, palette.accent_text) };
    ui.scope(|ui| {
        let hovered = if is_danger { fill.gamma_multiply(0.9) } else { palette.accent_hover };
        let widgets = &mut ui.visuals_mut().widgets;
        for (visuals, fill) in [
            (&mut widgets.inactive, fill),
            (&mut widgets.hovered, hovered),
            (&mut widgets.active, hovered),
            (&mut widgets.noninteractive, fill),
        ] {
            visuals.weak_bg_fill = fill;
            visuals.bg_stroke = Stroke::new(1.0, fill);
            visuals.fg_stroke.color = color;
        }
        widgets.active.bg_stroke = Stroke::new(1.5, palette.text);
        ui.add_enabled(is_enabled, Button::new(text).min_size(Vec2::new(84.0, CONTROL)))
    })
    .inner
}

/// Button without a frame.
pub(crate) fn ghost_button(ui: &mut Ui, text: &str) -> Response {
    let palette = Palette::of(ui);
    ui.add(Button::new(RichText::new(text).color(palette.accent)).frame_when_inactive(false))
}

/// Line of a list that is chosen by a click, over the whole width: icon, text and a figure at the end.
pub(crate) fn wide_button(
    ui: &mut Ui,
    icon: Option<(Icon, Color32)>,
    text: &str,
    figure: &str,
    indent: f32,
    is_on: bool,
) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 27.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_on, text));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let palette = Palette::of(ui);
    let painter = ui.painter();
    if is_on {
        painter.rect_filled(rect, 5.0, palette.accent_soft);
    } else if response.hovered() {
        painter.rect_filled(rect, 5.0, palette.hover);
    }
    if response.has_focus() {
        focus_ring(painter, rect, palette);
    }
    let mut inner = rect.shrink2(Vec2::new(8.0, 0.0));
    inner.min.x += indent;
    if let Some((icon, color)) = icon {
        let place = Rect::from_min_size(inner.min, Vec2::new(16.0, inner.height()));
        icon.paint(painter, place, 14.0, color);
        inner.min.x += 24.0;
    }
    let font = TextStyle::Body.resolve(ui.style());
    let color = if is_on { palette.accent_soft_text } else { palette.text };
    if !figure.is_empty() {
        let small = TextStyle::Small.resolve(ui.style());
        let color = if is_on { color } else { palette.text_faint };
        let galley = painter.layout_no_wrap(figure.to_owned(), small, color);
        let at = Align2::RIGHT_CENTER.anchor_size(inner.right_center(), galley.size());
        inner.max.x = at.min.x - 8.0;
        painter.galley(at.min, galley, color);
    }
    let galley = one_line(painter, text, font, color, inner.width());
    let at = Align2::LEFT_CENTER.anchor_size(inner.left_center(), galley.size());
    let is_cut = galley.elided;
    painter.galley(at.min, galley, color);
    if is_cut { response.on_hover_text(text) } else { response }
}

/// Lays out one line of text, and cuts what is too long.
pub(crate) fn one_line(
    painter: &Painter,
    text: &str,
    font: FontId,
    color: Color32,
    width: f32,
) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(font, color));
    job.wrap =
        TextWrapping { max_rows: 1, break_anywhere: true, ..TextWrapping::wrap_at_width(width.max(0.0)) };
    job.break_on_newline = false;
    painter.layout_job(job)
}

/// Paints a bar of progress.
pub(crate) fn bar(painter: &Painter, rect: Rect, part: f32, fill: Color32, track: Color32) {
    let radius = rect.height() / 2.0;
    painter.rect_filled(rect, radius, track);
    let width = rect.width() * part.clamp(0.0, 1.0);
    if width > 0.5 {
        let filled = Rect::from_min_size(rect.min, Vec2::new(width.max(radius), rect.height()));
        painter.rect_filled(filled, radius, fill);
    }
}

/// Title of a group.
pub(crate) fn section_title(ui: &mut Ui, text: &str) {
    let palette = Palette::of(ui);
    ui.add(Label::new(RichText::new(text).small().color(palette.text_faint)));
}

/// Label above or beside a field.
pub(crate) fn field_label(ui: &mut Ui, text: &str) -> Response {
    let palette = Palette::of(ui);
    ui.label(RichText::new(text).color(palette.text_muted))
}

/// Short text in a coloured frame.
pub(crate) fn chip(ui: &mut Ui, text: &str, fill: Color32, color: Color32) -> Response {
    let font = TextStyle::Small.resolve(ui.style());
    let galley = WidgetText::from(RichText::new(text).small().color(color)).into_galley(
        ui,
        Some(eframe::egui::TextWrapMode::Extend),
        f32::INFINITY,
        font,
    );
    let (rect, response) = ui.allocate_exact_size(galley.size() + Vec2::new(14.0, 6.0), Sense::hover());
    ui.painter().rect_filled(rect, rect.height() / 2.0, fill);
    ui.painter().galley(rect.min + Vec2::new(7.0, 3.0), galley, color);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    response
}

/// Shows a headline and the next step where there is nothing else. Returns the result of `action`.
pub(crate) fn empty<R>(
    ui: &mut Ui,
    icon: Icon,
    headline: &str,
    hint: &str,
    action: impl FnOnce(&mut Ui) -> R,
) -> R {
    let palette = Palette::of(ui);
    let top = (ui.available_height() * 0.28).clamp(8.0, 150.0);
    ui.add_space(top);
    ui.vertical_centered(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(44.0), Sense::hover());
        icon.paint(ui.painter(), rect, 36.0, palette.border_strong);
        ui.add_space(4.0);
        ui.label(RichText::new(headline).heading());
        ui.set_max_width(ui.available_width().min(520.0));
        ui.with_layout(eframe::egui::Layout::top_down(Align::Center), |ui| {
            ui.label(RichText::new(hint).color(palette.text_muted));
        });
        ui.add_space(6.0);
        action(ui)
    })
    .inner
}

/// Entry of a menu: an icon or a check mark, a text, and the key at the end.
pub(crate) fn menu_entry(
    ui: &mut Ui,
    icon: Option<Icon>,
    text: &str,
    key: &str,
    is_enabled: bool,
    is_checked: Option<bool>,
) -> Response {
    let sense = if is_enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 28.0), sense);
    let role = if is_checked.is_some() { Role::MenuItemCheckBox } else { Role::MenuItem };
    response.widget_info(|| match is_checked {
        Some(is_on) => WidgetInfo::selected(role, is_enabled, is_on, text),
        None => WidgetInfo::labeled(role, is_enabled, text),
    });
    let palette = Palette::of(ui);
    let painter = ui.painter();
    if is_enabled && (response.hovered() || response.has_focus()) {
        painter.rect_filled(rect, 5.0, palette.hover);
    }
    let strength = if is_enabled { 1.0 } else { 0.45 };
    let inner = rect.shrink2(Vec2::new(8.0, 0.0));
    let place = Rect::from_min_size(inner.min, Vec2::new(16.0, inner.height()));
    let mark = if is_checked == Some(true) { Some((Icon::Check, palette.accent)) } else { None };
    if let Some((icon, color)) = mark.or(icon.map(|icon| (icon, palette.text_muted))) {
        icon.paint(painter, place, 14.0, color.gamma_multiply(strength));
    }
    let font = TextStyle::Body.resolve(ui.style());
    let color = palette.text.gamma_multiply(strength);
    painter.text(inner.left_center() + Vec2::new(26.0, 0.0), Align2::LEFT_CENTER, text, font, color);
    let small = TextStyle::Small.resolve(ui.style());
    painter.text(
        inner.right_center(),
        Align2::RIGHT_CENTER,
        key,
        small,
        palette.text_faint.gamma_multiply(strength),
    );
    response
}

/// Field of one line.
pub(crate) fn line_edit(text: &mut String) -> TextEdit<'_> {
    TextEdit::singleline(text).align(Align2::LEFT_CENTER)
}

/// Menu of choices with the app's own arrow.
pub(crate) fn combo<'a>(id_salt: impl AsIdSalt, label: Option<&'a str>) -> ComboBox<'a> {
    let combo = match label {
        Some(label) => ComboBox::from_label(label),
        None => ComboBox::from_id_salt(id_salt),
    };
    combo.icon(|ui, rect, _, _| {
        let palette = Palette::of(ui);
        Icon::Open.paint(ui.painter(), rect, 12.0, palette.text_muted);
    })
}
