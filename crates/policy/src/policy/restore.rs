//! Conversion between the policy and its saved form.

use super::{MAX_TORRENTS, Policy};
use crate::config::Config;
use crate::goals::GoalAction;
use crate::key::TorrentKey;
use crate::saved::{Saved, SavedCategory, SavedTorrent};
use crate::torrent::Torrent;

impl Policy {
    /// Returns everything that outlives a restart, except the configuration.
    pub fn saved(&self) -> Saved {
        Saved {
            torrents: self.torrents.iter().map(|(key, torrent)| self.save(*key, torrent)).collect(),
            queue: self.queue().collect(),
            ..self.saved_labels()
        }
    }

    /// Returns what outlives a restart of one torrent; `None` if it is unknown. For drivers that save each change.
    pub fn saved_torrent(&self, key: TorrentKey) -> Option<SavedTorrent> {
        Some(self.save(key, self.torrents.get(&key)?))
    }

    /// Returns what outlives a restart, without torrents and queue: categories, tags and the choice of limits.
    pub fn saved_labels(&self) -> Saved {
        let category = |id| {
            let path = self.categories.path(id)?;
            let settings = self.categories.settings(id)?.clone();
            Some(SavedCategory { id, path, settings })
        };
        Saved {
            categories: self.categories.ids().into_iter().filter_map(category).collect(),
            last_category: self.categories.last_id(),
            tags: self.tags.names().map(str::to_owned).collect(),
            alternative: self.alternative,
            ..Saved::default()
        }
    }

    fn save(&self, key: TorrentKey, torrent: &Torrent) -> SavedTorrent {
        let action = self.goals_of(torrent).action;
        let is_removal = matches!(action, Some(GoalAction::Remove | GoalAction::RemoveWithData));
        SavedTorrent {
            key,
            mode: torrent.mode,
            category: torrent.category,
            tags: self.tags.of(key).map(str::to_owned).collect(),
            goals: torrent.goals,
            reached: torrent.reached.filter(|reached| reached.is_waived || !is_removal),
            ran: torrent.run.is_some() || torrent.is_first,
            turn: torrent.turn,
            waited: torrent.waited(self.now),
        }
    }

    /// Creates a policy from its saved form, whatever values that has. Torrents do not run until their facts are
    /// [reported](Self::update).
    pub fn restore(config: Config, saved: Saved) -> Self {
        let mut policy = Self::new(config);
        policy.alternative = saved.alternative;
        for SavedCategory { id, path, settings } in saved.categories {
            if policy.categories.restore(id, &path, settings) {
                policy.groups.dirty.insert(id);
            }
        }
        policy.categories.reserve(saved.last_category);
        for tag in &saved.tags {
            // A bad tag is left out.
            let _ = policy.tags.create(tag);
        }
        for torrent in saved.torrents {
            policy.restore_torrent(torrent);
        }
        policy.number_turns();
        for key in saved.queue {
            if policy.torrents.contains_key(&key) {
                policy.order.push_back(key);
            }
        }
        policy.dirty.extend(policy.torrents.keys());
        policy
    }

    fn restore_torrent(&mut self, saved: SavedTorrent) {
        let key = saved.key;
        if self.torrents.contains_key(&key) || self.torrents.len() >= MAX_TORRENTS {
            return;
        }
        let category = saved.category.filter(|id| self.categories.contains(*id));
        let torrent = Torrent::restored(&saved, category);
        self.torrents.insert(key, Box::new(torrent));
        self.join(key, category);
        for tag in saved.tags {
            // A bad tag is left out.
            let _ = self.tags.add(key, &tag);
        }
    }

    /// Numbers the turns of slow downloads from 1, in their order.
    fn number_turns(&mut self) {
        let taken = self.torrents.iter().filter(|(_, torrent)| torrent.turn > 0);
        let mut turns: Vec<(u64, TorrentKey)> = taken.map(|(key, torrent)| (torrent.turn, *key)).collect();
        turns.sort_unstable();
        for (_, key) in turns {
            self.slots.last_turn += 1;
            if let Some(torrent) = self.torrents.get_mut(&key) {
                torrent.turn = self.slots.last_turn;
            }
        }
    }
}
