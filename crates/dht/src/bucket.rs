//! Buckets: nodes that share a part of the id space.

use std::net::SocketAddr;

use ztor_base::addr::is_local;
use ztor_base::{Duration, Instant};

use crate::addr::Subnet;
use crate::{Contact, K};

/// Time for which a node is good after its newest message (BEP 5).
pub(crate) const FRESH: Duration = Duration::from_secs(15 * 60);
/// Consecutive unanswered queries that make a node bad.
const BAD_FAILURES: u8 = 2;
/// Consecutive unanswered queries after which a bad node is removed even without a replacement.
const LAST_FAILURE: u8 = 5;

/// A node that has responded at least once.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) contact: Contact,
    /// Time of its newest response.
    replied: Instant,
    /// Time of its newest query; `None` before the first.
    queried: Option<Instant>,
    /// Unanswered queries since its newest response.
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

    /// Returns the time of its newest message.
    pub(crate) fn seen(&self) -> Instant {
        self.queried.map_or(self.replied, |queried| queried.max(self.replied))
    }

    /// Returns true if it left the newest query unanswered.
    pub(crate) fn is_silent(&self) -> bool {
        self.failures > 0
    }

    fn fits(&self) -> bool {
        self.contact.id.fits(self.contact.addr.ip())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// At most [`K`] nodes, of a subnet at most one.
    pub(crate) nodes: Vec<Node>,
    /// Nodes that replace those that are removed: at most [`K`], the newest last.
    pub(crate) spares: Vec<Node>,
    /// Time of the last insertion or refresh.
    pub(crate) changed: Instant,
}

/// Outcome of an insertion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// The node is in the bucket.
    In,
    /// The bucket is full of nodes that are no worse.
    Full,
    /// A node of its subnet or with its id is in the bucket.
    Crowded,
}

impl Bucket {
    pub(crate) fn new(now: Instant) -> Self {
        Self { nodes: Vec::new(), spares: Vec::new(), changed: now }
    }

    pub(crate) fn node_mut(&mut self, contact: Contact) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|node| node.contact == contact)
    }

    /// Notes a response. Returns false if the node is not in the bucket.
    pub(crate) fn replied(&mut self, now: Instant, contact: Contact) -> bool {
        self.spares.iter_mut().filter(|spare| spare.contact == contact).for_each(|spare| spare.replied = now);
        let Some(node) = self.node_mut(contact) else { return false };
        node.replied = now;
        node.failures = 0;
        true
    }

    /// Notes a query from a node. Returns false if the node is not in the bucket.
    pub(crate) fn queried(&mut self, now: Instant, contact: Contact) -> bool {
        let Some(node) = self.node_mut(contact) else { return false };
        node.queried = Some(now);
        true
    }

    /// Inserts a node that responded and is not in the bucket.
    pub(crate) fn insert(&mut self, now: Instant, node: Node) -> Entry {
        let subnet = Subnet::of(node.contact.addr);
        let is_rival =
            |other: &Node| other.contact.id == node.contact.id || Subnet::of(other.contact.addr) == subnet;
        let mut rivals = self.nodes.iter().filter(|other| is_rival(other)).peekable();
        if rivals.peek().is_some() {
            // A present node stays unless it is silent. Otherwise its neighbours could drive it out. There can be two: one of
            // the id and one of the subnet.
            if !rivals.all(Node::is_silent) {
                return Entry::Crowded;
            }
            self.nodes.retain(|other| !is_rival(other));
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

    /// Keeps a node as a replacement.
    pub(crate) fn keep_spare(&mut self, node: Node) {
        let subnet = Subnet::of(node.contact.addr);
        self.spares
            .retain(|other| other.contact.id != node.contact.id && Subnet::of(other.contact.addr) != subnet);
        if self.spares.len() >= K {
            self.spares.remove(0);
        }
        self.spares.push(node);
    }

    /// Notes an unanswered query. A bad node is replaced by a spare.
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

    /// Removes a node. A spare takes its place.
    pub(crate) fn remove(&mut self, now: Instant, contact: Contact) {
        self.spares.retain(|spare| spare.contact != contact);
        let before = self.nodes.len();
        self.nodes.retain(|node| node.contact != contact);
        if self.nodes.len() < before {
            self.promote(now);
        }
    }

    /// Drops spares at the address of a node that responded, since one address is one node.
    pub(crate) fn drop_spares_at(&mut self, addr: SocketAddr) {
        self.spares.retain(|spare| !same_place(spare.contact.addr, addr));
    }

    /// Fills free places from the spares, the newest first. Spares are not checked, so old ones are dropped.
    pub(crate) fn promote(&mut self, now: Instant) {
        while self.nodes.len() < K {
            let Some(spare) = self.spares.pop() else { return };
            if spare.is_good(now) {
                self.insert(now, spare);
            }
        }
    }

    /// Returns the questionable node whose newest message is the oldest.
    pub(crate) fn questionable(&self, now: Instant) -> Option<&Node> {
        self.nodes.iter().filter(|node| !node.is_good(now)).min_by_key(|node| node.seen())
    }

    /// Returns the index of the node that `newcomer` replaces in a full bucket: a bad one, if there is any. A newcomer
    /// whose id fits its address may also replace a node whose id does not (BEP 42).
    fn worst(&self, now: Instant, newcomer: &Node) -> Option<usize> {
        let mut nodes = self.nodes.iter().enumerate();
        if let Some((bad, _)) = nodes.find(|(_, node)| node.is_bad()) {
            return Some(bad);
        }
        let misfits = self.nodes.iter().enumerate().filter(|(_, node)| newcomer.fits() && !node.fits());
        misfits.min_by_key(|(_, node)| (node.is_good(now), node.seen())).map(|(index, _)| index)
    }

    /// Returns the node that has the same address, at another port or under another id.
    pub(crate) fn rival_of(&self, contact: Contact) -> Option<&Node> {
        let mut nodes = self.nodes.iter();
        nodes.find(|node| node.contact != contact && same_place(node.contact.addr, contact.addr))
    }
}

/// Returns true if two sockets count as one. On a local address several nodes may run, each with its port.
fn same_place(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip() == b.ip() && (!is_local(a.ip()) || a.port() == b.port())
}
