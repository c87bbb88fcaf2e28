//! One turn of a client: the engine decides, the world carries out its effects, and the checkers verify them.

use super::link::Link;
use super::{MAX_IDLE_TURNS, Node, Run};
use crate::core::{Core, Event};
use crate::disk::Job;
use crate::net::{Net, Owner};
use crate::record::{record_effects, slot};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use ztor_base::{Duration, Host, Instant};
use ztor_engine::testkit::{Effects, carry_out};
use ztor_engine::{
    Close, Connect, Event as Happened, HttpGet, KeepBlocks, Outbox, PeerKey, Resolve, SendBlock,
    TorrentEvent, TorrentId, WebEffect, WriteBlock,
};
use ztor_metainfo::Metainfo;
use ztor_wire::LocalAnnounce;

/// Delay before a request of a client is sent.
const REQUEST_DELAY: Duration = Duration::from_millis(20);

impl Node {
    pub(crate) fn turn(&mut self, core: &mut Core, net: &mut Net, life: u32) {
        let number = self.number;
        let Some(run) = self.alive(life) else { return };
        // A turn at an earlier time has replaced this one.
        if run.turn_at != core.now {
            return;
        }
        run.turn_at = Instant::FAR_FUTURE;
        run.engine.settle(core.now, &mut run.out);
        let mut out = std::mem::take(&mut run.out);
        record_effects(core.now, number, &out, &mut core.trace);
        let says_nothing = out.sends.is_empty() && out.replies.is_empty() && out.blocks.is_empty();
        let is_idle = !run.was_told && says_nothing && out.connects.is_empty();
        run.was_told = false;
        run.idle_turns = if is_idle { run.idle_turns + 1 } else { 0 };
        if run.idle_turns % MAX_IDLE_TURNS == 0 {
            // A thousand timers may be due one after the other, but not at once.
            if is_idle && core.now.since(run.idle_since) < Duration::from_millis(200) {
                core.fail(&[format!("n{number} ")], format!("n{number}: loops without effect"));
            }
            run.idle_since = core.now;
        }
        self.apply(core, net, &mut out);
        out.clear();
        if let Some(run) = &mut self.run {
            run.out = out;
        }
        self.flush(core, net);
        self.read_more(core, net);
        self.look(core);
        self.leave_if_done(core, net);
        if let Some(at) = self.run.as_ref().and_then(|run| run.engine.poll_timeout()) {
            self.plan_turn(core, at);
        }
    }

    fn apply(&mut self, core: &mut Core, net: &mut Net, out: &mut Outbox) {
        let mut turn = Turn { node: self, core, net, jobs: Vec::new(), events: Vec::new() };
        carry_out(out, &mut turn);
        let Turn { jobs, events, .. } = turn;
        jobs.into_iter().for_each(|(torrent, job)| self.job(core, torrent, job));
        events.into_iter().for_each(|event| self.on_torrent_event(core, event));
    }

    fn on_torrent_event(&mut self, core: &mut Core, event: TorrentEvent) {
        match &event {
            TorrentEvent::Metadata { .. } => core.note(format_args!("n{}: has the metadata", self.number)),
            event => core.note(format_args!("n{}: {event:?}", self.number)),
        }
        if self.run.as_ref().is_none_or(|run| run.id != event.torrent()) {
            return;
        }
        match event {
            TorrentEvent::Metadata { meta, .. } => {
                let info = |meta: &Metainfo| meta.bulk_in_memory().map(|bulk| Arc::clone(bulk.info()));
                if info(&meta) != info(&self.content.meta) {
                    core.fail(&[format!("n{}", self.number)], "accepts metadata of another torrent".into());
                }
                let start = self.start_options();
                let Some(run) = &mut self.run else { return };
                let torrent = run.id;
                if run.engine.start_torrent(torrent, start).is_ok() {
                    self.job(core, torrent, Job::Check { trust: false });
                }
            }
            TorrentEvent::Started { finished, .. } => {
                self.told_finished(finished);
                self.save(core, true, finished);
            }
            TorrentEvent::Finished { .. } => {
                self.told_finished(true);
                self.save(core, true, true);
            }
            _ => {}
        }
    }

    fn told_finished(&mut self, is_finished: bool) {
        if let Some(run) = &mut self.run {
            run.audit.will.is_told_finished = is_finished;
        }
    }

    /// Moves queued data into sockets, and reports the sent bytes to the engine.
    pub(super) fn flush(&mut self, core: &mut Core, net: &mut Net) {
        let Some(run) = &mut self.run else { return };
        for peer in std::mem::take(&mut run.to_flush) {
            let Some(link) = run.links.get_mut(&peer) else { continue };
            let (block_bytes, reply_bytes) = link.flush(core, net);
            if block_bytes + reply_bytes > 0 {
                run.audit.sent_bytes += u64::from(block_bytes);
                run.was_told = true;
                run.engine.handle(core.now, Happened::Sent { peer, block_bytes, reply_bytes }, &mut run.out);
            }
        }
    }

    /// Reads data that the engine did not want to read earlier.
    fn read_more(&mut self, core: &mut Core, net: &mut Net) {
        let Some(run) = &mut self.run else { return };
        let engine = &run.engine;
        let waiting: BTreeSet<PeerKey> = run.unread.extract_if(.., |peer| engine.may_read(*peer)).collect();
        for peer in waiting {
            self.on_arrived(core, net, self.life, peer.as_u64());
        }
    }

    fn look(&mut self, core: &mut Core) {
        let number = self.number;
        let Some(run) = &mut self.run else { return };
        if let Err(wrong) = run.audit.look(core.now, &run.engine, run.id) {
            core.fail(&[format!("n{number} ")], format!("n{number}: {wrong}"));
        }
        run.most_peers = run.most_peers.max(run.links.len());
        if let Err(wrong) = held(run) {
            core.fail(&[format!("n{number} ")], format!("n{number}: {wrong}"));
        }
        let tails = run.links.values().map(|link| link.far_end.tail_len()).max().unwrap_or(0);
        if tails > ztor_wire::MAX_MESSAGE_LEN {
            core.fail(&[format!("n{number} ")], format!("n{number}: keeps {tails} bytes of one message"));
        }
    }

    fn leave_if_done(&mut self, core: &mut Core, net: &mut Net) {
        let is_done = self.run.as_ref().is_some_and(|run| self.has_left && !run.engine.has_goodbyes());
        if is_done {
            self.crash(core, net, false);
        }
    }
}

/// The effects of one turn of a client.
struct Turn<'a> {
    node: &'a mut Node,
    core: &'a mut Core,
    net: &'a mut Net,
    /// Jobs for the disk, which start after all effects were carried out.
    jobs: Vec<(TorrentId, Job)>,
    events: Vec<TorrentEvent>,
}

impl Turn<'_> {
    fn number(&self) -> usize {
        self.node.number
    }

    /// Records a failure if the client has broken a rule.
    fn judge(&mut self, result: Result<(), String>) {
        if let Err(wrong) = result {
            let number = self.number();
            self.core.fail(&[format!("n{number} ")], format!("n{number}: {wrong}"));
        }
    }
}

impl Effects for Turn<'_> {
    fn send(&mut self, peer: PeerKey, bytes: &[u8]) {
        let number = self.number();
        let Some(run) = &mut self.node.run else { return };
        let Some(link) = run.links.get_mut(&peer) else { return };
        let said = link.ledger.said(self.core, number, peer, bytes, &mut run.audit);
        link.push_bytes(bytes);
        run.to_flush.insert(peer);
        self.judge(said);
    }

    fn send_reply(&mut self, peer: PeerKey, bytes: &[u8]) {
        let number = self.number();
        let Some(run) = &mut self.node.run else { return };
        let Some(link) = run.links.get_mut(&peer) else { return };
        let said = link.ledger.said(self.core, number, peer, bytes, &mut run.audit);
        link.push_reply(bytes);
        run.to_flush.insert(peer);
        self.judge(said);
    }

    fn send_block(&mut self, send: SendBlock) {
        let Some(run) = &mut self.node.run else { return };
        let Some(link) = run.links.get_mut(&send.peer) else { return };
        let served = link.ledger.served(self.core.now, send.block, &mut run.audit);
        self.jobs.push((send.torrent, Job::Read { peer: send.peer, block: send.block }));
        self.judge(served);
    }

    fn write(&mut self, write: WriteBlock) {
        let Some(run) = &mut self.node.run else { return };
        let written = run.audit.written(&write);
        self.jobs.push((write.torrent, Job::Write(write)));
        self.judge(written);
    }

    fn forget(&mut self, torrent: TorrentId) {
        self.jobs.push((torrent, Job::Forget));
    }

    fn check(&mut self, torrent: TorrentId) {
        self.jobs.push((torrent, Job::Check { trust: false }));
    }

    /// No torrents have files in common here.
    fn look(&mut self, _: TorrentId, _: u32) {}

    fn keep(&mut self, keep: KeepBlocks) {
        self.jobs.push((keep.torrent, Job::Keep { piece: keep.piece, blocks: keep.blocks }));
    }

    fn hash_leaves(&mut self, torrent: TorrentId, piece: u32) {
        self.jobs.push((torrent, Job::Leaves { piece }));
    }

    /// All metadata stays in memory here.
    fn load_bulk(&mut self, _: TorrentId) {}

    fn http(&mut self, get: HttpGet) {
        let announces = self.node.run.as_ref().map(|run| &run.audit.will);
        let allowed = announces.map_or(Ok(()), |will| will.announces(get.url.contains("event=stopped")));
        self.judge(allowed);
        let (node, life) = (self.number(), self.node.life);
        self.core.plan_in(REQUEST_DELAY, Event::HttpAsk { node, life, id: get.id, url: get.url });
    }

    fn web(&mut self, effect: WebEffect) {
        self.node.web_effect(self.core, effect);
    }

    fn resolve(&mut self, resolve: Resolve) {
        let (node, life) = (self.number(), self.node.life);
        self.core.plan_in(REQUEST_DELAY, Event::Resolve { node, life, id: resolve.id, host: resolve.host });
    }

    fn local_announce(&mut self, _: LocalAnnounce) {
        let allowed = self.node.run.as_ref().map_or(Ok(()), |run| run.audit.will.announces(false));
        self.judge(allowed);
        if self.node.run.as_ref().is_some_and(|run| run.audit.is_private()) {
            self.judge(Err("announces a private torrent on the local network".into()));
        }
    }

    fn datagram(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        let is_private = self.node.run.as_ref().is_some_and(|run| run.audit.is_private());
        if is_private && self.node.content.is_named_in(&datagram) {
            self.judge(Err("queries the DHT for a private torrent".into()));
        }
        self.net.send_datagram(self.core, self.node.host, to, datagram);
    }

    fn connect(&mut self, connect: Connect) {
        let (number, life) = (self.number(), self.node.life);
        let Some(run) = &mut self.node.run else { return };
        let allowed = run.audit.connects(connect.addr);
        self.judge(allowed);
        let Connect { peer, addr, transport, .. } = connect;
        self.core.note(format_args!("n{number} calls {addr} over {transport:?} as #{}", slot(peer)));
        let owner = Owner::Node(number, life);
        let stream = self.net.connect(self.core, self.node.host, owner, peer.as_u64(), (addr, transport));
        // Without a stream no host has this address, and there is no answer.
        if let Some((stream, run)) = stream.zip(self.node.run.as_mut()) {
            run.links.insert(peer, Link::new(stream, 0, self.node.content.pieces()));
            run.by_stream.insert(stream, peer);
        }
    }

    fn close(&mut self, close: Close) {
        let number = self.number();
        let Some(run) = &mut self.node.run else { return };
        run.audit.closes += 1;
        self.core.note(format_args!("n{number} closes #{}: {}", slot(close.peer), close.reason));
        if let Some(mut link) = run.links.remove(&close.peer) {
            // Queued data is sent as far as the socket takes it.
            link.flush(self.core, self.net);
            run.by_stream.remove(&link.stream);
            run.unread.remove(&close.peer);
            self.net.close(self.core, link.stream, link.side, false);
        }
    }

    fn torrent_event(&mut self, event: TorrentEvent) {
        self.events.push(event);
    }
}

/// Maximum memory of one connection without piece data, in bytes.
const MAX_HELD: usize = 512 * 1024;
/// Maximum memory of all connections of one host without piece data, in bytes.
const MAX_HELD_OF_HOST: usize = 1024 * 1024;

/// Checks the memory that each connection and each remote host occupies.
fn held(run: &Run) -> Result<(), String> {
    let mut of_host: BTreeMap<Host, usize> = BTreeMap::new();
    for (key, link) in &run.links {
        let Some((addr, kept)) = run.engine.held_bytes(*key) else { continue };
        let held = kept + link.held_bytes();
        if held > MAX_HELD {
            return Err(format!("holds {held} bytes for {addr}"));
        }
        *of_host.entry(Host::of(addr.ip())).or_default() += held;
    }
    match of_host.into_iter().find(|(_, held)| *held > MAX_HELD_OF_HOST) {
        Some((host, held)) => Err(format!("holds {held} bytes for all connections of {host}")),
        None => Ok(()),
    }
}
