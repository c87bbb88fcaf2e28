//! Dialogs that only show something: keys, and what this program is.

use super::{Dialog, DialogCx, Outcome};
use crate::look::{Palette, section_title};
use eframe::egui::{Grid, Label, RichText, ScrollArea, Ui};
use std::time::Duration;
use ztor_api::Daemon;
use ztor_client::tasks::Loaded;

/// Keys with what they do, for the sheet of keys.
const SHEET: [(&str, &[(&str, &str)]); 3] = [
    (
        "List",
        &[
            ("Up, Down", "Select the row above or below"),
            ("Page up, Page down", "One page up or down"),
            ("Home, End", "First or last row"),
            ("Shift + these", "Extend the selection"),
            ("Ctrl + these", "Move without selecting"),
            ("Space", "Select or deselect the row"),
            ("Ctrl+A", "Select all"),
            ("Enter", "Show details"),
            ("Esc", "Close details or clear the selection"),
        ],
    ),
    (
        "Selected torrents",
        &[
            ("F2", "Rename"),
            ("F3", "Start"),
            ("F4", "Stop"),
            ("Del", "Remove"),
            ("Ctrl+C", "Copy magnet links"),
            ("Shift+F10", "All actions"),
        ],
    ),
    (
        "Everywhere",
        &[
            ("Ctrl+O", "Add torrents"),
            ("Ctrl+V", "Add links from the clipboard"),
            ("/ or Ctrl+F", "Search"),
            ("Ctrl+,", "Settings"),
            ("Ctrl+Plus, Ctrl+Minus, Ctrl+0", "Zoom"),
            ("?", "This sheet"),
            ("Ctrl+Q", "Quit"),
        ],
    ),
];

/// Sheet of the keys.
#[derive(Debug)]
pub(crate) struct KeysDialog;

impl Dialog for KeysDialog {
    fn title(&self) -> String {
        "Keyboard shortcuts".to_owned()
    }

    fn width(&self) -> f32 {
        560.0
    }

    fn show(&mut self, ui: &mut Ui, _: &mut DialogCx<'_>) -> Outcome {
        let palette = Palette::of(ui);
        let room = (ui.ctx().content_rect().height() - 140.0).max(120.0);
        ScrollArea::vertical().max_height(room).auto_shrink([false, true]).show(ui, |ui| {
            ui.spacing_mut().interact_size.y = 18.0;
            for (title, keys) in SHEET {
                section_title(ui, title);
                Grid::new(title).num_columns(2).min_col_width(190.0).spacing([16.0, 4.0]).show(ui, |ui| {
                    for (key, text) in keys {
                        ui.label(RichText::new(*key).color(palette.accent));
                        ui.label(*text);
                        ui.end_row();
                    }
                });
                ui.add_space(10.0);
            }
        });
        Outcome::Stay
    }
}

/// Versions and addresses of this program and the daemon.
#[derive(Debug, Default)]
pub(crate) struct AboutDialog {
    daemon: Loaded<Daemon>,
}

impl Dialog for AboutDialog {
    fn title(&self) -> String {
        "About ztor".to_owned()
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut DialogCx<'_>) -> Outcome {
        let palette = Palette::of(ui);
        ui.label("ztor is a BitTorrent client. Its daemon transfers the data, also while this window is closed if it runs on its own.");
        ui.add_space(8.0);
        let mut facts = vec![("App", format!("ztor-desktop {}", env!("CARGO_PKG_VERSION")))];
        if let Some(front) = cx.front.as_deref_mut() {
            let every = Duration::from_secs(3600);
            self.daemon.refresh(front.tasks(), every, |client| async move { client.about().await });
        }
        if let Some(daemon) = self.daemon.value() {
            facts.push(("Daemon", format!("{} {}, process {}", daemon.name, daemon.version, daemon.pid)));
            facts.push(("Peers connect to", daemon.peer_addr.clone()));
            facts.push(("State", daemon.state_dir.clone()));
            if let Some(url) = &daemon.web_url {
                facts.push(("Web UI", url.clone()));
            }
        }
        facts.push(("Licence", "MIT or Apache 2.0".to_owned()));
        Grid::new("about").num_columns(2).spacing([16.0, 6.0]).show(ui, |ui| {
            for (label, value) in facts {
                ui.label(RichText::new(label).color(palette.text_muted));
                ui.add(Label::new(value).selectable(true).wrap());
                ui.end_row();
            }
        });
        if let Some(url) = self.daemon.value().and_then(|daemon| daemon.web_url.clone())
            && cx.is_local
            && ui.button("Open the web UI").clicked()
        {
            // A desktop without a browser is no reason to fail; the address is in the dialog.
            let _ = open::that_detached(url);
        }
        Outcome::Stay
    }
}
