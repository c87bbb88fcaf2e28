//! End of a frame: carries out the intents of the views, and saves what changed.

use super::App;
use crate::context::{Cx, Intent, Page};
use crate::details::DetailsView;
use crate::dialogs::{self, AddDialog};
use crate::jobs::Jobs;
use crate::pages::{LogPage, SettingsPage, StatisticsPage};
use crate::source::Source;
use crate::table::Table;
use eframe::egui::{Context, ViewportCommand};
use ztor_client::tasks::Pending;
use ztor_view::command::Command;
use ztor_view::front::NoticeKind;

impl App {
    /// Does what a view asked for.
    pub(super) fn carry_out(&mut self, ctx: &Context, intent: Intent) {
        match intent {
            Intent::Run(command) => self.run(ctx, command),
            Intent::Open(dialog) => self.dialog = Some(dialog),
            Intent::Add(sources) => self.add(sources),
            Intent::Show(page) => self.page = page,
            Intent::ShowSettings(section) => self.settings.choose(section),
            Intent::Connect(place) => {
                self.connection.go(place);
                (self.details, self.table) = (DetailsView::default(), Table::default());
                (self.settings, self.statistics, self.log) =
                    (SettingsPage::default(), StatisticsPage::default(), LogPage::default());
                (self.jobs, self.copied) = (Jobs::default(), None);
                if let Some(notifier) = &mut self.notifier {
                    notifier.forget();
                }
                ctx.request_repaint();
            }
            Intent::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
        }
    }

    fn add(&mut self, sources: Vec<Source>) {
        if let Some(dialog) = &mut self.dialog {
            // What is typed into another dialog must not be lost: the torrents wait until it is closed.
            return self.waiting.extend(dialog.take(sources).unwrap_or_default());
        }
        self.page = Page::Torrents;
        self.dialog = Some(Box::new(AddDialog::new(sources)));
    }

    pub(crate) fn run(&mut self, ctx: &Context, command: Command) {
        let is_local = self.connection.is_local();
        let Some(front) = self.connection.front() else { return };
        let (prefs, jobs) = (&mut self.prefs.now, &mut self.jobs);
        let mut intents = Vec::new();
        let remotes = &self.remotes;
        let mut cx = Cx { front, prefs, jobs, intents: &mut intents, is_local, remotes };
        if !command.can_run(&cx.summary()) {
            return;
        }
        match command {
            Command::CopyName | Command::CopyHash | Command::CopyMagnet => {
                self.copied = copy(ctx, &mut cx, command);
            }
            command => {
                if let Some(dialog) = dialogs::of_command(command, &mut cx) {
                    self.dialog = Some(dialog);
                } else {
                    cx.front.run(command);
                }
            }
        }
    }

    /// Copies the magnet link that the daemon was asked for, when it is there.
    pub(super) fn poll_copied(&mut self, ctx: &Context) {
        let Some(result) = self.copied.as_mut().and_then(Pending::poll) else { return };
        self.copied = None;
        let Some(front) = self.connection.front() else { return };
        match result {
            Ok(detail) => ctx.copy_text(detail.magnet),
            Err(error) => front.fail(&error),
        }
    }

    /// Keeps what the app remembers up to date.
    pub(super) fn remember(&mut self, ctx: &Context) {
        if ctx.options(|options| options.theme_preference) != self.prefs.now.theme.preference() {
            ctx.set_theme(self.prefs.now.theme.preference());
        }
        // Zoom by keys is egui's; zoom by the slider is the app's.
        let zoom = ctx.zoom_factor();
        if (zoom - self.prefs.now.zoom).abs() > 0.001 {
            match self.settings_zoomed(ctx) {
                true => ctx.set_zoom_factor(self.prefs.now.zoom),
                false => self.prefs.now.zoom = zoom,
            }
        }
        if let Some(rect) = ctx.input(|input| input.viewport().inner_rect)
            && ctx.input(|input| {
                input.viewport().maximized != Some(true) && input.viewport().fullscreen != Some(true)
            })
        {
            self.prefs.now.window = [(rect.width() * zoom).round(), (rect.height() * zoom).round()];
        }
        if let Some(due) = self.prefs.tick() {
            ctx.request_repaint_after(due);
        }
    }

    /// Returns true if the zoom was not changed by keys in this frame.
    fn settings_zoomed(&self, ctx: &Context) -> bool {
        self.page == Page::Settings && !ctx.input(|input| input.modifiers.command)
    }
}

/// Copies something of the selected torrents. Returns the request for the magnet link of a single one, which has its
/// trackers too.
fn copy(ctx: &Context, cx: &mut Cx<'_>, command: Command) -> Option<Pending<ztor_api::Detail>> {
    let (ids, rows) = (cx.front.selection().targets(), cx.targets());
    if let (Command::CopyMagnet, [id]) = (command, ids.as_slice()) {
        let term = format!("id:{id}");
        return Some(cx.front.tasks().ask(|client| async move { client.detail(&term).await }));
    }
    if rows.len() < ids.len() {
        let text = format!("Only {} of {} torrents are loaded; select fewer", rows.len(), ids.len());
        cx.front.say(NoticeKind::Error, &text);
        return None;
    }
    let of_row = |row: &std::sync::Arc<ztor_api::Torrent>| match command {
        Command::CopyName => ztor_view::text::cleaned(&row.name).into_owned(),
        Command::CopyHash => row.hash.clone(),
        _ => magnet(&row.hash),
    };
    ctx.copy_text(rows.iter().map(of_row).collect::<Vec<_>>().join("\n"));
    None
}

/// Magnet link of an info-hash.
fn magnet(hash: &str) -> String {
    if hash.len() == 40 {
        format!("magnet:?xt=urn:btih:{hash}")
    } else {
        format!("magnet:?xt=urn:btmh:1220{hash}")
    }
}
