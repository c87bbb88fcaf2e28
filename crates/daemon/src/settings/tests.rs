//! Tests of sources, changes and messages.

mod properties;

use std::path::PathBuf;
use std::time::Duration;

use ztor_api::{SettingSource, SettingValue};
use ztor_policy::{Goal, Ratio};
use ztor_session::PortMappingOptions;

use super::*;

fn sources() -> Sources {
    Sources::new(Some(PathBuf::from("/home/me")))
}

fn of_file(text: &str) -> Result<Resolved, Vec<SettingError>> {
    sources().file("/etc/ztor.toml", text).resolve()
}

fn messages(result: Result<Resolved, Vec<SettingError>>) -> Vec<String> {
    result.unwrap_err().iter().map(ToString::to_string).collect()
}

fn stored(key: &str, value: &str, base: Option<&str>) -> Stored {
    Stored { key: key.to_owned(), value: value.to_owned(), base: base.map(str::to_owned) }
}

fn variable(name: &str, value: &str) -> (std::ffi::OsString, std::ffi::OsString) {
    (name.into(), value.into())
}

fn flag(key: &str, flag: &str, value: &str) -> (String, String, String) {
    (key.to_owned(), flag.to_owned(), value.to_owned())
}

fn text(text: &str) -> SettingValue {
    SettingValue::Text(text.to_owned())
}

#[test]
fn table_has_unique_keys_and_canonical_defaults_within_their_kinds() {
    for (index, declaration) in TABLE.iter().enumerate() {
        let Declaration { key, kind, default, help, .. } = declaration;
        assert!(TABLE[..index].iter().all(|other| other.key != *key), "{key}");
        assert!(!SECTIONS.contains(key), "{key}");
        let value = kind.check(&text(default)).unwrap();
        assert_eq!(kind.text(&value), *default, "{key}");
        assert!(help.ends_with('.') && !help.contains("  "), "{key}: {help}");
    }
    let resolved = sources().resolve().unwrap();
    assert_eq!(resolved.settings().download_dir, PathBuf::from("/home/me/Downloads"));
    assert_eq!(resolved.settings().session_time, Duration::from_secs(7 * 86_400));
    assert_eq!(resolved.settings().slow_below, 2048);
    assert!(resolved.warnings().is_empty());
}

#[test]
fn stored_change_that_protects_and_cannot_be_used_is_an_error_until_it_is_given_elsewhere() {
    for key in resolved::PROTECTIVE {
        assert!(TABLE.iter().any(|declaration| declaration.key == *key), "{key}");
    }
    for (key, value) in [
        ("proxy", "socks9://me:secret@h:1"),
        ("bind", "a/b"),
        ("anonymous", "perhaps"),
        ("proxy_for", "peers, all"),
        ("dns_servers", "here"),
        ("ip_filter", "\0(unreadable)"),
    ] {
        let found = messages(sources().stored([stored(key, value, None)]).resolve());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("stored change: cannot use ") && found[0].contains(key), "{found:?}");
        assert!(found[0].contains("nothing runs without this setting"), "{found:?}");
        assert!(!found[0].contains("secret"), "{found:?}");
    }
    let flags = [flag("proxy", "--proxy", "none")];
    let resolved = sources().flags(flags).stored([stored("proxy", "socks9://h:1", None)]).resolve().unwrap();
    assert_eq!((resolved.settings().proxy.as_ref(), resolved.warnings().len()), (None, 1));
    let resolved = sources().stored([stored("max_downloads", "many", None)]).resolve().unwrap();
    assert_eq!(resolved.warnings().len(), 1, "others fall back to the default");
}

#[test]
fn file_with_a_bad_value_names_the_line_and_what_was_expected() {
    for (line, message) in [
        (
            "max_downloads = \"many\"",
            "cannot use max_downloads = \"many\": expected a number from 1 to 10000 or \"none\"",
        ),
        (
            "max_downloads = -1",
            "cannot use max_downloads = -1: expected a number from 1 to 10000 or \"none\"",
        ),
        ("port = 65536", "cannot use port = 65536: expected a number from 0 to 65535"),
        ("port = { tcp = 1 }", "cannot use port = a table: expected a number from 0 to 65535"),
        ("dht = 1", "cannot use dht = 1: expected true or false"),
        (
            "limit_up = \"5 parsecs\"",
            "cannot use limit_up = \"5 parsecs\": unknown unit \"parsecs\", expected none for bytes, or k, KiB, MiB, \
             GiB, kB, MB, GB",
        ),
        (
            "limit_up = 0",
            "cannot use limit_up = 0: a limit of 0 would stop all transfers; write 'unlimited' for no limit",
        ),
        ("slow_after = \"soon\"", "cannot use slow_after = \"soon\": expected a time from \"1s\" to \"1d\""),
        (
            "seed_ratio = -0.5",
            "cannot use seed_ratio = -0.5: expected a ratio from 0 to 10000, such as 1.5, or \"none\"",
        ),
        (
            "layout = \"flat\"",
            "cannot use layout = \"flat\": expected \"original\", \"subfolder\" or \"no_subfolder\"",
        ),
        (
            "download_dir = \"Downloads\"",
            "cannot use download_dir = \"Downloads\": expected an absolute path, or one below the home folder such as \
             \"~/Downloads\"",
        ),
        (
            "listen = [\"127.0.0.1:80\", \"localhost:80\"]",
            "cannot use \"localhost:80\" in listen: expected ADDR:PORT, such as \"127.0.0.1:9480\" or \"[::1]:9480\"",
        ),
        (
            "schedule = [\"always pause\"]",
            "cannot use \"always pause\" in schedule: expected DAYS FROM-TO EFFECT, such as \"mon-fri 08:00-18:00 \
             down=1MiB/s up=200KiB/s\", \"sat,sun 00:00-24:00 unlimited\" or \"daily 02:00-06:00 pause\"",
        ),
        (
            "allowed_hosts = [1]",
            "cannot use allowed_hosts = [1]: expected a list of texts, each a host name, such as \"nas.example\"",
        ),
        (
            "max_downlods = 3",
            "cannot use max_downlods: there is no such setting; did you mean max_downloads?",
        ),
        ("colour = \"red\"", "cannot use colour: there is no such setting"),
        (
            "queue = 3",
            "cannot use queue = 3: it is a section; write [queue] on a line of its own, and its settings below",
        ),
        ("[quue]\nport = 1", "cannot use [quue]: there is no such section; did you mean [queue]?"),
        ("port = 1\nport = 2", "line 4: cannot use port: it is given twice; remove one of them"),
        ("port = 1\n[network]\nport = 2", "line 5: cannot use port: it is given twice; remove one of them"),
        ("[network]\n[network]", "line 4: cannot use network: it is given twice; remove one of them"),
        ("[queue]\nport = 1", "line 4: cannot use port in [queue]: it belongs to [network]; move it there"),
        ("port = ", "not valid TOML: string values must be quoted, expected literal string"),
        (
            "tls_key = \"/key\"",
            "cannot use tls_key without tls_certificate: both or none must be set; set tls_certificate or remove tls_key",
        ),
    ] {
        let place = if message.starts_with("line") { "" } else { "line 3: " };
        let expected = format!("/etc/ztor.toml {place}{message}");
        assert_eq!(messages(of_file(&format!("# Mine.\n\n{line}\n"))), [expected]);
    }
}

#[test]
fn file_that_is_too_large_or_no_text_is_refused() {
    let large = sources().file("a", vec![b'#'; MAX_FILE + 1]).resolve();
    assert_eq!(
        messages(large),
        ["a: too large: 1048577 bytes, expected at most 1048576; check that it is the right file"]
    );
    assert!(sources().file("a", vec![b'#'; MAX_FILE]).resolve().is_ok());
    let binary = sources().file("a", b"port = 1\n# \xff".to_vec()).resolve();
    assert_eq!(messages(binary), ["a line 2: not valid text: expected UTF-8; save it in that encoding"]);
}

#[test]
fn resolve_with_many_errors_reports_all_up_to_the_bound() {
    let errors = messages(of_file("port = 70000\ndht = 2\nbindd = \"x\"\n"));
    let lines: Vec<_> = errors.iter().map(|error| error.split(": ").next().unwrap()).collect();
    assert_eq!(lines, ["/etc/ztor.toml line 1", "/etc/ztor.toml line 2", "/etc/ztor.toml line 3"]);
    let many: String = (0..10_000).map(|n| format!("key{n} = {n}\n")).collect();
    let errors = messages(of_file(&many));
    assert_eq!(errors.len(), MAX_ERRORS + 1);
    assert_eq!(errors[MAX_ERRORS], "9950 more errors are not shown; correct these first");
}

#[test]
fn bad_variable_or_flag_is_named() {
    let bad = sources()
        .environment([
            variable("ZTOR_PORT", "x"),
            variable("ZTOR_PROT", "1"),
            variable("ZTOR_TOKEN", "1"),
            variable("PORT", "x"),
        ])
        .flags([flag("limit_down", "--limit-down", "0")]);
    assert_eq!(
        messages(bad.resolve()),
        [
            "environment variable ZTOR_PORT: cannot use port = \"x\": expected a number from 0 to 65535",
            "cannot use ZTOR_PROT: there is no such setting; did you mean ZTOR_PORT?",
            "flag --limit-down: cannot use limit_down = \"0\": a limit of 0 would stop all transfers; write \
             'unlimited' for no limit",
        ]
    );
}

#[test]
fn message_with_foreign_text_is_one_short_line() {
    let long = "x".repeat(2000);
    for line in [format!("port = \"\"\"a\n\u{7}{long}\"\"\""), format!("\"a\\n\\u0007{long}\" = 1")] {
        let errors = messages(of_file(&line));
        assert!(errors[0].len() < 300 && !errors[0].contains(char::is_control), "{}", errors[0]);
    }
}

#[test]
fn later_source_replaces_the_ones_before() {
    let file = sources().file("/f", "[network]\nport = 1\n[queue]\nmax_downloads = 2\nmax_seeds = 3\n");
    let env = file.environment([variable("ZTOR_MAX_DOWNLOADS", "none"), variable("ZTOR_MAX_SEEDS", "4")]);
    let resolved = env.flags([flag("max_seeds", "--max-seeds", "5")]).resolve().unwrap();
    let settings = resolved.settings();
    assert_eq!((settings.port, settings.max_downloads, settings.max_seeds), (1, None, Some(5)));
    assert_eq!(resolved.source("port"), Some(&SettingSource::File { path: "/f".into(), line: 2 }));
    let variable = SettingSource::Environment { variable: "ZTOR_MAX_DOWNLOADS".into() };
    assert_eq!(resolved.source("max_downloads"), Some(&variable));
    assert_eq!(resolved.source("max_seeds"), Some(&SettingSource::Flag { flag: "--max-seeds".into() }));
    assert_eq!(resolved.source("dht"), Some(&SettingSource::Default));
    assert_eq!(resolved.source("nothing"), None);
}

#[test]
fn last_change_counts_wherever_it_was_made() {
    let mut resolved = of_file("limit_up = \"1MiB/s\"").unwrap();
    let row = resolved.change("limit_up", &text("2 MiB")).unwrap();
    assert_eq!(row, stored("limit_up", "2MiB/s", Some("1MiB/s")));
    assert_eq!(resolved.settings().limit_up, Some(2 << 20));
    assert_eq!(resolved.source("limit_up"), Some(&SettingSource::Changed));
    let after = |file: &str| {
        let resolved = sources().file("/f", file).stored([row.clone()]).resolve().unwrap();
        assert_eq!(resolved.stored().collect::<Vec<_>>(), [&row]);
        resolved.settings().limit_up
    };
    // The same value in another form, another value, and none.
    assert_eq!(after("limit_up = 1048576"), Some(2 << 20));
    assert_eq!(after("limit_up = \"3MiB/s\""), Some(3 << 20));
    assert_eq!(after(""), Some(2 << 20));
    let row = stored("limit_up", "2MiB/s", None);
    let pinned = sources().file("/f", "limit_up = 1").stored([row.clone()]).resolve().unwrap();
    assert_eq!(pinned.settings().limit_up, Some(1));
    assert_eq!(sources().stored([row]).resolve().unwrap().settings().limit_up, Some(2 << 20));
    resolved.reset("limit_up").unwrap();
    assert_eq!((resolved.settings().limit_up, resolved.stored().count()), (Some(1 << 20), 0));
}

#[test]
fn stored_change_that_cannot_be_used_is_a_warning() {
    let rows = [
        stored("warp", "9", None),
        stored("port", "many", None),
        stored("tls_key", "/key", None),
        stored("dht", "false", None),
    ];
    let mut resolved = sources().stored(rows).resolve().unwrap();
    let warnings: Vec<_> = resolved.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "stored change: cannot use port = \"many\": expected a number from 0 to 65535",
            "stored change: cannot use warp: there is no such setting",
            "stored change: cannot use tls_key without tls_certificate: both or none must be set; set \
             tls_certificate or remove tls_key",
        ]
    );
    assert_eq!((resolved.settings().port, resolved.settings().dht), (6881, false));
    assert_eq!(resolved.stored().count(), 4);
    resolved.change("port", &SettingValue::Count(1)).unwrap();
    resolved.reset("warp").unwrap();
    assert_eq!((resolved.settings().port, resolved.warnings().len(), resolved.stored().count()), (1, 1, 3));
}

#[test]
fn change_that_is_refused_changes_nothing() {
    let mut resolved = sources().resolve().unwrap();
    let before = resolved.settings().clone();
    for (key, value, message) in [
        ("prt", SettingValue::Count(1), "cannot use prt: there is no such setting; did you mean port?"),
        ("port", SettingValue::None, "cannot use port = null: expected a number from 0 to 65535"),
        ("port", SettingValue::Real(1.5), "cannot use port = 1.5: expected a number from 0 to 65535"),
        (
            "tls_key",
            text("/key"),
            "cannot use tls_key without tls_certificate: both or none must be set; set tls_certificate or remove \
             tls_key",
        ),
    ] {
        assert_eq!(resolved.change(key, &value).unwrap_err().to_string(), message);
    }
    assert_eq!((resolved.settings(), resolved.stored().count()), (&before, 0));
}

#[test]
fn edit_of_several_settings_is_checked_as_a_whole() {
    let mut resolved = sources().resolve().unwrap();
    let set = |key: &str, value: &str| (key.to_owned(), Edit::Set(text(value)));
    let rows = resolved.edit(&[set("tls_key", "/key"), set("tls_certificate", "~/cert")]).unwrap();
    assert_eq!(rows, [stored("tls_certificate", "~/cert", None), stored("tls_key", "/key", None)]);
    assert_eq!(resolved.settings().tls_certificate, Some(PathBuf::from("/home/me/cert")));
    assert!(resolved.reset("tls_key").is_err());
    let reset = |key: &str| (key.to_owned(), Edit::Reset);
    assert_eq!(resolved.edit(&[reset("tls_key"), reset("tls_certificate")]), Ok(Vec::new()));
    assert_eq!(resolved.edit(&[set("port", "x"), set("dht", "x")]).unwrap_err().len(), 2);
}

#[test]
fn path_below_an_unknown_home_is_refused() {
    let message =
        "cannot use download_dir = \"~/Downloads\": the home folder is unknown; give an absolute path";
    assert_eq!(messages(Sources::new(None).resolve()), [message]);
    let file = Sources::new(None).file("/f", "download_dir = \"/data\"\ntrash_dir = \"~\"");
    let message =
        "/f line 2: cannot use trash_dir = \"~\": the home folder is unknown; give an absolute path";
    assert_eq!(messages(file.resolve()), [message]);
    let mut resolved = Sources::new(None).file("/f", "download_dir = \"/data\"").resolve().unwrap();
    assert!(resolved.change("trash_dir", &text("~/trash")).is_err());
}

#[test]
fn describe_marks_settings_that_wait_for_a_restart() {
    let mut resolved = sources().resolve().unwrap();
    let running = resolved.settings().clone();
    resolved.change("bind", &text("127.0.0.1")).unwrap();
    resolved.change("max_seeds", &SettingValue::Count(7)).unwrap();
    let described = resolved.describe(&running);
    assert_eq!(described.len(), TABLE.len());
    let pending: Vec<_> = described.iter().filter(|setting| setting.is_pending).collect();
    assert_eq!(pending.len(), 1);
    assert_eq!((pending[0].key.as_str(), &pending[0].value), ("bind", &text("127.0.0.1")));
    assert_eq!((&pending[0].default, pending[0].needs_restart), (&text("*"), true));
}

#[test]
fn settings_convert_to_those_of_the_session_and_the_policy() {
    let file = "limit_up = \"1MiB/s\"\nmax_downloads = \"none\"\nseed_ratio = 1.1\nseed_time = \"1h\"\n\
                schedule = [\"daily 00:00-24:00 pause\"]\nslow_torrents_are_free = false\nmax_peers = 9\n";
    let settings = of_file(file).unwrap().settings().clone();
    let policy = settings.policy_config();
    assert_eq!((policy.queue.downloads, policy.queue.slow), (None, None));
    assert_eq!(policy.goals.ratio, Goal::At(Ratio::from_thousandths(1100)));
    assert_eq!(policy.goals.idle_time, Goal::Inherit);
    assert_eq!((policy.limits.up_per_s, policy.schedule.entries().len()), (Some(1 << 20), 1));
    let session = settings.session_config(true);
    assert_eq!((session.settings.max_peers, session.settings.limits.up), (9, Some(1 << 20)));
    assert!(session.port_is_fixed && session.dht.is_some() && session.local_discovery);
    let loopback = |more: &str| of_file(&format!("bind = \"127.0.0.1\"\n{more}")).unwrap();
    let session = loopback("").settings().session_config(false);
    assert!(session.dht.is_none() && !session.local_discovery && session.state_dir.is_none());
    let session = loopback("dht_bootstrap = [\"127.0.0.1:1\"]").settings().session_config(false);
    assert_eq!(session.dht.unwrap().bootstrap, ["127.0.0.1:1"]);
}

#[test]
fn defaults_are_those_of_the_session_and_the_policy() {
    let settings = sources().resolve().unwrap().settings().clone();
    // An embedding program opts in; users expect it.
    let options = PortMappingOptions::default().enabled(true);
    assert_eq!(settings.session_settings(), ztor_session::Settings::default().port_mapping(options));
    let mut policy = settings.policy_config();
    policy.goals.action = None;
    assert_eq!(policy, ztor_policy::Config::default());
}
