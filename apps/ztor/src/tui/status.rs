//! Lines at the top and the bottom: where one is, what the daemon does, and what has happened.

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};
use ztor_api::Connectivity;
use ztor_client::live::LiveState;
use ztor_view::filter::Field;
use ztor_view::format::{Count, Rate, Size};
use ztor_view::front::{Front, NoticeKind};

use super::hits::{Hit, Hits};
use super::input::Input;
use super::keys::View;
use super::theme::Theme;

/// Returns a text of at most `width` columns; one that is cut ends in `…`.
pub(super) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut cut = String::new();
    for c in text.chars() {
        let columns = c.width().unwrap_or(0);
        if columns > room {
            break;
        }
        room -= columns;
        cut.push(c);
    }
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// Draws the title line: the pages, the name of the daemon, the filters.
pub(super) fn draw_title(
    frame: &mut Frame<'_>,
    area: Rect,
    front: &Front,
    (open, name): (View, &str),
    theme: Theme,
    hits: &mut Hits,
) {
    frame.buffer_mut().set_style(area, theme.bar());
    let mut x = area.x;
    for (at, view) in View::ALL.into_iter().enumerate() {
        let text = format!(" {} {} ", at + 1, view.label());
        let width = u16::try_from(text.width()).unwrap_or(u16::MAX);
        let tab = Rect { x, width, ..area }.intersection(area);
        let style = if view == open { theme.open_page() } else { theme.bar() };
        frame.render_widget(Paragraph::new(text).style(style), tab);
        hits.add(tab, Hit::View(view));
        x = x.saturating_add(width);
    }
    let rest = Rect { x, width: area.right().saturating_sub(x), ..area };
    let text = format!("{}  {name} ", filter_text(front));
    let text = fit(&text, usize::from(rest.width));
    frame.render_widget(Paragraph::new(text).alignment(Alignment::Right).style(theme.bar()), rest);
}

/// Returns the number of torrents, and the filters.
fn filter_text(front: &Front) -> String {
    let snapshot = front.snapshot();
    let selected = front.selection().len();
    let mut parts = Vec::new();
    if selected > 0 {
        parts.push(format!("{selected} of {} selected", snapshot.total));
    } else if snapshot.query.is_some() {
        parts.push(Count(snapshot.total, "torrent").to_string());
    }
    let view = front.view();
    for field in Field::ALL {
        for value in view.chosen(field) {
            let value = if value.is_empty() { "none" } else { value };
            parts.push(format!("{}: {}", field.label().to_lowercase(), ztor_view::text::cleaned(value)));
        }
    }
    if !view.search.trim().is_empty() {
        parts.push(format!("/{}", ztor_view::text::cleaned(view.search.trim())));
    }
    parts.join(" · ")
}

/// Draws the last line: rates and state, or the search while it is edited.
pub(super) fn draw_status(
    frame: &mut Frame<'_>,
    area: Rect,
    front: &Front,
    search: Option<&Input>,
    theme: Theme,
) {
    if let Some(search) = search {
        let mode = if front.view().is_regex { "regex" } else { "words" };
        let hint = format!("  ^R {mode}, Enter keeps it, Esc clears it");
        let line = Line::from(vec![
            Span::styled("/", theme.accent()),
            Span::raw(search.text().to_owned()),
            Span::styled(hint, theme.muted()),
        ]);
        frame.render_widget(line, area);
        let x = area.x + 1 + u16::try_from(search.before().width()).unwrap_or(u16::MAX);
        frame.set_cursor_position((x.min(area.right().saturating_sub(1)), area.y));
        return;
    }
    frame.buffer_mut().set_style(area, theme.bar());
    let (left, is_bad) = match connection_text(front) {
        Some(text) => (text, true),
        None => (figures(front), false),
    };
    let keys = if area.width < 110 { " ? keys " } else { " ? keys  a add  / search  q quit " };
    let room = usize::from(area.width).saturating_sub(if is_bad { 0 } else { keys.width() });
    let style = if is_bad { theme.error().patch(ratatui::style::Style::new()) } else { theme.bar() };
    frame.render_widget(Paragraph::new(fit(&format!(" {left}"), room)).style(style), area);
    if !is_bad {
        let hint = Rect {
            x: area.right().saturating_sub(u16::try_from(keys.width()).unwrap_or(0)),
            width: 0,
            ..area
        };
        let hint = Rect { width: area.right().saturating_sub(hint.x), ..hint };
        frame.render_widget(Paragraph::new(keys).style(theme.bar()), hint);
    }
}

/// Returns what is wrong with the connection.
fn connection_text(front: &Front) -> Option<String> {
    match &front.snapshot().state {
        LiveState::Live => None,
        LiveState::Connecting => Some("Connecting…".to_owned()),
        LiveState::Offline { error, retry_at } => {
            let seconds = retry_at.saturating_duration_since(Instant::now()).as_secs_f64().ceil();
            Some(format!("Offline, again in {seconds} s (F5 now): {error}"))
        }
        LiveState::Refused(error) => Some(format!("Not let in (F5 tries again): {error}")),
    }
}

fn figures(front: &Front) -> String {
    let Some(now) = &front.snapshot().statistics else { return String::new() };
    let mut parts = vec![format!("↓ {}  ↑ {}", Rate(now.down_per_s), Rate(now.up_per_s))];
    if now.alternative_limits {
        parts.push("alternative limits".to_owned());
    }
    parts.push(Count(now.peers, "peer").to_string());
    if now.is_unreachable {
        parts.push(format!("port {} closed", now.peer_port));
    } else if now.connectivity == Connectivity::None {
        parts.push("no connection".to_owned());
    }
    if let Some(problem) = now.proxy.as_ref().and_then(|proxy| proxy.problem.as_ref()) {
        parts.insert(0, format!("proxy down: {}", ztor_view::text::cleaned(problem)));
    }
    if let Some(nodes) = now.dht_nodes {
        parts.push(format!("DHT {nodes}"));
    }
    if let Some(free) = now.free_bytes {
        parts.push(format!("{} free", Size(free)));
    }
    if let Some(error) = &now.save_error {
        parts.insert(0, format!("cannot save: {}", ztor_view::text::cleaned(error)));
    }
    parts.join(" · ")
}

/// Draws the latest text about what has happened. Returns false if there is none.
pub(super) fn draw_notice(frame: &mut Frame<'_>, area: Rect, front: &Front, theme: Theme) -> bool {
    let Some(notice) = front.notices().next_back() else { return false };
    let style = if notice.kind == NoticeKind::Error { theme.error() } else { theme.accent() };
    frame.render_widget(ratatui::widgets::Clear, area);
    frame.render_widget(
        Paragraph::new(fit(&format!(" {}", notice.text), usize::from(area.width))).style(style),
        area,
    );
    true
}
