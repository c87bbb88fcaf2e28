//! Records of files before they are created, so that the next start after a crash knows them.

use super::relocate::{content, replaced};
use super::save::Looks;
use crate::ledger::Ledger;
use ztor_storage::TorrentStore;

/// Records the files that writes will create as the torrent's own, before the first write.
pub(crate) fn record(store: &TorrentStore, ledger: &Ledger, looks: &Looks) {
    let _still = store.keep_place();
    let recorded = content(ledger, store).and_then(|mut resume| {
        if store.expect_files(&mut resume.own, &mut resume.stamps) {
            ledger.save(&mut resume)?;
            ledger.sync()?;
            replaced(looks);
        }
        Ok(())
    });
    if let Err(error) = recorded {
        // After a crash, the user decides about such files.
        tracing::debug!(%error, "cannot record which files a torrent will create");
    }
}
