//! Figures of a run.

use ztor_dht::Summary;

/// Minimum share of lookups that find a peer, in thousandths.
const WANTED_PER_MILLE: usize = 990;

#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) datagrams: u64,
    pub(super) joined: usize,
    pub(super) left: usize,
    /// Number of ended lookups, including those without a peer to find.
    pub(super) ended: usize,
    /// Lookups with a peer to find: true if it was found.
    pub(super) lookups: Vec<(bool, Summary)>,
    pub(super) announces: Vec<Summary>,
}

impl Figures {
    fn found(&self) -> usize {
        self.lookups.iter().filter(|(found, _)| *found).count()
    }

    /// Returns the violated requirement, if any.
    pub(super) fn fault(&self) -> Option<String> {
        let (found, all) = (self.found(), self.lookups.len());
        if all == 0 {
            return Some("no lookup had a peer to find".to_owned());
        }
        (found * 1000 < all * WANTED_PER_MILLE).then(|| format!("only {found} of {all} lookups found a peer"))
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let lookups = || self.lookups.iter().map(|(_, summary)| summary);
        let all = self.lookups.len();
        vec![
            format!("{} of {all} lookups found a peer, {} announces", self.found(), self.announces.len()),
            spread("messages of a lookup", lookups().map(|s| s.messages)),
            spread("nodes asked", lookups().map(|s| s.nodes_asked)),
            spread("nodes that answered", lookups().map(|s| s.nodes_answered)),
            spread("ms of a lookup", lookups().map(|s| s.took.as_millis() as usize)),
            spread("messages of an announce", self.announces.iter().map(|s| s.messages)),
            spread("nodes that took an announce", self.announces.iter().map(|s| s.announced)),
            format!("{} nodes joined, {} left, {} datagrams", self.joined, self.left, self.datagrams),
        ]
    }
}

fn spread(name: &str, numbers: impl Iterator<Item = usize>) -> String {
    let mut numbers: Vec<usize> = numbers.collect();
    numbers.sort_unstable();
    let at = |share: usize| numbers.get(numbers.len() * share / 100).copied().unwrap_or(0);
    let mean = numbers.iter().sum::<usize>() as f64 / numbers.len().max(1) as f64;
    let most = numbers.last().copied().unwrap_or(0);
    format!("{name}: mean {mean:.1}, median {}, 99 % below {}, max {most}", at(50), at(99))
}
