//! Figures and pieces of a torrent.

use super::{is_there, outline};
use crate::context::Cx;
use crate::look::{Icon, Palette, icon_label};
use eframe::egui::{
    Color32, Frame, Grid, Label, Margin, Pos2, Rect, RichText, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo,
};
use ztor_api::{Detail, Pieces, Torrent};
use ztor_view::format::{Moment, Percent, Rate, Size, Span};
use ztor_view::pieces::segments;
use ztor_view::state;
use ztor_view::text::cleaned;

/// Shows the figures and pieces.
pub(super) fn show(ui: &mut Ui, cx: &Cx<'_>) {
    let details = cx.front.details();
    if !is_there(ui, details.detail()) {
        return;
    }
    let Some(detail) = details.detail().value() else { return };
    ScrollArea::vertical().id_salt("overview").auto_shrink(false).show(ui, |ui| {
        let palette = Palette::of(ui);
        if let Some(fault) = &detail.torrent.fault {
            message(ui, &cleaned(&fault.message), palette.danger_soft, palette.danger);
        } else if let Some(error) = &detail.torrent.tracker_error {
            message(ui, &cleaned(error), palette.warn_soft, palette.warn);
        }
        if let Some(pieces) = details.pieces().value() {
            map(ui, detail, pieces);
        }
        ui.add_space(6.0);
        let width = ui.available_width();
        let count = if width > 1080.0 { 3 } else { 2 };
        let facts = facts(detail);
        let rows = facts.len().div_ceil(count);
        ui.horizontal_top(|ui| {
            for (index, part) in facts.chunks(rows).enumerate() {
                let column = width / count as f32 - 12.0;
                ui.allocate_ui(Vec2::new(column, 0.0), |ui| {
                    ui.set_min_width(column);
                    ui.spacing_mut().interact_size.y = 18.0;
                    Grid::new(("facts", index))
                        .num_columns(2)
                        .spacing([12.0, 5.0])
                        .min_col_width(110.0)
                        .show(ui, |ui| {
                            for (label, value) in part {
                                ui.label(RichText::new(*label).color(palette.text_faint));
                                ui.scope(|ui| {
                                    ui.set_max_width((column - 130.0).max(60.0));
                                    ui.add(Label::new(RichText::new(value)).truncate().selectable(true));
                                });
                                ui.end_row();
                            }
                        });
                });
            }
        });
    });
}

fn message(ui: &mut Ui, text: &str, fill: Color32, color: Color32) {
    Frame::new().fill(fill).corner_radius(5.0).inner_margin(Margin::symmetric(10, 6)).show(ui, |ui| {
        ui.horizontal(|ui| {
            icon_label(ui, Icon::Warning, color);
            ui.add(Label::new(RichText::new(text).color(color)).wrap().selectable(true));
        });
    });
    ui.add_space(4.0);
}

/// Map of the pieces: what is there, what is in progress, and how many peers have the rest.
fn map(ui: &mut Ui, detail: &Detail, pieces: &Pieces) {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 26.0), Sense::hover());
    let text = format!("{} of {} pieces", detail.have_pieces, pieces.count);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &text));
    ui.painter().rect_filled(rect, 4.0, palette.piece_missing);
    let inner = rect.shrink(1.0);
    let segments = segments(pieces, inner.width().max(1.0) as usize);
    let step = inner.width() / segments.len().max(1) as f32;
    let most = segments.iter().map(|segment| segment.availability).max().unwrap_or(0).max(1);
    let mut mesh = eframe::egui::Mesh::default();
    let mut add = |left: f32, right: f32, top: f32, bottom: f32, color: Color32| {
        mesh.add_colored_rect(Rect::from_min_max(Pos2::new(left, top), Pos2::new(right, bottom)), color);
    };
    let foot = inner.bottom() - 5.0;
    for (index, segment) in segments.iter().enumerate() {
        let left = inner.left() + step * index as f32;
        let right = left + step;
        if segment.is_partial {
            add(left, right, inner.top(), foot, palette.piece_active);
        } else if segment.have > 0.0 {
            add(
                left,
                right,
                inner.top(),
                foot,
                palette.piece_have.gamma_multiply(0.25 + 0.75 * segment.have),
            );
        }
        if segment.availability > 0 {
            let part = f32::from(segment.availability) / f32::from(most);
            add(
                left,
                right,
                foot + 1.0,
                inner.bottom(),
                palette.piece_availability.gamma_multiply(0.2 + 0.8 * part),
            );
        }
    }
    ui.painter().add(eframe::egui::Shape::mesh(mesh));
    outline(ui, rect);
    response.on_hover_text(format!(
        "{text}. Above: present pieces, and pieces in progress in yellow. Below: the number of connected peers that have them."
    ));
}

fn facts(detail: &Detail) -> Vec<(&'static str, String)> {
    let torrent: &Torrent = &detail.torrent;
    let moment = |unix_s: u64| Moment(i64::try_from(unix_s).unwrap_or(i64::MAX)).to_string();
    let limit = |limit: Option<u64>| limit.map_or("no limit".to_owned(), |limit| Rate(limit).to_string());
    let of_swarm = |count: u32, all: Option<u32>| match all {
        Some(all) => format!("{count} connected of {all}"),
        None => format!("{count} connected"),
    };
    let limits = match torrent.limits {
        ztor_api::Limits { down_per_s: None, up_per_s: None } => "None".to_owned(),
        limits => format!("down {}, up {}", limit(limits.down_per_s), limit(limits.up_per_s)),
    };
    let downloaded = match detail.wasted_bytes {
        0 => Size(torrent.downloaded_bytes).to_string(),
        wasted => format!("{}, {} in vain", Size(torrent.downloaded_bytes), Size(wasted)),
    };
    let mut facts = vec![
        ("State", state::text(torrent)),
        ("Progress", format!("{} of {}", Percent(torrent.progress), Size(torrent.size_bytes))),
        ("Remaining", Size(torrent.left_bytes).to_string()),
        ("Time left", torrent.eta_s.map_or_else(|| "–".to_owned(), |eta| Span(eta).to_string())),
        ("Download rate", Rate(torrent.down_per_s).to_string()),
        ("Upload rate", Rate(torrent.up_per_s).to_string()),
        ("Downloaded", downloaded),
        ("Uploaded", Size(torrent.uploaded_bytes).to_string()),
        ("Ratio", torrent.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"))),
        ("Seeds", of_swarm(torrent.seeds, torrent.swarm_seeds)),
        ("Peers", of_swarm(torrent.peers, torrent.swarm_leechers)),
        ("Known addresses", detail.known_peers.to_string()),
        ("Limits", limits),
        ("Active", format!("{}, seeding {}", Span(torrent.active_s), Span(torrent.seeding_s))),
        ("Folder", cleaned(&torrent.dir).into_owned()),
        ("Category", cleaned(torrent.category.as_deref().unwrap_or("None")).into_owned()),
        (
            "Tags",
            if torrent.tags.is_empty() {
                "None".to_owned()
            } else {
                cleaned(&torrent.tags.join(", ")).into_owned()
            },
        ),
        ("Added", moment(torrent.added_unix_s)),
        ("Finished", torrent.finished_unix_s.map_or_else(|| "–".to_owned(), moment)),
        ("Info-hash", torrent.hash.clone()),
    ];
    let is_private = torrent.is_private.map_or("–", |is_private| if is_private { "Yes" } else { "No" });
    facts.push(("Private", is_private.to_owned()));
    if let (Some(count), Some(size)) = (detail.pieces, detail.piece_bytes) {
        facts.push(("Pieces", format!("{count} of {}", Size(u64::from(size)))));
    }
    if let Some(hash) = &torrent.hash_v2 {
        facts.push(("Info-hash of v2", hash.clone()));
    }
    if let Some(text) = &detail.created_by {
        facts.push(("Created by", cleaned(text).into_owned()));
    }
    if let Some(unix_s) = detail.created_unix_s {
        facts.push(("Created", Moment(unix_s).to_string()));
    }
    if let Some(text) = &detail.comment {
        facts.push(("Comment", cleaned(text).into_owned()));
    }
    facts
}
