//! Announces under way. Each is sent in parts, one for each address family of the tracker and each swarm of the
//! torrent.

use super::hosts::HostId;
use crate::ids::{RequestId, TorrentId};
use crate::statistics::ReportedBytes;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use ztor_base::{Duration, Instant};
use ztor_tracker::TrackerError;
use ztor_tracker::announcer::TrackerId;

/// Time to wait for the other parts of an announce after one was answered. Otherwise an address family that does not
/// work would hold slots at a host that does.
const STRAGGLER_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct RoundId(u64);

/// An announce. The first good reply counts as that of the tracker; others only bring peers.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) torrent: TorrentId,
    pub(super) tracker: TrackerId,
    pub(super) host: HostId,
    pub(super) sent_at: Instant,
    pub(super) is_goodbye: bool,
    /// Counts that it reports.
    pub(super) counts: ReportedBytes,
    /// Set if the torrent has stopped since, so no reply counts.
    is_dropped: bool,
    parts: usize,
    has_reply: bool,
    error: Option<TrackerError>,
    /// Addresses that did not respond.
    silent: Vec<IpAddr>,
    /// Addresses that responded.
    answered: Vec<IpAddr>,
}

/// One request of an announce.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) round: RoundId,
    /// True for the v2 swarm of a hybrid torrent.
    pub(super) is_v2: bool,
    pub(super) is_udp: bool,
    /// Address of the tracker.
    pub(super) to: IpAddr,
}

/// Outcome of a part.
pub(super) enum Ended {
    /// The announce was answered, and by this part first.
    Replied,
    /// The announce was answered before.
    Echo,
    /// This part has failed, and others are under way or were answered.
    Failed,
    /// All parts have failed.
    AllFailed(TrackerError),
    /// No reply counts: the torrent has stopped since, or the announce was a goodbye.
    Dropped,
}

#[derive(Debug, Default)]
pub(super) struct Rounds {
    rounds: BTreeMap<RoundId, Round>,
    parts: BTreeMap<RequestId, Part>,
    by_torrent: BTreeSet<(TorrentId, RequestId)>,
    /// UDP requests whose announce was answered in another part, with the time at which they are given up.
    stragglers: BTreeSet<(Instant, RequestId)>,
    last_id: u64,
    goodbyes: usize,
}

impl Rounds {
    /// Starts an announce. Its parts are [added](Self::add) next.
    pub(super) fn start(
        &mut self,
        now: Instant,
        (torrent, tracker, host): (TorrentId, TrackerId, HostId),
        counts: ReportedBytes,
        is_goodbye: bool,
    ) -> RoundId {
        let id = RoundId(self.next_number());
        self.goodbyes += usize::from(is_goodbye);
        let round = Round {
            torrent,
            tracker,
            host,
            sent_at: now,
            is_goodbye,
            counts,
            is_dropped: false,
            parts: 0,
            has_reply: false,
            error: None,
            silent: Vec::new(),
            answered: Vec::new(),
        };
        self.rounds.insert(id, round);
        id
    }

    /// Adds a part to an announce of a torrent.
    pub(super) fn add(&mut self, torrent: TorrentId, part: Part) -> RequestId {
        let id = self.next_id();
        if let Some(round) = self.rounds.get_mut(&part.round) {
            round.parts += 1;
        }
        self.by_torrent.insert((torrent, id));
        self.parts.insert(id, part);
        id
    }

    fn next_number(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn next_id(&mut self) -> RequestId {
        RequestId(self.next_number())
    }

    /// Returns a part and its announce.
    pub(super) fn get(&self, id: RequestId) -> Option<(&Part, &Round)> {
        let part = self.parts.get(&id)?;
        Some((part, self.rounds.get(&part.round)?))
    }

    /// Returns true if goodbyes are under way.
    pub(super) fn has_goodbyes(&self) -> bool {
        self.goodbyes > 0
    }

    /// Ends a part; without an error the reply was good. Returns the announce as well if this was its last part.
    pub(super) fn end(
        &mut self,
        now: Instant,
        id: RequestId,
        error: Option<TrackerError>,
    ) -> Option<(Ended, Option<Round>)> {
        let part = self.parts.remove(&id)?;
        let round = self.rounds.get_mut(&part.round)?;
        self.by_torrent.remove(&(round.torrent, id));
        round.parts -= 1;
        let is_last = round.parts == 0;
        match &error {
            Some(error) if is_unanswered(error) => round.silent.push(part.to),
            Some(_) | None => round.answered.push(part.to),
        }
        let ended = match error {
            _ if round.is_dropped || round.is_goodbye => Ended::Dropped,
            None if round.has_reply => Ended::Echo,
            None => {
                round.has_reply = true;
                let all = (round.torrent, RequestId(0))..=(round.torrent, RequestId(u64::MAX));
                let parts = self.by_torrent.range(all).map(|(_, id)| *id);
                let is_left = |id: &RequestId| {
                    self.parts.get(id).is_some_and(|other| other.is_udp && other.round == part.round)
                };
                self.stragglers.extend(parts.filter(is_left).map(|id| (now + STRAGGLER_PATIENCE, id)));
                Ended::Replied
            }
            Some(error) => {
                // A refusal says more than a network failure.
                if round.error.as_ref().is_none_or(is_unanswered) {
                    round.error = Some(error);
                }
                match round.error.clone().filter(|_| is_last && !round.has_reply) {
                    Some(error) => Ended::AllFailed(error),
                    None => Ended::Failed,
                }
            }
        };
        let round = if is_last { self.rounds.remove(&part.round) } else { None };
        self.goodbyes -= usize::from(round.as_ref().is_some_and(|round| round.is_goodbye));
        Some((ended, round))
    }

    /// Returns the time at which the next request is given up whose announce was answered.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.stragglers.first().map(|(at, _)| *at)
    }

    /// Takes the requests to give up now, as their announce was answered. They may have ended already.
    pub(super) fn take_stragglers(&mut self, now: Instant) -> Vec<RequestId> {
        let mut late = Vec::new();
        while let Some(&(at, id)) = self.stragglers.first()
            && at <= now
        {
            self.stragglers.pop_first();
            late.push(id);
        }
        late
    }

    /// Discards all further replies, goodbyes included. Returns the UDP requests, which can be cancelled.
    pub(super) fn drop_all(&mut self) -> Vec<RequestId> {
        self.rounds.values_mut().for_each(|round| round.is_dropped = true);
        self.parts.iter().filter(|(_, part)| part.is_udp).map(|(id, _)| *id).collect()
    }

    /// Discards further replies to the announces of a torrent, except for goodbyes. Returns its UDP requests, which can
    /// be cancelled.
    pub(super) fn drop_torrent(&mut self, torrent: TorrentId) -> Vec<RequestId> {
        let all = (torrent, RequestId(0))..=(torrent, RequestId(u64::MAX));
        let ids: Vec<RequestId> = self.by_torrent.range(all).map(|(_, id)| *id).collect();
        let mut udp = Vec::new();
        for id in ids {
            if let Some(part) = self.parts.get(&id)
                && let Some(round) = self.rounds.get_mut(&part.round).filter(|round| !round.is_goodbye)
            {
                round.is_dropped = true;
                udp.extend(part.is_udp.then_some(id));
            }
        }
        udp
    }
}

impl Round {
    /// Returns true if a part had a good reply.
    pub(super) fn has_reply(&self) -> bool {
        self.has_reply
    }

    /// Returns the address of the family that does not work, if the other does. An address that responds for one swarm
    /// and not for the other works.
    pub(super) fn silent_family(&self) -> Option<IpAddr> {
        let mut silent = self.silent.iter().filter(|ip| !self.answered.contains(ip));
        silent.next().copied().filter(|_| self.has_reply)
    }
}

/// Returns true if there was no response, or the server is overloaded, which says nothing about the torrent.
pub(super) fn is_unanswered(error: &TrackerError) -> bool {
    match error {
        TrackerError::Timeout | TrackerError::Network(_) => true,
        TrackerError::HttpStatus { status, .. } => matches!(status, 429 | 502..=504),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use ztor_tracker::announcer::Announcer;

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

    /// Ends the parts of an announce, each silent or answered, in order. Returns the family that does not work.
    fn silent_family(parts: &[(IpAddr, bool)]) -> Option<IpAddr> {
        let (mut rounds, now) = (Rounds::default(), Instant::from_micros(1));
        let tiers = vec![vec!["http://t/".to_owned()]];
        let tracker =
            Announcer::new(tiers, &mut fastrand::Rng::with_seed(1)).poll_announce(now, true).unwrap();
        let torrent = TorrentId::from_u64(1);
        let round = rounds.start(now, (torrent, tracker, HostId::default()), ReportedBytes::default(), false);
        let part = |to| Part { round, is_v2: false, is_udp: true, to };
        let ids: Vec<RequestId> = parts.iter().map(|(to, _)| rounds.add(torrent, part(*to))).collect();
        let ends = ids.into_iter().zip(parts).map(|(id, (_, is_silent))| {
            let error = is_silent.then_some(TrackerError::Timeout);
            rounds.end(now, id, error).unwrap().1
        });
        ends.last().unwrap().unwrap().silent_family()
    }

    #[test]
    fn silent_family_is_one_that_never_answers_where_the_other_does() {
        assert_eq!(silent_family(&[(V4, false), (V6, true)]), Some(V6));
        assert_eq!(silent_family(&[(V4, false), (V6, false)]), None);
        assert_eq!(silent_family(&[(V4, true), (V6, true)]), None, "neither family works");
        // A tracker may know only one swarm of a hybrid torrent, and not respond for the other.
        assert_eq!(silent_family(&[(V4, false), (V6, false), (V4, true), (V6, true)]), None);
    }
}
