//! Preferences: those with a meaning here are settings of the daemon, and the others are kept and given back.

mod connected;
mod proxy;
mod scheduler;
mod watched;

use super::Qb;
use super::answer::Failure;
use connected::Wanted;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::OnceLock;
use ztor_api::{AccountChange, BanKind, BanRequest, SettingValue};

/// Key of the preferences without a meaning, among the kept values.
const KEPT: &str = "preferences";
/// Keys of what is kept of the scheduler and of the proxy beside them.
const SCHEDULER: &str = "scheduler";
const PROXY_LOGIN: &str = "proxy_login";
/// Text in place of a password.
const MASK: &str = "***";
/// Passwords of services that do not exist here: they are not kept, only that there is one.
const PASSWORDS: [&str; 2] = ["dyndns_password", "mail_notification_password"];
/// Preferences that are kept elsewhere.
const ELSEWHERE: [&str; 3] = ["banned_IPs", "scan_dirs", "proxy_password"];
/// Maximum length of one preference in JSON, in bytes.
const MAX_VALUE: usize = 64 << 10;
/// Names of preferences in older versions, with the present ones.
const OLD_NAMES: [(&str, &str); 2] =
    [("start_paused_enabled", "add_stopped_enabled"), ("banned_ips", "banned_IPs")];
/// Preferences that turn something on, with the values that are kept while it is off.
const SWITCHES: [(&str, &[&str]); 7] = [
    ("queueing_enabled", &["max_active_downloads", "max_active_uploads", "max_active_torrents"]),
    ("temp_path_enabled", &["temp_path"]),
    ("ip_filter_enabled", &["ip_filter_path"]),
    (
        "scheduler_enabled",
        &["schedule_from_hour", "schedule_from_min", "schedule_to_hour", "schedule_to_min", "scheduler_days"],
    ),
    ("proxy_type", &["proxy_ip", "proxy_port", "proxy_auth_enabled", "proxy_username"]),
    ("proxy_auth_enabled", &["proxy_username"]),
    ("proxy_bittorrent", &["proxy_peer_connections"]),
];
/// Preferences that show something else than a setting, and cannot be changed here.
const FIXED: [&str; 5] =
    ["web_ui_port", "web_ui_address", "web_ui_username", "use_subcategories", "proxy_hostname_lookup"];

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
        for key in PASSWORDS {
            let is_set = all.get(key).and_then(Value::as_str).is_some_and(|password| !password.is_empty());
            all.insert(key.into(), if is_set { MASK } else { "" }.into());
        }
        let settings = self.settings();
        connected::show(&settings, &mut all);
        connected::show_filter(&settings, &mut all);
        scheduler::show(&settings, &mut all);
        proxy::show(&settings, self.kept().values().get(PROXY_LOGIN), &mut all);
        all.insert("scan_dirs".into(), self.watched());
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
        let before = self.settings();
        let path = wanted.get("ip_filter_path").and_then(Value::as_str).unwrap_or_default();
        let path = connected::whole_filter(&before, &self.kept().object(KEPT), path);
        wanted.insert("ip_filter_path".into(), path.into());
        let (wanted, touched) = (wanted, touched);
        let read = Wanted::new(&wanted, &touched);
        let mut settings = connected::changes(&before, &read);
        let kept = self.kept().values();
        let (proxy, login) = proxy::change(&before, &read, kept.get(PROXY_LOGIN));
        settings.extend(proxy);
        let schedule = scheduler::change(&before, &self.schedule(), &read, kept.get(SCHEDULER));
        // First what is only kept, as a change of a setting may fail.
        self.keep(&wanted, &touched, login, schedule.as_ref().map(|schedule| schedule.removed.clone()))
            .await?;
        settings.extend(schedule.map(|schedule| ("schedule", SettingValue::List(schedule.entries))));
        for (key, value) in settings {
            self.change_setting(key, &value).await;
        }
        if let Some(folders) = wanted.get("scan_dirs").filter(|_| touched.contains("scan_dirs")) {
            self.set_watched(folders.as_object().unwrap_or(&Map::new())).await;
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

    /// Returns the entries of the schedule.
    fn schedule(&self) -> Vec<String> {
        match self.daemon().setting("schedule").map(|setting| setting.value) {
            Ok(SettingValue::List(entries)) => entries,
            _ => Vec::new(),
        }
    }

    async fn keep(
        &self,
        wanted: &Map<String, Value>,
        touched: &BTreeSet<&str>,
        login: Option<Value>,
        removed: Option<Value>,
    ) -> Result<(), Failure> {
        let keep = |values: &mut Map<String, Value>| {
            let mut kept = values.get(KEPT).and_then(Value::as_object).cloned().unwrap_or_default();
            let switched = SWITCHES.iter().filter(|(switch, _)| touched.contains(switch));
            let values_of = switched.flat_map(|(_, values)| values.iter().copied());
            for key in touched.iter().copied().chain(values_of).filter(|key| !ELSEWHERE.contains(key)) {
                let is_password = PASSWORDS.contains(&key) && wanted.get(key) != Some(&"".into());
                if let Some(value) = wanted.get(key) {
                    let value = if is_password { MASK.into() } else { value.clone() };
                    kept.insert(key.to_owned(), value);
                }
            }
            values.insert(KEPT.into(), kept.into());
            for (key, value) in [(PROXY_LOGIN, login), (SCHEDULER, removed)] {
                match value {
                    None => {}
                    Some(Value::Null) => drop(values.remove(key)),
                    Some(value) => drop(values.insert(key.into(), value)),
                }
            }
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
