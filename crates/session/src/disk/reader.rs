//! A thread that reads: it loads blocks to send into memory, and hashes pieces again.

use super::fault::fault;
use super::membership::Membership;
use crate::handle::{OpenError, OpenFile};
use crate::inbox::Inbox;
use crate::message::{BlockLocation, BlockSource, NetEvent};
use crate::reply::{Answer, answer};
use crossbeam_channel::Receiver;
use std::sync::Arc;
use ztor_engine::{DiskEvent, KeepBlocks, PeerKey, SendBlock, TorrentId};
use ztor_storage::{StorageError, TorrentStore};

/// Maximum number of files of one block that are held open until it is sent. A block of more small files is read at
/// once.
pub(crate) const MAX_OPEN_SLICES: usize = 4;

/// A job of a thread that reads.
pub(super) enum ReadJob {
    Locate {
        send: SendBlock,
        member: Arc<Membership>,
    },
    /// Reads the bytes of a located block back into memory.
    Warm {
        send: SendBlock,
        member: Arc<Membership>,
    },
    Rehash {
        torrent: TorrentId,
        piece: u32,
        member: Arc<Membership>,
    },
    /// Hashes a piece that another torrent has verified in a common file.
    Look {
        torrent: TorrentId,
        piece: u32,
        member: Arc<Membership>,
    },
    /// Keeps right blocks of a piece that hashed wrong.
    Keep {
        keep: KeepBlocks,
        member: Arc<Membership>,
    },
    /// Hashes the blocks of a verified piece.
    HashLeaves {
        torrent: TorrentId,
        piece: u32,
        member: Arc<Membership>,
    },
    /// Opens a complete file.
    Open {
        file: usize,
        member: Arc<Membership>,
        to: Answer<Option<OpenFile>, OpenError>,
    },
    /// Loads the info dictionary and the hashes into memory.
    LoadBulk {
        torrent: TorrentId,
        member: Arc<Membership>,
    },
    /// Waits for the channel, as in a system call that does not return.
    #[cfg(test)]
    Stall(Receiver<()>),
}

/// Runs jobs until the channel closes. Several threads share it.
pub(super) fn run(jobs: &Receiver<ReadJob>, inbox: &Inbox<NetEvent>) {
    while let Ok(job) = jobs.recv() {
        match job {
            ReadJob::Locate { send, member } => inbox.push(locate(send, member.store())),
            ReadJob::Warm { send, member } => inbox.push(warm(send, member.store())),
            ReadJob::Rehash { torrent, piece, member } => {
                if !is_still_right(piece, member.store()) {
                    inbox.push(NetEvent::Rehashed { torrent, piece });
                }
            }
            ReadJob::Look { torrent, piece, member } => {
                let is_there = is_there(piece, member.store());
                inbox.push(NetEvent::disk(torrent, DiskEvent::Looked { piece, is_there }));
            }
            ReadJob::Keep { keep: KeepBlocks { torrent, piece, blocks }, member } => {
                let is_kept = member.store().keep_blocks(piece, blocks.to_wire());
                inbox.push(NetEvent::disk(torrent, DiskEvent::Kept { piece, is_kept }));
            }
            ReadJob::HashLeaves { torrent, piece, member } => {
                let leaves = member.store().leaves(piece).unwrap_or_else(|error| {
                    tracing::warn!(%error, piece, "cannot hash the blocks of a piece for a peer");
                    Vec::new()
                });
                inbox.push(NetEvent::disk(torrent, DiskEvent::Leaves { piece, leaves }));
            }
            ReadJob::Open { file, member, to } => answer(to, open(file, member.store())),
            ReadJob::LoadBulk { torrent, member } => {
                let loaded = member.store().meta().bulk();
                if let Err(error) = &loaded {
                    tracing::warn!(%error, "cannot answer a peer that asks for metadata or hashes");
                }
                // Pushed while it is in memory: the answers follow.
                inbox.push(NetEvent::disk(torrent, DiskEvent::BulkLoaded { is_there: loaded.is_ok() }));
            }
            #[cfg(test)]
            ReadJob::Stall(until) => {
                let _ = until.recv();
            }
        }
    }
}

/// Hashes a verified piece again. Returns true if it matches, or if the process is out of files or memory, which says
/// nothing about it.
fn is_still_right(piece: u32, store: &TorrentStore) -> bool {
    if !store.is_verified(piece) {
        return true;
    }
    match store.check_piece(piece, &mut Vec::new()) {
        Ok(good) => good,
        Err(error) => {
            tracing::warn!(%error, piece, "cannot hash a piece again");
            error.is_exhausted()
        }
    }
}

fn open(index: usize, store: &TorrentStore) -> Result<Option<OpenFile>, OpenError> {
    let opened = store.open_complete(index).map_err(|error| OpenError::Disk(fault(&error)))?;
    Ok(opened.map(|file| OpenFile {
        file,
        bytes: store.meta().layout.files().get(index).map_or(0, |file| file.length),
        path: store.relative(index),
    }))
}

fn is_there(piece: u32, store: &TorrentStore) -> bool {
    store.find_shared_piece(piece).unwrap_or_else(|error| {
        tracing::debug!(%error, piece, "cannot look for a piece of another torrent");
        false
    })
}

fn locate(send: SendBlock, store: &TorrentStore) -> NetEvent {
    let SendBlock { peer, torrent, block } = send;
    let found = store.locate(block.piece, block.begin, block.len).and_then(|slices| {
        if slices.len() <= MAX_OPEN_SLICES {
            return Ok(BlockSource::Files(slices));
        }
        let mut bytes = vec![0; block.len as usize];
        store.read(block.piece, block.begin, &mut bytes)?;
        Ok(BlockSource::Bytes(bytes))
    });
    match found {
        Ok(source) => NetEvent::Located(BlockLocation { send, source }),
        Err(error) => failed(peer, torrent, &error),
    }
}

fn warm(send: SendBlock, store: &TorrentStore) -> NetEvent {
    let SendBlock { peer, torrent, block } = send;
    match store.locate(block.piece, block.begin, block.len) {
        Ok(_) => NetEvent::Warmed { peer },
        Err(error) => failed(peer, torrent, &error),
    }
}

fn failed(peer: PeerKey, torrent: TorrentId, error: &StorageError) -> NetEvent {
    NetEvent::LocateFailed { peer, torrent, fault: fault(error), is_ours: error.is_exhausted() }
}
