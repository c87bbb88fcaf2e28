//! `ztor token` and `ztor password`.

use std::io::BufRead as _;

use anyhow::Context;
use ztor_api::AccountChange;

use super::access_args::{PasswordArgs, TokenArgs, TokenCommand};
use super::connection::Connection;
use super::table::{Table, terminal_width};
use crate::exit::{CliError, Exit};
use ztor_view::column::Align;

pub(super) fn token(args: &TokenArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let client = &connection.client;
    match args.command.as_ref().unwrap_or(&TokenCommand::List) {
        TokenCommand::List => list_tokens(connection),
        TokenCommand::Add { name } => {
            let made = connection.ask(client.add_token(name))?;
            match connection.console.is_json() {
                true => connection.console.json(&made),
                false => connection.console.line(&made.token),
            }
            Ok(Exit::Ok)
        }
        TokenCommand::Remove { name } => {
            connection.ask(client.remove_token(name))?;
            Ok(Exit::Ok)
        }
    }
}

fn list_tokens(connection: &Connection) -> anyhow::Result<Exit> {
    let tokens = connection.ask(connection.client.tokens())?;
    if connection.console.is_json() {
        tokens.iter().for_each(|token| connection.console.json(token));
        return Ok(Exit::Ok);
    }
    let left = |heading| (heading, Align::Left);
    let mut table = Table::new(vec![left("Token"), left("Created"), left("Last used")], 0);
    for token in &tokens {
        let last_used = token.last_used_unix_s.map_or_else(|| "never".to_owned(), date);
        table.row(vec![token.name.clone(), date(token.created_unix_s), last_used]);
    }
    table.lines(terminal_width()).iter().for_each(|line| connection.console.line(line));
    Ok(Exit::Ok)
}

/// Returns a time in the local time zone, as accurate as the last use is.
fn date(unix_s: u64) -> String {
    let time = i64::try_from(unix_s).ok().and_then(|time| jiff::Timestamp::from_second(time).ok());
    time.map_or_else(String::new, |time| {
        time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
    })
}

pub(super) fn password(args: &PasswordArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let account = connection.ask(connection.client.account())?;
    let needs_current = account.has_password && !connection.is_local;
    let (password, current_password) = match args.stdin {
        true => from_stdin(needs_current)?,
        false => from_terminal(needs_current)?,
    };
    let change = AccountChange { username: args.username.clone(), password, current_password };
    let account = connection.ask(connection.client.change_account(&change))?;
    match connection.console.is_json() {
        true => connection.console.json(&account),
        false => connection.console.line(&format!("The password of {} is set.", account.username)),
    }
    Ok(Exit::Ok)
}

/// Reads the new password, and then the present one if it is needed, from stdin.
fn from_stdin(needs_current: bool) -> anyhow::Result<(String, Option<String>)> {
    let mut lines = std::io::stdin().lock().lines();
    let mut line = |what: &str| match lines.next() {
        Some(line) => line.context("cannot read stdin"),
        None => Err(CliError::new(Exit::Usage, format!("stdin has no line with the {what} password")).into()),
    };
    Ok((line("new")?, if needs_current { Some(line("present")?) } else { None }))
}

/// Asks for the passwords on the terminal, without showing them.
fn from_terminal(needs_current: bool) -> anyhow::Result<(String, Option<String>)> {
    let terminal = console::Term::stderr();
    let ask = |prompt: &str| {
        terminal.write_str(prompt)?;
        terminal.read_secure_line()
    };
    if !console::user_attended_stderr() || !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return Err(CliError::new(Exit::Usage, "there is no terminal to ask for the password")
            .hint("write it to stdin and use --stdin")
            .into());
    }
    let read = || {
        let current = if needs_current { Some(ask("Present password: ")?) } else { None };
        Ok::<_, std::io::Error>((ask("New password: ")?, ask("New password again: ")?, current))
    };
    let (password, again, current) = read().context("cannot read the password from the terminal")?;
    if password != again {
        return Err(CliError::new(Exit::Usage, "the two passwords differ; nothing was changed").into());
    }
    Ok((password, current))
}
