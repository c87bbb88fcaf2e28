//! `ztor settings`.

use ztor_api::{Setting, SettingKind, SettingSource, SettingValue};

use super::args::{SettingsArgs, SettingsCommand};
use super::connection::Connection;
use super::table::{Table, terminal_width};
use crate::exit::Exit;
use ztor_view::column::Align;
use ztor_view::format::{Rate, Span};

pub(super) fn run(args: &SettingsArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let client = &connection.client;
    match args.command.as_ref().unwrap_or(&SettingsCommand::List { search: None }) {
        SettingsCommand::List { search } => list(search.as_deref(), connection),
        SettingsCommand::Get { key } => {
            show(&connection.ask(client.setting(key))?, connection);
            Ok(Exit::Ok)
        }
        SettingsCommand::Set { key, value } => {
            let value = match value.as_slice() {
                [value] => SettingValue::Text(value.clone()),
                several => SettingValue::List(several.to_vec()),
            };
            tell_changed(&connection.ask(client.change_setting(key, value))?, connection);
            Ok(Exit::Ok)
        }
        SettingsCommand::Reset { key } => {
            tell_changed(&connection.ask(client.reset_setting(key))?, connection);
            Ok(Exit::Ok)
        }
    }
}

fn tell_changed(setting: &Setting, connection: &Connection) {
    if connection.console.is_json() {
        connection.console.json(setting);
        return;
    }
    connection.console.line(&format!("{} = {}", setting.key, value(setting)));
    if setting.is_pending {
        connection.console.line("It takes effect with the next start of the daemon.");
    }
}

fn list(search: Option<&str>, connection: &Connection) -> anyhow::Result<Exit> {
    let mut settings = connection.ask(connection.client.settings())?;
    if let Some(search) = search.map(str::to_lowercase) {
        settings
            .retain(|setting| setting.key.contains(&search) || setting.help.to_lowercase().contains(&search));
    }
    if connection.console.is_json() {
        settings.iter().for_each(|setting| connection.console.json(setting));
        return Ok(Exit::Ok);
    }
    let left = |heading| (heading, Align::Left);
    let mut table = Table::new(vec![left("Setting"), left("Value"), left("From"), left("Help")], 3);
    for setting in &settings {
        let pending = if setting.is_pending { " (next start)" } else { "" };
        table.row(vec![
            setting.key.clone(),
            value(setting),
            format!("{}{pending}", source(&setting.source)),
            setting.help.clone(),
        ]);
    }
    table.lines(terminal_width()).iter().for_each(|line| connection.console.line(line));
    Ok(Exit::Ok)
}

fn show(setting: &Setting, connection: &Connection) {
    if connection.console.is_json() {
        connection.console.json(setting);
        return;
    }
    connection.console.line(&format!("{} = {}", setting.key, value(setting)));
    connection.console.line(&setting.help);
    connection.console.line(&format!("From: {}", source(&setting.source)));
    if setting.needs_restart {
        connection.console.line("A change takes effect with the next start of the daemon.");
    }
}

fn source(source: &SettingSource) -> String {
    match source {
        SettingSource::Default => "default".to_owned(),
        SettingSource::File { path, line } => format!("{path}:{line}"),
        SettingSource::Environment { variable } => format!("${variable}"),
        SettingSource::Flag { flag } => flag.clone(),
        SettingSource::Changed => "changed".to_owned(),
        _ => String::new(),
    }
}

/// Returns the value for people.
fn value(setting: &Setting) -> String {
    match (&setting.value, &setting.kind) {
        (SettingValue::None, SettingKind::Rate) => "unlimited".to_owned(),
        (SettingValue::None, SettingKind::Time { .. }) => "never".to_owned(),
        (SettingValue::None, _) => "none".to_owned(),
        (SettingValue::Count(rate), SettingKind::Rate) => Rate(*rate).to_string(),
        (SettingValue::Count(time), SettingKind::Time { .. }) => Span(*time).to_string(),
        (SettingValue::Bool(value), _) => value.to_string(),
        (SettingValue::Count(value), _) => value.to_string(),
        (SettingValue::Real(value), _) => value.to_string(),
        (SettingValue::Text(value), _) => value.clone(),
        (SettingValue::List(values), _) => values.join(", "),
    }
}
