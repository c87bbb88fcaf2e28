//! Settings while the daemon runs.

use super::{Daemon, Options};
use crate::error::DaemonError;
use crate::settings::{Resolved, SettingError, Settings, Sources, Stored};
use crate::store::{Key, Store, StoreError, Table};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, MutexGuard, PoisonError};
use tokio::sync::watch;
use ztor_api::{Setting, SettingValue};
use ztor_session::Uses;

/// A changed setting in the state database.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    value: String,
    base: Option<String>,
}

/// Value in place of one that cannot be read: no kind of setting takes control characters.
const UNREADABLE: &str = "\0(unreadable)";

/// Settings, and those at the start.
#[derive(Debug)]
pub(super) struct State {
    resolved: Resolved,
    /// Settings at the start, which show what waits for the next one.
    started_with: Settings,
}

impl State {
    pub(super) fn new(resolved: Resolved) -> Self {
        Self { started_with: resolved.settings().clone(), resolved }
    }
}

impl Store {
    /// Returns the settings that front ends have changed. The value of a row that cannot be read is one that no setting can
    /// have, so that it is not taken for a default.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn settings(&self) -> Result<Vec<Stored>, StoreError> {
        let mut stored = Vec::new();
        self.visit(Table::Setting, &mut |key, value| {
            let row = serde_json::from_slice(&value).unwrap_or_else(|error| {
                tracing::error!(?key, %error, "cannot read a stored setting");
                Row { value: UNREADABLE.to_owned(), base: None }
            });
            let Row { value, base } = row;
            stored.extend(key.into_text().map(|key| Stored { key, value, base }));
            true
        })?;
        Ok(stored)
    }
}

impl Daemon {
    /// Returns all settings, with what dialogs need to show them.
    pub fn settings(&self) -> Vec<Setting> {
        let state = self.settings_state();
        state.resolved.describe(&state.started_with)
    }

    /// Returns one setting.
    ///
    /// # Errors
    /// There is no such setting.
    pub fn setting(&self, key: &str) -> Result<Setting, DaemonError> {
        self.settings().into_iter().find(|setting| setting.key == key).ok_or_else(|| {
            let shown: String = key.chars().take(40).collect();
            DaemonError::NotFound(format!("there is no setting {shown:?}; `ztor settings` lists all"))
        })
    }

    /// Returns the settings in effect, and later ones as they change.
    pub fn settings_changes(&self) -> watch::Receiver<Arc<Settings>> {
        self.0.settings_news.subscribe()
    }

    /// Changes a setting. Returns when the change is durable.
    ///
    /// # Errors
    /// There is no such setting, it cannot have the value, or the state cannot be saved.
    pub async fn change_setting(&self, key: &str, value: &SettingValue) -> Result<Setting, DaemonError> {
        self.setting(key)?;
        if key == "port" {
            // An answer means that the daemon listens there.
            let mut changed = self.settings_state().resolved.clone();
            changed.change(key, value).map_err(refused)?;
            let port = changed.settings().port;
            self.listen_on(port).await?;
        }
        self.put_setting(key, value)?;
        self.commit().await?;
        self.setting(key)
    }

    /// Takes back the change of a setting by front ends. Returns when that is durable.
    ///
    /// # Errors
    /// There is no such setting, another one needs the change, or the state cannot be saved.
    pub async fn reset_setting(&self, key: &str) -> Result<Setting, DaemonError> {
        self.setting(key)?;
        self.take_back_setting(key)?;
        self.commit().await?;
        self.setting(key)
    }

    fn put_setting(&self, key: &str, value: &SettingValue) -> Result<(), DaemonError> {
        let _alone = self.changing();
        let stored = self.settings_state().resolved.change(key, value).map_err(refused)?;
        let row = Row { value: stored.value, base: stored.base };
        self.0.store.put_json(Table::Setting, key, &row);
        self.apply_settings();
        Ok(())
    }

    fn take_back_setting(&self, key: &str) -> Result<(), DaemonError> {
        let _alone = self.changing();
        self.settings_state().resolved.reset(key).map_err(refused)?;
        self.0.store.remove(Table::Setting, Key::from(key));
        self.apply_settings();
        Ok(())
    }

    pub(super) fn changing(&self) -> MutexGuard<'_, ()> {
        self.0.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the settings again: `sources` has the new configuration file, without the stored changes. Returns the keys of
    /// changed settings that wait for the next start.
    ///
    /// # Errors
    /// A setting cannot be used. All stay as they are.
    pub fn reload_settings(&self, sources: Sources) -> Result<Vec<&'static str>, Vec<SettingError>> {
        let _alone = self.changing();
        let mut state = self.settings_state();
        let stored: Vec<Stored> = state.resolved.stored().cloned().collect();
        state.resolved = sources.stored(stored).resolve()?;
        let needs_restart = |key: &&'static str| {
            crate::settings::TABLE.iter().any(|setting| setting.key == *key && setting.needs_restart)
        };
        let changed = state.resolved.settings().changed_keys(&state.started_with);
        drop(state);
        self.apply_settings();
        self.publish();
        Ok(changed.into_iter().filter(needs_restart).collect())
    }

    /// Puts the settings into effect that do not need a restart.
    fn apply_settings(&self) {
        let settings = self.settings_state().resolved.settings().clone();
        self.set_options(Options::from(&settings));
        settings.warn_of_exposure();
        self.0.reachability.expire();
        let mut core = self.core();
        core.manager_mut().set_settings(&self.0.session, settings.session_settings());
        core.manager_mut().set_config(settings.policy_config());
        core.touch_whole();
        drop(core);
        self.set_filtering(&settings);
        self.settle_all();
        self.follow_port(&settings);
        self.0.settings_news.send_replace(Arc::new(settings));
    }

    /// Returns the URL of the proxy without its password; `None` if nothing goes through one.
    pub(super) fn proxy_url(&self) -> Option<String> {
        let state = self.settings_state();
        let settings = state.resolved.settings();
        settings.proxy.as_ref().filter(|_| settings.proxy_for != Uses::NONE).map(ToString::to_string)
    }

    /// Returns true if peers may connect.
    pub(super) fn accepts_peers(&self) -> bool {
        self.settings_state().resolved.settings().proxy_policy().allows_incoming()
    }

    fn settings_state(&self) -> MutexGuard<'_, State> {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(error: SettingError) -> DaemonError {
    DaemonError::BadValue(error.to_string())
}
