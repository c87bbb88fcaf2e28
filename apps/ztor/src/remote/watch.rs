//! `ztor watch`.

use std::path::Path;

use ztor_api::{WatchFolder, WatchFolderEdit, WatchLoaded};

use super::add::absolute;
use super::args::{Loaded, WatchAddArgs, WatchArgs, WatchCommand};
use super::connection::Connection;
use super::table::{Table, terminal_width};
use crate::exit::Exit;
use ztor_view::column::Align;
use ztor_view::text::Escaped;

pub(super) fn run(args: &WatchArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let client = &connection.client;
    match args.command.as_ref().unwrap_or(&WatchCommand::List) {
        WatchCommand::List => return list(connection),
        WatchCommand::Add(args) => {
            let dir = absolute(&args.dir, connection)?;
            connection.ask(client.put_watch_folder(&dir, &settings(args, connection)?))?;
            if !connection.console.is_json() {
                connection.console.line(&format!("Watching {dir}."));
            }
            return tell_problems(Some(&dir), connection);
        }
        WatchCommand::Remove { dir } => {
            connection.ask(client.remove_watch_folder(&absolute(Path::new(dir), connection)?))?;
        }
        WatchCommand::Scan => {
            connection.ask(client.scan_watch_folders())?;
            return tell_problems(None, connection);
        }
    }
    Ok(Exit::Ok)
}

fn settings(args: &WatchAddArgs, connection: &Connection) -> anyhow::Result<WatchFolderEdit> {
    let save_path = args.save_path.as_deref();
    Ok(WatchFolderEdit {
        recursive: args.recursive,
        category: args.category.clone(),
        subfolder_as_category: args.subfolder_as_category,
        tags: args.tag.clone(),
        save_path: save_path.map(|dir| absolute(dir, connection)).transpose()?,
        paused: if args.paused { Some(true) } else { args.start.then_some(false) },
        loaded: match args.loaded {
            Loaded::Rename => WatchLoaded::Rename,
            Loaded::Delete => WatchLoaded::Delete,
            Loaded::Keep => WatchLoaded::Keep,
        },
    })
}

fn list(connection: &Connection) -> anyhow::Result<Exit> {
    let folders = connection.ask(connection.client.watch_folders())?;
    if connection.console.is_json() {
        folders.iter().for_each(|folder| connection.console.json(folder));
        return Ok(Exit::Ok);
    }
    let left = |heading| (heading, Align::Left);
    let columns = vec![
        left("Folder"),
        left("Category"),
        left("Loaded files"),
        ("Added", Align::Right),
        left("Problem"),
    ];
    let mut table = Table::new(columns, 0);
    for folder in &folders {
        let loaded = match folder.loaded {
            WatchLoaded::Rename => "renamed",
            WatchLoaded::Delete => "deleted",
            WatchLoaded::Keep => "kept",
        };
        let category = match (&folder.category, folder.subfolder_as_category) {
            (None, false) => String::new(),
            (None, true) => "by sub-folder".to_owned(),
            (Some(category), false) => category.clone(),
            (Some(category), true) => format!("{category}/ by sub-folder"),
        };
        table.row(vec![
            folder.dir.clone(),
            category,
            loaded.to_owned(),
            folder.added.to_string(),
            folder.error.clone().unwrap_or_default(),
        ]);
    }
    table.lines(terminal_width()).iter().for_each(|line| connection.console.line(line));
    folders.iter().for_each(|folder| tell_files(folder, connection));
    Ok(Exit::Ok)
}

/// Tells of folders that cannot be read, and of files that cannot be used.
fn tell_problems(dir: Option<&str>, connection: &Connection) -> anyhow::Result<Exit> {
    let folders = connection.ask(connection.client.watch_folders())?;
    for folder in folders.iter().filter(|folder| dir.is_none_or(|dir| folder.dir == dir)) {
        if let Some(error) = &folder.error {
            connection.console.warn(&format!("{}: {error}", folder.dir));
        }
        tell_files(folder, connection);
    }
    Ok(Exit::Ok)
}

fn tell_files(folder: &WatchFolder, connection: &Connection) {
    for problem in &folder.problems {
        connection.console.warn(&format!("{}: {}", Escaped(&problem.path), Escaped(&problem.message)));
    }
}
