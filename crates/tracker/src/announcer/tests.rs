#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use AnnounceEvent::{Completed, None as Regular, Started, Stopped};

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn announcer(tiers: &[&[&str]]) -> Announcer {
    let url = |name: &&str| format!("http://{name}.example/announce");
    let tiers = tiers.iter().map(|tier| tier.iter().map(url).collect()).collect();
    let mut announcer = Announcer::new(tiers, &mut fastrand::Rng::with_seed(1));
    announcer.spread_permille = 0;
    announcer
}

fn reply(interval_s: u32, min_interval_s: Option<u32>) -> AnnounceReply {
    AnnounceReply { interval_s, min_interval_s, ..AnnounceReply::default() }
}

/// Polls once. Returns the id of the tracker, the first label of its host, and the event.
fn poll(announcer: &mut Announcer, now: Instant, wants: bool) -> Option<(TrackerId, String, AnnounceEvent)> {
    let id = announcer.poll_announce(now, wants)?;
    let due = announcer.begin(now, id).unwrap();
    let host = due.url.trim_start_matches("http://").split('.').next().unwrap().to_owned();
    Some((due.tracker, host, due.event))
}

#[test]
fn started_is_repeated_until_it_succeeds() {
    let mut a = announcer(&[&["a"]]);
    let (id, _, event) = poll(&mut a, at(0), true).unwrap();
    assert_eq!(event, Started);
    assert_eq!(poll(&mut a, at(0), true), None);
    a.on_error(at(1), id, &TrackerError::Timeout);
    assert_eq!(poll(&mut a, at(18), true), None);
    assert_eq!(a.poll_timeout(), Some(Instant::ZERO + Duration::from_millis(18_500)));
    assert_eq!(poll(&mut a, at(19), true).unwrap().2, Started);
    a.on_reply(at(20), id, &reply(1800, None));
    assert_eq!(poll(&mut a, at(1819), true), None);
    assert_eq!(a.poll_timeout(), Some(at(1820)));
    assert_eq!(poll(&mut a, at(1820), false).unwrap().2, Regular);
}

#[test]
fn poll_announce_with_peers_wanted_waits_for_the_minimum_interval() {
    let mut a = announcer(&[&["a"]]);
    let (id, ..) = poll(&mut a, at(0), true).unwrap();
    a.on_reply(at(0), id, &reply(1800, Some(300)));
    assert_eq!(a.status().next().unwrap().allowed_at, Some(at(300)));
    assert_eq!(poll(&mut a, at(299), true), None);
    assert_eq!(a.poll_timeout(), Some(at(300)));
    assert_eq!(poll(&mut a, at(400), false), None);
    assert_eq!(a.poll_timeout(), Some(at(1800)));
    assert!(poll(&mut a, at(400), true).is_some());
}

#[test]
fn failed_tracker_is_followed_by_the_next_at_once_and_a_working_one_moves_to_the_front() {
    let mut a = announcer(&[&["a", "b", "c"], &["z"]]);
    let order: Vec<_> = a.status().map(|s| s.id).collect();
    for id in &order[..2] {
        assert_eq!(poll(&mut a, at(0), false).unwrap().0, *id);
        a.on_error(at(0), *id, &TrackerError::Timeout);
        assert_eq!(a.poll_timeout(), Some(at(0)));
    }
    assert_eq!(poll(&mut a, at(0), false).unwrap().0, order[2]);
    a.on_reply(at(0), order[2], &reply(60, None));
    assert_eq!(poll(&mut a, at(0), false), None);
    let now: Vec<_> = a.status().map(|s| s.id).collect();
    assert_eq!(now, [order[2], order[0], order[1], order[3]]);
    assert_eq!(poll(&mut a, at(60), false).unwrap().0, order[2]);
    a.on_error(at(60), order[2], &TrackerError::Timeout);
    assert_eq!(poll(&mut a, at(60), false).unwrap().0, order[0]);
    a.on_error(at(60), order[0], &TrackerError::Timeout);
    assert_eq!(poll(&mut a, at(60), false).unwrap().0, order[1]);
    a.on_error(at(60), order[1], &TrackerError::Timeout);
    assert_eq!(poll(&mut a, at(60), false).unwrap().1, "z");
}

#[test]
fn silent_tracker_does_not_hold_up_the_others() {
    let mut a = announcer(&[&["a"], &["b"]]);
    let (first, ..) = poll(&mut a, at(0), true).unwrap();
    assert_eq!(poll(&mut a, at(9), true), None);
    assert_eq!(a.poll_timeout(), Some(at(10)));
    let (second, host, _) = poll(&mut a, at(10), true).unwrap();
    assert_eq!(host, "b");
    a.on_reply(at(11), second, &reply(1800, None));
    assert_eq!(poll(&mut a, at(11), true), None);
    a.on_reply(at(12), first, &reply(1800, None));
    assert_eq!(poll(&mut a, at(12), true), None);
    assert!(a.status().all(|s| s.state == TrackerState::Working));
}

#[test]
fn other_tiers_are_asked_only_while_peers_are_wanted() {
    let mut a = announcer(&[&["a"], &["b"]]);
    let (id, ..) = poll(&mut a, at(0), true).unwrap();
    a.on_reply(at(1), id, &reply(1800, None));
    assert_eq!(poll(&mut a, at(1), false), None);
    assert_eq!(poll(&mut a, at(1), true).unwrap().1, "b");
}

#[test]
fn completed_is_announced_once_to_trackers_that_know_us() {
    let mut a = announcer(&[&["a"], &["b"], &["c"]]);
    let (first, ..) = poll(&mut a, at(0), true).unwrap();
    a.on_reply(at(0), first, &reply(1800, None));
    let (second, ..) = poll(&mut a, at(0), true).unwrap();
    a.completed();
    assert_eq!(poll(&mut a, at(1), false).unwrap(), (first, "a".into(), Completed));
    a.on_reply(at(1), first, &reply(1800, None));
    // Its `started` was under way: `completed` follows the answer.
    assert_eq!(poll(&mut a, at(1), false), None);
    a.on_reply(at(2), second, &reply(1800, None));
    assert_eq!(poll(&mut a, at(2), false).unwrap().2, Completed);
    a.on_reply(at(2), second, &reply(1800, None));
    assert_eq!(poll(&mut a, at(3), true).unwrap(), (TrackerId(2), "c".into(), Started));
    assert_eq!(poll(&mut a, at(1802), false).unwrap().2, Regular);
}

#[test]
fn completed_that_failed_is_repeated() {
    let mut a = announcer(&[&["a"]]);
    let (id, ..) = poll(&mut a, at(0), true).unwrap();
    a.on_reply(at(0), id, &reply(1800, None));
    a.completed();
    assert_eq!(poll(&mut a, at(1), false).unwrap().2, Completed);
    a.on_error(at(1), id, &TrackerError::Timeout);
    assert_eq!(poll(&mut a, at(30), false).unwrap().2, Completed);
}

#[test]
fn stop_announces_to_trackers_that_know_us_and_restart_starts_again() {
    let mut a = announcer(&[&["a"], &["b"], &["c"]]);
    let (first, ..) = poll(&mut a, at(0), true).unwrap();
    let answer = AnnounceReply { tracker_id: Some(b"id".to_vec()), ..reply(1800, None) };
    a.on_reply(at(0), first, &answer);
    let (second, ..) = poll(&mut a, at(0), true).unwrap();
    let farewells = a.stop();
    assert_eq!(farewells.iter().map(|due| due.tracker).collect::<Vec<_>>(), [first, second]);
    assert!(farewells.iter().all(|due| due.event == Stopped));
    assert_eq!(farewells[0].tracker_id.as_deref(), Some(&b"id"[..]));
    assert_eq!((poll(&mut a, at(5000), true), a.poll_timeout()), (None, None));
    a.on_reply(at(1), second, &reply(1800, None));
    assert_eq!(a.stop(), []);
    a.restart();
    assert_eq!(poll(&mut a, at(5000), true).unwrap().2, Started);
}

#[test]
fn refusal_with_a_retry_time_is_respected() {
    let mut a = announcer(&[&["a"], &["b"]]);
    let refuse = |retry| TrackerError::Failure { reason: "no".into(), retry };
    let (first, ..) = poll(&mut a, at(0), true).unwrap();
    a.on_error(at(0), first, &refuse(Retry::Never));
    let (second, ..) = poll(&mut a, at(0), true).unwrap();
    a.on_error(at(0), second, &refuse(Retry::After(600)));
    assert_eq!(poll(&mut a, at(599), true), None);
    assert_eq!(poll(&mut a, at(600), true).unwrap().0, second);
    let status = a.status().next().unwrap();
    assert_eq!(
        (status.state, status.issue.as_ref().map(ToString::to_string).as_deref()),
        (TrackerState::GaveUp, Some("the tracker says: no"))
    );
}

#[test]
fn unusable_trackers_are_shown_and_skipped() {
    let tiers = [["wss://t.example/", "wss://t.example/"], ["http://t.example/announce", "rubbish"]];
    let mut a = Announcer::new(
        tiers.iter().map(|t| t.iter().map(ToString::to_string).collect()).collect(),
        &mut fastrand::Rng::with_seed(1),
    );
    let id = a.poll_announce(at(0), true).unwrap();
    assert_eq!(a.begin(at(0), id).unwrap().url, "http://t.example/announce");
    let messages: Vec<_> = a.status().filter_map(|s| s.issue.as_ref().map(ToString::to_string)).collect();
    assert_eq!(messages.len(), 2);
    assert!(messages.contains(&"wss trackers are not supported".to_owned()), "{messages:?}");
    assert_eq!(a.add("http://t.example/announce", 0), None);
    let added = a.add("udp://t.example:1", 9).unwrap();
    assert_eq!(a.status().last().map(|s| (s.id, s.tier)), Some((added, 2)));
}

#[test]
fn passkey_in_a_network_error_is_not_shown() {
    let mut a = announcer(&[&["a"]]);
    let (id, ..) = poll(&mut a, at(0), true).unwrap();
    let error =
        TrackerError::Network("no route (https://t.example/0123456789abcdef/announce?info_hash=1)".into());
    a.on_error(at(0), id, &error);
    let message = a.status().next().unwrap().issue.as_ref().unwrap().to_string();
    assert_eq!(message, "no route (https://t.example/…/announce?…)");
}

#[test]
fn trackers_at_one_host_beyond_four_are_left_out() {
    let urls = |n: usize| (0..n).map(|n| format!("http://{}t.example:{}/announce", ["", "u@"][n % 2], n + 1));
    let mut tiers: Vec<Vec<String>> = urls(500).map(|url| vec![url]).collect();
    tiers.push(vec!["udp://T.example.:80".into(), "udp://other.example:80".into(), "rubbish".into()]);
    let mut a = Announcer::new(tiers, &mut fastrand::Rng::with_seed(1));
    a.set_all(true);
    assert_eq!(a.status().count(), MAX_PER_HOST + 2);
    assert_eq!(a.tiers().len(), MAX_PER_HOST + 1, "an empty tier");
    assert_eq!(std::iter::from_fn(|| a.poll_announce(at(0), true)).count(), MAX_PER_HOST + 1);
    assert_eq!(a.add("https://t.example/announce", 0), None);
    let slash_64 = (0..9).filter(|n| a.add(&format!("udp://[2001:db8::{n}]:80"), 0).is_some());
    assert_eq!(slash_64.count(), MAX_PER_HOST);
    assert!(a.add("udp://[2001:db8:0:1::1]:80", 0).is_some());
}

#[test]
fn interval_of_zero_is_raised_to_the_minimum() {
    for (url, least) in [
        ("http://t.example/announce", 60),
        ("udp://8.8.8.8:80", 60),
        ("http://localhost/announce", 5),
        ("udp://127.0.0.1:80", 5),
        ("http://192.168.1.1/announce", 5),
    ] {
        for wants_peers in [false, true] {
            let mut a = Announcer::new(vec![vec![url.to_owned()]], &mut fastrand::Rng::with_seed(1));
            a.spread_permille = 0;
            let id = a.poll_announce(at(0), wants_peers).unwrap();
            a.begin(at(0), id).unwrap();
            a.on_reply(at(0), id, &reply(0, Some(0)));
            assert_eq!(a.poll_announce(at(least - 1), wants_peers), None, "{url}");
            assert!(a.poll_announce(at(least), wants_peers).is_some(), "{url}");
        }
    }
}

/// Trackers often repeat an unknown passkey.
#[test]
fn passkey_repeated_by_a_tracker_is_not_shown() {
    let url = "https://t.example/0123abcdef/announce?passkey=fedcba3210".to_owned();
    let mut a = Announcer::new(vec![vec![url]], &mut fastrand::Rng::with_seed(1));
    let id = a.poll_announce(at(0), true).unwrap();
    a.begin(at(0), id).unwrap();
    let reason = "passkey fedcba3210 is unknown".to_owned();
    a.on_error(at(0), id, &TrackerError::Failure { reason, retry: Retry::Unsaid });
    let message = |a: &Announcer| a.status().next().unwrap().issue.as_ref().unwrap().to_string();
    assert_eq!(message(&a), "the tracker says: passkey … is unknown");
    assert!(a.poll_announce(at(1000), true).is_some());
    a.on_error(at(1000), id, &TrackerError::HttpStatus { status: 404, body: "no 0123ABCDEF".into() });
    assert_eq!(message(&a), "HTTP status 404: no …");
    assert!(poll(&mut a, at(2000), true).is_some());
    let warning = Some("0123abcdef is old".to_owned());
    a.on_reply(at(2000), id, &AnnounceReply { warning, ..reply(1800, None) });
    assert_eq!(message(&a), "… is old");
}

proptest! {
    /// Checks for one announce at a time each, no event out of place, no announce before its time, and no turn without
    /// end.
    #[test]
    fn announces_after_any_answers_keep_the_rules(
        sizes in proptest::collection::vec(1..4_usize, 1..4),
        steps in proptest::collection::vec((0..40_u64, 0..10_u8, any::<bool>()), 1..120),
    ) {
        let tiers = sizes.iter().enumerate()
            .map(|(tier, n)| (0..*n).map(|i| format!("http://t{tier}{i}.example/announce")).collect())
            .collect();
        let mut a = Announcer::new(tiers, &mut fastrand::Rng::with_seed(7));
        let (mut now, mut under_way) = (at(0), Vec::new());
        let mut known: BTreeMap<TrackerId, Instant> = Default::default();
        let (mut finished, mut acknowledged) = (false, BTreeSet::new());
        for (wait, what, wants) in steps {
            now += Duration::from_secs(wait);
            let mut turns = 0;
            while let Some(id) = a.poll_announce(now, wants) {
                let due = a.begin(now, id).unwrap();
                prop_assert_eq!((due.tracker, a.begin(now, id)), (id, None));
                turns += 1;
                prop_assert!(turns <= 100);
                prop_assert!(under_way.iter().all(|(id, _)| *id != due.tracker));
                under_way.push((due.tracker, due.event));
                match (due.event, known.get(&due.tracker)) {
                    (Started, since) => prop_assert_eq!(since, None),
                    (Regular, Some(since)) => prop_assert!(now.since(*since) >= Duration::from_secs(60)),
                    (Completed, Some(_)) => prop_assert!(finished && !acknowledged.contains(&due.tracker)),
                    (event, since) => prop_assert!(false, "{event:?} after {since:?}"),
                }
            }
            prop_assert!(a.poll_timeout().is_none_or(|time| time > now));
            match what {
                0..=4 => if let Some((id, event)) = under_way.pop() {
                    a.on_reply(now, id, &reply(60, Some(30)));
                    known.insert(id, now);
                    if event == Completed {
                        acknowledged.insert(id);
                    }
                },
                5..=7 => if let Some((id, _)) = under_way.pop() {
                    a.on_error(now, id, &TrackerError::Timeout);
                },
                8 => {
                    a.completed();
                    finished = true;
                }
                _ => {}
            }
        }
    }
}

/// Trackers of one tier should know the same peers, but one that lies would keep an honest one from being asked.
#[test]
fn set_all_asks_every_tracker_at_its_interval() {
    let urls = |tier: &[&str]| tier.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
    let tiers = vec![urls(&["http://a/announce", "http://b/announce"]), urls(&["http://c/announce"])];
    let mut announcer = Announcer::new(tiers, &mut fastrand::Rng::with_seed(1));
    let reply = AnnounceReply { interval_s: 1800, ..AnnounceReply::default() };
    let now = Instant::from_micros(1);
    announcer.spread_permille = 0;
    let next = |announcer: &mut Announcer, now| {
        let id = announcer.poll_announce(now, false)?;
        announcer.begin(now, id)
    };
    let first = next(&mut announcer, now).unwrap();
    assert!(announcer.poll_announce(now, false).is_none());
    announcer.on_reply(now, first.tracker, &reply);
    assert!(announcer.poll_announce(now, false).is_none(), "one that works is enough");
    announcer.set_all(true);
    assert_eq!(announcer.poll_timeout(), Some(now));
    let others: Vec<Due> = std::iter::from_fn(|| next(&mut announcer, now)).collect();
    assert_eq!(others.len(), 2);
    assert!(others.iter().all(|due| due.event == Started && due.tracker != first.tracker));
    others.iter().for_each(|due| announcer.on_reply(now, due.tracker, &reply));
    assert!(announcer.poll_announce(now, false).is_none(), "their intervals are respected, too");
    let later = now + Duration::from_secs(1800);
    assert_eq!(std::iter::from_fn(|| announcer.poll_announce(later, false)).count(), 3);
}

#[test]
fn queued_announce_is_made_when_it_is_sent() {
    let mut a = announcer(&[&["a"], &["b"]]);
    let first = a.poll_announce(at(0), true).unwrap();
    assert_eq!(a.status().next().unwrap().state, TrackerState::Queued);
    assert_eq!(a.poll_announce(at(100), true), None, "the wait for a turn is no silence of the tracker");
    a.completed();
    let due = a.begin(at(100), first).unwrap();
    assert_eq!(due.event, Started, "the tracker gets the `started` of a seed");
    assert_eq!(a.poll_announce(at(109), true), None);
    assert!(a.poll_announce(at(110), true).is_some(), "its patience counts from the sending");
    a.on_reply(at(110), first, &reply(1800, None));
    assert_eq!(a.poll_announce(at(111), false), None, "nothing is owed");
}

#[test]
fn queued_announce_is_dropped_by_a_stop() {
    let mut a = announcer(&[&["a"]]);
    let id = a.poll_announce(at(0), true).unwrap();
    assert_eq!(a.stop(), [], "the tracker does not know us");
    assert_eq!(a.begin(at(1), id), None);
}

#[test]
fn unreachable_tracker_rests_as_long_as_its_host_and_the_next_is_asked() {
    let mut a = announcer(&[&["a"], &["b"]]);
    let (first, ..) = poll(&mut a, at(0), true).unwrap();
    a.on_unreachable(first, &TrackerError::Timeout, at(900));
    let (second, host, _) = poll(&mut a, at(0), true).unwrap();
    assert_eq!(host, "b");
    a.on_error(at(1), second, &TrackerError::Failure { reason: "no".into(), retry: Retry::Unsaid });
    let status = a.status().next().unwrap();
    assert_eq!((status.state, status.next_announce), (TrackerState::Failing, Some(at(900))));
    a.retry_unreachable(at(10));
    assert_eq!(poll(&mut a, at(10), true).unwrap().0, first, "the network is back");
    assert_eq!(poll(&mut a, at(10), true), None, "a refusal is not retried then");
}

#[test]
fn new_address_is_announced_regardless_of_the_interval() {
    let mut a = announcer(&[&["a"]]);
    let (id, ..) = poll(&mut a, at(0), true).unwrap();
    a.on_reply(at(0), id, &reply(1800, Some(1800)));
    assert_eq!(poll(&mut a, at(10), true), None);
    a.reannounce(at(10));
    assert_eq!(poll(&mut a, at(10), false).unwrap().2, Regular);
}

#[test]
fn intervals_of_many_torrents_are_spread_and_never_cut() {
    let urls = vec![vec!["http://a/announce".to_owned()]];
    let mut rng = fastrand::Rng::with_seed(1);
    let times: BTreeSet<Instant> = (0..100)
        .map(|_| {
            let mut a = Announcer::new(urls.clone(), &mut rng);
            let (id, ..) = poll(&mut a, at(0), true).unwrap();
            a.on_reply(at(0), id, &reply(1800, None));
            assert_eq!(poll(&mut a, at(0), false), None);
            a.poll_timeout().unwrap()
        })
        .collect();
    assert!(times.len() > 30);
    assert!(times.first() >= Some(&at(1800)) && times.last() <= Some(&at(1890)));
}

#[test]
fn replace_keeps_the_state_of_trackers_that_stay_and_says_goodbye_to_the_others() {
    let mut a = announcer(&[&["a"], &["b"], &["c"]]);
    a.set_all(true);
    let mut ids = Vec::new();
    while let Some((id, host, event)) = poll(&mut a, at(0), true) {
        assert_eq!(event, Started, "{host}");
        ids.push(id);
    }
    a.on_reply(at(0), ids[0], &reply(1800, None));
    a.on_reply(at(0), ids[1], &reply(900, None));
    // The third has not answered yet.
    let url = |name: &str| format!("http://{name}.example/announce");
    let farewells =
        a.replace(vec![vec![url("b")], vec![url("c")], vec![url("d")]], &mut fastrand::Rng::with_seed(2));
    let hosts: Vec<_> = farewells.iter().map(|due| (due.url.as_str(), due.event)).collect();
    assert_eq!(hosts, [("http://a.example/announce", Stopped)]);
    let mut asked = Vec::new();
    while let Some((_, host, event)) = poll(&mut a, at(1), true) {
        asked.push((host, event));
    }
    asked.sort_unstable_by(|x, y| x.0.cmp(&y.0));
    assert_eq!(
        asked,
        [("c".to_owned(), Started), ("d".to_owned(), Started)],
        "the second rests for its interval"
    );
    let states: Vec<_> = a.status().map(|status| (status.tier, status.state)).collect();
    assert_eq!(states[0], (0, TrackerState::Working));
    assert_eq!(poll(&mut a, at(899), false), None);
    assert_eq!(
        poll(&mut a, at(900), false).map(|(_, host, event)| (host, event)),
        Some(("b".to_owned(), Regular))
    );
    let all = a.replace(Vec::new(), &mut fastrand::Rng::with_seed(3));
    assert_eq!(all.len(), 3, "each that was asked");
    assert_eq!((a.poll_timeout(), a.status().count()), (Some(at(900)), 0));
}
