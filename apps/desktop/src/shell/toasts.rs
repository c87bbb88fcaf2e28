//! Notices, at the bottom right.

use crate::look::{Icon, Palette, icon_button, icon_label};
use eframe::egui::{Align, Align2, Area, Context, Frame, Id, Layout, Margin, Order, RichText, Stroke, Vec2};
use ztor_view::front::{Front, NoticeKind};

/// Distance from the edges of the window.
const MARGIN: Vec2 = Vec2::new(-16.0, -48.0);

/// Shows the notices.
pub(crate) fn show(ctx: &Context, front: &mut Front) {
    let notices: Vec<_> = front.notices().cloned().collect();
    if notices.is_empty() {
        return;
    }
    let mut dismissed = None;
    Area::new(Id::unique("notices")).order(Order::Foreground).anchor(Align2::RIGHT_BOTTOM, MARGIN).show(
        ctx,
        |ui| {
            let palette = Palette::of(ui);
            ui.set_width(380.0);
            for notice in notices.iter().rev() {
                let (icon, color) = match notice.kind {
                    NoticeKind::Info => (Icon::Check, palette.ok),
                    NoticeKind::Error => (Icon::Warning, palette.danger),
                };
                let frame = Frame::new()
                    .fill(palette.raised)
                    .stroke(Stroke::new(1.0, palette.border_strong))
                    .corner_radius(8.0)
                    .shadow(ui.visuals().popup_shadow)
                    .inner_margin(Margin { left: 12, right: 6, top: 6, bottom: 6 });
                frame.show(ui, |ui| {
                    ui.horizontal(|ui| {
                        icon_label(ui, icon, color);
                        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                            if icon_button(ui, Icon::Close, "Dismiss", true).clicked() {
                                dismissed = Some(notice.id);
                            }
                            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                                ui.add(eframe::egui::Label::new(RichText::new(&notice.text)).wrap());
                            });
                        });
                    });
                });
            }
        },
    );
    if let Some(id) = dismissed {
        front.dismiss(id);
    }
}
