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
mod settings;
mod statistics;
mod status;
mod theme;

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, Event,
};
use ratatui::crossterm::execute;
use ztor_client::tasks::{Tasks, Wake};

use crate::exit::{CliError, Exit};
use crate::remote::connection::Connection;
use app::{App, Effect};
use theme::Theme;

/// Interval between looks at the stop flag, without a frame.
const TICK: Duration = Duration::from_millis(500);
/// Shortest time between two frames that the daemon causes.
const FRAME: Duration = Duration::from_millis(50);

/// What wakes the program.
enum Signal {
    Input(Event),
    /// Something has arrived from the daemon.
    Changed,
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
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        let error =
            CliError::usage("ztor tui needs a terminal; `ztor list` prints the list to files and pipes");
        return Err(error.into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start a connection")?;
    // A wrong password or address is said before the screen changes.
    connection.ask(connection.client.about())?;
    let (sender, signals) = mpsc::channel();
    let has_changed = Arc::new(AtomicBool::new(false));
    let wake: Wake = {
        let (sender, has_changed) = (sender.clone(), Arc::clone(&has_changed));
        Arc::new(move || {
            if !has_changed.swap(true, Ordering::AcqRel) {
                // The program may have ended.
                let _ = sender.send(Signal::Changed);
            }
        })
    };
    let tasks = Tasks::new(connection.client.clone(), runtime.handle().clone(), wake);
    let mut app = App::new(tasks, Theme::new(options.has_color), options.name.clone(), connection.is_local);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.send(Signal::Input(event)).is_err() {
                break;
            }
        }
    });
    let mut terminal = ratatui::try_init().context("cannot draw on the terminal")?;
    let result = enter(options.has_mouse)
        .and_then(|()| turn(&mut terminal, &mut app, &signals, &has_changed, connection, options.has_mouse));
    leave(options.has_mouse);
    runtime.shutdown_background();
    result.map(|()| Exit::Ok)
}

fn enter(has_mouse: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    execute!(out, EnableBracketedPaste).context("cannot draw on the terminal")?;
    if has_mouse {
        execute!(out, EnableMouseCapture).context("cannot use the mouse")?;
    }
    Ok(())
}

/// Gives the terminal back. Failures have no remedy here, and the terminal may be gone.
fn leave(has_mouse: bool) {
    let mut out = std::io::stdout();
    if has_mouse {
        let _ = execute!(out, DisableMouseCapture);
    }
    let _ = execute!(out, DisableBracketedPaste);
    ratatui::restore();
}

fn turn(
    terminal: &mut DefaultTerminal,
    app: &mut App,
    signals: &mpsc::Receiver<Signal>,
    has_changed: &AtomicBool,
    connection: &Connection,
    has_mouse: bool,
) -> anyhow::Result<()> {
    let mut due = app.tick();
    let mut is_drawn = false;
    let mut last = Instant::now();
    loop {
        if !is_drawn {
            terminal.draw(|frame| app.draw(frame)).context("cannot draw on the terminal")?;
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
            Some(Signal::Input(event)) => {
                let mut effect = app.handle(event);
                // Keys that were typed meanwhile share the frame.
                while let (Effect::None, Ok(Signal::Input(event))) = (&effect, signals.try_recv()) {
                    effect = app.handle(event);
                }
                match effect {
                    Effect::Quit => return Ok(()),
                    Effect::Suspend => {
                        leave(has_mouse);
                        signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)
                            .context("cannot suspend")?;
                        *terminal = ratatui::try_init().context("cannot draw on the terminal")?;
                        enter(has_mouse)?;
                        terminal.clear().context("cannot draw on the terminal")?;
                    }
                    Effect::Copy(text) => copy(&text)?,
                    Effect::Redraw => terminal.clear().context("cannot draw on the terminal")?,
                    Effect::None => {}
                }
            }
            Some(Signal::Changed) => {
                std::thread::sleep(FRAME.saturating_sub(last.elapsed()));
                has_changed.store(false, Ordering::Release);
            }
            // A time is over, or it is a look at the stop flag only.
            None if deadline.is_none_or(|deadline| deadline > Instant::now()) => continue,
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
    let mut out = std::io::stdout();
    write!(out, "\x1b]52;c;{}\x07", data_encoding::BASE64.encode(text.as_bytes())).context("cannot copy")?;
    out.flush().context("cannot copy")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;
