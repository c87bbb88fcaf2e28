//! Frames of dialogs.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear};

use super::theme::Theme;

/// Widest dialog.
const WIDTH: u16 = 76;

/// Draws the frame of a dialog in the middle. Returns the area inside.
pub(super) fn frame_of(frame: &mut Frame<'_>, area: Rect, title: &str, rows: usize, theme: Theme) -> Rect {
    let width = WIDTH.min(area.width.saturating_sub(2));
    let height = u16::try_from(rows + 2).unwrap_or(u16::MAX).min(area.height);
    let outer =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    frame.render_widget(Clear, outer);
    let block = Block::bordered().title(Line::styled(format!(" {title} "), theme.heading()));
    let inner = block.inner(outer);
    frame.render_widget(block, outer);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}
