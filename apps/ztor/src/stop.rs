//! Ctrl-C, SIGTERM and SIGHUP: the first asks for an orderly end, a second Ctrl-C or SIGTERM ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, TERM_SIGNALS};
use signal_hook::{SigId, flag};

use crate::exit::Exit;

/// Set once the user has asked the program to end. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    flag: Arc<AtomicBool>,
    /// The handler of SIGHUP; `None` if there is none.
    hangup: Option<SigId>,
}

impl Stop {
    /// Installs the signal handlers for the rest of the process's life.
    pub(crate) fn on_signals() -> io::Result<Stop> {
        let mut stop = Stop::default();
        for &signal in TERM_SIGNALS {
            // Handlers run in order of registration: the first signal finds the flag clear and sets it, the
            // second finds it set and leaves.
            flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&stop.flag))?;
            flag::register(signal, Arc::clone(&stop.flag))?;
        }
        // A terminal that closes sends it, and its shell may send it again. The second one has no effect.
        if !is_hangup_ignored() {
            stop.hangup = Some(flag::register(SIGHUP, Arc::clone(&stop.flag))?);
        }
        Ok(stop)
    }

    /// Returns a flag that SIGHUP sets from now on, instead of ending the program.
    pub(crate) fn reload_on_hangup(&self) -> io::Result<Arc<AtomicBool>> {
        if let Some(hangup) = self.hangup {
            signal_hook::low_level::unregister(hangup);
        }
        let reload = Arc::new(AtomicBool::new(false));
        flag::register(SIGHUP, Arc::clone(&reload))?;
        Ok(reload)
    }

    pub(crate) fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// Returns the flag itself, for work in other crates that checks it at intervals.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.flag
    }
}

/// Returns true if the program was started to outlive its terminal, as `nohup` does. A handler would undo that.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status");
    // If the system does not say so, the program ends with its terminal, as programs do.
    status.is_ok_and(|status| ignores(&status, SIGHUP))
}

/// Returns true if a signal is ignored, by the text of `/proc/PID/status`.
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_of_a_mask_with_the_signal_is_true() {
        assert!(ignores("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0", SIGHUP));
        assert!(!ignores("Name:\tx\nSigIgn:\t0000000000001000\n", SIGHUP));
        assert!(!ignores("", SIGHUP));
    }
}
