#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::super::target::{Origin, Scheme};
use super::*;
use fastrand::Rng;
use proptest::prelude::*;
use ztor_tracker::announcer::Announcer;

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn origin(name: &str) -> Origin {
    Origin { scheme: Scheme::Http, name: name.to_owned(), port: 80 }
}

/// Returns the id of a tracker of some torrent.
fn tracker() -> TrackerId {
    let tiers = vec![vec!["http://t/".to_owned()]];
    Announcer::new(tiers, &mut Rng::with_seed(1)).poll_announce(at(1), true).unwrap()
}

/// Hosts, with the time and counts of what was sent.
struct World {
    hosts: Hosts,
    rng: Rng,
    now: Instant,
    torrents: u64,
    requests: u64,
}

impl World {
    fn new() -> Self {
        Self { hosts: Hosts::new(256), rng: Rng::with_seed(1), now: at(1), torrents: 0, requests: 0 }
    }

    /// Queues announces of new torrents. Returns the number of the last.
    fn queue(&mut self, name: &str, class: Class, count: u64) -> u64 {
        let tracker = tracker();
        for _ in 0..count {
            self.torrents += 1;
            let torrent = TorrentId::from_u64(self.torrents);
            self.hosts.queue(origin(name), class, Ask::Announce { torrent, tracker });
        }
        self.torrents
    }

    fn next(&mut self) -> Option<Next> {
        self.hosts.next(self.now, &mut self.rng)
    }

    /// Sends what may be sent, with every name resolved. Returns the torrents, and the requests by host.
    fn send(&mut self) -> (Vec<u64>, Vec<(HostId, RequestId)>) {
        let (mut torrents, mut requests) = (Vec::new(), Vec::new());
        while let Some(next) = self.next() {
            match next {
                Next::LookUp { host, .. } => self.resolve(host),
                Next::Send { host, ask: Ask::Announce { torrent, .. }, .. } => {
                    self.requests += 1;
                    let request = RequestId(self.requests);
                    self.hosts.sent(self.now, host, request);
                    torrents.push(torrent.as_u64() & u64::from(u32::MAX));
                    requests.push((host, request));
                }
                other => panic!("{other:?}"),
            }
        }
        (torrents, requests)
    }

    fn resolve(&mut self, host: HostId) {
        self.hosts.resolved(self.now, host, Ok(vec![[192, 0, 2, 1].into()]), &mut self.rng);
    }

    fn answer(&mut self, (host, request): (HostId, RequestId)) {
        self.hosts.ended(self.now, host, request, (Outcome::Answered, None), &mut self.rng);
    }

    fn fail(&mut self, (host, request): (HostId, RequestId)) {
        let ended = (Outcome::Unanswered, Some(&TrackerError::Timeout));
        self.hosts.ended(self.now, host, request, ended, &mut self.rng);
    }

    /// Takes the announces that are given up now. Returns the times of their retries.
    fn given_up(&mut self) -> Vec<Instant> {
        let give_up = |next| match next {
            Next::GiveUp { retry_at, .. } => retry_at,
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| self.next()).map(give_up).collect()
    }
}

#[test]
fn window_of_a_responsive_host_grows_up_to_the_bound() {
    let mut world = World::new();
    world.queue("a", Class::Regular, 1000);
    let mut sizes = Vec::new();
    for _ in 0..8 {
        let (_, requests) = world.send();
        sizes.push(requests.len());
        requests.into_iter().for_each(|request| world.answer(request));
    }
    assert_eq!(sizes[..3], [2, 8, MAX_WINDOW]);
    assert!(sizes.iter().all(|size| *size <= MAX_WINDOW));
}

#[test]
fn next_for_many_announces_looks_up_a_name_once() {
    let mut world = World::new();
    world.queue("a", Class::Regular, 1000);
    let Some(Next::LookUp { host, name, .. }) = world.next() else { panic!("it is looked up") };
    assert_eq!(name, "a");
    assert!(world.next().is_none(), "all wait for the lookup");
    world.resolve(host);
    assert!(matches!(world.next(), Some(Next::Send { .. })));
    world.now += NAME_LIFE;
    assert!(matches!(world.next(), Some(Next::LookUp { .. })), "it may have moved");
}

#[test]
fn resolved_without_an_address_gives_up_all_announces() {
    let mut world = World::new();
    world.queue("a", Class::Regular, 10);
    let Some(Next::LookUp { host, .. }) = world.next() else { panic!("it is looked up") };
    world.hosts.resolved(world.now, host, Ok(Vec::new()), &mut world.rng);
    assert_eq!(world.given_up().len(), 10);
}

#[test]
fn timeout_of_a_silent_host_gives_up_all_announces_and_tests_it_with_one() {
    let mut world = World::new();
    world.queue("a", Class::Regular, 100);
    let (_, sent) = world.send();
    assert_eq!(sent.len(), 2, "the host has not responded yet");
    let deadline = world.hosts.poll_timeout().unwrap();
    assert_eq!(deadline, world.now + PATIENCE);
    world.now = deadline;
    world.hosts.handle_timeout(world.now, &mut world.rng);
    let retries = world.given_up();
    assert_eq!(retries.len(), 98);
    sent.into_iter().for_each(|request| world.fail(request));
    world.queue("a", Class::New, 1);
    assert_eq!(world.given_up().len(), 1, "it does not wait");
    let first = *retries.iter().min().unwrap();
    assert!(first >= world.now + Duration::from_secs(17));
    world.now = *retries.iter().max().unwrap();
    world.queue("a", Class::Regular, 100);
    let Some(Next::LookUp { host, .. }) = world.next() else { panic!("it may have moved") };
    world.resolve(host);
    let Some(Next::Send { .. }) = world.next() else { panic!("one tests the host") };
    world.hosts.sent(world.now, host, RequestId(1000));
    assert_eq!(world.given_up().len(), 99, "the others do not wait for the outcome");
    world.answer((host, RequestId(1000)));
    world.queue("a", Class::Regular, 100);
    assert_eq!(world.send().1.len(), 2, "it is back");
}

#[test]
fn failure_of_one_request_at_a_responsive_host_does_not_mark_it_down() {
    let mut world = World::new();
    world.queue("a", Class::Regular, 2);
    let (_, sent) = world.send();
    world.now += Duration::from_secs(1);
    world.answer(sent[0]);
    assert_eq!(world.hosts.poll_timeout(), None);
    world.fail(sent[1]);
    world.queue("a", Class::Regular, 1);
    assert_eq!(world.send().0.len(), 1);
}

#[test]
fn next_takes_new_torrents_first_and_the_newest_of_them() {
    let mut world = World::new();
    world.queue("a", Class::Regular, 10);
    let starving = world.queue("a", Class::Starving, 1);
    world.queue("a", Class::New, 10);
    let newest = world.queue("a", Class::New, 1);
    let (first, sent) = world.send();
    assert_eq!(first, [newest, newest - 1]);
    sent.into_iter().for_each(|request| world.answer(request));
    let rest = world.send().0;
    let position = |number| rest.iter().position(|torrent| *torrent == number).unwrap();
    assert!(position(starving) == 9, "{rest:?}");
}

#[test]
fn unresponsive_hosts_leave_sockets_to_others() {
    let mut world = World::new();
    for n in 0..1000 {
        world.queue(&format!("dead{n}"), Class::Regular, 2);
    }
    let (_, sent) = world.send();
    assert!(sent.len() <= 128, "{}", sent.len());
    world.queue("alive", Class::New, 1);
    let (torrents, requests) = world.send();
    assert_eq!(torrents.len(), 1, "a new torrent has a reserved slot");
    world.answer(requests[0]);
    world.queue("alive", Class::Regular, 20);
    assert_eq!(world.send().0.len(), 4, "a responsive host need not wait for the others");
}

#[test]
fn end_keeps_only_goodbyes_and_raises_their_limit() {
    let mut world = World::new();
    world.queue("a", Class::Regular, 1000);
    for _ in 0..6 {
        let (_, sent) = world.send();
        sent.into_iter().for_each(|request| world.answer(request));
    }
    for number in 0..200 {
        let (torrent, tracker) = (TorrentId::from_u64(number), tracker());
        let request = AnnounceRequest::new([number as u8; 20].into(), [1; 20].into(), 1);
        let goodbye = Announce { torrent, tracker, url: String::new(), request, v2: None };
        world.hosts.queue(origin("a"), Class::Goodbye, Ask::Goodbye(Box::new(goodbye)));
    }
    world.hosts.end();
    assert!(world.hosts.has_goodbyes());
    let (mut sent, mut requests) = (0, Vec::new());
    while let Some(Next::Send { host, ask: Ask::Goodbye(_), .. }) = world.next() {
        requests.push((host, RequestId(10_000 + sent)));
        world.hosts.sent(world.now, host, RequestId(10_000 + sent));
        sent += 1;
    }
    assert_eq!(sent, MAX_GOODBYE_WINDOW as u64, "goodbyes only, and more at a time");
    requests.into_iter().for_each(|request| world.answer(request));
    assert!(matches!(world.next(), Some(Next::Send { ask: Ask::Goodbye(_), .. })));
}

#[test]
fn drop_goodbyes_of_one_torrent_keeps_those_of_others() {
    let mut world = World::new();
    for number in [1, 2] {
        let request = AnnounceRequest::new([number; 20].into(), [1; 20].into(), 1);
        let torrent = TorrentId::from_u64(number.into());
        let goodbye = Announce { torrent, tracker: tracker(), url: String::new(), request, v2: None };
        world.hosts.queue(origin("a"), Class::Goodbye, Ask::Goodbye(Box::new(goodbye)));
    }
    world.hosts.drop_goodbyes(&origin("a"), [1; 20].into());
    assert!(world.hosts.has_goodbyes());
    world.hosts.drop_goodbyes(&origin("a"), [2; 20].into());
    assert!(!world.hosts.has_goodbyes() && world.next().is_none());
}

#[test]
fn start_over_asks_unresponsive_hosts_at_once() {
    let mut world = World::new();
    world.queue("a", Class::Regular, 2);
    let (_, sent) = world.send();
    sent.into_iter().for_each(|request| world.fail(request));
    world.queue("a", Class::Regular, 1);
    assert_eq!(world.given_up().len(), 1);
    world.hosts.start_over(world.now);
    world.queue("a", Class::Regular, 1);
    assert!(matches!(world.next(), Some(Next::LookUp { .. })), "names may resolve differently");
}

proptest! {
    /// Random operations exceed no bound and lose nothing, and the counts are those of the hosts.
    #[test]
    fn hosts_after_any_operations_keep_bounds_and_lose_no_announce(
        steps in prop::collection::vec((0..6_u8, 0..8_usize, 1..40_u64, 0..20_u64), 1..150),
    ) {
        let mut world = World::new();
        world.hosts = Hosts::new(32);
        let (mut under_way, mut done) = (Vec::new(), 0);
        for (what, host, count, wait) in steps {
            world.now += Duration::from_secs(wait);
            match what {
                0 | 1 => {
                    let class = [Class::New, Class::Starving, Class::Regular][host % 3];
                    _ = world.queue(&format!("h{host}"), class, count);
                }
                2 | 3 => for request in under_way.drain(..(count as usize).min(under_way.len())) {
                    done += 1;
                    world.answer(request);
                },
                4 => for request in under_way.drain(..(count as usize).min(under_way.len())) {
                    done += 1;
                    world.fail(request);
                },
                _ => _ = world.hosts.handle_timeout(world.now, &mut world.rng),
            }
            while let Some(next) = world.next() {
                match next {
                    Next::LookUp { host, .. } => world.resolve(host),
                    Next::Send { host, .. } => {
                        world.requests += 1;
                        world.hosts.sent(world.now, host, RequestId(world.requests));
                        under_way.push((host, RequestId(world.requests)));
                    }
                    Next::GiveUp { retry_at, .. } => {
                        prop_assert!(retry_at > world.now);
                        done += 1;
                    }
                }
            }
            let open = world.hosts.hosts.values().map(|host| host.open.len()).sum::<usize>();
            let waiting = world.hosts.hosts.values().map(|host| host.waiting.len()).sum::<usize>();
            prop_assert_eq!(open, under_way.len());
            prop_assert_eq!(open, world.hosts.proven + world.hosts.unproven);
            prop_assert!(open <= 32);
            prop_assert_eq!(world.torrents, (waiting + open) as u64 + done);
        }
    }
}
