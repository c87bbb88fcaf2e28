//! Peers and metadata from other sources than trackers: extended messages, hash requests, the local network, the DHT.

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use ztor_dht::krpc::{self, Body};
use ztor_dht::{Contact, NodeId};
use ztor_engine::{Command, DhtRole, DiskEvent, Event, PeerKey};
use ztor_metainfo::merkle;
use ztor_wire::{
    ExtendedHandshake, HashRequest, LocalAnnounce, METADATA_BLOCK_LEN, Message, MetadataMessage, PexFlags,
    PexMessage, UT_METADATA, UT_PEX,
};

use super::{Scene, address};
use crate::world::{DHT_NODES, ENGINE_UT_METADATA, ENGINE_UT_PEX, OUR_UT_METADATA, OUR_UT_PEX};

impl Scene {
    /// Returns the extended handshake, with our ids for the extensions and mostly the true length of the metadata.
    pub(super) fn hello(&self, torrent: usize, u: &mut Unstructured<'_>) -> Result<Message> {
        let len = self.world.torrents[torrent].meta.bulk().expect("in memory").info().len() as u32;
        let hello = ExtendedHandshake {
            messages: vec![(UT_METADATA.to_owned(), OUR_UT_METADATA), (UT_PEX.to_owned(), OUR_UT_PEX)],
            metadata_size: Some(if u.ratio(7, 8)? { len } else { u.arbitrary()? }),
            upload_only: u.ratio(1, 8)?,
            ..ExtendedHandshake::default()
        };
        Ok(Message::Extended { id: 0, payload: hello.encode().into() })
    }

    pub(super) fn pex(u: &mut Unstructured<'_>) -> Result<Message> {
        let mut pex = PexMessage::default();
        for _ in 0..u.int_in_range(0..=6)? {
            pex.added.push((address(u.arbitrary()?), PexFlags(u.arbitrary()?)));
        }
        for _ in 0..u.int_in_range(0..=2)? {
            pex.dropped.push(address(u.arbitrary()?));
        }
        let payload = if u.ratio(1, 8)? { u.arbitrary()? } else { pex.encode() };
        Ok(Message::Extended { id: ENGINE_UT_PEX, payload: payload.into() })
    }

    /// Returns a message of `ut_metadata`: a request, an answer to one of the engine's, or an unsolicited answer.
    pub(super) fn metadata(
        &self,
        peer: PeerKey,
        torrent: usize,
        u: &mut Unstructured<'_>,
    ) -> Result<Message> {
        let asked =
            self.world.links.get(&peer).map(|link| link.asked_metadata.as_slice()).unwrap_or_default();
        let piece = match u.choose(asked) {
            Ok(piece) if u.ratio(7, 8)? => *piece,
            _ => u.int_in_range(0..=3)?,
        };
        let message = match u.int_in_range(0..=7)? {
            0 | 1 => MetadataMessage::Request { piece },
            2 => MetadataMessage::Reject { piece },
            3 => MetadataMessage::Unknown,
            _ => {
                let bulk = self.world.torrents[torrent].meta.bulk().expect("in memory");
                let info = bulk.info();
                let begin = (piece * METADATA_BLOCK_LEN) as usize;
                let end = (begin + METADATA_BLOCK_LEN as usize).min(info.len());
                let mut data = info.get(begin..end).unwrap_or(b"x").to_vec();
                if u.ratio(1, 8)? {
                    data[0] ^= 1;
                }
                let total_size = if u.ratio(15, 16)? { info.len() as u32 } else { u.arbitrary()? };
                MetadataMessage::Data { piece, total_size, data: data.into() }
            }
        };
        Ok(Message::Extended { id: ENGINE_UT_METADATA, payload: message.encode().into() })
    }

    /// Returns a hash request, or an answer to one of the engine's, mostly right.
    pub(super) fn hashes(
        &self,
        peer: PeerKey,
        torrent: usize,
        u: &mut Unstructured<'_>,
    ) -> Result<Option<Message>> {
        let meta = &self.world.torrents[torrent].meta;
        let Some(root) = meta.layout.files().first().and_then(|file| file.pieces_root()) else {
            return Ok(None);
        };
        let asked = self.world.links.get(&peer).map(|link| link.asked_hashes.as_slice()).unwrap_or_default();
        let request = match u.choose(asked) {
            Ok(request) if u.ratio(7, 8)? => *request,
            _ => HashRequest {
                pieces_root: if u.ratio(7, 8)? { root } else { [1; 32] },
                base_layer: u.int_in_range(0..=2)?,
                index: u32::from(u.arbitrary::<u8>()?),
                length: 1 << u.int_in_range(0..=9)?,
                proof_layers: u.int_in_range(0..=12)?,
            },
        };
        Ok(Some(match u.int_in_range(0..=7)? {
            0 | 1 => Message::HashRequest(request),
            2 => Message::HashReject(request),
            _ => {
                let mut hashes =
                    self.world.torrents[torrent].hashes_for(&request).unwrap_or(vec![[0; 32]; 2]);
                if u.ratio(1, 8)? {
                    hashes[0][0] ^= 1;
                }
                Message::Hashes { request, hashes: Bytes::from(hashes.concat()) }
            }
        }))
    }

    /// Starts a torrent whose metadata has arrived, as the owner would.
    pub(super) fn begin(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(torrent) = self.world.begin_one() else { return Ok(()) };
        if u.ratio(7, 8)? {
            let pieces = self.world.torrents[torrent].meta.layout.piece_count();
            let have = ztor_engine::Bitfield::new(pieces);
            self.world.disk_says(torrent, DiskEvent::Checked { have });
        }
        Ok(())
    }

    pub(super) fn local_announce(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let info_hash = self.world.torrents[self.torrent(u)?].meta.info_hashes.swarm_id();
        let announce = LocalAnnounce {
            port: u.arbitrary()?,
            info_hashes: vec![info_hash; u.int_in_range(1..=3)?],
            cookie: u.arbitrary::<bool>()?.then(|| "other".to_owned()),
        };
        let from = address(u.arbitrary()?);
        let data = if u.ratio(1, 8)? { u.arbitrary()? } else { announce.encode("239.192.152.143:6771") };
        self.world.handle(Event::LocalAnnounce { from, data: &data });
        Ok(())
    }

    /// Starts the DHT, adds nodes, or answers one of its queries.
    pub(super) fn dht(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if self.world.start_dht() || u.ratio(1, 8)? {
            let addrs = (2..u.int_in_range(3..=6)?).map(|n| address(n * 5)).collect();
            let role = *u.choose(&[DhtRole::Router, DhtRole::Entry, DhtRole::Node])?;
            self.world.handle(Event::Command(Command::AddDhtNodes { addrs, role }));
            return Ok(());
        }
        let Some((asked, question)) = self.world.dht_questions.pop() else { return Ok(()) };
        let Body::Query(query) = question.body else { return Ok(()) };
        // For local addresses every id is valid.
        let id_at = |n: u8| NodeId::new([n.wrapping_mul(37); 20]);
        let mut response = krpc::Response::new(id_at(asked.to.port() as u8));
        if !matches!(query.method, krpc::Method::Ping) {
            let nodes = (0..u.int_in_range(0..=4)?)
                .map(|_| u.arbitrary().map(|n: u8| Contact { id: id_at(n), addr: address(n) }))
                .collect::<Result<Vec<_>>>()?;
            response.nodes4 = Some(nodes.into_iter().filter(|node| node.addr.is_ipv4()).collect());
            response.token = Some(b"token".to_vec());
            for _ in 0..u.int_in_range(0..=4)? {
                response.values.push(address(u.arbitrary()?));
            }
        }
        let answer = krpc::Message {
            transaction: question.transaction,
            body: Body::Response(Box::new(response)),
            external: None,
            read_only: false,
            version: None,
        };
        // Some answers arrive at another node, or at one that does not exist.
        let node = if u.ratio(1, 8)? { u.int_in_range(0..=DHT_NODES)? } else { asked.node };
        self.world.handle(Event::Datagram { node, from: asked.to, data: &answer.encode() });
        Ok(())
    }
}

impl crate::world::Swarm {
    /// Returns the answer to a hash request; `None` if it cannot be answered.
    pub(crate) fn hashes_for(&self, request: &HashRequest) -> Option<Vec<merkle::Hash>> {
        let range = merkle::Range {
            base_layer: request.base_layer,
            index: request.index,
            length: request.length,
            proof_layers: request.proof_layers,
        };
        let layer = self.meta.piece_layer(0)?;
        merkle::Tree::of_piece_layer(layer, self.meta.layout.piece_length()).answer(range)
    }
}
