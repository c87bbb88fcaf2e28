//! Methods of the RPC.

use super::State;
use super::dialect::{Args, Dialect};
use super::failure::{Code, Failure};
use super::ids::{ids_of, targets};
use super::queue::Target;
use super::rpc::Call;
use serde_json::{Map, Value};
use ztor_api::{Action, ActionResult, DataChoice};

/// Declares the methods with their names, so that a list of them lacks none.
macro_rules! methods {
    ($($method:ident => $name:literal,)+) => {
        #[derive(Clone, Copy)]
        enum Method {
            $($method,)+
        }

        /// Names of all methods.
        #[cfg(any(test, feature = "testing"))]
        pub(crate) const METHODS: &[&str] = &[$($name),+];

        impl Method {
            fn of_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$method),)+
                    _ => None,
                }
            }
        }
    };
}

methods! {
    TorrentGet => "torrent_get",
    TorrentSet => "torrent_set",
    TorrentAdd => "torrent_add",
    TorrentRemove => "torrent_remove",
    TorrentStart => "torrent_start",
    TorrentStartNow => "torrent_start_now",
    TorrentStop => "torrent_stop",
    TorrentVerify => "torrent_verify",
    TorrentReannounce => "torrent_reannounce",
    TorrentSetLocation => "torrent_set_location",
    TorrentRenamePath => "torrent_rename_path",
    QueueMoveTop => "queue_move_top",
    QueueMoveUp => "queue_move_up",
    QueueMoveDown => "queue_move_down",
    QueueMoveBottom => "queue_move_bottom",
    SessionGet => "session_get",
    SessionSet => "session_set",
    SessionStats => "session_stats",
    SessionClose => "session_close",
    FreeSpace => "free_space",
    PortTest => "port_test",
    BlocklistUpdate => "blocklist_update",
    GroupGet => "group_get",
    GroupSet => "group_set",
}

/// Answer of a method: an object in JSON.
pub(crate) type Answer = Result<Vec<u8>, Failure>;

impl State {
    /// Carries out a call.
    pub(crate) async fn call(&self, call: &Call) -> Answer {
        let args = call.args.as_ref().map_err(Clone::clone)?;
        let dialect = call.dialect;
        let Some(method) = method_of(call) else {
            return Err(match dialect {
                Dialect::Legacy => Failure::new(Code::NoMethod, "no method name"),
                Dialect::JsonRpc => Code::NoMethod.into(),
            });
        };
        match method {
            Method::TorrentGet => self.get(args, dialect).await,
            Method::TorrentSet => empty(self.set(args).await),
            Method::TorrentAdd => self.add(args, dialect).await,
            Method::TorrentRemove => {
                let is_deleted = args.flag("delete_local_data").unwrap_or(false);
                let data = if is_deleted { DataChoice::Delete } else { DataChoice::Keep };
                self.act(args, Action::Remove { data }).await
            }
            Method::TorrentStart => self.act(args, Action::Start { force: false }).await,
            Method::TorrentStartNow => self.act(args, Action::Start { force: true }).await,
            Method::TorrentStop => self.act(args, Action::Stop).await,
            Method::TorrentVerify => self.act(args, Action::Recheck).await,
            Method::TorrentReannounce => self.act(args, Action::Reannounce).await,
            Method::TorrentSetLocation => empty(self.set_location(args).await),
            Method::TorrentRenamePath => self.rename_path(args).await,
            Method::QueueMoveTop => self.queue_move(args, Target::Top).await,
            Method::QueueMoveUp => self.queue_move(args, Target::Up).await,
            Method::QueueMoveDown => self.queue_move(args, Target::Down).await,
            Method::QueueMoveBottom => self.queue_move(args, Target::Bottom).await,
            Method::SessionGet => self.session_get(args, dialect).await,
            Method::SessionSet => empty(self.session_set(args).await),
            Method::SessionStats => self.session_stats(dialect).await,
            Method::SessionClose => self.session_close(),
            Method::FreeSpace => self.free_space(args, dialect).await,
            Method::PortTest => self.port_test(args, dialect),
            Method::BlocklistUpdate => self.blocklist_update(dialect).await,
            Method::GroupGet => self.group_get(args, dialect).await,
            Method::GroupSet => empty(self.group_set(args).await),
        }
    }

    /// Returns the torrents that a request acts on.
    pub(crate) fn targets(&self, args: &Args) -> Vec<std::sync::Arc<ztor_daemon::Row>> {
        let (table, changes) = self.foreign.recent();
        targets(&table, args, || changes.since)
    }

    async fn act(&self, args: &Args, action: Action) -> Answer {
        let ids = ids_of(&self.targets(args));
        let result = self.foreign.daemon().act_on_ids(&ids, &action).await?;
        empty(first_failure(result))
    }

    async fn queue_move(&self, args: &Args, target: Target) -> Answer {
        let ids = ids_of(&self.targets(args));
        empty(self.move_in_queue(&ids, target).await)
    }
}

/// Returns the method of a call; `None` if there is none of its name. The legacy dialect takes both spellings.
fn method_of(call: &Call) -> Option<Method> {
    let name = call.method.as_deref()?;
    match call.dialect {
        Dialect::Legacy => Method::of_name(&name.replace('-', "_")),
        Dialect::JsonRpc => Method::of_name(name),
    }
}

/// Returns the first failure of an action. It goes on for the other torrents.
pub(crate) fn first_failure(result: ActionResult) -> Result<(), Failure> {
    match result.failed.into_iter().next() {
        Some(failed) => Err(Failure::new(Code::System, failed.problem.detail)),
        None => Ok(()),
    }
}

/// Returns an answer without content.
pub(crate) fn empty(result: Result<(), Failure>) -> Answer {
    result.map(|()| b"{}".to_vec())
}

/// Returns an object as an answer.
pub(crate) fn object(object: Map<String, Value>) -> Answer {
    Ok(Value::Object(object).to_string().into_bytes())
}
