//! `ztor seed`: checks existing data and seeds it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ztor_metainfo::Metainfo;
use ztor_session::AddTorrent;

use crate::args::{DataArgs, SeedArgs};
use crate::check;
use crate::console::Console;
use crate::display::Display;
use crate::exit::{CliError, Exit, Report, of_many};
use crate::open::{self, Source};
use crate::runner::{self, Goal, Runner};
use crate::select::data_dir;
use crate::stop::Stop;

pub(super) fn run(args: &SeedArgs, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let peers = runner::peers_for(&args.net, &args.peer)?;
    args.net.proxy.warning().into_iter().for_each(|warning| console.warn(warning));
    let Some((torrents, lost)) = load_all(&args.data, console, stop)? else { return Ok(Exit::Interrupted) };
    if torrents.is_empty()
        && let Some(error) = of_many(&lost, lost.len())
    {
        lost.iter().skip(1).for_each(|report| console.warn(&report.message));
        return Err(error.into());
    }
    let mut runner = Runner::start(&args.net, runner::state_dir(console), Display::new(console))?;
    lost.into_iter().for_each(|report| runner.lose(report));
    for (meta, dir) in torrents {
        let add = AddTorrent::new(meta, dir)
            .read_only(true)
            .recheck(args.recheck)
            .super_seeding(args.super_seeding)
            .peers(peers.clone());
        if let Err(error) = runner.add(add) {
            runner.lose(Report::of(&error));
        }
    }
    let result = runner.run(Goal::Serve, stop);
    runner.end(stop.is_set());
    result
}

/// A torrent and the folder that contains its data.
type Data = (Arc<Metainfo>, PathBuf);

/// Returns the torrents, each once, and reports on those that cannot be used; `None` if the user stopped it.
fn load_all(
    args: &DataArgs,
    console: &Console,
    stop: &Stop,
) -> anyhow::Result<Option<(Vec<Data>, Vec<Report>)>> {
    let mut torrents: Vec<Data> = Vec::new();
    let mut lost = Vec::new();
    for (torrent, path) in pairs(args)? {
        let loaded = load_one(torrent, path).and_then(|(meta, dir)| {
            let Some(meta) = check::complete(&meta, &dir, console, stop)? else { return Ok(None) };
            Ok(Some((meta, dir)))
        });
        let loaded = match loaded {
            Ok(Some(data)) => Ok(data),
            Ok(None) => return Ok(None),
            Err(error) => Err(error),
        };
        match loaded {
            Ok((meta, _)) if torrents.iter().any(|(other, _)| other.info_hashes == meta.info_hashes) => {
                let shown = torrent.display();
                console.warn(&format!("skipped {shown}: it is the same torrent as an earlier argument"));
            }
            Ok((meta, dir)) if !meta.is_v1() && !meta.has_all_hashes() => {
                let message = format!(
                    "cannot seed {}: it has no piece layers for some files, and these files in {} do not match as \
                     a whole",
                    torrent.display(),
                    dir.display()
                );
                lost.push(Report {
                    exit: Exit::Failed,
                    message,
                    hint: Some("`ztor verify` lists them".into()),
                });
            }
            Ok(data) => {
                open::notice(&data.0).into_iter().for_each(|notice| console.warn(&notice));
                torrents.push(data);
            }
            Err(error) => lost.push(Report::of(&error)),
        }
    }
    Ok(Some((torrents, lost)))
}

/// Reads a torrent file, and finds the folder that contains its data.
pub(super) fn load_one(torrent: &OsStr, path: &Path) -> anyhow::Result<Data> {
    let Source::File(file) = Source::parse(torrent) else {
        let message = format!("cannot use {}: a torrent file is needed here", torrent.display());
        return Err(CliError::usage(message)
            .hint("`ztor get --metadata-only` writes the torrent file of a magnet link")
            .into());
    };
    let meta = Arc::new(open::torrent_file(file)?);
    let dir = data_dir(&meta, path)?;
    Ok((meta, dir))
}

/// Returns the torrents of the arguments with the paths of their data.
pub(super) fn pairs(args: &DataArgs) -> Result<Vec<(&OsStr, &Path)>, CliError> {
    if let Some(dir) = &args.dir {
        return Ok(args.torrents.iter().map(|torrent| (torrent.as_os_str(), dir.as_path())).collect());
    }
    let (pairs, rest) = args.torrents.as_chunks::<2>();
    if let [last] = rest {
        return Err(CliError::usage(format!("cannot use {}: no PATH follows it", last.display()))
            .hint("write TORRENT PATH pairs, or --in DIR and torrents only"));
    }
    Ok(pairs.iter().map(|[torrent, path]| (torrent.as_os_str(), Path::new(path))).collect())
}
