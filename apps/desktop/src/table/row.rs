//! A row of the list.

use super::{PADDING, follow_details};
use crate::context::{Cx, Intent};
use crate::look::{Icon, Palette, bar, menu_entry, one_line};

use eframe::egui::{
    Align2, Color32, Id, Painter, Pos2, Rect, Role, Sense, Stroke, StrokeKind, TextStyle, Ui, Vec2,
    WidgetInfo,
};
use std::sync::Arc;
use ztor_api::{State, Torrent};
use ztor_view::column::{Align, Column};
use ztor_view::command::{Command, GROUPS};
use ztor_view::format::Percent;
use ztor_view::selection::Mode;
use ztor_view::state::{short, tone};
use ztor_view::text::cleaned;

/// Shows the row of a torrent. Returns true if it was clicked. A row of the list before is only looked at.
pub(super) fn show(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    torrent: &Arc<Torrent>,
    place: Rect,
    columns: &[(Column, f32)],
    has_focus: bool,
) -> bool {
    let id = Id::unique(("torrent", torrent.id));
    let is_current = cx.front.is_current();
    let response = ui.interact(place, id, if is_current { Sense::CLICK } else { Sense::HOVER });
    let is_selected = cx.front.selection().contains(torrent.id);
    response.widget_info(|| WidgetInfo::selected(Role::Row, is_current, is_selected, cleaned(&torrent.name)));
    ui.ctx().accesskit_node_builder(id, |node| {
        if !is_current {
            node.set_disabled();
        }
        node.set_selected(is_selected);
        node.set_description(format!("{}, {}", short(torrent), Percent(torrent.progress)));
    });
    let palette = Palette::of(ui);
    let painter = ui.painter();
    if is_selected {
        painter.rect_filled(place, 0.0, palette.selection);
    } else if response.hovered() || response.context_menu_opened() {
        painter.rect_filled(place, 0.0, palette.hover);
    }
    if has_focus && cx.front.selection().cursor() == Some(torrent.id) {
        painter.rect_stroke(place.shrink(1.0), 3.0, Stroke::new(1.0, palette.accent), StrokeKind::Inside);
    }
    painter.hline(
        place.x_range(),
        place.bottom() - 0.5,
        Stroke::new(1.0, palette.border.gamma_multiply(0.6)),
    );
    let mut left = place.left();
    for (column, width) in columns {
        let cell = Rect::from_min_size(Pos2::new(left, place.top()), Vec2::new(*width, place.height()));
        left += width;
        if cell.intersects(ui.clip_rect()) {
            cell_of(ui, torrent, *column, cell);
        }
    }
    if is_current {
        clicks(ui, cx, torrent.id, &response);
    }
    response.context_menu(|ui| menu(ui, cx, false));
    response.clicked() || response.secondary_clicked()
}

fn clicks(ui: &Ui, cx: &mut Cx<'_>, id: u64, response: &eframe::egui::Response) {
    if response.clicked() {
        ui.memory_mut(|memory| memory.request_focus(super::Table::id()));
        let modifiers = ui.input(|input| input.modifiers);
        let mode = match (modifiers.shift, modifiers.command) {
            (true, _) => Mode::Range,
            (_, true) => Mode::Toggle,
            _ => Mode::Only,
        };
        let order = cx.front.loaded_order();
        cx.front.selection_mut().put(id, mode, &order);
        follow_details(cx);
    }
    if response.double_clicked() {
        cx.front.details_mut().open(Some(id));
    }
    if response.secondary_clicked() && !cx.front.selection().contains(id) {
        let order = cx.front.loaded_order();
        cx.front.selection_mut().put(id, Mode::Only, &order);
        follow_details(cx);
    }
}

fn cell_of(ui: &Ui, torrent: &Torrent, column: Column, cell: Rect) {
    let palette = Palette::of(ui);
    let mut inner = cell.shrink2(Vec2::new(PADDING, 0.0));
    let painter = ui.painter().with_clip_rect(cell.intersect(ui.clip_rect()));
    let tone = tone(torrent);
    let color = match column {
        Column::Name => palette.text,
        Column::Down => palette.down,
        Column::Up => palette.up,
        Column::State => palette.tone(tone),
        _ => palette.text_muted,
    };
    match column {
        Column::Progress => {
            let text = column.text(torrent);
            let is_complete = torrent.progress >= 1.0;
            let fill = palette.progress(tone, is_complete && torrent.state != State::Checking);
            progress(ui, &painter, inner, torrent.progress as f32, &text, fill, palette);
            return;
        }
        Column::State => {
            let dot = Rect::from_min_size(inner.min, Vec2::new(12.0, inner.height()));
            Icon::Circle.paint(&painter, dot, 14.0, color);
            inner.min.x += 17.0;
        }
        _ => {}
    }
    let text = column.text(torrent);
    if !text.is_empty() {
        cell_text(ui, &painter, inner, &text, color, column.definition().align);
    }
}

fn cell_text(ui: &Ui, painter: &Painter, inner: Rect, text: &str, color: Color32, align: Align) {
    let font = TextStyle::Body.resolve(ui.style());
    let galley = one_line(painter, text, font, color, inner.width());
    let (align, anchor) = match align {
        Align::Left => (Align2::LEFT_CENTER, inner.left_center()),
        Align::Right => (Align2::RIGHT_CENTER, inner.right_center()),
    };
    painter.galley(align.anchor_size(anchor, galley.size()).min, galley, color);
}

/// Bar of progress with its figure.
fn progress(
    ui: &Ui,
    painter: &Painter,
    inner: Rect,
    part: f32,
    text: &str,
    fill: Color32,
    palette: &Palette,
) {
    let font = TextStyle::Body.resolve(ui.style());
    let galley = painter.layout_no_wrap(text.to_owned(), font, palette.text_muted);
    let at = Align2::RIGHT_CENTER.anchor_size(inner.right_center(), galley.size());
    painter.galley(at.min, galley, palette.text_muted);
    let room = inner.width() - 50.0;
    if room > 14.0 {
        let place = Rect::from_center_size(
            Pos2::new(inner.left() + room / 2.0, inner.center().y),
            Vec2::new(room, 6.0),
        );
        bar(painter, place, part, fill, palette.track);
    }
}

/// Menu of the selected torrents. `takes_focus` gives its first entry the focus of the keyboard.
pub(crate) fn menu(ui: &mut Ui, cx: &mut Cx<'_>, mut takes_focus: bool) {
    let summary = cx.summary();
    ui.set_width(270.0);
    ui.spacing_mut().item_spacing.y = 0.0;
    for (index, group) in GROUPS.iter().enumerate() {
        if index > 0 {
            ui.separator();
        }
        for command in *group {
            let (is_on, is_enabled) = (command.is_checked(&summary), command.can_run(&summary));
            let entry =
                menu_entry(ui, icon_of(*command), command.label(), key_of(*command), is_enabled, is_on);
            if is_enabled && std::mem::take(&mut takes_focus) {
                entry.request_focus();
            }
            if entry.clicked() {
                cx.ask(Intent::Run(*command));
                ui.close();
            }
        }
    }
}

/// Returns the icon of a command.
const fn icon_of(command: Command) -> Option<Icon> {
    Some(match command {
        Command::Start => Icon::Start,
        Command::ForceStart => Icon::Force,
        Command::Stop => Icon::Stop,
        Command::Retry => Icon::Retry,
        Command::Rename => Icon::Edit,
        Command::Category => Icon::Folder,
        Command::Tags => Icon::Tag,
        Command::Limits => Icon::Limits,
        Command::Trackers => Icon::Network,
        Command::Move => Icon::Move,
        Command::Recheck => Icon::Check,
        Command::QueueTop => Icon::Top,
        Command::QueueUp => Icon::Up,
        Command::QueueDown => Icon::Down,
        Command::QueueBottom => Icon::Bottom,
        Command::CopyName | Command::CopyHash | Command::CopyMagnet => Icon::Copy,
        Command::Remove => Icon::Remove,
        Command::Reannounce | Command::Sequential | Command::EndsFirst | Command::SuperSeeding => {
            return None;
        }
    })
}

/// Returns the key of a command.
const fn key_of(command: Command) -> &'static str {
    match command {
        Command::Start => "F3",
        Command::Stop => "F4",
        Command::Rename => "F2",
        Command::CopyMagnet => "Ctrl+C",
        Command::Remove => "Del",
        _ => "",
    }
}
