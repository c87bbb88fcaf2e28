//! Statistics of the whole, with the rates over time.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use ztor_api::{Connectivity, History};
use ztor_client::tasks::{Loaded, Tasks};
use ztor_view::format::{Size, Span as TimeSpan};
use ztor_view::front::Front;

use super::graph::draw_rates;
use super::theme::Theme;

/// Spans of the graph in seconds, with their names.
const SPANS: [(u64, &str); 5] =
    [(300, "5 minutes"), (3600, "an hour"), (86_400, "a day"), (604_800, "a week"), (2_592_000, "30 days")];
/// Interval of requests.
const EVERY: Duration = Duration::from_secs(2);

/// Page of the statistics.
#[derive(Debug, Default)]
pub(super) struct StatisticsPage {
    history: Loaded<History>,
    span: usize,
}

impl StatisticsPage {
    /// Requests the rates. Returns the time until that is due again.
    pub(super) fn refresh(&mut self, tasks: &Tasks) -> Option<Duration> {
        let (span_s, _) = SPANS[self.span];
        self.history.refresh(tasks, EVERY, |client| async move { client.history(span_s).await });
        self.history.due_in(EVERY)
    }

    /// Shows a shorter or longer time.
    pub(super) fn step_span(&mut self, forward: bool) {
        self.span = if forward { (self.span + 1).min(SPANS.len() - 1) } else { self.span.saturating_sub(1) };
        self.history = Loaded::default();
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>, area: Rect, front: &Front, theme: Theme) {
        let lines = figures(front, theme);
        let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        frame.render_widget(Paragraph::new(lines), area);
        let y = area.y + count.min(area.height);
        let graph = Rect { y, height: area.bottom().saturating_sub(y), ..area };
        let (_, span) = SPANS[self.span];
        match (self.history.value(), self.history.error()) {
            (Some(history), _) => {
                let rates = history.down.iter().zip(&history.up);
                let rates: Vec<(u64, u64)> =
                    rates.map(|(down, up)| (down.unwrap_or(0), up.unwrap_or(0))).collect();
                draw_rates(frame, graph, &rates, &format!("{span} (← → change it)"), theme);
            }
            (None, Some(error)) => frame.render_widget(Line::styled(error.to_string(), theme.error()), graph),
            (None, None) => frame.render_widget(Line::styled("Loading…", theme.muted()), graph),
        }
    }
}

fn figures(front: &Front, theme: Theme) -> Vec<Line<'static>> {
    let Some(now) = front.snapshot().statistics.clone() else {
        return vec![Line::styled("Loading…", theme.muted())];
    };
    let connectivity = match now.connectivity {
        _ if now.is_unreachable => {
            format!("nobody reaches port {}; forward it in the router", now.peer_port)
        }
        _ if now.peer_port == 0 => "peers are not accepted".to_owned(),
        Connectivity::Incoming => format!("peers reach port {}", now.peer_port),
        Connectivity::Outgoing => format!("nobody has connected to port {} yet", now.peer_port),
        _ => "no connection".to_owned(),
    };
    let ratio = now.uploaded_bytes as f64 / (now.downloaded_bytes.max(1)) as f64;
    let read_only = if now.dht_read_only { ", read-only" } else { "" };
    let dht = |nodes: u64| format!("{nodes} nodes{read_only}");
    let fields = [
        ("Torrents", format!("{}, of which {} are active", now.torrents, now.active)),
        (
            "Since the start",
            format!(
                "↓ {}  ↑ {}  in {}",
                Size(now.session_downloaded_bytes),
                Size(now.session_uploaded_bytes),
                TimeSpan(now.uptime_s)
            ),
        ),
        (
            "In all",
            format!("↓ {}  ↑ {}  ratio {ratio:.2}", Size(now.downloaded_bytes), Size(now.uploaded_bytes)),
        ),
        ("Connections", format!("{}; {connectivity}", now.peers)),
        ("DHT", now.dht_nodes.map_or_else(|| "off".to_owned(), dht)),
        ("Proxy", now.proxy.as_ref().map_or_else(|| "none".to_owned(), ztor_view::text::proxy_text)),
        ("Free space", now.free_bytes.map_or_else(|| "unknown".to_owned(), |free| Size(free).to_string())),
    ];
    let mut lines: Vec<Line<'_>> = fields
        .into_iter()
        .map(|(label, value)| {
            Line::from(vec![Span::styled(format!("{label:<17}"), theme.muted()), Span::raw(value)])
        })
        .collect();
    lines.push(Line::from(""));
    lines
}
