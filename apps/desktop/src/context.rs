//! State that views read and change, and their intents.

use crate::connection::Place;
use crate::jobs::Jobs;
use crate::prefs::Values;
use crate::remotes::Remotes;
use crate::source::Source;
use eframe::egui::Ui;
use std::fmt::Debug;
use tokio::runtime::Handle;
use ztor_api::Torrent;
use ztor_client::tasks::Wake;
use ztor_view::command::{Command, Summary};
use ztor_view::front::Front;

/// Page of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Page {
    /// The list with its filters and details.
    #[default]
    Torrents,
    /// Rates and sums.
    Statistics,
    /// The log of the daemon.
    Log,
    /// Settings, categories and tags, watched folders.
    Settings,
}

/// Request of a view to the app, carried out after the frame.
#[derive(Debug)]
pub(crate) enum Intent {
    /// Runs a command on the selected torrents, or opens its dialog.
    Run(Command),
    /// Opens a dialog in place of the one that is open.
    Open(Box<dyn Dialog>),
    /// Opens the dialog to add torrents, or adds to the one that is open.
    Add(Vec<Source>),
    /// Shows a page.
    Show(Page),
    /// Shows a part of the settings.
    ShowSettings(&'static str),
    /// Connects to another daemon, or again to the same one.
    Connect(Place),
    /// Ends the app.
    Quit,
}

/// State that views read and change.
pub(crate) struct Cx<'a> {
    pub(crate) front: &'a mut Front,
    pub(crate) prefs: &'a mut Values,
    pub(crate) jobs: &'a mut Jobs,
    pub(crate) intents: &'a mut Vec<Intent>,
    /// True if paths of this machine are those of the daemon.
    pub(crate) is_local: bool,
    pub(crate) remotes: &'a Remotes,
}

impl Cx<'_> {
    /// Returns facts about the selected torrents. Rows of the list before, and those of a query that the daemon refuses,
    /// must not be acted on: there are none then.
    pub(crate) fn summary(&self) -> Summary {
        if self.front.is_current() { self.front.summary() } else { Summary::default() }
    }

    /// Returns the selected torrents that are loaded.
    pub(crate) fn targets(&self) -> Vec<std::sync::Arc<Torrent>> {
        let snapshot = self.front.snapshot();
        let targets = self.front.selection().targets();
        targets.iter().filter_map(|id| snapshot.torrent(*id)).cloned().collect()
    }

    /// Asks the app for something after the frame.
    pub(crate) fn ask(&mut self, intent: Intent) {
        self.intents.push(intent);
    }
}

/// State that dialogs read and change.
pub(crate) struct DialogCx<'a> {
    /// The front end; `None` without a connection.
    pub(crate) front: Option<&'a mut Front>,
    pub(crate) prefs: &'a mut Values,
    pub(crate) jobs: &'a mut Jobs,
    pub(crate) intents: &'a mut Vec<Intent>,
    pub(crate) is_local: bool,
    pub(crate) remotes: &'a Remotes,
    pub(crate) runtime: &'a Handle,
    pub(crate) wake: &'a Wake,
}

impl DialogCx<'_> {
    /// Returns what views of a connection read and change; `None` without a connection.
    pub(crate) fn connected(&mut self) -> Option<Cx<'_>> {
        Some(Cx {
            front: self.front.as_deref_mut()?,
            prefs: self.prefs,
            jobs: self.jobs,
            intents: self.intents,
            is_local: self.is_local,
            remotes: self.remotes,
        })
    }
}

/// Fate of a dialog after a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Stay,
    Close,
}

/// A dialog.
pub(crate) trait Dialog: Debug {
    /// Returns the title.
    fn title(&self) -> String;

    /// Returns the width.
    fn width(&self) -> f32 {
        460.0
    }

    /// Shows the content.
    fn show(&mut self, ui: &mut Ui, cx: &mut DialogCx<'_>) -> Outcome;

    /// Takes more torrents to add. Returns them if the dialog is another one.
    fn take(&mut self, sources: Vec<Source>) -> Option<Vec<Source>> {
        Some(sources)
    }
}
