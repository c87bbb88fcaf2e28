//! Storage of the account and of tokens. The server decides what they allow.

use super::Daemon;
use super::saving::fact;
use crate::error::DaemonError;
use crate::store::{Key, StoreError, Table};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The account that was set while the daemon ran.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAccount {
    /// User name; `None` for that in the settings.
    pub username: Option<String>,
    /// Argon2id hash of the password, as a PHC string.
    pub hash: String,
}

/// A token of the API.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredToken {
    /// SHA-256 of the token, in hexadecimal digits.
    pub sha256: String,
    /// Time of its creation.
    pub created_unix_s: u64,
    /// Time of its last use, accurate to about an hour; `None` before the first use.
    pub last_used_unix_s: Option<u64>,
}

/// Open sessions of the web UI, and the account that they belong to.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoredSessions {
    /// Hash of the account's password; `None` if there was none. Sessions end with it.
    pub account: Option<String>,
    /// User name of that account. Sessions end with it, too.
    pub username: String,
    /// The sessions.
    pub sessions: Vec<StoredSession>,
}

/// A session of the web UI.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSession {
    /// SHA-256 of its secret, in hexadecimal digits.
    pub sha256: String,
    /// Time of its last request, accurate to about an hour.
    pub used_unix_s: u64,
    /// Name of the token that has made its code, and with which it ends; `None` for others.
    #[serde(default)]
    pub token: Option<String>,
}

impl Daemon {
    /// Returns the sessions of the last run.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn stored_sessions(&self) -> Result<StoredSessions, StoreError> {
        Ok(self.0.store.get_json(Table::Fact, fact::SESSIONS)?.unwrap_or_default())
    }

    /// Replaces the sessions, and saves them within about a second.
    pub fn update_sessions(&self, sessions: &StoredSessions) {
        self.0.store.put_json(Table::Fact, fact::SESSIONS, sessions);
        self.0.saver.wake();
    }

    /// Returns when the sessions of the last update are durable.
    ///
    /// # Errors
    /// The state cannot be saved.
    pub async fn commit_sessions(&self) -> Result<(), DaemonError> {
        self.commit().await
    }

    /// Returns the account that was set while the daemon ran; `None` if none was.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn stored_account(&self) -> Result<Option<StoredAccount>, StoreError> {
        self.0.store.get_json(Table::Fact, fact::ACCOUNT)
    }

    /// Replaces the account. Returns when the change is durable. After an error it is saved with the next commit.
    ///
    /// # Errors
    /// The state cannot be saved.
    pub async fn store_account(&self, account: &StoredAccount) -> Result<(), DaemonError> {
        self.0.store.put_json(Table::Fact, fact::ACCOUNT, account);
        self.commit().await
    }

    /// Returns the tokens by name.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn stored_tokens(&self) -> Result<Vec<(String, StoredToken)>, StoreError> {
        let rows = self.0.store.all_json(Table::Token)?;
        Ok(rows.into_iter().filter_map(|(name, token)| Some((name.into_text()?, token))).collect())
    }

    /// Adds a token, or removes one with `None`. Returns when the change is durable. After an error it is saved with
    /// the next commit.
    ///
    /// # Errors
    /// The state cannot be saved.
    pub async fn store_token(&self, name: &str, token: Option<&StoredToken>) -> Result<(), DaemonError> {
        match token {
            Some(token) => self.0.store.put_json(Table::Token, name, token),
            None => self.0.store.remove(Table::Token, Key::from(name)),
        }
        self.commit().await
    }

    /// Replaces a token, and saves it within about a second.
    pub fn update_token(&self, name: &str, token: &StoredToken) {
        self.0.store.put_json(Table::Token, name, token);
        self.0.saver.wake();
    }
}

impl fmt::Debug for StoredAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredAccount").field("username", &self.username).finish_non_exhaustive()
    }
}

impl fmt::Debug for StoredSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSessions").field("count", &self.sessions.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSession").field("used_unix_s", &self.used_unix_s).finish_non_exhaustive()
    }
}

impl fmt::Debug for StoredToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredToken").field("created_unix_s", &self.created_unix_s).finish_non_exhaustive()
    }
}
