//! Records of files before they are created, so that the next start after a crash knows them.

use super::relocate::{current, replaced};
use super::save::Looks;
use crate::ledger::Ledger;
use ztor_storage::TorrentStore;
use ztor_storage::resume::ResumeError;

/// Records the files that writes will create as the torrent's own, before the first write to them.
pub(crate) fn record(store: &TorrentStore, ledger: &Ledger, looks: &Looks) {
    let _still = store.keep_place();
    let write = || -> Result<(), ResumeError> {
        let recorded = ledger.load()?;
        let mut resume = current(recorded.clone(), store);
        if recorded.as_ref() != Some(&resume) {
            ledger.save(&mut resume)?;
            ledger.sync()?;
            replaced(looks);
        }
        Ok(())
    };
    if let Err(error) = write() {
        // After a crash, the user decides about such files.
        tracing::debug!(%error, "cannot record which files a torrent will create");
    }
}
