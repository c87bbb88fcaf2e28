//! Runs of `ztor` with a deadline. No process outlives its test.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time limit of every wait, far longer than any takes unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Returns a command for the binary with its own environment: state under `home`, no variables that change the output.
pub(crate) fn ztor(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ztor"));
    command.env("HOME", home).stdin(Stdio::null());
    for name in [
        "XDG_STATE_HOME",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "NO_COLOR",
        "RUST_LOG",
        "ZTOR_STATE_DIR",
    ] {
        command.env_remove(name);
    }
    command
}

/// Result of a finished command.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Returns both streams, for assertions about either.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Fails the test unless the exit code is this one and there was no panic.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Run {
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Returns the JSON objects on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Returns the last JSON object with this `event`.
    #[track_caller]
    pub(crate) fn event(&self, name: &str) -> serde_json::Value {
        self.json().into_iter().rfind(|object| object["event"] == name).expect(name)
    }
}

/// Runs to the end, at most for [`DEADLINE`].
#[track_caller]
pub(crate) fn run<S: AsRef<OsStr>>(home: &Path, args: impl IntoIterator<Item = S>) -> Run {
    let mut command = ztor(home);
    command.args(args);
    Running::start(command).finish()
}

/// A command in the background; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    #[track_caller]
    pub(crate) fn start(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Lines::read(child.stdout.take().unwrap());
        let stderr = Lines::read(child.stderr.take().unwrap());
        Running { child, stdout, stderr }
    }

    /// Waits for a line on stdout that contains `text`, and returns it.
    #[track_caller]
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        self.line_where(text, |line| line.contains(text))
    }

    /// Waits for a JSON object with this `event` on stdout.
    #[track_caller]
    pub(crate) fn event(&mut self, name: &str) -> serde_json::Value {
        let wanted = format!("\"event\":\"{name}\"");
        serde_json::from_str(&self.line_with(&wanted)).unwrap()
    }

    /// Waits for a line on stdout that `pred` accepts. `what` describes it if the wait fails.
    #[track_caller]
    pub(crate) fn line_where(&mut self, what: &str, pred: impl Fn(&str) -> bool) -> String {
        match self.stdout.wait_for(pred) {
            Some(line) => line,
            None => {
                panic!("no line {what:?}\nstdout: {}\nstderr: {}", self.stdout.text(), self.stderr.text())
            }
        }
    }

    /// Waits for a line on stderr that contains `text`.
    #[track_caller]
    pub(crate) fn stderr_with(&mut self, text: &str) -> String {
        match self.stderr.wait_for(|line| line.contains(text)) {
            Some(line) => line,
            None => {
                panic!("no line {text:?}\nstdout: {}\nstderr: {}", self.stdout.text(), self.stderr.text())
            }
        }
    }

    /// Sends a signal, by its name for `kill`.
    pub(crate) fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    }

    /// Kills the process with SIGKILL, and waits for its end.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end of the process.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Run {
        let status = self.wait();
        Run { code: code(status), stdout: self.stdout.join(), stderr: self.stderr.join() }
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if start.elapsed() > DEADLINE {
                let _ = self.child.kill();
                panic!("still running\nstdout: {}\nstderr: {}", self.stdout.text(), self.stderr.text());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the exit code; for a process ended by a signal, 128 and the signal's number, as in a shell.
fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// A stream that a thread reads, so that the child never blocks on it.
struct Lines {
    shared: Arc<(Mutex<Seen>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn read(stream: impl Read + Send + 'static) -> Lines {
        let shared = Arc::new((Mutex::new(Seen::default()), Condvar::new()));
        let theirs = Arc::clone(&shared);
        let reader = std::thread::spawn(move || {
            let (seen, news) = &*theirs;
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                seen.lock().unwrap().lines.push(text);
                news.notify_all();
                line.clear();
            }
            seen.lock().unwrap().ended = true;
            news.notify_all();
        });
        Lines { shared, reader: Some(reader) }
    }

    /// Waits for the first line that fits, including past ones; `None` at the end of the stream or after [`DEADLINE`].
    fn wait_for(&self, pred: impl Fn(&str) -> bool) -> Option<String> {
        let (seen, news) = &*self.shared;
        let start = Instant::now();
        let mut seen = seen.lock().unwrap();
        loop {
            if let Some(line) = seen.lines.iter().find(|line| pred(line)) {
                return Some(line.clone());
            }
            let left = DEADLINE.checked_sub(start.elapsed())?;
            if seen.ended {
                return None;
            }
            seen = news.wait_timeout(seen, left).unwrap().0;
        }
    }

    fn text(&self) -> String {
        self.shared.0.lock().unwrap().lines.join("\n")
    }

    fn join(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.text()
    }
}
