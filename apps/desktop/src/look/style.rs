//! Type, measures and colours of egui's own controls.

use super::palette::Palette;
use eframe::egui::style::{ScrollStyle, WidgetVisuals};
use eframe::egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Theme,
    Vec2, Visuals,
};

/// Name of the text style of titles.
pub(crate) const TITLE: &str = "title";

/// Rounding of controls.
const CONTROL: CornerRadius = CornerRadius::same(5);
/// Rounding of dialogs and menus.
const CARD: CornerRadius = CornerRadius::same(8);

/// Sets the style of both themes.
pub(crate) fn apply(ctx: &Context) {
    for theme in [Theme::Light, Theme::Dark] {
        ctx.style_mut_of(theme, |style| set(style, theme == Theme::Dark));
    }
}

fn set(style: &mut Style, is_dark: bool) {
    let palette = Palette::for_dark(is_dark);
    let text = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Small, text(12.0)),
        (TextStyle::Body, text(13.5)),
        (TextStyle::Button, text(13.5)),
        (TextStyle::Heading, text(16.0)),
        (TextStyle::Name(TITLE.into()), text(20.0)),
        (TextStyle::Monospace, FontId::new(12.5, FontFamily::Monospace)),
    ]
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::new(8.0, 6.0);
    spacing.button_padding = Vec2::new(10.0, 5.0);
    spacing.interact_size = Vec2::new(40.0, 30.0);
    spacing.menu_margin = Margin::same(6);
    spacing.window_margin = Margin::same(20);
    spacing.icon_width = 16.0;
    spacing.icon_width_inner = 10.0;
    spacing.icon_spacing = 8.0;
    spacing.combo_width = 140.0;
    spacing.text_edit_width = 280.0;
    spacing.tooltip_width = 420.0;
    spacing.scroll =
        ScrollStyle { bar_width: 9.0, floating_allocated_width: 10.0, ..ScrollStyle::floating() };
    spacing.scroll.fade.strength = 0.0;
    style.animation_time = 0.1;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style.visuals = visuals(palette, is_dark);
}

fn visuals(palette: &Palette, is_dark: bool) -> Visuals {
    let mut visuals = if is_dark { Visuals::dark() } else { Visuals::light() };
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(palette.text_muted);
    visuals.hyperlink_color = palette.accent;
    visuals.faint_bg_color = palette.surface_2;
    visuals.extreme_bg_color = palette.raised;
    visuals.text_edit_bg_color = Some(palette.raised);
    visuals.code_bg_color = palette.surface_2;
    visuals.warn_fg_color = palette.warn;
    visuals.error_fg_color = palette.danger;
    visuals.window_corner_radius = CARD;
    visuals.menu_corner_radius = CARD;
    visuals.window_fill = palette.raised;
    visuals.window_stroke = Stroke::new(1.0, palette.border_strong);
    visuals.panel_fill = palette.bg;
    let shadow = Color32::from_black_alpha(if is_dark { 110 } else { 34 });
    visuals.window_shadow = Shadow { offset: [0, 10], blur: 36, spread: 0, color: shadow };
    visuals.popup_shadow = Shadow { offset: [0, 4], blur: 16, spread: 0, color: shadow };
    visuals.selection.bg_fill = palette.selection;
    visuals.selection.stroke = Stroke::new(1.5, palette.accent);
    visuals.disabled_alpha = 0.45;
    visuals.indent_has_left_vline = false;
    let widget = |fill: Color32, border: Color32, text: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, border),
        corner_radius: CONTROL,
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    let hovered = palette.raised.blend(palette.hover);
    let pressed = palette.raised.blend(palette.active);
    visuals.widgets.noninteractive = widget(palette.surface, palette.border, palette.text);
    visuals.widgets.inactive = widget(palette.raised, palette.border_strong, palette.text);
    visuals.widgets.hovered = widget(hovered, palette.control_border, palette.text);
    visuals.widgets.active = widget(pressed, palette.accent, palette.text);
    visuals.widgets.open = widget(hovered, palette.control_border, palette.text);
    visuals
}
