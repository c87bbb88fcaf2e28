//! Preferences: those with a meaning here are settings of the daemon, and the others are kept and given back.

mod connected;

use super::Qb;
use super::answer::Failure;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::OnceLock;
use ztor_api::{AccountChange, BanKind, BanRequest, SettingValue};

/// Key of the preferences without a meaning, among the kept values.
const KEPT: &str = "preferences";
/// Maximum length of one preference in JSON, in bytes.
const MAX_VALUE: usize = 64 << 10;
/// Names of preferences in older versions, with the present ones.
const OLD_NAMES: [(&str, &str); 2] =
    [("start_paused_enabled", "add_stopped_enabled"), ("banned_ips", "banned_IPs")];
/// Preferences that turn something on, with the values that are kept while it is off.
const SWITCHES: [(&str, &[&str]); 3] = [
    ("queueing_enabled", &["max_active_downloads", "max_active_uploads", "max_active_torrents"]),
    ("temp_path_enabled", &["temp_path"]),
    ("ip_filter_enabled", &["ip_filter_path"]),
];
/// Preferences that show something else than a setting, and cannot be changed here.
const FIXED: [&str; 4] = ["web_ui_port", "web_ui_address", "web_ui_username", "use_subcategories"];

/// Returns all preferences with their defaults.
fn defaults() -> &'static Map<String, Value> {
    static DEFAULTS: OnceLock<Map<String, Value>> = OnceLock::new();
    DEFAULTS
        .get_or_init(|| serde_json::from_str(include_str!("preferences/defaults.json")).unwrap_or_default())
}

/// Returns true if a value has the type of a default.
fn is_alike(value: &Value, default: &Value) -> bool {
    match default {
        Value::Null => true,
        Value::Bool(_) => value.is_boolean(),
        Value::Number(_) => value.is_number(),
        Value::String(_) => value.is_string(),
        Value::Array(_) => value.is_array(),
        Value::Object(_) => value.is_object(),
    }
}

impl Qb {
    /// Returns all preferences.
    pub(super) async fn preferences(&self) -> Result<Map<String, Value>, Failure> {
        let mut all = self.plain_preferences();
        let bans = self.daemon().bans().await?;
        let banned: Vec<String> =
            bans.into_iter().filter(|ban| ban.kind == BanKind::User).map(|ban| ban.address).collect();
        all.insert("banned_IPs".into(), banned.join("\n").into());
        Ok(all)
    }

    /// Returns all preferences but the bans.
    fn plain_preferences(&self) -> Map<String, Value> {
        let mut all = defaults().clone();
        for (key, value) in self.kept().object(KEPT) {
            if all.get(&key).is_some_and(|default| is_alike(&value, default)) {
                all.insert(key, value);
            }
        }
        let settings = self.settings();
        connected::show(&settings, &mut all);
        all.insert("listen_port".into(), self.daemon().session().local_addr().port().into());
        all.insert("web_ui_username".into(), self.foreign().access().account().username.into());
        all
    }

    /// Returns the time between two requests of a web UI in milliseconds.
    pub(super) fn refresh_interval(&self) -> i64 {
        let kept = self.kept().object(KEPT);
        kept.get("refresh_interval").and_then(Value::as_i64).unwrap_or(1500)
    }

    /// Changes preferences. Unknown ones, and values of another type, are left out. Values that are the present ones are no
    /// changes: programs send whole pages of them.
    pub(super) async fn set_preferences(&self, changes: Map<String, Value>) -> Result<(), Failure> {
        let present = self.preferences().await?;
        let mut wanted = present.clone();
        let mut touched = BTreeSet::new();
        for (key, value) in &changes {
            let key = OLD_NAMES.into_iter().find(|(old, _)| old == key).map_or(key.as_str(), |(_, new)| new);
            let Some((key, known)) = present.get_key_value(key) else { continue };
            let is_short = serde_json::to_vec(value).is_ok_and(|bytes| bytes.len() <= MAX_VALUE);
            if known != value && is_alike(value, known) && is_short && !FIXED.contains(&key.as_str()) {
                wanted.insert(key.clone(), value.clone());
                touched.insert(key.as_str());
            }
        }
        let settings = connected::changes(&self.settings(), &wanted, &touched);
        // First what is only kept, as a change of a setting may fail.
        self.keep(&wanted, &touched).await?;
        for (key, value) in settings {
            self.change_setting(key, &value).await;
        }
        if touched.contains("banned_IPs") {
            self.set_bans(&wanted).await?;
        }
        self.change_password(&changes).await;
        self.forget_statistics();
        Ok(())
    }

    /// Changes a setting. A value that cannot be used is left out, and the log says why.
    async fn change_setting(&self, key: &str, value: &SettingValue) {
        if let Err(error) = self.daemon().change_setting(key, value).await {
            tracing::warn!(api = "qbittorrent", setting = key, %error, "a program has sent a preference that cannot be used");
        }
    }

    async fn keep(&self, wanted: &Map<String, Value>, touched: &BTreeSet<&str>) -> Result<(), Failure> {
        let keep = |values: &mut Map<String, Value>| {
            let mut kept = values.get(KEPT).and_then(Value::as_object).cloned().unwrap_or_default();
            let switched = SWITCHES.iter().filter(|(switch, _)| touched.contains(switch));
            let values_of = switched.flat_map(|(_, values)| values.iter().copied());
            for key in touched.iter().copied().chain(values_of).filter(|key| *key != "banned_IPs") {
                if let Some(value) = wanted.get(key) {
                    kept.insert(key.to_owned(), value.clone());
                }
            }
            values.insert(KEPT.into(), kept.into());
        };
        self.kept().change(self.daemon(), keep).await
    }

    /// Makes the bans by the user those of a list.
    async fn set_bans(&self, wanted: &Map<String, Value>) -> Result<(), Failure> {
        let text = wanted.get("banned_IPs").and_then(Value::as_str).unwrap_or_default();
        let wanted: BTreeSet<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let bans = self.daemon().bans().await?;
        let present: BTreeSet<String> =
            bans.into_iter().filter(|ban| ban.kind == BanKind::User).map(|ban| ban.address).collect();
        for gone in present.iter().filter(|address| !wanted.contains(address.as_str())) {
            self.daemon().unban(gone).await?;
        }
        let new: Vec<String> = wanted
            .iter()
            .filter(|address| !present.contains(**address))
            .map(|address| (*address).to_owned())
            .collect();
        for addresses in new.chunks(1000) {
            let reason = "banned by a program".to_owned();
            let request = BanRequest { addresses: addresses.to_vec(), time_s: None, reason };
            if let Err(error) = self.daemon().ban(&request).await {
                tracing::warn!(api = "qbittorrent", %error, "a program has sent a list of bans that cannot be used");
            }
        }
        Ok(())
    }

    /// Sets the password, if there is one. All sessions end with the old one.
    async fn change_password(&self, changes: &Map<String, Value>) {
        let text = |key: &str| changes.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let Some(password) = text("web_ui_password") else { return };
        let username = text("web_ui_username").map(str::to_owned);
        let change = AccountChange { username, password: password.to_owned(), current_password: None };
        // A program that has logged in need not know the present password, as in qBittorrent.
        if let Err(denied) = self.foreign().access().change_account(None, None, &change).await {
            let reason = denied.problem.detail;
            tracing::warn!(api = "qbittorrent", reason, "a program has sent a password that cannot be used");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_have_all_keys_of_the_version() {
        assert_eq!(defaults().len(), 221);
        for key in FIXED.iter().chain(OLD_NAMES.iter().map(|(_, new)| new)) {
            assert!(defaults().contains_key(*key), "{key}");
        }
        assert!(!defaults().contains_key("web_ui_password"));
    }
}
