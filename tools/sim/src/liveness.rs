//! How long a swarm may take once nothing is broken any more.
//!
//! The bound is a sum of waits that are each written down somewhere: in the engine's timeouts, in the trackers'
//! intervals, in the lines. It is a bound, not a forecast: everything is assumed to go as badly as these allow.

use crate::tracker::MAX_LIES;
use crate::world::World;
use ztor_base::{Duration, Instant};

/// Until a connection that nobody answers on is given up.
const SILENCE: Duration = Duration::from_secs(130);
/// Until an address that failed is tried again, at most.
const RETRY: Duration = Duration::from_secs(120);
/// An attempt to connect, and how many there are at a time.
const HANDSHAKE: Duration = Duration::from_secs(20);
const HALF_OPEN: usize = 60;
/// The longest wait for a block that does not come.
const BLOCK: Duration = Duration::from_secs(60);
/// The longest rest of a tracker that failed, jitter included.
const MAX_BACKOFF: Duration = Duration::from_secs(4500);
/// Until the next tracker is asked as well, and until a request is given up.
const TRACKER: Duration = Duration::from_secs(40);
/// The shortest interval that a tracker is followed to.
const LEAST_INTERVAL_S: u64 = 60;
/// A slot while seeding: it is kept for so long and so many pieces, then the next gets it.
const TURN: Duration = Duration::from_secs(60);
const TURN_PIECES: u64 = 20;

impl World {
    /// The time from the end of the last fault until every honest client must have everything.
    pub(crate) fn liveness_bound(&self, healed: Instant) -> Duration {
        self.waits(healed) + self.transfer() + self.turns()
    }

    /// Until everybody knows somebody worth knowing.
    fn waits(&self, healed: Instant) -> Duration {
        let intervals = self.trackers.iter().map(|t| u64::from(t.interval_s()).max(LEAST_INTERVAL_S));
        let interval = intervals.max().unwrap_or(0);
        // Waits double, so that the last began before half of the trouble was over.
        let trouble = healed.since(Instant::ZERO) * 2;
        let trackers =
            Duration::from_secs(interval) + trouble.min(MAX_BACKOFF) + TRACKER * self.trackers.len() as u32;
        // Each address may be tried, in vain, before the right one, and four times before it is given up.
        let lies = self.trackers.iter().filter(|t| t.lies()).count() * (MAX_LIES + self.nodes.len());
        let places =
            self.nodes.iter().map(|n| n.settings.max_peers.min(n.settings.max_peers_per_torrent)).min();
        let at_once = HALF_OPEN.min(places.unwrap_or(1) / 2).max(1);
        let calls = HANDSHAKE * (4 * (self.net.hosts() + lies)).div_ceil(at_once) as u32;
        SILENCE + RETRY + trackers + calls + BLOCK * (1 + self.actors.len() as u32)
    }

    /// Everything through the line of the slowest seed, once more for what is wasted, and shared with whoever
    /// takes without giving.
    fn transfer(&self) -> Duration {
        let honest = || self.nodes.iter().filter(|node| node.settings.is_honest && !node.has_left);
        let takers = 1 + self.actors.iter().filter(|actor| actor.character.downloads).count() as u64;
        let missing =
            self.content.len() * (honest().filter(|node| !node.settings.is_seed).count() as u64 + takers);
        let rate = |limit: Option<u64>, line: u64| limit.unwrap_or(u64::MAX).min(line);
        let lines = honest().map(|node| (node, self.net.host(node.host).line));
        let seeds = lines.clone().filter(|(node, _)| node.settings.is_seed);
        let up = seeds.map(|(node, line)| rate(node.settings.limit_up, line.up)).min().unwrap_or(1);
        let down = lines.map(|(node, line)| rate(node.settings.limit_down, line.down)).min().unwrap_or(1);
        // What a line loses, and a window that is small for the way, cost a stream its speed.
        let slowed = 4;
        Duration::from_secs(slowed * (2 * missing / up.max(1) + 2 * self.content.len() / down.max(1)))
    }

    /// Until everybody has had enough turns at the slots of one seed.
    fn turns(&self) -> Duration {
        let slots = self.nodes.iter().map(|node| node.settings.upload_slots).min().unwrap_or(1).max(1) as u64;
        let rounds = (self.nodes.len() + self.actors.len()) as u64;
        let needed = u64::from(self.content.pieces()).div_ceil(TURN_PIECES).max(1);
        TURN * (rounds.div_ceil(slots) * needed) as u32
    }
}
