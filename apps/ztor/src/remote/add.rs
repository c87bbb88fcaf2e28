//! `ztor add`.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use data_encoding::BASE64;
use ztor_api::{AddOptions, AddRequest, AddSource, Added, Limits, State, Torrent};

use super::args::AddArgs;
use super::connection::{Connection, exit_of};
use super::wait::wait;
use crate::exit::{CliError, Exit};
use crate::open::Source;
use crate::runner::peers;
use ztor_session::Route;

/// Largest number of torrents in one request.
const MAX_SOURCES: usize = 500;
/// Largest size of all torrent files in one request, in bytes; a single larger one has its own request.
const MAX_REQUEST: usize = 32 << 20;

pub(super) fn run(args: &AddArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let mut outcome = Outcome::default();
    let result = add(args, connection, &mut outcome);
    match (result, outcome.failed) {
        (Ok(Exit::Ok), Some((exit, message))) => Err(CliError::new(exit, message).into()),
        (result, None) => result,
        (result, Some((_, message))) => {
            // Something else ends the command.
            connection.console.warn(&format!("error: {message}"));
            result
        }
    }
}

fn add(args: &AddArgs, connection: &Connection, outcome: &mut Outcome) -> anyhow::Result<Exit> {
    let options = options(args, connection)?;
    let mut sources = Vec::new();
    let mut bytes = 0;
    for argument in &args.torrents {
        match source(argument) {
            Ok(source) => {
                if sources.len() >= MAX_SOURCES || bytes + len(&source) > MAX_REQUEST {
                    outcome.send(connection, std::mem::take(&mut sources), &options)?;
                    bytes = 0;
                }
                bytes += len(&source);
                sources.push(source);
            }
            Err(error) => {
                outcome.fail(connection, crate::exit::Report::of(&error).exit, &format!("{error:#}"))
            }
        }
    }
    outcome.send(connection, sources, &options)?;
    if args.wait && !outcome.ids.is_empty() {
        // During a check, the progress is that of the check.
        let is_done = |torrent: &Torrent| torrent.progress >= 1.0 && !is_checking(torrent);
        return wait(connection, &outcome.ids, is_done);
    }
    Ok(Exit::Ok)
}

fn is_checking(torrent: &Torrent) -> bool {
    matches!(torrent.state, State::Checking | State::Loading | State::Metadata)
}

/// Results so far.
#[derive(Default)]
struct Outcome {
    ids: Vec<u64>,
    /// The first failure.
    failed: Option<(Exit, String)>,
}

impl Outcome {
    fn send(
        &mut self,
        connection: &Connection,
        sources: Vec<AddSource>,
        options: &AddOptions,
    ) -> anyhow::Result<()> {
        if sources.is_empty() {
            return Ok(());
        }
        let request = AddRequest { sources, options: options.clone() };
        let result = connection.ask(connection.client.add(&request))?;
        for added in &result.results {
            if connection.console.is_json() {
                connection.console.json(added);
            }
            match added {
                Added::Added { id, hash, name } => {
                    self.ids.push(*id);
                    self.tell(connection, &format!("Added {id}: {name} ({hash})"));
                }
                Added::Duplicate { id, name, .. } => {
                    self.ids.push(*id);
                    self.tell(connection, &format!("The daemon has {id} already: {name}"));
                }
                Added::Failed { problem } => {
                    self.fail(connection, exit_of(problem.kind), &problem.detail);
                }
            }
        }
        Ok(())
    }

    fn tell(&self, connection: &Connection, line: &str) {
        if !connection.console.is_json() {
            connection.console.line(line);
        }
    }

    fn fail(&mut self, connection: &Connection, exit: Exit, message: &str) {
        match &self.failed {
            None => self.failed = Some((exit, message.to_owned())),
            // The first failure is reported at the end.
            Some(_) => connection.console.warn(&format!("error: {message}")),
        }
    }
}

fn options(args: &AddArgs, connection: &Connection) -> anyhow::Result<AddOptions> {
    let dir = match &args.dir {
        Some(dir) => Some(absolute(dir, connection)?),
        None => None,
    };
    Ok(AddOptions {
        dir,
        category: args.category.clone(),
        tags: args.tag.clone(),
        paused: if args.paused { Some(true) } else { args.start.then_some(false) },
        name: args.name.clone(),
        limits: Limits {
            down_per_s: args.limit_down.and_then(|limit| limit.0),
            up_per_s: args.limit_up.and_then(|limit| limit.0),
        },
        sequential: args.sequential.then_some(true),
        ends_first: args.ends_first.then_some(true),
        super_seeding: args.super_seeding.then_some(true),
        to_top: args.top.then_some(true),
        peers: peers(&args.peer, &Route::default())?.iter().map(ToString::to_string).collect(),
        overwrite: args.overwrite,
        trackers: args.tracker.clone(),
        web_seeds: args.web_seed.clone(),
        ..AddOptions::default()
    })
}

/// Returns a folder of the daemon's machine as an absolute path. Relative ones are of this machine.
pub(super) fn absolute(dir: &Path, connection: &Connection) -> anyhow::Result<String> {
    if !connection.is_local && !dir.is_absolute() {
        let message =
            format!("cannot use the folder {}: give an absolute path of the daemon's machine", dir.display());
        return Err(CliError::usage(message).into());
    }
    let dir = std::path::absolute(dir).with_context(|| format!("cannot use the folder {}", dir.display()))?;
    let text = clean(&dir).into_os_string().into_string();
    Ok(text.map_err(|_| CliError::usage("cannot use the folder: its name is not UTF-8"))?)
}

/// Resolves `..` as a shell does that has changed into each folder by its name.
fn clean(dir: &Path) -> std::path::PathBuf {
    let mut clean = std::path::PathBuf::new();
    for part in dir.components() {
        match part {
            std::path::Component::ParentDir => drop(clean.pop()),
            part => clean.push(part),
        }
    }
    clean
}

/// Returns the torrent that an argument names, for the daemon.
pub(crate) fn source(argument: &std::ffi::OsStr) -> anyhow::Result<AddSource> {
    match Source::parse(argument) {
        Source::Url(url) => Ok(AddSource::Url(url.to_owned())),
        Source::Magnet(link) => Ok(AddSource::Magnet(link.into_owned())),
        Source::File(path) => {
            let shown = path.display();
            let file = std::fs::File::open(path).with_context(|| format!("cannot open {shown}"))?;
            let limit = ztor_metainfo::MAX_TORRENT_LEN;
            let mut bytes = Vec::new();
            file.take(limit as u64 + 1)
                .read_to_end(&mut bytes)
                .with_context(|| format!("cannot read {shown}"))?;
            if bytes.len() > limit {
                let message = format!("cannot use {shown}: a torrent file has at most {limit} bytes");
                return Err(CliError::new(Exit::BadTorrent, message).into());
            }
            Ok(AddSource::Torrent(BASE64.encode(&bytes)))
        }
    }
}

fn len(source: &AddSource) -> usize {
    match source {
        AddSource::Torrent(text) | AddSource::Magnet(text) | AddSource::Url(text) => text.len(),
    }
}
