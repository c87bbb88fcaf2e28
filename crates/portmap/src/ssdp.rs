//! Discovery of UPnP gateways (SSDP): search requests, and the responses to them.

use std::net::{IpAddr, SocketAddr};
use thiserror::Error;
use url::{Host, Url};

/// Port of the protocol.
pub const PORT: u16 = 1900;
/// Longest response that is read, in bytes.
pub const MAX_RESPONSE: usize = 4096;
/// Longest URL, in bytes.
const MAX_URL: usize = 512;

/// Search targets: gateways of both versions, and their services. Some gateways respond to their services only.
pub const TARGETS: [&str; 4] = [
    "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
];

/// Returns a search request. Gateways respond within `max_wait_s` seconds.
pub fn search(group: SocketAddr, target: &str, max_wait_s: u8) -> Vec<u8> {
    format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {group}\r\nMAN: \"ssdp:discover\"\r\nMX: {max_wait_s}\r\nST: {target}\r\n\r\n"
    )
    .into_bytes()
}

/// Reason why a URL of a gateway is not used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Not a plain HTTP URL with an IP address.
    #[error("it names no HTTP URL with an IP address")]
    Unusable,
    /// The URL leads to another machine than the gateway, which may be any.
    #[error("it refers to another machine, {0}")]
    Elsewhere(IpAddr),
}

/// Returns the URL of the description in a response from `from`; `None` if it is no response to a search for gateways.
///
/// # Errors
/// The URL does not lead to `from`: anyone in the network could otherwise have this machine query any server.
pub fn location(response: &[u8], from: IpAddr) -> Option<Result<Url, UrlError>> {
    let text = std::str::from_utf8(response.get(..response.len().min(MAX_RESPONSE))?).ok()?;
    let mut lines = text.split("\r\n").flat_map(|line| line.split('\n'));
    let status = lines.next()?;
    let mut words = status.split_ascii_whitespace();
    if !words.next()?.starts_with("HTTP/1.") || words.next() != Some("200") {
        return None;
    }
    let header = |name: &str| {
        let mut values = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        values.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    // Other devices respond to searches for all; those that no search has asked for are of no use.
    if header("ST").is_some_and(|st| !TARGETS.contains(&st)) {
        return None;
    }
    Some(at(header("LOCATION")?, from))
}

/// Returns a URL that a gateway has named in its description, relative to that of the description. It must be of the
/// same machine.
///
/// # Errors
/// It is not, or is no HTTP URL.
pub fn join(description: &Url, path: &str) -> Result<Url, UrlError> {
    let host = ip_of(description).ok_or(UrlError::Unusable)?;
    if path.len() > MAX_URL || path.trim().is_empty() {
        return Err(UrlError::Unusable);
    }
    let url = description.join(path.trim()).map_err(|_| UrlError::Unusable)?;
    admit(url, host)
}

fn at(url: &str, host: IpAddr) -> Result<Url, UrlError> {
    if url.len() > MAX_URL {
        return Err(UrlError::Unusable);
    }
    admit(Url::parse(url).map_err(|_| UrlError::Unusable)?, host)
}

fn admit(url: Url, host: IpAddr) -> Result<Url, UrlError> {
    let is_plain = url.scheme() == "http" && url.username().is_empty() && url.password().is_none();
    let ip = ip_of(&url).filter(|_| is_plain && url.port() != Some(0)).ok_or(UrlError::Unusable)?;
    if ip == host.to_canonical() { Ok(url) } else { Err(UrlError::Elsewhere(ip)) }
}

fn ip_of(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(IpAddr::from(ip).to_canonical()),
        Host::Domain(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const GATEWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 1));

    fn response(location: &str) -> Vec<u8> {
        let st = TARGETS[0];
        format!("HTTP/1.1 200 OK\r\nST: {st}\r\nEXT:\r\nLocation:  {location}\r\n\r\n").into_bytes()
    }

    #[test]
    fn location_of_a_gateway_is_its_description() {
        let url = location(&response("http://192.168.1.1:5000/rootDesc.xml"), GATEWAY).unwrap().unwrap();
        assert_eq!(url.as_str(), "http://192.168.1.1:5000/rootDesc.xml");
        assert_eq!(join(&url, "/ctl/IPConn").unwrap().as_str(), "http://192.168.1.1:5000/ctl/IPConn");
        assert_eq!(join(&url, "http://192.168.1.1:80/c").unwrap().as_str(), "http://192.168.1.1/c");
        let v6 = location(&response("http://[2001:db8::1]:5000/d"), "2001:db8::1".parse().unwrap());
        assert!(v6.unwrap().is_ok());
    }

    #[test]
    fn location_of_another_machine_is_refused() {
        let refused = |url: &str| location(&response(url), GATEWAY).unwrap().unwrap_err();
        let here = [127, 0, 0, 1].into();
        assert_eq!(refused("http://127.0.0.1:631/"), UrlError::Elsewhere(here));
        assert_eq!(refused("http://0x7f000001/"), UrlError::Elsewhere(here));
        for url in [
            "https://192.168.1.1/",
            "file:///etc/passwd",
            "http://router.example/",
            "http://a:b@192.168.1.1/",
            "http://192.168.1.1:0/",
            "",
            &format!("http://192.168.1.1/{}", "a".repeat(600)),
        ] {
            assert_eq!(refused(url), UrlError::Unusable, "{url}");
        }
        let url = Url::parse("http://192.168.1.1:5000/rootDesc.xml").unwrap();
        assert_eq!(join(&url, "http://10.0.0.1/"), Err(UrlError::Elsewhere([10, 0, 0, 1].into())));
        assert_eq!(join(&url, "//10.0.0.1/x"), Err(UrlError::Elsewhere([10, 0, 0, 1].into())));
        assert_eq!(join(&url, ""), Err(UrlError::Unusable));
    }

    #[test]
    fn location_of_other_datagrams_is_none() {
        assert!(location(b"", GATEWAY).is_none());
        assert!(location(b"NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.1/\r\n\r\n", GATEWAY).is_none());
        assert!(location(b"HTTP/1.1 404 Not Found\r\n\r\n", GATEWAY).is_none());
        assert!(
            location(b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: http://192.168.1.1/\r\n", GATEWAY)
                .is_none()
        );
        assert!(location(&[0xff; 100], GATEWAY).is_none());
    }
}
