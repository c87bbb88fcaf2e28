//! Profiles of remote daemons: `remotes.toml` in the configuration folder.

use std::path::{Path, PathBuf};

use anyhow::Context;
use etcetera::BaseStrategy as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use ztor_client::{Credentials, Target};

use crate::exit::{CliError, Exit};

/// A profile.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    /// Address of the daemon, with its base path.
    url: String,
    /// File with a token.
    token_file: Option<PathBuf>,
    username: Option<String>,
    /// File with the password.
    password_file: Option<PathBuf>,
    /// File with a certificate in PEM to trust.
    certificate: Option<PathBuf>,
}

/// Returns the daemon of a profile or at a URL. The variable `ZTOR_TOKEN` has the token for a URL.
pub(super) fn target(remote: &str) -> anyhow::Result<Target> {
    if remote.contains("://") {
        let token = std::env::var("ZTOR_TOKEN").ok().filter(|token| !token.is_empty());
        return Ok(Target::Url {
            base: remote.trim_end_matches('/').to_owned(),
            credentials: token.map_or(Credentials::None, Credentials::Token),
            certificates: None,
        });
    }
    let path = etcetera::base_strategy::Xdg::new()
        .map(|base| base.config_dir().join("ztor/remotes.toml"))
        .map_err(|_| CliError::new(Exit::Usage, "there is no home folder with profiles"))?;
    let text = std::fs::read_to_string(&path).map_err(|error| {
        CliError::new(Exit::Usage, format!("cannot read the profiles in {}: {error}", path.display()))
            .hint("write a table with the name of the profile in brackets and its url, or give a URL")
    })?;
    let mut profiles: BTreeMap<String, Profile> = toml::from_str(&text)
        .map_err(|error| CliError::new(Exit::Usage, format!("cannot use {}: {error}", path.display())))?;
    let known = profiles.keys().cloned().collect::<Vec<_>>().join(", ");
    let profile = profiles.remove(remote).ok_or_else(|| {
        CliError::new(Exit::Usage, format!("{} has no profile {remote:?}; it has: {known}", path.display()))
    })?;
    open(profile, path.parent().unwrap_or(Path::new("")))
}

fn open(profile: Profile, folder: &Path) -> anyhow::Result<Target> {
    let read = |path: &PathBuf| {
        let path = folder.join(path);
        std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let line = |path: &PathBuf| {
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        anyhow::Ok(text.lines().next().unwrap_or_default().to_owned())
    };
    let credentials = match (&profile.token_file, &profile.password_file) {
        (Some(token), _) => Credentials::Token(line(token)?),
        (None, Some(password)) => Credentials::Password {
            username: profile.username.unwrap_or_else(|| "ztor".to_owned()),
            password: line(password)?,
        },
        (None, None) => Credentials::None,
    };
    Ok(Target::Url {
        base: profile.url.trim_end_matches('/').to_owned(),
        credentials,
        certificates: profile.certificate.as_ref().map(read).transpose()?,
    })
}
