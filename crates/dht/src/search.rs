//! One iterative lookup in one family's network (BEP 5), hardened against nodes that try to own its result.

use std::net::SocketAddr;

use crate::addr::Subnet;
use crate::{Contact, Distance, K, NodeId};

/// Maximum number of queries in flight, without slow ones.
const ALPHA: usize = 4;
/// Maximum number of queries in flight, including slow ones.
const MAX_OPEN: usize = 24;
/// Maximum number of nodes queried in one search. Honest searches need some 30.
const MAX_ASKED: usize = 200;
/// Maximum number of candidates; the nearest ones are kept.
const MAX_CANDIDATES: usize = 100;
/// Maximum number of candidates that are not yet queried and whose id does not fit their address. Such ids can be
/// chosen at will (BEP 42), so they must not crowd out the others.
const MAX_MISFITS: usize = 24;
/// Maximum number of addresses without an id, for example of routers.
const MAX_BLIND: usize = 64;
/// Maximum number of nodes taken from a response: as many as BEP 5 has a response name.
const MAX_NAMED: usize = K;
/// Number of nearest candidates among which the one with the most vouchers is queried next.
const CHOICE: usize = 3;
/// Number of nodes of our own table that have to respond, if there are that many, however near other responses lead.
/// The first nodes queried must not decide alone where the search leads. A few that name only each other would end it
/// far from the target.
const OWN_ANSWERS: usize = K;
/// Maximum number of subnets that are counted as vouchers of a candidate.
const MAX_VOUCHERS: usize = 4;

#[derive(Debug)]
pub(crate) struct Search {
    own: NodeId,
    target: NodeId,
    /// Nearest first. One that is queried, or has responded, is alone in its subnet.
    candidates: Vec<Candidate>,
    blind: Vec<(SocketAddr, State)>,
    pub(crate) asked: usize,
    pub(crate) answered: usize,
}

#[derive(Debug)]
struct Candidate {
    contact: Contact,
    distance: Distance,
    /// True if its id fits its address (BEP 42).
    fits: bool,
    /// True if it was known before the search.
    is_known: bool,
    /// Subnets of the nodes that named it.
    vouchers: Vec<Subnet>,
    state: State,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    Fresh,
    Asked,
    /// Queried and late, but not given up.
    Slow,
    Answered(Answer),
    Failed,
}

/// Data that is kept from a response.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) token: Option<Vec<u8>>,
    /// Sequence number of the item that the node has (BEP 44); `None` without one.
    pub(crate) seq: Option<i64>,
}

impl Search {
    pub(crate) fn new(own: NodeId, target: NodeId) -> Self {
        Self { own, target, candidates: Vec::new(), blind: Vec::new(), asked: 0, answered: 0 }
    }

    /// Adds a node of our own table or of the last run.
    pub(crate) fn add_known(&mut self, contact: Contact) {
        self.add(contact, None);
    }

    /// Adds a node whose id is not known.
    pub(crate) fn add_blind(&mut self, addr: SocketAddr) {
        if self.blind.len() < MAX_BLIND && self.blind.iter().all(|(known, _)| *known != addr) {
            self.blind.push((addr, State::Fresh));
        }
    }

    /// Adds nodes that a response names. Ignores those that are too many for one response.
    pub(crate) fn add_named(&mut self, contacts: impl IntoIterator<Item = Contact>, from: SocketAddr) {
        for contact in contacts.into_iter().take(MAX_NAMED) {
            self.add(contact, Some(Subnet::of(from)));
        }
    }

    /// Returns the next node to query and marks it as queried; `None` if none is due.
    pub(crate) fn next(&mut self) -> Option<(SocketAddr, Option<NodeId>)> {
        let open = self.count(&State::Asked);
        if self.asked >= MAX_ASKED || open >= ALPHA || open + self.count(&State::Slow) >= MAX_OPEN {
            return None;
        }
        if self.needs_blind()
            && let Some((addr, state)) = self.blind.iter_mut().find(|(_, state)| *state == State::Fresh)
        {
            *state = State::Asked;
            self.asked += 1;
            return Some((*addr, None));
        }
        let horizon = self.horizon();
        let fresh = self.candidates[..horizon].iter().enumerate();
        let fresh = fresh.filter(|(_, candidate)| candidate.state == State::Fresh).take(CHOICE);
        // `max_by_key` returns the last of equals, so the order is reversed.
        let best = fresh.collect::<Vec<_>>().into_iter().rev().max_by_key(|(_, c)| c.vouchers.len());
        let index = best.map(|(index, _)| index).or_else(|| self.own_to_ask())?;
        let candidate = &mut self.candidates[index];
        candidate.state = State::Asked;
        self.asked += 1;
        Some((candidate.contact.addr, Some(candidate.contact.id)))
    }

    /// Handles a response. It does not count if a node of the same subnet responded before. A node with another id than
    /// expected, as after a change of its address, counts under that id only if it fits. Otherwise a node could choose
    /// the best id for each query.
    pub(crate) fn answered(&mut self, from: Contact, answer: Answer) {
        self.blind.retain(|(addr, _)| *addr != from.addr);
        self.answered += 1;
        let subnet = Subnet::of(from.addr);
        let is_answer = |candidate: &Candidate| matches!(candidate.state, State::Answered(_));
        let crowded = self.candidates.iter().any(|c| is_answer(c) && Subnet::of(c.contact.addr) == subnet);
        // Ourselves, under an id that we had before.
        let is_own = from.id == self.own;
        let target = self.target;
        let Some(candidate) = self.asked_mut(from.addr) else { return };
        let is_same = candidate.contact.id == from.id;
        if crowded || is_own || !is_same && !from.id.fits(from.addr.ip()) {
            candidate.state = State::Failed;
            return;
        }
        candidate.state = State::Answered(answer);
        if !is_same {
            candidate.contact = from;
            candidate.fits = true;
            candidate.distance = from.id.distance(target);
            self.candidates.sort_by_key(|candidate| candidate.distance);
        }
    }

    /// Notes that a queried node is late.
    pub(crate) fn slow(&mut self, addr: SocketAddr) {
        self.set_open(addr, State::Slow);
    }

    /// Notes that a queried node will not respond.
    pub(crate) fn failed(&mut self, addr: SocketAddr) {
        self.set_open(addr, State::Failed);
    }

    /// Returns true if the nearest nodes have responded, or no node is left to query.
    pub(crate) fn is_done(&self) -> bool {
        let open = self.count(&State::Asked);
        if self.asked >= MAX_ASKED {
            return open == 0;
        }
        let near = &self.candidates[..self.horizon()];
        let nears = |state: &State| near.iter().any(|candidate| candidate.state == *state);
        if nears(&State::Fresh) || nears(&State::Asked) || self.waits_for_own() {
            return false;
        }
        if self.needs_blind() && self.blind.iter().any(|(_, state)| *state != State::Slow) {
            return false;
        }
        self.solid_count() >= K || open + self.count(&State::Slow) == 0
    }

    /// Returns the nodes to store at: the nearest that gave a token and whose ids fit (BEP 42). Others that are as near
    /// are included, since many lookups will end at them.
    pub(crate) fn stores(&self) -> Vec<(Contact, Answer)> {
        let mut solid = 0;
        let mut stores = Vec::new();
        let mut answers = self.candidates.iter().filter_map(|candidate| match &candidate.state {
            State::Answered(answer) if answer.token.is_some() => Some((candidate, answer)),
            _ => None,
        });
        while solid < K
            && let Some((candidate, answer)) = answers.next()
        {
            if candidate.fits || stores.len() - solid < K {
                stores.push((candidate.contact, answer.clone()));
                solid += usize::from(candidate.fits);
            }
        }
        stores
    }

    /// Returns the nearest nodes that responded.
    pub(crate) fn nearest(&self) -> Vec<Contact> {
        let answers = self.candidates.iter().filter(|c| matches!(c.state, State::Answered(_)));
        answers.map(|candidate| candidate.contact).take(K).collect()
    }

    fn add(&mut self, contact: Contact, voucher: Option<Subnet>) {
        if contact.id == self.own {
            return;
        }
        if let Some(known) = self.candidates.iter_mut().find(|known| known.contact.addr == contact.addr) {
            if let Some(voucher) = voucher
                && known.contact.id == contact.id
                && known.vouchers.len() < MAX_VOUCHERS
                && !known.vouchers.contains(&voucher)
            {
                known.vouchers.push(voucher);
            }
            return;
        }
        let fits = contact.id.fits(contact.addr.ip());
        let subnet = Subnet::of(contact.addr);
        // A slow one may be forged, to keep its neighbours out.
        let blocks = |state: &State| !matches!(state, State::Slow | State::Failed);
        let rival =
            self.candidates.iter().position(|c| blocks(&c.state) && Subnet::of(c.contact.addr) == subnet);
        if let Some(rival) = rival {
            let other = &self.candidates[rival];
            if other.state != State::Fresh || other.fits || !fits {
                return;
            }
            self.candidates.remove(rival);
        }
        let distance = contact.id.distance(self.target);
        let at = self.candidates.partition_point(|candidate| candidate.distance <= distance);
        let is_known = voucher.is_none();
        let vouchers = voucher.into_iter().collect();
        let candidate = Candidate { contact, distance, fits, is_known, vouchers, state: State::Fresh };
        self.candidates.insert(at, candidate);
        self.trim();
    }

    /// Bounds the list. Queried nodes stay, since their responses are pending.
    fn trim(&mut self) {
        let is_misfit = |candidate: &Candidate| candidate.state == State::Fresh && !candidate.fits;
        if self.candidates.iter().filter(|candidate| is_misfit(candidate)).count() > MAX_MISFITS
            && let Some(farthest) = self.candidates.iter().rposition(is_misfit)
        {
            self.candidates.remove(farthest);
        }
        let is_idle = |candidate: &Candidate| !matches!(candidate.state, State::Asked | State::Slow);
        if self.candidates.len() > MAX_CANDIDATES
            && let Some(farthest) = self.candidates.iter().rposition(is_idle)
        {
            self.candidates.remove(farthest);
        }
    }

    /// Returns the number of candidates that matter: up to the [`K`]th that responded and whose id fits its address.
    /// Responses with an id that does not fit do not end a search (BEP 42).
    fn horizon(&self) -> usize {
        let mut solid = self.candidates.iter().enumerate().filter(|(_, candidate)| candidate.is_solid());
        solid.nth(K - 1).map_or(self.candidates.len(), |(index, _)| index + 1)
    }

    /// Returns the nearest node of our own table that is not yet queried, if too few of them were.
    fn own_to_ask(&self) -> Option<usize> {
        let is_fresh = |c: &Candidate| c.is_known && c.state == State::Fresh;
        let (asked, answered) = self.own_counts();
        (asked + answered < OWN_ANSWERS).then(|| self.candidates.iter().position(is_fresh)).flatten()
    }

    /// Returns true if too few nodes of our own table have responded, and more may.
    fn waits_for_own(&self) -> bool {
        let (asked, answered) = self.own_counts();
        answered < OWN_ANSWERS && (asked > 0 || self.own_to_ask().is_some())
    }

    /// Returns how many nodes of our own table are queried, and how many have responded.
    fn own_counts(&self) -> (usize, usize) {
        let own = || self.candidates.iter().filter(|candidate| candidate.is_known);
        let asked = own().filter(|candidate| candidate.state == State::Asked).count();
        (asked, own().filter(|candidate| matches!(candidate.state, State::Answered(_))).count())
    }

    fn solid_count(&self) -> usize {
        self.candidates.iter().filter(|candidate| candidate.is_solid()).count()
    }

    /// Returns true if addresses without an id are of use, because too few nodes have responded.
    fn needs_blind(&self) -> bool {
        self.solid_count() < K
    }

    fn count(&self, state: &State) -> usize {
        self.candidates.iter().filter(|candidate| candidate.state == *state).count()
            + self.blind.iter().filter(|(_, blind)| blind == state).count()
    }

    fn set_open(&mut self, addr: SocketAddr, state: State) {
        if state == State::Failed {
            self.blind.retain(|(blind, _)| *blind != addr);
        } else if let Some((_, blind)) = self.blind.iter_mut().find(|(blind, _)| *blind == addr) {
            *blind = state.clone();
        }
        if let Some(candidate) = self.asked_mut(addr) {
            candidate.state = state;
        }
    }

    fn asked_mut(&mut self, addr: SocketAddr) -> Option<&mut Candidate> {
        let is_open = |candidate: &Candidate| matches!(candidate.state, State::Asked | State::Slow);
        self.candidates.iter_mut().find(|candidate| candidate.contact.addr == addr && is_open(candidate))
    }
}

impl Candidate {
    fn is_solid(&self) -> bool {
        self.fits && matches!(self.state, State::Answered(_))
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
