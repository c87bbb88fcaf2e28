//! The routing table of one family (BEP 5).

use std::net::SocketAddr;

use fastrand::Rng;
use ztor_base::{Duration, Instant};

use crate::bucket::{Bucket, Entry, Node};
use crate::{Contact, K, NodeId};

/// Time without a change after which a bucket is refreshed (BEP 5).
const REFRESH: Duration = Duration::from_secs(15 * 60);

/// Nodes that respond, many of them near to our own id and few far away. Bucket `i` has those that share exactly `i`
/// leading bits with it, and the last bucket all that share more. Only the last one is split. The table thus has at
/// most 160 × [`K`] nodes, and some 200 in a network of millions.
#[derive(Debug)]
pub(crate) struct Table {
    own: NodeId,
    /// Never empty.
    buckets: Vec<Bucket>,
}

/// Outcome of a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// The node is in the table.
    In,
    /// The node waits for a place. This one should be pinged to see if it is still alive.
    Ask(Contact),
    /// The node is not in the table.
    Out,
}

impl Table {
    pub(crate) fn new(own: NodeId, now: Instant) -> Self {
        Self { own, buckets: vec![Bucket::new(now)] }
    }

    pub(crate) fn own(&self) -> NodeId {
        self.own
    }

    /// Replaces our own id and keeps the nodes.
    pub(crate) fn move_to(&mut self, own: NodeId, now: Instant) {
        let old = std::mem::replace(self, Self::new(own, now));
        let nodes = old.buckets.into_iter().flat_map(|bucket| bucket.nodes);
        for node in nodes.filter(|node| node.contact.id != own) {
            self.admit(now, node);
        }
    }

    /// Notes a response, which is how nodes get into the table.
    pub(crate) fn replied(&mut self, now: Instant, contact: Contact) -> Heard {
        if contact.id == self.own {
            return Heard::Out;
        }
        let index = self.index(contact.id);
        if self.buckets[index].replied(now, contact) {
            return Heard::In;
        }
        if let Some(rival) = self.buckets.iter().find_map(|bucket| bucket.rival_of(contact)) {
            // The same socket under another id is a new node. Otherwise one address is one node.
            let (known, is_silent) = (rival.contact, rival.is_silent());
            if known.addr != contact.addr && !is_silent {
                return Heard::Out;
            }
            self.remove(now, known);
        }
        self.admit(now, Node::new(contact, now))
    }

    /// Notes a query from a node. Returns false if the node is not in the table.
    pub(crate) fn queried(&mut self, now: Instant, contact: Contact) -> bool {
        let index = self.index(contact.id);
        self.buckets[index].queried(now, contact)
    }

    /// Notes an unanswered query.
    pub(crate) fn failed(&mut self, now: Instant, contact: Contact) {
        let index = self.index(contact.id);
        self.buckets[index].failed(now, contact);
    }

    /// Removes a node that is not what it said.
    pub(crate) fn remove(&mut self, now: Instant, contact: Contact) {
        let index = self.index(contact.id);
        self.buckets[index].remove(now, contact);
    }

    /// Returns true if a node would find a place if it responded.
    pub(crate) fn has_room_for(&self, now: Instant, contact: Contact) -> bool {
        if contact.id == self.own || self.buckets.iter().any(|bucket| bucket.rival_of(contact).is_some()) {
            return false;
        }
        let index = self.index(contact.id);
        let bucket = &self.buckets[index];
        index + 1 == self.buckets.len() || bucket.nodes.len() < K || bucket.questionable(now).is_some()
    }

    /// Returns true if exactly this node is in the table.
    pub(crate) fn has(&self, contact: Contact) -> bool {
        self.buckets[self.index(contact.id)].nodes.iter().any(|node| node.contact == contact)
    }

    pub(crate) fn has_address(&self, addr: SocketAddr) -> bool {
        self.nodes().any(|node| node.contact.addr == addr)
    }

    /// Returns the `max` nodes nearest to `target` that are not bad; only good ones if there are enough.
    pub(crate) fn closest(&self, now: Instant, target: NodeId, max: usize) -> Vec<Contact> {
        let good = self.nodes().filter(|node| node.is_good(now)).count() >= max;
        let wanted = self.nodes().filter(|node| if good { node.is_good(now) } else { !node.is_bad() });
        let mut contacts: Vec<_> = wanted.map(|node| node.contact).collect();
        contacts.sort_by_cached_key(|contact| contact.id.distance(target));
        contacts.truncate(max);
        contacts
    }

    /// Returns the questionable node of the whole table whose newest message is the oldest. Skips nodes with a query in
    /// flight, so that a silent one does not hold up the others.
    pub(crate) fn questionable(
        &self,
        now: Instant,
        is_asked: impl Fn(SocketAddr) -> bool,
    ) -> Option<Contact> {
        let nodes = self.nodes().filter(|node| !node.is_good(now) && !is_asked(node.contact.addr));
        nodes.min_by_key(|node| node.seen()).map(|node| node.contact)
    }

    /// Returns a random id in a bucket that has not changed for [`REFRESH`], and marks the bucket as changed. Skips
    /// buckets full of good nodes.
    pub(crate) fn stale_place(&mut self, now: Instant, rng: &mut Rng) -> Option<NodeId> {
        let own = self.own;
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            if now.since(bucket.changed) < REFRESH {
                continue;
            }
            bucket.changed = now;
            if bucket.nodes.len() < K || bucket.nodes.iter().any(|node| !node.is_good(now)) {
                return Some(own.random_at(index, rng));
            }
        }
        None
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.buckets.iter().flat_map(|bucket| &bucket.nodes)
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes().count()
    }

    pub(crate) fn good_count(&self, now: Instant) -> usize {
        self.nodes().filter(|node| node.is_good(now)).count()
    }

    pub(crate) fn spare_count(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.spares.len()).sum()
    }

    fn admit(&mut self, now: Instant, node: Node) -> Heard {
        let contact = node.contact;
        for bucket in &mut self.buckets {
            bucket.drop_spares_at(contact.addr);
        }
        loop {
            let index = self.index(contact.id);
            // No two nodes share 160 bits, so the splits end.
            let may_split = index + 1 == self.buckets.len() && index + 1 < NodeId::LEN * 8;
            let bucket = &mut self.buckets[index];
            match bucket.insert(now, node.clone()) {
                Entry::In => return Heard::In,
                Entry::Crowded => return Heard::Out,
                Entry::Full if may_split => self.split(now),
                Entry::Full => {
                    bucket.keep_spare(node);
                    return bucket.questionable(now).map_or(Heard::Out, |node| Heard::Ask(node.contact));
                }
            }
        }
    }

    /// Splits the last bucket.
    fn split(&mut self, now: Instant) {
        let bits = self.buckets.len() - 1;
        let Some(last) = self.buckets.pop() else { return };
        let mut near = Bucket { changed: last.changed, ..Bucket::new(now) };
        let mut far = near.clone();
        for node in last.nodes {
            let side = if self.own.shared_bits(node.contact.id) > bits { &mut near } else { &mut far };
            side.nodes.push(node);
        }
        for node in last.spares {
            let side = if self.own.shared_bits(node.contact.id) > bits { &mut near } else { &mut far };
            side.spares.push(node);
        }
        far.promote(now);
        near.promote(now);
        self.buckets.extend([far, near]);
    }

    fn index(&self, id: NodeId) -> usize {
        self.own.shared_bits(id).min(self.buckets.len() - 1)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
