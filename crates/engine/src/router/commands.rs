//! Commands of the user.

use super::Router;
use super::disk::{greet_again, on_finished};
use crate::discovery::known::Origin;
use crate::event::Command;
use crate::exchange::picker::Priority;
use crate::ids::TorrentId;
use crate::torrent::Torrent;
use crate::torrent_event::TorrentEvent;

impl Router<'_> {
    pub(super) fn on_command(&mut self, command: Command) {
        let cx = &mut self.cx;
        match command {
            Command::AddPeers { torrent: id, addrs } => {
                if let Some(torrent) = self.torrents.get_mut(id) {
                    for addr in addrs {
                        torrent.known_mut().add(cx.now, addr, Origin::Hand, None, cx.rng);
                    }
                    cx.dirty.mark_torrent(id);
                }
            }
            Command::AddDhtNodes { addrs, role } => {
                if let Some(dht) = &mut self.dht {
                    dht.add_nodes(cx.now, &addrs, role);
                }
            }
            Command::Remove(id) => self.remove_torrent(id),
            Command::Pause(id) => self.pause(id),
            Command::Resume(id) => self.end_pause(id),
            Command::SetTrackers { torrent: id, tiers } => {
                if let Some(torrent) = self.torrents.get_mut(id) {
                    self.trackers.replace(cx, torrent, tiers);
                }
            }
            Command::SetWebSeeds { torrent: id, seeds } => self.set_web_seeds(id, seeds),
            Command::SetPriorities { torrent: id, priorities } => self.set_priorities(id, priorities),
            Command::SetSequential { torrent: id, sequential } => {
                if let Some(torrent) = self.torrents.get_mut(id) {
                    torrent.exchange_mut().set_sequential(sequential);
                }
            }
            Command::SetEndsFirst { torrent: id, ends_first } => {
                if let Some(torrent) = self.torrents.get_mut(id) {
                    torrent.exchange_mut().set_ends_first(ends_first);
                }
            }
            Command::SetSuperSeeding { torrent: id, super_seeding } => {
                self.set_super_seeding(id, super_seeding)
            }
            Command::Recheck(id) => {
                if self.torrents.get_mut(id).is_some_and(|torrent| torrent.recheck()) {
                    self.rest_peers(id);
                    self.stop_web_seeds(id);
                    if let Some((cx, torrent, _)) = self.enter_torrent(id) {
                        torrent.exchange_mut().on_stopped(cx);
                        torrent.known_mut().start_over(cx.now, cx.rng);
                        cx.dirty.show(id);
                        cx.out.forgets.push(id);
                        cx.out.checks.push(id);
                    }
                    self.tell_others(id);
                }
            }
            Command::Reannounce(id) => {
                if let Some(torrent) = self.torrents.get_mut(id).filter(|torrent| torrent.is_open()) {
                    torrent.trackers_mut().announcer_mut().announce_early(cx.now);
                    self.discover(id);
                    self.cx.dirty.mark_torrent(id);
                }
            }
            Command::Retry(id) => {
                if self.torrents.get_mut(id).is_some_and(|torrent| torrent.resume()) {
                    cx.dirty.show(id);
                    cx.out.checks.push(id);
                }
            }
            Command::LiftBan(author) => {
                self.bans.lift(cx.now, author);
            }
            Command::LiftBansIn(range) => self.bans.lift_in(range),
            Command::SetUserBans(bans) => {
                self.bans.set_user_bans(cx.now, &bans);
                self.expel_blocked();
            }
            Command::SetFilter(filter) => {
                self.bans.set_filter(filter);
                self.expel_blocked();
            }
            Command::SetLimits { down, up } => {
                cx.quota.down_mut().set_limit(cx.now, down);
                cx.quota.up_mut().set_limit(cx.now, up);
                cx.quota.limits_changed(cx.now);
            }
            Command::SetTorrentLimits { torrent: id, down, up } => {
                if let Some(torrent) = self.torrents.get_mut(id) {
                    torrent.exchange_mut().limits_mut().set(cx.now, down, up);
                    cx.quota.limits_changed(cx.now);
                }
            }
            Command::SetGroupLimits { group, limits } => cx.quota.set_group(cx.now, group, limits),
            Command::RemoveGroup(group) => cx.quota.remove_group(cx.now, group),
            Command::SetTorrentGroup { torrent: id, group } => {
                if let Some(torrent) = self.torrents.get_mut(id) {
                    torrent.exchange_mut().limits_mut().set_group(group);
                    cx.quota.down_mut().joined(group);
                    cx.quota.limits_changed(cx.now);
                }
            }
            Command::SetPeerLimits { torrent: id, addr, down, up } => {
                let keys = self.torrents.get(id).map_or(&[][..], Torrent::peers);
                self.peers.for_each(keys, |peer| {
                    if peer.conn().addr() == addr {
                        peer.trade_mut().limits_mut().set(cx.now, down, up);
                    }
                });
                cx.quota.limits_changed(cx.now);
            }
            Command::Shutdown => self.shut_down(),
        }
    }

    /// Announces `stopped` to all trackers and closes all connections. The torrents stay.
    fn shut_down(&mut self) {
        self.trackers.end();
        for id in self.torrents.ids() {
            if let Some(torrent) = self.torrents.get_mut(id) {
                self.trackers.say_goodbye(&mut self.cx, torrent);
            }
            self.stop_web_seeds(id);
        }
        for key in self.peers.keys() {
            self.close(key, "the client is shutting down");
        }
    }

    /// Closes the connections with addresses that the user does not want, and forgets their addresses.
    fn expel_blocked(&mut self) {
        let now = self.cx.now;
        let addrs: Vec<_> = self.peers.iter().map(|peer| (peer.key(), peer.conn().addr().ip())).collect();
        for (key, ip) in addrs {
            if let Some(block) = self.bans.expels(now, ip) {
                self.close(key, &format!("the address is {block}"));
            }
        }
        for id in self.torrents.ids() {
            if let Some(torrent) = self.torrents.get_mut(id) {
                let bans = &*self.bans;
                torrent.known_mut().forget_all(|addr| bans.forbids(now, addr));
                torrent.recent_mut().forget_all(|addr| bans.forbids(now, addr));
                self.cx.dirty.mark_torrent(id);
            }
        }
    }

    fn set_priorities(&mut self, id: TorrentId, priorities: Box<[Priority]>) {
        let Some((cx, torrent, peers)) = self.enter_torrent(id) else { return };
        if !torrent.has_metadata() || priorities.len() != torrent.exchange().piece_count() as usize {
            return;
        }
        let is_checked = torrent.lifecycle().counts_pieces();
        let was_finished = torrent.is_finished();
        let (exchange, keys) = torrent.exchange_and_peers();
        let is_finished = exchange.set_priorities(cx, priorities, is_checked, keys, peers);
        cx.dirty.show(id);
        cx.dirty.mark_torrent(id);
        // During a check or after a disk fault, the end of the check reports it. A pause makes no difference.
        if is_finished && torrent.lifecycle().is_active() {
            on_finished(cx, torrent, peers);
        } else if was_finished && !torrent.is_finished() {
            greet_again(cx, torrent, peers);
            torrent.known_mut().start_over(cx.now, cx.rng);
        }
    }

    fn set_super_seeding(&mut self, id: TorrentId, is_wanted: bool) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        let was_wanted = torrent.exchange().wants_super_seeding();
        torrent.exchange_mut().want_super_seeding(is_wanted);
        if is_wanted && !was_wanted && torrent.lifecycle().is_active() && torrent.exchange().can_hide() {
            self.close_all_of(id, "super-seeding starts, and the peer knows our pieces");
            if let Some((cx, torrent, peers)) = self.enter_torrent(id) {
                let (exchange, keys) = torrent.exchange_and_peers();
                exchange.hide_pieces(keys, peers);
                torrent.known_mut().start_over(cx.now, cx.rng);
            }
        }
        self.cx.dirty.show(id);
        self.cx.dirty.mark_torrent(id);
    }

    fn pause(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        if !torrent.set_paused(true) {
            return;
        }
        self.trackers.say_goodbye(&mut self.cx, torrent);
        if let Some(dht) = &mut self.dht {
            dht.leave(torrent);
        }
        self.close_all_of(id, "the torrent is paused");
        self.hand_over(id);
        self.cx.dirty.show(id);
        self.cx.dirty.mark_torrent(id);
    }

    fn end_pause(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        if !torrent.set_paused(false) {
            return;
        }
        torrent.trackers_mut().announcer_mut().restart();
        // The peers did not leave: we closed the connections.
        torrent.known_mut().start_over(self.cx.now, self.cx.rng);
        self.cx.dirty.show(id);
        self.discover(id);
        self.cx.dirty.mark_torrent(id);
    }

    /// Closes the connections, announces `stopped` and removes the torrent. The last announces do not need its entry.
    fn remove_torrent(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        self.trackers.say_goodbye(&mut self.cx, torrent);
        if let Some(dht) = &mut self.dht {
            dht.leave(torrent);
        }
        torrent.remove();
        self.remove_web_seeds(id);
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        for key in torrent.take_peers() {
            self.close(key, "the torrent was removed");
        }
        self.hand_over(id);
        self.sharing.remove(id);
        self.torrents.remove(id);
        self.timers.on_torrent_gone(id);
        self.cx.dirty.removed(id);
        self.cx.out.forgets.push(id);
        self.cx.out.events.push(TorrentEvent::Removed { torrent: id });
    }
}
