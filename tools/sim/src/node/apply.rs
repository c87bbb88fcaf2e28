//! A turn: the engine decides, the world carries out, the checkers look.

use super::link::Link;
use super::{MAX_IDLE_TURNS, Node};
use crate::core::{Core, Event};
use crate::disk::Job;
use crate::net::{Net, Owner};
use crate::record::record_effects;
use std::collections::BTreeSet;
use ztor_base::{Duration, Instant};
use ztor_engine::{Begin, Event as Happened, Notice, Outbox, PeerKey};

impl Node {
    pub(crate) fn turn(&mut self, core: &mut Core, net: &mut Net, life: u32) {
        let number = self.number;
        let Some(run) = self.alive(life) else { return };
        // One planned earlier has replaced this one.
        if run.turn_at != core.now {
            return;
        }
        run.turn_at = Instant::FAR_FUTURE;
        run.engine.settle(core.now, &mut run.out);
        let mut out = std::mem::take(&mut run.out);
        record_effects(core.now, number, &out, &mut core.trace);
        let is_idle =
            !run.was_told && out.sends.is_empty() && out.blocks.is_empty() && out.connects.is_empty();
        run.was_told = false;
        run.idle_turns = if is_idle { run.idle_turns + 1 } else { 0 };
        if run.idle_turns % MAX_IDLE_TURNS == 0 {
            // A thousand timers may be due one after the other, but not at once.
            if is_idle && core.now.since(run.idle_since) < Duration::from_millis(200) {
                core.fail(&[format!("n{number} ")], format!("n{number}: goes round in circles"));
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
        let (number, life) = (self.number, self.life);
        let Some(run) = &mut self.run else { return };
        let about = [format!("n{number} ")];
        for send in &out.sends {
            let bytes = &out.bytes[send.range.clone()];
            let Some(link) = run.links.get_mut(&send.peer) else { continue };
            if let Err(wrong) = link.ledger.said(core, number, send.peer, bytes, &mut run.audit) {
                core.fail(&about, format!("n{number}: {wrong}"));
            }
            link.push_bytes(bytes);
            run.to_flush.insert(send.peer);
        }
        let mut jobs = Vec::new();
        for send in out.blocks.drain(..) {
            let Some(link) = run.links.get_mut(&send.peer) else { continue };
            if let Err(wrong) = link.ledger.served(core.now, send.block, &mut run.audit) {
                core.fail(&about, format!("n{number}: {wrong}"));
            }
            jobs.push(Job::Read { peer: send.peer, block: send.block });
        }
        for write in out.writes.drain(..) {
            if let Err(wrong) = run.audit.written(&write) {
                core.fail(&about, format!("n{number}: {wrong}"));
            }
            jobs.push(Job::Write(write));
        }
        jobs.extend(out.forgets.drain(..).map(|_| Job::Forget));
        jobs.extend(out.checks.drain(..).map(|_| Job::Check { trust: false }));
        for get in out.https.drain(..) {
            core.plan_in(
                Duration::from_millis(20),
                Event::HttpAsk { node: number, life, id: get.id, url: get.url },
            );
        }
        for resolve in out.resolves.drain(..) {
            core.plan_in(
                Duration::from_millis(20),
                Event::Resolve { node: number, life, id: resolve.id, host: resolve.host },
            );
        }
        if run.audit.is_private() && !out.local_announces.is_empty() {
            core.fail(&about, format!("n{number}: tells the local network of a private torrent"));
        }
        for (to, datagram) in out.datagrams.drain(..) {
            if run.audit.is_private() && self.content.is_named_in(&datagram) {
                core.fail(&about, format!("n{number}: asks the DHT for a private torrent"));
            }
            net.send_datagram(core, self.host, to, datagram);
        }
        for connect in out.connects.drain(..) {
            if let Err(wrong) = run.audit.connects(connect.addr) {
                core.fail(&about, format!("n{number}: {wrong}"));
            }
            core.note(format_args!(
                "n{number} calls {} over {:?} as #{}",
                connect.addr,
                connect.transport,
                connect.peer.as_u64() & 0xffff
            ));
            let owner = Owner::Node(number, life);
            // Nobody has such an address: no answer will come.
            let stream =
                net.connect(core, self.host, owner, connect.peer.as_u64(), (connect.addr, connect.transport));
            if let Some(stream) = stream {
                run.links.insert(connect.peer, Link::new(stream, 0, self.content.pieces()));
                run.by_stream.insert(stream, connect.peer);
            }
        }
        self.close_some(core, net, out);
        for job in jobs {
            self.job(core, job);
        }
        for notice in out.notices.drain(..) {
            self.on_notice(core, notice);
        }
    }

    fn close_some(&mut self, core: &mut Core, net: &mut Net, out: &mut Outbox) {
        let Some(run) = &mut self.run else { return };
        for close in out.closes.drain(..) {
            run.audit.closes += 1;
            core.note(format_args!(
                "n{} closes #{}: {}",
                self.number,
                close.peer.as_u64() & 0xffff,
                close.reason
            ));
            if let Some(mut link) = run.links.remove(&close.peer) {
                // What is queued gets its one try.
                link.flush(core, net);
                run.by_stream.remove(&link.stream);
                run.unread.remove(&close.peer);
                net.close(core, link.stream, link.side, false);
            }
        }
    }

    fn on_notice(&mut self, core: &mut Core, notice: Notice) {
        match &notice {
            Notice::Metadata { .. } => core.note(format_args!("n{}: has the metadata", self.number)),
            notice => core.note(format_args!("n{}: {notice:?}", self.number)),
        }
        match notice {
            Notice::Metadata { meta, .. } => {
                if meta.info != self.content.meta.info {
                    core.fail(
                        &[format!("n{}", self.number)],
                        "takes metadata that is not the torrent's".into(),
                    );
                }
                let Some(run) = &mut self.run else { return };
                if run.engine.begin(run.id, Begin::default()).is_ok() {
                    self.job(core, Job::Check { trust: false });
                }
            }
            Notice::Started { finished, .. } => self.save(core, true, finished),
            Notice::Finished(_) => self.save(core, true, true),
            Notice::Banned { addr, .. } => {
                if let Some(run) = &mut self.run {
                    run.audit.banned.insert(addr.ip());
                }
            }
            _ => {}
        }
    }

    /// Fills sockets, and tells the engine what has gone.
    pub(super) fn flush(&mut self, core: &mut Core, net: &mut Net) {
        let Some(run) = &mut self.run else { return };
        for peer in std::mem::take(&mut run.to_flush) {
            let Some(link) = run.links.get_mut(&peer) else { continue };
            let block_bytes = link.flush(core, net);
            if block_bytes > 0 {
                run.audit.sent_bytes += u64::from(block_bytes);
                run.was_told = true;
                run.engine.handle(core.now, Happened::Sent { peer, block_bytes }, &mut run.out);
            }
        }
    }

    /// Reads what was left while the disk was behind.
    fn read_more(&mut self, core: &mut Core, net: &mut Net) {
        let Some(run) = &mut self.run else { return };
        if run.unread.is_empty() || !run.engine.may_read() {
            return;
        }
        let waiting: BTreeSet<PeerKey> = std::mem::take(&mut run.unread);
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
        let tails = run.links.values().map(|link| link.tail.len()).max().unwrap_or(0);
        if tails > ztor_wire::MAX_MESSAGE_LEN {
            core.fail(&[format!("n{number} ")], format!("n{number}: {tails} bytes of one message are kept"));
        }
    }

    fn leave_if_done(&mut self, core: &mut Core, net: &mut Net) {
        let is_done = self.run.as_ref().is_some_and(|run| self.has_left && !run.engine.has_goodbyes());
        if is_done {
            self.crash(core, net, false);
        }
    }
}
