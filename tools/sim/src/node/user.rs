//! A client's user: the commands, and the settings that they leave for later processes.

use super::Node;
use crate::checkers::Limits;
use crate::core::Core;
use crate::disk::Job;
use crate::net::ip_of;
use crate::verb::{Rates, TrackerChoice, Verb, Wanted};
use std::collections::BTreeMap;
use ztor_engine::{
    AddTorrent, Command, DiskId, GroupLimits, LimitGroup, StartTorrent, TorrentId, TorrentState,
};

/// Settings that the user has chosen, and that outlive the process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    pub(crate) is_paused: bool,
    /// True while the torrent is removed.
    pub(crate) is_removed: bool,
    /// Choice of files; `None` if the user has made none.
    wanted: Option<Wanted>,
    /// `None` if the user has not changed the order.
    sequential: Option<bool>,
    ends_first: bool,
    /// `None` if the user has not changed it.
    super_seeding: Option<bool>,
    /// Limits over all torrents; `None` for those of the settings.
    whole: Option<Rates>,
    torrent: Rates,
    groups: BTreeMap<u32, (Option<u32>, Rates)>,
    group: Option<u32>,
    trackers: Option<Vec<Vec<String>>>,
    lane: usize,
}

impl Node {
    /// Returns true if the user wants a piece.
    pub(crate) fn wants(&self, piece: u32) -> bool {
        let Some(wanted) = self.choices.wanted else { return true };
        wanted.priorities(&self.content).get(piece as usize).is_none_or(|priority| priority.is_wanted())
    }

    /// Returns the torrent to add, as an earlier process has left it.
    pub(super) fn torrent_to_add(&self) -> AddTorrent {
        let (downloaded, uploaded) = self.disk.resume.as_ref().map_or((0, 0), |r| (r.downloaded, r.uploaded));
        let start = self.start_options();
        AddTorrent {
            priorities: start.priorities,
            sequential: start.sequential,
            ends_first: start.ends_first,
            super_seeding: start.super_seeding,
            peers: self.settings.peers.clone(),
            uploaded,
            downloaded,
            trackers: self.choices.trackers.clone(),
            paused: self.choices.is_paused,
            ..AddTorrent::new(self.content.meta.clone())
        }
    }

    /// Returns the options for a torrent whose metadata has arrived.
    pub(super) fn start_options(&self) -> StartTorrent {
        StartTorrent {
            priorities: self.choices.wanted.map(|wanted| wanted.priorities(&self.content)),
            sequential: self.choices.sequential.unwrap_or(self.settings.sequential),
            ends_first: self.choices.ends_first,
            super_seeding: self.choices.super_seeding.unwrap_or(self.settings.super_seeding),
            uploaded: 0,
            downloaded: 0,
            ..StartTorrent::default()
        }
    }

    /// Repeats the user's settings that are not part of the torrent to add.
    pub(super) fn restore_choices(&mut self, core: &mut Core) {
        let choices = self.choices.clone();
        self.move_to(choices.lane);
        if choices.is_paused {
            // A link cannot be added as paused.
            self.obey(core, Verb::Pause, &[]);
        }
        if let Some(rates) = choices.whole {
            self.obey(core, Verb::Limits(rates), &[]);
        }
        for (group, (parent, rates)) in choices.groups {
            self.obey(core, Verb::GroupLimits { group, parent, rates }, &[]);
        }
        self.restore_torrent_limits(core);
        self.show_will();
    }

    fn restore_torrent_limits(&mut self, core: &mut Core) {
        if self.choices.torrent != Rates::default() {
            self.obey(core, Verb::TorrentLimits(self.choices.torrent), &[]);
        }
        if self.choices.group.is_some() {
            self.obey(core, Verb::Join(self.choices.group), &[]);
        }
    }

    /// Carries out a command. `hosts` are those of all clients. Ignored while no process runs.
    pub(crate) fn obey(&mut self, core: &mut Core, verb: Verb, hosts: &[usize]) {
        if self.run.is_none() || self.has_left {
            return;
        }
        match verb {
            Verb::Pause => self.choices.is_paused = true,
            Verb::Resume => self.choices.is_paused = false,
            Verb::Priorities(wanted) => self.choices.wanted = Some(wanted),
            Verb::Sequential(is_sequential) => self.choices.sequential = Some(is_sequential),
            Verb::EndsFirst(ends_first) => self.choices.ends_first = ends_first,
            Verb::SuperSeeding(super_seeding) => self.choices.super_seeding = Some(super_seeding),
            Verb::Trackers(choice) => self.choices.trackers = Some(self.tiers(choice)),
            Verb::Limits(rates) => {
                self.choices.whole = Some(rates);
                self.change_limits(core, |limits, now| limits.set_whole(now, rates));
            }
            Verb::TorrentLimits(rates) => {
                self.choices.torrent = rates;
                if !self.choices.is_removed {
                    self.change_limits(core, |limits, now| limits.set_torrent(now, rates));
                }
            }
            Verb::GroupLimits { group, parent, rates } => {
                self.choices.groups.insert(group, (parent, rates));
                self.change_limits(core, |limits, now| limits.set_group(now, group, parent, rates));
            }
            Verb::RemoveGroup(group) => {
                self.choices.groups.remove(&group);
                self.change_limits(core, |limits, _| limits.remove_group(group));
            }
            Verb::Join(group) => {
                self.choices.group = group;
                if !self.choices.is_removed {
                    self.change_limits(core, |limits, _| limits.join(group));
                }
            }
            Verb::AddPeers => {
                let known = &self.settings.peers;
                let all = hosts.iter().map(|host| crate::net::addr_of(*host));
                let new: Vec<_> = all.filter(|addr| !known.contains(addr)).collect();
                return self.meet(core, &new);
            }
            Verb::Remove { deletes } => return self.remove(core, deletes),
            Verb::Add => return self.add_again(core),
            Verb::Move { lane } => return self.move_to(lane),
            Verb::PeerLimits { peer, rates } => {
                let host = hosts.get(peer).copied();
                return host.into_iter().for_each(|host| self.limit_peer(core, host, rates));
            }
            Verb::LiftBans => return self.lift_bans(core),
            Verb::Recheck { .. } | Verb::Reannounce | Verb::Retry => {}
        }
        self.show_will();
        let priorities = self.choices.wanted.map(|wanted| wanted.priorities(&self.content));
        let trackers = self.choices.trackers.clone();
        self.command(core, |torrent| command_of(verb, torrent, priorities, trackers));
        match verb {
            Verb::Recheck { damaged } => self.damage_checked(core, damaged),
            Verb::Priorities(_) => self.want_again(),
            _ => {}
        }
    }

    /// Ends everything that keeps the torrent from being complete soon.
    pub(crate) fn restore(&mut self, core: &mut Core) {
        if self.choices.is_removed {
            self.obey(core, Verb::Add, &[]);
        }
        let choices = self.choices.clone();
        if choices.is_paused {
            self.obey(core, Verb::Resume, &[]);
        }
        if choices.wanted.is_some_and(|wanted| wanted != Wanted::All) {
            self.obey(core, Verb::Priorities(Wanted::All), &[]);
        }
        if choices.trackers.is_some() {
            self.obey(core, Verb::Trackers(TrackerChoice::Own), &[]);
        }
        if choices.whole.is_some() {
            let rates = Rates { down: self.settings.limit_down, up: self.settings.limit_up };
            self.obey(core, Verb::Limits(rates), &[]);
        }
        if choices.torrent != Rates::default() {
            self.obey(core, Verb::TorrentLimits(Rates::default()), &[]);
        }
        if choices.group.is_some() {
            self.obey(core, Verb::Join(None), &[]);
        }
        let Some(run) = &self.run else { return };
        if run.audit.will.limits_peers {
            for host in std::mem::take(&mut self.hosts_limited) {
                self.limit_peer(core, host, Rates::default());
            }
        }
    }

    fn tiers(&self, choice: TrackerChoice) -> Vec<Vec<String>> {
        match choice {
            TrackerChoice::Own => self.content.meta.trackers.clone(),
            TrackerChoice::Other(number) => vec![vec![format!("http://t{number}.sim/announce")]],
        }
    }

    /// Passes the user's commands to the checkers.
    fn show_will(&mut self) {
        let priorities = Wanted::priorities(self.choices.wanted.unwrap_or(Wanted::All), &self.content);
        let Some(run) = &mut self.run else { return };
        let is_paused = self.choices.is_paused.then_some("paused");
        run.audit.will.set_rest(if self.choices.is_removed { Some("removed") } else { is_paused });
        run.audit.will.set_priorities(priorities);
    }

    fn change_limits(&mut self, core: &Core, change: impl FnOnce(&mut Limits, ztor_base::Instant)) {
        if let Some(run) = &mut self.run {
            change(run.audit.limits_mut(core.now, &run.engine, run.id), core.now);
        }
    }

    fn limit_peer(&mut self, core: &mut Core, host: usize, rates: Rates) {
        let Some(run) = &mut self.run else { return };
        let peers = run.engine.peer_status(core.now, run.id);
        let addrs = peers.into_iter().map(|peer| peer.addr).filter(|addr| addr.ip() == ip_of(host));
        let addrs: Vec<_> = addrs.collect();
        for (key, link) in &mut run.links {
            if run.engine.held_bytes(*key).is_some_and(|(addr, _)| addrs.contains(&addr)) {
                link.ledger.set_limit_up(core.now, rates);
            }
        }
        run.audit.will.limits_peers = true;
        self.hosts_limited.push(host);
        for addr in addrs {
            let Rates { down, up } = rates;
            self.command(core, |torrent| Command::SetPeerLimits { torrent, addr, down, up });
        }
    }

    fn lift_bans(&mut self, core: &mut Core) {
        let Some(run) = &self.run else { return };
        for ban in run.engine.bans(core.now) {
            self.command(core, |_| Command::LiftBan(ban.author));
        }
    }

    /// Damages pieces that a check under way will find missing.
    fn damage_checked(&mut self, core: &mut Core, count: usize) {
        let Some(run) = &self.run else { return };
        let is_checking = matches!(run.engine.state(run.id), Some(TorrentState::Checking { .. }));
        if !is_checking || count == 0 {
            return;
        }
        let mut present: Vec<u32> =
            (0..self.content.pieces()).filter(|piece| run.audit.verified.contains(*piece)).collect();
        core.rng.shuffle(&mut present);
        present.truncate(count);
        core.note(format_args!("n{}: pieces {present:?} are damaged", self.number));
        self.disk.damage(&mut core.rng, &present);
        self.reported_at = self.reported_at.filter(|_| present.is_empty());
    }

    /// Waits for another report if a piece is missing that is wanted now.
    fn want_again(&mut self) {
        let Some(run) = &mut self.run else { return };
        let lacks = |piece| run.audit.will.wants(piece) && !run.audit.verified.contains(piece);
        if (0..self.content.pieces()).any(lacks) {
            self.reported_at = None;
            run.finish_pending = false;
        }
    }

    fn remove(&mut self, core: &mut Core, deletes: bool) {
        if std::mem::replace(&mut self.choices.is_removed, true) {
            return;
        }
        self.show_will();
        self.command(core, Command::Remove);
        self.disk.resume = None;
        self.reported_at = None;
        let Some(run) = &mut self.run else { return };
        let torrent = std::mem::take(&mut run.id);
        run.finish_pending = false;
        if deletes {
            self.job(core, torrent, Job::Delete);
        }
    }

    /// Adds the torrent again, in a process that has removed it or has started without it.
    fn add_again(&mut self, core: &mut Core) {
        if !std::mem::replace(&mut self.choices.is_removed, false) {
            return;
        }
        let add = self.torrent_to_add();
        let Some(mut run) = self.run.take() else { return };
        let Ok(id) = run.engine.add(core.now, &add) else {
            return core.fail(&[self.name()], format!("{}: a removed torrent cannot be added", self.name()));
        };
        run.id = id;
        run.audit = run.audit.of_next_torrent(core.now, &self.content, &self.settings);
        run.was_told = true;
        self.run = Some(run);
        self.move_to(self.choices.lane);
        self.restore_torrent_limits(core);
        self.show_will();
        self.job(core, id, Job::Check { trust: false });
        self.plan_turn(core, core.now);
    }

    fn move_to(&mut self, lane: usize) {
        self.choices.lane = lane;
        self.disk.move_to(lane);
        if let Some(run) = &mut self.run {
            run.engine.set_disk(run.id, disk_id(lane));
        }
    }
}

/// Returns the engine's name of a lane.
pub(crate) fn disk_id(lane: usize) -> DiskId {
    DiskId::new(lane).unwrap_or_default()
}

fn command_of(
    verb: Verb,
    torrent: TorrentId,
    priorities: Option<Box<[ztor_engine::Priority]>>,
    trackers: Option<Vec<Vec<String>>>,
) -> Command {
    match verb {
        Verb::Pause => Command::Pause(torrent),
        Verb::Resume => Command::Resume(torrent),
        Verb::Recheck { .. } => Command::Recheck(torrent),
        Verb::Reannounce => Command::Reannounce(torrent),
        Verb::Retry => Command::Retry(torrent),
        Verb::Trackers(_) => Command::SetTrackers { torrent, tiers: trackers.unwrap_or_default() },
        Verb::Priorities(_) => Command::SetPriorities { torrent, priorities: priorities.unwrap_or_default() },
        Verb::Sequential(sequential) => Command::SetSequential { torrent, sequential },
        Verb::EndsFirst(ends_first) => Command::SetEndsFirst { torrent, ends_first },
        Verb::SuperSeeding(super_seeding) => Command::SetSuperSeeding { torrent, super_seeding },
        Verb::Limits(Rates { down, up }) => Command::SetLimits { down, up },
        Verb::TorrentLimits(Rates { down, up }) => Command::SetTorrentLimits { torrent, down, up },
        Verb::GroupLimits { group, parent, rates: Rates { down, up } } => {
            let limits = GroupLimits { parent: parent.map(LimitGroup), down, up };
            Command::SetGroupLimits { group: LimitGroup(group), limits }
        }
        Verb::RemoveGroup(group) => Command::RemoveGroup(LimitGroup(group)),
        Verb::Join(group) => Command::SetTorrentGroup { torrent, group: group.map(LimitGroup) },
        // The others are no commands to the engine, or several.
        Verb::AddPeers
        | Verb::LiftBans
        | Verb::PeerLimits { .. }
        | Verb::Remove { .. }
        | Verb::Add
        | Verb::Move { .. } => Command::Reannounce(torrent),
    }
}
