//! The file with the profiles of remote daemons.

use std::path::PathBuf;
use ztor_client::profiles::{ProfileError, Profiles};

/// Place of the profiles.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remotes(Option<PathBuf>);

impl Remotes {
    /// Creates it: a file, or the one in the configuration folder of the user.
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self(file)
    }

    /// Reads the profiles.
    ///
    /// # Errors
    /// The file cannot be read or has another form.
    pub(crate) fn open(&self) -> Result<Profiles, ProfileError> {
        self.0.clone().map_or_else(Profiles::open, Profiles::read)
    }
}
