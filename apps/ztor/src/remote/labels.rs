//! `ztor category` and `ztor tag`.

use ztor_api::{Action, CategoryEdit, Goals, Limits};

use super::act::{goal_of, ratio_of};
use super::add::absolute;
use super::args::{CategoryArgs, CategoryCommand, TagArgs, TagCommand};
use super::connection::Connection;
use super::table::{Table, terminal_width};
use crate::exit::Exit;
use ztor_view::column::Align;
use ztor_view::format::Rate;

pub(super) fn category(args: &CategoryArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let client = &connection.client;
    match args.command.as_ref().unwrap_or(&CategoryCommand::List) {
        CategoryCommand::List => list_categories(connection),
        CategoryCommand::Add { path, save_path, limit_down, limit_up, ratio } => {
            let known = connection.ask(client.categories())?;
            let old = known.iter().find(|category| category.path == *path);
            let limits = old.map_or(Limits::default(), |category| category.limits);
            let goals = old.map_or(Goals::default(), |category| category.goals);
            let save_path = save_path.as_ref().map(|dir| absolute(dir, connection)).transpose()?;
            let edit = CategoryEdit {
                save_path: save_path.or_else(|| old?.save_path.clone()),
                limits: Limits {
                    down_per_s: limit_down.map_or(limits.down_per_s, |limit| limit.0),
                    up_per_s: limit_up.map_or(limits.up_per_s, |limit| limit.0),
                },
                goals: match ratio {
                    Some(text) => Goals { ratio: goal_of(text, "--ratio", ratio_of)?, ..goals },
                    None => goals,
                },
            };
            connection.ask(client.put_category(path, &edit))?;
            Ok(Exit::Ok)
        }
        CategoryCommand::Rename { from, to } => {
            connection.ask(client.rename_category(from, to))?;
            Ok(Exit::Ok)
        }
        CategoryCommand::Remove { path } => {
            connection.ask(client.remove_category(path))?;
            Ok(Exit::Ok)
        }
        CategoryCommand::Set { path, torrents } => {
            let category = Some(path.clone()).filter(|path| !path.is_empty());
            connection.act(torrents, Action::SetCategory { category })
        }
    }
}

fn list_categories(connection: &Connection) -> anyhow::Result<Exit> {
    let categories = connection.ask(connection.client.categories())?;
    if connection.console.is_json() {
        categories.iter().for_each(|category| connection.console.json(category));
        return Ok(Exit::Ok);
    }
    let right = |heading| (heading, Align::Right);
    let columns = vec![
        ("Category", Align::Left),
        right("Torrents"),
        right("Down"),
        right("Up"),
        ("Folder", Align::Left),
    ];
    let mut table = Table::new(columns, 4);
    let limit = |limit: Option<u64>| limit.map(|rate| Rate(rate).to_string()).unwrap_or_default();
    for category in &categories {
        table.row(vec![
            category.path.clone(),
            category.torrents.to_string(),
            limit(category.limits.down_per_s),
            limit(category.limits.up_per_s),
            category.effective_save_path.clone().unwrap_or_default(),
        ]);
    }
    table.lines(terminal_width()).iter().for_each(|line| connection.console.line(line));
    Ok(Exit::Ok)
}

pub(super) fn tag(args: &TagArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let client = &connection.client;
    let split = |tags: &str| tags.split(',').map(str::to_owned).collect::<Vec<_>>();
    match args.command.as_ref().unwrap_or(&TagCommand::List) {
        TagCommand::List => {
            for tag in connection.ask(client.tags())? {
                match connection.console.is_json() {
                    true => connection.console.json(&tag),
                    false => connection.console.line(&format!("{:>6}  {}", tag.torrents, tag.name)),
                }
            }
            Ok(Exit::Ok)
        }
        TagCommand::Add { tags, torrents } if torrents.is_empty() => {
            for tag in split(tags) {
                connection.ask(client.create_tag(&tag))?;
            }
            Ok(Exit::Ok)
        }
        TagCommand::Add { tags, torrents } => connection.act(torrents, Action::AddTags { tags: split(tags) }),
        TagCommand::Take { tags, torrents } => {
            connection.act(torrents, Action::RemoveTags { tags: split(tags) })
        }
        TagCommand::Rename { from, to } => {
            connection.ask(client.rename_tag(from, to))?;
            Ok(Exit::Ok)
        }
        TagCommand::Remove { name } => {
            connection.ask(client.remove_tag(name))?;
            Ok(Exit::Ok)
        }
    }
}
