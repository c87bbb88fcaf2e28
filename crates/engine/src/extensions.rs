//! A peer's side of the extension protocol (BEP 10), and our handshake of it.

use crate::config::{MAX_PEER_REQUESTS, OUR_UT_HOLEPUNCH, OUR_UT_METADATA, OUR_UT_PEX};
use crate::cx::Cx;
use crate::dial::PunchState;
use crate::discovery::contacts::PexState;
use crate::peer::Conn;
use ztor_wire::{ExtendedHandshake, Message, UT_HOLEPUNCH, UT_METADATA, UT_PEX};

/// A peer's side of the extensions.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    is_spoken: bool,
    /// The ids that messages to it carry.
    ut_metadata: Option<u8>,
    ut_pex: Option<u8>,
    ut_holepunch: Option<u8>,
    /// The length of the metadata in bytes, as it says.
    metadata_size: Option<u32>,
    listen_port: Option<u16>,
    /// It wants nothing (BEP 21).
    is_upload_only: bool,
    /// It has said where its DHT node is.
    has_sent_port: bool,
    pub(crate) pex: PexState,
    pub(crate) punch: PunchState,
}

/// What our handshake says of a torrent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) is_private: bool,
    /// Length of the info dictionary in bytes, once it is known.
    pub(crate) metadata_size: Option<u32>,
    pub(crate) is_finished: bool,
}

impl Extensions {
    /// Notes whether the peer speaks them at all.
    pub(crate) fn set_spoken(&mut self, is_spoken: bool) {
        self.is_spoken = is_spoken;
    }

    /// The id of its metadata messages, if it takes them.
    pub(crate) fn ut_metadata(&self) -> Option<u8> {
        self.ut_metadata
    }

    /// The id of its messages of peer exchange, if it takes them.
    pub(crate) fn ut_pex(&self) -> Option<u8> {
        self.ut_pex
    }

    /// The id of its hole punch messages, if it takes them.
    pub(crate) fn ut_holepunch(&self) -> Option<u8> {
        self.ut_holepunch
    }

    /// The length of the metadata in bytes, if it says that it has the metadata.
    pub(crate) fn metadata_size(&self) -> Option<u32> {
        self.metadata_size.filter(|_| self.ut_metadata.is_some())
    }

    /// Returns true if it says that it has the metadata.
    pub(crate) fn has_metadata(&self) -> bool {
        self.metadata_size().is_some()
    }

    /// The port that it listens on, if it has said so.
    pub(crate) fn listen_port(&self) -> Option<u16> {
        self.listen_port
    }

    /// It wants nothing (BEP 21).
    pub(crate) fn is_upload_only(&self) -> bool {
        self.is_upload_only
    }

    /// Notes that it says where its DHT node is. False if it has done so before.
    pub(crate) fn sends_port(&mut self) -> bool {
        !std::mem::replace(&mut self.has_sent_port, true)
    }

    /// Memory in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.pex.held_bytes()
    }

    /// Sends our handshake; again when what it says has changed.
    pub(crate) fn send_handshake(&self, cx: &mut Cx<'_>, conn: &Conn, about: About) {
        if !self.is_spoken {
            return;
        }
        let exchanges = cx.config.peer_exchange && !about.is_private;
        let pex = exchanges.then(|| (UT_PEX.to_owned(), OUR_UT_PEX));
        let punches = cx.config.punches() && !about.is_private;
        let punch = punches.then(|| (UT_HOLEPUNCH.to_owned(), OUR_UT_HOLEPUNCH));
        let metadata = (UT_METADATA.to_owned(), OUR_UT_METADATA);
        let hello = ExtendedHandshake {
            messages: pex.into_iter().chain([metadata]).chain(punch).collect(),
            client: Some(cx.config.client.clone()),
            port: Some(cx.config.listen_port).filter(|p| *p != 0),
            request_queue: Some(MAX_PEER_REQUESTS as u32),
            your_ip: Some(conn.addr().ip()),
            metadata_size: about.metadata_size,
            upload_only: about.is_finished,
            ..ExtendedHandshake::default()
        };
        cx.out.send(conn.key(), &Message::Extended { id: 0, payload: hello.encode().into() });
    }

    /// Takes the peer's handshake. Returns the port that a caller listens on, when it says so for the first time: with one
    /// port after the other it could have us call them all.
    pub(crate) fn on_handshake(&mut self, hello: &ExtendedHandshake, is_incoming: bool) -> Option<u16> {
        // Extensions that it does not name stay as they were (BEP 10).
        for (name, number) in &hello.messages {
            let number = Some(*number).filter(|n| *n != 0);
            match name.as_str() {
                UT_METADATA => self.ut_metadata = number,
                UT_PEX => self.ut_pex = number,
                UT_HOLEPUNCH => self.ut_holepunch = number,
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
