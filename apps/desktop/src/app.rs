//! The window: what is shown where, and what happens between frames.

mod acts;
mod scenes;
mod views;

use crate::connection::{Connection, Place};
use crate::context::{Cx, Intent, Page};
use crate::details::DetailsView;
use crate::dialogs::{self, Dialog, DialogCx, Outcome};
use crate::host::Flags;
use crate::instance::Instance;
use crate::jobs::Jobs;
use crate::look::{self, Palette};
use crate::notify::Notifier;
use crate::pages::{LogPage, SettingsPage, StatisticsPage};
use crate::prefs::Prefs;
use crate::reader::{Named, Reader};
use crate::remotes::Remotes;
use crate::shell::{banner, keys, statusbar, toasts, topbar};
use crate::shots::Shots;
use crate::source::Source;
use crate::table::Table;
use crate::tray::Tray;
use eframe::egui::{CentralPanel, Context, Frame, Margin, Panel, Stroke, Ui, ViewportCommand};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tokio::runtime::Runtime;
use ztor_client::tasks::{Pending, Wake};
use ztor_server::api::LogBuffer;
use ztor_view::front::NoticeKind;

/// Longest wait at the end for requests under way.
const LAST: Duration = Duration::from_secs(3);

/// Options of a start.
#[derive(Debug)]
pub struct Options {
    /// State folder of the local daemon, and of the app.
    pub state_dir: PathBuf,
    /// Settings of a daemon that the app starts.
    pub flags: Flags,
    /// Name of a profile, or URL; `None` for the daemon of this machine.
    pub remote: Option<String>,
    /// File with the profiles of remote daemons; `None` for the usual one.
    pub remotes: Option<PathBuf>,
    /// Torrents to add.
    pub arguments: Vec<String>,
    /// Log of a daemon that the app starts.
    pub log: LogBuffer,
    /// Place of later starts; `None` if each has a window of its own.
    pub instance: Option<Instance>,
    /// Folder for pictures of the views.
    pub screenshots: Option<PathBuf>,
    /// True to use the tray and the notifications of the desktop.
    pub has_desktop: bool,
}

/// The window.
#[derive(Debug)]
pub struct App {
    remotes: Remotes,
    connection: Connection,
    runtime: Option<Runtime>,
    wake: Waker,
    prefs: Prefs,
    jobs: Jobs,
    page: Page,
    table: Table,
    details: DetailsView,
    settings: SettingsPage,
    statistics: StatisticsPage,
    log: LogPage,
    dialog: Option<Box<dyn Dialog>>,
    /// Intents from outside of the views.
    asked: Vec<Intent>,
    /// Torrents that wait for a connection, or for the end of another dialog.
    waiting: Vec<Source>,
    reader: Reader,
    /// Torrent whose magnet link is copied when it is there.
    copied: Option<Pending<ztor_api::Detail>>,
    instance: Option<Instance>,
    starts: Option<Receiver<Vec<String>>>,
    /// Notices for the user that wait for a connection.
    unsaid: Vec<String>,
    tray: Option<Tray>,
    notifier: Option<Notifier>,
    shots: Option<Shots>,
    is_hovered_by_files: bool,
    /// True once the window closes because a client has asked the daemon in it to end.
    is_closing: bool,
    /// True if a text was edited in the last frame.
    had_text: bool,
}

/// The function that makes the window draw again.
struct Waker(Wake);

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wake")
    }
}

impl App {
    /// Creates the window, and begins to connect.
    ///
    /// # Errors
    /// There are no threads for it.
    pub fn new(ctx: &Context, options: Options) -> std::io::Result<Self> {
        look::apply(ctx);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("client")
            .enable_all()
            .build()?;
        let repaint = ctx.clone();
        let wake: Wake = Arc::new(move || repaint.request_repaint());
        let prefs = Prefs::read(options.state_dir.join("desktop.json"));
        ctx.set_theme(prefs.now.theme.preference());
        ctx.set_zoom_factor(prefs.now.zoom);
        let remotes = Remotes::new(options.remotes);
        let place = options.remote.as_deref().map_or(Place::Local, Place::parse);
        let connection = Connection::open(
            place,
            prefs.now.view.clone(),
            remotes.clone(),
            (options.state_dir, options.flags),
            options.log,
            runtime.handle().clone(),
            wake.clone(),
        );
        let mut instance = options.instance;
        let starts = instance.as_mut().map(|instance| instance.listen(wake.clone()));
        let mut app = Self {
            remotes,
            connection,
            prefs,
            jobs: Jobs::default(),
            page: Page::default(),
            table: Table::default(),
            details: DetailsView::default(),
            settings: SettingsPage::default(),
            statistics: StatisticsPage::default(),
            log: LogPage::default(),
            dialog: None,
            asked: Vec::new(),
            waiting: Vec::new(),
            reader: Reader::default(),
            copied: None,
            instance,
            starts,
            unsaid: Vec::new(),
            tray: options.has_desktop.then(|| Tray::start(wake.clone())),
            notifier: options.has_desktop.then(Notifier::start),
            shots: options.screenshots.map(Shots::new),
            is_hovered_by_files: false,
            is_closing: false,
            had_text: false,
            runtime: Some(runtime),
            wake: Waker(wake),
        };
        app.take_arguments(options.arguments);
        Ok(app)
    }

    /// Returns the size that the window had at the last end.
    pub fn window_size(state_dir: &std::path::Path) -> [f32; 2] {
        Prefs::read(state_dir.join("desktop.json")).now.window
    }

    /// Returns true once the first rows of the list have arrived.
    pub fn has_rows(&self) -> bool {
        self.connection.seen().is_some_and(|front| !front.snapshot().rows.is_empty())
    }

    fn take_arguments(&mut self, arguments: Vec<String>) {
        self.reader.begin(arguments.into_iter().map(Named::Argument).collect(), self.wake.0.clone());
    }

    /// Shows the window, after a [`tick`](Self::tick).
    pub fn draw(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        let mut intents = std::mem::take(&mut self.asked);
        let place = self.connection.place().clone();
        let is_local = self.connection.is_local();
        let remotes = self.remotes.clone();
        let has_dialog = self.dialog.is_some();
        let palette = Palette::of(ui);
        let edge = Stroke::new(1.0, palette.border);
        let bar = Frame::new().fill(palette.surface).inner_margin(Margin::symmetric(10, 0));
        let error = self.connection.error().map(str::to_owned);
        let Some(front) = self.connection.front() else {
            if keys::wants_end(&ctx) {
                intents.push(Intent::Quit);
            }
            Panel::top("top").exact_size(50.0).frame(bar).show(ui, |ui| {
                topbar::show_unconnected(ui, &place, &remotes, &mut intents);
            });
            CentralPanel::default().frame(Frame::new().fill(palette.bg)).show(ui, |ui| {
                views::unconnected(ui, error.as_deref(), &place, &mut intents);
            });
            self.after(&ctx, intents);
            return;
        };
        let jobs = &mut self.jobs;
        let prefs = &mut self.prefs.now;
        let mut cx = Cx { front, prefs, jobs, intents: &mut intents, is_local, remotes: &remotes };
        if !has_dialog {
            keys::handle(&ctx, &mut cx, &mut self.table, self.page, self.had_text);
        }
        Panel::top("top").exact_size(50.0).frame(bar).show_separator_line(false).show(ui, |ui| {
            let line = ui.max_rect().expand2(eframe::egui::Vec2::new(10.0, 0.0));
            ui.painter().hline(line.x_range(), line.bottom(), edge);
            topbar::show(ui, &mut cx, &place, self.page);
        });
        let foot = Frame::new().fill(palette.surface_2).inner_margin(Margin::symmetric(12, 0));
        Panel::bottom("status").exact_size(30.0).frame(foot).show_separator_line(false).show(ui, |ui| {
            let line = ui.max_rect().expand2(eframe::egui::Vec2::new(12.0, 0.0));
            ui.painter().hline(line.x_range(), line.top(), edge);
            statusbar::show(ui, &mut cx, &place);
        });
        let mut wants_retry = false;
        CentralPanel::default().frame(Frame::new().fill(palette.bg)).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            wants_retry = banner::show(ui, &mut cx, &place) == banner::Answer::Retry;
            banner::problem(ui, &mut cx);
            ui.spacing_mut().item_spacing.y = 6.0;
            match self.page {
                Page::Torrents => views::torrents(ui, &mut cx, &mut self.table, &mut self.details),
                page => {
                    let frame = Frame::new().fill(palette.bg).inner_margin(Margin::symmetric(20, 16));
                    CentralPanel::default().frame(frame).show(ui, |ui| match page {
                        Page::Statistics => self.statistics.show(ui, &mut cx),
                        Page::Log => self.log.show(ui, &mut cx),
                        Page::Settings | Page::Torrents => self.settings.show(ui, &mut cx),
                    });
                }
            }
        });
        toasts::show(&ctx, cx.front);
        if wants_retry {
            self.connection.revive();
        }
        self.after(&ctx, intents);
    }

    /// Takes over what has happened. Nothing is shown: this goes on while the window is hidden.
    pub fn tick(&mut self, ctx: &Context) {
        self.connection.tick();
        if self.connection.is_asked_to_end() && !self.is_closing {
            // As if the user had closed the window: requests under way are settled, and the state is saved.
            self.is_closing = true;
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        let starts: Vec<Vec<String>> =
            self.starts.as_ref().map(|starts| starts.try_iter().collect()).unwrap_or_default();
        for arguments in starts {
            self.take_arguments(arguments);
            ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
            ctx.send_viewport_cmd(ViewportCommand::Focus);
        }
        if let Some(tray) = &mut self.tray {
            self.asked.extend(tray.poll(ctx));
        }
        let dropped: Vec<PathBuf> =
            ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
        self.reader.begin(dropped.into_iter().map(Named::File).collect(), self.wake.0.clone());
        for (sources, problems) in self.reader.poll() {
            self.waiting.extend(sources);
            self.unsaid.extend(problems);
        }
        self.poll_copied(ctx);
        self.is_hovered_by_files = ctx.input(|input| !input.raw.hovered_files.is_empty());
        let Some(front) = self.connection.front() else { return };
        for text in self.unsaid.drain(..) {
            front.say(NoticeKind::Error, &text);
        }
        if !self.waiting.is_empty() {
            self.asked.push(Intent::Add(std::mem::take(&mut self.waiting)));
        }
        if let Some(due) = front.tick() {
            ctx.request_repaint_after(due);
        }
        self.jobs.poll(front);
        if self.prefs.now.view != *front.view() {
            self.prefs.now.view = front.view().clone();
        }
        let statistics = front.snapshot().statistics.clone();
        if let (Some(tray), Some(statistics)) = (&mut self.tray, &statistics) {
            tray.tell(statistics);
        }
        if let Some(notifier) = &mut self.notifier {
            notifier.look(front, self.prefs.now.notifies);
        }
        views::set_title(ctx, views::title(statistics.as_deref(), &self.connection));
    }

    /// Shows the dialogs, and carries out the intents of the views.
    fn after(&mut self, ctx: &Context, mut intents: Vec<Intent>) {
        if let (Some(mut dialog), Some(runtime)) = (self.dialog.take(), &self.runtime) {
            let is_local = self.connection.is_local();
            let mut cx = DialogCx {
                front: self.connection.front(),
                prefs: &mut self.prefs.now,
                jobs: &mut self.jobs,
                intents: &mut intents,
                is_local,
                remotes: &self.remotes,
                runtime: runtime.handle(),
                wake: &self.wake.0,
            };
            if dialogs::show(ctx, &mut *dialog, &mut cx) == Outcome::Stay {
                self.dialog = Some(dialog);
            } else {
                // The list gets the keys again.
                self.table.focus(ctx);
                ctx.request_repaint();
            }
        }
        self.had_text = ctx.text_edit_focused();
        if self.is_hovered_by_files {
            views::drop_hint(ctx);
        }
        for intent in intents {
            self.carry_out(ctx, intent);
        }
        self.remember(ctx);
        self.take_pictures(ctx);
    }

    /// Ends the connection, and the daemon if it runs in this process. Saves what the app remembers.
    pub fn end(&mut self) {
        // A start from now on needs a window of its own.
        (self.instance, self.starts) = (None, None);
        self.prefs.write();
        self.connection.settle(LAST);
        self.connection.end();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_millis(300));
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.end();
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _: &mut eframe::Frame) {
        self.tick(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        self.draw(ui);
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.end();
    }

    fn clear_color(&self, visuals: &eframe::egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}
