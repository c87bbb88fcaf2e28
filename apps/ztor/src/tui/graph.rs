//! Rates over time, and the map of pieces.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};
use ztor_api::Pieces;
use ztor_view::format::Rate;
use ztor_view::pieces::segments;
use ztor_view::state::Tone;

use super::theme::Theme;

/// Height of a graph in lines, above which it says no more.
const HIGHEST: u16 = 12;

/// Draws the rates of incoming and outgoing data, the latest at the right, each with its own scale.
pub(super) fn draw_rates(frame: &mut Frame<'_>, area: Rect, rates: &[(u64, u64)], span: &str, theme: Theme) {
    let halves = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).split(area);
    let down = |rate: &(u64, u64)| rate.0;
    let up = |rate: &(u64, u64)| rate.1;
    for (half, (title, of, tone)) in halves.iter().zip([
        ("↓ Download", down as fn(&(u64, u64)) -> u64, Tone::Down),
        ("↑ Upload", up as fn(&(u64, u64)) -> u64, Tone::Up),
    ]) {
        let width = usize::from(half.width);
        let values: Vec<u64> = resampled(rates, width).iter().map(of).collect();
        let largest = values.iter().copied().max().unwrap_or(0);
        let now = rates.last().map_or(0, of);
        let title = Line::from(vec![
            Span::styled(title, theme.tone(tone)),
            Span::styled(format!("  now {}, at most {} in {span}", Rate(now), Rate(largest)), theme.muted()),
        ]);
        if half.height == 0 {
            continue;
        }
        frame.render_widget(title, Rect { height: 1, ..*half });
        let graph = Rect { y: half.y + 1, height: (half.height - 1).min(HIGHEST), ..*half };
        // The latest rate is at the right edge.
        let mut padded = vec![0; width.saturating_sub(values.len())];
        padded.extend(values);
        frame.render_widget(
            Sparkline::default().data(&padded).max(largest.max(1)).style(theme.tone(tone)),
            graph,
        );
    }
}

/// Returns at most `width` rates; several become their largest, as short peaks are of interest.
fn resampled(rates: &[(u64, u64)], width: usize) -> Vec<(u64, u64)> {
    if rates.len() <= width || width == 0 {
        return rates.to_vec();
    }
    let part = |at: usize| &rates[at * rates.len() / width..(at + 1) * rates.len() / width];
    let largest =
        |part: &[(u64, u64)]| part.iter().fold((0, 0), |most, rate| (most.0.max(rate.0), most.1.max(rate.1)));
    (0..width).map(|at| largest(part(at))).collect()
}

/// Draws the pieces: full, half and empty blocks by the part that is present; what is in progress has another colour.
pub(super) fn draw_pieces(frame: &mut Frame<'_>, area: Rect, pieces: &Pieces, theme: Theme) {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let map = segments(pieces, width * height);
    let lines: Vec<Line<'_>> = map
        .chunks(width.max(1))
        .map(|row| {
            let spans = row.iter().map(|segment| {
                let (sign, style) = match segment {
                    segment if segment.is_partial => ("▒", theme.tone(Tone::Busy)),
                    segment if segment.have >= 1.0 => ("█", theme.tone(Tone::Done)),
                    segment if segment.have > 0.0 => ("▄", theme.tone(Tone::Done)),
                    segment if segment.availability == 0 => ("·", theme.tone(Tone::Warn)),
                    _ => ("░", Style::new()),
                };
                Span::styled(sign, style)
            });
            Line::from(spans.collect::<Vec<_>>())
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}
