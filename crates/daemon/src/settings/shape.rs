//! Forms of texts.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use ztor_session::{Bind, ContentLayout, FileNames, Use};

use super::schedule_text::{entry_text, parse_entry};

/// Maximum length of a text, in bytes.
pub(super) const MAX_TEXT: usize = 4096;

/// Form of a text.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Description of the values, which follows `expected`.
    pub(super) values: &'static str,
    /// Returns the canonical text; `None` if the text does not have the form.
    pub(super) canonical: fn(&str) -> Option<String>,
}

pub(super) const BIND: Shape = Shape {
    values: "\"*\", an IP address, several with commas between them, or the name of an interface",
    canonical: bind,
};
pub(super) const IP: Shape = Shape { values: "an IP address", canonical: ip };
pub(super) const SUFFIX: Shape =
    Shape { values: "a dot and up to 23 letters or digits, such as \".part\"", canonical: suffix };
pub(super) const HOST_PORT: Shape =
    Shape { values: "HOST:PORT, such as \"router.example:6881\"", canonical: host_port };
pub(super) const SCHEDULE: Shape = Shape {
    values: "DAYS FROM-TO EFFECT, such as \"mon-fri 08:00-18:00 down=1MiB/s up=200KiB/s\", \
             \"sat,sun 00:00-24:00 unlimited\" or \"daily 02:00-06:00 pause\"",
    canonical: schedule,
};
pub(super) const LISTEN: Shape =
    Shape { values: "ADDR:PORT, such as \"127.0.0.1:9480\" or \"[::1]:9480\"", canonical: listen };
pub(super) const NETWORK: Shape =
    Shape { values: "an IP address or a network, such as \"172.17.0.0/16\"", canonical: network };
pub(super) const HOST: Shape = Shape { values: "a host name, such as \"nas.example\"", canonical: host };
pub(super) const USERNAME: Shape = Shape {
    values: "1 to 64 characters without a colon and without spaces at its ends",
    canonical: username,
};
pub(super) const BASE_PATH: Shape =
    Shape { values: "a path such as \"/ztor\", or \"\" for the root", canonical: base_path };
pub(super) const USE: Shape =
    Shape { values: "peers, trackers, web_seeds or other", canonical: use_of_network };
pub(super) const LOG_LEVEL: Shape = Shape {
    values: "off, error, warn, info, debug or trace, or a list such as \"info,ztor_session=debug\"",
    canonical: log_level,
};

pub(super) const LIST_SOURCE: Shape = Shape {
    values: "an http:// or https:// URL, or the path of a file, absolute or below the home folder (~/)",
    canonical: list_source,
};

/// Returns true for a URL.
pub(crate) fn is_url(text: &str) -> bool {
    let has_scheme = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
            && text.len() > scheme.len()
    };
    has_scheme("http://") || has_scheme("https://")
}

/// Parses the value of `bind`.
pub(super) fn parse_bind(text: &str) -> Option<Bind> {
    if text == "*" { Some(Bind::All) } else { text.parse().ok() }
}

/// Parses a network; an address is a network of one.
pub(super) fn parse_network(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| address()).ok().map(|network| network.trunc())
}

fn bind(text: &str) -> Option<String> {
    parse_bind(text).map(|bind| match bind {
        Bind::All => "*".to_owned(),
        Bind::Addrs(addrs) => addrs.to_string(),
        Bind::Device(name) => name,
    })
}

fn list_source(text: &str) -> Option<String> {
    let is_path = text.starts_with('/') || text.starts_with("~/");
    let is_source = if is_url(text) { !text.contains(char::is_whitespace) } else { is_path };
    (is_source && !text.contains(char::is_control)).then(|| text.to_owned())
}

fn ip(text: &str) -> Option<String> {
    text.parse::<IpAddr>().ok().filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string())
}

fn suffix(text: &str) -> Option<String> {
    let mut names = FileNames::new(ContentLayout::Original);
    names.set_suffix(text).ok().filter(|()| !text.is_empty()).map(|()| text.to_owned())
}

fn host_port(text: &str) -> Option<String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (address.port() != 0).then(|| address.to_string());
    }
    let (name, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    Some(format!("{}:{port}", host(name)?))
}

fn host(text: &str) -> Option<String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    (text.len() <= 253 && text.split('.').all(is_label)).then(|| text.to_ascii_lowercase())
}

fn schedule(text: &str) -> Option<String> {
    parse_entry(text).as_ref().map(entry_text)
}

fn listen(text: &str) -> Option<String> {
    text.parse::<SocketAddr>().ok().map(|address| address.to_string())
}

fn network(text: &str) -> Option<String> {
    parse_network(text).map(|network| network.to_string())
}

fn username(text: &str) -> Option<String> {
    is_username(text).then(|| text.to_owned())
}

/// Returns true if a text can be the name of a user.
pub fn is_username(text: &str) -> bool {
    (1..=64).contains(&text.chars().count())
        && !text.contains(|c: char| c == ':' || c.is_control())
        && text.trim() == text
}

fn base_path(text: &str) -> Option<String> {
    let path = text.strip_suffix('/').unwrap_or(text);
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
    };
    let is_path = path.is_empty() || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_part));
    (is_path && path.len() <= 256).then(|| path.to_owned())
}

/// Parses an element of `proxy_for`.
pub(super) fn parse_use(text: &str) -> Option<Use> {
    match text {
        "peers" => Some(Use::Peers),
        "trackers" => Some(Use::Trackers),
        "web_seeds" => Some(Use::WebSeeds),
        "other" => Some(Use::Other),
        _ => None,
    }
}

fn use_of_network(text: &str) -> Option<String> {
    let word = text.to_ascii_lowercase().replace('-', "_");
    parse_use(&word).map(|_| word)
}

fn log_level(text: &str) -> Option<String> {
    let is_level = |level: &str| matches!(level, "off" | "error" | "warn" | "info" | "debug" | "trace");
    let is_target = |target: &str| {
        !target.is_empty() && target.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'))
    };
    let is_directive = |part: &str| match part.split_once('=') {
        Some((target, level)) => is_target(target) && is_level(level),
        None => is_level(part),
    };
    let text = text.to_ascii_lowercase();
    (text.len() <= 1000 && text.split(',').all(is_directive)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: Shape, good: &[(&str, &str)], bad: &[&str]) {
        for (text, canonical) in good {
            assert_eq!((shape.canonical)(text).as_deref(), Some(*canonical), "{text:?}");
            assert_eq!((shape.canonical)(canonical).as_deref(), Some(*canonical), "{canonical:?}");
        }
        for text in bad {
            assert_eq!((shape.canonical)(text), None, "{text:?}");
        }
    }

    #[test]
    fn shapes_accept_and_normalise_their_values_only() {
        check(BIND, &[("*", "*"), ("::0001", "::1"), ("wg0", "wg0")], &["", "a b", "/dev/x"]);
        check(IP, &[("10.2.0.1", "10.2.0.1"), ("FE80::1", "fe80::1")], &["", "0.0.0.0", "router", "10.2.0"]);
        check(SUFFIX, &[(".part", ".part"), (".!ut", ".!ut")], &["", "part", ".", ".a/b"]);
        let hosts = [("A.example:1", "a.example:1"), ("[::1]:6881", "[::1]:6881")];
        check(HOST_PORT, &hosts, &["host", "host:0", "host:65536", ":1", "a b:1", "a,b:1", "::1:1"]);
        check(LISTEN, &[("127.0.0.1:0", "127.0.0.1:0")], &["localhost:9480", "9480", "127.0.0.1"]);
        check(NETWORK, &[("10.1.2.3/8", "10.0.0.0/8"), ("::1", "::1/128")], &["", "10.0.0.0/33", "x"]);
        check(HOST, &[("NAS", "nas")], &["", "a..b", "a/b", "nas:80", "a,b"]);
        check(USE, &[("Web-Seeds", "web_seeds"), ("peers", "peers")], &["", "all", "seeds"]);
        check(USERNAME, &[("ztor", "ztor")], &["", "a:b", " a", "a\n"]);
        check(BASE_PATH, &[("", ""), ("/", ""), ("/a/b/", "/a/b")], &["a", "//", "/../x", "/a b", "/a//"]);
        let levels = [("INFO", "info"), ("warn,ztor=debug", "warn,ztor=debug")];
        let lists = ["http://a/b.gz", "HTTPS://a", "/a b.dat", "~/a"].map(|text| (text, text));
        check(LIST_SOURCE, &lists, &["", "a.dat", "http://", "http://a b", "ftp://a", "/a\n", "~"]);
        check(LOG_LEVEL, &levels, &["", "loud", "info,", "ztor=", "=info", "a b=info"]);
    }
}
