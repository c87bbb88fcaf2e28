//! `session-get`: settings of the daemon, and values that only this API has.

use super::State;
use super::dialect::{Args, Dialect, Key};
use super::failure::{Code, Failure};
use super::http::SEMVER;
use super::methods::{Answer, object};
use super::values::{SPEED_UNIT, default_idle_min, default_ratio};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use ztor_daemon::session::{Encryption, Transports};
use ztor_daemon::settings::Settings;
use ztor_daemon::{FilterSource, ForeignApi};

/// Version that the RPC is compatible with.
const VERSION: &str = "4.1.4";
const RPC_VERSION: u64 = 19;
const RPC_VERSION_MIN: u64 = 14;
/// URL of the blocklist before one is set, as in the genuine server.
const NO_BLOCKLIST: &str = "http://www.example.com/blocklist";

/// All keys, in both dialects.
pub(crate) const KEYS: &[Key] = &[
    Key::new("alt_speed_down", "alt-speed-down"),
    Key::new("alt_speed_enabled", "alt-speed-enabled"),
    Key::new("alt_speed_time_begin", "alt-speed-time-begin"),
    Key::new("alt_speed_time_day", "alt-speed-time-day"),
    Key::new("alt_speed_time_enabled", "alt-speed-time-enabled"),
    Key::new("alt_speed_time_end", "alt-speed-time-end"),
    Key::new("alt_speed_up", "alt-speed-up"),
    Key::new("anti_brute_force_enabled", "anti-brute-force-enabled"),
    Key::new("anti_brute_force_threshold", "anti-brute-force-threshold"),
    Key::new("blocklist_enabled", "blocklist-enabled"),
    Key::new("blocklist_size", "blocklist-size"),
    Key::new("blocklist_url", "blocklist-url"),
    Key::new("cache_size_mib", "cache-size-mb"),
    Key::new("config_dir", "config-dir"),
    Key::new("default_trackers", "default-trackers"),
    Key::new("dht_enabled", "dht-enabled"),
    Key::new("download_dir", "download-dir"),
    Key::new("download_dir_free_space", "download-dir-free-space"),
    Key::new("download_queue_enabled", "download-queue-enabled"),
    Key::new("download_queue_size", "download-queue-size"),
    Key::new("encryption", "encryption"),
    Key::new("idle_seeding_limit", "idle-seeding-limit"),
    Key::new("idle_seeding_limit_enabled", "idle-seeding-limit-enabled"),
    Key::new("incomplete_dir", "incomplete-dir"),
    Key::new("incomplete_dir_enabled", "incomplete-dir-enabled"),
    Key::new("lpd_enabled", "lpd-enabled"),
    Key::new("peer_limit_global", "peer-limit-global"),
    Key::new("peer_limit_per_torrent", "peer-limit-per-torrent"),
    Key::new("peer_port", "peer-port"),
    Key::new("peer_port_random_on_start", "peer-port-random-on-start"),
    Key::new("pex_enabled", "pex-enabled"),
    Key::new("port_forwarding_enabled", "port-forwarding-enabled"),
    Key::new("preferred_transports", "preferred_transports"),
    Key::new("queue_stalled_enabled", "queue-stalled-enabled"),
    Key::new("queue_stalled_minutes", "queue-stalled-minutes"),
    Key::new("rename_partial_files", "rename-partial-files"),
    Key::new("reqq", "reqq"),
    Key::new("rpc_version", "rpc-version"),
    Key::new("rpc_version_minimum", "rpc-version-minimum"),
    Key::new("rpc_version_semver", "rpc-version-semver"),
    Key::new("script_torrent_added_enabled", "script-torrent-added-enabled"),
    Key::new("script_torrent_added_filename", "script-torrent-added-filename"),
    Key::new("script_torrent_done_enabled", "script-torrent-done-enabled"),
    Key::new("script_torrent_done_filename", "script-torrent-done-filename"),
    Key::new("script_torrent_done_seeding_enabled", "script-torrent-done-seeding-enabled"),
    Key::new("script_torrent_done_seeding_filename", "script-torrent-done-seeding-filename"),
    Key::new("seed_queue_enabled", "seed-queue-enabled"),
    Key::new("seed_queue_size", "seed-queue-size"),
    Key::new("seed_ratio_limit", "seedRatioLimit"),
    Key::new("seed_ratio_limited", "seedRatioLimited"),
    Key::new("sequential_download", "sequential_download"),
    Key::new("session_id", "session-id"),
    Key::new("speed_limit_down", "speed-limit-down"),
    Key::new("speed_limit_down_enabled", "speed-limit-down-enabled"),
    Key::new("speed_limit_up", "speed-limit-up"),
    Key::new("speed_limit_up_enabled", "speed-limit-up-enabled"),
    Key::new("start_added_torrents", "start-added-torrents"),
    Key::new("tcp_enabled", "tcp-enabled"),
    Key::new("trash_original_torrent_files", "trash-original-torrent-files"),
    Key::new("units", "units"),
    Key::new("utp_enabled", "utp-enabled"),
    Key::new("version", "version"),
];

/// Returns the default of a value that has no meaning here, and is only kept; `None` for others.
pub(crate) fn kept_default(key: &str) -> Option<Value> {
    Some(match key {
        "alt_speed_time_begin" => json!(540),
        "alt_speed_time_end" => json!(1020),
        "alt_speed_time_day" => json!(127),
        "cache_size_mib" => json!(4),
        "reqq" => json!(2000),
        "trash_original_torrent_files"
        | "script_torrent_added_enabled"
        | "script_torrent_done_enabled"
        | "script_torrent_done_seeding_enabled" => json!(false),
        "default_trackers"
        | "script_torrent_added_filename"
        | "script_torrent_done_filename"
        | "script_torrent_done_seeding_filename" => json!(""),
        _ => return None,
    })
}

/// A limit that can be off. While it is off, its value is kept for the time when it is on again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) enabled: &'static str,
    pub(crate) value: &'static str,
    pub(crate) setting: &'static str,
    /// Value of the setting for 1.
    unit: u64,
    /// Range of the value of the setting.
    range: (u64, u64),
    default: u64,
    present: fn(&Settings) -> Option<u64>,
}

/// All limits that can be off, but the ratio.
pub(crate) const LIMITS: [Limit; 5] = [
    Limit {
        enabled: "speed_limit_down_enabled",
        value: "speed_limit_down",
        setting: "limit_down",
        unit: SPEED_UNIT,
        range: (1, MAX_RATE),
        default: 100,
        present: |settings| settings.limit_down,
    },
    Limit {
        enabled: "speed_limit_up_enabled",
        value: "speed_limit_up",
        setting: "limit_up",
        unit: SPEED_UNIT,
        range: (1, MAX_RATE),
        default: 100,
        present: |settings| settings.limit_up,
    },
    Limit {
        enabled: "download_queue_enabled",
        value: "download_queue_size",
        setting: "max_downloads",
        unit: 1,
        range: (1, 10_000),
        default: 5,
        present: |settings| settings.max_downloads.map(|count| count as u64),
    },
    Limit {
        enabled: "seed_queue_enabled",
        value: "seed_queue_size",
        setting: "max_seeds",
        unit: 1,
        range: (1, 100_000),
        default: 10,
        present: |settings| settings.max_seeds.map(|count| count as u64),
    },
    Limit {
        enabled: "idle_seeding_limit_enabled",
        value: "idle_seeding_limit",
        setting: "seed_idle_time",
        unit: 60,
        range: (1, 3650 * 24 * 3600),
        default: 30,
        present: |settings| settings.seed_idle_time.map(|time| time.as_secs()),
    },
];

/// Largest rate of a setting, in bytes per second.
pub(crate) const MAX_RATE: u64 = 1 << 40;

impl Limit {
    /// Returns the value of the setting in force; `None` if it is off.
    pub(crate) fn in_force(&self, settings: &Settings) -> Option<u64> {
        (self.present)(settings)
    }

    /// Returns the value of the setting for a value of this API.
    pub(crate) fn to_setting(self, value: u64) -> u64 {
        value.saturating_mul(self.unit).clamp(self.range.0, self.range.1)
    }

    /// Returns the value for clients: what they have set, unless something else is in force.
    pub(crate) fn shown(&self, settings: &Settings, kept: &Map<String, Value>) -> u64 {
        let kept = kept.get(self.value).and_then(Value::as_u64);
        match (self.in_force(settings), kept) {
            (Some(in_force), Some(kept)) if self.to_setting(kept) == in_force => kept,
            (Some(in_force), _) => in_force.div_ceil(self.unit),
            (None, kept) => kept.unwrap_or(self.default),
        }
    }
}

/// Returns a rate of the alternative limits in kB/s. It is unlimited in the daemon until it is set; clients show a number.
fn alternative(in_force: Option<u64>, kept: Option<&Value>) -> u64 {
    let kept = kept.and_then(Value::as_u64);
    match (in_force, kept) {
        (Some(in_force), Some(kept)) if rate_of(kept) == in_force => kept,
        (Some(in_force), _) => in_force.div_ceil(SPEED_UNIT),
        (None, kept) => kept.unwrap_or(50),
    }
}

/// Returns a rate of the settings for a rate in kB/s. They have no rate of 0.
pub(crate) fn rate_of(kb_per_s: u64) -> u64 {
    kb_per_s.saturating_mul(SPEED_UNIT).clamp(1, MAX_RATE)
}

/// Returns the source of the blocklist, also while it is off. It may have credentials, which no answer contains.
pub(crate) fn blocklist_of(settings: &Settings, kept: &Map<String, Value>) -> String {
    match &settings.ip_filter {
        Some(FilterSource::Url(url)) => url.clone(),
        Some(FilterSource::File(path)) => path.to_string_lossy().into_owned(),
        None => kept.get("blocklist_url").and_then(Value::as_str).unwrap_or(NO_BLOCKLIST).to_owned(),
    }
}

/// Returns the source of the blocklist as clients get it.
pub(crate) fn shown_blocklist(source: &str) -> String {
    FilterSource::from(source).shown()
}

impl State {
    /// Returns the values of the session that the request names; all without names.
    pub(crate) async fn session_get(&self, args: &Args, dialect: Dialect) -> Answer {
        let named =
            args.list("fields").map(|names| names.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        let settings = Arc::clone(&self.foreign.daemon().settings_changes().borrow());
        let kept = self.kept()?;
        let mut values = Map::new();
        for key in KEYS {
            let is_asked =
                named.as_ref().is_none_or(|names| names.iter().any(|name| key.is_named(name, dialect)));
            if is_asked {
                let value = self.session_value(key.snake, &settings, &kept, dialect).await;
                values.insert(key.name(dialect).to_owned(), value);
            }
        }
        object(values)
    }

    /// Returns the values that only this API has.
    pub(crate) fn kept(&self) -> Result<Map<String, Value>, Failure> {
        let kept = self.foreign.daemon().foreign_values(ForeignApi::Transmission);
        kept.map_err(|error| Failure::new(Code::System, error.to_string()))
    }

    async fn session_value(
        &self,
        key: &str,
        settings: &Settings,
        kept: &Map<String, Value>,
        dialect: Dialect,
    ) -> Value {
        if let Some(limit) = LIMITS.iter().find(|limit| limit.value == key) {
            return limit.shown(settings, kept).into();
        }
        if let Some(limit) = LIMITS.iter().find(|limit| limit.enabled == key) {
            return limit.in_force(settings).is_some().into();
        }
        let daemon = self.foreign.daemon();
        match key {
            "alt_speed_down" => alternative(settings.alternative_limit_down, kept.get(key)).into(),
            "alt_speed_up" => alternative(settings.alternative_limit_up, kept.get(key)).into(),
            "alt_speed_enabled" => (daemon.alternative() == ztor_daemon::policy::Alternative::On).into(),
            "alt_speed_time_enabled" => self.is_scheduled(kept).into(),
            // Failed logins always lead to a ban, of the address.
            "anti_brute_force_enabled" => true.into(),
            "anti_brute_force_threshold" => settings.login_attempts.into(),
            "blocklist_enabled" => settings.ip_filter.is_some().into(),
            "blocklist_size" => match settings.ip_filter {
                Some(_) => daemon.ip_filter().await.map_or(0, |filter| filter.ranges).into(),
                None => kept.get(key).cloned().unwrap_or(json!(0)),
            },
            "blocklist_url" => shown_blocklist(&blocklist_of(settings, kept)).into(),
            "config_dir" => self.foreign.about().state_dir.as_str().into(),
            "dht_enabled" => settings.dht.into(),
            "download_dir" => settings.download_dir.to_string_lossy().into(),
            "download_dir_free_space" => {
                let free = daemon.statistics().free_bytes.and_then(|free| i64::try_from(free).ok());
                free.unwrap_or(-1).into()
            }
            "encryption" => match (settings.encryption, dialect) {
                (Encryption::Require, _) => "required",
                (Encryption::Prefer, _) => "preferred",
                (_, Dialect::Legacy) => "tolerated",
                (_, Dialect::JsonRpc) => "allowed",
            }
            .into(),
            "idle_seeding_limit" => default_idle_min(settings).into(),
            "incomplete_dir" => match &settings.incomplete_dir {
                Some(dir) => dir.to_string_lossy().into(),
                None => {
                    kept.get(key).cloned().unwrap_or_else(|| settings.download_dir.to_string_lossy().into())
                }
            },
            "incomplete_dir_enabled" => settings.incomplete_dir.is_some().into(),
            "lpd_enabled" => settings.local_discovery.into(),
            "peer_limit_global" => settings.max_peers.into(),
            "peer_limit_per_torrent" => settings.max_peers_per_torrent.into(),
            "peer_port" => match settings.port {
                0 => daemon.session().local_addr().port(),
                port => port,
            }
            .into(),
            "peer_port_random_on_start" => (settings.port == 0).into(),
            "pex_enabled" => settings.peer_exchange.into(),
            "port_forwarding_enabled" => settings.port_mapping.into(),
            "preferred_transports" => preferred_transports(settings, kept),
            "queue_stalled_enabled" => settings.slow_torrents_are_free.into(),
            "queue_stalled_minutes" => settings.slow_after.as_secs().div_ceil(60).into(),
            "rename_partial_files" => settings.part_suffix.is_some().into(),
            "rpc_version" => RPC_VERSION.into(),
            "rpc_version_minimum" => RPC_VERSION_MIN.into(),
            "rpc_version_semver" => SEMVER.into(),
            "seed_ratio_limit" => match (settings.seed_ratio, kept.get(key).and_then(Value::as_f64)) {
                (None, Some(kept)) => kept.into(),
                _ => default_ratio(settings).into(),
            },
            "seed_ratio_limited" => settings.seed_ratio.is_some().into(),
            "sequential_download" => settings.sequential.into(),
            "session_id" => self.session_id.get().into(),
            "start_added_torrents" => (!settings.start_paused).into(),
            "tcp_enabled" => (settings.transport != Transports::Utp).into(),
            "units" => units(dialect),
            "utp_enabled" => (settings.transport != Transports::Tcp).into(),
            "version" => format!("{VERSION} (ztor {})", self.foreign.about().version).into(),
            key => {
                let default = kept_default(key).unwrap_or(Value::Null);
                kept.get(key).cloned().unwrap_or(default)
            }
        }
    }
}

/// Returns the transports in their order: the one that clients have set, if it is of those in use.
fn preferred_transports(settings: &Settings, kept: &Map<String, Value>) -> Value {
    let in_use: &[&str] = match settings.transport {
        Transports::Both => &["utp", "tcp"],
        Transports::Tcp => &["tcp"],
        Transports::Utp => &["utp"],
    };
    let kept = kept.get("preferred_transports").and_then(Value::as_array);
    let is_same = |kept: &&Vec<Value>| {
        kept.len() == in_use.len() && in_use.iter().all(|name| kept.iter().any(|kept| kept == name))
    };
    kept.filter(is_same).map_or_else(|| json!(in_use), |kept| Value::Array(kept.clone()))
}

fn units(dialect: Dialect) -> Value {
    let units = [
        ("memory", 1024, ["B", "KiB", "MiB", "GiB", "TiB"]),
        ("size", 1000, ["B", "kB", "MB", "GB", "TB"]),
        ("speed", 1000, ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"]),
    ];
    let separator = match dialect {
        Dialect::Legacy => '-',
        Dialect::JsonRpc => '_',
    };
    let entries = units.into_iter().flat_map(|(kind, bytes, names)| {
        [(format!("{kind}{separator}bytes"), json!(bytes)), (format!("{kind}{separator}units"), json!(names))]
    });
    Value::Object(entries.collect())
}
