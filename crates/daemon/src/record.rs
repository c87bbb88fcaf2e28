//! Records of torrents in the state database.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use ztor_api::{FilePriority, Limits, Signature, SignatureState};
use ztor_session::{
    AddTorrent, Allocation, Certificate, ContentLayout, FileNames, InfoHashes, Metainfo, NameError, Priority,
    ShareFiles, WebSource,
};

/// A torrent, as the state database keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    /// Magnet link of the torrent: its info-hashes, and what else is known while the metadata is not.
    pub(crate) magnet: String,
    /// Name by the torrent file or the link.
    pub(crate) name: String,
    /// Name by the user; `None` for that of the torrent.
    pub(crate) user_name: Option<String>,
    /// Download folder, an absolute path.
    pub(crate) dir: PathBuf,
    pub(crate) added_unix_s: u64,
    pub(crate) finished_unix_s: Option<u64>,
    /// Figures of the metadata; `None` while it is unknown.
    pub(crate) size: Option<Size>,
    /// Announce URLs in place of those of the torrent file; `None` for those.
    pub(crate) trackers: Option<Vec<Vec<String>>>,
    /// Web seeds in place of those of the torrent; `None` for those.
    pub(crate) web_seeds: Option<Vec<WebSource>>,
    /// Priorities of files that are not normal.
    pub(crate) priorities: BTreeMap<usize, FilePriority>,
    pub(crate) limits: Limits,
    pub(crate) is_sequential: bool,
    pub(crate) is_ends_first: bool,
    pub(crate) is_super_seeding: bool,
    pub(crate) overwrite: bool,
    /// Set once a file or folder was renamed.
    pub(crate) is_renamed: bool,
    /// Path of the file or the folder of the torrent below its download folder, after it was renamed; `None` if it has the
    /// name that it was added with.
    pub(crate) content: Option<PathBuf>,
    pub(crate) times: Times,
    pub(crate) files: FileOptions,
    /// True if a magnet link stops once its metadata has arrived.
    pub(crate) stops_at_metadata: bool,
    /// Set while the torrent is being removed with its data.
    pub(crate) is_deleting: bool,
    /// Signatures of the torrent file, as they were checked when the metadata arrived.
    pub(crate) signatures: Vec<Signature>,
    /// Feed of new versions (BEP 39); `None` if the torrent names none.
    pub(crate) update_url: Option<String>,
    /// Publisher that is followed (BEP 46); `None` if there is none.
    pub(crate) publication: Option<Publication>,
    /// Set once a new version was added, which is followed in its place.
    pub(crate) is_updated: bool,
    /// Time of the last look for a new version; 0 before the first.
    pub(crate) update_checked_unix_s: u64,
    /// Values that APIs of other programs keep for it, by the name of the API.
    pub(crate) foreign: BTreeMap<String, Map<String, Value>>,
}

/// Times of events of a torrent in seconds since 1970; 0 before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Times {
    /// Last transfer of piece data.
    pub active_unix_s: u64,
    /// Last start by the policy.
    pub started_unix_s: u64,
    /// Last time at which the whole torrent was here, or a seed was connected.
    pub complete_unix_s: u64,
}

/// A publisher that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Publication {
    /// Magnet link of the publisher.
    pub(crate) link: String,
    /// Sequence number of this version.
    pub(crate) seq: i64,
}

/// Figures of a torrent's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Size {
    /// Size of all files in bytes, without pads.
    pub(crate) total_bytes: u64,
    /// Size of the wanted pieces in bytes.
    pub(crate) wanted_bytes: u64,
    /// Number of files without pads.
    pub(crate) files: usize,
    pub(crate) is_private: bool,
}

/// Options for the files of a torrent, as they were when it was added.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileOptions {
    /// Folder of the files until they are complete; `None` for the download folder.
    pub incomplete_dir: Option<PathBuf>,
    /// Suffix of the names of incomplete files; `None` for no suffix.
    pub part_suffix: Option<String>,
    /// Folder of the files.
    pub layout: Folder,
    /// Use of files that other torrents have.
    pub share_files: Share,
    /// True to reserve all disk space first.
    pub allocate_fully: bool,
}

/// Folder of the files of a torrent in its download folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Folder {
    /// As in the torrent.
    #[default]
    Original,
    /// Always a folder of their own.
    Subfolder,
    /// Never a folder of their own.
    NoSubfolder,
}

/// Use of files that another torrent has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// None.
    #[default]
    No,
    /// Hard links.
    HardLinks,
    /// Copies that share their blocks.
    Reflinks,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            magnet: String::new(),
            name: String::new(),
            user_name: None,
            dir: PathBuf::new(),
            added_unix_s: 0,
            finished_unix_s: None,
            size: None,
            trackers: None,
            web_seeds: None,
            priorities: BTreeMap::new(),
            limits: Limits::default(),
            is_sequential: false,
            is_ends_first: false,
            is_super_seeding: false,
            overwrite: false,
            is_renamed: false,
            content: None,
            times: Times::default(),
            files: FileOptions::default(),
            stops_at_metadata: false,
            is_deleting: false,
            signatures: Vec::new(),
            update_url: None,
            publication: None,
            is_updated: false,
            update_checked_unix_s: 0,
            foreign: BTreeMap::new(),
        }
    }
}

impl Record {
    /// Returns the name for lists.
    pub(crate) fn shown_name(&self) -> &str {
        self.user_name.as_deref().unwrap_or(&self.name)
    }

    /// Records what the metadata says.
    pub(crate) fn set_meta(&mut self, meta: &Metainfo) {
        self.name = meta.name.clone();
        self.set_signatures(meta);
        let files = meta.layout.files().iter().filter(|file| !file.pad);
        let (count, total_bytes) = files.fold((0, 0), |(count, sum), file| (count + 1, sum + file.length));
        self.size = Some(Size {
            total_bytes,
            wanted_bytes: wanted_bytes(meta, &self.priorities),
            files: count,
            is_private: meta.private,
        });
    }

    /// Returns true if new versions are looked for.
    pub(crate) fn may_be_updated(&self) -> bool {
        !self.is_updated && (self.publication.is_some() || self.update_url.is_some())
    }

    /// Records who has signed the torrent, and its feed. Does nothing if the info dictionary is not in memory.
    fn set_signatures(&mut self, meta: &Metainfo) {
        let Some(bulk) = meta.bulk_in_memory() else { return };
        let feed = meta.feed(&bulk);
        self.update_url = meta.update_url(&bulk);
        let signature = |signature: ztor_session::TorrentSignature| {
            let signer = signature.signer(&feed);
            let certificate = signer.as_deref().and_then(Certificate::from_der);
            Signature {
                name: signature.name.clone(),
                common_name: certificate.and_then(|certificate| certificate.common_name),
                fingerprint: signer.as_deref().map(Certificate::fingerprint),
                is_embedded: signature.certificate.is_some(),
                is_originator: signer.is_some() && signer == feed.originator,
                state: match signature.check(&bulk, &feed) {
                    ztor_session::SignatureState::Valid => SignatureState::Valid,
                    ztor_session::SignatureState::Invalid => SignatureState::Invalid,
                    ztor_session::SignatureState::NoCertificate => SignatureState::NoCertificate,
                    ztor_session::SignatureState::BadCertificate => SignatureState::BadCertificate,
                    ztor_session::SignatureState::Unsupported => SignatureState::Unsupported,
                },
            }
        };
        self.signatures = meta.signatures().into_iter().map(signature).collect();
    }

    /// Returns the request that adds the torrent to a session, paused.
    pub(crate) fn to_add(&self, meta: Arc<Metainfo>) -> Result<AddTorrent, NameError> {
        let priorities = self.file_priorities(&meta);
        let files = &self.files;
        let mut names = FileNames::new(match files.layout {
            Folder::Original => ContentLayout::Original,
            Folder::Subfolder => ContentLayout::Subfolder,
            Folder::NoSubfolder => ContentLayout::NoSubfolder,
        });
        names.set_suffix(files.part_suffix.clone().unwrap_or_default())?;
        let share = match files.share_files {
            Share::No => ShareFiles::No,
            Share::HardLinks => ShareFiles::HardLink,
            Share::Reflinks => ShareFiles::Reflink,
        };
        let allocate = if files.allocate_fully { Allocation::Full } else { Allocation::Sparse };
        Ok(AddTorrent::new(meta, &self.dir)
            .incomplete_dir(files.incomplete_dir.clone())
            .names(names)
            .share_files(share)
            .allocate(allocate)
            .priorities(priorities)
            .sequential(self.is_sequential)
            .ends_first(self.is_ends_first)
            .super_seeding(self.is_super_seeding)
            .overwrite(self.overwrite)
            .trackers(self.trackers.clone())
            .web_seeds(self.web_seeds.clone())
            .paused(true))
    }

    /// Returns the path of the file or the folder of the torrent below its download folder. Empty if its files have no folder
    /// of their own.
    pub(crate) fn content_path(&self, meta: &Metainfo) -> PathBuf {
        if let Some(content) = &self.content {
            return content.clone();
        }
        match (self.files.layout, meta.is_single_file()) {
            (Folder::NoSubfolder, false) => PathBuf::new(),
            _ => PathBuf::from(&meta.name),
        }
    }

    /// Returns the priorities of all files, pads included; `None` if all are normal.
    pub(crate) fn file_priorities(&self, meta: &Metainfo) -> Option<Vec<Priority>> {
        if self.priorities.is_empty() {
            return None;
        }
        // A pad shares its piece with a file, which alone decides.
        let of_file = |(file, pad): (usize, bool)| match pad {
            true => Priority::Skip,
            false => priority(self.priorities.get(&file).copied()),
        };
        let files = meta.layout.files().iter().map(|file| file.pad).enumerate();
        Some(files.map(of_file).collect())
    }
}

/// Returns the priority for the session.
pub(crate) fn priority(of_file: Option<FilePriority>) -> Priority {
    match of_file {
        Some(FilePriority::Skip) => Priority::Skip,
        Some(FilePriority::Low) => Priority::Low,
        Some(FilePriority::Normal) | None => Priority::Normal,
        Some(FilePriority::High) => Priority::High,
    }
}

/// Returns the size of the wanted pieces in bytes.
pub(crate) fn wanted_bytes(meta: &Metainfo, priorities: &BTreeMap<usize, FilePriority>) -> u64 {
    let layout = &meta.layout;
    let is_wanted = |file: usize| priorities.get(&file) != Some(&FilePriority::Skip);
    let (mut wanted, mut next) = (0, 0);
    let files = layout.files().iter().enumerate().filter(|(index, file)| !file.pad && is_wanted(*index));
    for (file, _) in files {
        // Files are in order, and the first piece of one may be the last of another.
        for piece in layout.pieces_of(file) {
            if piece < next {
                continue;
            }
            wanted += u64::from(layout.piece_len(piece));
            next = piece + 1;
        }
    }
    wanted
}

/// Returns the magnet link with the info-hashes alone.
pub(crate) fn bare_magnet(hashes: InfoHashes) -> String {
    ztor_session::Magnet::new(hashes).to_string()
}
