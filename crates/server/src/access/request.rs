//! Where a request comes from: its client, its `Host`, and its origin.

use super::denied::Denied;
use super::forwarded::{client_ip, is_proxy};
use super::host::{Authority, Scheme, parse_origin};
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method};
use ipnet::IpNet;
use std::net::IpAddr;
use ztor_api::ProblemKind;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
pub(super) const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Rules for requests, which stay the same while the daemon runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// Reverse proxies whose `X-Forwarded-For` counts.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Host names, besides IP addresses and `localhost`.
    pub(crate) allowed_hosts: Vec<String>,
    /// Path before all others, without a slash at its end.
    pub(crate) base_path: String,
}

/// A TCP connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connection {
    pub(crate) peer: IpAddr,
    pub(crate) is_tls: bool,
}

/// Origin of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    /// Address of the client.
    pub(crate) client: IpAddr,
    /// True if the client speaks TLS, to this server or to a trusted proxy.
    pub(crate) is_secure: bool,
    /// True if nobody can read the request on its way, as far as the owner has declared it.
    pub(crate) is_private: bool,
}

/// Checks the client, `Host` and the origin of a request. A page of any site may lead to a link that `is_signed`.
pub(crate) fn examine(
    rules: &Rules,
    connection: Connection,
    parts: &Parts,
    is_signed: bool,
) -> Result<Source, Denied> {
    let source = source_of(rules, connection, parts);
    let host = host_of(parts)?;
    if !host.is_allowed(&rules.allowed_hosts) {
        return Err(Denied::new(
            ProblemKind::Forbidden,
            "the host name of the request is not allowed: use an IP address, or add the name to allowed_hosts",
        ));
    }
    if !is_same_origin(&parts.headers, &host, source.is_secure) {
        return Err(foreign());
    }
    if !is_signed {
        check_site(rules, parts)?;
    }
    Ok(source)
}

/// Returns where a request comes from, as far as proxies are trusted.
pub(super) fn source_of(rules: &Rules, connection: Connection, parts: &Parts) -> Source {
    let headers = &parts.headers;
    let peer = connection.peer.to_canonical();
    let is_proxied = is_proxy(peer, &rules.trusted_proxies);
    // A value that is not text ends the search, as a malformed entry does.
    let forwarded = headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or("?"));
    let forwarded: Vec<&str> = forwarded.collect();
    let client = client_ip(peer, forwarded.into_iter(), &rules.trusted_proxies);
    let is_secure = connection.is_tls || (is_proxied && is_forwarded_https(headers));
    let is_private = connection.is_tls || is_proxied || client.is_loopback();
    Source { client, is_secure, is_private }
}

fn is_forwarded_https(headers: &HeaderMap) -> bool {
    let last = headers.get_all(FORWARDED_PROTO).iter().next_back().and_then(|value| value.to_str().ok());
    let last = last.and_then(|value| value.rsplit(',').next()).unwrap_or_default();
    last.trim().eq_ignore_ascii_case("https")
}

/// Returns the value of the only `Host`, which a URL in the request line must repeat.
pub(super) fn host_of(parts: &Parts) -> Result<Authority, Denied> {
    let bad = |detail: &str| Denied::new(ProblemKind::BadRequest, detail);
    let mut values = parts.headers.get_all(HOST).iter();
    let value = values.next().ok_or_else(|| bad("the header Host is missing"))?;
    if values.next().is_some() {
        return Err(bad("the request has several Host headers: send one"));
    }
    let host = value.to_str().ok().and_then(Authority::parse);
    let host = host.ok_or_else(|| bad("the header Host is malformed: expected HOST or HOST:PORT"))?;
    let is_other = |authority: &str| Authority::parse(authority).is_none_or(|other| other != host);
    if parts.uri.authority().is_some_and(|authority| is_other(authority.as_str())) {
        return Err(bad("the URL in the request line has another host than the header Host"));
    }
    Ok(host)
}

/// Returns false for requests that a page of another origin makes. WebSockets have this header too.
pub(super) fn is_same_origin(headers: &HeaderMap, host: &Authority, is_secure: bool) -> bool {
    let is_same = |origin: &str| {
        parse_origin(origin).is_some_and(|(scheme, origin)| {
            origin.is_same(host, scheme) && !(is_secure && scheme == Scheme::Http)
        })
    };
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => origin.to_str().is_ok_and(is_same),
        _ => false,
    }
}

/// Refuses requests that a browser makes for a page of another site, except links to pages.
fn check_site(rules: &Rules, parts: &Parts) -> Result<(), Denied> {
    let value = |name| parts.headers.get_all(name).iter();
    let is_foreign = value(FETCH_SITE).any(|site| matches!(site.as_bytes(), b"cross-site" | b"same-site"));
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    let is_link = is_read && value(FETCH_MODE).all(|mode| mode == "navigate") && is_page(rules, parts);
    if is_foreign && !is_link { Err(foreign()) } else { Ok(()) }
}

fn foreign() -> Denied {
    Denied::new(ProblemKind::Forbidden, "requests of pages from other sites are not allowed")
}

/// Returns true for paths outside the API.
fn is_page(rules: &Rules, parts: &Parts) -> bool {
    let path = parts.uri.path().strip_prefix(rules.base_path.as_str());
    path.is_some_and(|path| !path.starts_with("/api/"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
