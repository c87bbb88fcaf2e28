//! `session-set`.

use super::State;
use super::dialect::Args;
use super::failure::{Code, Failure};
use super::session_get::{KEYS, LIMITS, blocklist_of, kept_default, rate_of, shown_blocklist};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;
use ztor_api::SettingValue;
use ztor_daemon::ForeignApi;
use ztor_daemon::policy::Alternative;
use ztor_daemon::session::Transports;
use ztor_daemon::settings::Settings;

/// Largest ratio of the settings.
const MAX_RATIO: f64 = 4_000_000.0;
/// Longest text that is kept, in bytes.
const MAX_TEXT: usize = 64 << 10;

/// Changes that a request asks for.
#[derive(Debug, Default, PartialEq)]
struct Changes {
    /// Settings of the daemon, in the order in which they are changed.
    settings: Vec<(&'static str, SettingValue)>,
    /// Values that only this API has.
    kept: Map<String, Value>,
}

impl State {
    /// Changes the session. Unknown keys are left out. The first failure ends it; what was done before stays.
    pub(crate) async fn session_set(&self, args: &Args) -> Result<(), Failure> {
        let daemon = self.foreign.daemon();
        let settings = Arc::clone(&daemon.settings_changes().borrow());
        let changes = Changes::of(args, &settings, &self.kept()?, daemon.session().local_addr().port())?;
        if !changes.kept.is_empty() {
            daemon.change_foreign_values(ForeignApi::Transmission, &changes.kept).await?;
        }
        for (key, value) in &changes.settings {
            daemon.change_setting(key, value).await?;
        }
        if let Some(is_on) = args.flag("alt_speed_enabled") {
            let is_on_now = daemon.alternative() == Alternative::On;
            if is_on != is_on_now {
                let alternative = if is_on { Alternative::On } else { Alternative::Auto };
                daemon.set_alternative(alternative).await?;
            }
        }
        self.set_schedule(args).await
    }
}

impl Changes {
    fn of(
        args: &Args,
        settings: &Settings,
        kept: &Map<String, Value>,
        local_port: u16,
    ) -> Result<Self, Failure> {
        let mut changes = Self::default();
        changes.folders(args, settings, kept)?;
        changes.keep_others(args);
        changes.limits(args, settings, kept);
        changes.flags(args, settings);
        changes.network(args, settings, local_port)?;
        changes.blocklist(args, settings, kept);
        Ok(changes)
    }

    fn set(&mut self, key: &'static str, value: impl Into<Option<SettingValue>>) {
        self.settings.push((key, value.into().unwrap_or(SettingValue::None)));
    }

    fn folders(
        &mut self,
        args: &Args,
        settings: &Settings,
        kept: &Map<String, Value>,
    ) -> Result<(), Failure> {
        let folder = |key: &str, text: &str| match args.text(key) {
            Some(dir) if !Path::new(dir).is_absolute() => Err(Failure::new(Code::NotAbsolute, text)),
            dir => Ok(dir.map(str::to_owned)),
        };
        let download = folder("download_dir", "download directory path is not absolute")?;
        let incomplete = folder("incomplete_dir", "incomplete torrents directory path is not absolute")?;
        if let Some(dir) = download {
            self.set("download_dir", SettingValue::Text(dir));
        }
        let is_on = args.flag("incomplete_dir_enabled");
        if incomplete.is_none() && is_on.is_none() {
            return Ok(());
        }
        let present = settings.incomplete_dir.as_ref().map(|dir| dir.to_string_lossy().into_owned());
        let known = || {
            let kept = kept.get("incomplete_dir").and_then(Value::as_str).map(str::to_owned);
            present.clone().or(kept).unwrap_or_else(|| settings.download_dir.to_string_lossy().into_owned())
        };
        let dir = incomplete.unwrap_or_else(known);
        self.kept.insert("incomplete_dir".to_owned(), dir.as_str().into());
        let wanted = is_on.unwrap_or(present.is_some()).then_some(dir);
        if wanted != present {
            self.set("incomplete_dir", wanted.map(SettingValue::Text));
        }
        Ok(())
    }

    /// Takes over what has no meaning here.
    fn keep_others(&mut self, args: &Args) {
        for key in KEYS.iter().map(|key| key.snake) {
            let value = match kept_default(key) {
                Some(Value::Bool(_)) => args.flag(key).map(Value::Bool),
                Some(Value::Number(_)) => args.int(key).map(Value::from),
                Some(Value::String(_)) => {
                    args.text(key).filter(|text| text.len() <= MAX_TEXT).map(Value::from)
                }
                _ => None,
            };
            if let Some(value) = value {
                self.kept.insert(key.to_owned(), value);
            }
        }
    }

    fn limits(&mut self, args: &Args, settings: &Settings, kept: &Map<String, Value>) {
        for limit in LIMITS {
            let (is_on, asked) = (args.flag(limit.enabled), args.count(limit.value));
            if is_on.is_none() && asked.is_none() {
                continue;
            }
            let present = limit.in_force(settings);
            let value = asked.unwrap_or_else(|| limit.shown(settings, kept));
            self.kept.insert(limit.value.to_owned(), value.into());
            let wanted = match (is_on.unwrap_or(present.is_some()), asked, present) {
                (false, ..) => None,
                (true, None, Some(present)) => Some(present),
                (true, ..) => Some(limit.to_setting(value)),
            };
            if wanted != present {
                self.set(limit.setting, wanted.map(SettingValue::Count));
            }
        }
        let (is_on, asked) = (args.flag("seed_ratio_limited"), args.real("seed_ratio_limit"));
        if is_on.is_some() || asked.is_some() {
            let known = || match (settings.seed_ratio, kept.get("seed_ratio_limit").and_then(Value::as_f64)) {
                (None, Some(kept)) => kept,
                _ => super::values::default_ratio(settings),
            };
            let ratio = asked.filter(|ratio| ratio.is_finite()).unwrap_or_else(known).clamp(0.0, MAX_RATIO);
            self.kept.insert("seed_ratio_limit".to_owned(), ratio.into());
            let is_on = is_on.unwrap_or(settings.seed_ratio.is_some());
            self.set("seed_ratio", is_on.then_some(SettingValue::Real(ratio)));
        }
        for (key, setting) in
            [("alt_speed_down", "alternative_limit_down"), ("alt_speed_up", "alternative_limit_up")]
        {
            if let Some(rate) = args.count(key) {
                self.kept.insert(key.to_owned(), rate.into());
                self.set(setting, SettingValue::Count(rate_of(rate)));
            }
        }
        // What was never set is unlimited in the daemon, while clients show a number.
        if args.flag("alt_speed_enabled") == Some(true) || args.flag("alt_speed_time_enabled") == Some(true) {
            for (key, setting, present) in [
                ("alt_speed_down", "alternative_limit_down", settings.alternative_limit_down),
                ("alt_speed_up", "alternative_limit_up", settings.alternative_limit_up),
            ] {
                if present.is_none() && !args.has(key) {
                    let shown = kept.get(key).and_then(Value::as_u64).unwrap_or(50);
                    self.set(setting, SettingValue::Count(rate_of(shown)));
                }
            }
        }
        for (key, setting) in
            [("peer_limit_global", "max_peers"), ("peer_limit_per_torrent", "max_peers_per_torrent")]
        {
            if let Some(count) = args.count(key) {
                self.set(setting, SettingValue::Count(count.clamp(1, 100_000)));
            }
        }
        if let Some(minutes) = args.count("queue_stalled_minutes") {
            let seconds = minutes.saturating_mul(60).clamp(1, 24 * 3600);
            self.set("slow_after", SettingValue::Count(seconds));
        }
    }

    fn flags(&mut self, args: &Args, settings: &Settings) {
        let flags = [
            ("dht_enabled", "dht", settings.dht),
            ("lpd_enabled", "local_discovery", settings.local_discovery),
            ("pex_enabled", "peer_exchange", settings.peer_exchange),
            ("port_forwarding_enabled", "port_mapping", settings.port_mapping),
            ("queue_stalled_enabled", "slow_torrents_are_free", settings.slow_torrents_are_free),
            ("sequential_download", "sequential", settings.sequential),
        ];
        for (key, setting, present) in flags {
            if let Some(flag) = args.flag(key).filter(|flag| *flag != present) {
                self.set(setting, SettingValue::Bool(flag));
            }
        }
        if let Some(start) = args.flag("start_added_torrents").filter(|start| *start == settings.start_paused)
        {
            self.set("start_paused", SettingValue::Bool(!start));
        }
        let has_suffix = settings.part_suffix.is_some();
        if let Some(flag) = args.flag("rename_partial_files").filter(|flag| *flag != has_suffix) {
            self.set("part_suffix", flag.then(|| SettingValue::Text(".part".to_owned())));
        }
    }

    fn network(&mut self, args: &Args, settings: &Settings, local_port: u16) -> Result<(), Failure> {
        if let Some(encryption) = args.text("encryption") {
            let value = match encryption {
                "required" => "require",
                "preferred" => "prefer",
                "tolerated" | "allowed" => "allow",
                _ => {
                    return Err(Failure::new(
                        Code::Params,
                        "encryption must be required, preferred or allowed",
                    ));
                }
            };
            self.set("encryption", SettingValue::Text(value.to_owned()));
        }
        let present = settings.transport;
        let mut transport = present;
        if let Some(names) = args.texts("preferred_transports") {
            transport = match (names.contains(&"utp"), names.contains(&"tcp")) {
                (true, true) => Transports::Both,
                (true, false) => Transports::Utp,
                (false, true) => Transports::Tcp,
                (false, false) => {
                    return Err(Failure::new(Code::Params, "preferred_transports must have utp or tcp"));
                }
            };
            let known: Vec<&str> = names.into_iter().filter(|name| matches!(*name, "utp" | "tcp")).collect();
            self.kept.insert("preferred_transports".to_owned(), json!(known));
        }
        transport = match (args.flag("utp_enabled"), transport) {
            (Some(true), Transports::Tcp) => Transports::Both,
            (Some(false), Transports::Both | Transports::Utp) => Transports::Tcp,
            (_, transport) => transport,
        };
        if transport != present {
            let word = match transport {
                Transports::Both => "both",
                Transports::Tcp => "tcp",
                Transports::Utp => "utp",
            };
            self.set("transport", SettingValue::Text(word.to_owned()));
        }
        let asked = args.count("peer_port").map(|port| port.min(u16::MAX.into()));
        let port = match (args.flag("peer_port_random_on_start"), asked) {
            (Some(true), _) => Some(0),
            (_, Some(port)) => Some(port),
            (Some(false), None) if settings.port == 0 => Some(local_port.into()),
            _ => None,
        };
        if let Some(port) = port.filter(|port| *port != u64::from(settings.port)) {
            self.set("port", SettingValue::Count(port));
        }
        Ok(())
    }

    fn blocklist(&mut self, args: &Args, settings: &Settings, kept: &Map<String, Value>) {
        let (is_on, asked) = (args.flag("blocklist_enabled"), args.text("blocklist_url"));
        let present = settings.ip_filter.is_some();
        let known = blocklist_of(settings, kept);
        // What a client got without its credentials comes back without them.
        let shown = shown_blocklist(&known);
        let asked = asked.map(|url| if url == shown { known.as_str() } else { url });
        if let Some(url) = asked.filter(|url| url.len() <= MAX_TEXT && *url != known) {
            self.kept.insert("blocklist_url".to_owned(), url.into());
            self.kept.insert("blocklist_size".to_owned(), Value::Null);
        } else if is_on == Some(false) && present {
            self.kept.insert("blocklist_url".to_owned(), known.as_str().into());
        }
        let url = asked.unwrap_or(&known);
        let is_on = is_on.unwrap_or(present);
        if is_on && (!present || url != known) {
            self.set("ip_filter", SettingValue::Text(url.to_owned()));
        } else if !is_on && present {
            self.set("ip_filter", None);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::dialect::Dialect;
    use super::*;
    use ztor_daemon::settings::Sources;

    fn changes(settings: &[(&str, &str)], kept: &Value, args: &Value) -> Result<Changes, Failure> {
        let flags =
            settings.iter().map(|(key, value)| ((*key).to_owned(), format!("--{key}"), (*value).to_owned()));
        let resolved = Sources::new(Some("/home/x".into())).flags(flags).resolve().unwrap();
        let args = Args::new(args.as_object().cloned().unwrap(), Dialect::Legacy);
        Changes::of(&args, resolved.settings(), kept.as_object().unwrap(), 6881)
    }

    fn set(settings: &[(&str, &str)], kept: &Value, args: &Value) -> Vec<(&'static str, SettingValue)> {
        changes(settings, kept, args).unwrap().settings
    }

    #[test]
    fn limit_keeps_its_value_while_it_is_off() {
        let count = SettingValue::Count;
        let found = changes(&[], &json!({}), &json!({"speed-limit-down": 200})).unwrap();
        assert_eq!((found.settings, &found.kept["speed_limit_down"]), (vec![], &json!(200)));
        let on = json!({"speed-limit-down-enabled": true});
        assert_eq!(set(&[], &json!({"speed_limit_down": 200}), &on), [("limit_down", count(200_000))]);
        assert_eq!(set(&[], &json!({}), &on), [("limit_down", count(100_000))]);
        let off = json!({"speed-limit-down-enabled": false});
        assert_eq!(set(&[("limit_down", "5MiB/s")], &json!({}), &off), [("limit_down", SettingValue::None)]);
        // A limit that was set elsewhere stays exact.
        assert_eq!(set(&[("limit_down", "1234567")], &json!({}), &on), []);
        let zero = json!({"speed-limit-up": 0, "speed-limit-up-enabled": true});
        assert_eq!(set(&[], &json!({}), &zero), [("limit_up", count(1))]);
    }

    #[test]
    fn port_is_changed_only_if_it_is_another_one() {
        let count = SettingValue::Count;
        assert_eq!(set(&[("port", "7000")], &json!({}), &json!({"peer-port": 7000})), []);
        assert_eq!(
            set(&[("port", "7000")], &json!({}), &json!({"peer-port": 7001})),
            [("port", count(7001))]
        );
        let random = json!({"peer-port-random-on-start": true});
        assert_eq!(set(&[("port", "7000")], &json!({}), &random), [("port", count(0))]);
        let fixed = json!({"peer-port-random-on-start": false});
        assert_eq!(set(&[("port", "0")], &json!({}), &fixed), [("port", count(6881))]);
    }

    #[test]
    fn unknown_and_malformed_values_change_nothing() {
        let args = json!({"nonsense": 1, "peer-port": "x", "dht-enabled": "yes", "speed-limit-down": [], "units": {}});
        assert_eq!(set(&[], &json!({}), &args), []);
        assert!(changes(&[], &json!({}), &json!({"encryption": "nonsense"})).is_err());
        assert!(changes(&[], &json!({}), &json!({"incomplete-dir": "rel"})).is_err());
    }

    #[test]
    fn blocklist_becomes_the_filter_while_it_is_on() {
        let text = |url: &str| SettingValue::Text(url.to_owned());
        let url = json!({"blocklist-url": "http://a/"});
        let found = changes(&[], &json!({}), &url).unwrap();
        assert_eq!((found.settings, &found.kept["blocklist_url"]), (vec![], &json!("http://a/")));
        let kept = json!({"blocklist_url": "http://a/"});
        assert_eq!(set(&[], &kept, &json!({"blocklist-enabled": true})), [("ip_filter", text("http://a/"))]);
        let on = [("ip_filter", "http://a/")];
        assert_eq!(set(&on, &json!({}), &url), []);
        let found = changes(&on, &json!({}), &json!({"blocklist-enabled": false})).unwrap();
        assert_eq!(found.settings, [("ip_filter", SettingValue::None)]);
        assert_eq!(found.kept["blocklist_url"], "http://a/");
    }

    #[test]
    fn blocklist_keeps_credentials_that_clients_do_not_get() {
        let url = "https://me:secret@a.example/list.gz";
        let shown = shown_blocklist(url);
        assert!(!shown.contains("secret"), "{shown}");
        let on = [("ip_filter", url)];
        let sent = json!({"blocklist-enabled": true, "blocklist-url": shown});
        assert_eq!(set(&on, &json!({}), &sent), []);
        let off = json!({"blocklist-enabled": false, "blocklist-url": shown});
        assert_eq!(changes(&on, &json!({}), &off).unwrap().kept["blocklist_url"], url);
        let text = SettingValue::Text(url.to_owned());
        assert_eq!(set(&[], &json!({"blocklist_url": url}), &sent), [("ip_filter", text)]);
    }
}
