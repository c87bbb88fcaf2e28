//! Commands that ask a daemon: over its local socket, or a remote one over HTTP.
//!
//! `args`, `access_args` and `address` have the flags, `connection` reaches the daemon, `table` prints rows, and the others are the commands.

mod access;
mod access_args;
mod act;
pub(crate) mod add;
mod address;
pub(crate) mod args;
mod bans;
pub(crate) mod connection;
mod details;
mod labels;
mod list;
mod ports;
mod profile;
mod settings;
mod table;
mod wait;
mod watch;
mod web;
mod whole;

use crate::console::Console;
use crate::exit::Exit;
use crate::stop::Stop;
use crate::tui::Options;
use args::RemoteCommand;
use connection::Connection;

/// Runs one command to the end.
pub(crate) fn run(command: RemoteCommand, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let connect = |args: &address::DaemonAddress| Connection::open(args, console, stop);
    match command {
        RemoteCommand::Add(args) => add::run(&args, &connect(&args.daemon)?),
        RemoteCommand::List(args) => list::run(&args, &connect(&args.daemon)?),
        RemoteCommand::Info(args) => details::info(&args, &connect(&args.daemon)?),
        RemoteCommand::Files(args) => details::files(&args, &connect(&args.one.daemon)?),
        RemoteCommand::Peers(args) => details::peers(&args, &connect(&args.daemon)?),
        RemoteCommand::WebSeeds(args) => details::web_seeds(&args, &connect(&args.one.daemon)?),
        RemoteCommand::Trackers(args) => details::trackers(&args, &connect(&args.one.daemon)?),
        RemoteCommand::Start(args) => act::start(&args, &connect(&args.torrents.daemon)?),
        RemoteCommand::Stop(args) => act::stop(&args, &connect(&args.daemon)?),
        RemoteCommand::Recheck(args) => act::recheck(&args, &connect(&args.torrents.daemon)?),
        RemoteCommand::Announce(args) => act::announce(&args, &connect(&args.daemon)?),
        RemoteCommand::Remove(args) => act::remove(&args, &connect(&args.torrents.daemon)?),
        RemoteCommand::Move(args) => act::move_to(&args, &connect(&args.daemon)?),
        RemoteCommand::Rename(args) => act::rename(&args, &connect(&args.daemon)?),
        RemoteCommand::Limit(args) => act::limit(&args, &connect(&args.torrents.daemon)?),
        RemoteCommand::Goal(args) => act::goal(&args, &connect(&args.torrents.daemon)?),
        RemoteCommand::Sequential(args) => act::sequential(&args, &connect(&args.torrents.daemon)?),
        RemoteCommand::SuperSeed(args) => act::super_seed(&args, &connect(&args.torrents.daemon)?),
        RemoteCommand::Update(args) => act::update(&args, &connect(&args.daemon)?),
        RemoteCommand::Queue(args) => act::queue(&args, &connect(&args.daemon)?),
        RemoteCommand::Category(args) => labels::category(&args, &connect(&args.daemon)?),
        RemoteCommand::Tag(args) => labels::tag(&args, &connect(&args.daemon)?),
        RemoteCommand::Watch(args) => watch::run(&args, &connect(&args.daemon)?),
        RemoteCommand::Bans(args) => bans::list(&connect(&args)?),
        RemoteCommand::Ban(args) => bans::ban(&args, &connect(&args.daemon)?),
        RemoteCommand::Unban(args) => bans::unban(&args, &connect(&args.daemon)?),
        RemoteCommand::IpFilter(args) => bans::ip_filter(&args, &connect(&args.daemon)?),
        RemoteCommand::Log(args) => whole::log(&args, &connect(&args.daemon)?),
        RemoteCommand::Ports(args) => ports::show(&connect(&args)?),
        RemoteCommand::Stats(args) => whole::stats(&connect(&args)?),
        RemoteCommand::Settings(args) => settings::run(&args, &connect(&args.daemon)?),
        RemoteCommand::Token(args) => access::token(&args, &connect(&args.daemon)?),
        RemoteCommand::Password(args) => access::password(&args, &connect(&args.daemon)?),
        RemoteCommand::Tui(args) => {
            let options = Options {
                has_mouse: !args.no_mouse,
                has_color: !args.no_color && console.color(),
                name: args.daemon.remote.clone().unwrap_or_else(|| "this machine".to_owned()),
            };
            crate::tui::run(&connect(&args.daemon)?, &options)
        }
        RemoteCommand::Web(args) => web::run(&args, &connect(&args.daemon)?),
    }
}
