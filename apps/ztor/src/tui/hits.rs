//! Places of the last frame, for the mouse.

use ratatui::layout::{Position, Rect};
use ztor_view::column::Column;
use ztor_view::front::Tab;

use super::keys::View;

/// Thing at a place of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    Row(usize),
    Header(Column),
    Tab(Tab),
    View(View),
    Filter(usize),
    Detail(usize),
    Setting(usize),
}

/// Places of the last frame, for the mouse.
#[derive(Debug, Default)]
pub(super) struct Hits(Vec<(Rect, Hit)>);

impl Hits {
    pub(super) fn add(&mut self, area: Rect, hit: Hit) {
        self.0.push((area, hit));
    }

    pub(super) fn at(&self, column: u16, row: u16) -> Option<Hit> {
        let place = Position { x: column, y: row };
        // What was drawn last is on top.
        self.0.iter().rev().find(|(area, _)| area.contains(place)).map(|(_, hit)| *hit)
    }
}
