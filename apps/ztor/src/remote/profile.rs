//! Daemons that `--remote` names: profiles, and URLs.

use ztor_client::profiles::{ProfileError, Profiles};
use ztor_client::{Credentials, Target, Trust};

use crate::exit::{CliError, Exit};

/// Returns the daemon of a profile or at a URL. The variable `ZTOR_TOKEN` has the token for a URL.
pub(super) fn target(remote: &str) -> anyhow::Result<Target> {
    if remote.contains("://") {
        let token = std::env::var("ZTOR_TOKEN").ok().filter(|token| !token.is_empty());
        return Ok(Target::Url {
            base: remote.trim_end_matches('/').to_owned(),
            credentials: token.map_or(Credentials::None, Credentials::Token),
            trust: Trust::System,
        });
    }
    let refused = |error: ProfileError| CliError::new(Exit::Usage, error.to_string());
    let profiles = Profiles::open().map_err(refused)?;
    if profiles.entries().is_empty() {
        let error =
            CliError::new(Exit::Usage, format!("there are no profiles in {}", profiles.path().display()));
        let hint = "write a table with the name of the profile in brackets and its url, or give a URL";
        return Err(error.hint(hint).into());
    }
    Ok(profiles.target(remote).map_err(refused)?)
}
