//! Changes of the network: sleep of the machine, a new address, and the end of an outage.

use super::Router;
use crate::event::{CloseCause, NetworkChange};
use crate::ids::TorrentId;
use ztor_base::Duration;

/// Length of a sleep after which we announce to trackers and the DHT again. They may have forgotten us, and our address
/// may have changed.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// Length of a sleep after which peers have closed our connections.
const LOST_AFTER: Duration = Duration::from_secs(100);

impl Router<'_> {
    pub(super) fn on_network_change(&mut self, change: NetworkChange) {
        match change {
            NetworkChange::Slept(slept) => {
                if slept >= LOST_AFTER {
                    self.close_all("the machine has slept");
                }
                if slept >= FORGOTTEN_AFTER {
                    self.cx.network.plan_announce(self.cx.now);
                }
            }
            NetworkChange::Moved => {
                self.torrents.forget_own_addrs();
                self.dialer.forget_own_addrs();
                self.cx.network.plan_announce(self.cx.now);
            }
            // The router has only a view of the settings; the engine has changed them.
            NetworkChange::Ports { .. } => self.cx.network.plan_announce(self.cx.now),
        }
    }

    /// Ends everything by which others could connect our identity with the one of before.
    pub(crate) fn renew_identity(&mut self) {
        self.close_all("the identity of the client has changed");
        self.trackers.renew_identity(&mut self.cx, self.torrents);
    }

    /// Closes all connections, which does not count against their peers.
    pub(crate) fn close_all(&mut self, reason: &str) {
        for key in self.peers.keys() {
            self.close_because(key, CloseCause::Local, reason);
        }
    }

    /// Ends a turn: retries failures if the network is back, and announces our address if that is due.
    pub(super) fn settle_network(&mut self) {
        if self.cx.is_ending {
            return;
        }
        if self.cx.network.take_back() {
            self.start_over();
        }
        if self.cx.network.take_announce(self.cx.now) {
            self.announce_again();
            self.start_over();
        }
    }

    /// Announces our address to all trackers, the DHT and the local network, regardless of their intervals.
    fn announce_again(&mut self) {
        for id in self.torrents.ids() {
            if let Some(torrent) = self.torrents.get_mut(id) {
                torrent.trackers_mut().announcer_mut().reannounce(self.cx.now);
                self.cx.dirty.mark_torrent(id);
            }
        }
        self.lsd.start_over(self.cx.now);
        if let Some(dht) = &mut self.dht {
            dht.announce_again(self.cx.now, self.torrents);
        }
    }

    /// Retries at once everything that failed.
    fn start_over(&mut self) {
        self.trackers.start_over(self.cx.now);
        let ids: Vec<TorrentId> = self.torrents.ids();
        for id in ids {
            if let Some(torrent) = self.torrents.get_mut(id) {
                torrent.trackers_mut().announcer_mut().retry_unreachable(self.cx.now);
                torrent.known_mut().start_over(self.cx.now, self.cx.rng);
                self.cx.dirty.mark_torrent(id);
            }
        }
        if let Some(dht) = &mut self.dht {
            dht.start_over(self.cx.now, self.torrents);
        }
    }
}
