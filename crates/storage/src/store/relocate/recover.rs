//! The end of a move that a crash has interrupted.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use ztor_metainfo::Metainfo;

use super::{Item, add_folders, discard, remove_empty, remove_empty_of, temporary};
use crate::error::StorageError;
use crate::file_names::with_suffix;
use crate::in_the_way::InTheWay;
use crate::names::as_found_in;
use crate::root::Root;
use crate::store::{Home, Place, TorrentStore};

/// Completes or undoes a move that a crash has interrupted, before the store is opened. Returns the place of the files.
///
/// `is_switching` is the last stage that was recorded. `is_ours` says which files of the layout are the torrent's.
///
/// # Errors
/// [`StorageError::InTheWay`] if another program has created a file in the new place; any error of the disk. The call
/// can be repeated.
pub fn recover_move(
    meta: &Arc<Metainfo>,
    from: &Place,
    to: &Place,
    is_switching: bool,
    is_ours: impl Fn(usize) -> bool,
) -> Result<Place, StorageError> {
    let meta = as_found_in(meta, &[from, to].map(|place| (place.dir.as_path(), &place.names)));
    let root_of = |place: &Place| {
        let trusted = usize::from(place.names.folder(&meta).is_some());
        Arc::new(Root::new(&place.dir, trusted, false))
    };
    let (from_root, to_root) = (root_of(from), root_of(to));
    let parts = TorrentStore::parts_name(&meta);
    let files = meta.layout.files().iter().enumerate().filter(|(file, entry)| !entry.pad && is_ours(*file));
    let mut items: Vec<(Item, PathBuf, PathBuf)> = Vec::new();
    for (file, _) in files {
        let (old, new) = (from.names.path(&meta, file), to.names.path(&meta, file));
        if !to.names.suffix().is_empty() {
            let [old, new] = [&old, &new].map(|path| with_suffix(path.clone(), to.names.suffix()));
            items.push((Item::File(file), old, new));
        }
        items.push((Item::File(file), old, new));
    }
    items.push((Item::PartFile, parts.clone(), parts.clone()));
    items.retain(|(_, old, new)| from.dir != to.dir || old != new);
    let mut folders = BTreeSet::new();
    for (item, old, new) in &items {
        let temporary = temporary(&parts, new, *item);
        if !is_switching {
            discard(&to_root, &temporary);
            continue;
        }
        add_folders(old, &mut folders);
        let is_copied = to_root.exists_at(&temporary)?;
        if is_copied && !(from_root.exists_at(old)? || to_root.exists_at(new)?) {
            // The copy of the other spelling of this file.
            continue;
        }
        let is_renamed = match (is_copied, from_root.exists_at(old)?, to_root.exists_at(new)?) {
            (true, ..) => to_root.rename(&temporary, &to_root, new)?,
            (false, true, false) => from_root.rename(old, &to_root, new)?,
            // Moved before, or never there.
            (false, ..) => true,
        };
        if !is_renamed {
            return Err(StorageError::InTheWay { path: to.dir.join(new), why: InTheWay::Exists });
        }
        if from_root.exists_at(old)? && to_root.exists_at(new)? {
            from_root.remove(old)?;
        }
    }
    to_root.sync_grown()?;
    from_root.sync_grown()?;
    if !is_switching {
        remove_empty_of(
            &Home { root: to_root, names: Arc::new(to.names.clone()) },
            items.into_iter().map(|item| item.2),
        );
        return Ok(from.clone());
    }
    remove_empty(&from_root, folders);
    Ok(to.clone())
}
