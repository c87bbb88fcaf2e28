//! `ztor tui`: the daemon's torrents in the terminal.
//!
//! `app` has the state and reacts to keys, the mouse and the daemon; the other modules draw it and edit parts of it. A
//! frame is drawn when something has changed; between two frames the program sleeps.

mod app;
mod complete;
mod details;
mod dialog;
mod filters;
mod frames;
mod graph;
mod help;
mod hits;
mod input;
mod keys;
mod list;
mod log;
mod screen;
mod settings;
mod statistics;
mod status;
mod theme;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ratatui::crossterm::event::{self, Event, MouseEventKind};
use ztor_client::tasks::{Tasks, Wake};

use crate::exit::{CliError, Exit};
use crate::remote::connection::Connection;
use app::{App, Effect};
use screen::Screen;
use theme::Theme;

/// Interval between looks at the stop flag, without a frame.
const TICK: Duration = Duration::from_millis(100);
/// Shortest time between two frames that the daemon causes.
const FRAME: Duration = Duration::from_millis(50);
/// Largest number of keys that wait. The terminal keeps what is typed after them.
const MOST_SIGNALS: usize = 256;

/// Reason to wake up.
enum Signal {
    Input(Event),
    /// Something has arrived from the daemon.
    Changed,
    /// The terminal cannot be read any more.
    Lost(io::Error),
}

/// Options of the terminal.
pub(crate) struct Options {
    pub(crate) has_mouse: bool,
    pub(crate) has_color: bool,
    /// Name of the daemon in the title line.
    pub(crate) name: String,
}

/// Runs the terminal UI until the user ends it.
pub(crate) fn run(connection: &Connection, options: &Options) -> anyhow::Result<Exit> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let error =
            CliError::usage("ztor tui needs a terminal; `ztor list` prints the list to files and pipes");
        return Err(error.into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start a connection")?;
    // A wrong password or address is said before the screen changes. The connection is used again on the same threads.
    connection.ask_on(&runtime, connection.client.about())?;
    let (sender, signals) = mpsc::sync_channel(MOST_SIGNALS);
    let has_changed = Arc::new(AtomicBool::new(false));
    let tasks = Tasks::new(
        connection.client.clone(),
        runtime.handle().clone(),
        waker(sender.clone(), Arc::clone(&has_changed)),
    );
    let mut app = App::new(tasks, Theme::new(options.has_color), options.name.clone(), connection.is_local);
    let mut screen = Screen::open(options.has_mouse).context("cannot draw on the terminal")?;
    std::thread::spawn(move || read_input(&sender));
    let result = turn(&mut screen, &mut app, &signals, &has_changed, connection);
    drop(screen);
    runtime.shutdown_background();
    result.map(|()| Exit::Ok)
}

/// Returns the function by which requests wake the program: one signal until it has looked.
fn waker(sender: SyncSender<Signal>, has_changed: Arc<AtomicBool>) -> Wake {
    Arc::new(move || {
        if !has_changed.swap(true, Ordering::AcqRel) {
            // With a full queue the program is awake, and looks after the keys in it; or it has ended.
            let _ = sender.try_send(Signal::Changed);
        }
    })
}

fn read_input(sender: &SyncSender<Signal>) {
    loop {
        let signal = match event::read() {
            // Nothing is shown where the mouse only passes.
            Ok(Event::Mouse(mouse))
                if matches!(mouse.kind, MouseEventKind::Moved | MouseEventKind::Drag(_)) =>
            {
                continue;
            }
            Ok(event) => Signal::Input(event),
            Err(error) => Signal::Lost(error),
        };
        let is_last = matches!(signal, Signal::Lost(_));
        if sender.send(signal).is_err() || is_last {
            return;
        }
    }
}

fn turn(
    screen: &mut Screen,
    app: &mut App,
    signals: &mpsc::Receiver<Signal>,
    has_changed: &AtomicBool,
    connection: &Connection,
) -> anyhow::Result<()> {
    let mut due = app.tick();
    let mut is_drawn = false;
    let mut last = Instant::now();
    loop {
        if !is_drawn {
            screen.draw(|frame| app.draw(frame)).context("cannot draw on the terminal")?;
            last = Instant::now();
            is_drawn = true;
            // The rows in view may have moved the window.
            due = app.tick().or(due);
        }
        let deadline = due.map(|due| last + due);
        let wait =
            deadline.map_or(TICK, |deadline| deadline.saturating_duration_since(Instant::now()).min(TICK));
        let signal = match signals.recv_timeout(wait) {
            Ok(signal) => Some(signal),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        if connection.stop.is_set() {
            return Ok(());
        }
        match signal {
            Some(Signal::Lost(error)) => return Err(error).context("cannot read the terminal"),
            Some(Signal::Input(event)) => {
                let mut effect = app.handle(event);
                // Keys that were typed meanwhile share the frame.
                while effect == Effect::None
                    && let Ok(signal) = signals.try_recv()
                {
                    match signal {
                        Signal::Input(event) => effect = app.handle(event),
                        Signal::Changed => {}
                        Signal::Lost(error) => return Err(error).context("cannot read the terminal"),
                    }
                }
                match effect {
                    Effect::Quit => return Ok(()),
                    Effect::Suspend => screen.suspend().context("cannot suspend")?,
                    Effect::Copy(text) => copy(&text)?,
                    Effect::Redraw => screen.clear().context("cannot draw on the terminal")?,
                    Effect::None => {}
                }
            }
            Some(Signal::Changed) => std::thread::sleep(FRAME.saturating_sub(last.elapsed())),
            // It is a look at the stop flag only.
            None if deadline.is_none_or(|deadline| deadline > Instant::now())
                && !has_changed.load(Ordering::Acquire) =>
            {
                continue;
            }
            None => {}
        }
        has_changed.store(false, Ordering::Release);
        due = app.tick();
        if let Some(text) = app.take_copied() {
            copy(&text)?;
        }
        is_drawn = false;
    }
}

/// Puts a text on the clipboard by the escape sequence that terminals take over SSH as well (OSC 52).
fn copy(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = io::stdout();
    write!(out, "\x1b]52;c;{}\x07", data_encoding::BASE64.encode(text.as_bytes())).context("cannot copy")?;
    out.flush().context("cannot copy")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;
