//! Setups of the networks, and their initial population.

use super::place::{anywhere, beside, nearest_fitting};
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Runs 2,000 honest and 220 hostile nodes with constant churn.
pub(crate) fn of_2000(rng: Rng, is_loud: bool) -> Outcome {
    let setup = Setup {
        honest: 2000,
        hostile: 220,
        sybils: 0,
        sybil_subnets: 0,
        torrents: 200,
        peers: 2,
        lookups: 600,
        half_life: 40 * MINUTE,
        joined: 5 * MINUTE,
        settled: 8 * MINUTE,
        looking: (11 * MINUTE, 30 * MINUTE),
    };
    DhtWorld::play(setup, rng, is_loud)
}

/// Runs 200 honest and 22 hostile nodes with constant churn.
pub(crate) fn of_200(rng: Rng, is_loud: bool) -> Outcome {
    let setup = Setup {
        honest: 200,
        hostile: 22,
        sybils: 0,
        sybil_subnets: 0,
        torrents: 30,
        peers: 2,
        lookups: 100,
        half_life: 40 * MINUTE,
        joined: 2 * MINUTE,
        settled: 4 * MINUTE,
        looking: (6 * MINUTE, 15 * MINUTE),
    };
    DhtWorld::play(setup, rng, is_loud)
}

/// Runs 1,000 honest nodes, and 400 hostile identities of six /24s around one torrent.
pub(crate) fn against_sybils(rng: Rng, is_loud: bool) -> Outcome {
    let setup = Setup {
        honest: 1000,
        hostile: 0,
        sybils: 400,
        sybil_subnets: 6,
        torrents: 1,
        peers: 3,
        lookups: 300,
        half_life: 60 * MINUTE,
        joined: 4 * MINUTE,
        settled: 7 * MINUTE,
        looking: (10 * MINUTE, 30 * MINUTE),
    };
    DhtWorld::play(setup, rng, is_loud)
}

impl DhtWorld {
    pub(super) fn populate(&mut self) {
        let setup = self.setup.clone();
        for _ in 0..ROUTERS {
            self.add_honest(None);
        }
        for _ in 0..setup.honest {
            let at = self.within(Duration::ZERO, setup.joined);
            self.plan(at, Task::Join);
        }
        self.torrents = (0..setup.torrents)
            .map(|_| Torrent { info_hash: *anywhere(&mut self.rng).as_bytes(), peers: Vec::new() })
            .collect();
        for torrent in 0..setup.torrents {
            for _ in 0..self.rng.usize(1..=setup.peers) {
                let at = self.within(setup.settled, setup.looking.0);
                self.plan(at, Task::Announce { torrent, host: None });
            }
        }
        for _ in 0..setup.lookups {
            let at = self.within(setup.looking.0, setup.looking.1);
            let torrent = self.rng.usize(..setup.torrents);
            self.plan(at, Task::LookUp(torrent));
        }
        for number in 0..setup.hostile {
            let addr = self.land.settle(&mut self.rng);
            // Nodes with valid ids are trusted more.
            let anywhere = anywhere(&mut self.rng);
            let id = nearest_fitting(addr, anywhere, &mut self.rng);
            let malice = Malice::ALL[number % Malice::ALL.len()];
            self.add_hostile(addr, Who::Hostile(Hostile { id, malice }), id);
        }
        self.add_sybils(setup.sybils, setup.sybil_subnets);
    }

    /// Adds hostile identities around the first torrent. Half of them have the best id that is valid for their address,
    /// the others an id next to the target.
    fn add_sybils(&mut self, count: usize, subnets: usize) {
        let Some(target) = self.torrents.first().map(|torrent| NodeId::new(torrent.info_hash)) else {
            return;
        };
        let subnets: Vec<_> = (0..subnets).map(|_| Land::subnet(&mut self.rng)).collect();
        for number in 0..count {
            let subnet = subnets[number % subnets.len()];
            let Some(addr) = self.land.settle_in(subnet, &mut self.rng) else { continue };
            let fitting = nearest_fitting(addr, target, &mut self.rng);
            let id = if number / subnets.len() % 2 == 0 { fitting } else { beside(target, &mut self.rng) };
            self.add_hostile(addr, Who::Sybil(Hostile { id, malice: Malice::Clique }), id);
        }
    }

    fn add_hostile(&mut self, addr: SocketAddr, who: Who, id: NodeId) {
        let clique = match who {
            Who::Sybil(_) => &mut self.cliques.sybils,
            _ => &mut self.cliques.hostile,
        };
        clique.push(Contact { id, addr });
        let index = self.add(addr, who);
        // They join over the same time as honest nodes. Otherwise they would fill the routers' tables first.
        self.hosts[index].is_up = false;
        let at = self.within(Duration::ZERO, self.setup.joined);
        self.plan(at, Task::Enter(index));
    }

    fn within(&mut self, from: Duration, to: Duration) -> Instant {
        self.now + Duration::from_micros(self.rng.u64(from.as_micros() as u64..to.as_micros() as u64))
    }
}
