//! Clients that take part, and their pairs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A program that seeds, fetches and checks. The order is that of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Client {
    /// The least work that moves the bytes; no client needs less.
    Floor,
    Libtorrent,
    Rqbit,
    Aria2,
    Transmission,
    /// An older ztor, as the baseline of a change.
    ZtorBase,
    Ztor,
    LibtorrentUtp,
    LibtorrentRc4,
    ZtorUtp,
    ZtorRc4,
}

impl Client {
    pub(super) const ALL: [Self; 11] = [
        Self::Floor,
        Self::Libtorrent,
        Self::Rqbit,
        Self::Aria2,
        Self::Transmission,
        Self::ZtorBase,
        Self::Ztor,
        Self::LibtorrentUtp,
        Self::LibtorrentRc4,
        Self::ZtorUtp,
        Self::ZtorRc4,
    ];

    /// Returns the client without µTP or RC4.
    pub(super) fn base(self) -> Self {
        match self {
            Self::LibtorrentUtp | Self::LibtorrentRc4 => Self::Libtorrent,
            Self::ZtorUtp | Self::ZtorRc4 => Self::Ztor,
            other => other,
        }
    }

    /// Returns the additional arguments for µTP or RC4.
    pub(super) fn way(self) -> &'static [&'static str] {
        match self {
            Self::LibtorrentUtp => &["--utp"],
            Self::LibtorrentRc4 => &["--encryption", "rc4"],
            Self::ZtorUtp => &["--transport", "utp"],
            Self::ZtorRc4 => &["--encryption", "require"],
            _ => &[],
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Libtorrent => "libtorrent",
            Self::Rqbit => "rqbit",
            Self::Aria2 => "aria2",
            Self::Transmission => "transmission",
            Self::ZtorBase => "ztor-base",
            Self::Ztor => "ztor",
            Self::LibtorrentUtp => "libtorrent-utp",
            Self::LibtorrentRc4 => "libtorrent-rc4",
            Self::ZtorUtp => "ztor-utp",
            Self::ZtorRc4 => "ztor-rc4",
        }
    }

    /// Returns the programs that it needs. The floor is part of this program.
    pub(super) fn programs(self) -> &'static [&'static str] {
        match self.base() {
            Self::Floor => &[],
            Self::Libtorrent => &["libtorrent"],
            Self::Rqbit => &["rqbit"],
            Self::Aria2 => &["aria2c"],
            Self::Transmission => &["transmission-daemon", "transmission-remote"],
            Self::ZtorBase => &["ztor-base"],
            _ => &["ztor"],
        }
    }

    /// Returns true if one process of it serves many torrents in this benchmark.
    pub(super) fn takes_many(self) -> bool {
        matches!(self, Self::Libtorrent | Self::ZtorBase | Self::Ztor)
    }
}

impl FromStr for Client {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = match text {
            "lt" => "libtorrent",
            "tr" => "transmission",
            "lt-utp" => "libtorrent-utp",
            "lt-rc4" => "libtorrent-rc4",
            name => name,
        };
        Self::ALL.into_iter().find(|client| client.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("unknown client {text:?}: use one of {names} (short: lt, tr)")
        })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A seeder and a leecher. Written `SEEDER:LEECHER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Pair {
    pub(super) seeder: Client,
    pub(super) leecher: Client,
}

impl Pair {
    pub(super) fn of(client: Client) -> Self {
        Self { seeder: client, leecher: client }
    }

    pub(super) fn clients(self) -> [Client; 2] {
        [self.seeder, self.leecher]
    }
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (seeder, leecher) = text.split_once(':').ok_or("a pair is written SEEDER:LEECHER")?;
        let pair = Self { seeder: seeder.parse()?, leecher: leecher.parse()? };
        if pair.seeder != pair.leecher && [pair.seeder, pair.leecher].contains(&Client::Floor) {
            return Err("the floor transfers only to itself".to_owned());
        }
        Ok(pair)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.seeder, self.leecher))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use super::*;

    #[test]
    fn pair_from_its_written_form_is_the_same_unless_it_mixes_the_floor() {
        for seeder in Client::ALL {
            for leecher in Client::ALL {
                let pair = Pair { seeder, leecher };
                let mixes_floor = seeder != leecher && (seeder == Client::Floor || leecher == Client::Floor);
                assert_eq!(pair.to_string().parse::<Pair>().ok(), (!mixes_floor).then_some(pair));
            }
        }
        assert_eq!("lt:tr".parse::<Pair>().unwrap().to_string(), "libtorrent:transmission");
        for wrong in ["", "ztor", "ztor:", "ztor:ztor:ztor", "ztor:utorrent"] {
            assert!(wrong.parse::<Pair>().is_err(), "{wrong}");
        }
    }
}
