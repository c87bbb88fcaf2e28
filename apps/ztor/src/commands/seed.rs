//! `ztor seed`: serve data that is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ztor_metainfo::Metainfo;
use ztor_session::AddTorrent;

use crate::args::SeedArgs;
use crate::console::Console;
use crate::display::Display;
use crate::exit::{Exit, Fault};
use crate::load::{self, Source};
use crate::select::data_dir;
use crate::stop::Stop;
use crate::swarm::{self, Goal, Swarm};

pub(super) fn run(args: &SeedArgs, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let peers = swarm::peers(&args.peer)?;
    let torrents = load_all(args, console)?;
    let mut swarm = Swarm::start(&args.net, swarm::state_dir(console), Display::new(console))?;
    for (meta, dir) in torrents {
        swarm.add(AddTorrent { read_only: true, peers: peers.clone(), ..AddTorrent::new(meta, dir) })?;
    }
    let result = swarm.run(Goal::Serve, stop);
    swarm.end(stop.is_set());
    result
}

/// The torrents, each once, with the folders that hold their data.
fn load_all(args: &SeedArgs, console: &Console) -> anyhow::Result<Vec<(Arc<Metainfo>, PathBuf)>> {
    let mut torrents: Vec<(Arc<Metainfo>, PathBuf)> = Vec::new();
    for (torrent, path) in pairs(args)? {
        let meta = match Source::parse(torrent) {
            Source::File(file) => load::torrent_file(file)?,
            Source::Url(_) | Source::Magnet(_) => {
                return Err(Fault::usage(format!("seed needs a torrent file, not {torrent}")).into());
            }
        };
        if torrents.iter().any(|(other, _)| other.info_hashes == meta.info_hashes) {
            console.warn(&format!("{torrent} is the same torrent as one before it; it is taken once"));
            continue;
        }
        let meta = Arc::new(meta);
        let dir = data_dir(&meta, path)?;
        torrents.push((meta, dir));
    }
    Ok(torrents)
}

/// What the arguments say: torrents and where their data is.
fn pairs(args: &SeedArgs) -> Result<Vec<(&str, &Path)>, Fault> {
    if let Some(dir) = &args.dir {
        return Ok(args.torrents.iter().map(|torrent| (torrent.as_str(), dir.as_path())).collect());
    }
    let (pairs, rest) = args.torrents.as_chunks::<2>();
    if let [last] = rest {
        return Err(Fault::usage(format!("{last} has no PATH after it"))
            .hint("write TORRENT PATH pairs, or --in DIR and only torrents"));
    }
    Ok(pairs.iter().map(|[torrent, path]| (torrent.as_str(), Path::new(path))).collect())
}
