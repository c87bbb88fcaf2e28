//! Extension protocol (BEP 10): the state of a peer, and our handshake.

use crate::config::{
    MAX_PEER_REQUESTS, OUR_LT_DONTHAVE, OUR_UPLOAD_ONLY, OUR_UT_HOLEPUNCH, OUR_UT_METADATA, OUR_UT_PEX,
};
use crate::cx::Cx;
use crate::dial::PunchState;
use crate::discovery::contacts::PexState;
use crate::peer::Conn;
use bytes::Bytes;
use ztor_wire::{
    ExtendedHandshake, LT_DONTHAVE, Message, UPLOAD_ONLY, UT_HOLEPUNCH, UT_METADATA, UT_PEX,
    encode_dont_have, encode_upload_only,
};

/// State of a peer in the extension protocol.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    is_spoken: bool,
    /// Message ids that the peer assigned; `None` if it does not support the extension.
    ut_metadata: Option<u8>,
    ut_pex: Option<u8>,
    ut_holepunch: Option<u8>,
    upload_only: Option<u8>,
    lt_donthave: Option<u8>,
    /// Length of the metadata in bytes, as the peer claims; `None` if unknown.
    metadata_size: Option<u32>,
    listen_port: Option<u16>,
    /// Set if the peer only uploads (BEP 21).
    is_upload_only: bool,
    /// Set once the peer has sent the port of its DHT node.
    has_sent_port: bool,
    pub(crate) pex: PexState,
    pub(crate) punch: PunchState,
}

/// Torrent data in our handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) is_private: bool,
    /// Length of the info dictionary in bytes; `None` while unknown.
    pub(crate) metadata_size: Option<u32>,
    /// True if we only upload (BEP 21).
    pub(crate) is_upload_only: bool,
}

impl Extensions {
    /// Records whether the peer supports the extension protocol.
    pub(crate) fn set_spoken(&mut self, is_spoken: bool) {
        self.is_spoken = is_spoken;
    }

    /// Returns the peer's id of metadata messages; `None` if it does not support them.
    pub(crate) fn ut_metadata(&self) -> Option<u8> {
        self.ut_metadata
    }

    /// Returns the peer's id of peer exchange messages; `None` if it does not support them.
    pub(crate) fn ut_pex(&self) -> Option<u8> {
        self.ut_pex
    }

    /// Returns the peer's id of hole punch messages; `None` if it does not support them.
    pub(crate) fn ut_holepunch(&self) -> Option<u8> {
        self.ut_holepunch
    }

    /// Returns the length of the metadata in bytes, if the peer claims to have the metadata.
    pub(crate) fn metadata_size(&self) -> Option<u32> {
        self.metadata_size.filter(|_| self.ut_metadata.is_some())
    }

    /// Returns true if the peer claims to have the metadata.
    pub(crate) fn has_metadata(&self) -> bool {
        self.metadata_size().is_some()
    }

    /// Returns the listen port that an incoming peer has sent; `None` if it has sent none.
    pub(crate) fn listen_port(&self) -> Option<u16> {
        self.listen_port
    }

    /// Returns true if the peer only uploads (BEP 21).
    pub(crate) fn is_upload_only(&self) -> bool {
        self.is_upload_only
    }

    /// Records whether the peer only uploads (BEP 21).
    pub(crate) fn set_upload_only(&mut self, is_upload_only: bool) {
        self.is_upload_only = is_upload_only;
    }

    /// Returns true if the peer can be told that we have lost a piece (BEP 54).
    pub(crate) fn takes_dont_have(&self) -> bool {
        self.lt_donthave.is_some()
    }

    /// Announces that we have lost a piece (BEP 54), if the peer supports that.
    pub(crate) fn send_dont_have(&self, cx: &mut Cx<'_>, conn: &Conn, piece: u32) {
        if let Some(id) = self.lt_donthave {
            let payload = Bytes::copy_from_slice(&encode_dont_have(piece));
            cx.out.send(conn.key(), &Message::Extended { id, payload });
        }
    }

    /// Announces whether we only upload (BEP 21): by a message of its own if the peer supports it, or else by another
    /// handshake.
    pub(crate) fn send_upload_only(&self, cx: &mut Cx<'_>, conn: &Conn, about: About) {
        match self.upload_only {
            Some(id) => {
                let payload = Bytes::copy_from_slice(&encode_upload_only(about.is_upload_only));
                cx.out.send(conn.key(), &Message::Extended { id, payload });
            }
            None => self.send_handshake(cx, conn, about),
        }
    }

    /// Records that the peer has sent the port of its DHT node. Returns false if it has done so before.
    pub(crate) fn sends_port(&mut self) -> bool {
        !std::mem::replace(&mut self.has_sent_port, true)
    }

    /// Memory in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.pex.held_bytes()
    }

    /// Sends our handshake. It is sent again when its content changes.
    pub(crate) fn send_handshake(&self, cx: &mut Cx<'_>, conn: &Conn, about: About) {
        if !self.is_spoken {
            return;
        }
        let exchanges = cx.config.peer_exchange && !about.is_private;
        let pex = exchanges.then(|| (UT_PEX.to_owned(), OUR_UT_PEX));
        let punches = cx.config.punches() && !about.is_private;
        let punch = punches.then(|| (UT_HOLEPUNCH.to_owned(), OUR_UT_HOLEPUNCH));
        let metadata = (UT_METADATA.to_owned(), OUR_UT_METADATA);
        let short = [(UPLOAD_ONLY, OUR_UPLOAD_ONLY), (LT_DONTHAVE, OUR_LT_DONTHAVE)];
        let short = short.map(|(name, id)| (name.to_owned(), id));
        let hello = ExtendedHandshake {
            messages: pex.into_iter().chain([metadata]).chain(punch).chain(short).collect(),
            client: Some(cx.config.client.clone()).filter(|_| !cx.config.is_anonymous),
            port: Some(cx.config.port_toward(conn.addr().ip()))
                .filter(|p| *p != 0 && !cx.config.is_anonymous),
            request_queue: Some(MAX_PEER_REQUESTS as u32),
            your_ip: Some(conn.addr().ip()).filter(|_| !cx.config.is_anonymous),
            metadata_size: about.metadata_size,
            upload_only: about.is_upload_only,
            ..ExtendedHandshake::default()
        };
        cx.out.send(conn.key(), &Message::Extended { id: 0, payload: hello.encode().into() });
    }

    /// Handles the peer's handshake. Returns the listen port of an incoming peer when it is first sent: with a series
    /// of ports it could make us dial them all.
    pub(crate) fn on_handshake(&mut self, hello: &ExtendedHandshake, is_incoming: bool) -> Option<u16> {
        // Extensions that the handshake omits stay unchanged (BEP 10).
        for (name, number) in &hello.messages {
            let number = Some(*number).filter(|n| *n != 0);
            match name.as_str() {
                UT_METADATA => self.ut_metadata = number,
                UT_PEX => self.ut_pex = number,
                UT_HOLEPUNCH => self.ut_holepunch = number,
                UPLOAD_ONLY => self.upload_only = number,
                LT_DONTHAVE => self.lt_donthave = number,
                _ => {}
            }
        }
        self.is_upload_only = hello.upload_only;
        self.metadata_size = hello.metadata_size.or(self.metadata_size);
        let port = hello.port.filter(|_| is_incoming && self.listen_port.is_none())?;
        self.listen_port = Some(port);
        Some(port)
    }
}
