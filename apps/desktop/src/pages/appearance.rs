//! Settings of the app itself.

use crate::context::Cx;
use crate::look::{Palette, field_label};
use crate::prefs::ThemeChoice;
use eframe::egui::{RichText, Slider, Ui};

/// Shows the settings of the app.
pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>) {
    let palette = Palette::of(ui);
    field_label(ui, "Theme");
    ui.horizontal(|ui| {
        for theme in ThemeChoice::ALL {
            ui.radio_value(&mut cx.prefs.theme, theme, theme.label());
            ui.add_space(8.0);
        }
    });
    ui.add_space(10.0);
    let label = field_label(ui, "Zoom");
    ui.horizontal(|ui| {
        let percent = cx.prefs.zoom * 100.0;
        let mut chosen = percent.round();
        let slider = Slider::new(&mut chosen, 60.0..=200.0).step_by(10.0).suffix("%");
        let response = ui.add(slider).labelled_by(label.id);
        // The size of the control changes with the zoom, so the end of the drag counts.
        if response.changed() && !response.dragged() || response.drag_stopped() {
            cx.prefs.zoom = chosen / 100.0;
        }
    });
    ui.label(RichText::new("Ctrl and Plus, Minus or 0 do the same.").small().color(palette.text_faint));
    ui.add_space(10.0);
    ui.checkbox(&mut cx.prefs.notifies, "Notify when downloads finish");
    ui.add_space(10.0);
    if ui.button("Usual columns").clicked() {
        cx.prefs.reset_columns();
    }
    ui.add_space(14.0);
    field_label(ui, "Links and files");
    ui.label(
        RichText::new(
            "The package of your distribution makes ztor the program for magnet links and torrent files; the file \
             ztor-desktop.desktop does so too.",
        )
        .small()
        .color(palette.text_muted),
    );
}
