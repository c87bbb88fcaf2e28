//! Categories: a tree of names with save paths, limits and goals.

mod name;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::goals::Goals;
use crate::limits::Limits;

pub use name::{CategoryError, MAX_CATEGORY_DEPTH, MAX_CATEGORY_NAME, check_category_path};

use name::elements;

/// Maximum number of categories.
pub const MAX_CATEGORIES: usize = 10_000;

/// Id of a category. It remains over renames and restarts, and is not used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CategoryId(u32);

impl CategoryId {
    /// Creates an id from its number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number of the id.
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

/// Settings of a category.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct CategorySettings {
    /// Folder of its torrents. With `None` it is the category's own name in the folder of the parent, if that has
    /// one.
    pub save_path: Option<PathBuf>,
    /// Limits of all its torrents together, and of those of its children.
    pub limits: Limits,
    /// Goals of torrents without goals of their own.
    pub goals: Goals,
}

/// All categories.
#[derive(Debug, Default)]
pub struct Categories {
    nodes: BTreeMap<CategoryId, Node>,
    top: BTreeMap<String, CategoryId>,
    last_id: u32,
}

#[derive(Debug)]
struct Node {
    name: String,
    parent: Option<CategoryId>,
    children: BTreeMap<String, CategoryId>,
    settings: CategorySettings,
}

impl Categories {
    /// Returns the number of categories.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns true if there are no categories.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns true if a category exists.
    pub fn contains(&self, id: CategoryId) -> bool {
        self.nodes.contains_key(&id)
    }

    /// Returns the category at a path, such as `linux/debian`.
    pub fn find(&self, path: &str) -> Option<CategoryId> {
        let mut found = None;
        for name in path.split('/') {
            found = Some(*self.children_of(found)?.get(name)?);
        }
        found
    }

    /// Returns the path of a category.
    pub fn path(&self, id: CategoryId) -> Option<String> {
        let mut names: Vec<&str> = self.line(id).map(|(_, node)| node.name.as_str()).collect();
        names.reverse();
        (!names.is_empty()).then(|| names.join("/"))
    }

    /// Returns the parent of a category; `None` at the top.
    pub fn parent(&self, id: CategoryId) -> Option<CategoryId> {
        self.nodes.get(&id)?.parent
    }

    /// Returns the number of levels from the top to a category, 1 at the top; 0 if it is unknown.
    pub fn depth(&self, id: CategoryId) -> usize {
        self.line(id).count()
    }

    /// Returns the settings of a category.
    pub fn settings(&self, id: CategoryId) -> Option<&CategorySettings> {
        self.nodes.get(&id).map(|node| &node.settings)
    }

    /// Returns the folder for torrents of a category; `None` if neither the category nor a parent sets one.
    pub fn save_path(&self, id: CategoryId) -> Option<PathBuf> {
        let mut below = Vec::new();
        for (_, node) in self.line(id) {
            if let Some(path) = &node.settings.save_path {
                return Some(below.into_iter().rev().fold(path.clone(), |path, name: &str| path.join(name)));
            }
            below.push(node.name.as_str());
        }
        None
    }

    /// Returns the goals of a category, with those of its parents where it inherits.
    pub fn goals(&self, id: CategoryId) -> Goals {
        self.line(id).fold(Goals::default(), |goals, (_, node)| goals.within(node.settings.goals))
    }

    /// Returns a category and all below it, each before its children.
    pub fn subtree(&self, id: CategoryId) -> Vec<CategoryId> {
        let mut found: Vec<CategoryId> = self.contains(id).then_some(id).into_iter().collect();
        let mut next = 0;
        while let Some(node) = found.get(next).and_then(|id| self.nodes.get(id)) {
            found.extend(node.children.values());
            next += 1;
        }
        found
    }

    /// Returns all categories, each before its children.
    pub fn ids(&self) -> Vec<CategoryId> {
        self.top.values().flat_map(|id| self.subtree(*id)).collect()
    }

    /// Creates a category, with the parents that are missing. Returns all that were created, the category last.
    pub(crate) fn create(
        &mut self,
        path: &str,
        settings: CategorySettings,
    ) -> Result<Vec<CategoryId>, CategoryError> {
        let names = elements(path)?;
        let missing = self.missing(&names);
        if missing == 0 {
            return Err(CategoryError::Exists { path: path.to_owned() });
        }
        self.check_count(missing)?;
        let mut created = Vec::new();
        let mut at = None;
        for name in names {
            at = Some(self.child(at, name, &mut created));
        }
        if let Some(node) = at.and_then(|id| self.nodes.get_mut(&id)) {
            node.settings = settings;
        }
        Ok(created)
    }

    /// Adds a category with a known id. Returns false if its path or id is bad or in use.
    pub(crate) fn restore(&mut self, id: CategoryId, path: &str, settings: CategorySettings) -> bool {
        let Ok(names) = elements(path) else { return false };
        let Some((name, parents)) = names.split_last() else { return false };
        let parent = if parents.is_empty() { None } else { self.find(&parents.join("/")) };
        let has_parent = parents.is_empty() || parent.is_some();
        if !has_parent || self.contains(id) || self.find(path).is_some() || self.len() >= MAX_CATEGORIES {
            return false;
        }
        self.insert(id, parent, name, settings);
        self.last_id = self.last_id.max(id.0);
        true
    }

    pub(crate) fn last_id(&self) -> u32 {
        self.last_id
    }

    /// Keeps ids up to `last_id` from being used again.
    pub(crate) fn reserve(&mut self, last_id: u32) {
        self.last_id = self.last_id.max(last_id);
    }

    pub(crate) fn edit(&mut self, id: CategoryId, settings: CategorySettings) -> Result<(), CategoryError> {
        self.nodes.get_mut(&id).ok_or(CategoryError::Unknown)?.settings = settings;
        Ok(())
    }

    /// Moves a category and all below it to another path. Returns the parents that were created.
    pub(crate) fn rename(&mut self, id: CategoryId, path: &str) -> Result<Vec<CategoryId>, CategoryError> {
        let old = self.path(id).ok_or(CategoryError::Unknown)?;
        let names = elements(path)?;
        let Some((name, parents)) = names.split_last() else { return Err(CategoryError::EmptyName) };
        if path.strip_prefix(&old).is_some_and(|rest| rest.starts_with('/')) {
            return Err(CategoryError::IntoItself { path: path.to_owned() });
        }
        let missing = self.missing(&names);
        if missing == 0 {
            let is_same = old == path;
            return if is_same {
                Ok(Vec::new())
            } else {
                Err(CategoryError::Exists { path: path.to_owned() })
            };
        }
        let depth = names.len() + self.height(id);
        if depth > MAX_CATEGORY_DEPTH {
            return Err(CategoryError::TooDeep { depth });
        }
        self.check_count(missing - 1)?;
        let mut created = Vec::new();
        let mut parent = None;
        for name in parents {
            parent = Some(self.child(parent, name, &mut created));
        }
        self.unlink(id);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.parent = parent;
            node.name = (*name).to_owned();
        }
        self.link(parent, name, id);
        Ok(created)
    }

    /// Removes a category and all below it. Returns the removed ones, each after its children.
    pub(crate) fn remove(&mut self, id: CategoryId) -> Vec<CategoryId> {
        let mut removed = self.subtree(id);
        removed.reverse();
        self.unlink(id);
        for id in &removed {
            self.nodes.remove(id);
        }
        removed
    }

    /// Number of the last elements of a path that do not exist.
    fn missing(&self, names: &[&str]) -> usize {
        let mut at = None;
        for (index, name) in names.iter().enumerate() {
            match self.children_of(at).and_then(|children| children.get(*name)) {
                Some(id) => at = Some(*id),
                None => return names.len() - index,
            }
        }
        0
    }

    /// Number of levels below a category.
    fn height(&self, id: CategoryId) -> usize {
        let deepest = self.subtree(id).into_iter().map(|id| self.depth(id)).max().unwrap_or(0);
        deepest.saturating_sub(self.depth(id))
    }

    fn check_count(&self, new: usize) -> Result<(), CategoryError> {
        let is_full = self.nodes.len() + new > MAX_CATEGORIES || self.last_id.checked_add(MAX_NEW).is_none();
        if is_full { Err(CategoryError::TooMany) } else { Ok(()) }
    }

    fn children_of(&self, parent: Option<CategoryId>) -> Option<&BTreeMap<String, CategoryId>> {
        match parent {
            None => Some(&self.top),
            Some(id) => self.nodes.get(&id).map(|node| &node.children),
        }
    }

    /// Returns a category and its parents, up to the top.
    fn line(&self, id: CategoryId) -> impl Iterator<Item = (CategoryId, &Node)> {
        let node = |id| Some((id, self.nodes.get(&id)?));
        std::iter::successors(node(id), move |(_, below)| below.parent.and_then(node))
    }

    /// Returns the child of that name, and creates it if it is missing.
    fn child(&mut self, parent: Option<CategoryId>, name: &str, created: &mut Vec<CategoryId>) -> CategoryId {
        if let Some(id) = self.children_of(parent).and_then(|children| children.get(name)) {
            return *id;
        }
        self.last_id = self.last_id.saturating_add(1);
        let id = CategoryId(self.last_id);
        self.insert(id, parent, name, CategorySettings::default());
        created.push(id);
        id
    }

    fn insert(&mut self, id: CategoryId, parent: Option<CategoryId>, name: &str, settings: CategorySettings) {
        self.nodes.insert(id, Node { name: name.to_owned(), parent, children: BTreeMap::new(), settings });
        self.link(parent, name, id);
    }

    fn link(&mut self, parent: Option<CategoryId>, name: &str, id: CategoryId) {
        let children = match parent {
            None => Some(&mut self.top),
            Some(parent) => self.nodes.get_mut(&parent).map(|node| &mut node.children),
        };
        if let Some(children) = children {
            children.insert(name.to_owned(), id);
        }
    }

    fn unlink(&mut self, id: CategoryId) {
        let Some(node) = self.nodes.get(&id) else { return };
        let (name, parent) = (node.name.clone(), node.parent);
        match parent {
            None => self.top.remove(&name),
            Some(parent) => self.nodes.get_mut(&parent).and_then(|node| node.children.remove(&name)),
        };
    }
}

/// Maximum number of ids that one operation takes.
const MAX_NEW: u32 = MAX_CATEGORY_DEPTH as u32;
