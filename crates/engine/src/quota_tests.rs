#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::ids::PeerKey;
use proptest::prelude::*;
use ztor_base::PeerId;

const MIB: u64 = 1 << 20;

fn config() -> Config {
    Config::new(PeerId::new([0; 20]), 1)
}

/// A torrent and a peer that live as long as the test.
struct Ends {
    torrent: TorrentLimits,
    peer: PeerLimits,
}

impl Ends {
    fn new(is_local: bool) -> Self {
        Self { torrent: TorrentLimits::new(Instant::ZERO), peer: PeerLimits::new(is_local) }
    }

    fn rate(mut self, flow: &mut Flow) -> u64 {
        let mut passed = 0;
        if !flow.is_limited(&self.torrent.down(&mut self.peer)) {
            return u64::MAX;
        }
        for millisecond in 0..10_000 {
            let now = Instant::ZERO + Duration::from_millis(millisecond);
            let line = &mut self.torrent.down(&mut self.peer);
            while flow.has(now, line, BLOCK_LEN) {
                flow.take(line, BLOCK_LEN);
                passed += u64::from(BLOCK_LEN);
            }
        }
        passed / 10
    }
}

fn near(found: u64, expected: u64) -> bool {
    found.abs_diff(expected) <= expected / 10 + 4 * u64::from(BLOCK_LEN) / 10
}

#[test]
fn each_level_of_the_tree_limits_a_transfer() {
    let now = Instant::ZERO;
    let groups = |down: [Option<u64>; 2]| {
        let mut quota = Quota::new(now, &config());
        let inner = GroupLimits { parent: Some(LimitGroup(1)), down: down[1], up: None };
        quota.set_group(now, LimitGroup(1), GroupLimits { parent: None, down: down[0], up: None });
        quota.set_group(now, LimitGroup(2), inner);
        quota
    };
    for limits in
        [[None, None], [Some(MIB), None], [None, Some(MIB)], [Some(2 * MIB), Some(MIB)], [Some(MIB), Some(0)]]
    {
        let mut quota = groups(limits);
        let mut ends = Ends::new(false);
        ends.torrent.set_group(Some(LimitGroup(2)));
        let expected = limits.iter().flatten().min().copied();
        let found = ends.rate(quota.down_mut());
        assert!(expected.map_or(found == u64::MAX, |expected| near(found, expected)), "{limits:?}: {found}");
    }
    let mut quota = groups([None, None]);
    let mut ends = Ends::new(false);
    ends.torrent.set(now, Some(MIB), None);
    assert!(near(ends.rate(quota.down_mut()), MIB));
    let mut ends = Ends::new(false);
    ends.peer.set(now, Some(MIB), None);
    assert!(near(ends.rate(quota.down_mut()), MIB));
    let mut ends = Ends::new(false);
    ends.peer.set(now, Some(MIB), None);
    ends.peer.set(now, None, None);
    assert_eq!(ends.rate(quota.down_mut()), u64::MAX);
}

#[test]
fn local_peers_are_exempt_only_by_setting_and_never_from_their_own_limit() {
    let limits = Config { limit_down: Some(MIB), ..config() };
    let spares = Config { limits_spare_local: true, ..limits.clone() };
    let rate = |config: &Config, is_local: bool, own: Option<u64>| {
        let mut quota = Quota::new(Instant::ZERO, config);
        let mut ends = Ends::new(is_local);
        ends.peer.set(Instant::ZERO, own, None);
        ends.rate(quota.down_mut())
    };
    assert!(near(rate(&limits, true, None), MIB));
    assert!(near(rate(&spares, false, None), MIB));
    assert_eq!(rate(&spares, true, None), u64::MAX);
    assert!(near(rate(&spares, true, Some(3 * MIB)), 3 * MIB));
}

#[test]
fn overhead_is_counted_by_setting() {
    let mut quota = Quota::new(
        Instant::ZERO,
        &Config { limit_down: Some(10 * MIB), limits_count_overhead: true, ..config() },
    );
    let found = Ends::new(false).rate(quota.down_mut());
    assert!((9_900_000..10_150_000).contains(&found), "{found} of {} bytes", 10 * MIB);
}

#[test]
fn exempt_peers_that_wait_are_served_while_others_have_no_tokens() {
    let now = Instant::ZERO + Duration::from_secs(1);
    let config = Config { limit_down: Some(0), limits_spare_local: true, ..config() };
    let mut quota = Quota::new(now, &config);
    let keys = [1, 2, 3].map(|key| SourceKey::from(PeerKey::from_u64(key)));
    let mut ends = [false, true, false].map(Ends::new);
    ends[1].peer.set(now, Some(MIB), None);
    for (key, ends) in keys.iter().zip(&mut ends) {
        quota.down_mut().wait(*key, &mut ends.torrent.down(&mut ends.peer), BLOCK_LEN);
    }
    let later = now + Duration::from_secs(1);
    let mut round = quota.down_mut().start_round(later).unwrap();
    assert_eq!(quota.down_mut().next_of(later, &mut round), Some(keys[1]));
    quota.down_mut().served(&mut round);
    assert_eq!(quota.down_mut().next_of(later, &mut round), None);
    assert_eq!(quota.down().waiting(), 2);
    quota.down_mut().on_source_gone(keys[0]);
    assert_eq!(quota.down().waiting(), 1);
}

proptest! {
    #[test]
    fn tokens_taken_and_given_back_leave_every_bucket_as_it_was(
        steps in prop::collection::vec((1u32..200_000, any::<bool>()), 1..30),
        counts_overhead in any::<bool>(),
    ) {
        let now = Instant::ZERO;
        let config = Config { limit_down: Some(50 * MIB), limits_count_overhead: counts_overhead, ..config() };
        let mut quota = Quota::new(now, &config);
        quota.set_group(now, LimitGroup(7), GroupLimits { parent: None, down: Some(40 * MIB), up: None });
        let mut ends = Ends::new(false);
        ends.torrent.set_group(Some(LimitGroup(7)));
        ends.torrent.set(now, Some(30 * MIB), None);
        ends.peer.set(now, Some(20 * MIB), None);
        let flow = quota.down_mut();
        let line = &mut ends.torrent.down(&mut ends.peer);
        let levels = |flow: &mut Flow, line: &mut Line<'_>| {
            let mut all = Vec::new();
            flow.each(line, |bucket| all.push(bucket.ready_at(BLOCK_LEN)));
            all
        };
        let before = levels(flow, line);
        prop_assert_eq!(before.len(), 4);
        for (bytes, is_owed) in &steps {
            if *is_owed { flow.owe(now, line, *bytes) } else { flow.take(line, *bytes) }
        }
        for (bytes, _) in &steps {
            flow.refund(line, *bytes);
        }
        prop_assert_eq!(levels(flow, line), before);
    }
}
