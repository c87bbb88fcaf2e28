//! Address and credentials of a proxy.

use crate::target::is_host_name;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use thiserror::Error;
use url::Url;

/// Maximum length of a user name and of a password, in bytes (RFC 1929).
const MAX_CREDENTIAL: usize = 255;
/// Text in place of a password.
const MASK: &str = "***";
/// Characters of user names and passwords that are escaped in a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Protocol of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyKind {
    /// SOCKS5 (RFC 1928). The proxy resolves names, with the scheme `socks5` as with `socks5h`.
    Socks5,
    /// SOCKS4a: IPv4, or names that the proxy resolves. No UDP.
    Socks4a,
    /// HTTP with the method `CONNECT`. No UDP.
    Http,
}

impl ProxyKind {
    /// Returns the scheme in URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Socks4a => "socks4a",
            Self::Http => "http",
        }
    }

    /// Returns true if the protocol has a relay for datagrams.
    pub fn has_udp(self) -> bool {
        self == Self::Socks5
    }
}

/// User name and password. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

impl Credentials {
    /// Returns the user name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Returns the password, which must not be shown or logged.
    pub fn password(&self) -> &str {
        &self.password
    }
}

/// A proxy. `Display` and `Debug` mask the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: ProxyKind,
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

/// Reason that a text is not the URL of a proxy. It contains no part of the text, which may have a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadProxy {
    /// Not a URL with a host.
    #[error("a proxy is given as a URL, such as socks5://user:password@host:1080")]
    NotUrl,
    /// A scheme that is not supported.
    #[error("the scheme of a proxy is socks5, socks5h, socks4a or http")]
    Scheme,
    /// A path, query or fragment.
    #[error("the URL of a proxy ends with its port")]
    Path,
    /// A host that is neither an address nor a name.
    #[error("the host of a proxy is an address or a name")]
    Host,
    /// Credentials that the protocol cannot carry.
    #[error("user name and password of a proxy have at most 255 bytes each, without control characters")]
    Credentials,
    /// A password for SOCKS4a.
    #[error("SOCKS4a has a user name, but no password")]
    PasswordForSocks4,
}

impl FromStr for Proxy {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, BadProxy> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(BadProxy::NotUrl)?;
        let (kind, port) = match scheme.to_ascii_lowercase().as_str() {
            "socks5" | "socks5h" => (ProxyKind::Socks5, 1080),
            "socks4a" | "socks4" => (ProxyKind::Socks4a, 1080),
            "http" => (ProxyKind::Http, 8080),
            _ => return Err(BadProxy::Scheme),
        };
        // Of a scheme that the library has no rules for, so that hosts and ports are handled alike.
        let url = Url::parse(&format!("proxy://{rest}")).map_err(|_| BadProxy::NotUrl)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(BadProxy::Path);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(BadProxy::NotUrl)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(ip) => ip.parse::<Ipv6Addr>().map_err(|_| BadProxy::Host)?.to_string(),
            None => host.to_ascii_lowercase(),
        };
        let is_ip = host.parse::<IpAddr>().is_ok();
        let port = url.port().unwrap_or(port);
        if !(is_ip || is_host_name(&host)) || port == 0 {
            return Err(BadProxy::Host);
        }
        let credentials = credentials(&url)?;
        let has_password = credentials.as_ref().is_some_and(|credentials| !credentials.password.is_empty());
        if kind == ProxyKind::Socks4a && has_password {
            return Err(BadProxy::PasswordForSocks4);
        }
        Ok(Self { kind, host, port, credentials })
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, BadProxy> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8().map_err(|_| BadProxy::Credentials)?;
        let is_right = text.len() <= MAX_CREDENTIAL && !text.contains(char::is_control);
        if is_right { Ok(text.into_owned()) } else { Err(BadProxy::Credentials) }
    };
    let (user, password) = (decoded(url.username())?, decoded(url.password().unwrap_or_default())?);
    match (user.is_empty(), password.is_empty()) {
        (true, true) => Ok(None),
        // RFC 1929 has no empty user name, and HTTP separates the two by a colon.
        (true, false) => Err(BadProxy::Credentials),
        (false, _) if user.contains(':') => Err(BadProxy::Credentials),
        (false, _) => Ok(Some(Credentials { user, password })),
    }
}

impl Proxy {
    /// Returns the protocol.
    pub fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Returns the name, or the address as text.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the credentials, if there are any.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Returns the URL with the password, which must not be shown or logged.
    pub fn secret_url(&self) -> String {
        self.url(&self.host, true)
    }

    /// Returns the same for an address of the host. The scheme makes the proxy resolve the names of targets.
    pub fn secret_url_at(&self, ip: IpAddr) -> String {
        self.url(&ip.to_string(), true)
    }

    fn url(&self, host: &str, is_secret: bool) -> String {
        let scheme = self.kind.scheme();
        let login = match &self.credentials {
            None => String::new(),
            Some(Credentials { user, password }) => {
                let user = utf8_percent_encode(user, ESCAPED);
                match (password.is_empty(), is_secret) {
                    (true, _) => format!("{user}@"),
                    (false, true) => format!("{user}:{}@", utf8_percent_encode(password, ESCAPED)),
                    (false, false) => format!("{user}:{MASK}@"),
                }
            }
        };
        let port = self.port;
        match host.contains(':') {
            true => format!("{scheme}://{login}[{host}]:{port}"),
            false => format!("{scheme}://{login}{host}:{port}"),
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url(&self.host, false))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;

    fn proxy(text: &str) -> Proxy {
        text.parse().unwrap()
    }

    #[test]
    fn parse_of_urls_finds_kind_host_port_and_credentials() {
        let full = proxy("socks5h://user:p%40ss%3A@Proxy.Example:9050/");
        assert_eq!((full.kind(), full.host(), full.port()), (ProxyKind::Socks5, "proxy.example", 9050));
        let credentials = full.credentials().unwrap();
        assert_eq!((credentials.user(), credentials.password()), ("user", "p@ss:"));
        assert_eq!(proxy("socks5://[::1]").secret_url(), "socks5://[::1]:1080");
        assert_eq!(proxy("HTTP://10.0.0.1").to_string(), "http://10.0.0.1:8080");
        assert_eq!(proxy("http://h:80").port(), 80, "a default port of the scheme is kept");
        assert_eq!(proxy("socks4a://me@h").credentials().unwrap().user(), "me");
        assert_eq!(full.secret_url_at([192, 0, 2, 1].into()), "socks5://user:p%40ss%3A@192.0.2.1:9050");
    }

    #[test]
    fn parse_of_other_texts_is_an_error_without_the_text() {
        let long = format!("socks5://{}:secret@h", "u".repeat(256));
        for (text, error) in [
            ("", BadProxy::NotUrl),
            ("host:1080", BadProxy::NotUrl),
            ("socks5://", BadProxy::NotUrl),
            ("socks5://u:secret@h:99999", BadProxy::NotUrl),
            ("https://u:secret@h", BadProxy::Scheme),
            ("ftp://u:secret@h", BadProxy::Scheme),
            ("socks5://u:secret@h/path", BadProxy::Path),
            ("socks5://u:secret@h?x", BadProxy::Path),
            ("socks5://u:secret@h:0", BadProxy::Host),
            ("socks5://:secret@h", BadProxy::Credentials),
            ("socks5://a%3Ab:secret@h", BadProxy::Credentials),
            ("http://a%0d%0aX:secret@h", BadProxy::Credentials),
            ("socks4a://u:secret@h", BadProxy::PasswordForSocks4),
            (&long, BadProxy::Credentials),
        ] {
            let refused = text.parse::<Proxy>().unwrap_err();
            assert_eq!(refused, error, "{text}");
            assert!(!refused.to_string().contains("secret"));
        }
    }

    proptest! {
        #[test]
        fn texts_mask_the_password_and_the_secret_url_survives_a_round_trip(
            user in "[ -9;-~]{1,20}", password in "[!-~]{4,20}", port in 1..=u16::MAX,
        ) {
            let encoded = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
            let text = format!("socks5://{}:{}@h:{port}", encoded(&user), encoded(&password));
            let parsed: Proxy = text.parse().unwrap();
            prop_assert_eq!(parsed.secret_url().parse::<Proxy>().unwrap(), parsed.clone());
            prop_assert_eq!(parsed.credentials().unwrap().password(), &password);
            let masked = format!("socks5://{}:***@h:{port}", encoded(&user));
            prop_assert_eq!(parsed.to_string(), masked.clone());
            prop_assert_eq!(format!("{parsed:?}"), format!("Proxy({masked})"));
        }

        #[test]
        fn parse_of_any_text_does_not_panic(text in any::<String>()) {
            let _ = text.parse::<Proxy>();
            let _ = format!("socks5://{text}").parse::<Proxy>();
        }
    }
}
