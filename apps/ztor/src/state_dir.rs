//! The state folder of the daemon.

use std::path::{Path, PathBuf};

use ztor_session::default_state_dir;

use crate::exit::{CliError, Exit};

/// Returns the state folder: the given one, or the default.
pub(crate) fn of(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let dir = match given {
        Some(dir) => dir.to_owned(),
        None => default_state_dir().map(|dir| dir.join("daemon")).ok_or_else(|| {
            CliError::new(Exit::Usage, "there is no home folder for the state")
                .hint("name a folder with --state-dir")
        })?,
    };
    Ok(std::path::absolute(&dir).unwrap_or(dir))
}
