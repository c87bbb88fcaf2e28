//! `ztor get`: downloads and verifies torrents, and seeds them if asked.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use ztor_metainfo::paths::with_extension;
use ztor_metainfo::{InfoHashes, Magnet, Metainfo};
use ztor_session::{
    AddTorrent, Allocation, ContentLayout, FileNames, FilePatterns, Route, ShareFiles, TorrentId, Use,
    WebSource, named_web_seeds,
};
use ztor_storage::as_found;

use super::create::check_url;
use crate::args::{Allocate, Folder, GetArgs};
use crate::check;
use crate::console::Console;
use crate::display::Display;
use crate::exit::{CliError, Exit, Report, of_many};
use crate::magnet_cache;
use crate::open::{self, Opened};
use crate::runner::{self, Goal, Link, Next, OnMetadata, Rules, Runner, Seed};
use crate::select::Selection;
use crate::stop::Stop;

pub(super) fn run(args: &GetArgs, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    args.web_seed.iter().try_for_each(|url| check_url("--web-seed", url, &["http", "https"]))?;
    let selection = Selection::parse(&args.files)?;
    let exclude = FilePatterns::parse(&args.exclude)
        .map_err(|error| CliError::usage(format!("cannot use --exclude: {error}")))?;
    let names = names(args)?;
    let mut peers = runner::peers_for(&args.net, &args.peer)?;
    let route = args.net.route(Use::Peers)?;
    let Some(Wanted { mut torrents, mut links, mut lost }) = load_all(args, console, stop)? else {
        return Ok(Exit::Interrupted);
    };
    args.net.proxy.warning().into_iter().for_each(|warning| console.warn(warning));
    let state_dir = runner::state_dir(console);
    // Metadata of an earlier run need not be fetched again, and the swarm may no longer have it.
    if let Some(dir) = &state_dir {
        links.retain(|link| {
            let may_recall = !args.metadata_only && link.magnet.select.is_empty();
            let known = magnet_cache::recall(dir, &link.magnet).filter(|_| may_recall);
            let is_new = known.is_none();
            if let Some(meta) = known {
                peers.extend(linked_peers(&link.magnet, &route, console));
                torrents.push(meta);
            }
            is_new
        });
    }
    if args.metadata_only {
        return fetch_metadata(args, Wanted { torrents, links, lost }, peers, console, stop);
    }
    let Some(completed) = complete(&mut links, &mut lost, args, console, stop) else {
        return Ok(Exit::Interrupted);
    };
    torrents.extend(completed);
    let plan = Plan { selection, exclude, names, peers, args: args.clone() };
    let mut adds = Vec::new();
    torrents.retain(|meta| match plan.add(meta, &[]) {
        Ok(add) => {
            adds.push(add);
            true
        }
        Err(error) => {
            lost.push(Report::of(&error));
            false
        }
    });
    if let Some(error) = nothing_left(adds.len() + links.len(), &lost, console) {
        return Err(error.into());
    }
    prepare_output(&args.output, links.is_empty().then_some(&torrents))?;
    let rules = Rules { max_downloads: args.max_downloads, ratio: args.seed_ratio };
    let mut runner = Runner::start_by(rules, &args.net, state_dir.clone(), Display::new(console))?;
    lost.into_iter().for_each(|report| runner.lose(report));
    let is_lonely = |meta: &&Arc<Metainfo>| {
        let has_web_seeds =
            !meta.web_seeds.is_empty() || !meta.http_seeds.is_empty() || !args.web_seed.is_empty();
        meta.trackers.is_empty() && plan.peers.is_empty() && !has_web_seeds
    };
    for meta in torrents.iter().filter(is_lonely) {
        if meta.private || !runner.finds_peers() {
            console.warn(&format!(
                "no source of peers for {}: it has no tracker, and waits for incoming connections; give a peer with \
                 --peer",
                meta.name
            ));
        }
    }
    for add in adds {
        if let Err(error) = runner.add(add) {
            runner.lose(Report::of(&error));
        }
    }
    let magnets = add_links(&mut runner, links, &plan.peers);
    let seed = Seed { always: args.seed, ratio: args.seed_ratio.is_some(), time: args.seed_time };
    let goal = Goal::Fetch { seed, give_up: args.give_up };
    let result = loop {
        match runner.next(goal, stop) {
            Next::Metadata(id, meta) => {
                if let Some(dir) = &state_dir {
                    magnet_cache::keep(dir, &meta);
                }
                let wanted = magnets.get(&id).map_or_else(Vec::new, |magnet| linked_files(magnet, &meta));
                let answer = plan.add(&meta, &wanted).map(|add| OnMetadata::Start(Box::new(add)));
                runner.answer(id, answer, goal);
            }
            Next::End(result) => break result,
        }
    };
    runner.end(stop.is_set());
    result
}

/// Adds torrents whose metadata is missing. Returns their magnet links.
fn add_links(runner: &mut Runner, links: Vec<Link>, peers: &[SocketAddr]) -> HashMap<TorrentId, Magnet> {
    let mut magnets = HashMap::new();
    for link in links {
        let magnet = link.magnet.clone();
        match runner.add_link(link, peers.to_vec()) {
            Ok(id) => _ = magnets.insert(id, magnet),
            Err(error) => runner.lose(Report::of(&error)),
        }
    }
    magnets
}

/// Returns the layout and the suffix of the files.
fn names(args: &GetArgs) -> Result<FileNames, CliError> {
    let mut names = FileNames::new(match args.layout {
        Folder::Original => ContentLayout::Original,
        Folder::Subfolder => ContentLayout::Subfolder,
        Folder::NoSubfolder => ContentLayout::NoSubfolder,
    });
    let suffix = args.part_suffix.clone().unwrap_or_default();
    names
        .set_suffix(suffix)
        .map_err(|error| CliError::usage(format!("cannot use --part-suffix: {error}")))?;
    Ok(names)
}

/// Returns true for each file that a magnet link selects (BEP 53), by index; empty if the link has no selection.
fn linked_files(magnet: &Magnet, meta: &Metainfo) -> Vec<bool> {
    match magnet.select.is_empty() {
        true => Vec::new(),
        false => (0..meta.layout.files().len()).map(|file| magnet.selects(file)).collect(),
    }
}

/// Removes and returns the torrents in `links` whose piece layers the data on disk completes; `None` if the user
/// stopped it.
fn complete(
    links: &mut Vec<Link>,
    lost: &mut Vec<Report>,
    args: &GetArgs,
    console: &Console,
    stop: &Stop,
) -> Option<Vec<Arc<Metainfo>>> {
    let mut completed = Vec::new();
    for link in std::mem::take(links) {
        let Some(known) = &link.known else {
            links.push(link);
            continue;
        };
        match check::complete(known, &args.output, console, stop) {
            Ok(Some(meta)) if meta.has_all_hashes() => completed.push(meta),
            Ok(Some(meta)) => links.push(meta.into()),
            Ok(None) => return None,
            Err(error) => lost.push(Report::of(&error)),
        }
    }
    Some(completed)
}

/// Returns the addresses of the peers in a link. Warns about names that cannot be resolved.
fn linked_peers(magnet: &Magnet, route: &Route, console: &Console) -> Vec<SocketAddr> {
    let mut addrs = Vec::new();
    for peer in &magnet.peers {
        match route.resolve(peer) {
            Ok(found) => addrs.extend(found.into_iter().take(8)),
            Err(error) => console.warn(&format!("cannot find the peer {peer} of the magnet link: {error}")),
        }
    }
    addrs
}

/// Writes the torrent file of every magnet link, and fetches nothing else.
fn fetch_metadata(
    args: &GetArgs,
    wanted: Wanted,
    peers: Vec<SocketAddr>,
    console: &Console,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let Wanted { torrents, links, mut lost } = wanted;
    lost.extend(torrents.iter().map(|meta| Report {
        exit: Exit::Usage,
        message: format!("cannot use --metadata-only for {}: its metadata is already known", meta.name),
        hint: Some("give magnet links; `ztor show` shows the contents of a torrent file".into()),
    }));
    if let Some(error) = nothing_left(links.len(), &lost, console) {
        return Err(error.into());
    }
    prepare_output(&args.output, None)?;
    let mut runner = Runner::start(&args.net, runner::state_dir(console), Display::new(console))?;
    lost.into_iter().for_each(|report| runner.lose(report));
    let magnets = add_links(&mut runner, links, &peers);
    let goal = Goal::Fetch { seed: Seed::default(), give_up: args.give_up };
    let result = loop {
        match runner.next(goal, stop) {
            Next::Metadata(id, meta) => {
                let written = write_torrent(&args.output, magnets.get(&id), &meta);
                runner.answer(id, written.map(|()| OnMetadata::Finish), goal);
            }
            Next::End(result) => break result,
        }
    };
    runner.end(stop.is_set());
    result
}

/// Writes the torrent file of a magnet link into `dir`, with the web seeds of the link.
fn write_torrent(dir: &Path, magnet: Option<&Magnet>, meta: &Metainfo) -> anyhow::Result<()> {
    if !meta.has_all_hashes() {
        let error = CliError::new(
            Exit::Network,
            format!("cannot fetch the piece layers of {}: no peer has them", meta.name),
        );
        return Err(error
            .hint("try again later: the torrent is hybrid, and the peers found support only v1")
            .into());
    }
    let path = dir.join(with_extension(&meta.name, ".torrent"));
    let mut meta = meta.clone();
    if let Some(magnet) = magnet {
        meta.web_seeds.clone_from(&magnet.web_seeds);
    }
    write_new(&path, &meta.to_bytes()?)
}

/// Writes a file, but never over one with other contents: the name comes from the torrent.
fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    match std::fs::File::create_new(path) {
        Ok(mut file) => {
            let written = file.write_all(bytes);
            if written.is_err() {
                // A partial file would block the next attempt.
                let _ = std::fs::remove_file(path);
            }
            written.with_context(context)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if std::fs::read(path).is_ok_and(|found| found == bytes) {
                return Ok(());
            }
            let error = CliError::new(
                Exit::Storage,
                format!("cannot write {}: it exists with other contents", path.display()),
            );
            Err(error.hint("move it away, or choose another folder with -o").into())
        }
        Err(error) => Err(error).with_context(context),
    }
}

/// Torrents and links of the arguments, each once.
struct Wanted {
    torrents: Vec<Arc<Metainfo>>,
    links: Vec<Link>,
    /// Reports on arguments that cannot be used.
    lost: Vec<Report>,
}

/// Reads or fetches the torrents of all arguments; `None` if the user stopped it.
fn load_all(args: &GetArgs, console: &Console, stop: &Stop) -> anyhow::Result<Option<Wanted>> {
    let mut wanted = Wanted { torrents: Vec::new(), links: Vec::new(), lost: Vec::new() };
    for argument in &args.torrents {
        match open::open(argument, &args.net, stop) {
            Ok(Some(Opened::Torrent(meta))) if !wanted.knows(&meta.info_hashes) => {
                open::notice(&meta).into_iter().for_each(|notice| console.warn(&notice));
                match meta.has_all_hashes() {
                    true => wanted.torrents.push(Arc::new(*meta)),
                    false => wanted.links.push(Arc::new(*meta).into()),
                }
            }
            Ok(Some(Opened::Magnet(magnet))) if !wanted.knows(&magnet.info_hashes) => {
                wanted.links.push(magnet.into());
            }
            Ok(Some(_)) => {
                let shown = argument.display();
                console.warn(&format!("skipped {shown}: it is the same torrent as an earlier argument"));
            }
            Ok(None) => return Ok(None),
            Err(error) => wanted.lost.push(Report::of(&error)),
        }
    }
    Ok(Some(wanted))
}

/// Returns the error if no torrent is left.
fn nothing_left(left: usize, lost: &[Report], console: &Console) -> Option<CliError> {
    if left > 0 {
        return None;
    }
    // The first report becomes the command's error.
    lost.iter().skip(1).for_each(|report| console.warn(&report.message));
    of_many(lost, lost.len())
}

impl Wanted {
    fn knows(&self, hashes: &InfoHashes) -> bool {
        let torrents = self.torrents.iter().map(|meta| &meta.info_hashes);
        torrents
            .chain(self.links.iter().map(|link| &link.magnet.info_hashes))
            .any(|other| other.matches(hashes))
    }
}

/// Settings of every torrent, from a torrent file or from a magnet link.
struct Plan {
    selection: Option<Selection>,
    exclude: FilePatterns,
    names: FileNames,
    peers: Vec<SocketAddr>,
    args: GetArgs,
}

impl Plan {
    /// Makes the request for a torrent. `linked` has the files that a magnet link selects; empty for all. `--files` has
    /// precedence.
    fn add(&self, meta: &Arc<Metainfo>, linked: &[bool]) -> anyhow::Result<AddTorrent> {
        let wanted = match &self.selection {
            Some(selection) => Some(selection.wanted(meta)?),
            None => Some(linked.to_vec()).filter(|linked| !linked.is_empty()),
        };
        if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&true)) {
            return Err(CliError::usage(format!(
                "cannot select files of {}: it has none of those that the magnet link selects",
                meta.name
            ))
            .hint("choose files with --files")
            .into());
        }
        let allocate = match self.args.allocate {
            Allocate::Sparse => Allocation::Sparse,
            Allocate::Full => Allocation::Full,
        };
        Ok(AddTorrent::new(Arc::clone(meta), &self.args.output)
            .incomplete_dir(self.args.incomplete.clone())
            .names(self.names.clone())
            .share_files(if self.args.share_files { ShareFiles::HardLink } else { ShareFiles::No })
            .wanted(wanted)
            .exclude(&self.exclude)
            .sequential(self.args.sequential)
            .ends_first(self.args.ends_first)
            .overwrite(self.args.overwrite)
            .recheck(self.args.recheck)
            .peers(self.peers.clone())
            .web_seeds(web_seeds(meta, &self.args.web_seed))
            .allocate(allocate))
    }
}

/// Returns the web seeds of a torrent with those that the user has given; `None` without the latter.
fn web_seeds(meta: &Metainfo, given: &[String]) -> Option<Vec<WebSource>> {
    let mut seeds = named_web_seeds(meta);
    // A URL of the torrent that the user gives as well may lead where the user likes.
    seeds.retain(|seed| !given.contains(&seed.url));
    seeds.splice(0..0, given.iter().map(WebSource::given));
    (!given.is_empty()).then_some(seeds)
}

/// Creates the folder, and tests whether it is writable unless all torrents may have their data already.
fn prepare_output(dir: &Path, torrents: Option<&Vec<Arc<Metainfo>>>) -> anyhow::Result<()> {
    let cannot = || format!("cannot write to {}", dir.display());
    if dir.metadata().is_ok_and(|found| !found.is_dir()) {
        return Err(CliError::new(Exit::Storage, format!("{}: it is a file, not a folder", cannot()))
            .hint("choose a folder for the data with -o")
            .into());
    }
    std::fs::create_dir_all(dir).with_context(cannot)?;
    if torrents.is_some_and(|all| all.iter().all(|meta| dir.join(&as_found(meta, dir).name).exists())) {
        return Ok(());
    }
    match tempfile::tempfile_in(dir) {
        Ok(_) => Ok(()),
        Err(error) if is_denied(&error) => Err(error).with_context(cannot),
        // Other errors appear when data is written, with the name of the file.
        Err(_) => Ok(()),
    }
}

fn is_denied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
