//! `ztor share`: creates a torrent, runs its tracker and seeds it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use ztor_metainfo::Magnet;
use ztor_metainfo::paths::with_extension;
use ztor_server::files::{Files, TORRENT_TYPE};
use ztor_session::{AddTorrent, Bind};

use super::tracker::{Urls, start_for_share};
use crate::args::ShareArgs;
use crate::console::Console;
use crate::content::{self, TorrentFields};
use crate::display::{Display, Event};
use crate::exit::Exit;
use crate::runner::{self, Goal, Runner};
use crate::select::data_dir;
use crate::stop::Stop;

pub(super) fn run(args: &ShareArgs, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let ip = reachable(&args.net.bind, console);
    // The tracker comes first: its address goes into the torrent.
    let files = Files::new();
    let tracker = start_for_share(tracker_ip(&args.net.bind), args.tracker_port, files.clone())?;
    let urls = Urls::of(&tracker, ip);
    // The torrent is private unless asked otherwise: every client with the link would announce a public one in the
    // DHT.
    let fields =
        TorrentFields { tiers: vec![urls.tier()], private: !args.public, ..TorrentFields::default() };
    let Some(created) = content::make(&args.path, &args.content, fields, console, stop)? else {
        return Ok(Exit::Interrupted);
    };
    let file_name = with_extension(&created.meta.name, ".torrent");
    files.put(&file_name, TORRENT_TYPE, created.bytes).context("cannot serve the torrent file")?;

    let dir = data_dir(&created.meta, &args.path)?;
    let mut runner = Runner::start(&args.net, runner::state_dir(console), Display::new(console))?;
    let mut magnet = Magnet::from(created.meta.as_ref());
    magnet.peers.push(SocketAddr::new(ip, runner.local_addr().port()).to_string());
    let add = AddTorrent::new(Arc::clone(&created.meta), dir).read_only(true);
    runner.add(add.super_seeding(args.super_seeding))?;
    let http = tracker.http_addr().map_or(0, |addr| addr.port());
    let sharing = Event::Sharing {
        magnet: &magnet.to_string(),
        url: &format!("http://{}{}", SocketAddr::new(ip, http), Files::path(&file_name)),
        tracker: urls.http.as_deref().unwrap_or_default(),
    };
    runner.tell(&sharing);
    let result = runner.run(Goal::Share, stop);
    runner.end(stop.is_set());
    tracker.stop();
    result
}

/// Returns the address that the tracker listens on: for an interface, an address of the interface; `None` for all.
fn tracker_ip(bind: &Bind) -> Option<IpAddr> {
    bind.ips().first().copied().or_else(|| bind.reachable_ip())
}

/// Returns the address at which other machines reach this one. Without one, warns and returns loopback.
fn reachable(bind: &Bind, console: &Console) -> IpAddr {
    bind.reachable_ip().or_else(ztor_server::reachable_ip).unwrap_or_else(|| {
        console.warn(
            "cannot find a network address of this machine: the links work only on this machine; choose an address \
             with --bind",
        );
        Ipv4Addr::LOCALHOST.into()
    })
}
