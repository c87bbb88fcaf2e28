//! The routing table of one family (BEP 5).

use std::net::SocketAddr;

use fastrand::Rng;
use ztor_base::{Duration, Instant};

use crate::bucket::{Bucket, Entry, Node};
use crate::{Contact, K, NodeId};

/// How long a bucket may stay as it is before its part of the space is looked up (BEP 5).
const REFRESH: Duration = Duration::from_secs(15 * 60);

/// Nodes that answer, many of them near to the own id and few far away: bucket `i` has those that share exactly
/// `i` leading bits with it, and the last one all that share more. Only the last one is ever split, so that the
/// table has at most 160 × [`K`] nodes, and in a network of millions some 200.
#[derive(Debug)]
pub(crate) struct Table {
    own: NodeId,
    /// Never empty.
    buckets: Vec<Bucket>,
}

/// What came of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// The node is in the table.
    In,
    /// It waits for a place; this one should be asked whether it is still there.
    Ask(Contact),
    /// It is not in the table.
    Out,
}

impl Table {
    pub(crate) fn new(own: NodeId, now: Instant) -> Self {
        Self { own, buckets: vec![Bucket::new(now)] }
    }

    pub(crate) fn own(&self) -> NodeId {
        self.own
    }

    /// The same nodes, seen from another id.
    pub(crate) fn move_to(&mut self, own: NodeId, now: Instant) {
        let old = std::mem::replace(self, Self::new(own, now));
        let nodes = old.buckets.into_iter().flat_map(|bucket| bucket.nodes);
        for node in nodes.filter(|node| node.contact.id != own) {
            self.admit(now, node);
        }
    }

    /// A node answered. This is how nodes get in.
    pub(crate) fn replied(&mut self, now: Instant, contact: Contact) -> Heard {
        if contact.id == self.own {
            return Heard::Out;
        }
        let index = self.index(contact.id);
        if self.buckets[index].replied(now, contact) {
            return Heard::In;
        }
        if let Some(rival) = self.buckets.iter().find_map(|bucket| bucket.rival_of(contact)) {
            // The same socket under another id is another node now. Else one address is one node.
            let (known, is_silent) = (rival.contact, rival.is_silent());
            if known.addr != contact.addr && !is_silent {
                return Heard::Out;
            }
            self.remove(now, known);
        }
        self.admit(now, Node::new(contact, now))
    }

    /// A node asked. False if it isn't in the table.
    pub(crate) fn queried(&mut self, now: Instant, contact: Contact) -> bool {
        let index = self.index(contact.id);
        self.buckets[index].queried(now, contact)
    }

    /// A node did not answer.
    pub(crate) fn failed(&mut self, now: Instant, contact: Contact) {
        let index = self.index(contact.id);
        self.buckets[index].failed(now, contact);
    }

    /// A node is not what it said.
    pub(crate) fn remove(&mut self, now: Instant, contact: Contact) {
        let index = self.index(contact.id);
        self.buckets[index].remove(now, contact);
    }

    /// Whether a node would find a place if it answered.
    pub(crate) fn has_room_for(&self, now: Instant, contact: Contact) -> bool {
        if contact.id == self.own || self.buckets.iter().any(|bucket| bucket.rival_of(contact).is_some()) {
            return false;
        }
        let index = self.index(contact.id);
        let bucket = &self.buckets[index];
        index + 1 == self.buckets.len() || bucket.nodes.len() < K || bucket.questionable(now).is_some()
    }

    /// Whether exactly this node is in the table.
    pub(crate) fn has(&self, contact: Contact) -> bool {
        self.buckets[self.index(contact.id)].nodes.iter().any(|node| node.contact == contact)
    }

    pub(crate) fn has_address(&self, addr: SocketAddr) -> bool {
        self.nodes().any(|node| node.contact.addr == addr)
    }

    /// The `max` nodes nearest to a place that are not bad; only good ones if there are enough.
    pub(crate) fn closest(&self, now: Instant, target: NodeId, max: usize) -> Vec<Contact> {
        let good = self.nodes().filter(|node| node.is_good(now)).count() >= max;
        let wanted = self.nodes().filter(|node| if good { node.is_good(now) } else { !node.is_bad() });
        let mut contacts: Vec<_> = wanted.map(|node| node.contact).collect();
        contacts.sort_by_cached_key(|contact| contact.id.distance(target));
        contacts.truncate(max);
        contacts
    }

    /// The questionable node that was not heard of for the longest, of the whole table, but for those that are being
    /// asked: a silent one must not keep others from their turn.
    pub(crate) fn questionable(
        &self,
        now: Instant,
        is_asked: impl Fn(SocketAddr) -> bool,
    ) -> Option<Contact> {
        let nodes = self.nodes().filter(|node| !node.is_good(now) && !is_asked(node.contact.addr));
        nodes.min_by_key(|node| node.seen()).map(|node| node.contact)
    }

    /// A random place in a bucket that has not changed for long, and counts the bucket as changed. A bucket full of
    /// good nodes needs nothing.
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
            // Two nodes that share 160 bits cannot be, so the splits end.
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

    /// Divides the last bucket.
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
