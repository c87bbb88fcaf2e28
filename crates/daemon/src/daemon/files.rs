//! Files of torrents.

use super::Daemon;
use crate::error::DaemonError;
use crate::record::wanted_bytes;
use std::collections::BTreeMap;
use ztor_api::{File, FileChoice, FilePriority};
use ztor_policy::TorrentKey;
use ztor_session::{Metainfo, Priority};

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
