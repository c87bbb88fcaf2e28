//! The list of torrents. Only the rows in view are laid out.

mod header;
mod row;

pub(crate) use header::column_menu;

use crate::context::{Cx, Intent};
use crate::look::{Icon, empty, ghost_button, primary_button};
use eframe::egui::{Context, EventFilter, Id, Pos2, Rect, ScrollArea, Sense, Ui, UiBuilder, Vec2};
use std::sync::Arc;
use ztor_client::live::LiveState;
use ztor_view::selection::Mode;

/// Height of a row.
pub(crate) const ROW: f32 = 30.0;
/// Height of the header.
const HEADER: f32 = 30.0;
/// Room of the scroll bar.
const SCROLL: f32 = 12.0;
/// Space beside the text of a cell.
pub(crate) const PADDING: f32 = 8.0;

/// A step of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Lines(isize),
    Pages(isize),
    First,
    Last,
}

/// State of the list that is not part of the front end's.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Index of a row to scroll to.
    wanted: Option<usize>,
    /// Row that gets the cursor as soon as it is loaded.
    pending: Option<(usize, Mode)>,
    /// Number of rows that fit.
    page: usize,
    /// Offset of the view.
    offset: Vec2,
    height: f32,
}

impl Table {
    /// Returns the identity of the list for the focus of the keyboard.
    pub(crate) fn id() -> Id {
        Id::unique("torrents")
    }

    /// Gives the list the focus of the keyboard.
    pub(crate) fn focus(&self, ctx: &Context) {
        ctx.memory_mut(|memory| memory.request_focus(Self::id()));
    }

    /// Moves the cursor.
    pub(crate) fn step(&mut self, cx: &mut Cx<'_>, step: Step, mode: Mode) {
        let snapshot = Arc::clone(cx.front.snapshot());
        let Some(last) = snapshot.total.checked_sub(1) else { return };
        let cursor = cx.front.selection().cursor();
        let known = cursor.and_then(|id| snapshot.rows.iter().position(|row| row.id == id));
        let at = self.pending.map(|(at, _)| at).or(known.map(|at| at + snapshot.first));
        let page = self.page.saturating_sub(1).max(1);
        let target = match (step, at) {
            (Step::First, _) => 0,
            (Step::Last, _) => last,
            (_, None) => (self.offset.y / ROW).ceil() as usize,
            (Step::Lines(lines), Some(at)) => at.saturating_add_signed(lines),
            (Step::Pages(pages), Some(at)) => at.saturating_add_signed(pages * page as isize),
        };
        let target = target.min(last);
        self.pending = Some((target, mode));
        self.wanted = Some(target);
        self.resolve(cx);
    }

    /// Puts the cursor on the row that it waits for, if it is loaded.
    fn resolve(&mut self, cx: &mut Cx<'_>) {
        let Some((index, mode)) = self.pending else { return };
        let Some(id) = cx.front.snapshot().row(index).map(|row| row.id) else { return };
        self.pending = None;
        let order = cx.front.loaded_order();
        cx.front.selection_mut().put(id, mode, &order);
        follow_details(cx);
    }

    /// Shows the list.
    pub(crate) fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        self.resolve(cx);
        let snapshot = Arc::clone(cx.front.snapshot());
        if snapshot.total == 0 && cx.front.is_current() {
            nothing(ui, cx);
            return;
        }
        let columns = cx.prefs.columns(ui.available_width() - PADDING - SCROLL);
        let width = columns.iter().map(|(_, width)| width).sum::<f32>() + PADDING;
        ui.spacing_mut().item_spacing = Vec2::ZERO;
        let (header, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), HEADER), Sense::hover());
        let body = ui.available_rect_before_wrap();
        let focus = ui.interact(body, Self::id(), Sense::click());
        focus.widget_info(|| eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Grid, true, "Torrents"));
        if focus.clicked() {
            cx.front.selection_mut().clear();
            focus.request_focus();
        }
        if focus.has_focus() {
            let filter =
                EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(Self::id(), filter));
        }
        let mut area = ScrollArea::both().id_salt("rows").auto_shrink(false);
        if let Some(offset) = self.offset_for_wanted(body.height()) {
            area = area.vertical_scroll_offset(offset);
        }
        let has_focus = focus.has_focus();
        let output = area.show_viewport(ui, |ui, viewport| {
            ui.set_height(ROW * snapshot.total as f32);
            ui.set_width(width.max(viewport.width()));
            let first = (viewport.min.y / ROW).max(0.0) as usize;
            let count = (viewport.height() / ROW).ceil() as usize + 1;
            cx.front.show_rows(first, count.min(snapshot.total.saturating_sub(first)).max(1));
            if !cx.front.is_current() {
                ui.multiply_opacity(0.55);
            }
            let (left, top) = (ui.max_rect().left(), ui.max_rect().top());
            for index in first..(first + count).min(snapshot.total) {
                let at = Pos2::new(left, top + index as f32 * ROW);
                let place = Rect::from_min_size(at, Vec2::new(width.max(viewport.width()), ROW));
                if let Some(torrent) = snapshot.row(index) {
                    row::show(ui, cx, torrent, place, &columns, has_focus);
                }
            }
        });
        self.offset = output.state.clamped_offset();
        self.height = output.inner_rect.height();
        self.page = (self.height / ROW) as usize;
        let mut child = ui.new_child(UiBuilder::new().id_salt("header").max_rect(header));
        child.set_clip_rect(header.intersect(ui.clip_rect().union(header)));
        header::show(&mut child, cx, header, &columns, self.offset.x);
    }

    /// Returns the offset that shows the wanted row, if the present one does not.
    fn offset_for_wanted(&mut self, height: f32) -> Option<f32> {
        let top = self.wanted.take()? as f32 * ROW;
        let height = if self.height > 0.0 { self.height } else { height };
        if top < self.offset.y {
            Some(top)
        } else if top + ROW > self.offset.y + height {
            Some(top + ROW - height)
        } else {
            None
        }
    }
}

/// Shows the details of the torrent at the cursor, if details are shown.
pub(crate) fn follow_details(cx: &mut Cx<'_>) {
    let cursor = cx.front.selection().cursor();
    if cx.front.details().id().is_some() && cursor.is_some() {
        cx.front.details_mut().open(cursor);
    }
}

fn nothing(ui: &mut Ui, cx: &mut Cx<'_>) {
    let snapshot = Arc::clone(cx.front.snapshot());
    if !matches!(snapshot.state, LiveState::Live) && snapshot.query.is_none() {
        return;
    }
    if cx.front.view().is_filtered() {
        let hint = "Remove a filter or change the search.";
        if empty(ui, Icon::Search, "No torrent matches", hint, |ui| {
            ghost_button(ui, "Show all torrents").clicked()
        }) {
            cx.front.change_view(|view| view.clear_all());
        }
        return;
    }
    let hint = "Paste a magnet link with Ctrl+V, drop torrent files onto the window, or choose them.";
    if empty(ui, Icon::Down, "No torrents yet", hint, |ui| {
        primary_button(ui, "Add a torrent…", true, false).clicked()
    }) {
        cx.ask(Intent::Add(Vec::new()));
    }
}
