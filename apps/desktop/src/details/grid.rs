//! Tables that are short or plain: peers, trackers.

use crate::look::{Palette, one_line};
use eframe::egui::{
    Align2, Color32, Pos2, Rect, Role, ScrollArea, Sense, Stroke, TextStyle, Ui, Vec2, WidgetInfo,
};

/// Height of a row.
const ROW: f32 = 26.0;

/// A cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    color: Option<Color32>,
    hint: Option<String>,
}

impl Cell {
    /// Creates a cell with a text without harmful characters.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Sets the colour.
    pub(crate) fn color(self, color: Color32) -> Self {
        Self { color: Some(color), ..self }
    }

    /// Sets the hint.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// A table. The first column takes the room that the others leave.
#[derive(Debug)]
pub(crate) struct Grid<'a> {
    /// Name for the memory of the scroll position.
    pub(crate) name: &'a str,
    /// Labels and widths; a negative width is of figures, which are aligned to the right.
    pub(crate) columns: &'a [(&'a str, f32)],
    /// Number of rows.
    pub(crate) rows: usize,
}

impl Grid<'_> {
    /// Shows the table. `cells` makes a row, and `on_row` gets the response of each.
    pub(crate) fn show(
        &self,
        ui: &mut Ui,
        mut cells: impl FnMut(usize) -> Vec<Cell>,
        mut on_row: impl FnMut(usize, &eframe::egui::Response),
    ) {
        let palette = Palette::of(ui);
        // The last columns go where there is no room for them.
        let mut sum = 12.0;
        let fits = |(_, width): &&(&str, f32)| {
            sum += width.abs();
            sum <= ui.available_width()
        };
        let count = self.columns.iter().take_while(fits).count().max(1);
        let columns = &self.columns[..count];
        let others: f32 = columns.iter().skip(1).map(|(_, width)| width.abs()).sum();
        let first =
            (ui.available_width() - others - 12.0).max(columns.first().map_or(0.0, |(_, width)| width.abs()));
        let width = |index: usize| if index == 0 { first } else { columns[index].1.abs() };
        let place = |rect: Rect, index: usize| {
            let left = rect.left() + (0..index).map(width).sum::<f32>();
            Rect::from_min_size(Pos2::new(left, rect.top()), Vec2::new(width(index), rect.height()))
                .shrink2(Vec2::new(8.0, 0.0))
        };
        ui.spacing_mut().item_spacing.y = 0.0;
        let small = TextStyle::Small.resolve(ui.style());
        let (header, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 24.0), Sense::hover());
        for (index, (label, sign)) in columns.iter().enumerate() {
            paint(ui, place(header, index), label, palette.text_faint, small.clone(), *sign < 0.0);
        }
        ui.painter().hline(header.x_range(), header.bottom(), Stroke::new(1.0, palette.border));
        let body = TextStyle::Body.resolve(ui.style());
        ScrollArea::vertical().id_salt(self.name).auto_shrink(false).show_rows(
            ui,
            ROW,
            self.rows,
            |ui, range| {
                for row in range {
                    let size = Vec2::new(ui.available_width(), ROW);
                    let (rect, response) = ui.allocate_exact_size(size, Sense::CLICK);
                    let cells = cells(row);
                    let described: Vec<&str> = cells.iter().map(|cell| cell.text.as_str()).collect();
                    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, described.join(", ")));
                    if response.hovered() || response.context_menu_opened() {
                        ui.painter().rect_filled(rect, 3.0, palette.hover);
                    }
                    let pointer = response.hover_pos();
                    let mut hint = None;
                    for (index, cell) in cells.iter().enumerate().take(columns.len()) {
                        let at = place(rect, index);
                        let is_figure = columns[index].1 < 0.0;
                        let color =
                            cell.color.unwrap_or(if index == 0 { palette.text } else { palette.text_muted });
                        let is_cut = paint(ui, at, &cell.text, color, body.clone(), is_figure);
                        if pointer.is_some_and(|pointer| at.expand(8.0).contains(pointer)) {
                            hint = cell.hint.clone().or_else(|| is_cut.then(|| cell.text.clone()));
                        }
                    }
                    on_row(row, &response);
                    if let Some(hint) = hint {
                        response.on_hover_text_at_pointer(hint);
                    }
                }
            },
        );
    }
}

fn paint(
    ui: &Ui,
    place: Rect,
    text: &str,
    color: Color32,
    font: eframe::egui::FontId,
    is_figure: bool,
) -> bool {
    let painter = ui.painter();
    let galley = one_line(painter, text, font, color, place.width());
    let (align, anchor) = if is_figure {
        (Align2::RIGHT_CENTER, place.right_center())
    } else {
        (Align2::LEFT_CENTER, place.left_center())
    };
    let is_cut = galley.elided;
    painter.galley(align.anchor_size(anchor, galley.size()).min, galley, color);
    is_cut
}
