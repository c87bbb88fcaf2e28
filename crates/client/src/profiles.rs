//! Profiles of remote daemons: tables in `remotes.toml`, which users may edit as well.

use crate::fingerprint::{BadFingerprint, Fingerprint};
use crate::target::{Credentials, Target};
use crate::tls::Trust;
use etcetera::BaseStrategy as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};
use thiserror::Error;
use toml_edit::{DocumentMut, Item, Table, value};

/// Profiles cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// There is no home folder.
    #[error("there is no home folder with profiles; set HOME")]
    NoFolder,
    /// A file cannot be read or written.
    #[error("cannot use {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// The file has another form.
    #[error("cannot use the profiles in {}: {reason}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Cause, with the place in the file.
        reason: String,
    },
    /// There is no such profile.
    #[error("{} has no profile {name:?}; it has: {known}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Name that was looked for.
        name: String,
        /// Names of the profiles that exist, with commas.
        known: String,
    },
    /// A name that cannot be one of a profile.
    #[error("cannot name a profile {0:?}: use letters, digits, hyphens and underscores")]
    BadName(String),
    /// A fingerprint has another form.
    #[error("cannot use the fingerprint of the profile {name:?}: {error}")]
    Fingerprint {
        /// Name of the profile.
        name: String,
        /// Cause.
        error: BadFingerprint,
    },
}

/// A profile as it is in the file. Relative paths start at the folder of the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Address of the daemon, with its base path.
    pub url: String,
    /// File with a token.
    pub token_file: Option<PathBuf>,
    /// User name, for a password.
    pub username: Option<String>,
    /// File with the password.
    pub password_file: Option<PathBuf>,
    /// File with a certificate in PEM to trust.
    pub certificate: Option<PathBuf>,
    /// SHA-256 of the only certificate to trust.
    pub fingerprint: Option<String>,
}

/// The profiles of the user.
#[derive(Debug, Clone)]
pub struct Profiles {
    path: PathBuf,
    document: DocumentMut,
    entries: BTreeMap<String, Profile>,
}

impl Profiles {
    /// Reads the profiles in the configuration folder of the user. Without a file there are none.
    ///
    /// # Errors
    /// There is no such folder, or the file cannot be read or has another form.
    pub fn open() -> Result<Self, ProfileError> {
        let base = etcetera::base_strategy::Xdg::new().map_err(|_| ProfileError::NoFolder)?;
        Self::read(base.config_dir().join("ztor/remotes.toml"))
    }

    /// Reads the profiles in a file.
    ///
    /// # Errors
    /// The file cannot be read or has another form.
    pub fn read(path: PathBuf) -> Result<Self, ProfileError> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(ProfileError::File { path, error }),
        };
        let bad = |reason: String| ProfileError::Form { path: path.clone(), reason };
        let document: DocumentMut =
            text.parse().map_err(|error: toml_edit::TomlError| bad(error.to_string()))?;
        let entries = toml_edit::de::from_str(&text).map_err(|error| bad(error.to_string()))?;
        Ok(Self { path, document, entries })
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the profiles by name.
    pub fn entries(&self) -> &BTreeMap<String, Profile> {
        &self.entries
    }

    /// Returns the daemon of a profile.
    ///
    /// # Errors
    /// There is no such profile, or one of its files cannot be read.
    pub fn target(&self, name: &str) -> Result<Target, ProfileError> {
        let profile = self.entries.get(name).ok_or_else(|| ProfileError::Unknown {
            path: self.path.clone(),
            name: name.to_owned(),
            known: self.entries.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let read = |path: &PathBuf| {
            let path = folder.join(path);
            fs::read(&path).map_err(|error| ProfileError::File { path, error })
        };
        let line = |path: &PathBuf| {
            let text = String::from_utf8_lossy(&read(path)?).into_owned();
            Ok(text.lines().next().unwrap_or_default().to_owned())
        };
        let credentials = match (&profile.token_file, &profile.password_file) {
            (Some(token), _) => Credentials::Token(line(token)?),
            (None, Some(password)) => Credentials::Password {
                username: profile.username.clone().unwrap_or_else(|| "ztor".to_owned()),
                password: line(password)?,
            },
            (None, None) => Credentials::None,
        };
        let trust = match (&profile.fingerprint, &profile.certificate) {
            (Some(text), _) => Trust::Pin(
                text.parse().map_err(|error| ProfileError::Fingerprint { name: name.to_owned(), error })?,
            ),
            (None, Some(certificate)) => Trust::Pem(read(certificate)?),
            (None, None) => Trust::System,
        };
        Ok(Target::Url { base: profile.url.trim_end_matches('/').to_owned(), credentials, trust })
    }

    /// Adds a profile, or gives one another address, token and trust. The token goes to a file of its own, which only the
    /// user may read. Without a token, one with the same address keeps its credentials; without a fingerprint, none is
    /// pinned.
    ///
    /// # Errors
    /// The name cannot be used, or a file cannot be written.
    pub fn put(
        &mut self,
        name: &str,
        url: &str,
        token: Option<&str>,
        fingerprint: Option<Fingerprint>,
    ) -> Result<(), ProfileError> {
        if !is_name(name) {
            return Err(ProfileError::BadName(name.to_owned()));
        }
        let token_file = token.map(|token| self.save_token(name, token)).transpose()?;
        let is_elsewhere = self.entries.get(name).is_some_and(|profile| profile.url != url);
        let table = self.document.entry(name).or_insert(Item::Table(Table::new()));
        if let Some(table) = table.as_table_like_mut() {
            // Credentials must not go to another machine.
            let old: &[&str] =
                if is_elsewhere { &["token_file", "username", "password_file", "certificate"] } else { &[] };
            for key in old.iter().chain(&["fingerprint"]) {
                table.remove(key);
            }
        }
        table["url"] = value(url);
        if let Some(file) = token_file {
            table["token_file"] = value(file.display().to_string());
        }
        if let Some(fingerprint) = fingerprint {
            table["fingerprint"] = value(fingerprint.to_string());
        }
        self.save()
    }

    /// Removes a profile with its token.
    ///
    /// # Errors
    /// A file cannot be written or removed.
    pub fn remove(&mut self, name: &str) -> Result<(), ProfileError> {
        // A name is part of a path below.
        if !is_name(name) {
            return Err(ProfileError::BadName(name.to_owned()));
        }
        self.document.remove(name);
        self.save()?;
        let path = self.token_path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ProfileError::File { path, error }),
            _ => Ok(()),
        }
    }

    fn token_path(&self, name: &str) -> PathBuf {
        self.path.with_file_name("tokens").join(name)
    }

    fn save_token(&self, name: &str, token: &str) -> Result<PathBuf, ProfileError> {
        let path = self.token_path(name);
        write_private(&path, token.as_bytes())
            .map_err(|error| ProfileError::File { path: path.clone(), error })?;
        Ok(Path::new("tokens").join(name))
    }

    /// Replaces the file as a whole, and reads it again.
    fn save(&mut self) -> Result<(), ProfileError> {
        let written = write_private(&self.path, self.document.to_string().as_bytes());
        written.map_err(|error| ProfileError::File { path: self.path.clone(), error })?;
        *self = Self::read(self.path.clone())?;
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Replaces a file by one that only the user may read.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let new = PathBuf::from(name);
    let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
    let written = written.and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        // What is left over is of no use; the error that counts is the first.
        let _ = fs::remove_file(&new);
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn profiles_keep_what_the_user_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ztor/remotes.toml");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "# Mine\n[box]\nurl = \"https://box/\" # at home\npassword_file = \"pw\"\n")
            .unwrap();
        fs::write(path.with_file_name("pw"), "secret\nrest\n").unwrap();
        let mut profiles = Profiles::read(path.clone()).unwrap();
        match profiles.target("box").unwrap() {
            Target::Url { base, credentials: Credentials::Password { username, password }, trust } => {
                assert_eq!(
                    (base.as_str(), username.as_str(), password.as_str()),
                    ("https://box", "ztor", "secret")
                );
                assert_eq!(trust, Trust::System);
            }
            other => panic!("{other:?}"),
        }
        let fingerprint: Fingerprint = "ab".repeat(32).parse().unwrap();
        profiles.put("seed-1", "https://seed", Some("token"), Some(fingerprint)).unwrap();
        profiles.put("box", "https://box/", None, Some(fingerprint)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Mine\n[box]\nurl = \"https://box/\""), "{text}");
        match profiles.target("seed-1").unwrap() {
            Target::Url { credentials: Credentials::Token(token), trust, .. } => {
                assert_eq!((token.as_str(), trust), ("token", Trust::Pin(fingerprint)));
            }
            other => panic!("{other:?}"),
        }
        let token = path.with_file_name("tokens").join("seed-1");
        assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
        // At another address nothing of before is used.
        profiles.put("seed-1", "https://elsewhere", None, None).unwrap();
        match profiles.target("seed-1").unwrap() {
            Target::Url { credentials: Credentials::None, trust: Trust::System, .. } => {}
            other => panic!("{other:?}"),
        }
        assert!(matches!(profiles.remove("../remotes"), Err(ProfileError::BadName(_))));
        profiles.remove("seed-1").unwrap();
        assert!(!token.exists());
        assert_eq!(profiles.entries().keys().collect::<Vec<_>>(), ["box"]);
    }

    #[test]
    fn profiles_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("remotes.toml");
        let mut profiles = Profiles::read(path.clone()).unwrap();
        assert!(profiles.entries().is_empty());
        for name in ["", "../x", "a b", "a.b"] {
            let error = profiles.put(name, "https://x", None, None).unwrap_err();
            assert!(matches!(error, ProfileError::BadName(_)), "{name}");
        }
        fs::write(&path, "[box]\nurl = 1\n").unwrap();
        assert!(Profiles::read(path.clone()).unwrap_err().to_string().contains("remotes.toml"));
        fs::write(&path, "[box]\nurl = \"x\"\nfingerprint = \"12\"\n").unwrap();
        let profiles = Profiles::read(path).unwrap();
        assert!(matches!(profiles.target("box"), Err(ProfileError::Fingerprint { .. })));
        assert!(profiles.target("other").unwrap_err().to_string().contains("it has: box"));
    }
}
