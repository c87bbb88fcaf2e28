//! Rates over time, and sums.

use crate::context::Cx;
use crate::details::{Series, chart, is_there};
use crate::look::{Palette, TITLE};
use eframe::egui::{Frame, Margin, RichText, ScrollArea, Stroke, TextStyle, Ui, Vec2};
use std::time::Duration;
use ztor_api::{Connectivity, History, Statistics};
use ztor_client::tasks::Loaded;
use ztor_view::format::{Rate, Size, Span};
use ztor_view::text::proxy_text;

const SPANS: [(u64, &str); 5] =
    [(300, "5 minutes"), (3600, "1 hour"), (86_400, "1 day"), (604_800, "1 week"), (2_592_000, "30 days")];

/// The page.
#[derive(Debug)]
pub(crate) struct StatisticsPage {
    span: u64,
    history: Loaded<History>,
}

impl Default for StatisticsPage {
    fn default() -> Self {
        Self { span: 3600, history: Loaded::default() }
    }
}

impl StatisticsPage {
    /// Shows the page.
    pub(crate) fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let span = self.span;
        let every = Duration::from_secs(if span <= 300 { 1 } else { 5 });
        self.history.refresh(cx.front.tasks(), every, |client| async move { client.history(span).await });
        if let Some(due) = self.history.due_in(every) {
            ui.ctx().request_repaint_after(due);
        }
        let statistics = cx.front.snapshot().statistics.clone();
        ScrollArea::vertical().id_salt("statistics").auto_shrink(false).show(ui, |ui| {
            ui.horizontal(|ui| {
                for (span, label) in SPANS {
                    if ui.selectable_label(self.span == span, label).clicked() {
                        self.span = span;
                        self.history = Loaded::default();
                    }
                }
            });
            if is_there(ui, &self.history)
                && let Some(history) = self.history.value()
            {
                let series = Series {
                    down: history.down.clone(),
                    up: history.up.clone(),
                    slots: history.down.len().max(2),
                    slot_s: history.step_ms as f64 / 1000.0,
                };
                chart(ui, 260.0, &series);
            }
            ui.add_space(12.0);
            if let Some(statistics) = statistics {
                cards(ui, &statistics);
            }
        });
    }
}

fn cards(ui: &mut Ui, statistics: &Statistics) {
    let ratio = match statistics.downloaded_bytes {
        0 => "–".to_owned(),
        down => format!("{:.2}", statistics.uploaded_bytes as f64 / down as f64),
    };
    let reach = match (statistics.is_unreachable, statistics.connectivity) {
        (true, _) => "Port, not reachable",
        (_, Connectivity::Incoming) => "Port, reachable",
        (_, Connectivity::Outgoing) => "Port, not reached by peers yet",
        _ => "Port",
    };
    let read_only = if statistics.dht_read_only { ", read-only" } else { "" };
    let dht =
        statistics.dht_nodes.map_or_else(|| "Off".to_owned(), |nodes| format!("{nodes} nodes{read_only}"));
    let port = match statistics.peer_port {
        0 => "Not accepted".to_owned(),
        port => port.to_string(),
    };
    let proxy = statistics.proxy.as_ref().map_or_else(|| "None".to_owned(), proxy_text);
    let free = statistics.free_bytes.map_or_else(|| "Unknown".to_owned(), |free| Size(free).to_string());
    let cards = [
        ("Download", Rate(statistics.down_per_s).to_string()),
        ("Upload", Rate(statistics.up_per_s).to_string()),
        ("Received since the start", Size(statistics.session_downloaded_bytes).to_string()),
        ("Sent since the start", Size(statistics.session_uploaded_bytes).to_string()),
        ("Received in all sessions", Size(statistics.downloaded_bytes).to_string()),
        ("Sent in all sessions", Size(statistics.uploaded_bytes).to_string()),
        ("Ratio", ratio),
        ("Torrents", format!("{}, {} active", statistics.torrents, statistics.active)),
        ("Peers", statistics.peers.to_string()),
        (reach, port),
        ("DHT", dht),
        ("Proxy", proxy),
        ("Free space", free),
        ("Running for", Span(statistics.uptime_s).to_string()),
    ];
    let width = ui.available_width();
    let columns = ((width / 220.0) as usize).clamp(1, 5);
    let card = (width - 12.0 * (columns - 1) as f32) / columns as f32;
    for row in cards.chunks(columns) {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 12.0;
            for (label, value) in row {
                one(ui, card, label, value);
            }
        });
        ui.add_space(6.0);
    }
}

fn one(ui: &mut Ui, width: f32, label: &str, value: &str) {
    let palette = Palette::of(ui);
    let frame = Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(1.0, palette.border))
        .corner_radius(8.0)
        .inner_margin(Margin::symmetric(14, 10));
    ui.allocate_ui(Vec2::new(width, 66.0), |ui| {
        frame.show(ui, |ui| {
            ui.set_width(width - 30.0);
            ui.vertical(|ui| {
                ui.label(RichText::new(label).small().color(palette.text_faint));
                let text = RichText::new(value).text_style(TextStyle::Name(TITLE.into()));
                ui.add(eframe::egui::Label::new(text).truncate());
            });
        });
    });
}
