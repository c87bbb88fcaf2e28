//! Colours: those of the terminal by their names, so that its own theme applies; none of them carries a meaning alone.

use ratatui::style::{Color, Modifier, Style};
use ztor_view::state::Tone;

/// Styles by their roles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    has_color: bool,
}

impl Theme {
    pub(super) fn new(has_color: bool) -> Self {
        Self { has_color }
    }

    fn colored(self, color: Color) -> Style {
        if self.has_color { Style::new().fg(color) } else { Style::new() }
    }

    pub(super) fn tone(self, tone: Tone) -> Style {
        match tone {
            Tone::Down => self.colored(Color::LightBlue),
            Tone::Up => self.colored(Color::Cyan),
            Tone::Busy => self.colored(Color::Magenta),
            Tone::Idle => self.muted(),
            Tone::Done => self.colored(Color::Green),
            Tone::Warn => self.colored(Color::Yellow),
            Tone::Error => self.error(),
        }
    }

    /// Less important text.
    pub(super) fn muted(self) -> Style {
        if self.has_color {
            Style::new().fg(Color::DarkGray)
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    /// Headings of columns and groups.
    pub(super) fn heading(self) -> Style {
        self.colored(Color::Gray).add_modifier(Modifier::BOLD)
    }

    /// Names, keys, the open tab.
    pub(super) fn accent(self) -> Style {
        self.colored(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) fn error(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// The line at the cursor. Colours of its parts would become those of their backgrounds.
    pub(super) fn cursor(self, is_focused: bool) -> Style {
        if is_focused {
            Style::new()
                .fg(Color::Reset)
                .bg(Color::Reset)
                .add_modifier(Modifier::REVERSED)
                .remove_modifier(Modifier::DIM)
        } else {
            Style::new().add_modifier(Modifier::UNDERLINED)
        }
    }

    /// A selected line, which has a mark as well.
    pub(super) fn selected(self) -> Style {
        self.colored(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// Name of the open page in a bar.
    pub(super) fn open_page(self) -> Style {
        Style::new().fg(Color::Reset).bg(Color::Reset).add_modifier(Modifier::BOLD)
    }

    /// Bars at the top and the bottom.
    pub(super) fn bar(self) -> Style {
        if self.has_color {
            Style::new().fg(Color::Black).bg(Color::Gray)
        } else {
            Style::new().add_modifier(Modifier::REVERSED)
        }
    }
}
