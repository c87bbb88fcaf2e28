//! The account and its password.

use super::denied::Denied;
use super::password::{Hash, MAX_PASSWORD, MIN_PASSWORD};
use super::passwords::in_background;
use super::secret::Digest;
use super::shared::{Access, Pass};
use super::state::{AccessError, Account, hash_in};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use ztor_api::{AccountChange, ProblemKind};
use ztor_daemon::StoredAccount;
use ztor_daemon::settings::is_username;

impl Access {
    /// Verifies a password. Returns the generation of the account.
    pub(super) async fn verify(
        &self,
        client: Option<IpAddr>,
        username: &str,
        password: &str,
    ) -> Result<u64, Denied> {
        if let Some(generation) = self.recall(client, username, password)? {
            return Ok(generation);
        }
        let wrong = "wrong user name or password";
        if password.len() > MAX_PASSWORD {
            return Err(self.on_failure(client, wrong));
        }
        let turn = self.0.passwords.turn().await?;
        // Others may have tried the same credentials in the meantime, or caused a ban.
        if let Some(generation) = self.recall(client, username, password)? {
            return Ok(generation);
        }
        let (account, generation) = {
            let state = self.state();
            (state.account.clone(), state.generation)
        };
        let Some(account) = account else { return Err(self.on_failure(client, wrong)) };
        let (hash, text) = (Arc::clone(&account.hash), password.to_owned());
        let is_password = in_background(turn, move || hash.is_of(&text)).await?;
        let is_username = Digest::of(username).is_same(&Digest::of(&self.name_of(&account)));
        let mut state = self.state();
        if !(is_password & is_username) || state.generation != generation {
            drop(state);
            return Err(self.on_failure(client, wrong));
        }
        state.on_verified(self.0.passwords.digest(generation, username, password));
        if let Some(ip) = client {
            state.limiter.on_success(ip);
        }
        Ok(generation)
    }

    /// Returns the generation of the account if the credentials were verified before, `None` if not. Fails for banned
    /// clients.
    fn recall(&self, client: Option<IpAddr>, username: &str, password: &str) -> Result<Option<u64>, Denied> {
        let mut state = self.state();
        if let Some(rest) = client.and_then(|ip| state.limiter.ban(ip, Instant::now())) {
            return Err(Denied::banned(rest));
        }
        let digest = self.0.passwords.digest(state.generation, username, password);
        if !state.is_verified(&digest) {
            return Ok(None);
        }
        if let Some(ip) = client {
            state.limiter.on_success(ip);
        }
        Ok(Some(state.generation))
    }

    /// Returns the account.
    pub(crate) fn account(&self) -> ztor_api::Account {
        ztor_api::Account {
            username: self.username(),
            has_password: self.state().account.is_some(),
            is_from_file: self.0.password_file.is_some(),
        }
    }

    /// Replaces the user name and the password. All sessions but that of the caller end; tokens stay.
    pub(crate) async fn change_account(
        &self,
        client: Option<IpAddr>,
        pass: Option<&Pass>,
        change: &AccountChange,
    ) -> Result<(), Denied> {
        let bad = |detail: &str| Denied::new(ProblemKind::BadRequest, detail);
        if let Some(path) = &self.0.password_file {
            let detail = format!(
                "cannot change the password: the setting password_file is {}, so change that file and reload the daemon",
                path.display()
            );
            return Err(Denied::new(ProblemKind::Conflict, detail));
        }
        if !(MIN_PASSWORD..=MAX_PASSWORD).contains(&change.password.len()) {
            return Err(bad(&format!("a password has {MIN_PASSWORD} to {MAX_PASSWORD} bytes")));
        }
        if !change.username.as_deref().is_none_or(is_username) {
            return Err(bad("a user name has 1 to 64 characters without a colon, and no spaces at its ends"));
        }
        let has_password = self.state().account.is_some();
        if client.is_some() && has_password {
            let missing = || bad("current_password is missing: send the present password");
            let current = change.current_password.as_deref().ok_or_else(missing)?;
            self.verify(client, &self.username(), current).await?;
        }
        let turn = self.0.passwords.turn().await?;
        let password = change.password.clone();
        let hash = in_background(turn, move || Hash::of(&password)).await?.map_err(|error| {
            tracing::error!(%error, "cannot hash a password");
            Denied::new(ProblemKind::Internal, "the password cannot be hashed; the log says why")
        })?;
        let _changing = self.0.changing.lock().await;
        let present = self.state().account.as_ref().and_then(|account| account.username.clone());
        let username = change.username.clone().or(present);
        let row = StoredAccount { username: username.clone(), hash: hash.as_str().to_owned() };
        let session = match pass {
            Some(Pass::Session(session)) => Some(*session),
            _ => None,
        };
        self.replace(Account { username, hash: Arc::new(hash) }, session);
        Ok(self.0.daemon.store_account(&row).await?)
    }

    /// Reads the password file again, if there is one. Blocks while a hash is computed.
    ///
    /// # Errors
    /// The file cannot be used. The password stays as it is.
    pub(crate) fn reload(&self) -> Result<(), AccessError> {
        let Some(path) = &self.0.password_file else { return Ok(()) };
        let present = self.state().account.as_ref().map(|account| Arc::clone(&account.hash));
        let hash = hash_in(path, present.as_deref())?;
        if present.is_none_or(|present| *present != hash) {
            self.replace(Account { username: None, hash: Arc::new(hash) }, None);
        }
        Ok(())
    }

    /// Replaces the account. All sessions end but one.
    fn replace(&self, account: Account, kept: Option<Digest>) {
        self.state().set_account(account, kept);
        self.save_sessions();
        self.0.revoked.send_replace(());
    }
}
