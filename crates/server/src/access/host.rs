//! Hosts in requests: `Host` and `Origin`, and the defence against DNS rebinding.

use std::net::{IpAddr, Ipv6Addr};

/// Maximum length of a host name.
const MAX_NAME: usize = 253;

/// A host, and the port if one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    host: HostName,
    port: Option<u16>,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
enum HostName {
    Ip(IpAddr),
    /// A name in lower case.
    Name(String),
}

/// Scheme of a web page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Authority {
    /// Parses `HOST` or `HOST:PORT`; IPv6 addresses are in brackets.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(parse_port(port)?),
                None if rest.is_empty() => None,
                None => return None,
            };
            return Some(Self { host: HostName::Ip(address.into()), port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(parse_port(port)?)),
            None => (text, None),
        };
        let host = match host.parse() {
            Ok(address) => HostName::Ip(IpAddr::V4(address)),
            Err(_) => HostName::Name(Some(host).filter(|host| is_name(host))?.to_ascii_lowercase()),
        };
        Some(Self { host, port })
    }

    /// Returns true for IP addresses, `localhost`, and the names in the list. An attacker's name that leads to this
    /// machine is none of them.
    pub(crate) fn is_allowed(&self, allowed: &[String]) -> bool {
        match &self.host {
            HostName::Ip(_) => true,
            HostName::Name(name) => {
                name == "localhost" || allowed.iter().any(|host| host.eq_ignore_ascii_case(name))
            }
        }
    }

    /// Returns true if both are the same host and port, for a page of this scheme.
    pub(crate) fn is_same(&self, other: &Self, scheme: Scheme) -> bool {
        let port = |authority: &Self| authority.port.unwrap_or(scheme.default_port());
        self.host == other.host && port(self) == port(other)
    }
}

/// Parses the value of `Origin`; `None` also for `null`.
pub(crate) fn parse_origin(text: &str) -> Option<(Scheme, Authority)> {
    let (scheme, authority) = text.split_once("://")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    Some((scheme, Authority::parse(authority)?))
}

fn parse_port(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn is_name(text: &str) -> bool {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_char)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn host_that_is_no_address_needs_an_entry_against_dns_rebinding() {
        let allowed = ["nas.example".to_owned(), "Box".to_owned()];
        for host in [
            "127.0.0.1",
            "192.0.2.1:9480",
            "[::1]",
            "[2001:db8::1]:9480",
            "localhost",
            "LOCALHOST:1",
            "NAS.example:443",
            "box",
        ] {
            assert!(Authority::parse(host).unwrap().is_allowed(&allowed), "{host}");
        }
        for host in ["evil.example", "nas.example.evil", "xnas.example", "localhost.", "127.1", "0x7f.1"] {
            assert!(!Authority::parse(host).unwrap().is_allowed(&allowed), "{host}");
        }
        for host in
            ["", ":", ":80", "a b", "a:b", "a:1:2", "a:+1", "a:65536", "[::1", "[::1]x", "::1", "a@b", "é"]
        {
            assert_eq!(Authority::parse(host), None, "{host}");
        }
    }

    #[test]
    fn origin_is_compared_with_the_default_port_of_its_scheme() {
        let same = |origin: &str, host: &str| {
            let Some((scheme, origin)) = parse_origin(origin) else { return false };
            origin.is_same(&Authority::parse(host).unwrap(), scheme)
        };
        assert!(same("http://127.0.0.1:9480", "127.0.0.1:9480"));
        assert!(same("http://nas", "NAS:80"));
        assert!(same("https://nas", "nas"));
        assert!(same("https://[::1]:443", "[0:0::1]"));
        assert!(!same("http://nas", "nas:443"));
        assert!(!same("http://nas:1", "nas:2"));
        assert!(!same("http://evil", "nas"));
        for origin in ["null", "", "nas", "ftp://nas", "HTTP://nas", "http://nas/", "http://a@nas", "file://"]
        {
            assert_eq!(parse_origin(origin), None, "{origin}");
        }
    }

    proptest! {
        #[test]
        fn authority_of_any_text_does_not_panic(text in ".{0,80}", dotted in "[\\[\\]:.a-f0-9]{0,40}") {
            for text in [text, dotted] {
                let _ = Authority::parse(&text);
                let _ = parse_origin(&format!("http://{text}"));
            }
        }
    }
}
