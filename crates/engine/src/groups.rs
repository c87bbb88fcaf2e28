//! Limits of groups of torrents, as for categories. A group may be part of another, and then has its limits as well.

use crate::ids::LimitGroup;
use crate::rate::Bucket;
use std::collections::BTreeMap;
use ztor_base::Instant;

/// Maximum number of groups.
const MAX_GROUPS: usize = 10_000;
/// Maximum number of groups above each other that have an effect.
const MAX_DEPTH: usize = 16;

/// Limits of a group of torrents, in bytes per second; `None` means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupLimits {
    /// Group whose limits also apply; `None` for none.
    pub parent: Option<LimitGroup>,
    /// Limit for incoming piece data.
    pub down: Option<u64>,
    /// Limit for outgoing piece data.
    pub up: Option<u64>,
}

/// The groups in one direction.
#[derive(Debug, Default)]
pub(crate) struct Groups(BTreeMap<LimitGroup, Group>);

#[derive(Debug)]
struct Group {
    parent: Option<LimitGroup>,
    bucket: Bucket,
}

impl Groups {
    pub(crate) fn set(
        &mut self,
        now: Instant,
        group: LimitGroup,
        parent: Option<LimitGroup>,
        limit: Option<u64>,
    ) {
        let is_new = match self.0.get_mut(&group) {
            Some(known) => {
                known.bucket.set_limit(now, limit);
                std::mem::replace(&mut known.parent, parent) != parent
            }
            None => true,
        };
        if is_new && self.0.len() < MAX_GROUPS {
            self.0.entry(group).or_insert_with(|| Group { parent, bucket: Bucket::new(limit, now) });
        }
        if is_new {
            // Torrents have these limits now, and had others before.
            self.each(Some(group), &mut Bucket::is_lowered);
        }
    }

    pub(crate) fn remove(&mut self, group: LimitGroup) {
        self.0.remove(&group);
    }

    /// Returns true if the group, or one above it, has a limit.
    pub(crate) fn is_limited(&self, group: Option<LimitGroup>) -> bool {
        let first = group.and_then(|group| self.0.get(&group));
        let above = |group: &&Group| self.0.get(&group.parent?);
        let mut chain = std::iter::successors(first, above).take(MAX_DEPTH);
        chain.any(|group| group.bucket.limit().is_some())
    }

    /// Visits the bucket of a group, and of all above it, once each. Ends a cycle.
    pub(crate) fn each(&mut self, group: Option<LimitGroup>, visit: &mut impl FnMut(&mut Bucket)) {
        let mut visited = [None; MAX_DEPTH];
        let mut next = group;
        for depth in 0..MAX_DEPTH {
            if next.is_none() || visited[..depth].contains(&next) {
                return;
            }
            visited[depth] = next;
            let Some(group) = next.and_then(|group| self.0.get_mut(&group)) else { return };
            visit(&mut group.bucket);
            next = group.parent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_limited_of_a_cycle_or_a_deep_chain_ends() {
        let mut groups = Groups::default();
        let now = Instant::ZERO;
        for n in 0..100 {
            groups.set(now, LimitGroup(n), Some(LimitGroup((n + 1) % 100)), None);
        }
        assert!(!groups.is_limited(Some(LimitGroup(0))));
        let mut visited = 0;
        groups.each(Some(LimitGroup(0)), &mut |_| visited += 1);
        assert_eq!(visited, MAX_DEPTH);
        groups.set(now, LimitGroup(15), None, Some(1));
        assert!(groups.is_limited(Some(LimitGroup(0))) && !groups.is_limited(Some(LimitGroup(16))));
        groups.remove(LimitGroup(15));
        assert!(!groups.is_limited(Some(LimitGroup(0))));
    }

    #[test]
    fn each_in_a_cycle_visits_every_group_once() {
        let mut groups = Groups::default();
        for (n, parent) in [(0, 1), (1, 2), (2, 1), (3, 3)] {
            groups.set(Instant::ZERO, LimitGroup(n), Some(LimitGroup(parent)), Some(1000 + u64::from(n)));
        }
        for (first, expected) in [(0, vec![1000, 1001, 1002]), (2, vec![1002, 1001]), (3, vec![1003])] {
            let mut limits = Vec::new();
            groups.each(Some(LimitGroup(first)), &mut |bucket| limits.extend(bucket.limit()));
            assert_eq!(limits, expected, "from {first}");
        }
    }

    #[test]
    fn set_of_too_many_groups_ignores_the_last() {
        let mut groups = Groups::default();
        for n in 0..=MAX_GROUPS as u32 {
            groups.set(Instant::ZERO, LimitGroup(n), None, Some(1));
        }
        assert!(groups.is_limited(Some(LimitGroup(0))));
        assert!(!groups.is_limited(Some(LimitGroup(MAX_GROUPS as u32))));
    }
}
