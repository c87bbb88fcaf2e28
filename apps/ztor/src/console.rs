//! Output to stdout and stderr. Keeps lines and progress bars apart, and tolerates a closed pipe.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;

use crate::text::json_line;
use ztor_view::text::clean_lines;

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Progress bars, redrawn in place on a terminal.
    Bars,
    /// Lines at intervals, if stdout or stderr is a file or a pipe.
    Plain,
    /// One JSON object per line on stdout.
    Json,
}

/// Output of a command. Clones share it.
#[derive(Clone)]
pub(crate) struct Console(Arc<Inner>);

struct Inner {
    style: Style,
    color: bool,
    bars: MultiProgress,
    stdout: Mutex<Pipe>,
}

/// The state of stdout.
enum Pipe {
    Open,
    /// The reader has closed the pipe (`ztor show x | head`). Further lines are dropped silently.
    Closed,
    Failed(io::Error),
}

impl Console {
    pub(crate) fn new(json: bool) -> Console {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = io::stdout().is_terminal() && io::stderr().is_terminal() && !dumb;
        let style = match (json, terminal) {
            (true, _) => Style::Json,
            (false, true) => Style::Bars,
            (false, false) => Style::Plain,
        };
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Console(Arc::new(Inner {
            style,
            color: terminal && !no_color,
            bars: MultiProgress::with_draw_target(target),
            stdout: Mutex::new(Pipe::Open),
        }))
    }

    pub(crate) fn style(&self) -> Style {
        self.0.style
    }

    pub(crate) fn is_json(&self) -> bool {
        self.0.style == Style::Json
    }

    /// Returns true if progress may be coloured: on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn color(&self) -> bool {
        self.0.color
    }

    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.0.bars
    }

    /// Prints one or more lines on stdout. Harmful characters are escaped.
    pub(crate) fn line(&self, text: &str) {
        self.write(&clean_lines(text));
    }

    /// Prints one JSON object as one line on stdout.
    pub(crate) fn json(&self, value: &impl Serialize) {
        match json_line(value) {
            Ok(line) => self.write(&line),
            Err(error) => self.fail(io::Error::other(error)),
        }
    }

    /// Prints a message to the user on stderr, apart from the command's result.
    pub(crate) fn warn(&self, text: &str) {
        self.raw_stderr(format!("ztor: {}\n", clean_lines(text)).as_bytes());
    }

    /// Takes the write error of stdout, if any. A closed pipe is none. Nothing is written to stdout after an error.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        let mut pipe = self.pipe();
        if !matches!(*pipe, Pipe::Failed(_)) {
            return None;
        }
        match std::mem::replace(&mut *pipe, Pipe::Closed) {
            Pipe::Failed(error) => Some(error),
            Pipe::Open | Pipe::Closed => None,
        }
    }

    fn write(&self, text: &str) {
        let mut pipe = self.pipe();
        if !matches!(*pipe, Pipe::Open) {
            return;
        }
        let result = self.0.bars.suspend(|| {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush())
        });
        if let Err(error) = result {
            *pipe = match error.kind() {
                io::ErrorKind::BrokenPipe => Pipe::Closed,
                _ => Pipe::Failed(error),
            };
        }
    }

    fn fail(&self, error: io::Error) {
        *self.pipe() = Pipe::Failed(error);
    }

    fn raw_stderr(&self, bytes: &[u8]) {
        // A failure cannot be reported anywhere.
        let _ = self.0.bars.suspend(|| io::stderr().lock().write_all(bytes));
    }

    fn pipe(&self) -> MutexGuard<'_, Pipe> {
        self.0.stdout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writer of one log event for `tracing`, which prints it in one piece above the bars.
pub(crate) struct LogLine {
    console: Console,
    buffer: Vec<u8>,
}

impl LogLine {
    pub(crate) fn new(console: &Console) -> LogLine {
        LogLine { console: console.clone(), buffer: Vec::new() }
    }
}

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        self.console.raw_stderr(&self.buffer);
    }
}
