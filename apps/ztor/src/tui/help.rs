//! The sheet of keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use unicode_width::UnicodeWidthStr as _;

use super::frames::frame_of;
use super::keys::SHEET;
use super::theme::Theme;

/// Width of the keys in a line.
const KEYS: usize = 17;

/// Draws the sheet from a line on: in two columns where there is room.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, first: u16, theme: Theme) {
    let group = |(title, keys): &(&'static str, &'static [(&'static str, &'static str)])| {
        let mut lines = vec![Line::styled(*title, theme.heading())];
        lines.extend(keys.iter().map(|(key, text)| {
            let gap = " ".repeat(KEYS.saturating_sub(key.width()));
            Line::from(vec![Span::styled(*key, theme.accent()), Span::raw(gap), Span::raw(*text)])
        }));
        lines.push(Line::from(""));
        lines
    };
    let columns: Vec<Vec<Line<'_>>> = if area.width >= 76 {
        SHEET.chunks(2).map(|groups| groups.iter().flat_map(group).collect()).collect()
    } else {
        vec![SHEET.iter().flat_map(group).collect()]
    };
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let inner = frame_of(frame, area, "Keys", rows, theme);
    let width = inner.width / u16::try_from(columns.len()).unwrap_or(1);
    for (at, lines) in columns.into_iter().enumerate() {
        let x = inner.x + width * u16::try_from(at).unwrap_or(0);
        frame.render_widget(Paragraph::new(lines).scroll((first, 0)), Rect { x, width, ..inner });
    }
}
