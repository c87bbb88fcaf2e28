//! One torrent of a run: data that the session does not have, and its row in the display.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ztor_metainfo::Metainfo;
use ztor_session::{Priority, TorrentId, TorrentState, TorrentStatus};

use crate::display::{Row, State, eta_s};
use crate::exit::Report;

/// The runner's record of a torrent, in addition to the session's status.
pub(super) struct Torrent {
    pub(super) id: TorrentId,
    pub(super) name: String,
    /// `None` while only the magnet link is known.
    pub(super) meta: Option<Arc<Metainfo>>,
    pub(super) info_hash: String,
    /// Bytes of all wanted pieces, as the session counts them.
    pub(super) wanted_bytes: u64,
    /// Bytes of the pieces that the check at the start has hashed.
    pub(super) hashed_bytes: u64,
    /// Bytes of the pieces that this check has accepted from resume data without hashing.
    pub(super) believed_bytes: u64,
    /// Time from a disk fault to the retry; `None` if no retry is due.
    pub(super) retry_after: Option<Duration>,
    pub(super) outcome: Outcome,
    pub(super) added: Instant,
}

/// Outcome of a torrent.
pub(super) enum Outcome {
    Open,
    /// All wanted data is verified and safe on disk.
    Done,
    Failed(Report),
}

impl Torrent {
    pub(super) fn row(&self, status: Option<&TorrentStatus>) -> Row {
        let state = if self.meta.is_some() { State::Checking } else { State::Metadata };
        let mut row = Row::new(self.info_hash.clone(), self.name.clone(), state);
        row.total_bytes = self.meta.as_ref().map_or(0, |meta| meta.layout.total_len());
        row.wanted_bytes = self.wanted_bytes;
        if let Some(status) = status {
            row.done_bytes = self.wanted_bytes.saturating_sub(status.left_bytes);
            row.down_bytes_per_s = status.down_per_s;
            row.up_bytes_per_s = status.up_per_s;
            row.downloaded_bytes = status.session_downloaded_bytes;
            row.uploaded_bytes = status.session_uploaded_bytes;
            row.peers = status.peers.into();
            row.seeds = status.seeds.into();
            row.state = match &status.state {
                TorrentState::Checking { done, total } => {
                    // During a check, the progress is the share of data that it has read.
                    let share =
                        u128::from(self.wanted_bytes) * u128::from(*done) / u128::from((*total).max(1));
                    row.done_bytes = u64::try_from(share).unwrap_or(self.wanted_bytes);
                    State::Checking
                }
                TorrentState::Metadata { .. } | TorrentState::Waiting => {
                    row.done_bytes = 0;
                    State::Metadata
                }
                TorrentState::Unusable(_) => State::Failed,
                TorrentState::Downloading => State::Downloading,
                TorrentState::Seeding => State::Seeding,
                TorrentState::Paused | TorrentState::Stopped(_) => State::Stopped,
            };
            row.eta_s = eta_s(&row);
        }
        if let Outcome::Failed(report) = &self.outcome {
            row.state = State::Failed;
            row.message = Some(report.message.clone());
        }
        row
    }
}

/// Returns the info-hash that identifies a torrent in the output of `--json`.
pub(crate) fn info_hash(meta: &Metainfo) -> String {
    meta.info_hashes.to_string()
}

/// Returns the bytes of the wanted pieces, and of the wanted files.
pub(super) fn wanted_bytes(meta: &Metainfo, priorities: Option<&[Priority]>) -> (u64, u64) {
    let layout = &meta.layout;
    let Some(priorities) = priorities else {
        let pieces = (0..layout.piece_count()).map(|piece| u64::from(layout.piece_len(piece))).sum();
        return (pieces, layout.total_len());
    };
    let all = || layout.files().iter().enumerate().zip(priorities);
    let files = || all().filter(|(_, priority)| priority.is_wanted()).map(|(file, _)| file);
    let pieces: HashSet<u32> = files().flat_map(|(index, _)| layout.pieces_of(index)).collect();
    (
        pieces.into_iter().map(|piece| u64::from(layout.piece_len(piece))).sum(),
        files().map(|(_, file)| file.length).sum(),
    )
}
