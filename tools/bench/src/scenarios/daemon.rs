//! A daemon with thousands of idle torrents of 1,500 pieces and 20 files, and the session alone with the same ones. Ends
//! within five minutes.

use super::api_client::{Client, Follower};
use super::files;
use crate::figure::Report;
use crate::usage;
use anyhow::{Context, bail, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use ztor_api::{AddOptions, ListQuery, State};
use ztor_bencode::Tree;
use ztor_daemon::settings::{Resolved, Sources};
use ztor_daemon::{Daemon, DaemonConfig, DatabaseResumeStore, NewContent, Store};
use ztor_metainfo::{Bulk, BulkError, BulkSource, Metainfo};
use ztor_server::api::{Listening, ServeConfig};
use ztor_session::{AddTorrent, Config, ResumeKey, ResumeStore as _, Session};
use ztor_storage::FileStamp;
use ztor_storage::resume::Resume;

const FILES: usize = 20;
const PIECES_PER_FILE: usize = 75;
const PIECE: usize = 16 << 10;
const LIMIT: Duration = Duration::from_secs(120);
const WATCHED: Duration = Duration::from_secs(20);
/// Number of front ends that follow the list and receive nothing.
const FOLLOWERS: usize = 20;
/// Time from the end of the start until nothing of it is under way: idle threads end after 10 seconds.
const SETTLING: Duration = Duration::from_secs(14);
/// Number of list requests that are timed.
const REQUESTS: usize = 400;
/// Rate of each of the two transfers during them, in bytes per second.
const RATE: u64 = 50_000_000;
/// Maximum number of names of one file that every file system allows.
const MAX_LINKS: usize = 30_000;

/// Variable with the folder for the process that fills the daemon.
const FILL: &str = "ZTOR_BENCH_FILL";

/// Folders of a scenario.
struct Place {
    data: PathBuf,
    state: PathBuf,
}

impl Place {
    fn new(dir: &Path) -> Self {
        Self { data: dir.join("data"), state: dir.join("state") }
    }
}

pub(crate) fn run(count: usize, dir: &Path, report: &mut Report) -> anyhow::Result<()> {
    let filling = std::env::var_os(FILL).map(PathBuf::from);
    let dir = filling.as_deref().unwrap_or(dir);
    let place = Place::new(dir);
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    if filling.is_some() {
        return fill(count, dir, &place, &runtime()?, report);
    }
    fill_in_a_child(dir, report)?;
    let runtime = runtime()?;
    let (resident, cpu, begun) = (usage::resident_bytes(), usage::cpu_time(), Instant::now());
    let daemon = start(&place, &runtime)?;
    report.add("answers", begun.elapsed().as_secs_f64(), "s", "from the start until the first list");
    wait_until_all_seed(&daemon, count)?;
    report.add(
        "all seed",
        begun.elapsed().as_secs_f64(),
        "s",
        "from the start until all are loaded and seed",
    );
    report.add("start cpu", (usage::cpu_time() - cpu).as_secs_f64(), "CPU-s", "all threads");
    let socket = dir.join("socket");
    let config = ServeConfig { socket: socket.clone(), ..ServeConfig::default() };
    let about = ztor_api::Daemon {
        name: String::new(),
        version: String::new(),
        peer_addr: String::new(),
        api_addrs: Vec::new(),
        web_url: None,
        state_dir: String::new(),
        pid: 0,
    };
    let listening = Listening::start(&daemon, &config, about, runtime.handle())?;
    std::thread::sleep(SETTLING);
    report_resident(report, resident, count);
    report_idle("idle", report);
    let followers =
        (0..FOLLOWERS).map(|_| Follower::open(&socket)).collect::<anyhow::Result<Vec<Follower>>>()?;
    report_idle(&format!("idle, {FOLLOWERS} WebSockets"), report);
    drop(followers);

    transfer(&daemon, &runtime, dir)?;
    let mut times = Vec::with_capacity(REQUESTS);
    let mut client = Client::open(&socket)?;
    for request in 0..REQUESTS {
        let sort = ["name", "-up", "added", "-size", "progress"][request % 5];
        let path = format!("/torrents?sort={sort}&offset={}&limit=100&counts=true", request * 20 % count);
        let begun = Instant::now();
        client.get(&path)?;
        times.push(begun.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    times.sort_unstable();
    let statistics = daemon.statistics();
    let note = format!("two transfers, {} MB/s in all", statistics.down_per_s / 1_000_000);
    for (name, share) in [("list p50", 50), ("list p99", 99), ("list max", 100)] {
        let at = (times.len() * share / 100).saturating_sub(1);
        report.add(name, times[at].as_secs_f64() * 1e3, "ms", note.clone());
    }
    drop(listening);
    ensure!(daemon.end(Duration::ZERO, LIMIT), "the daemon does not end within {LIMIT:?}");
    Ok(())
}

/// A torrent file, from which the session loads what it does not keep in memory.
#[derive(Debug)]
struct TorrentFile(PathBuf);

impl BulkSource for TorrentFile {
    fn load(&self) -> Result<Arc<Bulk>, BulkError> {
        let bytes = std::fs::read(&self.0).map_err(|error| BulkError(error.to_string()))?;
        Metainfo::from_bytes(&bytes).map_err(|error| BulkError(error.to_string()))?.bulk()
    }

    fn in_memory(&self) -> Option<Arc<Bulk>> {
        None
    }
}

/// Prepares the scenario in a process of its own, whose memory does not count.
fn fill_in_a_child(dir: &Path, report: &Report) -> anyhow::Result<()> {
    let mut child = std::process::Command::new(std::env::current_exe()?);
    child.args(["scenarios", "--only", report.scenario()]).env(FILL, dir);
    ensure!(child.status()?.success(), "cannot prepare the scenario");
    Ok(())
}

pub(crate) fn run_bare(count: usize, dir: &Path, report: &mut Report) -> anyhow::Result<()> {
    let filling = std::env::var_os(FILL).map(PathBuf::from);
    let dir = filling.as_deref().unwrap_or(dir);
    let place = Place::new(dir);
    let path = dir.join("torrents");
    if filling.is_some() {
        std::fs::create_dir(&path)?;
        for (number, bytes) in prepare(count, dir, &place)?.iter().enumerate() {
            std::fs::write(path.join(number.to_string()), bytes)?;
        }
        return Ok(());
    }
    fill_in_a_child(dir, report)?;
    let (store, _) = Store::open(&place.state)?;
    let (resident, begun) = (usage::resident_bytes(), Instant::now());
    let config = Config::default()
        .bind(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST).into())
        .port(0)
        .state_dir(None)
        .resume_store(Some(Arc::new(DatabaseResumeStore::new(Arc::new(store)))));
    let session = Session::start(config)?;
    let mut replies = Vec::new();
    for number in 0..count {
        let file = path.join(number.to_string());
        let meta = Metainfo::from_bytes(&std::fs::read(&file)?)?.with_source(Arc::new(TorrentFile(file)));
        replies.push(session.add(AddTorrent::new(Arc::new(meta), &place.data)));
        if replies.len() >= 64 {
            for reply in replies.drain(..) {
                reply.wait()?;
            }
        }
    }
    for reply in replies {
        reply.wait()?;
    }
    while session.snapshot().torrents.iter().any(|torrent| torrent.have_pieces == 0) {
        ensure!(begun.elapsed() < LIMIT, "the torrents are not checked within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    report.add("all seed", begun.elapsed().as_secs_f64(), "s", "from the start until all seed");
    std::thread::sleep(SETTLING);
    report_resident(report, resident, count);
    report_idle("idle", report);
    if !session.shutdown(LIMIT) {
        bail!("the session does not end within {LIMIT:?}");
    }
    Ok(())
}

/// Adds the torrents, and ends the daemon.
fn fill(
    count: usize,
    dir: &Path,
    place: &Place,
    runtime: &Runtime,
    report: &mut Report,
) -> anyhow::Result<()> {
    let torrents = prepare(count, dir, place)?;
    let daemon = start(place, runtime)?;
    let begun = Instant::now();
    runtime.block_on(async {
        for bytes in &torrents {
            let meta = NewContent::Metainfo(Arc::new(Metainfo::from_bytes(bytes)?));
            daemon.add_content(meta, &AddOptions::default()).await?;
        }
        anyhow::Ok(())
    })?;
    report.add("added", begun.elapsed().as_secs_f64(), "s", "one by one, each durable");
    wait_until_all_seed(&daemon, count)?;
    ensure!(daemon.end(Duration::ZERO, LIMIT), "the daemon does not end within {LIMIT:?}");
    Ok(())
}

fn report_resident(report: &mut Report, before: u64, count: usize) {
    let resident = usage::resident_bytes().saturating_sub(before);
    report.add("resident", resident as f64 / 1048576.0, "MiB", "");
    report.add("resident per torrent", resident as f64 / count as f64, "bytes", "");
}

fn report_idle(what: &str, report: &mut Report) {
    let (cpu, threads) = (usage::cpu_time(), usage::threads());
    std::thread::sleep(WATCHED);
    let share = (usage::cpu_time() - cpu).as_secs_f64() / WATCHED.as_secs_f64();
    report.add(&format!("{what}: cpu"), share * 100.0, "% of a core", format!("over {WATCHED:?}"));
    for name in usage::threads().keys() {
        let used = usage::thread_since(&threads, name).cpu.as_secs_f64() / WATCHED.as_secs_f64();
        if used > 0.0002 {
            report.add(&format!("{what}: cpu of {name}"), used * 100.0, "% of a core", "");
        }
    }
}

/// Makes torrents of zeros, their files, and resume data that says that all of it was checked. Returns the torrent files.
fn prepare(count: usize, dir: &Path, place: &Place) -> anyhow::Result<Vec<Vec<u8>>> {
    std::fs::create_dir_all(&place.data)?;
    let len = (PIECES_PER_FILE * PIECE) as u64;
    let source = |number: usize| dir.join(format!("zeros-{number}"));
    let hash = {
        let path = dir.join("piece");
        std::fs::write(&path, vec![0; PIECE])?;
        files::torrent_of(&path)?.bulk()?.hashes().v1(0).context("no hash")?
    };
    let (store, _) = Store::open(&place.state)?;
    let resume = DatabaseResumeStore::new(Arc::new(store));
    let mut torrents = Vec::with_capacity(count);
    let mut stamp = FileStamp { len, mtime_ns: 0 };
    for number in 0..count {
        let name = format!("torrent {number:05}");
        let folder = place.data.join(&name);
        std::fs::create_dir(&folder)?;
        for file in 0..FILES {
            let link = number * FILES + file;
            let source = source(link / MAX_LINKS);
            if link.is_multiple_of(MAX_LINKS) {
                std::fs::File::create(&source)?.set_len(len)?;
                let changed = std::fs::metadata(&source)?.modified()?;
                let since = changed.duration_since(std::time::UNIX_EPOCH)?;
                stamp.mtime_ns = i64::try_from(since.as_nanos())?;
            }
            std::fs::hard_link(&source, folder.join(format!("file {file:02}.bin")))?;
        }
        let bytes = torrent(&name, len, hash.as_ref());
        let meta = Metainfo::from_bytes(&bytes)?;
        let pieces = meta.layout.piece_count() as usize;
        let mut have = vec![0xff; pieces.div_ceil(8)];
        if let Some(last) = have.last_mut() {
            *last <<= have_spare(pieces);
        }
        let record = Resume {
            have,
            stamps: vec![stamp; FILES],
            own: vec![true; FILES],
            ..Resume::new(meta.info_hashes, &place.data)
        };
        let key = ResumeKey { swarm: meta.info_hashes.swarm_id(), dir: place.data.clone() };
        resume.save(&key, &record.to_bytes())?;
        torrents.push(bytes);
    }
    resume.sync()?;
    Ok(torrents)
}

fn have_spare(pieces: usize) -> u32 {
    (pieces.div_ceil(8) * 8 - pieces) as u32
}

fn torrent(name: &str, len: u64, hash: &[u8]) -> Vec<u8> {
    let file = |number: usize| {
        let path = Tree::List(vec![format!("file {number:02}.bin").as_str().into()]);
        Tree::dict([("length", Tree::Int(len as i64)), ("path", path)])
    };
    let info = Tree::dict([
        ("files", Tree::List((0..FILES).map(file).collect())),
        ("name", name.into()),
        ("piece length", Tree::Int(PIECE as i64)),
        ("pieces", Tree::Bytes(hash.repeat(FILES * PIECES_PER_FILE))),
    ]);
    Tree::dict([("info", info)]).to_vec()
}

fn settings(place: &Place) -> anyhow::Result<Resolved> {
    let flags = [
        ("download_dir", place.data.display().to_string()),
        ("bind", "127.0.0.1".to_owned()),
        ("port", "0".to_owned()),
        ("listen", String::new()),
    ];
    let flags = flags.map(|(key, value)| (key.to_owned(), format!("--{key}"), value));
    Sources::new(None).flags(flags).resolve().map_err(|errors| anyhow::anyhow!("{errors:?}"))
}

fn start(place: &Place, runtime: &Runtime) -> anyhow::Result<Daemon> {
    let (store, salvage) = Store::open(&place.state)?;
    let config =
        DaemonConfig { state_dir: place.state.clone(), settings: settings(place)?, port_is_fixed: false };
    Ok(Daemon::start(store, salvage, config, runtime.handle().clone())?.daemon)
}

fn wait_until_all_seed(daemon: &Daemon, count: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    let query =
        ListQuery { state: vec![State::Seeding.name().to_owned()], limit: Some(0), ..ListQuery::default() };
    loop {
        let list = daemon.list(&query)?;
        if list.total == count {
            return Ok(());
        }
        if begun.elapsed() > LIMIT {
            let counts =
                daemon.list(&ListQuery { counts: true, limit: Some(0), ..ListQuery::default() })?.counts;
            bail!("{} of {count} seed within {LIMIT:?}: {counts:?}", list.total);
        }
        // A look takes time in proportion to the number of torrents.
        std::thread::sleep(Duration::from_micros(2 * count as u64).max(Duration::from_millis(20)));
    }
}

/// Starts two downloads at a limited rate, which outlast the scenario.
fn transfer(daemon: &Daemon, runtime: &Runtime, dir: &Path) -> anyhow::Result<()> {
    let seeds = dir.join("seeds");
    std::fs::create_dir(&seeds)?;
    let (seed, metas) = files::seeding(&seeds, 2, 1 << 30, LIMIT)?;
    let limits = ztor_api::Limits { down_per_s: Some(RATE), up_per_s: None };
    for meta in metas {
        let options =
            AddOptions { peers: vec![seed.local_addr().to_string()], limits, ..AddOptions::default() };
        runtime.block_on(daemon.add_content(NewContent::Metainfo(meta), &options))?;
    }
    let begun = Instant::now();
    while daemon.statistics().down_per_s < RATE {
        ensure!(begun.elapsed() < LIMIT, "the transfers do not start within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    // It serves until the process ends.
    std::mem::forget(seed);
    Ok(())
}
