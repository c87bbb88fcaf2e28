//! The proxy: its URL, what goes through it, and its password, which no answer contains.

use super::MASK;
use super::connected::{Change, Wanted};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use ztor_api::SettingValue;
use ztor_daemon::session::{Proxy, ProxyKind, Use, Uses};
use ztor_daemon::settings::Settings;

/// Preferences with the proxy itself.
const ADDRESS: [&str; 6] =
    ["proxy_type", "proxy_ip", "proxy_port", "proxy_auth_enabled", "proxy_username", "proxy_password"];
/// Preferences with what goes through it.
const USES: [&str; 3] = ["proxy_bittorrent", "proxy_peer_connections", "proxy_misc"];

/// A password, and the account that it is for. It is never used for another one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Login {
    host: String,
    port: i64,
    user: String,
    password: String,
}

impl Login {
    fn of_proxy(proxy: &Proxy) -> Option<Self> {
        let credentials = proxy.credentials()?;
        Some(Self {
            host: proxy.host().to_owned(),
            port: proxy.port().into(),
            user: credentials.user().to_owned(),
            password: credentials.password().to_owned(),
        })
    }

    fn of_value(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let port = value.get("port").and_then(Value::as_i64)?;
        Some(Self { host: text("host")?, port, user: text("user")?, password: text("password")? })
    }

    fn to_value(&self) -> Value {
        json!({"host": self.host, "port": self.port, "user": self.user, "password": self.password})
    }

    fn is_for(&self, host: &str, port: i64, user: &str) -> bool {
        self.host.eq_ignore_ascii_case(host) && self.port == port && self.user == user
    }
}

/// Shows the proxy. `login` is the kept password, for one without.
pub(super) fn show(settings: &Settings, login: Option<&Value>, all: &mut Map<String, Value>) {
    let mut set = |key: &str, value: Value| drop(all.insert(key.to_owned(), value));
    let uses = settings.proxy_for;
    let is_on = has_any(uses);
    set("proxy_bittorrent", is_on.into());
    if is_on {
        set("proxy_peer_connections", uses.has(Use::Peers).into());
    }
    set("proxy_misc", uses.has(Use::Other).into());
    // The proxy always resolves the names of hosts.
    set("proxy_hostname_lookup", true.into());
    let name = match settings.proxy.as_ref().map(Proxy::kind) {
        None => "None",
        Some(ProxyKind::Socks5) => "SOCKS5",
        Some(ProxyKind::Socks4a) => "SOCKS4",
        Some(ProxyKind::Http) => "HTTP",
    };
    set("proxy_type", name.into());
    if let Some(proxy) = &settings.proxy {
        set("proxy_ip", proxy.host().into());
        set("proxy_port", proxy.port().into());
        set("proxy_auth_enabled", proxy.credentials().is_some().into());
        if let Some(credentials) = proxy.credentials() {
            set("proxy_username", credentials.user().into());
        }
    }
    let login = known_login(settings, login);
    let wanted = Wanted::of(all);
    let has_password = login.is_some_and(|login| {
        let user = wanted.text("proxy_username");
        login.is_for(&wanted.text("proxy_ip"), wanted.integer("proxy_port"), &user)
            && !login.password.is_empty()
    });
    all.insert("proxy_password".to_owned(), if has_password { MASK } else { "" }.into());
}

fn has_any(uses: Uses) -> bool {
    [Use::Peers, Use::Trackers, Use::WebSeeds].into_iter().any(|of| uses.has(of))
}

/// Returns the password in use, or else the kept one.
fn known_login(settings: &Settings, kept: Option<&Value>) -> Option<Login> {
    let present = settings.proxy.as_ref().and_then(Login::of_proxy);
    present.filter(|login| !login.password.is_empty()).or_else(|| kept.and_then(Login::of_value))
}

/// Returns the changes of settings, and the password to keep; `None` for that if it stays as it is.
pub(super) fn change(
    settings: &Settings,
    wanted: &Wanted<'_>,
    login: Option<&Value>,
) -> (Vec<Change>, Option<Value>) {
    let mut changes = Vec::new();
    // First what goes through it, so that nothing goes around a new one for a moment.
    if wanted.has(&USES) {
        let uses = uses_of(settings.proxy_for, wanted);
        changes.push(("proxy_for", SettingValue::List(uses)));
    }
    if !wanted.has(&ADDRESS) {
        return (changes, None);
    }
    let host = wanted.text("proxy_ip").to_ascii_lowercase();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
    let (port, user) = (wanted.integer("proxy_port"), wanted.text("proxy_username"));
    let known = known_login(settings, login);
    let password = match (wanted.has(&["proxy_password"]), known) {
        (true, _) => wanted.text("proxy_password"),
        (false, Some(known)) if known.is_for(host, port, &user) => known.password,
        (false, Some(_)) => {
            tracing::warn!(
                api = "qbittorrent",
                "a program has changed the account of the proxy without its password, which is left out"
            );
            String::new()
        }
        (false, None) => String::new(),
    };
    let kept = Login { host: host.to_owned(), port, user: user.clone(), password };
    let url = match wanted.text("proxy_type").as_str() {
        "SOCKS5" => Some(("socks5", kept.password.as_str())),
        // This protocol has no passwords.
        "SOCKS4" => Some(("socks4a", "")),
        "HTTP" => Some(("http", kept.password.as_str())),
        _ => None,
    };
    match url {
        None if settings.proxy.is_some() => changes.push(("proxy", SettingValue::None)),
        None => {}
        Some((scheme, password)) => {
            let account = wanted.boolean("proxy_auth_enabled").then_some((user.as_str(), password));
            changes.push(("proxy", SettingValue::Text(url_of(scheme, host, port, account))));
        }
    }
    let kept = if kept.password.is_empty() { Value::Null } else { kept.to_value() };
    (changes, Some(kept))
}

fn url_of(scheme: &str, host: &str, port: i64, account: Option<(&str, &str)>) -> String {
    // What is not plain stays in the host, as escaped text that no proxy can have.
    let is_plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    let host = match host.parse() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        _ if is_plain => host.to_owned(),
        _ => utf8_percent_encode(host, NON_ALPHANUMERIC).to_string(),
    };
    let escaped = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let account = account.filter(|(user, password)| !(user.is_empty() && password.is_empty()));
    let account = account.map(|(user, password)| format!("{}:{}@", escaped(user), escaped(password)));
    format!("{scheme}://{}{host}:{port}", account.unwrap_or_default())
}

/// Returns the uses. Only those of changed preferences are others.
fn uses_of(present: Uses, wanted: &Wanted<'_>) -> Vec<String> {
    let is_on = wanted.boolean("proxy_bittorrent");
    let has_changed = |key: &str| wanted.has(&[key]);
    let bittorrent = |of: Use| if has_changed("proxy_bittorrent") { is_on } else { present.has(of) };
    let peers = match wanted.has(&["proxy_bittorrent", "proxy_peer_connections"]) {
        true => is_on && wanted.boolean("proxy_peer_connections"),
        false => present.has(Use::Peers),
    };
    let other =
        if has_changed("proxy_misc") { wanted.boolean("proxy_misc") } else { present.has(Use::Other) };
    let uses = [
        ("peers", peers),
        ("trackers", bittorrent(Use::Trackers)),
        ("web_seeds", bittorrent(Use::WebSeeds)),
        ("other", other),
    ];
    uses.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::connected::tests::{settings, wanted_after};
    use super::*;

    /// Returns what is shown, and the changes that preferences make, with the kept password.
    fn changed(
        present: &[(&str, &str)],
        login: &Value,
        changes: &Value,
    ) -> (Map<String, Value>, Vec<Change>, Option<Value>) {
        let settings = settings(present);
        let mut all = json!({"proxy_ip": "", "proxy_port": 8080, "proxy_auth_enabled": false,
            "proxy_username": "", "proxy_peer_connections": false})
        .as_object()
        .unwrap()
        .clone();
        show(&settings, Some(login), &mut all);
        let (wanted, touched) = wanted_after(&all, changes);
        let (changes, login) = change(&settings, &Wanted::new(&wanted, &touched), Some(login));
        (all, changes, login)
    }

    fn text(url: &str) -> Change {
        ("proxy", SettingValue::Text(url.to_owned()))
    }

    #[test]
    fn proxy_is_shown_without_its_password_and_comes_back_unchanged() {
        let present = [("proxy", "socks5://me:secret@h.example:1080"), ("proxy_for", "trackers, other")];
        let (shown, changes, login) = changed(&present, &Value::Null, &json!({}));
        assert_eq!((changes, login), (vec![], None));
        let expected = json!({"proxy_type": "SOCKS5", "proxy_ip": "h.example", "proxy_port": 1080,
            "proxy_auth_enabled": true, "proxy_username": "me", "proxy_password": "***",
            "proxy_bittorrent": true, "proxy_peer_connections": false, "proxy_misc": true,
            "proxy_hostname_lookup": true});
        assert_eq!(Value::Object(shown.clone()), expected);
        let (_, changes, login) = changed(&present, &Value::Null, &Value::Object(shown));
        assert_eq!((changes, login), (vec![], None));
    }

    #[test]
    fn password_is_kept_for_its_account_alone() {
        let present = [("proxy", "socks5://me:secret@h.example:1080")];
        let none = Value::Null;
        let (_, changes, login) = changed(&present, &none, &json!({"proxy_type": "HTTP"}));
        assert_eq!(changes, [text("http://me:secret@h.example:1080")]);
        assert_eq!(login.unwrap()["password"], "secret");
        for (change, url) in [
            (json!({"proxy_ip": "evil.example"}), "socks5://me:@evil.example:1080"),
            (json!({"proxy_port": 1}), "socks5://me:@h.example:1"),
            (json!({"proxy_username": "you"}), "socks5://you:@h.example:1080"),
            (json!({"proxy_ip": "::1", "proxy_password": "p:@/"}), "socks5://me:p%3A%40%2F@[::1]:1080"),
            (json!({"proxy_type": "SOCKS4"}), "socks4a://me:@h.example:1080"),
            (json!({"proxy_auth_enabled": false}), "socks5://h.example:1080"),
        ] {
            assert_eq!(changed(&present, &none, &change).1, [text(url)], "{change}");
        }
        let (_, changes, login) = changed(&present, &none, &json!({"proxy_type": "None"}));
        assert_eq!(changes, [("proxy", SettingValue::None)]);
        let login = login.unwrap();
        // Off, and on again at the same account and at another one.
        let on = |host: &str| {
            json!({"proxy_type": "SOCKS5", "proxy_ip": host, "proxy_port": 1080, "proxy_auth_enabled": true,
                "proxy_username": "me"})
        };
        assert_eq!(changed(&[], &login, &on("h.example")).1, [text("socks5://me:secret@h.example:1080")]);
        assert_eq!(changed(&[], &login, &on("evil.example")).1, [text("socks5://me:@evil.example:1080")]);
    }

    #[test]
    fn host_that_is_none_makes_no_other_url() {
        for host in ["", "a/../b", "u:p@evil", "h#", "h?x", "a b", "h:1", "\u{202e}h"] {
            let change = json!({"proxy_type": "SOCKS5", "proxy_ip": host, "proxy_port": 1080});
            let (_, changes, _) = changed(&[], &Value::Null, &change);
            let [("proxy", SettingValue::Text(url))] = changes.as_slice() else {
                unreachable!("{changes:?}")
            };
            assert!(url.parse::<Proxy>().is_err(), "{url}");
        }
    }

    #[test]
    fn uses_change_one_by_one() {
        let uses = |present: &str, change: Value| {
            let (shown, changes, _) = changed(&[("proxy_for", present)], &Value::Null, &change);
            let [("proxy_for", SettingValue::List(uses))] = changes.as_slice() else {
                unreachable!("{shown:?} {changes:?}")
            };
            uses.join(" ")
        };
        assert_eq!(uses("peers, web_seeds", json!({"proxy_misc": true})), "peers web_seeds other");
        assert_eq!(uses("web_seeds", json!({"proxy_peer_connections": true})), "peers web_seeds");
        assert_eq!(uses("peers, trackers", json!({"proxy_peer_connections": false})), "trackers");
        assert_eq!(uses("peers, trackers, other", json!({"proxy_bittorrent": false})), "other");
        let on = json!({"proxy_bittorrent": true, "proxy_peer_connections": true});
        assert_eq!(uses("other", on), "peers trackers web_seeds other");
        assert_eq!(uses("other", json!({"proxy_bittorrent": true})), "trackers web_seeds other");
    }
}
