//! A client behind a proxy that is killed and started again and again at random, while the interface to it goes down,
//! comes up, disappears and returns. The client has another interface with the default route, and no packet may leave
//! there, except to the proxy if the client is not bound. After all that, its download goes on.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;

use super::behind::start;
use super::capture::Capture;
use super::clients::PORT;
use super::env::CaseEnv;
use super::payload::Content;
use super::proxy::{Proxy, ProxyHost};
use crate::net::Host;
use crate::process::{Invocation, Process};

/// Pause between checks.
const PAUSE: Duration = Duration::from_millis(100);
/// Longest pause after a flap, in milliseconds: long enough for connections, and for attempts to make new ones.
const LONGEST_PAUSE_MS: u64 = 300;
/// Time limit beyond the flaps themselves.
const LIMIT: Duration = Duration::from_secs(150);
/// Download limit, so that the download lasts.
const RATE: &str = "200KiB/s";
/// Bytes to receive after the last flap.
const PROGRESS_BYTES: u64 = 300_000;
const CONTENT: Content = Content::Big;

/// A case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flaps {
    /// Number of flaps.
    count: usize,
    /// True if the client is bound to the interface that leads to the proxy.
    is_bound: bool,
}

impl Flaps {
    /// Returns the name: unique among the cases, and searched by `--filter`.
    pub(super) fn name(&self) -> String {
        let bound = if self.is_bound { ", bound to it" } else { "" };
        format!("ztor:ztor {} flaps of proxy and interface{bound}", self.count)
    }

    pub(super) fn needs(&self) -> Vec<&'static str> {
        vec!["ztor", "tcpdump", Proxy::Dante.program()]
    }
}

pub(super) fn all(count: usize) -> Vec<Flaps> {
    // `--quick` runs the first one only: a bound client has more to do.
    vec![Flaps { count, is_bound: true }, Flaps { count, is_bound: false }]
}

/// Runs a case, as [`transfer::run`](super::transfer::run) does.
///
/// # Errors
/// If the client ends, a packet goes around the proxy, or the download does not go on.
pub(super) fn run(case: &Flaps, env: &CaseEnv<'_>) -> Result<()> {
    let &CaseEnv { dir, tools, .. } = env;
    let flapping = Duration::from_millis(LONGEST_PAUSE_MS + 200) * u32::try_from(case.count)?;
    let patience = env.patience(LIMIT + flapping);
    let (source, target) = env.folders(CONTENT)?;
    // Trackers by name and by address, over UDP and HTTP. None of them answers.
    let trackers =
        ["udp://tracker.lab:6969", "http://tracker.lab:6969/announce", "http://10.91.0.1:6969/announce"];
    let torrent = env.make_tracked(&source.join(CONTENT.name()), &trackers)?;
    let ztor = || tools.program("ztor").map(Invocation::new);

    let net = env.network()?;
    let host = ProxyHost::set_up(&net, "tracker.lab")?;
    let quiet = ["--no-dht", "--no-pex", "--no-lsd", "--log-level", "info", "--port", PORT];
    let seed = ztor()?.arg("seed").arg(&torrent).arg(&source).args(quiet);
    let mut seeder = start(&seed, &net, Host::Seeder, dir)?;
    patience.until("the seeder serves", PAUSE, || {
        seeder.expect_alive()?;
        Ok(seeder.log_text()?.contains("Seeding"))
    })?;
    let mut proxy = Some(host.start(Proxy::Dante, dir, tools)?);
    patience.until("the proxy listens", PAUSE, || host.is_up(Proxy::Dante))?;

    let capture = Capture::start(&net, &host, dir, tools)?;
    patience.until("the capture runs", PAUSE, || capture.is_running())?;
    let before = net.counters(Host::Leecher, "eth0")?.sent_packets;
    let peer = SocketAddr::from((Host::Seeder.ip(), PORT.parse()?));
    let get = ztor()?.arg("get").arg(&torrent).arg("--output").arg(&target).args(["--limit-down", RATE]);
    let get = get.args(["--log-level", "info", "--port", PORT, "--proxy", &Proxy::Dante.url()]);
    // With DHT, local discovery and a port, as it would be without a proxy.
    let get = get.args(["--peer", &peer.to_string()]);
    let get = if case.is_bound { get.args(["--bind", ProxyHost::INTERFACE]) } else { get };
    let mut leecher = start(&get, &net, Host::Leecher, dir)?;
    let received =
        || Ok::<_, anyhow::Error>(net.counters(Host::Leecher, ProxyHost::INTERFACE)?.received_bytes);
    patience.until("data arrives", PAUSE, || {
        leecher.expect_alive()?;
        Ok(received()? > PROGRESS_BYTES)
    })?;

    let seed = env.number as u64 ^ u64::from(std::process::id());
    let mut rng = Rng::with_seed(seed);
    let mut flapper = Flapper { host: &host, is_up: true, is_there: true };
    for flap in 0..case.count {
        let what = flapper.flap(&mut rng, &mut proxy, || host.start(Proxy::Dante, dir, tools));
        what.with_context(|| format!("flap {flap} of seed {seed}"))?;
        let until = Instant::now() + Duration::from_millis(rng.u64(0..LONGEST_PAUSE_MS));
        patience.until("a while has passed", Duration::from_millis(10), || Ok(Instant::now() >= until))?;
        leecher.expect_alive().with_context(|| format!("flap {flap} of seed {seed}"))?;
    }
    let check = || -> Result<()> {
        let sent = net.counters(Host::Leecher, "eth0")?.sent_packets - before;
        // Without its interface, a client that is not bound reaches for the proxy over the other one.
        ensure!(!case.is_bound || sent == 0, "seed {seed}: {sent} packets left over the other interface");
        capture.expect_none().with_context(|| format!("seed {seed}"))
    };
    check()?;
    flapper.settle(&mut proxy, || host.start(Proxy::Dante, dir, tools))?;
    let at_rest = received()?;
    patience.until("the download goes on", PAUSE, || {
        leecher.expect_alive()?;
        Ok(received()?.saturating_sub(at_rest) > PROGRESS_BYTES)
    })?;
    leecher.interrupt();
    patience.until("the leecher ends on Ctrl-C", PAUSE, || Ok(leecher.exit()?.is_some()))?;
    check()
}

/// State of the link to the proxy.
struct Flapper<'a> {
    host: &'a ProxyHost<'a>,
    is_up: bool,
    is_there: bool,
}

impl Flapper<'_> {
    /// Changes one thing at random.
    fn flap(
        &mut self,
        rng: &mut Rng,
        proxy: &mut Option<Process>,
        start: impl FnOnce() -> Result<Process>,
    ) -> Result<()> {
        match rng.u8(0..5) {
            0 if self.is_there => {
                self.is_there = false;
                self.host.unplug()
            }
            0 | 1 if !self.is_there => {
                (self.is_there, self.is_up) = (true, true);
                self.host.plug_in()
            }
            1 | 2 if self.is_there => {
                self.is_up = !self.is_up;
                self.host.set_up_or_down(self.is_up)
            }
            _ => {
                // Killed, so that it says nothing to its clients.
                match proxy.take() {
                    Some(mut running) => running.kill(),
                    None => *proxy = Some(start()?),
                }
                Ok(())
            }
        }
    }

    /// Restores everything.
    fn settle(&mut self, proxy: &mut Option<Process>, start: impl FnOnce() -> Result<Process>) -> Result<()> {
        if !self.is_there {
            self.host.plug_in()?;
        } else if !self.is_up {
            self.host.set_up_or_down(true)?;
        }
        if proxy.is_none() {
            *proxy = Some(start()?);
        }
        Ok(())
    }
}
