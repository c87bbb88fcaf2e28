//! The list of torrents. Only the rows in view are laid out.

mod header;
mod row;

pub(crate) use header::column_menu;
pub(crate) use row::menu as row_menu;

use crate::context::{Cx, Intent};
use crate::look::{Icon, empty, ghost_button, primary_button};
use eframe::egui::{Context, EventFilter, Id, Pos2, Rect, ScrollArea, Sense, Ui, UiBuilder, Vec2};
use std::sync::Arc;
use ztor_client::live::LiveState;
use ztor_view::filter::View;
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
    /// Filters and sort order of the list that is shown.
    view: Option<View>,
    /// True until the view of another list is at its start.
    is_new: bool,
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
        // Rows of the list before have other places.
        let Some(last) = snapshot.total.checked_sub(1).filter(|_| cx.front.is_current()) else { return };
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
        let Some((index, mode)) = self.pending.filter(|_| cx.front.is_current()) else { return };
        let snapshot = Arc::clone(cx.front.snapshot());
        let index = index.min(snapshot.total.saturating_sub(1));
        let Some(id) = snapshot.row(index).map(|row| row.id) else {
            // Commands must not act on the row where the cursor was.
            if mode == Mode::Only {
                cx.front.selection_mut().clear();
            }
            return cx.front.selection_mut().leave();
        };
        self.pending = None;
        let order = cx.front.loaded_order();
        cx.front.selection_mut().put(id, mode, &order);
        follow_details(cx);
    }

    /// Forgets the row that the cursor waits for, and takes the cursor from its torrent.
    pub(crate) fn leave(&mut self, cx: &mut Cx<'_>) {
        (self.pending, self.wanted) = (None, None);
        cx.front.selection_mut().clear();
        cx.front.selection_mut().leave();
    }

    /// Follows changes of the list: another one is shown from its start, and has no cursor yet.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        if self.view.as_ref() != Some(cx.front.view()) {
            self.is_new = true;
            self.view = Some(cx.front.view().clone());
            (self.pending, self.wanted) = (None, None);
            cx.front.selection_mut().leave();
        }
        let selection = cx.front.selection();
        // A cursor that is not in sight is no target.
        if selection.is_empty()
            && selection.cursor().is_some_and(|id| cx.front.snapshot().torrent(id).is_none())
        {
            cx.front.selection_mut().leave();
        }
        self.resolve(cx);
    }

    /// Shows the list.
    pub(crate) fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        self.settle(cx);
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
            self.leave(cx);
            focus.request_focus();
        }
        if focus.has_focus() {
            let filter =
                EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(Self::id(), filter));
        }
        let mut area = ScrollArea::both().id_salt("rows").auto_shrink(false);
        if std::mem::take(&mut self.is_new) {
            self.offset.y = 0.0;
            area = area.vertical_scroll_offset(0.0);
        }
        if let Some(offset) = self.offset_for_wanted(body.height()) {
            area = area.vertical_scroll_offset(offset);
        }
        let mut is_clicked = false;
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
                    is_clicked |= row::show(ui, cx, torrent, place, &columns, has_focus);
                }
            }
        });
        if is_clicked {
            (self.pending, self.wanted) = (None, None);
        }
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
