//! Preferences that are settings of the daemon.

use super::super::cells::limit;
use super::super::sync::is_queueing;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use ztor_api::SettingValue;
use ztor_daemon::FilterSource;
use ztor_daemon::policy::GoalAction;
use ztor_daemon::session::{Allocation, Bind, ContentLayout, Encryption, Transports};
use ztor_daemon::settings::Settings;

type Prefs = Map<String, Value>;
/// A change of a setting.
pub(super) type Change = (&'static str, SettingValue);

/// End of the names of incomplete files.
const SUFFIX: &str = ".!qB";
/// Value of `max_uploads_per_torrent` and others for no limit.
const UNLIMITED: i64 = -1;

/// Shows the settings as preferences.
pub(super) fn show(settings: &Settings, all: &mut Prefs) {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let number = |number: Option<usize>| number.map_or(json!(UNLIMITED), |number| json!(number));
    let minutes = |time: Option<Duration>| time.map_or(json!(-1), |time| json!(time.as_secs().div_ceil(60)));
    let mut set = |key: &str, value: Value| drop(all.insert(key.to_owned(), value));
    let save_path = path(&settings.download_dir);
    set("save_path", save_path.into());
    if let Some(dir) = &settings.incomplete_dir {
        set("temp_path", path(dir).into());
    }
    set("temp_path_enabled", settings.incomplete_dir.is_some().into());
    set("incomplete_files_ext", settings.part_suffix.is_some().into());
    set("preallocate_all", (settings.allocate == Allocation::Full).into());
    let layout = match settings.layout {
        ContentLayout::Original => "Original",
        ContentLayout::Subfolder => "Subfolder",
        ContentLayout::NoSubfolder => "NoSubfolder",
    };
    set("torrent_content_layout", layout.into());
    set("add_stopped_enabled", settings.start_paused.into());
    set("add_to_top_of_queue", settings.queue_to_top.into());
    for (key, rate) in [
        ("dl_limit", settings.limit_down),
        ("up_limit", settings.limit_up),
        ("alt_dl_limit", settings.alternative_limit_down),
        ("alt_up_limit", settings.alternative_limit_up),
    ] {
        set(key, limit(rate).into());
    }
    set("limit_tcp_overhead", settings.limits_count_overhead.into());
    set("limit_lan_peers", (!settings.limits_spare_local).into());
    set("random_port", (settings.port == 0).into());
    set("upnp", settings.port_mapping.into());
    set("dht", settings.dht.into());
    set("pex", settings.peer_exchange.into());
    set("lsd", settings.local_discovery.into());
    set("anonymous_mode", settings.anonymous.into());
    let encryption = match settings.encryption {
        Encryption::Allow | Encryption::Prefer => 0,
        Encryption::Require => 1,
        Encryption::Off => 2,
    };
    set("encryption", encryption.into());
    let protocol = match settings.transport {
        Transports::Both => 0,
        Transports::Tcp => 1,
        Transports::Utp => 2,
    };
    set("bittorrent_protocol", protocol.into());
    set("max_connec", settings.max_peers.into());
    set("max_connec_per_torrent", settings.max_peers_per_torrent.into());
    set("max_uploads", settings.upload_slots.into());
    set("max_uploads_per_torrent", settings.upload_slots_per_torrent.into());
    set("announce_to_all_trackers", settings.announce_to_all.into());
    let (interface, address) = match &settings.bind {
        Bind::All => (String::new(), String::new()),
        Bind::Addrs(addrs) => (String::new(), addrs.to_string()),
        Bind::Device(name) => (name.clone(), String::new()),
    };
    set("current_interface_name", interface.clone().into());
    set("current_network_interface", interface.into());
    set("current_interface_address", address.into());
    set("ip_filter_enabled", settings.ip_filter.is_some().into());
    set("ip_filter_trackers", settings.ip_filter_trackers.into());
    set("queueing_enabled", is_queueing(settings).into());
    if is_queueing(settings) {
        set("max_active_downloads", number(settings.max_downloads));
        set("max_active_uploads", number(settings.max_seeds));
        set("max_active_torrents", number(settings.max_active));
    }
    set("dont_count_slow_torrents", settings.slow_torrents_are_free.into());
    let slow_kib = settings.slow_below.div_ceil(1024);
    set("slow_torrent_dl_rate_threshold", slow_kib.into());
    set("slow_torrent_ul_rate_threshold", slow_kib.into());
    set("slow_torrent_inactive_timer", settings.slow_after.as_secs().into());
    let ratio = settings.seed_ratio.map(|ratio| f64::from(ratio.as_thousandths()) / 1000.0);
    set("max_ratio_enabled", ratio.is_some().into());
    set("max_ratio", ratio.map_or(json!(-1), |ratio| json!(ratio)));
    set("max_seeding_time_enabled", settings.seed_time.is_some().into());
    set("max_seeding_time", minutes(settings.seed_time));
    set("max_inactive_seeding_time_enabled", settings.seed_idle_time.is_some().into());
    set("max_inactive_seeding_time", minutes(settings.seed_idle_time));
    let act = match settings.goal_action {
        GoalAction::Stop => 0,
        GoalAction::Remove => 1,
        GoalAction::SuperSeed => 2,
        GoalAction::RemoveWithData => 3,
    };
    set("max_ratio_act", act.into());
    set("announce_port", settings.announced_port.unwrap_or(0).into());
    set("web_ui_max_auth_fail_count", settings.login_attempts.into());
    set("web_ui_ban_duration", settings.login_ban.as_secs().into());
    set("web_ui_session_timeout", settings.session_time.as_secs().into());
    if let Some(addr) = settings.qbittorrent_listen.first() {
        set("web_ui_address", addr.ip().to_string().into());
        set("web_ui_port", addr.port().into());
    }
    set("use_https", settings.tls_certificate.is_some().into());
    set("use_subcategories", true.into());
}

/// Shows the source of the IP filter without its credentials: that in use, or else the kept one.
pub(super) fn show_filter(settings: &Settings, all: &mut Prefs) {
    let source = settings.ip_filter.clone().or_else(|| kept_filter(all));
    let shown = source.map(|source| source.shown()).unwrap_or_default();
    all.insert("ip_filter_path".into(), shown.into());
}

fn kept_filter(kept: &Prefs) -> Option<FilterSource> {
    let kept = kept.get("ip_filter_path").and_then(Value::as_str).filter(|kept| !kept.is_empty());
    kept.map(FilterSource::from)
}

/// Returns the wanted source of the IP filter, with the credentials that clients do not get if it is the one that was shown.
pub(super) fn whole_filter(settings: &Settings, kept: &Prefs, wanted: &str) -> String {
    let known = settings.ip_filter.clone().or_else(|| kept_filter(kept));
    let known = known.filter(|known| known.shown() == wanted);
    known.map_or_else(|| wanted.to_owned(), |known| known.secret_text())
}

/// Reads the wanted preferences.
pub(super) struct Wanted<'p> {
    all: &'p Prefs,
    /// Keys of those that a client changes; `None` if none is.
    touched: Option<&'p BTreeSet<&'p str>>,
}

impl<'p> Wanted<'p> {
    pub(super) fn new(all: &'p Prefs, touched: &'p BTreeSet<&'p str>) -> Self {
        Self { all, touched: Some(touched) }
    }

    /// Reads preferences that nobody changes.
    pub(super) fn of(all: &'p Prefs) -> Self {
        Self { all, touched: None }
    }
}

impl Wanted<'_> {
    /// Returns true if a client changes one of them.
    pub(super) fn has(&self, keys: &[&str]) -> bool {
        self.touched.is_some_and(|touched| keys.iter().any(|key| touched.contains(key)))
    }

    pub(super) fn boolean(&self, key: &str) -> bool {
        self.all.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn integer(&self, key: &str) -> i64 {
        let value = self.all.get(key);
        value.and_then(Value::as_i64).or_else(|| value?.as_f64().map(|real| real as i64)).unwrap_or(0)
    }

    fn real(&self, key: &str) -> f64 {
        self.all.get(key).and_then(Value::as_f64).unwrap_or(-1.0)
    }

    pub(super) fn text(&self, key: &str) -> String {
        self.all.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
    }

    /// A number that is at least 0, or none.
    fn count(&self, key: &str, unit: i64) -> SettingValue {
        match u64::try_from(self.integer(key).saturating_mul(unit)) {
            Ok(count) => SettingValue::Count(count),
            Err(_) => SettingValue::None,
        }
    }

    /// A rate, where 0 is no limit.
    fn rate(&self, key: &str) -> SettingValue {
        self.rate_limit(key).map_or(SettingValue::None, SettingValue::Count)
    }

    /// A rate, where 0 is no limit.
    pub(super) fn rate_limit(&self, key: &str) -> Option<u64> {
        u64::try_from(self.integer(key)).ok().filter(|rate| *rate > 0)
    }
}

/// Preferences that are settings of the same meaning, true or false.
const FLAGS: [(&str, &str); 14] = [
    ("add_stopped_enabled", "start_paused"),
    ("add_to_top_of_queue", "queue_to_top"),
    ("announce_to_all_trackers", "announce_to_all"),
    ("anonymous_mode", "anonymous"),
    ("dht", "dht"),
    ("dont_count_slow_torrents", "slow_torrents_are_free"),
    ("ip_filter_trackers", "ip_filter_trackers"),
    ("limit_tcp_overhead", "limits_count_overhead"),
    ("lsd", "local_discovery"),
    ("pex", "peer_exchange"),
    ("upnp", "port_mapping"),
    // Reversed below.
    ("limit_lan_peers", "limits_spare_local"),
    ("incomplete_files_ext", "part_suffix"),
    ("preallocate_all", "allocate"),
];

/// Preferences that are rates, where 0 is no limit.
const RATES: [(&str, &str); 4] = [
    ("dl_limit", "limit_down"),
    ("up_limit", "limit_up"),
    ("alt_dl_limit", "alternative_limit_down"),
    ("alt_up_limit", "alternative_limit_up"),
];

/// Preferences that are numbers or times in seconds.
const COUNTS: [(&str, &str); 4] = [
    ("slow_torrent_inactive_timer", "slow_after"),
    ("web_ui_max_auth_fail_count", "login_attempts"),
    ("web_ui_ban_duration", "login_ban"),
    ("web_ui_session_timeout", "session_time"),
];

/// Preferences that are numbers of connections, with the largest value that stands for no limit.
const CONNECTIONS: [(&str, &str, u64); 4] = [
    ("max_connec", "max_peers", 100_000),
    ("max_connec_per_torrent", "max_peers_per_torrent", 100_000),
    ("max_uploads", "upload_slots", 10_000),
    ("max_uploads_per_torrent", "upload_slots_per_torrent", 10_000),
];

/// Goals: the preference that turns one on, that with its value, the setting, and its unit in seconds.
const GOALS: [(&str, &str, &str, i64); 2] = [
    ("max_seeding_time_enabled", "max_seeding_time", "seed_time", 60),
    ("max_inactive_seeding_time_enabled", "max_inactive_seeding_time", "seed_idle_time", 60),
];

/// Returns the changes of settings that make the touched preferences the wanted ones.
pub(super) fn changes(settings: &Settings, wanted: &Wanted<'_>) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for (key, setting) in FLAGS.into_iter().filter(|(key, _)| wanted.has(&[key])) {
        let on = wanted.boolean(key);
        let value = match setting {
            "limits_spare_local" => SettingValue::Bool(!on),
            "part_suffix" if on => SettingValue::Text(SUFFIX.into()),
            "part_suffix" => SettingValue::None,
            "allocate" => SettingValue::Text(if on { "full" } else { "sparse" }.into()),
            _ => SettingValue::Bool(on),
        };
        changes.push((setting, value));
    }
    let rates = RATES.into_iter().filter(|(key, _)| wanted.has(&[key]));
    changes.extend(rates.map(|(key, setting)| (setting, wanted.rate(key))));
    let counts = COUNTS.into_iter().filter(|(key, _)| wanted.has(&[key]));
    changes.extend(counts.map(|(key, setting)| (setting, wanted.count(key, 1))));
    for (key, setting, most) in CONNECTIONS.into_iter().filter(|(key, ..)| wanted.has(&[key])) {
        let count = u64::try_from(wanted.integer(key)).unwrap_or(most);
        changes.push((setting, SettingValue::Count(count)));
    }
    for (enabled, value, setting, unit) in
        GOALS.into_iter().filter(|(on, value, ..)| wanted.has(&[on, value]))
    {
        let goal = match wanted.boolean(enabled) {
            true => wanted.count(value, unit),
            false => SettingValue::None,
        };
        changes.push((setting, goal));
    }
    if wanted.has(&["max_ratio_enabled", "max_ratio"]) {
        let ratio = wanted.real("max_ratio");
        let is_on = wanted.boolean("max_ratio_enabled") && ratio >= 0.0;
        changes.push(("seed_ratio", if is_on { SettingValue::Real(ratio) } else { SettingValue::None }));
    }
    add_folders(wanted, &mut changes);
    add_network(settings, wanted, &mut changes);
    add_queue(settings, wanted, &mut changes);
    changes
}

fn add_folders(wanted: &Wanted<'_>, changes: &mut Vec<Change>) {
    if wanted.has(&["save_path"]) {
        changes.push(("download_dir", SettingValue::Text(wanted.text("save_path"))));
    }
    if wanted.has(&["temp_path", "temp_path_enabled"]) {
        let dir = match (wanted.boolean("temp_path_enabled"), wanted.text("temp_path")) {
            (false, _) => SettingValue::None,
            (true, dir) if dir.is_empty() => SettingValue::Text(format!("{}/temp", wanted.text("save_path"))),
            (true, dir) => SettingValue::Text(dir),
        };
        changes.push(("incomplete_dir", dir));
    }
    if wanted.has(&["torrent_content_layout"]) {
        let word = match wanted.text("torrent_content_layout").as_str() {
            "Subfolder" => "subfolder",
            "NoSubfolder" => "no_subfolder",
            _ => "original",
        };
        changes.push(("layout", SettingValue::Text(word.into())));
    }
}

fn add_network(settings: &Settings, wanted: &Wanted<'_>, changes: &mut Vec<Change>) {
    if wanted.has(&["listen_port", "random_port"]) {
        let port = match wanted.boolean("random_port") {
            true => SettingValue::Count(0),
            false => wanted.count("listen_port", 1),
        };
        changes.push(("port", port));
    }
    if wanted.has(&["announce_port"]) {
        let port = match wanted.count("announce_port", 1) {
            SettingValue::Count(0) => SettingValue::None,
            port => port,
        };
        changes.push(("announced_port", port));
    }
    if wanted.has(&["encryption"]) {
        let word = match wanted.integer("encryption") {
            1 => "require",
            2 => "off",
            _ if settings.encryption == Encryption::Prefer => "prefer",
            _ => "allow",
        };
        changes.push(("encryption", SettingValue::Text(word.into())));
    }
    if wanted.has(&["bittorrent_protocol"]) {
        let word = match wanted.integer("bittorrent_protocol") {
            1 => "tcp",
            2 => "utp",
            _ => "both",
        };
        changes.push(("transport", SettingValue::Text(word.into())));
    }
    if wanted.has(&["current_network_interface", "current_interface_address"]) {
        let interface = wanted.text("current_network_interface");
        let address = wanted.text("current_interface_address");
        let is_all = |address: &str| matches!(address, "" | "0.0.0.0" | "::");
        let bind = match (interface.is_empty(), is_all(&address)) {
            (false, true) => interface,
            // An address is the narrower of the two.
            (_, false) => address,
            (true, true) => "*".to_owned(),
        };
        changes.push(("bind", SettingValue::Text(bind)));
    }
    if wanted.has(&["ip_filter_enabled", "ip_filter_path"]) {
        let path = wanted.text("ip_filter_path");
        let is_on = wanted.boolean("ip_filter_enabled") && !path.is_empty();
        changes.push(("ip_filter", if is_on { SettingValue::Text(path) } else { SettingValue::None }));
    }
}

fn add_queue(settings: &Settings, wanted: &Wanted<'_>, changes: &mut Vec<Change>) {
    const LIMITS: [(&str, &str); 3] = [
        ("max_active_downloads", "max_downloads"),
        ("max_active_uploads", "max_seeds"),
        ("max_active_torrents", "max_active"),
    ];
    let keys = ["queueing_enabled", "max_active_downloads", "max_active_uploads", "max_active_torrents"];
    if wanted.has(&keys) {
        let is_on = wanted.boolean("queueing_enabled");
        for (key, setting) in LIMITS {
            let value = if is_on { wanted.count(key, 1) } else { SettingValue::None };
            if is_on || is_queueing(settings) {
                changes.push((setting, value));
            }
        }
    }
    if wanted.has(&["slow_torrent_dl_rate_threshold", "slow_torrent_ul_rate_threshold"]) {
        // There is one threshold here: the one that was changed.
        let key = match wanted.has(&["slow_torrent_dl_rate_threshold"]) {
            true => "slow_torrent_dl_rate_threshold",
            false => "slow_torrent_ul_rate_threshold",
        };
        changes.push(("slow_below", wanted.count(key, 1024)));
    }
    if wanted.has(&["max_ratio_act"]) {
        let word = match wanted.integer("max_ratio_act") {
            1 => "remove",
            3 => "remove_with_data",
            // There is no super-seeding at a goal.
            _ => "stop",
        };
        changes.push(("goal_action", SettingValue::Text(word.into())));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
pub(super) mod tests {
    use super::*;
    use ztor_daemon::settings::Sources;

    pub(in super::super) fn settings(values: &[(&str, &str)]) -> Settings {
        let flags =
            values.iter().map(|(key, value)| ((*key).to_owned(), format!("--{key}"), (*value).to_owned()));
        let resolved = Sources::new(Some("/home/x".into())).flags(flags).resolve().unwrap();
        resolved.settings().clone()
    }

    /// Returns the preferences after a client has sent some, and the keys of those that it changes.
    pub(in super::super) fn wanted_after<'p>(all: &'p Prefs, sent: &'p Value) -> (Prefs, BTreeSet<&'p str>) {
        let mut wanted = all.clone();
        let sent = sent.as_object().unwrap();
        wanted.extend(sent.clone());
        let changed = sent.iter().filter(|(key, value)| all.get(*key) != Some(value));
        (wanted, changed.map(|(key, _)| key.as_str()).collect())
    }

    #[test]
    fn masked_source_of_the_filter_keeps_its_credentials() {
        let url = "https://me:secret@h.example/list.gz";
        let on = settings(&[("ip_filter", url)]);
        let mut all = Prefs::new();
        show_filter(&on, &mut all);
        let shown = all["ip_filter_path"].as_str().unwrap();
        assert!(!shown.contains("secret"), "{shown}");
        assert_eq!(whole_filter(&on, &Prefs::new(), shown), url);
        assert_eq!(whole_filter(&on, &Prefs::new(), "/etc/other"), "/etc/other");
        // While it is off, what was kept.
        let off = settings(&[]);
        let kept = Prefs::from_iter([("ip_filter_path".to_owned(), url.into())]);
        let mut again = kept.clone();
        show_filter(&off, &mut again);
        assert_eq!(
            (again["ip_filter_path"].as_str(), whole_filter(&off, &kept, shown).as_str()),
            (Some(shown), url)
        );
    }
}
