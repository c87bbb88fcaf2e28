//! `ztor get`: download, verify, and perhaps seed.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use ztor_metainfo::Metainfo;
use ztor_session::{AddTorrent, Allocation};

use crate::args::{Allocate, GetArgs};
use crate::console::Console;
use crate::display::Display;
use crate::exit::{Exit, Fault};
use crate::load::{self, Source};
use crate::select::Selection;
use crate::stop::Stop;
use crate::swarm::{self, Goal, Seed, Swarm, info_hash};

pub(super) fn run(args: &GetArgs, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let selection = Selection::parse(&args.files)?;
    let peers = swarm::peers(&args.peer)?;
    let Some(torrents) = load_all(args, console, stop)? else {
        return Ok(Exit::Interrupted);
    };
    let mut wanted = Vec::new();
    for meta in &torrents {
        wanted.push(selection.as_ref().map(|selection| selection.wanted(meta)).transpose()?);
    }
    refuse_collisions(&torrents, &wanted)?;
    prepare_output(&args.output, &torrents)?;
    for meta in torrents.iter().filter(|meta| meta.trackers.is_empty() && peers.is_empty()) {
        console.warn(&format!("{} names no tracker: without --peer it waits for peers to come", meta.name));
    }
    let mut swarm = Swarm::start(&args.net, swarm::state_dir(console), Display::new(console))?;
    for (meta, wanted) in torrents.into_iter().zip(wanted) {
        swarm.add(AddTorrent {
            wanted,
            sequential: args.sequential,
            peers: peers.clone(),
            allocate: match args.allocate {
                Allocate::Sparse => Allocation::Sparse,
                Allocate::Full => Allocation::Full,
            },
            ..AddTorrent::new(meta, &args.output)
        })?;
    }
    let seed = Seed { always: args.seed, ratio: args.seed_ratio, time: args.seed_time };
    let result = swarm.run(Goal::Fetch { seed, give_up: args.give_up }, stop);
    swarm.end(stop.is_set());
    result
}

/// Reads or fetches every torrent, each once; `None` if the user stopped it.
fn load_all(args: &GetArgs, console: &Console, stop: &Stop) -> anyhow::Result<Option<Vec<Arc<Metainfo>>>> {
    let mut torrents: Vec<Arc<Metainfo>> = Vec::new();
    for text in &args.torrents {
        let meta = match Source::parse(text) {
            Source::File(path) => load::torrent_file(path)?,
            Source::Url(url) => match load::torrent_url(url, args.net.bind, stop)? {
                Some(meta) => meta,
                None => return Ok(None),
            },
            Source::Magnet(link) => {
                load::magnet(link)?;
                return Err(Fault::new(
                    Exit::BadTorrent,
                    "magnet links are not supported yet by get; give a .torrent file",
                )
                .hint("`ztor show` tells what is in the link")
                .into());
            }
        };
        if let Some(first) = torrents.iter().find(|other| other.info_hashes == meta.info_hashes) {
            console.warn(&format!(
                "{text} is the same torrent as one before it ({}); it is taken once",
                first.name
            ));
        } else {
            torrents.push(Arc::new(meta));
        }
    }
    Ok(Some(torrents))
}

/// Two torrents that write the same file would spoil each other's data for ever.
fn refuse_collisions(torrents: &[Arc<Metainfo>], wanted: &[Option<Vec<bool>>]) -> Result<(), Fault> {
    let mut owners: HashMap<PathBuf, &Metainfo> = HashMap::new();
    for (meta, wanted) in torrents.iter().zip(wanted) {
        for (index, file) in meta.layout.files().iter().enumerate() {
            let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.get(index) == Some(&true));
            if file.pad || !is_wanted {
                continue;
            }
            let path = meta.relative_path(index);
            if let Some(other) = owners.insert(path.clone(), meta)
                && other.info_hashes != meta.info_hashes
            {
                let (one, two) = (info_hash(other), info_hash(meta));
                return Err(Fault::usage(format!(
                    "the torrents {one} and {two} both write {}",
                    path.display()
                ))
                .hint("get them one by one, each into a folder of its own with -o"));
            }
        }
    }
    Ok(())
}

/// Makes the folder, and finds out early whether it can be written, unless everything might be there already.
fn prepare_output(dir: &Path, torrents: &[Arc<Metainfo>]) -> anyhow::Result<()> {
    let cannot = || format!("cannot put data into {}", dir.display());
    std::fs::create_dir_all(dir).with_context(cannot)?;
    if torrents.iter().all(|meta| dir.join(&meta.name).exists()) {
        return Ok(());
    }
    match tempfile::tempfile_in(dir) {
        Ok(_) => Ok(()),
        Err(error) if is_denied(&error) => Err(error).with_context(cannot),
        // What else there may be shows when data is written, with the name of the file.
        Err(_) => Ok(()),
    }
}

fn is_denied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
