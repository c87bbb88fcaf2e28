//! The proxy: what goes through it, and its state.

use crate::bind::Bind;
use crate::route::Route;
use ztor_socks::Proxy;
pub use ztor_socks::{NoRelay, ProxyState, ProxyStatus, RelayState};

/// Purpose of traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// Connections with peers, and the DHT.
    Peers,
    /// Announces and scrapes, over HTTP and UDP.
    Trackers,
    /// Data from web servers that a torrent names.
    WebSeeds,
    /// Everything else, such as torrent files that are fetched.
    Other,
}

/// A set of uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uses(u8);

impl Uses {
    /// All uses.
    pub const ALL: Self = Self(0b1111);
    /// No use.
    pub const NONE: Self = Self(0);

    fn bit(of: Use) -> u8 {
        1 << of as u8
    }

    /// Adds a use.
    #[must_use]
    pub fn with(self, of: Use) -> Self {
        Self(self.0 | Self::bit(of))
    }

    /// Returns true if the use is in the set.
    pub fn has(self, of: Use) -> bool {
        self.0 & Self::bit(of) != 0
    }
}

/// The proxy and what goes through it. Nothing goes around it: what a proxy cannot carry is not sent.
///
/// If it is for peers, the session does not listen, and takes no part in local discovery. µTP and the DHT need a SOCKS5
/// proxy with a relay for datagrams, and are off without it. Names of hosts are resolved by the proxy.
///
/// ```
/// use ztor_session::{ProxyPolicy, Use, Uses};
///
/// let policy = ProxyPolicy::new("socks5://127.0.0.1:1080".parse()?).uses(Uses::NONE.with(Use::Trackers));
/// assert!(policy.proxy_for(Use::Trackers).is_some() && policy.proxy_for(Use::Peers).is_none());
/// assert!(policy.allows_incoming());
/// # Ok::<(), ztor_session::BadProxy>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxyPolicy {
    proxy: Option<Proxy>,
    uses: Uses,
    incoming: bool,
}

impl Default for ProxyPolicy {
    /// Returns the policy without a proxy.
    fn default() -> Self {
        Self { proxy: None, uses: Uses::ALL, incoming: false }
    }
}

impl ProxyPolicy {
    /// Creates a policy that sends everything through the proxy, and accepts no connections.
    pub fn new(proxy: Proxy) -> Self {
        Self { proxy: Some(proxy), ..Self::default() }
    }

    /// Sends only these uses through the proxy.
    #[must_use]
    pub fn uses(mut self, uses: Uses) -> Self {
        self.uses = uses;
        self
    }

    /// Accepts TCP connections of peers in spite of a proxy for peers, for those who forward a port in another way. The
    /// answers to them go around the proxy.
    #[must_use]
    pub fn incoming(mut self, incoming: bool) -> Self {
        self.incoming = incoming;
        self
    }

    /// Returns the proxy, whatever it is for.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// Returns the proxy for a use; `None` if the use needs none.
    pub fn proxy_for(&self, of: Use) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| self.uses.has(of))
    }

    /// Returns true if the session listens for peers. A port mapping is useful only then.
    pub fn allows_incoming(&self) -> bool {
        self.incoming || self.allows_local()
    }

    /// Returns true if the session may talk to the local network about torrents and ports: local discovery, and
    /// protocols of routers.
    pub fn allows_local(&self) -> bool {
        self.proxy_for(Use::Peers).is_none()
    }

    /// Returns true if anything goes through the proxy.
    pub(crate) fn is_on(&self) -> bool {
        self.proxy.is_some() && self.uses != Uses::NONE
    }

    /// Returns true if datagrams go through the proxy, as far as it relays them.
    pub(crate) fn has_datagrams(&self) -> bool {
        self.proxy_for(Use::Peers).or_else(|| self.proxy_for(Use::Trackers)).is_some()
    }

    /// Returns the way of HTTP requests of a use.
    pub fn route(&self, bind: &Bind, of: Use, is_anonymous: bool) -> Route {
        Route::new(bind.clone()).proxy(self.proxy_for(of).cloned()).anonymous(is_anonymous)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn policy_for_peers_forbids_incoming_and_local_traffic_unless_told() {
        let proxy: Proxy = "socks5://127.0.0.1:1080".parse().unwrap();
        let none = ProxyPolicy::default();
        assert!(none.allows_incoming() && none.allows_local() && !none.is_on());
        let all = ProxyPolicy::new(proxy);
        assert!(!all.allows_incoming() && !all.allows_local() && all.is_on() && all.has_datagrams());
        let open = all.clone().incoming(true);
        assert!(open.allows_incoming() && !open.allows_local());
        let seeds = all.uses(Uses::NONE.with(Use::WebSeeds));
        assert!(seeds.allows_incoming() && seeds.allows_local() && seeds.is_on() && !seeds.has_datagrams());
    }
}
