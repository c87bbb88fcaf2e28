//! Parts of the window that belong to no other view.

use crate::connection::{Connection, Place};
use crate::context::{Cx, Intent};
use crate::details::DetailsView;
use crate::look::{Icon, Palette, empty, primary_button};
use crate::shell::sidebar;
use crate::table::Table;
use eframe::egui::{CentralPanel, Context, Frame, Margin, Panel, Stroke, Ui, Vec2, ViewportCommand};

/// Returns the title of the window.
pub(super) fn title(statistics: Option<&ztor_api::Statistics>, connection: &Connection) -> String {
    let name = match connection.place() {
        Place::Local => String::new(),
        place => format!(" – {}", place.name()),
    };
    match statistics {
        Some(now) if now.down_per_s.saturating_add(now.up_per_s) > 0 => format!(
            "ztor{name} – down {}, up {}",
            ztor_view::format::Rate(now.down_per_s),
            ztor_view::format::Rate(now.up_per_s)
        ),
        _ => format!("ztor{name}"),
    }
}

/// Sets the title of the window when it changes, so that an idle window stays idle.
pub(super) fn set_title(ctx: &Context, title: String) {
    let id = eframe::egui::Id::unique("title of the window");
    let is_new = ctx.data_mut(|data| {
        let known = data.get_temp_mut_or_default::<String>(id);
        let is_new = *known != title;
        known.clone_from(&title);
        is_new
    });
    if is_new {
        ctx.send_viewport_cmd(ViewportCommand::Title(title));
    }
}

/// List with filters and details.
pub(super) fn torrents(ui: &mut Ui, cx: &mut Cx<'_>, table: &mut Table, details: &mut DetailsView) {
    let palette = Palette::of(ui);
    if cx.prefs.has_sidebar {
        let frame =
            Frame::new().fill(palette.bg).inner_margin(Margin { left: 8, right: 6, top: 10, bottom: 0 });
        Panel::left("filters").default_size(216.0).size_range(150.0..=420.0).frame(frame).show(ui, |ui| {
            sidebar::show(ui, cx);
        });
    }
    if cx.front.details().id().is_some() {
        let frame = Frame::new().fill(palette.surface).inner_margin(Margin {
            left: 12,
            right: 12,
            top: 4,
            bottom: 8,
        });
        let most = (ui.available_height() - 120.0).max(160.0);
        Panel::bottom("details")
            .default_size(300.0)
            .size_range(140.0..=most)
            .resizable(true)
            .show_separator_line(false)
            .frame(frame)
            .show(ui, |ui| {
                let edge = ui.max_rect().expand2(Vec2::new(12.0, 4.0));
                ui.painter().hline(edge.x_range(), edge.top(), Stroke::new(1.0, palette.border));
                details.show(ui, cx);
            });
    }
    CentralPanel::default().frame(Frame::new().fill(palette.surface)).show(ui, |ui| table.show(ui, cx));
}

/// Page while there is no daemon to connect to.
pub(super) fn unconnected(ui: &mut Ui, error: Option<&str>, place: &Place, intents: &mut Vec<Intent>) {
    let Some(error) = error else {
        empty(
            ui,
            Icon::Server,
            "Starting the daemon",
            "It keeps your torrents, and transfers their data.",
            |_| {},
        );
        return;
    };
    let headline = format!("Cannot connect to {}", place.name());
    let error = ztor_view::text::cleaned(error).into_owned();
    if empty(ui, Icon::Warning, &headline, &error, |ui| primary_button(ui, "Retry", true, false).clicked()) {
        intents.push(Intent::Connect(place.clone()));
    }
}

/// Hint while files are dragged over the window.
pub(super) fn drop_hint(ctx: &Context) {
    let palette = Palette::for_dark(ctx.theme() == eframe::egui::Theme::Dark);
    let layer = eframe::egui::LayerId::new(eframe::egui::Order::Foreground, eframe::egui::Id::unique("drop"));
    let painter = ctx.layer_painter(layer);
    let rect = ctx.content_rect();
    painter.rect_filled(rect, 0.0, palette.backdrop);
    let card = eframe::egui::Rect::from_center_size(rect.center(), Vec2::new(320.0, 110.0));
    painter.rect_filled(card, 10.0, palette.raised);
    painter.rect_stroke(
        card.shrink(6.0),
        8.0,
        Stroke::new(1.5, palette.accent),
        eframe::egui::StrokeKind::Inside,
    );
    let font = eframe::egui::FontId::proportional(16.0);
    painter.text(card.center(), eframe::egui::Align2::CENTER_CENTER, "Drop to add", font, palette.text);
}
