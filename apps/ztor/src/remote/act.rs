//! Commands that change torrents.

use std::path::Path;

use ztor_api::{Action, ActionResult, DataChoice, Detail, Goal, Goals, Limits, QueueMove, State};
use ztor_daemon::units::parse_duration;

use super::add::absolute;
use super::args::{
    GoalAction, GoalArgs, LimitArgs, MoveArgs, QueueArgs, QueueTarget, RecheckArgs, RemoveArgs, RenameArgs,
    SequentialArgs, StartArgs, SuperSeedArgs, TorrentArgs,
};
use super::connection::Connection;
use super::wait::wait;
use crate::exit::{CliError, Exit};

pub(super) fn start(args: &StartArgs, connection: &Connection) -> anyhow::Result<Exit> {
    connection.act(&args.torrents.torrents, Action::Start { force: args.force })
}

pub(super) fn stop(args: &TorrentArgs, connection: &Connection) -> anyhow::Result<Exit> {
    connection.act(&args.torrents, Action::Stop)
}

pub(super) fn announce(args: &TorrentArgs, connection: &Connection) -> anyhow::Result<Exit> {
    connection.act(&args.torrents, Action::Reannounce)
}

pub(super) fn recheck(args: &RecheckArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let result = connection.ask(connection.client.act(args.torrents.torrents.clone(), Action::Recheck))?;
    let exit = connection.report(&result)?;
    if args.wait {
        return wait(connection, &result.done, |torrent| {
            !matches!(torrent.state, State::Checking | State::Loading)
        });
    }
    Ok(exit)
}

pub(super) fn remove(args: &RemoveArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let data = match (args.delete, args.trash) {
        (true, _) => DataChoice::Delete,
        (false, true) => DataChoice::Trash,
        (false, false) => DataChoice::Keep,
    };
    connection.act(&args.torrents.torrents, Action::Remove { data })
}

pub(super) fn move_to(args: &MoveArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let Some((dir, torrents)) = args.torrents_and_dir.split_last() else {
        return Err(CliError::usage("name torrents and a folder").into());
    };
    let dir = absolute(Path::new(dir), connection)?;
    let action = Action::Move { dir: dir.clone() };
    let result = connection.ask(connection.client.act(torrents.to_vec(), action))?;
    let exit = connection.report(&result)?;
    if !args.wait {
        return Ok(exit);
    }
    let waited = wait(connection, &result.under_way, |torrent| torrent.moving.is_none())?;
    for id in &result.under_way {
        let torrent = connection.ask(connection.client.detail(&id.to_string()))?.torrent;
        if torrent.dir != dir {
            let message =
                format!("{}: the files could not be moved, and are in {}", torrent.name, torrent.dir);
            return Err(CliError::new(Exit::Storage, message).hint("`ztor log` has the reason").into());
        }
    }
    Ok(waited)
}

pub(super) fn rename(args: &RenameArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let action = match &args.path {
        Some(from) => Action::RenamePath { from: from.clone(), to: args.name.clone() },
        None => Action::Rename { name: args.name.clone() },
    };
    connection.act(std::slice::from_ref(&args.torrent), action)
}

pub(super) fn limit(args: &LimitArgs, connection: &Connection) -> anyhow::Result<Exit> {
    if args.down.is_none() && args.up.is_none() {
        return Err(CliError::usage("give --down or --up").into());
    }
    let torrents = &args.torrents.torrents;
    if let (Some(down), Some(up)) = (args.down, args.up) {
        return connection.act(torrents, Action::SetLimits(Limits { down_per_s: down.0, up_per_s: up.0 }));
    }
    // The other limit of each torrent stays.
    let mut results = ActionResult::default();
    for torrent in each(torrents, connection)? {
        let old = torrent.torrent.limits;
        let limits = Limits {
            down_per_s: args.down.map_or(old.down_per_s, |limit| limit.0),
            up_per_s: args.up.map_or(old.up_per_s, |limit| limit.0),
        };
        connection.act_into(&mut results, torrent.torrent.id, Action::SetLimits(limits))?;
    }
    connection.report(&results)
}

/// Returns the details of all torrents that terms select.
fn each(torrents: &[String], connection: &Connection) -> anyhow::Result<Vec<Detail>> {
    super::details::each(torrents, connection)
}

pub(super) fn goal(args: &GoalArgs, connection: &Connection) -> anyhow::Result<Exit> {
    if args.ratio.is_none() && args.seeding.is_none() && args.idle.is_none() && args.action.is_none() {
        return Err(CliError::usage("give --ratio, --seeding, --idle or --action").into());
    }
    let seconds = |text: &str| parse_duration(text).map(|time| time.as_secs() as f64);
    let ratio = args.ratio.as_deref().map(|text| goal_of(text, "--ratio", ratio_of)).transpose()?;
    let seeding = args.seeding.as_deref().map(|text| goal_of(text, "--seeding", seconds)).transpose()?;
    let idle = args.idle.as_deref().map(|text| goal_of(text, "--idle", seconds)).transpose()?;
    let mut results = ActionResult::default();
    for torrent in each(&args.torrents.torrents, connection)? {
        let old = torrent.goals;
        let goals = Goals {
            ratio: ratio.unwrap_or(old.ratio),
            seeding_s: seeding.unwrap_or(old.seeding_s),
            idle_s: idle.unwrap_or(old.idle_s),
            action: match args.action {
                None => old.action,
                Some(GoalAction::Inherit) => None,
                Some(GoalAction::Stop) => Some(ztor_api::GoalAction::Stop),
                Some(GoalAction::Remove) => Some(ztor_api::GoalAction::Remove),
                Some(GoalAction::RemoveWithData) => Some(ztor_api::GoalAction::RemoveWithData),
            },
        };
        connection.act_into(&mut results, torrent.torrent.id, Action::SetGoals(goals))?;
    }
    connection.report(&results)
}

/// Parses a ratio.
pub(super) fn ratio_of(text: &str) -> Result<f64, String> {
    let ratio = text.parse::<f64>().ok().filter(|ratio| ratio.is_finite() && *ratio >= 0.0);
    ratio.ok_or_else(|| "expected a number such as 1.5".to_owned())
}

/// Parses a goal: `inherit`, `unlimited`, or a value.
pub(super) fn goal_of(
    text: &str,
    flag: &str,
    value: impl Fn(&str) -> Result<f64, String>,
) -> Result<Goal, CliError> {
    match text {
        "inherit" => Ok(Goal::Inherit),
        "unlimited" | "never" | "none" => Ok(Goal::Unlimited),
        text => match value(text) {
            Ok(value) => Ok(Goal::At(value)),
            Err(error) => {
                Err(CliError::usage(format!("cannot use {flag} {text}: {error}, unlimited, or inherit")))
            }
        },
    }
}

pub(super) fn sequential(args: &SequentialArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let on = !args.off;
    let action = if args.ends { Action::SetEndsFirst { on } } else { Action::SetSequential { on } };
    connection.act(&args.torrents.torrents, action)
}

pub(super) fn super_seed(args: &SuperSeedArgs, connection: &Connection) -> anyhow::Result<Exit> {
    connection.act(&args.torrents.torrents, Action::SetSuperSeeding { on: !args.off })
}

pub(super) fn update(args: &TorrentArgs, connection: &Connection) -> anyhow::Result<Exit> {
    connection.act(&args.torrents, Action::CheckUpdate)
}

pub(super) fn queue(args: &QueueArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let to = match args.to {
        QueueTarget::Top => QueueMove::Top,
        QueueTarget::Up => QueueMove::Up,
        QueueTarget::Down => QueueMove::Down,
        QueueTarget::Bottom => QueueMove::Bottom,
    };
    connection.act(&args.torrents, Action::Queue { to })
}
