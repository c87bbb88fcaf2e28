//! Cases without a tracker: the leecher has only a magnet link, and finds peers through the DHT, peer exchange or the
//! local network.

use std::net::SocketAddrV4;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};

use super::clients::{Client, Finds, PORT, Running, Setup, What};
use super::env::CaseEnv;
use super::payload::{Content, Payloads};
use super::ways::Ways;
use crate::net::{Host, Net};
use crate::process::{Invocation, Patience, Process};
use crate::tools::Tools;
use crate::torrent::{self, Format};

/// Pause between checks.
const PAUSE: Duration = Duration::from_millis(300);
/// Pause between lookups in the DHT, which leave traces in it.
const LONG_PAUSE: Duration = Duration::from_secs(3);
/// Time limit of a case: other clients look into the DHT once a minute, or wait for their table to fill.
const LIMIT: Duration = Duration::from_secs(200);
/// Time for a client to write data that it still holds back when it reports completion.
const AFTERMATH: Duration = Duration::from_secs(10);
/// Number of nodes of the DHT, on successive ports.
const DHT_NODES: u16 = 20;
/// Content to fetch: several files, long enough for pieces to arrive in any order.
const CONTENT: Content = Content::Tree;

/// Way in which the leecher finds the seeder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Dht,
    /// Through a third client, which is connected to both and gives no data.
    Exchange(Client),
    Local,
}

/// One transfer by a magnet link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Find {
    pub(super) seeder: Client,
    pub(super) leecher: Client,
    pub(super) way: Way,
}

impl Find {
    /// Returns the name: unique among the cases, and searched by `--filter`.
    pub(super) fn name(&self) -> String {
        let (seeder, leecher) = (self.seeder.name(), self.leecher.name());
        match self.way {
            Way::Dht => format!("{seeder}:{leecher} magnet by DHT"),
            Way::Exchange(third) => format!("{seeder}:{leecher} magnet by exchange through {}", third.name()),
            Way::Local => format!("{seeder}:{leecher} magnet by local discovery"),
        }
    }

    /// Returns the way and ztor's role.
    pub(super) fn kind(&self) -> String {
        let way = match self.way {
            Way::Dht => "DHT",
            Way::Exchange(_) => "exchange",
            Way::Local => "local discovery",
        };
        format!("{way}, ztor leeches: {}", self.leecher == Client::Ztor)
    }

    /// Returns the programs that it needs.
    pub(super) fn needs(&self) -> Vec<&'static str> {
        let mut programs = vec!["ztor"];
        programs.extend(self.seeder.programs());
        programs.extend(self.leecher.programs());
        match self.way {
            Way::Dht => programs.push("libtorrent"),
            Way::Exchange(third) => programs.extend(third.programs()),
            Way::Local => {}
        }
        programs.sort_unstable();
        programs.dedup();
        programs
    }
}

/// Returns every case, slow ones first.
pub(super) fn all() -> Vec<Find> {
    use Client::{Aria2, Libtorrent, Transmission, Ztor};
    let dht = [
        (Ztor, Transmission),
        (Transmission, Ztor),
        (Ztor, Aria2),
        (Aria2, Ztor),
        (Ztor, Libtorrent),
        (Libtorrent, Ztor),
        (Ztor, Ztor),
    ];
    let exchange = [
        (Ztor, Ztor, Transmission),
        (Ztor, Ztor, Aria2),
        (Ztor, Ztor, Libtorrent),
        (Libtorrent, Libtorrent, Ztor),
        (Ztor, Ztor, Ztor),
    ];
    let local = [(Ztor, Transmission), (Transmission, Ztor), (Ztor, Libtorrent), (Libtorrent, Ztor)];
    let dht = dht.into_iter().map(|(seeder, leecher)| Find { seeder, leecher, way: Way::Dht });
    let exchange = exchange.into_iter().map(|(seeder, third, leecher)| Find {
        seeder,
        leecher,
        way: Way::Exchange(third),
    });
    let local = local.into_iter().map(|(seeder, leecher)| Find { seeder, leecher, way: Way::Local });
    dht.chain(exchange).chain(local).collect()
}

/// Runs a case, as [`transfer::run`](super::transfer::run) does.
///
/// # Errors
/// If a client fails or does not find the other, or if the data differs.
pub(super) fn run(case: &Find, env: &CaseEnv<'_>) -> Result<()> {
    let &CaseEnv { number, dir, payloads, tools, stop } = env;
    let patience = env.patience(LIMIT);
    let (source, target) = env.folders(CONTENT)?;
    let content = source.join(CONTENT.name());
    let torrent = env.make_torrent(&content)?;
    let hash = torrent::info_hashes(&torrent, Format::V1)?[0].hex();
    let magnet = format!("magnet:?xt=urn:btih:{hash}");

    let net = env.network()?;
    let nodes = dht_nodes()?;
    let finds = match case.way {
        Way::Dht => Finds::Dht(&nodes),
        Way::Exchange(_) => Finds::Exchange,
        Way::Local => Finds::Local,
    };
    let setup = |host, data, what| Setup {
        host,
        net: &net,
        what,
        finds,
        ways: Ways::Usual,
        data,
        content: &content,
        names_content: number % 2 == 1,
        dir,
        tools,
    };
    let mut dht = match case.way {
        Way::Dht => Some(start_dht(&net, dir, tools)?),
        _ => None,
    };
    if let Some(dht) = &mut dht {
        patience.until("the DHT is ready", PAUSE, || {
            dht.expect_alive()?;
            Ok(dht.log_text()?.contains("READY"))
        })?;
    }
    let mut seeder = case.seeder.start(&setup(Host::Seeder, &source, What::Torrent(&torrent)))?;
    patience.until("the seeder serves", PAUSE, || seeder.is_serving())?;
    if let Some(dht) = &mut dht {
        let seeder = format!("{}:{PORT}", Host::Seeder.ip());
        // No lookup before that: each is a read-only node (BEP 43) that queries the seeder too, and is then gone.
        // Transmission ignores BEP 43: it adds them all to its table, queries them as often as the others, and delays
        // its announcement by half a minute when one of them is near.
        let announcement = format!("ANNOUNCED {hash} {seeder}\n");
        patience.until("the seeder announces itself in the DHT", PAUSE, || {
            dht.expect_alive()?;
            Ok(dht.log_text()?.contains(&announcement))
        })?;
        // Other clients look up peers once, and then not for minutes.
        patience.until("the DHT knows the seeder", LONG_PAUSE, || {
            Ok(peers_in_dht(&net, &hash, dir, tools)?.contains(&seeder))
        })?;
    }
    let mut leecher = case.leecher.start(&setup(Host::Leecher, &target, What::Magnet(&magnet)))?;
    let _third = match case.way {
        Way::Exchange(third) => Some(start_third(third, &net, &torrent, dir, tools)?),
        _ => None,
    };
    patience.until("the leecher has everything", PAUSE, || leecher.is_done())?;
    compare(case, payloads, &target, &mut leecher, stop)
}

/// Returns the addresses of the nodes of the DHT.
fn dht_nodes() -> Result<Vec<SocketAddrV4>> {
    let first: u16 = PORT.parse()?;
    Ok((first..).take(DHT_NODES.into()).map(|port| SocketAddrV4::new(Host::Tracker.ip(), port)).collect())
}

/// Starts a DHT of libtorrent's nodes on the tracker's host.
pub(super) fn start_dht(net: &Net, dir: &Path, tools: &Tools) -> Result<Process> {
    let ip = Host::Tracker.ip().to_string();
    let count = DHT_NODES.to_string();
    let invocation = tools.libtorrent()?.args(["dht", "--bind", &ip, "--port", PORT, &count]);
    let namespace = net.namespace(Host::Tracker);
    Process::start(&invocation, Some(&namespace), &dir.join("dht-home"), &dir.join("dht.log"))
}

/// Returns the peers that the DHT has for a torrent, one a line.
fn peers_in_dht(net: &Net, hash: &str, dir: &Path, tools: &Tools) -> Result<String> {
    let ip = Host::Tracker.ip().to_string();
    let entry = format!("{ip}:{PORT}");
    let look = Invocation::new(tools.program("ztor")?).args(["dht", "get-peers", hash, "--bind", &ip]);
    look.args(["--dht-bootstrap", &entry]).output(Some(&net.namespace(Host::Tracker)), &dir.join("look-home"))
}

/// Starts a client that connects to both others, and is too slow to transfer the data itself.
fn start_third(third: Client, net: &Net, torrent: &Path, dir: &Path, tools: &Tools) -> Result<Process> {
    let data = dir.join("third");
    std::fs::create_dir_all(&data)?;
    let peers = [Host::Seeder, Host::Leecher].map(|host| format!("{}:{PORT}", host.ip()));
    let ip = Host::Tracker.ip().to_string();
    let invocation = match third {
        Client::Libtorrent => {
            let peer = tools.libtorrent()?.args(["peer", "--idle", "--bind", &ip, "--port", PORT]);
            peer.args(peers.iter().flat_map(|peer| ["--connect", peer])).arg(&data).arg(torrent)
        }
        _ => {
            let get =
                Invocation::new(tools.program("ztor")?).arg("get").arg(torrent).arg("--output").arg(&data);
            let get =
                get.args(["--bind", &ip, "--port", PORT, "--no-dht", "--no-lsd", "--log-level", "debug"]);
            let get = get.args(["--limit-down", "1000", "--limit-up", "1"]);
            get.args(peers.iter().flat_map(|peer| ["--peer", peer]))
        }
    };
    let namespace = net.namespace(Host::Tracker);
    Process::start(&invocation, Some(&namespace), &dir.join("third-home"), &dir.join("third.log"))
}

fn compare(
    case: &Find,
    payloads: &Payloads,
    target: &Path,
    leecher: &mut Running,
    stop: &AtomicBool,
) -> Result<()> {
    let compare = || payloads.compare(CONTENT, target, case.leecher.empty_files());
    if case.leecher != Client::Ztor {
        // Other clients may still hold data back when they report completion.
        let patience = Patience::new(AFTERMATH, stop);
        let _ = patience.until("the files match", PAUSE, || Ok(compare().is_ok()));
        leecher.interrupt();
    }
    compare().context("comparing the files")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn name_of_each_case_is_unique_and_contains_ztor() {
        let names: BTreeSet<String> = all().iter().map(Find::name).collect();
        assert_eq!(names.len(), all().len());
        assert!(all().iter().all(|case| case.name().contains("ztor")));
    }
}
