//! Ways of HTTP requests, and the clients for them.

use crate::bind::Bind;
use crate::dns::Dns;
use crate::fetch_error::FetchError;
use crate::interfaces::is_own;
use crate::named_proxy::{Named, NamedLimits, Sender};
use crate::names::{self, Names};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, redirect};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use thiserror::Error;
use ztor_base::addr::is_local;
use ztor_engine::{IpFamily, IpFilter};
use ztor_socks::{Proxy, ProxyKind};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit of a request.
pub(crate) const WHOLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of idle connections kept per server, and their lifetime.
const MAX_IDLE: usize = 8;
const MAX_IDLE_TIME: Duration = Duration::from_secs(15);
const AGENT: &str = concat!("ztor/", env!("CARGO_PKG_VERSION"));
/// Name of the client in anonymous mode. Some servers refuse requests without one, and others those of browsers.
const COMMON_AGENT: &str = "curl/8.5.0";
const FAMILIES: [Option<IpFamily>; 3] = [None, Some(IpFamily::V4), Some(IpFamily::V6)];

/// Way of HTTP requests: the address or interface that they leave from, a proxy, and the name of the client.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Route {
    bind: Bind,
    proxy: Option<Proxy>,
    is_anonymous: bool,
    dns_servers: Vec<IpAddr>,
}

impl Route {
    /// Creates a route from this address or interface, without a proxy.
    pub fn new(bind: Bind) -> Self {
        Self { bind, proxy: None, is_anonymous: false, dns_servers: Vec::new() }
    }

    /// Sends all requests through a proxy, which resolves the names in them.
    #[must_use]
    pub fn proxy(mut self, proxy: Option<Proxy>) -> Self {
        self.proxy = proxy;
        self
    }

    /// Sends the name of a common program in place of ours.
    #[must_use]
    pub fn anonymous(mut self, is_anonymous: bool) -> Self {
        self.is_anonymous = is_anonymous;
        self
    }

    /// Asks these name servers, from the bound address or interface. Without any the system resolves names.
    #[must_use]
    pub fn dns_servers(mut self, servers: Vec<IpAddr>) -> Self {
        self.dns_servers = servers;
        self
    }

    /// Returns a cache of names for requests on this route alone.
    pub(crate) fn names(&self) -> Names {
        Names::by(Dns::new(&self.dns_servers, &self.bind))
    }

    /// Returns the addresses of `host:port`, by the name servers of the route or else by the system. Blocks for some seconds at
    /// most.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the text has another form. Otherwise the name cannot be resolved; with a
    /// proxy, none is, as names are for the proxy alone.
    pub fn resolve(&self, target: &str) -> io::Result<Vec<SocketAddr>> {
        if let Ok(addr) = target.parse() {
            return Ok(vec![addr]);
        }
        let bad = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
        let (host, port) = target.rsplit_once(':').ok_or_else(|| bad("expected HOST:PORT"))?;
        let port = port.parse().map_err(|_| bad("the port is no number from 0 to 65535"))?;
        let ips = self.look_up(host)?;
        Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    /// Returns the addresses of a host, in the same way.
    pub(crate) fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse() {
            return Ok(vec![ip]);
        }
        if self.has_proxy() {
            return Err(io::Error::other("with a proxy, names are not resolved"));
        }
        names::look_up(&Dns::new(&self.dns_servers, &self.bind), host)
    }

    /// Returns the name of the client for servers.
    fn agent(&self) -> &'static str {
        if self.is_anonymous { COMMON_AGENT } else { AGENT }
    }

    /// Returns the address from which a client for this family sends, or one for any family; `None` if the system chooses.
    fn own(&self, family: Option<IpFamily>) -> Option<IpAddr> {
        let is_of_family = |ip: &&IpAddr| family.is_none_or(|family| IpFamily::of(**ip) == family);
        let ips = self.bind.ips();
        // The library would take "all IPv6 addresses" for IPv6 only. An address of the other family keeps it from
        // connecting, as it must.
        ips.iter().find(is_of_family).or(ips.first()).copied().filter(|ip| *ip != Ipv6Addr::UNSPECIFIED)
    }

    pub(crate) fn is_anonymous(&self) -> bool {
        self.is_anonymous
    }

    pub(crate) fn bind(&self) -> &Bind {
        &self.bind
    }

    pub(crate) fn has_proxy(&self) -> bool {
        self.proxy.is_some()
    }
}

impl From<Bind> for Route {
    fn from(bind: Bind) -> Self {
        Self::new(bind)
    }
}

/// Clients of a route.
pub(crate) enum Clients {
    /// Clients by reach and address family, and those by reach that decode nothing.
    Direct(Box<([[Sender; 3]; REACHES], [Sender; REACHES])>),
    Proxied(Box<Proxied>),
    /// The clients cannot be built, for this reason.
    Broken(String),
}

impl Clients {
    /// Builds the clients.
    ///
    /// # Errors
    /// The library refuses.
    pub(crate) fn new(
        route: &Route,
        names: &Names,
        tls: &ClientConfig,
        filter: &TrackerFilter,
    ) -> Result<Self, FetchError> {
        if let Some(proxy) = &route.proxy {
            let (proxy, route, tls, names) = (proxy.clone(), route.clone(), tls.clone(), names.clone());
            return Ok(Self::Proxied(Box::new(Proxied {
                proxy,
                route,
                tls,
                names,
                built: Mutex::new([None, None]),
            })));
        }
        let build_one = |reach, family: Option<IpFamily>, decodes| {
            let resolver = Within { reach, family, names: names.clone(), filter: filter.clone() };
            let client = client(route, tls.clone(), decodes, route.own(family))?;
            client.dns_resolver(Arc::new(resolver)).build().map_err(|e| FetchError::Setup(e.to_string()))
        };
        let has = |family| route.bind.ips().iter().any(|ip| IpFamily::of(*ip) == family);
        let has_both = has(IpFamily::V4) && has(IpFamily::V6);
        let build = |reach, family: Option<IpFamily>, decodes| match family {
            None if has_both => {
                let [v4, v6] =
                    [IpFamily::V4, IpFamily::V6].map(|family| build_one(reach, Some(family), decodes));
                Ok(Sender::ByFamily(Box::new([v4?, v6?])))
            }
            family => build_one(reach, family, decodes).map(Sender::Library),
        };
        let of_reach = |reach| {
            let [any, v4, v6] = FAMILIES.map(|family| build(reach, family, true));
            Ok::<_, FetchError>([any?, v4?, v6?])
        };
        let reaches = [Reach::All, Reach::OffLoopback, Reach::OffMachine, Reach::Public];
        let [a, b, c, d] = reaches.map(of_reach);
        let all = [a?, b?, c?, d?];
        let [a, b, c, d] = reaches.map(|reach| build(reach, None, false));
        Ok(Self::Direct(Box::new((all, [a?, b?, c?, d?]))))
    }

    pub(crate) fn has_proxy(&self) -> bool {
        matches!(self, Self::Proxied(_))
    }

    /// Returns the client for addresses within reach and of a family. A proxy decides on the family.
    pub(crate) async fn client(&self, reach: Reach, family: Option<IpFamily>) -> Result<Sender, FetchError> {
        match self {
            Self::Broken(why) => Err(FetchError::Setup(why.clone())),
            Self::Proxied(proxied) => proxied.client(true).await,
            Self::Direct(clients) => {
                let family = FAMILIES.iter().position(|of| *of == family).unwrap_or(0);
                Ok(clients.0[reach as usize][family].clone())
            }
        }
    }

    /// Does the same for data of any encoding, which stays as it is: offsets count bytes of the file.
    pub(crate) async fn data_client(&self, reach: Reach) -> Result<Sender, FetchError> {
        match self {
            Self::Broken(why) => Err(FetchError::Setup(why.clone())),
            Self::Proxied(proxied) => proxied.client(false).await,
            Self::Direct(clients) => Ok(clients.1[reach as usize].clone()),
        }
    }
}

/// Client of a proxy. It is built for an address, so that the name of the proxy is resolved like all others.
pub(crate) struct Proxied {
    proxy: Proxy,
    route: Route,
    tls: ClientConfig,
    names: Names,
    /// The last client that decodes nothing, and the last other one, each with the address of the proxy that it is for; `None`
    /// before the first request.
    built: Mutex<[Option<(IpAddr, Sender)>; 2]>,
}

impl Proxied {
    async fn client(&self, decodes: bool) -> Result<Sender, FetchError> {
        let found = self.names.look_up(self.proxy.host()).await.map_err(FetchError::Proxy)?;
        let usable = |ip: &&IpAddr| self.route.bind.reaches(**ip);
        let ip = found.iter().find(usable).copied();
        let ip = ip.ok_or_else(|| FetchError::Proxy("its name has no usable address".into()))?;
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let built = &mut built[usize::from(decodes)];
        if let Some((_, client)) = built.as_ref().filter(|(of, _)| *of == ip) {
            return Ok(client.clone());
        }
        let client = self.build(ip, decodes)?;
        *built = Some((ip, client.clone()));
        Ok(client)
    }

    fn build(&self, ip: IpAddr, decodes: bool) -> Result<Sender, FetchError> {
        let setup = |error: reqwest::Error| FetchError::Setup(error.without_url().to_string());
        let own = self.route.own(Some(IpFamily::of(ip)));
        if self.proxy.kind() == ProxyKind::Socks4a && self.proxy.credentials().is_some() {
            let library = client(&self.route, self.tls.clone(), decodes, own)?.build().map_err(setup)?;
            let way = (self.route.bind.clone(), self.proxy.clone(), SocketAddr::new(ip, self.proxy.port()));
            let limits = NamedLimits {
                connect: CONNECT_TIMEOUT,
                whole: WHOLE_TIMEOUT,
                max_idle: MAX_IDLE,
                idle: MAX_IDLE_TIME,
            };
            let named = Named::new(library, way, self.tls.clone(), self.route.agent(), limits);
            return Ok(Sender::Named(Box::new(named)));
        }
        // The error would contain the URL, and so the password.
        let proxy = reqwest::Proxy::all(remote_dns_url(&self.proxy, ip));
        let proxy = proxy.map_err(|_| FetchError::Setup("the URL of the proxy cannot be used".into()))?;
        let client = client(&self.route, self.tls.clone(), decodes, own)?.proxy(proxy).build();
        client.map(Sender::Library).map_err(setup)
    }
}

/// Returns the URL of a proxy in the library's terms, where another scheme makes the proxy resolve names.
fn remote_dns_url(proxy: &Proxy, ip: IpAddr) -> String {
    let url = proxy.secret_url_at(ip);
    match url.strip_prefix("socks5://") {
        Some(rest) => format!("socks5h://{rest}"),
        None => url,
    }
}

/// Returns the settings of TLS.
pub(crate) fn tls() -> Result<ClientConfig, FetchError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // A machine without certificates of its own still reaches public servers.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    tls_with(roots)
}

fn tls_with(roots: RootCertStore) -> Result<ClientConfig, FetchError> {
    let setup = |e: &dyn std::fmt::Display| FetchError::Setup(e.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| setup(&e))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Returns the settings of a client that sends from an address of this machine, or from any.
///
/// # Errors
/// The system cannot bind to the interface of the route: its requests must not use another one.
fn client(
    route: &Route,
    tls: ClientConfig,
    decodes: bool,
    own: Option<IpAddr>,
) -> Result<ClientBuilder, FetchError> {
    let bind = &route.bind;
    bind.check().map_err(|error| FetchError::Setup(error.to_string()))?;
    let builder = match bind.device() {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Some(name) => Client::builder().interface(name),
        _ => Client::builder(),
    };
    Ok(builder
        .gzip(decodes)
        // Simple servers compare the names of headers literally, and know them as browsers and curl write them.
        .http1_title_case_headers()
        .tls_backend_preconfigured(tls)
        .user_agent(route.agent())
        // Variables of the environment must not decide where announces go.
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(WHOLE_TIMEOUT)
        .local_address(own)
        // Thousands of torrents may have the same tracker, and a new connection costs it more than the answer.
        .pool_max_idle_per_host(MAX_IDLE)
        .pool_idle_timeout(MAX_IDLE_TIME)
        // The URL before a redirect may contain a passkey.
        .referer(false)
        .redirect(redirect::Policy::none()))
}

/// Creates a client for the HTTP of gateways in the local network, from one address of this machine.
pub(crate) fn gateway_client(bind: &Bind, local: IpAddr) -> Result<Client, FetchError> {
    // Gateways have no certificates, and nobody is trusted here.
    let builder = client(&Route::new(bind.clone()), tls_with(RootCertStore::empty())?, true, Some(local))?
        .no_gzip()
        // Simple gateways restart often, and serve one request per connection.
        .http1_only()
        .pool_max_idle_per_host(0);
    builder.build().map_err(|e| FetchError::Setup(e.to_string()))
}

/// Addresses that a request may go to. Each variant allows fewer than the one before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Reach {
    All,
    /// All but loopback addresses. This machine may run a public tracker at another address of its own.
    OffLoopback,
    /// All but those of this machine, with every address of its interfaces.
    OffMachine,
    /// None of this machine or of the local network.
    Public,
}

/// Number of variants of [`Reach`].
const REACHES: usize = 4;

impl Reach {
    pub(crate) fn takes(self, ip: IpAddr) -> bool {
        self.takes_with(ip, is_own)
    }

    fn takes_with(self, ip: IpAddr, is_own: impl FnOnce(IpAddr) -> bool) -> bool {
        let ip = ip.to_canonical();
        let is_off_loopback = !ip.is_loopback() && !ip.is_unspecified();
        match self {
            Self::All => true,
            Self::OffLoopback => is_off_loopback,
            Self::OffMachine => is_off_loopback && !is_own(ip),
            Self::Public => !is_local(ip) && !is_own(ip),
        }
    }

    /// Returns the addresses that a server at `from` may redirect to. Behind a proxy, `from` is unknown.
    pub(crate) fn by_redirect_from(from: Option<IpAddr>) -> Self {
        match from.map(|ip| ip.to_canonical()) {
            Some(ip) if ip.is_loopback() => Self::All,
            // A tracker on this machine may redirect within it.
            Some(ip) if is_local(ip) || is_own(ip) => Self::OffLoopback,
            _ => Self::Public,
        }
    }

    pub(crate) fn refusal(self) -> &'static str {
        match self {
            Self::All => "its name has no usable address",
            Self::OffLoopback => "only announces and scrapes may go to this machine",
            Self::OffMachine => "a torrent may not name servers on this machine",
            Self::Public => "a public server may not redirect to the local network or this machine",
        }
    }
}

/// All addresses of a name are out of reach.
#[derive(Debug, Error)]
#[error("{}", .0.refusal())]
pub(crate) struct OutOfReach(Reach);

/// Filter of the addresses of trackers, which clones share.
#[derive(Clone, Default)]
pub(crate) struct TrackerFilter(Arc<RwLock<IpFilter>>);

impl TrackerFilter {
    pub(crate) fn takes(&self, ip: IpAddr) -> bool {
        !self.0.read().unwrap_or_else(PoisonError::into_inner).has(ip)
    }

    pub(crate) fn set(&self, filter: IpFilter) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = filter;
    }
}

/// Resolver that leaves out addresses that are filtered, out of reach or of another family. A name does not show where it
/// leads.
struct Within {
    reach: Reach,
    family: Option<IpFamily>,
    names: Names,
    filter: TrackerFilter,
}

impl Resolve for Within {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, family, names) = (self.reach, self.family, self.names.clone());
        let filter = self.filter.clone();
        Box::pin(async move {
            let found = names.look_up(name.as_str()).await?;
            let is_of_family = |ip: &IpAddr| family.is_none_or(|family| IpFamily::of(*ip) == family);
            let reachable: Vec<IpAddr> =
                found.iter().copied().filter(|ip| reach.takes(*ip) && is_of_family(ip)).collect();
            let taken = reachable.iter().filter(|ip| filter.takes(**ip));
            let taken: Vec<SocketAddr> = taken.map(|ip| SocketAddr::new(*ip, 0)).collect();
            if taken.is_empty() {
                return Err(match (found.is_empty(), reachable.is_empty()) {
                    (true, _) => "its name has no address".into(),
                    (false, true) => OutOfReach(reach).into(),
                    (false, false) => FILTERED.into(),
                });
            }
            Ok(Box::new(taken.into_iter()) as Addrs)
        })
    }
}

/// Text of the error for a tracker all of whose addresses are filtered.
pub(crate) const FILTERED: &str = "all addresses of the host are in the IP filter";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn reach_off_this_machine_excludes_all_its_addresses() {
        let own: [IpAddr; 3] = ["192.168.1.5", "203.0.113.5", "2001:db8::5"].map(|ip| ip.parse().unwrap());
        let takes = |reach: Reach, ip: &str| reach.takes_with(ip.parse().unwrap(), |ip| own.contains(&ip));
        for ip in ["127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.1"] {
            assert!(takes(Reach::All, ip) && !takes(Reach::OffLoopback, ip), "{ip}");
            assert!(!takes(Reach::OffMachine, ip) && !takes(Reach::Public, ip), "{ip}");
        }
        for ip in ["192.168.1.5", "203.0.113.5", "2001:db8::5", "::ffff:192.168.1.5"] {
            assert!(takes(Reach::OffLoopback, ip), "{ip}");
            assert!(!takes(Reach::OffMachine, ip) && !takes(Reach::Public, ip), "{ip}");
        }
        assert!(takes(Reach::OffMachine, "192.168.1.6") && !takes(Reach::Public, "192.168.1.6"));
        assert!(takes(Reach::Public, "203.0.113.6"));
    }

    #[test]
    fn every_address_of_this_machine_is_its_own() {
        let all = if_addrs::get_if_addrs().unwrap();
        assert!(!all.is_empty() && all.iter().all(|interface| is_own(interface.ip())), "{all:?}");
        assert!(!is_own([203, 0, 113, 77].into()));
    }

    #[test]
    fn resolve_reads_addresses_and_leaves_names_to_the_proxy() {
        let direct = Route::default();
        assert_eq!(direct.resolve("[2001:db8::1]:80").unwrap(), ["[2001:db8::1]:80".parse().unwrap()]);
        for bad in ["host", "host:", "host:65536", "192.0.2.1"] {
            assert_eq!(direct.resolve(bad).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{bad}");
        }
        let proxied = Route::default().proxy(Some("socks5://127.0.0.1:1".parse().unwrap()));
        assert!(proxied.resolve("192.0.2.1:1").is_ok());
        assert!(proxied.resolve("localhost:1").unwrap_err().to_string().contains("with a proxy"));
    }
}
