//! Files of torrents.

use super::Daemon;
use crate::error::DaemonError;
use crate::record::wanted_bytes;
use std::collections::BTreeMap;
use ztor_api::{File, FileChoice, FilePriority};
use ztor_policy::TorrentKey;
use ztor_session::{Metainfo, OpenFile, Priority};

/// A complete file that was opened for reading.
#[derive(Debug)]
pub struct OpenedFile {
    /// The file.
    pub file: std::fs::File,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its name without folders.
    pub name: String,
    /// Info-hash of its torrent in hexadecimal.
    pub hash: String,
}

impl Daemon {
    /// Returns the files of a torrent, without pads. Empty while the metadata is unknown.
    ///
    /// # Errors
    /// The torrent is unknown or not loaded.
    pub async fn files(&self, key: TorrentKey) -> Result<Vec<File>, DaemonError> {
        let torrent = self.handle(key)?;
        let files = torrent.files().await?;
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let meta = torrent.metadata().await?;
        let is_pad = |index: usize| meta.layout.files().get(index).is_some_and(|file| file.pad);
        let known = files.into_iter().enumerate().filter(|(index, _)| !is_pad(*index));
        Ok(known
            .map(|(index, file)| File {
                index,
                path: file.path.to_string_lossy().into_owned(),
                size_bytes: file.bytes,
                have_bytes: file.have_bytes,
                priority: match file.priority {
                    Priority::Skip => FilePriority::Skip,
                    Priority::Low => FilePriority::Low,
                    Priority::Normal => FilePriority::Normal,
                    Priority::High => FilePriority::High,
                },
            })
            .collect())
    }

    /// Opens a complete file of a torrent.
    ///
    /// # Errors
    /// The torrent or the file is unknown, the file is not complete, or it cannot be read.
    pub async fn open_file(&self, key: TorrentKey, index: usize) -> Result<OpenedFile, DaemonError> {
        let (hash, size) = {
            let core = self.core();
            let entry = core.entry(key).ok_or(DaemonError::NoTorrent)?;
            (entry.hashes().to_string(), entry.record().size)
        };
        let torrent = self.handle(key)?;
        if size.is_none() {
            return Err(DaemonError::Conflict("cannot read a file: the metadata has not arrived yet".into()));
        }
        let meta = torrent.metadata().await?;
        if meta.layout.files().get(index).is_none_or(|file| file.pad) {
            return Err(DaemonError::NotFound(format!("the torrent has no file {index}")));
        }
        let opened = torrent.open_file(index).await?;
        let OpenFile { file, bytes, path } =
            opened.ok_or_else(|| DaemonError::Conflict("cannot read the file: it is not complete".into()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(OpenedFile { file, size_bytes: bytes, name, hash })
    }

    /// Sets the priorities of some files.
    pub(super) async fn set_file_priorities(
        &self,
        key: TorrentKey,
        files: &[FileChoice],
    ) -> Result<(), DaemonError> {
        let torrent = self.handle(key)?;
        let is_known = self.core().entry(key).is_some_and(|entry| entry.record().size.is_some());
        if !is_known {
            let message = "cannot set priorities: the files are unknown until the metadata has arrived";
            return Err(DaemonError::Conflict(message.into()));
        }
        let meta = torrent.metadata().await?;
        check_files(&meta, files)?;
        let record = self.with(|core| core.entry(key).map(|entry| entry.record().clone()));
        let mut record = record.ok_or(DaemonError::NoTorrent)?;
        merge(&mut record.priorities, files);
        let count = meta.layout.files().len();
        let priorities = record.file_priorities(&meta).unwrap_or_else(|| vec![Priority::Normal; count]);
        torrent.set_file_priorities(priorities).await?;
        let mut core = self.core();
        let entry = core.entry_mut(key).ok_or(DaemonError::NoTorrent)?;
        let kept = entry.record_mut();
        merge(&mut kept.priorities, files);
        let wanted = wanted_bytes(&meta, &kept.priorities);
        if let Some(size) = &mut kept.size {
            size.wanted_bytes = wanted;
        }
        core.touch(key);
        self.put_record(&core, key);
        Ok(())
    }
}

/// Checks that the torrent has these files.
pub(super) fn check_files(meta: &Metainfo, files: &[FileChoice]) -> Result<(), DaemonError> {
    let count = meta.layout.files().len();
    match files.iter().map(|file| file.index).find(|file| *file >= count) {
        Some(file) => Err(DaemonError::BadValue(format!(
            "cannot set the priority of file {file}: the torrent has {count} files, numbered from 0"
        ))),
        None => Ok(()),
    }
}

/// Records priorities; only those that are not normal are kept.
pub(super) fn merge(kept: &mut BTreeMap<usize, FilePriority>, files: &[FileChoice]) {
    for FileChoice { index, priority } in files {
        match priority {
            FilePriority::Normal => kept.remove(index),
            _ => kept.insert(*index, *priority),
        };
    }
}
