//! Tracker URLs, and the addresses of their hosts.

use std::net::{IpAddr, SocketAddr};
use url::{Host, Url};
use ztor_base::addr::is_dialable;
use ztor_tracker::{DEFAULT_UDP_PORT, TrackerError};

/// Protocol of a tracker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Scheme {
    Http,
    Https,
    Udp,
}

/// Scheme, host and port of a tracker URL. All URLs of one origin share a queue.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) name: String,
    pub(super) port: u16,
}

/// A parsed tracker URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target {
    pub(super) origin: Origin,
    /// Path and query (BEP 41).
    pub(super) url_data: String,
    /// True if the URL itself names this machine.
    pub(super) is_here: bool,
}

impl Target {
    /// Parses a URL.
    ///
    /// # Errors
    /// The text is not a URL, has no host, or has a scheme that is not supported.
    pub(super) fn of(url: &str) -> Result<Self, TrackerError> {
        let bad = |why: &'static str| TrackerError::BadUrl { why: why.into() };
        let url = Url::parse(url.trim()).map_err(|_| bad("it is not a URL"))?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "udp" => Scheme::Udp,
            other => return Err(TrackerError::Unsupported { scheme: other.to_owned() }),
        };
        let host = url.host().ok_or_else(|| bad("it has no host"))?;
        let name = match host {
            Host::Domain(name) => name.trim_end_matches('.').to_ascii_lowercase(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let port = url.port_or_known_default().unwrap_or(DEFAULT_UDP_PORT);
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let url_data = format!("{}{query}", url.path());
        let is_here = ztor_tracker::names_loopback(url.as_str());
        Ok(Self { origin: Origin { scheme, name, port }, url_data, is_here })
    }
}

impl Target {
    /// Returns the URL with another port.
    pub(super) fn with_port(&self, url: &str, port: u16) -> Result<String, TrackerError> {
        let bad = |why: &'static str| TrackerError::BadUrl { why: why.into() };
        let mut url = Url::parse(url.trim()).map_err(|_| bad("it is not a URL"))?;
        url.set_port(Some(port)).map_err(|()| bad("it has no host"))?;
        Ok(url.into())
    }
}

impl Origin {
    pub(super) fn is_udp(&self) -> bool {
        self.scheme == Scheme::Udp
    }

    /// Returns the address, if the URL has one in place of a name.
    pub(super) fn literal_ip(&self) -> Option<IpAddr> {
        self.name.parse().ok()
    }
}

/// Addresses of a host to announce to: one of each family that it has. The tracker then learns both of our addresses,
/// and returns peers of both families (BEP 7, BEP 15).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Addresses {
    pub(super) v4: Option<IpAddr>,
    pub(super) v6: Option<IpAddr>,
    /// Port by the DNS (BEP 34); `None` for that of the URL.
    pub(super) port: Option<u16>,
}

impl Addresses {
    /// Chooses from the addresses of a name, preferring those outside this machine. Each of `fails` failures moves on
    /// to the next.
    pub(super) fn choose(ips: &[IpAddr], fails: usize) -> Self {
        let first = |is_v4: bool| {
            let of_family = ips.iter().copied().filter(|ip| ip.is_ipv4() == is_v4);
            let any = of_family.clone().next();
            let elsewhere: Vec<IpAddr> = of_family.filter(is_elsewhere).collect();
            elsewhere.get(fails % elsewhere.len().max(1)).copied().or(any)
        };
        Self { v4: first(true), v6: first(false), port: None }
    }

    pub(super) fn is_empty(self) -> bool {
        self.v4.is_none() && self.v6.is_none()
    }

    /// Leaves out addresses of this machine. A public name must not make us send requests to it.
    pub(super) fn elsewhere(self) -> Self {
        Self { v4: self.v4.filter(is_elsewhere), v6: self.v6.filter(is_elsewhere), port: self.port }
    }

    /// Returns the addresses with the port of the URL, or that of the DNS, IPv4 first.
    pub(super) fn each(self, port: u16) -> impl Iterator<Item = SocketAddr> {
        let port = self.port.unwrap_or(port);
        self.v4.into_iter().chain(self.v6).map(move |ip| SocketAddr::new(ip, port))
    }
}

fn is_elsewhere(ip: &IpAddr) -> bool {
    !ip.to_canonical().is_loopback() && is_dialable(SocketAddr::new(*ip, DEFAULT_UDP_PORT))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn target_of_equivalent_urls_has_one_origin() {
        for [a, b] in [
            ["http://T.example./a", "http://t.example:80/b?c"],
            ["udp://t.example/announce", "udp://t.example:80"],
            ["https://[2001:DB8:0::1]/", "https://[2001:db8::1]:443/x"],
        ] {
            assert_eq!(Target::of(a).unwrap().origin, Target::of(b).unwrap().origin);
        }
        assert_ne!(
            Target::of("http://t.example/").unwrap().origin,
            Target::of("udp://t.example").unwrap().origin
        );
        assert_eq!(Target::of("udp://t.example:1/announce?x=1").unwrap().url_data, "/announce?x=1");
    }

    #[test]
    fn target_of_an_unusable_url_is_an_error() {
        for url in ["rubbish", "udp:///x", "wss://t.example/"] {
            assert!(Target::of(url).is_err(), "{url}");
        }
    }
}
