//! Dispatch of received datagrams.

use ztor_base::Instant;

use super::Endpoint;
use super::unknown_packets::Verdict;
use crate::conn::{Conn, State};
use crate::header::{Packet, Type, is_utp};
use crate::{Closed, ConnKey, Event, Path};

impl Endpoint {
    pub(super) fn on_datagram(&mut self, now: Instant, from: Path, datagram: &[u8]) -> bool {
        if !is_utp(datagram) {
            return false;
        }
        if let Some(packet) = Packet::parse(datagram) {
            match packet.header.kind {
                Type::Syn => self.on_syn(now, from, &packet),
                Type::Reset => self.on_reset(now, from, &packet),
                Type::Data | Type::Fin | Type::State => self.on_packet(now, from, &packet),
            }
        }
        true
    }

    fn on_packet(&mut self, now: Instant, from: Path, packet: &Packet<'_>) {
        match self.route(from, packet.header.conn_id) {
            Some(key) => _ = self.with(now, key, |conn, cx| conn.handle(cx, packet)),
            None => self.on_stranger(now, from, packet),
        }
    }

    fn route(&mut self, from: Path, conn_id: u16) -> Option<ConnKey> {
        let route = (from, conn_id);
        if let Some((last, key)) = self.last_route
            && last == route
        {
            return Some(key);
        }
        let key = self.find(from, conn_id)?;
        self.last_route = Some((route, key));
        Some(key)
    }

    /// Returns the connection of packets that arrive on a path.
    fn find(&self, from: Path, conn_id: u16) -> Option<ConnKey> {
        let anywhere = Path { socket: 0, ..from };
        self.routes.get(&(from, conn_id)).or_else(|| self.routes.get(&(anywhere, conn_id))).copied()
    }

    /// Handles a packet of no connection: the first after a SYN that we answered, or a late one.
    fn on_stranger(&mut self, now: Instant, from: Path, packet: &Packet<'_>) {
        let clock_us = self.clock_us(now);
        let header = &packet.header;
        match self.unknown.judge(now, from, header) {
            Verdict::Reset => self.unknown.reset(now, from, header, clock_us),
            Verdict::Ignore => {}
            Verdict::Accept { syn } if self.conns.len() < self.config.max_connections => {
                let (recv_id, first) = (header.conn_id, header.ack_nr.plus(1));
                let key = self.insert(now, |key, cx| Conn::accept(key, cx, from, recv_id, first, syn));
                self.events.push_back(Event::Incoming { key, from });
                self.with(now, key, |conn, cx| conn.handle(cx, packet));
            }
            Verdict::Accept { .. } => self.unknown.reset(now, from, header, clock_us),
        }
    }

    /// Answers a SYN without keeping state; see [`crate::cookie`].
    fn on_syn(&mut self, now: Instant, from: Path, packet: &Packet<'_>) {
        let clock_us = self.clock_us(now);
        let recv_id = packet.header.conn_id.wrapping_add(1);
        if let Some(key) = self.route(from, recv_id) {
            // A late or repeated SYN only needs an acknowledgement. If an outgoing connection has the id, the peer has
            // to try another one.
            self.with(now, key, |conn, _| conn.on_late_syn());
        } else if self.conns.len() < self.config.max_connections {
            self.unknown.answer_syn(now, from, &packet.header, clock_us, self.config.max_receive_bytes);
        } else {
            self.unknown.reset(now, from, &packet.header, clock_us);
        }
    }

    /// Handles a RESET. It names the connection by the id of packets to us, or by that of packets from us if the peer
    /// does not know the connection. It must also have a plausible `ack_nr`, so that it cannot be sent blindly.
    fn on_reset(&mut self, now: Instant, from: Path, packet: &Packet<'_>) {
        let id = packet.header.conn_id;
        let keys = [id, id.wrapping_sub(1), id.wrapping_add(1)].map(|recv_id| self.find(from, recv_id));
        for key in keys.into_iter().flatten() {
            self.with(now, key, |conn, cx| {
                let is_meant = conn.recv_id == id || conn.send_id == id;
                if is_meant && conn.is_plausible_reset(packet.header.ack_nr) {
                    let refused = matches!(conn.state, State::SynSent { .. });
                    conn.die(cx, if refused { Closed::Refused } else { Closed::Reset });
                }
            });
        }
    }
}
