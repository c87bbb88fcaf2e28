//! The table of announces that are under way.

use crate::ids::{RequestId, TorrentId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use url::Url;
use ztor_base::Instant;
use ztor_tracker::announcer::TrackerId;
use ztor_tracker::{AnnounceRequest, DEFAULT_UDP_PORT};

/// Announces that are under way.
#[derive(Debug, Default)]
pub(super) struct Pending {
    table: BTreeMap<RequestId, Announce>,
    last_id: u64,
    /// Announces that are goodbyes, in the order in which they are given up.
    goodbyes: BTreeSet<(Instant, RequestId)>,
}

/// An announce.
#[derive(Debug, Clone)]
pub(super) struct Announce {
    pub(super) torrent: TorrentId,
    pub(super) tracker: TrackerId,
    pub(super) request: AnnounceRequest,
    /// The address that it went to, once that is known.
    pub(super) asked_at: Option<IpAddr>,
    pub(super) goodbye_until: Option<Instant>,
    pub(super) kind: Kind,
}

/// The way of an announce.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Http,
    /// The name of a UDP tracker is looked up.
    Resolving {
        target: UdpTarget,
    },
    /// It went to a UDP tracker.
    Udp {
        target: UdpTarget,
        /// The same announce over the other address family, as long as it has no answer.
        sibling: Option<RequestId>,
        /// The sibling was answered well: this one may bring peers, and that is all.
        is_echo: bool,
    },
}

/// A UDP tracker.
#[derive(Debug, Clone)]
pub(super) struct UdpTarget {
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query (BEP 41).
    pub(super) url_data: String,
    /// The URL itself says that the tracker is on this machine.
    pub(super) is_here: bool,
}

impl UdpTarget {
    /// `None` if the URL names no host.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
        let is_here = ztor_tracker::names_loopback(url.as_str());
        let port = url.port().unwrap_or(DEFAULT_UDP_PORT);
        Some(Self { host, port, url_data: format!("{}{query}", url.path()), is_here })
    }

    /// Chooses an address of each family to announce to: a tracker with both learns both of our addresses, and names peers
    /// of both (BEP 15). A name on the public network must not have us ask around on this machine.
    pub(super) fn choose(&self, ips: &[IpAddr]) -> Result<(SocketAddr, Option<SocketAddr>), &'static str> {
        let is_elsewhere = |ip: &&IpAddr| {
            let ip = ip.to_canonical();
            !ip.is_loopback() && !ip.is_unspecified()
        };
        let usable = || ips.iter().filter(|ip| self.is_here || is_elsewhere(ip));
        let (v4, v6) = (usable().find(|ip| ip.is_ipv4()), usable().find(|ip| ip.is_ipv6()));
        let at = |ip: &IpAddr| SocketAddr::new(*ip, self.port);
        match v4.or(v6) {
            Some(first) => Ok((at(first), v4.and(v6).map(at))),
            None if ips.is_empty() => Err("its name has no address"),
            None => Err("its name leads to this machine, which it does not say itself"),
        }
    }
}

impl Announce {
    /// The UDP tracker that it is for.
    pub(super) fn target(&self) -> Option<&UdpTarget> {
        match &self.kind {
            Kind::Http => None,
            Kind::Resolving { target } | Kind::Udp { target, .. } => Some(target),
        }
    }

    pub(super) fn is_echo(&self) -> bool {
        matches!(self.kind, Kind::Udp { is_echo: true, .. })
    }
}

impl Pending {
    /// Allocates the id of the next request.
    pub(super) fn next_id(&mut self) -> RequestId {
        self.last_id += 1;
        RequestId(self.last_id)
    }

    pub(super) fn insert(&mut self, id: RequestId, announce: Announce) {
        self.goodbyes.extend(announce.goodbye_until.map(|until| (until, id)));
        self.table.insert(id, announce);
    }

    pub(super) fn get(&self, id: RequestId) -> Option<&Announce> {
        self.table.get(&id)
    }

    /// An announce to a UDP tracker.
    pub(super) fn get_udp(&self, id: RequestId) -> Option<(&Announce, &UdpTarget)> {
        let announce = self.table.get(&id)?;
        Some((announce, announce.target()?))
    }

    pub(super) fn get_mut(&mut self, id: RequestId) -> Option<&mut Announce> {
        self.table.get_mut(&id)
    }

    /// Removes an announce that was answered or given up.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<Announce> {
        let announce = self.table.remove(&id)?;
        if let Some(until) = announce.goodbye_until {
            self.goodbyes.remove(&(until, id));
        }
        Some(announce)
    }

    /// Tells the sibling of an announce that this one was answered. Returns whether the sibling decides now, as this one
    /// has failed.
    pub(super) fn leave_to_sibling(&mut self, announce: &Announce, is_ok: bool) -> bool {
        let sibling = if let Kind::Udp { sibling, .. } = announce.kind { sibling } else { None };
        let sibling = sibling.and_then(|sibling| self.table.get_mut(&sibling));
        match sibling.map(|sibling| &mut sibling.kind) {
            Some(Kind::Udp { sibling, is_echo, .. }) => {
                *sibling = None;
                *is_echo = is_ok;
                !is_ok
            }
            _ => false,
        }
    }

    /// When the next goodbye is given up.
    pub(super) fn next_goodbye(&self) -> Option<Instant> {
        self.goodbyes.first().map(|(until, _)| *until)
    }

    /// Removes a goodbye that is given up now. `None` instead of the announce if that is gone already.
    pub(super) fn pop_late_goodbye(&mut self, now: Instant) -> Option<(RequestId, Option<Announce>)> {
        let (_, id) = self.goodbyes.first().copied().filter(|(until, _)| *until <= now)?;
        self.goodbyes.pop_first();
        Some((id, self.table.remove(&id)))
    }
}
