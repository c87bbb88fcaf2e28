//! Wishes of the user.

use crate::event::Command;
use crate::known::Origin;
use crate::outbox::Outbox;
use crate::torrent::Phase;
use crate::torrent_event::TorrentEvent;
use crate::{Engine, PeerKey, TorrentId};
use ztor_base::Instant;

impl Engine {
    pub(crate) fn on_command(&mut self, now: Instant, command: Command, out: &mut Outbox) {
        match command {
            Command::AddPeers { torrent: id, addrs } => {
                let Some(torrent) = self.torrents.get_mut(id) else { return };
                for addr in addrs {
                    torrent.known.add(now, addr, Origin::Hand, None, &mut self.rng);
                }
                self.mark_torrent(id);
            }
            Command::AddDhtNodes { addrs, role } => self.add_dht_nodes(now, &addrs, role),
            Command::Remove(id) => self.end_torrent(now, id, out),
            Command::Resume(id) => {
                if let Some(torrent) = self.torrents.get_mut(id)
                    && matches!(torrent.phase, Phase::Stopped(_))
                {
                    // A drive may be back with other contents: nothing moves before it was looked at.
                    torrent.phase = Phase::Checking { done: 0, total: 0 };
                    self.changes.shown.insert(id);
                    out.checks.push(id);
                }
            }
            Command::LiftBan(author) => {
                self.bans.lift(now, author);
            }
            Command::SetLimits { down, up } => {
                self.down.set_limit(now, down);
                self.up.set_limit(now, up);
                self.look_at_lines(now);
            }
            Command::SetTorrentLimits { torrent: id, down, up } => {
                let Some(torrent) = self.torrents.get_mut(id) else { return };
                torrent.down.set_limit(now, down);
                torrent.up.set_limit(now, up);
                self.look_at_lines(now);
            }
            Command::Shutdown => {
                self.shutting_down = true;
                for id in self.torrent_ids() {
                    self.say_goodbye(now, id, out);
                }
                let rest: Vec<PeerKey> = self.peers.keys().collect();
                for key in rest {
                    self.close(now, key, "ztor is shutting down", out);
                }
            }
        }
    }

    /// Closes the peers and says `stopped`. The torrent's entry goes at once: its goodbyes carry all they need.
    fn end_torrent(&mut self, now: Instant, id: TorrentId, out: &mut Outbox) {
        self.say_goodbye(now, id, out);
        self.leave_dht(id);
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        torrent.phase = Phase::Ending;
        for key in std::mem::take(&mut torrent.peers) {
            self.close(now, key, "the torrent was removed", out);
        }
        let Some(torrent) = self.torrents.remove(id) else { return };
        for swarm in torrent.hashes.swarm_ids() {
            self.swarms.remove(swarm);
        }
        self.changes.removed(id);
        out.forgets.push(id);
        out.events.push(TorrentEvent::Removed(id));
    }
}
