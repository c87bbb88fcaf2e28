//! State of a lookup: its purpose and its results.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ztor_base::{Duration, Instant};

use crate::krpc::Method;
use crate::search::Search;
use crate::{Announce, Bloom, Family, Item, LookupId, NodeId, PerFamily, Summary};

/// Duration after which a lookup ends its search, done or not.
pub(crate) const LONGEST: Duration = Duration::from_secs(120);
/// Maximum number of peers reported in one lookup.
const MAX_PEERS: usize = 5000;
/// Maximum number of nodes whose filters go into a scrape.
const MAX_SCRAPED: usize = 64;

#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) id: LookupId,
    pub(crate) target: NodeId,
    pub(crate) job: Job,
    /// `None` in families that it does not search.
    pub(crate) searches: PerFamily<Option<Search>>,
    pub(crate) began: Instant,
    /// Announces and puts without a response; `None` during the search.
    pub(crate) storing: Option<usize>,
    pub(crate) stored: usize,
    /// Error code of the newest refusal of an announce or put; `None` without one.
    pub(crate) refused: Option<i64>,
    pub(crate) messages: usize,
    told: BTreeSet<SocketAddr>,
}

/// Purpose of a lookup.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    /// The nearest nodes, for the owner.
    Nodes,
    /// Bootstrap in a family's network, or refresh of a part of the table.
    Upkeep {
        family: Family,
        is_bootstrap: bool,
    },
    Peers {
        announce: Option<Announce>,
    },
    Scrape(Box<Scrape>),
    Get {
        salt: Vec<u8>,
        best: Option<Item>,
    },
    Put {
        item: Item,
        cas: Option<i64>,
        /// The newest version that was found; `None` without one, or if the item is immutable.
        best: Option<Item>,
    },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Scrape {
    pub(crate) seeds: Bloom,
    pub(crate) peers: Bloom,
    pub(crate) nodes: usize,
}

impl Lookup {
    pub(crate) fn new(id: LookupId, target: NodeId, job: Job, now: Instant) -> Self {
        Self {
            id,
            target,
            job,
            searches: PerFamily::default(),
            began: now,
            storing: None,
            stored: 0,
            refused: None,
            messages: 0,
            told: BTreeSet::new(),
        }
    }

    /// Returns true if the owner knows of it.
    pub(crate) fn is_owners(&self) -> bool {
        !matches!(self.job, Job::Upkeep { .. })
    }

    pub(crate) fn search_mut(&mut self, family: Family) -> Option<&mut Search> {
        self.searches[family].as_mut()
    }

    pub(crate) fn is_searched(&self) -> bool {
        Family::ALL.iter().all(|family| self.searches[*family].as_ref().is_none_or(Search::is_done))
    }

    /// Returns the query for each node.
    pub(crate) fn method(&self) -> Method {
        let target = self.target;
        match &self.job {
            Job::Nodes | Job::Upkeep { .. } => Method::FindNode { target },
            Job::Peers { announce } => Method::GetPeers {
                info_hash: target,
                // A seed has no use for other seeds.
                no_seed: announce.as_ref().is_some_and(|announce| announce.is_seed),
                scrape: false,
            },
            Job::Scrape(_) => Method::GetPeers { info_hash: target, no_seed: false, scrape: true },
            Job::Get { .. } | Job::Put { .. } => Method::Get { target, seq: None },
        }
    }

    /// Returns those of these peers that were not reported before.
    pub(crate) fn new_peers(&mut self, peers: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
        let told = &mut self.told;
        peers.into_iter().filter(|peer| told.len() < MAX_PEERS && told.insert(*peer)).collect()
    }

    pub(crate) fn summary(&self, now: Instant) -> Summary {
        let mut summary = Summary {
            messages: self.messages,
            announced: self.stored,
            took: now.since(self.began),
            ..Summary::default()
        };
        for search in Family::ALL.iter().filter_map(|family| self.searches[*family].as_ref()) {
            summary.nodes_asked += search.asked;
            summary.nodes_answered += search.answered;
        }
        summary
    }
}

impl Scrape {
    /// Adds a node's filters, or its peers if it sent no filters (BEP 33).
    pub(crate) fn add(&mut self, seeds: Option<&Bloom>, peers: Option<&Bloom>, values: &[SocketAddr]) {
        if self.nodes >= MAX_SCRAPED || seeds.is_none() && peers.is_none() && values.is_empty() {
            return;
        }
        self.nodes += 1;
        // A filter with more peers than any store holds is forged and would drown the rest.
        let honest = |bloom: &&Bloom| bloom.estimate() < 6000.0;
        seeds.filter(honest).into_iter().for_each(|seeds| self.seeds.union(seeds));
        peers.filter(honest).into_iter().for_each(|peers| self.peers.union(peers));
        if seeds.is_none() && peers.is_none() {
            let unseen = values.iter().map(SocketAddr::ip).filter(|ip| !self.seeds.contains(*ip));
            unseen.collect::<Vec<_>>().into_iter().for_each(|ip| self.peers.insert(ip));
        }
    }
}
