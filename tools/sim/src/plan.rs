//! Interventions of a scenario in its world, immediate or planned.

use crate::action::Action;
use crate::core::Event;
use crate::disk::Health;
use crate::world::World;
use ztor_base::{Duration, Instant};
use ztor_engine::Command;

impl World {
    pub(crate) fn plan(&mut self, wait: Duration, action: Action) {
        self.core.plan_in(wait, Event::Do(action));
    }

    pub(crate) fn act(&mut self, action: Action) {
        let Self { core, net, nodes, .. } = self;
        if !matches!(action, Action::Group { .. }) {
            core.note(format_args!("-- {action:?}"));
        }
        match action {
            Action::Crash { node, power_cut } => {
                nodes[node].crash(core, net, power_cut);
                net.host_mut(nodes[node].host).is_off = power_cut;
            }
            Action::Restart { node } => {
                net.host_mut(nodes[node].host).is_off = false;
                nodes[node].start(core);
                net.heal(core);
            }
            Action::Leave { node } => nodes[node].leave(core),
            Action::Disk { node, health } => nodes[node].disk.health = health,
            Action::Resume { node } => nodes[node].command(core, Command::Retry),
            Action::Group { host, group } => net.host_mut(host).group = group,
            Action::Woke { node, slept } => nodes[node].woke(core, slept),
            Action::Heal => {
                for host in 0..net.hosts() {
                    net.host_mut(host).group = 0;
                }
                net.heal(core);
            }
            Action::Reset { node } => nodes[node].reset_streams(core, net),
            Action::Tracker { tracker, down_for } => self.trackers[tracker].down_until = core.now + down_for,
            Action::Verb { node, verb } => {
                let hosts: Vec<usize> = nodes.iter().map(|node| node.host).collect();
                nodes[node].obey(core, verb, &hosts);
            }
            Action::Hang { node, lane, time } => nodes[node].disk.hang(core.now, lane, time),
            Action::Damage { node, pieces } => {
                let pieces: Vec<u32> = (0..pieces).collect();
                nodes[node].disk.damage(&mut core.rng, &pieces);
            }
            Action::Repair { node } => nodes[node].disk.repair(),
            Action::Note => self.mark(),
            Action::Healed => self.heal_all(),
        }
    }

    /// Adds addresses of peers to a node.
    pub(crate) fn meet(&mut self, node: usize, addrs: &[std::net::SocketAddr]) {
        self.nodes[node].meet(&mut self.core, addrs);
    }

    fn mark(&mut self) {
        let moved = |pick: fn(&ztor_engine::TorrentStatus) -> u64| {
            let status =
                |node: &crate::node::Node| node.run().and_then(|run| run.engine.status(self.core.now).pop());
            self.nodes.iter().map(|node| status(node).as_ref().map_or(0, pick)).collect()
        };
        let (down, up) =
            (moved(|status| status.session_downloaded_bytes), moved(|status| status.session_uploaded_bytes));
        let from_first = self.nodes.iter().map(|node| self.had_from_first(node)).collect();
        self.marks.push(down);
        self.first_marks.push(from_first);
        self.up_marks.push(up);
    }

    /// Returns the bytes that a client has downloaded from the first one over its open connections.
    fn had_from_first(&self, node: &crate::node::Node) -> u64 {
        let first = self.nodes.first().map(|first| crate::net::ip_of(first.host));
        let peers = node.run().map(|run| run.engine.peer_status(self.core.now, run.id)).unwrap_or_default();
        peers.iter().filter(|peer| Some(peer.addr.ip()) == first).map(|peer| peer.downloaded_bytes).sum()
    }

    /// Ends all faults, and restarts the clients that have not left.
    fn heal_all(&mut self) {
        self.act(Action::Heal);
        for node in 0..self.nodes.len() {
            self.act(Action::Disk { node, health: Health::Fine });
            if !self.nodes[node].has_left {
                self.act(Action::Restart { node });
                self.act(Action::Resume { node });
                self.nodes[node].restore(&mut self.core);
            }
        }
        for tracker in &mut self.trackers {
            tracker.down_until = Instant::ZERO;
        }
        self.healed_at = Some(self.core.now);
    }

    /// Returns the time of the end of the last fault; `None` before.
    pub(crate) fn healed(&self) -> Option<Instant> {
        self.healed_at
    }
}
