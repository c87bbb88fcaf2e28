//! Extended messages (BEP 10): the handshake, and to whom the others go.

use crate::extended::{OUR_UT_HOLEPUNCH, OUR_UT_METADATA, OUR_UT_PEX};
use crate::known::Origin;
use crate::misbehaviour::Misbehaviour;
use crate::outbox::Outbox;
use crate::peer::Direction;
use crate::torrent::Torrent;
use crate::{Engine, PeerKey, TorrentId};
use bytes::Bytes;
use std::net::SocketAddr;
use ztor_base::{Host, Instant};
use ztor_wire::{
    ExtendedHandshake, HolepunchMessage, Message, MetadataMessage, PexMessage, UT_HOLEPUNCH, UT_METADATA,
    UT_PEX,
};

use crate::config::MAX_PEER_REQUESTS;

impl Engine {
    /// Says what we are and can do; again when that changes.
    pub(crate) fn send_extended_handshake(&self, key: PeerKey, torrent: &Torrent, out: &mut Outbox) {
        let Some(peer) = self.peers.get(key).filter(|peer| peer.extended.is_spoken) else { return };
        let pex = self.our_pex_id(torrent).map(|id| (UT_PEX.to_owned(), id));
        let punch = self.our_holepunch_id(torrent.private).map(|id| (UT_HOLEPUNCH.to_owned(), id));
        let metadata = (UT_METADATA.to_owned(), OUR_UT_METADATA);
        let messages = pex.into_iter().chain([metadata]).chain(punch).collect();
        let hello = ExtendedHandshake {
            messages,
            client: Some(self.config.client.clone()),
            port: Some(self.config.listen_port).filter(|p| *p != 0),
            request_queue: Some(MAX_PEER_REQUESTS as u32),
            your_ip: Some(peer.addr.ip()),
            metadata_size: torrent.info().map(|info| info.len() as u32),
            upload_only: torrent.finished,
            ..ExtendedHandshake::default()
        };
        out.send(key, &Message::Extended { id: 0, payload: hello.encode().into() });
    }

    pub(crate) fn on_extended(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        (extension, payload): (u8, &Bytes),
        out: &mut Outbox,
    ) -> Result<(), Misbehaviour> {
        match extension {
            0 => self.on_extended_handshake(now, key, id, payload),
            OUR_UT_PEX => {
                self.on_pex(now, key, id, &PexMessage::decode(payload)?);
                Ok(())
            }
            OUR_UT_METADATA => {
                let message = MetadataMessage::decode(payload)?;
                self.on_metadata_message(now, key, id, message, out)
            }
            OUR_UT_HOLEPUNCH => {
                // What does not make sense is ignored (BEP 55).
                if let Ok(message) = HolepunchMessage::decode(payload) {
                    self.on_holepunch(now, key, id, message, out);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_extended_handshake(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        payload: &[u8],
    ) -> Result<(), Misbehaviour> {
        let hello = ExtendedHandshake::decode(payload)?;
        let Some(peer) = self.peers.get_mut(key) else { return Ok(()) };
        if let Some(limit) = hello.request_queue {
            peer.download.peer_queue_limit = (limit as usize).max(1);
        }
        if hello.client.is_some() {
            peer.client.clone_from(&hello.client);
        }
        // Extensions that it does not name stay as they were (BEP 10).
        for (name, number) in &hello.messages {
            let number = Some(*number).filter(|n| *n != 0);
            match name.as_str() {
                UT_METADATA => peer.extended.ut_metadata = number,
                UT_PEX => peer.extended.ut_pex = number,
                UT_HOLEPUNCH => peer.extended.ut_holepunch = number,
                _ => {}
            }
        }
        peer.extended.upload_only = hello.upload_only;
        peer.extended.metadata_size = hello.metadata_size.or(peer.extended.metadata_size);
        // Its first word counts: with one port after the other it could have us call them all.
        if let (Direction::Incoming, Some(port), None) =
            (peer.direction, hello.port, peer.extended.listen_port)
        {
            peer.extended.listen_port = Some(port);
            let addr = SocketAddr::new(peer.addr.ip(), port);
            if let Some(torrent) = self.torrents.get_mut(id).filter(|torrent| !torrent.private) {
                torrent.known.met(now, addr, Origin::Incoming(Host::of(addr.ip())), &mut self.rng);
            }
        }
        self.plan_pex(now, key);
        self.offers_metadata(key, id);
        Ok(())
    }
}
