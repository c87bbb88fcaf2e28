//! Inputs of a turn: messages of other threads, events of sockets, and bytes of connections.

use super::Driver;
use super::close::CloseReason;
use super::conn::Progress;
use super::conns::Read;
use super::utp::UtpEvent;
use crate::add::AddError;
use crate::bind::DeviceState;
use crate::interfaces::Moved;
use crate::message::NetEvent;
use crate::reply::answer;
use crate::snapshot::SessionEvent;
use bytes::BytesMut;
use mio::event::Event as Ready;
use mio::net::TcpStream;
use std::net::SocketAddr;
use ztor_base::Duration;
use ztor_engine::{CloseCause, Command, Event, MoveProgress, NetworkChange, PeerKey, Transport};
use ztor_utp::{ConnKey, Path};

impl Driver {
    /// Handles a message of another thread. An answer to a caller that is gone is dropped.
    pub(super) fn on_message(&mut self, message: NetEvent) {
        match message {
            NetEvent::Web { id, event } => self.on_web_event(id, event),
            NetEvent::Engine(event) => {
                if let Event::Disk { torrent, event } = &event {
                    self.torrents.on_disk_event(*torrent, event, &mut self.disks);
                }
                self.cx.handle(event);
            }
            NetEvent::RelocationProgress { torrent, done: done_bytes, total: total_bytes } => {
                self.show_progress(torrent, Some(MoveProgress { done_bytes, total_bytes }));
            }
            NetEvent::FoldersFound { mount, dirs } => self.on_folders_found(mount, &dirs),
            NetEvent::Relocated { torrent, result } => self.on_relocated(torrent, result.map(|moved| *moved)),
            NetEvent::Device(state) => self.on_device(state),
            NetEvent::Moved(moved) => self.on_moved(&moved),
            NetEvent::KeyResult { peer, result } => {
                let first = self.handshakes.on_key_result(&mut self.cx, &mut self.conns, peer, result);
                self.on_handshake(peer, first);
            }
            NetEvent::Located(location) => self.conns.push_located_block(self.cx.now(), location),
            NetEvent::Warmed { peer } => self.conns.set_warmed(self.cx.now(), peer),
            NetEvent::LocateFailed { peer, fault, is_ours: true, .. } => {
                self.close(peer, CloseReason::Exhausted(fault));
            }
            NetEvent::LocateFailed { peer, torrent, fault, .. } => {
                self.close(peer, CloseReason::UnreadableBlock);
                self.cx.disk_failed(torrent, fault);
            }
            NetEvent::Rehashed { torrent, piece } => self.torrents.on_rotten(&mut self.cx, torrent, piece),
            NetEvent::LeftDisk { disk } => self.disks.on_left(disk),
            NetEvent::Saved(saved) => {
                let is_last = !self.ending.is_running();
                let (cx, torrents, waiters) = (&mut self.cx, &mut self.torrents, &mut self.waiters);
                let torrent = saved.torrent;
                self.saver.on_saved(cx, torrents, &self.disks, waiters, *saved, is_last);
                self.move_home_if_finished(torrent);
            }
            NetEvent::WantedSet { torrent, result } => self.on_wanted_set(torrent, result),
            NetEvent::Resolved { id, mut result } => {
                if let Ok(ips) = &mut result {
                    // An address that cannot be sent to is as good as none.
                    self.datagrams.retain_sendable(ips);
                    if let Err(error) = self.control.retain_unfiltered(ips) {
                        result = Err(error);
                    }
                }
                self.cx.handle(Event::Resolved { id, result });
            }
            NetEvent::PeerNotFound { torrent, peer, message } => {
                self.cx.emit_now(SessionEvent::PeerNotFound { torrent, peer, message });
            }
            NetEvent::Add { request, answer: to } => {
                let result = self.add(*request);
                self.cx.publish();
                answer(to, result.map_err(AddError::from));
            }
            NetEvent::AddMagnet { request, names, web_seeds, answer: to } => {
                answer(to, self.add_magnet(&request, names, web_seeds).map_err(AddError::from));
            }
            NetEvent::StartTorrent { torrent, request, answer: to } => {
                answer(to, self.start_torrent(torrent, *request).map_err(AddError::from));
            }
            NetEvent::Torrent { torrent, request } => self.on_request(torrent, request),
            NetEvent::Bans { answer: to } => answer(to, Ok(self.cx.engine().bans(self.cx.now()))),
            NetEvent::LiftBan { author, answer: to } => {
                self.cx.command(Command::LiftBan(author));
                answer(to, Ok(()));
            }
            NetEvent::SetFilter { filter, answer: to } => {
                self.control.set_filter(&filter);
                self.cx.command(Command::SetFilter(filter));
                answer(to, Ok(()));
            }
            NetEvent::FilterHits { answer: to } => answer(to, Ok(self.cx.engine().filter_hits())),
            NetEvent::SetSettings { settings, answer: to } => {
                self.set_settings(*settings);
                answer(to, Ok(()));
            }
            NetEvent::Proxy { answer: to } => answer(to, Ok(self.egress.status())),
            NetEvent::ProxyResolved { attempt, result } => self.on_proxy_resolved(attempt, result),
            NetEvent::SetPort { port, answer: to } => answer(to, self.set_port(port)),
            NetEvent::Mapped(status) => self.on_mapped(&status),
            NetEvent::MappingEnded => self.reach.set_ended(),
            NetEvent::DhtStats { answer: to } => answer(to, Ok(self.cx.engine().dht_stats(self.cx.now()))),
            NetEvent::Callers { answer: to } => answer(to, Ok(self.cx.engine().callers())),
            NetEvent::Command(command) => self.cx.command(command),
            NetEvent::Do { command, answer: to } => {
                self.cx.command(command);
                answer(to, Ok(()));
            }
            NetEvent::Shutdown { goodbyes } => self.shut_down(goodbyes),
        }
    }

    fn shut_down(&mut self, goodbyes: Option<Duration>) {
        if self.ending.start(self.cx.now(), goodbyes) {
            self.torrents.stop_jobs();
            self.reach.end(self.cx.now());
            self.cx.command(Command::Shutdown);
        }
    }

    /// Handles a change of the interface that all sockets are bound to.
    fn on_device(&mut self, state: DeviceState) {
        let Some(change) = self.device.update(self.cx.now(), state) else { return };
        let name = change.device;
        if change.has_lost {
            tracing::info!(name, "the interface is gone, or an address of it");
            for key in self.conns.keys().into_iter().chain(self.egress.tunnels.keys()) {
                self.close(key, CloseReason::InterfaceGone);
            }
            self.restart_link();
        }
        if let Some(is_there) = change.is_there {
            self.cx.emit(SessionEvent::Interface { name, is_there });
        }
        self.listen_again();
        self.reach.look();
    }

    /// Handles a change of our addresses.
    fn on_moved(&mut self, moved: &Moved) {
        let tunnels = self.egress.tunnels.of_addresses(&moved.lost);
        let over_utp = self.datagrams.lose(&moved.lost);
        for key in self.conns.of_addresses(&moved.lost).into_iter().chain(over_utp).chain(tunnels) {
            self.close(key, CloseReason::InterfaceGone);
        }
        self.reach.look();
        if moved.is_elsewhere {
            tracing::info!("announcing again from another address");
            self.control.forget_names();
            self.restart_link();
            self.cx.handle(Event::Network(NetworkChange::Moved));
        }
    }

    /// Handles a sleep of the machine.
    pub(super) fn on_slept(&mut self, slept: Duration) {
        tracing::info!(seconds = slept.as_secs(), "the machine has slept");
        self.control.forget_names();
        self.reach.look();
        self.restart_link();
        self.cx.handle(Event::Network(NetworkChange::Slept(slept)));
    }

    /// Handles an event of a TCP connection.
    pub(super) fn on_ready(&mut self, key: PeerKey, ready: &Ready) {
        if self.egress.tunnels.contains(key) {
            return self.on_tunnel_ready(key, ready);
        }
        match self.conns.finish_connect(key, ready) {
            Ok(Progress::Connecting) => return,
            Ok(Progress::Connected) => self.connected(key),
            Ok(Progress::Open) => {}
            Err(error) => return self.close(key, CloseReason::Socket(error)),
        }
        self.conns.note_ready(key, ready);
    }

    /// Handles an outgoing connection that was made.
    pub(super) fn connected(&mut self, key: PeerKey) {
        self.cx.handle(Event::Connected { peer: key });
        if self.conns.is_undecided(key) {
            self.advance_handshake(key);
        }
    }

    /// Accepts TCP connections.
    pub(super) fn accept(&mut self) {
        self.listeners.start();
        while let Some((stream, addr)) = self.listeners.accept(self.cx.now()) {
            self.accept_tcp(stream, addr);
        }
    }

    fn accept_tcp(&mut self, stream: TcpStream, addr: SocketAddr) {
        let now = self.cx.now();
        match self.cx.engine_mut().accept(now, addr, Transport::Tcp) {
            Ok(key) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%addr, %error, "cannot set TCP_NODELAY");
                }
                let (registry, cipher) = (self.poll.registry(), self.handshakes.called());
                if let Err(error) = self.conns.insert_tcp(registry, key, stream, false, cipher) {
                    self.close(key, CloseReason::Socket(error));
                }
            }
            Err(reason) => tracing::debug!(%addr, %reason, "refusing an incoming connection"),
        }
    }

    /// Handles the events of µTP connections.
    pub(super) fn on_utp_events(&mut self) {
        while let Some(event) = self.datagrams.utp_mut().poll_event() {
            match event {
                UtpEvent::Incoming { conn, from } => self.accept_utp(conn, from),
                UtpEvent::Connected(key) => {
                    tracing::debug!(peer = key.as_u64(), "µTP connection made");
                    self.conns.set_connected(key);
                    self.connected(key);
                }
                UtpEvent::Readable(key) => self.conns.set_readable(key),
                UtpEvent::Writable(key) => self.conns.set_writable(key),
                // Unread bytes precede the end.
                UtpEvent::Closed { peer, has_unread: true, .. } if self.conns.contains(peer) => {
                    self.conns.set_ended(peer);
                }
                UtpEvent::Closed { peer, reason, .. } => self.close(peer, CloseReason::Utp(reason)),
            }
        }
    }

    fn accept_utp(&mut self, conn: ConnKey, from: Path) {
        let now = self.cx.now();
        match self.cx.engine_mut().accept_utp(now, from.peer, self.datagrams.node_of(from)) {
            Ok(key) => {
                tracing::debug!(peer = key.as_u64(), from = %from.peer, "µTP connection accepted");
                self.datagrams.utp_mut().assign(conn, key);
                self.conns.insert_utp(key, conn, false, self.handshakes.called());
                self.conns.set_readable(key);
            }
            Err(reason) => {
                tracing::debug!(from = %from.peer, %reason, "refusing an incoming connection");
                self.datagrams.utp_mut().refuse(now, conn);
            }
        }
    }

    /// Reads from the readable connections in turn, while the disks of their torrents keep up.
    pub(super) fn read_some(&mut self) {
        self.conns.release_held(self.cx.engine().read_resumptions());
        for _ in 0..self.conns.reads_due() {
            let Some(key) = self.conns.next_readable() else { return };
            if !self.cx.engine().may_read(key) {
                self.conns.hold(key);
                continue;
            }
            if self.read_one(key) {
                self.conns.requeue_readable(key);
            }
        }
    }

    /// Reads once. Returns true if there may be more.
    fn read_one(&mut self, key: PeerKey) -> bool {
        match self.conns.read(self.cx.now(), self.datagrams.endpoint_mut(), key) {
            Read::Data { data, more } => {
                self.deliver(key, data);
                more
            }
            Read::Handshake { more } => {
                self.advance_handshake(key);
                more
            }
            Read::Nothing { more } => more,
            Read::Closed(reason) => {
                self.close(key, reason);
                false
            }
        }
    }

    fn advance_handshake(&mut self, key: PeerKey) {
        let first = self.handshakes.advance(&mut self.cx, &mut self.conns, key);
        self.on_handshake(key, first);
    }

    /// Handles the outcome of a step of a handshake: if it is done, the first bytes of the stream after it.
    fn on_handshake(&mut self, key: PeerKey, first: Result<Option<BytesMut>, CloseReason>) {
        match first {
            Ok(Some(data)) if !data.is_empty() => self.deliver(key, data),
            Ok(_) => {}
            Err(reason) => self.close(key, reason),
        }
    }

    /// Passes bytes of a stream to the engine, and keeps those that it leaves.
    fn deliver(&mut self, key: PeerKey, mut data: BytesMut) {
        self.cx.handle(Event::Received { peer: key, data: &mut data });
        self.conns.keep_rest(key, &data);
    }

    /// Ends a connection that the engine has not closed itself.
    pub(super) fn close(&mut self, key: PeerKey, reason: CloseReason) {
        let cause = reason.cause();
        if cause == CloseCause::Remote
            && let Some(served) = self.conns.served(key)
        {
            self.torrents.on_hang_up(self.cx.now(), served, &self.disks);
        }
        self.drop_conn(key);
        tracing::debug!(peer = key.as_u64(), %reason, "connection lost");
        self.cx.handle(Event::Closed { peer: key, cause });
    }

    /// Drops a connection with its socket.
    pub(super) fn drop_conn(&mut self, key: PeerKey) {
        // The socket is closed as it is dropped.
        let _ = self.egress.tunnels.remove(self.poll.registry(), key);
        if let Some(conn) = self.conns.remove(self.poll.registry(), key) {
            self.datagrams.utp_mut().close(self.cx.now(), conn);
        }
    }
}
