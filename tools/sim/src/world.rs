//! The world of a run, and the dispatch of its events.

use crate::actors::{Actor, Character};
use crate::content::Content;
use crate::core::{Core, Event};
use crate::net::{Line, Net, Owner, Side, StreamId};
use crate::node::Node;
use crate::settings::Settings;
use crate::tracker::{Manner, Tracker};
use fastrand::Rng;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use ztor_base::{Duration, Instant};
use ztor_engine::RequestId;

/// Program at a host.
#[derive(Debug, Clone, Copy)]
enum Tenant {
    Node(usize),
    Actor(usize),
    Tracker(usize),
}

/// Everything that a run simulates.
pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) net: Net,
    pub(crate) content: Arc<Content>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) actors: Vec<Actor>,
    pub(crate) trackers: Vec<Tracker>,
    tenants: Vec<Tenant>,
    pub(crate) healed_at: Option<Instant>,
    /// Bytes that each client had downloaded at each [`Action::Note`](crate::action::Action::Note).
    pub(crate) marks: Vec<Vec<u64>>,
    /// Bytes that each client had uploaded at each of these times.
    pub(crate) up_marks: Vec<Vec<u64>>,
    /// Bytes that each client had downloaded from the first client at each of these times.
    pub(crate) first_marks: Vec<Vec<u64>>,
}

impl World {
    pub(crate) fn new(rng: Rng, content: Content) -> Self {
        Self {
            core: Core::new(rng),
            net: Net::new(),
            content: Arc::new(content),
            nodes: Vec::new(),
            actors: Vec::new(),
            trackers: Vec::new(),
            tenants: Vec::new(),
            healed_at: None,
            marks: Vec::new(),
            up_marks: Vec::new(),
            first_marks: Vec::new(),
        }
    }

    /// Adds a client and starts it.
    pub(crate) fn add_node(&mut self, line: Line, settings: Settings) -> usize {
        let host = self.add_host(line, Tenant::Node(self.nodes.len()));
        let number = self.nodes.len();
        let mut node = Node::new(number, host, Arc::clone(&self.content), settings);
        node.start(&mut self.core);
        self.nodes.push(node);
        number
    }

    pub(crate) fn add_actor(&mut self, line: Line, character: Character) -> usize {
        let number = self.actors.len();
        let host = self.add_host(line, Tenant::Actor(number));
        self.actors.push(Actor::new(number, host, Arc::clone(&self.content), character));
        self.core.plan_in(Duration::from_millis(number as u64 % 100), Event::Tick { actor: number });
        number
    }

    /// Adds a tracker with the host name `t<number>.sim`.
    pub(crate) fn add_tracker(&mut self, line: Line, manner: Manner, interval_s: u32) -> usize {
        let number = self.trackers.len();
        let host = self.add_host(line, Tenant::Tracker(number));
        self.trackers.push(Tracker::new(number, host, manner, interval_s, &mut self.core.rng));
        number
    }

    fn add_host(&mut self, line: Line, tenant: Tenant) -> usize {
        self.tenants.push(tenant);
        self.net.add_host(line)
    }

    /// Runs until `done`, until `limit` has passed, or until a failure. Returns true if it is done.
    pub(crate) fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.core.now + limit;
        while self.core.failure.is_none() {
            if done(self) {
                return true;
            }
            let Some(event) = self.core.next_event(end) else { return done(self) };
            self.happen(event);
        }
        false
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    fn happen(&mut self, event: Event) {
        let Self { core, net, nodes, .. } = self;
        match event {
            Event::Syn { stream } => self.on_syn(stream),
            Event::SynAck { stream } => self.on_syn_ack(stream),
            Event::Refused { stream } => {
                let end = net.stream(stream).map(|s| (s.ends[0].owner, s.ends[0].key));
                net.close(core, stream, 0, true);
                self.lost(end, "the connection was refused");
            }
            Event::Pump { host } => net.pump(core, host),
            Event::Arrive { stream, from } => {
                let end = net.on_arrive(stream, from);
                self.arrived(end, stream, 1 - from);
            }
            Event::Ack { stream, to, len } => {
                if let Some((Owner::Node(node, life), key)) = net.on_ack(core, stream, to, len) {
                    nodes[node].on_room(core, net, life, key);
                }
            }
            Event::Fin { stream, from } => {
                let end = net.on_fin(core, stream, from);
                self.lost(end, "the peer ended the connection");
            }
            Event::Datagram { host, from, data } => self.on_datagram(host, from, &data),
            Event::Turn { node, life } => nodes[node].turn(core, net, life),
            Event::Disk { node, life, torrent, job } => nodes[node].on_disk(core, net, life, torrent, job),
            Event::Save { node, life } => nodes[node].save_some(core, life),
            Event::HttpAsk { node, life, id, url } => self.on_http_ask(node, life, id, &url),
            Event::HttpAnswer { node, life, id, from, result } => {
                nodes[node].on_http(core, life, id, from, result)
            }
            Event::Resolve { node, life, id, host } => {
                let ip = self.trackers.iter().find(|t| t.name() == host).map(|t| crate::net::ip_of(t.host));
                let result = ip.map(|ip| vec![ip]).ok_or_else(|| "no such name".to_owned());
                nodes[node].on_resolved(core, life, id, result);
            }
            Event::Web { node, life, id } => nodes[node].on_web(core, life, id),
            Event::Tick { actor } => self.actors[actor].tick(core, net),
            Event::Do(action) => self.act(action),
        }
    }

    fn on_syn(&mut self, id: StreamId) {
        let Self { core, net, .. } = self;
        let Some(stream) = net.stream(id) else { return };
        let (from, to, caller) = (stream.ends[0].host, stream.ends[1].host, stream.ends[0].addr);
        let port = stream.ends[1].addr.port();
        let way = net.way(core, from, to);
        let transport = stream.transport;
        if !net.can_reach(from, to) || !net.is_let_in(core, from, to, transport) {
            if !net.knock_again(core, id) {
                net.vanish(id, 1);
            }
            return;
        }
        let answer = match self.tenants[to] {
            _ if port != crate::net::PORT => None,
            Tenant::Node(node) => self.nodes[node].accept(core, id, caller, transport),
            Tenant::Actor(actor) => {
                self.actors[actor].accept(core, id, caller).then_some(Owner::Actor(actor))
            }
            Tenant::Tracker(_) => None,
        };
        let Some(owner) = answer else {
            net.vanish(id, 1);
            return core.plan_in(way, Event::Refused { stream: id });
        };
        let at = core.now + way;
        core.plan(at, Event::SynAck { stream: id });
        if let Some(stream) = net.stream_mut(id) {
            stream.is_open = true;
            stream.ends[1].owner = owner;
            stream.ends[1].key = match owner {
                Owner::Node(node, _) => self.nodes[node].key_of(id),
                _ => id.0,
            };
            stream.pipes[1].last_arrival = at;
        }
        if owner == Owner::Nobody {
            net.close(core, id, 1, false);
        }
    }

    fn on_syn_ack(&mut self, id: StreamId) {
        let Self { core, net, .. } = self;
        let Some(stream) = net.stream(id) else { return };
        let (owner, key) = (stream.ends[0].owner, stream.ends[0].key);
        match owner {
            Owner::Node(node, life) => self.nodes[node].on_connected(core, life, key),
            Owner::Actor(actor) => self.actors[actor].on_connected(core, net, id),
            Owner::Nobody => {}
        }
    }

    fn arrived(&mut self, end: Option<(Owner, u64)>, stream: StreamId, side: Side) {
        let Self { core, net, .. } = self;
        match end {
            Some((Owner::Node(node, life), key)) => self.nodes[node].on_arrived(core, net, life, key),
            Some((Owner::Actor(actor), _)) => self.actors[actor].on_arrived(core, net, stream, side),
            _ => {}
        }
    }

    fn lost(&mut self, end: Option<(Owner, u64)>, reason: &str) {
        match end {
            Some((Owner::Node(node, life), key)) => {
                self.nodes[node].on_lost(&mut self.core, life, key, reason)
            }
            Some((Owner::Actor(actor), key)) => self.actors[actor].on_lost(StreamId(key)),
            _ => {}
        }
    }

    fn on_datagram(&mut self, host: usize, from: SocketAddr, data: &[u8]) {
        let Self { core, net, .. } = self;
        if net.host(host).is_off {
            return;
        }
        match self.tenants[host] {
            Tenant::Node(node) => self.nodes[node].on_datagram(core, from, data),
            Tenant::Tracker(tracker) => self.trackers[tracker].on_datagram(core, net, from, data),
            Tenant::Actor(_) => {}
        }
    }

    fn on_http_ask(&mut self, node: usize, life: u32, id: RequestId, url: &str) {
        let Self { core, net, .. } = self;
        let host = self.nodes[node].host;
        let asked = url.split('/').nth(2).unwrap_or_default();
        let name = asked.split(':').next().unwrap_or_default();
        let timeout = Duration::from_secs(30);
        let Some(tracker) = self.trackers.iter_mut().find(|t| t.name() == name) else {
            let result = Err("no such name".to_owned());
            let answer = Event::HttpAnswer { node, life, id, from: None, result };
            return core.plan_in(Duration::from_millis(20), answer);
        };
        let ip: IpAddr = crate::net::ip_of(host);
        let (wait, result) = match tracker.answer_http(core, ip, url) {
            Some(result) if net.can_reach(host, tracker.host) => {
                (net.way(core, host, tracker.host) * 2, result)
            }
            _ => (timeout, Err("no answer in time".to_owned())),
        };
        let from = Some(crate::net::ip_of(tracker.host));
        core.plan_in(wait, Event::HttpAnswer { node, life, id, from, result });
    }
}
