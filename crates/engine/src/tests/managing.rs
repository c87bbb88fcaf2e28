//! Commands of the user to single torrents.

use super::*;

/// Two peers in the middle of a transfer, of which the second has about five pieces of twenty.
fn transferring() -> (World, Vec<u8>, usize) {
    let (mut world, data) = World::new(20 * 65536, 65536);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(300_000));
    let leech = world.add(None, &[seed], |_| {});
    world.run(LIMIT, |w| w.nodes[leech].status().have_pieces >= 5);
    (world, data, leech)
}

fn command(world: &mut World, node: usize, command: impl FnOnce(TorrentId) -> Command) {
    let id = world.nodes[node].id;
    world.handle(node, Event::Command(command(id)));
}

#[test]
fn pause_closes_all_connections_and_resume_completes_without_a_block_twice() {
    let (mut world, data, leech) = transferring();
    command(&mut world, leech, Command::Pause);
    world.run(LIMIT, |w| w.nodes[leech].links.is_empty());
    let before = world.nodes[leech].status();
    assert_eq!(before.state, TorrentState::Paused);
    world.wait(Duration::from_secs(120));
    let after = world.nodes[leech].status();
    assert!(world.nodes[leech].links.is_empty(), "no calls, and no callers");
    assert_eq!(
        (after.state, after.session_downloaded_bytes),
        (TorrentState::Paused, before.session_downloaded_bytes)
    );
    command(&mut world, leech, Command::Resume);
    // Its peers are called at once: they did not leave.
    world.run(Duration::from_secs(2), |w| !w.nodes[leech].links.is_empty());
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk.data(), data);
    let status = world.nodes[leech].status();
    // What was on its way when the connection was closed is fetched again.
    assert!(status.session_downloaded_bytes < data.len() as u64 + 300_000, "{status:?}");
}

#[test]
fn pause_and_resume_that_change_nothing_have_no_effect() {
    let (mut world, data, leech) = transferring();
    let links = world.nodes[leech].links.len();
    command(&mut world, leech, Command::Resume);
    assert_eq!(world.nodes[leech].links.len(), links);
    command(&mut world, leech, Command::Pause);
    command(&mut world, leech, Command::Pause);
    command(&mut world, leech, Command::Resume);
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk.data(), data);
}

#[test]
fn pause_of_a_seed_refuses_callers_until_it_is_resumed() {
    let (mut world, data) = World::new(4 * 65536, 65536);
    let seed = world.add(Some(&data), &[], |_| {});
    command(&mut world, seed, Command::Pause);
    let leech = world.add(None, &[seed], |_| {});
    world.wait(Duration::from_secs(60));
    assert_eq!(world.nodes[leech].status().session_downloaded_bytes, 0);
    command(&mut world, seed, Command::Resume);
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[seed].status().state, TorrentState::Seeding);
}

#[test]
fn pause_tells_trackers_and_resume_starts_again() {
    let config = Config::new(PeerId::from_random([1; 12]), 6881);
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    let blueprint = Blueprint { trackers: &["http://192.0.2.1/announce"], ..Blueprint::new("data", 65536) };
    let id = rig.engine.add(rig.now, &AddTorrent::new(blueprint.made_up(65536))).unwrap();
    rig.handle(Event::Disk { torrent: id, event: DiskEvent::Checked { have: Bitfield::new(1) } });
    let asks = |rig: &mut Rig, event: &str| {
        rig.settle();
        let asked = rig.out.https.pop().unwrap_or_else(|| panic!("no announce with {event}"));
        assert!(asked.url.contains(event), "{}", asked.url);
        let body = b"d8:intervali1800e5:peers0:e".to_vec();
        rig.handle(Event::Http { id: asked.id, from: None, result: Ok((200, body)) });
    };
    asks(&mut rig, "event=started");
    rig.handle(Event::Command(Command::Pause(id)));
    asks(&mut rig, "event=stopped");
    rig.now += Duration::from_secs(7200);
    rig.settle();
    assert!(rig.out.https.is_empty(), "a paused torrent is not announced");
    rig.handle(Event::Command(Command::Resume(id)));
    asks(&mut rig, "event=started");
    // The interval holds, the minimum interval of a minute too.
    rig.now += Duration::from_secs(30);
    rig.handle(Event::Command(Command::Reannounce(id)));
    rig.settle();
    assert!(rig.out.https.is_empty());
}

#[test]
fn reannounce_after_the_minimum_interval_asks_the_tracker() {
    let config = Config::new(PeerId::from_random([1; 12]), 6881);
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    let blueprint = Blueprint { trackers: &["http://192.0.2.1/announce"], ..Blueprint::new("data", 65536) };
    let id = rig.engine.add(rig.now, &AddTorrent::new(blueprint.made_up(65536))).unwrap();
    rig.handle(Event::Disk { torrent: id, event: DiskEvent::Checked { have: Bitfield::full(1) } });
    rig.settle();
    let asked = rig.out.https.pop().unwrap();
    let body = b"d8:intervali1800e12:min intervali300e5:peers0:e".to_vec();
    rig.handle(Event::Http { id: asked.id, from: None, result: Ok((200, body)) });
    for (after_s, is_asked) in [(200, false), (110, true)] {
        rig.now += Duration::from_secs(after_s);
        rig.handle(Event::Command(Command::Reannounce(id)));
        rig.settle();
        assert_eq!(!rig.out.https.is_empty(), is_asked, "{after_s} s later");
    }
}

#[test]
fn torrent_that_begins_paused_is_checked_and_waits() {
    let (mut world, data) = World::new(4 * 65536, 65536);
    let seed = world.add(Some(&data), &[], |_| {});
    let config = Config::new(PeerId::from_random([1; 12]), 6881);
    let mut rig = Rig::new(world.now, config, 1);
    let add = AddTorrent {
        paused: true,
        peers: vec![addr(seed as u8)],
        ..AddTorrent::new(Arc::clone(&world.meta))
    };
    let id = rig.engine.add(rig.now, &add).unwrap();
    rig.settle();
    assert!(matches!(rig.engine.state(id), Some(TorrentState::Checking { .. })));
    rig.handle(Event::Disk { torrent: id, event: DiskEvent::Checked { have: Bitfield::new(4) } });
    rig.settle();
    assert_eq!(rig.engine.state(id), Some(TorrentState::Paused));
    assert!(rig.out.connects.is_empty());
    rig.handle(Event::Command(Command::Resume(id)));
    rig.settle();
    assert_eq!(rig.engine.state(id), Some(TorrentState::Downloading));
    assert_eq!(rig.out.connects.len(), 1);
}

#[test]
fn recheck_of_a_download_goes_on_with_what_is_there() {
    let (mut world, data, leech) = transferring();
    let checks =
        world.nodes[leech].events.iter().filter(|e| matches!(e, TorrentEvent::Started { .. })).count();
    command(&mut world, leech, Command::Recheck);
    let is_again = |e: &&TorrentEvent| matches!(e, TorrentEvent::Started { .. });
    world.run(LIMIT, |w| w.nodes[leech].events.iter().filter(is_again).count() == checks + 1);
    assert!(world.nodes[leech].status().have_pieces >= 5);
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk.data(), data);
}

#[test]
fn recheck_that_finds_damage_fetches_it_again() {
    let (mut world, data) = World::new(8 * 65536, 65536);
    let seed = world.add(Some(&data), &[], |_| {});
    let leech = world.add(None, &[seed], |_| {});
    world.run(LIMIT, |w| w.finished(leech));
    world.nodes[leech].disk.damage(3);
    command(&mut world, leech, Command::Recheck);
    world.run(LIMIT, |w| w.nodes[leech].status().state == TorrentState::Downloading);
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk.data(), data);
}

#[test]
fn set_trackers_says_goodbye_to_one_that_is_gone_and_asks_the_new_one() {
    let config = Config::new(PeerId::from_random([1; 12]), 6881);
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    let blueprint = Blueprint { trackers: &["http://192.0.2.1/announce"], ..Blueprint::new("data", 65536) };
    let id = rig.engine.add(rig.now, &AddTorrent::new(blueprint.made_up(65536))).unwrap();
    rig.handle(Event::Disk { torrent: id, event: DiskEvent::Checked { have: Bitfield::new(1) } });
    rig.settle();
    let first = rig.out.https.pop().unwrap();
    // It is edited while the first announce is under way.
    let tiers = vec![vec!["http://192.0.2.2/announce".to_owned()]];
    rig.handle(Event::Command(Command::SetTrackers { torrent: id, tiers }));
    rig.settle();
    let mut asked: Vec<_> = rig.out.https.iter().map(|get| get.url.clone()).collect();
    asked.sort_unstable();
    assert!(asked[0].contains("192.0.2.1") && asked[0].contains("event=stopped"), "{asked:?}");
    assert!(asked[1].contains("192.0.2.2") && asked[1].contains("event=started"), "{asked:?}");
    assert_eq!(asked.len(), 2);
    // The late answer of the old tracker counts for nobody.
    let body = b"d8:intervali1800e5:peers6:\xc0\x00\x02\x63\x1a\xe1e".to_vec();
    rig.handle(Event::Http { id: first.id, from: None, result: Ok((200, body)) });
    rig.settle();
    let status = rig.engine.status(rig.now).pop().unwrap();
    assert_eq!(
        status.trackers.iter().map(|t| t.url.as_str()).collect::<Vec<_>>(),
        ["http://192.0.2.2/announce"]
    );
    assert_eq!(status.trackers[0].state, TrackerState::Announcing);
}

fn priorities(skipped: impl Fn(u32) -> bool) -> Box<[Priority]> {
    (0..20).map(|piece| if skipped(piece) { Priority::Skip } else { Priority::Normal }).collect()
}

#[test]
fn set_priorities_of_a_download_fetches_what_is_wanted_and_no_more() {
    let (mut world, data, leech) = transferring();
    let id = world.nodes[leech].id;
    let before = world.nodes[leech].status();
    command(&mut world, leech, |torrent| Command::SetPriorities {
        torrent,
        priorities: priorities(|p| p >= 10),
    });
    let finished = TorrentEvent::Finished { torrent: id };
    world.run(LIMIT, |w| w.nodes[leech].events.contains(&finished));
    let half = world.nodes[leech].status();
    assert_eq!((half.left_bytes, half.state), (0, TorrentState::Seeding));
    assert!((0..10).all(|piece| world.nodes[leech].rig.engine.have(id).unwrap().contains(piece)));
    // Those in progress or verified when they were dropped may be there as well.
    let extra = world.nodes[leech].rig.engine.have(id).unwrap().iter().filter(|piece| *piece >= 10).count();
    assert!(extra <= before.have_pieces as usize + before.partial_pieces as usize + 1, "{extra}");
    assert_eq!(world.nodes[leech].events.iter().filter(|e| **e == finished).count(), 1);
    // The rest is wanted after all, although nobody is connected any more.
    world.wait(Duration::from_secs(60));
    command(&mut world, leech, |torrent| Command::SetPriorities {
        torrent,
        priorities: priorities(|_| false),
    });
    assert_eq!(world.nodes[leech].status().state, TorrentState::Downloading);
    world.run(LIMIT, |w| w.nodes[leech].events.iter().filter(|e| **e == finished).count() == 2);
    assert_eq!(world.nodes[leech].disk.data(), data);
}

#[test]
fn set_priorities_that_skips_all_that_is_missing_finishes_at_once() {
    let (mut world, _, leech) = transferring();
    let id = world.nodes[leech].id;
    let have = world.nodes[leech].rig.engine.have(id).unwrap().clone();
    command(&mut world, leech, |torrent| Command::SetPriorities {
        torrent,
        priorities: priorities(|piece| !have.contains(piece)),
    });
    world.turn();
    assert!(world.nodes[leech].events.contains(&TorrentEvent::Finished { torrent: id }));
    assert_eq!(world.nodes[leech].status().left_bytes, 0);
}

#[test]
fn set_priorities_of_a_paused_download_that_skips_all_that_is_missing_reports_the_end() {
    let (mut world, _, leech) = transferring();
    let id = world.nodes[leech].id;
    let have = world.nodes[leech].rig.engine.have(id).unwrap().clone();
    command(&mut world, leech, Command::Pause);
    world.turn();
    command(&mut world, leech, |torrent| Command::SetPriorities {
        torrent,
        priorities: priorities(|piece| !have.contains(piece)),
    });
    world.turn();
    assert_eq!(world.nodes[leech].status().state, TorrentState::Paused);
    assert!(world.nodes[leech].events.contains(&TorrentEvent::Finished { torrent: id }));
}

#[test]
fn set_priorities_with_the_wrong_number_of_pieces_changes_nothing() {
    let (mut world, data, leech) = transferring();
    command(&mut world, leech, |torrent| Command::SetPriorities {
        torrent,
        priorities: vec![Priority::Skip; 19].into(),
    });
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk.data(), data);
}

#[test]
fn set_sequential_fetches_the_rest_in_order() {
    let (mut world, data, leech) = transferring();
    let id = world.nodes[leech].id;
    let (before, in_progress) =
        (world.nodes[leech].rig.engine.have(id).unwrap().clone(), world.nodes[leech].status().partial_pieces);
    command(&mut world, leech, |torrent| Command::SetSequential { torrent, sequential: true });
    world.run(LIMIT, |w| w.nodes[leech].status().have_pieces >= 14);
    let after = world.nodes[leech].rig.engine.have(id).unwrap();
    let new: Vec<u32> = after.iter().filter(|piece| !before.contains(*piece)).collect();
    let in_order: Vec<u32> = (0..20).filter(|piece| !before.contains(*piece)).take(new.len()).collect();
    let out_of_order = new.iter().filter(|piece| !in_order.contains(piece)).count();
    // Those that were in progress are completed first.
    assert!(out_of_order <= in_progress as usize, "{new:?}, {in_progress} in progress");
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk.data(), data);
}

#[test]
fn set_ends_first_fetches_the_first_and_last_piece_next() {
    for sequential in [false, true] {
        let (mut world, data) = World::new(40 * 65536, 65536);
        let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(300_000));
        let leech = world.add(None, &[seed], |_| {});
        let id = world.nodes[leech].id;
        command(&mut world, leech, |torrent| Command::SetSequential { torrent, sequential });
        command(&mut world, leech, |torrent| Command::SetEndsFirst { torrent, ends_first: true });
        world.run(LIMIT, |w| w.nodes[leech].status().have_pieces >= 4);
        let have = world.nodes[leech].rig.engine.have(id).unwrap();
        let first: Vec<u32> = have.iter().collect();
        assert!(have.contains(0) && have.contains(39), "{first:?}");
        assert!(!sequential || have.contains(1), "{first:?}");
        world.run(LIMIT, |w| w.finished(leech));
        assert_eq!(world.nodes[leech].disk.data(), data);
    }
}

#[test]
fn piece_map_of_a_transfer_has_the_pieces_of_both_sides() {
    let (mut world, _, leech) = transferring();
    let seed = 0;
    let (id, seed_id) = (world.nodes[leech].id, world.nodes[seed].id);
    let map = world.nodes[leech].rig.engine.piece_map(id).unwrap();
    let status = world.nodes[leech].status();
    assert_eq!((map.have.len(), map.have.count()), (20, status.have_pieces));
    assert_eq!(map.partial.len(), status.partial_pieces as usize);
    assert!(!map.partial.is_empty());
    for part in &map.partial {
        assert!(!map.have.contains(part.piece));
        assert_eq!(part.blocks, 4);
        assert!(part.received + part.requested <= part.blocks, "{part:?}");
    }
    assert!(map.partial.iter().any(|part| part.requested > 0), "{:?}", map.partial);
    assert_eq!((map.seeds, map.availability()), (1, vec![1; 20]));

    let map = world.nodes[seed].rig.engine.piece_map(seed_id).unwrap();
    assert!(map.have.is_full() && map.partial.is_empty() && map.seeds == 0);

    // The pieces of a second leech count beside those of the seed.
    let other = world.add(None, &[leech], |_| {});
    let other_id = world.nodes[other].id;
    world.run(LIMIT, |w| w.nodes[other].status().have_pieces >= 3);
    let availability = world.nodes[leech].rig.engine.piece_map(id).unwrap().availability();
    assert!(availability.iter().all(|count| (1..=2).contains(count)), "{availability:?}");
    let map = world.nodes[other].rig.engine.piece_map(other_id).unwrap();
    let have = world.nodes[leech].rig.engine.have(id).unwrap();
    let at_leech: Vec<u32> = (0..20).filter(|piece| map.availability()[*piece as usize] == 1).collect();
    assert!(!at_leech.is_empty() && at_leech.iter().all(|piece| have.contains(*piece)), "{at_leech:?}");

    command(&mut world, leech, Command::Remove);
    world.turn();
    assert!(world.nodes[leech].rig.engine.piece_map(id).is_none());
}

#[test]
fn peer_status_of_both_sides_has_the_source_and_the_state_of_the_trade() {
    let (world, _, leech) = transferring();
    let of = |node: usize| {
        let node = &world.nodes[node];
        let mut status = node.rig.engine.peer_status(node.rig.now, node.id);
        assert_eq!(status.len(), 1);
        status.remove(0)
    };
    let (at_seed, at_leech) = (of(0), of(leech));
    assert_eq!((at_leech.direction, at_leech.sources), (Direction::Outgoing, vec![PeerSource::User]));
    assert_eq!((at_seed.direction, at_seed.sources), (Direction::Incoming, vec![PeerSource::Incoming]));
    assert!(at_leech.we_are_interested && !at_leech.is_interested && !at_leech.chokes_us);
    assert!(at_seed.is_interested && !at_seed.we_are_interested && !at_seed.we_choke);
    assert!(at_leech.requests > 0 && at_leech.peer_requests == 0 && !at_leech.is_snubbed);
    assert!(at_seed.peer_requests > 0 && at_seed.requests == 0);
    assert!(at_seed.connected_for > Duration::ZERO && at_leech.connected_for > Duration::ZERO);
}

#[test]
fn writes_of_a_torrent_that_moves_in_the_same_turn_name_the_disk_they_are_counted_for() {
    let (mut world, _, leech) = transferring();
    let id = world.nodes[leech].id;
    let [before, after] = [0, 1].map(|number| DiskId::new(number).unwrap());
    let node = &mut world.nodes[leech];
    let view = node.rig.engine.inspect(id).unwrap();
    let (peer, block) = view.peers.iter().find_map(|peer| Some((peer.key, peer.asked.first()?.0))).unwrap();
    let data = vec![0; block.len as usize].into();
    let mut bytes =
        BytesMut::from(&encode(&[Message::Piece { piece: block.piece, begin: block.begin, data }])[..]);
    node.rig.handle(Event::Received { peer, data: &mut bytes });
    node.rig.engine.set_disk(id, after);
    let counted = node.rig.engine.backlog_of(before);
    assert_eq!((counted, node.rig.engine.backlog_of(after)), (u64::from(block.len), 0));
    node.rig.settle();
    let write = node.rig.out.writes.pop().unwrap();
    assert_eq!(write.disk, before);
    let event = DiskEvent::Written { disk: write.disk, bytes: block.len };
    node.rig.handle(Event::Disk { torrent: id, event });
    assert_eq!(node.rig.engine.disk_backlog(), 0);
}

#[test]
fn lowered_limit_cancels_requests_beyond_one_second_and_a_raised_one_none() {
    let mut scripted = Scripted::new(false, Reserved::NONE.with_fast());
    let mut said = scripted.say(&Message::HaveAll);
    said.extend(scripted.say(&Message::Unchoke));
    let requests = |said: &[Message]| said.iter().filter(|m| matches!(m, Message::Request(_))).count();
    let cancels = |said: &[Message]| said.iter().filter(|m| matches!(m, Message::Cancel(_))).count();
    let asked = requests(&said);
    assert!(asked > 3, "{asked} requests");
    let limit = |scripted: &mut Scripted, down: Option<u64>| {
        scripted.rig.handle(Event::Command(Command::SetLimits { down, up: None }));
        cancels(&scripted.settle())
    };
    assert_eq!(limit(&mut scripted, Some(1 << 30)), 0, "all fit into it");
    assert_eq!(limit(&mut scripted, Some(2 * 16_384)), asked - 2);
    assert_eq!(limit(&mut scripted, Some(1 << 20)), 0, "raised");
    let group = LimitGroup(7);
    let limits = GroupLimits { parent: None, down: Some(16_384), up: None };
    scripted.rig.handle(Event::Command(Command::SetGroupLimits { group, limits }));
    let torrent = scripted.id;
    scripted.settle();
    let has_two = scripted.rig.engine.inspect(torrent).unwrap().peers[0].outstanding;
    assert!(has_two >= 2);
    scripted.rig.handle(Event::Command(Command::SetTorrentGroup { torrent, group: Some(group) }));
    assert_eq!(cancels(&scripted.settle()), has_two - 1, "it has joined a group with a limit");
}
