//! Resume data of the session in the state database.

use super::table::{Key, Table};
use super::{Store, StoreError};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use ztor_base::SwarmId;
use ztor_session::{ResumeError, ResumeKey, ResumeStore, record_elsewhere};

/// Resume data in the state database.
#[derive(Debug, Clone)]
pub struct DatabaseResumeStore(Arc<Store>);

impl DatabaseResumeStore {
    /// Creates the store of resume data in a database.
    pub fn new(store: Arc<Store>) -> Self {
        Self(store)
    }

    /// Gives the resume data of a torrent in a folder another folder, where no piece counts. Data that cannot be read is
    /// removed.
    pub(crate) fn change_dir(&self, swarm: SwarmId, from: &Path, to: &Path) -> Result<(), StoreError> {
        let key = |dir: &Path| key_of(&ResumeKey { swarm, dir: dir.to_owned() });
        let Some(data) = self.0.get(Table::Resume, key(from))? else { return Ok(()) };
        match record_elsewhere(&data, to) {
            Ok(moved) => self.0.put(Table::Resume, key(to), moved),
            Err(error) => tracing::warn!(%error, "leaving out resume data that cannot be read"),
        }
        self.0.remove(Table::Resume, key(from));
        Ok(())
    }
}

impl ResumeStore for DatabaseResumeStore {
    fn load(&self, key: &ResumeKey) -> Result<Option<Vec<u8>>, ResumeError> {
        self.0.get(Table::Resume, key_of(key)).map_err(failed)
    }

    fn save(&self, key: &ResumeKey, data: &[u8]) -> Result<(), ResumeError> {
        self.0.put(Table::Resume, key_of(key), data.to_owned());
        Ok(())
    }

    fn remove(&self, key: &ResumeKey) -> Result<(), ResumeError> {
        self.0.remove(Table::Resume, key_of(key));
        Ok(())
    }

    fn sync(&self) -> Result<(), ResumeError> {
        self.0.commit().map_err(failed)
    }

    fn visit(&self, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        let visited = self.0.visit(Table::Resume, &mut |_, value| visit(&value).is_continue());
        if let Err(error) = visited {
            tracing::warn!(%error, "cannot read all resume data");
        }
    }
}

impl Store {
    /// Queues the removal of the resume data of a torrent in all folders.
    pub(crate) fn forget_resume(&self, swarm: SwarmId) -> Result<(), StoreError> {
        for key in self.keys_with_prefix(Table::Resume, swarm.as_bytes())? {
            self.remove(Table::Resume, key);
        }
        Ok(())
    }
}

fn key_of(key: &ResumeKey) -> Key {
    let mut bytes = key.swarm.as_bytes().to_vec();
    bytes.extend(key.dir.as_os_str().as_bytes());
    Key::Bytes(bytes)
}

fn failed(error: StoreError) -> ResumeError {
    ResumeError::Other(Box::new(error))
}
