//! The log of the daemon.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use ztor_api::LogLine;
use ztor_client::tasks::{Loaded, Tasks};
use ztor_view::text::cleaned;

use super::keys::Step;
use super::list::stepped;
use super::theme::Theme;

/// Interval of requests.
const EVERY: Duration = Duration::from_secs(2);
/// Number of lines.
const LINES: usize = 1000;
/// Levels, from the least lines to the most.
const LEVELS: [&str; 4] = ["error", "warn", "info", "debug"];

/// Page of the log.
#[derive(Debug)]
pub(super) struct Log {
    lines: Loaded<Vec<LogLine>>,
    level: usize,
    /// Line from the end, 0 while new lines are followed.
    back: usize,
    height: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self { lines: Loaded::default(), level: 2, back: 0, height: 0 }
    }
}

impl Log {
    /// Requests lines. Returns the time until that is due again.
    pub(super) fn refresh(&mut self, tasks: &Tasks) -> Option<Duration> {
        let level = LEVELS[self.level];
        self.lines.refresh(tasks, EVERY, |client| async move { client.log(0, level, LINES, None).await });
        self.lines.due_in(EVERY)
    }

    pub(super) fn step(&mut self, step: Step) {
        let last = self.lines.value().map_or(0, Vec::len).saturating_sub(self.height);
        let step = match step {
            Step::Lines(count) => Step::Lines(-count),
            Step::HalfPages(count) => Step::HalfPages(-count),
            Step::Pages(count) => Step::Pages(-count),
            Step::Start => Step::End,
            Step::End => Step::Start,
        };
        self.back = stepped(self.back, step, self.height.max(2) - 1, last);
    }

    /// Shows fewer or more lines.
    pub(super) fn step_level(&mut self, forward: bool) {
        self.level =
            if forward { (self.level + 1).min(LEVELS.len() - 1) } else { self.level.saturating_sub(1) };
        self.back = 0;
        self.lines = Loaded::default();
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, theme: Theme) {
        let level = LEVELS[self.level];
        let title = Line::from(vec![
            Span::styled(format!("Level {level} "), theme.accent()),
            Span::styled("and above; ← → change it, End follows new lines", theme.muted()),
        ]);
        frame.render_widget(title, Rect { height: 1.min(area.height), ..area });
        let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }.intersection(area);
        self.height = usize::from(body.height);
        let Some(lines) = self.lines.value() else {
            let text = self.lines.error().map_or_else(|| "Loading…".to_owned(), ToString::to_string);
            frame.render_widget(Line::styled(text, theme.muted()), body);
            return;
        };
        if lines.is_empty() {
            frame.render_widget(Line::styled("No lines of this level.", theme.muted()), body);
        }
        let end = lines.len().saturating_sub(self.back);
        let shown = lines[end.saturating_sub(self.height)..end].iter().map(|line| line_of(line, theme));
        frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), body);
    }
}

/// Returns a line of the log with its time and level.
pub(super) fn line_of(line: &LogLine, theme: Theme) -> Line<'static> {
    let time = i64::try_from(line.unix_ms / 1000).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    let time = time.map(|time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string());
    let style = match line.level.as_str() {
        "error" => theme.error(),
        "warn" => theme.tone(ztor_view::state::Tone::Warn),
        _ => theme.muted(),
    };
    Line::from(vec![
        Span::styled(format!("{} ", time.unwrap_or_default()), theme.muted()),
        Span::styled(format!("{:<5} ", cleaned(&line.level)), style),
        Span::raw(cleaned(&line.message).into_owned()),
    ])
}
