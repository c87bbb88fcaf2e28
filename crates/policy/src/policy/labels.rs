//! Categories and tags of the policy.

use super::Policy;
use crate::categories::{Categories, CategoryError, CategoryId, CategorySettings};
use crate::key::TorrentKey;
use crate::tags::{TagError, Tags};

impl Policy {
    /// Returns all categories.
    pub fn categories(&self) -> &Categories {
        &self.categories
    }

    /// Creates a category at a path such as `linux/debian`, with the parents that are missing.
    ///
    /// # Errors
    /// If the path is bad or in use, or there are too many categories.
    pub fn create_category(
        &mut self,
        path: &str,
        settings: CategorySettings,
    ) -> Result<CategoryId, CategoryError> {
        let created = self.categories.create(path, settings)?;
        let id = created.last().copied().ok_or(CategoryError::EmptyName)?;
        self.groups.dirty.extend(created);
        Ok(id)
    }

    /// Replaces the settings of a category.
    ///
    /// # Errors
    /// If the category is unknown.
    pub fn edit_category(&mut self, id: CategoryId, settings: CategorySettings) -> Result<(), CategoryError> {
        let old = self.categories.settings(id).map(|settings| settings.goals);
        let has_new_goals = old != Some(settings.goals);
        self.categories.edit(id, settings)?;
        self.groups.dirty.insert(id);
        if has_new_goals {
            self.touch(id);
        }
        Ok(())
    }

    /// Moves a category to another path, with all below it. Missing parents are created.
    ///
    /// # Errors
    /// If the path is bad, in use or below the category, or the category is unknown.
    pub fn rename_category(&mut self, id: CategoryId, path: &str) -> Result<(), CategoryError> {
        let created = self.categories.rename(id, path)?;
        self.groups.dirty.extend(created);
        self.groups.dirty.insert(id);
        self.touch(id);
        Ok(())
    }

    /// Removes a category and all below it. Their torrents are then in no category. Returns false if it is unknown.
    pub fn remove_category(&mut self, id: CategoryId) -> bool {
        self.touch(id);
        let removed = self.categories.remove(id);
        for id in &removed {
            for key in self.members.remove(id).unwrap_or_default() {
                if let Some(torrent) = self.torrents.get_mut(&key) {
                    torrent.category = None;
                }
            }
        }
        let is_known = !removed.is_empty();
        self.groups.removed.extend(removed);
        is_known
    }

    /// Returns all tags.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// Creates a tag. Returns false if it is known already.
    ///
    /// # Errors
    /// If the tag is bad, or there are too many.
    pub fn create_tag(&mut self, tag: &str) -> Result<bool, TagError> {
        self.tags.create(tag)
    }

    /// Renames a tag at all torrents.
    ///
    /// # Errors
    /// If the tag is unknown, or the new name is bad or in use.
    pub fn rename_tag(&mut self, tag: &str, new: &str) -> Result<(), TagError> {
        self.tags.rename(tag, new)
    }

    /// Removes a tag from the list and from all torrents. Returns false if it is unknown.
    pub fn remove_tag(&mut self, tag: &str) -> bool {
        self.tags.remove(tag)
    }

    /// Adds a tag to a torrent, and creates it if it is unknown. Returns false if the torrent has it already.
    ///
    /// # Errors
    /// If the torrent is unknown, the tag is bad, or there are too many.
    pub fn add_tag(&mut self, key: TorrentKey, tag: &str) -> Result<bool, TagError> {
        if !self.torrents.contains_key(&key) {
            return Err(TagError::UnknownTorrent);
        }
        self.tags.add(key, tag)
    }

    /// Takes a tag from a torrent. Returns false if the torrent does not have it.
    pub fn take_tag(&mut self, key: TorrentKey, tag: &str) -> bool {
        self.tags.take(key, tag)
    }

    /// Marks the torrents of a category and all below it for evaluation.
    fn touch(&mut self, id: CategoryId) {
        for id in self.categories.subtree(id) {
            self.dirty.extend(self.members.get(&id).into_iter().flatten());
        }
    }
}
