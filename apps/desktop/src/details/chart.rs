//! Chart of rates over time.

use super::outline;
use crate::look::Palette;
use eframe::egui::{
    Align2, Color32, Painter, Pos2, Rect, Role, Sense, Shape, Stroke, TextStyle, Ui, Vec2, WidgetInfo,
};
use ztor_view::format::{Rate, Span};

/// Rates with equal distances, the last one now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series {
    pub(crate) down: Vec<Option<u64>>,
    pub(crate) up: Vec<Option<u64>>,
    /// Number of values over the whole width.
    pub(crate) slots: usize,
    /// Distance of two values in seconds.
    pub(crate) slot_s: f64,
}

/// Shows the chart over the whole width.
pub(crate) fn chart(ui: &mut Ui, height: f32, series: &Series) {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    let peak = |values: &[Option<u64>]| values.iter().flatten().copied().max().unwrap_or(0);
    let described = format!(
        "Highest download rate {}, highest upload rate {}",
        Rate(peak(&series.down)),
        Rate(peak(&series.up))
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &described));
    let top = nice(peak(&series.down).max(peak(&series.up)).max(1024));
    let font = TextStyle::Small.resolve(ui.style());
    let plot = Rect::from_min_max(rect.min + Vec2::new(74.0, 8.0), rect.max - Vec2::new(10.0, 22.0));
    if plot.width() < 20.0 || plot.height() < 20.0 {
        return;
    }
    let painter = ui.painter();
    let lines = if plot.height() > 110.0 { 4 } else { 2 };
    for line in 0..=lines {
        let part = line as f32 / lines as f32;
        let y = plot.bottom() - part * plot.height();
        painter.hline(plot.x_range(), y, Stroke::new(1.0, palette.chart_grid));
        let value = Rate((top as f64 * f64::from(part)) as u64).to_string();
        painter.text(
            Pos2::new(plot.left() - 8.0, y),
            Align2::RIGHT_CENTER,
            value,
            font.clone(),
            palette.text_faint,
        );
    }
    let total_s = series.slots as f64 * series.slot_s;
    for part in [0.0_f64, 0.25, 0.5, 0.75] {
        let x = plot.left() + plot.width() * part as f32;
        let ago = format!("-{}", Span((total_s * (1.0 - part)) as u64));
        painter.text(
            Pos2::new(x, plot.bottom() + 5.0),
            Align2::LEFT_TOP,
            ago,
            font.clone(),
            palette.text_faint,
        );
    }
    painter.text(
        Pos2::new(plot.right(), plot.bottom() + 5.0),
        Align2::RIGHT_TOP,
        "now",
        font.clone(),
        palette.text_faint,
    );
    curve(painter, plot, &series.up, series.slots, top, palette.up);
    curve(painter, plot, &series.down, series.slots, top, palette.down);
    outline(ui, plot.expand(1.0));
    if let Some(pointer) = response.hover_pos().filter(|pointer| plot.contains(*pointer)) {
        pointed(ui, plot, series, pointer, palette);
    }
}

/// Shows the values below the pointer.
fn pointed(ui: &Ui, plot: Rect, series: &Series, pointer: Pos2, palette: &Palette) {
    let slots = series.slots.max(2);
    let from_end = ((plot.right() - pointer.x) / plot.width() * (slots - 1) as f32).round() as usize;
    let at = |values: &[Option<u64>]| {
        values.len().checked_sub(from_end + 1).and_then(|at| values.get(at).copied().flatten())
    };
    let painter = ui.painter();
    painter.vline(pointer.x, plot.y_range(), Stroke::new(1.0, palette.border_strong));
    let ago = Span((from_end as f64 * series.slot_s) as u64);
    let text = match (at(&series.down), at(&series.up)) {
        (None, None) => format!("{ago} ago: not recorded"),
        (down, up) => {
            format!("{ago} ago: download {}, upload {}", Rate(down.unwrap_or(0)), Rate(up.unwrap_or(0)))
        }
    };
    let font = TextStyle::Small.resolve(ui.style());
    let galley = painter.layout_no_wrap(text, font, palette.text);
    let x = (pointer.x + 8.0).min(plot.right() - galley.size().x - 8.0);
    let place = Rect::from_min_size(Pos2::new(x, plot.top() + 6.0), galley.size()).expand(4.0);
    painter.rect_filled(place, 4.0, palette.raised);
    outline(ui, place);
    painter.galley(place.min + Vec2::splat(4.0), galley, palette.text);
}

fn curve(painter: &Painter, plot: Rect, values: &[Option<u64>], slots: usize, top: u64, color: Color32) {
    let slots = slots.max(2);
    let step = plot.width() / (slots - 1) as f32;
    let shown = &values[values.len().saturating_sub(slots)..];
    let first = plot.right() - step * shown.len().saturating_sub(1) as f32;
    let mut run: Vec<Pos2> = Vec::new();
    for (index, value) in shown.iter().enumerate() {
        match value {
            Some(value) => {
                let part = (*value as f64 / top as f64).min(1.0) as f32;
                run.push(Pos2::new(first + step * index as f32, plot.bottom() - part * plot.height()));
            }
            None => draw(painter, plot, std::mem::take(&mut run), color),
        }
    }
    draw(painter, plot, run, color);
}

fn draw(painter: &Painter, plot: Rect, run: Vec<Pos2>, color: Color32) {
    if run.is_empty() {
        return;
    }
    let mut mesh = eframe::egui::Mesh::default();
    let fill = color.gamma_multiply(0.16);
    for pair in run.windows(2) {
        let base = mesh.vertices.len() as u32;
        for point in
            [pair[0], pair[1], Pos2::new(pair[1].x, plot.bottom()), Pos2::new(pair[0].x, plot.bottom())]
        {
            mesh.colored_vertex(point, fill);
        }
        mesh.add_triangle(base, base + 1, base + 2);
        mesh.add_triangle(base, base + 2, base + 3);
    }
    painter.add(Shape::mesh(mesh));
    painter.add(Shape::line(run, Stroke::new(1.6, color)));
}

/// Returns the next rate that is good to read on an axis: a quarter of it is short in binary units.
fn nice(value: u64) -> u64 {
    let mut unit: u64 = 1024;
    while unit.saturating_mul(1000) < value {
        unit = unit.saturating_mul(1024);
    }
    [1, 2, 4, 8, 12, 20, 40, 80, 120, 200, 400, 800, 1000]
        .into_iter()
        .map(|factor| unit.saturating_mul(factor))
        .find(|top| *top >= value)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nice_is_never_below_the_value() {
        for value in [0, 1, 1024, 1025, 5 << 20, 999 << 30, u64::MAX] {
            assert!(nice(value) >= value, "{value}");
        }
        assert_eq!(nice(3 << 20), 4 << 20);
    }
}
