//! A client with torrents in nested groups of limits, all with more demand than the limits admit.
//!
//! Groups, limits and memberships change every few seconds. In every second, the payload of a group, with that of the
//! groups below, is at most its limit and one burst. Once a change has settled, the limits that bind are used to 90 %.

use crate::outcome::{Failure, Outcome};
use crate::star::{CLIENT, Setup, World};
use crate::trace::{Subject, Trace};
use fastrand::Rng;
use std::collections::BTreeMap;
use ztor_base::{Duration, Instant};
use ztor_engine::{Command, Event, GroupLimits, LimitGroup};

/// Number of torrents.
const TORRENTS: usize = 6;
/// Number of groups.
const GROUPS: u32 = 4;
/// Bytes per second of the line of each torrent's seed.
const LINE: u64 = 2 * 1024 * 1024;
/// Number of changes of groups and limits.
const CHANGES: usize = 6;
/// Time after a change in which requests made before it still arrive.
const SETTLE: Duration = Duration::from_secs(1);
/// Number of seconds measured after each change.
const SPAN_S: usize = 6;
const KIB: u64 = 1024;

/// The groups of the client, as its user has set them.
#[derive(Debug, Default)]
struct Tree {
    /// Limit and parent of each group.
    groups: BTreeMap<u32, (Option<u64>, Option<u32>)>,
    /// Group of each torrent.
    of: [Option<u32>; TORRENTS],
}

impl Tree {
    /// Returns the groups that limit a torrent.
    fn above(&self, torrent: usize) -> Vec<u32> {
        let parent = |group: &u32| self.groups.get(group).and_then(|(_, parent)| *parent);
        let chain: Vec<u32> = std::iter::successors(self.of[torrent], parent).collect();
        chain.into_iter().filter(|group| self.groups.contains_key(group)).collect()
    }

    /// Returns the limit of a group, and the torrents below it.
    fn limited(&self) -> impl Iterator<Item = (u32, u64, Vec<usize>)> + '_ {
        self.groups.iter().filter_map(|(group, (limit, _))| {
            let below = (0..TORRENTS).filter(|torrent| self.above(*torrent).contains(group)).collect();
            Some((*group, (*limit)?, below))
        })
    }

    /// Returns the rate that the groups admit to some torrents.
    fn admitted(&self, torrents: &[usize]) -> u64 {
        self.rate_of(None, torrents)
    }

    /// Returns the rate that a group, or the whole, admits to those of the torrents that are below it: what these ask
    /// for, up to its limit.
    fn rate_of(&self, group: Option<u32>, torrents: &[usize]) -> u64 {
        let is_root = |id: Option<u32>| id.is_none_or(|id| !self.groups.contains_key(&id));
        let is_in = |of: Option<u32>| if group.is_none() { is_root(of) } else { of == group };
        let own = torrents.iter().filter(|torrent| is_in(self.of[**torrent])).count() as u64 * LINE;
        let below = self.groups.iter().filter(|(_, (_, parent))| is_in(*parent));
        let sum = own + below.map(|(id, _)| self.rate_of(Some(*id), torrents)).sum::<u64>();
        let limit = group.and_then(|group| self.groups.get(&group)).and_then(|(limit, _)| *limit);
        sum.min(limit.unwrap_or(u64::MAX))
    }
}

/// Plays the scenario.
pub(crate) fn play(mut rng: Rng, is_loud: bool) -> Outcome {
    let length = 150 * LINE;
    let setup = Setup { rate: LINE, length, disks: vec![0; TORRENTS] };
    let mut world = World::new(setup, rng.u64(..));
    let mut tree = Tree::default();
    let mut trace = Trace::new();
    trace.is_loud = is_loud;
    let mut failure = None;
    let mut notes = Vec::new();
    for _ in 0..CHANGES {
        change(&mut world, &mut tree, &mut rng);
        world.run_until(world.now + SETTLE);
        let mut passed = vec![world.came()];
        for _ in 0..SPAN_S {
            world.run_until(world.now + Duration::from_secs(1));
            passed.push(world.came());
        }
        let total: u64 = passed[SPAN_S].iter().sum::<u64>() - passed[0].iter().sum::<u64>();
        trace.record(world.now, Subject::GroupLimits, &[total]);
        trace.note(world.now, format_args!("{tree:?}: {total} bytes in {SPAN_S} s"));
        notes.push(format!("{} KiB/s under {:?}", total / KIB / SPAN_S as u64, tree.groups));
        if let Err(wrong) = judge(&tree, &passed) {
            failure = Some(Failure { at: world.now, message: wrong, about: Vec::new() });
            break;
        }
    }
    let took = world.now.since(Instant::ZERO);
    Outcome { hash: trace.hash(), took, notes, failure, story: trace.last(10, &[]) }
}

/// Sums the bytes of some torrents.
fn of(came: &[u64], torrents: &[usize]) -> u64 {
    torrents.iter().filter_map(|torrent| came.get(*torrent)).sum()
}

/// Changes some groups and memberships. A parent has a smaller number than its groups.
fn change(world: &mut World, tree: &mut Tree, rng: &mut Rng) {
    let mut commands = Vec::new();
    for group in 0..GROUPS {
        match rng.u8(0..8) {
            0 => {
                tree.groups.remove(&group);
                commands.push(Command::RemoveGroup(LimitGroup(group)));
            }
            1..6 => {
                let limit = (rng.u8(0..4) > 0).then(|| rng.u64(60..1500) * KIB);
                let parent = (group > 0 && rng.bool()).then(|| rng.u32(0..group));
                tree.groups.insert(group, (limit, parent));
                let limits = GroupLimits { parent: parent.map(LimitGroup), down: limit, up: None };
                commands.push(Command::SetGroupLimits { group: LimitGroup(group), limits });
            }
            _ => {}
        }
    }
    let client = &mut world.nodes[CLIENT];
    for (number, (torrent, _)) in client.torrents.iter().enumerate() {
        if rng.bool() {
            tree.of[number] = (rng.u8(0..5) > 0).then(|| rng.u32(0..GROUPS));
            let group = tree.of[number].map(LimitGroup);
            commands.push(Command::SetTorrentGroup { torrent: *torrent, group });
        }
    }
    commands.into_iter().for_each(|command| client.tell(Event::Command(command)));
}

/// Checks the bytes of each torrent at the end of each second.
fn judge(tree: &Tree, passed: &[Vec<u64>]) -> Result<(), String> {
    let (Some(first), Some(last)) = (passed.first(), passed.last()) else { return Ok(()) };
    for (group, limit, below) in tree.limited() {
        let burst = (limit / 4).max(17 * KIB);
        for (from, before) in passed.iter().enumerate() {
            for (to, after) in passed.iter().enumerate().skip(from + 1) {
                let bytes = of(after, &below) - of(before, &below);
                let seconds = (to - from) as u64;
                // Requests take the tokens, and their blocks arrive up to a second later, together.
                let most = limit * (seconds + 1) + 2 * burst;
                if bytes > most {
                    return Err(format!(
                        "group {group} got {bytes} bytes in {seconds} s under {limit} bytes/s"
                    ));
                }
            }
        }
        let (bytes, admitted) = (of(last, &below) - of(first, &below), tree.admitted(&below).min(limit));
        let seconds = passed.len() as u64 - 1;
        if bytes * 10 > admitted * seconds * 11 + 20 * burst {
            return Err(format!("group {group} got {bytes} bytes, and {admitted} bytes/s are admitted"));
        }
    }
    for top in tops(tree) {
        let (bytes, admitted) = (of(last, &top) - of(first, &top), tree.admitted(&top));
        let seconds = passed.len() as u64 - 1;
        if bytes * 10 < admitted * seconds * 9 {
            return Err(format!(
                "torrents {top:?} got {bytes} bytes in {seconds} s, and {admitted} bytes/s are admitted"
            ));
        }
    }
    Ok(())
}

/// Returns the torrents of each group without a parent.
fn tops(tree: &Tree) -> Vec<Vec<usize>> {
    let mut tops: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for torrent in 0..TORRENTS {
        if let Some(top) = tree.above(torrent).last() {
            tops.entry(*top).or_default().push(torrent);
        }
    }
    tops.into_values().collect()
}
