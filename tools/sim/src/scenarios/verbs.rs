//! Swarms in which a user gives one kind of command, with a known effect.

use super::common::{KIB, MIB, bare, healed_after, populate, secs, tracked};
use crate::action::Action;
use crate::content::Shape;
use crate::disk::LANES;
use crate::net::{Line, addr_of};
use crate::settings::Settings;
use crate::tracker::Manner;
use crate::verb::{Rates, TrackerChoice, Verb, Wanted};
use crate::world::World;
use fastrand::Rng;
use ztor_base::Duration;
use ztor_engine::{Priority, TorrentStatus};

/// Time in which every announce of a command arrives.
const SOON: Duration = Duration::from_secs(5);
/// Bytes that may be fetched twice without a fault: requests that several peers get at the end.
const SLACK: u64 = 64 * KIB;

fn a_swarm(rng: Rng, shape: Shape, leechers: usize) -> anyhow::Result<World> {
    let mut world = tracked(rng, shape)?;
    populate(&mut world, 1, leechers, Line { up: 100 * KIB, down: MIB, ..Line::default() });
    Ok(world)
}

pub(super) fn status(world: &World, node: usize) -> Option<TorrentStatus> {
    let now = world.core.now;
    let run = world.nodes[node].run()?;
    run.engine.status(now).into_iter().find(|status| status.id == run.id)
}

fn downloaded(world: &World, node: usize) -> u64 {
    status(world, node).map_or(0, |status| status.session_downloaded_bytes)
}

/// Returns the bytes that passed in both directions.
fn payload(world: &World, node: usize) -> (u64, u64) {
    status(world, node).map_or((0, 0), |s| (s.session_downloaded_bytes, s.session_uploaded_bytes))
}

/// Returns the bytes that a client has uploaded.
pub(super) fn uploaded(world: &World, node: usize) -> u64 {
    payload(world, node).1
}

fn connections(world: &World, node: usize) -> usize {
    world.nodes[node].run().map_or(0, |run| run.engine.peer_count())
}

pub(super) fn obey(world: &mut World, node: usize, verb: Verb) {
    world.act(Action::Verb { node, verb });
}

pub(super) fn must(world: &mut World, node: usize, holds: bool, message: String) {
    if !holds {
        world.core.fail(&[format!("n{node} ")], format!("n{node}: {message}"));
    }
}

fn is_finished(world: &World, nodes: std::ops::Range<usize>) -> bool {
    world.nodes[nodes].iter().all(|node| node.is_finished())
}

/// Builds a swarm in which one client is paused for a while, and then all are in turn.
pub(super) fn pausing(rng: Rng) -> anyhow::Result<World> {
    let mut world = a_swarm(rng, Shape::plain(64 * KIB as u32, 3 * MIB), 3)?;
    let begin = Duration::from_millis(world.core.rng.u64(2_000..20_000));
    world.run_for(begin);
    obey(&mut world, 1, Verb::Pause);
    world.run_for(Duration::from_millis(1));
    let before = payload(&world, 1);
    let open = connections(&world, 1);
    must(&mut world, 1, open == 0, format!("has {open} connections after a pause"));
    world.run_for(SOON);
    let left = world.trackers[0].peers();
    must(&mut world, 1, left == 3, format!("{left} clients are at the tracker after a pause"));
    world.run_for(secs(60));
    let after = payload(&world, 1);
    must(&mut world, 1, before == after, format!("moved data while paused: {before:?} became {after:?}"));
    obey(&mut world, 1, Verb::Resume);
    world.run_for(SOON);
    let back = world.trackers[0].peers();
    must(&mut world, 1, back == 4, format!("{back} clients are at the tracker after a resume"));
    for node in 0..4 {
        let wait = Duration::from_millis(500 * (1 + node as u64));
        world.plan(wait, Action::Verb { node, verb: Verb::Pause });
        world.plan(wait + secs(2), Action::Verb { node, verb: Verb::Resume });
    }
    healed_after(&mut world, secs(5));
    Ok(world)
}

/// Builds a swarm in which a client checks its data during the download, and damaged data after it.
pub(super) fn rechecking(rng: Rng) -> anyhow::Result<World> {
    let piece = 64 * KIB;
    let mut world = a_swarm(rng, Shape::plain(piece as u32, 2 * MIB), 1)?;
    let begin = Duration::from_millis(world.core.rng.u64(2_000..15_000));
    world.run_for(begin);
    let partial = status(&world, 1).map_or(0, |status| u64::from(status.partial_pieces));
    obey(&mut world, 1, Verb::Recheck { damaged: 0 });
    world.run_until(secs(300), |world| is_finished(world, 1..2));
    let first = downloaded(&world, 1);
    let most = world.content.len() + partial * piece + SLACK;
    must(&mut world, 1, first <= most, format!("fetched {first} bytes, with a check in between"));
    let damaged = world.core.rng.usize(1..8);
    obey(&mut world, 1, Verb::Recheck { damaged });
    world.run_until(secs(300), |world| is_finished(world, 1..2));
    let again = downloaded(&world, 1) - first;
    let bounds = damaged as u64 * piece..=damaged as u64 * piece + SLACK;
    must(
        &mut world,
        1,
        bounds.contains(&again),
        format!("fetched {again} bytes for {damaged} damaged pieces"),
    );
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Builds a swarm in which a client chooses files during the download, and all of them later.
pub(super) fn priorities(rng: Rng) -> anyhow::Result<World> {
    let files = vec![500_000; 8];
    let mut world = a_swarm(rng, Shape { files, ..Shape::plain(32 * KIB as u32, 0) }, 1)?;
    let ranks = Wanted::Ranked.priorities(&world.content);
    let orders = [Verb::Sequential(true), Verb::EndsFirst(true), Verb::Reannounce];
    let order = orders[world.core.rng.usize(0..orders.len())];
    obey(&mut world, 1, order);
    let begin = Duration::from_millis(world.core.rng.u64(0..10_000));
    world.run_for(begin);
    let early = status(&world, 1).map_or(0, |s| (s.have_pieces + s.partial_pieces) as usize + 1);
    obey(&mut world, 1, Verb::Priorities(Wanted::Ranked));
    world.run_until(secs(300), |world| is_finished(world, 1..2));
    let order_of = |world: &World| world.nodes[1].run().map_or_else(Vec::new, |run| run.audit.order.clone());
    let fetched = order_of(&world);
    let rank = |piece: &u32| ranks[*piece as usize];
    let skipped = fetched.iter().filter(|piece| !rank(piece).is_wanted()).count();
    must(&mut world, 1, skipped <= early, format!("fetched {skipped} pieces of skipped files"));
    if matches!(order, Verb::Reannounce) {
        let late = fetched.iter().skip(early);
        let first_low = late.clone().position(|piece| rank(piece) == Priority::Low).unwrap_or(usize::MAX);
        let high = late.skip(first_low).filter(|piece| rank(piece) == Priority::High).count();
        must(&mut world, 1, high <= 1, format!("fetched {high} pieces of high priority after one of low"));
    }
    obey(&mut world, 1, Verb::Sequential(false));
    obey(&mut world, 1, Verb::Priorities(Wanted::All));
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Builds a swarm whose clients go to another tracker and come back.
pub(super) fn editing_trackers(rng: Rng) -> anyhow::Result<World> {
    let mut world = a_swarm(rng, Shape::plain(64 * KIB as u32, 2 * MIB), 3)?;
    world.add_tracker(Line::default(), Manner::Honest, 60);
    let begin = Duration::from_millis(world.core.rng.u64(100..10_000));
    world.run_for(begin);
    for (choice, at) in [(TrackerChoice::Other(1), [0, 4]), (TrackerChoice::Own, [4, 0])] {
        for node in 0..4 {
            obey(&mut world, node, Verb::Trackers(choice));
        }
        world.run_for(SOON);
        let found = [0, 1].map(|tracker| world.trackers[tracker].peers());
        must(&mut world, 0, found == at, format!("{found:?} clients are at the trackers, not {at:?}"));
        world.run_for(secs(2));
    }
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Builds a swarm whose limits change while the demand exceeds them.
pub(super) fn limits(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(64 * KIB as u32, 20 * MIB))?;
    let line = Line { up: 20 * MIB, down: 20 * MIB, ..Line::default() };
    let whole = Settings { limit_up: Some(400 * KIB), ..Settings::seed() };
    world.add_node(line, whole);
    for _ in 0..3 {
        world.add_node(line, Settings { limit_up: Some(20 * KIB), ..Settings::leech(Vec::new()) });
    }
    let kib = |rate: u64| Rates { up: Some(rate * KIB), down: None };
    let group = |group, parent, rate| Verb::GroupLimits { group, parent, rates: kib(rate) };
    world.run_for(secs(10));
    let steps: [(&[Verb], u64); 8] = [
        (&[], 400),
        (&[Verb::TorrentLimits(kib(300))], 300),
        (&[group(1, Some(2), 250), Verb::Join(Some(1))], 250),
        (&[group(2, Some(3), 120)], 120),
        (&[group(3, Some(1), 150), group(2, Some(3), 200)], 150),
        (&[Verb::RemoveGroup(2)], 250),
        (&[Verb::Join(None), Verb::TorrentLimits(kib(60))], 60),
        (&[Verb::TorrentLimits(Rates::default()), Verb::Limits(kib(100))], 100),
    ];
    for (verbs, rate) in steps {
        verbs.iter().for_each(|verb| obey(&mut world, 0, *verb));
        measure(&mut world, rate * KIB, |world| payload(world, 0).1);
    }
    obey(&mut world, 0, Verb::Limits(kib(400)));
    obey(&mut world, 0, Verb::PeerLimits { peer: 1, rates: kib(50) });
    measure(&mut world, 50 * KIB, |world| bytes_to(world, 1));
    obey(&mut world, 0, Verb::PeerLimits { peer: 1, rates: Rates::default() });
    obey(&mut world, 2, Verb::TorrentLimits(Rates { down: Some(40 * KIB), up: None }));
    measure(&mut world, 40 * KIB, |world| payload(world, 2).0);
    for node in [0, 2] {
        obey(&mut world, node, Verb::TorrentLimits(Rates::default()));
        obey(&mut world, node, Verb::Limits(Rates::default()));
    }
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Returns the bytes that the first client has sent to another over open connections.
fn bytes_to(world: &World, node: usize) -> u64 {
    let ip = addr_of(world.nodes[node].host).ip();
    let peers = world.nodes[0].run().map(|run| run.engine.peer_status(world.core.now, run.id));
    peers.into_iter().flatten().filter(|peer| peer.addr.ip() == ip).map(|peer| peer.uploaded_bytes).sum()
}

/// Fails unless between 90 % of a limit and the limit with its burst pass in ten seconds.
fn measure(world: &mut World, limit: u64, passed: impl Fn(&World) -> u64) {
    // What the earlier limit admitted is still on its way.
    world.run_for(secs(5));
    let before = passed(world);
    world.run_for(secs(10));
    let bytes = passed(world) - before;
    let most = 10 * limit + (limit / 4).max(17 * KIB) + SLACK;
    // Bytes are counted in blocks.
    let holds = bytes + 32 * KIB >= 9 * limit && bytes <= most;
    must(world, 0, holds, format!("{bytes} bytes passed in 10 s under a limit of {limit} bytes/s"));
}

/// Builds a swarm in which the files of a client move to another disk and back, which may hang.
pub(super) fn moving(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(256 * KIB as u32, 6 * MIB))?;
    populate(&mut world, 1, 1, Line { up: 300 * KIB, down: MIB, ..Line::default() });
    world.nodes[1].disk.speed = world.core.rng.u64(200..800) * KIB;
    for _ in 0..world.core.rng.usize(2..8) {
        let rng = &mut world.core.rng;
        let wait = Duration::from_millis(rng.u64(100..3_000));
        let (lane, hung, time) =
            (rng.usize(0..LANES), rng.usize(0..LANES), Duration::from_millis(rng.u64(0..4_000)));
        world.run_for(wait);
        obey(&mut world, 1, Verb::Move { lane });
        if world.core.rng.bool() {
            world.act(Action::Hang { node: 1, lane: hung, time });
        }
    }
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Fails if a block was fetched twice, or still waits for a disk.
pub(super) fn report_moving(world: &mut World) -> Vec<String> {
    let (bytes, len) = (downloaded(world, 1), world.content.len());
    must(world, 1, bytes == len, format!("fetched {bytes} bytes for a torrent of {len}"));
    let waiting = world.nodes[1].run().map_or(0, |run| run.engine.disk_backlog());
    must(world, 1, waiting == 0, format!("{waiting} bytes wait for a disk"));
    vec![format!("fetched {bytes} bytes, over two disks")]
}

/// Builds a swarm in which a torrent is removed, and added again later.
pub(super) fn removing(rng: Rng) -> anyhow::Result<World> {
    let piece = 64 * KIB;
    let mut world = a_swarm(rng, Shape::plain(piece as u32, 3 * MIB), 3)?;
    let begin = Duration::from_millis(world.core.rng.u64(2_000..30_000));
    world.run_for(begin);
    let deletes = world.core.rng.bool();
    let kept = status(&world, 1).filter(|_| !deletes).map_or(0, |status| status.have_bytes);
    obey(&mut world, 1, Verb::Remove { deletes });
    world.run_for(SOON);
    let left = world.trackers[0].peers();
    must(&mut world, 1, left == 3, format!("{left} clients are at the tracker after a removal"));
    world.run_for(secs(150));
    let traces = world.nodes[1].run().map_or_else(Vec::new, |run| {
        let kept = run.engine.tables().into_iter().filter(|table| table.len > 0);
        let ids = run.engine.torrent_ids().len();
        kept.map(|table| format!("{} {}", table.len, table.name))
            .chain((ids > 0).then(|| "an id".into()))
            .collect()
    });
    must(&mut world, 1, traces.is_empty(), format!("keeps after a removal: {}", traces.join(", ")));
    let others = [2, 3].into_iter().all(|node| world.nodes[node].is_finished());
    must(&mut world, 2, others, "is not finished long after another client has left".into());
    obey(&mut world, 1, Verb::Add);
    world.run_until(secs(300), |world| is_finished(world, 1..2));
    let (bytes, most) = (downloaded(&world, 1), world.content.len() - kept + 2 * SLACK);
    must(&mut world, 1, bytes <= most, format!("fetched {bytes} bytes, and had {kept} when it was removed"));
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Builds a swarm in which the only seed has damaged data, is banned, and is unbanned once the data is repaired.
pub(super) fn lifting_bans(rng: Rng) -> anyhow::Result<World> {
    let mut world = a_swarm(rng, Shape::plain(64 * KIB as u32, MIB), 1)?;
    // The first bytes are on their way, so the check at the start has passed.
    world.run_until(secs(60), |world| downloaded(world, 1) > 0);
    let pieces = world.content.pieces();
    world.act(Action::Damage { node: 0, pieces });
    world.run_until(secs(120), |world| has_bans(world, 1));
    let is_banned = has_bans(&world, 1);
    must(&mut world, 1, is_banned, "bans nobody for damaged pieces".into());
    world.act(Action::Repair { node: 0 });
    world.run_for(secs(30));
    let stuck = downloaded(&world, 1);
    world.run_for(secs(60));
    let moved = downloaded(&world, 1) - stuck;
    must(&mut world, 1, moved == 0, format!("got {moved} bytes from a banned peer"));
    obey(&mut world, 1, Verb::LiftBans);
    let is_banned = has_bans(&world, 1);
    must(&mut world, 1, !is_banned, "keeps a ban that was lifted".into());
    // Each piece in progress may have false blocks, which lead to another ban.
    for n in 1..30 {
        world.plan(secs(10 * n), Action::Verb { node: 1, verb: Verb::LiftBans });
    }
    healed_after(&mut world, secs(300));
    Ok(world)
}

fn has_bans(world: &World, node: usize) -> bool {
    world.nodes[node].run().is_some_and(|run| !run.engine.bans(world.core.now).is_empty())
}

/// Builds a swarm whose clients find nobody until their users act: some add peers, the others announce again.
pub(super) fn finding_by_hand(rng: Rng) -> anyhow::Result<World> {
    let trackers = vec![vec!["http://t0.sim/announce".to_owned()]];
    let mut world = bare(rng, &Shape { trackers, ..Shape::plain(32 * KIB as u32, 512 * KIB) })?;
    world.add_tracker(Line::default(), Manner::Honest, 3600);
    world.act(Action::Tracker { tracker: 0, down_for: secs(40) });
    populate(&mut world, 1, 2, Line::default());
    world.run_for(secs(41));
    let nobody = (0..3).all(|node| payload(&world, node) == (0, 0));
    must(&mut world, 0, nobody, "found a peer without a tracker".into());
    obey(&mut world, 0, Verb::Reannounce);
    world.run_for(secs(1));
    obey(&mut world, 1, Verb::Reannounce);
    obey(&mut world, 2, Verb::AddPeers);
    let begun = world.core.now;
    world.run_until(secs(60), |world| is_finished(world, 1..3));
    let took = world.core.now.since(begun);
    let is_done = is_finished(&world, 1..3);
    must(&mut world, 1, is_done, format!("is not finished {took:?} after the command"));
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}
