//! Updates as they happen, over a WebSocket.

use crate::list::{List, ListQuery};
use crate::object::object;
use serde::{Deserialize, Serialize};

/// Message of a front end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum LiveRequest {
    /// Begins to follow a list, in place of the one before. The answer is a [`LiveUpdate::List`] with the whole window.
    Follow {
        /// Query. `since` has no effect: the answer has the whole window.
        #[serde(deserialize_with = "object")]
        query: ListQuery,
    },
}

/// Message of the daemon. Nothing is sent while nothing changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LiveUpdate {
    /// The list, or what has changed in it since the last update.
    List {
        /// True if `list` is all of the window, not a change.
        is_whole: bool,
        /// Ids of the window in order; `null` if they are as before.
        order: Option<Vec<u64>>,
        /// The list, with the changed torrents only if `is_whole` is false.
        list: Box<List>,
    },
    /// The request is refused.
    Problem(crate::problem::Problem),
}
