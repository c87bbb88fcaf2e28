//! Upload slots: those of a torrent, and those of all torrents together.
//!
//! A slot is an unchoked peer. All served peers share the upload rate, so their number must not grow with the number of
//! torrents: each would get too little to be of use. While no torrent waits for a slot, each may take all free ones.
//! While some wait, the others give back slots beyond their share, and those of peers that had their turn. The waiting
//! torrents take them in order.

use crate::config::Config;
use std::collections::BTreeSet;
use ztor_base::Instant;

/// Least number of slots of a download: one for a peer that gives, and one to find another. Without upload there is no
/// download.
const LEAST_OF_DOWNLOAD: usize = 2;

/// The slots of all torrents.
#[derive(Debug, Default)]
pub(crate) struct UploadSlots {
    /// Number of unchoked peers.
    used: usize,
    /// Number of unchoked peers that are served fast.
    good: usize,
    /// Number of torrents with interested peers.
    active: usize,
    /// Numbers of the torrents with interested peers and no slot, in the order in which they started to wait.
    waiting: BTreeSet<u64>,
    waited: u64,
}

/// The slots of a torrent.
#[derive(Debug)]
pub(super) struct Slots {
    /// Number of peers that are interested in our pieces.
    interested: u32,
    /// Number of unchoked peers, and of those served fast at the last round.
    used: usize,
    good: usize,
    /// Its number in [`UploadSlots::waiting`]; `None` if it does not wait.
    waits: Option<u64>,
    pub(super) choke_at: Instant,
    pub(super) optimistic_at: Instant,
    /// Number of rounds with debtors among the peers.
    pub(super) rounds: u32,
    /// Set when a slot may be free, or is held by a peer without use for it.
    pub(super) changed: bool,
}

/// Slots that a torrent may have now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) count: usize,
    /// True if other torrents wait, so that peers that had their turn lose their slots.
    pub(super) others_wait: bool,
}

impl UploadSlots {
    /// Returns the number of slots, which grows with the number of peers served fast.
    fn total(&self, config: &Config) -> usize {
        config.session_upload_slots.max(self.good + 1 + self.good / 4)
    }
}

impl Slots {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            interested: 0,
            used: 0,
            good: 0,
            waits: None,
            choke_at: now,
            optimistic_at: now,
            rounds: 0,
            changed: false,
        }
    }

    /// Returns the time of the next round; `None` if no peer is interested.
    pub(super) fn choke_at(&self) -> Option<Instant> {
        (self.interested > 0).then_some(self.choke_at)
    }

    /// Records a change of a peer's interest.
    pub(super) fn interest(&mut self, all: &mut UploadSlots, is_interested: bool, was: bool) {
        let before = self.interested > 0;
        self.interested = self.interested + u32::from(is_interested) - u32::from(was);
        match (before, self.interested > 0) {
            (false, true) => all.active += 1,
            (true, false) => {
                all.active -= 1;
                self.stop_waiting(all);
            }
            _ => {}
        }
    }

    /// Records that a peer was choked or unchoked.
    pub(super) fn choked(&mut self, all: &mut UploadSlots, is_choked: bool) {
        if is_choked {
            self.used -= 1;
            all.used -= 1;
        } else {
            self.used += 1;
            all.used += 1;
        }
    }

    pub(super) fn on_peer_gone(&mut self, all: &mut UploadSlots, was_choked: bool, was_interested: bool) {
        if !was_choked {
            self.changed = true;
            self.choked(all, true);
        }
        self.interest(all, false, was_interested);
        if self.used == 0 {
            self.served_fast(all, 0);
        }
    }

    /// Records the number of peers that were served fast since the last round.
    pub(super) fn served_fast(&mut self, all: &mut UploadSlots, good: usize) {
        all.good = all.good + good - self.good;
        self.good = good;
    }

    /// Returns the slots that the torrent may have now.
    pub(super) fn allowance(&self, all: &UploadSlots, config: &Config, is_seeding: bool) -> Allowance {
        let free = all.total(config).saturating_sub(all.used);
        let others_wait = all.waiting.len() > usize::from(self.waits.is_some());
        let count = match self.waits {
            _ if all.active <= 1 => usize::MAX,
            _ if !others_wait => self.used + free,
            Some(place) => {
                let before = all.waiting.range(..place).count();
                free.saturating_sub(before).min(self.share(all, config))
            }
            None => self.used.min(self.share(all, config)),
        };
        Allowance { count: if is_seeding { count } else { count.max(LEAST_OF_DOWNLOAD) }, others_wait }
    }

    fn share(&self, all: &UploadSlots, config: &Config) -> usize {
        (all.total(config) / all.active.max(1)).max(1)
    }

    /// Ends a round: a torrent without a slot waits for one.
    pub(super) fn round_is_over(&mut self, all: &mut UploadSlots) {
        if self.used > 0 || self.interested == 0 {
            self.stop_waiting(all);
        } else if self.waits.is_none() {
            all.waited += 1;
            all.waiting.insert(all.waited);
            self.waits = Some(all.waited);
        }
    }

    fn stop_waiting(&mut self, all: &mut UploadSlots) {
        if let Some(place) = self.waits.take() {
            all.waiting.remove(&place);
        }
    }
}

#[cfg(test)]
impl Slots {
    pub(super) fn check(&self, interested: usize, unchoked: usize) {
        assert_eq!((self.interested as usize, self.used), (interested, unchoked));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ztor_base::PeerId;

    fn config() -> Config {
        Config { session_upload_slots: 4, ..Config::new(PeerId::from_random([1; 12]), 1) }
    }

    /// Makes torrents with interested peers.
    fn torrents(count: usize, all: &mut UploadSlots) -> Vec<Slots> {
        let mut torrents: Vec<Slots> = (0..count).map(|_| Slots::new(Instant::ZERO)).collect();
        torrents.iter_mut().for_each(|slots| (0..10).for_each(|_| slots.interest(all, true, false)));
        torrents
    }

    /// Runs a round of a torrent, which takes all slots that it may.
    fn round(number: usize, torrents: &mut [Slots], all: &mut UploadSlots) {
        let slots = &mut torrents[number];
        let count = slots.allowance(all, &config(), true).count.min(10);
        while slots.used > count {
            slots.choked(all, true);
        }
        while slots.used < count {
            slots.choked(all, false);
        }
        slots.round_is_over(all);
    }

    #[test]
    fn slots_of_a_single_torrent_are_unbounded() {
        let mut all = UploadSlots::default();
        let mut torrents = torrents(1, &mut all);
        round(0, &mut torrents, &mut all);
        assert_eq!((torrents[0].used, all.used), (10, 10));
    }

    #[test]
    fn slots_of_two_torrents_are_shared_evenly() {
        let mut all = UploadSlots::default();
        let mut torrents = torrents(2, &mut all);
        round(0, &mut torrents, &mut all);
        assert_eq!(torrents[0].used, 4, "all free ones, as no torrent waits");
        round(1, &mut torrents, &mut all);
        assert_eq!(torrents[1].used, 0);
        (0..2).for_each(|number| round(number, &mut torrents, &mut all));
        assert_eq!((torrents[0].used, torrents[1].used), (2, 2), "half each");
        assert!(all.waiting.is_empty());
    }

    #[test]
    fn slots_of_many_torrents_stay_bounded_and_rotate() {
        let mut all = UploadSlots::default();
        let mut torrents = torrents(100, &mut all);
        let mut had = BTreeSet::new();
        for turn in 0..120 {
            (0..100).for_each(|number| round(number, &mut torrents, &mut all));
            assert!(all.used <= 4, "{} slots", all.used);
            had.extend((0..100).filter(|number| torrents[*number].used > 0));
            // One of the served torrents has had its turn.
            let mut in_turn = (0..100).map(|number| (number + turn) % 100);
            let served = in_turn.find(|number| torrents[*number].used > 0);
            assert!(served.is_some(), "a torrent is served");
            if let Some(number) = served {
                torrents[number].choked(&mut all, true);
                torrents[number].round_is_over(&mut all);
            }
        }
        assert_eq!(had.len(), 100, "each had one");
    }

    #[test]
    fn slots_after_all_peers_are_gone_are_zero() {
        let mut all = UploadSlots::default();
        let mut torrents = torrents(3, &mut all);
        (0..3).for_each(|number| round(number, &mut torrents, &mut all));
        for slots in &mut torrents {
            slots.served_fast(&mut all, slots.used);
            for _ in 0..10 {
                let was_choked = slots.used == 0;
                slots.on_peer_gone(&mut all, was_choked, true);
            }
        }
        assert_eq!((all.used, all.active, all.good, all.waiting.len()), (0, 0, 0, 0));
    }
}
