//! The HTTP clients of a session.

use crate::aliases::is_alias;
use crate::bind::Bind;
use crate::fetch_error::FetchError;
use crate::http::Fetcher;
use crate::names::Names;
use crate::proxy::{ProxyPolicy, Use};
use crate::route::{Route, TrackerFilter, tls};
use rustls::ClientConfig;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;
use ztor_engine::IpFilter;
use ztor_socks::Proxy;

/// The clients of a session, by use. Whoever sends HTTP requests takes one here for each request, as the proxy may change.
pub(crate) struct Http {
    bind: Bind,
    names: Names,
    tls: ClientConfig,
    /// Filter of the addresses of trackers. A proxy resolves names, so that it applies to addresses in URLs only.
    filter: TrackerFilter,
    state: Mutex<HttpState>,
}

struct HttpState {
    policy: ProxyPolicy,
    direct: Fetcher,
    /// `None` without a proxy.
    proxied: Option<Fetcher>,
    /// Ends the requests of these clients.
    end: watch::Sender<bool>,
}

impl Http {
    pub(crate) fn new(
        bind: &Bind,
        names: &Names,
        policy: &ProxyPolicy,
        is_anonymous: bool,
    ) -> Result<Self, FetchError> {
        let tls = tls()?;
        let filter = TrackerFilter::default();
        let state = Mutex::new(HttpState::new(bind, (names, &tls, &filter), policy, is_anonymous));
        Ok(Self { bind: bind.clone(), names: names.clone(), tls, filter, state })
    }

    /// Replaces the clients. Requests under way end, and so do kept connections.
    pub(crate) fn set_policy(&self, policy: &ProxyPolicy, is_anonymous: bool) {
        let new = HttpState::new(&self.bind, (&self.names, &self.tls, &self.filter), policy, is_anonymous);
        let old = std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), new);
        old.end.send_replace(true);
    }

    /// Replaces the filter of the addresses that are asked.
    pub(crate) fn set_filter(&self, filter: IpFilter) {
        self.filter.set(filter);
    }

    /// Removes the addresses that are filtered. Those in place of names are none.
    pub(crate) fn retain_unfiltered(&self, ips: &mut Vec<IpAddr>) {
        ips.retain(|ip| is_alias(*ip) || self.filter.takes(*ip));
    }

    /// Returns the client for requests of a use.
    pub(crate) fn fetcher(&self, of: Use) -> Fetcher {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let proxied = state.proxied.as_ref().filter(|_| state.policy.proxy_for(of).is_some());
        proxied.unwrap_or(&state.direct).clone()
    }
}

impl HttpState {
    fn new(
        bind: &Bind,
        means: (&Names, &ClientConfig, &TrackerFilter),
        policy: &ProxyPolicy,
        is_anonymous: bool,
    ) -> Self {
        let (end, ended) = watch::channel(false);
        let build = |proxy: Option<&Proxy>| {
            let route = Route::new(bind.clone()).proxy(proxy.cloned()).anonymous(is_anonymous);
            Fetcher::until(&route, means, ended.clone())
        };
        let (direct, proxied) = (build(None), policy.proxy().map(|proxy| build(Some(proxy))));
        Self { policy: policy.clone(), direct, proxied, end }
    }
}
