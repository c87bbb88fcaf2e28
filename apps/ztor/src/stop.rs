//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::TERM_SIGNALS;
use signal_hook::flag;

use crate::exit::Exit;

/// Set once the user has asked the program to end. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Installs the signal handlers for the rest of the process's life.
    pub(crate) fn on_signals() -> io::Result<Stop> {
        let stop = Stop::default();
        for &signal in TERM_SIGNALS {
            // Handlers run in order of registration: the first signal finds the flag clear and sets it, the
            // second finds it set and leaves.
            flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&stop.0))?;
            flag::register(signal, Arc::clone(&stop.0))?;
        }
        Ok(stop)
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for work in other crates that checks it now and then.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.0
    }
}
