//! Details of a torrent.

use crate::goals::Goals;
use crate::torrent::Torrent;
use serde::{Deserialize, Serialize};

/// A torrent in detail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Detail {
    /// Its row.
    #[serde(flatten)]
    pub torrent: Torrent,
    /// Goals of the torrent alone.
    pub goals: Goals,
    /// Magnet link.
    pub magnet: String,
    /// Comment in the torrent file.
    pub comment: Option<String>,
    /// Program that has created the torrent file.
    pub created_by: Option<String>,
    /// Time at which the torrent file was created.
    pub created_unix_s: Option<i64>,
    /// Length of a piece in bytes; `null` while the metadata is unknown.
    pub piece_bytes: Option<u32>,
    /// Number of pieces; `null` while the metadata is unknown.
    pub pieces: Option<u32>,
    /// Number of pieces that are present.
    pub have_pieces: u32,
    /// Number of files without pads; `null` while the metadata is unknown.
    pub files: Option<usize>,
    /// Bytes received in vain in this session.
    pub wasted_bytes: u64,
    /// Number of known addresses of peers.
    pub known_peers: u32,
    /// Signatures of the torrent file (BEP 35).
    #[serde(default)]
    pub signatures: Vec<Signature>,
    /// Address of the feed of new versions (BEP 39), without secrets; `null` if the torrent names none.
    #[serde(default)]
    pub update_url: Option<String>,
    /// Publisher that is followed for new versions (BEP 46); `null` if there is none.
    #[serde(default)]
    pub publisher: Option<Publisher>,
    /// True if a new version was added, which is followed in its place.
    #[serde(default)]
    pub is_updated: bool,
}

/// A signature of a torrent file. It shows who has the key of the certificate; whether to trust the certificate is for the
/// user to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Signature {
    /// Name of the signer, as the torrent claims.
    pub name: String,
    /// Common name in the certificate; `null` if there is none.
    pub common_name: Option<String>,
    /// SHA-256 of the certificate in hexadecimal; `null` without one.
    pub fingerprint: Option<String>,
    /// True if the certificate is part of the signature.
    pub is_embedded: bool,
    /// True if the certificate is that of the originator, whose signature new versions need (BEP 39).
    pub is_originator: bool,
    /// Result of the check.
    pub state: SignatureState,
}

/// Result of the check of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SignatureState {
    /// The owner of the certificate has signed the torrent.
    Valid,
    /// The signature does not match the torrent and the certificate.
    Invalid,
    /// There is no certificate to check it with.
    NoCertificate,
    /// The certificate cannot be read.
    BadCertificate,
    /// The key of the certificate is of an unsupported kind.
    Unsupported,
}

/// A publisher of torrents in the DHT (BEP 46).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Publisher {
    /// Magnet link of the publisher.
    pub link: String,
    /// Number of this version.
    pub version: i64,
}

/// A file of a torrent. Pads are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct File {
    /// Index in the torrent, pads included.
    pub index: usize,
    /// Path below the download folder, as it is now.
    pub path: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Bytes of the file in pieces that are present.
    pub have_bytes: u64,
    /// Priority.
    pub priority: FilePriority,
}

/// Request of a link to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DownloadLinkRequest {
    /// Time for which the link is valid, in seconds; at most a week.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 604800))]
    pub valid_s: u64,
}

impl Default for DownloadLinkRequest {
    /// A day.
    fn default() -> Self {
        Self { valid_s: 24 * 60 * 60 }
    }
}

/// A link to a file, for which no credentials are needed. It ends early if the password changes or the daemon restarts; a
/// transfer under way goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DownloadLink {
    /// Path and query, to be put after the address of the daemon.
    pub path: String,
    /// Time at which it ends.
    pub expires_unix_s: u64,
}

/// Priority of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FilePriority {
    /// The file is not downloaded.
    Skip,
    /// Low.
    Low,
    /// Normal.
    Normal,
    /// High.
    High,
}

/// Priority of one file, in requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FileChoice {
    /// Index in the torrent, pads included.
    pub index: usize,
    /// Priority.
    pub priority: FilePriority,
}

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Peer {
    /// Remote address, `IP:PORT`.
    pub addr: String,
    /// Client name that the peer claims, unfiltered; `null` if it has sent none.
    pub client: Option<String>,
    /// True if the peer has opened the connection.
    pub is_incoming: bool,
    /// Transport: `tcp` or `utp`.
    pub transport: String,
    /// True if the stream is encrypted.
    pub is_encrypted: bool,
    /// Sources of its address: `user`, `tracker`, `local`, `incoming`, `dht`, `pex`, `hole_punch`.
    pub sources: Vec<String>,
    /// Part of the pieces that the peer has, from 0 to 1.
    pub progress: f64,
    /// Rate of piece data from the peer.
    pub down_per_s: u64,
    /// Rate of piece data to the peer.
    pub up_per_s: u64,
    /// Piece data from the peer over this connection.
    pub downloaded_bytes: u64,
    /// Piece data to the peer over this connection.
    pub uploaded_bytes: u64,
    /// True if the peer chokes us.
    pub chokes_us: bool,
    /// True if we choke the peer.
    pub we_choke: bool,
    /// True if the peer is interested in our pieces.
    pub is_interested: bool,
    /// True if we are interested in its pieces.
    pub we_are_interested: bool,
    /// True if the peer has let requests wait for long.
    pub is_snubbed: bool,
    /// True if the peer wants nothing, whether it has the whole torrent or not (BEP 21).
    #[serde(default)]
    pub is_upload_only: bool,
    /// Time since the connection was opened.
    pub connected_s: u64,
}

/// A tracker of a torrent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Tracker {
    /// Announce URL without passkeys.
    pub url: String,
    /// Tier (BEP 12), from 0.
    pub tier: usize,
    /// State: `idle`, `announcing`, `working` or `failing`.
    pub state: String,
    /// Last failure or warning in plain words; `null` if there is neither.
    pub message: Option<String>,
    /// Time until the next announce; `null` if unknown.
    pub announces_in_s: Option<u64>,
    /// Number of failures in a row.
    pub fails: u32,
    /// Number of addresses in the last reply; `null` without a reply.
    pub peers: Option<usize>,
    /// Number of seeders; `null` if unknown.
    pub seeders: Option<u32>,
    /// Number of leechers; `null` if unknown.
    pub leechers: Option<u32>,
    /// Number of completed downloads; `null` if unknown.
    pub downloads: Option<u32>,
}

/// A web seed of a torrent: a server with its files (BEP 19), or a script that returns its pieces (BEP 17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebSeed {
    /// URL without passwords and keys.
    pub url: String,
    /// Kind: `files` or `pieces`.
    pub kind: String,
    /// True if the user has added it, and false if the torrent names it.
    pub added: bool,
    /// State: `idle`, `fetching`, `waiting` after a fault, or `discarded` after bad data.
    pub state: String,
    /// Last fault in plain words; `null` if its last request succeeded.
    pub message: Option<String>,
    /// Time until the next request; `null` unless it waits.
    pub retries_in_s: Option<u64>,
    /// Rate in bytes per second.
    pub down_per_s: u64,
    /// Bytes received since the daemon has started.
    pub downloaded_bytes: u64,
    /// Number of files that it does not have.
    pub missing_files: usize,
}

/// Pieces of a torrent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Pieces {
    /// Number of pieces.
    pub count: u32,
    /// Pieces that are present, one bit each, the highest bit of the first byte first, in base64.
    pub have: String,
    /// Number of connected peers with each piece, at most 255, one byte each, in base64.
    pub availability: String,
    /// Indexes of the pieces in progress.
    pub partial: Vec<u32>,
}
