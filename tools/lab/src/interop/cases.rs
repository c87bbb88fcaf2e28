//! Transfers of the suite.

use super::clients::Client;
use super::payload::Content;
use super::ways::Ways;
use crate::torrent::{Format, Maker};
use crate::tracker::{Server, Tracker, Transport};

/// One transfer of one torrent from one client to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) seeder: Client,
    pub(super) leecher: Client,
    pub(super) content: Content,
    pub(super) piece_kib: u32,
    pub(super) format: Format,
    pub(super) maker: Maker,
    pub(super) tracker: Tracker,
    pub(super) ways: Ways,
}

impl Case {
    /// Returns a transfer of a v1 torrent with this content and piece size in KiB, over [`Ways::Usual`].
    fn v1(
        seeder: Client,
        leecher: Client,
        (content, piece_kib): (Content, u32),
        maker: Maker,
        tracker: Tracker,
    ) -> Self {
        Self { seeder, leecher, content, piece_kib, format: Format::V1, maker, tracker, ways: Ways::Usual }
    }

    /// Returns the name: unique among the cases, and searched by `--filter`.
    pub(super) fn name(&self) -> String {
        let Self { seeder, leecher, content, piece_kib, format, maker, tracker, ways } = self;
        let (seeder, leecher, content) = (seeder.name(), leecher.name(), content.name());
        let (format, maker, tracker) = (format.name(), maker.program(), tracker.name());
        let ways = ways.name();
        format!("{seeder}:{leecher} {content}/{piece_kib}K {format} by {maker} over {tracker}{ways}")
    }

    /// Returns the name without content, maker and tracker.
    pub(super) fn kind(&self) -> String {
        let Self { seeder, leecher, format, ways, .. } = self;
        format!("{}:{} {}{}", seeder.name(), leecher.name(), format.name(), ways.name())
    }

    /// Returns the programs that it needs.
    pub(super) fn needs(&self) -> Vec<&'static str> {
        let mut programs = vec![self.maker.program(), self.tracker.server.program()];
        programs.extend(self.seeder.programs());
        programs.extend(self.leecher.programs());
        programs.sort_unstable();
        programs.dedup();
        programs
    }
}

const OTHERS: [Client; 3] = [Client::Transmission, Client::Aria2, Client::Libtorrent];

const TRACKERS: [Tracker; 4] = [
    Tracker { server: Server::Opentracker, transport: Transport::Http },
    Tracker { server: Server::Opentracker, transport: Transport::Udp },
    Tracker { server: Server::Ztor, transport: Transport::Http },
    Tracker { server: Server::Ztor, transport: Transport::Udp },
];

const MAKERS: [Maker; 3] = [Maker::Mktorrent, Maker::Libtorrent, Maker::Ztor];

/// Contents that every client transfers in both roles, each with its piece size in KiB.
const CONTENTS: [(Content, u32); 5] = [
    (Content::Tree, 64),
    (Content::Blob, 1024),
    (Content::OneByte, 256),
    (Content::Big, 16 * 1024),
    (Content::Small, 16),
];

/// Returns every case of the suite, slow clients first, so that the suite does not wait for them at its end.
///
/// Trackers and makers alternate: every client uses each of them, without the full product.
pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, other) in OTHERS.into_iter().enumerate() {
        for (turn, (seeder, leecher)) in
            [(Client::Ztor, other), (other, Client::Ztor)].into_iter().enumerate()
        {
            for (index, (content, piece_kib)) in CONTENTS.into_iter().enumerate() {
                let maker = able(MAKERS[(index + number + turn) % MAKERS.len()], piece_kib);
                let tracker = TRACKERS[(index + number + 2 * turn) % TRACKERS.len()];
                cases.push(Case::v1(seeder, leecher, (content, piece_kib), maker, tracker));
            }
        }
    }
    cases.extend(v2_cases());
    cases.extend(own_cases());
    cases.extend(ways_cases());
    cases
}

/// Returns v2 and hybrid transfers, with libtorrent alone. The others know only v1: they refuse hybrid torrents, or
/// compute another info-hash for them (transmission 3.00 and aria2 1.36, also for those that libtorrent made).
fn v2_cases() -> Vec<Case> {
    let contents = [
        (Format::V2, Content::Tree, 16),
        (Format::V2, Content::Blob, 512),
        (Format::V2, Content::OneByte, 16),
        (Format::V2, Content::Big, 16 * 1024),
        (Format::Hybrid, Content::Tree, 64),
        (Format::Hybrid, Content::Blob, 256),
        (Format::Hybrid, Content::Even, 4096),
    ];
    let pairs = [(Client::Ztor, Client::Libtorrent), (Client::Libtorrent, Client::Ztor)];
    let mut cases = Vec::new();
    for (turn, (seeder, leecher)) in pairs.into_iter().enumerate() {
        for (index, (format, content, piece_kib)) in contents.into_iter().enumerate() {
            let maker = [Maker::Libtorrent, Maker::Ztor][(index + turn) % 2];
            let tracker = TRACKERS[(index + turn) % TRACKERS.len()];
            cases.push(Case {
                seeder,
                leecher,
                content,
                piece_kib,
                format,
                maker,
                tracker,
                ways: Ways::Usual,
            });
        }
    }
    cases
}

fn own_cases() -> Vec<Case> {
    let contents = [
        (Format::V1, Content::Tree, 16, Maker::Ztor),
        (Format::V2, Content::Tree, 128, Maker::Libtorrent),
        (Format::Hybrid, Content::Big, 8192, Maker::Ztor),
        (Format::V1, Content::Even, 2048, Maker::Mktorrent),
    ];
    let cases = contents.into_iter().zip(TRACKERS);
    cases
        .map(|((format, content, piece_kib, maker), tracker)| {
            let (seeder, leecher) = (Client::Ztor, Client::Ztor);
            Case { seeder, leecher, content, piece_kib, format, maker, tracker, ways: Ways::Usual }
        })
        .collect()
}

/// Returns transfers over every transport and with every kind of handshake, in both roles. Transmission cannot insist
/// on an encrypted handshake with plaintext after it; aria2 speaks no µTP.
fn ways_cases() -> Vec<Case> {
    use Ways::{HeaderOnly, OtherWantsPlain, OtherWantsRc4, Rc4, Utp, UtpRc4};
    let others = [
        (Client::Libtorrent, &[Utp, UtpRc4, Rc4, HeaderOnly, OtherWantsRc4, OtherWantsPlain][..]),
        (Client::Transmission, &[Utp, UtpRc4, Rc4, OtherWantsRc4, OtherWantsPlain]),
        (Client::Ztor, &[Utp, UtpRc4, Rc4]),
    ];
    let mut cases = Vec::new();
    for (other, all_ways) in others {
        for (index, ways) in all_ways.iter().copied().enumerate() {
            let pairs = [(Client::Ztor, other), (other, Client::Ztor)];
            for (seeder, leecher) in pairs.into_iter().take(if other == Client::Ztor { 1 } else { 2 }) {
                let (content, piece_kib) =
                    if index % 2 == 0 { (Content::Big, 1024) } else { (Content::Tree, 64) };
                let (maker, tracker) = (Maker::Ztor, TRACKERS[index % TRACKERS.len()]);
                let format = Format::V1;
                cases.push(Case { seeder, leecher, content, piece_kib, format, maker, tracker, ways });
            }
        }
    }
    cases
}

/// Returns transfers among the other clients, over opentracker.
pub(super) fn controls() -> Vec<Case> {
    let mut cases = Vec::new();
    for seeder in OTHERS {
        for leecher in OTHERS {
            for (index, (content, piece_kib)) in CONTENTS.into_iter().enumerate() {
                let maker = able(MAKERS[index % 2], piece_kib);
                let tracker = TRACKERS[index % 2];
                cases.push(Case::v1(seeder, leecher, (content, piece_kib), maker, tracker));
            }
        }
    }
    for (format, content) in [(Format::V2, Content::Tree), (Format::Hybrid, Content::Tree)] {
        let (seeder, leecher, maker) = (Client::Libtorrent, Client::Libtorrent, Maker::Libtorrent);
        cases.push(Case {
            seeder,
            leecher,
            content,
            piece_kib: 16,
            format,
            maker,
            tracker: TRACKERS[0],
            ways: Ways::Usual,
        });
    }
    cases
}

/// Returns a maker that is able to make such pieces: mktorrent makes none below 32 KiB.
fn able(maker: Maker, piece_kib: u32) -> Maker {
    if maker == Maker::Mktorrent && piece_kib < 32 { Maker::Libtorrent } else { maker }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn name_of_each_case_is_unique() {
        for cases in [all(), controls()] {
            let names: BTreeSet<String> = cases.iter().map(Case::name).collect();
            assert_eq!(names.len(), cases.len());
        }
    }

    #[test]
    fn every_client_uses_every_tracker_in_both_roles() {
        for client in OTHERS {
            for seeds in [true, false] {
                let met: BTreeSet<String> = all()
                    .iter()
                    .filter(|case| if seeds { case.seeder == client } else { case.leecher == client })
                    .map(|case| case.tracker.name())
                    .collect();
                assert_eq!(met.len(), TRACKERS.len(), "{client:?}");
            }
        }
    }

    #[test]
    fn every_case_has_ztor_on_a_side() {
        assert!(all().iter().all(|case| case.seeder == Client::Ztor || case.leecher == Client::Ztor));
    }
}
