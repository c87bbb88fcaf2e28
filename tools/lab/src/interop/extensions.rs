//! Protocol extensions with a real counterpart.

mod addresses;
mod fast;
mod hosts;
mod leeches;
mod read_only;
mod signed;
mod tracker_ports;

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::clients::PORT;
use super::env::CaseEnv;
use super::finding;
use super::payload::{Content, EmptyFiles};
use crate::net::Host;
use crate::process::Process;
use crate::tracker::Transport;
use hosts::{Hosts, PAUSE, QUIET, address, ended_well};

/// Time limit of a case.
const LIMIT: Duration = Duration::from_secs(90);
/// Bytes on the wire per byte of content while a super-seed sends the first copy, with the overhead of TCP.
const SPREAD: f64 = 1.25;
/// Rate of the super-seed, in each client's own terms: leechers that are faster can pass pieces on.
const RATE: &str = "2MiB/s";
const RATE_BYTES: &str = "2097152";

/// A case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// ztor super-seeds to two others, or another does so to two ztors (BEP 16).
    SuperSeeding { by_ztor: bool },
    /// One of two seeds sends bad blocks. The other has the hashes of the blocks (BEP 52).
    BlockHashes,
    /// ztor loses pieces in a check and gets them back (BEP 54, upload-only of BEP 21).
    LostPieces,
    /// Torrent that is known by the key of its publisher only (BEP 46, BEP 44).
    Publisher,
    /// Messages of the fast extension (BEP 6), from ztor or to it.
    Fast { by_ztor: bool },
    /// Ports of a tracker in the DNS (BEP 34).
    TrackerPorts(Transport),
    /// Signatures by openssl (BEP 35).
    Signatures,
    /// New version of a torrent from a feed of nginx (BEP 39).
    Update,
    /// ztor is a read-only DHT node behind a NAT, or the other one is (BEP 43).
    ReadOnly { is_ztor: bool },
    /// ztor is bound to several addresses (BEP 45).
    Addresses,
    /// ztor seeds to honest clients and to some that take without an end.
    Leeches,
}

impl Extension {
    /// Returns the name: unique among the cases, and searched by `--filter`.
    pub(super) fn name(self) -> String {
        let name = match self {
            Self::SuperSeeding { by_ztor: true } => "ztor:libtorrent super-seeding",
            Self::SuperSeeding { by_ztor: false } => "libtorrent:ztor super-seeding",
            Self::BlockHashes => "libtorrent:ztor hashes of blocks",
            Self::LostPieces => "ztor:libtorrent lost pieces",
            Self::Publisher => "libtorrent:ztor link of a publisher",
            Self::Fast { by_ztor: true } => "ztor:libtorrent fast extension",
            Self::Fast { by_ztor: false } => "libtorrent:ztor fast extension",
            Self::TrackerPorts(Transport::Udp) => "dnsmasq:ztor port of a UDP tracker",
            Self::TrackerPorts(Transport::Http) => "dnsmasq:ztor port of an HTTP tracker",
            Self::Signatures => "openssl:ztor signed torrent",
            Self::Update => "nginx:ztor new version of a torrent",
            Self::ReadOnly { is_ztor: true } => "ztor:libtorrent read-only DHT node",
            Self::ReadOnly { is_ztor: false } => "libtorrent:ztor read-only DHT node",
            Self::Addresses => "ztor:libtorrent several addresses",
            Self::Leeches => "ztor:libtorrent, aria2 and leeches",
        };
        name.to_owned()
    }

    /// Returns the programs that it needs.
    pub(super) fn needs(self) -> Vec<&'static str> {
        match self {
            Self::TrackerPorts(_) => vec!["ztor", "opentracker", "dnsmasq"],
            Self::Signatures => vec!["ztor", "openssl"],
            Self::Update => vec!["ztor", "openssl", "nginx"],
            Self::ReadOnly { .. } => vec!["ztor", "libtorrent", "nft"],
            Self::Leeches => vec!["ztor", "libtorrent", "aria2c", "opentracker"],
            _ => vec!["ztor", "libtorrent"],
        }
    }
}

pub(super) fn all() -> Vec<Extension> {
    let both = [true, false];
    let slow = [Extension::Leeches, Extension::Publisher, Extension::LostPieces, Extension::BlockHashes];
    let others = [Extension::Signatures, Extension::Update, Extension::Addresses];
    let ports = [Transport::Udp, Transport::Http].map(Extension::TrackerPorts);
    let super_seeding = both.map(|by_ztor| Extension::SuperSeeding { by_ztor });
    let fast = both.map(|by_ztor| Extension::Fast { by_ztor });
    let read_only = both.map(|is_ztor| Extension::ReadOnly { is_ztor });
    [
        slow.to_vec(),
        super_seeding.to_vec(),
        fast.to_vec(),
        read_only.to_vec(),
        ports.to_vec(),
        others.to_vec(),
    ]
    .concat()
}

/// Runs a case, as [`transfer::run`](super::transfer::run) does.
///
/// # Errors
/// If a client fails, the extension is not used, or the data differs.
pub(super) fn run(case: Extension, env: &CaseEnv<'_>) -> Result<()> {
    let net = match case {
        Extension::ReadOnly { .. } => env.network_with_nat()?,
        _ => env.network()?,
    };
    let hosts = Hosts { net: &net, env };
    match case {
        Extension::SuperSeeding { by_ztor } => super_seeding(by_ztor, &hosts),
        Extension::BlockHashes => block_hashes(&hosts),
        Extension::LostPieces => lost_pieces(&hosts),
        Extension::Publisher => publisher(&hosts),
        Extension::Fast { by_ztor: true } => fast::ztor_serves(&hosts),
        Extension::Fast { by_ztor: false } => fast::other_serves(&hosts),
        Extension::TrackerPorts(transport) => tracker_ports::run(&hosts, transport),
        Extension::Signatures => signed::signatures(&hosts),
        Extension::Update => signed::update(&hosts),
        Extension::ReadOnly { is_ztor: true } => read_only::ztor(&hosts),
        Extension::ReadOnly { is_ztor: false } => read_only::other(&hosts),
        Extension::Addresses => addresses::run(&hosts),
        Extension::Leeches => leeches::run(&hosts),
    }
}

fn super_seeding(by_ztor: bool, hosts: &Hosts<'_>) -> Result<()> {
    const CONTENT: Content = Content::Even;
    let CaseEnv { dir, payloads, .. } = hosts.env;
    let patience = hosts.env.patience(LIMIT);
    let (source, first) = hosts.env.folders(CONTENT)?;
    let second = dir.join("second");
    std::fs::create_dir_all(&second)?;
    let torrent = hosts.env.make_torrent(&source.join(CONTENT.name()))?;
    let seed = address(Host::Seeder);
    let mut seeder = if by_ztor {
        let seed = hosts.ztor()?.arg("seed").arg(&torrent).arg(&source).args(QUIET);
        hosts.start(&seed.args(["--super-seeding", "--limit-up", RATE]), Host::Seeder, "seeder")?
    } else {
        let options = ["--super-seeding", "--limit-up", RATE_BYTES];
        hosts.libtorrent(Host::Seeder, "seeder", &options, &source, &torrent)?
    };
    patience.until("the seeder serves", PAUSE, || {
        seeder.expect_alive()?;
        Ok(seeder.log_text()?.contains(if by_ztor { "Seeding" } else { "DONE" }))
    })?;
    let leech = |host, name, data: &Path, peers: &[&str]| -> Result<Process> {
        if by_ztor {
            let peers: Vec<&str> = peers.iter().flat_map(|peer| ["--connect", peer]).collect();
            return hosts.libtorrent(host, name, &peers, data, &torrent);
        }
        let get = hosts.ztor()?.arg("get").arg(&torrent).arg("--output").arg(data).args(QUIET);
        hosts.start(&get.args(peers.iter().flat_map(|peer| ["--peer", peer])), host, name)
    };
    let other = address(Host::Leecher);
    let mut leechers = [
        leech(Host::Leecher, "leecher", &first, &[&seed])?,
        leech(Host::Tracker, "second", &second, &[&seed, &other])?,
    ];
    for leecher in &mut leechers {
        patience.until("the leechers have everything", PAUSE, || {
            if by_ztor {
                leecher.expect_alive()?;
                return Ok(leecher.log_text()?.contains("DONE"));
            }
            ended_well(leecher)
        })?;
    }
    if by_ztor {
        let sent = hosts.net.counters(Host::Seeder, "eth0")?.sent_bytes;
        let len = std::fs::metadata(source.join(CONTENT.name()))?.len();
        #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
        let copies = sent as f64 / len as f64;
        ensure!(copies < SPREAD, "the seed sent {copies:.2} copies for the first one");
    }
    payloads.compare(CONTENT, &first, EmptyFiles::Needed).context("comparing the files of the first")?;
    payloads.compare(CONTENT, &second, EmptyFiles::Needed).context("comparing the files of the second")
}

fn block_hashes(hosts: &Hosts<'_>) -> Result<()> {
    const CONTENT: Content = Content::Even;
    // Distance of the bad bytes.
    const STEP: u64 = 256 * 1024;
    let CaseEnv { dir, payloads, .. } = hosts.env;
    let patience = hosts.env.patience(LIMIT);
    let (source, target) = hosts.env.folders(CONTENT)?;
    let bad = dir.join("bad");
    payloads.copy(CONTENT, &bad)?;
    let torrent = hosts.env.torrent();
    let create = hosts.ztor()?.args(["create", "--format", "hybrid", "--piece-length", "4MiB", "--output"]);
    create.arg(&torrent).arg(source.join(CONTENT.name())).output(None, dir).context("making the torrent")?;
    // Seeds share pieces that take them long, so that the hash of a piece does not tell whose block is bad.
    let options = ["--log-peers", "--limit-up", "400000"];
    let good = hosts.libtorrent(Host::Seeder, "seeder", &options, &source, &torrent)?;
    let liar = hosts.libtorrent(Host::Tracker, "liar", &options, &bad, &torrent)?;
    for seeder in [&good, &liar] {
        patience.until("the seeders serve", PAUSE, || Ok(seeder.log_text()?.contains("DONE")))?;
    }
    // It checks its data at the start, and not again.
    spoil(&bad.join(CONTENT.name()), STEP, 16 * 1024)?;
    let peers = [address(Host::Seeder), address(Host::Tracker)];
    let get = hosts.ztor()?.arg("get").arg(&torrent).arg("--output").arg(&target).args(QUIET);
    let get = get.args(peers.iter().flat_map(|peer| ["--peer", peer]));
    let mut leecher = hosts.start(&get, Host::Leecher, "leecher")?;
    patience.until("the leecher has everything", PAUSE, || ended_well(&mut leecher))?;
    // The liar answers as well: its hashes are those of the torrent, which convict it.
    let is_asked = good.log_text()?.contains("HASH_REQUEST") || liar.log_text()?.contains("HASH_REQUEST");
    ensure!(is_asked, "nobody was asked for the hashes of blocks");
    let is_banned = leecher.log_text()?.contains("bad data");
    ensure!(is_banned, "the sender of bad blocks was not banned");
    payloads.compare(CONTENT, &target, EmptyFiles::Needed).context("comparing the files")
}

fn lost_pieces(hosts: &Hosts<'_>) -> Result<()> {
    const CONTENT: Content = Content::Even;
    let CaseEnv { dir, .. } = hosts.env;
    let patience = hosts.env.patience(LIMIT);
    let (source, target) = hosts.env.folders(CONTENT)?;
    let file = source.join(CONTENT.name());
    let torrent = hosts.env.make_torrent(&file)?;
    let daemon = ["--dht", "false", "--local-discovery", "false", "--listen", "", "--port", PORT];
    let daemon = hosts.ztor()?.arg("daemon").args(daemon).arg("--download-dir").arg(&source);
    let mut daemon = hosts.start(&daemon, Host::Seeder, "seeder")?;
    let namespace = hosts.net.namespace(Host::Seeder);
    let ask = |arguments: &[&str]| -> Result<String> {
        hosts.ztor()?.args(arguments).output(Some(&namespace), &dir.join("seeder-home"))
    };
    let path = torrent.to_string_lossy();
    patience.until("the daemon takes the torrent", PAUSE, || {
        daemon.expect_alive()?;
        Ok(ask(&["add", &path]).is_ok())
    })?;
    let progress = || -> Result<f64> {
        let list = ask(&["list", "--json"])?;
        let torrent: serde_json::Value = serde_json::from_str(list.lines().next().unwrap_or("null"))?;
        Ok(torrent["progress"].as_f64().unwrap_or(0.0))
    };
    patience.until("the daemon has everything", PAUSE, || Ok(progress()? >= 1.0))?;
    let peer = address(Host::Seeder);
    let options = ["--idle", "--log-peers", "--connect", &peer];
    let other = hosts.libtorrent(Host::Leecher, "leecher", &options, &target, &torrent)?;
    let logged = |word: &str| -> Result<usize> { Ok(other.log_text()?.matches(word).count()) };
    patience.until("libtorrent hears that we only upload", PAUSE, || {
        Ok(logged("HAVE_ALL")? + logged("BITFIELD")? > 0)
    })?;
    let whole = std::fs::read(&file)?;
    spoil(&file, 1 << 20, 32 * 1024)?;
    ask(&["recheck", "id:1"])?;
    patience.until("libtorrent hears of the lost pieces", PAUSE, || Ok(logged("DONT_HAVE")? >= 8))?;
    std::fs::write(&file, whole)?;
    let before = logged("<== HAVE ")?;
    ask(&["recheck", "id:1"])?;
    patience.until("libtorrent hears of the pieces that are back", PAUSE, || {
        Ok(logged("<== HAVE ")? >= before + 8)
    })?;
    patience.until("libtorrent hears that we upload only again", PAUSE, || Ok(logged("UPLOAD_ONLY")? >= 2))
}

fn publisher(hosts: &Hosts<'_>) -> Result<()> {
    const CONTENT: Content = Content::Small;
    let CaseEnv { dir, payloads, tools, .. } = hosts.env;
    let patience = hosts.env.patience(LIMIT);
    let (source, target) = hosts.env.folders(CONTENT)?;
    let torrent = hosts.env.make_torrent(&source.join(CONTENT.name()))?;
    let mut dht = finding::start_dht(hosts.net, dir, tools)?;
    patience.until("the DHT is ready", PAUSE, || {
        dht.expect_alive()?;
        Ok(dht.log_text()?.contains("READY"))
    })?;
    let entry = address(Host::Tracker);
    let seeder = hosts.libtorrent(Host::Seeder, "seeder", &["--dht", &entry], &source, &torrent)?;
    patience.until("the seeder serves", PAUSE, || Ok(seeder.log_text()?.contains("DONE")))?;
    patience.until("the seeder announces itself in the DHT", PAUSE, || {
        Ok(dht.log_text()?.contains(&format!("{}\n", address(Host::Seeder))))
    })?;
    let (namespace, home) = (hosts.net.namespace(Host::Tracker), dir.join("publisher-home"));
    std::fs::create_dir_all(&home)?;
    let key = dir.join("publisher.key");
    let made = hosts.ztor()?.args(["dht", "key"]).arg(&key).args(["--salt", "lab"]);
    made.output(None, &home).context("making the key")?;
    let ip = Host::Tracker.ip().to_string();
    let publish = hosts.ztor()?.args(["dht", "publish"]).arg(&torrent).arg("--key").arg(&key);
    let publish = publish.args(["--salt", "lab", "--bind", &ip, "--dht-bootstrap", &entry]);
    let printed = publish.output(Some(&namespace), &home).context("publishing")?;
    let link = printed.split_whitespace().find(|word| word.starts_with("magnet:?xs=urn:btpk:"));
    let link = link.with_context(|| format!("no link in {printed:?}"))?;
    let get = hosts.ztor()?.args(["get", link, "--output"]).arg(&target).args(["--no-pex", "--no-lsd"]);
    let get = get.args(["--port", PORT, "--log-level", "debug", "--dht-bootstrap", &entry]);
    let mut leecher = hosts.start(&get, Host::Leecher, "leecher")?;
    patience.until("the leecher has everything", PAUSE, || ended_well(&mut leecher))?;
    payloads.compare(CONTENT, &target, EmptyFiles::Needed).context("comparing the files")
}

/// Changes one byte in every `step` bytes, from `offset` on.
fn spoil(path: &Path, step: u64, offset: u64) -> Result<()> {
    let mut file = std::fs::File::options().read(true).write(true).open(path)?;
    let len = file.metadata()?.len();
    let mut at = offset;
    while at < len {
        let mut byte = [0];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut byte)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&[!byte[0]])?;
        at += step;
    }
    Ok(())
}
