//! The connection to the daemon, and the form of its errors.

use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use ztor_api::{Action, ActionResult};
use ztor_client::{Client, ClientError, Target};

use super::address::DaemonAddress;
use super::profile;
use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::stop::Stop;

/// Interval between checks of the stop flag.
const TICK: Duration = Duration::from_millis(50);

/// A daemon, and the output of the command.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(super) console: Console,
    pub(crate) stop: Stop,
    /// True if paths of this machine are those of the daemon.
    pub(crate) is_local: bool,
    runtime: tokio::runtime::Runtime,
}

impl Connection {
    /// Prepares the connection to the daemon that the flags name.
    pub(super) fn open(address: &DaemonAddress, console: &Console, stop: &Stop) -> anyhow::Result<Self> {
        let target = match &address.remote {
            Some(remote) => profile::target(remote)?,
            None => Target::Socket(ztor_api::socket_in(&crate::state_dir::of(address.state_dir.as_deref())?)),
        };
        let is_local = matches!(target, Target::Socket(_));
        let client = Client::new(target).map_err(refused)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a connection")?;
        Ok(Self { client, console: console.clone(), stop: stop.clone(), is_local, runtime })
    }

    /// Waits for an answer; Ctrl-C ends the wait.
    pub(crate) fn ask<T>(&self, request: impl Future<Output = Result<T, ClientError>>) -> anyhow::Result<T> {
        self.ask_on(&self.runtime, request)
    }

    /// Waits for an answer on other threads, which then drive the connections that it leaves open.
    pub(crate) fn ask_on<T>(
        &self,
        runtime: &tokio::runtime::Runtime,
        request: impl Future<Output = Result<T, ClientError>>,
    ) -> anyhow::Result<T> {
        runtime.block_on(async {
            let stopped = async {
                while !self.stop.is_set() {
                    tokio::time::sleep(TICK).await;
                }
            };
            tokio::select! {
                answer = request => answer.map_err(|error| refused(error).into()),
                () = stopped => Err(CliError::new(Exit::Interrupted, "interrupted").into()),
            }
        })
    }

    /// Returns the address under which browsers reach the daemon, such as `http://127.0.0.1:8080`.
    pub(super) fn web_address(&self) -> anyhow::Result<String> {
        if let Some(address) = self.client.web_address() {
            return Ok(address);
        }
        let url = self.web_url()?;
        let end = url.match_indices('/').nth(2).map_or(url.len(), |(end, _)| end);
        Ok(url[..end].to_owned())
    }

    /// Returns the URL of the web UI, such as `http://127.0.0.1:8080/`.
    pub(super) fn web_url(&self) -> anyhow::Result<String> {
        if let Some(base) = self.client.web_base() {
            return Ok(format!("{}/", base.trim_end_matches('/')));
        }
        self.ask(self.client.about())?.web_url.ok_or_else(|| {
            let error = CliError::new(Exit::Failed, "the daemon has no address for browsers and players");
            error.hint("set `listen` in its settings, for example to 127.0.0.1:8080").into()
        })
    }

    /// Waits for a time. Returns false if the user stopped it.
    pub(super) fn sleep(&self, time: Duration) -> bool {
        let end = std::time::Instant::now() + time;
        while std::time::Instant::now() < end {
            if self.stop.is_set() {
                return false;
            }
            std::thread::sleep(TICK.min(time));
        }
        !self.stop.is_set()
    }

    /// Carries out an action, and reports it.
    pub(super) fn act(&self, torrents: &[String], action: Action) -> anyhow::Result<Exit> {
        let result = self.ask(self.client.act(torrents.to_vec(), action))?;
        self.report(&result)
    }

    /// Carries out an action on one torrent, and adds its result to others.
    pub(super) fn act_into(&self, results: &mut ActionResult, id: u64, action: Action) -> anyhow::Result<()> {
        let result = self.ask(self.client.act(vec![format!("id:{id}")], action))?;
        results.done.extend(result.done);
        results.under_way.extend(result.under_way);
        results.failed.extend(result.failed);
        Ok(())
    }

    /// Reports the result of an action.
    pub(super) fn report(&self, result: &ActionResult) -> anyhow::Result<Exit> {
        #[derive(Serialize)]
        struct Done<'a> {
            event: &'static str,
            #[serde(flatten)]
            result: &'a ActionResult,
        }
        if self.console.is_json() {
            self.console.json(&Done { event: "done", result });
        } else {
            let of = |count: usize| ztor_view::format::Count(count, "torrent").to_string();
            if result.done.is_empty() && result.under_way.is_empty() && result.failed.is_empty() {
                self.console.line("No torrent matches.");
            }
            if !result.done.is_empty() {
                self.console.line(&format!("Done for {}.", of(result.done.len())));
            }
            if !result.under_way.is_empty() {
                let count = of(result.under_way.len());
                self.console.line(&format!("Under way for {count}; `ztor list` shows the progress."));
            }
        }
        match result.failed.as_slice() {
            [] => Ok(Exit::Ok),
            [first, rest @ ..] => {
                let more =
                    if rest.is_empty() { String::new() } else { format!(" ({} more failed)", rest.len()) };
                Err(CliError::new(exit_of(first.problem.kind), format!("{}{more}", first.problem.detail))
                    .into())
            }
        }
    }
}

/// Returns the exit code for a problem.
pub(super) fn exit_of(kind: ztor_api::ProblemKind) -> Exit {
    use ztor_api::ProblemKind;
    match kind {
        ProblemKind::BadRequest | ProblemKind::UnsupportedMediaType | ProblemKind::TooLarge => Exit::Usage,
        ProblemKind::BadTorrent => Exit::BadTorrent,
        ProblemKind::Storage => Exit::Storage,
        ProblemKind::Fetch => Exit::Network,
        _ => Exit::Failed,
    }
}

/// Returns the error for the user.
pub(super) fn refused(error: ClientError) -> CliError {
    match error {
        ClientError::Refused(problem) => CliError::new(exit_of(problem.kind), problem.detail),
        ClientError::BadTarget { .. } => CliError::new(Exit::Usage, error.to_string()),
        ClientError::UnknownCertificate { found, .. } | ClientError::ChangedCertificate { found, .. } => {
            let hint = format!(
                "to accept it, write fingerprint = \"{found}\" into the daemon's table in remotes.toml"
            );
            CliError::new(Exit::Network, error.to_string()).hint(hint)
        }
        ClientError::NoDaemon { .. } | ClientError::Connection { .. } => {
            CliError::new(Exit::Network, error.to_string())
        }
        error => CliError::new(Exit::Failed, error.to_string()),
    }
}
