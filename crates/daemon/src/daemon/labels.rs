//! Categories, tags, and the choice of limits.

use super::Daemon;
use super::act::absolute;
use crate::error::DaemonError;
use crate::goals::{goals_of, to_api};
use std::collections::BTreeSet;
use ztor_api::{ActionResult, Category, CategoryEdit, Limits, Tag};
use ztor_policy::{Alternative, CategoryError, CategoryId, CategorySettings, TorrentKey};

impl Daemon {
    /// Returns all categories, sorted by path.
    pub fn categories(&self) -> Vec<Category> {
        let core = self.core();
        let policy = core.manager().policy();
        let categories = policy.categories();
        let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
        let of = |id: CategoryId| {
            let settings = categories.settings(id)?;
            Some(Category {
                path: categories.path(id)?,
                save_path: settings.save_path.clone().map(text),
                effective_save_path: categories.save_path(id).map(text),
                limits: Limits { down_per_s: settings.limits.down_per_s, up_per_s: settings.limits.up_per_s },
                goals: to_api(settings.goals),
                torrents: policy.torrents_in(id).count(),
            })
        };
        let mut all: Vec<Category> = categories.ids().into_iter().filter_map(of).collect();
        all.sort_by(|a, b| a.path.cmp(&b.path));
        all
    }

    /// Creates a category with the parents that are missing, or changes an existing one. Returns true if it is new.
    ///
    /// # Errors
    /// A value cannot be used, or the state cannot be saved.
    pub async fn put_category(&self, path: &str, edit: &CategoryEdit) -> Result<bool, DaemonError> {
        let settings = CategorySettings {
            save_path: edit.save_path.as_deref().map(absolute).transpose()?,
            limits: ztor_policy::Limits {
                down_per_s: edit.limits.down_per_s,
                up_per_s: edit.limits.up_per_s,
            },
            goals: goals_of(&edit.goals)?,
        };
        let is_new = self.with(|core| {
            let policy = core.manager_mut().policy_mut();
            let known = policy.categories().find(path);
            match known {
                Some(id) => policy.edit_category(id, settings)?,
                None => drop(policy.create_category(path, settings)?),
            }
            core.touch_whole();
            self.put_labels(core, &BTreeSet::new());
            Ok::<bool, DaemonError>(known.is_none())
        })?;
        self.settle_all();
        self.commit().await?;
        Ok(is_new)
    }

    /// Moves a category to another path, with all below it.
    ///
    /// # Errors
    /// The category is unknown, the new path cannot be used, or the state cannot be saved.
    pub async fn rename_category(&self, from: &str, to: &str) -> Result<(), DaemonError> {
        self.with(|core| {
            let policy = core.manager_mut().policy_mut();
            let id = policy.categories().find(from).ok_or(CategoryError::Unknown)?;
            policy.rename_category(id, to)?;
            let keys: Vec<TorrentKey> = torrents_below(policy, id);
            keys.into_iter().for_each(|key| core.touch(key));
            core.touch_whole();
            self.put_labels(core, &BTreeSet::new());
            Ok::<(), DaemonError>(())
        })?;
        self.settle_all();
        self.commit().await
    }

    /// Removes a category with all below it. Their torrents are in no category afterwards.
    ///
    /// # Errors
    /// The category is unknown, or the state cannot be saved.
    pub async fn remove_category(&self, path: &str) -> Result<(), DaemonError> {
        self.with(|core| {
            let policy = core.manager_mut().policy_mut();
            let id = policy.categories().find(path).ok_or(CategoryError::Unknown)?;
            let keys = torrents_below(policy, id);
            let gone = policy.categories().subtree(id).into_iter().map(CategoryId::as_u32).collect();
            policy.remove_category(id);
            for key in keys {
                core.touch(key);
                self.put_policy(core, key);
            }
            core.touch_whole();
            self.put_labels(core, &gone);
            Ok::<(), DaemonError>(())
        })?;
        self.settle_all();
        self.commit().await
    }

    pub(super) async fn set_category(
        &self,
        keys: &[TorrentKey],
        category: Option<&str>,
    ) -> Result<ActionResult, DaemonError> {
        let known = |path| self.core().manager().policy().categories().find(path);
        let id = match category {
            None => None,
            Some(path) => Some(known(path).ok_or_else(|| unknown_category(path))?),
        };
        self.change_policy(keys, |daemon, key| {
            Ok(daemon.core().manager_mut().policy_mut().set_category(key, id)?)
        })
        .await
    }

    /// Returns the category at a path, and creates it if it does not exist.
    pub(super) fn take_category(&self, path: &str) -> Result<CategoryId, DaemonError> {
        let mut core = self.core();
        let policy = core.manager_mut().policy_mut();
        if let Some(id) = policy.categories().find(path) {
            return Ok(id);
        }
        let id = policy.create_category(path, CategorySettings::default())?;
        core.touch_whole();
        self.put_labels(&core, &BTreeSet::new());
        Ok(id)
    }

    /// Returns all tags, sorted.
    pub fn tags(&self) -> Vec<Tag> {
        let core = self.core();
        let tags = core.manager().policy().tags();
        tags.names()
            .map(|name| Tag { name: name.to_owned(), torrents: tags.torrents(name).count() })
            .collect()
    }

    /// Creates a tag. Returns false if it exists.
    ///
    /// # Errors
    /// The name cannot be used, or the state cannot be saved.
    pub async fn create_tag(&self, name: &str) -> Result<bool, DaemonError> {
        let is_new = self.with(|core| {
            let is_new = core.manager_mut().policy_mut().create_tag(name)?;
            core.touch_whole();
            self.put_labels(core, &BTreeSet::new());
            Ok::<bool, DaemonError>(is_new)
        })?;
        self.commit().await?;
        Ok(is_new)
    }

    /// Renames a tag at all torrents.
    ///
    /// # Errors
    /// The tag is unknown, the new name cannot be used, or the state cannot be saved.
    pub async fn rename_tag(&self, from: &str, to: &str) -> Result<(), DaemonError> {
        self.with(|core| {
            let policy = core.manager_mut().policy_mut();
            let keys: Vec<TorrentKey> = policy.tags().torrents(from.trim()).collect();
            policy.rename_tag(from, to)?;
            self.put_tagged(core, &keys);
            Ok::<(), DaemonError>(())
        })?;
        self.commit().await
    }

    /// Removes a tag from the list and from all torrents.
    ///
    /// # Errors
    /// The tag is unknown, or the state cannot be saved.
    pub async fn remove_tag(&self, name: &str) -> Result<(), DaemonError> {
        self.with(|core| {
            let policy = core.manager_mut().policy_mut();
            let keys: Vec<TorrentKey> = policy.tags().torrents(name.trim()).collect();
            if !policy.remove_tag(name) {
                return Err(ztor_policy::TagError::Unknown { tag: name.chars().take(60).collect() });
            }
            self.put_tagged(core, &keys);
            Ok(())
        })?;
        self.commit().await
    }

    fn put_tagged(&self, core: &mut crate::core::Core, keys: &[TorrentKey]) {
        for key in keys {
            core.touch(*key);
            self.put_policy(core, *key);
        }
        core.touch_whole();
        self.put_labels(core, &BTreeSet::new());
    }

    pub(super) async fn edit_tags(
        &self,
        keys: &[TorrentKey],
        tags: &[String],
        add: bool,
    ) -> Result<ActionResult, DaemonError> {
        let result = self.change_each(keys, |daemon, key| {
            let mut core = daemon.core();
            let policy = core.manager_mut().policy_mut();
            for tag in tags {
                match add {
                    true => drop(policy.add_tag(key, tag)?),
                    false => drop(policy.take_tag(key, tag)),
                }
            }
            Ok(())
        });
        if add {
            // Some may be new. A tag that no torrent has any more is still in the list.
            self.put_labels(&self.core(), &BTreeSet::new());
        }
        self.settle(keys);
        self.commit().await?;
        Ok(result)
    }

    /// Returns the choice between the schedule, the alternative and the normal limits.
    pub fn alternative(&self) -> Alternative {
        self.core().manager().policy().alternative()
    }

    /// Chooses between the schedule, the alternative and the normal limits.
    ///
    /// # Errors
    /// The state cannot be saved.
    pub async fn set_alternative(&self, alternative: Alternative) -> Result<(), DaemonError> {
        self.with(|core| {
            core.manager_mut().policy_mut().set_alternative(alternative);
            core.touch_whole();
            self.put_labels(core, &BTreeSet::new());
        });
        self.settle_all();
        self.commit().await
    }
}

fn torrents_below(policy: &ztor_policy::Policy, id: CategoryId) -> Vec<TorrentKey> {
    let below = policy.categories().subtree(id);
    below.into_iter().flat_map(|id| policy.torrents_in(id)).collect()
}

fn unknown_category(path: &str) -> DaemonError {
    let shown: String = path.chars().take(80).collect();
    DaemonError::NotFound(format!(
        "the category {shown:?} does not exist; create it first, as with `ztor category add`"
    ))
}
