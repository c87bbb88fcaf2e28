//! Command line options of the benchmark.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use super::client::{Client, Pair};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Selection of the measurements, and the folder of the results.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Size of the file that is transferred and checked, such as 512MiB [default: 2GiB, with --quick 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    size: Option<u64>,
    /// Number of runs of everything; the runs of different clients alternate [default: 3, with --quick 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: Option<u32>,
    /// Transfers to measure, as SEEDER:LEECHER of ztor, ztor-base, lt, aria2, tr, rqbit and floor [default: each with
    /// itself, and ztor with libtorrent both ways, also over µTP and with RC4; with --quick only ztor with itself]
    #[arg(long, value_name = "PAIR,...", value_delimiter = ',')]
    pairs: Vec<Pair>,
    /// Measure only these parts [default: all, with --quick floor and transfer]
    #[arg(long, value_name = "PART,...", value_delimiter = ',')]
    only: Vec<Part>,
    /// ztor binary to measure; built in release mode if not given
    #[arg(long, value_name = "PATH")]
    pub(super) ztor: Option<PathBuf>,
    /// Another ztor binary, as a baseline: takes part as ztor-base wherever ztor does
    #[arg(long, value_name = "PATH")]
    pub(super) baseline: Option<PathBuf>,
    /// Put RESULTS.md, results.svg and history/ here [default: tools/lab; with --quick target/bench, without history]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder of the data, in memory so that no disk is measured. Three times --size must fit
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    pub(super) work: PathBuf,
    /// Time limit of one transfer or check in seconds
    #[arg(long, value_name = "S", default_value_t = 300)]
    limit: u64,
    /// Leave out clients that are not installed, and report them, instead of failing
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) allow_missing: bool,
    /// Only show that it works: a small file, one run, ztor and the floor; nothing goes into the history
    #[arg(long)]
    pub(super) quick: bool,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// Cost of the least possible work: sendfile, and receiving, hashing and writing.
    Floor,
    /// One file from one client to another.
    Transfer,
    /// A complete check of the file.
    Recheck,
    /// Twenty torrents at once, from one process to another.
    Many,
    /// Many peers or torrents in one session: the scenarios of the package ztor-bench.
    Scenarios,
}

impl Options {
    pub(super) fn size_bytes(&self) -> u64 {
        self.size.unwrap_or(if self.quick { 64 * MIB } else { 2 * GIB })
    }

    pub(super) fn runs(&self) -> u32 {
        self.runs.unwrap_or(if self.quick { 1 } else { 3 })
    }

    pub(super) fn limit(&self) -> Duration {
        Duration::from_secs(self.limit)
    }

    pub(super) fn measures(&self, part: Part) -> bool {
        match (self.only.is_empty(), self.quick) {
            (true, true) => matches!(part, Part::Floor | Part::Transfer),
            (true, false) => true,
            (false, _) => self.only.contains(&part),
        }
    }

    /// Returns the folder of the results; `target` is cargo's target directory.
    pub(super) fn out(&self, root: &Path, target: &Path) -> PathBuf {
        match &self.out {
            Some(out) => out.clone(),
            None if self.quick => target.join("bench"),
            None => root.join("tools/lab"),
        }
    }

    /// Returns the transfers of one file, in the order of a round.
    pub(super) fn transfers(&self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        if self.measures(Part::Floor) {
            pairs.push(Pair::of(Client::Floor));
        }
        if self.measures(Part::Transfer) {
            pairs.extend(if self.pairs.is_empty() { self.default_pairs() } else { self.given_pairs() });
        }
        pairs
    }

    /// Returns the transfers of many torrents.
    pub(super) fn many_transfers(&self) -> Vec<Pair> {
        let clients = self.clients().into_iter().filter(|client| client.takes_many());
        if self.measures(Part::Many) { clients.map(Pair::of).collect() } else { Vec::new() }
    }

    /// Returns the clients whose check is measured.
    pub(super) fn rechecks(&self) -> Vec<Client> {
        let mut clients = self.clients();
        if !self.measures(Part::Recheck) {
            clients.clear();
        }
        if self.measures(Part::Floor) && !self.quick {
            clients.insert(0, Client::Floor);
        }
        clients
    }

    /// Returns the pairs of the command line; with a baseline, those of ztor also with ztor-base in its place.
    fn given_pairs(&self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for &pair in &self.pairs {
            let old = |client| if client == Client::Ztor { Client::ZtorBase } else { client };
            let twin = Pair { seeder: old(pair.seeder), leecher: old(pair.leecher) };
            // A pair without ztor is its own twin, and is listed already.
            let twin = (self.baseline.is_some() && !self.pairs.contains(&twin)).then_some(twin);
            pairs.extend(twin.into_iter().chain([pair]));
        }
        pairs
    }

    fn default_pairs(&self) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = self.clients().into_iter().map(Pair::of).collect();
        pairs.extend([Client::ZtorUtp, Client::ZtorRc4].map(Pair::of));
        if !self.quick {
            pairs.extend([Client::LibtorrentUtp, Client::LibtorrentRc4].map(Pair::of));
            for (ztor, libtorrent) in
                [(Client::ZtorUtp, Client::LibtorrentUtp), (Client::ZtorRc4, Client::LibtorrentRc4)]
            {
                pairs.push(Pair { seeder: ztor, leecher: libtorrent });
                pairs.push(Pair { seeder: libtorrent, leecher: ztor });
            }
            for ztor in self.ztors() {
                pairs.push(Pair { seeder: ztor, leecher: Client::Libtorrent });
                pairs.push(Pair { seeder: Client::Libtorrent, leecher: ztor });
            }
        }
        pairs
    }

    /// Returns the clients that take part, without the floor: those of the pairs, if pairs are given.
    fn clients(&self) -> Vec<Client> {
        if !self.pairs.is_empty() {
            let given = self.given_pairs();
            let named = given.iter().flat_map(|pair| pair.clients());
            let mut clients: Vec<Client> = named.filter(|&client| client != Client::Floor).collect();
            clients.sort_unstable();
            clients.dedup();
            return clients;
        }
        if self.quick {
            return self.ztors();
        }
        let others = [Client::Libtorrent, Client::Rqbit, Client::Aria2, Client::Transmission];
        others.into_iter().chain(self.ztors()).collect()
    }

    fn ztors(&self) -> Vec<Client> {
        let base = self.baseline.is_some().then_some(Client::ZtorBase);
        base.into_iter().chain([Client::Ztor]).collect()
    }
}

/// Parses a size in bytes, KiB, MiB or GiB, of at least one MiB.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => MIB,
        "GiB" => GIB,
        other => return Err(format!("unknown unit {other:?}: use KiB, MiB or GiB")),
    };
    let count: u64 = digits.parse().map_err(|_| "no whole number at the start".to_owned())?;
    match count.checked_mul(unit) {
        Some(bytes) if bytes >= MIB => Ok(bytes),
        Some(_) => Err("less than 1MiB".to_owned()),
        None => Err("too large".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &[&str]) -> Options {
        Line::try_parse_from([&["bench"], arguments].concat()).unwrap().options
    }

    fn shown(pairs: &[Pair]) -> Vec<String> {
        pairs.iter().map(Pair::to_string).collect()
    }

    #[test]
    fn parse_size_of_wrong_text_is_an_error() {
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        assert_eq!(parse_size("512 MiB"), Ok(512 << 20));
        assert_eq!(parse_size("1048576"), Ok(1 << 20));
        for wrong in ["", "GiB", "2GB", "-1GiB", "1.5GiB", "1023KiB", "99999999999GiB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn options_by_default_measure_everything() {
        let options = options(&[]);
        assert_eq!((options.size_bytes(), options.runs(), options.allow_missing), (2 << 30, 3, true));
        let pairs = shown(&options.transfers());
        for pair in ["floor:floor", "ztor:ztor", "aria2:aria2", "ztor:libtorrent", "libtorrent:ztor"] {
            assert!(pairs.iter().any(|other| other == pair), "{pair}");
        }
        assert!(!pairs.iter().any(|pair| pair.contains("base")));
        assert_eq!(shown(&options.many_transfers()), ["libtorrent:libtorrent", "ztor:ztor"]);
        assert_eq!(options.rechecks().len(), 6);
    }

    #[test]
    fn a_baseline_takes_part_wherever_ztor_does() {
        let options = options(&["--baseline", "old"]);
        let pairs = shown(&options.transfers());
        for pair in ["ztor-base:ztor-base", "ztor-base:libtorrent", "libtorrent:ztor-base"] {
            assert!(pairs.iter().any(|other| other == pair), "{pair}");
        }
        assert!(options.rechecks().contains(&Client::ZtorBase));
        assert!(shown(&options.many_transfers()).contains(&"ztor-base:ztor-base".to_owned()));
    }

    #[test]
    fn a_baseline_takes_part_in_the_pairs_given() {
        let transfers = |pairs| {
            let chosen = options(&["--baseline", "old", "--only", "transfer", "--pairs", pairs]);
            shown(&chosen.transfers())
        };
        let twins = ["ztor-base:ztor-base", "ztor:ztor", "libtorrent:ztor-base", "libtorrent:ztor"];
        assert_eq!(transfers("ztor:ztor,lt:ztor"), twins);
        assert_eq!(transfers("ztor-base:lt,ztor:lt"), ["ztor-base:libtorrent", "ztor:libtorrent"]);
        assert_eq!(transfers("ztor:ztor-base"), ["ztor-base:ztor-base", "ztor:ztor-base"]);
    }

    #[test]
    fn options_with_parts_and_pairs_measure_only_those() {
        let chosen = options(&["--only", "transfer,recheck", "--pairs", "lt:ztor,ztor:ztor"]);
        assert_eq!(shown(&chosen.transfers()), ["libtorrent:ztor", "ztor:ztor"]);
        assert_eq!(chosen.rechecks(), [Client::Libtorrent, Client::Ztor]);
        assert!(chosen.many_transfers().is_empty());
        let floor = options(&["--only=floor"]);
        assert_eq!(shown(&floor.transfers()), ["floor:floor"]);
        assert_eq!(floor.rechecks(), [Client::Floor]);
        assert!(!options(&["--allow-missing=false"]).allow_missing);
        assert!(options(&["--allow-missing"]).allow_missing);
    }

    #[test]
    fn options_with_quick_measure_little() {
        let quick = options(&["--quick"]);
        assert_eq!((quick.size_bytes(), quick.runs()), (64 << 20, 1));
        assert_eq!(
            shown(&quick.transfers()),
            ["floor:floor", "ztor:ztor", "ztor-utp:ztor-utp", "ztor-rc4:ztor-rc4"]
        );
        assert!(quick.rechecks().is_empty() && quick.many_transfers().is_empty());
        assert!(quick.out(Path::new("r"), Path::new("t")).starts_with("t"));
        assert_eq!(options(&["--quick", "--runs", "2"]).runs(), 2);
    }
}
