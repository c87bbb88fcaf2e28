//! Child processes, each in a namespace and a process group of its own, with its output in a file.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use wait4::{ResUse, Wait4};

/// Number of lines of each log that are shown after a failure.
const TAIL: usize = 40;

/// A program and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
}

impl Invocation {
    pub(crate) fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new() }
    }

    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Returns the command, in the namespace if one is given. It keeps its own files in `home`. From the caller's
    /// environment it inherits only the search path: no proxies, no settings.
    pub(crate) fn command(&self, namespace: Option<&str>, home: &Path) -> Command {
        let mut command = match namespace {
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        command.args(&self.arguments).env_clear().env("HOME", home).env("LC_ALL", "C.UTF-8");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for folder in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
            command.env(folder, home.join(folder));
        }
        command.env("RUST_BACKTRACE", "1").stdin(Stdio::null()).process_group(0);
        command
    }

    /// Runs the program to its end and returns its output. Fails if the program fails.
    pub(crate) fn output(&self, namespace: Option<&str>, home: &Path) -> Result<String> {
        let output = self.command(namespace, home).output().with_context(|| self.to_string())?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("{self}: {}\n{printed}{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(printed)
    }
}

impl std::fmt::Display for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.program.display())?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", argument.to_string_lossy()))
    }
}

/// A running program. Dropping it kills its process group.
pub(crate) struct Process {
    child: Child,
    /// Exit status and resource use; `None` until it has been waited for. After that its id may be reused.
    ended: Option<ResUse>,
    log: PathBuf,
}

impl Process {
    /// Starts the program. `log` gets its command line, then its output.
    pub(crate) fn start(
        invocation: &Invocation,
        namespace: Option<&str>,
        home: &Path,
        log: &Path,
    ) -> Result<Self> {
        fs::create_dir_all(home)?;
        fs::write(log, format!("$ {invocation}\n"))?;
        let output = File::options().append(true).open(log)?;
        let child = invocation
            .command(namespace, home)
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| invocation.to_string())?;
        Ok(Self { child, ended: None, log: log.to_path_buf() })
    }

    /// Returns the exit status; `None` while it runs.
    pub(crate) fn exit(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait4()?;
        }
        Ok(self.ended.map(|ended| ended.status))
    }

    /// Returns its CPU time as the kernel counted it; `None` before [`Self::exit`] has returned a status.
    pub(crate) fn cpu_in_the_end(&self) -> Option<Duration> {
        self.ended.map(|ended| ended.rusage.utime + ended.rusage.stime)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails if it has ended.
    pub(crate) fn expect_alive(&mut self) -> Result<()> {
        match self.exit()? {
            Some(status) => bail!("{} ended early: {status}", self.name()),
            None => Ok(()),
        }
    }

    /// Returns its output so far.
    pub(crate) fn log_text(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }

    /// Interrupts its process group, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Kills its process group with SIGKILL, and waits for its first process.
    pub(crate) fn kill(&mut self) {
        // The group may outlive its first process, but once that has been waited for, its id may be reused.
        if matches!(self.exit(), Ok(None)) {
            self.signal(Signal::KILL);
            // Fails only if there is no such child.
            let _ = self.child.wait();
        }
    }

    /// Asks its process group to end, with SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Returns the name of its log without the extension.
    pub(crate) fn name(&self) -> String {
        self.log.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Fails if it has ended on its own.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Deadline of a case, and the flag that stops the run.
pub(crate) struct Patience<'a> {
    deadline: Instant,
    limit: Duration,
    stop: &'a AtomicBool,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(limit: Duration, stop: &'a AtomicBool) -> Self {
        Self { deadline: Instant::now() + limit, limit, stop }
    }

    /// Calls `ask` every `pause` until it returns true. Fails at the deadline and when the run is stopped.
    pub(crate) fn until(
        &self,
        what: &str,
        pause: Duration,
        mut ask: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        loop {
            if ask().with_context(|| what.to_owned())? {
                return Ok(());
            }
            if self.stop.load(Ordering::Relaxed) {
                bail!("interrupted");
            }
            if Instant::now() > self.deadline {
                bail!("{what}: not within the limit of {:?}", self.limit);
            }
            std::thread::sleep(pause);
        }
    }
}

/// Handles signals: the first one sets the returned flag, a second one ends the process at once.
pub(crate) fn stop_on_signals() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Removes the folders that killed runs left in `home`.
pub(crate) fn remove_stale_runs(home: &Path, prefix: &str) -> Result<()> {
    for entry in fs::read_dir(home)?.flatten() {
        if is_left_over(&entry.file_name().to_string_lossy(), prefix) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Returns true if a name of the form `prefix`, process id, `-`, anything belongs to a run that was killed.
pub(crate) fn is_left_over(name: &str, prefix: &str) -> bool {
    let owner = name.strip_prefix(prefix).and_then(|rest| rest.split_once('-')).map(|(owner, _)| owner);
    owner.is_some_and(|owner| owner.parse::<u32>().is_ok() && !Path::new("/proc").join(owner).exists())
}

/// Prints the first line and the last [`TAIL`] lines of every log in `dir`.
pub(crate) fn print_logs(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut logs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.sort();
    for log in logs {
        let Ok(bytes) = fs::read(&log) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.split(['\n', '\r']).filter(|line| !line.trim().is_empty()).collect();
        println!("    --- {}", log.file_name().unwrap_or_default().to_string_lossy());
        for line in
            lines.first().into_iter().chain(lines.iter().skip(1.max(lines.len().saturating_sub(TAIL))))
        {
            println!("    | {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_left_over_is_true_only_for_a_dead_process() {
        let (dead, ours) = (u32::MAX, std::process::id());
        assert!(is_left_over(&format!("run-{dead}-x"), "run-"));
        assert!(!is_left_over(&format!("run-{ours}-x"), "run-"));
        for other in ["run-x-1", "run-", &format!("run-{dead}"), &format!("walk-{dead}-x")] {
            assert!(!is_left_over(other, "run-"), "{other}");
        }
    }
}
