//! The file dialogs of the desktop, each in a thread of its own.

use eframe::egui::Context;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

/// Chooses files or a folder of this machine.
#[derive(Debug, Default)]
pub(crate) struct Picker {
    result: Option<Receiver<Vec<PathBuf>>>,
}

impl Picker {
    /// Asks for torrent files.
    pub(crate) fn choose_files(&mut self, ctx: &Context) {
        self.ask(ctx, || {
            let dialog = rfd::FileDialog::new().set_title("Choose torrent files");
            let dialog = dialog.add_filter("Torrent files", &["torrent"]).add_filter("All files", &["*"]);
            dialog.pick_files().unwrap_or_default()
        });
    }

    /// Asks for a folder; the dialog begins in `present`.
    pub(crate) fn choose_folder(&mut self, ctx: &Context, present: &str) {
        let present = PathBuf::from(present);
        self.ask(ctx, move || {
            let dialog = rfd::FileDialog::new().set_title("Choose a folder");
            let dialog = if present.is_dir() { dialog.set_directory(present) } else { dialog };
            dialog.pick_folder().into_iter().collect()
        });
    }

    fn ask(&mut self, ctx: &Context, choose: impl FnOnce() -> Vec<PathBuf> + Send + 'static) {
        let (sender, receiver) = channel();
        self.result = Some(receiver);
        let ctx = ctx.clone();
        std::thread::spawn(move || {
            // The dialog of the app may be closed.
            let _ = sender.send(choose());
            ctx.request_repaint();
        });
    }

    /// Returns what was chosen, once.
    pub(crate) fn poll(&mut self) -> Vec<PathBuf> {
        let Some(chosen) = self.result.as_ref().and_then(|result| result.try_recv().ok()) else {
            return Vec::new();
        };
        self.result = None;
        chosen
    }
}
