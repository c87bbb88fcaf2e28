//! The maximum time of a swarm after the last fault.
//!
//! The bound is a sum of known waits: the engine's timeouts, the trackers' intervals, and transfers over the lines. It
//! is not a forecast, but the worst case of all of them.

use crate::tracker::MAX_LIES;
use crate::world::World;
use ztor_base::{Duration, Instant};

/// Time after which a silent connection is closed.
const SILENCE: Duration = Duration::from_secs(130);
/// Maximum time before a failed address is tried again.
const RETRY: Duration = Duration::from_secs(120);
/// Timeout of an attempt to connect.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// Number of simultaneous attempts to connect.
const HALF_OPEN: usize = 60;
/// Maximum wait for a block that does not arrive.
const BLOCK: Duration = Duration::from_secs(60);
/// Maximum back-off of a failed tracker, jitter included.
const MAX_BACKOFF: Duration = Duration::from_secs(4500);
/// Time until the next tracker is asked as well, and timeout of a request.
const TRACKER: Duration = Duration::from_secs(40);
/// Shortest interval of a tracker that the engine honours.
const LEAST_INTERVAL_S: u64 = 60;
/// Time for which a seed serves one peer in a slot, before the next one.
const TURN: Duration = Duration::from_secs(60);
/// Number of pieces that a seed serves one peer in a slot, before the next one.
const TURN_PIECES: u64 = 20;

impl World {
    /// Returns the time after the last fault in which every honest client must finish.
    pub(crate) fn liveness_bound(&self, healed: Instant) -> Duration {
        self.waits(healed) + self.transfer() + self.turns()
    }

    /// Returns the time in which every client finds a useful peer.
    fn waits(&self, healed: Instant) -> Duration {
        let intervals = self.trackers.iter().map(|t| u64::from(t.interval_s()).max(LEAST_INTERVAL_S));
        let interval = intervals.max().unwrap_or(0);
        // Waits double, so the last one is at most twice as long as all faults.
        let trouble = healed.since(Instant::ZERO) * 2;
        let trackers =
            Duration::from_secs(interval) + trouble.min(MAX_BACKOFF) + TRACKER * self.trackers.len() as u32;
        // Each wrong address may be tried before the right one, and four times before it is dropped.
        let lies = self.trackers.iter().filter(|t| t.lies()).count() * (MAX_LIES + self.nodes.len());
        let places =
            self.nodes.iter().map(|n| n.settings.max_peers.min(n.settings.max_peers_per_torrent)).min();
        let at_once = HALF_OPEN.min(places.unwrap_or(1) / 2).max(1);
        let calls = HANDSHAKE * (4 * (self.net.hosts() + lies)).div_ceil(at_once) as u32;
        SILENCE + RETRY + trackers + calls + BLOCK * (1 + self.actors.len() as u32)
    }

    /// Returns the time to send all missing bytes through the line of the slowest seed, twice because of waste, and
    /// shared with peers that download without uploading.
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
        // Loss, and a window that is small for the latency, make a stream slower.
        let slowed = 4;
        Duration::from_secs(slowed * (2 * missing / up.max(1) + 2 * self.content.len() / down.max(1)))
    }

    /// Returns the time in which every peer has had enough turns at the slots of one seed.
    fn turns(&self) -> Duration {
        let slots = self.nodes.iter().map(|node| node.settings.upload_slots).min().unwrap_or(1).max(1) as u64;
        let rounds = (self.nodes.len() + self.actors.len()) as u64;
        let needed = u64::from(self.content.pieces()).div_ceil(TURN_PIECES).max(1);
        TURN * (rounds.div_ceil(slots) * needed) as u32
    }
}
