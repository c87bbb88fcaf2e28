//! Lookup of torrents by info-hash.

use crate::ids::TorrentId;
use std::collections::BTreeMap;
use ztor_base::{Sha1Digest, SwarmId};
use ztor_wire::mse::obfuscated_swarm;

/// v1 and truncated v2 info-hashes, as they appear in handshakes.
#[derive(Debug, Default)]
pub(crate) struct Swarms {
    torrents: BTreeMap<SwarmId, TorrentId>,
    /// Their hashes in encrypted handshakes, so that an incoming connection costs one lookup for any number of
    /// torrents.
    obfuscated: BTreeMap<Sha1Digest, SwarmId>,
}

impl Swarms {
    pub(crate) fn get(&self, info_hash: SwarmId) -> Option<TorrentId> {
        self.torrents.get(&info_hash).copied()
    }

    pub(crate) fn contains(&self, info_hash: SwarmId) -> bool {
        self.torrents.contains_key(&info_hash)
    }

    pub(crate) fn insert(&mut self, info_hash: SwarmId, id: TorrentId) {
        self.torrents.insert(info_hash, id);
        self.obfuscated.insert(obfuscated_swarm(info_hash), info_hash);
    }

    pub(crate) fn remove(&mut self, info_hash: SwarmId) {
        self.torrents.remove(&info_hash);
        self.obfuscated.remove(&obfuscated_swarm(info_hash));
    }

    pub(crate) fn of_obfuscated(&self, obfuscated: Sha1Digest) -> Option<SwarmId> {
        self.obfuscated.get(&obfuscated).copied()
    }
}
