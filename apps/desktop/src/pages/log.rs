//! The log of the daemon.

use crate::context::Cx;
use crate::details::{is_there, log_lines};
use eframe::egui::Ui;
use std::time::Duration;
use ztor_api::LogLine;
use ztor_client::tasks::Loaded;

/// Interval of requests while the page is shown.
const EVERY: Duration = Duration::from_secs(2);
const LINES: usize = 2000;
const LEVELS: [(&str, &str); 4] =
    [("error", "Errors"), ("warn", "Warnings"), ("info", "Messages"), ("debug", "Details")];

/// The page.
#[derive(Debug)]
pub(crate) struct LogPage {
    lines: Loaded<Vec<LogLine>>,
    level: &'static str,
    search: String,
}

impl Default for LogPage {
    fn default() -> Self {
        Self { lines: Loaded::default(), level: "info", search: String::new() }
    }
}

impl LogPage {
    /// Shows the page.
    pub(crate) fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let level = self.level;
        self.lines.refresh(cx.front.tasks(), EVERY, |client| async move {
            client.log(0, level, LINES, None).await
        });
        if let Some(due) = self.lines.due_in(EVERY) {
            ui.ctx().request_repaint_after(due);
        }
        ui.horizontal(|ui| {
            let label = LEVELS.iter().find(|known| known.0 == self.level).map_or("", |known| known.1);
            let combo = crate::look::combo("level", None).selected_text(label).show_ui(ui, |ui| {
                for (level, label) in LEVELS {
                    if ui.selectable_label(self.level == level, label).clicked() {
                        self.level = level;
                        self.lines.expire();
                    }
                }
            });
            let _ = combo.response.accessible_name("Level");
            let edit =
                crate::look::line_edit(&mut self.search).hint_text("Search the log").desired_width(260.0);
            ui.add(edit).accessible_name("Search the log");
            if ui.button("Copy").clicked() {
                let lines = self.lines.value().map_or(&[][..], Vec::as_slice);
                let text: Vec<String> = lines
                    .iter()
                    .map(|line| format!("{} {} {} {}", line.unix_ms, line.level, line.target, line.message))
                    .collect();
                ui.ctx().copy_text(text.join("\n"));
            }
        });
        ui.add_space(6.0);
        if !is_there(ui, &self.lines) {
            return;
        }
        let words = self.search.to_lowercase();
        let is_match = |line: &&LogLine| {
            words.is_empty() || line.message.to_lowercase().contains(&words) || line.target.contains(&words)
        };
        let lines: Vec<LogLine> =
            self.lines.value().map_or(&[][..], Vec::as_slice).iter().filter(is_match).cloned().collect();
        if lines.is_empty() {
            ui.weak(if words.is_empty() {
                "There are no messages of this level."
            } else {
                "No message matches the search."
            });
            return;
        }
        log_lines(ui, &lines, false);
    }
}
