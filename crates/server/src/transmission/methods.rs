//! Methods of the RPC.

use super::State;
use super::dialect::{Args, Dialect};
use super::failure::{Code, Failure};
use super::ids::{ids_of, targets};
use super::queue::Target;
use super::rpc::Call;
use serde_json::{Map, Value};
use ztor_api::{Action, ActionResult, DataChoice};

/// All methods.
#[cfg(any(test, feature = "testing"))]
pub(crate) const METHODS: [&str; 24] = [
    "torrent_get",
    "torrent_set",
    "torrent_add",
    "torrent_remove",
    "torrent_start",
    "torrent_start_now",
    "torrent_stop",
    "torrent_verify",
    "torrent_reannounce",
    "torrent_set_location",
    "torrent_rename_path",
    "queue_move_top",
    "queue_move_up",
    "queue_move_down",
    "queue_move_bottom",
    "session_get",
    "session_set",
    "session_stats",
    "session_close",
    "free_space",
    "port_test",
    "blocklist_update",
    "group_get",
    "group_set",
];

/// Answer of a method: an object in JSON.
pub(crate) type Answer = Result<Vec<u8>, Failure>;

impl State {
    /// Carries out a call.
    pub(crate) async fn call(&self, call: &Call) -> Answer {
        let args = call.args.as_ref().map_err(Clone::clone)?;
        let dialect = call.dialect;
        match method_of(call).as_deref() {
            Some("torrent_get") => self.get(args, dialect).await,
            Some("torrent_set") => empty(self.set(args).await),
            Some("torrent_add") => self.add(args, dialect).await,
            Some("torrent_remove") => {
                let is_deleted = args.flag("delete_local_data").unwrap_or(false);
                let data = if is_deleted { DataChoice::Delete } else { DataChoice::Keep };
                self.act(args, Action::Remove { data }).await
            }
            Some("torrent_start") => self.act(args, Action::Start { force: false }).await,
            Some("torrent_start_now") => self.act(args, Action::Start { force: true }).await,
            Some("torrent_stop") => self.act(args, Action::Stop).await,
            Some("torrent_verify") => self.act(args, Action::Recheck).await,
            Some("torrent_reannounce") => self.act(args, Action::Reannounce).await,
            Some("torrent_set_location") => empty(self.set_location(args).await),
            Some("torrent_rename_path") => self.rename_path(args).await,
            Some("queue_move_top") => self.queue_move(args, Target::Top).await,
            Some("queue_move_up") => self.queue_move(args, Target::Up).await,
            Some("queue_move_down") => self.queue_move(args, Target::Down).await,
            Some("queue_move_bottom") => self.queue_move(args, Target::Bottom).await,
            Some("session_get") => self.session_get(args, dialect).await,
            Some("session_set") => empty(self.session_set(args).await),
            Some("session_stats") => self.session_stats(dialect).await,
            Some("session_close") => self.session_close(),
            Some("free_space") => self.free_space(args, dialect).await,
            Some("port_test") => self.port_test(args, dialect),
            Some("blocklist_update") => self.blocklist_update(dialect).await,
            Some("group_get") => self.group_get(args, dialect).await,
            Some("group_set") => empty(self.group_set(args).await),
            _ => Err(match dialect {
                Dialect::Legacy => Failure::new(Code::NoMethod, "no method name"),
                Dialect::JsonRpc => Code::NoMethod.into(),
            }),
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

/// Returns the method of a call in snake case. The legacy dialect takes both spellings.
fn method_of(call: &Call) -> Option<String> {
    let method = call.method.as_deref()?;
    Some(match call.dialect {
        Dialect::Legacy => method.replace('-', "_"),
        Dialect::JsonRpc => method.to_owned(),
    })
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
