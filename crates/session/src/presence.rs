//! The torrents of a session whose files are in use. One that is added again must not be taken for one that a crash has
//! interrupted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use ztor_base::SwarmId;
use ztor_metainfo::InfoHashes;

/// Torrents by their swarms.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// True for a torrent of the session, false for a removed one with jobs that are not over.
    seats: Mutex<HashMap<SwarmId, Arc<AtomicBool>>>,
    /// Notified when a torrent has left.
    left: Condvar,
}

/// Presence of one torrent. It ends when all jobs with its files are over.
#[derive(Debug)]
pub(crate) struct Seat {
    presence: Arc<Presence>,
    swarms: Vec<SwarmId>,
    is_member: Arc<AtomicBool>,
}

/// Reason why a torrent cannot be present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occupied {
    /// It is in the session, or is being added.
    ByMember,
    /// It was removed, and its jobs were not over in time.
    ByLeaver,
}

impl Presence {
    /// Makes a torrent present. Waits for a removed one to leave, at most for `patience`.
    pub(crate) fn enter(
        self: &Arc<Self>,
        info_hashes: &InfoHashes,
        patience: Duration,
    ) -> Result<Arc<Seat>, Occupied> {
        let swarms: Vec<SwarmId> = info_hashes.swarm_ids().collect();
        let until = Instant::now() + patience;
        let mut seats = self.seats();
        while let Some(other) = swarms.iter().find_map(|swarm| seats.get(swarm)) {
            if other.load(Ordering::Relaxed) {
                return Err(Occupied::ByMember);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Occupied::ByLeaver);
            }
            (seats, _) = self.left.wait_timeout(seats, left).unwrap_or_else(PoisonError::into_inner);
        }
        let is_member = Arc::new(AtomicBool::new(true));
        seats.extend(swarms.iter().map(|swarm| (*swarm, Arc::clone(&is_member))));
        Ok(Arc::new(Seat { presence: Arc::clone(self), swarms, is_member }))
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<SwarmId, Arc<AtomicBool>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Records that the torrent is removed. It leaves when the last owner of the seat drops it.
    pub(crate) fn leave(&self) {
        self.is_member.store(false, Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.presence.seats();
        self.swarms.iter().for_each(|swarm| drop(seats.remove(swarm)));
        drop(seats);
        self.presence.left.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use ztor_metainfo::{InfoHashV1, InfoHashV2};

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn enter_of_a_torrent_with_a_swarm_in_common_is_refused_until_the_first_has_left() {
        let presence = Arc::new(Presence::default());
        let (v1, v2) = (InfoHashV1::new([1; 20]), InfoHashV2::new([2; 32]));
        let hybrid = presence.enter(&InfoHashes::Hybrid(v1, v2), LONG).unwrap();
        for other in [InfoHashes::V1(v1), InfoHashes::V2(v2), InfoHashes::Hybrid(v1, v2)] {
            assert_eq!(presence.enter(&other, LONG).unwrap_err(), Occupied::ByMember);
        }
        let _other = presence.enter(&InfoHashes::V1(InfoHashV1::new([3; 20])), LONG).unwrap();
        hybrid.leave();
        let early = presence.enter(&InfoHashes::V2(v2), Duration::ZERO);
        assert_eq!(early.unwrap_err(), Occupied::ByLeaver);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| presence.enter(&InfoHashes::V1(v1), LONG));
            drop(hybrid);
            drop(waiting.join().unwrap().unwrap());
        });
        assert_eq!(presence.seats().len(), 1);
    }
}
