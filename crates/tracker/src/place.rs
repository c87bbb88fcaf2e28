//! Hosts in tracker URLs, before any name is looked up.

use std::net::IpAddr;

use url::{Host, ParseError, Url};
use ztor_base::addr::is_local;

use crate::{TrackerError, text};

/// Schemes of supported trackers.
const SPOKEN: [&str; 3] = ["http", "https", "udp"];

/// Returns the literal IP address in a URL. In `udp` URLs, the parser leaves it as text.
fn literal_ip(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(IpAddr::from(ip).to_canonical()),
        Host::Domain(name) => name.parse().ok(),
    }
}

fn name(url: &Url) -> Option<String> {
    Some(url.host_str()?.trim_end_matches('.').to_ascii_lowercase())
}

/// Returns true if a URL names this machine literally: by a loopback or unspecified address, or as `localhost`
/// (RFC 6761). Other names may resolve to this machine as well, which only a lookup shows.
pub fn names_loopback(url: &str) -> bool {
    Url::parse(url.trim()).is_ok_and(|url| is_loopback(&url))
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match literal_ip(url) {
        Some(ip) => ip.is_loopback() || ip.is_unspecified(),
        None => name(url).is_some_and(|name| name == "localhost" || name.ends_with(".localhost")),
    }
}

/// Returns true if a URL names this machine or one of the local network literally.
pub(crate) fn names_local(url: &str) -> bool {
    let Ok(url) = Url::parse(url.trim()) else { return false };
    is_loopback(&url) || literal_ip(&url).is_some_and(is_local)
}

/// Returns the host of a URL in one spelling, where an IPv6 /64 counts as one host; `None` without a host.
pub(crate) fn host(url: &str) -> Option<String> {
    let url = Url::parse(url.trim()).ok()?;
    match literal_ip(&url) {
        Some(ip) => Some(format!("{:?}", ztor_base::Host::of(ip))),
        None => name(&url),
    }
}

/// Returns the reason why a tracker cannot be used; `None` if it can.
pub(crate) fn unusable(url: &str) -> Option<TrackerError> {
    let wrong = |why: &'static str| Some(TrackerError::BadUrl { why: why.into() });
    match Url::parse(url) {
        Err(ParseError::InvalidPort) => wrong("the port is not a number from 1 to 65535"),
        Err(error) => Some(TrackerError::BadUrl { why: error.to_string().into() }),
        Ok(url) if !SPOKEN.contains(&url.scheme()) => {
            Some(TrackerError::Unsupported { scheme: text::plain(url.scheme().as_bytes()) })
        }
        Ok(url) if !url.has_host() => wrong("it names no host"),
        Ok(url) if url.port() == Some(0) => wrong("the port is 0"),
        Ok(_) => None,
    }
}

/// Returns true for the URL of a kind of tracker that is not supported, such as WebTorrent.
pub(crate) fn is_other_kind(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| !SPOKEN.contains(&url.scheme()))
}

/// The port of a UDP tracker whose URL names none. BEP 15 has no default. Other clients use the port of HTTP, so
/// trackers without a port in their URL listen there.
pub const DEFAULT_UDP_PORT: u16 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_of_a_bad_address_returns_the_reason() {
        for url in ["http://t.example/announce", "https://t.example:1/", "udp://t.example"] {
            assert_eq!(unusable(url), None);
        }
        for (url, why) in [
            (
                "http://t.example:99999/a",
                "its address cannot be used: the port is not a number from 1 to 65535",
            ),
            ("udp://t.example:0/a", "its address cannot be used: the port is 0"),
            ("udp:///a", "its address cannot be used: it names no host"),
            ("rubbish", "its address cannot be used: relative URL without a base"),
            ("wss://t.example/", "wss trackers are not supported"),
        ] {
            assert_eq!(unusable(url).map(|error| error.to_string()).as_deref(), Some(why));
        }
    }

    #[test]
    fn names_loopback_of_this_machine_in_any_spelling_is_true() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(names_loopback(&format!("http://{host}:80/announce")), "{host}");
        }
        for url in ["udp://127.0.0.1:80", "udp://localhost:80", "udp://[::1]:80"] {
            assert!(names_loopback(url) && names_local(url), "{url}");
        }
        for url in ["http://t.example/", "udp://192.168.0.1:80", "rubbish", "http://localhost.example/"] {
            assert!(!names_loopback(url), "{url}");
        }
        assert!(names_local("udp://192.168.0.1:80") && !names_local("http://t.example/"));
    }

    #[test]
    fn host_of_different_spellings_is_the_same() {
        for [a, b] in [
            ["http://T.example./a", "udp://t.example:80"],
            ["http://1.2.3.4/", "udp://1.2.3.4:80"],
            ["http://[2001:db8::1]/", "udp://[2001:db8::2]:80"],
        ] {
            assert_eq!(host(a), host(b));
            assert!(host(a).is_some());
        }
        assert_ne!(host("http://a.example/"), host("http://b.example/"));
        assert_eq!(host("rubbish"), None);
    }
}
