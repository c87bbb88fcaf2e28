//! Nodes that share a part of the id space with each other.

use std::net::SocketAddr;

use ztor_base::addr::is_local;
use ztor_base::{Duration, Instant};

use crate::addr::Subnet;
use crate::{Contact, K};

/// How long a node is good after it was heard of (BEP 5).
pub(crate) const FRESH: Duration = Duration::from_secs(15 * 60);
/// Unanswered questions in a row that make a node bad.
const BAD_FAILURES: u8 = 2;
/// Unanswered questions in a row after which a bad node goes even if nothing takes its place.
const LAST_FAILURE: u8 = 5;

/// A node that has answered at least once.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) contact: Contact,
    /// Its newest answer.
    replied: Instant,
    /// Its newest question.
    queried: Option<Instant>,
    /// Unanswered questions since its newest answer.
    failures: u8,
}

impl Node {
    pub(crate) fn new(contact: Contact, now: Instant) -> Self {
        Self { contact, replied: now, queried: None, failures: 0 }
    }

    pub(crate) fn is_good(&self, now: Instant) -> bool {
        self.failures == 0 && now.since(self.seen()) < FRESH
    }

    pub(crate) fn is_bad(&self) -> bool {
        self.failures >= BAD_FAILURES
    }

    /// When it was last heard of.
    pub(crate) fn seen(&self) -> Instant {
        self.queried.map_or(self.replied, |queried| queried.max(self.replied))
    }

    /// It left the newest question unanswered.
    pub(crate) fn is_silent(&self) -> bool {
        self.failures > 0
    }

    fn fits(&self) -> bool {
        self.contact.id.fits(self.contact.addr.ip())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// At most [`K`]; of a neighbourhood at most one.
    pub(crate) nodes: Vec<Node>,
    /// Nodes that would take the place of one that goes: at most [`K`], the newest last.
    pub(crate) spares: Vec<Node>,
    /// When a node came in or a lookup in this part of the space began.
    pub(crate) changed: Instant,
}

/// What became of a node that was to get into a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// It is in.
    In,
    /// There is no room: the bucket is full of nodes that are no worse.
    Full,
    /// A node of its neighbourhood is in.
    Crowded,
}

impl Bucket {
    pub(crate) fn new(now: Instant) -> Self {
        Self { nodes: Vec::new(), spares: Vec::new(), changed: now }
    }

    pub(crate) fn node_mut(&mut self, contact: Contact) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|node| node.contact == contact)
    }

    /// Notes an answer of a node that is in. False if it isn't.
    pub(crate) fn replied(&mut self, now: Instant, contact: Contact) -> bool {
        self.spares.iter_mut().filter(|spare| spare.contact == contact).for_each(|spare| spare.replied = now);
        let Some(node) = self.node_mut(contact) else { return false };
        node.replied = now;
        node.failures = 0;
        true
    }

    /// Notes a question of a node that is in. False if it isn't.
    pub(crate) fn queried(&mut self, now: Instant, contact: Contact) -> bool {
        let Some(node) = self.node_mut(contact) else { return false };
        node.queried = Some(now);
        true
    }

    /// Lets a node in that just answered and isn't in yet.
    pub(crate) fn insert(&mut self, now: Instant, node: Node) -> Entry {
        let subnet = Subnet::of(node.contact.addr);
        let rival = self.nodes.iter().position(|other| {
            other.contact.id == node.contact.id || Subnet::of(other.contact.addr) == subnet
        });
        if let Some(rival) = rival {
            // Whoever is in stays, or its neighbours could drive it out; unless it has gone silent.
            if !self.nodes[rival].is_silent() {
                return Entry::Crowded;
            }
            self.nodes.remove(rival);
        } else if self.nodes.len() >= K {
            match self.worst(now, &node) {
                Some(worst) => drop(self.nodes.remove(worst)),
                None => return Entry::Full,
            }
        }
        self.spares.retain(|spare| spare.contact.id != node.contact.id);
        self.nodes.push(node);
        self.changed = now;
        Entry::In
    }

    /// Keeps a node for when another one goes.
    pub(crate) fn keep_spare(&mut self, node: Node) {
        let subnet = Subnet::of(node.contact.addr);
        self.spares
            .retain(|other| other.contact.id != node.contact.id && Subnet::of(other.contact.addr) != subnet);
        if self.spares.len() >= K {
            self.spares.remove(0);
        }
        self.spares.push(node);
    }

    /// Notes that a node did not answer. One that is bad is replaced by a spare.
    pub(crate) fn failed(&mut self, now: Instant, contact: Contact) {
        self.spares.retain(|spare| spare.contact != contact);
        let Some(index) = self.nodes.iter().position(|node| node.contact == contact) else { return };
        let node = &mut self.nodes[index];
        node.failures = node.failures.saturating_add(1);
        if node.failures >= LAST_FAILURE || node.is_bad() && !self.spares.is_empty() {
            self.nodes.remove(index);
            self.promote(now);
        }
    }

    /// Removes a node, whose place a spare takes.
    pub(crate) fn remove(&mut self, now: Instant, contact: Contact) {
        self.spares.retain(|spare| spare.contact != contact);
        let before = self.nodes.len();
        self.nodes.retain(|node| node.contact != contact);
        if self.nodes.len() < before {
            self.promote(now);
        }
    }

    /// One address is one node, so a spare there makes way for the node that is heard of now.
    pub(crate) fn drop_spares_at(&mut self, addr: SocketAddr) {
        self.spares.retain(|spare| !same_place(spare.contact.addr, addr));
    }

    /// Fills free places from the spares, the newest first. Nobody looks after spares, so old ones are worth nothing.
    pub(crate) fn promote(&mut self, now: Instant) {
        while self.nodes.len() < K {
            let Some(spare) = self.spares.pop() else { return };
            if spare.is_good(now) {
                self.insert(now, spare);
            }
        }
    }

    /// The questionable node that was not heard of for the longest.
    pub(crate) fn questionable(&self, now: Instant) -> Option<&Node> {
        self.nodes.iter().filter(|node| !node.is_good(now)).min_by_key(|node| node.seen())
    }

    /// The node of a full bucket that gives its place to `newcomer`: a bad one, or, if the newcomer's id fits its
    /// address, one whose id doesn't (BEP 42).
    fn worst(&self, now: Instant, newcomer: &Node) -> Option<usize> {
        let mut nodes = self.nodes.iter().enumerate();
        if let Some((bad, _)) = nodes.find(|(_, node)| node.is_bad()) {
            return Some(bad);
        }
        let misfits = self.nodes.iter().enumerate().filter(|(_, node)| newcomer.fits() && !node.fits());
        misfits.min_by_key(|(_, node)| (node.is_good(now), node.seen())).map(|(index, _)| index)
    }

    /// The node in here that has the same address, at another port or under another id.
    pub(crate) fn rival_of(&self, contact: Contact) -> Option<&Node> {
        let mut nodes = self.nodes.iter();
        nodes.find(|node| node.contact != contact && same_place(node.contact.addr, contact.addr))
    }
}

/// Whether two sockets count as one. On one machine at home several nodes may run, each with its port.
fn same_place(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip() == b.ip() && (!is_local(a.ip()) || a.port() == b.port())
}
